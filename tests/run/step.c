/* `rein step`: an update on given parameters, rows and noise gives the same bytes, whoever draws; what does not fit is refused. */
#include "rein/run.h"
#include "rein/safetensors.h"
#include "test.h"

enum { OBS = 5, ACT = 2, ROWS = 16 };

static const struct { const char *name, *keys[4]; int draws; const char *loss[3];
} systems[] = {{"bc", {"hidden=8"}, 0, {"loss.pi"}},
               {"td3bc", {"hidden=8"}, 1, {"loss.q"}},
               {"iql", {"hidden=8", "cosine=false"}, 0, {"loss.pi", "loss.q", "loss.v"}},
               {"sac", {"hidden=8"}, 2, {"loss.pi", "loss.q"}},
               {"ppo", {"hidden=8", "anneal=false", "minibatch=8", "rows=1"}, 0, {"loss.pi"}}};

static char *in(const char *name) { return rn_printed("%s/%s.safetensors", test_folder(), name); }

static rn_recipe *recipe(int s, const char *more, rn_error *err) {
  rn_recipe *r = rn_recipe_new(systems[s].name);
  for (int k = 0; k < 4 && systems[s].keys[k]; k++) CHECK_THAT(rn_recipe_set(r, systems[s].keys[k], err), "%s", err->text);
  CHECK_THAT(!more || rn_recipe_set(r, more, err), "%s", err->text);
  const rn_system *system = rn_recipe_system(r, err);
  CHECK_THAT(system && rn_recipe_check(r, system, err), "%s", err->text);
  return r;
}

static rn_code step(int s, const char *more, rn_step_files f, rn_error *err) {
  *err = (rn_error){0};
  rn_recipe *r = recipe(s, more, err);
  rn_code code = rn_step_system(r, &f, err);
  rn_recipe_free(r);
  return code;
}

// rows of a log, with logp as a rollout needs it; `without` leaves a column out, `short_of` writes it one row short
static void write_rows(const char *path, const char *without, const char *short_of) {
  static const struct { const char *name; int width; } column[] = {{"obs", OBS}, {"act", ACT}, {"reward", 1}, {"terminated", 1}, {"truncated", 1}, {"next", OBS}, {"logp", 1}};
  rn_tensor t[RN_COUNT(column)];
  float *x[RN_COUNT(column)];
  int n = 0;
  for (int c = 0; c < RN_COUNT(column); c++) {
    if (without && strcmp(column[c].name, without) == 0) continue;
    int rows = ROWS - (short_of && strcmp(column[c].name, short_of) == 0), w = column[c].width;
    rn_key key = rn_key_new(7, column[c].name, 0, 0);
    x[n] = rn_new((size_t)(rows * w) * sizeof(float));
    for (int i = 0; i < rows * w; i++) x[n][i] = c == 3 ? i == 5 : c == 4 ? i == 11 : c == 6 ? -1.5f : rn_uniform(&key, -1, 1);
    t[n] = (rn_tensor){.name = column[c].name, .type = RN_F32, .dims = w > 1 ? 2 : 1, .dim = {rows, w}, .data = x[n]}, n++;
  }
  rn_error err = {0};
  CHECK_THAT(rn_safetensors_write(path, n, t, 0, NULL, &err), "%s", err.text);
  for (int i = 0; i < n; i++) rn_free(x[i]);
}

static void write_noise(const char *path, int n, int cols, const char *first) {
  float x[8][ROWS * 8];
  char names[8][16];
  rn_tensor t[8];
  rn_key key = rn_key_new(9, "noise", 0, 0);
  for (int k = 0; k < n; k++) {
    snprintf(names[k], sizeof names[k], "noise.%d", k);
    for (int i = 0; i < ROWS * cols; i++) x[k][i] = (float)rn_normal64(&key);
    t[k] = (rn_tensor){.name = k == 0 && first ? first : names[k], .type = RN_F32, .dims = 2, .dim = {ROWS, cols}, .data = x[k]};
  }
  rn_error err = {0};
  CHECK_THAT(rn_safetensors_write(path, n, t, 0, NULL, &err), "%s", err.text);
}

