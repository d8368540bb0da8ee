/* run/report.c - the report of run folders: arms and their seeds, headline, curves, distributions, data, warnings, recipe, command. */
#include "rein/report.h"
#include "rein/journal.h"
#include "rein/recipe.h"
#include <math.h>
#include <stdlib.h>

typedef struct { const char *folder; rn_recipe *recipe; rn_journal_contents log; char *setting; int arm; } run;       // setting: the recipe but for its seed
typedef struct { char *name; int n; run **runs; } arm;
typedef struct { run *runs; int n; arm *arms; int n_arms; } study;

static const rn_boot BOOT = {.resamples = 2000, .level = 0.95};

static rn_boot boot_of(const char *purpose, int i) {
  rn_boot boot = BOOT;
  boot.key = rn_key_new(0, purpose, (uint64_t)i, 0);
  return boot;
}

//---- reading -----------------------------------------------------------------------------------------------------------------------------

// keys that make no other experiment
static const char *const same[] = {"seed", "seeds", "threads", "mem", "log", "every"};

static bool read_run(run *r, const char *folder, rn_error *err) {
  char *path = rn_printed("%s/recipe.yaml", folder);
  r->folder = folder;
  bool fine = rn_journal_read(folder, &r->log, err) && (r->recipe = rn_recipe_read(path, err));
  if (fine) {
    rn_recipe *bare = rn_recipe_copy(r->recipe);
    for (int i = 0; i < RN_COUNT(same); i++) rn_recipe_drop(bare, same[i]);
    r->setting = rn_recipe_print(bare, NULL);
    rn_recipe_free(bare);
  }
  rn_free(path);
  return fine;
}

static const char *given(const run *r, const char *key, const char *fallback) {
  const rn_given *v = rn_recipe_find(r->recipe, key);
  return v ? v->text : fallback;
}

static void sort_into_arms(study *s) {
  for (int i = 0; i < s->n; i++) {
    int k = 0;
    while (k < s->n_arms && strcmp(s->arms[k].runs[0]->setting, s->runs[i].setting) != 0) k++;
    if (k == s->n_arms) s->arms[s->n_arms++].runs = rn_new((size_t)s->n * sizeof(run *));
    s->arms[k].runs[s->arms[k].n++] = &s->runs[i], s->runs[i].arm = k;
  }
}

// arms are told apart by their system, or by the keys in which those of one system differ
static bool differs(const study *s, const arm *a, const char *key) {
  for (int k = 0; k < s->n_arms; k++) {
    const run *x = a->runs[0], *y = s->arms[k].runs[0];
    if (strcmp(given(x, "system", ""), given(y, "system", "")) == 0 && strcmp(given(x, key, ""), given(y, key, "")) != 0) return true;
  }
  return false;
}

static void name_arms(study *s) {
  for (int k = 0; k < s->n_arms; k++) {
    const rn_recipe *r = s->arms[k].runs[0]->recipe;
    rn_text t = {0};
    rn_say_text(&t, "%s", given(s->arms[k].runs[0], "system", "stages"));
    for (int i = 0; i < rn_recipe_count(r) && t.n < 80; i++) {
      const char *key = rn_recipe_at(r, i)->key;
      bool counts = strcmp(key, "system") != 0;
      for (int j = 0; j < RN_COUNT(same); j++) counts = counts && strcmp(key, same[j]) != 0;
      if (counts && differs(s, &s->arms[k], key)) rn_say_text(&t, " %s=%s", key, rn_recipe_at(r, i)->text);
    }
    s->arms[k].name = t.at;
  }
}

static void study_free(study *s) {
  for (int i = 0; i < s->n; i++) rn_recipe_free(s->runs[i].recipe), rn_journal_contents_free(&s->runs[i].log), rn_free(s->runs[i].setting);
  for (int k = 0; k < s->n_arms; k++) rn_free(s->arms[k].name), rn_free(s->arms[k].runs);
  rn_free(s->runs), rn_free(s->arms);
}

//---- figures -----------------------------------------------------------------------------------------------------------------------------

static double last_of(const run *r, const char *name) {
  const rn_series *x = rn_journal_series(&r->log, name);
  return x && x->n ? x->value[x->n - 1] : NAN;
}

static double final_return(const run *r) {
  double logged = last_of(r, "eval.return");
  return isfinite(logged) ? logged : rn_mean_of(r->log.n_returns, r->log.returns);
}

