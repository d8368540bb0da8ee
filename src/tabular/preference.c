/* tabular/preference.c - preference matrices and the regularised game on them.
 * Source   Tiapkin et al. 2025, arXiv:2505.19731 (prox steps, equilibrium); matrices: the catalogue's small problems */
#include "numeric.h"
#include "rein/tabular.h"
#include <math.h>
#include <string.h>

static double *copied(int n, const double *from) {
  double *p = rn_new((size_t)n * sizeof *p);
  memcpy(p, from, (size_t)n * sizeof *p);
  return p;
}

/* row 0 beats 1, 1 beats 2, 2 beats 0 */
static const double RPS[] = {.5, 1, 0, 0, .5, 1, 1, 0, .5};
static const double CYC3[] = {.5, .9, .3, .1, .5, .6, .7, .4, .5};
/* rock paper scissors spock lizard: R beats S, L; P beats R, Sp; S beats P, L; Sp beats R, S; L beats P, Sp */
static const double RPSLS[] = {.5, 0, 1, 0, 1, 1, .5, 0, 1, 0, 0, 1, .5, 0, 1, 1, 0, 1, .5, 0, 0, 1, 0, 1, .5};

static double *skew(int n, uint64_t seed) {
  double *P = rn_new((size_t)n * n * sizeof *P);
  rn_key key = rn_key_new(seed, "prefmat.skew", 0, 0);
  for (int i = 0; i < n; i++) {
    P[i * n + i] = .5;
    for (int j = i + 1; j < n; j++) P[i * n + j] = rn_uniform64(&key), P[j * n + i] = 1 - P[i * n + j];     // .5 + U(-.5, .5)
  }
  return P;
}

static double *bradley_terry(int n, uint64_t seed) {
  double *P = rn_new((size_t)n * n * sizeof *P), *r = rn_new((size_t)n * sizeof *r);
  rn_key key = rn_key_new(seed, "prefmat.bt", 0, 0);
  for (int i = 0; i < n; i++) r[i] = rn_normal64(&key);
  for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) P[i * n + j] = 1 / (1 + exp(r[j] - r[i]));
  rn_free(r);
  return P;
}

static bool antisymmetric(int n, const double *P, const char *where, rn_error *err) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j <= i; j++) {
      double sum = P[i * n + j] + P[j * n + i];
      if (!(P[i * n + j] >= 0 && P[i * n + j] <= 1)) return rn_fail(err, "%s: [%d][%d] = %g is no probability", where, i, j, P[i * n + j]);
      if (fabs(sum - 1) > 1e-9)
        return rn_fail(err, "%s: [%d][%d] + [%d][%d] = %.12g; a judge that does not depend on the order gives 1", where, i, j, j, i, sum);
    }
  return true;
}

static double *from_file(const char *path, int *n, rn_error *err) {
  int dim[2], depth;
  rn_numeric *j = rn_numeric_read(path, err);
  double *P = j ? rn_numeric_array(j, NULL, 2, dim, &depth, err) : NULL;
  rn_numeric_free(j);
  if (P && (depth != 2 || dim[0] != dim[1])) rn_fail(err, "%s: is not a square array [n][n]", path), rn_free(P), P = NULL;
  if (P && !antisymmetric(dim[0], P, path, err)) rn_free(P), P = NULL;
  if (P) *n = dim[0];
  return P;
}

double *rn_preferences(const char *name, int *n, rn_error *err) {
  static const char *const known[] = {"rps", "cyc3", "rpsls"};
  unsigned long long seed;
  int used = 0;
  const char *what = name;
  if (strncmp(name, "prefmat:", 8)) return rn_fail(err, "judge '%s': a matrix is written prefmat:rps, prefmat:skew(50,1) or prefmat:FILE", name), NULL;
  what += 8;
  if (!strcmp(what, "rps")) return *n = 3, copied(9, RPS);
  if (!strcmp(what, "cyc3")) return *n = 3, copied(9, CYC3);
  if (!strcmp(what, "rpsls")) return *n = 5, copied(25, RPSLS);
  bool is_skew = !strncmp(what, "skew(", 5), is_bt = !strncmp(what, "bt(", 3);
  if (is_skew || is_bt) {
    int got = sscanf(what, is_skew ? "skew(%d,%llu)%n" : "bt(%d,%llu)%n", n, &seed, &used);
    if (got < 2 || !used || what[used] || *n < 1 || *n > 10000)
      return rn_fail(err, "judge '%s': write %s(n,seed) with n in 1 .. 10,000", name, is_skew ? "skew" : "bt"), NULL;
    return is_skew ? skew(*n, seed) : bradley_terry(*n, seed);
  }
  if (!rn_exists(what)) {
    const char *near = rn_nearest(what, RN_COUNT(known), known);
    return rn_fail(err, "judge '%s': no such matrix or file%s%s%s (there are rps, cyc3, rpsls, skew(n,seed), bt(n,seed))", name,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : ""), NULL;
  }
  return from_file(what, n, err);
}

