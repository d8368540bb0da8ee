/* system/online/td3.c - a face of the twin delayed deterministic core.
 * Source   Fujimoto, van Hoof & Meger 2018, arXiv:1802.09477; defaults: authors' code
 * Nets     as learn/td3.c */
#include "../system.h"

typedef struct { double gamma, tau, lr, noise, clip, explore; int delay, start, steps, offline; rn_td3 core; } td3;

static const rn_option options[] = {
  RN_COMMON(td3, gamma, tau, lr),
  RN_OPTION(td3, noise, 0.2, 0, 1, "deviation of the noise on the target's action"),
  RN_OPTION(td3, clip, 0.5, 0, 2, "largest noise on the target's action"),
  RN_OPTION(td3, delay, 2, 1, 100, "critic updates for each actor update"),
  RN_OPTION(td3, explore, 0.1, 0, 2, "deviation of the noise on executed actions"),
  RN_OPTION(td3, start, 25000, 0, 1e9, "first environment steps with uniform actions and without updates"),
  RN_COMMON(td3, steps),
  RN_OPTION(td3, offline, 0, 0, 2e9, "updates on a log before any environment step: the unconstrained reference of offline methods"), {0}};
static const rn_need needs[] = {{"env", RN_SLOT_ENV, 0, "fresh transitions", true}, {"data", RN_SLOT_SOURCE, 0, "a log", true},
                                {"pi", RN_SLOT_CLASS, RN_IS_DETERMINISTIC | RN_CAN_REPARAM, "the value is climbed through the action", .house = "deterministic"}, {0}};

static bool build(void *self, rn_run *run, rn_error *err) {
  td3 *o = self;
  (void)err;
  rn_td3_build(&o->core, run, "", &(rn_td3_options){o->gamma, o->tau, o->lr, o->noise, o->clip, o->delay});
  return true;
}

static void update(const void *self, const rn_batch *b) {
  const td3 *o = self;
  rn_td3_critic(&o->core, b);
  if ((b->update + 1) % o->delay == 0) rn_td3_actor(&o->core, b, 0, NULL);
}

static const rn_phase phases[] = {{"offline", offsetof(td3, offline), .rows = update, .no_env = true},
                                  {"warmup", offsetof(td3, start)},
                                  {"online", offsetof(td3, steps), .rows = update, .counts_steps = true}, {0}};

static void act(const void *self, const rn_obs *in, rn_action *out) {
  const td3 *o = self;
  rn_graph *g = rn_graph_of(in->obs);
  int n = rn_rows(in->obs), k = rn_policy_width(o->core.pi);
  if (in->mode == RN_COLLECT && in->step < o->start) { out->act = rn_affine(rn_uniform_node(g, n, k), 2, -1); return; }
  rn_node *a = rn_policy_mode(o->core.pi, rn_view_in(in));
  out->act = in->mode == RN_COLLECT ? rn_add(a, rn_scale(rn_normal(g, n, k), o->explore)) : a;
}

const rn_system rn_td3_system = {.name = "td3", .paper = "arXiv:1802.09477", .summary = "twin delayed deterministic policy gradient", .self = sizeof(td3),
                                 .options = options, .needs = needs, .phases = phases, .build = build, .act = act};