// over seeds; of one seed over its episodes
static rn_interval final_of(const arm *a, rn_summary what, int i) {
  rn_boot boot = boot_of("report.final", i);
  if (a->n == 1) {
    const rn_journal_contents *l = &a->runs[0]->log;
    if (l->n_returns > 1) return rn_interval_of(what, 1, &l->n_returns, l->returns, &boot);
    return (rn_interval){final_return(a->runs[0]), last_of(a->runs[0], "eval.low"), last_of(a->runs[0], "eval.high"), 0};
  }
  double *x = rn_new((size_t)a->n * sizeof *x);
  for (int k = 0; k < a->n; k++) x[k] = final_return(a->runs[k]);
  rn_interval out = rn_interval_of(what, 1, &a->n, x, &boot);
  rn_free(x);
  return out;
}

static rn_sample all_returns(const arm *a, double **own) {
  int n = 0, at = 0;
  for (int k = 0; k < a->n; k++) n += a->runs[k]->log.n_returns;
  *own = rn_new((size_t)(n + 1) * sizeof **own);
  for (int k = 0; k < a->n; k++) for (int i = 0; i < a->runs[k]->log.n_returns; i++) (*own)[at++] = a->runs[k]->log.returns[i];
  return (rn_sample){a->name, n, *own};
}

static char *interval_text(rn_interval x) {
  double width = isfinite(x.high - x.low) && x.high > x.low ? x.high - x.low : fabs(x.value) / 50;
  int digits = x.value != 0 && width > 0 ? (int)ceil(log10(fmax(fabs(x.value), width) / width)) + 2 : 3;
  digits = RN_MIN(RN_MAX(digits, 2), 8);
  // the same number of places in all three
  int places = width > 0 ? RN_MIN(RN_MAX((int)ceil(1 - log10(width)), 0), 8) : 2;
  if (!isfinite(x.value)) return rn_copy_text("\xE2\x80\x93");
  char *value = places > 0 ? rn_printed("%.*f", places, x.value) : rn_number_text(x.value, RN_MAX(digits, (int)floor(log10(fmax(fabs(x.value), 1))) + 1));
  if (!isfinite(x.low) || !isfinite(x.high)) return value;
  char *low = places > 0 ? rn_printed("%.*f", places, x.low) : rn_number_text(x.low, (int)floor(log10(fmax(fabs(x.low), 1))) + 1);
  char *high = places > 0 ? rn_printed("%.*f", places, x.high) : rn_number_text(x.high, (int)floor(log10(fmax(fabs(x.high), 1))) + 1);
  char *text = rn_printed("%s [%s, %s]", value, low, high);
  rn_free(value), rn_free(low), rn_free(high);
  return text;
}

//---- curves over seeds ---------------------------------------------------------------------------------------------------------------------

typedef struct { rn_curve c; double *own; } curve;

// mean over the seeds that have the update, with its interval; of one seed its own low and high where they were logged
static curve curve_of(const arm *a, const char *name, const char *low, const char *high) {
  const rn_series *first = NULL;
  for (int k = 0; k < a->n; k++) {
    const rn_series *x = rn_journal_series(&a->runs[k]->log, name);
    if (x && (!first || x->n > first->n)) first = x;
  }
  if (!first) return (curve){{.name = a->name}, NULL};
  int n = first->n;
  double *own = rn_new((size_t)n * 4 * sizeof *own), *x = own, *y = own + n, *l = own + 2 * n, *h = own + 3 * n, *v = rn_new((size_t)a->n * sizeof *v);
  int *at = rn_new((size_t)a->n * sizeof *at);
  for (int i = 0; i < n; i++) {
    int m = 0;
    for (int k = 0; k < a->n; k++) {
      const rn_series *s = rn_journal_series(&a->runs[k]->log, name);
      while (s && at[k] < s->n && s->update[at[k]] < first->update[i]) at[k]++;
      if (s && at[k] < s->n && s->update[at[k]] == first->update[i] && isfinite(s->value[at[k]])) v[m++] = s->value[at[k]];
    }
    rn_boot boot = boot_of(name, i);
    boot.resamples = 400;
    rn_interval mean = m > 1 ? rn_interval_of(RN_STAT_MEAN, 1, &m, v, &boot) : (rn_interval){m ? v[0] : NAN, NAN, NAN, 0};
    x[i] = (double)first->update[i], y[i] = mean.value, l[i] = mean.low, h[i] = mean.high;
  }
  const rn_series *below = a->n == 1 && low ? rn_journal_series(&a->runs[0]->log, low) : NULL, *above = a->n == 1 && high ? rn_journal_series(&a->runs[0]->log, high) : NULL;
  for (int i = 0; i < n && below && above && below->n == n && above->n == n; i++) l[i] = below->value[i], h[i] = above->value[i];
  rn_free(v), rn_free(at);
  return (curve){{a->name, n, x, y, l, h}, own};
}