double *rn_distribution(const char *text, int *n, rn_error *err) {
  if (!strcmp(text, "uniform")) {
    RN_CHECK(*n > 0, "a uniform distribution over %d", *n);
    double *p = rn_new((size_t)*n * sizeof *p);
    for (int i = 0; i < *n; i++) p[i] = 1.0 / *n;
    return p;
  }
  int dim[1], depth;
  double sum = 0;
  rn_numeric *j = rn_numeric_text(text, "distribution", err);
  double *p = j ? rn_numeric_array(j, NULL, 1, dim, &depth, err) : NULL;
  rn_numeric_free(j);
  if (!p) return NULL;
  for (int i = 0; depth == 1 && i < dim[0]; i++) sum = p[i] >= 0 ? sum + p[i] : NAN;
  if (depth != 1 || !(fabs(sum - 1) <= 1e-9))
    return rn_free(p), rn_fail(err, "'%s' is no distribution: write [p, q, ...], none negative, sum 1; or uniform", text), NULL;
  for (int i = 0; i < dim[0]; i++) p[i] /= sum;
  return *n = dim[0], p;
}

//---- the regularised game ---------------------------------------------------------------------------------------------------------------

static double win(int n, const double *P, int y, const double *against) {
  double sum = 0;
  for (int z = 0; z < n; z++) sum += P[(size_t)y * n + z] * against[z];
  return sum;
}

double rn_kl(int n, const double *p, const double *q) {
  double sum = 0;
  for (int i = 0; i < n; i++) if (p[i] > 0) sum += p[i] * log(p[i] / q[i]);
  return sum;
}

static double normalise(int n, double *logit) {          // logits become probabilities; their log-sum-exp
  double top = -INFINITY, sum = 0;
  for (int i = 0; i < n; i++) top = fmax(top, logit[i]);
  for (int i = 0; i < n; i++) sum += logit[i] = exp(logit[i] - top);
  for (int i = 0; i < n; i++) logit[i] /= sum;
  return top + log(sum);
}

double rn_regularised_exploitability(int n, const double *P, const double *ref, double beta, const double *pi) {
  double *logit = rn_new((size_t)n * sizeof *logit);
  for (int y = 0; y < n; y++) logit[y] = log(ref[y]) + win(n, P, y, pi) / beta;
  double best = beta * normalise(n, logit);
  rn_free(logit);
  return best + beta * rn_kl(n, pi, ref) - .5;
}

enum { MOST = 64 };                                     // actions that fit a step's own memory; more are taken with rn_new

/* out = softmax of hold ln centre + pull ln ref + push P(. > against). */
typedef struct { double hold, pull, push; } step;
static void move(int n, const double *P, const double *ref, step k, const double *centre, const double *against, double *out) {
  double own[MOST], *logit = n <= MOST ? own : rn_new((size_t)n * sizeof *logit);
  for (int y = 0; y < n; y++) logit[y] = k.hold * log(centre[y]) + (ref ? k.pull * log(ref[y]) : 0) + k.push * win(n, P, y, against);
  normalise(n, logit);
  memcpy(out, logit, (size_t)n * sizeof *out);
  if (logit != own) rn_free(logit);
}

void rn_prox(int n, const double *P, const double *ref, double beta, double eta, const double *centre, const double *against, double *out) {
  double scale = 1 + 1 / eta;
  move(n, P, ref, (step){1 / eta / scale, 1 / scale, 1 / beta / scale}, centre, against, out);
}

void rn_answer(int n, const double *P, double eta, const double *centre, const double *against, double *out) {
  move(n, P, NULL, (step){1, 0, eta}, centre, against, out);
}

void rn_regularised_equilibrium(int n, const double *P, const double *ref, double beta, double *pi) {
  double *half = rn_new((size_t)n * sizeof *half), *old = rn_new((size_t)n * sizeof *old), moved = INFINITY;
  memcpy(pi, ref, (size_t)n * sizeof *pi);
  for (int k = 0; k < 1000000 && moved > 1e-15; k++) {
    memcpy(old, pi, (size_t)n * sizeof *old);
    rn_prox(n, P, ref, beta, 2 * beta, pi, pi, half), rn_prox(n, P, ref, beta, 2 * beta, pi, half, pi);
    moved = 0;
    for (int y = 0; y < n; y++) moved = fmax(moved, fabs(log(pi[y] / old[y])));
  }
  rn_free(half), rn_free(old);
}
