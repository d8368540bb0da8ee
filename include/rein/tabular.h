/* tabular.h - small Markov decision problems as dense tables in double, and what can be computed of them exactly; preference matrices.
 *
 * Finite horizon (H > 0): J = E sum_{h<H} gamma^h r_h. Discounted (H = 0): J = E sum_h gamma^h r_h for ever; gamma = 1 is allowed only
 * where every policy ends with probability 1. Policies are stationary: pi [S, A], rows sum to 1. A state with `end` ends the episode
 * when it is entered: nothing follows, its value is 0. */
#ifndef REIN_TABULAR_H
#define REIN_TABULAR_H
#include "rein/base.h"
#include "rein/env.h"

//---- decision problems -----------------------------------------------------------------------------------------------------------

typedef struct {
  int S, A, H;                 // states, actions, horizon (0: none)
  double gamma;
  double *P, *R, *start;       // [S, A, S] [S, A] (expected) [S]
  double *R3;                  // [S, A, S] reward of the realised next state; NULL: R
  uint8_t *end;                // [S]
} rn_mdp;
rn_mdp *rn_mdp_new(int S, int A, int H, double gamma);       // all zero
/* S029's instances: P(.|s, a) ~ Dirichlet(.3, ..., .3), R = U^3, uniform start, gamma .95; `seed` names the instance. */
rn_mdp *rn_mdp_random(int S, int A, int H, uint64_t seed);
/* A JSON object: {"P": [S][A][S], "R": [S][A] or [S][A][S], "start": [S] (default: uniform), "horizon": H or "gamma": g, "end": [states]}. */
rn_mdp *rn_mdp_load(const char *path, rn_error *err);
/* What follows "mdp:" in a recipe: "random(S,A,H,seed)" or a file. NULL: err says why. */
rn_mdp *rn_mdp_named(const char *name, rn_error *err);
/* Rows of P and start become sums of 1 to the last bit where they are within 1e-9 of it; anything else is refused with its place. */
bool rn_mdp_check(rn_mdp *m, const char *where, rn_error *err);
void rn_mdp_free(rn_mdp *m);
/* The next state and the reward of one step. */
int rn_mdp_step(const rn_mdp *m, int s, int a, rn_key *key, double *reward);
int rn_mdp_start(const rn_mdp *m, rn_key *key);

extern const rn_env_kind rn_mdp_env;                         // the environment "mdp:..."

/* J of pi. V [S], Q [S, A]: from step 0 on; either may be NULL. */
double rn_mdp_value(const rn_mdp *m, const double *pi, double *V, double *Q);
/* occupancy [S, A] = sum_h gamma^h P(s_h = s, a_h = a); sums to (1 - gamma^H)/(1 - gamma) where nothing ends. */
void rn_mdp_occupancy(const rn_mdp *m, const double *pi, double *occupancy);
/* J*: finite horizon: by backward induction, the best policy may depend on the step; discounted: policy iteration, an old action is kept
 * within 1e-12. V [S], Q [S, A], greedy [S] (at step 0) may be NULL. */
double rn_mdp_best(const rn_mdp *m, double *V, double *Q, int *greedy);
/* The same by value iteration, discounted only: |V - V*| <= eps. */
double rn_mdp_value_iteration(const rn_mdp *m, double eps, double *V, double *Q);
/* Entropy-regularised: V = alpha ln sum_a exp(Q/alpha), discounted only, to 1e-12; pi [S, A] = softmax(Q/alpha), Q [S, A]; may be NULL. */
double rn_mdp_soft_best(const rn_mdp *m, double alpha, double *pi, double *Q);

/* A softmax policy by logits theta [S, A]. */
void rn_mdp_softmax(int S, int A, const double *theta, double *pi);
/* J, dJ/dtheta [S, A] and, where u is given, (d2J/dtheta dtheta) u [S, A]. gradient and product may be NULL. */
double rn_mdp_gradient(const rn_mdp *m, const double *theta, double *gradient, const double *u, double *product);
size_t rn_mdp_gradient_room(const rn_mdp *m);                // doubles of `work` for the form that takes no memory of its own
double rn_mdp_gradient_in(const rn_mdp *m, const double *theta, double *gradient, const double *u, double *product, double *work);

//---- preference matrices ---------------------------------------------------------------------------------------------------------

/* [n, n]: the probability that the row beats the column; P + P' = 1 within 1e-9, else refused. Owned by the caller (rn_free).
 * "prefmat:rps" "prefmat:cyc3" "prefmat:rpsls" "prefmat:skew(n,seed)" "prefmat:bt(n,seed)" "prefmat:FILE" (JSON [n][n]). */
double *rn_preferences(const char *name, int *n, rn_error *err);
/* "[0.6, 0.3, 0.1]" or "uniform" (then *n says how many): a distribution, summing to 1 within 1e-9. Owned by the caller. */
double *rn_distribution(const char *text, int *n, rn_error *err);

/* The regularised game  P(pi > pi') - beta KL(pi || ref) + beta KL(pi' || ref):
 * how much the best answer to pi gains: beta ln sum_y ref(y) exp(P(y > pi)/beta) + beta KL(pi || ref) - 1/2. */
double rn_regularised_exploitability(int n, const double *P, const double *ref, double beta, const double *pi);
/* Its only equilibrium, by mirror prox from ref until an iteration moves no log-probability by more than 1e-15 (at most 10^6). */
void rn_regularised_equilibrium(int n, const double *P, const double *ref, double beta, double *pi);
double rn_kl(int n, const double *p, const double *q);                       // sum p ln(p/q); 0 ln 0 = 0
/* One step towards the best answer to `against`, held by ref and by centre (closed form of the prox step):
 * ln out(y) = [ln centre(y)/eta + ln ref(y) + P(y > against)/beta] / (1 + 1/eta) + c. out may be centre or against. */
void rn_prox(int n, const double *P, const double *ref, double beta, double eta, const double *centre, const double *against, double *out);
/* ln out(y) = ln centre(y) + eta P(y > against) + c: the answer to `against`, held by centre alone. out may be any of them. */
void rn_answer(int n, const double *P, double eta, const double *centre, const double *against, double *out);
#endif
