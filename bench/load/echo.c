// Echo load: keeps DEPTH masked messages of SIZE octets in flight on each of CONNECTIONS WebSockets and counts replies.
//
//   cc -O2 -o echo echo.c
//   ./echo PORT CONNECTIONS DEPTH SIZE SECONDS [text]
//
// Prints one line of JSON. Each reply's opcode, MASK bit and length are checked, and the payload of one in 1000.
// Ends with a message and exit code 1 at the first reply that is wrong, and when a connection ends.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP 0.7
#define VERIFY_EVERY 1000
#define MAX_BATCH (1 << 20)

typedef struct {
  int fd;
  int waits_for_room;  // whether epoll is to tell when the socket takes more
  long to_send;        // frames that may be sent and were not begun
  size_t out_at, out_end;  // the part of `batch` that is being sent
  uint8_t header[10];
  int header_octets;
  uint64_t payload_at, payload_left;  // of the reply under way
  int verify;
} Connection;

static int epoll;
static long depth;
static uint64_t size;
static uint8_t opcode;
static uint8_t *payload;  // what the replies must carry
static uint8_t *batch;    // as many equal frames as one write may hold
static size_t frame_size, batch_frames;
static uint64_t replies, verified;

static void fail(const char *what) {
  fprintf(stderr, "echo: %s\n", what);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static int length_octets(uint64_t length) { return length < 126 ? 0 : length < 65536 ? 2 : 8; }

static void make_batch(void) {
  static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};
  int extended = length_octets(size);
  frame_size = 2 + extended + 4 + size;
  batch_frames = MAX_BATCH / frame_size;
  if (batch_frames < 1) batch_frames = 1;
  if (batch_frames > (size_t)depth) batch_frames = depth;
  payload = malloc(size + 1);
  batch = malloc(frame_size * batch_frames);
  uint8_t *at = batch;
  *at++ = 0x80 | opcode;
  *at++ = 0x80 | (extended == 0 ? size : extended == 2 ? 126 : 127);
  for (int i = extended - 1; i >= 0; i--) *at++ = size >> (8 * i);
  memcpy(at, key, 4);
  at += 4;
  for (uint64_t i = 0; i < size; i++) {
    payload[i] = ' ' + i % 95;
    at[i] = payload[i] ^ key[i & 3];
  }
  for (size_t i = 1; i < batch_frames; i++) memcpy(batch + i * frame_size, batch, frame_size);
}

static int dial(int port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  if (connect(fd, (void *)&address, sizeof address)) fail("cannot connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  char request[256], response[4096];
  int length = snprintf(request, sizeof request,
                        "GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                        port);
  if (write(fd, request, length) != length) fail("cannot send the opening handshake");
  // Octet by octet, so as to take nothing of what follows the response.
  size_t got = 0;
  while (got < 4 || memcmp(response + got - 4, "\r\n\r\n", 4)) {
    if (got == sizeof response || read(fd, response + got, 1) != 1) fail("no response to the opening handshake");
    got++;
  }
  if (memcmp(response, "HTTP/1.1 101", 12)) fail("the server does not answer with 101");
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

static void watch(Connection *c, int room) {
  if (c->waits_for_room == room) return;
  c->waits_for_room = room;
  struct epoll_event event = {.events = EPOLLIN | (room ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
}

static void send_frames(Connection *c) {
  for (;;) {
    if (c->out_at == c->out_end) {
      if (c->to_send == 0) return watch(c, 0);
      size_t frames = c->to_send < (long)batch_frames ? (size_t)c->to_send : batch_frames;
      c->to_send -= frames;
      c->out_at = 0;
      c->out_end = frames * frame_size;
    }
    ssize_t written = write(c->fd, batch + c->out_at, c->out_end - c->out_at);
    if (written < 0 && errno == EAGAIN) return watch(c, 1);
    if (written < 0) fail("a connection broke while sending");
    c->out_at += written;
  }
}

// The header of a reply is complete: it must be the one that the message asks for.
static void check_header(Connection *c) {
  int extended = length_octets(size);
  uint64_t length = c->header[1];
  if (c->header[0] != (0x80 | opcode)) fail("a reply has another opcode");
  if (c->header[1] & 0x80) fail("a reply is masked");
  if (extended > 0) {
    length = 0;
    for (int i = 0; i < extended; i++) length = length << 8 | c->header[2 + i];
  }
  if (length != size) fail("a reply has another length");
  c->payload_at = 0;
  c->payload_left = size;
  c->verify = replies % VERIFY_EVERY == 0;
}

static void receive(Connection *c, const uint8_t *octets, size_t count) {
  const int header_size = 2 + length_octets(size);
  size_t at = 0;
  while (at < count) {
    if (c->header_octets < header_size) {
      c->header[c->header_octets++] = octets[at++];
      if (c->header_octets < header_size) continue;
      check_header(c);
    }
    size_t here = count - at < c->payload_left ? count - at : c->payload_left;
    if (c->verify && memcmp(payload + c->payload_at, octets + at, here)) fail("a reply has another payload");
    at += here;
    c->payload_at += here;
    c->payload_left -= here;
    if (c->payload_left > 0) continue;
    c->header_octets = 0;
    c->to_send++;
    replies++;
    verified += c->verify;
  }
}

static void run(Connection *connections, int count, double seconds) {
  static uint8_t octets[1 << 20];
  struct epoll_event events[256];
  double begin = now() + WARM_UP, end = begin + seconds;
  uint64_t before = 0;
  int warm = 0;
  for (int i = 0; i < count; i++) send_frames(&connections[i]);
  for (;;) {
    int ready = epoll_wait(epoll, events, 256, 100);
    double time = now();
    if (!warm && time >= begin) {
      warm = 1;
      begin = time;
      before = replies;
    }
    if (time >= end) {
      printf("{\"messagesPerSecond\":%.0f,\"messages\":%lu,\"seconds\":%.3f,\"verified\":%lu}\n",
             (replies - before) / (time - begin), replies - before, time - begin, verified);
      return;
    }
    for (int i = 0; i < ready; i++) {
      Connection *c = events[i].data.ptr;
      if (events[i].events & ~EPOLLOUT) {
        ssize_t count = read(c->fd, octets, sizeof octets);
        if (count == 0 || (count < 0 && errno != EAGAIN)) fail("a connection ended");
        if (count > 0) receive(c, octets, count);
      }
      send_frames(c);
    }
  }
}

int main(int argc, char **argv) {
  if (argc < 6) fail("usage: echo PORT CONNECTIONS DEPTH SIZE SECONDS [text]");
  int port = atoi(argv[1]), count = atoi(argv[2]);
  depth = atol(argv[3]);
  size = strtoull(argv[4], NULL, 10);
  opcode = argc > 6 && !strcmp(argv[6], "text") ? 1 : 2;
  if (count < 1 || depth < 1) fail("at least one connection and one message in flight");
  make_batch();
  epoll = epoll_create1(0);
  Connection *connections = calloc(count, sizeof *connections);
  for (int i = 0; i < count; i++) {
    Connection *c = &connections[i];
    c->fd = dial(port);
    c->to_send = depth;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
  }
  run(connections, count, atof(argv[5]));
  return 0;
}
