/* What is drawn and measured: the unit checks of trajectory weighting (S086) and of the dataset measures (S064). */
#include "rein/data.h"
#include "test.h"
#include <stdlib.h>

static void weights(int n, const double *G, const int64_t *T, double alpha, double *p) { CHECK(rn_trajectory_weights(n, G, T, 0, NULL, alpha, p)); }

TEST(weights_of_three_returns) {           // S086 unit check 1
  double p[3], G[] = {0, 5, 10}, R = 0;
  int64_t T[] = {1, 1, 1};
  weights(3, G, T, 0.5, p);
  CHECK_NEAR(p[0], 0.090031, 1e-6, "alpha 0.5");
  CHECK_NEAR(p[1], 0.244728, 1e-6, "alpha 0.5");
  CHECK_NEAR(p[2], 0.665241, 1e-6, "alpha 0.5");
  for (int i = 0; i < 3; i++) R += p[i] * G[i];
  CHECK_NEAR(R, 7.876052, 1e-7, "weighted return");
  weights(3, G, T, 0.1, p), R = 0;
  CHECK_NEAR(p[0], 4.50940e-5, 1e-9, "alpha 0.1");
  CHECK_NEAR(p[1], 0.00669255, 1e-8, "alpha 0.1");
  CHECK_NEAR(p[2], 0.993262, 1e-6, "alpha 0.1");
  for (int i = 0; i < 3; i++) R += p[i] * G[i];
  CHECK_NEAR(R, 9.966086, 1e-7, "weighted return");
}

TEST(longer_trajectories_get_more_mass_but_no_more_per_step) {     // check 2
  double p[3];
  weights(3, (double[]){0, 5, 10}, (int64_t[]){2, 1, 1}, 0.5, p);
  CHECK_NEAR(p[0], 0.0825945, 1e-7, "step");
  CHECK_NEAR(p[1], 0.224515, 1e-6, "step");
  CHECK_NEAR(p[2], 0.610296, 1e-6, "step");
  CHECK_NEAR(2 * p[0], 0.165189, 1e-6, "mass");
}

TEST(a_hot_temperature_and_equal_returns_are_uniform) {            // check 3
  double p[3];
  weights(3, (double[]){0, 5, 10}, (int64_t[]){1, 1, 1}, 1e6, p);
  for (int i = 0; i < 3; i++) CHECK_NEAR(p[i], 1 / 3.0, 1e-5, "alpha 1e6");
  CHECK(!rn_trajectory_weights(3, (double[]){4, 4, 4}, (int64_t[]){1, 2, 1}, 0, NULL, 0.1, p));
  for (int i = 0; i < 3; i++) CHECK_NEAR(p[i], 0.25, 1e-15, "equal returns");
  weights(3, (double[]){0, 5, 10}, (int64_t[]){1, 1, 1}, 1e-4, p);
  CHECK(p[2] == 1 && p[0] == 0);           // no overflow at a cold one
}

TEST(advantages_of_a_linear_return_are_zero) {                     // check 4
  double p[50], G[50];
  float start[100];
  int64_t T[50];
  rn_key key = rn_key_new(1, "start", 0, 0);
  for (int i = 0; i < 50; i++) {
    start[2 * i] = rn_uniform(&key, -1, 1), start[2 * i + 1] = rn_uniform(&key, -1, 1), T[i] = 1;
    G[i] = 3 + 2 * (double)start[2 * i] - 7 * (double)start[2 * i + 1];
  }
  CHECK(!rn_trajectory_weights(50, G, T, 2, start, 0.1, p));
  for (int i = 0; i < 50; i++) CHECK_NEAR(p[i], 0.02, 1e-12, "trajectory %d", i);
  G[7] += 1;                                // and one that did better than its start promises is preferred
  CHECK(rn_trajectory_weights(50, G, T, 2, start, 0.1, p));
  for (int i = 0; i < 50; i++) CHECK(i == 7 || p[i] < p[7] / 100);
}

