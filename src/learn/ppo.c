/* learn/ppo.c - the proximal policy core.
 * Source   Schulman et al. 2017, arXiv:1707.06347; GAE, details of CleanRL's implementation
 * Nets     pi: any class with log-probabilities   v: [obs] -> [1]
 * Differs  gradients are clipped block by block (CleanRL: actor and critic together); running statistics move once a rollout, not once a step */
#include "rein/system.h"
#include <stdlib.h>

void rn_ppo_build(rn_ppo *s, rn_run *run, const char *prefix, const rn_ppo_options *o) {
  char name[64];
  s->o = *o;
  snprintf(name, sizeof name, "%spi", prefix);
  const char *house = rn_act_count(rn_world_of(run, NULL)) ? "categorical" : "gaussian";
  s->pi = rn_policy_new(run, name, house, RN_CAN_LOGP | RN_CAN_SAMPLE, NULL);
  snprintf(name, sizeof name, "%sv", prefix);
  s->v = rn_value_new(run, name);
  s->opt_pi = rn_adam(run, rn_policy_net(s->pi), o->lr), s->opt_v = rn_adam(run, s->v, o->lr);
  rn_optim_betas(s->opt_pi, 0.9, 0.999, 1e-5), rn_optim_betas(s->opt_v, 0.9, 0.999, 1e-5);
  rn_optim_clip(s->opt_pi, o->norm), rn_optim_clip(s->opt_v, o->norm);
  s->rows = (int)atol(rn_setting(run, "rows", "1"));
  s->returns = rn_state(run, RN_F64, (size_t)s->rows, "%sppo.returns", prefix);      // discounted sums, for the scale of rewards
  s->moments = rn_state(run, RN_F64, 3, "%sppo.moments", prefix);                    // count, mean, sum of squared deviations
}

// rewards divided by the running deviation of the discounted return, at most 10 in size
static const float *rewards_of(const rn_ppo *s, const rn_rollout *r) {
  if (!s->o.scale_reward) return r->reward;
  size_t n = (size_t)r->T * (size_t)r->n;
  float *scaled = rn_scratch_bytes(r->g, n * sizeof *scaled);
  double *m = s->moments;
  RN_CHECK(r->n == s->rows, "a rollout of %d rows, %d were built for", r->n, s->rows);
  for (size_t i = 0; i < n; i++) {
    double *ret = &s->returns[i % (size_t)r->n];
    *ret = s->o.gamma * *ret * (r->first[i] ? 0 : 1) + r->reward[i];
    double d = *ret - m[1];
    m[0] += 1, m[1] += d / m[0], m[2] += d * (*ret - m[1]);       // Welford
  }
  double deviation = sqrt(m[2] / m[0] + 1e-8);
  for (size_t i = 0; i < n; i++) scaled[i] = (float)fmin(fmax(r->reward[i] / deviation, -10), 10);
  return scaled;
}

// V of many rows, in pieces that stay in cache
static void values_of(const rn_ppo *s, rn_graph *g, const float *obs, size_t n, float *out) {
  enum { PIECE = 512 };
  int w = rn_obs_width(rn_world_of(s->pi->run, NULL));
  for (size_t from = 0; from < n; from += PIECE) {
    int m = (int)RN_MIN(n - from, (size_t)PIECE);
    rn_place here = rn_mark(g);
    rn_read_f32(rn_value(s->v, rn_constant_f32(g, m, w, obs + from * (size_t)w)), out + from);
    rn_rewind(g, here);
  }
}

static void shuffle(rn_key key, int n, int *order) {
  for (int i = 0; i < n; i++) order[i] = i;
  for (int i = n - 1; i > 0; i--) {
    int j = (int)rn_below(&key, i + 1), was = order[i];
    order[i] = order[j], order[j] = was;
  }
}

typedef struct { rn_node *obs, *act, *logp, *adv, *ret, *value; } rows;

static rn_node *picked(rn_graph *g, const float *x, int w, int n, const int *order) {
  float *out = rn_scratch_bytes(g, (size_t)n * (size_t)w * sizeof *out);
  for (int i = 0; i < n; i++) memcpy(out + (size_t)i * w, x + (size_t)order[i] * w, (size_t)w * sizeof *out);
  return rn_constant_f32(g, n, w, out);
}

