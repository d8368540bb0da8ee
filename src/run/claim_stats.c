/* run/claim_stats.c - bars, gates and lines of a claim, weighed over the cells of its arms.
 * A figure of an arm over seeds, task by task; `minus` takes another arm's from it and `ratio` the logarithm of the quotient of means, both
 * paired by task and seed; `near` makes it the distance to a number; `slope` is the log-log slope of several figures' means against `at`. */
#include "claim.h"
#include <math.h>
#include <string.h>

static const char *text_of(const claim_entry *e, const char *key) {
  const rn_given *v = rn_recipe_find(e->say, key);
  return v ? v->text : NULL;
}

double claim_figure(const claim_cell *c, const char *name) {
  for (int i = 0; c && i < c->n; i++) if (!strcmp(c->figure[i].name, name)) return c->figure[i].value;
  return NAN;
}

int claim_arm_named(const claim *c, const char *name) {
  for (int i = 0; i < c->arms; i++) if (!strcmp(c->arm[i].name, name)) return i;
  return -1;
}

//---- what an entry says ---------------------------------------------------------------------------------------------------------------

static const struct { const char *key; rn_side side; const char *sign; } sides[] = {
  {"above", RN_ABOVE, ">"}, {"at_least", RN_AT_LEAST, ">="}, {"below", RN_BELOW, "<"}, {"at_most", RN_AT_MOST, "<="}, {"not_below", RN_AT_LEAST, "not below"}};
static const char *const statistics[] = {"mean", "iqm", "median", "least", "largest"};
static const char *const known[] = {"figure", "arm", "minus", "ratio", "slope", "at", "statistic", "above", "at_least", "below", "at_most", "not_below",
                                    "near", "point", "note"};

static int side_of(const claim_entry *e) {
  for (int i = 0; i < RN_COUNT(sides); i++) if (text_of(e, sides[i].key)) return i;
  return -1;
}

static int statistic_of(const claim_entry *e) {
  const char *said = text_of(e, "statistic");
  for (int i = 0; said && i < RN_COUNT(statistics); i++) if (!strcmp(said, statistics[i])) return i;
  return said ? -1 : 0;
}

