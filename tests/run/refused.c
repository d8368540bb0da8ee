/* Promise 5: nothing silent. What is wrong is said in one message with its place and the way out, and a run that is refused leaves no folder. */
#include "micro.h"
#include "trained.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static rn_code train_words(const char *folder, const char *words, rn_error *err) {
  *err = (rn_error){0};
  return train_code(folder, words, err);
}

static const char small[] = "hidden=8 batch=8 evaluate=0 episodes=1 log=10";

static char *log_of(const char *env, long steps) {
  char *path = rn_printed("%s/%s.safetensors", test_folder(), env);
  rn_error err = {0};
  CHECK_THAT(rn_data_make(&(rn_data_order){.env = env, .policy = "random", .steps = steps, .seed = 3, .out = path, .threads = 1}, &err) == RN_OK, "%s", err.text);
  return path;
}

TEST(what_can_not_work_together_is_refused_before_anything_is_written) {
  char *pendulum = log_of("pendulum", 200), *cartpole = log_of("cartpole", 200);
  const struct { const char *words, *log, *says; } wrong[] = {
    {"system=iql env=cartpole offline=5", pendulum, "observations have 3 columns, those of cartpole 4"},
    {"system=td3bc offline=5", cartpole, "td3bc acts by numbers, but the actions of this source are choices; systems that would work: bc, iql"},
    {"system=sac env=cartpole steps=50 start=5", NULL, "sac acts by numbers, but the actions of this source are choices; systems that would work: ppo"},
    {"system=td3 env=pendulum policy=gaussian steps=50 start=5", NULL, "take a system that would work with it: sac, ppo"},
    {"system=bc policy=categorical offline=5", pendulum, "leave policy out (gaussian)"},
    {"system=bc policy=gausian offline=5", pendulum, "did you mean 'gaussian'?"},
    {"system=iql offline=5 online=5", pendulum, "steps an environment in its phase online: say env=NAME"},
    {"system=td3 offline=5", pendulum, "leave the phase out with start=0"},
    {"system=sac env=pendulum steps=50 start=50", NULL, "nothing would be trained; raise steps or lower start"},
    {"system=ppo env=cartpole steps=100 horizon=32 minibatch=32 rows=4", NULL, "one update eats 128 steps"},
    {"system=ppo env=cartpole steps=1000 horizon=16 minibatch=32 rows=1", NULL, "minibatch is 32, but a rollout has horizon x rows = 16 steps"},
    {"system=iql offline=5 act_low=-2", pendulum, "act_low and act_high go together"},
    {"system=iql offline=5 act_low=2 act_high=-2", pendulum, "action column 0 would run from 2 to -2"},
    {"system=iql offline=5 from=nowhere", pendulum, "nowhere: not a run"},
    {"system=sac env=pendulum steps=90 start=5 from=nowhere", NULL, "nowhere: not a run"},      // with a replay, which lives in the folder
    {"system=sac env=nowhere steps=90 start=5", NULL, "no environment 'nowhere'"},
  };
  for (int i = 0; i < RN_COUNT(wrong); i++) {
    rn_error err;
    char *folder = rn_printed("%s/run", test_folder()), *words = rn_printed("%s%s%s %s", wrong[i].words, wrong[i].log ? " data=" : "", wrong[i].log ? wrong[i].log : "", small);
    if (strstr(wrong[i].words, "horizon")) words[strlen(words) - strlen(small)] = 0;
    rn_code code = train_words(folder, words, &err);
    CHECK_THAT(code == RN_INPUT, "%s: ended with %d: %s", words, code, err.text);
    CHECK_TEXT(err.text, wrong[i].says);
    CHECK_THAT(!rn_exists(folder), "%s: left its folder", words);
    rn_free(folder), rn_free(words);
  }
  rn_free(pendulum), rn_free(cartpole);
}

