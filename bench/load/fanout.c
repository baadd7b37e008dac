#include "fanout.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "connection.h"
#include "options.h"
#include "process.h"
#include "span.h"

/** Nanoseconds without a delivery after which what is in flight counts as lost. */
#define LOST_AFTER UINT64_C(2000000000)
/** Microseconds for the server to make subscribers of the connections that it has accepted. */
#define SETTLE 200000

/** A publish that not every subscriber has yet. The ring of them is at least as long as --in-flight. */
typedef struct {
  uint64_t digits;
  long deliveries;
} Publish;

typedef struct {
  uint64_t next;  // number of the publish that it is to get next
  int missed;
} Subscriber;

static Batch batch;
static Publish *ring;
static uint64_t ring_mask;
static uint64_t published, begun, completed;  // numbers of publishes; those from `begun` on wait to be sent
static Subscriber *subscribers;
static uint64_t deliveries;
static int is_draining;

static Publish *publish_of(uint64_t number) { return &ring[number & ring_mask]; }

static void count_delivery(uint64_t number) {
  publish_of(number)->deliveries++;
  while (completed < published && publish_of(completed)->deliveries == options.connections) completed++;
}

// A gap: what lies in it counts as done for this subscriber, so that the run goes on without it.
static void skip_to(Subscriber *subscriber, uint64_t number) {
  subscriber->missed = 1;
  while (subscriber->next < number) count_delivery(subscriber->next++);
}

static void delivered(int index, const uint8_t *digits) {
  Subscriber *subscriber = &subscribers[index];
  uint64_t word;
  __builtin_memcpy(&word, digits, NUMBER_SIZE);
  deliveries++;
  if (subscriber->next == published || word != publish_of(subscriber->next)->digits) {
    uint64_t number = number_of(digits);
    if (number >= published) fail("a publish that was not sent yet");
    if (number < subscriber->next && !subscriber->missed) fail("a publish came twice or out of order");
    if (number < subscriber->next) return;
    skip_to(subscriber, number);
  }
  count_delivery(subscriber->next++);
}

static void received(Connection *c, const uint8_t *octets, size_t count) { read_frames(&c->reader, octets, count); }

// Frames of the batch are the ring of the publishes in flight, so that one write takes all that stand in a row.
static int next_out(Connection *c) {
  if (c->index != 0 || begun == published) return 0;
  size_t first = begun % batch.frames, frames = published - begun;
  if (frames > batch.frames - first) frames = batch.frames - first;
  begun += frames;
  c->out = batch.octets + first * batch.frame_size;
  c->out_left = frames * batch.frame_size;
  return 1;
}

static void publish(Connection *publisher) {
  if (is_draining) return;
  for (; published - completed < (uint64_t)options.in_flight; published++) {
    number_frame(&batch, published % batch.frames, published);
    *publish_of(published) = (Publish){.digits = digits_of(published)};
  }
  send_out(publisher);
}

static void give_up_in_flight(void) {
  uint64_t lost_before = published;
  for (long i = 0; i < options.connections; i++) {
    if (subscribers[i].next < lost_before) skip_to(&subscribers[i], lost_before);
  }
}

static void turn(Connection *publisher) {
  static uint64_t last, last_at;
  publish(publisher);
  poll_connections(100);
  uint64_t time = now();
  if (deliveries != last || last_at == 0) {
    last = deliveries;
    last_at = time;
  } else if (time - last_at > LOST_AFTER) {
    give_up_in_flight();
    last_at = time;
  }
}

static long count_missing(void) {
  long missing = 0;
  for (long i = 0; i < options.connections; i++) missing += subscribers[i].missed;
  return missing;
}

static void prepare(void) {
  uint64_t length = 1;
  while (length < (uint64_t)options.in_flight) length *= 2;
  ring_mask = length - 1;
  ring = calloc(length, sizeof *ring);
  subscribers = calloc(options.connections, sizeof *subscribers);
  expect_numbered(delivered);
  batch = make_batch(options.in_flight, SIZE_MAX);
}

static Connection *connect_all(void) {
  static const Role ROLE = {.received = received, .next_out = next_out};
  Connection *connections = open_connections(options.connections, &ROLE), slow;
  for (long i = 0; i < options.slow; i++) open_connection(&slow, options.connections + i, &ROLE);
  usleep(SETTLE);
  return connections;
}

void run_fanout(void) {
  uint64_t before = 0, completed_before = 0;
  SpanEvent event;
  prepare();
  Connection *publisher = connect_all();
  start_span();
  while ((event = check_span(deliveries)) != SPAN_ENDS) {
    if (event == SPAN_BEGINS) before = deliveries, completed_before = completed;
    turn(publisher);
  }
  uint64_t measured = deliveries - before, publishes = completed - completed_before;
  is_draining = 1;
  while (completed < published) turn(publisher);
  printf("{\"deliveriesPerSecond\":%.0f,\"publishesPerSecond\":%.0f,\"verified\":%lu,\"missing\":%ld",
         measured / span_seconds(), publishes / span_seconds(), verified, count_missing());
  print_span();
  printf("}\n");
}