static rn_table *trajectories(int n, const int *T, const double *G, const int *end) {
  rn_table *t = rn_table_new(4, (rn_field[]){{"obs", RN_F32, 1, NULL}, {"act", RN_F32, 1, NULL}, {"reward", RN_F32, 1, NULL}, {"weight", RN_F32, 1, NULL}});
  for (int i = 0; i < n; i++) {
    int64_t row = rn_table_add(t, T[i]);
    for (int k = 0; k < T[i]; k++) {
      *(float *)rn_table_write(t, "obs", row + k) = (float)i, *(float *)rn_table_write(t, "weight", row + k) = (float)(row + k);
      *(float *)rn_table_write(t, "reward", row + k) = k == 0 ? (float)G[i] : 0;
    }
    rn_table_end(t, end ? end[i] : RN_END_TRUNCATED, (float[]){0});
  }
  return t;
}

static void chi_square(const rn_sampler *s, int rows, const double *p) {   // check 5: 1e6 draws, 1 %
  enum { N = 1000000 };
  int64_t *row = rn_new(N * sizeof *row), *seen = rn_new((size_t)rows * sizeof *seen);
  int cells = 0;
  rn_sampler_draw(s, rn_key_new(3, "chi", 0, 0), N, row);
  for (int i = 0; i < N; i++) CHECK(row[i] >= 0 && row[i] < rows), seen[row[i]]++;
  double x = 0;
  for (int r = 0; r < rows; r++) {
    if (p[r] == 0) CHECK(seen[r] == 0);
    else x += pow((double)seen[r] - N * p[r], 2) / (N * p[r]), cells++;
  }
  // Wilson-Hilferty: the 99 % quantile of chi-square
  double k = cells - 1, q = k * pow(1 - 2 / (9 * k) + 2.326 * sqrt(2 / (9 * k)), 3);
  CHECK_THAT(x < q, "chi-square %g with %d cells, 99 %% lie below %g", x, cells, q);
  rn_free(row), rn_free(seen);
}

TEST(draws_follow_the_weights) {
  static const int T[] = {5, 1, 3, 7, 2};
  static const double G[] = {1, 0, 2.5, 4, 3.9};
  rn_error err = {0};
  rn_table *t = trajectories(5, T, G, NULL);
  double p[5], row[18], sum = 0;
  int64_t length[5];
  for (int i = 0; i < 5; i++) length[i] = T[i];
  weights(5, G, length, 0.5, p);
  for (int i = 0, r = 0; i < 5; i++) for (int k = 0; k < T[i]; k++) row[r++] = p[i];
  rn_sampler *s = rn_sampler_new(t, &(rn_sampling){.kind = RN_RW, .alpha = 0.5}, &err);
  CHECK_THAT(s, "%s", err.text);
  chi_square(s, 18, row);
  rn_sampler_figures f;
  rn_sampler_say(s, &f);
  double square = 0, weighted = 0;
  for (int i = 0; i < 5; i++) square += pow(p[i] * T[i], 2), weighted += p[i] * T[i] * G[i];
  CHECK_NEAR(f.effective, 1 / square, 1e-6, "effective");
  CHECK_NEAR(f.weighted, weighted, 1e-6, "weighted");
  CHECK_NEAR(f.mean, 11.4 / 5, 1e-6, "mean");
  CHECK_NEAR(f.psv, (pow(2.5 - 2.28, 2) + pow(4 - 2.28, 2) + pow(3.9 - 2.28, 2)) / 5, 1e-6, "psv");
  CHECK_TEXT(f.warning, "effective sample size is");
  rn_sampler_free(s);

  s = rn_sampler_new(t, &(rn_sampling){.kind = RN_WEIGHTED, .column = "weight"}, &err);
  for (int r = 0; r < 18; r++) sum += r;
  for (int r = 0; r < 18; r++) row[r] = r / sum;
  chi_square(s, 18, row), rn_sampler_free(s);

  s = rn_sampler_new(t, &(rn_sampling){.kind = RN_TOP, .fraction = 0.4}, &err);       // trajectories 3 and 4
  for (int r = 0; r < 18; r++) row[r] = r >= 9 ? 1 / 9.0 : 0;
  rn_sampler_say(s, &f);
  CHECK(f.kept == 2 && f.rows == 9);
  chi_square(s, 18, row), rn_sampler_free(s), rn_table_free(t);
}