TEST(odd_sizes_work) {                                          // rows that do not divide steps, a replay below a batch, warm-ups past a checkpoint's interval
  char *pendulum = log_of("pendulum", 200), *one = log_of("mountaincar-continuous", 1);
  const struct { const char *words, *log; } fine[] = {
    {"system=sac env=pendulum steps=50 start=10 rows=3", NULL}, {"system=sac env=pendulum steps=60 start=10 capacity=4", NULL},
    {"system=iql env=pendulum offline=5 online=50 phases.online.warmup=500 every=10", pendulum},
    {"system=iql env=pendulum offline=5 online=50 phases.online.steps=20 every=10 capacity=60", pendulum},
    {"system=iql env=pendulum offline=5 online=50 phases.online.steps=2 phases.online.updates=5 every=10", pendulum},
    {"system=iql env=pendulum offline=0 online=20 phases.online.log_share=1", pendulum}, {"system=iql env=pendulum offline=0 online=20 phases.online.log_share=0", pendulum},
    {"system=iql offline=5", one}};
  for (int i = 0; i < RN_COUNT(fine); i++) {
    rn_error err;
    char *folder = rn_printed("%s/run", test_folder()), *words = rn_printed("%s %s%s %s", small, fine[i].log ? "data=" : "", fine[i].log ? fine[i].log : "", fine[i].words);
    rn_code code = train_words(folder, words, &err);
    CHECK_THAT(code == RN_OK, "%s: ended with %d: %s", words, code, err.text);
    rn_free(folder), rn_free(words);
  }
  rn_free(pendulum), rn_free(one);
}

TEST(a_folder_of_other_things_is_left_alone) {
  rn_error err;
  char *folder = rn_copy_text(test_folder()), *file = rn_printed("%s/thesis.tex", folder), *words = rn_printed("system=bc data=%s offline=5 %s", micro_log(), small);
  CHECK(rn_write_file(file, "x", 1, &(rn_error){0}));
  CHECK(train_words(folder, words, &err) == RN_INPUT);
  CHECK_TEXT(err.text, "holds other things (thesis.tex)");
  char *checkpoint = rn_printed("%s/checkpoint", folder);
  CHECK(rn_exists(file) && !rn_exists(checkpoint));
  CHECK(train_words(file, words, &err) == RN_INPUT);
  CHECK_TEXT(err.text, "not a folder");
  rn_free(folder), rn_free(file), rn_free(words), rn_free(checkpoint);
}

TEST(a_run_meets_worlds_of_its_own_shape_only) {
  rn_error err;
  char *folder = rn_printed("%s/run", test_folder()), *words = rn_printed("system=bc data=%s offline=5 %s", micro_log(), small);
  CHECK_THAT(train_words(folder, words, &err) == RN_OK, "%s", err.text);
  rn_evaluation e;
  rn_evaluate_options o = {.folder = folder, .env = "cartpole", .episodes = 1, .threads = 1};
  CHECK(rn_evaluate_run(&o, &e, &err) == RN_INPUT);
  CHECK_TEXT(err.text, "cartpole: observations have 4 columns");
  rn_evaluation_free(&e), err = (rn_error){0};
  // the seed of an evaluation counts
  double first[2];
  for (int k = 0; k < 2; k++) {
    o = (rn_evaluate_options){.folder = folder, .env = "pendulum", .episodes = 1, .threads = 1, .seed = 5 + (uint64_t)k, .any_seed = true};
    CHECK_THAT(rn_evaluate_run(&o, &e, &err) == RN_OK, "%s", err.text);
    first[k] = e.returns[0], rn_evaluation_free(&e);
  }
  CHECK(first[0] != first[1]);
  rn_error why = {0};
  char *out = rn_printed("%s/x.csv", test_folder());
  CHECK(rn_data_make(&(rn_data_order){.env = "cartpole", .policy = folder, .steps = 5, .seed = 1, .out = out, .threads = 1}, &why) == RN_INPUT);
  CHECK_TEXT(why.text, "observations have 3 columns, those of cartpole 4"), CHECK(!rn_exists(out));
  why = (rn_error){0};
  // the name is looked at before the first of a thousand million steps
  CHECK(rn_data_make(&(rn_data_order){.env = "cartpole", .policy = "random", .steps = 1000000000, .seed = 1, .out = "x.xyz", .threads = 1}, &why) == RN_INPUT);
  CHECK_TEXT(why.text, "the name should end in"), why = (rn_error){0};
  CHECK(rn_data_make(&(rn_data_order){.env = "cartpole", .policy = "random", .steps = 1000000000, .seed = 1, .out = "/nowhere/x.csv", .threads = 1}, &why) == RN_INPUT);
  CHECK_TEXT(why.text, "/nowhere/x.csv: can't be written");
  rn_free(folder), rn_free(words), rn_free(out);
}

static void flip_last_byte(const char *path) {
  char *bytes;
  size_t n;
  rn_error err = {0};
  CHECK(rn_read_file(path, &bytes, &n, &err));
  bytes[n - 1] ^= 1;
  CHECK(rn_write_file(path, bytes, n, &err));
  rn_free(bytes);
}

