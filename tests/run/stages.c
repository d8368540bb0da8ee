/* Runs joined by what they make: order, products, keys, what a kill and what a change cost, and what is refused before anything runs. */
#include "test.h"
#include "rein/run.h"
#include "rein/safetensors.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char LOG[] = "  log: {make: pendulum, policy: random, episodes: 3}\n",
                  BASE[] = "  base: {system: bc, data: log, offline: 40, batch: 16, hidden: 8, every: 10}\n",
                  GENERAL[] = "  general: {system: iql, data: log, from: base, offline: 40, batch: 16, hidden: 8, every: 10}\n",
                  PLAN[] = "  plan: {system: best-of-n, env: pendulum, slots: {policy: \"general:pi\", critic: general}, n: 4}\n",
                  AGAIN[] = "  again: {measure: rollouts, env: pendulum, policy: base, episodes: 2, as: table}\n"
                            "  last: {system: bc, data: \"again:table\", offline: 20, batch: 16, hidden: 8}\n";

typedef struct { int stage, kill_stage; long kill_update; } watch;

static void on_say(void *context, const char *kind, const char *text) {
  if (strcmp(kind, "note") == 0 && strncmp(text, "stage ", 6) == 0) ((watch *)context)->stage++;
}

static void on_progress(void *context, const rn_progress *p) {
  watch *w = context;
  if (w->stage == w->kill_stage && p->update >= w->kill_update) kill(getpid(), SIGKILL);
}

static rn_code train_here(const char *text, const char *folder, watch *w, rn_error *err) {
  rn_recipe *r = rn_recipe_parse("s.yaml", text, strlen(text), err);
  rn_train_options o = {.folder = folder, .threads = 1, .say = on_say, .progress = on_progress, .context = w};
  rn_code code = r && rn_recipe_check(r, NULL, err) ? rn_train_stages(r, &o, err) : err->code;
  rn_recipe_free(r);
  return code;
}

// in a process of its own, as the command line does it: a folder's lock ends with the process
static rn_code train(const char *text, const char *folder, watch *w, rn_error *err) {
  struct { rn_code code; rn_error err; int stage; } said = {0};
  int ends[2], status;
  *err = (rn_error){0};
  CHECK(pipe(ends) == 0);
  pid_t child = fork();
  if (child == 0) {
    w->stage = 0, said.code = train_here(text, folder, w, &said.err), said.stage = w->stage;
    _exit(write(ends[1], &said, sizeof said) == sizeof said ? 0 : 1);
  }
  close(ends[1]);
  bool told = read(ends[0], &said, sizeof said) == sizeof said;
  close(ends[0]);
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  if (!told) return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? (rn_code)(128 + SIGKILL) : RN_BUG;
  *err = said.err, w->stage = said.stage;
  return said.code;
}

static char *recipe(int n, const char *const part[]) {
  rn_text t = {0};
  rn_say_text(&t, "seed: 3\nevaluate: 0\nepisodes: 2\nlog: 10\nstages:\n");
  for (int i = 0; i < n; i++) rn_say_text(&t, "%s", part[i]);
  return t.at;
}
#define RECIPE(...) recipe((int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *[]){__VA_ARGS__})

static char *in(const char *name) { return rn_printed("%s/%s", test_folder(), name); }

// the bytes of a file below the folder, as a hash
static uint64_t bytes_of(const char *folder, const char *name) {
  char *path = rn_printed("%s/%s", folder, name), *bytes;
  size_t n;
  rn_error err = {0};
  CHECK_THAT(rn_read_file(path, &bytes, &n, &err), "%s", err.text);
  uint64_t hash = rn_hash(bytes, n, 0);
  rn_free(bytes), rn_free(path);
  return hash;
}

// a mark beside a stage's files: gone when the stage is made again
static void put_mark(const char *folder, const char *stage) {
  char *path = rn_printed("%s/%s/mark", folder, stage);
  rn_error err = {0};
  CHECK(rn_write_file(path, "", 0, &err));
  rn_free(path);
}
static bool has_mark(const char *folder, const char *stage) {
  char *path = rn_printed("%s/%s/mark", folder, stage);
  bool there = rn_exists(path);
  rn_free(path);
  return there;
}

TEST(stages_pass_logs_runs_and_policies_on) {
  char *text = RECIPE(LOG, BASE, GENERAL, PLAN, AGAIN), *a = in("a"), *b = in("b");
  rn_error err;
  watch w = {0};
  CHECK_THAT(train(text, a, &w, &err) == RN_OK, "%s", err.text);
  CHECK(w.stage == 6);
  // the same recipe elsewhere gives the same bytes: no folder's name is part of a run
  CHECK_THAT(train(text, b, &w, &err) == RN_OK, "%s", err.text);
  static const char *const file[] = {"log/log.safetensors", "base/checkpoint/00000040.safetensors", "general/checkpoint/00000040.safetensors",
                                     "again/log.safetensors", "last/checkpoint/00000020.safetensors", "general/stage.key", "last/stage.key"};
  for (int i = 0; i < RN_COUNT(file); i++) CHECK_THAT(bytes_of(a, file[i]) == bytes_of(b, file[i]), "%s differs", file[i]);
  rn_free(text), rn_free(a), rn_free(b);
}

