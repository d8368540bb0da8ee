/* cli/bench.c - the measurements of bench/, where this program was built with them. */
#include "cli.h"

#ifdef REIN_BENCH
#include "all.h"

static int run_all(bool json) {
  int missed = 0;
  if (json) printf("{");
  for (int i = 0; rn_bench_at(i); i++) {
    if (json) printf("%s\"%s\": ", i ? ",\n" : "", rn_bench_at(i)->name);
    else printf("%s%s%s\n", cli_on(stdout, CLI_BOLD), rn_bench_at(i)->name, cli_off(stdout));
    fflush(stdout);
    missed += rn_bench_at(i)->run(stdout, json);
  }
  if (json) printf("}\n");
  return missed;
}

rn_code cli_bench(cli *c, rn_error *err) {
  const char *which = c->n ? c->args[0] : "all", *names[16] = {"all"};
  int n = 1;
  for (; n < 16 && rn_bench_at(n - 1); n++) names[n] = rn_bench_at(n - 1)->name;
  if (strcmp(which, "all") == 0) return run_all(c->json) ? RN_UNMET : RN_OK;
  for (int i = 0; rn_bench_at(i); i++) if (strcmp(rn_bench_at(i)->name, which) == 0) return rn_bench_at(i)->run(stdout, c->json) ? RN_UNMET : RN_OK;
  const char *near = rn_nearest(which, n, names);
  rn_text t = {0};
  for (int i = 0; i < n; i++) rn_say_text(&t, "%s%s", i ? ", " : "", names[i]);
  if (near) rn_fail(err, "rein bench has no '%s'; did you mean '%s'?", which, near);
  else rn_fail(err, "rein bench has no '%s'; it has %s", which, t.at);
  rn_free(t.at);
  return RN_INPUT;
}
#else
rn_code cli_bench(cli *c, rn_error *err) {
  (void)c;
  rn_fail(err, "this program was built without its measurements (cmake/bench.cmake)");
  return RN_INPUT;
}
#endif
