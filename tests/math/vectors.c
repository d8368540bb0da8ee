// Elementwise functions, sums, softmax, Adam: against the plain loop that defines them, for every instruction set by ==.
#include "../../src/math/kernels.h"
#include "test.h"

enum { MOST = 10007 };
static float x[MOST + 1], y[MOST], z[MOST], was[MOST], got[MOST];

static void fill(float *v, size_t n, uint64_t seed) {
  rn_key key = rn_key_new(seed, "test", 0, 0);
  for (size_t i = 0; i < n; i++) v[i] = rn_uniform(&key, -2, 2);
}

static const rn_kernels *table(int i) { return rn_kernels_named((const char *[]){"avx512", "avx2", "portable"}[i]); }
static const int lengths[] = {0, 1, 2, 3, 5, 15, 16, 17, 31, 33, 100, 4095, 4096, 4097, 8195, MOST};

#define EACH_TABLE_AND_LENGTH \
  for (int t = 0; t < 3; t++) \
    for (int s = 0; s < RN_COUNT(lengths); s++)
#define EXPECT(what, is) \
  for (int i = 0; i < MOST; i++) { \
    const float should = i < n ? (is) : was[i]; \
    CHECK_THAT(got[i] == should, "%s under %s, %d numbers: entry %d is %.9g, should be %.9g", what, q->name, n, i, got[i], should); \
  }

TEST(elementwise_functions_are_their_definitions) {
  fill(x, MOST, 1), fill(y, MOST, 2), fill(was, MOST, 3);
  EACH_TABLE_AND_LENGTH {
    const rn_kernels *q = table(t);
    if (!q) continue;
    const int n = lengths[s];
#define TRY(what, call, is) memcpy(got, was, sizeof got), call; EXPECT(what, is)
    TRY("add", q->add(n, x, y, got), x[i] + y[i]);
    TRY("sub", q->sub(n, x, y, got), x[i] - y[i]);
    TRY("mul", q->mul(n, x, y, got), x[i] * y[i]);
    TRY("div", q->div(n, x, y, got), x[i] / y[i]);
    TRY("min", q->min(n, x, y, got), y[i] < x[i] ? y[i] : x[i]);
    TRY("max", q->max(n, x, y, got), y[i] > x[i] ? y[i] : x[i]);
    TRY("muladd", q->muladd(n, x, y, got), fmaf(x[i], y[i], was[i]));
    TRY("affine", q->affine(n, 1.7f, -0.3f, x, got), fmaf(1.7f, x[i], -0.3f));
    TRY("axpy", q->axpy(n, 0.3f, x, got), fmaf(0.3f, x[i], was[i]));
    TRY("clamp", q->clamp(n, -0.5f, 1.25f, x, got), x[i] < -0.5f ? -0.5f : x[i] > 1.25f ? 1.25f : x[i]);
    TRY("lerp", q->lerp(n, 0.005f, x, got), fmaf(0.005f, x[i] - was[i], was[i]));
  }
}

TEST(clamp_keeps_nan) {
  float v[3] = {NAN, 5, -5};
  rn_vclamp_f32(3, -1, 1, v, v);
  CHECK(isnan(v[0]) && v[1] == 1 && v[2] == -1);
}

static float tree(float *lane) {
  for (int half = 8; half > 0; half /= 2)
    for (int l = 0; l < half; l++) lane[l] += lane[l + half];
  return lane[0];
}

static float defined_sum(int n, const float *u, const float *v, int block) {
  float total = 0;
  for (int from = 0; from < n; from += block) {
    float lane[16] = {0};
    for (int i = from; i < n && i < from + block; i++) {
      float *s = &lane[(i - from) % 16];
      *s = v ? fmaf(u[i], v[i], *s) : *s + u[i];
    }
    total += tree(lane);
  }
  return total;
}

