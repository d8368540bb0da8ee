/* bench/gemm_main.c - `bench-gemm [--json]`: the products' measurements alone. Exit code 1: a row is below the bar. */
#include "bench.h"
#include <string.h>

int main(int argc, char **argv) {
  const bool json = argc == 2 && !strcmp(argv[1], "--json");
  if (argc > 1 && !json) {
    fprintf(stderr, "bench-gemm: '%s' is not an option; the only one is --json\n", argv[1]);
    return 2;
  }
  return rn_bench_gemm(stdout, json) > 0;
}
