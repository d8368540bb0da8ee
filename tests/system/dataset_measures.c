/* S064 as a run on four files: unit checks 1 and 2, and what is refused. */
#include "rein/data.h"
#include "trained.h"

/* Episodes of one row each: state s, action a, reward r. */
typedef struct { int s, a; float r; } row;
static char *table(const char *folder, const char *name, int n, const row *rows, int end) {
  rn_field fields[] = {{"obs", RN_F32, 1, NULL}, {"act", RN_I32, 1, NULL}, {"reward", RN_F32, 1, NULL}, {"terminated", RN_U8, 1, NULL},
                       {"truncated", RN_U8, 1, NULL}, {"next", RN_F32, 1, NULL}};
  rn_table *t = rn_table_new(RN_COUNT(fields), fields);
  rn_table_set_choices(t, 4);
  for (int i = 0; i < n; i++) {
    int64_t at = rn_table_add(t, 1);
    float last = 9;
    *(float *)rn_table_write(t, "obs", at) = (float)rows[i].s, *(int32_t *)rn_table_write(t, "act", at) = rows[i].a;
    *(float *)rn_table_write(t, "reward", at) = rows[i].r, *(float *)rn_table_write(t, "next", at) = last;
    *(uint8_t *)rn_table_write(t, "terminated", at) = end == RN_END_TERMINATED;
    rn_table_end(t, end, &last);
  }
  char *path = rn_printed("%s/%s.safetensors", folder, name);
  rn_error err = {0};
  CHECK_THAT(rn_write_safetensors_table(t, path, &err), "%s", err.text);
  rn_table_free(t);
  return path;
}

// 8 different pairs in the reference; 6 in the data, two of them twice; mean returns 2 (worst), 22 (best), 12 (data)
static const row REFERENCE[] = {{0, 0, 0}, {0, 1, 0}, {1, 0, 0}, {1, 1, 0}, {2, 0, 0}, {2, 1, 0}, {3, 0, 0}, {3, 1, 0}};
static const row DATA[] = {{0, 0, 12}, {0, 1, 12}, {1, 0, 12}, {1, 1, 10}, {2, 0, 14}, {2, 1, 12}, {0, 0, 12}, {0, 1, 12}};
static const row WORST[] = {{0, 0, 1}, {0, 0, 3}}, BEST[] = {{0, 0, 22}, {0, 0, 22}};

static rn_code measured(const row *data, int n, int end, const row *best, char **run, rn_error *err) {
  const char *folder = test_folder();
  char *d = table(folder, "data", n, data, end), *r = table(folder, "reference", 8, REFERENCE, RN_END_TERMINATED);
  char *w = table(folder, "worst", 2, WORST, RN_END_TERMINATED), *b = table(folder, "best", 2, best, RN_END_TERMINATED);
  char *words = rn_printed("system=dataset-measures data=%s slots.reference=%s slots.worst=%s slots.best=%s", d, r, w, b);
  *run = rn_printed("%s/run", folder);
  rn_code code = train_code(*run, words, err);
  rn_free(d), rn_free(r), rn_free(w), rn_free(b), rn_free(words);
  return code;
}

TEST(the_measures_are_the_known_ones) {
  rn_error err = {0};
  char *run;
  CHECK_THAT(measured(DATA, 8, RN_END_TERMINATED, BEST, &run, &err) == RN_OK, "%s", err.text);
  CHECK_NEAR(figure_of(run, "TQ"), .5, 1e-12, "(12 - 2)/(22 - 2)"); CHECK_NEAR(figure_of(run, "SACo"), .75, 1e-12, "6 of 8");
  CHECK_NEAR(figure_of(run, "lSACo"), log(6) / log(8), 1e-12, "of logarithms");
  rn_free(run);
  CHECK_THAT(measured(REFERENCE, 8, RN_END_TERMINATED, BEST, &run, &err) == RN_OK, "%s", err.text);
  CHECK_NEAR(figure_of(run, "SACo"), 1, 0, "the reference itself"); CHECK_NEAR(figure_of(run, "TQ"), -.1, 1e-12, "not clipped: (0 - 2)/20");
  rn_free(run);
}

TEST(sets_that_can_not_be_measured_are_refused) {
  rn_error err = {0};
  char *run;
  CHECK(measured(DATA, 7, RN_END_TERMINATED, BEST, &run, &err) == RN_INPUT); CHECK_TEXT(err.text, "data has 7 rows, reference 8");
  rn_free(run), err = (rn_error){0};
  CHECK(measured(DATA, 8, RN_END_TERMINATED, WORST, &run, &err) == RN_INPUT); CHECK_TEXT(err.text, "same return");
  rn_free(run), err = (rn_error){0};
  CHECK(measured(DATA, 8, RN_END_CUT, BEST, &run, &err) == RN_INPUT); CHECK_TEXT(err.text, "no complete episode");
  rn_free(run);
}
