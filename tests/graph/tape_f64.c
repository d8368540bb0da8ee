/* What moves parameters, in double: optimisers against their published formulas, sums of gradients, curvature. */
#include "../../src/graph/tape.h"
#include "rein/net.h"
#include "test.h"

static rn_run *run;
static rn_graph *g;
static void begin(uint64_t seed) { run = rn_run_new(seed, 0), g = rn_graph_new(run, "test", 0), rn_graph_begin(g, rn_key_of(run, "update", 0, 0)); }
static void end(void) { rn_graph_free(g), rn_run_free(run); }

enum { N = 37 };
static rn_net *vector(const char *name) { return rn_block_new(run, name, 1, (rn_slice_spec[]){{"w", 0, 1, N, RN_GAUSS, 1}}); }

// a loss whose gradient is known: sum c w^2 / 2 + w, c = 1 .. N
static rn_node *bowl(rn_net *net) {
  rn_real c[N];
  for (int i = 0; i < N; i++) c[i] = (i + 1) / 2.0;
  rn_node *w = rn_leaf(g, net, 0);
  return rn_add(rn_dot(rn_square(w), c), rn_sum(w));
}

/* As PyTorch's documentation writes Adam, AdamW and SGD (1.13, torch.optim): m, v; hats; theta -= lr mhat / (sqrt(vhat) + eps). */
TEST(adam_and_adamw_are_the_published_steps) {
  for (int decayed = 0; decayed < 2; decayed++) {
    begin(1);
    rn_net *net = vector("q");
    double lr = 0.05, decay = decayed ? 0.2 : 0, b1 = 0.8, b2 = 0.95, eps = 1e-3, w[N], m[N] = {0}, v[N] = {0};
    rn_optim *o = decayed ? rn_adamw(run, net, lr, decay) : rn_adam(run, net, lr);
    rn_optim_betas(o, b1, b2, eps);
    memcpy(w, rn_values(net), sizeof w);
    for (int t = 1; t <= 50; t++) {
      double rate = t % 2 ? lr : lr / 3;
      for (int i = 0; i < N; i++) {
        double d = (i + 1) * w[i] + 1;
        w[i] -= rate * decay * w[i];
        m[i] = b1 * m[i] + (1 - b1) * d, v[i] = b2 * v[i] + (1 - b2) * d * d;
        w[i] -= rate * (m[i] / (1 - pow(b1, t))) / (sqrt(v[i] / (1 - pow(b2, t))) + eps);
      }
      rn_graph_begin(g, rn_key_of(run, "update", (uint64_t)t, 0));
      if (t % 2) rn_step(o, bowl(net));
      else rn_step_at(o, bowl(net), rate);
    }
    for (int i = 0; i < N; i++) CHECK_NEAR(rn_values(net)[i], w[i], 1e-12, "entry %d, decay %g", i, decay);
    rn_entry e;
    CHECK(rn_state_find(run, "adam.q.t", &e) && *(int64_t *)e.data == 50 && rn_state_find(run, "adam.q.w.m", &e) && rn_state_find(run, "adam.q.w.v", &e));
    end();
  }
}

/* Numbers of torch.optim.Adam (lr 0.1, the rest default) on f(w) = w^2 from w = 1, three steps; by hand: the first is lr g / (|g| + eps). */
TEST(adam_has_its_known_first_step) {
  begin(1);
  rn_net *net = rn_block_new(run, "q", 1, (rn_slice_spec[]){{"w", 0, 0, 1, RN_FILL, 1}});
  rn_optim *o = rn_adam(run, net, 0.1);
  rn_step(o, rn_sum(rn_square(rn_leaf(g, net, 0))));
  CHECK_NEAR(rn_values(net)[0], 1 - 0.1 * 2 / (2 + 1e-8), 1e-14, "step 1");
  rn_step(o, rn_sum(rn_square(rn_leaf(g, net, 0))));
  double w = 1 - 0.1 * 2 / (2 + 1e-8), m = 0.9 * 0.2 + 0.1 * 2 * w, v = 0.999 * 0.004 + 0.001 * 4 * w * w;
  CHECK_NEAR(rn_values(net)[0], w - 0.1 * (m / 0.19) / (sqrt(v / (1 - 0.999 * 0.999)) + 1e-8), 1e-13, "step 2");
  end();
}

