/* system/theory/harpg.c - N-PG-IGT and (N-)HARPG: policy gradients from one or two trajectories a step, without importance weights.
 * Source   Fatkhullin et al. 2023, arXiv:2302.01734; powers of the schedules from its theory, their constants are ours
 * Nets     pi: any class with log-probabilities; pi@hat: pi at another point near the last two iterates
 * Per trajectory  Phi = sum_h (G_h - b_h) log pi(a_h|s_h), G_h = sum_{i>=h} gamma^i r_i, g = grad Phi, B = grad Phi (grad log p)' + hess Phi.
 *   n-pg-igt    theta~ = theta + ((1-eta)/eta)(theta - theta'), tau ~ pi_theta~;  d = (1-eta) d' + eta g(tau, theta~);  step along d/|d|
 *   harpg       theta^ = q theta + (1-q) theta', q ~ U(0, 1);  tau ~ pi_theta, tau^ ~ pi_theta^;
 *               d = (1-eta)(d' + B(tau^, theta^)(theta - theta')) + eta g(tau, theta);  step along d
 *   n-harpg     the same, along d/|d|
 * Differs  baseline b_h: a running mean of G_h of earlier trajectories, which keeps g and B unbiased; 0 switches it off */
#include "rein/system.h"
#include "rein/ascent.h"

typedef struct {
  double gamma, step, eta, baseline; int schedule, batch, updates;       // options
  rn_policy *pi, *hat; rn_net *net, *hat_net; rn_run *run; rn_gauge *gauge;
  rn_real *before, *d; double *b; int32_t *seen; int64_t *t; size_t n;
} harpg;
enum { SQRT, THEORY, CONSTANT, MOST = 1024 };                            // MOST: steps with a baseline of their own

#define SHARED_OPTIONS \
  RN_OPTION(harpg, gamma, 0.95, 0, 1, "discount"), \
  RN_OPTION(harpg, updates, 1000, 0, 2e9, "of `batch` trajectories each, twice as many for harpg and n-harpg"), \
  RN_OPTION(harpg, step, 0.1, 0, 100, "gamma_0, the first step's length or factor"), \
  RN_CHOICE(harpg, schedule, SQRT, "sqrt|theory|constant", "gamma_t: gamma_0/sqrt(1 + t/50), 2 gamma_0/(t + 2), or gamma_0"), \
  RN_OPTION(harpg, eta, 0, 0, 1, "share of the new gradient; 0: the method's schedule (2/(t+2))^.8, harpg 2/(t+2); the first is 1"), \
  RN_OPTION(harpg, baseline, 0.95, 0, 0.99999, "decay of the running mean of G_h that is subtracted; 0: none"), \
  RN_OPTION(harpg, batch, 1, 1, 10000, "trajectories of an estimate")

static const rn_option options[] = {SHARED_OPTIONS, {0}};
static const rn_need needs[] = {{"env", RN_SLOT_ENV, 0, "trajectories"}, {"pi", RN_SLOT_CLASS, RN_CAN_SAMPLE | RN_CAN_LOGP, "its gradient", .house = "softmax-table"}, {0}};

static bool build(void *self, rn_run *run, rn_error *err) {
  harpg *o = self;
  (void)err;
  o->run = run, o->pi = rn_policy_new(run, "pi", "softmax-table", RN_CAN_SAMPLE | RN_CAN_LOGP, NULL), o->hat = rn_policy_copy(run, o->pi, "hat");
  o->net = rn_policy_net(o->pi), o->hat_net = rn_policy_net(o->hat), o->n = rn_net_count(o->net), o->gauge = rn_gauge_new(run, o->net);
  o->before = rn_state(run, RN_REAL, o->n, "before"), o->d = rn_state(run, RN_REAL, o->n, "d"), o->t = rn_state(run, RN_I64, 1, "t");
  o->b = rn_state(run, RN_F64, MOST, "baseline"), o->seen = rn_state(run, RN_I32, MOST, "baseline.seen");
  return true;
}

static double eta_of(const harpg *o, double power) { return *o->t == 0 ? 1 : o->eta ? o->eta : pow(2.0 / ((double)*o->t + 2), power); }
static double rate_of(const harpg *o) {
  double t = (double)*o->t;
  return o->step * (o->schedule == SQRT ? 1 / sqrt(1 + t / 50) : o->schedule == THEORY ? 2 / (t + 2) : 1);
}

static rn_trajectories weighted(const harpg *o, const rn_rollout *r) { return rn_trajectories_of(r, o->gamma, o->baseline ? o->b : NULL, MOST); }

static void gradient(const rn_policy *p, const rn_trajectories *t, rn_real *g) {
  rn_gradient(rn_dot(rn_policy_logp(p, t->view, t->act), t->weight), rn_policy_net(p), g);
}

