// Reads messages that come back, and verifies every one of them: inflates what is compressed, and compares.
#ifndef REPLIES_H
#define REPLIES_H

#include <stddef.h>
#include <stdint.h>

#include "compression.h"

/** Where one connection is in what it receives. */
typedef struct {
  uint64_t next;           // number of the message that is to come
  uint8_t *rest;           // the beginning of a frame whose end is still to come
  size_t rest_size, rest_capacity;
  Inflater *inflater;      // of a peer that keeps its window
} ReplyReader;

/** Of all replies so far. */
typedef struct {
  uint64_t replies, compressed, inflated;
  uint64_t bytes;  // of payload, as it was on the wire
} ReplyCounts;

extern ReplyCounts reply_counts;

/** A reader whose first reply is message `first`. With `keeps_window`, replies refer to those before. */
ReplyReader make_reply_reader(uint64_t first, int keeps_window);

/** Reads on, fails at whatever is not the next message, and returns how many messages ended. Overlooks pings. */
uint64_t read_replies(ReplyReader *reader, const uint8_t *bytes, size_t count);

#endif
