/* math/f64.c - the double twins, for the build that gradient checks link to: plain loops that say what the float kernels compute. */
#include "rein/math.h"
#include <math.h>
#include <string.h>

enum { LANES = 16, BLOCK = 4096 };

static double act_of(rn_act act, double x) {
  switch (act) {
    case RN_RELU: return x < 0 ? 0 : x;
    case RN_TANH: return tanh(x);
    case RN_SILU: return x * rn_sigmoid_f64(x);
    default: return x;
  }
}

static void finish(const rn_product *p, int i, int j, double chain) {
  double *c = (double *)p->c + (size_t)i * (size_t)p->ldc + j;
  if (p->bias) chain += ((const double *)p->bias)[j];
  chain = act_of(p->act, chain);
  *c = p->add ? *c + chain : chain;
}

void rn_gemm_f64(const rn_product *p) {
  const bool tn = p->how == RN_TN, nt = p->how == RN_NT;
  RN_CHECK(p->lda >= (tn ? p->m : p->k) && p->ldb >= (nt ? p->k : p->n) && p->ldc >= p->n, "row strides %d, %d, %d are below the widths", p->lda,
           p->ldb, p->ldc);
  RN_CHECK(!p->add || (!p->bias && p->act == RN_IDENTITY), "a product that is added has neither bias nor activation");
  const double *a = p->a, *b = p->b;
  const size_t ai = tn ? 1 : (size_t)p->lda, ak = tn ? (size_t)p->lda : 1;
  enum { WIDE = 64 };
  for (int i = 0; i < p->m; i++)
    for (int j = 0; j < p->n; j += WIDE) {
      const int cols = RN_MIN(WIDE, p->n - j);
      double chain[WIDE] = {0};
      if (nt) {
        for (int v = 0; v < cols; v++)
          for (int l = 0; l < p->k; l++) chain[v] += a[(size_t)i * ai + (size_t)l * ak] * b[(size_t)(j + v) * (size_t)p->ldb + (size_t)l];
      } else {
        for (int l = 0; l < p->k; l++) {
          const double x = a[(size_t)i * ai + (size_t)l * ak], *row = b + (size_t)l * (size_t)p->ldb + j;
          for (int v = 0; v < cols; v++) chain[v] += x * row[v];
        }
      }
      for (int v = 0; v < cols; v++) finish(p, i, j + v, chain[v]);
    }
}

//---- functions --------------------------------------------------------------------------------------------------------------------

double rn_exp_f64(double x) { return exp(x); }
double rn_log_f64(double x) { return log(x); }
double rn_tanh_f64(double x) { return tanh(x); }
double rn_sin_f64(double x) { return sin(x); }
double rn_cos_f64(double x) { return cos(x); }
double rn_erf_f64(double x) { return erf(x); }
double rn_sqrt_f64(double x) { return sqrt(x); }
double rn_sigmoid_f64(double x) {
  const double e = exp(-fabs(x));
  return x < 0 ? e / (1 + e) : 1 / (1 + e);
}
double rn_softplus_f64(double x) { return x != x ? x : log1p(exp(-fabs(x))) + (x > 0 ? x : 0); }

#define EACH for (size_t i = 0; i < n; i++)
#define BULK(f) \
  void rn_v##f##_f64(size_t n, const double *x, double *y) { EACH y[i] = rn_##f##_f64(x[i]); }
RN_VECTOR_FUNCTIONS(BULK)

#define OF_TWO(f, is) \
  void rn_v##f##_f64(size_t n, const double *x, const double *y, double *z) { EACH z[i] = is; }
OF_TWO(add, x[i] + y[i])
OF_TWO(sub, x[i] - y[i])
OF_TWO(mul, x[i] * y[i])
OF_TWO(div, x[i] / y[i])
OF_TWO(min, y[i] < x[i] ? y[i] : x[i])
OF_TWO(max, y[i] > x[i] ? y[i] : x[i])
OF_TWO(muladd, fma(x[i], y[i], z[i]))

void rn_vaffine_f64(size_t n, double a, double b, const double *x, double *y) { EACH y[i] = fma(a, x[i], b); }
void rn_vaxpy_f64(size_t n, double a, const double *x, double *y) { EACH y[i] = fma(a, x[i], y[i]); }
void rn_vclamp_f64(size_t n, double low, double high, const double *x, double *y) { EACH y[i] = x[i] < low ? low : x[i] > high ? high : x[i]; }
void rn_vlerp_f64(size_t n, double t, const double *x, double *y) { EACH y[i] = fma(t, x[i] - y[i], y[i]); }
void rn_vact_f64(size_t n, rn_act act, const double *x, double *y) { EACH y[i] = act_of(act, x[i]); }

