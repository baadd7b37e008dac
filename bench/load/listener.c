#include "listener.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "opening-handshake.h"
#include "options.h"
#include "process.h"

#define BACKLOG 1024

static void set_patience(int fd, int seconds) {
  struct timeval patience = {.tv_sec = seconds};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

int listen_anywhere(void) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, (void *)&address, sizeof address) || listen(listener, BACKLOG)) fail("cannot listen");
  getsockname(listener, (void *)&address, &length);
  printf("{\"port\":%d}\n", ntohs(address.sin_port));
  fflush(stdout);
  // A client may have to start first.
  set_patience(listener, 4 * CLIENT_PATIENCE);
  return listener;
}

static void answer_opening_handshake(int fd) {
  char request[HANDSHAKE_MAX], response[HANDSHAKE_MAX];
  size_t got = 0, length;
  do {
    ssize_t count = read(fd, request + got, sizeof request - got);
    if (count <= 0) fail("no opening handshake");
    got += count;
  } while (!(length = write_response(response, request, got)));
  sscanf(request, "GET /%ld ", &options.pid);
  if (send(fd, response, length, MSG_NOSIGNAL) != (ssize_t)length) fail("cannot answer the opening handshake");
}

int accept_client(int listener) {
  int fd = accept(listener, NULL, NULL), on = 1;
  if (fd < 0) fail("no client came");
  set_patience(fd, CLIENT_PATIENCE);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  answer_opening_handshake(fd);
  return fd;
}
