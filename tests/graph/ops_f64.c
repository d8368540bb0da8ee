/* Every operation of the tape, in double: its raw gradient is the slope of central differences, rn_grad says the same, and the gradient
 * of that gradient is again a slope. An operation without an example here fails the last test. */
#include "../../src/graph/tape.h"
#include "test.h"

// AWAY: at least 0.05 from 0, where kinks lie; WIDE: 4 times normal, away from 0; APART: no entry of one input is near one of the other
typedef enum { NORMAL, POSITIVE, AWAY, WIDE, APART } law;
typedef struct {
  const char *op;                                       // what this is an example of
  rn_node *(*f)(rn_node **in);
  law law;
  int n, dim[3][4];
} example;

#define ONE(name, expression) \
  static rn_node *f_##name(rn_node **in) { return expression; }
ONE(affine, rn_affine(in[0], -1.7, 0.3))
ONE(shift, rn_shift(in[0], 2))
ONE(square, rn_square(in[0]))
ONE(sqrt, rn_sqrt(in[0]))
ONE(exp, rn_exp(in[0]))
ONE(log, rn_log(in[0]))
ONE(tanh, rn_tanh(in[0]))
ONE(sigmoid, rn_sigmoid(in[0]))
ONE(softplus, rn_softplus(in[0]))
ONE(relu, rn_relu(in[0]))
ONE(abs, rn_abs(in[0]))
ONE(sin, rn_sin(in[0]))
ONE(cos, rn_cos(in[0]))
ONE(clamp, rn_clamp(in[0], -1.01, 0.6))
ONE(erf, rn_erf(in[0]))
ONE(lgamma, rn_lgamma(in[0]))
ONE(digamma, rn_digamma(in[0]))
ONE(trigamma, rn_trigamma(in[0]))
ONE(silu, rn_silu(in[0]))
ONE(expectile, rn_expectile(in[0], 0.8))
ONE(huber, rn_huber(in[0], 0.9))
ONE(add, rn_add(in[0], in[1]))
ONE(sub, rn_sub(in[0], in[1]))
ONE(mul, rn_mul(in[0], in[1]))
ONE(div, rn_div(in[0], in[1]))
ONE(min2, rn_min2(in[0], in[1]))
ONE(max2, rn_max2(in[0], in[1]))
ONE(twice, rn_mul(in[0], in[0]))                        // one node in both places
ONE(itself, rn_div(in[0], rn_add(in[0], in[0])))
ONE(less_itself, rn_sub(rn_square(in[0]), in[0]))
ONE(sum, rn_sum(in[0]))
ONE(mean, rn_mean(in[0]))
ONE(sum_cols, rn_sum_cols(in[0]))
ONE(sum_rows, rn_sum_rows(in[0]))
ONE(mean_all, rn_mean_all(in[0]))
ONE(sum_middle, rn_sum_to(in[0], (int[]){in[0]->dim[0], 1, in[0]->dim[2], 1}))
ONE(spread, rn_spread(in[0], (int[]){2, in[0]->dim[1] == 1 ? 3 : in[0]->dim[1], in[0]->dim[2] == 1 ? 5 : in[0]->dim[2], in[0]->dim[3] == 1 ? 7 : in[0]->dim[3]}))
ONE(least, rn_min_all(in[0]))
ONE(most, rn_max_all(in[0]))
ONE(logsumexp, rn_logsumexp(in[0]))
ONE(log_softmax, rn_log_softmax(in[0]))
ONE(softmax, rn_softmax(in[0]))
ONE(matmul_nn, rn_matmul(in[0], in[1], RN_NN))
ONE(matmul_tn, rn_matmul(in[0], in[1], RN_TN))
ONE(matmul_nt, rn_matmul(in[0], in[1], RN_NT))
ONE(gram, rn_matmul(in[0], in[0], RN_TN))
ONE(linear, rn_linear(in[0], in[1], in[2], RN_IDENTITY))
ONE(linear_tanh, rn_linear(in[0], in[1], in[2], RN_TANH))
ONE(linear_relu, rn_linear(in[0], in[1], in[2], RN_RELU))
ONE(linear_silu, rn_linear(in[0], in[1], in[2], RN_SILU))
ONE(linear_plain, rn_linear(in[0], in[1], NULL, RN_TANH))
ONE(layer_norm, rn_layer_norm(in[0], in[1], in[2]))
ONE(layer_norm_plain, rn_layer_norm(in[0], NULL, NULL))
ONE(reshape, rn_square(rn_reshape(in[0], 1, 1, (int)rn_count(in[0]), 1)))
ONE(reshape_alone, rn_reshape(in[0], (int)rn_count(in[0]), 1, 1, 1))
ONE(slice_rows, rn_square(rn_slice(in[0], 2, 1, 2)))
ONE(slice_cols, rn_cols_of(in[0], 1, 3))
ONE(slice_members, rn_slice(in[0], 1, 1, 1))
ONE(pad, rn_pad(in[0], 2, 2, in[0]->dim[2] + 3))
ONE(pad_cols, rn_pad(in[0], 3, 1, in[0]->dim[3] + 1))
ONE(concat, rn_concat(in[0], in[1]))
ONE(concat_rows, rn_concat_dim(in[0], in[1], 2))
ONE(concat_members, rn_concat_dim(in[0], in[1], 1))
static const int columns[] = {2, 0, 1, 2, 2, 1, 0, 0, 1, 2};
ONE(pick, rn_pick(in[0], columns))
ONE(place_cols, rn_place_cols(in[0], columns, 4))
static const int rows[] = {3, 0, 3, 3, 1, 0, 2};
ONE(rows_of, rn_rows_of(in[0], 7, rows))
ONE(scatter_rows, rn_scatter_rows(in[0], 5, rows))

