#include "topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "connection.h"
#include "histogram.h"
#include "options.h"
#include "process.h"
#include "socket-io.h"
#include "span.h"

/** Microseconds for the servers to subscribe at their broker. */
#define SETTLE 500000
/** The first of the 8 digits is the publisher within its topic. */
#define PUBLISHER_SHIFT 28
#define PUBLISHERS_MAX 9
/** Messages of one publisher that may be on their way in an open loop. */
#define RING_OF_OPEN_LOOP 2048
/** Nanoseconds for the last messages to arrive. */
#define DRAIN UINT64_C(5000000000)

/** The ring of the messages that not every subscriber has is also the ring of their frames. */
typedef struct {
  Batch batch;
  uint64_t published, begun, completed;  // numbers of messages; those from `begun` on wait to be sent
  long *deliveries;
} Publisher;

typedef struct {
  uint64_t next[PUBLISHERS_MAX];  // number of the message that it is to get next from each publisher of its topic
  int owes_pong;
} Subscriber;

static Connection *connections;
static Publisher *publishers;
static Subscriber *subscribers;
static long publisher_count, subscribers_of_topic;
static uint64_t ring_size;
static uint64_t deliveries, messages;

// Of the open loop.
static Histogram latencies, lateness;
static uint64_t start, span_begin, span_end;
static uint64_t received_at;

static long server_of(long index) { return index % (1 + options.ports.count); }
static long topic_of(long index) { return index / options.publishers % options.topics; }
static long first_publisher_of(long topic) { return topic * options.publishers; }

static uint64_t time_of_message(uint64_t message) { return start + (uint64_t)(message * 1e9 / options.rate); }
static int is_in_span(uint64_t time) { return time >= span_begin && time < span_end; }

// Publishers take turns.
static void count_latency(long subscriber, long publisher, uint64_t number) {
  if (options.ports.count > 0 && server_of(subscriber) == server_of(publisher)) return;
  uint64_t intended = time_of_message(number * publisher_count + publisher);
  if (is_in_span(intended)) add_latency(&latencies, received_at - intended, 1);
}

static void complete(Publisher *publisher) {
  while (publisher->completed < publisher->published) {
    long *count = &publisher->deliveries[publisher->completed % ring_size];
    if (*count < subscribers_of_topic) return;
    *count = 0;
    publisher->completed++;
    messages++;
  }
}

static void delivered(int index, const uint8_t *digits) {
  uint32_t word = number_of(digits), number = word & ((1u << PUBLISHER_SHIFT) - 1);
  long which = word >> PUBLISHER_SHIFT;
  if (which >= options.publishers) fail("a message of nobody");
  long at = first_publisher_of(topic_of(index)) + which;
  Publisher *publisher = &publishers[at];
  uint64_t expected = subscribers[index].next[which]++;
  if (number >= publisher->published) fail("a message that was not sent yet");
  if (number > expected) fail("a message is missing");
  if (number < expected) fail("a message came twice or out of order");
  publisher->deliveries[number % ring_size]++;
  deliveries++;
  if (options.rate) count_latency(index, at, number);
  if (number == publisher->completed) complete(publisher);
}

static void pinged(int index) { subscribers[index].owes_pong = 1; }

static void received(Connection *c, const uint8_t *octets, size_t count) {
  if (options.rate) received_at = now();
  read_frames(&c->reader, octets, count);
  if (subscribers[c->index].owes_pong && c->out_left == 0) send_out(c);
}

static int pong_out(Connection *c) {
  c->out = ENGINE_PONG;
  c->out_left = ENGINE_PONG_SIZE;
  return subscribers[c->index].owes_pong--;
}

// One write takes all frames that stand in a row.
static int next_out(Connection *c) {
  if (subscribers[c->index].owes_pong) return pong_out(c);
  if (c->index >= publisher_count) return 0;
  Publisher *publisher = &publishers[c->index];
  size_t first = publisher->begun % ring_size, frames = publisher->published - publisher->begun;
  if (frames > ring_size - first) frames = ring_size - first;
  if (frames == 0) return 0;
  publisher->begun += frames;
  c->out = publisher->batch.octets + first * publisher->batch.frame_size;
  c->out_left = frames * publisher->batch.frame_size;
  return 1;
}

