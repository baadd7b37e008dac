// One publisher, many subscribers, different messages, each compressed where that is agreed.
#ifndef DEFLATE_FANOUT_H
#define DEFLATE_FANOUT_H

void run_deflate_fanout(void);

#endif
