/* graph/elementwise.c - operations on single entries, of one node or of two that spread to one shape. */
#include "tape.h"

//---- one node --------------------------------------------------------------------------------------------------------------------

static rn_node *unary(const rn_op *op, rn_node *x, double f0, double f1) {
  rn_node *y = rn_node_new(x->graph, op, x->dim, 1, x, NULL, NULL);
  y->f[0] = f0, y->f[1] = f1;
  return rn_run_op(y);
}
#define X (x->in[0]->value)
#define Y (x->value)
#define G (x->grad)
#define EACH(expression) for (size_t i = 0, n = count_of(x); i < n; i++) Y[i] = (expression)
// an operation of one input: what it does, d x / d in times G, and the same as nodes (dx and `in` and x itself at hand)
#define UNARY(op_name, forward_, backward_, derive_) \
  static void op_name##_forward(rn_node *x) { forward_; } \
  static void op_name##_backward(rn_node *x) { INTO(x->in[0], backward_); } \
  static void op_name##_derive(rn_node *x, rn_node *dx, rn_node *din[3]) { \
    rn_node *in = x->in[0]; \
    (void)in, (void)x; \
    din[0] = derive_; \
  } \
  static const rn_op op_##op_name = {#op_name, op_name##_forward, op_name##_backward, op_name##_derive};

// a mask of 0 and 1, or of slopes, taken from values: it has no derivative of its own
static rn_node *slopes(rn_node *x, double (*slope)(const rn_node *x, size_t i)) {
  rn_node *m = rn_constant_dims(x->graph, x->dim, NULL);
  for (size_t i = 0, n = count_of(m); i < n; i++) m->value[i] = (rn_real)slope(x, i);
  return m;
}
static double slope_relu(const rn_node *x, size_t i) { return x->value[i] > 0; }
static double slope_abs(const rn_node *x, size_t i) { return X[i] > 0 ? 1 : X[i] < 0 ? -1 : 0; }
static double slope_clamp(const rn_node *x, size_t i) { return X[i] >= (rn_real)x->f[0] && X[i] <= (rn_real)x->f[1]; }
static double weight_expectile(const rn_node *x, size_t i) { return X[i] < 0 ? 1 - x->f[0] : x->f[0]; }

UNARY(affine, RN_M(rn_vaffine)(count_of(x), (rn_real)x->f[0], (rn_real)x->f[1], X, Y), (rn_real)x->f[0] * G[i], rn_scale(dx, x->f[0]))
UNARY(square, RN_M(rn_vmul)(count_of(x), X, X, Y), 2 * X[i] * G[i], rn_mul(dx, rn_scale(in, 2)))
UNARY(sqrt, RN_M(rn_vsqrt)(count_of(x), X, Y), G[i] / (2 * Y[i]), rn_div(dx, rn_scale(x, 2)))
UNARY(exp, RN_M(rn_vexp)(count_of(x), X, Y), G[i] * Y[i], rn_mul(dx, x))
UNARY(log, RN_M(rn_vlog)(count_of(x), X, Y), G[i] / X[i], rn_div(dx, in))
UNARY(tanh, RN_M(rn_vtanh)(count_of(x), X, Y), G[i] * (1 - Y[i] * Y[i]), rn_mul(dx, rn_affine(rn_square(x), -1, 1)))
UNARY(sigmoid, RN_M(rn_vsigmoid)(count_of(x), X, Y), G[i] * Y[i] * (1 - Y[i]), rn_mul(dx, rn_mul(x, rn_affine(x, -1, 1))))
UNARY(softplus, RN_M(rn_vsoftplus)(count_of(x), X, Y), G[i] * RN_M(rn_sigmoid)(X[i]), rn_mul(dx, rn_sigmoid(in)))
UNARY(relu, EACH(X[i] > 0 ? X[i] : X[i] != X[i] ? X[i] : 0), Y[i] > 0 ? G[i] : 0, rn_mul(dx, slopes(x, slope_relu)))
UNARY(abs, EACH(X[i] < 0 ? -X[i] : X[i]), X[i] > 0 ? G[i] : X[i] < 0 ? -G[i] : 0, rn_mul(dx, slopes(x, slope_abs)))
UNARY(sin, RN_M(rn_vsin)(count_of(x), X, Y), G[i] * RN_M(rn_cos)(X[i]), rn_mul(dx, rn_cos(in)))
UNARY(cos, RN_M(rn_vcos)(count_of(x), X, Y), -G[i] * RN_M(rn_sin)(X[i]), rn_neg(rn_mul(dx, rn_sin(in))))
UNARY(clamp, RN_M(rn_vclamp)(count_of(x), (rn_real)x->f[0], (rn_real)x->f[1], X, Y), slope_clamp(x, i) ? G[i] : 0,
      rn_mul(dx, slopes(x, slope_clamp)))
