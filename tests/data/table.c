/* Tables: rows come back, next is implied where it can be, a live table sees exactly the rows of either checkpoint. */
#include "rein/data.h"
#include "test.h"
#include <stdlib.h>

static rn_table *two_episodes(void) {      // lengths 3 (true end) and 2 (time limit, last observation 99)
  rn_table *t = rn_table_new(4, (rn_field[]){{"obs", RN_F32, 2, NULL}, {"act", RN_I32, 1, NULL}, {"reward", RN_F32, 1, NULL}, {"terminated", RN_U8, 1, NULL}});
  for (int r = 0; r < 5; r++) {
    int64_t row = rn_table_add(t, 1);
    ((float *)rn_table_write(t, "obs", row))[0] = (float)r, ((float *)rn_table_write(t, "obs", row))[1] = -(float)r;
    *(int32_t *)rn_table_write(t, "act", row) = r % 2, *(float *)rn_table_write(t, "reward", row) = 1;
    if (r == 2) *(uint8_t *)rn_table_write(t, "terminated", row) = 1, rn_table_end(t, RN_END_TERMINATED, NULL);
  }
  rn_table_end(t, RN_END_TRUNCATED, (float[]){99, -99});
  return t;
}

TEST(next_is_the_row_after_or_what_was_stored) {
  rn_table *t = two_episodes();
  float next[10], live[5], act[5];
  int64_t rows[] = {0, 1, 2, 3, 4};
  rn_gather(t, "next", 5, rows, next), rn_gather(t, "live", 5, rows, live), rn_gather(t, "act", 5, rows, act);
  static const float want[] = {1, 2, 2, 4, 99};
  for (int i = 0; i < 5; i++) CHECK(next[2 * i] == want[i] && next[2 * i + 1] == -want[i] && live[i] == (i != 2) && act[i] == (float)(i % 2));
  for (int i = 0; i < 5; i++) CHECK(rn_table_has_next(t, i));
  int64_t n;
  const rn_episode *e = rn_table_episodes(t, &n);
  CHECK(n == 2 && e[1].first == 3 && e[1].length == 2 && e[1].end == RN_END_TRUNCATED && rn_table_episode_of(t, 2) == 0 && rn_table_episode_of(t, 3) == 1);
  rn_table_free(t);
}

static void past_the_end(void *t) { float x[2]; rn_gather(t, "obs", 1, (int64_t[]){5}, x); }
static void no_such_column(void *t) { float x[2]; rn_gather(t, "colour", 1, (int64_t[]){1}, x); }
TEST(rows_and_columns_that_are_not_there_are_fatal) {
  rn_table *t = two_episodes();
  CHECK_TEXT(test_fatal(past_the_end, t), "row 5 of 'obs'");
  CHECK_TEXT(test_fatal(no_such_column, t), "no column 'colour'");
  rn_table_free(t);
}

TEST(uniform_draws_reach_each_row_alike_and_leave_out_rows_without_next) {
  rn_table *t = two_episodes();
  rn_table_add(t, 3), rn_table_end(t, RN_END_CUT, NULL);       // rows 5 6 7: the observation after row 7 is not known
  rn_error err = {0};
  rn_sampler *s = rn_sampler_new(t, &(rn_sampling){.next = true}, &err);
  CHECK_THAT(s && rn_sampler_rows(s) == 7, "%s", err.text);
  int64_t row[70000], seen[8] = {0};
  rn_sampler_draw(s, rn_key_new(1, "draw", 0, 0), 70000, row);
  for (int i = 0; i < 70000; i++) seen[row[i]]++;
  for (int r = 0; r < 7; r++) CHECK_NEAR(seen[r] / 70000.0, 1 / 7.0, 5 * sqrt(6 / 49.0 / 70000), "row %d", r);
  CHECK(seen[7] == 0);
  int64_t again[5];
  rn_sampler_draw(s, rn_key_new(1, "draw", 0, 0), 5, again);
  CHECK(memcmp(again, row, sizeof again) == 0);
  rn_sampler_free(s), rn_table_free(t);
}

