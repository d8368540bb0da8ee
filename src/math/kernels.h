/* kernels.h - what one instruction set offers: a table of functions, filled by kernels.c once for each. Private to math/. */
#ifndef REIN_KERNELS_H
#define REIN_KERNELS_H
#include "rein/math.h"

/* A strip of tiles of a product, side by side, over k terms: rows and vectors of a tile are the kernel's own, all tiles but the last are
 * full, `cols` columns in all. a's entry (i, l) is a[i*ai + l*ak]; row l of tile s of b begins at b[s*bnext + l*bk].
 * The chains go on from `from`, or from +0 when that is NULL. */
typedef struct {
  const float *a, *b;
  ptrdiff_t ai, ak, bk, bnext;
  int k, cols;
  const float *from;                                    // partial chains, row stride ldfrom
  float *to;                                            // row stride ldto
  ptrdiff_t ldfrom, ldto;
  const float *bias, *old;                              // bias of these columns; what is added last, at the places of `to`; NULL: none
  rn_act act;
} rn_strip;

typedef void rn_map1(size_t n, const float *x, float *y);
typedef void rn_map2(size_t n, const float *x, const float *y, float *z);
typedef float rn_fold1(size_t n, const float *x);

enum { RN_MOST_VECTORS = 8, RN_MOST_ROWS = 12 };            // of a tile

typedef struct {
  const char *name;
  int lanes;                                            // floats a vector
  int vectors;                                          // of the tile that is best where there are many rows
  int rows[RN_MOST_VECTORS + 1];                        // most rows of a tile by the vectors of its row; never more than a narrower one has
  void (*strip[RN_MOST_VECTORS + 1][RN_MOST_ROWS + 1])(const rn_strip *t);
  void (*pack_turned)(const float *b, ptrdiff_t ldb, int k, int cols, int width, float *out);   // [k, width] from b [cols, k], zeros after cols
  void (*one_column)(const float *a, ptrdiff_t lda, const float *b, int rows, int k, float *sum, float *lanes, bool first, bool last);
  float (*one_exp)(float), (*one_log)(float), (*one_tanh)(float), (*one_sigmoid)(float), (*one_softplus)(float), (*one_sin)(float);
  float (*one_cos)(float), (*one_erf)(float), (*one_sqrt)(float);
  rn_map1 *exp, *log, *tanh, *sigmoid, *softplus, *sin, *cos, *erf, *sqrt;
  rn_map2 *add, *sub, *mul, *div, *min, *max, *muladd;
  void (*affine)(size_t n, float a, float b, const float *x, float *y);
  void (*axpy)(size_t n, float a, const float *x, float *y);
  void (*clamp)(size_t n, float low, float high, const float *x, float *y);
  void (*lerp)(size_t n, float t, const float *x, float *y);
  void (*act)(size_t n, rn_act act, const float *x, float *y);
  void (*act_back)(size_t n, rn_act act, const float *y, const float *dy, float *dx);
  bool (*finite)(size_t n, const float *x);
  rn_fold1 *sum, *sumsq, *maxof;
  float (*dot)(size_t n, const float *x, const float *y);
  void (*colsum)(int rows, int cols, const float *x, float *y, bool add);
  void (*rowsum)(int rows, int cols, const float *x, float *y);
  void (*softmax)(int rows, int cols, const float *x, float *p, float *lse);
  void (*adam)(size_t n, float *theta, float *m, float *v, const float *g, float scale, float b1, float b2, float rest1, float rest2, float step,
               float eps, float decay);
  void (*uniform)(rn_key key, size_t n, float *x);
  void (*normal)(rn_key key, size_t n, float *x);
} rn_kernels;

extern const rn_kernels rn_kernels_avx512, rn_kernels_avx2, rn_kernels_portable;
const rn_kernels *rn_kernels_chosen(void);              // of this process
const rn_kernels *rn_kernels_named(const char *name);   // NULL: no such name, or this CPU lacks it
void rn_gemm_with(const rn_kernels *kernels, const rn_product *p);      // for tests: a product by a table of their choice
#endif
