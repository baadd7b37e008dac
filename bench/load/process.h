// What the system tells of this process and of the one under test.
#ifndef PROCESS_H
#define PROCESS_H

#include <stdint.h>

/** Ends the program with a message and exit code 1. */
void fail(const char *what) __attribute__((noreturn));

/** Nanoseconds of the monotonic clock. */
uint64_t now(void);

/** Seconds of CPU that a process has used in user and kernel mode, all its threads together. */
double cpu_seconds_of(long pid);
double own_cpu_seconds(void);

/** Octets of resident memory. */
long resident_octets_of(long pid);

/** As many descriptors as the system lets this process have. */
void raise_descriptor_limit(void);

#endif
