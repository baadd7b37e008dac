// The opening handshake of RFC 6455 §4 as text.
#ifndef OPENING_HANDSHAKE_H
#define OPENING_HANDSHAKE_H

#include <stddef.h>

#define HANDSHAKE_MAX 2048

/** Writes a client's request for a path, with this key (KEY_LENGTH characters), and returns its length. */
size_t write_request(char *request, const char *path, const char *key);

/**
 * Whether a response is complete. Fails where it is not a 101, where anything follows it, and where its Sec-WebSocket-Accept
 * is not the one for `key`; NULL leaves the latter unchecked.
 */
int response_is_complete(char *response, size_t length, const char *key);

/** Writes a server's response to a complete request and returns its length; 0 while the request is not complete. */
size_t write_response(char *response, char *request, size_t length);

#endif
