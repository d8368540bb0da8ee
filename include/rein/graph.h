/* graph.h - the tape: nodes, operations with two derivatives, parameter blocks and what moves them.
 *
 * A node is [dim0, dim1, dim2, dim3] numbers, row-major, contiguous, unused leading sizes 1. "Rows" are all but the last size, "cols"
 * is the last. Shapes below are written without leading ones: [n, k]. Operations on two nodes spread sizes of 1 as NumPy does.
 * Nodes live in their graph's range and are gone at rn_rewind. Shapes that do not meet are fatal; the message names the system's line. */
#ifndef REIN_GRAPH_H
#define REIN_GRAPH_H
#include "rein/base.h"
#include "rein/math.h"

typedef struct rn_graph rn_graph;
typedef struct rn_node rn_node;
typedef struct rn_net rn_net;          // a flat named block of parameters
typedef struct rn_optim rn_optim;
typedef struct { size_t nodes, bytes; } rn_place;

//---- graphs ----------------------------------------------------------------------------------------------------------------------

rn_graph *rn_graph_new(rn_run *run, const char *name, size_t limit);       // limit in bytes, 0: as much as there is; run may be NULL
void rn_graph_free(rn_graph *g);
void rn_graph_begin(rn_graph *g, rn_key key);        // an update or an act begins: empty, random ordinals from 0, streams from `key`
void rn_graph_units(rn_graph *g, int n, const uint64_t *unit);   // row i of random nodes with n rows draws by unit[i]; NULL: one stream
rn_place rn_mark(rn_graph *g);
void rn_rewind(rn_graph *g, rn_place to);            // inner loops give memory back; ordinals of random numbers go on
rn_node *rn_rewind_keep(rn_graph *g, rn_place to, rn_node *x);   // the same, x's value survives as a constant
void *rn_scratch_bytes(rn_graph *g, size_t bytes);   // zeroed, gone at rewind
rn_real *rn_scratch(rn_graph *g, size_t n);
double *rn_scratch_f64(rn_graph *g, size_t n);
size_t rn_graph_high(const rn_graph *g);             // most bytes ever in use
double rn_graph_flops(const rn_graph *g);            // multiply-adds of products since the graph was made, times two
const rn_run *rn_graph_run(const rn_graph *g);

/* Random draws from outside (`rein step`): asked before the k-th draw of an update; fills x and answers true, or answers false. */
typedef bool (*rn_noise_source)(void *context, int ordinal, const char *law, const rn_node *x, rn_real *values);
void rn_graph_noise(rn_graph *g, rn_noise_source source, void *context);

//---- nodes -----------------------------------------------------------------------------------------------------------------------

rn_graph *rn_graph_of(const rn_node *x);
int rn_rows(const rn_node *x);                       // product of all sizes but the last
int rn_cols(const rn_node *x);
int rn_dim(const rn_node *x, int i);                 // i = 0 .. 3; the last is 3
size_t rn_count(const rn_node *x);
double rn_scalar(const rn_node *x);                  // of a node with one entry
void rn_read(const rn_node *x, rn_real *to);
void rn_read_f32(const rn_node *x, float *to);

rn_node *rn_constant(rn_graph *g, int rows, int cols, const rn_real *from);      // copied
rn_node *rn_constant_f32(rn_graph *g, int rows, int cols, const float *from);
rn_node *rn_constant_dims(rn_graph *g, const int dim[4], const rn_real *from);   // from NULL: zeros
rn_node *rn_filled(rn_graph *g, int rows, int cols, double value);
rn_node *rn_leaf(rn_graph *g, rn_net *net, int slice);                           // parameters, at their present version
rn_node *rn_detach(rn_node *x);                                                  // the same values, no gradient
rn_node *rn_normal(rn_graph *g, int rows, int cols);                             // N(0, 1), the graph's next draw
rn_node *rn_uniform_node(rn_graph *g, int rows, int cols);                       // U(0, 1)

//---- operations ------------------------------------------------------------------------------------------------------------------

