/* policy/deterministic.c - one action for each observation: tanh of a perceptron. */
#include "classes.h"

static rn_net *build(rn_run *run, const char *name, const rn_shape *s) {
  rn_mlp_shape shape = rn_mlp_shape_of(run, name, rn_mlp_house());
  return rn_mlp_new(run, name, 0, s->in, s->act, &shape, 0, NULL);
}

static rn_node *mode(const rn_policy *p, rn_view v) { return rn_tanh(rn_mlp(p->net, v.obs)); }

static rn_node *fit(const rn_policy *p, rn_view v, rn_node *act) {               // the squared distance, mean over the action's entries
  rn_node *d = rn_square(rn_sub(rn_tanh(rn_mlp_update(p->net, v.obs)), act));
  return rn_scale(rn_sum_cols(d), 1.0 / rn_cols(act));
}

const rn_class rn_class_deterministic = {.name = "deterministic", .summary = "one action: tanh of a perceptron", .can = RN_CAN_FIT | RN_IS_DETERMINISTIC | RN_CAN_BOX | RN_CAN_REPARAM,
                                         .build = build, .mode = mode, .fit = fit};
