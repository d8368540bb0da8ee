/* The engine's side of environments: the same bytes on any number of threads and after a resume, ends told apart, actions clipped,
 * nothing that is not finite goes on. */
#include "test.h"
#include "rein/worlds.h"

// Actions that depend on world and step alone: a policy's in -1.5 .. 1.5, so that clipping is met, or an index
static void choose(const rn_worlds *w, long t, float *act) {
  for (int r = 0; r < w->rows; r++) {
    rn_key key = rn_key_new(9, "test", (uint64_t)r, (uint64_t)t);
    for (int j = 0; j < w->act; j++)
      act[r * w->act + j] = w->kind->act.kind == RN_BOX ? rn_uniform(&key, -1.5f, 1.5f) : (float)rn_below(&key, w->kind->act.dim[0]);
  }
}

static void go_on(rn_worlds *w, long from, long to) {
  float *act = rn_new((size_t)(w->rows * w->act) * sizeof *act);
  for (long t = from; t < to; t++) {
    choose(w, t, act);
    CHECK_THAT(rn_worlds_step(w, act), "%s: %s", w->kind->name, rn_stopped(w->run)->text);
    rn_worlds_next_episode(w, NULL);
  }
  rn_free(act);
}

static rn_worlds *start(rn_run *run, const rn_env_kind *kind, int n) {
  rn_error err = {0};
  rn_worlds *w = rn_worlds_new(run, kind, "env", n, &err);
  CHECK_THAT(w, "%s", err.text);
  return w;
}

static void finish(rn_run *run) {
  rn_worlds_close_all(run);
  rn_run_free(run);
}

static int copies(const rn_env_kind *k) { return k->cost < 1000 ? 1100 : 13; }       // enough that the work is dealt out

static uint64_t hash_after(const rn_env_kind *kind, int threads, long steps) {
  rn_threads_set(threads);
  rn_run *run = rn_run_new(4, 0);
  rn_worlds *w = start(run, kind, copies(kind));
  rn_worlds_reset_all(w);
  go_on(w, 0, steps);
  rn_worlds_before_save(run);
  uint64_t h = rn_state_hash(run);
  finish(run);
  rn_threads_set(1);
  return h;
}

TEST(threads_change_no_byte) {
  const rn_env_kind *k;
  for (int i = 0; (k = rn_env_listed(i)); i++) {
    uint64_t one = hash_after(k, 1, 120);
    CHECK_THAT(one == hash_after(k, 2, 120), "%s differs on 2 threads", k->name);
    CHECK_THAT(one == hash_after(k, 7, 120), "%s differs on 7 threads", k->name);
    CHECK_THAT(one != hash_after(k, 1, 121), "%s doesn't move", k->name);
  }
}

static void copy_state(const rn_run *from, rn_run *to) {
  rn_entry a, b;
  for (int i = 0; rn_state_entry(from, i, &a); i++) {
    CHECK(rn_state_entry(to, i, &b) && strcmp(a.name, b.name) == 0 && a.count == b.count);
    memcpy(b.data, a.data, a.count * rn_type_bytes(a.type));
  }
}

TEST(a_resume_gives_the_same_bytes) {
  const rn_env_kind *k;
  for (int i = 0; (k = rn_env_listed(i)); i++) {
    rn_run *through = rn_run_new(4, 0), *again = rn_run_new(4, 0);
    rn_worlds *a = start(through, k, 5), *b = start(again, k, 5);
    rn_worlds_reset_all(a);
    go_on(a, 0, 77);
    rn_worlds_before_save(through);
    rn_worlds_reset_all(b), go_on(b, 0, 31);                // a used simulator, whose contents must not show
    copy_state(through, again);
    rn_worlds_after_load(again);
    go_on(a, 77, 200), go_on(b, 77, 200);
    rn_worlds_before_save(through), rn_worlds_before_save(again);
    CHECK_THAT(rn_state_hash(through) == rn_state_hash(again), "%s goes on otherwise", k->name);
    finish(through), finish(again);
  }
}

TEST(a_start_depends_on_world_and_episode_alone) {
  const rn_env_kind *k;
  for (int i = 0; (k = rn_env_listed(i)); i++) {
    rn_run *few = rn_run_new(4, 0), *many = rn_run_new(4, 0);
    rn_worlds *a = start(few, k, 2), *b = start(many, k, 6);
    rn_worlds_reset_all(a), rn_worlds_reset_all(b);
    go_on(a, 0, 9);
    rn_worlds_episode_set(a, 3), rn_worlds_episode_set(b, 3);
    rn_worlds_reset_all(b), rn_worlds_reset_all(a);
    CHECK_THAT(memcmp(a->env.obs, b->env.obs, (size_t)(2 * a->obs) * sizeof(float)) == 0, "%s", k->name);
    CHECK(a->episode[1] == 3 && a->step[1] == 0 && a->total[1] == 0);
    rn_worlds_episode_set(b, 3L << 33), rn_worlds_reset_all(b);
    k->reset(&a->env, 1, rn_key_of(few, "reset.env", 1, 3ULL << 33));
    CHECK_THAT(memcmp(a->env.obs + a->obs, b->env.obs + b->obs, (size_t)a->obs * sizeof(float)) == 0, "%s: the key of world 1, episode 3 x 2^33", k->name);
    finish(few), finish(many);
  }
}

