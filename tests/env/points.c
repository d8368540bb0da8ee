/* The point worlds and the grid, against the numbers of the catalogue and against facts that can be checked by hand. */
#include "test.h"
#include "rein/points.h"
#include "rein/worlds.h"
#include <stdlib.h>

static const rn_env_kind *kind_of(const char *name) {
  rn_error err = {0};
  const rn_env_kind *k = rn_env_find(name, &err);
  CHECK_THAT(k, "%s", err.text);
  return k;
}

static rn_worlds *worlds(const char *name, int n) {
  rn_error err = {0};
  rn_worlds *w = rn_worlds_new(rn_run_new(5, 0), kind_of(name), "env", n, &err);
  CHECK_THAT(w, "%s", err.text);
  rn_worlds_reset_all(w);
  return w;
}

static void place(rn_worlds *w, int i, double x, double y) {        // a world's state begins with its place
  double *at = (double *)((char *)w->env.state + (size_t)i * w->kind->state);
  at[0] = x, at[1] = y;
}

static void step_to(rn_worlds *w, double x, double y, double ax, double ay) {
  rn_worlds_next_episode(w, NULL);
  place(w, 0, x, y);
  CHECK(rn_worlds_step_executed(w, (float[]){(float)ax, (float)ay}));
}

static void is(const rn_worlds *w, double x, double y, double reward, int terminated) {
  CHECK_NEAR((double)w->env.obs[0], x, 1e-6, "x");
  CHECK_NEAR((double)w->env.obs[1], y, 1e-6, "y");
  CHECK_NEAR((double)w->env.reward[0], reward, 1e-6, "reward at %g %g", x, y);
  CHECK_THAT(w->env.terminated[0] == terminated, "terminated is %d", w->env.terminated[0]);
}

// The mean return of a behaviour without noise, and how often it ended
static double mean_return(const char *name, const char *who, int n, double *ended) {
  rn_worlds *w = worlds(name, n);
  float *act = rn_new((size_t)(2 * n) * sizeof *act);
  int *stage = rn_new((size_t)n * sizeof *stage);
  for (int t = 0; t < w->kind->limit; t++) {
    for (int i = 0; i < n; i++) {
      double a[2], x[] = {(double)w->env.obs[2 * i], (double)w->env.obs[2 * i + 1]};
      CHECK(rn_point_behaviour(w->kind, who, x, &stage[i], a));
      act[2 * i] = (float)a[0], act[2 * i + 1] = (float)a[1];
    }
    CHECK(rn_worlds_step_executed(w, act));
  }
  double sum = 0, ends = 0;
  for (int i = 0; i < n; i++) CHECK(rn_worlds_over(w, i)), sum += w->total[i], ends += w->env.terminated[i];
  if (ended) *ended = ends / n;
  rn_free(act), rn_free(stage), rn_run_free(w->run);
  return sum / n;
}

TEST(e_two_has_the_catalogues_returns) {            // -7.66 and -73.02, +- 0.8 on 50 starts: +- 0.1 on 4,000
  CHECK_NEAR(mean_return("e-two", "good", 4000, NULL), -7.66, 0.3 / 7.66, "good");
  CHECK_NEAR(mean_return("e-two", "bad", 4000, NULL), -73.02, 0.3 / 73, "bad");
}

TEST(e_two_moves_a_tenth_and_stays_in_its_box) {
  rn_worlds *w = worlds("e-two", 1);
  step_to(w, 0.2, 0.3, 1, -0.5), is(w, 0.3, 0.25, -hypot(0.4, 0.45), 0);
  step_to(w, 0.95, -0.95, 1, -1), is(w, 1, -1, -hypot(0.3, 1.7), 0);
  rn_run_free(w->run);
}

TEST(e_fault_moves_nothing_on_long_actions) {
  rn_worlds *w = worlds("e-fault", 1);
  step_to(w, 0, 0, 0.9, 0.9), is(w, 0.09, 0.09, -hypot(0.61, 0.61), 0);            // 1.27 long
  step_to(w, 0, 0, 0.93, 0.93), is(w, 0, 0, -hypot(0.7, 0.7) - 1, 0);              // 1.315
  rn_run_free(w->run);
}