TEST(cut_trajectories_get_no_weight_unless_allowed) {
  rn_error err = {0};
  rn_table *t = trajectories(3, (int[]){1, 1, 1}, (double[]){1, 2, 3}, (int[]){RN_END_TERMINATED, RN_END_TRUNCATED, RN_END_CUT});
  rn_sampler *s = rn_sampler_new(t, &(rn_sampling){.kind = RN_RW, .alpha = 1}, &err);
  CHECK(rn_sampler_rows(s) == 2);
  rn_sampler_free(s);
  s = rn_sampler_new(t, &(rn_sampling){.kind = RN_RW, .alpha = 1, .allow_partial = true}, &err);
  CHECK(rn_sampler_rows(s) == 3);
  rn_sampler_free(s), rn_table_free(t);
}

TEST(samplers_refuse_what_they_cannot_weigh) {
  static const struct { rn_sampling how; const char *says; } bad[] = {{{.kind = RN_RW, .alpha = -1}, "alpha is -1"},
    {{.kind = RN_WEIGHTED, .column = "colour"}, "no column 'colour'"}, {{.kind = RN_WEIGHTED, .column = "reward"}, "reward row 1 is -2; a weight is 0 or more"}};
  rn_table *t = trajectories(2, (int[]){1, 1}, (double[]){1, -2}, NULL);
  for (int i = 0; i < RN_COUNT(bad); i++) {
    rn_error err = {0};
    CHECK(!rn_sampler_new(t, &bad[i].how, &err));
    CHECK_TEXT(err.text, bad[i].says);
  }
  rn_table_free(t);
  rn_error err = {0};
  t = rn_table_new(1, (rn_field[]){{"reward", RN_F32, 1, NULL}});
  rn_table_add(t, 3);
  CHECK(!rn_sampler_new(t, &(rn_sampling){.kind = RN_AW}, &err));
  CHECK_TEXT(err.text, "no end of an episode");
  rn_table_free(t), err = (rn_error){0}, t = rn_table_new(0, NULL);
  CHECK(!rn_sampler_new(t, &(rn_sampling){.kind = RN_RW}, &err));
  CHECK_TEXT(err.text, "no reward");
  err = (rn_error){0};
  CHECK(!rn_sampler_new(t, NULL, &err));
  CHECK_TEXT(err.text, "no row to draw");
  rn_table_free(t);
}

TEST(a_digit_counts_the_edges) {           // S064 unit check 3
  CHECK(rn_digit(-2, -2, 5, 100) == 1 && rn_digit(5, -2, 5, 100) == 100 && rn_digit(-2.001, -2, 5, 100) == 0 && rn_digit(nextafter(5, 0), -2, 5, 100) == 99);
  CHECK(rn_digit(6, -2, 5, 100) == 100);
  for (int k = 0; k < 99; k++) CHECK_THAT(rn_digit(k * (7 / 99.0), 0, 7, 100) == k + 1, "edge %d", k);
}

static rn_table *pairs(int n, const float (*x)[2]) {
  rn_table *t = rn_table_new(3, (rn_field[]){{"obs", RN_F32, 1, NULL}, {"act", RN_I32, 1, NULL}, {"reward", RN_F32, 1, NULL}});
  int64_t row = rn_table_add(t, n);
  for (int i = 0; i < n; i++) *(float *)rn_table_write(t, "obs", row + i) = x[i][0], *(int32_t *)rn_table_write(t, "act", row + i) = (int32_t)x[i][1];
  rn_table_end(t, RN_END_TERMINATED, NULL);
  return t;
}

