/* cli/bench.c - the measurements: a program of its own beside this one, since its yardsticks are libraries that rein must not be linked with
 * (LIBXSMM's stand-ins for BLAS would take OpenBLAS's place). */
#include "cli.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

rn_code cli_bench(cli *c, rn_error *err) {
  static const char *const what[] = {"gemm", "step", "env", "act", "data", "all"};
  const char *which = c->n ? c->args[0] : "all", *near = rn_nearest(which, RN_COUNT(what), what);
  bool known = false;
  for (int i = 0; i < RN_COUNT(what); i++) known = known || strcmp(what[i], which) == 0;
  if (!known && near) return rn_fail(err, "rein bench has no '%s'; did you mean '%s'?", which, near), RN_INPUT;
  if (!known) return rn_fail(err, "rein bench has no '%s'; it has gemm, step, env, act, data, all", which), RN_INPUT;
  char self[4096];
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  self[RN_MAX(n, 0)] = 0;
  char *slash = strrchr(self, '/'), *path = rn_printed("%.*s/rein-bench", slash ? (int)(slash - self) : 0, self);
  execl(path, "rein-bench", which, c->json ? "--json" : NULL, NULL);
  rn_fail(err, "%s: %s; it is built with rein and installed beside it", path, strerror(errno));
  rn_free(path);
  return RN_INPUT;
}
