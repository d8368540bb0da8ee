/* all.h - the measurements that `rein bench NAME` knows, in the order of `rein bench all`. */
#ifndef REIN_BENCH_ALL_H
#define REIN_BENCH_ALL_H
#include <stdbool.h>
#include <stdio.h>

typedef struct { const char *name; int (*run)(FILE *out, bool json); } rn_bench;      // run: how many rows miss their bar
const rn_bench *rn_bench_at(int i);            // NULL past the last
#endif
