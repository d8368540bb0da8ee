/* net.h - networks on parameter blocks. What a net looks like comes from the recipe's keys (hidden, activation, layernorm, dropout, init),
 * `KEY.BLOCK` for one block alone ("hidden.pi: 64x64"). */
#ifndef REIN_NET_H
#define REIN_NET_H
#include "rein/graph.h"

enum { RN_MOST_LAYERS = 12 };
typedef struct {
  int layers, width[RN_MOST_LAYERS];           // hidden layers
  rn_act act;
  bool layer_norm, orthogonal;                 // after each hidden product; else U(+-1/sqrt(in)), biases too
  double dropout;                              // after each hidden activation, in updates only
  double out_gain;                             // gain of the last layer: orthogonal, or a factor; 0: as the others
} rn_mlp_shape;

/* The recipe's word on block `name`; what it does not say is as in `house`. The keys were checked when the recipe was read. */
rn_mlp_shape rn_mlp_shape_of(const rn_run *run, const char *name, rn_mlp_shape house);
rn_mlp_shape rn_mlp_house(void);               // 256 x 256, ReLU, U(+-1/sqrt(in))
bool rn_hidden_parse(const char *text, int *layers, int width[RN_MOST_LAYERS]);    // "256x256", "none"

/* A multi-layer perceptron [.., in] -> [.., out], or `members` of them side by side ([E, n, out]); members 0: one, without that size.
 * Slices 0.w 0.b 1.w 1.b ... (0.s 0.t scale and shift of the layer norm), then `more` of the caller's own ("log_std"). */
rn_net *rn_mlp_new(rn_run *run, const char *name, int members, int in, int out, const rn_mlp_shape *shape, int n_more, const rn_slice_spec *more);
rn_node *rn_mlp(rn_net *net, rn_node *x);      // also of a copy
rn_node *rn_mlp_update(rn_net *net, rn_node *x);   // the same with dropout drawn: for losses of the block itself
rn_node *rn_mlp_extra(rn_graph *g, rn_net *net, int i);    // slice i of `more`
int rn_mlp_members(const rn_net *net);
#endif
