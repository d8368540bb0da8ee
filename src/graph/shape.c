/* graph/shape.c - operations that move numbers: reshape, slices, joins, gathers; each is another's transpose. */
#include "tape.h"

#define X (x->in[0]->value)
#define Y (x->value)
#define G (x->grad)

static void add_or_copy(size_t n, const rn_real *from, rn_real *to, bool add) {
  if (add) RN_M(rn_vadd)(n, to, from, to);
  else memcpy(to, from, n * sizeof *to);
}

//---- reshape ---------------------------------------------------------------------------------------------------------------------

static void reshape_forward(rn_node *x) { (void)x; }           // the values are the input's own
static void reshape_backward(rn_node *x) {
  bool add;
  rn_real *d = rn_into(x->in[0], &add);
  if (d) add_or_copy(count_of(x), G, d, add);
}
static void reshape_derive(rn_node *x, rn_node *dx, rn_node *din[3]) {
  const int32_t *d = x->in[0]->dim;
  din[0] = rn_reshape(dx, d[0], d[1], d[2], d[3]);
}
static const rn_op op_reshape = {"reshape", reshape_forward, reshape_backward, reshape_derive};

rn_node *rn_reshape(rn_node *x, int d0, int d1, int d2, int d3) {
  char label[128];
  int dim[4] = {d0, d1, d2, d3};
  RN_CHECK((size_t)d0 * d1 * d2 * d3 == count_of(x), "%s can't be [%d, %d, %d, %d]", rn_label(x, label), d0, d1, d2, d3);
  if (same_dims(dim, x->dim)) return x;
  rn_graph *g = x->graph;
  rn_node *y = rn_take(g->nodes, sizeof *y);
  *y = (rn_node){.value = x->value, .op = &op_reshape, .graph = g, .in = {x}, .at = g->n++, .slice = -1, .site = rn_site};
  memcpy(y->dim, dim, sizeof dim);
  return y;
}

//---- slice and pad: a stretch along one size ----------------------------------------------------------------------------------------

// f[0]: the first index, act: which size.  The array is [outer, size, inner]
typedef struct { size_t outer, inner; } stretch;
static stretch stretch_of(const rn_node *x, int dim) {
  stretch s = {1, 1};
  for (int i = 0; i < dim; i++) s.outer *= (size_t)x->dim[i];
  for (int i = dim + 1; i < 4; i++) s.inner *= (size_t)x->dim[i];
  return s;
}
static void cut(const rn_node *wide, const rn_real *from, const rn_node *narrow, rn_real *to, int dim, size_t at, bool add) {
  stretch s = stretch_of(wide, dim);
  size_t n = (size_t)narrow->dim[dim] * s.inner, step = (size_t)wide->dim[dim] * s.inner;
  for (size_t i = 0; i < s.outer; i++) add_or_copy(n, from + i * step + at * s.inner, to + i * n, add);
}
static void paste(const rn_node *wide, rn_real *to, const rn_node *narrow, const rn_real *from, int dim, size_t at, bool add) {
  stretch s = stretch_of(wide, dim);
  size_t n = (size_t)narrow->dim[dim] * s.inner, step = (size_t)wide->dim[dim] * s.inner;
  for (size_t i = 0; i < s.outer; i++) add_or_copy(n, from + i * n, to + i * step + at * s.inner, add);
}

static void slice_forward(rn_node *x) { cut(x->in[0], X, x, Y, x->act, (size_t)x->f[0], false); }
static void slice_backward(rn_node *x) {
  bool add;
  rn_real *d = rn_into(x->in[0], &add);
  if (!d) return;
  if (!add) memset(d, 0, count_of(x->in[0]) * sizeof *d);
  paste(x->in[0], d, x, G, x->act, (size_t)x->f[0], true);
}
static void slice_derive(rn_node *x, rn_node *dx, rn_node *din[3]) { din[0] = rn_pad(dx, x->act, (int)x->f[0], x->in[0]->dim[x->act]); }
static const rn_op op_slice = {"slice", slice_forward, slice_backward, slice_derive};

