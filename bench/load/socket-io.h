// The client's side of Socket.IO 4 over WebSocket, as far as it differs from bare WebSocket: Engine.IO 4 below it.
#ifndef SOCKET_IO_H
#define SOCKET_IO_H

#include <stdint.h>

/** A whole frame with Engine.IO's Pong, masked. */
#define ENGINE_PONG_SIZE 7
extern const uint8_t ENGINE_PONG[ENGINE_PONG_SIZE];

/** What a connection asks for before any other parameter. */
#define SOCKET_IO_PATH "/socket.io/?EIO=4&transport=websocket"

/** After the opening handshake, on a blocking socket: takes Engine.IO's handshake, and joins the namespace / of Socket.IO. */
void join_socket_io(int fd);

#endif
