// Echo, open loop: messages leave by a schedule, whatever the replies do.
#ifndef OPEN_LOOP_H
#define OPEN_LOOP_H

void run_open_loop(void);

#endif
