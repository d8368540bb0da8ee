/* bench/main.c - `rein bench [gemm|step|env|act|data|all] [--json]`. Exit code 1: a figure misses its bar. */
#include "bench.h"
#include "bench_env.h"
#include "step.h"
#include <string.h>

static const struct { const char *name; int (*run)(FILE *, bool); } parts[] = {
  {"gemm", rn_bench_gemm}, {"step", rn_bench_step}, {"act", rn_bench_act}, {"env", rn_bench_env}, {"data", rn_bench_data}};

int main(int argc, char **argv) {
  const char *which = argc > 1 && argv[1][0] != '-' ? argv[1] : "all";
  bool json = argc > 1 && strcmp(argv[argc - 1], "--json") == 0, known = strcmp(which, "all") == 0;
  int missed = 0;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (strcmp(which, "all") != 0 && strcmp(which, parts[i].name) != 0) continue;
    known = true;
    missed += parts[i].run(stdout, json);
  }
  if (!known) return fprintf(stderr, "rein-bench: no measurement '%s'; gemm, step, env, act, data, all\n", which), 2;
  return missed > 0;
}
