/* Promise 4: finite or stopped. A number that is not finite ends the run with 3 when it was born in training and with 2 when it came in a file; the message
 * has its node or column, update and world or row; the last good checkpoint stays and is gone on from. */
#include "micro.h"
#include "rein/data.h"
#include <dirent.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char env_source[] =
  "#include \"rein/env.h\"\n"
  "typedef struct { float x; int t, all; } place;\n"
  "static void reset(rn_env *e, int i, rn_key key) { place *p = (place *)e->state + i; p->x = rn_uniform(&key, -1, 1), p->t = 0; e->obs[2 * i] = p->x, e->obs[2 * i + 1] = 0; }\n"
  "static void step(rn_env *e, int from, int to) {\n"
  "  for (int i = from; i < to; i++) {\n"
  "    place *p = (place *)e->state + i;\n"
  "    p->x = 0.9f * p->x + 0.1f * e->act[i], p->t++, p->all++;\n"
  "    e->obs[2 * i] = p->x, e->obs[2 * i + 1] = (float)p->t / 20;\n"
  "    e->reward[i] = -p->x * p->x, e->truncated[i] = p->t >= 20;\n"
  "    if (p->all == 57) { e->WHAT = NAN; }\n"
  "  }\n"
  "}\n"
  "const rn_env_kind rn_env_user = {.abi = RN_ENV_ABI, .name = \"born-WORD\", .obs = {RN_BOX, {2}}, .act = {RN_BOX, {1}}, .state = sizeof(place), .limit = 20,\n"
  "  .reset = reset, .step = step};\n";

static char *replaced(const char *text, const char *word, const char *by) {
  rn_text t = {0};
  for (const char *at; (at = strstr(text, word)); text = at + strlen(word)) rn_say_bytes(&t, text, (size_t)(at - text)), rn_say_text(&t, "%s", by);
  rn_say_text(&t, "%s", text);
  return t.at;
}

// an environment whose 57th step is not a number
static char *bad_env(const char *folder, const char *what, const char *word) {
  rn_error err = {0};
  char *half = replaced(env_source, "WHAT", what), *source = replaced(half, "WORD", word);
  char *c = rn_printed("%s/%s.c", folder, word), *so = rn_printed("%s/%s.so", folder, word);
  CHECK_THAT(rn_write_file(c, source, strlen(source), &err), "%s", err.text);
  char *command = rn_printed("cc -std=c17 -O1 -shared -fPIC -I '%s/include' -o '%s' '%s' -lm", TEST_SOURCE, so, c);
  CHECK_THAT(system(command) == 0, "the compiler failed");
  rn_free(half), rn_free(source), rn_free(c), rn_free(command);
  return so;
}

static rn_code train_words(const char *folder, const char *words, bool resume, rn_error *err) {
  rn_train_options o = {.folder = folder, .threads = 1};
  *err = (rn_error){0};
  if (resume) return rn_resume(&o, err);
  rn_recipe *r = rn_recipe_new(NULL);
  char *copy = rn_copy_text(words);
  bool fine = true;
  for (char *at = copy, *word; fine && (word = strsep(&at, " "));) if (*word) fine = rn_recipe_set(r, word, err);
  const rn_system *s = fine ? rn_recipe_system(r, err) : NULL;
  rn_code code = s && rn_recipe_check(r, s, err) && rn_recipe_needs(r, s, err) ? rn_train(r, &o, err) : err->code;
  rn_free(copy), rn_recipe_free(r);
  return code;
}

// the same in a process of its own: a folder is held until its process ends
static rn_code in_child(const char *folder, const char *words, bool resume, rn_error *err) {
  int ends[2], status;
  fflush(NULL);
  CHECK(pipe(ends) == 0);
  pid_t child = fork();
  if (child == 0) {
    rn_code code = train_words(folder, words, resume, err);
    if (write(ends[1], err, sizeof *err) < 0) code = RN_SYSTEM;
    _exit(code);
  }
  close(ends[1]);
  CHECK(read(ends[0], err, sizeof *err) == sizeof *err);
  close(ends[0]), waitpid(child, &status, 0);
  return WIFEXITED(status) ? (rn_code)WEXITSTATUS(status) : RN_BUG;
}

static bool has(const char *folder, const char *checkpoint) {
  char *path = rn_printed("%s/checkpoint/%s.safetensors", folder, checkpoint);
  bool there = rn_exists(path);
  rn_free(path);
  return there;
}

static const char tiny[] = "hidden=8 batch=8 every=20 evaluate=0 episodes=1 log=10";

