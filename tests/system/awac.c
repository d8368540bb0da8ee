/* AWAC: with one state and rewards that are known the weights are exp(A / lambda), and a large lambda is behaviour cloning. */
#include "log.h"

static const row ROWS[] = {{0, -.5, 0, 0, 1, 0}, {0, .5, 1, 0, 1, 0}};          // Q(-.5) = 0, Q(.5) = 1

TEST(awac_with_a_large_lambda_is_behaviour_cloning) {
  char *log = log_of(ROWS, 2), folder[600];
  train("awac", log, "lambda=1e6 hidden=32 lr=2e-3 batch=64 offline=3000 seed=1 normalise=none", folder, sizeof folder);
  CHECK_NEAR(value_at(folder, "act", 0, NULL), 0, .03, "the mean of both actions");
  rn_free(log);
}

TEST(awac_weighs_the_log_by_the_ratio_of_exponentials) {        // the policy's own sample cancels: weights e^(1/lambda) : 1
  char *log = log_of(ROWS, 2), folder[600];
  train("awac", log, "lambda=1 hidden=32 lr=1e-3 batch=64 offline=6000 seed=1 normalise=none", folder, sizeof folder);
  double share = exp(1) / (1 + exp(1));
  CHECK_NEAR(value_at(folder, "act", 0, NULL), .5 * (2 * share - 1), .05, "weighted mean action");
  CHECK_NEAR(value_at(folder, "q", 0, (double[]){.5}), 1, .05, "the critic knows the better action");
  rn_free(log);
}