static const double TWO_OVER_ROOT_PI = 1.1283791670955126;
UNARY(erf, RN_M(rn_verf)(count_of(x), X, Y), G[i] * (rn_real)TWO_OVER_ROOT_PI * RN_M(rn_exp)(-X[i] * X[i]),
      rn_mul(dx, rn_scale(rn_exp(rn_neg(rn_square(in))), TWO_OVER_ROOT_PI)))
// log gamma and its derivatives: each is the slope of the one before it; f[0]: the order
static rn_node *polygamma(rn_node *x, int order);
UNARY(polygamma, RN_M(rn_vpolygamma)((int)x->f[0], count_of(x), X, Y), G[i] * RN_M(rn_polygamma)((int)x->f[0] + 1, X[i]),
      rn_mul(dx, polygamma(in, (int)x->f[0] + 1)))
static rn_node *polygamma(rn_node *x, int order) { return unary(&op_polygamma, x, order, 0); }
// s = sigmoid(x):  d(x s) = s (1 + x (1 - s)) dx
static rn_real silu_slope(rn_real v) {
  rn_real s = RN_M(rn_sigmoid)(v);
  return s * (1 + v * (1 - s));
}
static rn_node *derive_silu(rn_node *in, rn_node *dx) {
  rn_node *s = rn_sigmoid(in);
  return rn_mul(dx, rn_mul(s, rn_shift(rn_mul(in, rn_affine(s, -1, 1)), 1)));
}
UNARY(silu, RN_M(rn_vact)(count_of(x), RN_SILU, X, Y), G[i] * silu_slope(X[i]), derive_silu(in, dx))
UNARY(expectile, EACH((rn_real)weight_expectile(x, i) * X[i] * X[i]), 2 * (rn_real)weight_expectile(x, i) * X[i] * G[i],
      rn_mul(dx, rn_mul(slopes(x, weight_expectile), rn_scale(in, 2))))
static rn_real huber(rn_real v, rn_real d) { return v > d ? d * (v - d / 2) : v < -d ? d * (-v - d / 2) : v * v / 2; }
static rn_real huber_slope(rn_real v, rn_real d) { return v > d ? d : v < -d ? -d : v; }
UNARY(huber, EACH(huber(X[i], (rn_real)x->f[0])), G[i] * huber_slope(X[i], (rn_real)x->f[0]), rn_mul(dx, rn_clamp(in, -x->f[0], x->f[0])))

