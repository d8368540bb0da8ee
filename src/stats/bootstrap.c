/* stats/bootstrap.c - percentile intervals by stratified resampling (Efron 1979; strata as in Agarwal et al. 2021, arXiv:2108.13264:
 * runs are drawn within their task, the statistic is taken over all tasks together). Resample b draws with the caller's key at `at` = b. */
#include "rein/stats.h"
#include <math.h>
#include <string.h>

static int units(int strata, const int *size) {
  int n = 0;
  for (int s = 0; s < strata; s++) n += size[s];
  return n;
}

static void draw(int strata, const int *size, rn_key key, int *pick) {
  for (int s = 0, from = 0; s < strata; from += size[s++])
    for (int i = 0; i < size[s]; i++) *pick++ = from + (int)rn_below(&key, size[s]);
}

rn_interval rn_bootstrap(int strata, const int *size, rn_statistic f, const void *data, const rn_boot *how) {
  int n = units(strata, size), resamples = how->resamples ? how->resamples : 2000, found = 0;
  double level = how->level ? how->level : .95;
  RN_CHECK(level > 0 && level < 1, "level %g is outside (0, 1)", level);
  if (!n) return (rn_interval){NAN, NAN, NAN, 0};
  int *pick = rn_new((size_t)n * sizeof *pick);
  double *work = rn_new((size_t)n * 4 * sizeof *work), *at = rn_new((size_t)resamples * sizeof *at);
  for (int i = 0; i < n; i++) pick[i] = i;
  rn_interval out = {.value = f(n, pick, data, work), .low = NAN, .high = NAN};
  for (int b = 0; b < resamples; b++) {
    rn_key key = how->key;
    key.at = (uint32_t)b, key.draw = 0;
    draw(strata, size, key, pick);
    double v = f(n, pick, data, work);
    if (isfinite(v)) at[found++] = v;
  }
  out.undefined = resamples - found;
  if (out.undefined * 20 <= resamples)
    out.low = rn_quantile(found, at, (1 - level) / 2), out.high = rn_quantile(found, at, (1 + level) / 2);
  rn_free(pick), rn_free(work), rn_free(at);
  return out;
}

typedef struct { rn_summary what; const double *a, *b; } arms;

static void gather(int n, const int *pick, const double *from, double *to) {
  for (int i = 0; i < n; i++) to[i] = from[pick[i]];
}

static double one(int n, const int *pick, const void *data, double *work) {
  const arms *x = data;
  gather(n, pick, x->a, work);
  return rn_summarise(x->what, n, work);
}

static double difference(int n, const int *pick, const void *data, double *work) {
  const arms *x = data;
  gather(n, pick, x->a, work), gather(n, pick, x->b, work + n);
  return rn_summarise(x->what, n, work) - rn_summarise(x->what, n, work + n);
}

static double log_ratio(int n, const int *pick, const void *data, double *work) {
  const arms *x = data;
  gather(n, pick, x->a, work), gather(n, pick, x->b, work + n);
  return log(rn_mean_of(n, work) / rn_mean_of(n, work + n));
}

rn_interval rn_interval_of(rn_summary what, int strata, const int *size, const double *x, const rn_boot *how) {
  return rn_bootstrap(strata, size, one, &(arms){what, x, NULL}, how);
}

rn_interval rn_paired(rn_summary what, int strata, const int *size, const double *a, const double *b, const rn_boot *how) {
  return rn_bootstrap(strata, size, difference, &(arms){what, a, b}, how);
}

rn_interval rn_paired_log_ratio(int strata, const int *size, const double *a, const double *b, const rn_boot *how) {
  return rn_bootstrap(strata, size, log_ratio, &(arms){RN_STAT_MEAN, a, b}, how);
}
