/* tiles.h - the inner loops of products. Each output is one chain of fused steps over k, ascending; a tile only says how many such
 * chains run side by side, so its shape never shows in a result. */
#ifndef REIN_TILES_H
#define REIN_TILES_H
#include "functions.h"
#include "kernels.h"

#define UNROLL _Pragma("GCC unroll 32")

// the last vector of a row may be short
INLINE vf load_column(const float *p, int j, int vectors, edge last) { return j < vectors - 1 ? load(p + W * j) : load_edge(p + W * j, last); }
INLINE void store_column(float *p, vf x, int j, int vectors, edge last) {
  if (j < vectors - 1) store(p + W * j, x);
  else store_edge(p + W * j, x, last);
}

static __attribute__((noinline)) void act_on_strip(const rn_strip *t, int rows) {
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < t->cols; j += W) {
      float *y = t->to + i * t->ldto + j;
      size_t n = (size_t)(t->cols - j);
      store_some(y, v_act(t->act, load_some(y, n)), n);
    }
}

#define ROWS UNROLL for (int i = 0; i < rows; i++)
#define COLUMNS UNROLL for (int j = 0; j < vectors; j++)

// one term: a column of a by a row of b
#define TERM \
  do { \
    vf row[RN_MOST_VECTORS]; \
    COLUMNS row[j] = load_column(b, j, vectors, last); \
    ROWS { \
      const vf x = all(a[i * ai]); \
      COLUMNS sum[i][j] = FMA(x, row[j], sum[i][j]); \
    } \
    a += ak, b += bk; \
    __asm__("" : "+r"(a), "+r"(b)); /* gcc 12 would hold addresses of all four terms, and spill sums for them */ \
  } while (0)

INLINE void strip(const rn_strip *t, const int rows, const int vectors) {
  const ptrdiff_t ai = t->ai, ak = t->ak, bk = t->bk, ldto = t->ldto;
  const float *from = t->from, *bias = t->bias, *old = t->old, *next = t->b;
  float *to = t->to;
  for (int cols = t->cols; cols > 0; cols -= W * vectors) {
    vf sum[RN_MOST_ROWS][RN_MOST_VECTORS];
    const edge last = edge_of(RN_MIN(W, cols - W * (vectors - 1)));
    ROWS COLUMNS sum[i][j] = all(0);
    if (from) {
      ROWS COLUMNS sum[i][j] = load_column(from + i * t->ldfrom, j, vectors, last);
      from += W * vectors;
    }
    const float *a = t->a, *b = next;
    int l = t->k;
    for (; l >= 4; l -= 4) {
      TERM;
      TERM;
      TERM;
      TERM;
    }
    _Pragma("GCC unroll 1") for (; l > 0; l--) TERM;
    if (bias) {
      COLUMNS {
        const vf x = load_column(bias, j, vectors, last);
        ROWS sum[i][j] = sum[i][j] + x;
      }
      bias += W * vectors;
    }
    if (old) {
      ROWS COLUMNS sum[i][j] = load_column(old + i * ldto, j, vectors, last) + sum[i][j];
      old += W * vectors;
    }
    ROWS COLUMNS store_column(to + i * ldto, sum[i][j], j, vectors, last);
    to += W * vectors, next += t->bnext;
  }
  if (t->act != RN_IDENTITY) act_on_strip(t, rows);
}

// As many chains as the registers hold, beside a row of b and an entry of a. A narrower tile has as many rows or more, so the last panel
// of a row of tiles fits the others.
#define TILE(rows, vectors) \
  static void tile_##rows##x##vectors(const rn_strip *t) { strip(t, rows, vectors); }
#define TILES_1(v) TILE(1, v)
#define TILES_2(v) TILE(1, v) TILE(2, v)
#define TILES_3(v) TILES_2(v) TILE(3, v)
#define TILES_4(v) TILES_3(v) TILE(4, v)
#define TILES_6(v) TILES_4(v) TILE(5, v) TILE(6, v)
#define TILES_8(v) TILES_6(v) TILE(7, v) TILE(8, v)
#define TILES_12(v) TILES_8(v) TILE(9, v) TILE(10, v) TILE(11, v) TILE(12, v)
#define NAMES_1(v) tile_1x##v
#define NAMES_2(v) tile_1x##v, tile_2x##v
#define NAMES_3(v) NAMES_2(v), tile_3x##v
#define NAMES_4(v) NAMES_3(v), tile_4x##v
#define NAMES_6(v) NAMES_4(v), tile_5x##v, tile_6x##v
#define NAMES_8(v) NAMES_6(v), tile_7x##v, tile_8x##v
#define NAMES_12(v) NAMES_8(v), tile_9x##v, tile_10x##v, tile_11x##v, tile_12x##v

