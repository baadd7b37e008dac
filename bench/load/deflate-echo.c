#include "deflate-echo.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "connection.h"
#include "extension.h"
#include "listener.h"
#include "messages.h"
#include "options.h"
#include "process.h"
#include "replies.h"
#include "span.h"

/** Nanoseconds between two looks at the memory. */
#define LOOKS_EVERY UINT64_C(50000000)
#define PATIENCE UINT64_C(5000000000)

/** One connection: it goes through the messages in their order, each connection from another one on. */
typedef struct {
  ReplyReader reader;
  uint64_t begun;  // number of the next message that is sent
} Exchange;

static FrameRing ring;
static Exchange *exchanges;

static int next_out(Connection *c) {
  Exchange *mine = &exchanges[c->index];
  uint64_t frames = mine->reader.next + options.depth - mine->begun;
  if (frames == 0) return 0;
  c->out = frames_from(&ring, mine->begun, frames, &c->out_left);
  mine->begun += frames;
  return 1;
}

static void received(Connection *c, const uint8_t *bytes, size_t count) {
  Exchange *mine = &exchanges[c->index];
  if (read_replies(&mine->reader, bytes, count) == 0) return;
  if (mine->reader.next > mine->begun) fail("more replies than messages");
  send_out(c);
}

static const Role ROLE = {.received = received, .next_out = next_out};

static Connection *accept_connections(long count) {
  Connection *connections = calloc(count, sizeof *connections);
  int listener = listen_anywhere();
  for (long i = 0; i < count; i++) {
    adopt_connection(&connections[i], accept_client(listener), i, &ROLE);
    watch(&connections[i]);
  }
  close(listener);
  return connections;
}

// What the frames are is known only when the server has agreed.
static void start(Connection *connections) {
  ring = make_frame_ring(options.depth);
  exchanges = calloc(options.connections, sizeof *exchanges);
  for (long i = 0; i < options.connections; i++) {
    exchanges[i] = (Exchange){make_reply_reader(i % message_count, peer_keeps_context()), i % message_count};
    send_out(&connections[i]);
  }
}

static void measure(Connection *connections) {
  ReplyCounts before = {0}, *all = &reply_counts;
  SpanEvent event;
  start(connections);
  start_span();
  while ((event = check_span(all->replies)) != SPAN_ENDS) {
    if (event == SPAN_BEGINS) before = *all;
    poll_connections(100);
  }
  uint64_t messages = all->replies - before.replies;
  printf("{\"messagesPerSecond\":%.0f,\"messages\":%lu,\"verified\":%lu,\"compressed\":%lu,\"inflated\":%lu,",
         messages / span_seconds(), messages, all->replies, all->compressed, all->inflated);
  printf("\"bytesPerReply\":%.1f,\"agreed\":\"%s\"", (double)(all->bytes - before.bytes) / messages, agreed);
  print_span();
  printf("}\n");
}

void run_deflate(void) {
  read_messages();
  measure(open_connections(options.connections, &ROLE));
}

void run_deflate_client(void) {
  read_messages();
  measure(accept_connections(options.connections));
}

/** The memory of the server, again and again. */
typedef struct {
  struct Look {
    uint64_t replies;
    long memory;
  } *all;
  long count;
} Looks;

static void poll_until(uint64_t replies, Looks *looks) {
  uint64_t next_look = 0, progress = 0, progress_at = now();
  while (reply_counts.replies < replies) {
    poll_connections(100);
    uint64_t time = now();
    if (reply_counts.replies > progress) progress = reply_counts.replies, progress_at = time;
    if (time - progress_at > PATIENCE) fail("nothing came for five seconds");
    if (!looks || time < next_look) continue;
    looks->all = realloc(looks->all, (looks->count + 1) * sizeof *looks->all);
    looks->all[looks->count++] = (struct Look){reply_counts.replies, resident_octets_of(options.pid)};
    next_look = time + LOOKS_EVERY;
  }
}

static int compare_sizes(const void *a, const void *b) {
  long left = *(const long *)a, right = *(const long *)b;
  return (left > right) - (left < right);
}

// The median of what was seen between two numbers of replies.
static long memory_between(const Looks *looks, uint64_t from, uint64_t to) {
  long *sizes = malloc(looks->count * sizeof *sizes), count = 0;
  for (long i = 0; i < looks->count; i++) {
    if (looks->all[i].replies >= from && looks->all[i].replies < to) sizes[count++] = looks->all[i].memory;
  }
  if (count == 0) fail("too few messages to see how the memory grows");
  qsort(sizes, count, sizeof *sizes, compare_sizes);
  long median = sizes[count / 2];
  free(sizes);
  return median;
}

void run_deflate_growth(void) {
  Looks looks = {0};
  uint64_t warm_up = options.count / 10, end = warm_up + options.count;
  read_messages();
  start(open_connections(options.connections, &ROLE));
  poll_until(warm_up, NULL);
  uint64_t began = now();
  poll_until(end, &looks);
  double seconds = (now() - began) / 1e9;
  long first = memory_between(&looks, warm_up, warm_up + options.count / 4);
  long last = memory_between(&looks, end - options.count / 4, end);
  printf("{\"firstQuarter\":%ld,\"lastQuarter\":%ld,\"growth\":%ld,\"messagesPerSecond\":%.0f,\"verified\":%lu,", first, last,
         last - first, options.count / seconds, reply_counts.replies);
  printf("\"compressed\":%lu,\"agreed\":\"%s\"}\n", reply_counts.compressed, agreed);
}
