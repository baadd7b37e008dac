#include "histogram.h"

#include <string.h>

void clear_histogram(Histogram *histogram) { memset(histogram, 0, sizeof *histogram); }

// Below SUB_BUCKETS one bucket a nanosecond; above, each doubling is cut into SUB_BUCKETS equal buckets.
static int bucket_of(uint64_t nanoseconds) {
  if (nanoseconds < SUB_BUCKETS) return nanoseconds;
  int shift = 56 - __builtin_clzll(nanoseconds);
  return shift * SUB_BUCKETS + (nanoseconds >> shift);
}

static uint64_t middle_of(int bucket) {
  if (bucket < 2 * SUB_BUCKETS) return bucket;
  int shift = bucket / SUB_BUCKETS - 1;
  uint64_t low = (uint64_t)(bucket % SUB_BUCKETS + SUB_BUCKETS) << shift;
  return low + (UINT64_C(1) << shift) / 2;
}

void add_latency(Histogram *histogram, uint64_t nanoseconds, uint64_t times) {
  histogram->counts[bucket_of(nanoseconds)] += times;
  histogram->total += times;
  if (times > 0 && nanoseconds > histogram->max) histogram->max = nanoseconds;
}

double latency_at(const Histogram *histogram, double fraction) {
  uint64_t seen = 0;
  for (int bucket = 0; bucket < 58 * SUB_BUCKETS; bucket++) {
    seen += histogram->counts[bucket];
    if (seen > 0 && seen >= fraction * histogram->total) return middle_of(bucket) / 1e3;
  }
  return 0;
}
