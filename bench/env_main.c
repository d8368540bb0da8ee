/* bench/env_main.c - `bench-env [--json]`: the environments' measurements alone. Exit code 1: a row is below its bar. */
#include "bench_env.h"
#include <string.h>

int main(int argc, char **argv) {
  const bool json = argc == 2 && !strcmp(argv[1], "--json");
  if (argc > 1 && !json) {
    fprintf(stderr, "bench-env: '%s' is not an option; the only one is --json\n", argv[1]);
    return 2;
  }
  return rn_bench_env(stdout, json) > 0;
}
