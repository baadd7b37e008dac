#include "messages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accept-key.h"
#include "compression.h"
#include "extension.h"
#include "frames.h"
#include "options.h"
#include "process.h"

Message *messages;
long message_count;

static char *read_file(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) fail("cannot read the messages");
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  char *text = malloc(size + 1);
  if (fread(text, 1, size, file) != (size_t)size) fail("cannot read the messages");
  text[size] = 0;
  fclose(file);
  return text;
}

void read_messages(void) {
  char *text = read_file(options.messages);
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
    if (options.first && message_count == options.first) return;
    messages = realloc(messages, (message_count + 1) * sizeof *messages);
    messages[message_count++] = (Message){.text = (const uint8_t *)line, .size = strlen(line)};
  }
  if (message_count < (options.first ? options.first : 1)) fail("there are too few messages");
}

static size_t append_frame(uint8_t *at, uint8_t first_octet, const uint8_t *payload, size_t size, int masks) {
  int header_size = write_frame_header(at, first_octet, masks ? MASK : 0, size);
  if (!masks) return memcpy(at + header_size, payload, size), header_size + size;
  uint32_t key = random_bits() >> 32;
  memcpy(at + header_size, &key, MASKING_KEY_SIZE);
  mask_bytes(at + header_size + MASKING_KEY_SIZE, payload, size, at + header_size);
  return header_size + MASKING_KEY_SIZE + size;
}

static size_t append_message(uint8_t *at, const Message *message, int masks) {
  if (!agreed[0]) return append_frame(at, first_octet_of_messages(), message->text, message->size, masks);
  uint8_t *payload = malloc(compressed_size_at_most(message->size));
  size_t size = compress_message(message->text, message->size, payload, own_window_bits());
  size_t frame_size = append_frame(at, first_octet_of_messages() | RSV1, payload, size, masks);
  free(payload);
  return frame_size;
}

FrameRing make_frame_ring(long longest_run) {
  // §5.3: frames of a client are masked, those of a server are not.
  int masks = strcmp(options.mode, "deflate-client") != 0;
  long count = message_count + longest_run;
  size_t capacity = 0, size = 0;
  for (long i = 0; i < count; i++)
    capacity += HEADER_MAX + compressed_size_at_most(messages[i % message_count].size);
  FrameRing ring = {malloc(capacity), malloc((count + 1) * sizeof *ring.offsets)};
  if (!ring.bytes || !ring.offsets) fail("not enough memory for the frames");
  for (long i = 0; i < count; i++) {
    ring.offsets[i] = size;
    size += append_message(ring.bytes + size, &messages[i % message_count], masks);
  }
  ring.offsets[count] = size;
  return ring;
}

const uint8_t *frames_from(const FrameRing *ring, uint64_t number, long count, size_t *size) {
  size_t first = number % message_count;
  *size = ring->offsets[first + count] - ring->offsets[first];
  return ring->bytes + ring->offsets[first];
}
