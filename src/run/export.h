/* run/export.h - what export.c (which nodes, which buffers, the file's frame) and export_ops.c (how an operation is printed) share. */
#ifndef REIN_RUN_EXPORT_H
#define REIN_RUN_EXPORT_H
#include "../graph/tape.h"
#include "rein/export.h"

typedef struct { char text[64]; } label;                     // a name in the printed file: "b3", "w_pi_0_w", "obs"
typedef struct { int k, n, stride; } product_shape;          // a printed function y[n] = x[k] w[k][stride]
typedef struct {
  rn_text data, body;                                        // constants; statements of policy_act
  uint64_t helpers;                                          // bit of each function of export_ops.c's list in use
  product_shape *product;
  int products, numbers, tables;                             // numbers: constants printed, which counts their names; tables: index lists
  const struct plan *plan;
  rn_error *err;
} printer;

/* Of a node: as the file names it. A constant is printed at its first use; `stride` > 0 pads the rows of a [.., cols] constant with zeros. */
label name_of(printer *p, const rn_node *x, int stride);
bool is_constant(const printer *p, const rn_node *x);         // does not depend on the observation

bool print_op(printer *p, const rn_node *x);                  // statements that fill x's buffer; false: err says which operation
bool is_alias(const rn_node *x);                              // its values are its input's own
bool is_in_place(const rn_node *x);                           // reads entry i of its equal-shaped inputs only when it writes entry i
void use_helper(printer *p, const char *name);                // with what it calls itself
void print_helpers(const printer *p, rn_text *out);           // functions in use, in an order that compiles
void print_products(const printer *p, rn_text *out);
void say_float(rn_text *t, double value);                     // hexadecimal: nothing is lost, no locale
#endif
