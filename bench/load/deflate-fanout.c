#include "deflate-fanout.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "connection.h"
#include "extension.h"
#include "messages.h"
#include "options.h"
#include "process.h"
#include "replies.h"
#include "span.h"

/** Nanoseconds without a delivery after which what is in flight counts as lost. */
#define LOST_AFTER UINT64_C(2000000000)
/** Microseconds for the server to make subscribers of the connections that it has accepted. */
#define SETTLE 200000

static FrameRing ring;
static ReplyReader *subscribers;
static long *deliveries;  // of each publish in flight
static uint64_t published, begun, completed;

static long *deliveries_of(uint64_t publish) { return &deliveries[publish % options.in_flight]; }

static void received(Connection *c, const uint8_t *bytes, size_t count) {
  ReplyReader *mine = &subscribers[c->index];
  uint64_t first = mine->next;
  read_replies(mine, bytes, count);
  if (mine->next > published) fail("a publish that was not sent yet");
  for (uint64_t publish = first; publish < mine->next; publish++) ++*deliveries_of(publish);
  while (completed < published && *deliveries_of(completed) == options.connections) completed++;
}

static int next_out(Connection *c) {
  if (c->index != 0 || begun == published) return 0;
  c->out = frames_from(&ring, begun, published - begun, &c->out_left);
  begun = published;
  return 1;
}

static void publish(Connection *publisher) {
  for (; published - completed < (uint64_t)options.in_flight; published++) *deliveries_of(published) = 0;
  send_out(publisher);
}

static Connection *connect_all(void) {
  static const Role ROLE = {.received = received, .next_out = next_out};
  Connection *connections = open_connections(options.connections, &ROLE);
  subscribers = calloc(options.connections, sizeof *subscribers);
  for (long i = 0; i < options.connections; i++) subscribers[i] = make_reply_reader(0, peer_keeps_context());
  deliveries = calloc(options.in_flight, sizeof *deliveries);
  ring = make_frame_ring(options.in_flight);
  usleep(SETTLE);
  return connections;
}

// Whatever is still to come must come, for no subscriber may miss a message.
static void drain(void) {
  uint64_t last = reply_counts.replies, last_at = now();
  while (completed < published) {
    poll_connections(100);
    if (reply_counts.replies > last) last = reply_counts.replies, last_at = now();
    if (now() - last_at > LOST_AFTER) fail("not every subscriber got every message");
  }
}

void run_deflate_fanout(void) {
  ReplyCounts before = {0}, *all = &reply_counts, measured;
  uint64_t completed_before = 0;
  SpanEvent event;
  read_messages();
  Connection *publisher = connect_all();
  start_span();
  while ((event = check_span(all->replies)) != SPAN_ENDS) {
    if (event == SPAN_BEGINS) before = *all, completed_before = completed;
    publish(publisher);
    poll_connections(100);
  }
  measured = *all;
  uint64_t publishes = completed - completed_before, count = measured.replies - before.replies;
  drain();
  printf("{\"deliveriesPerSecond\":%.0f,\"publishesPerSecond\":%.0f,\"deliveries\":%lu,\"verified\":%lu,",
         count / span_seconds(), publishes / span_seconds(), count, all->replies);
  printf("\"compressed\":%lu,\"inflated\":%lu,\"bytesPerReply\":%.1f,\"agreed\":\"%s\"", all->compressed, all->inflated,
         (double)(measured.bytes - before.bytes) / count, agreed);
  print_span();
  printf("}\n");
}