void rn_vact_back_f64(size_t n, rn_act act, const double *y, const double *dy, double *dx) {
  RN_CHECK(act != RN_SILU, "silu's slope can't be had from its output; keep the input and compose it");
  EACH dx[i] = act == RN_RELU ? (y[i] > 0 ? dy[i] : 0) : act == RN_TANH ? fma(-y[i], y[i], 1) * dy[i] : dy[i];
}

bool rn_vfinite_f64(size_t n, const double *x) {
  EACH if (!isfinite(x[i])) return false;
  return true;
}

void rn_vadam_f64(size_t n, double *theta, double *m, double *v, const double *g, double scale, double b1, double b2, double step, double eps,
                  double decay) {
  EACH {
    const double s = g[i] * scale;
    m[i] = fma(b1, m[i], (1 - b1) * s), v[i] = fma(b2, v[i], (1 - b2) * (s * s));
    theta[i] = fma(-decay, theta[i], theta[i]);
    theta[i] = fma(-step, m[i] / (sqrt(v[i]) + eps), theta[i]);
  }
}

//---- sums: the same lanes, blocks and tree as in float --------------------------------------------------------------------------------

static double lanes_sum(size_t n, const double *x, const double *y) {
  double lane[LANES] = {0};
  EACH lane[i % LANES] = y ? fma(x[i], y[i], lane[i % LANES]) : lane[i % LANES] + x[i];
  for (int half = LANES / 2; half > 0; half /= 2)
    for (int l = 0; l < half; l++) lane[l] += lane[l + half];
  return lane[0];
}

static double blocks_sum(size_t n, const double *x, const double *y) {
  double total = 0;
  for (size_t i = 0; i < n; i += BLOCK) total += lanes_sum(RN_MIN(n - i, BLOCK), x + i, y ? y + i : NULL);
  return total;
}

double rn_vsum_f64(size_t n, const double *x) { return blocks_sum(n, x, NULL); }
double rn_vdot_f64(size_t n, const double *x, const double *y) { return blocks_sum(n, x, y); }
double rn_vsumsq_f64(size_t n, const double *x) { return blocks_sum(n, x, x); }

double rn_vmaxof_f64(size_t n, const double *x) {
  RN_CHECK(n > 0, "the largest of no numbers");
  double most = x[0];
  EACH if (x[i] > most || x[i] != x[i]) {
    most = x[i];
    if (most != most) break;
  }
  return most;
}

void rn_vcolsum_f64(int rows, int cols, const double *x, double *y, bool add) {
  for (int j = 0; j < cols; j++) {
    double s = 0;
    for (int i = 0; i < rows; i++) s += x[(size_t)i * (size_t)cols + (size_t)j];
    y[j] = add ? y[j] + s : s;
  }
}

void rn_vrowsum_f64(int rows, int cols, const double *x, double *y) {
  for (int i = 0; i < rows; i++) y[i] = lanes_sum((size_t)cols, x + (size_t)i * (size_t)cols, NULL);
}

void rn_vsoftmax_f64(int rows, int cols, const double *x, double *p, double *lse) {
  for (int i = 0; i < rows; i++, x += cols) {
    const double most = rn_vmaxof_f64((size_t)cols, x);
    double total = 0;
    for (int j = 0; j < cols; j++) total += exp(x[j] - most);
    for (int j = 0; j < cols && p; j++) p[(size_t)i * (size_t)cols + (size_t)j] = exp(x[j] - most) / total;
    if (lse) lse[i] = most + log(total);
  }
}

//---- random numbers -----------------------------------------------------------------------------------------------------------------

// the float uniforms, one block of four at a time
static void words(rn_key *key, double u[4]) {
  uint32_t cipher[2], w[4];
  rn_key_cipher(key, cipher);
  rn_philox((uint32_t[]){key->draw++, key->at, (uint32_t)key->unit, (uint32_t)(key->unit >> 32)}, cipher, w);
  for (int j = 0; j < 4; j++) u[j] = ((double)(w[j] >> 9) + 0.5) * 0x1p-23;
}

void rn_vuniform_f64(rn_key key, size_t n, double *x) {
  double u[4];
  EACH {
    if (i % 4 == 0) words(&key, u);
    x[i] = u[i % 4];
  }
}

void rn_vnormal_f64(rn_key key, size_t n, double *x) {
  double u[4];
  EACH {
    if (i % 4 == 0) words(&key, u);
    const double *pair = u + (i % 4 & 2), radius = sqrt(-2 * log(pair[0])), angle = 6.283185307179586 * pair[1];
    x[i] = radius * (i % 2 ? sin(angle) : cos(angle));
  }
}
