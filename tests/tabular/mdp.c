/* Tables: the numbers of the catalogue's B1, one result by two routes, and refusals of wrong files. */
#include "rein/tabular.h"
#include "test.h"
#include <stdlib.h>

// 2 states, gamma .9 (B1): everything has a number computed elsewhere
static rn_mdp *two_states(void) {
  static const double P[] = {1, 0, .2, .8, .1, .9, 1, 0}, R[] = {.1, 0, 1, 0};
  rn_mdp *m = rn_mdp_new(2, 2, 0, .9);
  memcpy(m->P, P, sizeof P), memcpy(m->R, R, sizeof R);
  m->start[0] = m->start[1] = .5;
  return m;
}

TEST(policy_iteration_and_value_iteration_give_the_known_optimum) {
  static const double V[] = {7.91208791, 9.01098901}, Q[] = {7.22087912, 7.91208791, 9.01098901, 7.12087912};
  rn_mdp *m = two_states();
  double v[2], q[4], u[2];
  int greedy[2];
  double J = rn_mdp_best(m, v, q, greedy), K = rn_mdp_value_iteration(m, 1e-10, u, NULL);
  for (int i = 0; i < 2; i++) { CHECK_NEAR(v[i], V[i], 1e-8, "V"); CHECK_NEAR(u[i], V[i], 1e-8, "V by value iteration"); }
  for (int i = 0; i < 4; i++) CHECK_NEAR(q[i], Q[i], 1e-8, "Q");
  CHECK(greedy[0] == 1 && greedy[1] == 0);
  CHECK_NEAR(.1 * J, .84615385, 1e-8, "LP objective (1 - gamma) J"); CHECK_NEAR(K, J, 1e-9, "both ways");
  double pi[] = {0, 1, 1, 0}, d[4];
  rn_mdp_occupancy(m, pi, d);
  CHECK_NEAR(.1 * d[1], .15384615, 1e-8, "d(0)"); CHECK_NEAR(.1 * d[2], .84615385, 1e-8, "d(1)"); CHECK_NEAR(d[0] + d[3], 0, 1e-15, "never");
  rn_mdp_free(m);
}

TEST(uniform_softmax_policy_has_the_known_gradient) {
  static const double G[] = {-.34136263, .34136263, 1.48295003, -1.48295003};
  rn_mdp *m = two_states();
  double theta[4] = {0}, g[4];
  CHECK_NEAR(rn_mdp_gradient(m, theta, g, NULL, NULL), 2.43193717, 1e-8, "J");
  for (int i = 0; i < 4; i++) CHECK_NEAR(g[i], G[i], 1e-8, "gradient %d", i);
  rn_mdp_free(m);
}

TEST(soft_values_are_the_known_ones) {
  static const double PI[] = {.23232948, .76767052, .97260466, .02739534}, Q[] = {7.56819432, 8.16579636, 9.25299662, 7.46819432};
  rn_mdp *m = two_states();
  double pi[4], q[4];
  rn_mdp_soft_best(m, .5, pi, q);
  for (int i = 0; i < 4; i++) { CHECK_NEAR(pi[i], PI[i], 1e-8, "pi %d", i); CHECK_NEAR(q[i], Q[i], 1e-8, "Q %d", i); }
  rn_mdp_free(m);
}

static void some(int n, uint64_t seed, double scale, double *x) {
  rn_key key = rn_key_new(seed, "test", 0, 0);
  for (int i = 0; i < n; i++) x[i] = scale * rn_normal64(&key);
}

// one result by two routes: analytic derivatives against differences of J and of the gradient
static void derivatives(rn_mdp *m, uint64_t seed) {
  int n = m->S * m->A;
  double theta[64], g[64], u[64], Hu[64], up[64], down[64], h = 1e-5;
  some(n, seed, 1, theta), some(n, seed + 1, 1, u);
  rn_mdp_gradient(m, theta, g, u, Hu);
  for (int i = 0; i < n; i++) {
    double was = theta[i];
    theta[i] = was + h;
    double high = rn_mdp_gradient(m, theta, NULL, NULL, NULL);
    theta[i] = was - h;
    double low = rn_mdp_gradient(m, theta, NULL, NULL, NULL);
    theta[i] = was;
    CHECK_NEAR(g[i], (high - low) / (2 * h), 1e-8, "gradient %d", i);
  }
  for (int i = 0; i < n; i++) up[i] = theta[i] + h * u[i], down[i] = theta[i] - h * u[i];
  double gu[64], gd[64];
  rn_mdp_gradient(m, up, gu, NULL, NULL), rn_mdp_gradient(m, down, gd, NULL, NULL);
  for (int i = 0; i < n; i++) CHECK_NEAR(Hu[i], (gu[i] - gd[i]) / (2 * h), 2e-8, "product %d", i);
}

