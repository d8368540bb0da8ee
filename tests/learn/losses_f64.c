/* Shared parts of learn/ against numbers worked out in the catalogue. */
#include "rein/system.h"
#include "test.h"

static rn_graph *graph(void) {
  static rn_run *run;
  if (!run) run = rn_run_new(1, 0);
  rn_graph *g = rn_graph_new(run, "test", 0);
  rn_graph_begin(g, rn_key_of(run, "test", 0, 0));
  return g;
}
static rn_node *column(rn_graph *g, int n, const double *x) { return rn_constant(g, n, 1, x); }

TEST(gae_gives_the_numbers_of_the_catalogue) {          // g .9, lambda .8
  float r[] = {1, 0, 2}, v[] = {.5f, .4f, .3f}, next[] = {.4f, .3f, .2f}, live[] = {1, 1, 1}, adv[3];
  uint8_t cut[3] = {0};
  rn_gae(3, 1, r, live, cut, v, next, .9, .8, adv);
  CHECK_NEAR(adv[0], 1.740992, 1e-6), CHECK_NEAR(adv[1], 1.2236, 1e-6), CHECK_NEAR(adv[2], 1.88, 1e-6);
}

TEST(gae_bootstraps_at_a_time_limit_and_cuts_there) {
  float r[] = {1, 1}, v[] = {0, 0}, next[] = {10, 0}, live[] = {1, 0}, adv[2];
  uint8_t cut[] = {1, 0};
  rn_gae(2, 1, r, live, cut, v, next, .9, .8, adv);
  CHECK_NEAR(adv[0], 10, 1e-6, "1 + .9 10, nothing of the next episode"), CHECK_NEAR(adv[1], 1, 1e-6, "a true end has no next value");
}

TEST(the_clipped_objective_per_sample) {                // e .2: (rho, A) = (1.5, 1) (1.5, -1) (.5, 1) (.5, -1)
  rn_graph *g = graph();
  rn_node *ratio = column(g, 4, (double[]){1.5, 1.5, .5, .5}), *adv = column(g, 4, (double[]){1, -1, 1, -1});
  rn_node *gain = rn_min2(rn_mul(ratio, adv), rn_mul(rn_clamp(ratio, .8, 1.2), adv));
  double out[4], want[] = {1.2, -1.5, .5, -.8};
  rn_read(gain, out);
  for (int i = 0; i < 4; i++) CHECK_NEAR(out[i], want[i], 1e-12, "sample %d", i);
  rn_graph_free(g);
}

TEST(expectiles_of_two_and_of_four_numbers) {           // the root of the loss's slope in v
  rn_graph *g = graph();
  static const struct { int n; double x[4], tau, v; } list[] = {{2, {0, 1}, .9, .9}, {4, {1, 2, 3, 4}, .7, 2.9}};
  for (int k = 0; k < 2; k++) {
    rn_node *v = rn_filled(g, 1, 1, list[k].v), *loss = rn_mean(rn_expectile(rn_sub(column(g, list[k].n, list[k].x), v), list[k].tau));
    rn_backward(loss);
    CHECK_NEAR(*rn_grad_values(v), 0, 1e-12, "tau %g", list[k].tau);
  }
  rn_graph_free(g);
}

TEST(advantage_weights_and_their_cap) {
  rn_graph *g = graph();
  double w[3];
  rn_read(rn_advantage_weight(column(g, 3, (double[]){.5, 2, 0}), 3, 100), w);
  CHECK_NEAR(w[0], 4.481689070338065, 1e-9), CHECK_NEAR(w[1], 100, 1e-12, "capped"), CHECK_NEAR(w[2], 1, 1e-12);
  rn_read(rn_advantage_weight(column(g, 1, (double[]){.7}), 1, 100), w);
  CHECK_NEAR(w[0], 2.0137527074704766, 1e-9, "awac's check");
  rn_graph_free(g);
}

TEST(lambda_of_td3bc_is_alpha_over_the_mean_size_of_q) {        // 2.5 / 2
  rn_graph *g = graph();
  rn_node *q = column(g, 4, (double[]){1, -3, 2, -2});
  CHECK_NEAR(2.5 / rn_scalar(rn_mean(rn_abs(q))), 1.25, 1e-12);
  rn_graph_free(g);
}

TEST(a_td_loss_adds_members_and_averages_rows) {
  rn_graph *g = graph();
  rn_node *q = rn_constant_dims(g, (int[]){1, 2, 2, 1}, (double[]){1, 2, 3, 4}), *y = column(g, 2, (double[]){0, 0});
  CHECK_NEAR(rn_scalar(rn_td_loss(q, y)), (1 + 4) / 2. + (9 + 16) / 2., 1e-12);
  rn_graph_free(g);
}
