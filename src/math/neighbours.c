/* math/neighbours.c - exact nearest rows. Products of centred rows in float say who may be near, with a bound on their error; whoever
 * may be is measured in double. So the answer is that of the plain double loop, at the speed of a product. */
#include "rein/math.h"
#include <math.h>
#include <string.h>

enum { KEYS = 512, LOOK = 32 };                         // rows of keys at a time; products looked at together

typedef struct {
  int d, width, q, k;                                   // width: d + 1, padded to whole lines
  double *mean, *norm, *best;                           // [d], [q] length of a centred query, [q, k] squared distances, ascending
  float *query, *keys, *near;                           // [q, width], [KEYS, width], [q, KEYS]
} work;

static size_t line(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

static size_t lay_out(int d, int q, int k, void *scratch, work *w) {
  *w = (work){.d = d, .width = (d + 1 + 15) & ~15, .q = q, .k = k};
  const size_t bytes[] = {(size_t)d * sizeof(double), (size_t)q * sizeof(double), (size_t)q * (size_t)k * sizeof(double),
                          (size_t)q * (size_t)w->width * sizeof(float), (size_t)KEYS * (size_t)w->width * sizeof(float),
                          (size_t)q * KEYS * sizeof(float)};
  char *at = (char *)line((size_t)scratch), *const begin = at;
  void *part[RN_COUNT(bytes)];
  for (int i = 0; i < RN_COUNT(bytes); i++) part[i] = at, at += line(bytes[i]);
  w->mean = part[0], w->norm = part[1], w->best = part[2], w->query = part[3], w->keys = part[4], w->near = part[5];
  return (size_t)(at - begin) + 64;
}

size_t rn_neighbours_bytes(long n, int d, int q, int k) {
  (void)n;
  work w;
  return lay_out(d, q, k, NULL, &w);
}

static void mean_of(long n, int d, const float *keys, double *mean) {
  memset(mean, 0, (size_t)d * sizeof *mean);
  for (long i = 0; i < n; i++)
    for (int j = 0; j < d; j++) mean[j] += keys[(size_t)i * (size_t)d + (size_t)j];
  for (int j = 0; j < d; j++) mean[j] /= (double)n;
}

// out = x - mean, then `last`; answers the squared length
static double centre(const work *w, const float *x, float *out) {
  double s = 0;
  for (int j = 0; j < w->d; j++) {
    out[j] = (float)(x[j] - w->mean[j]);
    s += (double)out[j] * out[j];
  }
  return s;
}

// keys from row `from` on: (x, -|x|^2 / 2), so that a product with (y, 1) is (|y|^2 - |x - y|^2) / 2; answers the greatest |x|
static double centre_keys(const work *w, const float *keys, long from, int rows) {
  double most = 0;
  for (int i = 0; i < rows; i++) {
    float *out = w->keys + (size_t)i * (size_t)w->width;
    const double s = centre(w, keys + (size_t)(from + i) * (size_t)w->d, out);
    out[w->d] = (float)(-0.5 * s);
    if (!(s <= most)) most = s;
  }
  return sqrt(most);
}

static double squared_distance(int d, const float *x, const float *y) {
  double s = 0;
  for (int j = 0; j < d; j++) {
    const double t = (double)x[j] - (double)y[j];
    s += t * t;
  }
  return s;
}

// rows come in ascending order, so an equal distance stays behind the row that is there
static void insert(int k, double *best, int64_t *rows, double s, int64_t row) {
  if (!(s < best[k - 1] || (s == best[k - 1] && rows[k - 1] < 0))) return;
  int at = k - 1;
  for (; at > 0 && (s < best[at - 1] || rows[at - 1] < 0); at--) best[at] = best[at - 1], rows[at] = rows[at - 1];
  best[at] = s, rows[at] = row;
}

// Products whose value can't be below this belong to rows that may be nearer than the farthest one kept. The margin bounds, in float:
// centring (2 eps |x||..|), d + 1 fused steps, and the rounded half square; all are below (d + 16) eps (|x| + |y|)^2.
static float limit_of(const work *w, int i, double longest) {
  const double size = longest + w->norm[i], margin = (w->d + 16) * 0x1p-23 * size * size + 1e-30;
  return (float)(0.5 * (w->norm[i] * w->norm[i] - w->best[(size_t)(i + 1) * (size_t)w->k - 1]) - margin);
}

static void look(const work *w, int i, const float *keys, long from, int rows, const float *query, int64_t skip, double longest, int64_t *found) {
  const float *near = w->near + (size_t)i * KEYS;
  double *best = w->best + (size_t)i * (size_t)w->k;
  float limit = limit_of(w, i, longest);
  for (int j = 0; j < rows; j += LOOK) {
    const int some = RN_MIN(LOOK, rows - j);
    if (rn_vmaxof_f32((size_t)some, near + j) < limit) continue;
    for (int v = j; v < j + some; v++) {
      if (near[v] < limit || from + v == skip) continue;       // NaN and infinite products are measured
      const double before = best[w->k - 1];
      insert(w->k, best, found, squared_distance(w->d, keys + (size_t)(from + v) * (size_t)w->d, query), from + v);
      if (best[w->k - 1] != before) limit = limit_of(w, i, longest);
    }
  }
}

void rn_neighbours(long n, int d, const float *keys, int q, const float *query, int k, const int64_t *skip, int64_t *rows, double *distance,
                   void *scratch) {
  RN_CHECK(n >= 0 && d > 0 && q >= 0 && k > 0, "neighbours: %ld keys of %d numbers, %d queries, %d rows each", n, d, q, k);
  work w;
  lay_out(d, q, k, scratch, &w);
  const size_t all = (size_t)q * (size_t)k;
  for (size_t i = 0; i < all; i++) w.best[i] = INFINITY, rows[i] = -1;
  if (n > 0) mean_of(n, d, keys, w.mean);
  for (int i = 0; i < q && n > 0; i++) {
    float *out = w.query + (size_t)i * (size_t)w.width;
    w.norm[i] = sqrt(centre(&w, query + (size_t)i * (size_t)d, out));
    out[d] = 1;
  }
  for (long from = 0; from < n; from += KEYS) {
    const int some = (int)RN_MIN(KEYS, n - from);
    const double longest = centre_keys(&w, keys, from, some);
    rn_gemm_f32(&(rn_product){.how = RN_NT, .m = q, .n = some, .k = d + 1, .a = w.query, .b = w.keys, .c = w.near, .lda = w.width, .ldb = w.width,
                              .ldc = KEYS});
    for (int i = 0; i < q; i++)
      look(&w, i, keys, from, some, query + (size_t)i * (size_t)d, skip ? skip[i] : -1, longest, rows + (size_t)i * (size_t)k);
  }
  for (size_t i = 0; i < all && distance; i++) distance[i] = sqrt(w.best[i]);
}
