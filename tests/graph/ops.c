/* Every row of a batch has the bits it has alone, in any batch, on any number of threads and with any instruction set. */
#include "../../src/graph/tape.h"
#include "rein/net.h"
#include "test.h"
#include <stdlib.h>
#include <unistd.h>

enum { BATCH = 64 };
typedef struct { const char *name; rn_node *(*f)(rn_node *x); } row_op;      // x [n, k] -> [n, ..] or [E, n, ..]

// constants of the operations: the same in each graph
static rn_node *fixed(rn_node *x, int members, int n, int k, uint64_t which) {
  rn_node *c = rn_constant_dims(rn_graph_of(x), (int[]){1, members, n, k}, NULL);
  rn_key key = rn_key_new(5, "fixed", which, 0);
  RN_M(rn_vnormal)(key, rn_count(c), c->value);
  return c;
}
#define K rn_cols(x)
static const int column[BATCH] = {1, 0, 0, 1, 1, 0};
#define ROW_OPS(F) \
  F(affine, rn_affine(x, 1.7, -0.3)) F(square, rn_square(x)) F(sqrt, rn_sqrt(rn_abs(x))) F(exp, rn_exp(x)) F(log, rn_log(rn_abs(x))) F(tanh, rn_tanh(x)) \
  F(sigmoid, rn_sigmoid(x)) F(softplus, rn_softplus(x)) F(relu, rn_relu(x)) F(silu, rn_silu(x)) F(sin, rn_sin(x)) F(cos, rn_cos(x)) F(erf, rn_erf(x)) \
  F(clamp, rn_clamp(x, -0.5, 0.5)) F(expectile, rn_expectile(x, 0.9)) F(huber, rn_huber(x, 0.7)) F(lgamma, rn_lgamma(rn_shift(rn_square(x), 0.1))) \
  F(digamma, rn_digamma(rn_shift(rn_square(x), 0.1))) F(add_row, rn_add(x, fixed(x, 1, 1, K, 1))) F(mul_row, rn_mul(x, fixed(x, 1, 1, K, 1))) \
  F(div_row, rn_div(fixed(x, 1, 1, K, 1), x)) F(sub_one, rn_sub(fixed(x, 1, 1, 1, 1), x)) F(min_row, rn_min2(x, fixed(x, 1, 1, K, 1))) \
  F(max_self, rn_max2(rn_tanh(x), x)) F(by_its_sum, rn_div(x, rn_shift(rn_square(rn_sum_cols(x)), 1))) F(sum_cols, rn_sum_cols(x)) \
  F(logsumexp, rn_logsumexp(x)) F(softmax, rn_softmax(x)) F(layer_norm, rn_layer_norm(x, fixed(x, 1, 1, K, 1), fixed(x, 1, 1, K, 2))) \
  F(linear, rn_linear(x, fixed(x, 1, K, 33, 1), fixed(x, 1, 1, 33, 2), RN_IDENTITY)) F(linear_one, rn_linear(x, fixed(x, 1, K, 1, 1), NULL, RN_TANH)) \
  F(linear_wide, rn_linear(x, fixed(x, 1, K, 100, 1), fixed(x, 1, 1, 100, 2), RN_RELU)) \
  F(members, rn_linear(rn_linear(x, fixed(x, 3, K, 16, 1), fixed(x, 3, 1, 16, 2), RN_SILU), fixed(x, 3, 16, 2, 3), fixed(x, 3, 1, 2, 4), RN_TANH)) \
  F(best, rn_min_all(rn_linear(x, fixed(x, 3, K, 7, 1), NULL, RN_IDENTITY))) F(mean_all, rn_mean_all(rn_linear(x, fixed(x, 3, K, 7, 1), NULL, RN_IDENTITY))) \
  F(matmul, rn_matmul(x, fixed(x, 1, K, 9, 1), RN_NN)) F(matmul_turned, rn_matmul(x, fixed(x, 1, 9, K, 1), RN_NT)) \
  F(concat, rn_concat(x, rn_square(x))) F(cols, rn_square(rn_cols_of(x, K / 2, K - K / 2))) F(pick, rn_pick(K < 2 ? rn_concat(x, x) : x, column))
#define DEFINE(name, is) \
  static rn_node *f_##name(rn_node *x) { return is; }
ROW_OPS(DEFINE)
#define LIST(name, is) {#name, f_##name},
static const row_op ops[] = {ROW_OPS(LIST)};

// row i of y, for each member
static void take_row(const rn_node *y, const rn_real *v, int i, rn_real *to) {
  size_t k = (size_t)y->dim[3];
  for (int e = 0; e < y->dim[1]; e++) memcpy(to + (size_t)e * k, v + ((size_t)e * y->dim[2] + (size_t)i) * k, k * sizeof *to);
}