#define S(...) {__VA_ARGS__}
#define UNARY_SHAPES(name, op, law) \
  {op, f_##name, law, 1, {S(1, 1, 1, 1)}}, {op, f_##name, law, 1, {S(1, 1, 3, 5)}}, {op, f_##name, law, 1, {S(2, 3, 1, 19)}}
#define BINARY_SHAPES(name, law) \
  {#name, f_##name, law, 2, {S(1, 1, 1, 1), S(1, 1, 1, 1)}}, {#name, f_##name, law, 2, {S(1, 1, 3, 5), S(1, 1, 3, 5)}}, \
    {#name, f_##name, law, 2, {S(1, 1, 3, 35), S(1, 1, 1, 35)}}, {#name, f_##name, law, 2, {S(1, 1, 4, 1), S(1, 1, 4, 3)}}, \
    {#name, f_##name, law, 2, {S(1, 3, 1, 7), S(1, 1, 2, 1)}}, {#name, f_##name, law, 2, {S(2, 1, 3, 1), S(1, 2, 1, 2)}}, \
    {#name, f_##name, law, 2, {S(1, 1, 1, 1), S(1, 2, 3, 2)}}, {#name, f_##name, law, 2, {S(1, 2, 3, 2), S(1, 1, 1, 1)}}, \
    {#name, f_##name, law, 2, {S(1, 1, 2, 1), S(1, 1, 1, 300)}}
#define LINEAR_SHAPES(name) \
  {"linear", f_##name, NORMAL, 3, {S(1, 1, 1, 1), S(1, 1, 1, 1), S(1, 1, 1, 1)}}, {"linear", f_##name, NORMAL, 3, {S(1, 1, 3, 5), S(1, 1, 5, 2), S(1, 1, 1, 2)}}, \
    {"linear", f_##name, NORMAL, 3, {S(1, 1, 4, 3), S(1, 1, 3, 33), S(1, 1, 1, 33)}},                                                                       \
    {"linear", f_##name, NORMAL, 3, {S(1, 1, 3, 4), S(1, 2, 4, 3), S(1, 2, 1, 3)}}, {"linear", f_##name, NORMAL, 3, {S(1, 2, 3, 4), S(1, 2, 4, 3), S(1, 2, 1, 3)}}, \
    {"linear", f_##name, NORMAL, 3, {S(2, 3, 2, 4), S(1, 1, 4, 3), S(1, 1, 1, 3)}}, {"linear", f_##name, NORMAL, 3, {S(1, 1, 1, 4), S(1, 3, 4, 1), S(1, 1, 3, 1)}}

static const example examples[] = {
  UNARY_SHAPES(affine, "affine", NORMAL), UNARY_SHAPES(shift, "affine", NORMAL), UNARY_SHAPES(square, "square", NORMAL), UNARY_SHAPES(sqrt, "sqrt", POSITIVE),
  UNARY_SHAPES(exp, "exp", NORMAL), UNARY_SHAPES(log, "log", POSITIVE), UNARY_SHAPES(tanh, "tanh", NORMAL), UNARY_SHAPES(sigmoid, "sigmoid", WIDE),
  UNARY_SHAPES(softplus, "softplus", WIDE), UNARY_SHAPES(relu, "relu", AWAY), UNARY_SHAPES(abs, "abs", AWAY), UNARY_SHAPES(sin, "sin", WIDE),
  UNARY_SHAPES(cos, "cos", WIDE), UNARY_SHAPES(clamp, "clamp", AWAY), UNARY_SHAPES(erf, "erf", NORMAL), UNARY_SHAPES(lgamma, "polygamma", POSITIVE),
  UNARY_SHAPES(digamma, "polygamma", POSITIVE), UNARY_SHAPES(trigamma, "polygamma", POSITIVE), UNARY_SHAPES(silu, "silu", WIDE),
  UNARY_SHAPES(expectile, "expectile", AWAY), UNARY_SHAPES(huber, "huber", AWAY), UNARY_SHAPES(twice, "mul", NORMAL), UNARY_SHAPES(itself, "div", AWAY),
  UNARY_SHAPES(less_itself, "sub", NORMAL),
  BINARY_SHAPES(add, NORMAL), BINARY_SHAPES(sub, NORMAL), BINARY_SHAPES(mul, NORMAL), BINARY_SHAPES(div, POSITIVE), BINARY_SHAPES(min2, APART), BINARY_SHAPES(max2, APART),
  UNARY_SHAPES(sum, "sum_to", NORMAL), UNARY_SHAPES(mean, "sum_to", NORMAL), UNARY_SHAPES(sum_cols, "sum_to", NORMAL), UNARY_SHAPES(sum_rows, "sum_to", NORMAL),
  UNARY_SHAPES(mean_all, "sum_to", NORMAL), UNARY_SHAPES(sum_middle, "sum_to", NORMAL), {"sum_to", f_sum_cols, NORMAL, 1, {S(1, 2, 3, 40)}},
  {"sum_to", f_sum_rows, NORMAL, 1, {S(1, 1, 9, 1)}},
  {"spread", f_spread, NORMAL, 1, {S(1, 1, 1, 1)}}, {"spread", f_spread, NORMAL, 1, {S(1, 1, 1, 5)}}, {"spread", f_spread, NORMAL, 1, {S(1, 2, 3, 1)}},
  {"spread", f_spread, NORMAL, 1, {S(2, 1, 1, 1)}},
  {"best", f_least, NORMAL, 1, {S(1, 1, 3, 2)}}, {"best", f_least, NORMAL, 1, {S(1, 5, 4, 3)}}, {"best", f_most, NORMAL, 1, {S(1, 2, 1, 33)}},
  UNARY_SHAPES(logsumexp, "logsumexp", WIDE), UNARY_SHAPES(log_softmax, "logsumexp", WIDE), UNARY_SHAPES(softmax, "logsumexp", NORMAL),
  {"matmul", f_matmul_nn, NORMAL, 2, {S(1, 1, 1, 1), S(1, 1, 1, 1)}}, {"matmul", f_matmul_nn, NORMAL, 2, {S(1, 1, 3, 5), S(1, 1, 5, 17)}},
  {"matmul", f_matmul_nn, NORMAL, 2, {S(2, 2, 3, 2), S(2, 2, 2, 4)}}, {"matmul", f_matmul_nn, NORMAL, 2, {S(1, 3, 3, 2), S(1, 1, 2, 4)}},
  {"matmul", f_matmul_nn, NORMAL, 2, {S(1, 1, 3, 2), S(2, 3, 2, 4)}},
  {"matmul", f_matmul_tn, NORMAL, 2, {S(1, 1, 5, 3), S(1, 1, 5, 2)}}, {"matmul", f_matmul_tn, NORMAL, 2, {S(1, 3, 2, 3), S(1, 1, 2, 4)}},
  {"matmul", f_matmul_tn, NORMAL, 2, {S(1, 1, 2, 3), S(1, 3, 2, 4)}}, {"matmul", f_matmul_nt, NORMAL, 2, {S(1, 1, 3, 5), S(1, 1, 2, 5)}},
  {"matmul", f_matmul_nt, NORMAL, 2, {S(1, 3, 3, 2), S(1, 1, 4, 2)}}, {"matmul", f_matmul_nt, NORMAL, 2, {S(1, 1, 3, 2), S(1, 3, 4, 2)}},
  {"matmul", f_gram, NORMAL, 1, {S(1, 2, 4, 3)}},
  LINEAR_SHAPES(linear), LINEAR_SHAPES(linear_tanh), LINEAR_SHAPES(linear_relu), LINEAR_SHAPES(linear_silu), LINEAR_SHAPES(linear_plain),
  {"layer_norm", f_layer_norm, NORMAL, 3, {S(1, 1, 1, 2), S(1, 1, 1, 2), S(1, 1, 1, 2)}}, {"layer_norm", f_layer_norm, NORMAL, 3, {S(1, 1, 3, 17), S(1, 1, 1, 17), S(1, 1, 1, 17)}},
  {"layer_norm", f_layer_norm, NORMAL, 3, {S(1, 2, 3, 5), S(1, 2, 1, 5), S(1, 2, 1, 5)}}, {"layer_norm", f_layer_norm, NORMAL, 3, {S(1, 2, 3, 5), S(1, 1, 1, 5), S(1, 1, 1, 5)}},
  UNARY_SHAPES(layer_norm_plain, "layer_norm", WIDE),
  UNARY_SHAPES(reshape, "reshape", NORMAL), {"reshape", f_reshape_alone, NORMAL, 1, {S(1, 2, 3, 2)}},
  {"slice", f_slice_rows, NORMAL, 1, {S(2, 2, 4, 3)}}, {"slice", f_slice_cols, NORMAL, 1, {S(1, 2, 2, 20)}}, {"slice", f_slice_members, NORMAL, 1, {S(1, 3, 2, 2)}},
  UNARY_SHAPES(pad, "pad", NORMAL), UNARY_SHAPES(pad_cols, "pad", NORMAL),
  {"concat", f_concat, NORMAL, 2, {S(1, 1, 3, 5), S(1, 1, 3, 2)}}, {"concat", f_concat, NORMAL, 2, {S(1, 1, 1, 2), S(1, 2, 3, 18)}},
  {"concat", f_concat_rows, NORMAL, 2, {S(1, 2, 3, 5), S(1, 2, 1, 5)}}, {"concat", f_concat_members, NORMAL, 2, {S(1, 1, 3, 5), S(1, 2, 3, 5)}},
  {"pick", f_pick, NORMAL, 1, {S(1, 1, 10, 3)}}, {"pick", f_pick, NORMAL, 1, {S(1, 2, 3, 4)}}, {"place_cols", f_place_cols, NORMAL, 1, {S(1, 1, 10, 1)}},
  {"place_cols", f_place_cols, NORMAL, 1, {S(1, 2, 3, 1)}}, {"rows_of", f_rows_of, NORMAL, 1, {S(1, 1, 4, 3)}}, {"scatter_rows", f_scatter_rows, NORMAL, 1, {S(1, 1, 7, 17)}},
};

//---- one example -----------------------------------------------------------------------------------------------------------------

static double number(rn_key *key, law l) {
  double x = rn_normal64(key);
  switch (l) {
    case POSITIVE: return 0.3 + fabs(x);
    case AWAY: return x < 0 ? x - 0.05 : x + 0.05;
    case WIDE: return 4 * x + (x < 0 ? -0.05 : 0.05);
    default: return x;
  }
}

static rn_node *random_node(rn_graph *g, rn_key *key, const int dim[4], law l) {
  rn_node *x = rn_constant_dims(g, dim, NULL);
  for (size_t i = 0; i < rn_count(x); i++) x->value[i] = number(key, l);
  return x;
}

enum { MOST = 4096 };
typedef struct { const example *e; rn_graph *g; rn_node *in[3]; rn_real w[MOST], u[3][MOST]; } setting;

static rn_node *loss(setting *s) {
  rn_node *y = s->e->f(s->in);
  RN_CHECK(rn_count(y) <= MOST, "too large an example");
  return rn_dot(y, s->w);
}

// the gradient of the loss along fixed directions
static rn_node *slope(setting *s) {
  rn_node *d[3], *sum = NULL, *y = loss(s);
  rn_grad_many(y, s->e->n, s->in, d);
  for (int l = 0; l < s->e->n; l++) {
    rn_node *part = rn_dot(d[l], s->u[l]);
    sum = sum ? rn_add(sum, part) : part;
  }
  return sum;
}

static void check_slopes(setting *s, rn_node *(*f)(setting *), const char *what) {
  static rn_real got[3][MOST];
  rn_place here = rn_mark(s->g);
  rn_backward(f(s));
  for (int l = 0; l < s->e->n; l++) {
    const rn_real *d = rn_grad_values(s->in[l]);
    for (size_t i = 0; i < rn_count(s->in[l]); i++) got[l][i] = d ? d[i] : 0;
  }
  rn_rewind(s->g, here);
  for (int l = 0; l < s->e->n; l++)
    for (size_t i = 0; i < rn_count(s->in[l]); i++) {
      // four points: the error is of order h^4, so that h may be large enough for the rounding
      static const double step[] = {-2, -1, 1, 2}, weight[] = {1. / 12, -8. / 12, 8. / 12, -1. / 12};
      rn_real *v = &s->in[l]->value[i], was = *v, h = 1e-4, want = 0;
      for (int k = 0; k < 4; k++) {
        *v = was + step[k] * h;
        want += weight[k] * rn_scalar(f(s)) / h;
        rn_rewind(s->g, here);
      }
      *v = was;
      CHECK_NEAR(got[l][i], want, 1e-8, "%s of %s, example %d: input %d entry %zu, x = %g", what, s->e->op,
                 (int)(s->e - examples), l, i, was);
    }
}

static void prepare(setting *s, const example *e, rn_graph *g) {
  rn_key key = rn_key_new(7, "ops", (uint64_t)(e - examples), 0);
  rn_graph_begin(g, key);
  s->e = e, s->g = g;
  for (int l = 0; l < e->n; l++) {
    s->in[l] = random_node(g, &key, e->dim[l], e->law);
    for (size_t i = 0; e->law == APART && i < rn_count(s->in[l]); i++) s->in[l]->value[i] = round(16 * s->in[l]->value[i]) / 16 + 0.02 * l;
  }
  for (int i = 0; i < MOST; i++) s->w[i] = rn_normal64(&key), s->u[0][i] = rn_normal64(&key), s->u[1][i] = rn_normal64(&key), s->u[2][i] = rn_normal64(&key);
}

static void each_example(void (*check)(setting *)) {
  static setting s;
  rn_graph *g = rn_graph_new(NULL, "test", 0);
  for (int k = 0; k < RN_COUNT(examples); k++) prepare(&s, &examples[k], g), check(&s);
  rn_graph_free(g);
}

static void first(setting *s) { check_slopes(s, loss, "gradient"); }
TEST(raw_gradients_are_central_differences) { each_example(first); }

static void second(setting *s) { check_slopes(s, slope, "gradient of the gradient"); }
TEST(gradients_of_gradients_are_central_differences) { each_example(second); }

static void both(setting *s) {
  rn_node *y = loss(s), *d[3];
  rn_grad_many(y, s->e->n, s->in, d);
  rn_backward(y);
  for (int l = 0; l < s->e->n; l++) {
    const rn_real *raw = rn_grad_values(s->in[l]);
    for (size_t i = 0; i < rn_count(s->in[l]); i++)
      CHECK_NEAR(d[l]->value[i], raw ? raw[i] : 0, 1e-12, "%s, example %d: input %d entry %zu", s->e->op, (int)(s->e - examples), l, i);
  }
}
TEST(rules_made_of_nodes_equal_the_raw_pass) { each_example(both); }

// a gradient asked for one input alone is that of all together
static void alone(setting *s) {
  rn_node *y = loss(s), *d[3];
  rn_grad_many(y, s->e->n, s->in, d);
  for (int l = 0; l < s->e->n; l++) {
    rn_node *one = rn_grad(y, s->in[l]);
    CHECK(memcmp(one->value, d[l]->value, rn_count(one) * sizeof(rn_real)) == 0);
    CHECK(same_dims(one->dim, s->in[l]->dim));
  }
}
TEST(one_input_alone_has_the_same_gradient) { each_example(alone); }

TEST(each_operation_has_an_example) {
  static setting s;
  rn_graph *g = rn_graph_new(NULL, "test", 0);
  int n;
  const rn_op *const *op = rn_ops(&n);
  CHECK(n > 30);
  for (int i = 0; i < n; i++) {
    bool seen = false;
    for (int k = 0; k < RN_COUNT(examples) && !seen; k++) {
      if (strcmp(examples[k].op, op[i]->name) != 0) continue;
      prepare(&s, &examples[k], g), loss(&s);
      for (uint32_t j = 0; j < g->n; j++) seen |= g->node[j].op == op[i];
    }
    CHECK_THAT(seen, "operation %s has no example", op[i]->name);
  }
  rn_graph_free(g);
}

// the middle nodes' gradients too: dL/dy of a fused layer, not that before its activation
TEST(raw_gradients_of_fused_layers_are_of_their_output) {
  rn_graph *g = rn_graph_new(NULL, "test", 0);
  rn_key key = rn_key_new(1, "fused", 0, 0);
  for (int act = RN_IDENTITY; act <= RN_SILU; act++) {
    rn_graph_begin(g, key);
    rn_node *x = random_node(g, &key, (int[]){1, 1, 3, 4}, NORMAL), *w = random_node(g, &key, (int[]){1, 1, 4, 5}, NORMAL);
    rn_node *y = rn_linear(x, w, NULL, (rn_act)act);
    rn_backward(rn_sum(rn_square(y)));
    for (size_t i = 0; i < rn_count(y); i++) CHECK_NEAR(rn_grad_values(y)[i], 2 * y->value[i], 1e-15, "activation %d", act);
  }
  rn_graph_free(g);
}

//---- forward against plain loops -------------------------------------------------------------------------------------------------------

static rn_graph *g;
static rn_key key;
static rn_node *r(int a, int b, int c, int d) { return random_node(g, &key, (int[]){a, b, c, d}, NORMAL); }
static double at(const rn_node *x, int a, int b, int c, int d) {          // spread where the size is 1
  const int32_t *n = x->dim;
  a = n[0] == 1 ? 0 : a, b = n[1] == 1 ? 0 : b, c = n[2] == 1 ? 0 : c, d = n[3] == 1 ? 0 : d;
  return x->value[((size_t)(a * n[1] + b) * n[2] + c) * n[3] + d];
}
#define EACH_OF(y) \
  for (int a = 0; a < (y)->dim[0]; a++) \
    for (int b = 0; b < (y)->dim[1]; b++) \
      for (int c = 0; c < (y)->dim[2]; c++) \
        for (int d = 0; d < (y)->dim[3]; d++)
static void begin(void) {
  key = rn_key_new(3, "forward", 0, 0), g = rn_graph_new(NULL, "test", 0);
}

TEST(two_nodes_spread_as_written) {
  begin();
  static const int dim[][2][4] = {{{1, 1, 3, 5}, {1, 1, 1, 5}}, {{2, 1, 3, 1}, {1, 4, 1, 300}}, {{1, 1, 1, 1}, {2, 2, 2, 2}}, {{1, 1, 4, 1}, {1, 1, 1, 1}}};
  for (int k = 0; k < RN_COUNT(dim); k++) {
    rn_node *p = random_node(g, &key, dim[k][0], NORMAL), *q = random_node(g, &key, dim[k][1], NORMAL);
    rn_node *y[] = {rn_add(p, q), rn_sub(p, q), rn_mul(p, q), rn_div(p, q), rn_min2(p, q), rn_max2(p, q)};
    EACH_OF(y[0]) {
      double u = at(p, a, b, c, d), v = at(q, a, b, c, d), want[] = {u + v, u - v, u * v, u / v, fmin(u, v), fmax(u, v)};
      for (int f = 0; f < 6; f++) CHECK_THAT(at(y[f], a, b, c, d) == want[f], "operation %d of two nodes, shapes %d", f, k);
    }
  }
  rn_graph_free(g);
}

TEST(a_layer_of_members_is_each_member_alone) {
  begin();
  rn_node *x = r(1, 1, 3, 4), *own = r(1, 2, 3, 4), *w = r(1, 2, 4, 5), *bias = r(1, 2, 1, 5);
  rn_node *same = rn_linear(x, w, bias, RN_TANH), *each = rn_linear(own, w, bias, RN_RELU), *silu = rn_linear(own, w, bias, RN_SILU);
  EACH_OF(same) {
    double z = 0, o = 0;
    for (int k = 0; k < 4; k++) z += at(x, a, b, c, k) * at(w, 0, b, k, d), o += at(own, a, b, c, k) * at(w, 0, b, k, d);
    z += at(bias, 0, b, 0, d), o += at(bias, 0, b, 0, d);
    CHECK_NEAR(at(same, a, b, c, d), tanh(z), 1e-14, "one x");
    CHECK_NEAR(at(each, a, b, c, d), fmax(o, 0), 1e-14, "own x");
    CHECK_NEAR(at(silu, a, b, c, d), o / (1 + exp(-o)), 1e-14, "silu");
  }
  rn_graph_free(g);
}

TEST(products_are_sums_of_products) {
  begin();
  rn_node *x = r(2, 3, 4, 5), *y = r(1, 1, 5, 6), *xt = r(2, 3, 5, 4), *yt = r(1, 1, 6, 5);
  rn_node *nn = rn_matmul(x, y, RN_NN), *tn = rn_matmul(xt, y, RN_TN), *nt = rn_matmul(x, yt, RN_NT);
  EACH_OF(nn) {
    double s[3] = {0};
    for (int k = 0; k < 5; k++)
      s[0] += at(x, a, b, c, k) * at(y, 0, 0, k, d), s[1] += at(xt, a, b, k, c) * at(y, 0, 0, k, d), s[2] += at(x, a, b, c, k) * at(yt, 0, 0, d, k);
    CHECK_NEAR(at(nn, a, b, c, d), s[0], 1e-14, "x y");
    CHECK_NEAR(at(tn, a, b, c, d), s[1], 1e-14, "x' y");
    CHECK_NEAR(at(nt, a, b, c, d), s[2], 1e-14, "x y'");
  }
  rn_graph_free(g);
}

TEST(layer_norm_has_mean_0_and_deviation_1) {
  begin();
  rn_node *x = r(1, 2, 3, 9), *s = r(1, 2, 1, 9), *t = r(1, 2, 1, 9), *y = rn_layer_norm(x, s, t);
  EACH_OF(y) {
    double mean = 0, var = 0;
    for (int k = 0; k < 9; k++) mean += at(x, a, b, c, k) / 9;
    for (int k = 0; k < 9; k++) var += (at(x, a, b, c, k) - mean) * (at(x, a, b, c, k) - mean) / 9;
    CHECK_NEAR(at(y, a, b, c, d), (at(x, a, b, c, d) - mean) / sqrt(var + 1e-5) * at(s, a, b, 0, d) + at(t, a, b, 0, d), 1e-13, "row %d of member %d", c, b);
  }
  rn_graph_free(g);
}

TEST(joins_and_gathers_put_numbers_where_they_say) {
  begin();
  rn_node *x = r(1, 1, 4, 3), *y = r(1, 2, 4, 2), *z = rn_concat(x, y), *rows_ = rn_rows_of(x, 7, rows), *back = rn_scatter_rows(rows_, 5, rows);
  CHECK(z->dim[1] == 2 && z->dim[3] == 5);
  EACH_OF(z) CHECK(at(z, a, b, c, d) == (d < 3 ? at(x, 0, 0, c, d) : at(y, 0, b, c, d - 3)));
  EACH_OF(rows_) CHECK(at(rows_, 0, 0, c, d) == at(x, 0, 0, rows[c], d));
  static const int times[] = {2, 1, 1, 3, 0};
  EACH_OF(back) CHECK_NEAR(at(back, 0, 0, c, d), times[c] ? times[c] * at(x, 0, 0, c, d) : 0, 1e-15, "row %d", c);
  rn_node *cols = rn_pick(x, columns), *placed = rn_place_cols(cols, columns, 3), *cut = rn_slice(y, 1, 1, 1), *wide = rn_pad(x, 2, 1, 6);
  EACH_OF(placed) CHECK(at(placed, 0, 0, c, d) == (d == columns[c] ? at(x, 0, 0, c, d) : 0));
  EACH_OF(cut) CHECK(at(cut, 0, 0, c, d) == at(y, 0, 1, c, d));
  EACH_OF(wide) CHECK(at(wide, 0, 0, c, d) == (c >= 1 && c < 5 ? at(x, 0, 0, c - 1, d) : 0));
  rn_graph_free(g);
}

TEST(sums_and_best_members_are_over_the_named_sizes) {
  begin();
  rn_node *x = r(1, 3, 4, 5), *least = rn_min_all(x), *most = rn_max_all(x), *mean = rn_mean_all(x), *rows_ = rn_sum_rows(x), *lse = rn_logsumexp(x), *cols = rn_sum_cols(x);
  EACH_OF(least) {
    double u[3] = {at(x, 0, 0, c, d), at(x, 0, 1, c, d), at(x, 0, 2, c, d)};
    CHECK(at(least, 0, 0, c, d) == fmin(u[0], fmin(u[1], u[2])) && at(most, 0, 0, c, d) == fmax(u[0], fmax(u[1], u[2])));
    CHECK_NEAR(at(mean, 0, 0, c, d), (u[0] + u[1] + u[2]) / 3, 1e-15, "mean of members");
  }
  EACH_OF(lse) {
    double s = 0, e = 0;
    for (int k = 0; k < 5; k++) s += at(x, a, b, c, k), e += exp(at(x, a, b, c, k));
    CHECK_NEAR(at(lse, a, b, c, 0), log(e), 1e-14, "logsumexp");
    CHECK_NEAR(at(cols, a, b, c, 0), s, 1e-14, "sum of columns");
  }
  EACH_OF(rows_) {
    double s = 0;
    for (int e = 0; e < 3; e++) for (int i = 0; i < 4; i++) s += at(x, 0, e, i, d);
    CHECK_NEAR(at(rows_, 0, 0, 0, d), s, 1e-14, "sum of rows");
  }
  rn_graph_free(g);
}

TEST(ties_give_the_gradient_to_the_first) {
  begin();
  rn_node *x = rn_filled(g, 1, 2, 1), *y = rn_filled(g, 1, 2, 1), *all = rn_constant_dims(g, (int[]){1, 2, 1, 1}, NULL);
  rn_backward(rn_add(rn_sum(rn_min2(x, y)), rn_add(rn_sum(rn_max2(x, y)), rn_sum(rn_min_all(all)))));
  CHECK(rn_grad_values(x)[0] == 2 && rn_grad_values(y)[0] == 0 && rn_grad_values(all)[0] == 1 && rn_grad_values(all)[1] == 0);
  rn_graph_free(g);
}

TEST(what_is_no_number_stays_visible) {
  begin();
  rn_node *x = rn_filled(g, 1, 3, NAN), *y = rn_filled(g, 1, 3, 1), *m = rn_constant_dims(g, (int[]){1, 2, 1, 1}, (double[]){1, NAN});
  rn_node *seen[] = {rn_min2(x, y), rn_min2(y, x), rn_max2(x, y), rn_max2(y, x), rn_relu(x), rn_abs(x), rn_clamp(x, -1, 1), rn_huber(x, 1), rn_expectile(x, 0.7),
                     rn_min_all(m), rn_max_all(m), rn_logsumexp(x), rn_softplus(x), rn_lgamma(x), rn_linear(x, rn_filled(g, 3, 2, 0), NULL, RN_RELU)};
  for (int i = 0; i < RN_COUNT(seen); i++) CHECK_THAT(isnan(seen[i]->value[0]), "operation %d hides a NaN", i);
  rn_graph_free(g);
}

TEST(log_gamma_and_its_slopes_have_their_known_values) {
  static const struct { int order; double x, y; } known[] = {
    {-1, 1, 0}, {-1, 2, 0}, {-1, 0.5, 0.5723649429247001}, {-1, 10, 12.801827480081469}, {-1, 1e-5, 11.512919692895828}, {-1, 170.5, 703.9},
    {0, 1, -0.5772156649015329}, {0, 0.5, -1.9635100260214235}, {0, 10, 2.251752589066721}, {1, 1, 1.6449340668482264}, {1, 0.5, 4.934802200544679},
    {2, 1, -2.4041138063191886}, {3, 1, 6.493939402266829}, {3, 0.5, 97.40909103400244}, {-1, INFINITY, INFINITY}, {1, 1e8, 1.0000000050000000e-8}};
  for (int i = 0; i < RN_COUNT(known); i++) {
    double got = rn_polygamma_f64(known[i].order, known[i].x), want = known[i].x == 170.5 ? lgamma(170.5) : known[i].y;
    CHECK_THAT(got == want || fabs(got - want) <= 1e-13 * fmax(fabs(want), 0.05), "order %d at %g: %.17g, not %.17g", known[i].order, known[i].x, got, want);
    CHECK_THAT(rn_polygamma_f32(known[i].order, (float)known[i].x) == (float)rn_polygamma_f64(known[i].order, (double)(float)known[i].x), "float twin");
  }
  for (double x = 0.01; x < 1e6; x *= 1.37) CHECK_NEAR(rn_polygamma_f64(-1, x), lgamma(x), 1e-13, "at %g", x);
  CHECK(rn_polygamma_f64(-1, 0) == INFINITY && rn_polygamma_f64(0, 0) == -INFINITY && isnan(rn_polygamma_f64(0, -1)) && isnan(rn_polygamma_f32(1, NAN)));
}
