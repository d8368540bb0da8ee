/* learn/sac.c - the soft actor-critic core.
 * Source   Haarnoja et al. 2018, arXiv:1812.05905; twin critics, learned temperature (log alpha), target entropy -da
 * Nets     pi: [obs] -> squashed Gaussian   q: 2 members   temp: log of the temperature */
#include "rein/system.h"

void rn_sac_build(rn_sac *s, rn_run *run, const char *prefix, const rn_sac_options *o) {
  char name[64];
  s->o = *o;
  snprintf(name, sizeof name, "%spi", prefix);
  s->pi = rn_policy_new(run, name, "squashed-gaussian", RN_CAN_REPARAM | RN_CAN_LOGP, NULL);
  snprintf(name, sizeof name, "%sq", prefix);
  s->q = rn_critics_new(run, name, 2), s->target = rn_copy(run, s->q, "target");
  snprintf(name, sizeof name, "%stemp", prefix);
  s->temp = rn_block_new(run, name, 1, (rn_slice_spec[]){{.name = "log", .cols = 1, .init = RN_FILL, .gain = (double)rn_log_f32((float)o->temp)}});
  s->opt_pi = rn_adam(run, rn_policy_net(s->pi), o->lr), s->opt_q = rn_adam(run, s->q, o->lr);
  if (!o->fixed_temp) s->opt_temp = rn_adam(run, s->temp, o->lr);
}

static rn_node *temperature(const rn_sac *s, rn_graph *g) { return rn_detach(rn_exp(rn_leaf(g, s->temp, 0))); }

void rn_sac_critic(const rn_sac *s, const rn_batch *b) {
  // y = r + gamma live (min Q'(s', a') - alpha log pi(a' | s')),  a' ~ pi
  rn_node *logp, *a = rn_policy_sample(s->pi, rn_view_next(b), &logp);
  rn_node *v = rn_min_all(rn_critics(s->target, b->next, a));
  if (s->o.entropy_backup) v = rn_sub(v, rn_mul(temperature(s, b->g), logp));
  rn_step(s->opt_q, rn_td_loss(rn_critics(s->q, b->obs, b->act), rn_td_target(b->reward, b->live, v, s->o.gamma)));
  rn_move(s->target, s->q, s->o.tau);
}

void rn_sac_actor(const rn_sac *s, const rn_batch *b) {
  // alpha log pi(a | s) - min Q(s, a) is descended
  rn_node *logp, *a = rn_policy_sample(s->pi, rn_view_obs(b), &logp);
  rn_step(s->opt_pi, rn_mean(rn_sub(rn_mul(temperature(s, b->g), logp), rn_min_all(rn_critics(s->q, b->obs, a)))));
  // the temperature rises while the entropy is below its target
  if (s->opt_temp) rn_step(s->opt_temp, rn_neg(rn_mul(rn_leaf(b->g, s->temp, 0), rn_shift(rn_detach(rn_mean(logp)), s->o.entropy))));
}
