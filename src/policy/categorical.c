/* policy/categorical.c - a choice among finitely many actions, logits from a perceptron; forbidden actions get probability 0. */
#include "classes.h"

int *rn_choices(rn_graph *g, const rn_node *act) {
  int n = rn_rows(act), *index = rn_scratch_bytes(g, (size_t)n * sizeof *index);
  rn_real *x = rn_scratch(g, rn_count(act));
  RN_CHECK(rn_cols(act) == 1, "a choice has one column, not %d", rn_cols(act));
  rn_read(act, x);
  for (int i = 0; i < n; i++) index[i] = (int)x[i];
  return index;
}

static rn_net *build(rn_run *run, const char *name, const rn_shape *s) {
  rn_mlp_shape shape = rn_mlp_shape_of(run, name, rn_mlp_house());
  RN_CHECK(s->discrete > 0, "categorical needs discrete actions");
  return rn_mlp_new(run, name, 0, s->in, s->discrete, &shape, 0, NULL);
}

rn_node *rn_allowed(rn_node *logits, rn_view v) {           // -1e9 where not legal
  return v.legal ? rn_add(logits, rn_affine(v.legal, 1e9, -1e9)) : logits;
}
static rn_node *logits(const rn_policy *p, rn_view v) { return rn_allowed(rn_mlp(p->net, v.obs), v); }

static rn_node *chosen(rn_graph *g, const rn_node *scores) {        // the first column with the largest score, as a number in one column
  int n = rn_rows(scores), k = rn_cols(scores);
  rn_real *x = rn_scratch(g, rn_count(scores)), *best = rn_scratch(g, (size_t)n);
  rn_read(scores, x);
  for (int i = 0; i < n; i++) {
    int at = 0;
    for (int j = 1; j < k; j++) if (x[(size_t)i * k + j] > x[(size_t)i * k + at]) at = j;
    best[i] = (rn_real)at;
  }
  return rn_constant(g, n, 1, best);
}

rn_node *rn_choice_mode(const rn_policy *p, rn_view v) { return chosen(rn_graph_of(v.obs), p->kind->logits(p, v)); }

// the largest of log p + Gumbel noise has law p: one uniform number a column, no running sum whose rounding could miss the last column
static rn_node *chosen_at_random(rn_graph *g, rn_node *lp) {
  return chosen(g, rn_sub(lp, rn_log(rn_neg(rn_log(rn_uniform_node(g, rn_rows(lp), rn_cols(lp)))))));
}

rn_node *rn_choice_sample(const rn_policy *p, rn_view v, rn_node **logp) {
  rn_graph *g = rn_graph_of(v.obs);
  rn_node *lp = rn_log_softmax(p->kind->logits(p, v)), *a = chosen_at_random(g, lp);
  if (logp) *logp = rn_pick(lp, rn_choices(g, a));
  return a;
}

rn_node *rn_choice_log_prob(const rn_policy *p, rn_view v, rn_node *act) {
  return rn_pick(rn_log_softmax(p->kind->logits(p, v)), rn_choices(rn_graph_of(v.obs), act));
}

rn_node *rn_choice_entropy(const rn_policy *p, rn_view v) {
  rn_node *lp = rn_log_softmax(p->kind->logits(p, v));
  return rn_neg(rn_sum_cols(rn_mul(rn_exp(lp), lp)));
}

static rn_node *fit(const rn_policy *p, rn_view v, rn_node *act) {
  rn_node *lp = rn_log_softmax(rn_allowed(rn_mlp_update(p->net, v.obs), v));
  return rn_neg(rn_pick(lp, rn_choices(rn_graph_of(v.obs), act)));
}

const rn_class rn_class_categorical = {
  .name = "categorical", .summary = "a choice among finitely many actions, logits from a perceptron",
  .can = RN_CAN_SAMPLE | RN_CAN_LOGP | RN_CAN_FIT | RN_CAN_LOGITS | RN_CAN_ENTROPY | RN_CAN_DISCRETE, .build = build, .mode = rn_choice_mode, .sample = rn_choice_sample,
  .log_prob = rn_choice_log_prob, .entropy = rn_choice_entropy, .fit = fit, .logits = logits};
