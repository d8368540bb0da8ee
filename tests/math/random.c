// Random numbers in bulk: each is the word of its Philox block, whatever the length and the instruction set.
#include "../../src/math/kernels.h"
#include "test.h"

enum { MANY = 1 << 20 };
static float x[MANY], y[MANY];
static double wide[MANY];
static const char *const isas[] = {"avx512", "avx2", "portable"};

static float scalar_uniform(rn_key key, size_t i) {
  uint32_t cipher[2], w[4];
  rn_key_cipher(&key, cipher);
  rn_philox((uint32_t[]){key.draw + (uint32_t)(i / 4), key.at, (uint32_t)key.unit, (uint32_t)(key.unit >> 32)}, cipher, w);
  return ((float)(w[i % 4] >> 9) + 0.5f) * 0x1p-23f;
}

TEST(bulk_uniforms_are_the_words_of_single_blocks) {
  rn_key key = rn_key_new(42, "bulk", 0x123456789abcULL, 17);
  key.draw = 0xfffffff0u;                                // the counter runs over
  for (int v = 0; v < 3; v++) {
    const rn_kernels *q = rn_kernels_named(isas[v]);
    for (size_t n = 0; n < 300 && q; n += n < 70 ? 1 : 57) {
      for (int i = 0; i < 320; i++) x[i] = -1;
      q->uniform(key, n, x);
      for (size_t i = 0; i < 320; i++) CHECK_THAT(x[i] == (i < n ? scalar_uniform(key, i) : -1), "number %zu of %zu under %s", i, n, isas[v]);
    }
  }
}

TEST(bulk_normals_are_box_muller_of_the_uniforms) {
  const rn_key key = rn_key_new(7, "bulk", 3, 9);
  rn_vnormal_f64(key, 5000, wide), rn_vnormal_f32(key, 5000, y);
  for (int i = 0; i < 5000; i++) CHECK_NEAR(y[i], wide[i], 1e-6, "number %d", i);
  for (int v = 0; v < 3; v++) {
    const rn_kernels *q = rn_kernels_named(isas[v]);
    for (size_t n = 0; n < 300 && q; n += n < 70 ? 1 : 57) {
      for (int i = 0; i < 320; i++) x[i] = -100;
      q->normal(key, n, x);
      for (size_t i = 0; i < 320; i++) CHECK_THAT(x[i] == (i < n ? y[i] : -100), "number %zu of %zu under %s", i, n, isas[v]);
    }
  }
  rn_vuniform_f32(key, 5000, x), rn_vuniform_f64(key, 5000, wide);
  for (int i = 0; i < 5000; i++) CHECK(x[i] == wide[i]);
}

TEST(a_stream_goes_on_where_draw_says) {
  rn_key key = rn_key_new(7, "bulk", 3, 9);
  rn_vnormal_f32(key, 400, x);
  key.draw += 25, rn_vnormal_f32(key, 300, y);
  CHECK(!memcmp(x + 100, y, 300 * sizeof *x));
}

// the k-th moment of a million normals is within 5 standard errors of its value
TEST(moments_of_normals_and_uniforms) {
  rn_vnormal_f32(rn_key_new(1, "moments", 0, 0), MANY, x);
  double m[5] = {0}, tail = 0, most = 0, lag = 0;
  for (int i = 0; i < MANY; i++) {
    double p = 1;
    for (int k = 1; k <= 4; k++) m[k] += (p *= x[i]);
    tail += fabs(x[i]) > 1.959963985, most = fmax(most, fabs(x[i]));
    if (i) lag += x[i] * (double)x[i - 1];
  }
  const double e = 5 / sqrt(MANY);
  CHECK_NEAR(m[1] / MANY, 0, e, "mean");
  CHECK_NEAR(m[2] / MANY, 1, e * sqrt(2), "variance");
  CHECK_NEAR(m[3] / MANY, 0, e * sqrt(15), "third");
  CHECK_NEAR(m[4] / MANY, 3, e * sqrt(96) / 3, "fourth");
  CHECK_NEAR(tail / MANY, 0.05, e * sqrt(0.05 * 0.95), "5 %% lie beyond 1.96");
  CHECK_NEAR(lag / MANY, 0, e, "neighbours are independent");
  CHECK_THAT(most < 5.8 && most > 4.4, "largest of a million is %g", most);
  rn_vuniform_f32(rn_key_new(1, "moments", 0, 0), MANY, x);
  double mean = 0, square = 0;
  int low = 0;
  for (int i = 0; i < MANY; i++) {
    CHECK(x[i] > 0 && x[i] < 1);
    mean += x[i], square += (double)x[i] * x[i], low += x[i] < 0.125f;
  }
  CHECK_NEAR(mean / MANY, 0.5, e * sqrt(1 / 12.0), "mean");
  CHECK_NEAR(square / MANY, 1 / 3.0, e * sqrt(4 / 45.0), "square");
  CHECK_NEAR(low / (double)MANY, 0.125, e * sqrt(0.125 * 0.875), "an eighth");
}
