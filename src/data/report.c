/* data/report.c - what a log is like before anything is trained on it. Walks the rows a few times; nothing is repaired. */
#include "inner.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void warn(rn_table_figures *f, const char *text) {
  size_t n = strlen(f->warning);
  if (n + strlen(text) + 3 < sizeof f->warning) sprintf(f->warning + n, "%s%s", n ? "; " : "", text);
}

static int64_t slot(const rn_table *t, int64_t k) { return rn_slot_of(t, rn_table_first(t) + k); }

static int ascending(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

static void episodes(const rn_table *t, rn_table_figures *f) {
  const column *reward = rn_column_of(t, "reward");
  double *G = rn_new((size_t)t->episodes * sizeof *G), sum = 0, square = 0;
  int64_t n = 0, steps = 0;
  for (int64_t e = 0; e < t->episodes; e++) {
    const rn_episode *x = &t->episode[e];
    f->terminated += x->end == RN_END_TERMINATED, f->truncated += x->end == RN_END_TRUNCATED, f->cut += x->end == RN_END_CUT;
    f->length_least = e ? RN_MIN(f->length_least, x->length) : x->length, f->length_most = RN_MAX(f->length_most, x->length), steps += x->length;
    if (!reward || x->end == RN_END_CUT) continue;
    G[n] = 0;
    for (int64_t r = 0; r < x->length; r++) G[n] += rn_value_of(reward, x->first + r, 0);
    sum += G[n++];
  }
  f->episodes = t->episodes, f->length_mean = t->episodes ? (double)steps / (double)t->episodes : 0;
  f->return_mean = n ? sum / (double)n : NAN;
  for (int64_t i = 0; i < n; i++) {
    double d = G[i] - f->return_mean;
    square += d * d, f->psv += d > 0 ? d * d / (double)n : 0;
  }
  f->return_std = n ? sqrt(square / (double)n) : NAN;
  qsort(G, (size_t)n, sizeof *G, ascending);
  for (int q = 0; q < 5; q++) {
    double at = q / 4.0 * (double)(n - 1);
    int64_t low = (int64_t)at;
    f->return_quantile[q] = n ? G[low] + (at - (double)low) * (G[RN_MIN(low + 1, n - 1)] - G[low]) : NAN;
  }
  rn_free(G);
}

// inside an episode the stored next observation is the next row's, within 1e-6
static void gaps(const rn_table *t, rn_table_figures *f) {
  const column *obs = rn_column_of(t, "obs"), *next = rn_column_of(t, "next");
  for (int64_t r = 0; obs && next && !t->live && r + 1 < t->closed; r++) {
    double square = 0;
    if (rn_is_last(t, r)) continue;
    for (int k = 0; k < obs->width; k++) {
      double d = rn_value_of(next, r, k) - rn_value_of(obs, r + 1, k);
      square += d * d;
    }
    f->gaps += sqrt(square) > 1e-6;
  }
}

static void not_finite(const rn_table *t, rn_table_figures *f) {
  for (int i = 0; i < t->n; i++) {
    const column *c = &t->c[i];
    for (int64_t r = 0; (c->type == RN_F32 || c->type == RN_F64) && r < f->rows; r++)
      for (int k = 0; k < c->width; k++) {
        double x = rn_value_of(c, slot(t, r), k);
        if (isfinite(x)) continue;
        if (f->not_finite++ == 0) snprintf(f->not_finite_where, sizeof f->not_finite_where, "%s row %lld column %d is %g", c->name, (long long)r, k, x);
      }
  }
}

static uint64_t hash_of(const rn_table *t, int64_t r, const char *const names[], int n, uint64_t seed) {
  for (int i = 0; i < n; i++) {
    const column *c = rn_column_of(t, names[i]);
    if (c) seed = rn_hash(c->at + (size_t)slot(t, r) * c->bytes, c->bytes, seed + 1);
  }
  return seed;
}

typedef struct { uint64_t pair, whole; int64_t at; } keyed;
static int by_pair(const void *a, const void *b) {
  const keyed *x = a, *y = b;
  if (x->pair != y->pair) return x->pair < y->pair ? -1 : 1;
  if (x->whole != y->whole) return x->whole < y->whole ? -1 : 1;
  return x->at < y->at ? -1 : x->at > y->at;
}

// rows equal in obs, act, reward and what follows; and rows equal in obs and act that lead elsewhere
static void repeats(const rn_table *t, rn_table_figures *f) {
  static const char *const pair[] = {"obs", "act"}, *const rest[] = {"reward", "terminated"};
  int width = rn_table_width(t, "next");
  if (!rn_column_of(t, "obs") || !rn_column_of(t, "act") || rn_column_of(t, "obs")->type != RN_F32) return;
  keyed *k = rn_new((size_t)f->rows * sizeof *k);
  float *next = rn_new((size_t)width * sizeof *next);
  for (int64_t r = 0; r < f->rows; r++) {
    int64_t row = rn_table_first(t) + r;
    bool known = rn_table_has_next(t, row);
    if (known) rn_gather(t, "next", 1, &row, next);
    k[r].at = r, k[r].pair = hash_of(t, r, pair, 2, 0);
    k[r].whole = hash_of(t, r, rest, 2, known ? rn_hash(next, (size_t)width * sizeof *next, 1) : (uint64_t)r);
  }
  qsort(k, (size_t)f->rows, sizeof *k, by_pair);
  int64_t repeated = 0, other = 0;
  for (int64_t i = 1; i < f->rows; i++) {
    if (k[i].pair != k[i - 1].pair) continue;
    bool same = k[i].whole == k[i - 1].whole;
    repeated++, f->duplicates += same, other += !same;
  }
  f->stochastic = repeated ? (double)other / (double)repeated : 0;
  rn_free(k), rn_free(next);
}

static void actions(const rn_table *t, rn_table_figures *f) {
  const column *c = rn_column_of(t, "act");
  int64_t at_bound = 0;
  f->bounds = t->low || t->about.choices, f->act_least = INFINITY, f->act_most = -INFINITY;
  for (int64_t r = 0; c && r < f->rows; r++) {
    bool outside = false;
    for (int k = 0; k < c->width; k++) {
      double x = rn_value_of(c, slot(t, r), k);
      f->act_least = fmin(f->act_least, x), f->act_most = fmax(f->act_most, x);
      if (t->about.choices) outside = outside || x < 0 || x >= t->about.choices;
      if (!t->low || t->about.choices) continue;
      double range = (double)t->high[k] - t->low[k];
      outside = outside || x < t->low[k] - 1e-5 * (1 + range) || x > t->high[k] + 1e-5 * (1 + range);
      at_bound += x <= t->low[k] + 1e-3 * range || x >= t->high[k] - 1e-3 * range;
    }
    f->outside += outside;
  }
  f->saturated = c && c->width && f->rows ? (double)at_bound / ((double)f->rows * c->width) : 0;
}

static void constants(const rn_table *t, rn_table_figures *f) {
  const column *c = rn_column_of(t, "obs");
  for (int k = 0; c && f->rows > 1 && k < c->width; k++) {
    int64_t r = 1;
    while (r < f->rows && rn_value_of(c, slot(t, r), k) == rn_value_of(c, slot(t, 0), k)) r++;
    if (r < f->rows) continue;
    size_t n = strlen(f->constant_where);
    if (n + 24 < sizeof f->constant_where) snprintf(f->constant_where + n, sizeof f->constant_where - n, "%sobs %d", n ? ", " : "", k);
    f->constant++;
  }
}

static void compared(const rn_table *t, const rn_report_against *a, rn_table_figures *f) {
  int edges = a->edges ? a->edges : 100;
  const rn_table *ref = a->reference;
  if (a->worst && a->best) {
    double low = rn_dataset_return(a->worst), high = rn_dataset_return(a->best);
    if (high != low) f->tq = (rn_dataset_return(t) - low) / (high - low);
    else warn(f, "best and worst have the same return: no TQ");
  }
  if (!ref) return;
  bool fits = rn_table_width(ref, "obs") == rn_table_width(t, "obs") && rn_table_width(ref, "act") == rn_table_width(t, "act") && rn_table_width(t, "act");
  if (!fits) { warn(f, "the reference has other observations or actions: no SACo"); return; }
  f->reference = true, f->unique = rn_unique_pairs(t, ref, edges);
  if (rn_table_rows(ref) != f->rows) {
    char text[128];
    snprintf(text, sizeof text, "%lld rows against %lld of the reference: SACo compares equal numbers", (long long)f->rows, (long long)rn_table_rows(ref));
    warn(f, text);
    return;
  }
  double of = (double)rn_unique_pairs(ref, ref, edges);
  f->saco = (double)f->unique / of, f->lsaco = of > 1 ? log((double)f->unique) / log(of) : NAN;
  if (f->stochastic > 0) warn(f, "the same observation and action lead to different observations; SACo is defined for deterministic worlds");
}

void rn_table_report(const rn_table *t, const rn_report_against *against, rn_table_figures *f) {
  *f = (rn_table_figures){.rows = rn_table_rows(t), .tq = NAN, .saco = NAN, .lsaco = NAN};
  if (t->episodes) episodes(t, f);
  else f->return_mean = f->return_std = f->return_quantile[0] = f->return_quantile[1] = f->return_quantile[2] = f->return_quantile[3] = f->return_quantile[4] = NAN;
  gaps(t, f), not_finite(t, f), repeats(t, f), actions(t, f), constants(t, f);
  for (int64_t r = 0; rn_table_width(t, "obs") && r < f->rows; r++) f->no_next += !rn_table_has_next(t, rn_table_first(t) + r);
  if (!t->live && t->episodes == 0) warn(f, "no end of an episode is marked");
  else if (f->cut) warn(f, "an episode is cut at the file's end or at a gap: it counts for coverage, not for returns");
  if (!rn_column_of(t, "reward")) warn(f, "no reward: only imitation can learn from this");
  if (rn_column_of(t, "act") && !f->bounds) warn(f, "no bounds of the actions: set act_low and act_high");
  if (against) compared(t, against, f);
}

//---- as text and JSON ------------------------------------------------------------------------------------------------------------------

typedef struct { const char *name; double value; int show; } line;         // show: 0 leave out when NaN, 1 always a count
enum { LINES = 40 };
static int lines_of(const rn_table_figures *f, line *l) {
  int n = 0;
#define SAY(name, value, show) l[n++] = (line){name, (double)(value), show}
  SAY("rows", f->rows, 1), SAY("episodes", f->episodes, 1), SAY("terminated", f->terminated, 1), SAY("truncated", f->truncated, 1), SAY("cut", f->cut, 1);
  SAY("length.mean", f->length_mean, 0), SAY("length.least", f->length_least, 1), SAY("length.most", f->length_most, 1);
  SAY("return.mean", f->return_mean, 0), SAY("return.std", f->return_std, 0), SAY("return.least", f->return_quantile[0], 0);
  SAY("return.q25", f->return_quantile[1], 0), SAY("return.median", f->return_quantile[2], 0), SAY("return.q75", f->return_quantile[3], 0);
  SAY("return.most", f->return_quantile[4], 0), SAY("return.psv", f->psv, 0);
  SAY("gaps", f->gaps, 1), SAY("not_finite", f->not_finite, 1), SAY("duplicates", f->duplicates, 1), SAY("without_next", f->no_next, 1);
  SAY("act.least", isfinite(f->act_least) ? f->act_least : NAN, 0), SAY("act.most", isfinite(f->act_most) ? f->act_most : NAN, 0);
  SAY("act.outside", f->outside, 1), SAY("act.saturated", f->bounds ? f->saturated : NAN, 0);
  SAY("constant", f->constant, 1), SAY("stochastic", f->stochastic, 0);
  SAY("tq", f->tq, 0), SAY("saco", f->saco, 0), SAY("lsaco", f->lsaco, 0), SAY("unique", f->reference ? (double)f->unique : NAN, 0);
#undef SAY
  return n;
}

void rn_table_report_text(const rn_table *t, const rn_table_figures *f, rn_text *out) {
  line l[LINES];
  int n = lines_of(f, l);
  rn_field c;
  if (t->source) rn_say_text(out, "%-16s %s\n", "source", t->source);
  if (t->env) rn_say_text(out, "%-16s %s\n", "env", t->env);
  rn_say_text(out, "%-16s", "columns");
  for (int i = 0; rn_table_column_at(t, i, &c); i++) rn_say_text(out, " %s %s[%d]%s", c.name, rn_type_name(c.type), c.width, i + 1 < t->n ? "," : "");
  rn_say_text(out, "\n");
  for (int i = 0; i < n; i++) {
    if (isnan(l[i].value)) continue;
    rn_say_text(out, "%-16s %.6g", l[i].name, l[i].value);
    if (f->not_finite && strcmp(l[i].name, "not_finite") == 0) rn_say_text(out, "   %s", f->not_finite_where);
    if (f->constant && strcmp(l[i].name, "constant") == 0) rn_say_text(out, "   %s", f->constant_where);
    rn_say_text(out, "\n");
  }
  if (t->said && *t->said) rn_say_text(out, "%-16s %s\n", "reader", t->said);
  if (*f->warning) rn_say_text(out, "%-16s %s\n", "warning", f->warning);
}

void rn_table_report_json(const rn_table *t, const rn_table_figures *f, rn_text *out) {
  line l[LINES];
  int n = lines_of(f, l);
  rn_field c;
  rn_say_text(out, "{\"columns\": {");
  for (int i = 0; rn_table_column_at(t, i, &c); i++)
    rn_say_text(out, i ? ", " : ""), rn_say_json(out, c.name), rn_say_text(out, ": {\"type\": \"%s\", \"width\": %d}", rn_type_name(c.type), c.width);
  rn_say_text(out, "}");
  for (int i = 0; i < n; i++) rn_say_text(out, isnan(l[i].value) ? ", \"%s\": null" : ", \"%s\": %.15g", l[i].name, l[i].value);
  static const char *const keys[] = {"env", "source", "reader", "not_finite_where", "constant_where", "warning"};
  const char *words[] = {t->env, t->source, t->said, f->not_finite_where, f->constant_where, f->warning};
  for (int i = 0; i < RN_COUNT(keys); i++)
    if (words[i] && *words[i]) rn_say_text(out, ", \"%s\": ", keys[i]), rn_say_json(out, words[i]);
  rn_say_text(out, "}\n");
}
