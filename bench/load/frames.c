#include "frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accept-key.h"
#include "options.h"
#include "process.h"

uint64_t verified;

/** The packet of Socket.IO around the payload, which is that of emit('m', payload). Its length is a multiple of 4. */
#define PACKET_BEGIN "42[\"m\",\""
#define PACKET_END "\"]"
#define PACKET_MAX 8

/** A whole frame with Engine.IO's Ping. */
static const uint8_t ENGINE_PING[] = {FIN | 1, 1, '2'};

/**
 * What must come. The prefix of a frame is its header, what of a packet stands before the payload, and those octets behind
 * it that `whole` gets.
 */
static struct {
  uint8_t header[HEADER_MAX + PACKET_MAX];
  int header_size, prefix_size;
  const uint8_t *rest;  // the payload behind the prefix
  uint64_t rest_size;
  int masked;
  void (*whole)(int owner, const uint8_t *behind_header);
  void (*pinged)(int owner);
} expected;

static long until_verified;

static const char *packet_begin(void) { return options.socket_io ? PACKET_BEGIN : ""; }
static const char *packet_end(void) { return options.socket_io ? PACKET_END : ""; }

// Of a whole message: the payload, and the packet around it.
static size_t message_size(void) { return strlen(packet_begin()) + options.size + strlen(packet_end()); }

static const uint8_t *payload(void) {
  static const char UNIT[] = "a\u00e9\u6f22\U0001f600";
  static uint8_t *made;
  if (made) return made;
  size_t size = options.size, unit = sizeof UNIT - 1;
  made = malloc(size + 1);
  for (size_t i = 0; i < size; i++) {
    int in_unit = i < size - size % unit;
    made[i] = options.text != UTF8 ? ' ' + i % 95 : in_unit ? (uint8_t)UNIT[i % unit] : 'a';
  }
  // In JSON these two would have to be escaped.
  int is_json = !strncmp(options.mode, "topics", 6);
  for (size_t i = 0; is_json && i < size; i++) made[i] = made[i] == '"' || made[i] == '\\' ? 'a' : made[i];
  // A number written over the first octets cuts a character.
  for (size_t i = NUMBER_SIZE; is_numbered() && i < size && (made[i] & 0xc0) == 0x80; i++) made[i] = 'a';
  return made;
}

static uint8_t *message(void) {
  static uint8_t *made;
  if (made) return made;
  size_t before = strlen(packet_begin()), after = strlen(packet_end());
  made = malloc(message_size() + 1);
  memcpy(made, packet_begin(), before);
  memcpy(made + before, payload(), options.size);
  memcpy(made + before + options.size, packet_end(), after);
  return made;
}

int write_frame_header(uint8_t *header, uint8_t first_octet, int mask_bit, uint64_t size) {
  int extended = size < 126 ? 0 : size < 65536 ? 2 : 8;
  header[0] = first_octet;
  header[1] = mask_bit | (extended == 0 ? size : extended == 2 ? 126 : 127);
  for (int i = 0; i < extended; i++) header[2 + i] = size >> 8 * (extended - 1 - i);
  return 2 + extended;
}

uint8_t first_octet_of_messages(void) { return FIN | (options.text == BINARY ? 2 : 1); }

static int write_header(uint8_t *header, int mask_bit) {
  return write_frame_header(header, first_octet_of_messages(), mask_bit, message_size());
}

void mask_bytes(uint8_t *to, const uint8_t *from, size_t count, const uint8_t *key) {
  for (size_t i = 0; i < count; i++) to[i] = from[i] ^ key[i % MASKING_KEY_SIZE];
}

static void write_frame(uint8_t *at, uint32_t key) {
  at += write_header(at, MASK);
  memcpy(at, &key, MASKING_KEY_SIZE);
  mask_bytes(at + MASKING_KEY_SIZE, message(), message_size(), at);
}

// A server that sends back what it gets sends the key back too, so that there the keys must be foreseeable.
static uint32_t next_key(void) { return options.raw ? 0x3d21fa37 : random_bits() >> 32; }

Batch make_batch(size_t frames, size_t capacity) {
  uint8_t header[HEADER_MAX];
  Batch batch = {.frame_size = write_header(header, MASK) + MASKING_KEY_SIZE + message_size()};
  batch.frames = capacity / batch.frame_size < frames ? capacity / batch.frame_size : frames;
  if (batch.frames == 0) batch.frames = 1;
  batch.octets = malloc(batch.frames * batch.frame_size);
  if (!batch.octets) fail("not enough memory for the frames");
  for (size_t i = 0; i < batch.frames; i++) write_frame(batch.octets + i * batch.frame_size, next_key());
  return batch;
}

uint64_t digits_of(uint32_t number) {
  uint64_t word;
  char digits[NUMBER_SIZE + 1];
  snprintf(digits, sizeof digits, "%08x", number);
  memcpy(&word, digits, NUMBER_SIZE);
  return word;
}

uint32_t number_of(const uint8_t *digits) {
  char text[NUMBER_SIZE + 1] = {0}, *end;
  memcpy(text, digits, NUMBER_SIZE);
  uint32_t number = strtoul(text, &end, 16);
  if (end != text + NUMBER_SIZE) fail("a reply has another payload");
  return number;
}

void number_frame(const Batch *batch, size_t index, uint32_t number) {
  uint64_t digits = digits_of(number);
  uint8_t *at = batch->octets + (index + 1) * batch->frame_size - message_size();
  mask_bytes(at + strlen(packet_begin()), (const uint8_t *)&digits, NUMBER_SIZE, at - MASKING_KEY_SIZE);
}

