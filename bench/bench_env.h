/* bench_env.h - the environments' part of `rein bench`: prints its figures beside their floor, medians of repetitions with their range. */
#ifndef REIN_BENCH_ENV_H
#define REIN_BENCH_ENV_H
#include <stdbool.h>
#include <stdio.h>

/* Cart-pole beside the bare loop of its equations (bar 0.5), MuJoCo's bodies beside bare mj_steps (bar 0.95), one thread, random actions,
 * with resets. Answers the number of rows that miss their bar. */
int rn_bench_env(FILE *out, bool json);
#endif