rn_node *rn_affine(rn_node *x, double a, double b) { return unary(&op_affine, x, a, b); }
rn_node *rn_scale(rn_node *x, double a) { return a == 1 ? x : unary(&op_affine, x, a, 0); }
rn_node *rn_shift(rn_node *x, double b) { return unary(&op_affine, x, 1, b); }
rn_node *rn_neg(rn_node *x) { return unary(&op_affine, x, -1, 0); }
rn_node *rn_square(rn_node *x) { return unary(&op_square, x, 0, 0); }
rn_node *rn_sqrt(rn_node *x) { return unary(&op_sqrt, x, 0, 0); }
rn_node *rn_exp(rn_node *x) { return unary(&op_exp, x, 0, 0); }
rn_node *rn_log(rn_node *x) { return unary(&op_log, x, 0, 0); }
rn_node *rn_tanh(rn_node *x) { return unary(&op_tanh, x, 0, 0); }
rn_node *rn_sigmoid(rn_node *x) { return unary(&op_sigmoid, x, 0, 0); }
rn_node *rn_softplus(rn_node *x) { return unary(&op_softplus, x, 0, 0); }
rn_node *rn_relu(rn_node *x) { return unary(&op_relu, x, 0, 0); }
rn_node *rn_silu(rn_node *x) { return unary(&op_silu, x, 0, 0); }
rn_node *rn_abs(rn_node *x) { return unary(&op_abs, x, 0, 0); }
rn_node *rn_sin(rn_node *x) { return unary(&op_sin, x, 0, 0); }
rn_node *rn_cos(rn_node *x) { return unary(&op_cos, x, 0, 0); }
rn_node *rn_erf(rn_node *x) { return unary(&op_erf, x, 0, 0); }
rn_node *rn_lgamma(rn_node *x) { return polygamma(x, -1); }
rn_node *rn_digamma(rn_node *x) { return polygamma(x, 0); }
rn_node *rn_trigamma(rn_node *x) { return polygamma(x, 1); }
rn_node *rn_step_of(rn_node *x) { return slopes(x, slope_relu); }
rn_node *rn_clamp(rn_node *x, double low, double high) {
  RN_CHECK(low <= high, "a clamp to %g .. %g", low, high);
  return unary(&op_clamp, x, low, high);
}
rn_node *rn_expectile(rn_node *u, double tau) { return unary(&op_expectile, u, tau, 0); }
rn_node *rn_huber(rn_node *u, double delta) { return unary(&op_huber, u, delta, 0); }

//---- two nodes -------------------------------------------------------------------------------------------------------------------

typedef void kernel(size_t n, const rn_real *a, const rn_real *b, rn_real *y);

// rows of the result: where an input has size 1 it stands still
static void spread_apply(const rn_node *a, const rn_node *b, rn_node *y, kernel *f) {
  const int32_t *d = y->dim;
  if (same_dims(a->dim, d) && same_dims(b->dim, d)) { f(count_of(y), a->value, b->value, y->value); return; }
  size_t step_a[3], step_b[3], size_a = (size_t)a->dim[3], size_b = (size_t)b->dim[3];
  for (int i = 2; i >= 0; i--) {
    step_a[i] = a->dim[i] == 1 ? 0 : size_a, size_a *= (size_t)a->dim[i];
    step_b[i] = b->dim[i] == 1 ? 0 : size_b, size_b *= (size_t)b->dim[i];
  }
  size_t n = (size_t)d[3];
  bool one_a = a->dim[3] == 1 && n > 1, one_b = b->dim[3] == 1 && n > 1;
  rn_real row_a[256], row_b[256];
  rn_real *y_row = y->value;
  for (int i = 0; i < d[0]; i++)
    for (int j = 0; j < d[1]; j++)
      for (int k = 0; k < d[2]; k++, y_row += n) {
        const rn_real *x = a->value + (size_t)i * step_a[0] + (size_t)j * step_a[1] + (size_t)k * step_a[2];
        const rn_real *z = b->value + (size_t)i * step_b[0] + (size_t)j * step_b[1] + (size_t)k * step_b[2];
        if (!one_a && !one_b) { f(n, x, z, y_row); continue; }
        for (size_t from = 0; from < n; from += 256) {
          size_t m = RN_MIN(n - from, (size_t)256);
          if (one_a) for (size_t l = 0; l < m; l++) row_a[l] = *x;
          if (one_b) for (size_t l = 0; l < m; l++) row_b[l] = *z;
          f(m, one_a ? row_a : x + from, one_b ? row_b : z + from, y_row + from);
        }
      }
}

static rn_node *binary(const rn_op *op, rn_node *a, rn_node *b) {
  int32_t dim[4];
  char la[128], lb[128];
  for (int i = 0; i < 4; i++) {
    RN_CHECK(a->dim[i] == b->dim[i] || a->dim[i] == 1 || b->dim[i] == 1, "%s: %s does not meet %s", op->name, rn_label(a, la), rn_label(b, lb));
    dim[i] = RN_MAX(a->dim[i], b->dim[i]);
  }
  return rn_run_op(rn_node_new(a->graph, op, dim, 2, a, b, NULL));
}