static void expect(int header_size, int behind_header) {
  expected.header_size = header_size;
  expected.prefix_size = header_size + behind_header;
  expected.rest = message();
  expected.rest_size = message_size();
  until_verified = 1;
}

void expect_replies(void) {
  if (!options.raw) return expect(write_header(expected.header, 0), 0);
  Batch sent = make_batch(1, 0);
  int header_size = sent.frame_size - options.size;
  memcpy(expected.header, sent.octets, header_size);
  expect(header_size, 0);
  expected.rest = sent.octets + header_size;
}

void expect_numbered(void (*whole)(int owner, const uint8_t *digits)) {
  int header_size = write_header(expected.header, 0), before = strlen(packet_begin());
  memcpy(expected.header + header_size, packet_begin(), before);
  expect(header_size + before, NUMBER_SIZE);
  expected.rest += before + NUMBER_SIZE;
  expected.rest_size -= before + NUMBER_SIZE;
  expected.whole = whole;
}

void expect_pings(void (*pinged)(int owner)) { expected.pinged = pinged; }

void expect_masked(void (*whole)(int owner, const uint8_t *key)) {
  expect(write_header(expected.header, MASK), MASKING_KEY_SIZE);
  expected.masked = 1;
  expected.whole = whole;
}

static void refuse(const FrameReader *reader) {
  const uint8_t *got = reader->prefix;
  if (got[0] != expected.header[0]) fail("a message has another opcode, or is not whole");
  if ((got[1] ^ expected.header[1]) & MASK) fail(got[1] & MASK ? "a reply is masked" : "a message is not masked");
  fail("a message has another length");
}

static size_t gather_prefix(FrameReader *reader, const uint8_t *octets, size_t count) {
  size_t missing = expected.prefix_size - reader->gathered, taken = count < missing ? count : missing;
  memcpy(reader->prefix + reader->gathered, octets, taken);
  reader->gathered += taken;
  if (taken < missing) return taken;
  if (memcmp(reader->prefix, expected.header, expected.header_size)) refuse(reader);
  reader->left = expected.rest_size;
  reader->verifies = --until_verified == 0;
  if (reader->verifies) until_verified = options.verify_every;
  return taken;
}

static void verify(const FrameReader *reader, const uint8_t *octets, size_t count) {
  const uint8_t *key = reader->prefix + expected.header_size;
  uint64_t at = expected.rest_size - reader->left;
  for (size_t i = 0; i < count; i++) {
    uint8_t octet = expected.masked ? octets[i] ^ key[(at + i) % MASKING_KEY_SIZE] : octets[i];
    if (octet != expected.rest[at + i]) fail("a message has another payload");
  }
}

static void end_frame(FrameReader *reader) {
  reader->gathered = 0;
  verified += reader->verifies;
  if (expected.whole) expected.whole(reader->owner, reader->prefix + expected.header_size);
}

// A frame that lies whole in what was read and is not to be verified: nothing of it needs to be kept. Returns its length.
static size_t pass_whole_frame(const FrameReader *reader, const uint8_t *octets, size_t count) {
  size_t size = expected.prefix_size + expected.rest_size;
  if (reader->gathered > 0 || count < size || until_verified == 1) return 0;
  if (octets[0] != expected.header[0] || octets[1] != expected.header[1]) return 0;
  if (expected.header_size > 2 && memcmp(octets + 2, expected.header + 2, expected.header_size - 2)) return 0;
  until_verified--;
  if (expected.whole) expected.whole(reader->owner, octets + expected.header_size);
  return size;
}

// Returns how many octets were taken of a Ping of Engine.IO; 0 where none stands here.
static size_t take_ping(FrameReader *reader, const uint8_t *octets, size_t count) {
  size_t missing = sizeof ENGINE_PING - reader->gathered, taken = count < missing ? count : missing;
  if (memcmp(octets, ENGINE_PING + reader->gathered, taken)) return 0;
  memcpy(reader->prefix + reader->gathered, octets, taken);
  reader->gathered += taken;
  if (reader->gathered < sizeof ENGINE_PING) return taken;
  reader->gathered = 0;
  expected.pinged(reader->owner);
  return taken;
}

// Returns how many octets were taken, and says whether a frame ended with them.
static size_t read_part(FrameReader *reader, const uint8_t *octets, size_t count, int *ended) {
  size_t at = 0;
  *ended = 0;
  if (expected.pinged && reader->gathered < sizeof ENGINE_PING && (at = take_ping(reader, octets, count)) > 0) return at;
  if (reader->gathered < expected.prefix_size) at = gather_prefix(reader, octets, count);
  if (reader->gathered < expected.prefix_size) return at;
  size_t here = count - at < reader->left ? count - at : reader->left;
  if (reader->verifies) verify(reader, octets + at, here);
  reader->left -= here;
  *ended = reader->left == 0;
  if (*ended) end_frame(reader);
  return at + here;
}

uint64_t read_frames(FrameReader *reader, const uint8_t *octets, size_t count) {
  uint64_t frames = 0;
  for (size_t at = 0; at < count;) {
    size_t taken = pass_whole_frame(reader, octets + at, count - at);
    int ended = taken > 0;
    if (!ended) taken = read_part(reader, octets + at, count - at, &ended);
    at += taken;
    frames += ended;
  }
  return frames;
}
