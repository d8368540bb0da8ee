/* Preference matrices and the regularised game: S092's unit checks 1 to 5. */
#include "rein/tabular.h"
#include "test.h"

static double *matrix(const char *name, int *n) {
  rn_error err = {0};
  double *P = rn_preferences(name, n, &err);
  CHECK_THAT(P, "%s", err.text);
  return P;
}

static void equilibrium(const char *name, double beta, double a, double b, double c) {
  static const double ref[] = {.6, .3, .1};
  int n;
  double *P = matrix(name, &n), p[3];
  rn_regularised_equilibrium(3, P, ref, beta, p);
  CHECK_NEAR(p[0], a, 1e-8, "%s %g", name, beta); CHECK_NEAR(p[1], b, 1e-8, "%s %g", name, beta); CHECK_NEAR(p[2], c, 1e-8, "%s %g", name, beta);
  CHECK_NEAR(rn_regularised_exploitability(3, P, ref, beta, p), 0, 1e-12, "nobody gains against it");
  rn_free(P);
}

TEST(equilibria_are_the_known_ones) {
  equilibrium("prefmat:rps", .1, .43206532, .23032931, .33760536);
  equilibrium("prefmat:rps", .02, .34926151, .30976336, .34097513);
  equilibrium("prefmat:cyc3", .5, .68399557, .18468497, .13131946);
  equilibrium("prefmat:cyc3", .1, .53517925, .07503501, .38978574);
  equilibrium("prefmat:cyc3", .05, .32932391, .12116035, .54951573);
}

// P = .8, uniform ref, beta .5: equilibrium sigma(.6), first half step from uniform with eta 1 at .57444252
TEST(two_actions_have_a_closed_form) {
  static const double P[] = {.5, .8, .2, .5}, ref[] = {.5, .5};
  double p[2], half[2];
  rn_regularised_equilibrium(2, P, ref, .5, p);
  CHECK_NEAR(p[0], .64565631, 1e-8, "sigma(.6)"); CHECK_NEAR(p[0], 1 / (1 + exp(-.6)), 1e-14, "sigma(.6)");
  rn_prox(2, P, ref, .5, 1, ref, ref, half);
  CHECK_NEAR(half[0], .57444252, 1e-8, "half step");
}

TEST(a_judge_without_preference_leads_to_the_reference) {
  double P[9], ref[] = {.6, .3, .1}, p[] = {.1, .1, .8}, q[3];
  for (int i = 0; i < 9; i++) P[i] = .5;
  rn_prox(3, P, ref, .1, .2, p, p, q);
  for (int i = 0; i < 3; i++) CHECK_NEAR(log(q[i] / q[0]), (log(p[i] / p[0]) / .2 + log(ref[i] / ref[0])) / 6, 1e-12, "geometric mixture %d", i);
  for (int k = 0; k < 400; k++) rn_prox(3, P, ref, .1, .2, p, p, p);
  for (int i = 0; i < 3; i++) CHECK_NEAR(p[i], ref[i], 1e-12, "limit %d", i);
}

TEST(permuting_actions_permutes_iterates) {
  static const int to[] = {2, 0, 3, 1};
  int n;
  double *P = matrix("prefmat:skew(4,3)", &n), Q[16], ref[] = {.4, .3, .2, .1}, rq[4], p[4], q[4];
  for (int i = 0; i < 4; i++) { rq[to[i]] = ref[i]; for (int j = 0; j < 4; j++) Q[to[i] * 4 + to[j]] = P[i * 4 + j]; }
  memcpy(p, ref, sizeof p), memcpy(q, rq, sizeof q);
  for (int k = 0; k < 5; k++) {
    rn_prox(4, P, ref, .05, .1, p, p, p), rn_prox(4, Q, rq, .05, .1, q, q, q);
    for (int i = 0; i < 4; i++) CHECK_NEAR(q[to[i]], p[i], 1e-13, "iterate %d", k);
  }
  rn_free(P);
}

TEST(named_matrices_are_antisymmetric_and_as_written) {
  static const char *const names[] = {"prefmat:rps", "prefmat:cyc3", "prefmat:rpsls", "prefmat:skew(50,2)", "prefmat:bt(20,2)"};
  for (int k = 0; k < RN_COUNT(names); k++) {
    int n;
    double *P = matrix(names[k], &n);
    for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) CHECK_NEAR(P[i * n + j] + P[j * n + i], 1, 1e-15, "%s", names[k]);
    rn_free(P);
  }
  int n;
  double *P = matrix("prefmat:rps", &n);
  CHECK(P[1] == 1 && P[5] == 1 && P[6] == 1);                  // 0 beats 1, 1 beats 2, 2 beats 0
  rn_free(P);
  P = matrix("prefmat:rpsls", &n);
  for (int i = 0; i < 5; i++) {                                // each beats two and loses to two
    double sum = 0;
    for (int j = 0; j < 5; j++) sum += P[i * 5 + j];
    CHECK_NEAR(sum, 2.5, 0, "row %d", i);
  }
  CHECK(P[0 * 5 + 2] == 1 && P[0 * 5 + 4] == 1 && P[3 * 5 + 0] == 1 && P[4 * 5 + 1] == 1 && P[4 * 5 + 3] == 1);
  rn_free(P);
}

TEST(wrong_judges_are_refused) {
  static const char *const bad[][2] = {{"rps", "prefmat:rps"}, {"prefmat:rsp", "did you mean 'rps'"}, {"prefmat:skew(0,1)", "skew(n,seed)"},
                                       {"prefmat:skew(5)", "skew(n,seed)"}, {"prefmat:bt(3,1)x", "bt(n,seed)"}};
  int n;
  for (int i = 0; i < RN_COUNT(bad); i++) {
    rn_error err = {0};
    CHECK(!rn_preferences(bad[i][0], &n, &err) && err.code == RN_INPUT); CHECK_TEXT(err.text, bad[i][1]);
  }
  static const char *const text[][2] = {{"[[0.5, 0.9], [0.2, 0.5]]", "depend on the order"}, {"[[0.5, 0.5]]", "square"},
                                        {"[[0.5, 1.5], [-0.5, 0.5]]", "is no probability"}};
  for (int i = 0; i < RN_COUNT(text); i++) {
    rn_error err = {0};
    char path[400], name[420];
    snprintf(path, sizeof path, "%s/p.json", test_folder()), snprintf(name, sizeof name, "prefmat:%s", path);
    CHECK(rn_write_file(path, text[i][0], strlen(text[i][0]), &err));
    CHECK(!rn_preferences(name, &n, &err)); CHECK_TEXT(err.text, text[i][1]);
  }
}

TEST(distributions_are_read_and_checked) {
  rn_error err = {0};
  int n = 4;
  double *p = rn_distribution("uniform", &n, &err);
  CHECK_NEAR(p[3], .25, 0, "uniform");
  rn_free(p);
  p = rn_distribution("[0.6,0.3,0.1]", &n, &err);
  CHECK(n == 3); CHECK_NEAR(p[1], .3, 1e-15, "given");
  rn_free(p);
  static const char *const bad[] = {"[0.6,0.3]", "[1.5,-0.5]", "0.3", "[[1]]", "[1", "{}"};
  for (int i = 0; i < RN_COUNT(bad); i++) {
    err = (rn_error){0};
    CHECK_THAT(!rn_distribution(bad[i], &n, &err) && err.code == RN_INPUT, "accepted %s", bad[i]);
  }
}
