#include "idle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "connection.h"
#include "echo.h"
#include "options.h"
#include "process.h"

/** Opened before the memory is looked at first, so that what a server allocates once does not count. */
#define FIRST_CONNECTIONS 100
#define SECOND UINT64_C(1000000000)
#define SETTLES_FOR (SECOND * 5 / 2)
#define SETTLES_AT_MOST (SECOND * 15)
#define SETTLED_WITHIN (256 * 1024)

#define PING 0x89
#define PONG 0x8a
#define MASK 0x80

// A server may look after idle connections with pings, which come alone and fit one read.
static void answer_pings(Connection *c, const uint8_t *octets, size_t count) {
  while (count > 0) {
    if (count < 2 || octets[0] != PING || octets[1] > 125 || count < 2u + octets[1]) fail("an idle connection got no ping");
    size_t length = octets[1];
    // A key of zeros leaves the payload as it is.
    uint8_t pong[2 + MASKING_KEY_SIZE + 125] = {PONG, MASK | length};
    memcpy(pong + 2 + MASKING_KEY_SIZE, octets + 2, length);
    send(c->fd, pong, 2 + MASKING_KEY_SIZE + length, MSG_NOSIGNAL);
    octets += 2 + length;
    count -= 2 + length;
  }
}

static int send_nothing(Connection *c) {
  (void)c;
  return 0;
}

static void open_idle(long first, long count) {
  static const Role ROLE = {answer_pings, send_nothing};
  Connection *connections = calloc(count, sizeof *connections);
  for (long i = 0; i < count; i++) {
    open_connection(&connections[i], first + i, &ROLE);
    watch(&connections[i]);
    if (i % 256 == 0) poll_connections(0);
  }
}

static void stay(uint64_t nanoseconds) {
  for (uint64_t end = now() + nanoseconds; now() < end;) poll_connections(100);
}

// Until a second passes without growth or shrinkage worth mentioning.
static long settled_memory(void) {
  uint64_t latest = now() + SETTLES_AT_MOST;
  stay(SETTLES_FOR);
  long before, after = resident_octets_of(options.pid);
  do {
    before = after;
    stay(SECOND);
    after = resident_octets_of(options.pid);
  } while (labs(after - before) > SETTLED_WITHIN && now() < latest);
  return after;
}

void run_idle(void) {
  open_idle(0, FIRST_CONNECTIONS);
  stay(SECOND / 2);
  long before = resident_octets_of(options.pid);
  open_idle(FIRST_CONNECTIONS, options.connections);
  long after = settled_memory();
  if (options.active) measure_echo(options.active);
  printf("{\"bytesPerConnection\":%.0f,\"rssBefore\":%ld,\"rssAfter\":%ld,\"connections\":%ld",
         (double)(after - before) / options.connections, before, after, options.connections);
  if (options.active) {
    printf(",");
    print_echo();
  }
  printf("}\n");
  fflush(stdout);
  stay(options.hold * SECOND);
}
