// Vector functions: close to long double libm everywhere, the same bits alone, in a vector and under every instruction set.
#include "../../src/math/kernels.h"
#include "test.h"

static const char *const isas[] = {"avx512", "avx2", "portable"};

static long double sigmoidl(long double x) { return 1 / (1 + expl(-x)); }
static long double softplusl(long double x) { return x > 0 ? x + log1pl(expl(-x)) : log1pl(expl(x)); }
typedef struct {
  const char *name;
  void (*bulk)(size_t n, const float *x, float *y);
  float (*one)(float x);
  long double (*exact)(long double x);
  size_t entry;                                          // in the table of kernels
  bool absolute;                                         // near its zeros the error is absolute
} function;
#define ROW(f, l, absolute) {#f, rn_v##f##_f32, rn_##f##_f32, l, offsetof(rn_kernels, f), absolute}
static const function functions[] = {ROW(exp, expl, false), ROW(log, logl, true), ROW(tanh, tanhl, false), ROW(sigmoid, sigmoidl, false),
                                     ROW(softplus, softplusl, false), ROW(sin, sinl, true), ROW(cos, cosl, true), ROW(erf, erfl, false),
                                     ROW(sqrt, sqrtl, false)};

static float of_bits(uint32_t u) {
  float x;
  memcpy(&x, &u, sizeof x);
  return x;
}

static uint32_t bits(float x) {
  uint32_t u;
  memcpy(&u, &x, sizeof u);
  return u;
}

enum { MANY = 1 << 12 };

// every 4,099th float of both signs, and a dense sweep of where functions bend
static int sweep(uint32_t *at, float *x) {
  int n = 0;
  for (; n < MANY && *at < (1u << 20) + 400000; (*at)++) {
    float v = *at < (1u << 20) ? of_bits(*at * 4099u) : -20 + (float)(*at - (1u << 20)) * 1e-4f;
    if (isfinite(v)) x[n++] = v;
  }
  return n;
}

TEST(errors_stay_under_3e_7) {
  static float x[MANY], y[MANY];
  for (int f = 0; f < RN_COUNT(functions); f++) {
    const function *g = &functions[f];
    double worst = 0, where = 0;
    int n;
    for (uint32_t at = 0; (n = sweep(&at, x)) > 0;) {
      g->bulk((size_t)n, x, y);
      for (int i = 0; i < n; i++) {
        const long double exact = g->exact(x[i]);
        if (isnan((double)exact)) {
          CHECK_THAT(isnan(y[i]), "%s(%g) = %g", g->name, x[i], y[i]);
          continue;
        }
        if (isinf((float)exact)) {
          CHECK_THAT(y[i] == (float)exact || fabsl(exact) < 3.4028236e38L * (1 + 3e-7L), "%s(%g) = %g", g->name, x[i], y[i]);
          continue;
        }
        // half a unit of the denormals is all that a float can hold there
        const double size = g->absolute ? fmax(1, fabs((double)exact)) : fabs((double)exact);
        const double error = fmax(0, (double)fabsl(y[i] - exact) - 0x1p-149) / (size > 0 ? size : 1);
        if (!(error <= worst)) worst = error, where = x[i];
      }
    }
    printf("%s: worst error %.2e, at %.9g\n", g->name, worst, where);
    CHECK_THAT(worst < 3e-7, "%s: error %.3g at %.9g", g->name, worst, where);
  }
}

TEST(log_is_relative_near_one) {
  for (int i = -2000; i <= 2000; i++) {
    const float x = 1 + (float)i * 0x1p-20f;
    CHECK_NEAR(rn_log_f32(x) / (i ? logl(x) : 1), i ? 1 : 0, 3e-7, "x = 1 + %d 2^-20", i);
  }
}

TEST(special_values) {
  const float inf = INFINITY;
  for (int f = 0; f < RN_COUNT(functions); f++) CHECK_THAT(isnan(functions[f].one(NAN)), "%s(nan)", functions[f].name);
  CHECK(rn_exp_f32(0) == 1 && rn_exp_f32(-inf) == 0 && rn_exp_f32(inf) == inf && rn_exp_f32(-1e30f) == 0 && rn_exp_f32(1e30f) == inf);
  CHECK(rn_exp_f32(89) == inf && rn_exp_f32(88.7f) < inf && rn_exp_f32(-100) > 0 && rn_exp_f32(-104) == 0);
  CHECK(rn_log_f32(0) == -inf && rn_log_f32(-0.0f) == -inf && rn_log_f32(inf) == inf && rn_log_f32(1) == 0 && isnan(rn_log_f32(-1)));
  CHECK(isnan(rn_log_f32(-inf)));
  CHECK_NEAR(rn_log_f32(0x1p-149f), -149 * logl(2), 1e-7, "smallest denormal");
  CHECK(rn_tanh_f32(inf) == 1 && rn_tanh_f32(-inf) == -1 && rn_tanh_f32(20) == 1 && rn_tanh_f32(0) == 0 && signbit(rn_tanh_f32(-0.0f)));
  CHECK(rn_tanh_f32(0x1p-149f) == 0x1p-149f && rn_tanh_f32(-1e-20f) == -1e-20f);
  CHECK(rn_sigmoid_f32(inf) == 1 && rn_sigmoid_f32(-inf) == 0 && rn_sigmoid_f32(0) == 0.5f && rn_sigmoid_f32(-100) > 0);
  CHECK(rn_softplus_f32(inf) == inf && rn_softplus_f32(-inf) == 0 && rn_softplus_f32(1e30f) == 1e30f && rn_softplus_f32(-90) > 0);
  CHECK(isnan(rn_sin_f32(inf)) && isnan(rn_cos_f32(-inf)) && rn_sin_f32(0) == 0 && rn_cos_f32(0) == 1 && signbit(rn_sin_f32(-0.0f)));
  CHECK(rn_erf_f32(inf) == 1 && rn_erf_f32(-inf) == -1 && rn_erf_f32(0) == 0 && rn_erf_f32(1e30f) == 1 && signbit(rn_erf_f32(-0.0f)));
  CHECK(rn_sqrt_f32(inf) == inf && rn_sqrt_f32(0) == 0 && isnan(rn_sqrt_f32(-1)) && rn_sqrt_f32(2) == sqrtf(2));
}