TEST(sums_are_sixteen_lanes_a_tree_and_blocks_in_order) {
  fill(x, MOST, 4), fill(y, MOST, 5);
  EACH_TABLE_AND_LENGTH {
    const rn_kernels *q = table(t);
    const int n = lengths[s];
    if (!q) continue;
    CHECK_THAT(q->sum(n, x) == defined_sum(n, x, NULL, 4096), "sum of %d under %s", n, q->name);
    CHECK_THAT(q->dot(n, x, y) == defined_sum(n, x, y, 4096), "dot of %d under %s", n, q->name);
    CHECK_THAT(q->sumsq(n, x) == defined_sum(n, x, x, 4096), "sumsq of %d under %s", n, q->name);
    if (n == 0) continue;
    float most = x[0];
    for (int i = 1; i < n; i++) most = x[i] > most ? x[i] : most;
    CHECK_THAT(q->maxof(n, x) == most, "largest of %d under %s", n, q->name);
    for (int i = 0; i < n; i++) z[i] = -3 - x[i] * x[i];
    most = z[0];
    for (int i = 1; i < n; i++) most = z[i] > most ? z[i] : most;
    CHECK_THAT(q->maxof(n, z) == most, "largest of %d negative numbers under %s", n, q->name);
  }
  CHECK_NEAR(rn_vsum_f32(4, (float[]){1, 2, 3, 4}), 10, 0, "1 + 2 + 3 + 4");
}

TEST(not_a_number_is_never_lost) {
  EACH_TABLE_AND_LENGTH {
    const rn_kernels *q = table(t);
    const int n = lengths[s];
    if (!q || n == 0) continue;
    fill(x, MOST, 6);
    CHECK(q->finite(n, x));
    static const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    for (int b = 0; b < 4; b++)
      for (int i = 0; i < n; i += 1 + n / 7) {
        const float kept = x[i];
        x[i] = bad[b];
        CHECK_THAT(!q->finite(n, x), "%g at %d of %d is called finite under %s", bad[b], i, n, q->name);
        const float most = q->maxof(n, x);
        CHECK_THAT(b < 2 ? isnan(most) : b == 2 ? most == INFINITY : n == 1 || isfinite(most), "largest of %d with %g at %d is %g", n, bad[b], i,
            most);
        x[i] = kept;
      }
    x[n] = NAN;
    CHECK_THAT(n == MOST || q->finite(n, x), "a number past the end was read");
  }
}

TEST(column_and_row_sums) {
  static const int shape[][2] = {{1, 1}, {3, 7}, {64, 64}, {33, 65}, {5, 17}, {100, 100}, {2, 4500}, {4500, 2}, {128, 1}};
  fill(x, MOST, 7), fill(was, MOST, 8);
  for (int t = 0; t < 3; t++)
    for (int s = 0; s < RN_COUNT(shape); s++) {
      const rn_kernels *q = table(t);
      const int rows = shape[s][0], cols = shape[s][1];
      if (!q) continue;
      for (int add = 0; add < 2; add++) {
        memcpy(got, was, sizeof got), q->colsum(rows, cols, x, got, add);
        for (int j = 0; j < MOST; j++) {
          float sum = 0;
          for (int i = 0; i < rows && j < cols; i++) sum += x[i * cols + j];
          CHECK_THAT(got[j] == (j >= cols ? was[j] : add ? was[j] + sum : sum), "column %d of [%d, %d] under %s", j, rows, cols, q->name);
        }
      }
      memcpy(got, was, sizeof got), q->rowsum(rows, cols, x, got);
      for (int i = 0; i < MOST; i++)
        CHECK_THAT(got[i] == (i < rows ? defined_sum(cols, x + i * cols, NULL, 1 << 30) : was[i]), "row %d of [%d, %d] under %s", i, rows, cols,
            q->name);
    }
}