TEST(from_starts_at_the_other_runs_values) {
  // without one update of its own the second stage holds what the first ended with
  char *text = RECIPE(LOG, BASE, "  next: {system: bc, data: log, from: base, offline: 0, hidden: 8}\n"), *a = in("a");
  rn_error err;
  watch w = {0};
  CHECK_THAT(train(text, a, &w, &err) == RN_OK, "%s", err.text);
  char *base = rn_printed("%s/base/checkpoint/00000040.safetensors", a), *next = rn_printed("%s/next/checkpoint/00000000.safetensors", a);
  rn_safetensors *x = rn_load_safetensors(base, &err), *y = rn_load_safetensors(next, &err);
  CHECK_THAT(x && y, "%s", err.text);
  int same = 0;
  for (int i = 0; i < rn_safetensors_count(y); i++) {
    const rn_tensor *t = rn_safetensors_at(y, i), *was = rn_safetensors_find(x, t->name);
    if (strncmp(t->name, "pi.", 3) != 0) continue;
    CHECK_THAT(was && was->bytes == t->bytes && memcmp(was->data, t->data, t->bytes) == 0, "%s is not base's", t->name), same++;
  }
  CHECK(same >= 4);                                            // weights and shifts of two layers
  rn_safetensors_close(x), rn_safetensors_close(y), rn_free(base), rn_free(next), rn_free(text), rn_free(a);
}

TEST(a_finished_stage_is_not_repeated_and_a_kill_costs_nothing_of_those_before) {
  char *text = RECIPE(LOG, BASE, GENERAL, AGAIN), *whole = in("whole"), *cut = in("cut");
  rn_error err;
  watch w = {0};
  CHECK_THAT(train(text, whole, &w, &err) == RN_OK, "%s", err.text);
  for (int at = 2; at <= 3; at++) {                            // killed in base, then in general
    watch k = {0, at, 20};
    CHECK((int)train(text, cut, &k, &err) == 128 + SIGKILL);
    put_mark(cut, at == 2 ? "log" : "base");
  }
  CHECK_THAT(train(text, cut, &w, &err) == RN_OK, "%s", err.text);
  CHECK_THAT(has_mark(cut, "log") && has_mark(cut, "base"), "a finished stage was made again");
  static const char *const file[] = {"base/checkpoint/00000040.safetensors", "general/checkpoint/00000040.safetensors",
                                     "last/checkpoint/00000020.safetensors"};
  for (int i = 0; i < RN_COUNT(file); i++) CHECK_THAT(bytes_of(whole, file[i]) == bytes_of(cut, file[i]), "%s differs after the kills", file[i]);
  rn_free(text), rn_free(whole), rn_free(cut);
}

TEST(a_changed_recipe_repeats_what_depends_on_the_change_alone) {
  char *text = RECIPE(LOG, BASE, GENERAL, AGAIN), *a = in("a");
  char *changed = RECIPE(LOG, "  base: {system: bc, data: log, offline: 50, batch: 16, hidden: 8, every: 10}\n", GENERAL, AGAIN,
                         "  beside: {system: bc, data: log, offline: 10, hidden: 8}\n");
  char *beside = RECIPE(LOG, BASE, "  general: {system: iql, data: log, from: base, offline: 40, batch: 16, hidden: 8, every: 10, beta: 5}\n", AGAIN);
  static const char *const all[] = {"log", "base", "general", "again", "last"};
  rn_error err;
  watch w = {0};
  CHECK_THAT(train(text, a, &w, &err) == RN_OK, "%s", err.text);
  for (int i = 0; i < RN_COUNT(all); i++) put_mark(a, all[i]);
  CHECK_THAT(train(text, a, &w, &err) == RN_OK, "%s", err.text);
  for (int i = 0; i < RN_COUNT(all); i++) CHECK_THAT(has_mark(a, all[i]), "%s was repeated, and nothing changed", all[i]);
  CHECK_THAT(train(beside, a, &w, &err) == RN_OK, "%s", err.text);
  for (int i = 0; i < RN_COUNT(all); i++) CHECK_THAT(has_mark(a, all[i]) == (i != 2), "%s, when general alone changed", all[i]);
  CHECK_THAT(train(changed, a, &w, &err) == RN_OK, "%s", err.text);
  for (int i = 0; i < RN_COUNT(all); i++) CHECK_THAT(has_mark(a, all[i]) == (i == 0), "%s, when base changed", all[i]);
  rn_free(text), rn_free(changed), rn_free(beside), rn_free(a);
}

