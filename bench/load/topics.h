// Topics across servers: every message to every subscriber of its topic, once and in order.
#ifndef TOPICS_H
#define TOPICS_H

void run_topics(void);
void run_topics_rate(void);

#endif