TEST(e_cross_has_a_wall_with_a_gap) {
  rn_worlds *w = worlds("e-cross", 1);
  step_to(w, -0.05, 0.5, 1, 0), is(w, -0.01, 0.5, -1, 0);                          // stopped on its own side
  step_to(w, 0.05, -0.5, -1, 0), is(w, 0.01, -0.5, -1, 0);
  step_to(w, -0.05, -0.25, 1, 0.1), is(w, 0.05, -0.24, -1, 0);                     // through the gap
  step_to(w, -0.1, 0.5, 1, 0), is(w, -0.01, 0.5, -1, 0);                           // zeroing the sign counts
  step_to(w, -0.05, 0.05, 1, -1), is(w, 0.05, -0.05, -1, 0);                       // y' counts, not y
  step_to(w, 0.75, 0.6, 0, 0.6), is(w, 0.75, 0.66, 0, 1);                          // 0.1487 from the goal
  step_to(w, 0.75, 0.6, 0, 0.5), is(w, 0.75, 0.65, -1, 0);                         // 0.158
  rn_run_free(w->run);
}

TEST(e_gap_blows_in_the_real_world_only) {
  rn_worlds *real = worlds("e-gap", 1), *sim = worlds("e-gap-sim", 1);
  step_to(real, -0.5, 0, -1, 0), is(real, -0.45, 0, exp(-0.0625 / 0.03), 0);       // 0.25 from A
  step_to(sim, -0.5, 0, -1, 0), is(sim, -0.6, 0, exp(-0.01 / 0.03), 0);
  step_to(real, -0.2, 0, -1, 0), is(real, -0.3, 0, exp(-0.16 / 0.03), 0);
  step_to(real, 0.6, 0, 1, 0), is(real, 0.7, 0, 0.6, 0);                           // hill B is the lower one
  // reaching and holding B gives about 32
  place(real, 0, 0, 0), rn_worlds_reset_all(real), place(real, 0, 0, 0);
  double total = 0;
  for (int t = 0; t < 60; t++) {
    double x = t ? (double)real->env.obs[0] : 0;
    CHECK(rn_worlds_step_executed(real, (float[]){(float)fmin(1, (0.7 - x) * 10), 0}));
    total += (double)real->env.reward[0];
  }
  CHECK_THAT(real->env.truncated[0] && !real->env.terminated[0], "60 steps are the limit");
  CHECK_NEAR(total, 32, 2.0 / 32, "held");
  rn_run_free(real->run), rn_run_free(sim->run);
}

TEST(e_ridge_ends_on_both_sides_and_at_the_end) {
  rn_worlds *w = worlds("e-ridge-calm", 1);
  step_to(w, 0, 0, 3, -0.3), is(w, 0.15, -0.03, -10, 1);       // at most 1.5; the road is at 0.22700: 0.257 off it is a fall
  step_to(w, 0, 0, 3, -0.2), is(w, 0.15, -0.02, 0, 0);         // 0.247 off it is not
  step_to(w, 0, 0, 1.5, 5), is(w, 0.15, 0.15, 0, 0);
  step_to(w, 0.9, 0.15, 1.2, 0), is(w, 1.02, 0.15, 10, 1);     // the end; the road is at -0.031 there
  rn_run_free(w->run);
}

TEST(e_arc_cancels_moves_into_the_disc) {
  rn_worlds *w = worlds("e-arc", 1);
  step_to(w, -0.35, 0, 1, 0), is(w, -0.35, 0, -1, 0);
  step_to(w, -0.35, 0, 0.4, 0), is(w, -0.31, 0, -1, 0);
  step_to(w, 0.65, 0, 0.4, 0), is(w, 0.69, 0, 0, 1);
  step_to(w, 0.65, 0, 0.2, 0), is(w, 0.67, 0, -1, 0);
  rn_run_free(w->run);
}

//---- logs ----------------------------------------------------------------------------------------------------------------------

typedef struct { int n, rows, ends, cuts, good; double longest, sum; } tally;

