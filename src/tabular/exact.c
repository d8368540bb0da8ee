/* tabular/exact.c - values, occupancies, optima, policy gradients and Hessian products of a table, by dynamic programming.
 * Notation  G_h(s) = sum_a pi Q_h.  Finite horizon: V_H = 0, Q_h = R + gamma P V_{h+1}, w_h(s) = gamma^h P(s_h = s).
 * Discounted: V solves (I - gamma P_pi) V = R_pi, the occupancy w solves (I - gamma P_pi)' w = start.
 * Gradient  dJ/dtheta(s, a) = sum_h w_h(s) pi(a|s) (Q_h(s, a) - V_h(s));  the product with u is its derivative along u, by the chain
 * rule through the same recursions. */
#include "rein/math.h"
#include "rein/tabular.h"
#include <math.h>
#include <string.h>

static double *zeros(size_t n) { return rn_new(n * sizeof(double)); }

/* Working memory of a derivative, taken piece by piece, zeroed; so that an update can bring its own. */
static double *taken(double **work, size_t n) {
  double *at = *work;
  *work += n;
  return memset(at, 0, n * sizeof *at);
}

/* sum_t P(t|s,a) V(t) over states that are not ends. */
static double ahead(const rn_mdp *m, int s, int a, const double *V) {
  const double *p = m->P + ((size_t)s * m->A + a) * m->S;
  double sum = 0;
  for (int t = 0; t < m->S; t++) if (!m->end[t]) sum += p[t] * V[t];
  return sum;
}

static void lookahead(const rn_mdp *m, const double *V, double *Q) {
  for (int s = 0; s < m->S; s++)
    for (int a = 0; a < m->A; a++) Q[s * m->A + a] = m->end[s] ? 0 : m->R[s * m->A + a] + m->gamma * ahead(m, s, a, V);
}

static void average(const rn_mdp *m, const double *pi, const double *Q, double *V) {
  for (int s = 0; s < m->S; s++) {
    V[s] = 0;
    for (int a = 0; a < m->A; a++) V[s] += pi[s * m->A + a] * Q[s * m->A + a];
  }
}

static double from_start(const rn_mdp *m, const double *V) {
  double J = 0;
  for (int s = 0; s < m->S; s++) J += m->start[s] * V[s];
  return J;
}

/* out(t) = sum_{s,a} x(s, a) P(t|s, a), ends excluded. */
static void push(const rn_mdp *m, const double *x, double *out) {
  memset(out, 0, m->S * sizeof *out);
  for (int s = 0; s < m->S; s++)
    for (int a = 0; a < m->A; a++) {
      const double *p = m->P + ((size_t)s * m->A + a) * m->S, w = x[s * m->A + a];
      for (int t = 0; t < m->S; t++) if (!m->end[t]) out[t] += w * p[t];
    }
}

/* x [S] becomes the solution of (I - gamma P_pi) y = x, or of the transposed system. M [S, S]. */
static void solve_in(const rn_mdp *m, const double *pi, bool transposed, double *x, double *M) {
  int S = m->S;
  memset(M, 0, (size_t)S * S * sizeof *M);
  for (int s = 0; s < S; s++) {
    for (int a = 0; a < m->A; a++)
      for (int t = 0; t < S; t++)
        if (!m->end[t] && !m->end[s])
          M[transposed ? (size_t)t * S + s : (size_t)s * S + t] -= m->gamma * pi[s * m->A + a] * m->P[((size_t)s * m->A + a) * S + t];
    M[(size_t)s * S + s] += 1;
  }
  RN_CHECK(rn_solve(S, 1, M, x), "I - gamma P is singular: some policy never ends at gamma 1, which rn_mdp_check refuses");
}

static void solve(const rn_mdp *m, const double *pi, bool transposed, double *x) {
  double *M = zeros((size_t)m->S * m->S);
  solve_in(m, pi, transposed, x, M);
  rn_free(M);
}

static void step_reward(const rn_mdp *m, const double *pi, double *r) {
  for (int s = 0; s < m->S; s++) {
    r[s] = 0;
    for (int a = 0; a < m->A && !m->end[s]; a++) r[s] += pi[s * m->A + a] * m->R[s * m->A + a];
  }
}

static void discounted_values(const rn_mdp *m, const double *pi, double *V, double *Q) {
  step_reward(m, pi, V), solve(m, pi, false, V), lookahead(m, V, Q);
}

