#include "client-sink.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frames.h"
#include "listener.h"
#include "options.h"
#include "process.h"
#include "span.h"

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
  uint64_t end = now() + CLIENT_PATIENCE * UINT64_C(1000000000);
  while (now() < end && read(fd, octets, sizeof octets) > 0) continue;
}

void run_client_sink(void) {
  FrameReader reader = {0};
  uint64_t messages = 0, before = 0;
  SpanEvent event;
  expect_masked(check_key);
  int listener = listen_anywhere(), fd = accept_client(listener);
  close(listener);
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
