// Different messages, read from a file, and the frames that carry them: compressed where that was agreed.
#ifndef MESSAGES_H
#define MESSAGES_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  const uint8_t *text;
  size_t size;
  // How it came last, compressed without reference to other messages, when it was inflated and found right.
  uint8_t *encoding;
  size_t encoding_size;
} Message;

/** Frames in a circle, so that each connection can begin with another. */
typedef struct {
  uint8_t *bytes;
  size_t *offsets;
} FrameRing;

extern Message *messages;
extern long message_count;

/** Reads --messages, one on each line; no more than --first. */
void read_messages(void);

/** Makes the frames of all messages. A run of so many stands in a row, wherever it begins. */
FrameRing make_frame_ring(long longest_run);

/** The frames from message `number` on; sets `size` to the bytes of `count` of them. */
const uint8_t *frames_from(const FrameRing *ring, uint64_t number, long count, size_t *size);

#endif
