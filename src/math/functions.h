/* functions.h - exp, log, tanh and relatives on a vector of floats. Written once: a scalar call is a vector of which one lane counts.
 * Source   polynomials of Moshier's Cephes (expf, logf, tanhf, sinf, cosf) with fused steps; erf after N. Juffa; large arguments of
 *          sine and cosine by Payne & Hanek 1983. Errors measured in tests/math/functions.c: all under 3e-7. */
#ifndef REIN_FUNCTIONS_H
#define REIN_FUNCTIONS_H
#include "lanes.h"

// x = n ln2 + r: exp(x) = 2^n exp(r), the power in two factors so that denormal results round once and overflow gives inf
INLINE vf exp_of(vf x) {                                // x in [-105, 89], or NaN
  const vf magic = all(0x1.8p23f);
  vf shifted = FMA(x, all(1.44269504f), magic), n = shifted - magic;
  vf r = FMA(n, all(-0.693359375f), x);
  r = FMA(n, all(2.12194440e-4f), r);
  vf p = all(1.9875691500e-4f);
  p = FMA(p, r, all(1.3981999507e-3f));
  p = FMA(p, r, all(8.3334519073e-3f));
  p = FMA(p, r, all(4.1665795894e-2f));
  p = FMA(p, r, all(1.6666665459e-1f));
  p = FMA(p, r, all(5.0000001201e-1f));
  p = FMA(p, r * r, r) + all(1);
  vi power = minus((vi)shifted, (vi)magic), half = power >> 1;
  vf first = (vf)(((vu)half + 127) << 23), second = (vf)(((vu)power - (vu)half + 127) << 23);
  return p * first * second;
}

INLINE vf v_exp(vf x) { return exp_of(larger(all(-105), smaller(all(89), x))); }         // NaN is kept by both

// log(1 + f) + e ln2 for 1 + f in [sqrt(1/2), sqrt(2))
INLINE vf log_of(vf f, vf e) {
  vf p = all(7.0376836292e-2f), z = f * f;
  p = FMA(p, f, all(-1.1514610310e-1f));
  p = FMA(p, f, all(1.1676998740e-1f));
  p = FMA(p, f, all(-1.2420140846e-1f));
  p = FMA(p, f, all(1.4249322787e-1f));
  p = FMA(p, f, all(-1.6668057665e-1f));
  p = FMA(p, f, all(2.0000714765e-1f));
  p = FMA(p, f, all(-2.4999993993e-1f));
  p = FMA(p, f, all(3.3333331174e-1f));
  vf tail = FMA(p * f, z, e * all(-2.12194440e-4f));
  tail = FMA(all(-0.5f), z, tail);
  return FMA(e, all(0.693359375f), f + tail);
}

INLINE vf v_log(vf x) {
  const truth tiny = LESS(x, all(0x1p-126f));
  vf scaled = pick(tiny, x * all(0x1p23f), x);
  vi bits = minus((vi)scaled, whole(0x3f3504f3));       // exponent counted from sqrt(1/2)
  vf e = as_float(bits >> 23) - pick(tiny, all(23), all(0));
  vf m = (vf)((bits & whole(0x007fffff)) + whole(0x3f3504f3));
  vf y = log_of(m - all(1), e);
  y = pick(SAME(x, all(INFINITY)), x, y);
  y = pick(SAME(x, all(0)), all(-INFINITY), y);
  y = pick(LESS(x, all(0)), all(NAN), y);
  return pick(SAME(x, x), y, x);
}

INLINE vf v_sigmoid(vf x) {
  vf e = exp_of(larger(all(-105), -magnitude(x))), p = all(1) / (all(1) + e);
  return pick(LESS(x, all(0)), e * p, p);
}

INLINE vf v_softplus(vf x) {
  vf u = exp_of(larger(all(-105), -magnitude(x)));      // log(1 + u), u in [0, 1]: relative precision down to u
  const truth large = LESS(all(0.41421356f), u);
  vf f = pick(large, FMA(all(0.5f), u, all(-0.5f)), u), e = pick(large, all(1), all(0));
  vf y = log_of(f, e) + larger(x, all(0));
  return pick(SAME(x, x), y, x);
}

INLINE vf v_tanh(vf x) {
  vf a = magnitude(x), z = x * x;
  vf p = all(-5.70498872745e-3f);
  p = FMA(p, z, all(2.06390887954e-2f));
  p = FMA(p, z, all(-5.37397155531e-2f));
  p = FMA(p, z, all(1.33314422036e-1f));
  p = FMA(p, z, all(-3.33332819422e-1f));
  vf near = FMA(p * z, x, x);
  a = smaller(all(10), a);
  vf far = all(1) - all(2) / (exp_of(a + a) + all(1));
  return signed_as(pick(LESS(a, all(0.625f)), near, far), x);
}