TEST(sgd_and_its_momentum_are_the_published_steps) {
  for (int k = 0; k < 2; k++) {
    begin(1);
    rn_net *net = vector("q");
    double lr = 0.01, mu = k ? 0.9 : 0, w[N], b[N] = {0};
    rn_optim *o = rn_sgd(run, net, lr, mu);
    memcpy(w, rn_values(net), sizeof w);
    for (int t = 0; t < 30; t++) {
      for (int i = 0; i < N; i++) b[i] = mu * b[i] + (i + 1) * w[i] + 1, w[i] -= lr * b[i];
      rn_graph_begin(g, (rn_key){0});
      rn_step(o, bowl(net));
    }
    for (int i = 0; i < N; i++) CHECK_NEAR(rn_values(net)[i], w[i], 1e-12, "entry %d, momentum %g", i, mu);
    end();
  }
}

TEST(clipping_shortens_long_gradients_and_leaves_short_ones) {
  for (int k = 0; k < 3; k++) {
    begin(1);
    rn_net *net = vector("q");
    rn_optim *o = rn_sgd(run, net, 1, 0);
    double w[N], d[N], norm = 0, most = (double[]){0, 0.5, 1e6}[k];
    rn_optim_clip(o, most);
    memcpy(w, rn_values(net), sizeof w);
    for (int i = 0; i < N; i++) d[i] = (i + 1) * w[i] + 1, norm += d[i] * d[i];
    norm = sqrt(norm);
    rn_step(o, bowl(net));
    double scale = most > 0 && norm > most ? most / norm : 1;
    for (int i = 0; i < N; i++) CHECK_NEAR(rn_values(net)[i], w[i] - scale * d[i], 1e-12, "entry %d, clip %g", i, most);
    end();
  }
}

//---- joint steps ---------------------------------------------------------------------------------------------------------------------------

static rn_mlp_shape small = {.layers = 1, .width = {8}, .act = RN_TANH};

TEST(the_sum_of_the_parts_is_the_gradient_of_the_sum) {
  begin(1);
  rn_net *net = rn_mlp_new(run, "q", 0, 3, 2, &small, 0, NULL), *twin = rn_copy(run, net, "twin");
  rn_optim *o = rn_sgd(run, net, 0.1, 0);
  size_t n = rn_net_count(net);
  rn_node *x = rn_normal(g, 10, 3), *loss[3];
  for (int k = 0; k < 3; k++) loss[k] = rn_sum(rn_square(rn_shift(rn_mlp(twin, rn_slice(x, 2, 3 * k, 3)), k)));
  rn_real joint[200], ordered[200] = {0};
  rn_gradient(rn_add(rn_add(loss[0], loss[1]), loss[2]), twin, joint);
  for (int k = 0; k < 3; k++) {
    rn_real part[200];
    rn_gradient(loss[k], twin, part);
    for (size_t i = 0; i < n; i++) ordered[i] = k ? ordered[i] + part[i] : part[i];
  }
  rn_place here = rn_mark(g);
  for (int k = 0; k < 3; k++) rn_accumulate(o, rn_sum(rn_square(rn_shift(rn_mlp(net, rn_slice(x, 2, 3 * k, 3)), k)))), rn_rewind(g, here);
  rn_step_accumulated(o, 0.3);
  for (size_t i = 0; i < n; i++) {
    CHECK_NEAR(ordered[i], joint[i], 1e-12, "entry %zu", i);
    CHECK(rn_values(net)[i] == fma(-0.3, ordered[i], rn_values(twin)[i]));         // in the order of the calls, to the bit
  }
  // the next sum begins at nothing
  rn_assign(net, twin);
  rn_accumulate(o, rn_sum(rn_square(rn_mlp(net, rn_slice(x, 2, 0, 3)))));
  rn_step_accumulated(o, -1);
  rn_gradient(loss[0], twin, joint);
  for (size_t i = 0; i < n; i++) CHECK_NEAR(rn_values(net)[i], rn_values(twin)[i] - 0.1 * joint[i], 1e-15, "entry %zu of the second sum", i);
  end();
}