TEST(observations_lie_within_their_space) {
  const rn_env_kind *k;
  for (int i = 0; (k = rn_env_listed(i)); i++) {
    rn_run *run = rn_run_new(1, 0);
    rn_worlds *w = start(run, k, 4);
    rn_worlds_reset_all(w);
    for (int t = 0; t < 60; t++) {
      go_on(w, t, t + 1);
      for (int r = 0; r < w->rows; r++)
        for (int j = 0; j < w->obs; j++) {
          double x = w->env.obs[r * w->obs + j];
          if (k->obs.kind == RN_DISCRETE) CHECK_THAT(x >= 0 && x < k->obs.dim[0] && x == floor(x), "%s: state %g", k->name, x);
          else if (k->obs.low) CHECK_THAT(x >= k->obs.low[j] && x <= k->obs.high[j], "%s: column %d is %g", k->name, j, x);
        }
    }
    finish(run);
  }
}

TEST(actions_are_mapped_and_clipped) {
  rn_error err = {0};
  rn_run *run = rn_run_new(1, 0);
  rn_worlds *w = start(run, rn_env_find("pendulum", &err), 5);
  rn_worlds_reset_all(w);
  CHECK(rn_worlds_step(w, (float[]){-1, 0.25f, 1, 7, -1e30f}));           // torque -2 .. 2
  const float mapped[] = {-2, 0.5f, 2, 2, -2};
  for (int i = 0; i < 5; i++) CHECK_THAT(w->executed[i] == mapped[i], "world %d executes %g", i, (double)w->executed[i]);
  CHECK(rn_worlds_step_executed(w, (float[]){-1, 0.25f, 1, 7, -1e30f}));
  const float clipped[] = {-1, 0.25f, 1, 2, -2};
  for (int i = 0; i < 5; i++) CHECK_THAT(w->executed[i] == clipped[i], "world %d executes %g", i, (double)w->executed[i]);
  finish(run);
}

//---- a world of the test's own: it counts, ends when told, and breaks when told ------------------------------------------------------

typedef struct { int t; } counter;

static void count_reset(rn_env *e, int i, rn_key key) {
  (void)key;
  ((counter *)e->state)[i].t = 0;
  for (int s = 0; s < e->seats; s++) e->obs[2 * (i * e->seats + s)] = 0, e->obs[2 * (i * e->seats + s) + 1] = (float)s;
}

static void count_step(rn_env *e, int from, int to) {
  for (int i = from; i < to; i++) {
    int t = ++((counter *)e->state)[i].t;
    for (int s = 0; s < e->seats; s++) {
      int r = i * e->seats + s;
      e->obs[2 * r] = e->act[r] == 0.75f ? NAN : (float)t, e->reward[r] = e->act[r] == 0.5f ? INFINITY : (float)(s + 1);
      if (e->act[r] == 0.25f) e->fail(e, i, "the string broke");
      e->terminated[r] = s == 0 && t >= 3 + i, e->truncated[r] = s == 1 && t >= 5;
    }
  }
}

static const rn_env_kind count = {.abi = RN_ENV_ABI, .name = "count", .obs = {RN_BOX, {2}}, .act = {RN_BOX, {1}}, .seats = 2, .state = sizeof(counter),
                                  .reset = count_reset, .step = count_step};

TEST(a_world_ends_with_its_last_seat_and_keeps_its_last_row) {
  rn_run *run = rn_run_new(1, 0);
  rn_worlds *w = start(run, &count, 4);
  rn_worlds_reset_all(w);
  CHECK(w->rows == 8);
  static const float still[8];
  for (int t = 1; t <= 5; t++) CHECK(rn_worlds_step(w, still));
  // seat 0 of world i ends at 3 + i, seat 1 of all is cut at 5: worlds 0, 1 and 2 are over, world 3 is not
  for (int i = 0; i < 4; i++) CHECK(rn_worlds_over(w, i) == (i < 3));
  CHECK(w->env.terminated[0] && !w->env.truncated[0] && !w->env.terminated[1] && w->env.truncated[1]);
  CHECK(rn_worlds_step(w, still));
  CHECK(w->env.obs[0] == 5 && w->env.obs[2 * 6] == 6 && w->env.reward[1] == 0 && w->env.reward[7] == 2);
  CHECK(w->step[0] == 5 && w->step[3] == 6 && w->total[1] == 10 && w->total[7] == 12);
  rn_worlds_next_episode(w, NULL);
  CHECK(w->episode[0] == 1 && w->episode[2] == 1 && w->env.obs[2 * 6] == 0 && w->episode[3] == 1 && w->total[1] == 0);
  rn_worlds_next_episode(w, (uint8_t[]){0, 1, 0, 0});
  CHECK(w->episode[0] == 1 && w->episode[1] == 2);
  finish(run);
}