static bool arm_is_known(const claim *c, const claim_entry *e, const char *key, rn_error *err) {
  const char *said = text_of(e, key), *names[CLAIM_MOST];
  if (!said || claim_arm_named(c, said) >= 0) return true;
  for (int i = 0; i < c->arms; i++) names[i] = c->arm[i].name;
  const char *near = rn_nearest(said, c->arms, names);
  return rn_fail(err, "%s: no arm '%s'%s%s%s", rn_recipe_find(e->say, key)->place, said, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

bool claim_check_entry(const claim *c, const claim_entry *e, bool judge, rn_error *err) {
  double bar;
  if (rn_recipe_count(e->say) == 0) return rn_fail(err, "%s: %s is empty", c->path, e->name);
  const char *place = rn_recipe_at(e->say, 0)->place;
  for (int i = 0; i < rn_recipe_count(e->say); i++) {
    const rn_given *v = rn_recipe_at(e->say, i);
    bool found = false;
    for (int k = 0; k < RN_COUNT(known); k++) found |= !strcmp(v->key, known[k]);
    const char *near = rn_nearest(v->key, RN_COUNT(known), known);
    if (!found) return rn_fail(err, "%s: no key '%s' in %s%s%s%s", v->key_place, v->key, e->name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
  }
  if (!text_of(e, "arm")) return rn_fail(err, "%s: %s has no arm", place, e->name);
  if (!text_of(e, "figure") && !text_of(e, "slope")) return rn_fail(err, "%s: %s has neither figure nor slope", place, e->name);
  if (statistic_of(e) < 0) return rn_fail(err, "%s: statistic is mean, iqm, median, least or largest", place);
  if (judge && side_of(e) < 0) return rn_fail(err, "%s: %s has no bar: above, at_least, below, at_most or not_below", place, e->name);
  if (judge && !rn_number(text_of(e, sides[side_of(e)].key), &bar)) return rn_fail(err, "%s: the bar of %s is not a number", place, e->name);
  return arm_is_known(c, e, "arm", err) && arm_is_known(c, e, "minus", err) && arm_is_known(c, e, "ratio", err);
}

//---- numbers ----------------------------------------------------------------------------------------------------------------------------

/* x [tasks * seeds] of an arm's figure, task by task. */
static bool column(const claim *c, int arm, const char *figure, int seeds, double *x, rn_error *err) {
  for (int t = 0; t < c->tasks; t++)
    for (int s = 0; s < seeds; s++) {
      const claim_cell *cell = claim_find(c, arm, t, -1, s);
      double v = x[t * seeds + s] = claim_figure(cell, figure);
      if (!cell || isnan(v)) return rn_fail(err, "%s: arm %s, seed %d gave no figure '%s'", c->path, c->arm[arm].name, s, figure);
    }
  return true;
}

static rn_boot boot_of(const claim *c, const char *what) {
  return (rn_boot){c->resamples, .95, rn_key_new(rn_hash(c->name, strlen(c->name), 0), "claim", rn_hash(what, strlen(what), 0), 0)};
}

typedef struct { int n; const double *at, *x; int rows; } curve;      // x [n, rows]

static double slope(int n, const int *pick, const void *data, double *work) {
  const curve *k = data;
  double mean[8];
  for (int j = 0; j < k->n; j++) {
    for (int i = 0; i < n; i++) work[i] = k->x[(size_t)j * k->rows + pick[i]];
    mean[j] = rn_mean_of(n, work);
  }
  return rn_log_log_slope(k->n, k->at, mean);
}

static bool weigh_slope(const claim *c, const claim_entry *e, int seeds, const int *size, rn_interval *out, rn_error *err) {
  const rn_given *names = rn_recipe_find(e->say, "slope");
  double at[8];
  int n = rn_recipe_reals(e->say, "at", 8, at), rows = c->tasks * seeds;
  if (n < 2 || names->items != n) return rn_fail(err, "%s: slope and at are lists of the same 2 to 8 entries", names->place);
  double *x = rn_new((size_t)n * rows * sizeof *x);
  bool fine = true;
  for (int j = 0; fine && j < n; j++) fine = column(c, claim_arm_named(c, text_of(e, "arm")), names->item[j], seeds, x + (size_t)j * rows, err);
  rn_boot how = boot_of(c, e->name);
  if (fine) *out = rn_bootstrap(c->tasks, size, slope, &(curve){n, at, x, rows}, &how);
  rn_free(x);
  return fine;
}

static bool weigh_figure(const claim *c, const claim_entry *e, int seeds, const int *size, rn_interval *out, rn_error *err) {
  static const rn_summary summary[] = {RN_STAT_MEAN, RN_STAT_IQM, RN_STAT_MEDIAN};
  const char *other = text_of(e, "minus") ? text_of(e, "minus") : text_of(e, "ratio"), *figure = text_of(e, "figure");
  int n = c->tasks * seeds, how = statistic_of(e);
  double *a = rn_new((size_t)n * 2 * sizeof *a), *b = a + n;
  bool fine = column(c, claim_arm_named(c, text_of(e, "arm")), figure, seeds, a, err);
  if (fine && other) fine = column(c, claim_arm_named(c, other), figure, seeds, b, err);
  rn_boot boot = boot_of(c, e->name);
  double near;
  if (fine && text_of(e, "near") && rn_number(text_of(e, "near"), &near)) for (int i = 0; i < n; i++) a[i] = fabs(a[i] - near);
  if (fine && how >= 3) {                                      // least, largest: of all cells; paired with another arm: of the differences
    for (int i = 0; other && i < n; i++) a[i] -= b[i];
    *out = (rn_interval){rn_quantile(n, a, how == 3 ? 0 : 1), NAN, NAN, 0};
  } else if (fine && text_of(e, "ratio")) *out = rn_paired_log_ratio(c->tasks, size, a, b, &boot);
  else if (fine && other) *out = rn_paired(summary[how], c->tasks, size, a, b, &boot);
  else if (fine) *out = rn_interval_of(summary[how], c->tasks, size, a, &boot);
  rn_free(a);
  return fine;
}

static const char *worded(const claim_entry *e, bool judge) {
  const char *s = statistics[statistic_of(e)], *figure = text_of(e, "figure"), *arm = text_of(e, "arm"), *minus = text_of(e, "minus"), *ratio = text_of(e, "ratio");
  rn_text t = {0};
  if (text_of(e, "slope")) rn_say_text(&t, "log-log slope of %s of %s", text_of(e, "slope"), arm);
  else if (ratio) rn_say_text(&t, "ln(mean %s of %s / of %s)", figure, arm, ratio);
  else if (text_of(e, "near")) rn_say_text(&t, "%s |%s - %s|: %s", s, figure, text_of(e, "near"), arm);
  else rn_say_text(&t, minus ? "%s %s: %s - %s" : "%s %s: %s", s, figure, arm, minus);
  if (judge) rn_say_text(&t, " %s %s%s", sides[side_of(e)].sign, text_of(e, sides[side_of(e)].key), text_of(e, "point") ? " (value)" : "");
  return t.at;
}

bool claim_weigh(const claim *c, const claim_entry *e, int seeds, bool judge, claim_line *out, rn_error *err) {
  int size[CLAIM_MOST];
  for (int t = 0; t < c->tasks; t++) size[t] = seeds;
  *out = (claim_line){.name = e->name, .what = worded(e, judge), .judged = judge};
  if (!(text_of(e, "slope") ? weigh_slope : weigh_figure)(c, e, seeds, size, &out->x, err)) return false;
  if (!judge) return true;
  int k = side_of(e);
  double bar;
  rn_number(text_of(e, sides[k].key), &bar);
  rn_interval x = out->x;
  if (text_of(e, "point")) x.low = x.high = NAN;
  if (!strcmp(sides[k].key, "not_below")) x.value = isnan(x.high) ? x.value : x.high, x.low = x.high = NAN;    // only wholly below is a miss
  out->verdict = rn_judge(x, sides[k].side, bar);
  return true;
}

/* The value of the grid whose figure, averaged over tasks and the pilot's seeds, is best. */
void claim_pick(claim *c, int arm) {
  const rn_given *figure = rn_recipe_find(c->file, "tune.figure"), *best = rn_recipe_find(c->file, "tune.best");
  bool largest = best && !strcmp(best->text, "largest");
  double chosen = NAN;
  for (int v = 0; v < c->values; v++) {
    double sum = 0;
    for (int i = 0; i < c->cells; i++)
      if (c->cell[i].arm == arm && c->cell[i].value == v) sum += claim_figure(&c->cell[i], figure->text);
    if (isnan(chosen) || (largest ? sum > chosen : sum < chosen)) chosen = sum, c->arm[arm].value = c->value[v];
  }
}
