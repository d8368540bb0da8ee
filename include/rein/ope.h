/* ope.h - how good is a policy that was never run, judged from a log of another's episodes. Two policies can be judged: the system as it
 * acts in evaluations, and the samples of its stochastic policy pi. They differ, so each figure says whose it is.
 *
 *   fqe      fitted Q evaluation (Le, Voloshin & Yue 2019, arXiv:1903.08738) of the act in RN_EVALUATE: Q(s, a) = r + gamma live Q(s', a'),
 *            the value is Q(s0, a0) averaged over the starts of the complete episodes. The first member of the ensemble is fitted on the
 *            log, each other on its own bootstrap of the episodes (Hao et al. 2021, arXiv:2102.03607); the interval is +- t sd of these,
 *            so it holds the fit's uncertainty and the starts'. live is 0 at a true end only: time limits bootstrap. An end after so many steps
 *            that observations don't show is seen as a chance of ending in each of them.
 *   sampled  the same of the samples of pi; choices enter by their probabilities, others by draws.
 *   wis      weighted importance sampling over whole episodes, of the samples of pi; percentile bootstrap over episodes. It ends where the
 *            log's episodes end. The behaviour's log-probabilities are the log's column behaviour_logp (in the units of pi's actions,
 *            [-1, 1]), else those of a model fitted by maximum likelihood. An effective size near 1 says that the figure is one
 *            episode's, and then its interval is far too narrow.
 * All are discounted returns from the start, in rewards of scaling's scale and bias. Complete episodes ended or were truncated; others serve
 * the fit alone. Needs no environment; the same order gives the same bits. */
#ifndef REIN_OPE_H
#define REIN_OPE_H
#include "rein/stats.h"
#include "rein/system.h"

typedef struct {
  const rn_system *system; const void *self;   // its act in RN_EVALUATE, without memory
  const rn_policy *pi;                         // whose samples; NULL, or a class without log-probabilities: no wis, no sampled
  const rn_table *log;                         // episodes; held out, better than those trained on
  const rn_world *world;                       // of the log
  const rn_scaling *scaling;                   // as in training
  double gamma;                                // 1 only where no episode is truncated
  uint64_t seed;
  int updates, batch, members, fit;            // of fqe (0: 10,000 of 256, 10 members); updates of the behaviour's model (0: 4,000)
  double lr;                                   // 0: 1e-3
  const char *hidden;                          // layers of both nets; NULL: 64x64
} rn_ope_order;

typedef struct {
  rn_interval fqe, sampled, wis, behaviour;    // behaviour: mean discounted return of the log's episodes; NAN where there is none
  double effective;                            // sample size of wis, of `episodes`
  double cut;                                  // mean weight gamma^T of what lies behind an episode's time limit, 0 for a true end
  int64_t episodes;                            // complete ones
  bool fitted;                                 // the behaviour's log-probabilities are a model's
} rn_ope;
/* Fails when the log has no complete episode, a column is missing or the policy can't be asked row by row (memory). */
bool rn_ope_estimate(const rn_ope_order *o, rn_ope *out, rn_error *err);
#endif
