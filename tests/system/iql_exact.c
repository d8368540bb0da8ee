/* S105 on tables: part A's two junctions and the unit checks 1 and 2. */
#include "trained.h"

#define JUNCTION "system=iql/exact env=mdp:claims/two-junction.json slots.behaviour=[0.25,0.25,0.45,0.05,0,0] evaluate=0 episodes=1"

// V(J) = 1, 5, 9.1667 for expectile .5, .9, .99; Q(up) = .9 of it against Q(down) = 3
TEST(the_two_junctions_have_the_known_values) {
  static const char *const words[] = {JUNCTION " expectile=0.5", JUNCTION " expectile=0.9", JUNCTION " expectile=0.99"};
  static const double V[] = {1, 5, 9.1666666667}, Q[] = {.9, 4.5, 8.25}, greedy[] = {1, 0, 0};
  for (int i = 0; i < 3; i++) {
    const char *run = trained(words[i]);
    CHECK_NEAR(figure_of(run, "V.1"), V[i], 1e-9, "V(J)"); CHECK_NEAR(figure_of(run, "Q.0.0"), Q[i], 1e-9, "up");
    CHECK_NEAR(figure_of(run, "Q.0.1"), 3, 1e-12, "down"); CHECK_NEAR(figure_of(run, "greedy.0"), greedy[i], 0, "choice");
  }
}

static const char *bandit(const char *rewards, const char *shares, const char *expectile) {
  rn_error err = {0};
  const char *folder = test_folder();
  char *path = rn_printed("%s/bandit.json", folder), *row = rn_printed("%s", "");
  int A = 1;
  for (const char *c = rewards; *c; c++) A += *c == ',';
  rn_text P = {0};
  for (int a = 0; a < A; a++) rn_say_text(&P, a ? ", [0, 1]" : "[0, 1]");
  char *zeros = rn_printed("%.*s", 3 * A - 2, "0, 0, 0, 0, 0");
  char *text = rn_printed("{\"P\": [[%s], [%s]], \"R\": [[%s], [%s]], \"start\": [1, 0], \"gamma\": 0.9, \"end\": [1]}", P.at, P.at, rewards, zeros);
  CHECK(rn_write_file(path, text, strlen(text), &err));
  char *words = rn_printed("system=iql/exact env=mdp:%s slots.behaviour=[%s] expectile=%s evaluate=0 episodes=1", path, shares, expectile);
  const char *run = rn_printed("%s/run", folder);
  CHECK_THAT(train_code(run, words, &err) == RN_OK, "%s", err.text);
  rn_free(path), rn_free(row), rn_free(P.at), rn_free(zeros), rn_free(text), rn_free(words);
  return run;
}

// (1) expectile of {0, 1} at .9 is .9, of {1, 2, 3, 4} at .7 is 2.9   (2) Q = (1, 0), tau .7: V = .7
TEST(expectiles_are_the_known_ones) {
  CHECK_NEAR(figure_of(bandit("0, 1", "0.5,0.5,0,0", "0.9"), "V.0"), .9, 1e-12, "two values");
  CHECK_NEAR(figure_of(bandit("1, 2, 3, 4", "0.25,0.25,0.25,0.25,0,0,0,0", "0.7"), "V.0"), 2.9, 1e-12, "four values");
  CHECK_NEAR(figure_of(bandit("1, 0", "0.5,0.5,0,0", "0.7"), "V.0"), .7, 1e-12, "check 2");
}

TEST(wrong_settings_are_refused) {
  static const char *const bad[][2] = {{"system=iql/exact env=mdp:claims/two-junction.json slots.behaviour=[0.5,0.5]", "3 states x 2 actions"},
                                       {"system=iql/exact env=mdp:random(3,2,5,1) slots.behaviour=[0.25,0.25,0.25,0.25,0,0]", "gamma in place of a horizon"},
                                       {"system=iql/exact env=cartpole slots.behaviour=[1]", "is no table"},
                                       {"system=iql/exact env=mdp:claims/two-junction.json slots.behaviour=[0.25,0.25,0.45,0.05,0,0] expectile=1.5", "expectile"}};
  for (int i = 0; i < RN_COUNT(bad); i++) {
    rn_error err = {0};
    char *folder = rn_printed("%s/run", test_folder());
    rn_code code = train_code(folder, bad[i][0], &err);
    CHECK_THAT(code == RN_INPUT, "%s: %d %s", bad[i][0], code, err.text); CHECK_TEXT(err.text, bad[i][1]);
    rn_free(folder);
  }
}
