/* math/gemm.c - products: which tiles, in which order, on which threads. None of it shows in a result, for each output is one chain of
 * fused steps over k (tiles.h); a block of k goes on from where the one before it stored the chain. */
#include "kernels.h"
#include <string.h>

enum {
  DEPTH = 512, CHUNK = 512,                             // terms and columns of b in hand
  TURNED = 256,                                         // terms, where b is turned
  MOST_ROWS = 264,                                      // rows in hand
  ONE_DEPTH = 4096, ONE_ROWS = 64,                      // one column: terms and rows at a time
  FAR_APART = 900, FAR = 128,                           // terms, where each row of b has pages of its own (1024^3: 145 GFLOP/s, at 512 terms 90)
};
static const double WORTH_THREADS = 1 << 22;            // multiply-adds: 25 us on one core; below it a second thread costs more than it takes

static _Thread_local struct {
  _Alignas(64) float b[TURNED * CHUNK];                 // dy w': panels one after the other, each [depth, width]
  _Alignas(64) float chains[MOST_ROWS * CHUNK];         // unfinished ones, when c may not hold them
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

// How wide a tile for so many rows and columns. Four vectors were the fastest from 4 rows on (Sapphire Rapids; six rows by four vectors is
// 160 GFLOP/s where twelve by two is 152, at 32x64x64); fewer rows need more vectors to keep the multipliers busy.
static int vectors_of_tile(const rn_kernels *q, int rows, int cols) {
  const int left = (cols + q->lanes - 1) / q->lanes;
  return RN_MIN(left, rows <= q->rows[8] ? 8 : rows <= q->rows[4] ? 4 : q->vectors);
}

// What part of c is in hand: rows [i0, i1), columns [j0, j1), terms [l0, l1)
typedef struct {
  const rn_product *p;
  const rn_kernels *q;
  int i0, i1, j0, j1, l0, l1;
  int vectors, width, least, more;                      // of a panel; rows of a tile: `more` of them have one more than `least`
  bool apart;                                           // unfinished chains are kept beside c
} block;

static const float *entry(const void *x, int row, int ld, int col) { return (const float *)x + (size_t)row * (size_t)ld + (size_t)col; }
static int rows_at(const block *o, int i) { return i - o->i0 < o->more * (o->least + 1) ? o->least + 1 : o->least; }

// dy w': the rows of b become columns of panels
static void turn_columns(const block *o) {
  const rn_product *p = o->p;
  const int depth = o->l1 - o->l0;
  for (int j = o->j0; j < o->j1; j += o->width) {
    const int cols = RN_MIN(o->width, o->j1 - j), width = (cols + o->q->lanes - 1) / o->q->lanes * o->q->lanes;
    o->q->pack_turned(entry(p->b, j, p->ldb, o->l0), p->ldb, depth, cols, width, scratch.b + (size_t)(j - o->j0) * (size_t)depth);
  }
}

// tiles of `vectors` vectors from entry (i, j) on, up to column j1
static void strip_product(const block *o, int i, int rows, int j, int j1, int vectors) {
  const rn_product *p = o->p;
  const int depth = o->l1 - o->l0, width = vectors * o->q->lanes;
  const bool last = o->l1 == p->k;
  float *here = (float *)p->c + (size_t)i * (size_t)p->ldc + j;
  float *chain = o->apart ? scratch.chains + (size_t)(i - o->i0) * CHUNK + (size_t)(j - o->j0) : here;
  const ptrdiff_t ldchain = o->apart ? CHUNK : p->ldc;
  rn_strip t = {.k = depth, .cols = j1 - j, .from = o->l0 == 0 ? NULL : chain, .ldfrom = ldchain, .to = last ? here : chain,
                .ldto = last ? p->ldc : ldchain};
  if (p->how == RN_TN) t.a = entry(p->a, o->l0, p->lda, i), t.ai = 1, t.ak = p->lda;
  else t.a = entry(p->a, i, p->lda, o->l0), t.ai = p->lda, t.ak = 1;
  if (p->how == RN_NT) t.b = scratch.b + (size_t)(j - o->j0) * (size_t)depth, t.bk = width, t.bnext = (ptrdiff_t)width * depth;
  else t.b = entry(p->b, o->l0, p->ldb, j), t.bk = p->ldb, t.bnext = width;
  if (last) t.bias = p->bias ? (const float *)p->bias + j : NULL, t.act = p->act, t.old = p->add ? here : NULL;
  o->q->strip[vectors][rows](&t);
}

// rows [i0, i1) by columns [j0, j1)
static void tiled_product(const job *w, int i0, int i1, int j0, int j1) {
  const rn_product *p = w->p;
  const rn_kernels *q = w->kernels;
  const int rows = i1 - i0, most_depth = p->how == RN_NT ? TURNED : p->ldb > FAR_APART ? FAR : DEPTH;
  for (int j = j0; j < j1; j += CHUNK) {
    block o = {.p = p, .q = q, .i0 = i0, .i1 = i1, .j0 = j, .j1 = RN_MIN(j1, j + CHUNK), .apart = p->add && p->k > most_depth};
    o.vectors = vectors_of_tile(q, rows, o.j1 - j), o.width = o.vectors * q->lanes;
    const int tiles = (rows + q->rows[o.vectors] - 1) / q->rows[o.vectors];
    // whole tiles first, the last of them may end within its last vector; then a narrower one
    const int over = (o.j1 - j) % o.width, rest = over > o.width - q->lanes ? o.j1 : o.j1 - over;
    o.least = rows / tiles, o.more = rows % tiles;
    do {
      o.l1 = RN_MIN(p->k, o.l0 + most_depth);
      if (p->how == RN_NT) turn_columns(&o);
      for (int i = i0, some; i < i1; i += some) {
        some = rows_at(&o, i);
        if (o.j0 < rest) strip_product(&o, i, some, o.j0, rest, o.vectors);
        if (rest < o.j1) strip_product(&o, i, some, rest, o.j1, (o.j1 - rest + q->lanes - 1) / q->lanes);
      }
      o.l0 = o.l1;
    } while (o.l0 < p->k);
  }
}

static void rows_and_columns(const job *w, int i0, int i1, int j0, int j1) {
  if (w->p->n == 1 && w->p->how != RN_TN) one_column_rows(w, i0, i1);
  else tiled_product(w, i0, i1, j0, j1);
}

static void rows_in_turn(const job *w, int i0, int i1, int j0, int j1) {
  for (int i = i0; i < i1; i += MOST_ROWS) rows_and_columns(w, i, RN_MIN(i1, i + MOST_ROWS), j0, j1);
}

static void part_product(void *context, int part) {
  const job *w = context;
  const rn_product *p = w->p;
  // rows are dealt one by one, columns in whole vectors
  const int lanes = w->kernels->lanes, r = part % w->row_parts, s = part / w->row_parts;
  const long whole = (p->n + lanes - 1) / lanes;
  const int i0 = (int)((long)p->m * r / w->row_parts), i1 = (int)((long)p->m * (r + 1) / w->row_parts);
  const int j0 = (int)(whole * s / w->col_parts) * lanes, j1 = RN_MIN(p->n, (int)(whole * (s + 1) / w->col_parts) * lanes);
  rows_in_turn(w, i0, i1, j0, j1);
}

// A few parts a thread, for whoever is awake takes the next: of the columns, where there are panels enough, for then nothing is read or
// turned twice; else of the rows.
static void deal(job *w, int threads) {
  const int vectors = (w->p->n + w->kernels->lanes - 1) / w->kernels->lanes, panels = vectors / 4, bands = w->p->m / 24;
  if (panels >= threads) w->col_parts = RN_MIN(panels, 4 * threads);
  else if (bands >= threads) w->row_parts = RN_MIN(bands, 4 * threads);
  else w->col_parts = RN_MIN(vectors, threads);
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
  job w = {kernels, p, 1, 1};
  const int threads = rn_threads();
  if (threads == 1 || (double)p->m * p->n * p->k < WORTH_THREADS) {
    rows_in_turn(&w, 0, p->m, 0, p->n);
    return;
  }
  deal(&w, threads);
  rn_parallel(w.row_parts * w.col_parts, part_product, &w);
}

static struct { void (*told)(void *, const rn_product *); void *context; } watch;
void rn_gemm_watch(void (*told)(void *context, const rn_product *p), void *context) { watch.told = told, watch.context = context; }

void rn_gemm_f32(const rn_product *p) {
  if (watch.told) watch.told(watch.context, p);
  rn_gemm_with(rn_kernels_chosen(), p);
}
