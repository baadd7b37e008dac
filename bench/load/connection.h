// The connections of a run, and the one loop that serves them all.
#ifndef CONNECTION_H
#define CONNECTION_H

#include <stddef.h>
#include <stdint.h>

#include "frames.h"
#include "tls.h"

#define PATH_SIZE 128

typedef struct Connection Connection;

/** What a mode does with its connections. */
typedef struct {
  void (*received)(Connection *connection, const uint8_t *octets, size_t count);
  /** Sets `out` and `out_left` to what is sent next; returns 0 where there is nothing. */
  int (*next_out)(Connection *connection);
  /** Writes the path that a connection asks for, PATH_SIZE at most; NULL where all ask for /. */
  void (*write_path)(char *path, int index);
} Role;

struct Connection {
  int fd, index;
  Tls *tls;
  const Role *role;
  const uint8_t *out;
  size_t out_left;
  FrameReader reader;
};

/** Opens so many connections, one after the other, through their opening handshakes. */
Connection *open_connections(long count, const Role *role);

/** One more, whose index decides its source address: there are not enough ports for all on one. */
void open_connection(Connection *connection, int index, const Role *role);

/** One whose opening handshake was answered on this socket. */
void adopt_connection(Connection *connection, int fd, int index, const Role *role);

/** Lets poll_connections serve a connection. */
void watch(Connection *connection);

/** Sends what there is to send, as far as the socket takes it. */
void send_out(Connection *connection);

/** Waits for connections that can read or write, but no longer than `milliseconds`, and serves each once. */
void poll_connections(int milliseconds);

#endif