double rn_mdp_value(const rn_mdp *m, const double *pi, double *V, double *Q) {
  double *v = zeros(m->S), *q = zeros((size_t)m->S * m->A);
  if (m->H == 0) discounted_values(m, pi, v, q);
  for (int h = 0; h < m->H; h++) lookahead(m, v, q), average(m, pi, q, v);
  double J = from_start(m, v);
  if (V) memcpy(V, v, m->S * sizeof *v);
  if (Q) memcpy(Q, q, (size_t)m->S * m->A * sizeof *q);
  rn_free(v), rn_free(q);
  return J;
}

static void spread(const rn_mdp *m, const double *pi, const double *w, double *x) {
  for (int s = 0; s < m->S; s++) for (int a = 0; a < m->A; a++) x[s * m->A + a] = w[s] * pi[s * m->A + a];
}

void rn_mdp_occupancy(const rn_mdp *m, const double *pi, double *occupancy) {
  size_t sa = (size_t)m->S * m->A;
  double *w = zeros(m->S), *x = zeros(sa);
  memcpy(w, m->start, m->S * sizeof *w), memset(occupancy, 0, sa * sizeof *occupancy);
  if (m->H == 0) solve(m, pi, true, w), spread(m, pi, w, occupancy);
  double discount = 1;
  for (int h = 0; h < m->H; h++, discount *= m->gamma) {
    spread(m, pi, w, x);
    for (size_t i = 0; i < sa; i++) occupancy[i] += discount * x[i];
    push(m, x, w);
  }
  rn_free(w), rn_free(x);
}

//---- optima -------------------------------------------------------------------------------------------------------------------------

static void maximise(const rn_mdp *m, const double *Q, double *V, int *greedy) {
  for (int s = 0; s < m->S; s++) {
    int best = 0;
    for (int a = 1; a < m->A; a++) if (Q[s * m->A + a] > Q[s * m->A + best]) best = a;
    V[s] = Q[s * m->A + best];
    if (greedy) greedy[s] = best;
  }
}

static bool improve(const rn_mdp *m, const double *Q, double *pi, int *choice) {
  bool changed = false;
  for (int s = 0; s < m->S; s++) {
    int best = choice[s];
    for (int a = 0; a < m->A; a++) if (Q[s * m->A + a] > Q[s * m->A + best] + 1e-12) best = a;
    changed |= best != choice[s];
    pi[s * m->A + choice[s]] = 0, pi[s * m->A + best] = 1, choice[s] = best;
  }
  return changed;
}

static void policy_iteration(const rn_mdp *m, double *V, double *Q, int *greedy) {
  double *pi = zeros((size_t)m->S * m->A);
  for (int s = 0; s < m->S; s++) pi[s * m->A] = 1, greedy[s] = 0;
  do discounted_values(m, pi, V, Q);
  while (improve(m, Q, pi, greedy));
  rn_free(pi);
}

double rn_mdp_best(const rn_mdp *m, double *V, double *Q, int *greedy) {
  double *v = zeros(m->S), *q = zeros((size_t)m->S * m->A);
  int *g = rn_new(m->S * sizeof *g);
  if (m->H == 0) policy_iteration(m, v, q, g);
  for (int h = 0; h < m->H; h++) lookahead(m, v, q), maximise(m, q, v, g);
  double J = from_start(m, v);
  if (V) memcpy(V, v, m->S * sizeof *v);
  if (Q) memcpy(Q, q, (size_t)m->S * m->A * sizeof *q);
  if (greedy) memcpy(greedy, g, m->S * sizeof *g);
  rn_free(v), rn_free(q), rn_free(g);
  return J;
}

static double largest_change(int n, const double *a, const double *b) {
  double most = 0;
  for (int i = 0; i < n; i++) most = fmax(most, fabs(a[i] - b[i]));
  return most;
}

