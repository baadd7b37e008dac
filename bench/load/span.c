#include "span.h"

#include <stdio.h>

#include "options.h"
#include "process.h"

#define PATIENCE UINT64_C(5000000000)

static uint64_t begin, end;
static int has_begun;
static uint64_t progress_before;
static double server_cpu, load_cpu;
static uint64_t last_progress, last_progress_at;

static double server_cpu_seconds(void) {
  double sum = options.pid ? cpu_seconds_of(options.pid) : 0;
  for (int i = 0; i < options.pids.count; i++) sum += cpu_seconds_of(options.pids.values[i]);
  return sum;
}

void start_span(void) {
  has_begun = 0;
  last_progress_at = now();
  begin = last_progress_at + WARM_UP;
}

static void check_progress(uint64_t progress, uint64_t time) {
  if (progress != last_progress) {
    last_progress = progress;
    last_progress_at = time;
  } else if (time - last_progress_at > PATIENCE) {
    fail("nothing came for five seconds");
  }
}

SpanEvent check_span(uint64_t progress) {
  uint64_t time = now();
  check_progress(progress, time);
  if (!has_begun && time >= begin) {
    has_begun = 1;
    progress_before = progress;
    begin = time;
    end = time + (uint64_t)(options.seconds * 1e9);
    load_cpu = own_cpu_seconds();
    server_cpu = server_cpu_seconds();
    return SPAN_BEGINS;
  }
  if (!has_begun || time < end) return SPAN_GOES_ON;
  if (progress == progress_before) fail("nothing came in the measured span");
  end = time;
  load_cpu = own_cpu_seconds() - load_cpu;
  server_cpu = server_cpu_seconds() - server_cpu;
  return SPAN_ENDS;
}

double span_seconds(void) { return (end - begin) / 1e9; }

void print_span(void) {
  printf(",\"seconds\":%.4f,\"loadCpuSeconds\":%.3f", span_seconds(), load_cpu);
  if (options.pid || options.pids.count > 0) printf(",\"serverCpuSeconds\":%.2f", server_cpu);
}
