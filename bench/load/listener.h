// The server's end for clients under test.
#ifndef LISTENER_H
#define LISTENER_H

/** Seconds that a client may be silent. */
#define CLIENT_PATIENCE 5

/** Listens on a free port of 127.0.0.1, and prints the line {"port":N}. */
int listen_anywhere(void);

/**
 * Waits for one client, and answers its opening handshake; returns its socket, which is blocking and has CLIENT_PATIENCE. A
 * client that asks for /PID says who is to be watched, as --pid does.
 */
int accept_client(int listener);

#endif