rn_node *rn_add(rn_node *a, rn_node *b);
rn_node *rn_sub(rn_node *a, rn_node *b);
rn_node *rn_mul(rn_node *a, rn_node *b);
rn_node *rn_div(rn_node *a, rn_node *b);
rn_node *rn_min2(rn_node *a, rn_node *b);            // at a tie the gradient goes to a
rn_node *rn_max2(rn_node *a, rn_node *b);
rn_node *rn_affine(rn_node *x, double a, double b);  // a x + b
rn_node *rn_scale(rn_node *x, double a);
rn_node *rn_shift(rn_node *x, double b);
rn_node *rn_neg(rn_node *x);
rn_node *rn_square(rn_node *x);
rn_node *rn_sqrt(rn_node *x);
rn_node *rn_exp(rn_node *x);
rn_node *rn_log(rn_node *x);
rn_node *rn_tanh(rn_node *x);
rn_node *rn_sigmoid(rn_node *x);
rn_node *rn_softplus(rn_node *x);                    // log(1 + exp(x))
rn_node *rn_relu(rn_node *x);
rn_node *rn_silu(rn_node *x);
rn_node *rn_abs(rn_node *x);
rn_node *rn_sin(rn_node *x);
rn_node *rn_cos(rn_node *x);
rn_node *rn_erf(rn_node *x);
rn_node *rn_lgamma(rn_node *x);                      // log of the gamma function, x > 0, and its first two derivatives
rn_node *rn_digamma(rn_node *x);
rn_node *rn_trigamma(rn_node *x);
rn_node *rn_step_of(rn_node *x);                     // 1 where x > 0, else 0; no gradient
rn_node *rn_clamp(rn_node *x, double low, double high);          // gradient 0 outside
rn_node *rn_expectile(rn_node *u, double tau);       // |tau - 1[u < 0]| u^2
rn_node *rn_huber(rn_node *u, double delta);         // u^2/2 within delta, delta (|u| - delta/2) outside

rn_node *rn_sum(rn_node *x);                         // [1, 1]
rn_node *rn_mean(rn_node *x);                        // [1, 1]
rn_node *rn_sum_cols(rn_node *x);                    // [.., k] -> [.., 1]
rn_node *rn_sum_rows(rn_node *x);                    // [n, k] -> [1, k]; over all leading sizes
rn_node *rn_sum_to(rn_node *x, const int dim[4]);    // over the sizes that dim has as 1
rn_node *rn_spread(rn_node *x, const int dim[4]);    // the other way: repeats
rn_node *rn_min_all(rn_node *x);                     // [E, n, k] -> [n, k], the least member; ties to the lowest
rn_node *rn_max_all(rn_node *x);
rn_node *rn_mean_all(rn_node *x);                    // [E, n, k] -> [n, k]
rn_node *rn_min_members(rn_node *x, int subset);     // least of `subset` members drawn without replacement, one draw for all rows
rn_node *rn_dot(rn_node *x, const rn_real *w);       // [1, 1] sum_i w[i] x[i]; w is a constant
rn_node *rn_logsumexp(rn_node *x);                   // [n, k] -> [n, 1]
rn_node *rn_log_softmax(rn_node *x);                 // rows
rn_node *rn_softmax(rn_node *x);

rn_node *rn_matmul(rn_node *a, rn_node *b, rn_transpose how);    // the last two sizes; leading sizes equal, or 1 in one of them
/* act(x w + b).   x [n, in] or [E, n, in]   w [in, out] or [E, in, out]   b [out] or [E, out], NULL: none   ->   [n, out] or [E, n, out]
 * Members: with w [E, in, out] all members see the same x [n, in], or each its own x [E, n, in]. */
rn_node *rn_linear(rn_node *x, rn_node *w, rn_node *b, rn_act act);
rn_node *rn_layer_norm(rn_node *x, rn_node *scale, rn_node *shift);   // rows; eps 1e-5; scale, shift [k] or [E, k]; NULL: none

rn_node *rn_reshape(rn_node *x, int d0, int d1, int d2, int d3);
rn_node *rn_cols_of(rn_node *x, int from, int n);    // [.., k] -> [.., n]
rn_node *rn_slice(rn_node *x, int dim, int from, int n);
rn_node *rn_pad(rn_node *x, int dim, int from, int size);        // the other way: zeros around x in a node of `size` along dim
rn_node *rn_concat(rn_node *a, rn_node *b);          // columns; leading sizes of 1 are spread
rn_node *rn_concat_dim(rn_node *a, rn_node *b, int dim);
rn_node *rn_pick(rn_node *x, const int *index);      // [n, k] -> [n, 1], column index[i] of row i (copied)
rn_node *rn_place_cols(rn_node *x, const int *index, int k);     // the other way: [n, 1] -> [n, k], zeros elsewhere
rn_node *rn_rows_of(rn_node *x, int n, const int *index);        // [m, k] -> [n, k], rows by index (copied)
rn_node *rn_scatter_rows(rn_node *x, int m, const int *index);   // the other way: sums rows, in ascending order
rn_node *rn_dropout(rn_node *x, double p);           // 0: x itself

