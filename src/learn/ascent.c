/* learn/ascent.c - directions from trajectories and ascent on raw parameters.
 * The Hessian estimate is Fatkhullin et al. 2023, arXiv:2302.01734: B = grad Phi (grad log p)' + hess Phi, never formed. */
#include "rein/ascent.h"

static int length_of(const rn_rollout *r, int i) { return r->length ? r->length[i] : r->T; }

/* G [T] of trajectory i, discounted from its start. */
static void returns_of(const rn_rollout *r, int i, double gamma, double *G) {
  double discount = pow(gamma, length_of(r, i)), sum = 0;
  for (int h = length_of(r, i) - 1; h >= 0; h--) {
    discount = gamma > 0 ? discount / gamma : h == 0;
    G[h] = sum += discount * r->reward[(size_t)h * r->n + i];
  }
}

static rn_node *packed(const rn_rollout *r, int rows, int width, const float *from) {
  float *x = rn_scratch_bytes(r->g, (size_t)rows * width * sizeof *x), *to = x;
  for (int i = 0; i < r->n; i++)
    for (int h = 0; h < length_of(r, i); h++, to += width) memcpy(to, from + ((size_t)h * r->n + i) * width, width * sizeof *x);
  return rn_constant_f32(r->g, rows, width, x);
}

rn_trajectories rn_trajectories_of(const rn_rollout *r, double gamma, const double *baseline, int most) {
  const rn_world *world = rn_world_of(r->run, NULL);
  int rows = 0, at = 0;
  for (int i = 0; i < r->n; i++) rows += length_of(r, i);
  int *of = rn_scratch_bytes(r->g, (size_t)rows * sizeof *of);
  double *G = rn_scratch_f64(r->g, (size_t)r->T);
  rn_trajectories t = {.n = r->n, .rows = rows, .of = of, .weight = rn_scratch(r->g, (size_t)rows)};
  t.view = rn_view_of(packed(r, rows, rn_obs_width(world), r->obs)), t.act = packed(r, rows, rn_act_width(world), r->raw);
  for (int i = 0; i < r->n; i++) {
    returns_of(r, i, gamma, G);
    for (int h = 0; h < length_of(r, i); h++, at++) of[at] = i, t.weight[at] = (rn_real)((G[h] - (baseline && h < most ? baseline[h] : 0)) / r->n);
  }
  return t;
}

void rn_baseline_follow(const rn_rollout *r, double gamma, double decay, int most, double *baseline, int32_t *seen) {
  double *G = rn_scratch_f64(r->g, (size_t)r->T), *sum = rn_scratch_f64(r->g, (size_t)r->T);
  int *count = rn_scratch_bytes(r->g, (size_t)r->T * sizeof *count);
  for (int i = 0; i < r->n; i++) {
    returns_of(r, i, gamma, G);
    for (int h = 0; h < length_of(r, i); h++) sum[h] += G[h], count[h]++;
  }
  for (int h = 0; h < RN_MIN(r->T, most); h++)
    if (count[h]) baseline[h] += (seen[h] ? 1 - decay : 1) * (sum[h] / count[h] - baseline[h]), seen[h] = 1;
}

void rn_hessian_sample(rn_node *logp, const rn_trajectories *t, rn_net *net, const rn_real *u, rn_real *out) {
  rn_graph *g = rn_graph_of(logp);
  size_t n = rn_net_count(net);
  rn_real *one = rn_scratch(g, (size_t)t->rows), *slope = rn_scratch(g, n), *weight = rn_scratch(g, (size_t)t->rows);
  rn_hessian_times(rn_dot(logp, t->weight), net, u, out);                                    // (hess Phi) u
  for (int i = 0; i < t->n; i++) {
    for (int h = 0; h < t->rows; h++) one[h] = t->of[h] == i;
    rn_gradient(rn_dot(logp, one), net, slope);                                              // grad L_i . u
    double along = rn_dot_of(n, slope, u);
    for (int h = 0; h < t->rows; h++) if (t->of[h] == i) weight[h] = (rn_real)(along * t->weight[h]);
  }
  rn_gradient(rn_dot(logp, weight), net, slope), rn_add_to(n, 1, slope, out);                // + grad Phi_i (grad L_i . u)
}

void rn_extrapolate(size_t n, double eta, const rn_real *theta, const rn_real *before, rn_real *out) {
  if (eta == 1) memcpy(out, theta, n * sizeof *out);
  else rn_lerp(n, 1 / eta, theta, before, out);
}

void rn_follow(size_t n, double eta, const rn_real *g, const rn_real *v, rn_real *d) {
  for (size_t i = 0; i < n; i++) d[i] = (rn_real)((1 - eta) * (d[i] + (v ? v[i] : 0)) + eta * g[i]);
}

double rn_ascend(size_t n, double rate, bool normalised, const rn_real *d, rn_real *theta, rn_real *before) {
  double norm = sqrt(rn_dot_of(n, d, d)), scale = normalised ? norm > 0 ? rate / norm : 0 : rate;
  memcpy(before, theta, n * sizeof *theta), rn_add_to(n, scale, d, theta);
  return norm;
}
