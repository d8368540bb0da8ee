/* system/theory/pg.c - plain policy gradients from single trajectories: what N-PG-IGT and HARPG are measured against.
 * Source   Williams 1992; Baxter & Bartlett 2001 (GPOMDP); normalised momentum: Cutkosky & Mehta 2020, arXiv:2002.03305
 * Nets     pi: any class with log-probabilities
 * g = sum_h (G_h - b_h) grad log pi(a_h|s_h), averaged over the batch;  d = (1-eta) d' + eta g;  theta += gamma_t d, or gamma_t d/|d|
 *   vanilla: eta 1.   N-PG: eta 1, normalised.   normalised momentum: eta 0 (the schedule), normalised */
#include "rein/system.h"
#include "rein/ascent.h"

typedef struct {
  double gamma, step, eta, power, baseline; int schedule, batch, updates; bool normalised;       // options
  rn_policy *pi; rn_net *net; rn_run *run; rn_gauge *gauge;
  rn_real *before, *d; double *b; int32_t *seen; int64_t *t; size_t n;
} pg;
enum { SQRT, THEORY, CONSTANT, MOST = 1024 };

static const rn_option options[] = {
  RN_OPTION(pg, gamma, 0.95, 0, 1, "discount"),
  RN_OPTION(pg, updates, 1000, 0, 2e9, "of `batch` trajectories each"),
  RN_OPTION(pg, step, 0.1, 0, 100, "gamma_0, the first step's length or factor"),
  RN_CHOICE(pg, schedule, SQRT, "sqrt|theory|constant", "gamma_t: gamma_0/sqrt(1 + t/50), 2 gamma_0/(t + 2), or gamma_0"),
  RN_OPTION(pg, eta, 1, 0, 1, "share of the new gradient: 1 no momentum; 0: the schedule (2/(t+2))^power"),
  RN_OPTION(pg, power, 0.8, 0, 1, "of that schedule"),
  RN_OPTION(pg, normalised, 0, 0, 1, "steps have length gamma_t whatever the gradient's"),
  RN_OPTION(pg, baseline, 0.95, 0, 0.99999, "decay of the running mean of G_h that is subtracted; 0: none"),
  RN_OPTION(pg, batch, 1, 1, 10000, "trajectories of an estimate"), {0}};
static const rn_need needs[] = {{"env", RN_SLOT_ENV, 0, "trajectories"}, {"pi", RN_SLOT_CLASS, RN_CAN_SAMPLE | RN_CAN_LOGP, "its gradient", .house = "softmax-table"}, {0}};

static bool build(void *self, rn_run *run, rn_error *err) {
  pg *o = self;
  (void)err;
  o->run = run, o->pi = rn_policy_new(run, "pi", "softmax-table", RN_CAN_SAMPLE | RN_CAN_LOGP, NULL);
  o->net = rn_policy_net(o->pi), o->n = rn_net_count(o->net), o->gauge = rn_gauge_new(run, o->net);
  o->before = rn_state(run, RN_REAL, o->n, "before"), o->d = rn_state(run, RN_REAL, o->n, "d"), o->t = rn_state(run, RN_I64, 1, "t");
  o->b = rn_state(run, RN_F64, MOST, "baseline"), o->seen = rn_state(run, RN_I32, MOST, "baseline.seen");
  return true;
}

static bool plan(const void *self, rn_graph *g, long update, rn_plan *plan, rn_error *err) {
  const pg *o = self;
  (void)g, (void)update, (void)err;
  *plan = (rn_plan){.n = 1, .ask = {{.name = "at", .by = o->pi, .episodes = o->batch}}};
  return true;
}

static void update(const void *self, const rn_rollout *r) {
  const pg *o = self;
  double t = (double)*o->t, eta = *o->t == 0 ? 1 : o->eta ? o->eta : pow(2 / (t + 2), o->power);
  double rate = o->step * (o->schedule == SQRT ? 1 / sqrt(1 + t / 50) : o->schedule == THEORY ? 2 / (t + 2) : 1);
  rn_real *g = rn_scratch(r->g, o->n);
  rn_trajectories tau = rn_trajectories_of(r, o->gamma, o->baseline ? o->b : NULL, MOST);
  rn_gradient(rn_dot(rn_policy_logp(o->pi, tau.view, tau.act), tau.weight), o->net, g);
  rn_follow(o->n, eta, g, NULL, o->d);

  rn_gauge_direction(o->gauge, o->d, r->update, r->updates);
  double norm = rn_ascend(o->n, rate, o->normalised, o->d, rn_values(o->net), o->before);
  rn_changed(o->net);
  if (!isfinite(norm)) rn_stop(o->run, RN_NUMBERS, "update %ld: the direction d is not finite", (long)*o->t);
  if (o->baseline) rn_baseline_follow(r, o->gamma, o->baseline, MOST, o->b, o->seen);
  ++*o->t;
  rn_gauge_policy(o->gauge, (*o->t - 1) * o->batch, *o->t * o->batch);
  rn_note(o->run, "direction", norm);
}

static const rn_phase phases[] = {{"train", offsetof(pg, updates), .plan = plan, .steps = update}, {0}};
static bool evaluate(const void *self, rn_report *out, rn_error *err) { return (void)err, rn_gauge_say(((const pg *)self)->gauge, out), true; }
static void act(const void *self, const rn_obs *in, rn_action *out) { rn_policy_act(((const pg *)self)->pi, in, out); }

const rn_system rn_pg_system = {.name = "pg", .paper = "doi:10.1007/BF00992696", .summary = "plain policy gradient, optionally normalised and with momentum",
                         .self = sizeof(pg), .options = options, .needs = needs, .build = build, .phases = phases, .act = act, .evaluate = evaluate};
