/* system/online/sac.c - a face of the soft actor-critic core.
 * Source   Haarnoja et al. 2018, arXiv:1812.05905
 * Nets     as learn/sac.c */
#include "../system.h"

typedef struct { double gamma, tau, lr, temp, target_entropy; bool fixed_temp, entropy_backup; int start, steps, delay; rn_sac core; } sac;

static const rn_option options[] = {
  RN_COMMON(sac, gamma, tau, lr),
  RN_OPTION(sac, temp, 1, 1e-8, 1e3, "temperature at the start"),
  RN_OPTION(sac, fixed_temp, 0, 0, 1, "the temperature is not learned"),
  RN_OPTION(sac, target_entropy, 0, -1e3, 1e3, "entropy that the temperature holds, in nats; 0: minus the number of action entries"),
  RN_OPTION(sac, entropy_backup, 1, 0, 1, "the target counts the next action's entropy"),
  RN_OPTION(sac, delay, 1, 1, 100, "critic updates for each actor update"),
  RN_OPTION(sac, start, 10000, 0, 1e9, "first environment steps with uniform actions and without updates"),
  RN_COMMON(sac, steps), {0}};
static const rn_need needs[] = {{"env", RN_SLOT_ENV, 0, "fresh transitions"},
                                {"pi", RN_SLOT_CLASS, RN_CAN_REPARAM | RN_CAN_LOGP, "gradients through samples, and their log-probabilities", .house = "squashed-gaussian"}, {0}};

static bool build(void *self, rn_run *run, rn_error *err) {
  sac *o = self;
  (void)err;
  double target = o->target_entropy == 0 ? -rn_act_width(rn_world_of(run, NULL)) : o->target_entropy;
  rn_sac_build(&o->core, run, "", &(rn_sac_options){o->gamma, o->tau, o->lr, target, o->temp, o->entropy_backup, o->fixed_temp});
  return true;
}

static void update(const void *self, const rn_batch *b) {
  const sac *o = self;
  rn_sac_critic(&o->core, b);
  if ((b->update + 1) % o->delay == 0) rn_sac_actor(&o->core, b);
}

static const rn_phase phases[] = {{"warmup", offsetof(sac, start)}, {"online", offsetof(sac, steps), .rows = update, .counts_steps = true}, {0}};

static void act(const void *self, const rn_obs *in, rn_action *out) {
  const sac *o = self;
  int n = rn_rows(in->obs), k = rn_policy_width(o->core.pi);
  if (in->mode == RN_COLLECT && in->step < o->start) out->act = rn_affine(rn_uniform_node(rn_graph_of(in->obs), n, k), 2, -1);
  else rn_policy_act(o->core.pi, in, out);
}

const rn_system rn_sac_system = {.name = "sac", .paper = "arXiv:1812.05905", .summary = "soft actor-critic", .self = sizeof(sac), .options = options,
                                 .needs = needs, .phases = phases, .build = build, .act = act};
