// The frames that are sent, and the reading of those that come back (RFC 6455 §5.2). All messages of a run are alike.
#ifndef FRAMES_H
#define FRAMES_H

#include <stddef.h>
#include <stdint.h>

#define NUMBER_SIZE 8
#define FIN 0x80
#define RSV1 0x40
#define MASK 0x80
#define HEADER_MAX 14
#define MASKING_KEY_SIZE 4

/** Equal messages in a row, each masked with a key of its own. */
typedef struct {
  uint8_t *octets;
  size_t frame_size, frames;
} Batch;

/** Writes a frame header without a masking key (§5.2), and returns its length. */
int write_frame_header(uint8_t *header, uint8_t first_octet, int mask_bit, uint64_t size);

void mask_bytes(uint8_t *to, const uint8_t *from, size_t count, const uint8_t *key);

/** The first octet of a whole message. */
uint8_t first_octet_of_messages(void);

/** Where one connection is in what it receives. */
typedef struct {
  int owner;  // index of the connection, for `whole`
  uint8_t prefix[32];
  uint8_t gathered, verifies;
  uint64_t left;  // octets of the payload that are still to come
} FrameReader;

/** Replies whose payload was compared. */
extern uint64_t verified;

/** As many frames as are wanted, but no more than fit `capacity` octets, and at least one. */
Batch make_batch(size_t frames, size_t capacity);

/** Puts a number into the first octets of one frame's payload. */
void number_frame(const Batch *batch, size_t index, uint32_t number);

/** The digits of a number as they stand in a payload, NUMBER_SIZE octets. */
uint64_t digits_of(uint32_t number);
uint32_t number_of(const uint8_t *digits);

/** Frames of a server: unmasked; with --raw, what was sent. */
void expect_replies(void);

/** Frames of a server whose payload begins with a number, which `whole` gets at the end of each frame. */
void expect_numbered(void (*whole)(int owner, const uint8_t *digits));

/** With --socket-io: calls `pinged` for each Ping of Engine.IO, which may stand between any two messages. */
void expect_pings(void (*pinged)(int owner));

/** Frames of a client, whose masking key `whole` gets at the end of each frame. */
void expect_masked(void (*whole)(int owner, const uint8_t *key));

/** Reads on, fails at the first octet that is not as expected, and returns how many frames ended. */
uint64_t read_frames(FrameReader *reader, const uint8_t *octets, size_t count);

#endif