static void pad_forward(rn_node *x) {
  memset(Y, 0, count_of(x) * sizeof *Y);
  paste(x, Y, x->in[0], X, x->act, (size_t)x->f[0], false);
}
static void pad_backward(rn_node *x) {
  bool add;
  rn_real *d = rn_into(x->in[0], &add);
  if (d) cut(x, G, x->in[0], d, x->act, (size_t)x->f[0], add);
}
static void pad_derive(rn_node *x, rn_node *dx, rn_node *din[3]) { din[0] = rn_slice(dx, x->act, (int)x->f[0], x->in[0]->dim[x->act]); }
static const rn_op op_pad = {"pad", pad_forward, pad_backward, pad_derive};

static rn_node *stretched(const rn_op *op, rn_node *x, int dim, int from, int size) {
  int32_t d[4];
  memcpy(d, x->dim, sizeof d);
  d[dim] = size;
  rn_node *y = rn_node_new(x->graph, op, d, 1, x, NULL, NULL);
  y->act = (uint8_t)dim, y->f[0] = from;
  return rn_run_op(y);
}
rn_node *rn_slice(rn_node *x, int dim, int from, int n) {
  char label[128];
  RN_CHECK(from >= 0 && n > 0 && from + n <= x->dim[dim], "%d .. %d of size %d of %s", from, from + n, dim, rn_label(x, label));
  return n == x->dim[dim] ? x : stretched(&op_slice, x, dim, from, n);
}
rn_node *rn_pad(rn_node *x, int dim, int from, int size) {
  char label[128];
  RN_CHECK(from >= 0 && from + x->dim[dim] <= size, "%s at %d of %d along size %d", rn_label(x, label), from, size, dim);
  return size == x->dim[dim] ? x : stretched(&op_pad, x, dim, from, size);
}
rn_node *rn_cols_of(rn_node *x, int from, int n) { return rn_slice(x, 3, from, n); }

//---- concat ------------------------------------------------------------------------------------------------------------------------

static void concat_forward(rn_node *x) {
  rn_node *a = x->in[0], *b = x->in[1];
  paste(x, Y, a, a->value, x->act, 0, false), paste(x, Y, b, b->value, x->act, (size_t)a->dim[x->act], false);
}
static void concat_backward(rn_node *x) {
  bool add;
  rn_real *d;
  if ((d = rn_into(x->in[0], &add))) cut(x, G, x->in[0], d, x->act, 0, add);
  if ((d = rn_into(x->in[1], &add))) cut(x, G, x->in[1], d, x->act, (size_t)x->in[0]->dim[x->act], add);
}
static void concat_derive(rn_node *x, rn_node *dx, rn_node *din[3]) {
  int dim = x->act, na = x->in[0]->dim[dim];
  if (x->in[0]->wants) din[0] = rn_slice(dx, dim, 0, na);
  if (x->in[1]->wants) din[1] = rn_slice(dx, dim, na, x->in[1]->dim[dim]);
}
static const rn_op op_concat = {"concat", concat_forward, concat_backward, concat_derive};

rn_node *rn_concat_dim(rn_node *a, rn_node *b, int dim) {
  char la[128], lb[128];
  int32_t da[4], db[4], d[4];
  for (int i = 0; i < 4; i++) {
    RN_CHECK(i == dim || a->dim[i] == b->dim[i] || a->dim[i] == 1 || b->dim[i] == 1, "%s does not stand beside %s", rn_label(a, la), rn_label(b, lb));
    d[i] = RN_MAX(a->dim[i], b->dim[i]);
    da[i] = i == dim ? a->dim[i] : d[i], db[i] = i == dim ? b->dim[i] : d[i];
  }
  d[dim] = a->dim[dim] + b->dim[dim];
  rn_node *x = rn_spread(a, da), *y = rn_spread(b, db);
  rn_node *z = rn_node_new(a->graph, &op_concat, d, 2, x, y, NULL);
  z->act = (uint8_t)dim;
  return rn_run_op(z);
}
rn_node *rn_concat(rn_node *a, rn_node *b) { return rn_concat_dim(a, b, 3); }

