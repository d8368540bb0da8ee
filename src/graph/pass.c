/* graph/pass.c - the two derivatives. The raw pass turns kernels over the tape backwards and fills numbers; rn_grad walks the same tape
 * and lets each operation write its rule as nodes, which can be differentiated again. */
#include "tape.h"
#include <stdatomic.h>

const rn_op *const *rn_ops(int *n) {
  static const rn_op *all[128];
  static int count;
  if (!count) {
    const rn_op *const *const list[] = {rn_ops_elementwise, rn_ops_reduce, rn_ops_product, rn_ops_shape};
    int k = 0;
    for (int l = 0; l < RN_COUNT(list); l++) for (const rn_op *const *op = list[l]; *op; op++) all[k++] = *op;
    count = k;
  }
  *n = count;
  return all;
}

//---- where gradients go ---------------------------------------------------------------------------------------------------------------

static uint32_t *stamp_of(rn_node *x) { return is_leaf(x) ? &((rn_net *)x->extra)->pass[x->slice] : &x->pass; }

bool rn_reached(const rn_node *in) { return *stamp_of((rn_node *)in) == in->graph->pass; }

void rn_reserve(rn_node *in) {
  if (!in->grad) in->grad = rn_take(in->graph->data, count_of(in) * sizeof(rn_real));
}

rn_real *rn_into(rn_node *in, bool *add) {
  *add = false;
  if (!in->wants) return NULL;
  uint32_t *stamp = stamp_of(in);
  *add = *stamp == in->graph->pass;
  *stamp = in->graph->pass;
  rn_reserve(in);
  return in->grad;
}

// a gradient through weights that have moved since is silently wrong: the activations are of the old ones
static void check_version(const rn_node *x) {
  for (int k = 0; k < 3; k++) {
    const rn_node *in = x->in[k] ? rn_origin(x->in[k]) : NULL;
    if (!in || !is_leaf(in)) continue;
    const rn_net *net = in->extra;
    RN_CHECK(in->version == net->version, "%s was stepped at %s after this node was made at %s; detach it or compute it again", net->name,
             net->moved ? net->moved : "?", x->site ? x->site : "?");
  }
}

static bool any_wants(const rn_node *x) {
  return (x->in[0] && x->in[0]->wants) || (x->in[1] && x->in[1]->wants) || (x->in[2] && x->in[2]->wants);
}

static uint32_t next_pass(rn_graph *g) {
  static atomic_uint passes;                                   // one count for all graphs and threads: leaves of a block are shared by them
  uint32_t pass = atomic_fetch_add(&passes, 1) + 1;
  return g->pass = pass ? pass : atomic_fetch_add(&passes, 1) + 1;
}

static void sweep_back(rn_node *y) {
  rn_graph *g = y->graph;
  next_pass(g);
  bool add;
  *rn_into(y, &add) = 1;
  for (uint32_t i = y->at + 1; i-- > 0;) {
    rn_node *x = rn_node_at(g, i);
    if (!x->op || !x->wants || x->pass != g->pass) continue;
    check_version(x);
    x->op->backward(x);
  }
}

static void want_block(rn_node *y, const rn_net *net) {        // net NULL: every leaf and constant
  for (uint32_t i = 0; i <= y->at; i++) {
    rn_node *x = rn_node_at(y->graph, i);
    x->wants = x->op ? any_wants(x) : net ? is_leaf(x) && x->extra == net : true;
  }
}

/* Gradients of y in `net`, written to net->grad (slices that y does not reach: zero). False: y does not depend on the block.
 * The gradients of the nodes between are given back. */
bool rn_pass_block(rn_node *y, rn_net *net) {
  char label[128];
  RN_CHECK(count_of(y) == 1, "the loss is %s, not one number", rn_label(y, label));
  want_block(y, net);
  if (!y->wants) return false;
  rn_graph *g = y->graph;
  size_t place = rn_range_used(g->data);
  sweep_back(y);
  for (uint32_t i = 0; i <= y->at; i++) {
    rn_node *x = rn_node_at(g, i);
    if (x->op || !is_leaf(x)) x->grad = NULL, x->pass = 0;
  }
  rn_range_rewind(g->data, place);
  for (int s = 0; s < net->n; s++)
    if (net->pass[s] != g->pass) {
      size_t end = s + 1 < net->n ? net->offset[s + 1] : net->count;
      memset(net->grad + net->offset[s], 0, (end - net->offset[s]) * sizeof(rn_real));
    }
  return true;
}

