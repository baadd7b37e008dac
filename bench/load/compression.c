#include "compression.h"

#include "process.h"

#ifdef WITH_ZLIB

#include <stdlib.h>
#include <zlib.h>

#define LEVEL 6
#define MEMORY_LEVEL 8
#define WINDOW_BITS 15
#define WINDOW_SIZE (1 << WINDOW_BITS)

/** What ends a message, and is not sent (RFC 7692 §7.2.1). */
static const uint8_t TAIL[] = {0x00, 0x00, 0xff, 0xff};

/** More than the stored blocks of zlib, and its last block, need. */
size_t compressed_size_at_most(size_t size) { return size + size / 64 + 64; }

size_t compress_message(const uint8_t *text, size_t size, uint8_t *to, int window_bits) {
  z_stream stream = {.next_in = (Bytef *)text, .avail_in = size, .next_out = to};
  stream.avail_out = compressed_size_at_most(size);
  if (deflateInit2(&stream, LEVEL, Z_DEFLATED, -window_bits, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
    fail("zlib has no such window");
  if (deflate(&stream, Z_SYNC_FLUSH) != Z_OK || stream.avail_in > 0 || stream.avail_out == 0)
    fail("a message cannot be compressed");
  size_t compressed = stream.total_out - sizeof TAIL;
  deflateEnd(&stream);
  return compressed;
}

Inflater *open_inflater(void) {
  z_stream *stream = calloc(1, sizeof *stream);
  if (!stream || inflateInit2(stream, -WINDOW_BITS) != Z_OK) fail("zlib makes no inflater");
  return stream;
}

void reset_inflater(Inflater *inflater) { inflateReset(inflater); }

// A final block ends nothing: the window goes on (RFC 7692 §7.2.3.4).
static void go_on_after_final_block(z_stream *stream) {
  static uint8_t window[WINDOW_SIZE];
  unsigned size = 0;
  inflateGetDictionary(stream, window, &size);
  inflateReset(stream);
  inflateSetDictionary(stream, window, size);
}

static void feed(z_stream *stream, const uint8_t *bytes, size_t count) {
  stream->next_in = (Bytef *)bytes;
  stream->avail_in = count;
  while (stream->avail_in > 0) {
    int status = inflate(stream, Z_SYNC_FLUSH);
    if (status == Z_STREAM_END) go_on_after_final_block(stream);
    else if (status != Z_OK) fail(status == Z_BUF_ERROR ? "a message has another length" : "a message is not DEFLATE");
  }
}

size_t inflate_message(Inflater *inflater, const uint8_t *payload, size_t size, uint8_t *to, size_t capacity) {
  inflater->next_out = to;
  inflater->avail_out = capacity;
  feed(inflater, payload, size);
  feed(inflater, TAIL, sizeof TAIL);
  return capacity - inflater->avail_out;
}

#else

#define MISSING "zlib is not built in"

size_t compressed_size_at_most(size_t size) { return size; }
size_t compress_message(const uint8_t *text, size_t size, uint8_t *to, int window_bits) {
  (void)text, (void)size, (void)to, (void)window_bits;
  fail(MISSING);
}
Inflater *open_inflater(void) { fail(MISSING); }
void reset_inflater(Inflater *inflater) { (void)inflater; }
size_t inflate_message(Inflater *inflater, const uint8_t *payload, size_t size, uint8_t *to, size_t capacity) {
  (void)inflater, (void)payload, (void)size, (void)to, (void)capacity;
  fail(MISSING);
}

#endif
