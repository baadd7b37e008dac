#define _GNU_SOURCE
#include "connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "accept-key.h"
#include "opening-handshake.h"
#include "options.h"
#include "process.h"
#include "socket-io.h"

/** Half of the ports are given out fast; Linux searches long for each of the others. */
#define CONNECTIONS_PER_ADDRESS 10000
#define MAX_EVENTS 1024

static int epoll = -1;

static ssize_t read_some(Connection *c, void *octets, size_t count) {
  return c->tls ? read_tls(c->tls, octets, count) : recv(c->fd, octets, count, 0);
}

static ssize_t write_some(Connection *c, const void *octets, size_t count) {
  return c->tls ? write_tls(c->tls, octets, count) : send(c->fd, octets, count, MSG_NOSIGNAL);
}

// Connections go round the servers.
static int port_of(int index) {
  int server = index % (1 + options.ports.count);
  return server == 0 ? options.port : options.ports.values[server - 1];
}

static int dial(int index) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  if (fd < 0) fail("no more sockets");
  // Until the socket is made non-blocking, a server that has stopped to answer must not hold the run.
  struct timeval patience = {.tv_sec = 5};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  struct sockaddr_in from = {.sin_family = AF_INET};
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (index / CONNECTIONS_PER_ADDRESS << 8));
  if (index >= CONNECTIONS_PER_ADDRESS && bind(fd, (void *)&from, sizeof from)) fail("no further source address");
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port_of(index))};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (void *)&to, sizeof to)) fail("cannot connect");
  return fd;
}

static void upgrade(Connection *c) {
  char key[KEY_LENGTH], path[PATH_SIZE] = "/", request[HANDSHAKE_MAX], response[HANDSHAKE_MAX];
  make_key(key);
  if (c->role->write_path) c->role->write_path(path, c->index);
  ssize_t length = write_request(request, path, key);
  if (write_some(c, request, length) != length) fail("cannot send the opening handshake");
  for (size_t got = 0; got == 0 || !response_is_complete(response, got, key);) {
    // Socket.IO greets, so that the 101 has to be read without what follows it.
    ssize_t count = read_some(c, response + got, options.socket_io ? 1 : sizeof response - got);
    if (count <= 0) fail("no response to the opening handshake");
    got += count;
  }
}

void open_connection(Connection *c, int index, const Role *role) {
  *c = (Connection){.fd = dial(index), .index = index, .role = role, .reader = {.owner = index}};
  if (options.tls) c->tls = open_tls(c->fd);
  if (!options.raw) upgrade(c);
  if (options.socket_io) join_socket_io(c->fd);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

void adopt_connection(Connection *c, int fd, int index, const Role *role) {
  *c = (Connection){.fd = fd, .index = index, .role = role, .reader = {.owner = index}};
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

Connection *open_connections(long count, const Role *role) {
  Connection *connections = calloc(count, sizeof *connections);
  for (long i = 0; i < count; i++) {
    open_connection(&connections[i], i, role);
    watch(&connections[i]);
  }
  return connections;
}

// Edge-triggered, for otherwise each event is looked into twice, and a connection that waits for room must say so.
void watch(Connection *c) {
  if (epoll < 0) epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event)) fail("cannot watch a connection");
}

void send_out(Connection *c) {
  while (c->out_left > 0 || c->role->next_out(c)) {
    ssize_t written = write_some(c, c->out, c->out_left);
    if (written < 0 && errno == EAGAIN) return;
    if (written <= 0) fail("a connection broke while sending");
    c->out += written;
    c->out_left -= written;
  }
}

// All that is there, so that what answers it leaves in one write. A read of TCP that is not full has emptied the socket.
static size_t read_all(Connection *c, uint8_t *octets, size_t size) {
  size_t got = 0;
  do {
    ssize_t count = read_some(c, octets + got, size - got);
    if (count < 0 && errno == EAGAIN) break;
    if (count <= 0) fail("a connection ended");
    got += count;
  } while (c->tls && got < size);
  return got;
}

static void receive(Connection *c) {
  static uint8_t octets[1 << 20];
  size_t count;
  do {
    count = read_all(c, octets, sizeof octets);
    if (count > 0) c->role->received(c, octets, count);
  } while (count == sizeof octets);
}

void poll_connections(int milliseconds) {
  struct epoll_event events[MAX_EVENTS];
  int count = epoll_wait(epoll, events, MAX_EVENTS, milliseconds);
  for (int i = 0; i < count; i++) {
    Connection *c = events[i].data.ptr;
    if (c->out_left > 0) send_out(c);
    if (events[i].events & ~EPOLLOUT) receive(c);
  }
}