static bool same_bytes(const char *a, const char *b) {
  char *x, *y;
  size_t n, m;
  rn_error err = {0};
  CHECK_THAT(rn_read_file(a, &x, &n, &err) && rn_read_file(b, &y, &m, &err), "%s", err.text);
  bool same = n == m && memcmp(x, y, n) == 0;
  rn_free(x), rn_free(y);
  return same;
}

TEST(a_step_gives_the_same_bytes_twice_moves_the_parameters_and_says_its_losses) {
  char *params = in("params"), *again = in("again"), *rows = in("rows"), *a = in("a"), *b = in("b");
  rn_error err;
  write_rows(rows, NULL, NULL);
  for (int s = 0; s < RN_COUNT(systems); s++) {
    CHECK_THAT(step(s, NULL, (rn_step_files){.init = params, .obs = OBS, .act = ACT}, &err) == RN_OK, "%s: %s", systems[s].name, err.text);
    CHECK_THAT(step(s, NULL, (rn_step_files){.init = again, .obs = OBS, .act = ACT}, &err) == RN_OK, "%s", err.text);
    CHECK_THAT(same_bytes(params, again), "%s: fresh parameters differ", systems[s].name);
    CHECK_THAT(step(s, NULL, (rn_step_files){.params = params, .batch = rows, .out = a}, &err) == RN_OK, "%s: %s", systems[s].name, err.text);
    CHECK_THAT(step(s, NULL, (rn_step_files){.params = params, .batch = rows, .out = b}, &err) == RN_OK, "%s", err.text);
    CHECK_THAT(same_bytes(a, b), "%s: two equal steps differ", systems[s].name);
    rn_safetensors *before = rn_load_safetensors(params, &err), *after = rn_load_safetensors(a, &err);
    CHECK_THAT(before && after, "%s", err.text);
    for (int k = 0; k < 3 && systems[s].loss[k]; k++) CHECK_THAT(rn_safetensors_find(after, systems[s].loss[k]), "%s: no %s", systems[s].name, systems[s].loss[k]);
    int moved = 0;
    for (int i = 0; i < rn_safetensors_count(before); i++) {
      const rn_tensor *t = rn_safetensors_at(before, i), *u = rn_safetensors_find(after, t->name);
      CHECK_THAT(u && u->bytes == t->bytes, "%s: %s is not there after the step", systems[s].name, t->name);
      moved += strncmp(t->name, "adam.", 5) != 0 && strncmp(t->name, "count.", 6) != 0 && memcmp(t->data, u->data, t->bytes) != 0;
    }
    CHECK_THAT(moved >= 4, "%s: %d blocks moved", systems[s].name, moved);
    rn_safetensors_close(before), rn_safetensors_close(after);
  }
  rn_free(params), rn_free(again), rn_free(rows), rn_free(a), rn_free(b);
}

TEST(two_updates_are_two_steps_of_one_with_the_moments_passed_on) {
  char *params = in("params"), *rows = in("rows"), *a = in("a"), *b = in("b"), *two = in("two");
  rn_error err;
  write_rows(rows, NULL, NULL);
  for (int s = 0; s < RN_COUNT(systems); s++) {
    CHECK_THAT(step(s, NULL, (rn_step_files){.init = params, .obs = OBS, .act = ACT}, &err) == RN_OK, "%s", err.text);
    CHECK_THAT(step(s, NULL, (rn_step_files){.params = params, .batch = rows, .out = two, .updates = 2}, &err) == RN_OK, "%s", err.text);
    CHECK_THAT(step(s, NULL, (rn_step_files){.params = params, .batch = rows, .out = a}, &err) == RN_OK, "%s", err.text);
    CHECK_THAT(step(s, NULL, (rn_step_files){.params = a, .batch = rows, .out = b}, &err) == RN_OK, "%s", err.text);
    CHECK_THAT(same_bytes(two, b), "%s: two updates are not two steps", systems[s].name);
    CHECK_THAT(!same_bytes(a, b), "%s: the second step did nothing", systems[s].name);
  }
  rn_free(params), rn_free(rows), rn_free(a), rn_free(b), rn_free(two);
}

