/* S029: the numbered unit checks of the catalogue, in the double build. */
#include "rein/ascent.h"
#include "trained.h"

/* (2) noiseless J = -(theta - 1)^2 from 0 in steps of .1: the extrapolated direction is the gradient at theta_t, plain momentum lags */
TEST(extrapolation_makes_momentum_exact_on_a_quadratic) {
  static const double lagging[] = {2, 1.855404, 1.708713, 0, 0, 0, 1.108238};      // t = 2, 3, 7 counted from 1
  rn_real theta[2] = {0}, before[2] = {0}, d[2] = {0}, at;
  for (int t = 0; t < 7; t++) {
    double eta = t ? pow(2.0 / (t + 2), .8) : 1;
    rn_extrapolate(1, eta, theta, before, &at);
    rn_real g[2] = {-2 * (at - 1), -2 * (theta[1] - 1)};
    rn_follow(1, eta, g, NULL, d), rn_follow(1, eta, g + 1, NULL, d + 1);
    CHECK_NEAR(d[0], -2 * (theta[0] - 1), 1e-12, "t %d", t + 1); CHECK_NEAR(d[0], 2 - .2 * t, 1e-12, "1.8, 1.6, ..., 0.8");
    if (lagging[t]) CHECK_NEAR(d[1], lagging[t], 1e-6, "plain momentum, t %d", t + 1);
    rn_ascend(1, .1, true, d, theta, before);
    rn_real keep = theta[1];
    rn_ascend(1, .1, true, d + 1, &keep, theta + 1), theta[1] = keep;
  }
}

TEST(a_direction_of_zero_moves_nothing) {
  rn_real d[] = {0, 0}, theta[] = {3, 4}, before[] = {0, 0};
  CHECK(rn_ascend(2, .1, true, d, theta, before) == 0);
  CHECK(theta[0] == 3 && theta[1] == 4 && before[0] == 3);
  d[0] = 6, d[1] = 8;
  CHECK_NEAR(rn_ascend(2, .5, true, d, theta, before), 10, 1e-12, "length"); CHECK_NEAR(theta[0], 3.3, 1e-12, "unit step times rate");
}

static rn_run *fresh(rn_graph **g) {
  rn_run *run = rn_run_new(1, 0);
  *g = rn_graph_new(run, "test", 0);
  rn_graph_begin(*g, rn_key_new(1, "test", 0, 0));
  return run;
}

/* (3) a ~ N(theta, 1), r = -(a-2)^2 at theta = 0: J = -5, J' = 4, E B = J'' = -2 */
TEST(the_hessian_estimate_is_unbiased_on_one_gaussian_step) {
  rn_graph *g;
  rn_run *run = fresh(&g);
  rn_slice_spec spec = {.name = "theta", .rows = 1, .cols = 1, .init = RN_ZERO};
  rn_net *net = rn_block_new(run, "pi", 1, &spec);
  enum { BATCHES = 100000, N = 10 };
  int of[N];
  rn_real a[N], weight[N], u = 1, Bu, slope;
  double B = 0, J = 0, dJ = 0;
  rn_key key = rn_key_new(3, "a", 0, 0);
  for (int i = 0; i < N; i++) of[i] = i;
  for (int k = 0; k < BATCHES; k++) {
    rn_place here = rn_mark(g);
    for (int i = 0; i < N; i++) a[i] = rn_normal64(&key), weight[i] = -(a[i] - 2) * (a[i] - 2) / N, J += weight[i];
    rn_node *logp = rn_scale(rn_square(rn_sub(rn_constant(g, N, 1, a), rn_leaf(g, net, 0))), -.5);
    rn_trajectories t = {.n = N, .rows = N, .of = of, .weight = weight};
    rn_hessian_sample(logp, &t, net, &u, &Bu), B += Bu;
    rn_gradient(rn_dot(logp, weight), net, &slope), dJ += slope;
    rn_rewind(g, here);
  }
  CHECK_NEAR(J / BATCHES, -5, .01, "J"); CHECK_NEAR(dJ / BATCHES, 4, .01, "J'"); CHECK_NEAR(B / BATCHES, -2, .025, "J''");
  rn_graph_free(g), rn_run_free(run);
}

//---- a table of S states -----------------------------------------------------------------------------------------------------------------

static rn_policy *table_policy(rn_run *run, int S, int A) {
  rn_world w = {.obs = {RN_BOX, {S}, NULL, NULL}, .act = {RN_DISCRETE, {A}, NULL, NULL}, .seats = 1};
  rn_world_set(run, "env", &w);
  return rn_policy_new(run, "pi", "softmax-table", RN_CAN_LOGP | RN_CAN_SAMPLE, NULL);
}

static rn_node *logp_of(rn_graph *g, const rn_policy *p, int rows, const int *s, const int *a) {
  rn_real obs[64] = {0}, act[16];
  for (int i = 0; i < rows; i++) obs[i * p->shape.in + s[i]] = 1, act[i] = a[i];
  return rn_policy_logp(p, rn_view_of(rn_constant(g, rows, p->shape.in, obs)), rn_constant(g, rows, 1, act));
}

