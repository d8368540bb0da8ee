/* graph/reduce.c - sums over sizes, members, rows that are reduced to one number; every order of summation is fixed. */
#include "tape.h"

#define X (x->in[0]->value)
#define Y (x->value)
#define G (x->grad)

//---- sums over sizes of 1 and their transpose --------------------------------------------------------------------------------------

void rn_sum_into(const rn_node *x, rn_node *sum, bool add) {
  const int32_t *d = x->dim, *s = sum->dim;
  size_t n = count_of(x), m = count_of(sum), cols = (size_t)d[3];
  if (m == n) {
    if (add) RN_M(rn_vadd)(n, sum->value, x->value, sum->value);
    else memcpy(sum->value, x->value, n * sizeof(rn_real));
    return;
  }
  if (m == 1) {                                                // everything: blocks in order; one row as it is summed among others
    rn_real total;
    if (n == cols) RN_M(rn_vrowsum)(1, (int)cols, x->value, &total);
    else total = RN_M(rn_vsum)(n, x->value);
    sum->value[0] = add ? sum->value[0] + total : total;
    return;
  }
  if (m == cols && s[3] == d[3]) { RN_M(rn_vcolsum)((int)(n / cols), (int)cols, x->value, sum->value, add); return; }
  if (!add) memset(sum->value, 0, m * sizeof(rn_real));
  // ascending: each row is added, or its own sum is, to the row it belongs to
  const rn_real *row = x->value;
  for (int i = 0; i < d[0]; i++)
    for (int j = 0; j < d[1]; j++)
      for (int k = 0; k < d[2]; k++, row += cols) {
        size_t to = ((size_t)(s[0] == 1 ? 0 : i) * s[1] + (s[1] == 1 ? 0 : j)) * s[2] + (s[2] == 1 ? 0 : k);
        if (s[3] == d[3]) RN_M(rn_vadd)(cols, sum->value + to * cols, row, sum->value + to * cols);
        else {
          rn_real total;
          RN_M(rn_vrowsum)(1, (int)cols, row, &total);
          sum->value[to] += total;
        }
      }
}

static void spread_into(const rn_node *x, rn_node *y, bool add) {          // y (+)= x spread to y's sizes
  const int32_t *d = y->dim, *s = x->dim;
  size_t cols = (size_t)d[3];
  rn_real *row = y->value;
  for (int i = 0; i < d[0]; i++)
    for (int j = 0; j < d[1]; j++)
      for (int k = 0; k < d[2]; k++, row += cols) {
        size_t from = ((size_t)(s[0] == 1 ? 0 : i) * s[1] + (s[1] == 1 ? 0 : j)) * s[2] + (s[2] == 1 ? 0 : k);
        if (s[3] == 1 && cols > 1) {
          rn_real v = x->value[from];
          if (add) for (size_t l = 0; l < cols; l++) row[l] += v;
          else for (size_t l = 0; l < cols; l++) row[l] = v;
        } else if (add) RN_M(rn_vadd)(cols, row, x->value + from * cols, row);
        else memcpy(row, x->value + from * cols, cols * sizeof *row);
      }
}

static void sum_to_forward(rn_node *x) { rn_sum_into(x->in[0], x, false); }
static void sum_to_backward(rn_node *x) {
  bool add;
  rn_node from = *x, to = *x->in[0];
  from.value = G;
  if ((to.value = rn_into(x->in[0], &add))) spread_into(&from, &to, add);
}
static void sum_to_derive(rn_node *x, rn_node *dx, rn_node *din[3]) { din[0] = rn_spread(dx, x->in[0]->dim); }
static const rn_op op_sum_to = {"sum_to", sum_to_forward, sum_to_backward, sum_to_derive};

static void spread_forward(rn_node *x) { spread_into(x->in[0], x, false); }
static void spread_backward(rn_node *x) {
  bool add;
  rn_node from = *x, to = *x->in[0];
  from.value = G;
  if ((to.value = rn_into(x->in[0], &add))) rn_sum_into(&from, &to, add);
}
static void spread_derive(rn_node *x, rn_node *dx, rn_node *din[3]) { din[0] = rn_sum_to(dx, x->in[0]->dim); }
static const rn_op op_spread = {"spread", spread_forward, spread_backward, spread_derive};

rn_node *rn_sum_to(rn_node *x, const int dim[4]) {
  char label[128];
  for (int i = 0; i < 4; i++)
    RN_CHECK(dim[i] == x->dim[i] || dim[i] == 1, "%s can't be summed to [%d, %d, %d, %d]", rn_label(x, label), dim[0], dim[1], dim[2], dim[3]);
  return same_dims(dim, x->dim) ? x : rn_run_op(rn_node_new(x->graph, &op_sum_to, dim, 1, x, NULL, NULL));
}
rn_node *rn_spread(rn_node *x, const int dim[4]) {
  char label[128];
  for (int i = 0; i < 4; i++)
    RN_CHECK(dim[i] == x->dim[i] || x->dim[i] == 1, "%s can't be spread to [%d, %d, %d, %d]", rn_label(x, label), dim[0], dim[1], dim[2], dim[3]);
  return same_dims(dim, x->dim) ? x : rn_run_op(rn_node_new(x->graph, &op_spread, dim, 1, x, NULL, NULL));
}