void rn_gradient(rn_node *y, rn_net *net, rn_real *out) {
  if (rn_pass_block(y, net)) memcpy(out, net->grad, net->count * sizeof *out);
  else memset(out, 0, net->count * sizeof *out);
}

void rn_backward(rn_node *y) {
  char label[128];
  RN_CHECK(count_of(y) == 1, "the loss is %s, not one number", rn_label(y, label));
  want_block(y, NULL);
  y->graph->keep = true;
  sweep_back(y);
  y->graph->keep = false;
}

const rn_real *rn_grad_values(const rn_node *x) { return rn_reached(x) ? x->grad : NULL; }

//---- the rules as nodes ------------------------------------------------------------------------------------------------------------------

static void grad_of(rn_node *y, int n, rn_node *const target[], rn_node *out[]) {
  rn_graph *g = y->graph;
  char label[128];
  RN_CHECK(count_of(y) == 1, "what is differentiated is %s, not one number", rn_label(y, label));
  uint32_t last = y->at;
  for (int t = 0; t < n; t++) RN_CHECK(target[t]->graph == g, "a derivative by %s of another graph", rn_label(target[t], label));
  for (uint32_t i = 0; i <= last; i++) {
    rn_node *x = rn_node_at(g, i);
    x->wants = any_wants(x);
  }
  // targets are wanted, and so is all above them
  for (int t = 0; t < n; t++) target[t]->wants = 2;
  for (uint32_t i = 0; i <= last; i++) {
    rn_node *x = rn_node_at(g, i);
    x->wants = x->wants == 2 ? 2 : any_wants(x);
  }
  rn_node **adjoint = rn_scratch_bytes(g, (size_t)(last + 1) * sizeof *adjoint);
  adjoint[last] = rn_constant_dims(g, y->dim, NULL);
  adjoint[last]->value[0] = 1;
  for (uint32_t i = last + 1; i-- > 0;) {
    rn_node *x = rn_node_at(g, i), *din[3] = {0};
    if (!adjoint[i] || !x->op || !any_wants(x)) continue;
    check_version(x);
    x->op->derive(x, adjoint[i], din);
    for (int k = 0; k < 3; k++) {
      rn_node *in = x->in[k];
      if (!in || !din[k] || !in->wants) continue;
      adjoint[in->at] = adjoint[in->at] ? rn_add(adjoint[in->at], din[k]) : din[k];
    }
  }
  for (int t = 0; t < n; t++) {
    rn_node *a = target[t]->at <= last ? adjoint[target[t]->at] : NULL;      // what was made later, y can't depend on
    out[t] = a ? a : rn_constant_dims(g, target[t]->dim, NULL);
  }
}

void rn_grad_many(rn_node *y, int n, rn_node *const x[], rn_node *out[]) { grad_of(y, n, x, out); }

rn_node *rn_grad(rn_node *y, rn_node *x) {
  rn_node *out;
  grad_of(y, 1, &x, &out);
  return out;
}

void rn_hessian_times(rn_node *y, rn_net *net, const rn_real *u, rn_real *out) {
  rn_graph *g = y->graph;
  int n = 0;
  for (uint32_t i = 0; i <= y->at; i++) n += is_leaf(rn_node_at(g, i)) && rn_node_at(g, i)->extra == net;
  rn_node **leaf = rn_scratch_bytes(g, (size_t)(n + 1) * sizeof *leaf), **d = rn_scratch_bytes(g, (size_t)(n + 1) * sizeof *d);
  n = 0;
  for (uint32_t i = 0; i <= y->at; i++) if (is_leaf(rn_node_at(g, i)) && rn_node_at(g, i)->extra == net) leaf[n++] = rn_node_at(g, i);
  memset(out, 0, net->count * sizeof *out);
  if (n == 0) return;
  rn_grad_many(y, n, leaf, d);
  rn_node *along = NULL;                                        // grad y . u
  for (int i = 0; i < n; i++) {
    rn_node *part = rn_dot(d[i], u + net->offset[leaf[i]->slice]);
    along = along ? rn_add(along, part) : part;
  }
  rn_gradient(along, net, out);
}
