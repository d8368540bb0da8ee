/* system/planner/best_of_n.c - acts by choosing, of n samples of a trained policy, the one that a trained critic values most.
 * Nothing is trained. The first candidate is the policy's mode, so n = 1 is the policy itself.
 * Slots    policy: a run that can sample   critic: a run with the block q (may be the same) */
#include "../system.h"

typedef struct { int n; const rn_policy *pi; rn_net *q; } best;

static const rn_option options[] = {RN_OPTION(best, n, 16, 1, 1024, "candidates for each action"), {0}};
static const rn_need needs[] = {{"policy", RN_SLOT_POLICY, RN_CAN_SAMPLE | RN_CAN_BOX, "candidates"}, {"critic", RN_SLOT_RUN, 0, "the block q"}, {0}};

static bool build(void *self, rn_run *run, rn_error *err) {
  best *o = self;
  o->pi = rn_slot_policy(run, "policy"), o->q = rn_slot_net(run, "critic", "q");
  return o->q || rn_fail(err, "critic: the run has no block q; name a run of iql, td3bc, sac or td3");
}

static void act(const void *self, const rn_obs *in, rn_action *out) {
  const best *o = self;
  rn_view v = rn_view_in(in);
  rn_node *kept = rn_policy_mode(o->pi, v), *value = rn_min_all(rn_critics(o->q, in->obs, kept));      // [n, act] [n, 1]
  for (int k = 1; k < o->n; k++) {
    rn_node *a = rn_clamp(rn_policy_sample(o->pi, v, NULL), -1, 1), *q = rn_min_all(rn_critics(o->q, in->obs, a));
    rn_node *better = rn_step_of(rn_sub(q, value));                                                    // 1 where the new one is strictly better
    kept = rn_add(kept, rn_mul(better, rn_sub(a, kept))), value = rn_max2(value, q);
  }
  out->act = kept;
}

const rn_system rn_best_of_n_system = {.name = "best-of-n", .paper = "", .summary = "planner: the best of n samples of a trained policy by a trained critic", .self = sizeof(best),
                                       .options = options, .needs = needs, .build = build, .act = act};
