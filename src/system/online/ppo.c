/* system/online/ppo.c - a face of the proximal policy core, for boxes and choices.
 * Source   Schulman et al. 2017, arXiv:1707.06347; defaults of CleanRL
 * Nets     as learn/ppo.c */
#include "../system.h"
#include <stdlib.h>

typedef struct {
  double gamma, lr, lambda, clip, value, entropy, norm, target_kl;
  int horizon, epochs, minibatch, steps; bool anneal, clip_value, scale_reward;
  rn_ppo core;
} ppo;

static const rn_option options[] = {
  RN_COMMON(ppo, gamma, lr),
  RN_OPTION(ppo, lambda, 0.95, 0, 1, "GAE's trace"),
  RN_OPTION(ppo, clip, 0.2, 0, 10, "the ratio is held within 1 +- this"),
  RN_OPTION(ppo, horizon, 2048, 1, 1e6, "environment steps of each row in a rollout"),
  RN_OPTION(ppo, epochs, 10, 1, 1000, "passes over a rollout"),
  RN_OPTION(ppo, minibatch, 64, 2, 1e6, "rows of a gradient step; what does not fill one is left out"),
  RN_OPTION(ppo, value, 0.5, 0, 100, "weight of the value's loss"),
  RN_OPTION(ppo, entropy, 0, 0, 10, "weight of the policy's entropy; 0.01 is usual for choices"),
  RN_OPTION(ppo, norm, 0.5, 0, 1e6, "longer gradients are shortened to this; 0: never"),
  RN_OPTION(ppo, target_kl, 0, 0, 100, "a rollout's passes end when the policy has moved 1.5 times this; 0: never"),
  RN_OPTION(ppo, anneal, 1, 0, 1, "the rate falls linearly to 0"),
  RN_OPTION(ppo, clip_value, 1, 0, 1, "the value's change is held too"),
  RN_OPTION(ppo, scale_reward, 1, 0, 1, "rewards divided by the running deviation of the return"),
  RN_COMMON(ppo, steps), {0}};
static const rn_need needs[] = {{"env", RN_SLOT_ENV, 0, "fresh episodes"}, {"pi", RN_SLOT_CLASS, RN_CAN_LOGP | RN_CAN_SAMPLE, "ratios of probabilities"}, {0}};

static bool build(void *self, rn_run *run, rn_error *err) {
  ppo *o = self;
  if (o->minibatch > o->horizon * atoi(rn_setting(run, "rows", "1")))
    return rn_fail(err, "minibatch is %d, but a rollout has horizon x rows = %d steps", o->minibatch, o->horizon * atoi(rn_setting(run, "rows", "1")));
  rn_ppo_build(&o->core, run, "", &(rn_ppo_options){o->gamma, o->lambda, o->clip, o->value, o->entropy, o->norm, o->target_kl, o->lr,
                                                   o->epochs, o->minibatch, o->anneal, o->clip_value, o->scale_reward});
  return true;
}

static bool plan(const void *self, rn_graph *g, long update, rn_plan *p, rn_error *err) {
  const ppo *o = self;
  (void)g, (void)update, (void)err;
  *p = (rn_plan){.n = 1, .ask = {{.name = "rollout", .steps = o->horizon}}};
  return true;
}

static void update(const void *self, const rn_rollout *r) { rn_ppo_update(&((const ppo *)self)->core, r); }

static const rn_phase phases[] = {{"online", offsetof(ppo, steps), .plan = plan, .steps = update, .counts_steps = true}, {0}};
static void act(const void *self, const rn_obs *in, rn_action *out) { rn_policy_act(((const ppo *)self)->core.pi, in, out); }

const rn_system rn_ppo_system = {.name = "ppo", .paper = "arXiv:1707.06347", .summary = "proximal policy optimisation", .self = sizeof(ppo), .options = options,
                                 .needs = needs, .phases = phases, .settings = "hidden=64x64 activation=tanh init=orthogonal normalise=running rows=8",
                                 .build = build, .act = act};
