/* stats/weights.c - weighted samples: effective size, weighted importance sampling over episodes (Precup, Sutton & Singh 2000). */
#include "rein/stats.h"
#include <math.h>

double rn_effective_size(int n, const double *w) {
  double sum = 0, squares = 0;
  for (int i = 0; i < n; i++) sum += w[i], squares += w[i] * w[i];
  return squares > 0 ? sum * sum / squares : 0;
}

typedef struct { const double *log_weight, *g; } episodes;

static double ratio(int n, const int *pick, const episodes *e, double *ess) {
  double largest = -INFINITY, w = 0, ww = 0, wg = 0;
  for (int i = 0; i < n; i++) largest = fmax(largest, e->log_weight[pick ? pick[i] : i]);
  if (largest == -INFINITY) return *ess = 0, NAN;
  for (int i = 0; i < n; i++) {
    int k = pick ? pick[i] : i;
    double v = exp(e->log_weight[k] - largest);
    w += v, ww += v * v, wg += v ? v * e->g[k] : 0;
  }
  *ess = w * w / ww;
  return wg / w;
}

static double drawn(int n, const int *pick, const void *data, double *work) { return ratio(n, pick, data, work); }

double rn_wis(int n, const double *log_weight, const double *g, double *ess) {
  double own;
  return ratio(n, NULL, &(episodes){log_weight, g}, ess ? ess : &own);
}

rn_interval rn_wis_interval(int n, const double *log_weight, const double *g, const rn_boot *how, double *ess) {
  rn_wis(n, log_weight, g, ess);
  return rn_bootstrap(1, &n, drawn, &(episodes){log_weight, g}, how);
}