TEST(coverage_compares_unique_pairs) {     // S064 unit checks 1 and 2
  static const float ref[8][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}, {2, 0}, {2, 1}, {3, 0}, {3, 1}};
  static const float data[8][2] = {{0, 0}, {0, 0}, {1, 0}, {1, 1}, {2, 0}, {2, 0}, {3, 0}, {3, 1}};
  rn_table *r = pairs(8, ref), *d = pairs(8, data);
  CHECK(rn_unique_pairs(r, r, 100) == 8 && rn_unique_pairs(d, r, 100) == 6);
  CHECK_NEAR(rn_unique_pairs_about(d, r, 100), 6, 0.01, "HyperLogLog");
  rn_table *worst = pairs(1, ref), *best = pairs(1, ref);
  *(float *)rn_table_write(d, "reward", 0) = 12, *(float *)rn_table_write(worst, "reward", 0) = 2, *(float *)rn_table_write(best, "reward", 0) = 22;
  rn_table_figures f;
  rn_table_report(d, &(rn_report_against){.reference = r, .worst = worst, .best = best}, &f);
  CHECK(f.saco == 0.75 && f.tq == 0.5);
  rn_table_report(r, &(rn_report_against){.reference = r}, &f);
  CHECK(f.saco == 1 && isnan(f.tq));
  rn_table_report(worst, &(rn_report_against){.reference = r}, &f);
  CHECK_TEXT(f.warning, "1 rows against 8 of the reference");
  CHECK(isnan(f.saco));
  rn_table_free(r), rn_table_free(d), rn_table_free(worst), rn_table_free(best);
}

TEST(hyperloglog_is_within_three_percent) {        // S064 unit check 4
  for (int n = 100; n <= 1000000; n *= 10) {
    uint64_t *key = rn_new((size_t)n * sizeof *key);
    for (int i = 0; i < n; i++) { int64_t x = i / 2; key[i] = rn_hash(&x, 8, 0); }
    CHECK_NEAR(rn_distinct_about(n, key) / (n / 2), 1, 0.03, "%d keys", n / 2);
    rn_free(key);
  }
}

TEST(returns_to_go_restart_at_each_episode) {
  rn_table *t = trajectories(2, (int[]){3, 2}, (double[]){8, 4}, NULL);
  *(float *)rn_table_write(t, "reward", 2) = 4;
  rn_table_derive(t, 0.5, 1, 0);
  static const float want[] = {9, 2, 4, 4, 0};
  for (int r = 0; r < 5; r++) {
    CHECK(rn_table_value(t, r, "return") == want[r] && rn_table_value(t, r, "trajectory") == (r > 2) && rn_table_value(t, r, "timestep") == (r > 2 ? r - 3 : r));
  }
  CHECK(rn_dataset_return(t) == 8);
  rn_table_free(t), t = trajectories(1, (int[]){3}, (double[]){-1}, NULL);
  *(float *)rn_table_write(t, "reward", 1) = -1;                            // the catalogue's Cal-QL check: -1 -1 0, gamma 0.9
  rn_table_derive(t, 0.9, 1, 0);
  CHECK_NEAR(rn_table_value(t, 0, "return"), -1.9, 1e-6, "G");
  CHECK_NEAR(rn_table_value(t, 1, "return"), -1, 1e-6, "G");
  rn_table_free(t);
}

TEST(moments_are_of_the_rows) {
  rn_table *t = trajectories(2, (int[]){1, 1}, (double[]){3, 7}, NULL);
  float mean, std;
  rn_table_moments(t, "reward", &mean, &std);
  CHECK(mean == 5 && std == 2.001f);
  rn_table_free(t);
}

TEST(windows_stop_or_go_on_at_an_end) {
  rn_table *t = trajectories(2, (int[]){3, 2}, (double[]){0, 0}, NULL);
  int64_t rows[8], start[] = {1, 3};
  float first[8], mask[8];
  rn_windows(t, 2, start, 4, false, rows, first, mask);
  static const int64_t stop[] = {1, 3, 2, 4, 2, 4, 2, 4}, across[] = {1, 3, 2, 4, 3, 4, 4, 4};
  CHECK(memcmp(rows, stop, sizeof rows) == 0);
  static const float stop_mask[] = {1, 1, 1, 1, 0, 0, 0, 0}, stop_first[] = {0, 1, 0, 0, 0, 0, 0, 0};
  CHECK(memcmp(mask, stop_mask, sizeof mask) == 0 && memcmp(first, stop_first, sizeof first) == 0);
  rn_windows(t, 2, start, 4, true, rows, first, mask);
  static const float go_mask[] = {1, 1, 1, 1, 1, 0, 1, 0}, go_first[] = {0, 1, 0, 0, 1, 0, 0, 0};
  CHECK(memcmp(rows, across, sizeof rows) == 0 && memcmp(mask, go_mask, sizeof mask) == 0 && memcmp(first, go_first, sizeof first) == 0);
  rn_table_free(t);
}