static const int ONE[4] = {1, 1, 1, 1};
rn_node *rn_sum(rn_node *x) { return rn_sum_to(x, ONE); }
rn_node *rn_mean(rn_node *x) { return rn_scale(rn_sum(x), 1.0 / (double)count_of(x)); }
rn_node *rn_sum_cols(rn_node *x) { return rn_sum_to(x, (int[]){x->dim[0], x->dim[1], x->dim[2], 1}); }
rn_node *rn_sum_rows(rn_node *x) { return rn_sum_to(x, (int[]){1, 1, 1, x->dim[3]}); }
rn_node *rn_mean_all(rn_node *x) { return rn_scale(rn_sum_to(x, (int[]){x->dim[0], 1, x->dim[2], x->dim[3]}), 1.0 / x->dim[1]); }

rn_node *rn_dot(rn_node *x, const rn_real *w) { return rn_sum(rn_mul(x, rn_constant_dims(x->graph, x->dim, w))); }

//---- the least or the largest member ---------------------------------------------------------------------------------------------

// extra: which member stands in each entry; f[0]: -1 least, +1 largest
static void best_forward(rn_node *x) {
  size_t n = count_of(x);
  int members = x->in[0]->dim[1];
  int32_t *which = x->extra;
  bool most = x->f[0] > 0;
  memcpy(Y, X, n * sizeof *Y);
  for (int e = 1; e < members; e++) {
    const rn_real *v = X + (size_t)e * n;
    for (size_t i = 0; i < n; i++)
      if (most ? v[i] > Y[i] : v[i] < Y[i]) Y[i] = v[i], which[i] = e;
      else if (v[i] != v[i]) Y[i] = v[i];
  }
}
static void best_backward(rn_node *x) {
  size_t n = count_of(x);
  const int32_t *which = x->extra;
  bool add;
  rn_real *d = rn_into(x->in[0], &add);
  if (!d) return;
  if (!add) memset(d, 0, count_of(x->in[0]) * sizeof *d);
  for (size_t i = 0; i < n; i++) d[(size_t)which[i] * n + i] += G[i];
}
static void best_derive(rn_node *x, rn_node *dx, rn_node *din[3]) {
  rn_node *in = x->in[0], *mask = rn_constant_dims(x->graph, in->dim, NULL);
  size_t n = count_of(x);
  for (size_t i = 0; i < n; i++) mask->value[(size_t)((int32_t *)x->extra)[i] * n + i] = 1;
  din[0] = rn_mul(rn_spread(dx, in->dim), mask);
}
static const rn_op op_best = {"best", best_forward, best_backward, best_derive};

static rn_node *best(rn_node *x, double sign) {
  char label[128];
  RN_CHECK(x->dim[0] == 1, "members of %s: expected [E, n, k]", rn_label(x, label));
  rn_node *y = rn_node_new(x->graph, &op_best, (int[]){1, 1, x->dim[2], x->dim[3]}, 1, x, NULL, NULL);
  y->f[0] = sign;
  y->extra = rn_scratch_bytes(x->graph, count_of(y) * sizeof(int32_t));
  return rn_run_op(y);
}
rn_node *rn_min_all(rn_node *x) { return best(x, -1); }
rn_node *rn_max_all(rn_node *x) { return best(x, 1); }

rn_node *rn_min_members(rn_node *x, int subset) {
  int members = x->dim[1];
  RN_CHECK(subset >= 1 && subset <= members, "a subset of %d of %d members", subset, members);
  if (subset == members) return rn_min_all(x);
  // the members with the least of E uniform numbers: a draw without replacement
  rn_node *u = rn_uniform_node(x->graph, 1, members), *least = NULL;
  bool *used = rn_scratch_bytes(x->graph, (size_t)members);
  for (int k = 0; k < subset; k++) {
    int at = -1;
    for (int e = 0; e < members; e++) if (!used[e] && (at < 0 || u->value[e] < u->value[at])) at = e;
    used[at] = true;
  }
  for (int e = 0; e < members; e++) {
    if (!used[e]) continue;
    rn_node *one = rn_slice(x, 1, e, 1);
    least = least ? rn_concat_dim(least, one, 1) : one;
  }
  return rn_min_all(least);
}

//---- log of a sum of exponentials ---------------------------------------------------------------------------------------------------

static void logsumexp_forward(rn_node *x) { RN_M(rn_vsoftmax)(rn_rows(x->in[0]), rn_cols(x->in[0]), X, NULL, Y); }
static void logsumexp_backward(rn_node *x) {
  rn_node *in = x->in[0];
  int rows = rn_rows(in), cols = rn_cols(in);
  bool add;
  rn_real *d = rn_into(in, &add);
  if (!d) return;
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < cols; j++) {
      size_t at = (size_t)i * (size_t)cols + (size_t)j;
      rn_real v = G[i] * RN_M(rn_exp)(X[at] - Y[i]);
      d[at] = add ? d[at] + v : v;
    }
}
static void logsumexp_derive(rn_node *x, rn_node *dx, rn_node *din[3]) { din[0] = rn_mul(dx, rn_exp(rn_sub(x->in[0], x))); }
static const rn_op op_logsumexp = {"logsumexp", logsumexp_forward, logsumexp_backward, logsumexp_derive};

rn_node *rn_logsumexp(rn_node *x) {
  return rn_run_op(rn_node_new(x->graph, &op_logsumexp, (int[]){x->dim[0], x->dim[1], x->dim[2], 1}, 1, x, NULL, NULL));
}
rn_node *rn_log_softmax(rn_node *x) { return rn_sub(x, rn_logsumexp(x)); }
rn_node *rn_softmax(rn_node *x) { return rn_exp(rn_log_softmax(x)); }

const rn_op *const rn_ops_reduce[] = {&op_sum_to, &op_spread, &op_best, &op_logsumexp, NULL};
