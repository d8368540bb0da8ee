/* The softmax table: parameters are theta(s, a), samples follow the softmax, gradients are one-hot minus pi. */
#include "rein/policy.h"
#include "test.h"

static rn_policy *made(rn_run *run, int S, int A) {
  rn_world w = {.obs = {RN_BOX, {S}, NULL, NULL}, .act = {RN_DISCRETE, {A}, NULL, NULL}, .seats = 1};
  rn_world_set(run, "env", &w);
  return rn_policy_new(run, "pi", "softmax-table", RN_CAN_LOGP | RN_CAN_SAMPLE | RN_CAN_LOGITS | RN_CAN_ENTROPY, NULL);
}

TEST(log_probabilities_samples_and_gradient_are_the_softmax_s) {
  rn_run *run = rn_run_new(1, 0);
  rn_policy *p = made(run, 2, 3);
  rn_graph *g = rn_graph_new(run, "t", 0);
  rn_graph_begin(g, rn_key_new(1, "t", 0, 0));
  static const rn_real theta[] = {0, 0, 0, 1, 2, 0};
  const double e = exp(1), pi[] = {e / (e + e * e + 1), e * e / (e + e * e + 1), 1 / (e + e * e + 1)};
  CHECK(rn_net_count(p->net) == 6);
  memcpy(rn_values(p->net), theta, sizeof theta), rn_changed(p->net);
  enum { N = 30000 };
  rn_real *obs = rn_scratch(g, 2 * N), *a = rn_scratch(g, N);
  for (int i = 0; i < N; i++) obs[2 * i + 1] = 1;
  rn_node *logp, *act = rn_policy_sample(p, rn_view_of(rn_constant(g, N, 2, obs)), &logp);
  rn_read(act, a);
  double share[3] = {0};
  for (int i = 0; i < N; i++) share[(int)a[i]] += 1.0 / N;
  for (int k = 0; k < 3; k++) CHECK_NEAR(share[k], pi[k], .01, "action %d", k);
  rn_real one[] = {0, 1}, chosen = 1, grad[6];
  rn_node *view = rn_constant(g, 1, 2, one), *lp = rn_policy_logp(p, rn_view_of(view), rn_constant(g, 1, 1, &chosen));
  CHECK_NEAR(rn_scalar(lp), log(pi[1]), 1e-6, "log pi");
  CHECK_NEAR(rn_scalar(rn_policy_mode(p, rn_view_of(view))), 1, 0, "mode");
  CHECK_NEAR(rn_scalar(rn_policy_entropy(p, rn_view_of(view))), -pi[0] * log(pi[0]) - pi[1] * log(pi[1]) - pi[2] * log(pi[2]), 1e-6, "entropy");
  rn_gradient(rn_sum(lp), p->net, grad);
  for (int k = 0; k < 3; k++) { CHECK_NEAR(grad[3 + k], (k == 1) - pi[k], 1e-6, "slope %d", k); CHECK_NEAR(grad[k], 0, 0, "another state"); }
  rn_graph_free(g), rn_run_free(run);
}
