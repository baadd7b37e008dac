// Opening handshakes, nothing else.
#ifndef HANDSHAKES_H
#define HANDSHAKES_H

void run_handshakes(void);

#endif