static bool any_has(const study *s, const char *name, int least) {
  for (int i = 0; i < s->n; i++) {
    const rn_series *x = rn_journal_series(&s->runs[i].log, name);
    if (x && x->n >= least) return true;
  }
  return false;
}

static void show_curves(rn_page *p, const study *s, const rn_axes *axes, const char *name, const char *low, const char *high) {
  curve *c = rn_new((size_t)s->n_arms * sizeof *c);
  rn_curve *plain = rn_new((size_t)s->n_arms * sizeof *plain);
  for (int k = 0; k < s->n_arms; k++) c[k] = curve_of(&s->arms[k], name, low, high), plain[k] = c[k].c;
  rn_page_curves(p, axes, s->n_arms, plain);
  for (int k = 0; k < s->n_arms; k++) rn_free(c[k].own);
  rn_free(c), rn_free(plain);
}

//---- sections ------------------------------------------------------------------------------------------------------------------------------

static int seeds_of(const study *s) {
  int most = 0;
  for (int k = 0; k < s->n_arms; k++) most = RN_MAX(most, s->arms[k].n);
  return most;
}

static const char *over(const study *s) {
  return seeds_of(s) > 1 ? "Mean over seeds; brackets: 95 % bootstrap interval over seeds." : "One seed; brackets: 95 % bootstrap interval over episodes. Train with `seeds=5` to see how much seeds differ.";
}

static void results(rn_page *p, const study *s) {
  enum { COLUMNS = 7 };
  static const char *const head[COLUMNS] = {"arm", "seeds", "updates", "steps", "mean return", "median episode", "worst 10 %"};
  char **cells = rn_new((size_t)s->n_arms * COLUMNS * sizeof *cells);
  rn_headline *h = rn_new((size_t)s->n_arms * sizeof *h);
  rn_arm *arms = rn_new((size_t)s->n_arms * sizeof *arms);
  char **detail = rn_new((size_t)s->n_arms * 2 * sizeof *detail);
  for (int k = 0; k < s->n_arms; k++) {
    const arm *a = &s->arms[k];
    double *own;
    rn_sample all = all_returns(a, &own);
    const rn_series *any = a->runs[0]->log.n_series ? &a->runs[0]->log.series[0] : NULL, *eval = rn_journal_series(&a->runs[0]->log, "eval.return");
    if (eval) any = eval;
    rn_interval mean = final_of(a, RN_STAT_MEAN, k);
    char **row = &cells[k * COLUMNS];
    row[0] = rn_copy_text(a->name), row[1] = rn_printed("%d", a->n);
    row[2] = any && any->n ? rn_number_text((double)any->update[any->n - 1], 15) : rn_copy_text("-"), row[3] = any && any->n ? rn_number_text((double)any->steps[any->n - 1], 15) : rn_copy_text("-");
    row[4] = interval_text(mean), row[5] = rn_number_text(rn_quantile(all.n, all.x, 0.5), 4), row[6] = rn_number_text(rn_cvar(all.n, all.x, 0.1), 4);
    arms[k] = (rn_arm){a->name, mean};
    detail[2 * k] = interval_text((rn_interval){mean.value, NAN, NAN, 0});
    char *brackets = strchr(row[4], '[');
    detail[2 * k + 1] = brackets ? rn_printed("95 %% interval %s", brackets) : rn_printed("%d %s", a->n, a->n == 1 ? "seed" : "seeds");
    h[k] = (rn_headline){a->name, detail[2 * k], detail[2 * k + 1]};
    if (brackets) rn_free(detail[2 * k]), detail[2 * k] = rn_printed("%.*s", (int)(brackets - row[4] - 1), row[4]), h[k].value = detail[2 * k];
    rn_free(own);
  }
  rn_page_heading(p, "Result");
  if (s->n_arms <= 6) rn_page_headline(p, s->n_arms, h);
  char *caption = rn_printed("Return of the last evaluation. %s Worst 10 %%: mean of the worst tenth of all episodes.", over(s));
  rn_page_table(p, caption, COLUMNS, head, s->n_arms, (const char *const *)cells);
  rn_free(caption);
  if (s->n_arms > 1) rn_page_intervals(p, &(rn_axes){.x = "mean return of an episode, with 95 % interval"}, s->n_arms, arms);
  for (int i = 0; i < s->n_arms * COLUMNS; i++) rn_free(cells[i]);
  for (int i = 0; i < 2 * s->n_arms; i++) rn_free(detail[i]);
  rn_free(cells), rn_free(h), rn_free(arms), rn_free(detail);
}

