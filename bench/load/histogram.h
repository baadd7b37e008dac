// Latencies, kept to within one part in 128.
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

#define SUB_BUCKETS 128

typedef struct {
  uint64_t counts[58 * SUB_BUCKETS];
  uint64_t total, max;
} Histogram;

void clear_histogram(Histogram *histogram);

/** Adds `times` equal latencies of so many nanoseconds. */
void add_latency(Histogram *histogram, uint64_t nanoseconds, uint64_t times);

/** Microseconds that a fraction (0 to 1) of the latencies does not exceed; 0 where there are none. */
double latency_at(const Histogram *histogram, double fraction);

#endif