static void set(rn_policy *p, const double *theta) {
  for (size_t i = 0; i < rn_net_count(p->net); i++) rn_values(p->net)[i] = theta[i];
  rn_changed(p->net);
}

/* (4) on a fixed trajectory (hess Phi) u is the slope of grad Phi along u, and B u adds grad Phi (grad L . u) */
TEST(the_hessian_product_is_the_slope_of_the_gradient) {
  rn_graph *g;
  rn_run *run = fresh(&g);
  rn_policy *p = table_policy(run, 4, 3);
  static const int s[] = {0, 2, 3, 2, 1}, a[] = {1, 0, 2, 2, 1}, of[] = {0, 0, 0, 0, 0};
  rn_real G[] = {2.5, 1.5, -.7, .4, .1}, one[] = {1, 1, 1, 1, 1}, u[12], Hu[12], up[12], down[12], Bu[12], gL[12], gPhi[12];
  double theta[12], shifted[12], h = 1e-5, along = 0;
  rn_key key = rn_key_new(4, "t", 0, 0);
  for (int i = 0; i < 12; i++) theta[i] = rn_normal64(&key), u[i] = rn_normal64(&key);
  set(p, theta);
  rn_node *logp = logp_of(g, p, 5, s, a);
  rn_trajectories t = {.n = 1, .rows = 5, .of = of, .weight = G};
  rn_hessian_times(rn_dot(logp, G), p->net, u, Hu), rn_hessian_sample(logp, &t, p->net, u, Bu);
  rn_gradient(rn_dot(logp, G), p->net, gPhi), rn_gradient(rn_dot(logp, one), p->net, gL);
  for (int i = 0; i < 12; i++) along += gL[i] * u[i];
  for (int side = 0; side < 2; side++) {
    for (int i = 0; i < 12; i++) shifted[i] = theta[i] + (side ? -h : h) * u[i];
    set(p, shifted);
    rn_gradient(rn_dot(logp_of(g, p, 5, s, a), G), p->net, side ? down : up);
  }
  for (int i = 0; i < 12; i++) {
    CHECK_NEAR(Hu[i], (up[i] - down[i]) / (2 * h), 1e-6, "entry %d", i);
    CHECK_NEAR(Bu[i], Hu[i] + along * gPhi[i], 1e-12, "B u, entry %d", i);
  }
  rn_graph_free(g), rn_run_free(run);
}

static const double NODE[] = {.0950125098376374, .2816035507792589, .4580167776572274, .6178762444026438, .7554044083550030, .8656312023878318,
                              .9445750230732326, .9894009349916499};
static const double WEIGHT[] = {.1894506104550685, .1826034150449236, .1691565193950025, .1495959888165767, .1246289712555339, .0951585116824928,
                                .0622535239386479, .0271524594117541};

/* E of B(tau, theta^) u over all trajectories of two steps of a two-state table, by enumeration. */
static void expected(rn_graph *g, const rn_mdp *m, rn_policy *p, const double *theta, const rn_real *u, double *out) {
  double pi[4];
  static const int of[] = {0, 0};
  rn_mdp_softmax(2, 2, theta, pi), set(p, theta), memset(out, 0, 4 * sizeof *out);
  for (int code = 0; code < 16; code++) {
    int s[] = {code & 1, code >> 1 & 1}, a[] = {code >> 2 & 1, code >> 3 & 1};
    double q = m->start[s[0]] * pi[s[0] * 2 + a[0]] * m->P[(s[0] * 2 + a[0]) * 2 + s[1]] * pi[s[1] * 2 + a[1]];
    rn_real G[2], Bu[4];
    G[1] = m->gamma * m->R[s[1] * 2 + a[1]], G[0] = m->R[s[0] * 2 + a[0]] + G[1];
    rn_place here = rn_mark(g);
    rn_trajectories t = {.n = 1, .rows = 2, .of = of, .weight = G};
    rn_hessian_sample(logp_of(g, p, 2, s, a), &t, p->net, u, Bu);
    for (int i = 0; i < 4; i++) out[i] += q * Bu[i];
    rn_rewind(g, here);
  }
}

