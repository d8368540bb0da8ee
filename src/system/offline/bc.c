/* system/offline/bc.c - behaviour cloning: the policy imitates the log. With `sampler: top` it is 10 % behaviour cloning.
 * Source   the loss is the policy class's own (rn_policy_fit); defaults of the field: 256x256, Adam 3e-4, states standardised
 * Nets     pi: any class that can fit actions */
#include "../system.h"

typedef struct { double lr; int offline; rn_policy *pi; rn_optim *opt; } bc;

static const rn_option options[] = {RN_COMMON(bc, lr, offline), {0}};
static const rn_need needs[] = {{"data", RN_SLOT_SOURCE, 0, "logged observations and actions"}, {"pi", RN_SLOT_CLASS, RN_CAN_FIT, "imitation"}, {0}};

static bool build(void *self, rn_run *run, rn_error *err) {
  bc *o = self;
  (void)err;
  o->pi = rn_policy_new(run, "pi", rn_act_count(rn_world_of(run, NULL)) ? "categorical" : "gaussian", RN_CAN_FIT, NULL);
  o->opt = rn_adam(run, rn_policy_net(o->pi), o->lr);
  return true;
}

static void update(const void *self, const rn_batch *b) {
  const bc *o = self;
  rn_step(o->opt, rn_policy_fit(o->pi, rn_view_obs(b), b->act, NULL));
}

static const rn_phase phases[] = {{"offline", offsetof(bc, offline), .rows = update, .no_env = true}, {0}};
static void act(const void *self, const rn_obs *in, rn_action *out) { rn_policy_act(((const bc *)self)->pi, in, out); }

const rn_system rn_bc_system = {.name = "bc", .paper = "Pomerleau 1988", .summary = "behaviour cloning", .self = sizeof(bc), .options = options, .needs = needs,
                                .phases = phases, .settings = "normalise=data", .build = build, .act = act};