TEST(gradient_and_hessian_product_are_slopes) {
  static const int size[][3] = {{1, 2, 1}, {5, 3, 10}, {4, 2, 0}, {3, 5, 7}, {6, 1, 3}};
  for (int k = 0; k < RN_COUNT(size); k++) {
    rn_mdp *m = rn_mdp_random(size[k][0], size[k][1], size[k][2], (uint64_t)k);
    derivatives(m, (uint64_t)k);
    if (m->S > 2) {                                                 // and with an end that is entered
      m->end[m->S - 1] = 1;
      for (int s = 0; s < m->S; s++) m->start[s] = s < m->S - 1 ? 1.0 / (m->S - 1) : 0;
      derivatives(m, (uint64_t)k + 9);
    }
    rn_mdp_free(m);
  }
}

// J = sum over (s, a) of occupancy times R, whatever the horizon
TEST(the_occupancy_pays_the_value) {
  for (int H = 0; H < 12; H += 11) {
    rn_mdp *m = rn_mdp_random(5, 3, H, 3);
    double theta[15], pi[15], d[15], sum = 0, mass = 0;
    some(15, 4, 1, theta), rn_mdp_softmax(5, 3, theta, pi), rn_mdp_occupancy(m, pi, d);
    for (int i = 0; i < 15; i++) sum += d[i] * m->R[i], mass += d[i];
    CHECK_NEAR(sum, rn_mdp_value(m, pi, NULL, NULL), 1e-12, "H %d", H);
    CHECK_NEAR(mass, (1 - (H ? pow(.95, H) : 0)) / .05, 1e-10, "H %d", H);
    rn_mdp_free(m);
  }
}

// no policy does better than J*, and among all deterministic stationary ones the discounted optimum is attained
TEST(the_optimum_bounds_every_policy) {
  rn_mdp *m = rn_mdp_random(5, 3, 10, 7), *d = rn_mdp_random(5, 3, 0, 7);
  double best = rn_mdp_best(m, NULL, NULL, NULL), bestd = rn_mdp_best(d, NULL, NULL, NULL), top = 0, topd = 0;
  for (int code = 0; code < 243; code++) {
    double pi[15] = {0};
    for (int s = 0, c = code; s < 5; s++, c /= 3) pi[s * 3 + c % 3] = 1;
    top = fmax(top, rn_mdp_value(m, pi, NULL, NULL)), topd = fmax(topd, rn_mdp_value(d, pi, NULL, NULL));
  }
  CHECK(best >= top - 1e-12); CHECK_NEAR(bestd, topd, 1e-12, "discounted: a stationary policy is best");
  rn_mdp_free(m), rn_mdp_free(d);
}

// sampled returns agree with J: 200,000 episodes, standard error about .003
TEST(sampled_returns_agree_with_the_exact_value) {
  rn_mdp *m = rn_mdp_random(5, 3, 10, 7);
  double pi[15], sum = 0;
  for (int i = 0; i < 15; i++) pi[i] = 1.0 / 3;
  rn_key key = rn_key_new(1, "episodes", 0, 0);
  enum { N = 200000 };
  for (int e = 0; e < N; e++) {
    double discount = 1, r;
    int s = rn_mdp_start(m, &key);
    for (int h = 0; h < 10; h++, discount *= m->gamma) s = rn_mdp_step(m, s, (int)rn_below(&key, 3), &key, &r), sum += discount * r;
  }
  CHECK_NEAR(sum / N, rn_mdp_value(m, pi, NULL, NULL), .006, "mean return");
  rn_mdp_free(m);
}

// Dirichlet(.3) over 5: E p = .2, E p^2 = a (a + 1) / (5a (5a + 1)) = .3 1.3 / (1.5 2.5) = .104; E U^3 = 1/4, E U^6 = 1/7
TEST(random_instances_have_the_moments_of_their_law) {
  double p1 = 0, p2 = 0, r1 = 0, r2 = 0;
  int n = 0, k = 0;
  for (uint64_t seed = 0; seed < 2000; seed++) {
    rn_mdp *m = rn_mdp_random(5, 3, 10, seed);
    for (int i = 0; i < 75; i++, n++) p1 += m->P[i], p2 += m->P[i] * m->P[i];
    for (int i = 0; i < 15; i++, k++) r1 += m->R[i], r2 += m->R[i] * m->R[i];
    if (seed == 5) { rn_mdp *again = rn_mdp_random(5, 3, 10, 5); CHECK(!memcmp(m->P, again->P, 75 * sizeof(double))); rn_mdp_free(again); }
    rn_mdp_free(m);
  }
  CHECK_NEAR(p1 / n, .2, 1e-12, "rows sum to 1"); CHECK_NEAR(p2 / n, .104, .002, "E p^2");
  CHECK_NEAR(r1 / k, .25, .006, "E r"); CHECK_NEAR(r2 / k, 1.0 / 7, .006, "E r^2");
}

//---- files ----------------------------------------------------------------------------------------------------------------------

