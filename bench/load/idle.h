// Connections on which nothing happens, and what they cost.
#ifndef IDLE_H
#define IDLE_H

void run_idle(void);

#endif
