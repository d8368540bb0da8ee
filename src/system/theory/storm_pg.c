/* system/theory/storm_pg.c - STORM-PG: recursive momentum that corrects the old direction by importance weights, beside N-PG-IGT and HARPG.
 * Source   Yuan et al. 2020, arXiv:2003.04302
 * Nets     pi: any class with log-probabilities; pi@old: the iterate before
 *   d_0 = mean g over `first` trajectories;  then from `batch` trajectories of pi_theta:
 *   d = (1-eta)(d' - g_w(theta')) + g(theta),  theta += gamma_t d
 *   g_w = sum_k grad log pi_theta'(a_k|s_k) sum_{h>=k} gamma^h w_h r_h,  w_h = prod_{k<=h} pi_theta'(a_k|s_k)/pi_theta(a_k|s_k), |ln w_h| <= 10
 * Differs  gamma_t may fall as 1/sqrt(1 + t/50), as for the systems it is compared with */
#include "rein/system.h"
#include "rein/ascent.h"

typedef struct {
  double gamma, step, eta; int first, batch, updates; bool falling;      // options
  rn_policy *pi, *old; rn_net *net, *old_net; rn_run *run; rn_gauge *gauge;
  rn_real *before, *d; int64_t *t, *clipped; size_t n;
} storm;

static const rn_option options[] = {
  RN_OPTION(storm, gamma, 0.95, 0, 1, "discount"),
  RN_OPTION(storm, updates, 200, 0, 2e9, "of `batch` trajectories each, the first of `first`"),
  RN_OPTION(storm, step, 0.1, 0, 100, "gamma_0"),
  RN_OPTION(storm, falling, 1, 0, 1, "gamma_t = gamma_0/sqrt(1 + t/50) in place of gamma_0"),
  RN_OPTION(storm, eta, 0.9, 1e-6, 1, "share of the new gradient"),
  RN_OPTION(storm, first, 100, 1, 100000, "trajectories of the first direction, at least `batch`"),
  RN_OPTION(storm, batch, 10, 1, 10000, "trajectories of each later one"), {0}};
static const rn_need needs[] = {{"env", RN_SLOT_ENV, 0, "trajectories"},
                                {"pi", RN_SLOT_CLASS, RN_CAN_SAMPLE | RN_CAN_LOGP, "its gradient", .house = "softmax-table"}, {0}};

static bool build(void *self, rn_run *run, rn_error *err) {
  storm *o = self;
  if (o->first < o->batch) return rn_fail(err, "first: %d trajectories are fewer than the batch of %d", o->first, o->batch);
  o->run = run, o->pi = rn_policy_new(run, "pi", "softmax-table", RN_CAN_SAMPLE | RN_CAN_LOGP, NULL), o->old = rn_policy_copy(run, o->pi, "old");
  o->net = rn_policy_net(o->pi), o->old_net = rn_policy_net(o->old), o->n = rn_net_count(o->net), o->gauge = rn_gauge_new(run, o->net);
  o->before = rn_state(run, RN_REAL, o->n, "before"), o->d = rn_state(run, RN_REAL, o->n, "d");
  o->t = rn_state(run, RN_I64, 1, "t"), o->clipped = rn_state(run, RN_I64, 1, "clipped");
  return true;
}

static bool plan(const void *self, rn_graph *g, long update, rn_plan *plan, rn_error *err) {
  const storm *o = self;
  (void)g, (void)err;
  *plan = (rn_plan){.n = 1, .ask = {{.name = "at", .by = o->pi, .episodes = o->batch}}};
  if (update == 0 && o->first > o->batch) plan->ask[plan->n++] = (rn_ask){.name = "first", .by = o->pi, .episodes = o->first - o->batch};
  return true;
}