static rn_node *standardised(rn_node *a) {
  rn_node *centred = rn_sub(a, rn_mean(a));
  double n = (double)rn_count(a);
  rn_node *deviation = rn_sqrt(rn_scale(rn_sum(rn_square(centred)), 1 / RN_MAX(n - 1, 1)));
  return rn_div(centred, rn_shift(deviation, 1e-8));
}

// one minibatch; answers the approximate KL between the policy that acted and the present one
static double minibatch(const rn_ppo *s, const rn_rollout *r, const rows *m, double lr) {
  rn_graph *g = r->g;
  rn_view v = rn_view_of(m->obs);
  rn_node *log_ratio = rn_sub(rn_policy_logp(s->pi, v, m->act), m->logp), *ratio = rn_exp(log_ratio);
  double kl = rn_scalar(rn_mean(rn_sub(rn_shift(ratio, -1), log_ratio)));
  if (s->o.target_kl > 0 && kl > 1.5 * s->o.target_kl) return kl;
  rn_node *adv = standardised(m->adv);
  rn_node *gain = rn_min2(rn_mul(ratio, adv), rn_mul(rn_clamp(ratio, 1 - s->o.clip, 1 + s->o.clip), adv));
  rn_node *loss = rn_neg(rn_mean(gain));
  if (s->o.entropy > 0) loss = rn_sub(loss, rn_scale(rn_mean(rn_policy_entropy(s->pi, v)), s->o.entropy));
  rn_step_at(s->opt_pi, loss, lr);

  rn_node *value = rn_value(s->v, m->obs), *error = rn_square(rn_sub(value, m->ret));
  if (s->o.clip_value) {
    rn_node *held = rn_add(m->value, rn_clamp(rn_sub(value, m->value), -s->o.clip, s->o.clip));
    error = rn_max2(error, rn_square(rn_sub(held, m->ret)));
  }
  rn_step_at(s->opt_v, rn_scale(rn_mean(error), 0.5 * s->o.value), lr);
  (void)g;
  return kl;
}

void rn_ppo_update(const rn_ppo *s, const rn_rollout *r) {
  rn_graph *g = r->g;
  int n = r->T * r->n, w = rn_obs_width(rn_world_of(r->run, NULL)), wa = rn_act_width(rn_world_of(r->run, NULL));
  float *value = rn_scratch_bytes(g, (size_t)n * sizeof *value), *next = rn_scratch_bytes(g, (size_t)n * sizeof *next);
  float *adv = rn_scratch_bytes(g, (size_t)n * sizeof *adv), *ret = rn_scratch_bytes(g, (size_t)n * sizeof *ret);
  int *order = rn_scratch_bytes(g, (size_t)n * sizeof *order);
  const float *reward = rewards_of(s, r);
  values_of(s, g, r->obs, (size_t)n, value), values_of(s, g, r->next, (size_t)n, next);
  rn_gae(r->T, r->n, reward, r->live, r->cut, value, next, s->o.gamma, s->o.lambda, adv);
  for (int i = 0; i < n; i++) ret[i] = adv[i] + value[i];

  double lr = s->o.lr * (s->o.anneal ? rn_linear_to_zero(r->update, r->updates) : 1), kl = 0;
  for (int epoch = 0; epoch < s->o.epochs; epoch++) {
    shuffle(rn_key_of(r->run, "ppo.order", (uint64_t)epoch, (uint64_t)r->update), n, order);
    for (int from = 0; from + s->o.minibatch <= n; from += s->o.minibatch) {
      rn_place here = rn_mark(g);
      const int *at = order + from, k = s->o.minibatch;
      rows m = {picked(g, r->obs, w, k, at), picked(g, r->raw, wa, k, at), picked(g, r->logp, 1, k, at),
                picked(g, adv, 1, k, at), picked(g, ret, 1, k, at), picked(g, value, 1, k, at)};
      kl = minibatch(s, r, &m, lr);
      rn_rewind(g, here);
      if (s->o.target_kl > 0 && kl > 1.5 * s->o.target_kl) goto done;
    }
  }
done:
  rn_note((rn_run *)r->run, "kl", kl);
}
