/* ascent.h - what the policy-gradient systems share: directions from trajectories, ascent on raw parameters, and, where the environment
 * is a table, how good the direction and the policy exactly are. */
#ifndef REIN_ASCENT_H
#define REIN_ASCENT_H
#include "rein/system.h"
#include "rein/tabular.h"

/* The table behind env=mdp:..., as long as the run lives; NULL: the environment is none (err says so) or can't be read. */
const rn_mdp *rn_mdp_of(rn_run *run, rn_error *err);

//---- trajectories of a rollout -------------------------------------------------------------------------------------------------------

/* The steps of a rollout of whole episodes, one after the other, without padding. */
typedef struct {
  int n, rows;                     // trajectories; rows
  rn_view view; rn_node *act;      // [rows, obs] [rows, act]
  const int *of;                   // [rows] trajectory of a row
  rn_real *weight;                 // [rows] G_h - b_h, G_h = sum_{i>=h} gamma^i r_i, divided by n
} rn_trajectories;
/* baseline [most] is subtracted by step (NULL: none). */
rn_trajectories rn_trajectories_of(const rn_rollout *r, double gamma, const double *baseline, int most);
/* baseline[h] += (1 - decay) (mean G_h - baseline[h]) over trajectories that reached step h; the first is taken as it is. seen [most]. */
void rn_baseline_follow(const rn_rollout *r, double gamma, double decay, int most, double *baseline, int32_t *seen);

/* out = mean_i [ grad Phi_i (grad L_i . u) + (hess Phi_i) u ],  Phi_i = sum_h weight_h log pi(a_h|s_h),  L_i = sum_h log pi(a_h|s_h): an
 * unbiased estimate of (hess J) u. logp [rows, 1] as nodes of the trajectories' policy, whose block is `net`. */
void rn_hessian_sample(rn_node *logp, const rn_trajectories *t, rn_net *net, const rn_real *u, rn_real *out);

//---- ascent ---------------------------------------------------------------------------------------------------------------------------

/* out = theta + ((1 - eta)/eta) (theta - before); eta = 1: theta, bit for bit. */
void rn_extrapolate(size_t n, double eta, const rn_real *theta, const rn_real *before, rn_real *out);
/* d = (1 - eta) (d + v) + eta g; v NULL: none. */
void rn_follow(size_t n, double eta, const rn_real *g, const rn_real *v, rn_real *d);
/* before = theta; theta += rate d, or rate d/|d| (0/0 is 0). Answers |d|. */
double rn_ascend(size_t n, double rate, bool normalised, const rn_real *d, rn_real *theta, rn_real *before);

//---- exact figures --------------------------------------------------------------------------------------------------------------------

/* How far off: J* - J at 500, 2,000, 8,000, ... trajectories, and the mean of |d - grad J|^2 over the second half of the updates. Everything it
 * remembers is rn_state. NULL unless env=mdp:... and `net` is one table of logits [S, A]. */
typedef struct rn_gauge rn_gauge;
rn_gauge *rn_gauge_new(rn_run *run, rn_net *net);
void rn_gauge_direction(const rn_gauge *m, const rn_real *d, long update, long updates);        // before the step; NULL gauge: nothing
void rn_gauge_policy(const rn_gauge *m, long before, long after);                               // after it: trajectories so far
void rn_gauge_say(const rn_gauge *m, rn_report *out);         // gap, gap_500, ..., best_stationary_gap, direction_error
#endif