TEST(noise_that_is_given_is_the_noise_that_counts) {
  char *params = in("params"), *rows = in("rows"), *noise = in("noise"), *x[3] = {in("a"), in("b"), in("c")};
  rn_error err;
  write_rows(rows, NULL, NULL);
  for (int s = 0; s < RN_COUNT(systems); s++) {
    if (!systems[s].draws) continue;
    write_noise(noise, systems[s].draws, ACT, NULL);
    CHECK_THAT(step(s, NULL, (rn_step_files){.init = params, .obs = OBS, .act = ACT}, &err) == RN_OK, "%s", err.text);
    // drawn, the seed decides; given, it does not
    for (int k = 0; k < 2; k++) CHECK_THAT(step(s, k ? "seed=2" : "seed=1", (rn_step_files){.params = params, .batch = rows, .out = x[k]}, &err) == RN_OK, "%s", err.text);
    CHECK_THAT(!same_bytes(x[0], x[1]), "%s: another seed drew the same", systems[s].name);
    for (int k = 0; k < 2; k++)
      CHECK_THAT(step(s, k ? "seed=2" : "seed=1", (rn_step_files){.params = params, .batch = rows, .noise = noise, .out = x[k]}, &err) == RN_OK, "%s", err.text);
    CHECK_THAT(same_bytes(x[0], x[1]), "%s: the given noise was not all that was drawn", systems[s].name);
    // the listing names as many draws an update
    rn_text said = {0};
    rn_recipe *r = recipe(s, NULL, &err);
    CHECK(rn_step_noise(r, OBS, ACT, 0, &said, false, &err) == RN_OK);
    char last[32];
    snprintf(last, sizeof last, "noise.%d", 2 * systems[s].draws - 1);
    CHECK_TEXT(said.at, last), CHECK_TEXT(said.at, "update 2");
    rn_recipe_free(r), rn_free(said.at);
  }
  rn_free(params), rn_free(rows), rn_free(noise), rn_free(x[0]), rn_free(x[1]), rn_free(x[2]);
}

TEST(what_does_not_fit_is_refused_and_nothing_is_written) {
  enum { SAC = 3, BC = 0 };
  char *params = in("params"), *of_bc = in("bc"), *rows = in("rows"), *noise = in("noise"), *out = in("out"), *bad = in("bad");
  rn_error err;
  write_rows(rows, NULL, NULL);
  CHECK(step(SAC, NULL, (rn_step_files){.init = params, .obs = OBS, .act = ACT}, &err) == RN_OK);
  CHECK(step(BC, NULL, (rn_step_files){.init = of_bc, .obs = OBS, .act = ACT}, &err) == RN_OK);
  CHECK(step(2, NULL, (rn_step_files){.params = of_bc, .batch = rows, .out = out}, &err) == RN_INPUT);
  CHECK_TEXT(err.text, "has no '");
  CHECK(step(SAC, "hidden.q=16", (rn_step_files){.params = params, .batch = rows, .out = out}, &err) == RN_INPUT);
  CHECK_TEXT(err.text, "entries, not");
  write_rows(bad, NULL, "reward");
  CHECK(step(SAC, NULL, (rn_step_files){.params = params, .batch = bad, .out = out}, &err) == RN_INPUT);
  CHECK_TEXT(err.text, "'reward'");
  write_rows(bad, "obs", NULL);
  CHECK(step(SAC, NULL, (rn_step_files){.params = params, .batch = bad, .out = out}, &err) == RN_INPUT);
  CHECK_TEXT(err.text, "needs obs");
  write_rows(bad, "reward", NULL);
  CHECK(step(SAC, NULL, (rn_step_files){.params = params, .batch = bad, .out = out}, &err) == RN_INPUT);
  CHECK_TEXT(err.text, "reward");
  write_noise(noise, 2, ACT + 1, NULL);
  CHECK(step(SAC, NULL, (rn_step_files){.params = params, .batch = rows, .noise = noise, .out = out}, &err) == RN_INPUT);
  CHECK_TEXT(err.text, "'noise.0' has");
  write_noise(noise, 2, ACT, "noise.zero");
  CHECK(step(SAC, NULL, (rn_step_files){.params = params, .batch = rows, .noise = noise, .out = out}, &err) == RN_INPUT);
  CHECK_TEXT(err.text, "no draw takes 'noise.zero'");
  CHECK(!rn_exists(out));
  rn_free(params), rn_free(of_bc), rn_free(rows), rn_free(noise), rn_free(out), rn_free(bad);
}
