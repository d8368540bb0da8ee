/* bench/all.c - the list of measurements; a new one is one line. */
#include "all.h"
#include "bench.h"
#include "bench_env.h"

static const rn_bench benches[] = {{"gemm", rn_bench_gemm}, {"env", rn_bench_env}};

const rn_bench *rn_bench_at(int i) { return i >= 0 && i < (int)(sizeof benches / sizeof *benches) ? &benches[i] : NULL; }