static tally log_of(const char *name, rn_point_row **rows) {
  rn_error err = {0};
  rn_point_log log;
  CHECK_THAT(rn_point_defaults(name, &log, &err), "%s", err.text);
  *rows = rn_new((size_t)(log.trajectories * log.steps) * sizeof **rows);
  tally t = {.n = log.trajectories};
  for (int i = 0; i < log.trajectories; i++) {
    int n = rn_point_trajectory(kind_of(name), &log, i, rn_key_new(3, "log", 0, 0), *rows + t.rows);
    CHECK(n >= 1 && n <= log.steps);
    for (int k = t.rows; k < t.rows + n; k++) {
      const rn_point_row *r = *rows + k;
      CHECK_THAT(k == t.rows || memcmp(r->obs, r[-1].next, sizeof r->obs) == 0, "row %d does not go on", k);
      CHECK_THAT((r->terminated || r->truncated) == (k + 1 == t.rows + n), "flags of row %d", k);
      t.ends += r->terminated, t.cuts += r->truncated;
      t.longest = fmax(t.longest, hypot((double)r->act[0], (double)r->act[1]));
    }
    t.rows += n;
  }
  return t;
}

// Two routes to one result: the rows of a log, and the world stepped by the engine with the log's actions
static void world_agrees(const char *name) {
  rn_point_row *rows;
  tally t = log_of(name, &rows);
  rn_worlds *w = worlds(name, 1);
  for (int k = 0; k < t.rows; k += 7) {
    const rn_point_row *r = rows + k;
    step_to(w, (double)r->obs[0], (double)r->obs[1], (double)r->act[0], (double)r->act[1]);
    if (fabs((double)r->next[0]) == 0.01 || fabs((double)r->next[0]) < 1e-5) continue;       // a float of the log at the wall's edge
    is(w, (double)r->next[0], (double)r->next[1], (double)r->reward, r->terminated);
  }
  rn_free(rows), rn_run_free(w->run);
}

TEST(logs_and_worlds_agree) {
  static const char *const names[] = {"e-two", "e-two-near", "e-fault", "e-cross", "e-gap", "e-ridge-calm", "e-arc"};
  for (int i = 0; i < RN_COUNT(names); i++) world_agrees(names[i]);
}

TEST(logs_have_the_catalogues_sizes) {
  rn_point_row *rows;
  tally t = log_of("e-two", &rows);
  CHECK(t.n == 200 && t.rows == 8000 && t.cuts == 200 && !t.ends && t.longest > 1.1);
  for (int i = 0; i < 200; i++) {                  // the first 20 trajectories go to the good goal
    const rn_point_row *last = rows + 40 * i + 39;
    CHECK_THAT((last->next[0] + last->next[1] > 0) == (i < 20), "trajectory %d ends at %g %g", i, (double)last->next[0], (double)last->next[1]);
  }
  rn_free(rows), t = log_of("e-fault", &rows);
  CHECK(t.rows == 8000 && t.longest <= 1.1 + 1e-6);
  rn_free(rows), t = log_of("e-two-near", &rows);
  CHECK(t.rows == 24000 && t.longest <= 1.1 + 1e-6);
  for (int i = 0; i < 600; i++) CHECK(fabsf(rows[40 * i].obs[0]) <= 0.3f && fabsf(rows[40 * i].obs[1]) <= 0.3f);
  rn_free(rows), t = log_of("e-cross", &rows);
  // all 45 from H arrive; of the 90 from B those that turn to G before the gap's y may be caught by the wall
  CHECK_THAT(t.n == 300 && t.ends > 45 + 50 && t.ends <= 135, "%d of the 135 trajectories to G end there", t.ends);
  rn_free(rows), t = log_of("e-gap", &rows);
  CHECK(t.rows == 2000 && t.cuts == 2000);
  double right = -1, wind = 0;
  for (int k = 0; k < t.rows; k++) right = fmax(right, (double)rows[k].obs[0]), wind += (double)(rows[k].next[0] - rows[k].obs[0]) > 0.1000001;
  CHECK_THAT(right > 0.29 && right <= 0.3 && wind > 500, "the log shows the wind and not the goal: %g, %g", right, wind);
  rn_free(rows), t = log_of("e-ridge-calm", &rows);
  CHECK_THAT(t.ends == 10 && abs(t.rows - 375) < 25, "10 trajectories have %d transitions, should be about 375", t.rows);
  rn_free(rows), t = log_of("e-arc", &rows);
  CHECK_THAT(t.ends == 60 && abs(t.rows - 2900) < 150, "60 demonstrations have %d transitions, should be about 2,900", t.rows);
  double above = 0, inside = 0;
  for (int k = 0; k < t.rows; k++) above += (double)rows[k].obs[1] > 0.3, inside += hypot((double)rows[k].obs[0], (double)rows[k].obs[1]) < 0.3;
  CHECK(above > 0.2 * t.rows && above < 0.8 * t.rows && inside == 0);
  rn_free(rows);
}