#if defined RN_ISA_avx512
TILES_12(1) TILES_12(2) TILES_8(3) TILES_6(4) TILES_3(5) TILES_3(6) TILES_3(7) TILES_3(8)
#define TILE_VECTORS 4
#define TILE_ROWS {0, 12, 12, 8, 6, 3, 3, 3, 3}
#define TILE_TABLE {{NULL}, {NULL, NAMES_12(1)}, {NULL, NAMES_12(2)}, {NULL, NAMES_8(3)}, {NULL, NAMES_6(4)}, {NULL, NAMES_3(5)}, \
                    {NULL, NAMES_3(6)}, {NULL, NAMES_3(7)}, {NULL, NAMES_3(8)}}
#elif defined RN_ISA_avx2
TILES_12(1) TILES_6(2) TILES_4(3) TILES_3(4) TILES_1(5) TILES_1(6) TILES_1(7) TILES_1(8)
#define TILE_VECTORS 2
#define TILE_ROWS {0, 12, 6, 4, 3, 1, 1, 1, 1}
#define TILE_TABLE {{NULL}, {NULL, NAMES_12(1)}, {NULL, NAMES_6(2)}, {NULL, NAMES_4(3)}, {NULL, NAMES_3(4)}, {NULL, NAMES_1(5)}, {NULL, NAMES_1(6)}, \
                    {NULL, NAMES_1(7)}, {NULL, NAMES_1(8)}}
#else
TILES_4(1) TILES_4(2) TILES_2(3) TILES_2(4) TILES_1(5) TILES_1(6) TILES_1(7) TILES_1(8)
#define TILE_VECTORS 2
#define TILE_ROWS {0, 4, 4, 2, 2, 1, 1, 1, 1}
#define TILE_TABLE {{NULL}, {NULL, NAMES_4(1)}, {NULL, NAMES_4(2)}, {NULL, NAMES_2(3)}, {NULL, NAMES_2(4)}, {NULL, NAMES_1(5)}, {NULL, NAMES_1(6)}, \
                    {NULL, NAMES_1(7)}, {NULL, NAMES_1(8)}}
#endif

//---- panels of b turned: [k, width], zeros past the last column -----------------------------------------------------------------------

// one vector of columns, less than W of them or less than four terms: entry by entry
static void turn_rest(const float *b, ptrdiff_t ldb, int k, int cols, int width, float *out) {
  for (int l = 0; l < k; l++, out += width) {
    float t[W] = {0};
    for (int j = 0; j < cols; j++) t[j] = b[j * ldb + l];
    store(out, load(t));
  }
}

static void pack_turned(const float *b, ptrdiff_t ldb, int k, int cols, int width, float *out) {
  for (int j = 0; j < width; j += W, b += W * ldb, out += W) {
    int l = 0;
    for (; l + 4 <= k && cols - j >= W; l += 4) {
      vf v[4];
      turn_quads(b + l, ldb, v);
      for (int i = 0; i < 4; i++) store(out + (ptrdiff_t)(l + i) * width, v[i]);
    }
    turn_rest(b + l, ldb, k - l, RN_MAX(0, RN_MIN(W, cols - j)), width, out + (ptrdiff_t)l * width);
  }
}

//---- one column: sixteen lanes over k and one tree --------------------------------------------------------------------------------------

// rows of a by b; lanes [rows, 16] keeps the sums from one block of k to the next
static void one_column(const float *a, ptrdiff_t lda, const float *b, int rows, int k, float *sum, float *kept, bool first, bool last) {
  for (int i = 0; i < rows; i++, a += lda) {
    lanes s = no_lanes();
    for (int v = 0; v < VECTORS && !first; v++) s.v[v] = load(kept + LANES * i + W * v);
    int l = 0;
    for (; l + LANES <= k; l += LANES)
      for (int v = 0; v < VECTORS; v++) s.v[v] = FMA(load(a + l + W * v), load(b + l + W * v), s.v[v]);
    for (int v = 0; v < VECTORS; v++, l += W) {
      if (l >= k) break;
      size_t n = (size_t)(k - l);
      s.v[v] = FMA(load_some(a + l, n), load_some(b + l, n), s.v[v]);
    }
    if (last) sum[i] = tree(s);
    else for (int v = 0; v < VECTORS; v++) store(kept + LANES * i + W * v, s.v[v]);
  }
}
#endif
