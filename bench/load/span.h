// The measured span: after the warm-up, as long as --seconds says.
#ifndef SPAN_H
#define SPAN_H

#include <stdint.h>

typedef enum { SPAN_GOES_ON, SPAN_BEGINS, SPAN_ENDS } SpanEvent;

/** Nanoseconds before anything counts. */
#define WARM_UP UINT64_C(700000000)

/** Begins the warm-up. */
void start_span(void);

/**
 * Says when the span begins and when it ends, each once. `progress` is any count that grows while the run does: the program
 * fails when it has stayed the same for five seconds, or for the whole span.
 */
SpanEvent check_span(uint64_t progress);

/** Measured seconds, once the span has ended. */
double span_seconds(void);

/** Prints the fields that all results have: ,"seconds":…,"loadCpuSeconds":… and with --pid ,"serverCpuSeconds":… */
void print_span(void);

#endif
