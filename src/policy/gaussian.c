/* policy/gaussian.c - Gaussian policies.
 * gaussian   mean tanh of a perceptron, standard deviation a parameter of its own (clipped to e^-5 .. e^2), density not squashed; samples are
 *            clipped where they are executed. Source: Kostrikov et al. 2021 (IQL), Fujimoto's BC
 * squashed   a = tanh(u), u Gaussian with mean and deviation from one perceptron (e^-20 .. e^2). Source: Haarnoja et al. 2018 (SAC) */
#include "classes.h"

static const double LOG_2PI = 1.8378770664093453, LOG_2 = 0.6931471805599453;

rn_node *rn_gaussian_logp(rn_node *x, rn_node *mean, rn_node *log_std) {
  rn_node *z = rn_mul(rn_sub(x, mean), rn_exp(rn_neg(log_std)));
  return rn_sum_cols(rn_sub(rn_affine(rn_square(z), -0.5, -0.5 * LOG_2PI), log_std));
}

rn_node *rn_tanh_log_slope(rn_node *u) {                        // 2 (log 2 - u - softplus(-2 u))
  return rn_affine(rn_add(u, rn_softplus(rn_scale(u, -2))), -2, 2 * LOG_2);
}

//---- a standard deviation of its own ---------------------------------------------------------------------------------------------------

static rn_slice_spec log_std_slice(int act) { return (rn_slice_spec){.name = "log_std", .cols = act, .init = RN_ZERO}; }

static rn_net *gaussian_build(rn_run *run, const char *name, const rn_shape *s) {
  rn_mlp_shape shape = rn_mlp_shape_of(run, name, rn_mlp_house());
  rn_slice_spec more = log_std_slice(s->act);
  return rn_mlp_new(run, name, 0, s->in, s->act, &shape, 1, &more);
}

static rn_node *log_std_of(const rn_policy *p, rn_graph *g) { return rn_clamp(rn_mlp_extra(g, p->net, 0), -5, 2); }
static rn_node *gaussian_mode(const rn_policy *p, rn_view v) { return rn_tanh(rn_mlp(p->net, v.obs)); }

static rn_node *gaussian_sample(const rn_policy *p, rn_view v, rn_node **logp) {
  rn_graph *g = rn_graph_of(v.obs);
  rn_node *mean = gaussian_mode(p, v), *log_std = log_std_of(p, g);
  rn_node *a = rn_add(mean, rn_mul(rn_exp(log_std), rn_normal(g, rn_rows(mean), rn_cols(mean))));
  if (logp) *logp = rn_gaussian_logp(a, mean, log_std);
  return a;
}

static rn_node *gaussian_logp(const rn_policy *p, rn_view v, rn_node *act) {
  return rn_gaussian_logp(act, gaussian_mode(p, v), log_std_of(p, rn_graph_of(v.obs)));
}

static rn_node *gaussian_entropy(const rn_policy *p, rn_view v) {                // the same for all rows
  rn_node *h = rn_sum_cols(rn_shift(log_std_of(p, rn_graph_of(v.obs)), 0.5 + 0.5 * LOG_2PI));
  return rn_spread(h, (int[]){1, 1, rn_rows(v.obs), 1});
}

static rn_node *gaussian_fit(const rn_policy *p, rn_view v, rn_node *act) {
  return rn_neg(rn_gaussian_logp(act, rn_tanh(rn_mlp_update(p->net, v.obs)), log_std_of(p, rn_graph_of(v.obs))));
}

static rn_node *gaussian_score(const rn_policy *p, rn_view v, rn_node *act) {    // (mean - a) / std^2
  return rn_mul(rn_sub(gaussian_mode(p, v), act), rn_exp(rn_scale(log_std_of(p, rn_graph_of(v.obs)), -2)));
}

const rn_class rn_class_gaussian = {
  .name = "gaussian", .summary = "Gaussian around tanh of a perceptron, one deviation for all observations",
  .can = RN_CAN_SAMPLE | RN_CAN_LOGP | RN_CAN_REPARAM | RN_CAN_FIT | RN_CAN_SCORE | RN_CAN_ENTROPY | RN_CAN_BOX, .build = gaussian_build,
  .mode = gaussian_mode, .sample = gaussian_sample, .log_prob = gaussian_logp, .entropy = gaussian_entropy, .fit = gaussian_fit, .score = gaussian_score};

//---- squashed ------------------------------------------------------------------------------------------------------------------------------

static rn_net *squashed_build(rn_run *run, const char *name, const rn_shape *s) {
  rn_mlp_shape shape = rn_mlp_shape_of(run, name, rn_mlp_house());
  return rn_mlp_new(run, name, 0, s->in, 2 * s->act, &shape, 0, NULL);
}

static void heads(const rn_policy *p, rn_node *out, rn_node **mean, rn_node **log_std) {
  *mean = rn_cols_of(out, 0, p->shape.act), *log_std = rn_clamp(rn_cols_of(out, p->shape.act, p->shape.act), -20, 2);
}

static rn_node *squashed_mode(const rn_policy *p, rn_view v) { return rn_tanh(rn_cols_of(rn_mlp(p->net, v.obs), 0, p->shape.act)); }

static rn_node *squashed_sample(const rn_policy *p, rn_view v, rn_node **logp) {
  rn_node *mean, *log_std, *noise = rn_normal(rn_graph_of(v.obs), rn_rows(v.obs), p->shape.act);
  heads(p, rn_mlp(p->net, v.obs), &mean, &log_std);
  rn_node *u = rn_add(mean, rn_mul(rn_exp(log_std), noise));
  if (logp) {                                                   // with (u - mean) / std = noise, whose gradient is 0 by the reparameterisation
    rn_node *gauss = rn_sub(rn_affine(rn_square(noise), -0.5, -0.5 * LOG_2PI), log_std);
    *logp = rn_sum_cols(rn_sub(gauss, rn_tanh_log_slope(u)));
  }
  return rn_tanh(u);
}

// log p of given actions, which are drawn in from the bounds first: atanh of +-1 is infinite
static rn_node *squashed_density(const rn_policy *p, rn_node *out, rn_node *act) {
  rn_node *mean, *log_std;
  heads(p, out, &mean, &log_std);
  rn_node *a = rn_clamp(act, -1 + 1e-5, 1 - 1e-5);
  rn_node *u = rn_scale(rn_log(rn_div(rn_shift(a, 1), rn_affine(a, -1, 1))), 0.5);
  return rn_sub(rn_gaussian_logp(u, mean, log_std), rn_sum_cols(rn_tanh_log_slope(u)));
}
static rn_node *squashed_logp(const rn_policy *p, rn_view v, rn_node *act) { return squashed_density(p, rn_mlp(p->net, v.obs), act); }
static rn_node *squashed_fit(const rn_policy *p, rn_view v, rn_node *act) { return rn_neg(squashed_density(p, rn_mlp_update(p->net, v.obs), act)); }

static rn_node *squashed_score(const rn_policy *p, rn_view v, rn_node *act) {
  rn_node *a = rn_detach(act);
  return rn_grad(rn_sum(squashed_logp(p, v, a)), a);
}

const rn_class rn_class_squashed = {
  .name = "squashed-gaussian", .summary = "tanh of a Gaussian whose mean and deviation depend on the observation",
  .can = RN_CAN_SAMPLE | RN_CAN_LOGP | RN_CAN_REPARAM | RN_CAN_FIT | RN_CAN_SCORE | RN_CAN_BOX, .build = squashed_build, .mode = squashed_mode,
  .sample = squashed_sample, .log_prob = squashed_logp, .fit = squashed_fit, .score = squashed_score};
