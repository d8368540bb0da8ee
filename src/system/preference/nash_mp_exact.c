/* system/preference/nash_mp_exact.c - Nash mirror prox on a preference matrix: the last iterate converges linearly.
 * Source   Tiapkin et al. 2025, arXiv:2505.19731 (eta = 2 beta: from the stated rate); Nash-MD: Munos et al. 2024, arXiv:2312.00886
 * Game     P(pi > pi') - beta KL(pi || ref) + beta KL(pi' || ref), with one equilibrium pi*
 * Step against an opponent o:  ln p(y) = [ln p_k(y)/eta + ln ref(y) + P(y > o)/beta] / (1 + 1/eta) + c      (rn_prox)
 *   mirror-prox     twice from the same centre p_k: against p_k, then against the half step; KL(pi*||p_k) <= KL(pi*||ref) (1+2 beta)^-k
 *   mirror-descent  once, against p_k
 *   nash-md         m = p_k^(1 - eta beta) ref^(eta beta) / Z;  ln p_{k+1} = ln m + eta P(. > m) + c
 * Differs  pi* comes from mirror prox itself, iterated to 1e-15 and checked by its exploitability */
#include "rein/system.h"
#include "rein/tabular.h"

typedef struct {
  double beta, eta; int method, iterations;                    // options
  const double *P, *ref; double *star, *p, *excess; int n; rn_run *run;   // star: pi*; excess: largest KL(pi*||p_k) over its bound so far
} mp;
enum { PROX, DESCENT, NASH_MD };

static const rn_option options[] = {
  RN_OPTION(mp, beta, 0.1, 1e-6, 1e3, "weight of the divergence to the reference"),
  RN_OPTION(mp, eta, 0, 0, 1e6, "step; 0: 2 beta, and 2/(beta (k+2)), k = 1, 2, ..., for nash-md"),
  RN_CHOICE(mp, method, PROX, "mirror-prox|mirror-descent|nash-md", "two steps from one centre, one step, or one from the mixture with the reference"),
  RN_OPTION(mp, iterations, 300, 1, 1e6, "of two queries each for mirror-prox, of one for the others"), {0}};

static const rn_need needs[] = {{"judge", RN_SLOT_JUDGE, 0, "a matrix: row beats column"},
                                {"reference", RN_SLOT_JUDGE, 0, "a distribution, none of it 0"}, {0}};

static bool find_equilibrium(mp *o, rn_error *err) {
  o->star = rn_take(rn_run_range(o->run), (size_t)o->n * sizeof *o->star);
  rn_regularised_equilibrium(o->n, o->P, o->ref, o->beta, o->star);
  double left = rn_regularised_exploitability(o->n, o->P, o->ref, o->beta, o->star);
  return left < 1e-9 || rn_fail_as(err, RN_NUMBERS, "the equilibrium at beta %g is exploitable by %g: not found to 1e-9", o->beta, left);
}

static bool build(void *self, rn_run *run, rn_error *err) {
  mp *o = self;
  int m = 0;
  o->run = run, o->P = rn_matrix(run, "judge", &o->n), o->ref = rn_matrix(run, "reference", &m);
  if (rn_stopped(run)) return rn_fail(err, "%s", rn_stopped(run)->text);
  if (!o->P) return rn_fail(err, "judge: none given; write slots.judge=prefmat:rps");
  if (!o->ref) return rn_fail(err, "reference: none given; write slots.reference=uniform, or a list of %d probabilities", o->n);
  if (m != o->n) return rn_fail(err, "the judge has %d actions, the reference %d", o->n, m);
  for (int y = 0; y < m; y++) if (o->ref[y] <= 0) return rn_fail(err, "reference: entry %d is 0, so that action can never be played", y);
  if (o->method == NASH_MD && o->eta * o->beta >= 1) return rn_fail(err, "eta %g: nash-md needs eta beta below 1 (beta %g)", o->eta, o->beta);
  o->p = rn_state(run, RN_F64, (size_t)o->n, "p"), o->excess = rn_state(run, RN_F64, 1, "excess");
  return find_equilibrium(o, err);
}

static void enter(const void *self) {
  const mp *o = self;
  memcpy(o->p, o->ref, (size_t)o->n * sizeof *o->p), *o->excess = -INFINITY;
}

static void nash_md(const mp *o, rn_graph *g, double eta) {
  double *m = rn_scratch_f64(g, o->n), share = eta * o->beta, sum = 0;
  for (int y = 0; y < o->n; y++) sum += m[y] = rn_exp_f64((1 - share) * rn_log_f64(o->p[y]) + share * rn_log_f64(o->ref[y]));
  for (int y = 0; y < o->n; y++) m[y] /= sum;
  rn_answer(o->n, o->P, eta, m, m, o->p);
}

/* How far KL(pi* || p_k) lies over KL(pi* || ref) (1 + 2 beta)^-k. */
static void hold_to_bound(const mp *o, long k) {
  double distance = rn_kl(o->n, o->star, o->p), bound = rn_kl(o->n, o->star, o->ref) * pow(1 + 2 * o->beta, (double)-k);
  *o->excess = fmax(*o->excess, distance - bound);
  rn_note(o->run, "kl_equilibrium", distance);
}

static bool iterate(const void *self, rn_graph *g, long k) {
  const mp *o = self;
  double *half = rn_scratch_f64(g, o->n), eta = o->eta ? o->eta : o->method == NASH_MD ? 2 / (o->beta * ((double)k + 3)) : 2 * o->beta;
  if (o->method == PROX) rn_prox(o->n, o->P, o->ref, o->beta, eta, o->p, o->p, half), rn_prox(o->n, o->P, o->ref, o->beta, eta, o->p, half, o->p);
  if (o->method == DESCENT) rn_prox(o->n, o->P, o->ref, o->beta, eta, o->p, o->p, o->p);
  if (o->method == NASH_MD) nash_md(o, g, eta);
  hold_to_bound(o, k + 1);
  return false;                                                // the phase's length ends it
}

static bool evaluate(const void *self, rn_report *out, rn_error *err) {
  const mp *o = self;
  (void)err;
  rn_say(out, "kl_equilibrium", rn_kl(o->n, o->star, o->p), NAN, NAN);
  rn_say(out, "bound_excess", *o->excess, NAN, NAN);           // at most 0 where the bound held at every iterate
  rn_say(out, "exploitability", rn_regularised_exploitability(o->n, o->P, o->ref, o->beta, o->p), NAN, NAN);
  rn_say(out, "kl_reference", rn_kl(o->n, o->p, o->ref), NAN, NAN);
  return true;
}

static const rn_phase phases[] = {{.name = "solve", .length = offsetof(mp, iterations), .enter = enter, .alone = iterate, .no_env = true}, {0}};
const rn_system rn_nash_mp_exact_system = {.name = "nash-mp/exact", .paper = "arXiv:2505.19731",
                                    .summary = "Nash mirror prox on a preference matrix, with mirror descent and Nash-MD beside it", .self = sizeof(mp),
                                    .options = options, .needs = needs, .build = build, .phases = phases, .evaluate = evaluate};