static rn_mdp *from(const char *text, rn_error *err) {
  char path[400];
  rn_error none = {0};
  snprintf(path, sizeof path, "%s/m.json", test_folder());
  CHECK(rn_write_file(path, text, strlen(text), &none));
  *err = (rn_error){0};
  return rn_mdp_named(path, err);
}

TEST(a_file_is_read_and_its_rewards_by_next_state_are_averaged) {
  rn_error err;
  rn_mdp *m = from("{\"P\": [[[0.25, 0.75], [1, 0]], [[0, 1], [0, 1]]], \"R\": [[[4, 8], [1, 0]], [[0, 0], [0, 0]]], \"end\": [1], \"horizon\": 3}", &err);
  CHECK_THAT(m, "%s", err.text);
  CHECK_NEAR(m->R[0], 7, 1e-15, ".25 4 + .75 8"); CHECK_NEAR(m->start[0], 1, 0, "an end is no start"); CHECK(m->gamma == 1 && m->H == 3);
  double pi[] = {1, 0, 1, 0}, V[2];                                   // 7 + 7/4 + 7/16
  CHECK_NEAR(rn_mdp_value(m, pi, V, NULL), 9.1875, 1e-14, "three steps"); CHECK_NEAR(V[1], 0, 0, "an end");
  rn_key key = rn_key_new(1, "r", 0, 0);
  double r;
  int t = rn_mdp_step(m, 0, 0, &key, &r);
  CHECK(r == (t ? 8 : 4));
  rn_mdp_free(m);
}

TEST(wrong_files_are_refused_with_their_place) {
  static const char *const bad[][2] = {
    {"{\"P\": [[[0.5, 0.6]], [[0, 1]]], \"R\": [[0], [0]], \"gamma\": 0.9}", "P[0][0] sums to 1.1"},
    {"{\"P\": [[[1.5, -0.5]], [[0, 1]]], \"R\": [[0], [0]], \"gamma\": 0.9}", "P[0][0] has the probability -0.5"},
    {"{\"P\": [[[1, 0]], [[0, 1]]], \"R\": [[0], [0]], \"gamma\": 1}", "some policy never ends"},
    {"{\"P\": [[[1, 0]], [[0, 1]]], \"R\": [[0], [0]], \"gamma\": 1.5}", "gamma 1.5 is outside"},
    {"{\"P\": [[[1, 0]], [[0, 1]]], \"R\": [[0, 1], [0, 1]], \"gamma\": 0.9}", "R is not [2][1]"},
    {"{\"P\": [[[1, 0]], [[0]]], \"R\": [[0], [0]], \"gamma\": 0.9}", "P[1][0] has another shape"},
    {"{\"P\": [[[1, 0]], [[0, \"x\"]]], \"R\": [[0], [0]], \"gamma\": 0.9}", "P[1][0][1] is not a finite number"},
    {"{\"P\": [[[1, 0]], [[0, 1]]], \"R\": [[0], [0]]}", "neither 'horizon' nor 'gamma'"},
    {"{\"P\": [[[1, 0]], [[0, 1]]], \"R\": [[0], [0]], \"gama\": 0.9}", "did you mean 'gamma'"},
    {"{\"P\": [[[1, 0]], [[0, 1]]], \"R\": [[0], [0]], \"gamma\": 0.9, \"end\": [2]}", "list of states 0 .. 1"},
    {"{\"P\": [[[1, 0]], [[0, 1]]], \"R\": [[0], [0]], \"gamma\": 0.9, \"start\": [1]}", "start is not [2]"},
    {"{\"P\": [[[1, 0]], [[0, 1]]], \"R\": [[0], [0]], \"gamma\": 0.9, \"start\": [0.5, 0.4]}", "start sums to 0.9"},
    {"{\"P\": [[[1, 0]], [[0, 1]]], \"R\": [[0], [0]], \"horizon\": 2.5}", "horizon 2.5"},
    {"{\"P\": [[[1, 0]], [[0, 1]]], \"R\": [[0], [0]], \"gamma\": 0.9", "m.json:1:"},
    {"[1, 2]", "is not an object"}};
  for (int i = 0; i < RN_COUNT(bad); i++) {
    rn_error err;
    rn_mdp *m = from(bad[i][0], &err);
    CHECK_THAT(!m && err.code == RN_INPUT, "accepted: %s", bad[i][0]);
    CHECK_TEXT(err.text, bad[i][1]);
  }
  rn_error err = {0};
  CHECK(!rn_mdp_named("random(5,3,10)", &err)); CHECK_TEXT(err.text, "mdp:random(states,actions,horizon,seed)");
  err = (rn_error){0};
  CHECK(!rn_mdp_named("random(0,3,10,1)", &err)); CHECK_TEXT(err.text, "1 .. 10,000");
  err = (rn_error){0};
  CHECK(!rn_mdp_named("/no/such.json", &err) && err.text[0]);
}
