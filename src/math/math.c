/* math/math.c - chooses this process's kernels once and gives them their public names. */
#include "kernels.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const rn_kernels *const tables[] = {&rn_kernels_avx512, &rn_kernels_avx2, &rn_kernels_portable};

static bool cpu_runs(const rn_kernels *k) {
  __builtin_cpu_init();
  if (k == &rn_kernels_avx512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
  return k == &rn_kernels_portable || (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
}

const rn_kernels *rn_kernels_named(const char *name) {
  for (int i = 0; i < RN_COUNT(tables); i++)
    if (!strcmp(tables[i]->name, name) && cpu_runs(tables[i])) return tables[i];
  return NULL;
}

// RN_ISA is the user's: a wrong one ends the process with 2, before anything was computed
static const rn_kernels *choose(void) {
  const char *wish = getenv("RN_ISA");
  if (!wish || !*wish) {
    int i = 0;
    while (!cpu_runs(tables[i])) i++;
    return tables[i];
  }
  const rn_kernels *k = rn_kernels_named(wish);
  if (k) return k;
  bool known = false;
  for (int i = 0; i < RN_COUNT(tables); i++) known |= !strcmp(tables[i]->name, wish);
  fprintf(stderr, known ? "RN_ISA=%s: this CPU lacks it; unset RN_ISA, or use avx2 or portable\n"
                        : "RN_ISA=%s: there is no such instruction set; use avx512, avx2 or portable\n", wish);
  exit(RN_INPUT);
}

const rn_kernels *rn_kernels_chosen(void) {
  static const rn_kernels *_Atomic chosen;              // every thread would choose the same
  const rn_kernels *k = atomic_load_explicit(&chosen, memory_order_relaxed);
  if (__builtin_expect(!k, 0)) atomic_store_explicit(&chosen, k = choose(), memory_order_relaxed);
  return k;
}

const char *rn_math_isa(void) { return rn_kernels_chosen()->name; }

#define FUNCTION(f) \
  void rn_v##f##_f32(size_t n, const float *x, float *y) { rn_kernels_chosen()->f(n, x, y); } \
  float rn_##f##_f32(float x) { return rn_kernels_chosen()->one_##f(x); }
RN_VECTOR_FUNCTIONS(FUNCTION)

#define OF_TWO(f) \
  void rn_v##f##_f32(size_t n, const float *x, const float *y, float *z) { rn_kernels_chosen()->f(n, x, y, z); }
OF_TWO(add)
OF_TWO(sub)
OF_TWO(mul)
OF_TWO(div)
OF_TWO(min)
OF_TWO(max)
OF_TWO(muladd)

void rn_vaffine_f32(size_t n, float a, float b, const float *x, float *y) { rn_kernels_chosen()->affine(n, a, b, x, y); }
void rn_vaxpy_f32(size_t n, float a, const float *x, float *y) { rn_kernels_chosen()->axpy(n, a, x, y); }
void rn_vclamp_f32(size_t n, float low, float high, const float *x, float *y) { rn_kernels_chosen()->clamp(n, low, high, x, y); }
void rn_vlerp_f32(size_t n, float t, const float *x, float *y) { rn_kernels_chosen()->lerp(n, t, x, y); }
void rn_vact_f32(size_t n, rn_act act, const float *x, float *y) { rn_kernels_chosen()->act(n, act, x, y); }
void rn_vact_back_f32(size_t n, rn_act act, const float *y, const float *dy, float *dx) {
  RN_CHECK(act != RN_SILU, "silu's slope can't be had from its output; keep the input and compose it");
  rn_kernels_chosen()->act_back(n, act, y, dy, dx);
}
bool rn_vfinite_f32(size_t n, const float *x) { return rn_kernels_chosen()->finite(n, x); }
float rn_vsum_f32(size_t n, const float *x) { return rn_kernels_chosen()->sum(n, x); }
float rn_vdot_f32(size_t n, const float *x, const float *y) { return rn_kernels_chosen()->dot(n, x, y); }
float rn_vsumsq_f32(size_t n, const float *x) { return rn_kernels_chosen()->sumsq(n, x); }
float rn_vmaxof_f32(size_t n, const float *x) {
  RN_CHECK(n > 0, "the largest of no numbers");
  return rn_kernels_chosen()->maxof(n, x);
}
void rn_vcolsum_f32(int rows, int cols, const float *x, float *y, bool add) { rn_kernels_chosen()->colsum(rows, cols, x, y, add); }
void rn_vrowsum_f32(int rows, int cols, const float *x, float *y) { rn_kernels_chosen()->rowsum(rows, cols, x, y); }
void rn_vsoftmax_f32(int rows, int cols, const float *x, float *p, float *lse) { rn_kernels_chosen()->softmax(rows, cols, x, p, lse); }
void rn_vadam_f32(size_t n, float *theta, float *m, float *v, const float *g, float scale, double b1, double b2, float step, float eps,
                  float decay) {
  // 1 - b is taken in double: 1 - 0.999f is 1.3e-5 off
  rn_kernels_chosen()->adam(n, theta, m, v, g, scale, (float)b1, (float)b2, (float)(1 - b1), (float)(1 - b2), step, eps, decay);
}
void rn_vuniform_f32(rn_key key, size_t n, float *x) { rn_kernels_chosen()->uniform(key, n, x); }
void rn_vnormal_f32(rn_key key, size_t n, float *x) { rn_kernels_chosen()->normal(key, n, x); }
