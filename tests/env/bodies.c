/* MuJoCo's worlds: saved and loaded exactly, a random policy's returns, and what happens when the library gives up. */
#include "test.h"
#include "rein/bodies.h"
#include "rein/worlds.h"

static const char *const names[] = {"hopper", "halfcheetah", "walker2d", "ant", "invertedpendulum", "reacher"};

extern void (*mju_user_error)(const char *);                     // MuJoCo's hooks, without its header
extern void (*mjcb_control)(const void *model, void *data);

static rn_worlds *worlds(const char *name, int n) {
  rn_error err = {0};
  const rn_env_kind *kind = rn_env_find(name, &err);
  rn_worlds *w = kind ? rn_worlds_new(rn_run_new(8, 0), kind, "env", n, &err) : NULL;
  CHECK_THAT(w, "%s", err.text);
  rn_worlds_reset_all(w);
  return w;
}

static void finish(rn_worlds *w) {
  rn_run *run = w->run;
  rn_worlds_close_all(run), rn_run_free(run);
}

static void step_random(rn_worlds *w, long t) {
  float act[64 * 8];
  for (int r = 0; r < w->rows; r++) {
    rn_key key = rn_key_new(1, "random", (uint64_t)r, (uint64_t)t);
    for (int j = 0; j < w->act; j++) act[r * w->act + j] = rn_uniform(&key, -1, 1);
  }
  CHECK_THAT(rn_worlds_step(w, act), "%s", rn_stopped(w->run)->text);
}

static void copy_state(const rn_run *from, rn_run *to) {
  rn_entry a, b;
  for (int i = 0; rn_state_entry(from, i, &a); i++) rn_state_entry(to, i, &b), memcpy(b.data, a.data, a.count * rn_type_bytes(a.type));
}

TEST(five_hundred_steps_after_a_load_are_the_same) {
  for (int k = 0; k < RN_COUNT(names); k++) {
    rn_worlds *a = worlds(names[k], 1), *fresh = worlds(names[k], 1);
    for (long t = 0; t < 500; t++) step_random(a, t), rn_worlds_next_episode(a, NULL);
    rn_worlds_before_save(a->run);
    copy_state(a->run, fresh->run);
    rn_worlds_after_load(fresh->run);
    for (long t = 500; t < 1000; t++) {
      step_random(a, t), step_random(fresh, t);
      CHECK_THAT(memcmp(a->env.obs, fresh->env.obs, (size_t)a->obs * sizeof(float)) == 0, "%s: observation of step %ld", names[k], t);
      CHECK_THAT(a->env.reward[0] == fresh->env.reward[0], "%s: reward of step %ld", names[k], t);
      rn_worlds_next_episode(a, NULL), rn_worlds_next_episode(fresh, NULL);
    }
    rn_worlds_before_save(a->run), rn_worlds_before_save(fresh->run);
    CHECK_THAT(rn_state_hash(a->run) == rn_state_hash(fresh->run), "%s", names[k]);
    finish(a), finish(fresh);
  }
}

static double random_return(const char *name, int episodes) {
  rn_worlds *w = worlds(name, 20);
  double sum = 0;
  int n = 0;
  for (long t = 0; n < episodes; t++) {
    step_random(w, t);
    for (int i = 0; i < w->n; i++) if (rn_worlds_over(w, i)) sum += w->total[i], n++;
    rn_worlds_next_episode(w, NULL);
  }
  finish(w);
  return sum / n;
}

// Gymnasium's with the same library: hopper 20.6 +- 1.6, walker2d 3.02 (200 episodes), halfcheetah -274 +- 19 (20 episodes)
TEST(a_random_policy_earns_what_it_earns_in_gymnasium) {
  double hopper = random_return("hopper", 400), walker = random_return("walker2d", 400), cheetah = random_return("halfcheetah", 20);
  CHECK_THAT(fabs(hopper - 20.6) < 5, "hopper %g", hopper);
  CHECK_THAT(fabs(walker - 3.02) < 1.5, "walker2d %g", walker);
  CHECK_THAT(fabs(cheetah + 274) < 70, "halfcheetah %g", cheetah);
}

TEST(reference_scores_are_d4rls) {
  static const struct { const char *name; double total, score; } known[] = {
    {"hopper", -20.272305, 0}, {"hopper", 3234.3, 100}, {"halfcheetah", -280.178953, 0}, {"halfcheetah", 12135, 100}, {"walker2d", 1.629008, 0},
    {"walker2d", 4592.3, 100}, {"ant", -325.6, 0}, {"ant", 3879.7, 100}};
  rn_error err = {0};
  if (!isfinite(rn_env_score(rn_env_find("hopper", &err), 0))) test_skip("MuJoCo %s is not D4RL's", rn_bodies_version());
  for (int i = 0; i < RN_COUNT(known); i++)
    CHECK_NEAR(rn_env_score(rn_env_find(known[i].name, &err), known[i].total), known[i].score, 1e-12, "%s", known[i].name);
  CHECK(isnan(rn_env_score(rn_env_find("cartpole", &err), 3)));
}

TEST(a_state_that_blows_up_stops_the_run) {
  rn_worlds *w = worlds("hopper", 3);
  rn_worlds_before_save(w->run);
  ((rn_bodies *)w->env.state)[1].qvel[2] = 1e12;
  rn_worlds_after_load(w->run);
  static const float still[9];
  CHECK(!rn_worlds_step(w, still) && rn_stopped(w->run)->code == RN_NUMBERS);
  CHECK_TEXT(rn_stopped(w->run)->text, "hopper (env): world 1 at step 1 of episode 0: MuJoCo found a state that is not finite");
  CHECK(!rn_exists("MUJOCO_LOG.TXT"));
  finish(w);
}

static void fail_inside(const void *model, void *data) { (void)model, (void)data, mju_user_error("stack overflow"); }

TEST(an_error_inside_a_step_stops_the_run_and_not_the_process) {
  for (int threads = 1; threads <= 3; threads += 2) {
    rn_threads_set(threads);
    rn_worlds *w = worlds("reacher", 8);
    static const float still[16];
    mjcb_control = fail_inside;
    bool went = rn_worlds_step(w, still);
    mjcb_control = NULL;
    CHECK(!went);
    CHECK_TEXT(rn_stopped(w->run)->text, "reacher (env): world 0 at step 1 of episode 0: MuJoCo: stack overflow");
    finish(w);
  }
  rn_threads_set(1);
}

static void fail_outside(void *context) { (void)context, mju_user_error("lost"); }

TEST(an_error_of_mujoco_outside_a_step_is_a_bug_of_ours) {
  finish(worlds("reacher", 1));
  CHECK_TEXT(test_fatal(fail_outside, NULL), "lost");
  CHECK_TEXT(rn_bodies_version(), ".");
}
