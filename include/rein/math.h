/* math.h - products, vector functions, sums, small linear algebra, neighbours. Float kernels are our own: their bits are the same on
 * every CPU with FMA, at any number of threads and at any number of rows; double twins are plain loops for tests.
 *
 * The order in which an output is summed belongs to the operation: one fused multiply-add chain from +0 over all k, ascending.
 * Bulk functions take n values; out may be an input. Nothing here allocates. */
#ifndef REIN_MATH_H
#define REIN_MATH_H
#include "rein/base.h"

/* Which kernels this process uses: "avx512", "avx2" or "portable"; by CPUID, or RN_ISA in the environment. */
const char *rn_math_isa(void);

//---- products ------------------------------------------------------------------------------------------------------------------

typedef enum { RN_IDENTITY, RN_RELU, RN_TANH, RN_SILU } rn_act;
typedef enum { RN_NN, RN_TN, RN_NT } rn_transpose;     // a[m,k] b[k,n];  a[k,m]' b[k,n] (weight gradients);  a[m,k] b[n,k]' (input gradients)
/* c [m, n] = act(op(a) op(b) + bias)   or, with `add`, c += op(a) op(b) (then neither bias nor act). Row strides in elements.
 * The chain of an output is summed first; then the bias [n] is added, then the activation, then (add) the old c.
 * Split over output tiles by rn_parallel when m n k is large; the split never changes a bit. */
typedef struct {
  rn_transpose how;
  int m, n, k;
  const void *a, *b;
  void *c;
  int lda, ldb, ldc;
  const void *bias;                                     // [n]; NULL: none
  rn_act act;
  bool add;
} rn_product;
void rn_gemm_f32(const rn_product *p);
void rn_gemm_f64(const rn_product *p);

//---- vector functions: y[i] = f(x[i]) ---------------------------------------------------------------------------------------------

/* Relative error under 3e-7 in float (absolute near zeros of log, sin, cos). Scalar calls give the same bits as a lane of the bulk. */
#define RN_VECTOR_FUNCTIONS(F) F(exp) F(log) F(tanh) F(sigmoid) F(softplus) F(sin) F(cos) F(erf) F(sqrt)
#define RN_DECLARE(f) \
  void rn_v##f##_f32(size_t n, const float *x, float *y); \
  void rn_v##f##_f64(size_t n, const double *x, double *y); \
  float rn_##f##_f32(float x); \
  double rn_##f##_f64(double x);
RN_VECTOR_FUNCTIONS(RN_DECLARE)
#undef RN_DECLARE

/* The log of the gamma function and its derivatives, x > 0: order -1 log gamma, 0 digamma, 1 trigamma, .. up to 20. Relative error under
 * 1e-13 in double (absolute near zeros); the float twin is the double one rounded. NaN below 0. */
double rn_polygamma_f64(int order, double x);
float rn_polygamma_f32(int order, float x);
void rn_vpolygamma_f64(int order, size_t n, const double *x, double *y);
void rn_vpolygamma_f32(int order, size_t n, const float *x, float *y);

