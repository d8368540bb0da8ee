/* graph/tape.c - graphs, nodes, places, constants and random draws. */
#include "tape.h"

enum { NODES = 1 << 22 };                              // most nodes of one graph: 512 MiB of addresses

rn_graph *rn_graph_new(rn_run *run, const char *name, size_t limit) {
  rn_graph *g = rn_new(sizeof *g);
  g->name = name, g->run = run;
  g->nodes = rn_range_new("nodes of a graph", (size_t)NODES * sizeof(rn_node));
  g->data = rn_range_new(name, limit ? limit : (size_t)64 << 30);
  g->node = rn_take(g->nodes, 0);
  return g;
}

void rn_graph_free(rn_graph *g) {
  if (!g) return;
  rn_range_free(g->nodes), rn_range_free(g->data), rn_free(g);
}

void rn_graph_begin(rn_graph *g, rn_key key) {
  g->n = 0, g->ordinal = 0, g->key = key, g->units = 0, g->unit = NULL;
  // draws count `at` up from 0; what the caller put there becomes a part of who the key is, or neighbours in `at` would share their draws
  g->key.purpose += key.at * 0x9E3779B97F4A7C15u, g->key.at = 0;
  rn_range_rewind(g->nodes, 0), rn_range_rewind(g->data, 0);
}

void rn_graph_units(rn_graph *g, int n, const uint64_t *unit) { g->units = unit ? n : 0, g->unit = unit; }
void rn_graph_noise(rn_graph *g, rn_noise_source source, void *context) { g->source = source, g->source_context = context; }
size_t rn_graph_high(const rn_graph *g) { return rn_range_high(g->data) + rn_range_high(g->nodes); }
double rn_graph_flops(const rn_graph *g) { return g->flops; }
const rn_run *rn_graph_run(const rn_graph *g) { return g->run; }

//---- places --------------------------------------------------------------------------------------------------------------------

rn_place rn_mark(rn_graph *g) { return (rn_place){g->n, rn_range_used(g->data)}; }

void rn_rewind(rn_graph *g, rn_place to) {
  RN_CHECK(to.nodes <= g->n, "a rewind to node %zu of %u", to.nodes, g->n);
  rn_range_rewind(g->data, to.bytes);
  rn_range_rewind(g->nodes, to.nodes * sizeof(rn_node));
  g->n = (uint32_t)to.nodes;
  // gradients that lay behind the place are gone with it
  const char *end = rn_take(g->data, 0);
  for (uint32_t i = 0; i < g->n; i++)
    if (!is_leaf(&g->node[i]) && (const char *)g->node[i].grad >= end) g->node[i].grad = NULL, g->node[i].pass = 0;
}

rn_node *rn_rewind_keep(rn_graph *g, rn_place to, rn_node *x) {
  int32_t dim[4];
  memcpy(dim, x->dim, sizeof dim);
  size_t bytes = count_of(x) * sizeof(rn_real);
  RN_CHECK(x->at >= to.nodes, "%s: what is kept must be made after the place", __func__);
  const rn_real *value = x->value;
  rn_real *held = (rn_real *)((char *)rn_take(g->data, bytes));     // behind everything, so that poisoned memory is not read
  memcpy(held, value, bytes);
#ifdef RN_POISON
  rn_real *safe = rn_new(bytes);
  memcpy(safe, held, bytes);
  rn_rewind(g, to);
  rn_node *kept = rn_constant_dims(g, dim, safe);
  rn_free(safe);
  return kept;
#else
  rn_rewind(g, to);
  rn_node *kept = rn_node_new(g, NULL, dim, 0, NULL, NULL, NULL);
  memmove(kept->value, held, bytes);
  return kept;
#endif
}

void *rn_scratch_bytes(rn_graph *g, size_t bytes) { return memset(rn_take(g->data, bytes), 0, bytes); }
rn_real *rn_scratch(rn_graph *g, size_t n) { return rn_scratch_bytes(g, n * sizeof(rn_real)); }
double *rn_scratch_f64(rn_graph *g, size_t n) { return rn_scratch_bytes(g, n * sizeof(double)); }

//---- nodes ---------------------------------------------------------------------------------------------------------------------

rn_node *rn_node_new(rn_graph *g, const rn_op *op, const int32_t dim[4], int inputs, rn_node *a, rn_node *b, rn_node *c) {
  rn_node *x = rn_take(g->nodes, sizeof *x);
  rn_node *in[3] = {a, b, c};
  *x = (rn_node){.op = op, .graph = g, .at = g->n++, .slice = -1, .site = rn_site};
  memcpy(x->dim, dim, sizeof x->dim);
  for (int i = 0; i < inputs; i++) {
    if (!in[i]) continue;
    RN_CHECK(in[i]->graph == g, "inputs of two graphs, '%s' and '%s'", in[i]->graph->name, g->name);
    x->in[i] = in[i];
  }
  x->value = rn_take(g->data, count_of(x) * sizeof(rn_real));
  return x;
}

