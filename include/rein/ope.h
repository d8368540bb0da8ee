/* ope.h - how good is a policy that was never run, judged from a log of another's episodes.
 *
 *   fqe   fitted Q evaluation (Le, Voloshin & Yue 2019, arXiv:1903.08738): Q(s, a) = r + gamma live Q(s', pi(s')), the policy as it acts in
 *         evaluations; the value is Q(s0, pi(s0)) averaged over the log's starts. Each member of the ensemble is fitted on its own bootstrap
 *         of the episodes; the interval is mean +- t sd of the members, so it holds the fit's uncertainty and the starts'.
 *   wis   weighted importance sampling over whole episodes of the *stochastic* policy pi (log-probabilities), percentile bootstrap over
 *         episodes. The behaviour's log-probabilities are the log's column behaviour_logp (in the units of pi's actions), else those of a
 *         model fitted by maximum likelihood. An effective sample size near 1 says that the figure is one episode's.
 * Both estimate the discounted return from the start. Needs no environment. */
#ifndef REIN_OPE_H
#define REIN_OPE_H
#include "rein/stats.h"
#include "rein/system.h"

typedef struct {
  const rn_system *system; const void *self;   // its act in RN_EVALUATE, without memory
  const rn_policy *pi;                         // whose log-probabilities; NULL, or a class without them: no wis
  const rn_table *log;                         // episodes; held out, better than those trained on
  const rn_world *world;                       // of the log
  const rn_scaling *scaling;                   // as in training
  double gamma;
  uint64_t seed;
  int updates, batch, members, fit;            // of fqe (0: 5,000 of 256, 10 members); updates of the behaviour's model (0: 2,000)
  double lr;                                   // 0: 1e-3
} rn_ope_order;

typedef struct {
  rn_interval fqe, wis, behaviour;             // behaviour: mean discounted return of the log's episodes; NAN where there is none
  double effective;                            // sample size of wis, of `episodes`
  int64_t episodes;                            // that ended or were truncated
  bool fitted;                                 // the behaviour's log-probabilities are a model's
} rn_ope;
bool rn_ope_estimate(const rn_ope_order *o, rn_ope *out, rn_error *err);
#endif