static double seed_of(const run *r) {
  double x = NAN;
  rn_number(given(r, "seed", "1"), &x);
  return x;
}

// the same seeds in both arms: pairs
static bool same_seeds(const arm *a, const arm *b) {
  if (a->n != b->n || a->n < 2) return false;
  for (int i = 0; i < a->n; i++) if (seed_of(a->runs[i]) != seed_of(b->runs[i])) return false;
  return true;
}

static void differences(rn_page *p, const study *s) {
  static const char *const head[] = {"difference", "mean return"};
  char **cells = rn_new((size_t)s->n_arms * 2 * sizeof *cells);
  int n = 0;
  const arm *b = &s->arms[0];
  for (int k = 1; k < s->n_arms; k++) {
    const arm *a = &s->arms[k];
    if (!same_seeds(a, b)) continue;
    double *x = rn_new((size_t)a->n * 2 * sizeof *x), *y = x + a->n;
    for (int i = 0; i < a->n; i++) x[i] = final_return(a->runs[i]), y[i] = final_return(b->runs[i]);
    rn_boot boot = boot_of("report.paired", k);
    cells[2 * n] = rn_printed("%s \xE2\x88\x92 %s", a->name, b->name), cells[2 * n + 1] = interval_text(rn_paired(RN_STAT_MEAN, 1, &a->n, x, y, &boot)), n++;
    rn_free(x);
  }
  if (n) rn_page_table(p, "Paired over the same seeds; 95 % bootstrap interval. An interval without zero is a difference.", 2, head, n, (const char *const *)cells);
  for (int i = 0; i < 2 * n; i++) rn_free(cells[i]);
  rn_free(cells);
}

static void learning(rn_page *p, const study *s) {
  bool evaluated = any_has(s, "eval.return", 2), trained = any_has(s, "train.return", 2);
  if (!evaluated && !trained) return;
  const char *caption = seeds_of(s) > 1 ? "Line: mean over seeds. Band: 95 % bootstrap interval over seeds." : "Band: 95 % interval over the episodes of an evaluation.";
  rn_page_heading(p, "Learning");
  if (evaluated) show_curves(p, s, &(rn_axes){.title = "Return in evaluations", .x = "updates", .y = "mean return of an episode", .caption = caption}, "eval.return", "eval.low", "eval.high");
  if (trained) show_curves(p, s, &(rn_axes){.title = "Return while collecting", .x = "updates", .y = "mean return of an episode", .caption = seeds_of(s) > 1 ? caption : NULL}, "train.return", NULL, NULL);
}

static void distribution(rn_page *p, const study *s) {
  rn_sample *all = rn_new((size_t)s->n_arms * sizeof *all);
  double **own = rn_new((size_t)s->n_arms * sizeof *own);
  int n = 0;
  for (int k = 0; k < s->n_arms; k++) all[k] = all_returns(&s->arms[k], &own[k]), n += all[k].n;
  if (n > 1) {
    rn_page_heading(p, "Returns of single episodes");
    rn_page_samples(p, &(rn_axes){.x = "return of an episode", .caption = "Each dot is an episode of the last evaluation, all seeds together; the box spans the middle half, the bar is the median."}, s->n_arms, all);
  }
  for (int k = 0; k < s->n_arms; k++) rn_free(own[k]);
  rn_free(all), rn_free(own);
}

static bool shown_before(const char *name) { return strncmp(name, "eval.", 5) == 0 || strcmp(name, "train.return") == 0; }

