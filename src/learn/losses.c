/* learn/losses.c - targets, losses and returns that systems share. */
#include "rein/system.h"
#undef rn_td_loss
#undef rn_sub
#undef rn_add
#undef rn_mul

rn_node *rn_td_loss(rn_node *q, rn_node *y) {                    // sum over members of the mean over rows
  return rn_scale(rn_sum(rn_square(rn_sub(q, y))), 1.0 / rn_dim(q, 2));
}

rn_node *rn_td_target(rn_node *reward, rn_node *live, rn_node *value, double gamma) {
  return rn_detach(rn_add(reward, rn_scale(rn_mul(live, value), gamma)));
}

rn_node *rn_mse(rn_node *a, rn_node *b) { return rn_mean(rn_square(rn_sub(a, b))); }

rn_node *rn_advantage_weight(rn_node *adv, double beta, double cap) { return rn_detach(rn_clamp(rn_exp(rn_scale(adv, beta)), 0, cap)); }

void rn_gae(int T, int n, const float *reward, const float *live, const uint8_t *cut, const float *value, const float *next_value, double gamma,
            double lambda, float *advantage) {
  for (int i = 0; i < n; i++) {
    double carry = 0;
    for (int t = T - 1; t >= 0; t--) {
      size_t at = (size_t)t * n + i;
      double delta = reward[at] + gamma * live[at] * next_value[at] - value[at];
      bool ends = live[at] == 0 || cut[at];
      carry = delta + (ends ? 0 : gamma * lambda * carry);
      advantage[at] = (float)carry;
    }
  }
}

void rn_returns_from_start(const rn_rollout *r, double gamma, rn_real *G) {
  int T = r->length ? r->length[0] : r->T;
  double total = 0;
  for (int h = T - 1; h >= 0; h--) G[h] = (rn_real)(total += pow(gamma, h) * r->reward[(size_t)h * r->n]);
}
