// The command line; main.c says what each word means.
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdint.h>

typedef enum { BINARY, ASCII, UTF8 } Text;

/** Servers that a run can have, and processes whose CPU time it can add up. */
#define LIST_MAX 16

/** Numbers that one word lists: 1,2,3. */
typedef struct {
  long values[LIST_MAX];
  int count;
} List;

typedef struct {
  const char *mode;
  int port;
  long connections, depth, in_flight, burst, parallel, slow, active, verify_every, pid, first, count, topics, publishers;
  long size, rate;
  double seconds, hold;
  Text text;
  const char *messages, *extension;
  int tls, raw, socket_io;
  List ports, pids;
} Options;

/** Set once by parse_options, then only read. */
extern Options options;

/** Ends the program with exit code 2 where the words are not what the mode needs. */
void parse_options(int count, char **words);

/** Whether each payload begins with a number. */
int is_numbered(void);

#endif