TEST(the_report_sees_what_is_wrong) {
  rn_table *t = rn_table_new(4, (rn_field[]){{"obs", RN_F32, 2, NULL}, {"next", RN_F32, 2, NULL}, {"act", RN_F32, 1, NULL}, {"reward", RN_F32, 1, NULL}});
  rn_table_add(t, 6);
  for (int r = 0; r < 6; r++) {
    *(float *)rn_table_write(t, "obs", r) = (float)r, *(float *)rn_table_write(t, "next", r) = (float)r + 1;
    *(float *)rn_table_write(t, "act", r) = r == 4 ? 2 : r == 5 ? -1 : 0;
  }
  *(float *)rn_table_write(t, "next", 2) = 77, *(float *)rn_table_write(t, "reward", 3) = NAN;
  *(float *)rn_table_write(t, "obs", 1) = 0, *(float *)rn_table_write(t, "next", 1) = 1;        // row 1 repeats row 0
  rn_table_end(t, RN_END_CUT, NULL);
  rn_table_set_bounds(t, (float[]){-1}, (float[]){1});
  rn_table_figures f;
  rn_table_report(t, NULL, &f);
  CHECK(f.rows == 6 && f.episodes == 1 && f.cut == 1 && f.gaps == 3 && f.duplicates == 1 && f.not_finite == 1 && f.outside == 1 && f.constant == 1 && f.no_next == 0);
  CHECK_NEAR(f.saturated, 2 / 6.0, 1e-12, "saturated");
  CHECK_TEXT(f.not_finite_where, "reward row 3 column 0 is nan");
  CHECK_TEXT(f.constant_where, "obs 1");
  rn_error err = {0};
  CHECK(!rn_table_check_finite(t, "log.csv", &err));
  CHECK_TEXT(err.text, "log.csv: reward row 3 column 0 is nan");
  err = (rn_error){0};
  CHECK(!rn_table_check_actions(t, &err));
  CHECK_TEXT(err.text, "act row 4 column 0 is 2, outside -1 .. 1");
  rn_table_set_bounds(t, NULL, NULL), err = (rn_error){0};
  CHECK(!rn_table_check_actions(t, &err));
  CHECK_TEXT(err.text, "set act_low and act_high (the data lie in -1 .. 2)");
  rn_text text = {0}, json = {0};
  rn_table_report_text(t, &f, &text), rn_table_report_json(t, &f, &json);
  CHECK_TEXT(text.at, "gaps             3"), CHECK_TEXT(json.at, "\"gaps\": 3,"), CHECK_TEXT(json.at, "\"return.mean\": null");
  rn_free(text.at), rn_free(json.at), rn_table_free(t);
}

TEST(a_saved_table_is_mapped_back) {
  char *folder = rn_printed("%s/t", test_folder()), *command = rn_printed("truncate -s 3 '%s/act.bin'", folder);
  rn_error err = {0};
  rn_table *t = trajectories(2, (int[]){3, 2}, (double[]){8, 4}, NULL);
  rn_table_set_bounds(t, (float[]){-1}, (float[]){INFINITY});
  CHECK_THAT(rn_table_save(t, folder, &err), "%s", err.text);
  rn_table *u = rn_table_open(folder, &err);
  CHECK_THAT(u, "%s", err.text);
  int64_t rows[] = {0, 1, 2, 3, 4};
  static const char *const names[] = {"obs", "act", "reward", "next", "weight"};
  for (int i = 0; i < 5; i++) {
    float a[5], b[5];
    rn_gather(t, names[i], 5, rows, a), rn_gather(u, names[i], 5, rows, b);
    CHECK(memcmp(a, b, sizeof a) == 0);
  }
  CHECK(rn_dataset_return(u) == 6 && rn_table_about(u)->low[0] == -1 && isinf(rn_table_about(u)->high[0]));
  rn_table_free(u);
  CHECK(system(command) == 0 && !rn_table_open(folder, &err));
  CHECK_TEXT(err.text, "act.bin: has 3 bytes, table.json says 20");
  rn_table_free(t), rn_free(folder), rn_free(command);
}
