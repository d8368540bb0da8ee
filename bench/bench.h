/* bench.h - measurements behind `rein bench`. Each prints its figures beside their floor: medians of repetitions with their range. */
#ifndef REIN_BENCH_H
#define REIN_BENCH_H
#include <stdbool.h>
#include <stdio.h>

/* Products of the shapes that networks have, all transpositions, one and two threads, beside the FMA peak of a core, LIBXSMM and oneDNN
 * (where they are there). Answers the number of rows that miss the bar: 85 % of the better library at 32 rows or more, one thread. */
int rn_bench_gemm(FILE *out, bool json);
#endif