rn_node *rn_run_op(rn_node *x) {
  x->op->forward(x);
  return x;
}

rn_graph *rn_graph_of(const rn_node *x) { return x->graph; }
int rn_rows(const rn_node *x) { return x->dim[0] * x->dim[1] * x->dim[2]; }
int rn_cols(const rn_node *x) { return x->dim[3]; }
int rn_dim(const rn_node *x, int i) { return x->dim[i]; }
size_t rn_count(const rn_node *x) { return count_of(x); }

double rn_scalar(const rn_node *x) {
  char label[128];
  RN_CHECK(count_of(x) == 1, "%s is not one number", rn_label(x, label));
  return (double)x->value[0];
}

void rn_read(const rn_node *x, rn_real *to) { memcpy(to, x->value, count_of(x) * sizeof *to); }
void rn_read_f32(const rn_node *x, float *to) {
  for (size_t i = 0, n = count_of(x); i < n; i++) to[i] = (float)x->value[i];
}

const char *rn_label(const rn_node *x, char text[128]) {
  size_t n = 0;
  int from = 0;
  while (from < 2 && x->dim[from] == 1) from++;
  for (int i = from; i < 4; i++) n += (size_t)snprintf(text + n, 128 - n, "%s%d", i == from ? "[" : ", ", x->dim[i]);
  n += (size_t)snprintf(text + n, 128 - n, "]");
  if (is_leaf(x)) {
    const rn_net *net = x->extra;
    snprintf(text + n, 128 - n, " (%s.%s)", net->name, net->slice[x->slice].name);
  }
  return text;
}

//---- constants -----------------------------------------------------------------------------------------------------------------

static rn_node *plain(rn_graph *g, int rows, int cols) {
  RN_CHECK(rows > 0 && cols > 0, "a node of [%d, %d]", rows, cols);
  return rn_node_new(g, NULL, (int32_t[]){1, 1, rows, cols}, 0, NULL, NULL, NULL);
}

rn_node *rn_constant(rn_graph *g, int rows, int cols, const rn_real *from) {
  rn_node *x = plain(g, rows, cols);
  memcpy(x->value, from, count_of(x) * sizeof(rn_real));
  return x;
}

rn_node *rn_constant_f32(rn_graph *g, int rows, int cols, const float *from) {
  rn_node *x = plain(g, rows, cols);
  for (size_t i = 0, n = count_of(x); i < n; i++) x->value[i] = (rn_real)from[i];
  return x;
}

rn_node *rn_constant_dims(rn_graph *g, const int dim[4], const rn_real *from) {
  rn_node *x = rn_node_new(g, NULL, dim, 0, NULL, NULL, NULL);
  if (from) memcpy(x->value, from, count_of(x) * sizeof(rn_real));
  else memset(x->value, 0, count_of(x) * sizeof(rn_real));
  return x;
}

rn_node *rn_filled(rn_graph *g, int rows, int cols, double value) {
  rn_node *x = plain(g, rows, cols);
  for (size_t i = 0, n = count_of(x); i < n; i++) x->value[i] = (rn_real)value;
  return x;
}

rn_node *rn_detach(rn_node *x) {
  rn_graph *g = x->graph;
  if (is_leaf(rn_origin(x))) return rn_constant_dims(g, x->dim, x->value);     // parameters move; what was detached stays
  rn_node *y = rn_take(g->nodes, sizeof *y);
  *y = (rn_node){.value = x->value, .graph = g, .at = g->n++, .slice = -1, .site = rn_site};
  memcpy(y->dim, x->dim, sizeof y->dim);
  return y;
}

//---- random draws ----------------------------------------------------------------------------------------------------------------

static rn_node *draw(rn_graph *g, int rows, int cols, const char *law, void (*fill)(rn_key, size_t, rn_real *)) {
  rn_node *x = plain(g, rows, cols);
  uint32_t k = g->ordinal++;
  if (g->source && g->source(g->source_context, (int)k, law, x, x->value)) return x;
  rn_key key = g->key;
  key.at += k;
  if (!g->units) return fill(key, count_of(x), x->value), x;
  RN_CHECK(rows == g->units, "%d random rows in an act of %d", rows, g->units);
  for (int i = 0; i < rows; i++) {
    key.unit = g->unit[i];
    fill(key, (size_t)cols, x->value + (size_t)i * cols);
  }
  return x;
}

rn_node *rn_normal(rn_graph *g, int rows, int cols) { return draw(g, rows, cols, "N(0,1)", RN_M(rn_vnormal)); }
rn_node *rn_uniform_node(rn_graph *g, int rows, int cols) { return draw(g, rows, cols, "U(0,1)", RN_M(rn_vuniform)); }
