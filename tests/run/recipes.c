/* The recipes of the house: one of every system; each reads, checks, prints back and reads to the same, and trains when it is made small. */
#include "rein/run.h"
#include "test.h"
#include <dirent.h>
#include <stdlib.h>

// read in the source's folder, so that places and paths are those of a user
static int all_recipes(char *path[64]) {
  DIR *d = opendir(TEST_SOURCE "/recipes");
  int n = 0;
  CHECK(d != NULL);
  for (struct dirent *e; (e = readdir(d));) {
    size_t length = strlen(e->d_name);
    if (length > 5 && strcmp(e->d_name + length - 5, ".yaml") == 0 && n < 64) path[n++] = rn_printed(TEST_SOURCE "/recipes/%s", e->d_name);
  }
  closedir(d);
  return n;
}

static bool staged(const rn_recipe *r) {
  const char **names;
  int n = rn_recipe_names(r, "stages", &names);
  rn_free(names);
  return n > 0;
}

static rn_recipe *read_checked(const char *path, const rn_system **system) {
  rn_error err = {0};
  rn_recipe *r = rn_recipe_read(path, &err);
  CHECK_THAT(r != NULL, "%s", err.text);
  *system = staged(r) ? NULL : rn_recipe_system(r, &err);
  CHECK_THAT(staged(r) || *system, "%s", err.text);
  CHECK_THAT(rn_recipe_check(r, *system, &err), "%s", err.text);
  return r;
}

TEST(every_system_has_a_recipe_of_its_name) {
  int n;
  const rn_system *const *all = rn_systems(&n);
  CHECK(n >= 16);
  for (int i = 0; i < n; i++) {
    char *path = rn_printed(TEST_SOURCE "/recipes/%s.yaml", all[i]->name), *name = strrchr(path, '/');
    // the name's own strokes become dashes
    name = path + strlen(TEST_SOURCE "/recipes/");
    for (; *name; name++) if (*name == '/') *name = '-';
    CHECK_THAT(rn_exists(path), "%s has no recipe %s", all[i]->name, path);
    const rn_system *system;
    rn_recipe *r = read_checked(path, &system);
    CHECK_THAT(system == all[i], "%s is of another system", path);
    rn_error err = {0};
    CHECK_THAT(rn_recipe_needs(r, system, &err), "%s: %s", path, err.text);
    rn_recipe_free(r), rn_free(path);
  }
}

TEST(every_recipe_prints_back_and_reads_to_the_same) {
  char *path[64];
  for (int i = all_recipes(path) - 1; i >= 0; i--) {
    const rn_system *system;
    rn_error err = {0};
    rn_recipe *r = read_checked(path[i], &system);
    char *text = rn_recipe_print(r, system);
    rn_recipe *again = rn_recipe_parse("printed", text, strlen(text), &err);
    CHECK_THAT(again && rn_recipe_check(again, system, &err), "%s: %s", path[i], err.text);
    for (int k = 0; k < rn_recipe_count(r); k++) {
      const rn_given *v = rn_recipe_at(r, k), *w = rn_recipe_find(again, v->key);
      double x, y;
      bool same = w && (strcmp(v->text, w->text) == 0 || (rn_number(v->text, &x) && rn_number(w->text, &y) && x == y));
      CHECK_THAT(same, "%s: %s was '%s' and is '%s'", path[i], v->key, v->text, w ? w->text : "gone");
    }
    char *twice = rn_recipe_print(again, system);
    CHECK_THAT(strcmp(text, twice) == 0, "%s prints differently the second time", path[i]);
    rn_free(text), rn_free(twice), rn_recipe_free(r), rn_recipe_free(again), rn_free(path[i]);
  }
}

static const struct { const char *key, *value; bool option;
} tiny[] = {{"offline", "6", true}, {"online", "6"}, {"updates", "6", true}, {"steps", "60", true}, {"start", "8", true}, {"iterations", "20", true},
            {"horizon", "16", true}, {"minibatch", "8", true}, {"epochs", "2", true}, {"first", "8", true}, {"warmup", "4"}, {"edges", "5", true},
            {"batch", "8", true}, {"hidden", "8"}, {"episodes", "2", true}, {"evaluate", "0", true}};

