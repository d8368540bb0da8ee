/* graph/block.c - parameters: a network owns one flat named block, so that saving, averaging, copying and clipping are single passes. */
#include "tape.h"

enum { MOST_NETS = 256 };
typedef struct { rn_net *net[MOST_NETS]; int n; } list;

static list *list_of(rn_run *run) {
  list *l = rn_hung(run, "nets");
  if (!l) {
    l = memset(rn_take(rn_run_range(run), sizeof *l), 0, sizeof *l);
    rn_hang(run, "nets", l);
  }
  return l;
}

static size_t slice_count(const rn_slice_spec *s) { return (size_t)RN_MAX(s->members, 1) * (size_t)RN_MAX(s->rows, 1) * (size_t)s->cols; }

// shape in files: members and rows only where there are any
void rn_slice_dims(const rn_slice_spec *s, int *dims, int64_t dim[4]) {
  *dims = 0;
  if (s->members) dim[(*dims)++] = s->members;
  if (s->rows) dim[(*dims)++] = s->rows;
  dim[(*dims)++] = s->cols;
}

static rn_net *block(rn_run *run, const char *name, int n, const rn_slice_spec *slices) {
  rn_range *range = rn_run_range(run);
  rn_net *net = memset(rn_take(range, sizeof *net), 0, sizeof *net);
  net->run = run, net->n = n, net->version = 1;
  net->name = strcpy(rn_take(range, strlen(name) + 1), name);
  net->slice = memcpy(rn_take(range, (size_t)n * sizeof *slices), slices, (size_t)n * sizeof *slices);
  net->offset = rn_take(range, (size_t)n * sizeof *net->offset);
  net->pass = memset(rn_take(range, (size_t)n * sizeof *net->pass), 0, (size_t)n * sizeof *net->pass);
  for (int s = 0; s < n; s++) net->offset[s] = net->count, net->count += slice_count(&slices[s]);
  size_t bytes = net->count * sizeof(rn_real);
  net->value = memset(rn_take(range, bytes), 0, bytes), net->grad = memset(rn_take(range, bytes), 0, bytes);
  for (int s = 0; s < n; s++) {
    int dims;
    int64_t dim[4];
    char full[160];
    snprintf(full, sizeof full, "%s.%s", name, slices[s].name);
    rn_state_at(run, RN_REAL, slice_count(&slices[s]), net->value + net->offset[s], "%s", full);
    rn_slice_dims(&slices[s], &dims, dim);
    rn_state_shape(run, full, dims, dim);
  }
  list *l = list_of(run);
  RN_CHECK(l->n < MOST_NETS, "more than %d blocks", MOST_NETS);
  return l->net[l->n++] = net;
}

static void draw_orthogonal(rn_key key, int rows, int cols, double gain, rn_real *to) {
  double *a = rn_new((size_t)rows * (size_t)cols * sizeof *a);
  for (size_t i = 0; i < (size_t)rows * (size_t)cols; i++) a[i] = rn_normal64(&key);
  RN_CHECK(rn_qr_orthogonal(rows, cols, a), "an orthogonal matrix of [%d, %d]", rows, cols);
  for (size_t i = 0; i < (size_t)rows * (size_t)cols; i++) to[i] = (rn_real)(gain * a[i]);
  rn_free(a);
}

static void draw(rn_net *net, int k) {
  const rn_slice_spec *s = &net->slice[k];
  rn_real *to = net->value + net->offset[k];
  size_t n = slice_count(s), each = n / (size_t)RN_MAX(s->members, 1);
  char purpose[160];
  snprintf(purpose, sizeof purpose, "init.%s.%s", net->name, s->name);
  for (int e = 0; e < RN_MAX(s->members, 1); e++, to += each) {
    rn_key key = rn_key_of(net->run, purpose, (uint64_t)e, 0);
    switch (s->init) {
      case RN_ZERO: break;
      case RN_FILL: for (size_t i = 0; i < each; i++) to[i] = (rn_real)s->gain; break;
      case RN_ORTHOGONAL: draw_orthogonal(key, RN_MAX(s->rows, 1), s->cols, s->gain, to); break;
      case RN_FAN_IN: for (size_t i = 0; i < each; i++) to[i] = (rn_real)(s->gain * (2 * rn_uniform64(&key) - 1)); break;
      case RN_GAUSS: for (size_t i = 0; i < each; i++) to[i] = (rn_real)(s->gain * rn_normal64(&key)); break;
    }
  }
}

rn_net *rn_block_new(rn_run *run, const char *name, int n, const rn_slice_spec *slices) {
  rn_net *net = block(run, name, n, slices);
  for (int s = 0; s < n; s++) draw(net, s);
  return net;
}

rn_net *rn_copy(rn_run *run, rn_net *net, const char *copy) {
  char name[160];
  snprintf(name, sizeof name, "%s@%s", net->name, copy);
  rn_net *to = block(run, name, net->n, net->slice);
  to->origin = net, to->shape = net->shape;
  rn_assign(to, net);
  return to;
}

rn_node *rn_leaf(rn_graph *g, rn_net *net, int s) {
  RN_CHECK(s >= 0 && s < net->n, "slice %d of %d of %s", s, net->n, net->name);
  const rn_slice_spec *spec = &net->slice[s];
  rn_node *x = rn_take(g->nodes, sizeof *x);
  *x = (rn_node){.value = net->value + net->offset[s], .grad = net->grad + net->offset[s], .graph = g, .extra = net, .at = g->n++, .slice = (int16_t)s,
                 .version = net->version, .site = rn_site, .dim = {1, RN_MAX(spec->members, 1), RN_MAX(spec->rows, 1), spec->cols}};
  return x;
}

const char *rn_net_name(const rn_net *net) { return net->name; }
size_t rn_net_count(const rn_net *net) { return net->count; }
int rn_net_slices(const rn_net *net) { return net->n; }
const rn_slice_spec *rn_net_slice(const rn_net *net, int s) { return &net->slice[s]; }
rn_real *rn_values(rn_net *net) { return net->value; }
rn_net *rn_net_origin(const rn_net *net) { return net->origin; }
void *rn_net_shape(const rn_net *net) { return net->shape; }
void rn_net_shape_set(rn_net *net, void *shape) { net->shape = shape; }

void rn_changed(rn_net *net) { net->version++, net->moved = rn_site; }

void rn_assign(rn_net *to, const rn_net *from) {
  RN_CHECK(to->count == from->count, "%s has %zu parameters, %s %zu", to->name, to->count, from->name, from->count);
  memcpy(to->value, from->value, to->count * sizeof *to->value);
  rn_changed(to);
}

void rn_move(rn_net *target, const rn_net *from, double tau) {
  RN_CHECK(target->count == from->count, "%s has %zu parameters, %s %zu", target->name, target->count, from->name, from->count);
  RN_M(rn_vlerp)(target->count, (rn_real)tau, from->value, target->value);
  rn_changed(target);
}

int rn_nets(const rn_run *run, rn_net ***nets) {
  list *l = rn_hung(run, "nets");
  *nets = l ? l->net : NULL;
  return l ? l->n : 0;
}

rn_net *rn_net_find(const rn_run *run, const char *name) {
  rn_net **l;
  for (int i = 0, n = rn_nets(run, &l); i < n; i++) if (strcmp(l[i]->name, name) == 0) return l[i];
  return NULL;
}

void rn_lerp(size_t n, double t, const rn_real *to, const rn_real *from, rn_real *out) {
  for (size_t i = 0; i < n; i++) out[i] = from[i] + (rn_real)t * (to[i] - from[i]);
}
