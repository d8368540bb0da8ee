/* policy/table.c - softmax over a row of logits for each state: a table where observations are one-hot, a linear softmax elsewhere.
 * Slice w [obs, actions], zero at first: the uniform policy. Parameters are exactly theta(s, a). */
#include "classes.h"

static rn_net *build(rn_run *run, const char *name, const rn_shape *s) {
  RN_CHECK(s->discrete > 0, "softmax-table needs discrete actions");
  rn_slice_spec w = {.name = "w", .rows = s->in, .cols = s->discrete, .init = RN_ZERO};
  return rn_block_new(run, name, 1, &w);
}

static rn_node *logits(const rn_policy *p, rn_view v) {                        // [n, actions]; -1e9 where not legal
  rn_node *z = rn_matmul(v.obs, rn_leaf(rn_graph_of(v.obs), p->net, 0), RN_NN);
  return v.legal ? rn_add(z, rn_affine(v.legal, 1e9, -1e9)) : z;
}

static rn_node *mode(const rn_policy *p, rn_view v) { return rn_chosen(rn_graph_of(v.obs), logits(p, v)); }

static rn_node *sample(const rn_policy *p, rn_view v, rn_node **logp) {
  rn_graph *g = rn_graph_of(v.obs);
  rn_node *lp = rn_log_softmax(logits(p, v)), *a = rn_chosen_at_random(g, lp);
  if (logp) *logp = rn_pick(lp, rn_choices(g, a));
  return a;
}

static rn_node *log_prob(const rn_policy *p, rn_view v, rn_node *act) {
  return rn_pick(rn_log_softmax(logits(p, v)), rn_choices(rn_graph_of(v.obs), act));
}

static rn_node *entropy(const rn_policy *p, rn_view v) {
  rn_node *lp = rn_log_softmax(logits(p, v));
  return rn_neg(rn_sum_cols(rn_mul(rn_exp(lp), lp)));
}

static rn_node *fit(const rn_policy *p, rn_view v, rn_node *act) { return rn_neg(log_prob(p, v, act)); }

const rn_class rn_class_table = {
  .name = "softmax-table", .summary = "softmax over a row of logits for each state of a one-hot observation",
  .can = RN_CAN_SAMPLE | RN_CAN_LOGP | RN_CAN_FIT | RN_CAN_LOGITS | RN_CAN_ENTROPY | RN_CAN_DISCRETE, .build = build, .mode = mode, .sample = sample,
  .log_prob = log_prob, .entropy = entropy, .fit = fit, .logits = logits};
