/* policy/table.c - softmax over a row of logits for each state: a table where observations are one-hot, a linear softmax elsewhere.
 * Slice w [obs, actions], zero at first: the uniform policy. Parameters are exactly theta(s, a). */
#include "classes.h"

static rn_net *build(rn_run *run, const char *name, const rn_shape *s) {
  RN_CHECK(s->discrete > 0, "softmax-table needs discrete actions");
  rn_slice_spec w = {.name = "w", .rows = s->in, .cols = s->discrete, .init = RN_ZERO};
  return rn_block_new(run, name, 1, &w);
}

static rn_node *logits(const rn_policy *p, rn_view v) {                        // [n, actions]; -1e9 where not legal
  return rn_allowed(rn_matmul(v.obs, rn_leaf(rn_graph_of(v.obs), p->net, 0), RN_NN), v);
}

static rn_node *fit(const rn_policy *p, rn_view v, rn_node *act) { return rn_neg(rn_choice_log_prob(p, v, act)); }

const rn_class rn_class_table = {
  .name = "softmax-table", .summary = "softmax over a row of logits for each state of a one-hot observation",
  .can = RN_CAN_SAMPLE | RN_CAN_LOGP | RN_CAN_FIT | RN_CAN_LOGITS | RN_CAN_ENTROPY | RN_CAN_DISCRETE, .build = build, .mode = rn_choice_mode, .sample = rn_choice_sample,
  .log_prob = rn_choice_log_prob, .entropy = rn_choice_entropy, .fit = fit, .logits = logits};