/* (5) the mean over q of E v_t is grad J(theta_t) - grad J(theta_{t-1}): Gauss-Legendre in q, enumeration in tau */
TEST(the_mean_correction_is_the_change_of_the_gradient) {
  rn_graph *g;
  rn_run *run = fresh(&g);
  rn_policy *p = table_policy(run, 2, 2);
  rn_mdp *m = rn_mdp_random(2, 2, 2, 11);
  double now[] = {.9, -.4, .3, 1.2}, before[] = {-.2, .5, -.6, .4}, hat[4], e[4], sum[4] = {0}, to[4], from[4];
  rn_real u[4];
  for (int i = 0; i < 4; i++) u[i] = now[i] - before[i];
  for (int k = 0; k < 16; k++) {
    double q = .5 + (k < 8 ? .5 : -.5) * NODE[k % 8];
    for (int i = 0; i < 4; i++) hat[i] = q * now[i] + (1 - q) * before[i];
    expected(g, m, p, hat, u, e);
    for (int i = 0; i < 4; i++) sum[i] += WEIGHT[k % 8] / 2 * e[i];
  }
  rn_mdp_gradient(m, now, to, NULL, NULL), rn_mdp_gradient(m, before, from, NULL, NULL);
  for (int i = 0; i < 4; i++) CHECK_NEAR(sum[i], to[i] - from[i], 1e-9, "entry %d", i);
  CHECK(fabs(sum[0]) > 1e-3);
  rn_mdp_free(m), rn_graph_free(g), rn_run_free(run);
}

//---- whole runs --------------------------------------------------------------------------------------------------------------------------

static void same(const char *a, const char *b, const char *name) {
  rn_safetensors *x = last_checkpoint(a), *y = last_checkpoint(b);
  const rn_tensor *p = rn_safetensors_find(x, name), *q = rn_safetensors_find(y, name);
  CHECK_THAT(p && q && p->bytes == q->bytes, "%s is not in both", name);
  CHECK_THAT(memcmp(p->data, q->data, p->bytes) == 0, "%s differs", name);
  double size = 0;
  for (int64_t i = 0; i < p->count; i++) size += fabs(((const rn_real *)p->data)[i]);
  CHECK_THAT(size > .1, "%s has not moved", name);
  rn_safetensors_close(x), rn_safetensors_close(y);
}

#define SETTING " env=mdp:random(5,3,10,1) updates=40 evaluate=0 episodes=1 seed=3"
/* (1) eta = 1: N-PG-IGT is N-PG and HARPG is vanilla PG, bit for bit on the same trajectories */
TEST(without_momentum_the_methods_are_the_plain_ones) {
  same(trained("system=n-pg-igt eta=1" SETTING), trained("system=pg eta=1 normalised=true" SETTING), "pi.w");
  same(trained("system=harpg eta=1" SETTING), trained("system=pg eta=1 normalised=false" SETTING), "pi.w");
  same(trained("system=n-harpg eta=1 baseline=0" SETTING), trained("system=pg eta=1 normalised=true baseline=0" SETTING), "pi.w");
}

/* exact gradients: the gap to the optimum falls to what a stationary policy can reach */
TEST(exact_harpg_climbs_to_the_best_stationary_policy) {
  const char *run = trained("system=harpg/exact env=mdp:random(5,3,10,1) updates=4000 step=0.3 evaluate=0 episodes=1 seed=3");
  double gap = figure_of(run, "gap"), floor = figure_of(run, "best_stationary_gap");
  CHECK_THAT(gap < floor + .02 && gap > -1e-12, "gap %g, the best stationary policy's %g", gap, floor);
  const char *start = trained("system=harpg/exact env=mdp:random(5,3,10,1) updates=1 step=0 evaluate=0 episodes=1 seed=3");
  CHECK_THAT(figure_of(start, "gap") > 3 * gap + .1, "the uniform policy's gap is %g", figure_of(start, "gap"));
}

TEST(sampled_directions_err_less_with_momentum_and_extrapolation) {
#define AT " env=mdp:random(5,3,10,1) evaluate=0 episodes=1 seed=3 step=0.1"
  double one = figure_of(trained("system=pg eta=1 normalised=true updates=2000" AT), "direction_error");
  double momentum = figure_of(trained("system=pg eta=0 normalised=true updates=2000" AT), "direction_error");
  double hessian = figure_of(trained("system=n-harpg updates=1000" AT), "direction_error");
  CHECK_THAT(momentum < one / 10, "momentum %g, one sample %g", momentum, one);
  CHECK_THAT(hessian < one / 10, "n-harpg %g, one sample %g", hessian, one);
}

TEST(wrong_settings_are_refused) {
  static const char *const bad[][2] = {{"system=n-pg-igt eta=1.5 env=mdp:random(5,3,10,1)", "eta"},
                                       {"system=harpg env=mdp:random(5,3,10,1) policy=deterministic", "deterministic"},
                                       {"system=harpg/exact env=cartpole", "mdp:random"},
                                       {"system=harpg env=mdp:random(5,3)", "mdp:random(states,actions,horizon,seed)"},
                                       {"system=harpg", "env"}};
  for (int i = 0; i < RN_COUNT(bad); i++) {
    rn_error err = {0};
    char *folder = rn_printed("%s/run", test_folder());
    rn_code code = train_code(folder, bad[i][0], &err);
    CHECK_THAT(code == RN_INPUT, "%s: %d", bad[i][0], code); CHECK_TEXT(err.text, bad[i][1]);
    rn_free(folder);
  }
}