static void figures(rn_page *p, const study *s) {
  enum { MOST = 48 };
  const char *names[MOST];
  int n = 0;
  for (int i = 0; i < s->n; i++)
    for (int j = 0; j < s->runs[i].log.n_series && n < MOST; j++) {
      const char *name = s->runs[i].log.series[j].name;
      bool seen = shown_before(name) || s->runs[i].log.series[j].n < 2;
      for (int k = 0; k < n && !seen; k++) seen = strcmp(names[k], name) == 0;
      if (!seen) names[n++] = name;
    }
  if (!n) return;
  size_t total = (size_t)n * (size_t)s->n_arms;
  rn_axes *axes = rn_new((size_t)n * sizeof *axes);
  curve *c = rn_new(total * sizeof *c);
  rn_curve *plain = rn_new(total * sizeof *plain);
  for (int i = 0; i < n; i++) {
    axes[i] = (rn_axes){.title = names[i]};
    for (int k = 0; k < s->n_arms; k++) c[i * s->n_arms + k] = curve_of(&s->arms[k], names[i], NULL, NULL), plain[i * s->n_arms + k] = c[i * s->n_arms + k].c;
  }
  rn_page_heading(p, "Inside training");
  rn_page_text(p, s->n_arms > 1 ? "Figures that the updates noted, over updates; colours as above." : "Figures that the updates noted, over updates.");
  rn_page_small(p, n, axes, s->n_arms, plain);
  for (size_t i = 0; i < total; i++) rn_free(c[i].own);
  rn_free(axes), rn_free(c), rn_free(plain);
}

static void warnings(rn_page *p, const study *s) {
  int n = 0;
  for (int i = 0; i < s->n; i++)
    for (int k = 0; k < s->runs[i].log.n_events && n < 40; k++) {
      const rn_journal_entry *e = &s->runs[i].log.events[k];
      if (strcmp(e->kind, "warning") != 0) continue;
      if (!n++) rn_page_heading(p, "Warnings");
      char *text = rn_printed("%s, update %ld: %s", s->runs[i].folder, e->update, e->text);
      rn_page_note(p, RN_PAGE_WARNING, text);
      rn_free(text);
    }
}

// every log once
static void data(rn_page *p, const study *s) {
  int shown = 0;
  for (int k = 0; k < s->n_arms; k++) {
    const run *r = s->arms[k].runs[0];
    const char *path = given(r, "data", NULL);
    bool seen = !path || !rn_exists(path);
    for (int j = 0; j < k && !seen; j++) seen = strcmp(given(s->arms[j].runs[0], "data", ""), path) == 0;
    if (seen) continue;
    rn_error err = {0};
    rn_columns columns;
    bool named = rn_recipe_columns(r->recipe, &columns, &err) && (columns.n_obs || columns.n_act || columns.reward);
    rn_table *t = err.code ? NULL : rn_table_load(path, named ? &columns : NULL, &err);
    if (!shown++) rn_page_heading(p, "Data");
    if (t) {
      rn_table_figures f;
      rn_table_report(t, &(rn_report_against){0}, &f);
      rn_page_data(p, path, &f);
      int64_t episodes;
      const rn_episode *e = rn_table_episodes(t, &episodes);
      double *x = rn_new((size_t)(episodes + 1) * sizeof *x);
      int n = 0;
      rn_field reward;
      if (e && rn_table_column(t, "reward", &reward) && reward.data && reward.type == RN_F32)
        for (int64_t i = 0; i < episodes; i++) {
          double sum = 0;
          for (int64_t j = 0; j < e[i].length; j++) sum += ((const float *)reward.data)[e[i].first + j];
          if (e[i].end != RN_END_CUT) x[n++] = sum;
        }
      if (n > 4) rn_page_histogram(p, &(rn_axes){.title = "Returns in the log", .x = "return of an episode", .y = "episodes"}, n, x, 0);
      rn_free(x);
    } else rn_page_note(p, RN_PAGE_WARNING, err.text);
    rn_table_free(t);
  }
}

static void recipes(rn_page *p, const study *s) {
  rn_page_heading(p, "Recipe");
  rn_page_text(p, "What was run, every key with its value.");
  for (int k = 0; k < s->n_arms; k++) {
    char *text = rn_recipe_print(s->arms[k].runs[0]->recipe, NULL), *name = rn_printed("%s (%s/recipe.yaml)", s->arms[k].name, s->arms[k].runs[0]->folder);
    rn_page_folded(p, name, text);
    rn_free(text), rn_free(name);
  }
}