TEST(what_an_environment_gives_stops_the_run_at_its_world_column_and_update) {
  static const struct { const char *what, *word, *says; } kinds[] = {
    {"obs[2 * i + 1]", "obs", "observation column 1 of world 0 is nan at step 17 of episode 2"}, {"reward[i]", "reward", "reward column 0 of world 0 is nan at step 17 of episode 2"}};
  rn_error err;
  for (int k = 0; k < RN_COUNT(kinds); k++) {
    char *place = rn_copy_text(test_folder()), *folder = rn_printed("%s/run", place), *so = bad_env(place, kinds[k].what, kinds[k].word);
    char *words = rn_printed("system=sac env=%s steps=200 start=5 %s", so, tiny);
    CHECK(in_child(folder, words, false, &err) == RN_NUMBERS);
    // 5 steps of warm-up are updates of that phase; step 57 is wanted by update 51 of the phase online
    CHECK_TEXT(err.text, kinds[k].says), CHECK_TEXT(err.text, "update 51 of phase online"), CHECK_TEXT(err.text, "the last good checkpoint stays in");
    CHECK(has(folder, "00000040") && !has(folder, "00000060"));
    rn_code code = in_child(folder, NULL, true, &err);           // it is as wrong as before
    CHECK_THAT(code == RN_NUMBERS, "a resume ended with %d: %s", code, err.text);
    CHECK_TEXT(err.text, kinds[k].says), CHECK(has(folder, "00000040"));
    rn_free(so), so = bad_env(place, "obs[2 * i] = 0.5f; float none; none", kinds[k].word);            // mended: the run goes on to its end
    code = in_child(folder, NULL, true, &err);
    CHECK_THAT(code == RN_OK, "a resume ended with %d: %s", code, err.text);
    CHECK(has(folder, "00000200"));
    rn_free(place);
    rn_free(so), rn_free(folder), rn_free(words);
  }
}

TEST(a_rate_that_is_far_too_large_stops_with_the_node_and_keeps_the_last_good_checkpoint) {
  rn_error err;
  char *folder = rn_printed("%s/run", test_folder()), *words = rn_printed("system=td3bc data=%s lr=1 reward_scale=1e9 offline=4000 hidden=16x16x16x16x16 batch=8 every=1 evaluate=0 log=10", micro_log());
  rn_code code = train_words(folder, words, false, &err);
  CHECK_THAT(code == RN_NUMBERS, "ended with %d: %s", code, err.text);
  CHECK_TEXT(err.text, "of phase offline"), CHECK_TEXT(err.text, "the last good checkpoint stays in");
  CHECK_THAT(strstr(err.text, "loss.") || strstr(err.text, "entry "), "no node or entry: %s", err.text);
  // the checkpoint that stays can be loaded and all of it is finite
  rn_evaluation e;
  rn_evaluate_options o = {.folder = folder, .env = "pendulum", .episodes = 1, .threads = 1};
  err = (rn_error){0};
  CHECK_THAT(rn_evaluate_run(&o, &e, &err) == RN_OK, "%s", err.text);
  CHECK(isfinite(e.returns[0]));
  rn_evaluation_free(&e);
  rn_free(folder), rn_free(words);
}

/* Loss and gradient are finite, the gradient's square is not: rewards of 1e18 make a loss of about 1e36, observations of 1e4 a slope of about
 * 1e21, and the second moment is past float's largest 3e38. No later loss would show it, so the checkpoint itself looks. */
TEST(what_a_step_leaves_is_looked_at_before_it_is_saved) {
  static const char text[] = "obs_0,act_0,reward,terminated\n10000,0.5,1e18,1\n-20000,0.1,-1e18,1\n30000,0.2,1e18,1\n";
  rn_error err = {0};
  rn_reader_program(TEST_BUILD "/rein");
  char *log = rn_printed("%s/log.csv", test_folder()), *folder = rn_printed("%s/run", test_folder());
  CHECK(rn_write_file(log, text, sizeof text - 1, &err));
  char *words = rn_printed("system=td3bc data=%s normalise=none act_low=-1 act_high=1 offline=1 %s columns.obs=obs_0 columns.act=act_0 columns.reward=reward columns.terminated=terminated", log, tiny);
  rn_code code = train_words(folder, words, false, &err);
  CHECK_THAT(code == RN_NUMBERS, "ended with %d: %s", code, err.text);
  CHECK_TEXT(err.text, "adam.q.0.w.v entry"), CHECK_TEXT(err.text, "is inf"), CHECK_TEXT(err.text, "update 0 of phase");
  CHECK(has(folder, "00000000") && !has(folder, "00000001"));
  rn_free(log), rn_free(folder), rn_free(words);
}

TEST(a_log_with_a_number_that_is_not_finite_is_the_files_fault) {
  static const char text[] = "obs_0,act_0,reward,terminated\n0.1,0.5,1,0\n0.2,0.1,nan,0\n0.3,0.2,1,1\n";
  rn_error err = {0};
  rn_reader_program(TEST_BUILD "/rein");
  char *log = rn_printed("%s/log.csv", test_folder()), *folder = rn_printed("%s/run", test_folder());
  CHECK(rn_write_file(log, text, sizeof text - 1, &err));
  char *words = rn_printed("system=bc data=%s act_low=-1 act_high=1 offline=5 %s columns.obs=obs_0 columns.act=act_0 columns.reward=reward columns.terminated=terminated", log, tiny);
  CHECK(train_words(folder, words, false, &err) == RN_INPUT);
  CHECK_TEXT(err.text, "log.csv"), CHECK_TEXT(err.text, "reward"), CHECK_TEXT(err.text, "nan");
  CHECK(!rn_exists(folder));
  rn_free(log), rn_free(folder), rn_free(words);
}