TEST(steps_together_see_the_weights_of_before) {
  begin(1);
  rn_net *a = vector("a"), *b = vector("b");
  rn_optim *o[] = {rn_sgd(run, a, 0.1, 0), rn_sgd(run, b, 0.1, 0)};
  rn_real was[2][N];
  memcpy(was[0], rn_values(a), sizeof was[0]), memcpy(was[1], rn_values(b), sizeof was[1]);
  rn_node *y = rn_sum(rn_mul(rn_leaf(g, a, 0), rn_leaf(g, b, 0)));           // one saddle, both sides
  rn_step_together(2, o, (rn_node *[]){y, rn_neg(y)});
  for (int i = 0; i < N; i++) {
    CHECK_NEAR(rn_values(a)[i], was[0][i] - 0.1 * was[1][i], 1e-15, "a goes down");
    CHECK_NEAR(rn_values(b)[i], was[1][i] + 0.1 * was[0][i], 1e-15, "b goes up");
  }
  end();
}

//---- curvature -------------------------------------------------------------------------------------------------------------------------------

TEST(the_hessian_of_a_quadratic_is_its_matrix) {
  begin(1);
  rn_net *net = vector("q");
  rn_node *m = rn_normal(g, N, N), *w = rn_leaf(g, net, 0);
  rn_node *y = rn_sum(rn_square(rn_matmul(w, m, RN_NN)));        // w M M' w': the Hessian is 2 M M'
  rn_real u[N], out[N];
  for (int i = 0; i < N; i++) u[i] = sin(i);
  rn_hessian_times(y, net, u, out);
  for (int i = 0; i < N; i++) {
    double want = 0;
    for (int j = 0; j < N; j++) for (int k = 0; k < N; k++) want += 2 * m->value[i * N + k] * m->value[j * N + k] * u[j];
    CHECK_NEAR(out[i], want, 1e-11, "entry %d", i);
  }
  end();
}

TEST(the_hessian_of_a_perceptron_is_the_slope_of_its_gradient) {
  static const rn_mlp_shape shapes[] = {{.layers = 2, .width = {5, 4}, .act = RN_TANH}, {.layers = 3, .width = {3, 7, 2}, .act = RN_RELU}, {.layers = 2, .width = {9, 8}, .act = RN_SILU, .layer_norm = true}};
  for (int k = 0; k < RN_COUNT(shapes); k++) {
    begin(2);
    rn_net *net = rn_mlp_new(run, "q", 2, 3, 2, &shapes[k], 0, NULL);
    size_t n = rn_net_count(net);
    rn_node *x = rn_normal(g, 6, 3), *loss_node;
    rn_real u[400], out[400], up[400], down[400], raw[400], h = 1e-6;
    CHECK(n <= 400);
    for (size_t i = 0; i < n; i++) u[i] = cos(3.0 * (double)i);
#define LOSS (loss_node = rn_mean(rn_square(rn_shift(rn_mlp(net, x), -0.3))))
    // the same gradient by the raw pass of a block and of all leaves, and by the rules
    rn_gradient(LOSS, net, raw);
    rn_backward(loss_node);
    for (uint32_t i = 0; i <= loss_node->at; i++)
      if (is_leaf(rn_node_at(g, i))) {
        rn_node *leaf = rn_node_at(g, i), *rule = rn_grad(loss_node, leaf);
        for (size_t j = 0; j < rn_count(leaf); j++) {
          CHECK_NEAR(rule->value[j], raw[net->offset[leaf->slice] + j], 1e-13, "rule, shape %d", k);
          CHECK_NEAR(rn_grad_values(leaf)[j], raw[net->offset[leaf->slice] + j], 1e-13, "raw, shape %d", k);
        }
      }
    rn_hessian_times(LOSS, net, u, out);
    rn_add_to(n, h, u, rn_values(net)), rn_changed(net), rn_gradient(LOSS, net, up);
    rn_add_to(n, -2 * h, u, rn_values(net)), rn_changed(net), rn_gradient(LOSS, net, down);
    for (size_t i = 0; i < n; i++) CHECK_NEAR(out[i], (up[i] - down[i]) / (2 * h), 1e-7, "entry %zu of shape %d", i, k);
    end();
  }
}

TEST(a_derivative_by_what_came_later_is_zero) {
  begin(1);
  rn_node *x = rn_normal(g, 2, 2), *y = rn_sum(x), *later = rn_normal(g, 3, 1), *d = rn_grad(y, later);
  CHECK(rn_rows(d) == 3 && d->value[0] == 0 && rn_grad(y, x)->value[3] == 1 && rn_grad(y, y)->value[0] == 1);
  end();
}