// lengths that are given, or that the system has and the recipe leaves at the paper's, become small
static void shrink(rn_recipe *r, const rn_system *system) {
  for (int k = 0; k < RN_COUNT(tiny); k++) {
    rn_recipe_key key;
    if (system && tiny[k].option && rn_recipe_key_find(system, tiny[k].key, &key) && !(key.flags & RN_KEY_OWN) && key.value > 0) rn_recipe_put(r, tiny[k].key, tiny[k].value, "test");
  }
  for (int i = 0; i < rn_recipe_count(r); i++) {
    const rn_given *v = rn_recipe_at(r, i);
    const char *dot = strrchr(v->key, '.'), *last = dot ? dot + 1 : v->key;
    char *name = rn_copy_text(v->key);
    if (strncmp(v->key, "phases.", 7) == 0 && strcmp(last, "steps") == 0) { rn_free(name); continue; }
    for (int k = 0; k < RN_COUNT(tiny); k++) if (strcmp(last, tiny[k].key) == 0 && strcmp(v->text, "0") != 0) { rn_recipe_put(r, name, tiny[k].value, "test"); break; }
    rn_free(name);
  }
}

static char *made_log(const char *folder, uint64_t seed) {
  rn_error err = {0};
  char *path = rn_printed("%s/log-%d.safetensors", folder, (int)seed);
  CHECK_THAT(rn_data_make(&(rn_data_order){.env = "pendulum", .policy = "random", .out = path, .episodes = 12, .seed = seed, .threads = 1}, &err) == RN_OK, "%s", err.text);
  return path;
}

static char *made_run(const char *folder, const char *log) {
  rn_error err = {0};
  char *out = rn_printed("%s/run", folder);
  rn_recipe *r = rn_recipe_new("iql");
  const rn_system *system = rn_recipe_system(r, &err);
  rn_recipe_put(r, "data", log, "test"), rn_recipe_put(r, "hidden", "8", "test"), shrink(r, system);
  CHECK_THAT(rn_recipe_check(r, system, &err) && rn_train(r, &(rn_train_options){.folder = out, .threads = 1}, &err) == RN_OK, "%s", err.text);
  rn_recipe_free(r);
  return out;
}

TEST(every_recipe_trains_when_it_is_made_small) {
  char *path[64];
  const char *folder = test_folder();
  char *log = made_log(folder, 1), *other = made_log(folder, 2), *run = made_run(folder, log), *policy = rn_printed("%s:pi", run);
  int n = all_recipes(path);
  CHECK(n >= 18);
  for (int i = 0; i < n; i++) {
    const rn_system *system;
    rn_error err = {0};
    rn_recipe *r = read_checked(path[i], &system);
    shrink(r, system);
    if (rn_recipe_find(r, "data")) rn_recipe_put(r, "data", log, "test");
    if (rn_recipe_find(r, "env") && strcmp(rn_recipe_text(r, "env"), "hopper") == 0) rn_recipe_put(r, "env", "pendulum", "test");
    if (rn_recipe_find(r, "slots.policy")) rn_recipe_put(r, "slots.policy", policy, "test"), rn_recipe_put(r, "slots.critic", run, "test");
    static const char *const logs[] = {"slots.worst", "slots.best", "slots.reference"};
    for (int k = 0; k < RN_COUNT(logs); k++) if (rn_recipe_find(r, "slots.worst")) rn_recipe_put(r, logs[k], k == 1 ? other : log, "test");   // worst and best must differ
    char *out = rn_printed("%s/%s.run", folder, strrchr(path[i], '/') + 1);
    rn_train_options o = {.folder = out, .threads = 1};
    bool fine = rn_recipe_check(r, system, &err) && (system ? rn_train(r, &o, &err) : rn_train_stages(r, &o, &err)) == RN_OK;
    CHECK_THAT(fine, "%s: %s", path[i], err.text);
    rn_recipe_free(r), rn_free(out), rn_free(path[i]);
  }
  rn_free(log), rn_free(other), rn_free(run), rn_free(policy);
}
