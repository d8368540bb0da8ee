/* learn/gauge.c - exact figures of a policy gradient on a table: the gap to the optimum and the error of the direction. */
#include "rein/ascent.h"

enum { MARKS = 6, FIRST = 500 };                               // trajectories 500, 2,000, 8,000, ..., 512,000
struct rn_gauge { const rn_mdp *mdp; rn_net *net; double *gap, *error, *theta, *gradient, *work, best, stationary; };   // gap [MARKS]; error: sum, count

/* The best deterministic stationary policy, by trying all; NAN where they are too many. What a table of logits can come near to. */
static double best_stationary(const rn_mdp *m, double *pi) {
  double many = pow(m->A, m->S), best = -INFINITY;
  for (long code = 0; many <= 1e5 && code < (long)many; code++) {
    long c = code;
    memset(pi, 0, (size_t)m->S * m->A * sizeof *pi);
    for (int s = 0; s < m->S; s++, c /= m->A) pi[s * m->A + c % m->A] = 1;
    best = fmax(best, rn_mdp_value(m, pi, NULL, NULL));
  }
  return many <= 1e5 ? best : NAN;
}

rn_gauge *rn_gauge_new(rn_run *run, rn_net *net) {
  rn_error err = {0};
  const rn_mdp *m = rn_mdp_of(run, &err);
  if (!m || rn_net_count(net) != (size_t)m->S * m->A) return NULL;
  rn_range *memory = rn_run_range(run);
  size_t sa = rn_net_count(net) * sizeof(double);
  rn_gauge *g = rn_take(memory, sizeof *g);
  *g = (rn_gauge){m, net, rn_state(run, RN_F64, MARKS, "gauge.gap"), rn_state(run, RN_F64, 2, "gauge.error"), rn_take(memory, sa),
                  rn_take(memory, sa), rn_take(memory, rn_mdp_gradient_room(m) * sizeof(double)), rn_mdp_best(m, NULL, NULL, NULL), 0};
  g->stationary = best_stationary(m, g->gradient);
  return g;
}

static double value(const rn_gauge *g, double *gradient) {
  for (size_t i = 0; i < rn_net_count(g->net); i++) g->theta[i] = rn_values(g->net)[i];
  return rn_mdp_gradient_in(g->mdp, g->theta, gradient, NULL, NULL, g->work);
}

void rn_gauge_direction(const rn_gauge *g, const rn_real *d, long update, long updates) {
  if (!g || update < updates / 2) return;
  double sum = 0;
  value(g, g->gradient);
  for (size_t i = 0; i < rn_net_count(g->net); i++) sum += (d[i] - g->gradient[i]) * (d[i] - g->gradient[i]);
  g->error[0] += sum, g->error[1] += 1;
}

void rn_gauge_policy(const rn_gauge *g, long before, long after) {
  long mark = FIRST;
  for (int k = 0; g && k < MARKS; k++, mark *= 4) if (before < mark && after >= mark) g->gap[k] = g->best - value(g, NULL);
}

void rn_gauge_say(const rn_gauge *g, rn_report *out) {
  static const char *const name[MARKS] = {"gap_500", "gap_2000", "gap_8000", "gap_32000", "gap_128000", "gap_512000"};
  if (!g) return;
  rn_say(out, "gap", g->best - value(g, NULL), NAN, NAN);
  rn_say(out, "best_stationary_gap", g->best - g->stationary, NAN, NAN);
  for (int k = 0; k < MARKS; k++) if (g->gap[k] > 0) rn_say(out, name[k], g->gap[k], NAN, NAN);
  if (g->error[1] > 0) rn_say(out, "direction_error", g->error[0] / g->error[1], NAN, NAN);
}
