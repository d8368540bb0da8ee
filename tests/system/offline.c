/* Unit checks of the offline family: facts whose numbers can be worked out by hand. */
#include "micro.h"
#include "rein/worlds.h"

typedef struct { double state, act, reward, next; int terminated, truncated; } row;

// a log of one-dimensional states written down here, as a file that the engine reads
static char *log_of(const row *rows, int n) {
  rn_field f[] = {{"obs", RN_F32, 1, NULL}, {"act", RN_F32, 1, NULL}, {"reward", RN_F32, 1, NULL}, {"terminated", RN_U8, 1, NULL},
                  {"truncated", RN_U8, 1, NULL}, {"next", RN_F32, 1, NULL}};
  rn_table *t = rn_table_new(RN_COUNT(f), f);
  float low = -1, high = 1;
  rn_table_set_bounds(t, &low, &high);
  for (int i = 0; i < n; i++) {
    int64_t at = rn_table_add(t, 1);
    *(float *)rn_table_write(t, "obs", at) = (float)rows[i].state, *(float *)rn_table_write(t, "act", at) = (float)rows[i].act;
    *(float *)rn_table_write(t, "reward", at) = (float)rows[i].reward, *(float *)rn_table_write(t, "next", at) = (float)rows[i].next;
    *(uint8_t *)rn_table_write(t, "terminated", at) = (uint8_t)rows[i].terminated, *(uint8_t *)rn_table_write(t, "truncated", at) = (uint8_t)rows[i].truncated;
    float last = (float)rows[i].next;
    rn_table_end(t, rows[i].terminated ? RN_END_TERMINATED : rows[i].truncated ? RN_END_TRUNCATED : RN_END_CUT, &last);
  }
  rn_error err = {0};
  char *path = rn_printed("%s/rows.safetensors", test_folder());
  CHECK_THAT(rn_write_safetensors_table(t, path, &err), "%s", err.text);
  rn_table_free(t);
  return path;
}

static void train(const char *system, const char *log, const char *options, char *folder_out, size_t room) {
  rn_recipe *r = rn_recipe_new(system);
  rn_error err = {0};
  rn_recipe_put(r, "data", log, "test");
  char text[512], *save = NULL;
  snprintf(text, sizeof text, "%s", options);
  for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save)) CHECK_THAT(rn_recipe_set(r, w, &err), "%s", err.text);
  CHECK_THAT(rn_recipe_check(r, rn_system_find(system), &err), "%s", err.text);
  snprintf(folder_out, room, "%s/run", test_folder());
  CHECK_THAT(rn_train(r, &(rn_train_options){.folder = folder_out, .threads = 1}, &err) == RN_OK, "%s", err.text);
  rn_recipe_free(r);
}

#include "../../src/run/session.h"

static double value_at(const char *folder, const char *block, double state, const double *act) {
  rn_error err = {0};
  session *s = session_load(folder, &(session_plan){0}, NULL, &err);
  CHECK_THAT(s, "%s", err.text);
  rn_graph_begin(s->g, rn_key_of(s->run, "test", 0, 0));
  float x = (float)state;
  rn_node *obs = session_observe(s, s->g, 1, &x, NULL), *out;
  if (strcmp(block, "act") == 0) {
    rn_obs in = {.mode = RN_EVALUATE, .obs = obs};
    rn_action a = {0};
    s->system->act(s->self, &in, &a), out = a.act;
  } else if (act) out = rn_min_all(rn_critics(rn_net_find(s->run, block), obs, rn_filled(s->g, 1, 1, *act)));
  else out = rn_value(rn_net_find(s->run, block), obs);
  double v = rn_scalar(out);
  session_free(s);
  return v;
}

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
