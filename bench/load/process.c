#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void fail(const char *what) {
  fprintf(stderr, "load: %s\n", what);
  exit(1);
}

uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * UINT64_C(1000000000) + time.tv_nsec;
}

static FILE *open_file_of(long pid, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%ld/%s", pid, name);
  FILE *file = fopen(path, "r");
  if (!file) fail("no process of that pid");
  return file;
}

double cpu_seconds_of(long pid) {
  char line[1024];
  unsigned long user, kernel;
  FILE *file = open_file_of(pid, "stat");
  size_t count = fread(line, 1, sizeof line - 1, file);
  fclose(file);
  line[count] = 0;
  // The name may hold anything, brackets included; behind its last bracket the 12th and 13th fields are the two times.
  const char *fields = strrchr(line, ')');
  if (!fields || sscanf(fields + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel) != 2)
    fail("cannot read the CPU time of that pid");
  return (double)(user + kernel) / sysconf(_SC_CLK_TCK);
}

double own_cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

long resident_octets_of(long pid) {
  long pages = 0;
  FILE *file = open_file_of(pid, "statm");
  if (fscanf(file, "%*d %ld", &pages) != 1) fail("cannot read the memory of that pid");
  fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

void raise_descriptor_limit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}
