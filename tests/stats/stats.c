/* Statistics: closed forms, and numbers that Python's `statistics` and full enumeration of the bootstrap give. */
#include "rein/stats.h"
#include "test.h"

static const double X[] = {3.1, -2, 7.5, 0, 4.4, 12, 5.5, 1.25, 9, -8, 2.2}, Y[] = {1, 1, 2, 5, 3, 8, 5, 0, 4, -3, 2};
enum { N = RN_COUNT(X) };

TEST(summaries_equal_python) {
  CHECK_NEAR(rn_mean_of(N, X), 3.1772727272727277, 1e-14);
  CHECK_NEAR(rn_std_of(N, X), 5.512048785903643, 1e-14);
  CHECK_NEAR(rn_iqm(N, X), 3.4214285714285717, 1e-14, "11 values: two are cut on each side");
  CHECK_NEAR(rn_quantile(N, X, .25), .625, 1e-14); CHECK_NEAR(rn_quantile(N, X, .5), 3.1, 1e-14); CHECK_NEAR(rn_quantile(N, X, .75), 6.5, 1e-14);
  CHECK_NEAR(rn_quantile(N, X, .1), -2, 1e-14); CHECK_NEAR(rn_quantile(N, X, 0), -8, 0); CHECK_NEAR(rn_quantile(N, X, 1), 12, 0);
  CHECK_NEAR(rn_spearman(N, X, Y), .6636311986530792, 1e-14, "ties in Y");
  CHECK_NEAR(rn_slope(N, X, Y), .422070587460859, 1e-14);
}

TEST(small_samples) {
  double one = 7;
  CHECK_NEAR(rn_iqm(1, &one), 7, 0); CHECK_NEAR(rn_quantile(1, &one, .3), 7, 0); CHECK(isnan(rn_std_of(1, &one)));
  CHECK(isnan(rn_mean_of(0, NULL))), CHECK(isnan(rn_iqm(0, NULL)));
  double bad[] = {1, NAN, 3, 4};
  CHECK(isnan(rn_iqm(4, bad))), CHECK(isnan(rn_quantile(4, bad, .5))), CHECK(isnan(rn_cvar(4, bad, .5)));
  double five[] = {100, 0, 2, 4, -50};
  CHECK_NEAR(rn_iqm(5, five), 2, 1e-15, "five seeds: the middle three");
}

// the worst 30 % of 1..5 is all of 1 and half of 2: (1 + .5 2)/1.5
TEST(cvar_splits_the_value_at_the_edge) {
  double x[] = {5, 3, 1, 4, 2};
  CHECK_NEAR(rn_cvar(5, x, .3), 4.0 / 3, 1e-15); CHECK_NEAR(rn_cvar(5, x, 1), 3, 1e-15); CHECK_NEAR(rn_cvar(5, x, .1), 1, 1e-15);
}

static void bad_share(void *x) { (void)rn_cvar(5, x, 0); }
TEST(a_tail_of_nothing_is_a_bug) {
  double x[5] = {0};
  CHECK_TEXT(test_fatal(bad_share, x), "outside (0, 1]");
}

static const double A[] = {0, 1, 5, 20, 3}, B[] = {1, 0, 4, 10, 3.5};
static rn_boot many(double level) { return (rn_boot){20000, level, rn_key_new(5, "boot", 0, 0)}; }

// all 5^5 resamples enumerated: quantiles of the exact bootstrap distribution
TEST(intervals_are_the_quantiles_of_the_enumerated_bootstrap) {
  int five = 5;
  rn_boot how = many(.95);
  rn_interval m = rn_interval_of(RN_STAT_MEAN, 1, &five, A, &how);
  CHECK_NEAR(m.value, 5.8, 1e-14); CHECK_NEAR(m.low, 1, .21); CHECK_NEAR(m.high, 13.2, .031);
  rn_interval q = rn_interval_of(RN_STAT_IQM, 1, &five, A, &how);
  CHECK_NEAR(q.value, 3, 1e-14); CHECK_NEAR(q.low, 1.0 / 3, .02); CHECK_NEAR(q.high, 15, .02);
  rn_interval d = rn_paired(RN_STAT_IQM, 1, &five, A, B, &how);
  CHECK_NEAR(d.value, 3 - 8.5 / 3, 1e-14); CHECK_NEAR(d.low, -2.0 / 3, .17); CHECK_NEAR(d.high, 7, .02);
}

