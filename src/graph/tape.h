/* graph/tape.h - what the files of graph/ share: the node, the row of an operation, and how gradients reach inputs. Private to graph/
 * and its tests. */
#ifndef REIN_TAPE_H
#define REIN_TAPE_H
#include "rein/graph.h"
#include <string.h>

typedef struct rn_op rn_op;
struct rn_node {                        // two cache lines
  rn_real *value, *grad;                // [count]; grad is NULL until a pass reaches the node
  const rn_op *op;                      // NULL at a leaf or constant
  rn_graph *graph;
  rn_node *in[3];                       // unused: NULL
  void *extra;                          // an operation's index lists and saved statistics, in the graph; a leaf's block
  const char *site;                     // the system's line that made it
  int32_t dim[4];
  double f[2];                          // an operation's scalars
  uint64_t tag;                         // for whoever walks the tape: the exporter's number of the node
  uint32_t at;                          // place on the tape: inputs come first
  uint32_t pass;                        // the reverse pass that grad belongs to: an older stamp means grad is garbage
  uint32_t version;                     // leaf: the block's version when the node was made
  int16_t slice;                        // leaf: which slice of its block
  uint8_t wants, act;                   // wants: something that this pass asks for lies below
};
_Static_assert(sizeof(struct rn_node) == 128, "two lines");

struct rn_op {                          // one row an operation; ops.c lists them all
  const char *name;
  void (*forward)(rn_node *x);          // fills value from the inputs' values
  void (*backward)(rn_node *x);         // adds the gradient into the inputs that want it
  void (*derive)(rn_node *x, rn_node *dx, rn_node *din[3]);     // the same rule, made of nodes; din[k] only where in[k] wants
};
const rn_op *const *rn_ops(int *n);     // all of them, for tests and the exporter
extern const rn_op *const rn_ops_elementwise[], *const rn_ops_reduce[], *const rn_ops_product[], *const rn_ops_shape[];   // end with NULL

struct rn_net {
  rn_run *run;
  const char *name;
  int n;
  rn_slice_spec *slice;
  size_t *offset, count;
  rn_real *value, *grad;                // [count]
  uint32_t *pass;                       // [n] stamp of each slice's gradient
  uint32_t version;
  const char *moved;                    // the line that moved it last
  rn_net *origin;                       // of a copy
  bool owned;                           // by an optimiser
  void *shape;                          // what net/ wants to know again
};

struct rn_graph {
  const char *name;
  rn_run *run;
  rn_range *nodes, *data;
  rn_node *node;                        // [n] the tape
  uint32_t n, pass;
  rn_key key;
  uint32_t ordinal;
  int units;
  const uint64_t *unit;
  rn_noise_source source;
  void *source_context;
  double flops;
  bool keep;                            // this pass's gradients are read later: an operation may not spoil its own
};

static inline rn_node *rn_node_at(const rn_graph *g, uint32_t i) { return g->node + i; }
rn_node *rn_node_new(rn_graph *g, const rn_op *op, const int32_t dim[4], int inputs, rn_node *a, rn_node *b, rn_node *c);    // value not filled
rn_node *rn_run_op(rn_node *x);                        // forward, then x
rn_real *rn_into(rn_node *in, bool *add);              // where a gradient goes: NULL when not wanted; add: there is one already
void rn_reserve(rn_node *in);                          // its gradient's memory, not yet written
bool rn_reached(const rn_node *in);                    // this pass has written its gradient
void rn_sum_into(const rn_node *x, rn_node *sum, bool add);   // sum.value (+)= x.value over the sizes that sum has as 1
const char *rn_label(const rn_node *x, char text[128]);       // "[256, 17] (q.0.w)"
static inline size_t count_of(const rn_node *x) { return (size_t)x->dim[0] * x->dim[1] * x->dim[2] * x->dim[3]; }
static inline bool same_dims(const int32_t *a, const int32_t *b) { return memcmp(a, b, 4 * sizeof *a) == 0; }
static inline bool is_leaf(const rn_node *x) { return x->slice >= 0; }
static inline const rn_node *rn_origin(const rn_node *x) {    // the node whose memory x shows: a reshape is its input's
  while (x->op && x->in[0] && x->value == x->in[0]->value) x = x->in[0];
  return x;
}

// an element's loop over the gradient of `in`, writing at the first contribution and adding later
#define INTO(node, expression) \
  do { \
    bool add_; \
    rn_real *d_ = rn_into(node, &add_); \
    if (d_) { \
      size_t n_ = count_of(node); \
      if (add_) for (size_t i = 0; i < n_; i++) d_[i] += (expression); \
      else for (size_t i = 0; i < n_; i++) d_[i] = (expression); \
    } \
  } while (0)

#endif
