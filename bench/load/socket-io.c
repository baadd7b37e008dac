#include "socket-io.h"

#include <string.h>
#include <sys/socket.h>

#include "frames.h"
#include "process.h"

/** Longest of the two packets that the server sends first. */
#define PACKET_SIZE 1024

// With a key of zeros, a masked payload looks as it is.
const uint8_t ENGINE_PONG[] = {FIN | 1, MASK | 1, 0, 0, 0, 0, '3'};
static const uint8_t CONNECT[] = {FIN | 1, MASK | 2, 0, 0, 0, 0, '4', '0'};

static void receive_octets(int fd, void *octets, size_t count) {
  if (count > 0 && recv(fd, octets, count, MSG_WAITALL) != (ssize_t)count) fail("no handshake of Socket.IO");
}

// A Text frame, short enough for a length of 2 octets, that begins so.
static void receive_packet(int fd, const char *begin) {
  uint8_t header[4], packet[PACKET_SIZE];
  receive_octets(fd, header, 2);
  size_t size = header[1];
  if (size == 126) {
    receive_octets(fd, header + 2, 2);
    size = header[2] << 8 | header[3];
  }
  if (header[0] != (FIN | 1) || header[1] > 126 || size > sizeof packet) fail("not a packet of Socket.IO");
  receive_octets(fd, packet, size);
  if (size < strlen(begin) || memcmp(packet, begin, strlen(begin))) fail("another packet of Socket.IO");
}

void join_socket_io(int fd) {
  receive_packet(fd, "0{");
  if (send(fd, CONNECT, sizeof CONNECT, MSG_NOSIGNAL) != sizeof CONNECT) fail("cannot join the namespace");
  receive_packet(fd, "40{");
}
