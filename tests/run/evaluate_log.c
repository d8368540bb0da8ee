/* A run judged on a log: what is refused, what the figures are, and that they agree with what the environment says. */
#include "micro.h"
#include "../../src/run/session.h"

static char names[32][700];                              // of files and folders, in turn
static int named;

static const char *made(const char *env, const char *policy, int episodes, const char *name) {
  char *path = names[named++ % RN_COUNT(names)];
  snprintf(path, sizeof names[0], "%s/%s.safetensors", test_folder(), name);
  rn_error err = {0};
  rn_data_order order = {.env = env, .policy = policy, .episodes = episodes, .seed = 11, .out = path, .threads = 1};
  CHECK_THAT(rn_data_make(&order, &err) == RN_OK, "%s", err.text);
  return path;
}

static const char *trained(const char *system, const char *data, const char *options) {
  rn_recipe *r = rn_recipe_new(system);
  rn_error err = {0};
  rn_recipe_put(r, "data", data, "test");
  char text[512], *save = NULL, *folder = names[named++ % RN_COUNT(names)];
  snprintf(folder, sizeof names[0], "%s/run", test_folder());
  snprintf(text, sizeof text, "%s", options);
  for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save)) CHECK_THAT(rn_recipe_set(r, w, &err), "%s", err.text);
  CHECK_THAT(rn_recipe_check(r, rn_system_find(system), &err), "%s", err.text);
  CHECK_THAT(rn_train(r, &(rn_train_options){.folder = folder, .threads = 1}, &err) == RN_OK, "%s", err.text);
  rn_recipe_free(r);
  return folder;
}

static double figure(const rn_evaluation *e, const char *name, double *low, double *high) {
  for (int i = 0; i < e->figures; i++)
    if (strcmp(e->figure[i].name, name) == 0) {
      if (low) *low = e->figure[i].low, *high = e->figure[i].high;
      return e->figure[i].value;
    }
  test_fail(__FILE__, __LINE__, "no figure '%s'", name);
}

static void judged(const char *folder, const char *data, rn_evaluation *out) {
  rn_error err = {0};
  session *s = session_load(folder, &(session_plan){0}, NULL, &err);
  *out = (rn_evaluation){0};
  CHECK_THAT(s && evaluate_log_in(s, data, 800, out, &err), "%s", err.text);
  session_free(s);
}

static void refused(const char *folder, const char *data, const char *why) {
  rn_evaluation e;
  rn_error err = {0};
  CHECK(rn_evaluate_run(&(rn_evaluate_options){.folder = folder, .data = data}, &e, &err) == RN_INPUT);
  CHECK_TEXT(err.text, why);
  CHECK_TEXT(err.text, data);
  rn_evaluation_free(&e);
}

TEST(a_clone_of_the_behaviour_has_its_value) {           // ten steps, choices, gamma .99: bc learns the uniform policy
  const char *env = "mdp:random(5,3,10,7)", *log = made(env, "random", 400, "log"), *held = made(env, "random", 401, "held");
  const char *folder = trained("bc", log, "policy=categorical hidden=none lr=1e-2 offline=600 batch=256 seed=1");
  rn_evaluation e, again;
  judged(folder, held, &e);
  double low, high, wide, mean = figure(&e, "behaviour value", &low, &high), wis = figure(&e, "wis", NULL, NULL);
  printf("behaviour %.4f [%.4f, %.4f], fqe sampled %.4f, wis %.4f, effective %.1f\n%s\n", mean, low, high, figure(&e, "fqe sampled", NULL, NULL), wis,
         figure(&e, "effective sample size", NULL, NULL), e.note);
  wide = high - low;
  CHECK(e.episodes == 401 && figure(&e, "discount", NULL, NULL) == 0.99);
  CHECK_THAT(figure(&e, "behaviour return", NULL, NULL) > mean, "no discount, larger return");
  CHECK_THAT(fabs(wis - mean) < wide && fabs(figure(&e, "fqe sampled", NULL, NULL) - mean) < wide, "all of one policy");
  CHECK(figure(&e, "effective sample size", NULL, NULL) > 200);
  CHECK_TEXT(e.note, "discounted"); CHECK_TEXT(e.note, "fitted to the log"); CHECK_THAT(!strstr(e.note, "warning"), "%s", e.note);
  judged(folder, held, &again);
  CHECK(again.figures == e.figures);
  for (int i = 0; i < e.figures; i++) CHECK_THAT(memcmp(&e.figure[i], &again.figure[i], sizeof e.figure[i]) == 0, "%s differs", e.figure[i].name);
  rn_evaluation_free(&e), rn_evaluation_free(&again);
}

