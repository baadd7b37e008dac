#include "open-loop.h"

#include <stdio.h>
#include <stdlib.h>

#include "connection.h"
#include "histogram.h"
#include "options.h"
#include "process.h"
#include "span.h"

#define BATCH_CAPACITY (1 << 20)
#define DRAIN UINT64_C(2000000000)

/** Messages of one connection; when each was meant to leave follows from its number, so that no queue of times is needed. */
typedef struct {
  uint64_t due, begun, answered;
} Progress;

static Batch batch;
static Connection *connections;
static Progress *progress;
static Histogram latencies, lateness;
static double interval;  // nanoseconds between two bursts
static uint64_t start, span_begin, span_end;
static uint64_t bursts, replies;

static int next_out(Connection *c) {
  Progress *mine = &progress[c->index];
  uint64_t frames = mine->due - mine->begun;
  if (frames == 0) return 0;
  if (frames > batch.frames) frames = batch.frames;
  mine->begun += frames;
  c->out = batch.octets;
  c->out_left = frames * batch.frame_size;
  return 1;
}

static uint64_t time_of_burst(uint64_t burst) { return start + (uint64_t)(burst * interval); }

// The bursts go round the connections.
static uint64_t time_of_message(int index, uint64_t message) {
  return time_of_burst(message / options.burst * options.connections + index);
}

static int is_in_span(uint64_t time) { return time >= span_begin && time < span_end; }

static void count_latency(int index, uint64_t message, uint64_t time) {
  uint64_t intended = time_of_message(index, message);
  if (is_in_span(intended)) add_latency(&latencies, time - intended, 1);
}

static void received(Connection *c, const uint8_t *octets, size_t count) {
  Progress *mine = &progress[c->index];
  uint64_t time = now(), frames = read_frames(&c->reader, octets, count);
  if (mine->answered + frames > mine->begun) fail("more replies than messages");
  if (is_in_span(time)) replies += frames;
  for (; frames > 0; frames--) count_latency(c->index, mine->answered++, time);
}

static void send_due_bursts(void) {
  uint64_t time = now();
  for (uint64_t intended; (intended = time_of_burst(bursts)) <= time && intended < span_end; bursts++) {
    Connection *c = &connections[bursts % options.connections];
    progress[c->index].due += options.burst;
    if (is_in_span(intended)) add_latency(&lateness, time - intended, 1);
    if (c->out_left == 0) send_out(c);
  }
}

static uint64_t count_unanswered(void) {
  uint64_t unanswered = 0;
  for (long i = 0; i < options.connections; i++) unanswered += progress[i].due - progress[i].answered;
  return unanswered;
}

// Leaving out those that were never answered would flatter the slowest server most.
static uint64_t count_waiting(void) {
  uint64_t time = now(), waiting = 0;
  for (long i = 0; i < options.connections; i++) {
    for (; progress[i].answered < progress[i].due; waiting++) count_latency(i, progress[i].answered++, time);
  }
  return waiting;
}

// Never sleeps, for whoever sleeps wakes up late; and yields the moment of each message to nothing but the one before.
static void run_schedule(void) {
  while (check_span(bursts) != SPAN_ENDS) {
    send_due_bursts();
    poll_connections(0);
  }
  while (count_unanswered() > 0 && now() < span_end + DRAIN) poll_connections(1);
}

static void print_result(uint64_t unanswered) {
  double seconds = options.seconds;
  printf("{\"offeredPerSecond\":%.0f,\"repliesPerSecond\":%.0f,\"verified\":%lu,\"unanswered\":%lu,",
         lateness.total * options.burst / seconds, replies / seconds, verified, unanswered);
  printf("\"p50Us\":%.1f,\"p99Us\":%.1f,\"maxUs\":%.1f,\"lateP99Us\":%.1f", latency_at(&latencies, 0.5),
         latency_at(&latencies, 0.99), latencies.max / 1e3, latency_at(&lateness, 0.99));
  print_span();
  printf("}\n");
}

void run_open_loop(void) {
  static const Role ROLE = {.received = received, .next_out = next_out};
  expect_replies();
  batch = make_batch(BATCH_CAPACITY, BATCH_CAPACITY);
  progress = calloc(options.connections, sizeof *progress);
  connections = open_connections(options.connections, &ROLE);
  interval = 1e9 * options.burst / options.rate;
  start_span();
  start = now();
  span_begin = start + WARM_UP;
  span_end = span_begin + (uint64_t)(options.seconds * 1e9);
  run_schedule();
  print_result(count_waiting());
}
