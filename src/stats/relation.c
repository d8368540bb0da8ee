/* stats/relation.c - how two columns go together: rank correlation and slopes. */
#include "rein/stats.h"
#include <math.h>
#include <stdlib.h>

typedef struct { double x; int at; } placed;

static int by_value(const void *a, const void *b) {
  double x = ((const placed *)a)->x, y = ((const placed *)b)->x;
  return (x > y) - (x < y);
}

static void ranks(int n, const double *x, double *rank) {
  placed *p = rn_new((size_t)n * sizeof *p);
  for (int i = 0; i < n; i++) p[i] = (placed){x[i], i};
  qsort(p, (size_t)n, sizeof *p, by_value);
  for (int from = 0, to; from < n; from = to) {
    for (to = from + 1; to < n && p[to].x == p[from].x; to++) {}
    for (int i = from; i < to; i++) rank[p[i].at] = (from + to - 1) / 2.0;       // the mean of ranks from .. to-1
  }
  rn_free(p);
}

typedef struct { double xx, xy, yy; } moments;

static moments about_means(int n, const double *x, const double *y) {
  double mx = rn_mean_of(n, x), my = rn_mean_of(n, y);
  moments m = {0, 0, 0};
  for (int i = 0; i < n; i++) {
    double dx = x[i] - mx, dy = y[i] - my;
    m.xx += dx * dx, m.xy += dx * dy, m.yy += dy * dy;
  }
  return m;
}

double rn_spearman(int n, const double *x, const double *y) {
  for (int i = 0; i < n; i++) if (isnan(x[i]) || isnan(y[i])) return NAN;
  if (n < 2) return NAN;
  double *rank = rn_new((size_t)n * 2 * sizeof *rank);
  ranks(n, x, rank), ranks(n, y, rank + n);
  moments m = about_means(n, rank, rank + n);
  rn_free(rank);
  return m.xx > 0 && m.yy > 0 ? m.xy / sqrt(m.xx * m.yy) : NAN;
}

double rn_slope(int n, const double *x, const double *y) {
  if (n < 2) return NAN;
  moments m = about_means(n, x, y);
  return m.xx > 0 ? m.xy / m.xx : NAN;
}

double rn_log_log_slope(int n, const double *x, const double *y) {
  double *l = rn_new((size_t)n * 2 * sizeof *l);
  bool positive = true;
  for (int i = 0; i < n; i++) positive &= x[i] > 0 && y[i] > 0, l[i] = log(x[i]), l[n + i] = log(y[i]);
  double slope = positive ? rn_slope(n, l, l + n) : NAN;
  rn_free(l);
  return slope;
}