TEST(figures_grow_by_name) {
  rn_table *t = rn_table_new(0, NULL);
  rn_table_put(t, "a", 1), rn_table_add(t, 1), rn_table_put(t, "b", 2);
  CHECK(rn_table_rows(t) == 2 && rn_table_value(t, 0, "a") == 1 && isnan(rn_table_value(t, 0, "b")) && rn_table_value(t, 1, "b") == 2 && isnan(rn_table_value(t, 0, "c")));
  rn_table_free(t);
}

//---- live tables -----------------------------------------------------------------------------------------------------------------

static const rn_field fields[] = {{"obs", RN_F32, 1, NULL}, {"reward", RN_F32, 1, NULL}, {"terminated", RN_U8, 1, NULL}, {"next", RN_F32, 1, NULL},
                                  {"return", RN_F32, 1, NULL}, {"trajectory", RN_I64, 1, NULL}, {"timestep", RN_I32, 1, NULL}};
static const rn_live how = {.capacity = 10, .interval = 4, .worlds = 2, .gamma = 0.5, .scale = 1};

static rn_table *live_table(rn_run *run, const char *folder) {
  rn_error err = {0};
  rn_table *t = rn_table_live(run, "replay", folder, RN_COUNT(fields), fields, &how, &err);
  CHECK_THAT(t, "%s", err.text);
  return t;
}

// step k of a run: world k % 2 sees k; world 0's episodes last 3 steps, world 1's 4
static void go(rn_table *t, int k) {
  int64_t row = rn_live_push(t, k % 2);
  *(float *)rn_table_write(t, "obs", row) = (float)k, *(float *)rn_table_write(t, "reward", row) = 1;
  if (k / 2 % (k % 2 ? 4 : 3) == (k % 2 ? 3 : 2)) rn_live_end(t, k % 2);
}

// all that a system can see: which rows, their values, which are closed, derived values of closed rows
static void view(rn_table *t, rn_text *out) {
  for (int64_t r = rn_table_first(t); r < rn_table_first(t) + rn_table_rows(t); r++) {
    bool closed = rn_live_closed(t, r);
    rn_say_text(out, "%lld:%g %d %g %g %g next %d\n", (long long)r, rn_table_value(t, r, "obs"), closed, closed ? rn_table_value(t, r, "return") : 0,
                closed ? rn_table_value(t, r, "trajectory") : 0, rn_table_value(t, r, "timestep"), rn_table_has_next(t, r));
    int64_t rows[3];
    float first[3], mask[3];
    rn_windows(t, 1, &r, 3, false, rows, first, mask);
    for (int k = 0; k < 3; k++) rn_say_text(out, " %lld/%g/%g", (long long)rows[k], first[k], mask[k]);
  }
}

TEST(returns_are_filled_when_an_episode_ends) {
  rn_run *run = rn_run_new(1, 0);
  rn_table *t = live_table(run, NULL);
  for (int k = 0; k < 5; k++) go(t, k);
  CHECK(rn_live_closed(t, 0) && rn_live_closed(t, 2) && rn_live_closed(t, 4) && !rn_live_closed(t, 1) && !rn_live_closed(t, 3));
  CHECK(rn_table_value(t, 0, "return") == 1.75 && rn_table_value(t, 2, "return") == 1.5 && rn_table_value(t, 4, "return") == 1);
  CHECK(rn_table_value(t, 4, "timestep") == 2 && rn_table_value(t, 4, "trajectory") == 0);
  int64_t row[200], start = 0, rows[4];
  rn_error err = {0};
  rn_sampler *s = rn_sampler_new(t, &(rn_sampling){.closed = true}, &err);
  rn_sampler_draw(s, rn_key_new(1, "draw", 0, 0), 200, row);
  for (int i = 0; i < 200; i++) CHECK(row[i] % 2 == 0);
  float first[4], mask[4];
  rn_windows(t, 1, &start, 4, false, rows, first, mask);
  CHECK(rows[0] == 0 && rows[1] == 2 && rows[2] == 4 && rows[3] == 4 && first[0] == 1 && first[1] == 0 && mask[2] == 1 && mask[3] == 0);
  rn_sampler_free(s), rn_table_free(t), rn_run_free(run);
}