TEST(strata_are_drawn_within_themselves) {
  double x[] = {0, 10, 1, 2, 9};
  int size[] = {2, 3};
  rn_boot how = many(.95);
  rn_interval i = rn_interval_of(RN_STAT_MEAN, 2, size, x, &how);
  CHECK_NEAR(i.low, .8, .05); CHECK_NEAR(i.high, 8, .025);
  double apart[] = {0, 0, 5, 5, 5};           // nothing varies within a stratum: pooled drawing would
  i = rn_interval_of(RN_STAT_MEAN, 2, size, apart, &how);
  CHECK_NEAR(i.low, 3, 0); CHECK_NEAR(i.high, 3, 0);
}

TEST(the_same_input_gives_the_same_interval_and_another_key_another) {
  int n = N;
  rn_boot how = {0, 0, rn_key_new(1, "boot", 0, 0)}, other = {0, 0, rn_key_new(2, "boot", 0, 0)};
  rn_interval a = rn_interval_of(RN_STAT_IQM, 1, &n, X, &how), b = rn_interval_of(RN_STAT_IQM, 1, &n, X, &how);
  rn_interval c = rn_interval_of(RN_STAT_IQM, 1, &n, X, &other);
  CHECK(!memcmp(&a, &b, sizeof a)), CHECK(a.low != c.low || a.high != c.high);
}

// pairs that move together: the paired interval is a point, the unpaired would be wide
TEST(pairing_removes_what_the_seeds_share) {
  double a[N];
  int n = N;
  for (int i = 0; i < N; i++) a[i] = X[i] + .5;
  rn_boot how = {0, 0, rn_key_new(1, "boot", 0, 0)};
  rn_interval d = rn_paired(RN_STAT_MEAN, 1, &n, a, X, &how);
  CHECK_NEAR(d.low, .5, 1e-14); CHECK_NEAR(d.high, .5, 1e-14);
}

TEST(a_ninety_percent_interval_covers_about_ninety_percent) {
  int n = 40, covers = 0;
  for (int t = 0; t < 500; t++) {
    double x[40];
    rn_key key = rn_key_new(9, "cover", (uint64_t)t, 0);
    for (int i = 0; i < n; i++) x[i] = 3 + rn_normal64(&key);
    rn_interval i = rn_interval_of(RN_STAT_MEAN, 1, &n, x, &(rn_boot){500, .9, rn_key_new((uint64_t)t, "boot", 0, 0)});
    covers += i.low <= 3 && i.high >= 3;
  }
  CHECK_THAT(covers >= 425 && covers <= 470, "%d of 500 intervals hold the mean", covers);
}

static double sometimes(int n, const int *pick, const void *data, double *work) {
  (void)data, (void)work;
  int zeros = 0;
  for (int i = 0; i < n; i++) zeros += pick[i] == 0;
  return zeros == 0 ? NAN : zeros;
}
TEST(undefined_resamples_are_counted_and_void_the_interval_when_many) {
  int n = 4;                                       // P(no 0 among 4 draws) = (3/4)^4 = .316
  rn_interval i = rn_bootstrap(1, &n, sometimes, NULL, &(rn_boot){4000, .95, rn_key_new(1, "boot", 0, 0)});
  CHECK_NEAR(i.undefined / 4000.0, .316, .03); CHECK(isnan(i.low) && isnan(i.high));
}

TEST(log_ratio_of_means) {
  double a[] = {1, 2, 3}, b[] = {10, 20, 30};
  int n = 3;
  rn_interval i = rn_paired_log_ratio(1, &n, a, b, &(rn_boot){200, .95, rn_key_new(1, "boot", 0, 0)});
  CHECK_NEAR(i.value, -log(10), 1e-14); CHECK_NEAR(i.low, -log(10), 1e-14); CHECK_NEAR(i.high, -log(10), 1e-14);
}

TEST(slopes_and_ranks_of_known_curves) {
  double x[] = {500, 2000, 8000}, y[3], e[3];
  for (int i = 0; i < 3; i++) y[i] = 7 / sqrt(x[i]), e[i] = exp(x[i] / 1000);
  CHECK_NEAR(rn_log_log_slope(3, x, y), -.5, 1e-13);
  CHECK_NEAR(rn_spearman(3, x, y), -1, 1e-15); CHECK_NEAR(rn_spearman(3, x, e), 1, 1e-15);
  y[1] = 0;
  CHECK(isnan(rn_log_log_slope(3, x, y)));
  double flat[] = {2, 2, 2};
  CHECK(isnan(rn_spearman(3, x, flat))), CHECK(isnan(rn_slope(3, flat, x)));
}

