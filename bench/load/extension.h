// What permessage-deflate is agreed (RFC 7692 §7.1): --extension is what a client offers, and what a server answers.
#ifndef EXTENSION_H
#define EXTENSION_H

#define EXTENSION_MAX 256

/** The answer of the server, which is the same on every connection; empty where nothing was agreed. */
extern char agreed[EXTENSION_MAX];

/** The field of the opening handshake with its CRLF; empty without --extension. */
const char *extension_field(void);

/** Fails where a server's response does not agree to what was offered. */
void check_answer(const char *response);

/** Fails where a client's request does not offer what is to be agreed. */
void check_offer(const char *request);

/** Whether the peer's compressor keeps its window between two messages. */
int peer_keeps_context(void);

/** The window that the compressor of this end may use, 8 to 15 bits. */
int own_window_bits(void);

#endif