TEST(softmax_of_a_row_belongs_to_the_row) {
  static float lse[8], other[8], p[8 * 1100], again[8 * 1100];
  for (int cols = 1; cols <= 1100; cols += cols < 40 ? 1 : 353) {
    fill(x, (size_t)(8 * cols), 9);
    x[0] += 300, x[8 * cols - 1] -= 400;
    rn_vsoftmax_f32(8, cols, x, p, lse);
    for (int i = 0; i < 8; i++) {
      double most = -INFINITY, total = 0;
      for (int j = 0; j < cols; j++) most = fmax(most, x[i * cols + j]);
      for (int j = 0; j < cols; j++) total += exp(x[i * cols + j] - most);
      CHECK_NEAR(lse[i], most + log(total), 1e-6, "row %d of %d columns", i, cols);
      for (int j = 0; j < cols; j++) CHECK_NEAR(p[i * cols + j], exp(x[i * cols + j] - most) / total, 1e-6, "row %d column %d", i, j);
      rn_vsoftmax_f32(1, cols, x + i * cols, again, NULL);
      CHECK(!memcmp(again, p + i * cols, (size_t)cols * sizeof *p));
    }
    rn_vsoftmax_f32(8, cols, x, NULL, other);
    CHECK(!memcmp(other, lse, sizeof lse));
    for (int t = 0; t < 3; t++) {
      if (!table(t)) continue;
      table(t)->softmax(8, cols, x, again, other);
      CHECK_THAT(!memcmp(other, lse, sizeof lse) && !memcmp(again, p, (size_t)(8 * cols) * sizeof *p), "%d columns under %s", cols, table(t)->name);
    }
    memcpy(again, x, (size_t)(8 * cols) * sizeof *x), rn_vsoftmax_f32(8, cols, again, again, NULL);
    CHECK_THAT(!memcmp(again, p, (size_t)(8 * cols) * sizeof *p), "in place");
  }
}

TEST(masked_keys_at_the_end_change_no_bit) {
  float row[40], p[40], lse[2], q[40];
  fill(row, 40, 10);
  for (int n = 1; n < 40; n++) {
    rn_vsoftmax_f32(1, n, row, p, lse);
    float padded[40];
    for (int j = 0; j < 40; j++) padded[j] = j < n ? row[j] : -INFINITY;
    rn_vsoftmax_f32(1, 40, padded, q, lse + 1);
    CHECK(lse[0] == lse[1] && !memcmp(p, q, (size_t)n * sizeof *p) && (n == 40 || q[39] == 0));
  }
}

TEST(adam_is_one_pass_of_its_equations) {
  static float theta[MOST], m[MOST], v[MOST], t0[MOST], m0[MOST], v0[MOST];
  fill(x, MOST, 11), fill(t0, MOST, 12), fill(m0, MOST, 13), fill(v0, MOST, 14);
  for (int i = 0; i < MOST; i++) v0[i] *= v0[i];
  const float scale = 0.5f, b1 = 0.9f, b2 = 0.999f, step = 1e-3f, eps = 1e-8f, decay = 1e-4f;
  EACH_TABLE_AND_LENGTH {
    const int n = lengths[s];
    if (!table(t)) continue;
    memcpy(theta, t0, sizeof t0), memcpy(m, m0, sizeof m0), memcpy(v, v0, sizeof v0);
    table(t)->adam(n, theta, m, v, x, scale, b1, b2, 1 - b1, 1 - b2, step, eps, decay);
    for (int i = 0; i < MOST; i++) {
      float g = x[i] * scale, mi = fmaf(b1, m0[i], (1 - b1) * g), vi = fmaf(b2, v0[i], (1 - b2) * (g * g));
      float ti = fmaf(-step, mi / (sqrtf(vi) + eps), fmaf(-decay, t0[i], t0[i]));
      if (i >= n) mi = m0[i], vi = v0[i], ti = t0[i];
      CHECK_THAT(m[i] == mi && v[i] == vi && theta[i] == ti, "entry %d of %d under %s", i, n, table(t)->name);
    }
  }
}
