/* graph/product.c - products, the affine layer, layer norm. */
#include "tape.h"

#define Y (x->value)
#define G (x->grad)

static void gemm(rn_transpose how, int m, int n, int k, const rn_real *a, int lda, const rn_real *b, int ldb, rn_real *c, bool add) {
  RN_M(rn_gemm)(&(rn_product){.how = how, .m = m, .n = n, .k = k, .a = a, .lda = lda, .b = b, .ldb = ldb, .c = c, .ldc = n, .add = add});
}

//---- matmul: the last two sizes, over leading ones -----------------------------------------------------------------------------------

typedef struct { int m, n, k, batch; size_t step_a, step_b; } shape;
static shape shape_of(const rn_node *a, const rn_node *b, rn_transpose how) {
  int m = how == RN_TN ? a->dim[3] : a->dim[2], k = how == RN_TN ? a->dim[2] : a->dim[3];
  int n = how == RN_NT ? b->dim[2] : b->dim[3];
  int ba = a->dim[0] * a->dim[1], bb = b->dim[0] * b->dim[1];
  return (shape){m, n, k, RN_MAX(ba, bb), ba == 1 ? 0 : (size_t)a->dim[2] * a->dim[3], bb == 1 ? 0 : (size_t)b->dim[2] * b->dim[3]};
}

static void matmul_forward(rn_node *x) {
  rn_node *a = x->in[0], *b = x->in[1];
  rn_transpose how = (rn_transpose)x->act;
  shape s = shape_of(a, b, how);
  for (int i = 0; i < s.batch; i++)
    gemm(how, s.m, s.n, s.k, a->value + (size_t)i * s.step_a, a->dim[3], b->value + (size_t)i * s.step_b, b->dim[3], Y + (size_t)i * s.m * s.n, false);
  x->graph->flops += 2.0 * s.m * s.n * s.k * s.batch;
}

// how a product's two gradients are products again: d a = P(g, b) or P(b, g), d b = P(a, g) or P(g, a)
typedef struct { rn_transpose how; bool swapped; } rule;
static const rule RULE_A[] = {[RN_NN] = {RN_NT, false}, [RN_TN] = {RN_NT, true}, [RN_NT] = {RN_NN, false}};
static const rule RULE_B[] = {[RN_NN] = {RN_TN, false}, [RN_TN] = {RN_NN, false}, [RN_NT] = {RN_TN, true}};

static void part(rn_node *x, rn_node *in, const rn_node *other, rule r, bool first) {
  bool add;
  rn_real *d = rn_into(in, &add);
  if (!d) return;
  int batch = RN_MAX(in->dim[0] * in->dim[1], other->dim[0] * other->dim[1]);
  size_t size_in = (size_t)in->dim[2] * in->dim[3], size_x = (size_t)x->dim[2] * x->dim[3], size_o = (size_t)other->dim[2] * other->dim[3];
  bool one_in = in->dim[0] * in->dim[1] == 1, one_o = other->dim[0] * other->dim[1] == 1;
  for (int i = 0; i < batch; i++) {
    const rn_real *g = G + (size_t)i * size_x, *o = other->value + (one_o ? 0 : (size_t)i * size_o);
    // as written in the rule: the gradient first for a, the other first for b; swapped the other way
    bool g_first = first != r.swapped;
    const rn_real *l = g_first ? g : o, *m = g_first ? o : g;
    int ld_l = g_first ? x->dim[3] : other->dim[3], ld_m = g_first ? other->dim[3] : x->dim[3];
    int rows_l = g_first ? x->dim[2] : other->dim[2];
    int k = r.how == RN_TN ? rows_l : ld_l;
    gemm(r.how, in->dim[2], in->dim[3], k, l, ld_l, m, ld_m, d + (one_in ? 0 : (size_t)i * size_in), add || (one_in && i > 0));
  }
  x->graph->flops += 2.0 * (double)count_of(x) * (x->act == RN_TN ? x->in[0]->dim[2] : x->in[0]->dim[3]);
}
static void matmul_backward(rn_node *x) {
  part(x, x->in[0], x->in[1], RULE_A[x->act], true), part(x, x->in[1], x->in[0], RULE_B[x->act], false);
}

