/* math/special.c - log of the gamma function and its derivatives, by series in double of our own, so that both precisions are exact to
 * their last figures and the same on every CPU.
 * Source   Abramowitz & Stegun 6.1.41, 6.3.18, 6.4.11: Stirling's series past 10 + order, reached by the recurrence */
#include "rein/math.h"
#include <math.h>

static const double LN2 = 0.6931471805599453, HALF_LOG_2PI = 0.9189385332046727;
static const double bernoulli[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, -3617.0 / 510};   // B2, B4 ..

// 2 atanh((m - 1) / (m + 1)) + e ln 2 for m in [sqrt(1/2), sqrt(2))
static double log_of(double x) {
  int e;
  double m = frexp(x, &e);
  if (m < 0.7071067811865476) m *= 2, e--;
  double s = (m - 1) / (m + 1), z = s * s, sum = 0;
  for (int k = 23; k >= 1; k -= 2) sum = sum * z + 1.0 / k;
  return 2 * s * sum + e * LN2;
}

// log gamma: the product of the steps in place of the sum of their logs
static double log_gamma(double x) {
  double product = 1;
  for (; x < 10; x++) product *= x;
  double series = 0, y = 1 / (x * x);
  for (int k = RN_COUNT(bernoulli); k >= 1; k--) series = series * y + bernoulli[k - 1] / (2.0 * k * (2 * k - 1));
  return (x - 0.5) * log_of(x) - x + HALF_LOG_2PI + series / x - log_of(product);
}

static double digamma(double x) {
  double steps = 0;
  for (; x < 10; x++) steps += 1 / x;
  double series = 0, y = 1 / (x * x);
  for (int k = RN_COUNT(bernoulli); k >= 1; k--) series = series * y + bernoulli[k - 1] / (2.0 * k);
  return log_of(x) - 0.5 / x - series * y - steps;
}

static double power(double x, int n) {
  double p = 1;
  while (n-- > 0) p *= x;
  return p;
}

// n >= 1: (-1)^(n+1) n! times the sum of (x + k)^-(n+1) over k >= 0
static double polygamma(int n, double x) {
  double steps = 0, factorial = 1;                              // (n - 1)!
  for (int k = 2; k < n; k++) factorial *= k;
  for (; x < 10 + n; x++) steps += power(1 / x, n + 1);
  // term k: B_2k (2k + n - 1)! / ((2k)! x^2k), in units of (n - 1)! / x^n
  double series = 0, term = 1, y = 1 / (x * x);
  for (int k = 1; k <= RN_COUNT(bernoulli); k++) {
    term *= (2.0 * k + n - 1) * (2.0 * k + n - 2) / (2.0 * k * (2.0 * k - 1)) * y;
    series += bernoulli[k - 1] * term;
  }
  double sum = factorial * power(1 / x, n) * (1 + 0.5 * n / x + series) + factorial * n * steps;
  return n % 2 ? sum : -sum;
}

double rn_polygamma_f64(int order, double x) {
  if (!(x > 0)) return x == 0 ? (order % 2 ? INFINITY : -INFINITY) : NAN;      // lgamma(0) = inf, digamma(0) = -inf, trigamma(0) = inf
  if (x == INFINITY) return order < 1 ? INFINITY : 0;
  return order < 0 ? log_gamma(x) : order == 0 ? digamma(x) : polygamma(order, x);
}
float rn_polygamma_f32(int order, float x) { return (float)rn_polygamma_f64(order, (double)x); }

void rn_vpolygamma_f64(int order, size_t n, const double *x, double *y) {
  for (size_t i = 0; i < n; i++) y[i] = rn_polygamma_f64(order, x[i]);
}
void rn_vpolygamma_f32(int order, size_t n, const float *x, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = rn_polygamma_f32(order, x[i]);
}