//---- one column a row, and its transpose ----------------------------------------------------------------------------------------------

static void pick_forward(rn_node *x) {
  const int *index = x->extra;
  int k = x->in[0]->dim[3];
  for (int i = 0, n = rn_rows(x); i < n; i++) Y[i] = X[(size_t)i * k + index[i]];
}
static void pick_backward(rn_node *x) {
  const int *index = x->extra;
  int k = x->in[0]->dim[3];
  bool add;
  rn_real *d = rn_into(x->in[0], &add);
  if (!d) return;
  if (!add) memset(d, 0, count_of(x->in[0]) * sizeof *d);
  for (int i = 0, n = rn_rows(x); i < n; i++) d[(size_t)i * k + index[i]] += G[i];
}
static void pick_derive(rn_node *x, rn_node *dx, rn_node *din[3]) { din[0] = rn_place_cols(dx, x->extra, x->in[0]->dim[3]); }
static const rn_op op_pick = {"pick", pick_forward, pick_backward, pick_derive};

static void place_cols_forward(rn_node *x) {
  const int *index = x->extra;
  int k = x->dim[3];
  memset(Y, 0, count_of(x) * sizeof *Y);
  for (int i = 0, n = rn_rows(x); i < n; i++) Y[(size_t)i * k + index[i]] = X[i];
}
static void place_cols_backward(rn_node *x) {
  const int *index = x->extra;
  int k = x->dim[3];
  INTO(x->in[0], G[i * (size_t)k + (size_t)index[i]]);
}
static void place_cols_derive(rn_node *x, rn_node *dx, rn_node *din[3]) { din[0] = rn_pick(dx, x->extra); }
static const rn_op op_place_cols = {"place_cols", place_cols_forward, place_cols_backward, place_cols_derive};

static void *copied(rn_graph *g, int n, const int *index) { return memcpy(rn_take(g->data, (size_t)n * sizeof *index), index, (size_t)n * sizeof *index); }

rn_node *rn_pick(rn_node *x, const int *index) {
  int n = rn_rows(x), k = x->dim[3];
  for (int i = 0; i < n; i++) RN_CHECK(index[i] >= 0 && index[i] < k, "row %d picks column %d of %d", i, index[i], k);
  rn_node *y = rn_node_new(x->graph, &op_pick, (int[]){x->dim[0], x->dim[1], x->dim[2], 1}, 1, x, NULL, NULL);
  y->extra = copied(x->graph, n, index);
  return rn_run_op(y);
}
rn_node *rn_place_cols(rn_node *x, const int *index, int k) {
  char label[128];
  int n = rn_rows(x);
  RN_CHECK(x->dim[3] == 1, "%s has more than one column", rn_label(x, label));
  for (int i = 0; i < n; i++) RN_CHECK(index[i] >= 0 && index[i] < k, "row %d goes to column %d of %d", i, index[i], k);
  rn_node *y = rn_node_new(x->graph, &op_place_cols, (int[]){x->dim[0], x->dim[1], x->dim[2], k}, 1, x, NULL, NULL);
  y->extra = copied(x->graph, n, index);
  return rn_run_op(y);
}

//---- rows by index, and their transpose --------------------------------------------------------------------------------------------------

