#include "replies.h"

#include <stdlib.h>
#include <string.h>

#include "extension.h"
#include "frames.h"
#include "messages.h"
#include "options.h"
#include "process.h"

#define PING 0x89
/** A reply that is longer than its message by more than this is another one. */
#define GROWTH_AT_MOST 1024

typedef struct {
  uint8_t first_octet;
  int is_masked;
  size_t header_size;  // with the masking key
  uint64_t size;
} FrameHeader;

ReplyCounts reply_counts;

ReplyReader make_reply_reader(uint64_t first, int keeps_window) {
  return (ReplyReader){.next = first, .inflater = keeps_window ? open_inflater() : NULL};
}

/** Memory for one message, which is as large as was ever asked for. */
static uint8_t *room_for(size_t size) {
  static uint8_t *room;
  static size_t capacity;
  if (size > capacity) room = realloc(room, capacity = 2 * size);
  if (!room) fail("not enough memory for a message");
  return room;
}

static void compare(const Message *message, const uint8_t *text, size_t size) {
  if (size != message->size) fail("a message has another length");
  if (memcmp(text, message->text, size)) fail("a message has another payload");
}

static void remember(Message *message, const uint8_t *payload, size_t size) {
  message->encoding = realloc(message->encoding, size);
  memcpy(message->encoding, payload, size);
  message->encoding_size = size;
}

static void inflate_and_compare(Inflater *inflater, const Message *message, const uint8_t *payload, size_t size) {
  static uint8_t *text;
  static size_t capacity;
  // One more than there should be, so that a longer message is noticed.
  if (message->size + 1 > capacity) text = realloc(text, capacity = message->size + 1);
  compare(message, text, inflate_message(inflater, payload, size, text, message->size + 1));
  reply_counts.inflated++;
}

// Without a window of those before, the same bytes are the same message, and inflating them again would say nothing new.
static void verify_compressed(ReplyReader *reader, Message *message, const uint8_t *payload, size_t size) {
  static Inflater *forgetful;
  reply_counts.compressed++;
  if (reader->inflater) return inflate_and_compare(reader->inflater, message, payload, size);
  if (size == message->encoding_size && !memcmp(payload, message->encoding, size)) return;
  if (!forgetful) forgetful = open_inflater();
  reset_inflater(forgetful);
  inflate_and_compare(forgetful, message, payload, size);
  remember(message, payload, size);
}

// Whether the header is whole.
static int read_header(FrameHeader *header, const uint8_t *bytes, size_t count) {
  if (count < 2) return 0;
  int length7 = bytes[1] & 127, extended = length7 < 126 ? 0 : length7 == 126 ? 2 : 8;
  header->first_octet = bytes[0];
  header->is_masked = bytes[1] & MASK;
  header->header_size = 2 + extended + (header->is_masked ? MASKING_KEY_SIZE : 0);
  if (count < header->header_size) return 0;
  header->size = extended == 0 ? length7 : 0;
  for (int i = 0; i < extended; i++) header->size = header->size << 8 | bytes[2 + i];
  return 1;
}

static void check_header(const FrameHeader *header, const Message *message) {
  int is_server = !strcmp(options.mode, "deflate-client"), allowed = agreed[0] ? RSV1 : 0;
  if ((header->first_octet & ~allowed) != first_octet_of_messages())
    fail("a message has another opcode, or is not whole");
  if (!header->is_masked != !is_server) fail(is_server ? "a message is not masked" : "a reply is masked");
  if (header->size > message->size + GROWTH_AT_MOST) fail("a message has another length");
}

static void verify_reply(ReplyReader *reader, const FrameHeader *header, const uint8_t *payload) {
  Message *message = &messages[reader->next % message_count];
  if (header->is_masked) {
    uint8_t *unmasked = room_for(header->size);
    mask_bytes(unmasked, payload, header->size, payload - MASKING_KEY_SIZE);
    payload = unmasked;
  }
  if (header->first_octet & RSV1) verify_compressed(reader, message, payload, header->size);
  else compare(message, payload, header->size);
  reply_counts.replies++;
  reply_counts.bytes += header->size;
  reader->next++;
}

// Returns the size of the first frame, or 0 where it is not whole.
static size_t read_frame(ReplyReader *reader, const uint8_t *bytes, size_t count) {
  FrameHeader header;
  if (!read_header(&header, bytes, count)) return 0;
  int is_ping = header.first_octet == PING;
  if (!is_ping) check_header(&header, &messages[reader->next % message_count]);
  if (count - header.header_size < header.size) return 0;
  if (!is_ping) verify_reply(reader, &header, bytes + header.header_size);
  return header.header_size + header.size;
}

static void append_rest(ReplyReader *reader, const uint8_t *bytes, size_t count) {
  size_t size = reader->rest_size + count;
  if (size > reader->rest_capacity) reader->rest = realloc(reader->rest, reader->rest_capacity = 2 * size);
  if (!reader->rest) fail("not enough memory for a message");
  memcpy(reader->rest + reader->rest_size, bytes, count);
  reader->rest_size = size;
}

static size_t read_whole_frames(ReplyReader *reader, const uint8_t *bytes, size_t count) {
  size_t at = 0, size;
  while ((size = read_frame(reader, bytes + at, count - at)) > 0) at += size;
  return at;
}

uint64_t read_replies(ReplyReader *reader, const uint8_t *bytes, size_t count) {
  uint64_t before = reader->next;
  if (reader->rest_size == 0) {
    size_t taken = read_whole_frames(reader, bytes, count);
    if (taken < count) append_rest(reader, bytes + taken, count - taken);
  } else {
    append_rest(reader, bytes, count);
    size_t taken = read_whole_frames(reader, reader->rest, reader->rest_size);
    reader->rest_size -= taken;
    memmove(reader->rest, reader->rest + taken, reader->rest_size);
  }
  return reader->next - before;
}