// the gradient of an input that was spread is summed over what it was spread to
static void give(rn_node *x, rn_node *in, const rn_real *d) {
  bool add;
  rn_real *to = rn_into(in, &add);
  if (!to) return;
  if (same_dims(in->dim, x->dim)) {
    if (add) RN_M(rn_vadd)(count_of(in), to, d, to);
    else memcpy(to, d, count_of(in) * sizeof *to);
    return;
  }
  rn_node full = *x, part = *in;
  full.value = (rn_real *)d, part.value = to;
  rn_sum_into(&full, &part, add);
}

// a temporary of x's shape behind everything on the tape, given back by the caller
static rn_real *temporary(rn_node *x, size_t *place) {
  *place = rn_range_used(x->graph->data);
  return rn_take(x->graph->data, count_of(x) * sizeof(rn_real));
}

static void product_into(rn_node *x, rn_node *in, const rn_node *other, kernel *f) {
  if (!in->wants) return;
  if (same_dims(in->dim, x->dim) && same_dims(other->dim, x->dim) && !rn_reached(in)) {
    bool add;
    f(count_of(x), G, other->value, rn_into(in, &add));
    return;
  }
  rn_reserve(in);                                              // its memory before the temporary's
  size_t place;
  rn_node d = *x, g = *x;
  d.value = temporary(x, &place), g.value = G;
  spread_apply(&g, other, &d, f);
  give(x, in, d.value);
  rn_range_rewind(x->graph->data, place);
}

static rn_node *to_shape_of(rn_node *d, const rn_node *in) { return same_dims(d->dim, in->dim) ? d : rn_sum_to(d, in->dim); }

static void add_forward(rn_node *x) { spread_apply(x->in[0], x->in[1], x, RN_M(rn_vadd)); }
static void add_backward(rn_node *x) { give(x, x->in[0], G), give(x, x->in[1], G); }
static void add_derive(rn_node *x, rn_node *dx, rn_node *din[3]) {
  for (int k = 0; k < 2; k++) if (x->in[k]->wants) din[k] = to_shape_of(dx, x->in[k]);
}
static const rn_op op_add = {"add", add_forward, add_backward, add_derive};

static void minus(size_t n, const rn_real *a, const rn_real *b, rn_real *y) {       // -a; b is not read
  (void)b;
  for (size_t i = 0; i < n; i++) y[i] = -a[i];
}
static void sub_forward(rn_node *x) { spread_apply(x->in[0], x->in[1], x, RN_M(rn_vsub)); }
static void sub_backward(rn_node *x) {
  rn_node *b = x->in[1];
  give(x, x->in[0], G);
  if (!b->wants) return;
  if (same_dims(b->dim, x->dim)) { INTO(b, -G[i]); return; }
  product_into(x, b, x, minus);
}
static void sub_derive(rn_node *x, rn_node *dx, rn_node *din[3]) {
  if (x->in[0]->wants) din[0] = to_shape_of(dx, x->in[0]);
  if (x->in[1]->wants) din[1] = rn_neg(to_shape_of(dx, x->in[1]));
}
static const rn_op op_sub = {"sub", sub_forward, sub_backward, sub_derive};

static void mul_forward(rn_node *x) { spread_apply(x->in[0], x->in[1], x, RN_M(rn_vmul)); }
static void mul_backward(rn_node *x) {
  product_into(x, x->in[0], x->in[1], RN_M(rn_vmul)), product_into(x, x->in[1], x->in[0], RN_M(rn_vmul));
}
static void mul_derive(rn_node *x, rn_node *dx, rn_node *din[3]) {
  for (int k = 0; k < 2; k++) if (x->in[k]->wants) din[k] = to_shape_of(rn_mul(dx, x->in[1 - k]), x->in[k]);
}
static const rn_op op_mul = {"mul", mul_forward, mul_backward, mul_derive};

