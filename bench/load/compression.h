// DEFLATE by zlib, where the program was built with it, as permessage-deflate uses it (RFC 7692 §7.2).
#ifndef COMPRESSION_H
#define COMPRESSION_H

#include <stddef.h>
#include <stdint.h>

typedef struct z_stream_s Inflater;

/** The most bytes that a message of this size can have when it is compressed. */
size_t compressed_size_at_most(size_t size);

/** Compresses one message at level 6, without reference to those before; returns how many bytes it has then. */
size_t compress_message(const uint8_t *text, size_t size, uint8_t *to, int window_bits);

/** Inflates the messages of one connection. */
Inflater *open_inflater(void);

/** Forgets all messages before. */
void reset_inflater(Inflater *inflater);

/** Inflates one message and returns its size. Fails where it is not DEFLATE, or longer than `capacity`. */
size_t inflate_message(Inflater *inflater, const uint8_t *payload, size_t size, uint8_t *to, size_t capacity);

#endif