static void publish(long index) {
  Publisher *publisher = &publishers[index];
  if (publisher->published - publisher->completed == ring_size) fail("too many messages are on their way");
  uint32_t which = index % options.publishers;
  number_frame(&publisher->batch, publisher->published % ring_size, which << PUBLISHER_SHIFT | publisher->published);
  publisher->published++;
}

static void write_path(char *path, int index) {
  snprintf(path, PATH_SIZE, "%stopic=%ld", options.socket_io ? SOCKET_IO_PATH "&" : "/?", topic_of(index));
}

static void prepare(uint64_t in_flight) {
  static const Role ROLE = {received, next_out, write_path};
  publisher_count = options.topics * options.publishers;
  if (options.publishers > PUBLISHERS_MAX) fail("too many publishers of a topic");
  if (options.connections % publisher_count) fail("connections do not divide among topics and publishers");
  subscribers_of_topic = options.connections / options.topics;
  ring_size = in_flight;
  publishers = calloc(publisher_count, sizeof *publishers);
  subscribers = calloc(options.connections, sizeof *subscribers);
  for (long i = 0; i < publisher_count; i++) {
    publishers[i].batch = make_batch(ring_size, SIZE_MAX);
    publishers[i].deliveries = calloc(ring_size, sizeof *publishers[i].deliveries);
  }
  expect_numbered(delivered);
  if (options.socket_io) expect_pings(pinged);
  connections = open_connections(options.connections, &ROLE);
  usleep(SETTLE);
}

static uint64_t count_missing(void) {
  uint64_t missing = 0;
  for (long i = 0; i < publisher_count; i++) missing += publishers[i].published - publishers[i].completed;
  return missing;
}

static void drain(void) {
  uint64_t end = now() + DRAIN;
  while (count_missing() > 0) {
    if (now() > end) fail("not every subscriber got every message");
    poll_connections(10);
  }
}

void run_topics(void) {
  uint64_t deliveries_before = 0, messages_before = 0;
  SpanEvent event;
  prepare(options.in_flight);
  start_span();
  while ((event = check_span(deliveries)) != SPAN_ENDS) {
    if (event == SPAN_BEGINS) deliveries_before = deliveries, messages_before = messages;
    for (long i = 0; i < publisher_count; i++) {
      while (publishers[i].published - publishers[i].completed < ring_size) publish(i);
      if (connections[i].out_left == 0) send_out(&connections[i]);
    }
    poll_connections(100);
  }
  uint64_t measured = deliveries - deliveries_before, completed = messages - messages_before;
  drain();
  printf("{\"deliveriesPerSecond\":%.0f,\"messagesPerSecond\":%.0f,\"verified\":%lu", measured / span_seconds(),
         completed / span_seconds(), verified);
  print_span();
  printf("}\n");
}

static void publish_due(uint64_t *sent) {
  uint64_t time = now();
  for (uint64_t intended; (intended = time_of_message(*sent)) <= time && intended < span_end; ++*sent) {
    long publisher = *sent % publisher_count;
    publish(publisher);
    if (is_in_span(intended)) add_latency(&lateness, time - intended, 1);
    if (connections[publisher].out_left == 0) send_out(&connections[publisher]);
  }
}

void run_topics_rate(void) {
  uint64_t before = 0, sent = 0;
  SpanEvent event;
  prepare(RING_OF_OPEN_LOOP);
  start_span();
  start = now();
  span_begin = start + WARM_UP;
  span_end = span_begin + (uint64_t)(options.seconds * 1e9);
  // Never sleeps, for whoever sleeps wakes up late.
  while ((event = check_span(deliveries)) != SPAN_ENDS) {
    if (event == SPAN_BEGINS) before = deliveries;
    publish_due(&sent);
    poll_connections(0);
  }
  uint64_t measured = deliveries - before;
  drain();
  printf("{\"offeredPerSecond\":%.0f,\"deliveriesPerSecond\":%.0f,\"verified\":%lu,", lateness.total / options.seconds,
         measured / span_seconds(), verified);
  printf("\"p50Us\":%.1f,\"p99Us\":%.1f,\"maxUs\":%.1f,\"lateP99Us\":%.1f", latency_at(&latencies, 0.5),
         latency_at(&latencies, 0.99), latencies.max / 1e3, latency_at(&lateness, 0.99));
  print_span();
  printf("}\n");
}