static rn_node *to_shape_of(rn_node *d, const rn_node *in) { return same_dims(d->dim, in->dim) ? d : rn_sum_to(d, in->dim); }
static void matmul_derive(rn_node *x, rn_node *dx, rn_node *din[3]) {
  rn_node *a = x->in[0], *b = x->in[1];
  rule ra = RULE_A[x->act], rb = RULE_B[x->act];
  if (a->wants) din[0] = to_shape_of(ra.swapped ? rn_matmul(b, dx, ra.how) : rn_matmul(dx, b, ra.how), a);
  if (b->wants) din[1] = to_shape_of(rb.swapped ? rn_matmul(dx, a, rb.how) : rn_matmul(a, dx, rb.how), b);
}
static const rn_op op_matmul = {"matmul", matmul_forward, matmul_backward, matmul_derive};

rn_node *rn_matmul(rn_node *a, rn_node *b, rn_transpose how) {
  char la[128], lb[128];
  int ka = how == RN_TN ? a->dim[2] : a->dim[3], kb = how == RN_NT ? b->dim[3] : b->dim[2];
  bool meet = ka == kb;
  for (int i = 0; i < 2; i++) meet = meet && (a->dim[i] == b->dim[i] || a->dim[i] == 1 || b->dim[i] == 1);
  bool one = a->dim[0] * a->dim[1] == 1 || b->dim[0] * b->dim[1] == 1;
  RN_CHECK(meet && (one || (a->dim[0] == b->dim[0] && a->dim[1] == b->dim[1])), "%s does not meet %s%s", rn_label(a, la), rn_label(b, lb),
           how == RN_TN ? " (first transposed)" : how == RN_NT ? " (second transposed)" : "");
  shape s = shape_of(a, b, how);
  rn_node *x = rn_node_new(a->graph, &op_matmul, (int[]){RN_MAX(a->dim[0], b->dim[0]), RN_MAX(a->dim[1], b->dim[1]), s.m, s.n}, 2, a, b, NULL);
  x->act = (uint8_t)how;
  return rn_run_op(x);
}

//---- act(x w + b) --------------------------------------------------------------------------------------------------------------------

static void linear_forward(rn_node *x) {
  rn_node *in = x->in[0], *w = x->in[1], *b = x->in[2];
  int members = w->dim[1], k = w->dim[2], n = w->dim[3];
  int rows = rn_rows(x) / members;
  bool own = in->dim[1] == members && members > 1;             // each member its own rows
  for (int e = 0; e < members; e++)
    RN_M(rn_gemm)(&(rn_product){.how = RN_NN, .m = rows, .n = n, .k = k, .a = in->value + (own ? (size_t)e * rows * k : 0), .lda = k,
                                .b = w->value + (size_t)e * k * n, .ldb = n, .c = Y + (size_t)e * rows * n, .ldc = n,
                                .bias = b ? b->value + (size_t)e * n : NULL, .act = (rn_act)x->act});
  x->graph->flops += 2.0 * rows * n * k * members;
}

static void linear_backward(rn_node *x) {
  rn_node *in = x->in[0], *w = x->in[1], *b = x->in[2];
  int members = w->dim[1], k = w->dim[2], n = w->dim[3], rows = rn_rows(x) / members;
  bool own = in->dim[1] == members && members > 1, add;
  size_t place = rn_range_used(x->graph->data);
  rn_real *dz = G;                                              // before the activation; in place when nobody reads G later
  if (x->graph->keep && x->act != RN_IDENTITY) {
    for (int i = 0; i < 3; i++) if (x->in[i] && x->in[i]->wants) rn_reserve(x->in[i]);
    place = rn_range_used(x->graph->data);
    dz = rn_take(x->graph->data, count_of(x) * sizeof *dz);
  }
  RN_M(rn_vact_back)(count_of(x), (rn_act)x->act, Y, G, dz);
  rn_real *d;
  if (b && (d = rn_into(b, &add))) for (int e = 0; e < members; e++) RN_M(rn_vcolsum)(rows, n, dz + (size_t)e * rows * n, d + (size_t)e * n, add);
  if ((d = rn_into(w, &add))) {
    for (int e = 0; e < members; e++)
      gemm(RN_TN, k, n, rows, in->value + (own ? (size_t)e * rows * k : 0), k, dz + (size_t)e * rows * n, n, d + (size_t)e * k * n, add);
    x->graph->flops += 2.0 * rows * n * k * members;
  }
  if ((d = rn_into(in, &add))) {
    for (int e = 0; e < members; e++)
      gemm(RN_NT, rows, k, n, dz + (size_t)e * rows * n, n, w->value + (size_t)e * k * n, n, d + (own ? (size_t)e * rows * k : 0), add || (!own && e > 0));
    x->graph->flops += 2.0 * rows * n * k * members;
  }
  rn_range_rewind(x->graph->data, place);
}

