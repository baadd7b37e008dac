// The command line; main.c says what each word means.
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdint.h>

typedef enum { BINARY, ASCII, UTF8 } Text;

typedef struct {
  const char *mode;
  int port;
  long connections, depth, in_flight, burst, parallel, slow, active, verify_every, pid, first, count;
  long size, rate;
  double seconds, hold;
  Text text;
  const char *messages, *extension;
  int tls, raw;
} Options;

/** Set once by parse_options, then only read. */
extern Options options;

/** Ends the program with exit code 2 where the words are not what the mode needs. */
void parse_options(int count, char **words);

#endif
