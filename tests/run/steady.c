/* Promise 3, for every learner of systems.def: a steady update allocates nothing, memory stays flat, and a plan past mem is refused before it
 * starts. Two runs that differ in their length alone must ask for memory equally often: what one update more takes would show. */
#include "micro.h"
#include <dirent.h>
#include <stdlib.h>
#include <sys/resource.h>

static rn_recipe *quiet(const rn_system *m, int updates) {     // nothing but updates between begin and end
  rn_recipe *r = micro_recipe(m, updates);
  static const char *const never[] = {"every", "log"};
  for (int i = 0; r && i < RN_COUNT(never); i++) rn_recipe_put(r, never[i], "1000000000", "steady.c");
  return r;
}

static long allocations_of(const rn_recipe *r, const char *name) {
  rn_error err = {0};
  char *folder = rn_printed("%s/run", test_folder());
  long before = rn_allocations();
  rn_code code = rn_train(r, &(rn_train_options){.folder = folder, .threads = 1}, &err);
  long n = rn_allocations() - before;
  CHECK_THAT(code == RN_OK, "%s: %s", name, err.text);
  rn_free(folder);
  return n;
}

TEST(an_update_of_every_learner_allocates_nothing) {
  int n, checked = 0;
  const rn_system *const *all = rn_systems(&n);
  micro_log();
  for (int i = 0; i < n; i++) {
    rn_recipe *few = quiet(all[i], 40), *many = quiet(all[i], 120);
    if (!few) continue;
    allocations_of(few, all[i]->name);                           // what is made once a process
    long a = allocations_of(few, all[i]->name), b = allocations_of(many, all[i]->name);
    // figures that a system says at its end may be more after more updates: each is some lines of the journal
    long figures = all[i]->evaluate ? 39 : 0;
    CHECK_THAT(b - a <= figures, "%s: %ld allocations for 40 updates, %ld for 120", all[i]->name, a, b);
    rn_recipe_free(few), rn_recipe_free(many), checked++;
  }
  CHECK(checked > 5);
}

static long most_kilobytes(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_maxrss;
}

TEST(memory_is_flat_over_many_updates) {                         // of this process: ranges grow by 2 MiB
  static const char *const names[] = {"td3bc", "iql", "sac"};
  int many = getenv("RN_TEST_ALL") ? 100000 : 4000;
  for (int i = 0; i < RN_COUNT(names); i++) {
    const rn_system *m = rn_system_find(names[i]);
    rn_recipe *r = quiet(m, 400), *longer = quiet(m, many);
    allocations_of(r, m->name);
    long before = most_kilobytes();
    allocations_of(longer, m->name);
    long more = most_kilobytes() - before;
    CHECK_THAT(more < 2048, "%s: %d updates took %ld KiB more than 400", m->name, many, more);
    rn_recipe_free(r), rn_recipe_free(longer);
  }
}

static rn_code train_in(rn_recipe *r, const char *folder, const char *mem, rn_error *err) {
  rn_recipe_put(r, "mem", mem, "steady.c");
  return rn_train(r, &(rn_train_options){.folder = folder, .threads = 1}, err);
}

TEST(a_plan_past_mem_is_refused_as_a_table_and_leaves_nothing) {
  rn_recipe *r = quiet(rn_system_find("iql"), 20), *s = quiet(rn_system_find("sac"), 40);
  rn_error err = {0};
  char *folder = rn_printed("%s/run", test_folder());
  // 512x512 and obs 3: four nets of 265 k numbers, two more in the copy; 6 x 1.01 MiB of values and as much of gradients, 2 x 4 of moments
  rn_recipe_put(r, "hidden", "512x512", "steady.c");
  CHECK(train_in(r, folder, "8M", &err) == RN_INPUT);
  CHECK_TEXT(err.text, "and mem allows 8.0 MiB"), CHECK_TEXT(err.text, "moments of the optimisers"), CHECK_TEXT(err.text, "raise mem");
  CHECK_THAT(!rn_exists(folder), "%s was left", folder);
  // the parameters fit, the tape of 65,536 rows does not: this is measured
  rn_recipe_put(r, "hidden", "64x64", "steady.c"), rn_recipe_put(r, "batch", "65536", "steady.c"), err = (rn_error){0};
  CHECK(train_in(r, folder, "40M", &err) == RN_INPUT);
  CHECK_TEXT(err.text, "an update and an act (batch, hidden)"), CHECK(!strstr(err.text, "not tried"));
  // a replay of a million rows: 30 bytes each
  rn_recipe_put(s, "capacity", "1000000", "steady.c"), rn_recipe_put(s, "steps", "1000000", "steady.c"), err = (rn_error){0};
  CHECK(train_in(s, folder, "20M", &err) == RN_INPUT);
  CHECK_TEXT(err.text, "the replay, "), CHECK(!rn_exists(folder));
  rn_recipe_free(r), r = quiet(rn_system_find("iql"), 20), err = (rn_error){0};
  CHECK_THAT(train_in(r, folder, "40M", &err) == RN_OK, "%s", err.text);
  rn_recipe_free(r), rn_recipe_free(s), rn_free(folder);
}