static void deploy(rn_page *p, const study *s) {
  const char *folder = s->arms[s->n_arms - 1].runs[0]->folder;
  rn_page_heading(p, "The policy as C");
  rn_page_text(p, "A run's policy is one C99 file without dependencies and without malloc: normaliser, network, action rule, and a test vector that `policy_selftest()` checks against the engine.");
  char *text = rn_printed("rein export %s --c policy.c\ncc -O2 -c policy.c", folder);
  rn_page_code(p, text);
  rn_free(text);
}

static void reproduce(rn_page *p, const study *s, const rn_report_options *o) {
  static const char *const keys[] = {"machine", "system", "versions", "threads", "started", "seconds"};
  rn_page_heading(p, "How to reproduce");
  rn_text t = {0};
  for (int k = 0; k < s->n_arms; k++)
    for (int i = 0; i < s->arms[k].n; i++) {
      const run *r = s->arms[k].runs[i];
      const char *command = rn_journal_meta_of(&r->log, "command");
      rn_say_text(&t, "%s\n", command ? command : "");
    }
  if (o->command) rn_say_text(&t, "%s\n", o->command);
  if (t.n) rn_page_code(p, t.at);
  rn_free(t.at);
  const char *names[RN_COUNT(keys) + 1], *values[RN_COUNT(keys) + 1];
  int n = 0;
  rn_text seeds = {0};
  for (int i = 0; i < s->arms[0].n; i++) rn_say_text(&seeds, "%s%s", i ? ", " : "", given(s->arms[0].runs[i], "seed", "1"));
  names[n] = "seeds", values[n++] = seeds.at;
  for (int i = 0; i < RN_COUNT(keys); i++) {
    const char *value = rn_journal_meta_of(&s->runs[0].log, keys[i]);
    if (value) names[n] = keys[i], values[n++] = value;
  }
  rn_page_facts(p, n, names, values);
  rn_page_text(p, "The same recipe and seed give the same bytes on this machine at any number of threads.");
  rn_free(seeds.at);
}

static char *title_of(const study *s, const rn_report_options *o) {
  if (o->title) return rn_copy_text(o->title);
  rn_text t = {0};
  for (int k = 0; k < s->n_arms && k < 4; k++) rn_say_text(&t, "%s%s", k ? ", " : "", s->arms[k].name);
  if (s->n_arms > 4) rn_say_text(&t, " and %d more", s->n_arms - 4);
  const char *env = given(s->arms[0].runs[0], "env", NULL), *from = given(s->arms[0].runs[0], "data", NULL);
  if (env) rn_say_text(&t, " on %s", env);
  else if (from) rn_say_text(&t, " on %s", strrchr(from, '/') ? strrchr(from, '/') + 1 : from);
  return t.at;
}

static char *subtitle_of(const study *s) {
  const run *r = s->arms[0].runs[0];
  const char *from = given(r, "data", NULL), *when = rn_journal_meta_of(&r->log, "started");
  rn_text t = {0};
  rn_say_text(&t, "%d %s, %d %s", s->n_arms, s->n_arms == 1 ? "arm" : "arms", s->n, s->n == 1 ? "run" : "runs");
  if (from) rn_say_text(&t, " \xC2\xB7 learned from %s", from);
  if (when) rn_say_text(&t, " \xC2\xB7 %s", when);
  return t.at;
}

bool rn_report_runs(int n, const char *const folders[], const rn_report_options *o, const char *path, rn_error *err) {
  study s = {.runs = rn_new((size_t)n * sizeof *s.runs), .n = n, .arms = rn_new((size_t)n * sizeof *s.arms)};
  bool fine = true;
  for (int i = 0; i < n && fine; i++) fine = read_run(&s.runs[i], folders[i], err);
  if (fine) {
    sort_into_arms(&s), name_arms(&s);
    char *title = title_of(&s, o), *subtitle = subtitle_of(&s);
    rn_page *p = rn_page_new(title, subtitle);
    results(p, &s), differences(p, &s), warnings(p, &s), learning(p, &s), distribution(p, &s), figures(p, &s), data(p, &s), deploy(p, &s), recipes(p, &s), reproduce(p, &s, o);
    fine = rn_page_write(p, path, err);
    rn_page_free(p), rn_free(title), rn_free(subtitle);
  }
  study_free(&s);
  return fine;
}
