#include "handshakes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "accept-key.h"
#include "opening-handshake.h"
#include "options.h"
#include "process.h"
#include "span.h"
#include "tls.h"

#define MAX_EVENTS 256

typedef struct {
  int fd, request_is_sent, verifies;
  Tls *tls;
  char key[KEY_LENGTH];
  char response[HANDSHAKE_MAX];
  size_t received;
} Handshake;

static int epoll;
static uint64_t handshakes, verified_handshakes;
static long until_verified = 1;

static void advance(Handshake *h);

static int dial(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
  if (fd < 0) fail("no more sockets");
  // The connection is to end with RST: with FIN its port would be taken for a minute.
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(options.port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (void *)&to, sizeof to) && errno != EINPROGRESS) fail("cannot connect");
  return fd;
}

static void start(Handshake *h) {
  h->fd = dial();
  h->request_is_sent = 0;
  h->received = 0;
  h->verifies = --until_verified == 0;
  if (h->verifies) until_verified = options.verify_every;
  make_key(h->key);
  if (options.tls) h->tls = open_tls(h->fd);
  // On loopback the connection stands by now, so that most requests need not wait for epoll to tell so.
  advance(h);
  int waits_for_room = !h->request_is_sent;
  struct epoll_event event = {.events = EPOLLIN | EPOLLET | (waits_for_room ? EPOLLOUT : 0), .data.ptr = h};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, h->fd, &event)) fail("cannot watch a connection");
}

static void send_request(Handshake *h) {
  char request[HANDSHAKE_MAX];
  ssize_t length = write_request(request, h->key);
  ssize_t written = h->tls ? write_tls(h->tls, request, length) : send(h->fd, request, length, MSG_NOSIGNAL);
  if (written < 0 && errno == EAGAIN) return;
  if (written != length) fail("cannot send the opening handshake");
  h->request_is_sent = 1;
}

static int read_response(Handshake *h) {
  char *at = h->response + h->received;
  size_t room = sizeof h->response - h->received;
  ssize_t count = h->tls ? read_tls(h->tls, at, room) : read(h->fd, at, room);
  if (count < 0 && errno == EAGAIN) return 0;
  if (count <= 0) fail("no response to the opening handshake");
  h->received += count;
  return response_is_complete(h->response, h->received, h->verifies ? h->key : NULL);
}

static void finish(Handshake *h) {
  if (h->tls) close_tls(h->tls);
  h->tls = NULL;
  close(h->fd);
  handshakes++;
  verified_handshakes += h->verifies;
}

static void advance(Handshake *h) {
  if (!h->request_is_sent) return send_request(h);
  if (!read_response(h)) return;
  finish(h);
  start(h);
}

static void poll_handshakes(void) {
  struct epoll_event events[MAX_EVENTS];
  int count = epoll_wait(epoll, events, MAX_EVENTS, 100);
  for (int i = 0; i < count; i++) advance(events[i].data.ptr);
}

void run_handshakes(void) {
  uint64_t before = 0;
  SpanEvent event;
  epoll = epoll_create1(0);
  Handshake *all = calloc(options.parallel, sizeof *all);
  for (long i = 0; i < options.parallel; i++) start(&all[i]);
  start_span();
  while ((event = check_span(handshakes)) != SPAN_ENDS) {
    if (event == SPAN_BEGINS) before = handshakes;
    poll_handshakes();
  }
  printf("{\"handshakesPerSecond\":%.0f,\"handshakes\":%lu,\"verified\":%lu", (handshakes - before) / span_seconds(),
         handshakes - before, verified_handshakes);
  print_span();
  printf("}\n");
}
