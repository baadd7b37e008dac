#include "client-sink.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "frames.h"
#include "opening-handshake.h"
#include "options.h"
#include "process.h"
#include "span.h"

/** Seconds that the client may be silent. */
#define PATIENCE 5
/** Equal keys in a row are one in four thousand millions; this many in one run are no chance. */
#define EQUAL_KEYS_AT_MOST 3

static uint32_t last_key;
static int equal_keys;

static void check_key(int owner, const uint8_t *key) {
  (void)owner;
  uint32_t this_key;
  memcpy(&this_key, key, MASKING_KEY_SIZE);
  if (this_key == last_key && ++equal_keys > EQUAL_KEYS_AT_MOST) fail("the masking key stays the same");
  last_key = this_key;
}

static void set_patience(int fd, int seconds) {
  struct timeval patience = {.tv_sec = seconds};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

static int accept_client(void) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, (void *)&address, sizeof address) || listen(listener, 1)) fail("cannot listen");
  getsockname(listener, (void *)&address, &length);
  printf("{\"port\":%d}\n", ntohs(address.sin_port));
  fflush(stdout);
  set_patience(listener, 4 * PATIENCE);
  int fd = accept(listener, NULL, NULL);
  if (fd < 0) fail("no client came");
  close(listener);
  set_patience(fd, PATIENCE);
  return fd;
}

static void answer_opening_handshake(int fd) {
  char request[HANDSHAKE_MAX], response[HANDSHAKE_MAX];
  size_t got = 0, length;
  do {
    ssize_t count = read(fd, request + got, sizeof request - got);
    if (count <= 0) fail("no opening handshake");
    got += count;
  } while (!(length = write_response(response, request, got)));
  if (send(fd, response, length, MSG_NOSIGNAL) != (ssize_t)length) fail("cannot answer the opening handshake");
}

static uint8_t octets[1 << 20];

static uint64_t receive(int fd, FrameReader *reader) {
  ssize_t count = read(fd, octets, sizeof octets);
  if (count <= 0) fail("the client ended, or was silent for five seconds");
  return read_frames(reader, octets, count);
}

// 1000, then whatever the client still has under way until it ends, too.
static void close_connection(int fd) {
  static const uint8_t CLOSE[] = {0x88, 2, 1000 >> 8, 1000 & 255};
  send(fd, CLOSE, sizeof CLOSE, MSG_NOSIGNAL);
  shutdown(fd, SHUT_WR);
  uint64_t end = now() + PATIENCE * UINT64_C(1000000000);
  while (now() < end && read(fd, octets, sizeof octets) > 0) continue;
}

void run_client_sink(void) {
  FrameReader reader = {0};
  uint64_t messages = 0, before = 0;
  SpanEvent event;
  expect_masked(check_key);
  int fd = accept_client();
  answer_opening_handshake(fd);
  messages += receive(fd, &reader);
  start_span();
  while ((event = check_span(messages)) != SPAN_ENDS) {
    if (event == SPAN_BEGINS) before = messages;
    messages += receive(fd, &reader);
  }
  double rate = (messages - before) / span_seconds();
  printf("{\"messagesPerSecond\":%.0f,\"octetsPerSecond\":%.0f,\"messages\":%lu,\"verified\":%lu", rate,
         rate * options.size, messages - before, verified);
  print_span();
  printf("}\n");
  fflush(stdout);
  close_connection(fd);
}
