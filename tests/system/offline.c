/* Unit checks of the offline family: facts whose numbers can be worked out by hand. */
#include "log.h"

TEST(iql_finds_the_exact_values_of_three_states) {      // gamma 1/2, expectile 0.9, beta 3
  static const row rows[] = {            // state, action, reward, next, terminated, truncated
    {0, -1, 1, 0, 1, 0}, {0, 1, 0, 1, 0, 0},   // 0: take 1 and end, or go to 1: Q = 1, 4/2; V = 0.9 2 + 0.1 1
    {1, -1, 4, 1, 1, 0}, {2, 1, 1, 2, 0, 1},   // 1: V = 4.  2: 1 for ever, cut by the clock: V = 1/(1 - 1/2)
  };
  char *log = log_of(rows, RN_COUNT(rows)), folder[600];
  train("iql", log, "gamma=0.5 expectile=0.9 beta=3 hidden=32 lr=1e-3 offline=12000 seed=1 normalise=none cosine=false", folder, sizeof folder);
  CHECK_NEAR(value_at(folder, "v", 0, NULL), 1.9, 0.02, "expectile"), CHECK_NEAR(value_at(folder, "v", 1, NULL), 4, 0.02, "end");
  CHECK_NEAR(value_at(folder, "v", 2, NULL), 2, 0.02, "a time limit is not an end");
  CHECK_NEAR(value_at(folder, "act", 0, NULL), tanh(1.5), 0.02, "actions -1 and 1 have weights in the ratio exp(3 (2 - 1))");
  rn_free(log);
}

TEST(iql_with_beta_0_is_behaviour_cloning) {            // equal weights: the mean of 3 actions of 0.5 and one of -0.5
  static const row rows[] = {{0, .5, 1, 0, 1, 0}, {0, .5, 0, 0, 1, 0}, {0, .5, 3, 0, 1, 0}, {0, -.5, 9, 0, 1, 0}};
  char *log = log_of(rows, RN_COUNT(rows)), folder[600];
  train("iql", log, "beta=0 hidden=16 lr=3e-3 offline=2000 seed=1 normalise=none", folder, sizeof folder);
  CHECK_NEAR(value_at(folder, "act", 0, NULL), .25, 0.02, "mean action");
  rn_free(log);
}

TEST(bc_finds_the_least_squares_of_a_line) {            // a = 0.1 + 0.6 s exactly: the deterministic class must reproduce it
  row rows[41];
  for (int i = 0; i < 41; i++) rows[i] = (row){-1 + .05 * i, .1 + .6 * (-1 + .05 * i), 0, 0, 1, 0};
  char *log = log_of(rows, 41), folder[600];
  train("bc", log, "policy=deterministic hidden=32 lr=2e-3 batch=64 offline=4000 seed=2 normalise=none", folder, sizeof folder);
  for (double s = -.9; s < 1; s += .3) CHECK_NEAR(value_at(folder, "act", s, NULL), .1 + .6 * s, 5e-3, "state %g", s);
  rn_free(log);
}

TEST(td3bc_with_alpha_0_is_behaviour_cloning_and_with_a_large_one_climbs_the_value) {
  row rows[40];                                         // reward is 1 - (a - 0.5)^2, the log's actions average 0
  for (int i = 0; i < 40; i++) rows[i] = (row){0, -1 + i / 19.5, 1 - pow(-1 + i / 19.5 - .5, 2), 0, 1, 0};
  char *log = log_of(rows, 40), folder[600];
  train("td3bc", log, "alpha=0 hidden=32 lr=1e-3 batch=64 offline=4000 seed=1 normalise=none", folder, sizeof folder);
  CHECK_NEAR(value_at(folder, "act", 0, NULL), 0, 0.03, "imitation alone");
  train("td3bc", log, "alpha=400 hidden=32 lr=1e-3 batch=64 offline=8000 seed=1 normalise=none", folder, sizeof folder);
  CHECK_NEAR(value_at(folder, "act", 0, NULL), .5, 0.06, "the best action");
  rn_free(log);
}
