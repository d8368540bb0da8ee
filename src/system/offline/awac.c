/* system/offline/awac.c - advantage-weighted actor-critic: imitates the log's actions weighted by their advantage over the policy's own.
 * Source   Nair et al. 2020, arXiv:2006.09359; defaults and order of steps: CORL's awac
 * Nets     q: 2 members    pi: any class that can sample and fit weighted actions (3 hidden layers)
 * Differs  the Gaussian's mean is tanh of its head (CORL: linear, samples clamped) */
#include "../system.h"

typedef struct {
  double gamma, tau, lr, lambda, cap; int offline, online;
  rn_policy *pi; rn_net *q, *target; rn_optim *opt_pi, *opt_q;
} awac;

static const rn_option options[] = {
  RN_COMMON(awac, gamma, tau, lr),
  RN_OPTION(awac, lambda, 1, 1e-6, 1e6, "temperature of the weights; large imitates all alike. Locomotion 0.3333, mazes 0.1"),
  RN_OPTION(awac, cap, 100, 1, 1e6, "largest of those weights"),
  RN_COMMON(awac, offline, online), {0}};

static const rn_need needs[] = {{"data", RN_SLOT_SOURCE, 0, "logged transitions"},
                                {"pi", RN_SLOT_CLASS, RN_CAN_FIT | RN_CAN_SAMPLE, "weighted imitation, and samples to compare with"}, {0}};

static bool build(void *self, rn_run *run, rn_error *err) {
  awac *o = self;
  (void)err;
  o->pi = rn_policy_new(run, "pi", rn_act_count(rn_world_of(run, NULL)) ? "categorical" : "gaussian", RN_CAN_FIT | RN_CAN_SAMPLE, NULL);
  o->q = rn_critics_new(run, "q", 2), o->target = rn_copy(run, o->q, "target");
  o->opt_q = rn_adam(run, o->q, o->lr), o->opt_pi = rn_adam(run, rn_policy_net(o->pi), o->lr);
  return true;
}

static void update(const void *self, const rn_batch *b) {
  const awac *o = self;
  // Q is regressed on r + gamma live min Q'(s', a'),  a' ~ pi(s')
  rn_node *next = rn_policy_sample(o->pi, rn_view_next(b), NULL);
  rn_node *y = rn_td_target(b->reward, b->live, rn_min_all(rn_critics(o->target, b->next, next)), o->gamma);
  rn_step(o->opt_q, rn_td_loss(rn_critics(o->q, b->obs, b->act), y));

  // the log's actions, each weighted by exp(A / lambda),  A = min Q(s, a) - min Q(s, a_pi),  a_pi ~ pi(s)
  rn_node *own = rn_policy_sample(o->pi, rn_view_obs(b), NULL);
  rn_node *adv = rn_sub(rn_min_all(rn_critics(o->q, b->obs, b->act)), rn_min_all(rn_critics(o->q, b->obs, own)));
  rn_step(o->opt_pi, rn_policy_fit(o->pi, rn_view_obs(b), b->act, rn_advantage_weight(adv, 1 / o->lambda, o->cap)));
  rn_move(o->target, o->q, o->tau);
}

static const rn_phase phases[] = {{"offline", offsetof(awac, offline), .rows = update, .no_env = true}, {"online", offsetof(awac, online), .rows = update}, {0}};
static void act(const void *self, const rn_obs *in, rn_action *out) { rn_policy_act(((const awac *)self)->pi, in, out); }

const rn_system rn_awac_system = {.name = "awac", .paper = "arXiv:2006.09359", .summary = "advantage-weighted actor-critic", .self = sizeof(awac), .options = options,
                                  .needs = needs, .phases = phases, .settings = "normalise=data hidden=256x256x256", .build = build, .act = act};
