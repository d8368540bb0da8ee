/* math/gemm.c - products: which tiles, in which order, on which threads. None of it shows in a result, for each output is one chain of
 * fused steps over k (tiles.h); a block of k goes on from where the one before it stored the chain. */
#include "kernels.h"
#include <string.h>

enum {
  PANEL_DEPTH = 512,                                    // terms of a packed panel
  PANEL_WIDTH = 8 * 16,
  MOST_ROWS = 252,                                      // rows of a part: a part's rows of `a` stay in the second cache
  ONE_DEPTH = 4096, ONE_ROWS = 64,                      // one column: terms and rows at a time
};
static const double WORTH_THREADS = 65536 * 4;          // multiply-adds

static _Thread_local struct {
  _Alignas(64) float panel[PANEL_DEPTH * PANEL_WIDTH];
  _Alignas(64) float chains[MOST_ROWS * PANEL_WIDTH];   // unfinished ones, when c may not hold them
  _Alignas(64) float column[ONE_DEPTH];
  _Alignas(64) float lanes[ONE_ROWS * 16];
} scratch;

typedef struct {
  const rn_kernels *kernels;
  const rn_product *p;
  int row_parts, col_parts;
} job;

//---- one column ------------------------------------------------------------------------------------------------------------------

static void finish_column(const rn_product *p, const rn_kernels *q, int from, int rows, float *sum) {
  if (p->bias)
    for (int i = 0; i < rows; i++) sum[i] += *(const float *)p->bias;
  q->act((size_t)rows, p->act, sum, sum);
  for (int i = 0; i < rows; i++) {
    float *c = (float *)p->c + (size_t)(from + i) * (size_t)p->ldc;
    *c = p->add ? *c + sum[i] : sum[i];
  }
}

static void one_column_rows(const job *w, int from, int to) {
  const rn_product *p = w->p;
  const size_t stride = p->how == RN_NN ? (size_t)p->ldb : 1;
  for (int i = from; i < to; i += ONE_ROWS) {
    int rows = RN_MIN(ONE_ROWS, to - i), l = 0;
    float sum[ONE_ROWS];
    do {
      int depth = RN_MIN(ONE_DEPTH, p->k - l);
      const float *b = (const float *)p->b + (size_t)l * stride, *a = (const float *)p->a + (size_t)i * (size_t)p->lda + l;
      if (stride != 1) {
        for (int j = 0; j < depth; j++) scratch.column[j] = b[(size_t)j * stride];
        b = scratch.column;
      }
      w->kernels->one_column(a, p->lda, b, rows, depth, sum, scratch.lanes, l == 0, l + depth == p->k);
      l += depth;
    } while (l < p->k);
    finish_column(p, w->kernels, i, rows, sum);
  }
}

//---- tiles -----------------------------------------------------------------------------------------------------------------------

// How wide a tile for so many rows and columns: few rows need many vectors to keep the multipliers busy.
static int vectors_of_tile(const rn_kernels *q, int rows, int cols) {
  const int left = (cols + q->lanes - 1) / q->lanes;
  int v = rows <= q->rows[8] ? 8 : rows <= q->rows[4] ? 4 : left == 3 ? 3 : 2;
  while (v > left || !q->rows[v]) v--;
  return v;
}

