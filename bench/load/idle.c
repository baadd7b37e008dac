#include "idle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "connection.h"
#include "echo.h"
#include "extension.h"
#include "messages.h"
#include "options.h"
#include "process.h"
#include "replies.h"

/** Opened before the memory is looked at first, so that what a server allocates once does not count. */
#define FIRST_CONNECTIONS 100
#define SECOND UINT64_C(1000000000)
#define SETTLES_FOR (SECOND * 5 / 2)
#define SETTLES_AT_MOST (SECOND * 15)
#define SETTLED_WITHIN (256 * 1024)
/** Connections that are opened, and messages that are sent, before the loop looks after the connections. */
#define BURST 256

#define PING 0x89
#define PONG 0x8a

// A server may look after idle connections with pings, which come alone and fit one read.
static void answer_pings(Connection *c, const uint8_t *octets, size_t count) {
  while (count > 0) {
    if (count < 2 || octets[0] != PING || octets[1] > 125 || count < 2u + octets[1]) fail("an idle connection got no ping");
    size_t length = octets[1];
    // A key of zeros leaves the payload as it is.
    uint8_t pong[2 + MASKING_KEY_SIZE + 125] = {PONG, MASK | length};
    memcpy(pong + 2 + MASKING_KEY_SIZE, octets + 2, length);
    send(c->fd, pong, 2 + MASKING_KEY_SIZE + length, MSG_NOSIGNAL);
    octets += 2 + length;
    count -= 2 + length;
  }
}

static ReplyReader *readers;  // while each connection gets its one message

static void received(Connection *c, const uint8_t *octets, size_t count) {
  if (readers) read_replies(&readers[c->index], octets, count);
  else answer_pings(c, octets, count);
}

static int send_nothing(Connection *c) {
  (void)c;
  return 0;
}

static Connection *open_idle(long first, long count) {
  static const Role ROLE = {.received = received, .next_out = send_nothing};
  Connection *connections = calloc(count, sizeof *connections);
  for (long i = 0; i < count; i++) {
    open_connection(&connections[i], first + i, &ROLE);
    watch(&connections[i]);
    if (i % BURST == 0) poll_connections(0);
  }
  return connections;
}

static void await_replies(uint64_t count) {
  for (uint64_t end = now() + SETTLES_AT_MOST; reply_counts.replies < count;) {
    if (now() > end) fail("not every connection got its message back");
    poll_connections(100);
  }
}

// One message to each, and back. No reply can refer to an earlier one, so that no reader has to keep a window.
static void exchange_messages(Connection *connections, long count) {
  FrameRing ring = make_frame_ring(1);
  uint64_t before = reply_counts.replies;
  readers = calloc(connections[0].index + count, sizeof *readers);
  for (long i = 0; i < count; i++) {
    Connection *c = &connections[i];
    readers[c->index] = make_reply_reader(i % message_count, 0);
    c->out = frames_from(&ring, i, 1, &c->out_left);
    send_out(c);
    if (i % BURST == BURST - 1) await_replies(before + i + 1);
  }
  await_replies(before + count);
  free(readers);
  readers = NULL;
}

static void stay(uint64_t nanoseconds) {
  for (uint64_t end = now() + nanoseconds; now() < end;) poll_connections(100);
}

// Until a second passes without growth or shrinkage worth mentioning.
static long settled_memory(void) {
  uint64_t latest = now() + SETTLES_AT_MOST;
  stay(SETTLES_FOR);
  long before, after = resident_octets_of(options.pid);
  do {
    before = after;
    stay(SECOND);
    after = resident_octets_of(options.pid);
  } while (labs(after - before) > SETTLED_WITHIN && now() < latest);
  return after;
}

// After one message each; the first connections have had theirs before the memory was looked at first.
static void print_after_messages(Connection *connections, long before) {
  exchange_messages(connections, options.connections);
  printf(",\"bytesPerConnectionAfterMessage\":%.0f,\"verified\":%lu,\"compressed\":%lu,\"agreed\":\"%s\"",
         (double)(settled_memory() - before) / options.connections, reply_counts.replies, reply_counts.compressed, agreed);
}

void run_idle(void) {
  if (options.messages) read_messages();
  Connection *first = open_idle(0, FIRST_CONNECTIONS);
  if (options.messages) exchange_messages(first, FIRST_CONNECTIONS);
  stay(SECOND / 2);
  long before = resident_octets_of(options.pid);
  Connection *all = open_idle(FIRST_CONNECTIONS, options.connections);
  long after = settled_memory();
  if (options.active) measure_echo(options.active);
  printf("{\"bytesPerConnection\":%.0f,\"rssBefore\":%ld,\"rssAfter\":%ld,\"connections\":%ld",
         (double)(after - before) / options.connections, before, after, options.connections);
  if (options.active) {
    printf(",");
    print_echo();
  }
  if (options.messages) print_after_messages(all, before);
  printf("}\n");
  fflush(stdout);
  stay(options.hold * SECOND);
}