TEST(a_row_of_a_batch_has_the_bits_it_has_alone) {
  static const int width[] = {1, 3, 17, 64, 5000};
  rn_graph *g = rn_graph_new(NULL, "test", 0);
  for (int o = 0; o < RN_COUNT(ops); o++)
    for (int w = 0; w < RN_COUNT(width); w++) {
      int k = width[w];
      if (k == 5000 && strstr(ops[o].name, "gamma")) continue;               // slow, and an entry at a time like at 64
      rn_real *x = rn_new((size_t)BATCH * k * sizeof *x), *out = NULL, *slope = rn_new((size_t)BATCH * k * sizeof *slope), row[32768], want[32768];
      RN_M(rn_vnormal)(rn_key_new(11, "rows", 0, 0), (size_t)BATCH * k, x);
      for (int n = BATCH; n >= 1; n -= k > 64 ? 21 : 1) {
        rn_graph_begin(g, (rn_key){0});
        rn_node *in = rn_constant(g, n, k, x), *y = ops[o].f(in);
        rn_backward(rn_sum(y));
        size_t each = (size_t)y->dim[1] * y->dim[3];
        RN_CHECK(y->dim[2] == n && each <= RN_COUNT(row), "no rows: %s", ops[o].name);
        if (!out) {                                                          // the whole batch
          out = rn_new(rn_count(y) * sizeof *out);
          for (int i = 0; i < n; i++) take_row(y, y->value, i, out + (size_t)i * each);
          memcpy(slope, rn_grad_values(in), (size_t)n * k * sizeof *slope);
          continue;
        }
        for (int i = 0; i < n; i++) {
          take_row(y, y->value, i, row), memcpy(want, out + (size_t)i * each, each * sizeof *row);
          CHECK_THAT(memcmp(row, want, each * sizeof *row) == 0, "%s, width %d: row %d of %d differs from the same row of %d", ops[o].name, k, i, n, BATCH);
        }
        CHECK_THAT(memcmp(slope, rn_grad_values(in), (size_t)n * k * sizeof *slope) == 0, "gradient of %s, width %d: %d rows differ from %d", ops[o].name, k, n, BATCH);
      }
      rn_free(x), rn_free(out), rn_free(slope);
    }
  rn_graph_free(g);
}

//---- one hash for all that a small training does -------------------------------------------------------------------------------------------

static uint64_t work(void) {
  rn_run *run = rn_run_new(3, 0);
  rn_graph *g = rn_graph_new(run, "test", 0);
  rn_mlp_shape shape = {.layers = 2, .width = {256, 128}, .act = RN_SILU, .layer_norm = true, .dropout = 0.1};
  rn_net *net = rn_mlp_new(run, "q", 3, 37, 5, &shape, 0, NULL);
  rn_optim *o = rn_adam(run, net, 1e-3);
  rn_optim_clip(o, 1);
  for (int t = 0; t < 3; t++) {
    rn_graph_begin(g, rn_key_of(run, "update", (uint64_t)t, 0));
    rn_node *x = rn_normal(g, 200, 37), *y = rn_uniform_node(g, 200, 5);
    rn_step(o, rn_mean(rn_square(rn_sub(rn_mlp_update(net, x), y))));
  }
  uint64_t h = rn_state_hash(run);
  for (int i = 0; i < RN_COUNT(ops); i++) {
    rn_graph_begin(g, rn_key_of(run, "ops", (uint64_t)i, 0));
    rn_node *x = rn_normal(g, 300, 129), *c = rn_constant(g, 64, 129, x->value), *y = ops[i].f(strcmp(ops[i].name, "pick") == 0 ? c : x);
    h = rn_hash(y->value, rn_count(y) * sizeof(rn_real), h);
    rn_backward(rn_sum(y));
    for (uint32_t k = 0; k < g->n; k++) {
      const rn_node *node = rn_node_at(g, k);
      if (!node->op && rn_grad_values(node)) h = rn_hash(node->grad, rn_count(node) * sizeof(rn_real), h);
    }
  }
  rn_graph_free(g), rn_run_free(run);
  return h;
}

TEST(hash_of_this_process) {
  const char *threads = getenv("TEST_THREADS");
  if (threads) rn_threads_set(atoi(threads)), printf("HASH %016llx\n", (unsigned long long)work()), rn_threads_set(1);
}

static bool child_hash(const char *isa, int threads, char hash[64]) {
  char self[512] = "", command[700], line[256];
  CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
  snprintf(command, sizeof command, "RN_ISA=%s TEST_THREADS=%d '%s' hash_of_this 2>&1", isa, threads, self);
  FILE *f = popen(command, "r");
  bool lacks = false;
  hash[0] = 0;
  while (fgets(line, sizeof line, f)) {
    char *at = strstr(line, "HASH ");
    if (at) snprintf(hash, 64, "%.21s", at);
    lacks |= strstr(line, "lacks it") != NULL;
  }
  pclose(f);
  CHECK_THAT(lacks || hash[0], "no hash from %s", command);
  return !lacks;
}

TEST(threads_and_instruction_sets_do_not_show) {
  static const char *const isa[] = {"portable", "avx2", "avx512"};
  static const int threads[] = {1, 2, 7};
  char first[64] = "", hash[64];
  for (int i = 0; i < RN_COUNT(isa); i++)
    for (int t = 0; t < RN_COUNT(threads); t++) {
      if (!child_hash(isa[i], threads[t], hash)) { printf("%s: not on this CPU\n", isa[i]); break; }
      if (!first[0]) strcpy(first, hash);
      CHECK_THAT(strcmp(first, hash) == 0, "%s on %d threads: %s, portable on 1: %s", isa[i], threads[t], hash, first);
    }
}
