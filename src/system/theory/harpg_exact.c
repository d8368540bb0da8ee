/* system/theory/harpg_exact.c - HARPG without sampling: the exact gradient and Hessian of a table in place of trajectories.
 * Source   Fatkhullin et al. 2023, arXiv:2302.01734; the sampled form is harpg.c
 * Nets     pi: a table of logits
 *   d = (1-eta)(d' + hess J(theta^)(theta - theta')) + eta grad J(theta),  theta^ = q theta + (1-q) theta', q ~ U(0, 1) */
#include "rein/system.h"
#include "rein/ascent.h"

typedef struct {
  double step, eta; int updates; bool normalised;                        // options
  rn_policy *pi; rn_net *net; rn_run *run; rn_gauge *gauge; const rn_mdp *mdp;
  double *theta, *before, *d, *work; int64_t *t; size_t n;
} exact;

static const rn_option options[] = {
  RN_OPTION(exact, updates, 1000, 0, 2e9, "of the exact ascent"),
  RN_OPTION(exact, step, 0.1, 0, 100, "gamma_0 of gamma_t = gamma_0/sqrt(1 + t/50)"),
  RN_OPTION(exact, eta, 0, 0, 1, "share of the new gradient; 0: 2/(t+2); the first is 1"),
  RN_OPTION(exact, normalised, 1, 0, 1, "steps have length gamma_t"), {0}};
static const rn_need needs[] = {{"env", RN_SLOT_ENV, 0, "a table: mdp:random(S,A,H,seed) or mdp:FILE"}, {0}};

static bool build(void *self, rn_run *run, rn_error *err) {
  exact *o = self;
  if (!(o->mdp = rn_mdp_of(run, err))) return false;
  o->run = run, o->n = (size_t)o->mdp->S * o->mdp->A, o->pi = rn_policy_new(run, "pi", "softmax-table", RN_CAN_LOGITS, NULL);
  o->net = rn_policy_net(o->pi), o->gauge = rn_gauge_new(run, o->net);
  if (!o->gauge) return rn_fail(err, "policy: harpg/exact needs softmax-table, one logit for each state and action");
  o->theta = rn_state(run, RN_F64, o->n, "theta"), o->before = rn_state(run, RN_F64, o->n, "before"), o->d = rn_state(run, RN_F64, o->n, "d");
  o->t = rn_state(run, RN_I64, 1, "t"), o->work = rn_take(rn_run_range(run), rn_mdp_gradient_room(o->mdp) * sizeof *o->work);
  return true;
}

static bool iterate(const void *self, rn_graph *graph, long k) {
  const exact *o = self;
  size_t n = o->n;
  double *g = rn_scratch_f64(graph, n), *hat = rn_scratch_f64(graph, n), *u = rn_scratch_f64(graph, n), *v = rn_scratch_f64(graph, n), norm = 0;
  double t = (double)*o->t, eta = *o->t == 0 ? 1 : o->eta ? o->eta : 2 / (t + 2), rate = o->step / sqrt(1 + t / 50);
  rn_key key = rn_key_of(o->run, "between", 0, (uint64_t)*o->t);
  double q = rn_uniform64(&key);
  (void)k;
  for (size_t i = 0; i < n; i++) hat[i] = q * o->theta[i] + (1 - q) * o->before[i], u[i] = o->theta[i] - o->before[i];
  if (*o->t) rn_mdp_gradient_in(o->mdp, hat, NULL, u, v, o->work);                          // hess J(theta^)(theta - theta')
  rn_note(o->run, "J", rn_mdp_gradient_in(o->mdp, o->theta, g, NULL, NULL, o->work));
  for (size_t i = 0; i < n; i++) o->d[i] = (1 - eta) * (o->d[i] + v[i]) + eta * g[i], norm += o->d[i] * o->d[i];
  if (o->normalised) rate = norm > 0 ? rate / sqrt(norm) : 0;
  for (size_t i = 0; i < n; i++) {
    o->before[i] = o->theta[i], o->theta[i] += rate * o->d[i];
    rn_values(o->net)[i] = (rn_real)o->theta[i];
  }
  rn_changed(o->net), ++*o->t;
  return false;
}

static const rn_phase phases[] = {{.name = "solve", .length = offsetof(exact, updates), .alone = iterate, .no_env = true}, {0}};
static bool evaluate(const void *self, rn_report *out, rn_error *err) { return (void)err, rn_gauge_say(((const exact *)self)->gauge, out), true; }
static void act(const void *self, const rn_obs *in, rn_action *out) { rn_policy_act(((const exact *)self)->pi, in, out); }

const rn_system rn_harpg_exact_system = {.name = "harpg/exact", .paper = "arXiv:2302.01734", .summary = "HARPG with exact gradients and Hessians of a table",
                                  .self = sizeof(exact), .options = options, .needs = needs, .build = build, .phases = phases, .act = act,
                                  .evaluate = evaluate};