double rn_mdp_value_iteration(const rn_mdp *m, double eps, double *V, double *Q) {
  RN_CHECK(m->H == 0 && m->gamma < 1 && eps > 0, "value iteration: horizon %d, gamma %g, eps %g", m->H, m->gamma, eps);
  double *v = zeros(m->S), *old = zeros(m->S), *q = zeros((size_t)m->S * m->A), stop = eps * (1 - m->gamma) / (2 * fmax(m->gamma, 1e-300));
  do memcpy(old, v, m->S * sizeof *v), lookahead(m, old, q), maximise(m, q, v, NULL);
  while (largest_change(m->S, v, old) > stop);
  double J = from_start(m, v);
  if (V) memcpy(V, v, m->S * sizeof *v);
  if (Q) memcpy(Q, q, (size_t)m->S * m->A * sizeof *q);
  rn_free(v), rn_free(old), rn_free(q);
  return J;
}

static double soft_max(int n, const double *x, double alpha, double *p) {
  double top = x[0], sum = 0;
  for (int i = 1; i < n; i++) top = fmax(top, x[i]);
  for (int i = 0; i < n; i++) sum += p[i] = exp((x[i] - top) / alpha);
  for (int i = 0; i < n; i++) p[i] /= sum;
  return top + alpha * log(sum);
}

double rn_mdp_soft_best(const rn_mdp *m, double alpha, double *pi, double *Q) {
  RN_CHECK(m->H == 0 && m->gamma < 1 && alpha > 0, "soft value iteration: horizon %d, gamma %g, alpha %g", m->H, m->gamma, alpha);
  size_t sa = (size_t)m->S * m->A;
  double *v = zeros(m->S), *old = zeros(m->S), *q = zeros(sa), *p = zeros(sa), scale;
  do {
    memcpy(old, v, m->S * sizeof *v), lookahead(m, old, q), scale = 1;
    for (int s = 0; s < m->S; s++) v[s] = m->end[s] ? 0 : soft_max(m->A, q + s * m->A, alpha, p + s * m->A), scale = fmax(scale, fabs(v[s]));
  } while (largest_change(m->S, v, old) > 1e-13 * scale);
  double J = from_start(m, v);
  if (pi) memcpy(pi, p, sa * sizeof *p);
  if (Q) memcpy(Q, q, sa * sizeof *q);
  rn_free(v), rn_free(old), rn_free(q), rn_free(p);
  return J;
}

//---- derivatives ----------------------------------------------------------------------------------------------------------------------

void rn_mdp_softmax(int S, int A, const double *theta, double *pi) {
  for (int s = 0; s < S; s++) soft_max(A, theta + s * A, 1, pi + s * A);
}

/* Derivative of the softmax along u: pi (u - sum_b pi u). */
static void softmax_along(const rn_mdp *m, const double *pi, const double *u, double *dpi) {
  for (int s = 0; s < m->S; s++) {
    double mean = 0;
    for (int a = 0; a < m->A; a++) mean += pi[s * m->A + a] * u[s * m->A + a];
    for (int a = 0; a < m->A; a++) dpi[s * m->A + a] = pi[s * m->A + a] * (u[s * m->A + a] - mean);
  }
}

/* dV = sum_a dpi Q + pi dQ  and  dQ = gamma P dV', one backward step. */
static void lookahead_along(const rn_mdp *m, const double *dV, double *dQ) {
  for (int s = 0; s < m->S; s++) for (int a = 0; a < m->A; a++) dQ[s * m->A + a] = m->end[s] ? 0 : m->gamma * ahead(m, s, a, dV);
}

static void average_along(const rn_mdp *m, const double *pi, const double *dpi, const double *Q, const double *dQ, double *dV) {
  for (int s = 0; s < m->S; s++) {
    dV[s] = 0;
    for (int a = 0, i = s * m->A; a < m->A; a++, i++) dV[s] += dpi[i] * Q[i] + pi[i] * dQ[i];
  }
}

/* What a step's values and occupancy add to the gradient and to its derivative along u. */
typedef struct { const double *pi, *dpi, *Q, *V, *dQ, *dV, *w, *dw; } moment;

static void add_gradient(const rn_mdp *m, const moment *x, double scale, double *gradient, double *product) {
  for (int s = 0; s < m->S; s++)
    for (int a = 0, i = s * m->A; a < m->A; a++, i++) {
      double advantage = x->Q[i] - x->V[s];
      gradient[i] += scale * x->w[s] * x->pi[i] * advantage;
      if (product)
        product[i] += scale * (x->dw[s] * x->pi[i] * advantage + x->w[s] * (x->dpi[i] * advantage + x->pi[i] * (x->dQ[i] - x->dV[s])));
    }
}