TEST(a_flipped_bit_of_a_checkpoint_is_seen_without_the_runs_environments) {     // eval holds no worlds and no replay, the file does
  rn_error err;
  char *folder = rn_printed("%s/run", test_folder()), *words = rn_printed("system=sac env=pendulum steps=60 start=10 every=20 %s", small), *path = rn_printed("%s/checkpoint/00000060.safetensors", folder);
  CHECK_THAT(train_words(folder, words, &err) == RN_OK, "%s", err.text);
  flip_last_byte(path);
  rn_evaluation e;
  rn_evaluate_options o = {.folder = folder, .episodes = 1, .threads = 1};
  CHECK_THAT(rn_evaluate_run(&o, &e, &err) == RN_OK, "%s", err.text);
  CHECK_TEXT(e.note, "the newest checkpoint is damaged: these are the figures of the one before it");
  rn_evaluation_free(&e);
  char *c = rn_printed("%s/p.c", test_folder());
  CHECK(rn_export_c(folder, c, &err) == RN_INPUT);               // an export has no place for such a note
  CHECK_TEXT(err.text, "00000060.safetensors: damaged"), CHECK(!rn_exists(c));
  rn_free(folder), rn_free(words), rn_free(path), rn_free(c);
}

/* RN_FAULT makes the n-th call that the world can refuse fail, in a process of its own: a message and 4 or 2, never a crash. A refusal before the start
 * leaves no folder; what is left after it is a run that resume takes to its end. */
TEST(a_disk_that_fills_up_at_any_call_ends_with_a_message) {
  bool all = getenv("RN_TEST_ALL") != NULL;
  int failed = 0, resumed = 0;
  for (int n = 1; n < 4000; n += all ? 1 : n < 400 ? 29 : 211) {
    char *folder = rn_printed("%s/run", test_folder()), *recipe = rn_printed("%s/recipe.yaml", folder), *said = rn_printed("%s.err", folder), *text;
    char *command = rn_printed("RN_FAULT=%d '%s/rein' train sac env=pendulum steps=60 start=10 every=10 %s --out '%s' -q --no-report --threads 1 >/dev/null 2>'%s'", n, TEST_BUILD,
                               small, folder, said);
    int status = system(command), code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    size_t length;
    rn_error err = {0};
    CHECK(rn_read_file(said, &text, &length, &err));
    CHECK_THAT(code == RN_OK || code == RN_SYSTEM || code == RN_INPUT, "call %d failed and the run ended with %d: %s", n, code, text);
    CHECK_THAT(code == RN_OK || strncmp(text, "rein: ", 6) == 0, "call %d failed without a message: %s", n, text);
    failed += code != RN_OK;
    bool out_of_memory = strstr(text, "out of memory") != NULL;   // ends the process where it stands
    if (code != RN_OK && !rn_exists(recipe) && !out_of_memory) CHECK_THAT(!rn_exists(folder), "call %d: half a run was left: %s", n, text);
    if (code != RN_OK && rn_exists(recipe)) {
      rn_free(command), command = rn_printed("'%s/rein' resume '%s' -q --no-report --threads 1 >/dev/null 2>&1", TEST_BUILD, folder);
      CHECK_THAT(system(command) == 0, "call %d: the run can't be gone on with after: %s", n, text);
      resumed++;
    }
    rn_free(folder), rn_free(recipe), rn_free(said), rn_free(text), rn_free(command);
    if (code == RN_OK && n > 1500) break;
  }
  CHECK_THAT(failed > 10 && resumed > 1, "only %d calls failed, %d runs were gone on with", failed, resumed);
}

TEST(a_folder_that_takes_nothing_is_said) {
  if (geteuid() == 0) test_skip("root may write everywhere");
  rn_error err;
  char *place = rn_copy_text(test_folder()), *folder = rn_printed("%s/run", place), *words = rn_printed("system=bc data=%s offline=5 %s", micro_log(), small);
  CHECK(chmod(place, 0555) == 0);
  rn_code code = train_words(folder, words, &err);
  chmod(place, 0755);
  CHECK(code == RN_INPUT || code == RN_SYSTEM);
  CHECK_TEXT(err.text, "the folder can't be made: Permission denied");
  rn_free(place), rn_free(folder), rn_free(words);
}
