// The two keys of the opening handshake (RFC 6455 §4.1, §4.2.2), so that no library is needed for them.
#ifndef ACCEPT_KEY_H
#define ACCEPT_KEY_H

#include <stdint.h>

#define KEY_LENGTH 24
#define ACCEPT_LENGTH 28

/** 64 random bits; good enough for load, not for secrets. */
uint64_t random_bits(void);

/** Writes a random Sec-WebSocket-Key of KEY_LENGTH characters. */
void make_key(char *key);

/** Writes the ACCEPT_LENGTH characters of the Sec-WebSocket-Accept that belongs to a key. */
void accept_key_of(const char *key, char *accept_key);

#endif
