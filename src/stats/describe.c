/* stats/describe.c - one sample: mean, spread, quantiles, interquartile mean, lower tail. */
#include "rein/stats.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double *sorted(int n, const double *x) {
  RN_CHECK(n > 0, "%d values to sort", n);
  double *s = rn_new((size_t)n * sizeof *s);
  memcpy(s, x, (size_t)n * sizeof *s);
  qsort(s, (size_t)n, sizeof *s, ascending);
  return s;
}

static bool has_nan(int n, const double *x) {
  for (int i = 0; i < n; i++) if (isnan(x[i])) return true;
  return false;
}

double rn_mean_of(int n, const double *x) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += x[i];
  return n ? sum / n : NAN;
}

double rn_std_of(int n, const double *x) {
  double mean = rn_mean_of(n, x), sum = 0;
  for (int i = 0; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
  return n > 1 ? sqrt(sum / (n - 1)) : NAN;
}

double rn_quantile(int n, const double *x, double q) {
  RN_CHECK(q >= 0 && q <= 1, "quantile %g is outside 0 .. 1", q);
  if (!n || has_nan(n, x)) return NAN;
  double *s = sorted(n, x), at = q * (n - 1);
  int low = (int)floor(at), high = RN_MIN(low + 1, n - 1);
  double v = s[low] == s[high] ? s[low] : s[low] + (at - low) * (s[high] - s[low]);      // equal: also for infinite ends
  rn_free(s);
  return v;
}

double rn_iqm(int n, const double *x) {
  if (!n || has_nan(n, x)) return NAN;
  double *s = sorted(n, x);
  int cut = n / 4;
  double v = rn_mean_of(n - 2 * cut, s + cut);
  rn_free(s);
  return v;
}

double rn_cvar(int n, const double *x, double alpha) {
  RN_CHECK(alpha > 0 && alpha <= 1, "the share %g of a lower tail is outside (0, 1]", alpha);
  if (!n || has_nan(n, x)) return NAN;
  double *s = sorted(n, x), mass = alpha * n, sum = 0;
  for (int i = 0; i < n && mass > i; i++) sum += fmin(1, mass - i) * s[i];
  rn_free(s);
  return sum / mass;
}

double rn_summarise(rn_summary what, int n, const double *x) {
  switch (what) {
    case RN_STAT_MEAN: return rn_mean_of(n, x);
    case RN_STAT_IQM: return rn_iqm(n, x);
    case RN_STAT_MEDIAN: return rn_quantile(n, x, .5);
  }
  rn_fatal(__func__, "no summary %d", what);
}