static void rows_of_forward(rn_node *x) {
  const int *index = x->extra;
  size_t k = (size_t)x->dim[3];
  for (int i = 0, n = x->dim[2]; i < n; i++) memcpy(Y + (size_t)i * k, X + (size_t)index[i] * k, k * sizeof *Y);
}
static void rows_of_backward(rn_node *x) {
  const int *index = x->extra;
  size_t k = (size_t)x->dim[3];
  bool add;
  rn_real *d = rn_into(x->in[0], &add);
  if (!d) return;
  if (!add) memset(d, 0, count_of(x->in[0]) * sizeof *d);
  for (int i = 0, n = x->dim[2]; i < n; i++) RN_M(rn_vadd)(k, d + (size_t)index[i] * k, G + (size_t)i * k, d + (size_t)index[i] * k);
}
static void rows_of_derive(rn_node *x, rn_node *dx, rn_node *din[3]) { din[0] = rn_scatter_rows(dx, x->in[0]->dim[2], x->extra); }
static const rn_op op_rows_of = {"rows_of", rows_of_forward, rows_of_backward, rows_of_derive};

static void scatter_rows_forward(rn_node *x) {
  const int *index = x->extra;
  size_t k = (size_t)x->dim[3];
  memset(Y, 0, count_of(x) * sizeof *Y);
  for (int i = 0, n = x->in[0]->dim[2]; i < n; i++) RN_M(rn_vadd)(k, Y + (size_t)index[i] * k, X + (size_t)i * k, Y + (size_t)index[i] * k);
}
static void scatter_rows_backward(rn_node *x) {
  const int *index = x->extra;
  size_t k = (size_t)x->dim[3];
  bool add;
  rn_real *d = rn_into(x->in[0], &add);
  if (!d) return;
  for (int i = 0, n = x->in[0]->dim[2]; i < n; i++) add_or_copy(k, G + (size_t)index[i] * k, d + (size_t)i * k, add);
}
static void scatter_rows_derive(rn_node *x, rn_node *dx, rn_node *din[3]) { din[0] = rn_rows_of(dx, x->in[0]->dim[2], x->extra); }
static const rn_op op_scatter_rows = {"scatter_rows", scatter_rows_forward, scatter_rows_backward, scatter_rows_derive};

static rn_node *by_rows(const rn_op *op, rn_node *x, int rows, int n, const int *index, int limit) {
  char label[128];
  RN_CHECK(x->dim[0] == 1 && x->dim[1] == 1, "rows of %s: expected [n, k]", rn_label(x, label));
  for (int i = 0; i < n; i++) RN_CHECK(index[i] >= 0 && index[i] < limit, "entry %d is row %d of %d", i, index[i], limit);
  rn_node *y = rn_node_new(x->graph, op, (int[]){1, 1, rows, x->dim[3]}, 1, x, NULL, NULL);
  y->extra = copied(x->graph, n, index);
  return rn_run_op(y);
}
rn_node *rn_rows_of(rn_node *x, int n, const int *index) { return by_rows(&op_rows_of, x, n, n, index, x->dim[2]); }
rn_node *rn_scatter_rows(rn_node *x, int m, const int *index) { return by_rows(&op_scatter_rows, x, m, x->dim[2], index, m); }

//---- dropout -----------------------------------------------------------------------------------------------------------------------

rn_node *rn_dropout(rn_node *x, double p) {
  RN_CHECK(p >= 0 && p < 1, "dropout of %g", p);
  if (p == 0) return x;
  rn_node *u = rn_uniform_node(x->graph, rn_rows(x), rn_cols(x)), *mask = rn_reshape(u, x->dim[0], x->dim[1], x->dim[2], x->dim[3]);
  for (size_t i = 0, n = count_of(u); i < n; i++) u->value[i] = u->value[i] >= (rn_real)p ? (rn_real)(1 / (1 - p)) : 0;
  return rn_mul(x, mask);
}

const rn_op *const rn_ops_shape[] = {&op_reshape, &op_slice, &op_pad, &op_concat, &op_pick, &op_place_cols, &op_rows_of, &op_scatter_rows, NULL};