static rn_node *flat_rows(rn_node *x, int members) { return rn_reshape(x, 1, members, rn_rows(x) / members, x->dim[3]); }
static void linear_derive(rn_node *x, rn_node *dx, rn_node *din[3]) {
  rn_node *in = x->in[0], *w = x->in[1], *b = x->in[2];
  int members = w->dim[1];
  bool own = in->dim[1] == members && members > 1;
  rn_node *dz = x->act == RN_RELU ? rn_mul(dx, rn_step_of(x)) : x->act == RN_TANH ? rn_mul(dx, rn_affine(rn_square(x), -1, 1)) : dx;
  dz = flat_rows(dz, members);
  rn_node *rows = own ? flat_rows(in, members) : flat_rows(in, 1);
  if (in->wants) {
    rn_node *d = rn_matmul(dz, w, RN_NT);                       // [E, n, k]
    if (!own && members > 1) d = rn_sum_to(d, (int[]){1, 1, d->dim[2], d->dim[3]});
    din[0] = rn_reshape(d, in->dim[0], in->dim[1], in->dim[2], in->dim[3]);
  }
  if (w->wants) din[1] = rn_matmul(rows, dz, RN_TN);
  if (b && b->wants) din[2] = rn_reshape(rn_sum_to(dz, (int[]){1, members, 1, dz->dim[3]}), b->dim[0], b->dim[1], b->dim[2], b->dim[3]);
}
static const rn_op op_linear = {"linear", linear_forward, linear_backward, linear_derive};

rn_node *rn_linear(rn_node *x, rn_node *w, rn_node *b, rn_act act) {
  char lx[128], lw[128], lb[128];
  if (act == RN_SILU) return rn_silu(rn_linear(x, w, b, RN_IDENTITY));     // its slope needs what the output no longer tells
  int members = w->dim[1];
  RN_CHECK(w->dim[0] == 1 && x->dim[3] == w->dim[2], "x %s does not meet w %s", rn_label(x, lx), rn_label(w, lw));
  RN_CHECK(members == 1 || (x->dim[0] == 1 && (x->dim[1] == 1 || x->dim[1] == members)), "x %s has not the members of w %s", rn_label(x, lx), rn_label(w, lw));
  RN_CHECK(!b || (b->dim[3] == w->dim[3] && count_of(b) == (size_t)members * b->dim[3]), "w %s does not meet b %s", rn_label(w, lw), rn_label(b, lb));
  int dim[4] = {x->dim[0], members > 1 ? members : x->dim[1], x->dim[2], w->dim[3]};
  rn_node *y = rn_node_new(x->graph, &op_linear, dim, 3, x, w, b);
  y->act = (uint8_t)act;
  return rn_run_op(y);
}

//---- layer norm ----------------------------------------------------------------------------------------------------------------------

static const double EPS = 1e-5;

// extra: [2 rows] mean and 1 / std of each row
static void layer_norm_forward(rn_node *x) {
  rn_node *in = x->in[0], *s = x->in[1], *t = x->in[2];
  int rows = rn_rows(x), k = x->dim[3], each = s ? rows / (int)(count_of(s) / (size_t)k) : rows;
  rn_real *stat = x->extra;
  for (int i = 0; i < rows; i++) {
    const rn_real *v = in->value + (size_t)i * k;
    rn_real *y = Y + (size_t)i * k, total, squares;
    RN_M(rn_vrowsum)(1, k, v, &total);
    rn_real mean = total / (rn_real)k;
    RN_M(rn_vaffine)((size_t)k, 1, -mean, v, y);
    squares = RN_M(rn_vsumsq)((size_t)k, y);
    rn_real inverse = 1 / RN_M(rn_sqrt)(squares / (rn_real)k + (rn_real)EPS);
    stat[2 * i] = mean, stat[2 * i + 1] = inverse;
    RN_M(rn_vaffine)((size_t)k, inverse, 0, y, y);
    if (s) RN_M(rn_vmul)((size_t)k, y, s->value + (size_t)(i / each) * k, y), RN_M(rn_vadd)((size_t)k, y, t->value + (size_t)(i / each) * k, y);
  }
}

