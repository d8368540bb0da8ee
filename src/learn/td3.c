/* learn/td3.c - the twin delayed deterministic core.
 * Source   Fujimoto, van Hoof & Meger 2018, arXiv:1802.09477
 * Nets     pi: deterministic   q: 2 members   both with slow copies */
#include "rein/system.h"

void rn_td3_build(rn_td3 *s, rn_run *run, const char *prefix, const rn_td3_options *o) {
  char name[64];
  s->o = *o;
  snprintf(name, sizeof name, "%spi", prefix);
  s->pi = rn_policy_new(run, name, "deterministic", RN_IS_DETERMINISTIC | RN_CAN_REPARAM, NULL), s->slow = rn_policy_copy(run, s->pi, "target");
  snprintf(name, sizeof name, "%sq", prefix);
  s->q = rn_critics_new(run, name, 2), s->target = rn_copy(run, s->q, "target");
  s->opt_pi = rn_adam(run, rn_policy_net(s->pi), o->lr), s->opt_q = rn_adam(run, s->q, o->lr);
}

void rn_td3_critic(const rn_td3 *s, const rn_batch *b) {
  // a' = clip(pi'(s') + clip(sigma eps, -c, c), -1, 1);  y = r + gamma live min Q'(s', a')
  rn_node *a = rn_policy_mode(s->slow, rn_view_next(b));
  rn_node *noise = rn_clamp(rn_scale(rn_normal(b->g, rn_rows(a), rn_cols(a)), s->o.noise), -s->o.clip, s->o.clip);
  rn_node *v = rn_min_all(rn_critics(s->target, b->next, rn_clamp(rn_add(a, noise), -1, 1)));
  rn_step(s->opt_q, rn_td_loss(rn_critics(s->q, b->obs, b->act), rn_td_target(b->reward, b->live, v, s->o.gamma)));
}

void rn_td3_actor(const rn_td3 *s, const rn_batch *b, double alpha, rn_node *towards) {
  rn_node *a = rn_policy_mode(s->pi, rn_view_obs(b));
  rn_node *q = rn_slice(rn_critics(s->q, b->obs, a), 1, 0, 1), *loss = rn_neg(rn_mean(q));      // the first member
  if (alpha > 0) loss = rn_div(rn_scale(loss, alpha), rn_detach(rn_mean(rn_abs(q))));
  if (towards) loss = rn_add(loss, rn_mse(a, towards));
  rn_step(s->opt_pi, loss);
  rn_move(rn_policy_net(s->slow), rn_policy_net(s->pi), s->o.tau), rn_move(s->target, s->q, s->o.tau);
}