static void div_forward(rn_node *x) { spread_apply(x->in[0], x->in[1], x, RN_M(rn_vdiv)); }
static void div_backward(rn_node *x) {
  rn_node *b = x->in[1];
  product_into(x, x->in[0], b, RN_M(rn_vdiv));
  if (!b->wants) return;
  // d(a/b)/db = -(a/b)/b
  rn_reserve(b);
  size_t place;
  rn_node d = *x;
  d.value = temporary(x, &place);
  spread_apply(x, b, &d, RN_M(rn_vdiv));
  for (size_t i = 0, n = count_of(x); i < n; i++) d.value[i] *= -G[i];
  give(x, b, d.value);
  rn_range_rewind(x->graph->data, place);
}
static void div_derive(rn_node *x, rn_node *dx, rn_node *din[3]) {
  rn_node *b = x->in[1];
  if (x->in[0]->wants) din[0] = to_shape_of(rn_div(dx, b), x->in[0]);
  if (b->wants) din[1] = rn_neg(to_shape_of(rn_mul(dx, rn_div(x, b)), b));
}
static const rn_op op_div = {"div", div_forward, div_backward, div_derive};

// min and max: a mask says which of the two stands in the result; a tie is a's
static void choose(rn_node *x, int k, rn_real *mask) {
  rn_node first = *x;
  first.value = mask;
  spread_apply(x->in[0], x->in[0], &first, RN_M(rn_vmin));     // in[0] itself, spread
  for (size_t i = 0, n = count_of(x); i < n; i++) mask[i] = (x->value[i] == mask[i]) == (k == 0);
}
static rn_node *chosen(rn_node *x, int k) {
  rn_node *m = rn_constant_dims(x->graph, x->dim, NULL);
  choose(x, k, m->value);
  return m;
}
static void chosen_backward(rn_node *x) {
  for (int k = 0; k < 2; k++) {
    if (!x->in[k]->wants) continue;
    rn_reserve(x->in[k]);
    size_t place;
    rn_real *d = temporary(x, &place);
    choose(x, k, d);
    RN_M(rn_vmul)(count_of(x), d, G, d);
    give(x, x->in[k], d);
    rn_range_rewind(x->graph->data, place);
  }
}
static void chosen_derive(rn_node *x, rn_node *dx, rn_node *din[3]) {
  for (int k = 0; k < 2; k++) if (x->in[k]->wants) din[k] = to_shape_of(rn_mul(dx, chosen(x, k)), x->in[k]);
}
// a number that is none stays visible, in whichever of the two it stands
static void lesser(size_t n, const rn_real *a, const rn_real *b, rn_real *y) {
  for (size_t i = 0; i < n; i++) y[i] = b[i] < a[i] || b[i] != b[i] ? b[i] : a[i];
}
static void larger(size_t n, const rn_real *a, const rn_real *b, rn_real *y) {
  for (size_t i = 0; i < n; i++) y[i] = b[i] > a[i] || b[i] != b[i] ? b[i] : a[i];
}
static void min2_forward(rn_node *x) { spread_apply(x->in[0], x->in[1], x, lesser); }
static void max2_forward(rn_node *x) { spread_apply(x->in[0], x->in[1], x, larger); }
static const rn_op op_min2 = {"min2", min2_forward, chosen_backward, chosen_derive};
static const rn_op op_max2 = {"max2", max2_forward, chosen_backward, chosen_derive};

rn_node *rn_add(rn_node *a, rn_node *b) { return binary(&op_add, a, b); }
rn_node *rn_sub(rn_node *a, rn_node *b) { return binary(&op_sub, a, b); }
rn_node *rn_mul(rn_node *a, rn_node *b) { return binary(&op_mul, a, b); }
rn_node *rn_div(rn_node *a, rn_node *b) { return binary(&op_div, a, b); }
rn_node *rn_min2(rn_node *a, rn_node *b) { return binary(&op_min2, a, b); }
rn_node *rn_max2(rn_node *a, rn_node *b) { return binary(&op_max2, a, b); }

const rn_op *const rn_ops_elementwise[] = {&op_affine, &op_square, &op_sqrt, &op_exp, &op_log, &op_tanh, &op_sigmoid, &op_softplus, &op_relu,
                                           &op_abs, &op_sin, &op_cos, &op_clamp, &op_erf, &op_polygamma, &op_silu, &op_expectile, &op_huber,
                                           &op_add, &op_sub, &op_mul, &op_div, &op_min2, &op_max2, NULL};