//---- derivatives -----------------------------------------------------------------------------------------------------------------

/* dy/dx as a node of x's shape, made of operations: can be differentiated again. y [1, 1]. Parameters get nothing. */
rn_node *rn_grad(rn_node *y, rn_node *x);
void rn_grad_many(rn_node *y, int n, rn_node *const x[], rn_node *out[]);
void rn_gradient(rn_node *y, rn_net *net, rn_real *out);                        // [rn_net_count(net)]; zero where y does not depend on it
void rn_hessian_times(rn_node *y, rn_net *net, const rn_real *u, rn_real *out); // (d2y/dp dp) u
void rn_backward(rn_node *y);          // raw pass to every leaf and every node, for tests and diagnosis: rn_grad_values(x)
const rn_real *rn_grad_values(const rn_node *x);     // of the last raw pass; NULL where it did not reach

//---- blocks ----------------------------------------------------------------------------------------------------------------------

typedef enum { RN_ZERO, RN_FILL, RN_ORTHOGONAL, RN_FAN_IN, RN_GAUSS } rn_init;  // gain: value, factor, factor (U(+-gain/sqrt(in))), std
typedef struct { char name[48]; int members, rows, cols; rn_init init; double gain; } rn_slice_spec;   // members 0: none: [rows, cols]
/* Slices become the states "NAME.SLICE", values drawn by key (seed, "init.NAME.SLICE"). At most 64 slices. */
rn_net *rn_block_new(rn_run *run, const char *name, int n, const rn_slice_spec *slices);
rn_net *rn_copy(rn_run *run, rn_net *net, const char *copy);     // "q@target": equal values, same shape; no optimiser may own it
const char *rn_net_name(const rn_net *net);
size_t rn_net_count(const rn_net *net);
int rn_net_slices(const rn_net *net);
const rn_slice_spec *rn_net_slice(const rn_net *net, int slice);
rn_real *rn_values(rn_net *net);                     // all values, one vector; writing them is followed by rn_changed
void rn_changed(rn_net *net);
void rn_assign(rn_net *to, const rn_net *from);      // equal shapes
void rn_move(rn_net *target, const rn_net *from, double tau);    // target += tau (from - target)
rn_net *rn_net_find(const rn_run *run, const char *name);        // NULL: none
int rn_nets(const rn_run *run, rn_net ***list);
rn_net *rn_net_origin(const rn_net *net);            // of a copy; NULL otherwise

//---- optimisers ------------------------------------------------------------------------------------------------------------------

rn_optim *rn_adam(rn_run *run, rn_net *net, double lr);          // b1 .9, b2 .999, eps 1e-8
rn_optim *rn_adamw(rn_run *run, rn_net *net, double lr, double decay);
rn_optim *rn_sgd(rn_run *run, rn_net *net, double lr, double momentum);
void rn_optim_betas(rn_optim *o, double b1, double b2, double eps);     // in build only, like the next
void rn_optim_clip(rn_optim *o, double norm);        // gradients longer than this are shortened; 0: never
/* One descent: gradients of `loss` in the optimiser's own block only, then the step; the loss is noted as "loss.BLOCK".
 * A loss or gradient that is not finite stops the run, naming the first node that was not. A node made before its block moved is fatal. */
void rn_step(rn_optim *o, rn_node *loss);
void rn_step_at(rn_optim *o, rn_node *loss, double lr);          // with this rate in place of the optimiser's: schedules
void rn_step_together(int n, rn_optim *const opt[], rn_node *const loss[]);      // all gradients at the present weights, then all steps
void rn_accumulate(rn_optim *o, rn_node *loss);      // adds to the block's gradient, in the order of the calls
void rn_step_accumulated(rn_optim *o, double lr);    // one step on the sum; lr < 0: the optimiser's
rn_net *rn_optim_net(const rn_optim *o);
double rn_cosine(long update, long updates);         // 1 at the first update, falling to 0 at the last
double rn_linear_to_zero(long update, long updates);

//---- raw vectors of the build's precision -------------------------------------------------------------------------------------------

static inline void rn_add_to(size_t n, double a, const rn_real *x, rn_real *y) { RN_M(rn_vaxpy)(n, (rn_real)a, x, y); }      // y += a x
static inline double rn_dot_of(size_t n, const rn_real *x, const rn_real *y) { return RN_M(rn_vdot)(n, x, y); }
void rn_lerp(size_t n, double t, const rn_real *to, const rn_real *from, rn_real *out);        // out = from + t (to - from)
#endif