INLINE vf v_erf(vf x) {
  vf a = magnitude(x), z = x * x;
  vf p = all(-5.96761703e-4f);
  p = FMA(p, z, all(4.99119423e-3f));
  p = FMA(p, z, all(-2.67681349e-2f));
  p = FMA(p, z, all(1.12819925e-1f));
  p = FMA(p, z, all(-3.76125336e-1f));
  p = FMA(p, z, all(1.28379166e-1f));
  vf near = FMA(p, x, x);
  vf t = smaller(all(4), a), s = t * t;
  vf q = FMA(all(-1.72853470e-5f), t, all(3.83197126e-4f)), u = FMA(all(-3.88396438e-3f), t, all(2.42546219e-2f));
  q = FMA(q, s, u);
  q = FMA(q, t, all(-1.06777877e-1f));
  q = FMA(q, t, all(-6.34846687e-1f));
  q = FMA(q, t, all(-1.28717512e-1f));
  q = FMA(q, t, -t);
  vf far = all(1) - exp_of(q);                          // q in [-18, -1]
  return pick(LESS(all(0.927734375f), a), signed_as(far, x), near);
}

INLINE vf v_sqrt(vf x) { return root(x); }

// sine and cosine of r + q pi/2, |r| <= pi/4
INLINE void turn(vf r, vi q, vf *sine, vf *cosine) {
  vf z = r * r;
  vf s = FMA(all(-1.9515295891e-4f), z, all(8.3321608736e-3f));
  s = FMA(s, z, all(-1.6666654611e-1f));
  s = FMA(s * z, r, r);
  vf c = FMA(all(2.443315711809948e-5f), z, all(-1.388731625493765e-3f));
  c = FMA(c, z, all(4.166664568298827e-2f));
  c = FMA(c * z, z, FMA(all(-0.5f), z, all(1)));
  const truth odd = HAS_BIT(q, 1);
  *sine = (vf)((vi)pick(odd, c, s) ^ (vi)(((vu)q & 2) << 30));
  *cosine = (vf)((vi)pick(odd, s, c) ^ (vi)((((vu)q + 1) & 2) << 30));
}

// the remainder of x by pi/2 for any finite x of at least 1: the bits of 2/pi that matter, multiplied exactly
static inline float far_remainder(float x, int *quadrant) {
  static const uint32_t two_over_pi[] = {0x28be60db, 0x9391054a, 0x7f09d5f4, 0x7d4d3770, 0x36d8a566, 0x4f10e410, 0x7f9458ea};
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  int e = (int)(bits >> 23 & 255) - 126, i = e >> 5;            // x = 0.1mmm... 2^e
  uint32_t m = (bits << 8) | 0x80000000u;
  uint32_t w[4] = {i ? two_over_pi[i - 1] : 0, two_over_pi[i], two_over_pi[i + 1], two_over_pi[i + 2]};
  if ((e &= 31))
    for (int j = 0; j < 3; j++) w[j] = w[j] << e | w[j + 1] >> (32 - e);
  uint64_t p = (uint64_t)m * w[2] >> 32;
  p += (uint64_t)m * w[1];
  p += (uint64_t)(m * w[0]) << 32;                              // quadrant in 2 bits, fraction in 62
  *quadrant = (int)(p >> 62);
  int64_t fraction = (int64_t)(p << 2) >> 2;                    // from the nearest quadrant, so it has a sign
  *quadrant += fraction < 0;
  float r = (float)((double)fraction * 0x1.921fb54442d18p-62);
  if (x < 0) r = -r, *quadrant = -*quadrant;
  return r;
}

static inline __attribute__((unused)) void far_lanes(vf x, vf *r, vi *q) {
  for (int i = 0; i < W; i++) {
    if (!(fabsf(x[i]) > 1e5f)) continue;
    int quadrant = 0;
    (*r)[i] = isfinite(x[i]) ? far_remainder(x[i], &quadrant) : NAN;
    (*q)[i] = quadrant;
  }
}

// x = n pi/2 + r by three parts of pi/2; the first step is exact below 2^23
INLINE void reduce(vf x, vf *r, vi *q) {
  const vf magic = all(0x1.8p23f);
  vf shifted = FMA(x, all(0.636619772f), magic), n = shifted - magic;
  *q = minus((vi)shifted, (vi)magic);
  vf t = FMA(n, all(-0x1.921fb6p0f), x);
  t = FMA(n, all(0x1.777a5cp-25f), t);
  *r = FMA(n, all(0x1.ee59dap-50f), t);
  if (__builtin_expect(any(LESS(all(1e5f), magnitude(x))), 0)) far_lanes(x, r, q);
}

INLINE vf v_sin(vf x) {
  vf r, s, c;
  vi q;
  reduce(x, &r, &q), turn(r, q, &s, &c);
  return pick(SAME(x, all(0)), x, s);                      // -0 stays -0
}

INLINE vf v_cos(vf x) {
  vf r, s, c;
  vi q;
  reduce(x, &r, &q), turn(r, q, &s, &c);
  return c;
}

INLINE vf v_act(rn_act act, vf x) {
  switch (act) {
    case RN_RELU: return larger(all(0), x);                     // NaN stays NaN
    case RN_TANH: return v_tanh(x);
    case RN_SILU: return x * v_sigmoid(x);
    default: return x;
  }
}
#endif
