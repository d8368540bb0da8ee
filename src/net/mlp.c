/* net/mlp.c - multi-layer perceptrons, alone or as members side by side, shaped by the recipe's keys. */
#include "rein/net.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct { rn_mlp_shape s; int members, in, out, more; } mlp;     // kept with the block

void *rn_net_shape(const rn_net *net);
void rn_net_shape_set(rn_net *net, void *shape);

bool rn_hidden_parse(const char *text, int *layers, int width[RN_MOST_LAYERS]) {
  *layers = 0;
  if (strcmp(text, "none") == 0) return true;
  for (const char *at = text;; at++) {
    char *end;
    long w = strtol(at, &end, 10);
    if (*at < '0' || *at > '9' || w < 1 || w > 65536 || *layers == RN_MOST_LAYERS) return false;
    width[(*layers)++] = (int)w;
    if (!*end) return true;
    if (*end != 'x') return false;
    at = end;
  }
}

rn_mlp_shape rn_mlp_house(void) { return (rn_mlp_shape){.layers = 2, .width = {256, 256}, .act = RN_RELU}; }

// the recipe's key for this block, else for all blocks; a copy or a second policy reads the key of its own name
static const char *said(const rn_run *run, const char *key, const char *block) {
  char full[128];
  snprintf(full, sizeof full, "%s.%s", key, block);
  return rn_setting(run, full, rn_setting(run, key, NULL));
}

static bool yes(const char *text) { return strcmp(text, "true") == 0 || strcmp(text, "1") == 0; }

rn_mlp_shape rn_mlp_shape_of(const rn_run *run, const char *name, rn_mlp_shape s) {
  const char *text;
  if ((text = said(run, "hidden", name))) RN_CHECK(rn_hidden_parse(text, &s.layers, s.width), "hidden: '%s' was not checked", text);
  if ((text = said(run, "activation", name))) s.act = strcmp(text, "tanh") == 0 ? RN_TANH : strcmp(text, "silu") == 0 ? RN_SILU : RN_RELU;
  if ((text = said(run, "layernorm", name))) s.layer_norm = yes(text);
  if ((text = said(run, "dropout", name))) RN_CHECK(rn_number(text, &s.dropout), "dropout: '%s' was not checked", text);
  if ((text = said(run, "init", name))) s.orthogonal = strcmp(text, "orthogonal") == 0;
  return s;
}

// PyTorch's law of a linear layer: U(+-1/sqrt(in)) for weights and biases; or orthogonal with zero biases (gain sqrt 2 before a ReLU)
static void specify(rn_slice_spec *w, rn_slice_spec *b, int layer, int members, int in, int out, const mlp *m) {
  bool last = layer == m->s.layers;
  double gain = last && m->s.out_gain > 0 ? m->s.out_gain : m->s.orthogonal ? 1.4142135623730951 : 1;
  double bound = (last && m->s.out_gain > 0 ? m->s.out_gain : 1) / sqrt((double)in);
  *w = (rn_slice_spec){.members = members, .rows = in, .cols = out, .init = m->s.orthogonal ? RN_ORTHOGONAL : RN_FAN_IN,
                       .gain = m->s.orthogonal ? gain : bound};
  *b = (rn_slice_spec){.members = members, .rows = 0, .cols = out, .init = m->s.orthogonal ? RN_ZERO : RN_FAN_IN, .gain = bound};
  snprintf(w->name, sizeof w->name, "%d.w", layer), snprintf(b->name, sizeof b->name, "%d.b", layer);
}

rn_net *rn_mlp_new(rn_run *run, const char *name, int members, int in, int out, const rn_mlp_shape *shape, int n_more, const rn_slice_spec *more) {
  mlp *m = memset(rn_take(rn_run_range(run), sizeof *m), 0, sizeof *m);
  *m = (mlp){.s = *shape, .members = members, .in = in, .out = out};
  rn_slice_spec slice[64];
  int n = 0;
  for (int l = 0; l <= m->s.layers; l++) {
    int from = l ? m->s.width[l - 1] : in, to = l < m->s.layers ? m->s.width[l] : out;
    specify(&slice[n], &slice[n + 1], l, members, from, to, m), n += 2;
    if (!m->s.layer_norm || l == m->s.layers) continue;
    slice[n] = (rn_slice_spec){.members = members, .cols = to, .init = RN_FILL, .gain = 1};
    slice[n + 1] = (rn_slice_spec){.members = members, .cols = to, .init = RN_ZERO};
    snprintf(slice[n].name, sizeof slice[n].name, "%d.s", l), snprintf(slice[n + 1].name, sizeof slice[n + 1].name, "%d.t", l), n += 2;
  }
  m->more = n;
  RN_CHECK(n + n_more <= 64, "%s has %d slices, at most 64 fit", name, n + n_more);
  for (int i = 0; i < n_more; i++) slice[n++] = more[i];
  rn_net *net = rn_block_new(run, name, n, slice);
  rn_net_shape_set(net, m);
  return net;
}

static rn_node *forward(rn_net *net, rn_node *x, bool update) {
  const mlp *m = rn_net_shape(net);
  rn_graph *g = rn_graph_of(x);
  int s = 0;
  for (int l = 0; l <= m->s.layers; l++, s += 2) {
    rn_node *w = rn_leaf(g, net, s), *b = rn_leaf(g, net, s + 1);
    if (l == m->s.layers) return rn_linear(x, w, b, RN_IDENTITY);
    if (!m->s.layer_norm) x = rn_linear(x, w, b, m->s.act);
    else {
      x = rn_layer_norm(rn_linear(x, w, b, RN_IDENTITY), rn_leaf(g, net, s + 2), rn_leaf(g, net, s + 3));
      x = m->s.act == RN_TANH ? rn_tanh(x) : m->s.act == RN_SILU ? rn_silu(x) : rn_relu(x);
      s += 2;
    }
    if (update && m->s.dropout > 0) x = rn_dropout(x, m->s.dropout);
  }
  return x;
}

rn_node *rn_mlp(rn_net *net, rn_node *x) { return forward(net, x, false); }
rn_node *rn_mlp_update(rn_net *net, rn_node *x) { return forward(net, x, true); }
rn_node *rn_mlp_extra(rn_graph *g, rn_net *net, int i) { return rn_leaf(g, net, ((const mlp *)rn_net_shape(net))->more + i); }
int rn_mlp_members(const rn_net *net) { return ((const mlp *)rn_net_shape(net))->members; }
