// The server's end for a client under test that sends as fast as it can.
#ifndef CLIENT_SINK_H
#define CLIENT_SINK_H

void run_client_sink(void);

#endif
