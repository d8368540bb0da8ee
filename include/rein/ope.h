/* ope.h - what a policy would have earned, from a log of other policies' episodes alone. (Written on branch `ope`.)
 *
 * A target policy is a function that gives, for rows of observations as the system sees them, an action and, where it can, the
 * log-probability of given actions. */
#ifndef REIN_OPE_H
#define REIN_OPE_H
#include "rein/stats.h"
#include "rein/system.h"

/* The policy that is judged. act: [n, obs] -> [n, act] in the policies' units (draws allowed); logp: NULL when it has none. */
typedef struct {
  void *context;
  rn_node *(*act)(void *context, rn_node *obs);
  rn_node *(*logp)(void *context, rn_node *obs, rn_node *act);       // [n, 1]
} rn_target;
typedef struct { double gamma; int updates, batch; double lr; int resamples; uint64_t seed; } rn_ope_options;   // 0: the house's
typedef struct { rn_interval value; double effective; int episodes; const char *warning; } rn_estimate;

/* Fitted Q evaluation (Le, Voloshin & Yue 2019): Q by regression on r + gamma live Q'(s', pi(s')), value = mean Q(s_0, pi(s_0)) over the
 * episodes' first rows, bootstrap over episodes. The net's block is made in `run` under "fqe". */
bool rn_fqe(rn_run *run, rn_graph *g, const rn_table *log, const rn_scaling *scaling, const rn_target *pi, const rn_ope_options *o, rn_estimate *out,
            rn_error *err);
/* Weighted importance sampling over episodes; behaviour log-probabilities from the column "behaviour_logp", else from a Gaussian (a
 * categorical) behaviour model fitted to the log by maximum likelihood, block "behaviour". */
bool rn_wis_of(rn_run *run, rn_graph *g, const rn_table *log, const rn_scaling *scaling, const rn_target *pi, const rn_ope_options *o, rn_estimate *out,
               rn_error *err);
#endif