static void gradient(const storm *o, const rn_rollout *r, double share, rn_real *g) {        // g += share x mean gradient of the rollout
  rn_real *own = rn_scratch(r->g, o->n);
  rn_trajectories t = rn_trajectories_of(r, o->gamma, NULL, 0);
  rn_gradient(rn_dot(rn_policy_logp(o->pi, t.view, t.act), t.weight), o->net, own), rn_add_to(o->n, share, own, g);
}

/* The old policy's gradient on the new trajectories: weights of the reward's past choices, G_k summed from the end. */
static void weighted_gradient(const storm *o, const rn_rollout *r, rn_real *g) {
  rn_trajectories t = rn_trajectories_of(r, o->gamma, NULL, 0);
  rn_node *old = rn_policy_logp(o->old, t.view, t.act), *now = rn_policy_logp(o->pi, t.view, t.act);
  rn_real *a = rn_scratch(r->g, (size_t)t.rows), *b = rn_scratch(r->g, (size_t)t.rows), *G = rn_scratch(r->g, (size_t)t.rows);
  double *paid = rn_scratch_f64(r->g, (size_t)t.rows);                                      // gamma^h w_h r_h / n
  rn_read(old, a), rn_read(now, b);
  double log_w = 0;
  for (int i = 0; i < t.rows; i++) {
    bool last = i + 1 == t.rows || t.of[i + 1] != t.of[i];
    log_w = (i && t.of[i] == t.of[i - 1] ? log_w : 0) + (double)a[i] - b[i];
    double held = fmin(fmax(log_w, -10), 10);
    *o->clipped += held != log_w;
    paid[i] = (t.weight[i] - (last ? 0 : t.weight[i + 1])) * exp(held);                     // weight is G_h/n, so its fall is the reward's share
  }
  for (int i = t.rows - 1; i >= 0; i--) G[i] = (rn_real)(paid[i] + (i + 1 < t.rows && t.of[i + 1] == t.of[i] ? G[i + 1] : 0));
  rn_gradient(rn_dot(old, G), o->old_net, g);
}

static void update(const void *self, const rn_rollout *r) {
  const storm *o = self;
  long used = *o->t ? o->first + (*o->t - 1) * o->batch : 0, more = *o->t ? o->batch : o->first;
  rn_real *g = rn_scratch(r->g, o->n), *v = rn_scratch(r->g, o->n);
  for (const rn_rollout *k = r; k; k = k->also) gradient(o, k, (double)k->n / (double)more, g);
  if (*o->t) weighted_gradient(o, r, v);
  for (size_t i = 0; i < o->n; i++) o->d[i] = *o->t ? (rn_real)((1 - o->eta) * (o->d[i] - v[i]) + g[i]) : g[i];

  rn_gauge_direction(o->gauge, o->d, r->update, r->updates);
  rn_assign(o->old_net, o->net);
  double norm = rn_ascend(o->n, o->step / (o->falling ? sqrt(1 + (double)*o->t / 50) : 1), false, o->d, rn_values(o->net), o->before);
  rn_changed(o->net);
  if (!isfinite(norm)) rn_stop(o->run, RN_NUMBERS, "update %ld: the direction d is not finite", (long)*o->t);
  ++*o->t;
  rn_gauge_policy(o->gauge, used, used + more);
  rn_note(o->run, "direction", norm), rn_note(o->run, "clipped", (double)*o->clipped);
}

static const rn_phase phases[] = {{"train", offsetof(storm, updates), .plan = plan, .steps = update}, {0}};
static bool evaluate(const void *self, rn_report *out, rn_error *err) { return (void)err, rn_gauge_say(((const storm *)self)->gauge, out), true; }
static void act(const void *self, const rn_obs *in, rn_action *out) { rn_policy_act(((const storm *)self)->pi, in, out); }

const rn_system rn_storm_pg_system = {.name = "storm-pg", .paper = "arXiv:2003.04302",
                                      .summary = "policy gradient with recursive momentum and importance weights",
                                      .self = sizeof(storm), .options = options, .needs = needs, .build = build, .phases = phases, .act = act,
                                      .evaluate = evaluate};