static void overfill(void *t) { for (int i = 0; i < 40; i++) go(t, i); }
TEST(rows_that_a_resume_needs_are_not_overwritten) {
  rn_run *run = rn_run_new(1, 0);
  rn_table *t = live_table(run, NULL);
  CHECK(rn_live_room(t) == 18);
  CHECK_TEXT(test_fatal(overfill, t), "commit");
  rn_table_free(t), rn_run_free(run);
}

typedef struct { int64_t count[16], open[2], steps[2]; int at; char *view; } saved;
static void copy_state(rn_run *run, saved *s, bool save) {
  static const char *const names[] = {"replay.count", "replay.open", "replay.steps"};
  void *to[] = {s->count, s->open, s->steps};
  for (int i = 0; i < 3; i++) {
    rn_entry e;
    CHECK(rn_state_find(run, names[i], &e));
    size_t n = e.count * rn_type_bytes(e.type);
    if (save) memcpy(to[i], e.data, n);
    else memcpy(e.data, to[i], n);
  }
}

TEST(a_resume_from_either_checkpoint_sees_exactly_its_rows) {
  enum { END = 61 };
  char *folder = rn_printed("%s/replay", test_folder());
  rn_error err = {0};
  saved kept[2] = {0};                     // the last two checkpoints, newest first
  char *views[END + 1] = {0};
  rn_run *run = rn_run_new(1, 0);
  rn_table *t = live_table(run, folder);
  for (int k = 0; k < END; k++) {
    if (k % 4 == 0) {
      CHECK(rn_live_commit(t, &err));
      rn_free(kept[1].view), kept[1] = kept[0], kept[0] = (saved){.at = k};
      copy_state(run, &kept[0], true);
      rn_text text = {0};
      view(t, &text), kept[0].view = text.at;
    }
    rn_text text = {0};
    view(t, &text), views[k] = text.at;
    go(t, k);
    // killed here: a new process, either checkpoint
    for (int c = 0; c < 2 && k > 8; c++) {
      rn_run *other = rn_run_new(1, 0);
      char *copy = rn_printed("%s-copy", folder), *command = rn_printed("rm -rf '%s' && cp -r '%s' '%s'", copy, folder, copy);
      CHECK(system(command) == 0);
      rn_table *u = live_table(other, copy);
      copy_state(other, &kept[c], false), rn_live_resume(u);
      rn_text now = {0};
      view(u, &now);
      CHECK_THAT(strcmp(now.at ? now.at : "", kept[c].view ? kept[c].view : "") == 0, "step %d, checkpoint %d:\n%s\nwas\n%s", k, c, now.at, kept[c].view);
      // and goes on as the other did
      for (int m = kept[c].at; m <= k; m++) {
        rn_text again = {0};
        view(u, &again);
        CHECK_THAT(strcmp(again.at ? again.at : "", views[m] ? views[m] : "") == 0, "step %d of a resume from %d", m, kept[c].at);
        rn_free(again.at);
        if (m % 4 == 0 && m > kept[c].at) CHECK(rn_live_commit(u, &err));
        go(u, m);
      }
      rn_table_free(u), rn_run_free(other), rn_free(now.at), rn_free(copy), rn_free(command);
    }
  }
  rn_table_free(t), rn_run_free(run), rn_free(folder), rn_free(kept[0].view), rn_free(kept[1].view);
  for (int k = 0; k <= END; k++) rn_free(views[k]);
}
