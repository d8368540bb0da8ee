/* tabular/mdp.c - decision problems as tables: random instances, files, one sampled step. */
#include "numeric.h"
#include "rein/tabular.h"
#include <math.h>
#include <string.h>

rn_mdp *rn_mdp_new(int S, int A, int H, double gamma) {
  RN_CHECK(S > 0 && A > 0 && H >= 0, "an MDP of %d states, %d actions, horizon %d", S, A, H);
  rn_mdp *m = rn_new(sizeof *m);
  size_t sa = (size_t)S * A;
  *m = (rn_mdp){.S = S, .A = A, .H = H, .gamma = gamma, .P = rn_new(sa * S * sizeof(double)), .R = rn_new(sa * sizeof(double)),
                .start = rn_new(S * sizeof(double)), .end = rn_new((size_t)S)};
  return m;
}

void rn_mdp_free(rn_mdp *m) {
  if (!m) return;
  rn_free(m->P), rn_free(m->R), rn_free(m->R3), rn_free(m->start), rn_free(m->end), rn_free(m);
}

/* Marsaglia & Tsang 2000 for shape + 1, then the boost u^(1/shape) for shape < 1. */
static double gamma_variate(rn_key *key, double shape) {
  double boost = pow(rn_uniform64(key), 1 / shape), d = shape + 1 - 1.0 / 3, c = 1 / sqrt(9 * d);
  for (;;) {
    double x = rn_normal64(key), v = 1 + c * x, u = rn_uniform64(key);
    v = v * v * v;
    if (v > 0 && log(u) < x * x / 2 + d - d * v + d * log(v)) return d * v * boost;
  }
}

static void dirichlet(int n, double shape, rn_key key, double *p) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += p[i] = gamma_variate(&key, shape);
  for (int i = 0; i < n; i++) p[i] /= sum;
}

rn_mdp *rn_mdp_random(int S, int A, int H, uint64_t seed) {
  rn_mdp *m = rn_mdp_new(S, A, H, .95);
  for (int i = 0; i < S * A; i++) {
    dirichlet(S, .3, rn_key_new(seed, "mdp.P", (uint64_t)i, 0), m->P + (size_t)i * S);
    rn_key key = rn_key_new(seed, "mdp.R", (uint64_t)i, 0);
    m->R[i] = pow(rn_uniform64(&key), 3);
  }
  for (int s = 0; s < S; s++) m->start[s] = 1.0 / S;
  return m;
}

static bool distribution(int n, double *p, rn_error *err, const char *where, const char *what) {
  double sum = 0;
  for (int i = 0; i < n; i++) {
    if (!(p[i] >= 0)) return rn_fail(err, "%s: %s has the probability %g; probabilities are at least 0", where, what, p[i]);
    sum += p[i];
  }
  if (fabs(sum - 1) > 1e-9) return rn_fail(err, "%s: %s sums to %.12g; probabilities sum to 1", where, what, sum);
  for (int i = 0; i < n; i++) p[i] /= sum;
  return true;
}

/* States from which some policy can avoid every end for ever: the greatest set closed under one action of each of its states. */
static bool can_go_on_for_ever(const rn_mdp *m) {
  uint8_t *in = rn_new((size_t)m->S);
  bool changed = true, any = false;
  for (int s = 0; s < m->S; s++) in[s] = !m->end[s];
  while (changed) {
    changed = false;
    for (int s = 0; s < m->S; s++) {
      bool stays = false;
      for (int a = 0; a < m->A && in[s] && !stays; a++) {
        stays = true;
        for (int t = 0; t < m->S; t++) if (m->P[((size_t)s * m->A + a) * m->S + t] > 0 && !in[t]) stays = false;
      }
      if (in[s] && !stays) in[s] = 0, changed = true;
    }
  }
  for (int s = 0; s < m->S; s++) any |= in[s];
  rn_free(in);
  return any;
}

bool rn_mdp_check(rn_mdp *m, const char *where, rn_error *err) {
  char what[64];
  if (!(m->gamma >= 0 && m->gamma <= 1)) return rn_fail(err, "%s: gamma %g is outside 0 .. 1", where, m->gamma);
  for (int s = 0; s < m->S; s++) {
    for (int a = 0; a < m->A; a++) {
      snprintf(what, sizeof what, "P[%d][%d]", s, a);
      if (!distribution(m->S, m->P + ((size_t)s * m->A + a) * m->S, err, where, what)) return false;
    }
    if (m->end[s] && m->start[s] > 0) return rn_fail(err, "%s: state %d is an end and a start", where, s);
  }
  if (!distribution(m->S, m->start, err, where, "start")) return false;
  if (m->H == 0 && m->gamma == 1 && can_go_on_for_ever(m))
    return rn_fail(err, "%s: gamma is 1 and some policy never ends; give gamma below 1 or a horizon", where);
  return true;
}

static void expect_rewards(rn_mdp *m) {
  for (int i = 0; i < m->S * m->A; i++) {
    m->R[i] = 0;
    for (int t = 0; t < m->S; t++) m->R[i] += m->P[(size_t)i * m->S + t] * m->R3[(size_t)i * m->S + t];
  }
}

static bool load_rewards(rn_mdp *m, const rn_numeric *j, const char *path, rn_error *err) {
  int dim[3], depth;
  double *R = rn_numeric_array(j, "R", 3, dim, &depth, err);
  if (!R) return false;
  if (depth < 2 || dim[0] != m->S || dim[1] != m->A || (depth == 3 && dim[2] != m->S))
    return rn_free(R), rn_fail(err, "%s: R is not [%d][%d] or [%d][%d][%d] as P says", path, m->S, m->A, m->S, m->A, m->S);
  if (depth == 3) m->R3 = R;
  else rn_free(m->R), m->R = R;
  return true;
}

