#define _GNU_SOURCE
#include "extension.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "process.h"

#define NAME "permessage-deflate"
#define DEFAULT_WINDOW_BITS 15

char agreed[EXTENSION_MAX];

const char *extension_field(void) {
  static char field[EXTENSION_MAX + 32];
  if (options.extension) snprintf(field, sizeof field, "Sec-WebSocket-Extensions: %s\r\n", options.extension);
  return field;
}

// The value of the field, followed by a 0; empty if the field is missing.
static void copy_value(char *value, const char *text) {
  static const char FIELD[] = "\r\nSec-WebSocket-Extensions:";
  const char *found = strcasestr(text, FIELD);
  value[0] = 0;
  if (!found) return;
  found += strlen(FIELD);
  found += strspn(found, " \t");
  size_t length = strcspn(found, "\r");
  if (length >= EXTENSION_MAX) fail("a field of the opening handshake is too long");
  memcpy(value, found, length);
  value[length] = 0;
}

void check_answer(const char *response) {
  char answer[EXTENSION_MAX];
  copy_value(answer, response);
  if (!options.extension && answer[0]) fail("the server agrees to an extension that was not offered");
  if (!options.extension) return;
  if (strncmp(answer, NAME, strlen(NAME))) fail("the server does not agree to " NAME);
  if (agreed[0] && strcmp(agreed, answer)) fail("the server agrees to something else on another connection");
  strcpy(agreed, answer);
}

void check_offer(const char *request) {
  char offer[EXTENSION_MAX];
  if (!options.extension) return;
  copy_value(offer, request);
  if (!strstr(offer, NAME)) fail("the client does not offer " NAME);
  snprintf(agreed, sizeof agreed, "%s", options.extension);
}

// The load is a server for a client under test, and a client for all others.
static int is_server(void) { return !strcmp(options.mode, "deflate-client"); }

int peer_keeps_context(void) {
  return agreed[0] && !strstr(agreed, is_server() ? "client_no_context_takeover" : "server_no_context_takeover");
}

int own_window_bits(void) {
  const char *name = is_server() ? "server_max_window_bits=" : "client_max_window_bits=";
  const char *found = strstr(agreed, name);
  return found ? atoi(found + strlen(name) + (found[strlen(name)] == '"')) : DEFAULT_WINDOW_BITS;
}
