/* clock.h - CPU-seconds and wall seconds, medians, the processor's name: what every measurement needs. */
#ifndef REIN_BENCH_CLOCK_H
#define REIN_BENCH_CLOCK_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline double bench_clock(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
static inline double bench_cpu(void) { return bench_clock(CLOCK_THREAD_CPUTIME_ID); }       // of the calling thread
static inline double bench_wall(void) { return bench_clock(CLOCK_MONOTONIC); }

static inline int bench_less(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }
typedef struct { double median, least, most; } bench_range;
static inline bench_range bench_median(int n, double *x) {      // sorts x
  qsort(x, (size_t)n, sizeof *x, bench_less);
  return (bench_range){n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2, x[0], x[n - 1]};
}

static inline const char *bench_processor(char name[128]) {
  FILE *f = fopen("/proc/cpuinfo", "r");
  char line[256];
  snprintf(name, 128, "unknown processor");
  while (f && fgets(line, sizeof line, f)) {
    char *at = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
    if (!at) continue;
    snprintf(name, 128, "%s", at + 2), name[strcspn(name, "\n")] = 0;
    break;
  }
  if (f) fclose(f);
  return name;
}
#endif
