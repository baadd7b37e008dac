#include "options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Options options = {.burst = 1, .verify_every = 1000};

static const struct {
  const char *name;
  long *value;
  long least;
} NUMBERS[] = {
    {"--connections", &options.connections, 1}, {"--depth", &options.depth, 1},
    {"--in-flight", &options.in_flight, 1},     {"--burst", &options.burst, 1},
    {"--parallel", &options.parallel, 1},       {"--slow", &options.slow, 0},
    {"--active", &options.active, 1},           {"--verify-every", &options.verify_every, 1},
    {"--pid", &options.pid, 1},                 {"--size", &options.size, 0},
    {"--rate", &options.rate, 1},               {"--first", &options.first, 1},
    {"--count", &options.count, 1},             {"--topics", &options.topics, 1},
    {"--publishers", &options.publishers, 1},
};

static const struct {
  const char *name;
  double *value;
} SECONDS[] = {{"--seconds", &options.seconds}, {"--hold", &options.hold}};

static const struct {
  const char *name;
  const char **value;
} WORDS[] = {{"--messages", &options.messages}, {"--extension", &options.extension}};

static const struct {
  const char *name;
  int *value;
} SWITCHES[] = {{"--tls", &options.tls}, {"--raw", &options.raw}, {"--socket-io", &options.socket_io}};

static const struct {
  const char *name;
  List *list;
} LISTS[] = {{"--ports", &options.ports}, {"--pids", &options.pids}};

/** What each mode cannot do without. */
static const struct {
  const char *mode, *needs;
} MODES[] = {
    {"echo", "--connections --depth --size --seconds"},
    {"rate", "--connections --rate --size --seconds"},
    {"fanout", "--connections --in-flight --size --seconds"},
    {"handshakes", "--parallel --seconds"},
    {"idle", "--connections --pid"},
    {"sink", "--size --seconds"},
    {"deflate", "--messages --connections --depth --seconds"},
    {"deflate-growth", "--messages --connections --depth --count --pid"},
    {"deflate-fanout", "--messages --connections --in-flight --seconds"},
    {"deflate-client", "--messages --connections --depth --seconds"},
    {"topics", "--connections --topics --publishers --in-flight --size --seconds"},
    {"topics-rate", "--connections --topics --publishers --rate --size --seconds"},
};

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static void misuse(const char *what, const char *word) {
  fprintf(stderr, "load: %s %s (usage: at the head of main.c)\n", what, word);
  exit(2);
}

static int set_number(const char *name, const char *word) {
  for (size_t i = 0; i < LENGTH(NUMBERS); i++) {
    if (strcmp(name, NUMBERS[i].name)) continue;
    char *end;
    *NUMBERS[i].value = strtol(word, &end, 10);
    if (*end || end == word || *NUMBERS[i].value < NUMBERS[i].least) misuse("not a number for", name);
    return 1;
  }
  return 0;
}

static int set_seconds(const char *name, const char *word) {
  for (size_t i = 0; i < LENGTH(SECONDS); i++) {
    if (strcmp(name, SECONDS[i].name)) continue;
    char *end;
    *SECONDS[i].value = strtod(word, &end);
    if (*end || end == word || !(*SECONDS[i].value > 0)) misuse("not a time for", name);
    return 1;
  }
  return 0;
}

static int set_word(const char *name, const char *word) {
  for (size_t i = 0; i < LENGTH(WORDS); i++) {
    if (!strcmp(name, WORDS[i].name)) return *WORDS[i].value = word, 1;
  }
  return 0;
}

static int set_text(const char *name, const char *word) {
  if (strcmp(name, "--text")) return 0;
  if (!strcmp(word, "ascii")) options.text = ASCII;
  else if (!strcmp(word, "utf8")) options.text = UTF8;
  else misuse("not a text:", word);
  return 1;
}

static int set_list(const char *name, const char *word) {
  for (size_t i = 0; i < LENGTH(LISTS); i++) {
    if (strcmp(name, LISTS[i].name)) continue;
    List *list = LISTS[i].list;
    for (char *end = (char *)word; list->count < LIST_MAX; word = end + 1) {
      list->values[list->count] = strtol(word, &end, 10);
      if (end == word || list->values[list->count++] < 1) break;
      if (!*end) return 1;
      if (*end != ',') break;
    }
    misuse("not a list of numbers for", name);
  }
  return 0;
}

static int set_switch(const char *name) {
  for (size_t i = 0; i < LENGTH(SWITCHES); i++) {
    if (!strcmp(name, SWITCHES[i].name)) return *SWITCHES[i].value = 1;
  }
  return 0;
}

static int is_among(const char *name, char **words, int count) {
  for (int i = 0; i < count; i++) {
    if (!strcmp(name, words[i])) return 1;
  }
  return 0;
}

static void require(const char *needs, char **words, int count) {
  char names[128];
  snprintf(names, sizeof names, "%s", needs);
  for (char *name = strtok(names, " "); name; name = strtok(NULL, " ")) {
    if (!is_among(name, words, count)) misuse("missing:", name);
  }
}

static const char *needs_of(const char *mode) {
  for (size_t i = 0; i < LENGTH(MODES); i++) {
    if (!strcmp(mode, MODES[i].mode)) return MODES[i].needs;
  }
  misuse("no such mode:", mode);
  return NULL;
}

int is_numbered(void) { return !strcmp(options.mode, "fanout") || !strncmp(options.mode, "topics", 6); }

void parse_options(int count, char **words) {
  if (count < 2) misuse("missing:", "a mode");
  options.mode = words[1];
  const char *needs = needs_of(options.mode);
  int at = 2;
  if (strcmp(options.mode, "sink") && strcmp(options.mode, "deflate-client")) {
    options.port = count > at ? atoi(words[at++]) : 0;
    if (options.port < 1 || options.port > 65535) misuse("missing:", "a port");
  }
  require(needs, words + at, count - at);
  if (is_among("--active", words + at, count - at)) require("--depth --size --seconds", words + at, count - at);
  while (at < count) {
    const char *name = words[at++];
    if (set_switch(name)) continue;
    if (at == count) misuse("unknown, or without its value:", name);
    const char *word = words[at++];
    if (!set_number(name, word) && !set_seconds(name, word) && !set_word(name, word) && !set_text(name, word) &&
        !set_list(name, word))
      misuse("unknown:", name);
  }
#ifndef WITH_TLS
  if (options.tls) misuse("not built in (-DWITH_TLS):", "--tls");
#endif
#ifndef WITH_ZLIB
  if (options.messages) misuse("not built in (-DWITH_ZLIB):", "--messages");
#endif
  if (options.text == UTF8 && options.size < 10) misuse("10 or more for utf8:", "--size");
  if (is_numbered() && options.size < 8) misuse("8 or more where messages are numbered:", "--size");
  if (options.socket_io && (strncmp(options.mode, "topics", 6) || options.text != ASCII || options.tls))
    misuse("only topics, --text ascii and no --tls go with", "--socket-io");
}