TEST(a_scalar_is_a_lane_under_every_instruction_set) {
  static float x[MANY], y[MANY], z[MANY];
  for (int f = 0; f < RN_COUNT(functions); f++) {
    uint32_t at = 0;
    for (int n, round = 0; (n = sweep(&at, x)) > 0; round++) {
      functions[f].bulk((size_t)n, x, y);
      for (int i = 0; i < n && round % 16 == 0; i++)
        CHECK_THAT(bits(functions[f].one(x[i])) == bits(y[i]) || isnan(y[i]), "%s(%.9g) alone is not the lane's", functions[f].name, x[i]);
      for (int v = 0; v < RN_COUNT(isas); v++) {
        const rn_kernels *q = rn_kernels_named(isas[v]);
        if (!q || (v == 2 && round % 8)) continue;
        (*(rn_map1 *const *)((const char *)q + functions[f].entry))((size_t)n, x, z);
        for (int i = 0; i < n; i++)
          CHECK_THAT(bits(y[i]) == bits(z[i]) || (isnan(y[i]) && isnan(z[i])), "%s(%.9g) under %s is %.9g, should be %.9g", functions[f].name, x[i],
                     isas[v], z[i], y[i]);
      }
    }
  }
}

TEST(short_ends_touch_nothing_else) {
  for (int f = 0; f < RN_COUNT(functions); f++)
    for (int n = 0; n < 40; n++) {
      float x[48], y[48];
      for (int i = 0; i < 48; i++) x[i] = 0.1f * (float)(i + 1), y[i] = -7;
      functions[f].bulk((size_t)n, x, y);
      for (int i = 0; i < 48; i++) CHECK_THAT(i < n ? y[i] == functions[f].one(x[i]) : y[i] == -7, "%s, %d numbers, entry %d", functions[f].name, n,
          i);
      functions[f].bulk((size_t)n, x, x);                // in place
      for (int i = 0; i < n; i++) CHECK(x[i] == y[i]);
    }
}

TEST(activations_and_their_slopes) {
  float x[100], y[100], dy[100], dx[100];
  for (int i = 0; i < 100; i++) x[i] = 0.07f * (float)(i - 50), dy[i] = 0.3f + (float)i;
  rn_vact_f32(100, RN_RELU, x, y), rn_vact_back_f32(100, RN_RELU, y, dy, dx);
  for (int i = 0; i < 100; i++) CHECK(y[i] == (x[i] > 0 ? x[i] : 0) && dx[i] == (x[i] > 0 ? dy[i] : 0));
  rn_vact_f32(100, RN_TANH, x, y), rn_vact_back_f32(100, RN_TANH, y, dy, dx);
  for (int i = 0; i < 100; i++) CHECK(y[i] == rn_tanh_f32(x[i]) && dx[i] == fmaf(-y[i], y[i], 1) * dy[i]);
  rn_vact_f32(100, RN_SILU, x, y);
  for (int i = 0; i < 100; i++) CHECK(y[i] == x[i] * rn_sigmoid_f32(x[i]));
  rn_vact_f32(100, RN_IDENTITY, x, y), rn_vact_back_f32(100, RN_IDENTITY, y, dy, dx);
  CHECK(!memcmp(x, y, sizeof x) && !memcmp(dx, dy, sizeof dx));
  float bad = NAN;
  rn_vact_f32(1, RN_RELU, &bad, &bad);
  CHECK_THAT(isnan(bad), "relu hides a NaN");
}

static void silu_back(void *unused) {
  (void)unused;
  float x = 1;
  rn_vact_back_f32(1, RN_SILU, &x, &x, &x);
}

TEST(silu_has_no_slope_from_its_output) { CHECK_TEXT(test_fatal(silu_back, NULL), "silu"); }