TEST(estimates_that_disagree_are_warned_of) {             // a log whose behaviour_logp lies: episodes that earn more count for more
  const char *env = "mdp:random(5,3,10,7)", *log = made(env, "random", 400, "log"), *held = made(env, "random", 401, "held");
  const char *folder = trained("bc", log, "policy=categorical hidden=none lr=1e-2 offline=600 batch=256 seed=1");
  rn_error err = {0};
  rn_table *t = rn_table_load(held, NULL, &err);
  CHECK_THAT(t, "%s", err.text);
  rn_table_add_column(t, (rn_field){"behaviour_logp", RN_F32, 1, NULL});
  for (int64_t row = 0; row < rn_table_rows(t); row++) {
    float r;
    rn_gather(t, "reward", 1, &row, &r), *(float *)rn_table_write(t, "behaviour_logp", row) = -1.0986f - r;
  }
  char *path = rn_printed("%s/lies.safetensors", test_folder());
  CHECK_THAT(rn_write_safetensors_table(t, path, &err), "%s", err.text);
  rn_evaluation e;
  judged(folder, path, &e);
  CHECK(figure(&e, "effective sample size", NULL, NULL) > 10 && figure(&e, "wis", NULL, NULL) > 1.2 * figure(&e, "behaviour value", NULL, NULL));
  CHECK_TEXT(e.note, "the log's column behaviour_logp"); CHECK_TEXT(e.note, "warning: fqe sampled and wis disagree");
  rn_evaluation_free(&e), rn_table_free(t), rn_free(path);
}

TEST(one_action_for_each_state_has_no_weights_and_scaled_rewards_are_not_seen) {
  const char *log = made("pendulum", "random", 10, "log");
  const char *folder = trained("bc", log, "policy=deterministic hidden=16 offline=50 batch=32 seed=1");
  rn_evaluation e, scaled;
  judged(folder, log, &e);
  CHECK(isnan(figure(&e, "wis", NULL, NULL)) && isnan(figure(&e, "effective sample size", NULL, NULL)));
  CHECK_TEXT(e.note, "wis is not available: a deterministic policy");
  double low, high, v = figure(&e, "fqe", &low, &high);
  CHECK_THAT(v < -100 && low < v && v < high, "%g %g %g", low, v, high);
  folder = trained("bc", log, "policy=deterministic hidden=16 offline=50 batch=32 seed=1 reward_scale=0.01 reward_bias=3");
  judged(folder, log, &scaled);
  CHECK(figure(&scaled, "fqe", NULL, NULL) == v);
  CHECK_TEXT(scaled.note, "reward_scale 0.01 and reward_bias 3 are not applied");
  rn_evaluation_free(&e), rn_evaluation_free(&scaled);
}

TEST(logs_of_other_shapes_bounds_and_choices_are_refused) {
  const char *folder = trained("bc", made("pendulum", "random", 3, "log"), "hidden=16 offline=5 batch=8 seed=1");
  refused(folder, "nowhere.safetensors", "can't be read");
  refused(folder, made("cartpole", "random", 3, "cartpole"), "observations have 4 columns, the run's have 3");
  refused(folder, made("mdp:random(3,2,5,1)", "random", 3, "choices"), "actions are choices, the run's are numbers");
  rn_error err = {0};
  rn_table *t = rn_table_load(made("pendulum", "random", 3, "other"), NULL, &err);
  CHECK_THAT(t, "%s", err.text);
  char *path = rn_printed("%s/bounds.safetensors", test_folder());
  rn_table_set_bounds(t, (float[]){-3}, (float[]){3});
  CHECK(rn_write_safetensors_table(t, path, &err)), refused(folder, path, "action column 0 lies in -3 .. 3, the run's in -2 .. 2");
  rn_table_free(t), rn_free(path);
  folder = trained("bc", made("mdp:random(3,2,5,1)", "random", 10, "log"), "policy=categorical hidden=16 offline=5 batch=8 seed=1");
  refused(folder, made("mdp:random(3,4,5,1)", "random", 10, "more"), "there are 4 choices, the run has 2");
}

TEST(few_effective_episodes_are_warned_of) {
  const char *env = "mdp:random(5,3,10,7)", *log = made(env, "random", 300, "log");
  const char *folder = trained("iql", log, "policy=categorical hidden=32 offline=1500 batch=64 beta=20 lr=3e-3 seed=1"), *few = made(env, "random", 12, "few");
  rn_evaluation e;
  judged(folder, few, &e);
  printf("%s\n", e.note);
  CHECK(figure(&e, "effective sample size", NULL, NULL) < 10);
  CHECK_TEXT(e.note, "warning: the effective sample size is");
  rn_evaluation_free(&e);
}