// with h = (x - mean) / std and d = dy s:  dx = (d - mean(d) - h mean(d h)) / std
static void layer_norm_backward(rn_node *x) {
  rn_node *in = x->in[0], *s = x->in[1], *t = x->in[2];
  int rows = rn_rows(x), k = x->dim[3], each = s ? rows / (int)(count_of(s) / (size_t)k) : rows;
  const rn_real *stat = x->extra;
  bool add_in = false, add_s = false, add_t = false;
  rn_real *di = rn_into(in, &add_in), *ds = s ? rn_into(s, &add_s) : NULL, *dt = t ? rn_into(t, &add_t) : NULL;
  if (ds && !add_s) memset(ds, 0, count_of(s) * sizeof *ds);
  if (dt && !add_t) memset(dt, 0, count_of(t) * sizeof *dt);
  size_t place = rn_range_used(x->graph->data), n = (size_t)k;
  rn_real *h = rn_take(x->graph->data, n * sizeof *h), *d = rn_take(x->graph->data, n * sizeof *d);
  for (int i = 0; i < rows; i++) {
    const rn_real *g = G + (size_t)i * n;
    size_t at = (size_t)(i / each) * n;
    RN_M(rn_vaffine)(n, 1, -stat[2 * i], in->value + (size_t)i * n, h);
    RN_M(rn_vaffine)(n, stat[2 * i + 1], 0, h, h);
    if (ds) RN_M(rn_vmuladd)(n, g, h, ds + at);
    if (dt) RN_M(rn_vadd)(n, dt + at, g, dt + at);
    if (!di) continue;
    if (s) RN_M(rn_vmul)(n, g, s->value + at, d);
    else memcpy(d, g, n * sizeof *d);
    rn_real mean_d;
    RN_M(rn_vrowsum)(1, k, d, &mean_d);
    mean_d /= (rn_real)k;
    rn_real mean_dh = RN_M(rn_vdot)(n, d, h) / (rn_real)k;
    RN_M(rn_vaxpy)(n, -mean_dh, h, d);
    RN_M(rn_vaffine)(n, 1, -mean_d, d, d);
    rn_real *to = di + (size_t)i * n;
    if (add_in) RN_M(rn_vaxpy)(n, stat[2 * i + 1], d, to);
    else RN_M(rn_vaffine)(n, stat[2 * i + 1], 0, d, to);
  }
  rn_range_rewind(x->graph->data, place);
}

static rn_node *mean_cols(rn_node *x) { return rn_scale(rn_sum_cols(x), 1.0 / x->dim[3]); }
static void layer_norm_derive(rn_node *x, rn_node *dx, rn_node *din[3]) {
  rn_node *in = x->in[0], *s = x->in[1], *t = x->in[2];
  rn_node *centred = rn_sub(in, mean_cols(in));
  rn_node *deviation = rn_sqrt(rn_shift(mean_cols(rn_square(centred)), EPS));
  rn_node *h = rn_div(centred, deviation), *d = s ? rn_mul(dx, s) : dx;
  if (in->wants) din[0] = rn_div(rn_sub(rn_sub(d, mean_cols(d)), rn_mul(h, mean_cols(rn_mul(d, h)))), deviation);
  if (s && s->wants) din[1] = to_shape_of(rn_mul(dx, h), s);
  if (t && t->wants) din[2] = to_shape_of(dx, t);
}
static const rn_op op_layer_norm = {"layer_norm", layer_norm_forward, layer_norm_backward, layer_norm_derive};

rn_node *rn_layer_norm(rn_node *x, rn_node *scale, rn_node *shift) {
  char lx[128], ls[128];
  RN_CHECK((scale == NULL) == (shift == NULL), "scale and shift come together");
  for (int i = 0; scale && i < 2; i++) {
    rn_node *s = i ? shift : scale;
    RN_CHECK(s->dim[3] == x->dim[3] && (count_of(s) == (size_t)s->dim[3] || (s->dim[1] == x->dim[1] && count_of(s) == (size_t)s->dim[1] * s->dim[3])),
             "%s does not meet %s", rn_label(x, lx), rn_label(s, ls));
  }
  rn_node *y = rn_node_new(x->graph, &op_layer_norm, x->dim, 3, x, scale, shift);
  y->extra = rn_take(x->graph->data, 2 * (size_t)rn_rows(x) * sizeof(rn_real));
  return rn_run_op(y);
}

const rn_op *const rn_ops_product[] = {&op_matmul, &op_linear, &op_layer_norm, NULL};
