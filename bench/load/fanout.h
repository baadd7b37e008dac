// One publisher, many subscribers.
#ifndef FANOUT_H
#define FANOUT_H

void run_fanout(void);

#endif