TEST(e_cross_shows_both_halves_of_the_way_and_never_the_whole) {
  rn_point_row *rows;
  tally t = log_of("e-cross", &rows);
  int from_a = 0, goals_from_a = 0, crossings = 0;
  bool of_a = false;
  int from_b = 0, from_h = 0;
  for (int k = 0; k < t.rows; k++) {
    if (k == 0 || rows[k - 1].terminated || rows[k - 1].truncated) of_a = rows[k].obs[0] < 0 && rows[k].obs[1] < 0, from_a += of_a, from_b += rows[k].obs[0] < -0.3f && !of_a, from_h += rows[k].obs[0] > -0.3f;
    if (rows[k].terminated) goals_from_a += of_a;
    if ((rows[k].obs[0] < 0) != (rows[k].next[0] < 0)) crossings++, CHECK(fabs((double)rows[k].next[1] + 0.2) <= 0.2 + 1e-6);
  }
  CHECK_THAT(from_b == 90 && from_h == 45 && from_a == 165 && goals_from_a == 0 && crossings > 200, "%d from A, %d of them reach G, %d crossings", from_a, goals_from_a, crossings);
  rn_free(rows);
}

TEST(the_same_key_gives_the_same_log) {
  rn_point_row *a, *b;
  tally t = log_of("e-cross", &a);
  log_of("e-cross", &b);
  CHECK(memcmp(a, b, (size_t)t.rows * sizeof *a) == 0);
  rn_free(a), rn_free(b);
  rn_error err = {0};
  rn_point_log log;
  CHECK(!rn_point_defaults("cartpole", &log, &err));
  CHECK_TEXT(err.text, "no log is described for 'cartpole'");
}

//---- the grid ------------------------------------------------------------------------------------------------------------------

static void walk(rn_worlds *w, const char *way, double total, int state, int terminated) {
  rn_worlds_reset_all(w);
  for (const char *c = way; *c; c++) CHECK(rn_worlds_step(w, (float[]){(float)(strchr("^>v<", *c) - "^>v<")}));
  CHECK_NEAR(w->total[0], total, 1e-12, "%s", way);
  CHECK_THAT((int)w->env.obs[0] == state && w->env.terminated[0] == terminated, "%s ends in %g", way, (double)w->env.obs[0]);
}

TEST(e_lava_is_crossed_by_row_4_alone) {
  rn_worlds *w = worlds("e-lava", 1);
  walk(w, "^<^", -3, 0, 0);                                      // bumps stay
  walk(w, ">>>", -12, 3, 1);                                     // lava: -1 -1 -10
  walk(w, "vvvv>>>>>>vv", -11, 48, 1);                           // the shortest way: 12 steps, the last is free
  walk(w, "vvvv>>>^", -17, 24, 1);                               // row 3, column 3
  walk(w, "vvvvvv>>>", -18, 45, 1);
  rn_worlds_reset_all(w);
  for (int t = 0; t < 60; t++) CHECK(!rn_worlds_over(w, 0) && rn_worlds_step(w, (float[]){0}));
  CHECK(w->env.truncated[0] && !w->env.terminated[0]);
  rn_run_free(w->run);
}