// rows [i0, i1) by the columns of one panel that begins at j
static void panel_product(const job *w, int vectors, int i0, int i1, int j, int cols) {
  const rn_product *p = w->p;
  const rn_kernels *q = w->kernels;
  const ptrdiff_t ai = p->how == RN_TN ? 1 : p->lda, ak = p->how == RN_TN ? p->lda : 1;
  const int width = vectors * q->lanes, most = q->rows[vectors], tiles = (i1 - i0 + most - 1) / most;
  const bool apart = p->add && p->k > PANEL_DEPTH;
  float *c = (float *)p->c + j;
  int l = 0;
  do {
    const int depth = RN_MIN(PANEL_DEPTH, p->k - l);
    const bool first = l == 0, last = l + depth == p->k;
    rn_tile t = {.b = scratch.panel, .ai = ai, .ak = ak, .bk = width, .k = depth, .cols = cols};
    if (p->how == RN_NT) q->pack_turned((const float *)p->b + (size_t)j * (size_t)p->ldb + l, p->ldb, depth, cols, width, scratch.panel);
    else t.b = (const float *)p->b + (size_t)l * (size_t)p->ldb + j, t.bk = p->ldb;
    for (int s = 0; s < tiles; s++) {
      const int i = i0 + (int)((long)(i1 - i0) * s / tiles), rows = i0 + (int)((long)(i1 - i0) * (s + 1) / tiles) - i;
      float *here = c + (size_t)i * (size_t)p->ldc, *chain = apart ? scratch.chains + (size_t)(i - i0) * (size_t)width : here;
      const ptrdiff_t ldchain = apart ? width : p->ldc;
      t.a = (const float *)p->a + (p->how == RN_TN ? (size_t)l * (size_t)p->lda + (size_t)i : (size_t)i * (size_t)p->lda + (size_t)l);
      t.from = first ? NULL : chain, t.ldfrom = ldchain;
      t.to = last ? here : chain, t.ldto = last ? p->ldc : ldchain;
      if (last) t.bias = p->bias ? (const float *)p->bias + j : NULL, t.act = p->act, t.old = p->add ? here : NULL, t.ldold = p->ldc;
      q->tile[vectors][rows](&t);
    }
    l += depth;
  } while (l < p->k);
}

static void part_product(void *context, int part) {
  const job *w = context;
  const rn_product *p = w->p;
  const int r = part % w->row_parts, s = part / w->row_parts;
  const int i0 = (int)((long)p->m * r / w->row_parts), i1 = (int)((long)p->m * (r + 1) / w->row_parts);
  if (p->n == 1 && p->how != RN_TN) {
    one_column_rows(w, i0, i1);
    return;
  }
  // columns are dealt in whole vectors
  const int lanes = w->kernels->lanes, whole = (p->n + lanes - 1) / lanes;
  const int j0 = (int)((long)whole * s / w->col_parts) * lanes, j1 = RN_MIN(p->n, (int)((long)whole * (s + 1) / w->col_parts) * lanes);
  for (int j = j0; j < j1;) {
    const int vectors = vectors_of_tile(w->kernels, i1 - i0, j1 - j), cols = RN_MIN(vectors * lanes, j1 - j);
    panel_product(w, vectors, i0, i1, j, cols);
    j += cols;
  }
}

static void check(const rn_product *p) {
  const int a_cols = p->how == RN_TN ? p->m : p->k, b_cols = p->how == RN_NT ? p->k : p->n;
  RN_CHECK(p->m >= 0 && p->n >= 0 && p->k >= 0, "a product of sizes m %d, n %d, k %d", p->m, p->n, p->k);
  RN_CHECK(p->lda >= a_cols && p->ldb >= b_cols && p->ldc >= p->n, "row strides %d, %d, %d are below the widths %d, %d, %d", p->lda, p->ldb,
           p->ldc, a_cols, b_cols, p->n);
  RN_CHECK(!p->add || (!p->bias && p->act == RN_IDENTITY), "a product that is added has neither bias nor activation");
}

void rn_gemm_with(const rn_kernels *kernels, const rn_product *p) {
  check(p);
  if (p->m == 0 || p->n == 0) return;
  job w = {kernels, p, (p->m + MOST_ROWS - 1) / MOST_ROWS, 1};
  const double work = (double)p->m * p->n * p->k;
  const int threads = rn_threads();
  if (threads == 1 || work < WORTH_THREADS) {
    for (int part = 0; part < w.row_parts; part++) part_product(&w, part);
    return;
  }
  if (w.row_parts < 2 * threads) w.col_parts = RN_MIN((p->n + kernels->lanes - 1) / kernels->lanes, 2 * threads);
  rn_parallel(w.row_parts * w.col_parts, part_product, &w);
}

void rn_gemm_f32(const rn_product *p) { rn_gemm_with(rn_kernels_chosen(), p); }
