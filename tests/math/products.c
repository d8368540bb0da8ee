// Products: each output is one chain of fused steps over k, whatever the rows, tiles, threads and instruction set.
#include "../../src/math/kernels.h"
#include "test.h"

static const char *const isas[] = {"avx512", "avx2", "portable"};

enum { ROOM = 1 << 22 };
static float a[ROOM], b[ROOM], c[ROOM], want[ROOM];

static void fill(float *x, size_t n, uint64_t seed) {
  rn_key key = rn_key_new(seed, "test", 0, 0);
  for (size_t i = 0; i < n; i++) x[i] = rn_uniform(&key, -1, 1);
}

static float tree(float lane[16]) {
  for (int half = 8; half > 0; half /= 2)
    for (int l = 0; l < half; l++) lane[l] += lane[l + half];
  return lane[0];
}

// the definition
static float chain(const rn_product *p, int i, int j) {
  const float *x = p->a, *y = p->b;
  const bool tn = p->how == RN_TN, nt = p->how == RN_NT, lanes = p->n == 1 && !tn;
  float lane[16] = {0};
  for (int l = 0; l < p->k; l++) {
    float u = tn ? x[(size_t)l * p->lda + i] : x[(size_t)i * p->lda + l], v = nt ? y[(size_t)j * p->ldb + l] : y[(size_t)l * p->ldb + j];
    float *s = &lane[lanes ? l % 16 : 0];
    *s = fmaf(u, v, *s);
  }
  return lanes ? tree(lane) : lane[0];
}

static float act_of(rn_act act, float x) {
  float y = x;
  rn_vact_f32(1, act, &x, &y);
  return y;
}

static void define(const rn_product *p, const float *old, float *out) {
  for (int i = 0; i < p->m; i++)
    for (int j = 0; j < p->n; j++) {
      float s = chain(p, i, j);
      if (p->bias) s += ((const float *)p->bias)[j];
      s = act_of(p->act, s);
      out[(size_t)i * p->ldc + j] = p->add ? old[(size_t)i * p->ldc + j] + s : s;
    }
}

static rn_product product(rn_transpose how, int m, int n, int k, int pad) {
  return (rn_product){.how = how, .m = m, .n = n, .k = k, .a = a, .b = b, .c = c, .lda = (how == RN_TN ? m : k) + pad,
                      .ldb = (how == RN_NT ? k : n) + pad, .ldc = n + pad};
}

static void check_product(const rn_kernels *q, rn_product *p) {
  const size_t n = (size_t)p->m * p->ldc;
  RN_CHECK(n <= ROOM && (size_t)(p->how == RN_TN ? p->k : p->m) * p->lda <= ROOM, "room");
  fill(c, n, 77), memcpy(want, c, n * sizeof *c);
  define(p, want, want);
  rn_gemm_with(q, p);
  for (size_t i = 0; i < n; i++)
    CHECK_THAT(c[i] == want[i], "%s how %d m %d n %d k %d lda %d ldb %d ldc %d act %d add %d bias %d: entry %zu of row %zu is %.9g, should be %.9g",
               q->name, p->how, p->m, p->n, p->k, p->lda, p->ldb, p->ldc, p->act, p->add, p->bias != NULL, i % p->ldc, i / p->ldc, c[i], want[i]);
}

TEST(a_product_is_one_fused_chain_an_entry) {
  static const int shape[][3] = {{1, 1, 1}, {1, 2, 3}, {3, 5, 2}, {8, 17, 33}, {12, 32, 16}, {13, 33, 65}, {5, 100, 7}, {2, 130, 40}, {32, 64, 64},
                                 {64, 6, 64}, {31, 17, 64}, {40, 64, 17}, {7, 1, 700}, {300, 1, 17}, {20, 16, 1100}, {9, 48, 520}, {1, 256, 256},
                                 {260, 40, 5}, {17, 200, 513}, {6, 65, 6}, {100, 129, 3}, {64, 1, 4500}, {3, 3, 1030}, {1, 1, 5000}, {25, 300, 30},
                                 {70, 70, 0}, {530, 600, 3}, {2, 200, 9}};
  fill(a, ROOM, 1), fill(b, ROOM, 2);
  for (int v = 0; v < RN_COUNT(isas); v++) {
    const rn_kernels *q = rn_kernels_named(isas[v]);
    for (int s = 0; s < RN_COUNT(shape) && q; s++)
      for (int how = 0; how < 3; how++)
        for (int pad = 0; pad < 6; pad += 5) {
          rn_product p = product((rn_transpose)how, shape[s][0], shape[s][1], shape[s][2], pad);
          check_product(q, &p);
        }
  }
}