static bool load_start(rn_mdp *m, const rn_numeric *j, const char *path, rn_error *err) {
  int dim[1], depth;
  if (!rn_numeric_has(j, "start")) {
    int open = 0;
    for (int s = 0; s < m->S; s++) open += !m->end[s];
    for (int s = 0; s < m->S; s++) m->start[s] = m->end[s] ? 0 : 1.0 / open;
    return open > 0 || rn_fail(err, "%s: every state is an end", path);
  }
  double *start = rn_numeric_array(j, "start", 1, dim, &depth, err);
  if (!start) return false;
  if (depth != 1 || dim[0] != m->S) return rn_free(start), rn_fail(err, "%s: start is not [%d] as P says", path, m->S);
  rn_free(m->start), m->start = start;
  return true;
}

static bool load_ends(rn_mdp *m, const rn_numeric *j, const char *path, rn_error *err) {
  int dim[1], depth;
  if (!rn_numeric_has(j, "end")) return true;
  double *end = rn_numeric_array(j, "end", 1, dim, &depth, err);
  if (!end) return false;
  bool fine = depth == 1;
  for (int i = 0; fine && i < dim[0]; i++) {
    fine = end[i] == floor(end[i]) && end[i] >= 0 && end[i] < m->S;
    if (fine) m->end[(int)end[i]] = 1;
  }
  rn_free(end);
  return fine || rn_fail(err, "%s: end is not a list of states 0 .. %d", path, m->S - 1);
}

static bool scalar(const rn_numeric *j, const char *key, double fallback, double *out, rn_error *err) {
  int depth;
  *out = fallback;
  if (!rn_numeric_has(j, key)) return true;
  double *v = rn_numeric_array(j, key, 0, NULL, &depth, err);
  if (v) *out = *v;
  rn_free(v);
  return v != NULL;
}

static rn_mdp *load(const rn_numeric *j, const char *path, rn_error *err) {
  static const char *const known[] = {"P", "R", "start", "horizon", "gamma", "end"};
  int dim[3], depth;
  double H, gamma;
  if (!rn_numeric_only(j, RN_COUNT(known), known, err)) return NULL;
  if (!rn_numeric_has(j, "horizon") && !rn_numeric_has(j, "gamma")) return rn_fail(err, "%s: neither 'horizon' nor 'gamma' is given", path), NULL;
  if (!scalar(j, "horizon", 0, &H, err) || !scalar(j, "gamma", 1, &gamma, err)) return NULL;
  if (H != floor(H) || H < 0 || H > 1e6) return rn_fail(err, "%s: horizon %g is not a whole number in 0 .. 1e6", path, H), NULL;
  double *P = rn_numeric_array(j, "P", 3, dim, &depth, err);
  if (!P) return NULL;
  if (depth != 3 || dim[0] != dim[2]) return rn_free(P), rn_fail(err, "%s: P is not [states][actions][states]", path), NULL;
  rn_mdp *m = rn_mdp_new(dim[0], dim[1], (int)H, gamma);
  rn_free(m->P), m->P = P;
  if (load_ends(m, j, path, err) && load_rewards(m, j, path, err) && load_start(m, j, path, err) && rn_mdp_check(m, path, err)) {
    if (m->R3) expect_rewards(m);
    return m;
  }
  rn_mdp_free(m);
  return NULL;
}

rn_mdp *rn_mdp_load(const char *path, rn_error *err) {
  rn_numeric *j = rn_numeric_read(path, err);
  rn_mdp *m = j ? load(j, path, err) : NULL;
  rn_numeric_free(j);
  return m;
}

rn_mdp *rn_mdp_named(const char *name, rn_error *err) {
  int S, A, H, used = 0;
  unsigned long long seed;
  if (strncmp(name, "random", 6)) return rn_mdp_load(name, err);
  if (sscanf(name, "random(%d,%d,%d,%llu)%n", &S, &A, &H, &seed, &used) < 4 || name[used])
    return rn_fail(err, "mdp:%s: write mdp:random(states,actions,horizon,seed), e.g. mdp:random(5,3,10,7)", name), NULL;
  if (S < 1 || A < 1 || H < 0 || S > 10000 || A > 10000 || (double)S * A * S > 1e8)
    return rn_fail(err, "mdp:%s: states and actions are 1 .. 10,000 with states^2 x actions up to 1e8; the horizon is at least 0", name), NULL;
  return rn_mdp_random(S, A, H, seed);
}

static int draw(int n, const double *p, double u) {
  int last = 0;
  for (int i = 0; i < n; i++) {
    if (p[i] > 0) last = i;
    if ((u -= p[i]) < 0) return i;
  }
  return last;                                         // rounding left a crumb past the last probability
}

int rn_mdp_start(const rn_mdp *m, rn_key *key) { return draw(m->S, m->start, rn_uniform64(key)); }

int rn_mdp_step(const rn_mdp *m, int s, int a, rn_key *key, double *reward) {
  size_t i = (size_t)s * m->A + a;
  int t = draw(m->S, m->P + i * m->S, rn_uniform64(key));
  *reward = m->R3 ? m->R3[i * m->S + t] : m->R[i];
  return t;
}
