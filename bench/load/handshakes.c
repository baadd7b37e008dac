#include "handshakes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
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

static void connect_to(const Handshake *h, const struct sockaddr *address, socklen_t length) {
  if (connect(h->fd, address, length) && errno != EINPROGRESS) fail("cannot connect");
}

static void set_events(Handshake *h, int operation, int events) {
  struct epoll_event event = {.events = events | EPOLLET, .data.ptr = h};
  if (epoll_ctl(epoll, operation, h->fd, &event)) fail("cannot watch a connection");
}

static void make_socket(Handshake *h) {
  int on = 1;
  h->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (h->fd < 0) fail("no more sockets");
  setsockopt(h->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  set_events(h, EPOLL_CTL_ADD, EPOLLIN);
}

static void start(Handshake *h) {
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(options.port)};
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  h->request_is_sent = 0;
  h->received = 0;
  h->verifies = --until_verified == 0;
  if (h->verifies) until_verified = options.verify_every;
  make_key(h->key);
  connect_to(h, (void *)&server, sizeof server);
  if (options.tls) h->tls = open_tls(h->fd);
  // On loopback the connection stands by now, so that a request need not wait for epoll to tell so.
  advance(h);
  if (!h->request_is_sent) set_events(h, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

static void send_request(Handshake *h) {
  char request[HANDSHAKE_MAX];
  ssize_t length = write_request(request, "/", h->key);
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

// Ends the connection with RST and keeps the socket for the next: with FIN its port would be taken for a minute, and new
// sockets would make this program slower than the fastest server.
static void finish(Handshake *h) {
  static const struct sockaddr NOBODY = {.sa_family = AF_UNSPEC};
  if (h->tls) close_tls(h->tls);
  h->tls = NULL;
  connect_to(h, &NOBODY, sizeof NOBODY);
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
  for (long i = 0; i < options.parallel; i++) {
    make_socket(&all[i]);
    start(&all[i]);
  }
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
