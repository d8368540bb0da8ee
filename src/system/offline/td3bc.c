/* system/offline/td3bc.c - TD3 that is held near the log by imitating it.
 * Source   Fujimoto & Gu 2021, arXiv:2106.06860: actor loss -lambda Q(s, pi(s)) + (pi(s) - a)^2, lambda = alpha / mean |Q|
 * Nets     as learn/td3.c */
#include "../system.h"

typedef struct { double gamma, tau, lr, noise, clip, alpha; int delay, offline, online; rn_td3 core; } td3bc;

static const rn_option options[] = {
  RN_COMMON(td3bc, gamma, tau, lr),
  RN_OPTION(td3bc, alpha, 2.5, 0, 1000, "weight of the value against imitation; 0 imitates only"),
  RN_OPTION(td3bc, noise, 0.2, 0, 1, "deviation of the noise on the target's action"),
  RN_OPTION(td3bc, clip, 0.5, 0, 2, "largest noise on the target's action"),
  RN_OPTION(td3bc, delay, 2, 1, 100, "critic updates for each actor update"),
  RN_COMMON(td3bc, offline, online), {0}};
static const rn_need needs[] = {{"data", RN_SLOT_SOURCE, 0, "logged transitions"}, {"pi", RN_SLOT_CLASS, RN_IS_DETERMINISTIC | RN_CAN_REPARAM, "the value is climbed through the action", .house = "deterministic"}, {0}};

static bool build(void *self, rn_run *run, rn_error *err) {
  td3bc *o = self;
  (void)err;
  rn_td3_build(&o->core, run, "", &(rn_td3_options){o->gamma, o->tau, o->lr, o->noise, o->clip, o->delay});
  return true;
}

static void update(const void *self, const rn_batch *b) {
  const td3bc *o = self;
  rn_td3_critic(&o->core, b);
  if ((b->update + 1) % o->delay) return;
  if (o->alpha > 0) rn_td3_actor(&o->core, b, o->alpha, b->act);
  else rn_step(o->core.opt_pi, rn_mse(rn_policy_mode(o->core.pi, rn_view_obs(b)), b->act));
}

static const rn_phase phases[] = {{"offline", offsetof(td3bc, offline), .rows = update, .no_env = true}, {"online", offsetof(td3bc, online), .rows = update}, {0}};

static void act(const void *self, const rn_obs *in, rn_action *out) {            // explores with N(0, 0.1^2) while fine-tuning
  rn_node *a = rn_policy_mode(((const td3bc *)self)->core.pi, rn_view_in(in));
  out->act = in->mode == RN_COLLECT ? rn_add(a, rn_scale(rn_normal(rn_graph_of(a), rn_rows(a), rn_cols(a)), 0.1)) : a;
}

const rn_system rn_td3bc_system = {.name = "td3bc", .paper = "arXiv:2106.06860", .summary = "TD3 with behaviour cloning", .self = sizeof(td3bc), .options = options,
                                   .needs = needs, .phases = phases, .settings = "normalise=data", .build = build, .act = act};