static void break_it(float how, const char *says) {
  for (int threads = 1; threads <= 3; threads += 2) {
    rn_threads_set(threads);
    rn_run *run = rn_run_new(1, 0);
    rn_worlds *w = start(run, &count, 500);
    float *act = rn_new(1000 * sizeof *act);
    rn_worlds_reset_all(w);
    CHECK(rn_worlds_step(w, act));
    act[2 * 333 + 1] = act[2 * 444] = how;
    CHECK(!rn_worlds_step(w, act) && rn_stopped(run));
    CHECK(rn_stopped(run)->code == RN_NUMBERS);
    CHECK_TEXT(rn_stopped(run)->text, says);
    finish(run);
    rn_free(act);
  }
  rn_threads_set(1);
}

TEST(what_is_not_finite_stops_the_run_and_says_where) {
  break_it(0.75f, "count (env): observation column 0 of world 333 is nan at step 2 of episode 0");
  break_it(0.5f, "count (env): reward column 0 of world 333 is inf at step 2 of episode 0");
  break_it(NAN, "count (env): action column 0 of world 333 is nan at step 1 of episode 0");
  break_it(0.25f, "count (env): world 333 at step 2 of episode 0: the string broke");
}

static void step_cartpole_with(void *act) {
  rn_error err = {0};
  rn_run *run = rn_run_new(1, 0);
  rn_worlds *w = start(run, rn_env_find("cartpole", &err), 1);
  rn_worlds_reset_all(w);
  rn_worlds_step(w, act);
}

TEST(an_index_out_of_range_is_a_bug) {
  CHECK_TEXT(test_fatal(step_cartpole_with, (float[]){2}), "cartpole: action 2 of row 0 is no index below 2");
  CHECK_TEXT(test_fatal(step_cartpole_with, (float[]){0.5f}), "no index");
  CHECK_TEXT(test_fatal(step_cartpole_with, (float[]){-1}), "no index");
}

//---- by name -------------------------------------------------------------------------------------------------------------------

static void refused(const char *name, const char *says) {
  rn_error err = {0};
  CHECK_THAT(!rn_env_find(name, &err), "'%s' was found", name);
  CHECK(err.code == RN_INPUT);
  CHECK_TEXT(err.text, says);
}

TEST(an_unknown_name_is_answered_with_the_nearest) {
  refused("cartpol", "no environment 'cartpol'; did you mean 'cartpole'?");
  refused("xyzzyxyzzy", "no environment 'xyzzyxyzzy'");
  refused("", "no environment ''");
  refused("cartpole:3", "cartpole takes no arguments: 'cartpole:3'");
  refused("./nowhere.so", "./nowhere.so: no such file");
}

TEST(a_kind_that_is_not_whole_is_refused) {
  static const float down[] = {1, -1}, up[] = {0, 1}, endless[] = {INFINITY, INFINITY}, least[] = {-1, -1};
  struct { rn_env_kind k; const char *says; } bad[] = {
    {count, "made for version 7 of rein/env.h"}, {count, "has no name"}, {count, "step is missing"}, {count, "obs has no columns"}, {count, "act has dim[0] = -1"},
    {count, "obs column 0 runs from 1 to 0"}, {count, "one bound of two"}, {count, "load is missing"}, {count, "no finite bounds"}, {count, "seats -1"}};
  bad[0].k.abi = 7, bad[1].k.name = "", bad[2].k.step = NULL, bad[3].k.obs.dim[0] = 0, bad[4].k.act.dim[0] = -1;
  bad[5].k.obs.low = down, bad[5].k.obs.high = up, bad[6].k.obs.low = down, bad[7].k.save = (void (*)(rn_env *, int))(void *)count_reset;
  bad[8].k.act.low = least, bad[8].k.act.high = endless, bad[9].k.seats = -1;
  rn_error none = {0};
  CHECK(rn_env_check(&count, &none));
  for (int i = 0; i < RN_COUNT(bad); i++) {
    rn_error err = {0};
    CHECK_THAT(!rn_env_check(&bad[i].k, &err), "case %d passed", i);
    CHECK_TEXT(err.text, bad[i].says);
  }
}

TEST(every_listed_kind_is_whole_and_found_by_its_name) {
  const rn_env_kind *k;
  int n = 0;
  for (; (k = rn_env_listed(n)); n++) {
    rn_error err = {0};
    CHECK_THAT(rn_env_check(k, &err) && k->summary, "%s: %s", k->name, err.text);
    if (!k->make) CHECK(rn_env_find(k->name, &err) == k);
  }
  CHECK(n >= 2);
}
