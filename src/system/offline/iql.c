/* system/offline/iql.c - implicit Q-learning: learns from a fixed dataset without ever valuing an action outside it.
 * Source   Kostrikov, Nair & Levine 2021, arXiv:2110.06169, eq. 5-7; defaults and order of steps: authors' code
 * Nets     q: 2 members, [obs+act] -> [1]    v: [obs] -> [1]    pi: any class that can fit weighted actions */
#include "../system.h"

typedef struct {
  double gamma, tau, lr, expectile, beta, cap; int offline, online; bool cosine;  // options: filled from the recipe before build
  rn_policy *pi; rn_net *q, *target, *v;                                        // target is a slow copy of q
  rn_optim *opt_q, *opt_v, *opt_pi;
} iql;

static const rn_option options[] = {                                            // default, least, most, meaning: recipe, help, schema, docs
  RN_COMMON(iql, gamma, tau, lr),
  RN_OPTION(iql, expectile, 0.7, 0.5, 1, "expectile of V; the paper uses 0.9 for mazes"),
  RN_OPTION(iql, beta, 3, 0, 1000, "inverse temperature of the policy's weights; 10 for mazes"),
  RN_OPTION(iql, cap, 100, 1, 1e6, "largest of those weights"),
  RN_OPTION(iql, cosine, 1, 0, 1, "the policy's rate falls to 0 over the offline updates, as the authors'; constant online"),
  RN_COMMON(iql, offline, online), {0}};

static const rn_need needs[] = {{"data", RN_SLOT_SOURCE, 0, "logged transitions"},
                                {"pi", RN_SLOT_CLASS, RN_CAN_FIT, "weighted imitation"}, {0}};

static bool build(void *self, rn_run *run, rn_error *err) {
  iql *o = self;
  (void)err;
  o->pi = rn_policy_new(run, "pi", rn_act_count(rn_world_of(run, NULL)) ? "categorical" : "gaussian", RN_CAN_FIT, NULL);
  o->q = rn_critics_new(run, "q", 2), o->target = rn_copy(run, o->q, "target"), o->v = rn_value_new(run, "v");
  o->opt_q = rn_adam(run, o->q, o->lr), o->opt_v = rn_adam(run, o->v, o->lr), o->opt_pi = rn_adam(run, rn_policy_net(o->pi), o->lr);
  return true;
}

static void update(const iql *o, const rn_batch *b, double rate) {
  // eq. 5: V is drawn to the upper expectile of the target Q over the dataset's actions
  rn_node *q = rn_detach(rn_min_all(rn_critics(o->target, b->obs, b->act)));                       // [B, 1]
  rn_step(o->opt_v, rn_mean(rn_expectile(rn_sub(q, rn_value(o->v, b->obs)), o->expectile)));

  // eq. 7: the policy imitates the dataset, each action weighted by its exponentiated advantage under the new V
  rn_node *weight = rn_advantage_weight(rn_sub(q, rn_value(o->v, b->obs)), o->beta, o->cap);       // [B, 1]
  rn_step_at(o->opt_pi, rn_policy_fit(o->pi, rn_view_obs(b), b->act, weight), rate * o->lr);

  // eq. 6: Q is regressed on r + gamma live V(s'); live is 0 at a true end only, so time limits bootstrap
  rn_node *y = rn_td_target(b->reward, b->live, rn_value(o->v, b->next), o->gamma);
  rn_step(o->opt_q, rn_td_loss(rn_critics(o->q, b->obs, b->act), y));                              // both members
  rn_move(o->target, o->q, o->tau);
}

static void offline(const void *self, const rn_batch *b) {
  const iql *o = self;
  update(o, b, o->cosine ? rn_cosine(b->update, b->updates) : 1);
}
static void online(const void *self, const rn_batch *b) { update(self, b, 1); }

static const rn_phase phases[] = {{"offline", offsetof(iql, offline), .rows = offline, .no_env = true},
                                  {"online", offsetof(iql, online), .rows = online}, {0}};

static void act(const void *self, const rn_obs *in, rn_action *out) {                              // [n, obs] -> [n, act]
  rn_policy_act(((const iql *)self)->pi, in, out);
}

const rn_system rn_iql_system = {.name = "iql", .paper = "arXiv:2110.06169", .summary = "implicit Q-learning", .self = sizeof(iql), .options = options,
                                 .needs = needs, .phases = phases, .settings = "normalise=data", .build = build, .act = act};