TEST(bias_activation_and_sum_follow_the_chain_in_that_order) {
  static const int shape[][3] = {{7, 19, 30}, {33, 64, 600}, {3, 140, 20}, {20, 1, 5000}, {13, 40, 1030}};
  static float bias[256];
  fill(a, ROOM, 3), fill(b, ROOM, 4), fill(bias, RN_COUNT(bias), 5);
  for (int v = 0; v < RN_COUNT(isas); v++) {
    const rn_kernels *q = rn_kernels_named(isas[v]);
    for (int s = 0; s < RN_COUNT(shape) && q; s++)
      for (int how = 0; how < 3; how++) {
        rn_product p = product((rn_transpose)how, shape[s][0], shape[s][1], shape[s][2], 3);
        p.add = true;
        check_product(q, &p);
        p.add = false;
        for (int act = RN_IDENTITY; act <= RN_SILU; act++) {
          p.act = (rn_act)act, p.bias = NULL, check_product(q, &p);
          p.bias = bias, check_product(q, &p);
        }
      }
  }
}

TEST(a_row_has_the_same_bits_alone_and_in_any_batch) {
  static const int shape[][2] = {{64, 64}, {256, 17}, {1, 300}, {6, 256}, {130, 700}};
  fill(a, ROOM, 6), fill(b, ROOM, 7);
  for (int s = 0; s < RN_COUNT(shape); s++)
    for (int how = 0; how < 3; how++) {
      const int n = shape[s][0], k = shape[s][1];
      rn_product p = product((rn_transpose)how, 64, n, k, 0);
      p.c = want, rn_gemm_f32(&p);
      for (int m = 1; m <= 64; m++) {
        p.m = m, p.c = c, rn_gemm_f32(&p);               // TN: the first columns of a
        CHECK_THAT(!memcmp(c, want, (size_t)m * n * sizeof *c), "how %d n %d k %d: another result in a batch of %d rows", how, n, k, m);
      }
      p.m = 1;
      for (int i = 0; i < 64; i++) {
        p.a = a + (size_t)i * (how == RN_TN ? 1 : p.lda), rn_gemm_f32(&p);
        CHECK_THAT(!memcmp(c, want + (size_t)i * n, (size_t)n * sizeof *c), "how %d n %d k %d: row %d alone has other bits", how, n, k, i);
      }
    }
}

TEST(threads_change_no_bit) {
  static const int shape[][3] = {{256, 256, 256}, {64, 576, 576}, {700, 17, 256}, {520, 1, 600}, {40, 1000, 600}, {1000, 100, 530}, {12, 300, 300}};
  fill(a, ROOM, 8), fill(b, ROOM, 9);
  for (int s = 0; s < RN_COUNT(shape); s++)
    for (int how = 0; how < 3; how++)
      for (int add = 0; add < 2; add++) {
        rn_product p = product((rn_transpose)how, shape[s][0], shape[s][1], shape[s][2], 0);
        const size_t n = (size_t)p.m * p.n;
        p.add = add;
        fill(want, n, 10), p.c = want, rn_gemm_f32(&p);
        static const int threads[] = {2, 7};
        for (int t = 0; t < 2; t++) {
          rn_threads_set(threads[t]);
          fill(c, n, 10), p.c = c, rn_gemm_f32(&p);
          rn_threads_set(1);
          CHECK_THAT(!memcmp(c, want, n * sizeof *c), "how %d m %d n %d k %d add %d: other bits with %d threads", how, p.m, p.n, p.k, add,
              threads[t]);
        }
      }
}

TEST(every_small_shape_is_exact_and_writes_nothing_else) {
  fill(a, ROOM, 11), fill(b, ROOM, 12);
  const rn_kernels *q = rn_kernels_chosen();
  for (int m = 1; m <= 30; m += m < 14 ? 1 : 5)
    for (int n = 1; n <= 70; n += n < 18 ? 1 : 7)
      for (int k = 0; k <= 20; k += k < 4 ? 1 : 8)
        for (int how = 0; how < 3; how++) {
          rn_product p = product((rn_transpose)how, m, n, k, 2);
          fill(c, (size_t)m * p.ldc + 64, 13), memcpy(want, c, ((size_t)m * p.ldc + 64) * sizeof *c);
          define(&p, want, want);
          rn_gemm_with(q, &p);
          CHECK_THAT(!memcmp(c, want, ((size_t)m * p.ldc + 64) * sizeof *c), "how %d m %d n %d k %d", how, m, n, k);
        }
}

static void narrow_stride(void *unused) {
  (void)unused;
  rn_product p = product(RN_NN, 4, 5, 6, 0);
  p.ldb = 4;
  rn_gemm_f32(&p);
}

static void biased_sum(void *unused) {
  (void)unused;
  rn_product p = product(RN_NN, 4, 5, 6, 0);
  p.add = true, p.bias = a;
  rn_gemm_f32(&p);
}

TEST(a_product_that_does_not_meet_is_fatal) {
  CHECK_TEXT(test_fatal(narrow_stride, NULL), "row strides 6, 4, 5 are below the widths 6, 5, 5");
  CHECK_TEXT(test_fatal(biased_sum, NULL), "neither bias nor activation");
}

TEST(nothing_is_allocated) {
  fill(a, ROOM, 14), fill(b, ROOM, 15);
  const long before = rn_allocations();
  for (int how = 0; how < 3; how++) {
    rn_product p = product((rn_transpose)how, 300, 130, 700, 0);
    p.add = true, rn_gemm_f32(&p);
  }
  CHECK(rn_allocations() == before);
}
