#include "echo.h"

#include <stdio.h>
#include <stdlib.h>

#include "connection.h"
#include "histogram.h"
#include "options.h"
#include "process.h"
#include "span.h"

#define BATCH_CAPACITY (1 << 20)

/** When the messages in flight on one connection were sent: a ring of the writes that are not answered in full. */
typedef struct {
  struct {
    uint64_t at;
    long frames;
  } *sends;
  long oldest, newest;
  long to_send;  // messages that may be sent and were not begun
} InFlight;

static Batch batch;
static InFlight *in_flight;
static Histogram latencies;
static uint64_t replies, before, measured, time;

static int next_out(Connection *c) {
  InFlight *mine = &in_flight[c->index];
  if (mine->to_send == 0) return 0;
  long frames = mine->to_send < (long)batch.frames ? mine->to_send : (long)batch.frames;
  mine->to_send -= frames;
  mine->sends[mine->newest].at = time;
  mine->sends[mine->newest].frames = frames;
  mine->newest = (mine->newest + 1) % (options.depth + 1);
  c->out = batch.octets;
  c->out_left = frames * batch.frame_size;
  return 1;
}

static void count_replies(InFlight *mine, long count) {
  replies += count;
  mine->to_send += count;
  while (count > 0) {
    long here = mine->sends[mine->oldest].frames < count ? mine->sends[mine->oldest].frames : count;
    if (here == 0) fail("more replies than messages");
    add_latency(&latencies, time - mine->sends[mine->oldest].at, here);
    count -= here;
    mine->sends[mine->oldest].frames -= here;
    if (mine->sends[mine->oldest].frames == 0) mine->oldest = (mine->oldest + 1) % (options.depth + 1);
  }
}

// One look at the clock serves a read and the write that answers it.
static void received(Connection *c, const uint8_t *octets, size_t count) {
  time = now();
  long frames = read_frames(&c->reader, octets, count);
  if (frames == 0) return;
  count_replies(&in_flight[c->index], frames);
  send_out(c);
}

static const Role ROLE = {.received = received, .next_out = next_out};

static void start(long count) {
  expect_replies();
  batch = make_batch(options.depth, BATCH_CAPACITY);
  in_flight = calloc(count, sizeof *in_flight);
  Connection *connections = open_connections(count, &ROLE);
  time = now();
  for (long i = 0; i < count; i++) {
    in_flight[i].sends = calloc(options.depth + 1, sizeof *in_flight[i].sends);
    in_flight[i].to_send = options.depth;
    send_out(&connections[i]);
  }
}

void measure_echo(long connections) {
  SpanEvent event;
  start(connections);
  start_span();
  while ((event = check_span(replies)) != SPAN_ENDS) {
    if (event == SPAN_BEGINS) {
      before = replies;
      clear_histogram(&latencies);
    }
    poll_connections(100);
  }
  measured = replies - before;
}

void print_echo(void) {
  printf("\"messagesPerSecond\":%.0f,\"messages\":%lu,\"verified\":%lu,\"p50Us\":%.1f,\"p99Us\":%.1f",
         measured / span_seconds(), measured, verified, latency_at(&latencies, 0.5), latency_at(&latencies, 0.99));
  print_span();
}

void run_echo(void) {
  measure_echo(options.connections);
  printf("{");
  print_echo();
  printf("}\n");
}