/* Elementwise, for both precisions (the suffix): */
#define RN_DECLARE(T, s) \
  void rn_vadd_##s(size_t n, const T *x, const T *y, T *z);                    /* z = x + y                  */ \
  void rn_vsub_##s(size_t n, const T *x, const T *y, T *z);                    /* z = x - y                  */ \
  void rn_vmul_##s(size_t n, const T *x, const T *y, T *z);                    /* z = x y                    */ \
  void rn_vdiv_##s(size_t n, const T *x, const T *y, T *z);                    /* z = x / y                  */ \
  void rn_vmin_##s(size_t n, const T *x, const T *y, T *z);                    /* z = y < x ? y : x          */ \
  void rn_vmax_##s(size_t n, const T *x, const T *y, T *z);                    /* z = y > x ? y : x          */ \
  void rn_vmuladd_##s(size_t n, const T *x, const T *y, T *z);                 /* z = fma(x, y, z)           */ \
  void rn_vaffine_##s(size_t n, T a, T b, const T *x, T *y);                   /* y = fma(a, x, b)           */ \
  void rn_vaxpy_##s(size_t n, T a, const T *x, T *y);                          /* y = fma(a, x, y)           */ \
  void rn_vclamp_##s(size_t n, T low, T high, const T *x, T *y);               /* NaN stays NaN              */ \
  void rn_vlerp_##s(size_t n, T t, const T *x, T *y);                          /* y = fma(t, x - y, y): polyak */ \
  void rn_vact_##s(size_t n, rn_act act, const T *x, T *y);                    /* y = act(x)                 */ \
  void rn_vact_back_##s(size_t n, rn_act act, const T *y, const T *dy, T *dx); /* dx = dy act'(.), from the output y (RELU, TANH) */ \
  bool rn_vfinite_##s(size_t n, const T *x);                                   /* all finite                 */ \
  /* Sums: 16 lanes over i mod 16 within blocks of 4,096, one fixed tree of lanes, blocks added in order */ \
  T rn_vsum_##s(size_t n, const T *x); \
  T rn_vdot_##s(size_t n, const T *x, const T *y); \
  T rn_vsumsq_##s(size_t n, const T *x); \
  T rn_vmaxof_##s(size_t n, const T *x);                                       /* n > 0; NaN if any is       */ \
  /* sums of the columns of x [rows, cols] into y [cols] (add: += ); ascending rows, one addition at a time    */ \
  void rn_vcolsum_##s(int rows, int cols, const T *x, T *y, bool add); \
  /* a row's sum by 16 lanes and one tree: y [rows] of x [rows, cols]                                           */ \
  void rn_vrowsum_##s(int rows, int cols, const T *x, T *y); \
  /* softmax and log-sum-exp of rows: any may be NULL; a row belongs to itself                                  */ \
  void rn_vsoftmax_##s(int rows, int cols, const T *x, T *p, T *lse); \
  /* Adam with decoupled decay: m, v, theta in one pass; step = lr sqrt(1-b2^t)/(1-b1^t) is the caller's;       */ \
  /* theta -= decay theta; theta -= step m / (sqrt(v) + eps). g is scaled by `scale` first (clipping).          */ \
  void rn_vadam_##s(size_t n, T *theta, T *m, T *v, const T *g, T scale, T b1, T b2, T step, T eps, T decay);
RN_DECLARE(float, f32)
RN_DECLARE(double, f64)
#undef RN_DECLARE

/* The twin of the present build: RN_M(rn_vadd)(n, x, y, z) */
#ifdef RN_DOUBLE
#define RN_M(f) f##_f64
#else
#define RN_M(f) f##_f32
#endif

//---- random numbers in bulk ----------------------------------------------------------------------------------------------------

/* n numbers of the stream `key` from its `draw` on, four a Philox block; the key is not advanced. Uniform in (0, 1), never 0 or 1.
 * Normal: Box-Muller on the pairs (w0, w1), (w2, w3) with our own log, sin, cos. The f64 twins give the f32 uniforms widened and
 * Box-Muller in double: equal within float rounding. */
void rn_vuniform_f32(rn_key key, size_t n, float *x);
void rn_vuniform_f64(rn_key key, size_t n, double *x);
void rn_vnormal_f32(rn_key key, size_t n, float *x);
void rn_vnormal_f64(rn_key key, size_t n, double *x);

//---- small linear algebra in double (LAPACKE over OpenBLAS, one thread) -------------------------------------------------------------

bool rn_solve(int n, int rhs, const double *a, double *b);                     // a [n, n] row-major, b [n, rhs] becomes x; false: singular
bool rn_least_squares(int rows, int cols, const double *a, const double *b, double *x);   // min-norm, a [rows, cols]
bool rn_cholesky(int n, double *a);                                            // lower factor in place; false: not positive definite
bool rn_qr_orthogonal(int rows, int cols, double *a);                          // a [rows, cols] becomes orthonormal (columns or rows, the fewer), signs fixed

//---- neighbours ----------------------------------------------------------------------------------------------------------------

/* Exact nearest rows: for each query [q, d] the k rows of keys [n, d] of least Euclidean distance, ties to the lowest row. Blocked
 * products on centred rows choose candidates, distances are compared in double. rows [q, k], distance [q, k] (may be NULL).
 * `scratch` holds rn_neighbours_bytes(n, d, q, k). skip: NULL, or [q] a row not to be answered. */
size_t rn_neighbours_bytes(long n, int d, int q, int k);
void rn_neighbours(long n, int d, const float *keys, int q, const float *query, int k, const int64_t *skip, int64_t *rows, double *distance,
                   void *scratch);
#endif