TEST(weights) {
  double equal[] = {2, 2, 2, 2}, one[] = {0, 0, 5, 0}, none[] = {0, 0, 0, 0};
  CHECK_NEAR(rn_effective_size(4, equal), 4, 1e-15); CHECK_NEAR(rn_effective_size(4, one), 1, 1e-15); CHECK_NEAR(rn_effective_size(4, none), 0, 0);
  // S086 unit check 1, alpha .5: w = (.090031, .244728, .665241), weighted return 7.876052; then alpha .1
  double z[] = {0, 1, 2}, G[] = {0, 5, 10}, sharp[] = {0, 5, 10}, ess;
  CHECK_NEAR(rn_wis(3, z, G, &ess), 7.876052, 1e-6);
  CHECK_NEAR(ess, 1 / (.090031 * .090031 + .244728 * .244728 + .665241 * .665241), 1e-4);
  CHECK_NEAR(rn_wis(3, sharp, G, NULL), 9.966086, 1e-6);
}

TEST(weighted_returns_bear_extreme_logs) {
  double low[] = {-5000, -5001, -INFINITY}, g[] = {1, 2, 99}, ess;
  CHECK_NEAR(rn_wis(3, low, g, &ess), (1 + 2 * exp(-1)) / (1 + exp(-1)), 1e-14);
  double none[] = {-INFINITY, -INFINITY};
  CHECK(isnan(rn_wis(2, none, g, &ess))); CHECK_NEAR(ess, 0, 0);
}

// behaviour uniform over two arms, target plays arm 1 always: WIS is the mean reward of the episodes that played it
TEST(wis_of_a_deterministic_target_is_a_filtered_mean) {
  double lw[] = {log(2), -INFINITY, log(2), -INFINITY, log(2)}, g[] = {1, 9, 2, 9, 6}, ess;
  rn_interval i = rn_wis_interval(5, lw, g, &(rn_boot){2000, .95, rn_key_new(1, "boot", 0, 0)}, &ess);
  CHECK_NEAR(i.value, 3, 1e-14); CHECK_NEAR(ess, 3, 1e-14); CHECK(i.low >= 1 && i.low < 2 && i.high > 4 && i.high <= 6);
  CHECK_NEAR(i.undefined, 2000 * pow(.4, 5), 15, "no draw of the three that count");
}

TEST(verdicts) {
  rn_interval above = {2, 1, 3, 0}, open = {2, -1, 3, 0}, below = {-2, -3, -1, 0}, bare = {2, NAN, NAN, 0}, none = {NAN, NAN, NAN, 0};
  CHECK(rn_judge(above, RN_ABOVE, 0) == RN_CONFIRMED), CHECK(rn_judge(open, RN_ABOVE, 0) == RN_NOT_CONFIRMED);
  CHECK(rn_judge(below, RN_ABOVE, 0) == RN_REFUTED), CHECK(rn_judge(below, RN_BELOW, 0) == RN_CONFIRMED);
  CHECK(rn_judge(above, RN_BELOW, 0) == RN_REFUTED), CHECK(rn_judge(bare, RN_AT_LEAST, 2) == RN_CONFIRMED);
  CHECK(rn_judge(bare, RN_ABOVE, 2) == RN_REFUTED), CHECK(rn_judge(bare, RN_AT_MOST, 2) == RN_CONFIRMED);
  CHECK(rn_judge(none, RN_ABOVE, 0) == RN_NOT_CONFIRMED);
  rn_interval touching = {2, 0, 3, 0};
  CHECK(rn_judge(touching, RN_ABOVE, 0) == RN_NOT_CONFIRMED), CHECK(rn_judge(touching, RN_AT_LEAST, 0) == RN_CONFIRMED);
  rn_verdict all[] = {RN_CONFIRMED, RN_NOT_CONFIRMED, RN_CONFIRMED};
  CHECK(rn_worst(3, all) == RN_NOT_CONFIRMED), CHECK(rn_worst(1, all) == RN_CONFIRMED);
  all[0] = RN_REFUTED;
  CHECK(rn_worst(3, all) == RN_REFUTED);
  CHECK_TEXT(rn_verdict_name(RN_SETTING_INVALID), "SETTING INVALID");
}
