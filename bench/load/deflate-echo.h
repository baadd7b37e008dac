// Echo of different messages, closed loop, each compressed where that is agreed.
#ifndef DEFLATE_ECHO_H
#define DEFLATE_ECHO_H

void run_deflate(void);

/** The same for a client under test, which connects, and echoes what this server sends. */
void run_deflate_client(void);

/** Resident memory while so many messages go by. */
void run_deflate_growth(void);

#endif