TEST(each_makes_a_run_of_every_combination_and_another_stage_follows_it) {
  char *text = RECIPE(LOG, "  base: {system: bc, data: log, each: {seed: [1, 2], hidden: [4, 8]}, offline: 10, batch: 8}\n",
                      "  go: {measure: rollouts, env: pendulum, policy: base, each: base, episodes: 1}\n",
                      "  one: {system: bc, data: \"go-4:table\", from: base-4, hidden: 8, offline: 10, batch: 8}\n"),
       *a = in("a");
  rn_error err;
  watch w = {0};
  CHECK_THAT(train(text, a, &w, &err) == RN_OK, "%s", err.text);
  CHECK(w.stage == 1 + 4 + 4 + 1);
  CHECK(bytes_of(a, "base-1/checkpoint/00000010.safetensors") != bytes_of(a, "base-3/checkpoint/00000010.safetensors"));
  CHECK(bytes_of(a, "go-1/log.safetensors") != bytes_of(a, "go-4/log.safetensors"));
  rn_free(text), rn_free(a);
}

TEST(a_stage_may_stand_before_what_it_needs) {
  char *text = RECIPE(GENERAL, BASE, LOG), *forward = RECIPE(LOG, BASE, GENERAL), *a = in("a"), *b = in("b");
  rn_error err;
  watch w = {0};
  CHECK_THAT(train(text, a, &w, &err) == RN_OK, "%s", err.text);
  CHECK_THAT(train(forward, b, &w, &err) == RN_OK, "%s", err.text);
  CHECK(bytes_of(a, "general/checkpoint/00000040.safetensors") == bytes_of(b, "general/checkpoint/00000040.safetensors"));
  rn_free(text), rn_free(forward), rn_free(a), rn_free(b);
}

TEST(what_is_wrong_is_said_before_anything_runs) {
  static const struct { const char *stages, *says;
  } bad[] = {
      {"  a: {system: bc, data: log, from: b}\n  b: {system: bc, data: log, from: a}\n", "s.yaml:8:36: stages 'b' and 'a' wait for each other in a circle"},
      {"  a: {system: bc, data: log, from: a}\n", "in a circle"},
      {"  a: {system: bc, data: lug}\n", "s.yaml:7:25: data: no file and no stage 'lug'; did you mean 'log'?"},
      {"  a: {system: bc, data: nowhere.hdf5}\n", "no file and no stage 'nowhere.hdf5'"},
      {"  a: {system: bc, data: log, from: bass}\n  base: {system: bc, data: log}\n", "from: no file and no stage 'bass'; did you mean 'base'?"},
      {"  a: {system: bc, data: log}\n  b: {system: bc, data: a}\n", "data: stage 'a' makes a run, not a log"},
      {"  a: {system: bc, data: log, from: log}\n", "from: stage 'log' makes a log, not a run"},
      {"  a: {system: bc, data: log, each: {seed: [1, 2]}}\n  b: {system: bc, data: log, from: a}\n", "stage 'a' is 2 runs; name one of them, as a-1"},
      {"  a: {system: bc, data: log, each: {seed: 3}}\n", "each.seed: wants a list"},
      {"  a: {system: bc, data: log, each: lag}\n", "each: no stage 'lag'; did you mean 'log'?"},
      {"  a: {system: bc, data: log, each: {expectile: [0.7, 0.9]}}\n", "no option 'expectile' in bc"},
      {"  a: {system: iql, data: log, each: {expectile: [0.7, 9]}}\n", "expectile: 9 is outside"},
      {"  a: {system: bc, data: log, seeds: 3}\n", "a stage is one run; say each: {seed: [1, 2, 3]}"},
      {"  a: {system: bc}\n", "bc needs data"},
      {"  a: {measure: rollouts, policy: random, episodes: 2}\n", "rollouts want env: NAME"},
      {"  a: {measure: rollouts, env: pendulam, policy: random, episodes: 2}\n", "pendulam"},
      {"  a: {system: bc, data: log, as: table}\n", "as: only `table` of {measure: rollouts}"},
      {"  a-1: {system: bc, data: log}\n  a: {system: bc, data: log, each: {seed: [1, 2]}}\n", "two stages would have the folder 'a-1'"},
  };
  char *a = in("a");
  for (int i = 0; i < RN_COUNT(bad); i++) {
    char *text = RECIPE(LOG, bad[i].stages);
    rn_error err;
    watch w = {0};
    CHECK_THAT(train(text, a, &w, &err) == RN_INPUT, "case %d was taken: %s", i, err.text);
    CHECK_TEXT(err.text, bad[i].says);
    CHECK_THAT(w.stage == 0 && !rn_exists(a), "case %d: something ran or was written", i);
    rn_free(text);
  }
  rn_free(a);
}

TEST(a_folder_that_is_not_a_stages_own_is_left_alone) {
  char *text = RECIPE(LOG, BASE), *a = in("a"), *base = rn_printed("%s/base", a), *path = rn_printed("%s/recipe.yaml", base);
  rn_error err = {0};
  watch w = {0};
  CHECK(rn_make_folder(base, &err) && rn_write_file(path, "system: bc\n", 11, &err));
  CHECK(train(text, a, &w, &err) == RN_INPUT);
  CHECK_TEXT(err.text, "holds a run that is no stage of this recipe");
  CHECK(rn_exists(path));
  rn_free(text), rn_free(a), rn_free(base), rn_free(path);
}
