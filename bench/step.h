/* step.h - updates, acts and rows: each prints its figures beside their floor and answers how many miss their bar. */
#ifndef REIN_BENCH_STEP_H
#define REIN_BENCH_STEP_H
#include <stdbool.h>
#include <stdio.h>
int rn_bench_step(FILE *out, bool json);       // td3bc, iql, sac at 64x64 and 256x256 beside the time of their products alone
int rn_bench_act(FILE *out, bool json);        // one observation through 17-256-256-6
int rn_bench_data(FILE *out, bool json);       // rows a second from a mapped table
#endif