/* The end of an update of any of the three: step, baseline, figures. `used`: trajectories so far a step. */
static void move(const harpg *o, const rn_rollout *r, bool normalised, long used) {
  rn_gauge_direction(o->gauge, o->d, r->update, r->updates);
  double norm = rn_ascend(o->n, rate_of(o), normalised, o->d, rn_values(o->net), o->before);
  rn_changed(o->net);
  if (!isfinite(norm)) rn_stop(o->run, RN_NUMBERS, "update %ld: the direction d is not finite", (long)*o->t);
  if (o->baseline) rn_baseline_follow(r, o->gamma, o->baseline, MOST, o->b, o->seen);
  ++*o->t;
  rn_gauge_policy(o->gauge, (*o->t - 1) * used, *o->t * used);
  rn_note(o->run, "direction", norm);
}

//---- n-pg-igt: one trajectory at the extrapolated point --------------------------------------------------------------------------------

static bool plan_igt(const void *self, rn_graph *g, long update, rn_plan *plan, rn_error *err) {
  const harpg *o = self;
  (void)g, (void)update, (void)err;
  rn_extrapolate(o->n, eta_of(o, .8), rn_values(o->net), o->before, rn_values(o->hat_net)), rn_changed(o->hat_net);
  *plan = (rn_plan){.n = 1, .ask = {{.name = "at", .by = o->hat, .episodes = o->batch}}};
  return true;
}

static void update_igt(const void *self, const rn_rollout *r) {
  const harpg *o = self;
  rn_real *g = rn_scratch(r->g, o->n);
  rn_trajectories t = weighted(o, r);
  gradient(o->hat, &t, g);                                                                // g(tau, theta~)
  rn_follow(o->n, eta_of(o, .8), g, NULL, o->d);
  move(o, r, true, o->batch);
}

//---- harpg: one trajectory at theta, one between the last two iterates -------------------------------------------------------------------

static bool plan_two(const void *self, rn_graph *g, long update, rn_plan *plan, rn_error *err) {
  const harpg *o = self;
  (void)g, (void)update, (void)err;
  rn_key key = rn_key_of(o->run, "between", 0, (uint64_t)*o->t);
  rn_lerp(o->n, *o->t ? rn_uniform64(&key) : 1, rn_values(o->net), o->before, rn_values(o->hat_net)), rn_changed(o->hat_net);
  *plan = (rn_plan){.n = 2, .ask = {{.name = "at", .by = o->pi, .episodes = o->batch}, {.name = "hat", .by = o->hat, .episodes = o->batch}}};
  return true;
}

static void update_two(const harpg *o, const rn_rollout *r, bool normalised) {
  rn_real *g = rn_scratch(r->g, o->n), *u = rn_scratch(r->g, o->n), *v = rn_scratch(r->g, o->n);
  rn_trajectories at = weighted(o, r), between = weighted(o, r->also);
  gradient(o->pi, &at, g);                                                                // g(tau, theta)
  if (*o->t) {                                                                            // v = B(tau^, theta^)(theta - theta')
    rn_add_to(o->n, 1, rn_values(o->net), u), rn_add_to(o->n, -1, o->before, u);
    rn_hessian_sample(rn_policy_logp(o->hat, between.view, between.act), &between, o->hat_net, u, v);
  }
  rn_follow(o->n, eta_of(o, 1), g, v, o->d);
  move(o, r, normalised, 2L * o->batch);
}

static void update_harpg(const void *self, const rn_rollout *r) { update_two(self, r, false); }
static void update_n_harpg(const void *self, const rn_rollout *r) { update_two(self, r, true); }

//---- entries ---------------------------------------------------------------------------------------------------------------------------

static bool evaluate(const void *self, rn_report *out, rn_error *err) { return (void)err, rn_gauge_say(((const harpg *)self)->gauge, out), true; }
static void act(const void *self, const rn_obs *in, rn_action *out) { rn_policy_act(((const harpg *)self)->pi, in, out); }

static const rn_phase igt[] = {{"train", offsetof(harpg, updates), .plan = plan_igt, .steps = update_igt}, {0}};
static const rn_phase two[] = {{"train", offsetof(harpg, updates), .plan = plan_two, .steps = update_harpg}, {0}};
static const rn_phase normed[] = {{"train", offsetof(harpg, updates), .plan = plan_two, .steps = update_n_harpg}, {0}};

#define ENTRY(text, what, phase) \
  {.name = text, .paper = "arXiv:2302.01734", .summary = what, .self = sizeof(harpg), .options = options, .needs = needs, .build = build, .phases = phase, \
   .act = act, .evaluate = evaluate}
const rn_system rn_n_pg_igt_system = ENTRY("n-pg-igt", "normalised policy gradient with an extrapolated trajectory: one a step", igt);
const rn_system rn_harpg_system = ENTRY("harpg", "policy gradient with Hessian-aided momentum: two trajectories a step", two);
const rn_system rn_n_harpg_system = ENTRY("n-harpg", "HARPG with steps of a given length", normed);
