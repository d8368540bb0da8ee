/* Promise 1, for every learner of systems.def: the same bytes on any number of threads and after a SIGKILL at any update. */
#include "micro.h"
#include <stdlib.h>

enum { UPDATES = 24 };

static int kills(void) { return getenv("RN_TEST_ALL") ? 20 : 1; }

static void each_learner(void (*check)(const rn_system *m, const rn_recipe *r)) {
  int n, checked = 0;
  const rn_system *const *all = rn_systems(&n);
  for (int i = 0; i < n; i++) {
    rn_recipe *r = micro_recipe(all[i], UPDATES);
    if (!r) continue;
    check(all[i], r);
    rn_recipe_free(r), checked++;
  }
  CHECK(checked > 5);
}

static void by_threads(const rn_system *m, const rn_recipe *r) {
  static const int threads[] = {1, 2, 7};
  uint64_t hash[3];
  for (int k = 0; k < 3; k++) {
    char *folder = rn_printed("%s/run", test_folder());
    int code = micro_train(r, folder, threads[k], 0, false);
    CHECK_THAT(code == 0, "%s ended with %d", m->name, code);
    hash[k] = micro_hash(folder);
    rn_free(folder);
  }
  CHECK_THAT(hash[0] == hash[1] && hash[0] == hash[2], "%s: bytes of the last checkpoint depend on the number of threads", m->name);
}
TEST(every_learner_leaves_the_same_bytes_on_1_2_and_7_threads) { each_learner(by_threads); }

static void by_kill(const rn_system *m, const rn_recipe *r) {
  char *whole = rn_printed("%s/whole", test_folder());
  CHECK(micro_train(r, whole, 1, 0, false) == 0);
  for (int k = 0; k < kills(); k++) {
    long at = 1 + (7 * k + 10) % (UPDATES - 2);
    char *folder = rn_printed("%s/killed", test_folder());
    int code = micro_train(r, folder, 1, at, false);
    CHECK_THAT(code == 137, "%s: killed after %ld updates, but it ended with %d", m->name, at, code);
    code = micro_train(r, folder, 1, 0, true);
    CHECK_THAT(code == 0, "%s: resume ended with %d", m->name, code);
    CHECK_THAT(micro_hash(folder) == micro_hash(whole), "%s: killed after %ld updates and resumed, the last checkpoint differs", m->name, at);
    code = micro_train(r, folder, 1, 0, true);
    CHECK_THAT(code == 0 && micro_hash(folder) == micro_hash(whole), "%s: resume of a finished run changed it", m->name);
    rn_free(folder);
  }
  rn_free(whole);
}
TEST(every_learner_resumes_after_a_kill_to_the_same_bytes) { each_learner(by_kill); }

static void by_every_update(const rn_system *m, const rn_recipe *r) {            // killed again and again, one update further each time
  if (!getenv("RN_TEST_ALL")) return;
  char *whole = rn_printed("%s/whole", test_folder()), *folder = rn_printed("%s/steps", test_folder());
  rn_recipe *often = rn_recipe_copy(r);
  rn_recipe_put(often, "every", "1", "exact.c");
  CHECK(micro_train(often, whole, 1, 0, false) == 0);
  int code = micro_train(often, folder, 1, 1, false);
  for (int k = 0; k < 200 && code == 137; k++) code = micro_train(often, folder, 1, 2, true);
  CHECK_THAT(code == 0 && micro_hash(folder) == micro_hash(whole), "%s: resumed at every update, ended with %d and other bytes", m->name, code);
  rn_recipe_free(often), rn_free(whole), rn_free(folder);
}
TEST(every_learner_can_be_resumed_at_every_update) { each_learner(by_every_update); }

TEST(a_damaged_newest_checkpoint_falls_back_to_the_one_before) {
  rn_recipe *r = micro_recipe(rn_system_find("iql"), UPDATES);
  char *whole = rn_printed("%s/whole", test_folder()), *folder = rn_printed("%s/hurt", test_folder());
  CHECK(micro_train(r, whole, 1, 0, false) == 0 && micro_train(r, folder, 1, UPDATES / 2 + 1, false) == 137);
  // a byte in the middle of the newest file
  char *command = rn_printed("f=$(ls '%s'/checkpoint/*.safetensors | tail -1); printf 'x' | dd of=\"$f\" bs=1 seek=$(($(stat -c %%s \"$f\") / 2)) conv=notrunc 2>/dev/null", folder);
  CHECK(system(command) == 0);
  CHECK(micro_train(r, folder, 1, 0, true) == 0);
  CHECK_THAT(micro_hash(folder) == micro_hash(whole), "after the damage the run ended with other bytes");
  rn_free(command), rn_free(whole), rn_free(folder), rn_recipe_free(r);
}
