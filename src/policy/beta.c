/* policy/beta.c - Beta policies: actions that have bounds, a density that ends there.
 * x = (a + 1) / 2 has the law Beta(alpha, beta) in each column, with alpha = 1 + p, beta = 1 + q, p and q softplus of a perceptron's two
 * heads: above 1 the density has one peak, inside. Samples are ratios of two gamma variates and carry no gradient.
 * Source   Chou, Maturana & Scherer 2017 (Beta policy); Marsaglia & Tsang 2000, "A simple method for generating gamma variables" */
#include "classes.h"

enum { TRIES = 8 };                // of a gamma variate; each fails with probability under 0.05, so all with less than 4e-11
static const double EDGE = 1e-6;   // log-probabilities stay this far from the bounds, where they may be infinite
static const double LOG_2 = 0.6931471805599453;

static rn_net *build(rn_run *run, const char *name, const rn_shape *s) {
  rn_mlp_shape shape = rn_mlp_shape_of(run, name, rn_mlp_house());
  return rn_mlp_new(run, name, 0, s->in, 2 * s->act, &shape, 0, NULL);
}

// alpha - 1 and beta - 1
typedef struct { rn_node *p, *q; } heads;
static heads heads_of(const rn_policy *p, rn_node *out) {
  int k = p->shape.act;
  return (heads){rn_softplus(rn_cols_of(out, 0, k)), rn_softplus(rn_cols_of(out, k, k))};
}

// log B(alpha, beta)
static rn_node *log_beta(heads h) {
  rn_node *both = rn_lgamma(rn_shift(rn_add(h.p, h.q), 2));
  return rn_sub(rn_add(rn_lgamma(rn_shift(h.p, 1)), rn_lgamma(rn_shift(h.q, 1))), both);
}

static rn_node *inside(rn_node *act) { return rn_clamp(rn_affine(act, 0.5, 0.5), EDGE, 1 - EDGE); }        // x

// log p(a) = (alpha - 1) log x + (beta - 1) log(1 - x) - log B - log 2, the last for da = 2 dx
static rn_node *density(heads h, rn_node *act) {
  rn_node *x = inside(act);
  rn_node *shape = rn_add(rn_mul(h.p, rn_log(x)), rn_mul(h.q, rn_log(rn_affine(x, -1, 1))));
  return rn_sum_cols(rn_shift(rn_sub(shape, log_beta(h)), -LOG_2));
}

// Marsaglia & Tsang: d (1 + c z)^3 is accepted where log u < z^2 / 2 + d - d v + d log v, with d = alpha - 1/3, c = 1 / sqrt(9 d)
static rn_real gamma_variate(double less, const rn_real *z, const rn_real *u) {             // less = alpha - 1
  rn_real d = (rn_real)(less + 2.0 / 3), c = 1 / RN_M(rn_sqrt)(9 * d);
  for (int i = 0; i < TRIES; i++) {
    rn_real r = 1 + c * z[i], v = r * r * r;
    if (v > 0 && RN_M(rn_log)(u[i]) < z[i] * z[i] / 2 + d - d * v + d * RN_M(rn_log)(v)) return d * v;
  }
  return d;
}

// each row spends the same draws of its own, whatever is accepted
static rn_node *draw(heads h) {
  rn_graph *g = rn_graph_of(h.p);
  int n = rn_rows(h.p), k = rn_cols(h.p);
  size_t all = (size_t)n * (size_t)k;
  rn_node *normal = rn_normal(g, n, 2 * k * TRIES), *uniform = rn_uniform_node(g, n, 2 * k * TRIES);
  rn_real *z = rn_scratch(g, 2 * all * TRIES), *u = rn_scratch(g, 2 * all * TRIES), *p = rn_scratch(g, all), *q = rn_scratch(g, all);
  rn_read(normal, z), rn_read(uniform, u), rn_read(h.p, p), rn_read(h.q, q);
  for (size_t i = 0; i < all; i++) {
    rn_real one = gamma_variate((double)p[i], z + 2 * i * TRIES, u + 2 * i * TRIES);
    rn_real two = gamma_variate((double)q[i], z + (2 * i + 1) * TRIES, u + (2 * i + 1) * TRIES);
    p[i] = (one - two) / (one + two);                           // 2 x - 1
  }
  return rn_constant(g, n, k, p);
}

static rn_node *mode(const rn_policy *p, rn_view v) {           // x = (alpha - 1) / (alpha + beta - 2)
  heads h = heads_of(p, rn_mlp(p->net, v.obs));
  rn_node *a = rn_clamp(h.p, 1e-20, 1e20), *b = rn_clamp(h.q, 1e-20, 1e20);
  return rn_div(rn_sub(a, b), rn_add(a, b));
}

static rn_node *sample(const rn_policy *p, rn_view v, rn_node **logp) {
  heads h = heads_of(p, rn_mlp(p->net, v.obs));
  rn_node *a = draw(h);
  if (logp) *logp = density(h, a);
  return a;
}

static rn_node *log_prob(const rn_policy *p, rn_view v, rn_node *act) { return density(heads_of(p, rn_mlp(p->net, v.obs)), act); }
static rn_node *fit(const rn_policy *p, rn_view v, rn_node *act) { return rn_neg(density(heads_of(p, rn_mlp_update(p->net, v.obs)), act)); }

// log B + log 2 - (alpha - 1) psi(alpha) - (beta - 1) psi(beta) + (alpha + beta - 2) psi(alpha + beta)
static rn_node *entropy(const rn_policy *p, rn_view v) {
  heads h = heads_of(p, rn_mlp(p->net, v.obs));
  rn_node *sum = rn_add(h.p, h.q), *e = rn_mul(sum, rn_digamma(rn_shift(sum, 2)));
  e = rn_sub(e, rn_add(rn_mul(h.p, rn_digamma(rn_shift(h.p, 1))), rn_mul(h.q, rn_digamma(rn_shift(h.q, 1)))));
  return rn_sum_cols(rn_shift(rn_add(e, log_beta(h)), LOG_2));
}

static rn_node *score(const rn_policy *p, rn_view v, rn_node *act) {            // ((alpha - 1) / x - (beta - 1) / (1 - x)) / 2
  heads h = heads_of(p, rn_mlp(p->net, v.obs));
  rn_node *x = inside(act);
  return rn_scale(rn_sub(rn_div(h.p, x), rn_div(h.q, rn_affine(x, -1, 1))), 0.5);
}

const rn_class rn_class_beta = {
  .name = "beta", .summary = "Beta law between the bounds of each action, both concentrations above 1",
  .can = RN_CAN_SAMPLE | RN_CAN_LOGP | RN_CAN_FIT | RN_CAN_SCORE | RN_CAN_ENTROPY | RN_CAN_BOX, .build = build, .mode = mode, .sample = sample,
  .log_prob = log_prob, .entropy = entropy, .fit = fit, .score = score};