static void push_along(const rn_mdp *m, const moment *x, double *tmp, double *w, double *dw) {
  spread(m, x->dpi, x->w, tmp);                               // d(w pi) = w dpi + dw pi
  for (int s = 0; s < m->S; s++) for (int a = 0; a < m->A; a++) tmp[s * m->A + a] += x->dw[s] * x->pi[s * m->A + a];
  push(m, tmp, dw);
  spread(m, x->pi, x->w, tmp), push(m, tmp, w);
}

static double finite_gradient(const rn_mdp *m, const double *pi, const double *dpi, double *gradient, double *product, double *work) {
  size_t S = m->S, sa = S * m->A, H = m->H;
  double *V = taken(&work, (H + 1) * S), *Q = taken(&work, H * sa), *dV = taken(&work, (H + 1) * S), *dQ = taken(&work, H * sa);
  for (size_t h = H; h-- > 0;) {
    lookahead(m, V + (h + 1) * S, Q + h * sa), average(m, pi, Q + h * sa, V + h * S);
    if (product) lookahead_along(m, dV + (h + 1) * S, dQ + h * sa), average_along(m, pi, dpi, Q + h * sa, dQ + h * sa, dV + h * S);
  }
  double *w = taken(&work, S), *dw = taken(&work, S), *next = taken(&work, S), *tmp = taken(&work, sa), discount = 1;
  memcpy(w, m->start, S * sizeof *w);
  for (size_t h = 0; h < H; h++, discount *= m->gamma) {
    moment x = {pi, dpi, Q + h * sa, V + h * S, dQ + h * sa, dV + h * S, w, dw};
    add_gradient(m, &x, discount, gradient, product);
    push_along(m, &x, tmp, next, dw), memcpy(w, next, S * sizeof *w);
  }
  return from_start(m, V);
}

static double discounted_gradient(const rn_mdp *m, const double *pi, const double *dpi, double *gradient, double *product, double *work) {
  size_t S = m->S, sa = S * m->A;
  double *V = taken(&work, S), *Q = taken(&work, sa), *dV = taken(&work, S), *dQ = taken(&work, sa), *w = taken(&work, S), *dw = taken(&work, S);
  double *tmp = taken(&work, sa), *M = taken(&work, S * S);
  step_reward(m, pi, V), solve_in(m, pi, false, V, M), lookahead(m, V, Q);
  average_along(m, pi, dpi, Q, dQ, dV), solve_in(m, pi, false, dV, M), lookahead_along(m, dV, dQ);     // (I - gamma P_pi) dV = sum_a dpi Q
  memcpy(w, m->start, S * sizeof *w), solve_in(m, pi, true, w, M);
  spread(m, dpi, w, tmp), push(m, tmp, dw);                                                            // (I - gamma P_pi)' dw = gamma P_dpi' w
  for (size_t s = 0; s < S; s++) dw[s] *= m->gamma;
  solve_in(m, pi, true, dw, M);
  moment x = {pi, dpi, Q, V, dQ, dV, w, dw};
  add_gradient(m, &x, 1, gradient, product);
  return from_start(m, V);
}

size_t rn_mdp_gradient_room(const rn_mdp *m) {
  size_t S = m->S, sa = S * m->A;
  return 3 * sa + (m->H ? 2 * (m->H + 1) * S + 2 * m->H * sa + 3 * S + sa : 4 * S + 3 * sa + S * S);
}

double rn_mdp_gradient_in(const rn_mdp *m, const double *theta, double *gradient, const double *u, double *product, double *work) {
  size_t sa = (size_t)m->S * m->A;
  double *pi = taken(&work, sa), *dpi = taken(&work, sa), *own = taken(&work, sa);
  rn_mdp_softmax(m->S, m->A, theta, pi);
  if (u) softmax_along(m, pi, u, dpi);
  if (gradient) memset(gradient, 0, sa * sizeof *gradient);
  if (product) memset(product, 0, sa * sizeof *product);
  return (m->H ? finite_gradient : discounted_gradient)(m, pi, dpi, gradient ? gradient : own, u ? product : NULL, work);
}

double rn_mdp_gradient(const rn_mdp *m, const double *theta, double *gradient, const double *u, double *product) {
  double *work = zeros(rn_mdp_gradient_room(m)), J = rn_mdp_gradient_in(m, theta, gradient, u, product, work);
  rn_free(work);
  return J;
}
