#define _GNU_SOURCE
#include "opening-handshake.h"

#include <stdio.h>
#include <string.h>

#include "accept-key.h"
#include "extension.h"
#include "options.h"
#include "process.h"

size_t write_request(char *request, const char *path, const char *key) {
  return snprintf(request, HANDSHAKE_MAX,
                  "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Key: %.*s\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                  path, options.port, KEY_LENGTH, key, extension_field());
}

// Ends the text with a 0, so that it can be searched, once its last octets are the empty line.
static int is_complete(char *text, size_t length) {
  if (length >= HANDSHAKE_MAX) fail("the opening handshake is too long");
  text[length] = 0;
  const char *end = strstr(text, "\r\n\r\n");
  if (!end) return 0;
  if (end + 4 != text + length) fail("octets follow the opening handshake");
  return 1;
}

// The value of a field, without the white space before it.
static const char *value_of(const char *text, const char *field) {
  const char *found = strcasestr(text, field);
  if (!found) fail("the opening handshake lacks one of its fields");
  found += strlen(field);
  return found + strspn(found, " \t");
}

int response_is_complete(char *response, size_t length, const char *key) {
  if (!is_complete(response, length)) return 0;
  if (strncmp(response, "HTTP/1.1 101 ", 13)) fail("the server does not answer with 101");
  if (!key) return 1;
  char expected[ACCEPT_LENGTH];
  accept_key_of(key, expected);
  const char *given = value_of(response, "\r\nSec-WebSocket-Accept:");
  if (strncmp(given, expected, ACCEPT_LENGTH) || !strchr(" \t\r", given[ACCEPT_LENGTH]))
    fail("the server answers with another Sec-WebSocket-Accept");
  check_answer(response);
  return 1;
}

size_t write_response(char *response, char *request, size_t length) {
  if (!is_complete(request, length)) return 0;
  const char *key = value_of(request, "\r\nSec-WebSocket-Key:");
  if (strcspn(key, " \t\r") != KEY_LENGTH) fail("the client's Sec-WebSocket-Key has another length");
  check_offer(request);
  char accept_key[ACCEPT_LENGTH];
  accept_key_of(key, accept_key);
  return snprintf(response, HANDSHAKE_MAX,
                  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Accept: %.*s\r\n%s\r\n",
                  ACCEPT_LENGTH, accept_key, extension_field());
}
