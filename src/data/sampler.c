/* data/sampler.c - which rows an update sees: a pure function of the key. Weighted draws go through an alias table (Vose 1991) over spans of
 * rows with one probability each: whole trajectories, or single rows. */
#include "inner.h"
#include "rein/math.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 64, FEW = 10 };             // rejections before a live window is counted; effective trajectories below which we warn

typedef struct { int64_t first, length; double mass; } span;
struct rn_sampler {
  const rn_table *t;
  rn_sampling how;
  int64_t rows;                            // drawable, of a table that stands
  int64_t *hole, holes;                    // uniform: rows left out, ascending
  span *spans;                             // weighted kinds; of length > 0
  int64_t n, *other;
  double *keep;                            // alias table [n]
  rn_sampler_figures figures;
  char warning[200];
};

//---- scores ------------------------------------------------------------------------------------------------------------------------

static void scores_to_weights(int n, const double *x, const int64_t *T, double alpha, double *p, bool *spread) {
  double least = INFINITY, most = -INFINITY, sum = 0;
  for (int i = 0; i < n; i++) least = fmin(least, x[i]), most = fmax(most, x[i]);
  *spread = most > least;
  for (int i = 0; i < n; i++) p[i] = *spread ? exp(((x[i] - least) / (most - least) - 1) / alpha) : 1;
  for (int i = 0; i < n; i++) sum += (double)T[i] * p[i];
  for (int i = 0; i < n; i++) p[i] /= sum;
}

// eq. of the advantage form: x = G - Vhat(s0), Vhat least squares with intercept
static void subtract_fit(int n, const double *G, int w, const float *start, double *x) {
  size_t cols = (size_t)w + 1;
  double *a = rn_new((size_t)n * cols * sizeof *a), *fit = rn_new(cols * sizeof *fit), most = 0;
  for (size_t i = 0; i < (size_t)n; i++) {
    for (size_t k = 0; k < (size_t)w; k++) a[i * cols + k] = start[i * (size_t)w + k];
    a[i * cols + (size_t)w] = 1, most = fmax(most, fabs(G[i]));
  }
  bool solved = rn_least_squares(n, (int)cols, a, G, fit);
  RN_CHECK(solved, "least squares of %d returns on %zu entries has no solution", n, cols);
  for (size_t i = 0; i < (size_t)n; i++) {
    double v = 0;
    for (size_t k = 0; k < cols; k++) v += a[i * cols + k] * fit[k];
    x[i] = fabs(G[i] - v) <= 1e-9 * most ? 0 : G[i] - v;       // an exact fit leaves rounding only: no score
  }
  rn_free(a), rn_free(fit);
}

bool rn_trajectory_weights(int n, const double *G, const int64_t *T, int w, const float *start, double alpha, double *p) {
  double *x = rn_new((size_t)n * sizeof *x);
  bool spread;
  memcpy(x, G, (size_t)n * sizeof *x);
  if (start) subtract_fit(n, G, w, start, x);
  scores_to_weights(n, x, T, alpha, p, &spread);
  rn_free(x);
  return spread;
}

//---- returns of trajectories ---------------------------------------------------------------------------------------------------------

static double return_of(const rn_table *t, const rn_episode *e, double gamma) {
  const column *reward = rn_column_of(t, "reward");
  double G = 0;
  for (int64_t r = e->first + e->length - 1; r >= e->first; r--) G = rn_value_of(reward, r, 0) + gamma * G;
  return G;
}

static double *returns_of(const rn_table *t, double gamma) {
  double *G = rn_new((size_t)t->episodes * sizeof *G);
  for (int64_t i = 0; i < t->episodes; i++) G[i] = return_of(t, &t->episode[i], gamma);
  return G;
}

// rows of the episode that may be drawn
static int64_t length_of(const rn_sampler *s, const rn_episode *e) {
  return e->length - (s->how.next && !rn_table_has_next(s->t, e->first + e->length - 1));
}

//---- the alias table -------------------------------------------------------------------------------------------------------------------

static void make_alias(rn_sampler *s) {
  int64_t n = s->n, small = 0, large = n, *stack = rn_new((size_t)n * sizeof *stack);
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += s->spans[i].mass;
  s->keep = rn_new((size_t)n * sizeof *s->keep), s->other = rn_new((size_t)n * sizeof *s->other);
  for (int64_t i = 0; i < n; i++) {
    s->keep[i] = s->spans[i].mass * (double)n / sum, s->other[i] = i;
    if (s->keep[i] < 1) stack[small++] = i;
    else stack[--large] = i;
  }
  // each small one is filled up by a large one, which may become small
  while (small > 0 && large < n) {
    int64_t i = stack[--small], j = stack[large];
    s->other[i] = j, s->keep[j] -= 1 - s->keep[i];
    if (s->keep[j] < 1) large++, stack[small++] = j;
  }
  while (small > 0) s->keep[stack[--small]] = 1;               // what rounding left
  rn_free(stack);
}

static void add_span(rn_sampler *s, int64_t first, int64_t length, double mass) {
  if (length > 0 && mass > 0) s->spans[s->n++] = (span){first, length, mass}, s->rows += length;
}

//---- the kinds -------------------------------------------------------------------------------------------------------------------------

static bool open_uniform(rn_sampler *s, rn_error *err) {
  const rn_table *t = s->t;
  if (t->live) return true;
  int64_t room = t->episodes + 1;
  s->hole = rn_new((size_t)room * sizeof *s->hole);
  for (int64_t e = 0; s->how.next && e < t->episodes; e++) {
    int64_t end = t->episode[e].first + t->episode[e].length - 1;
    if (!rn_table_has_next(t, end)) s->hole[s->holes++] = end;
  }
  if (s->how.next && t->rows > t->closed && !rn_table_has_next(t, t->rows - 1)) s->hole[s->holes++] = t->rows - 1;
  s->rows = t->rows - s->holes;
  return s->rows > 0 || rn_fail(err, "the table has no row to draw (%lld rows, %lld without a next observation)", (long long)t->rows, (long long)s->holes);
}

static bool open_weighted(rn_sampler *s, rn_error *err) {
  const rn_table *t = s->t;
  const column *c = s->how.column ? rn_column_of(t, s->how.column) : NULL;
  if (!c || c->width != 1) return rn_fail(err, "sampler: the table has no column '%s' of width 1 for weights", s->how.column ? s->how.column : "");
  s->spans = rn_new((size_t)t->rows * sizeof *s->spans);
  for (int64_t r = 0; r < t->rows; r++) {
    double w = rn_value_of(c, r, 0);
    if (!(w >= 0) || isinf(w)) return rn_fail(err, "%s row %lld is %g; a weight is 0 or more", c->name, (long long)r, w);
    if (!s->how.next || rn_table_has_next(t, r)) add_span(s, r, 1, w);
  }
  return s->n > 0 || rn_fail(err, "sampler: all weights of column '%s' are 0", c->name);
}

typedef struct { double G; int64_t at; } ranked;
static int best_first(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  return x->G != y->G ? (x->G > y->G ? -1 : 1) : x->at < y->at ? -1 : x->at > y->at;          // ties: the lower index
}

static void open_top(rn_sampler *s, const double *G) {
  const rn_table *t = s->t;
  double fraction = s->how.fraction > 0 ? s->how.fraction : 0.1;
  ranked *rank = rn_new((size_t)t->episodes * sizeof *rank);
  for (int64_t i = 0; i < t->episodes; i++) rank[i] = (ranked){G[i], i};
  qsort(rank, (size_t)t->episodes, sizeof *rank, best_first);
  int64_t kept = RN_MAX(1, (int64_t)floor(fraction * (double)t->episodes + 1e-9));
  for (int64_t k = 0; k < kept; k++) {
    const rn_episode *e = &t->episode[rank[k].at];
    add_span(s, e->first, length_of(s, e), (double)length_of(s, e));
  }
  s->figures.kept = kept;
  rn_free(rank);
}

// the trajectories that are scored, their weights, the figures of S086
static bool open_scored(rn_sampler *s, const double *G, rn_error *err) {
  const rn_table *t = s->t;
  const column *obs = rn_column_of(t, "obs");
  bool advantage = s->how.kind == RN_AW;
  double alpha = s->how.alpha != 0 ? s->how.alpha : 0.1;
  int w = advantage ? rn_table_width(t, "obs") : 0, n = 0;
  if (alpha < 0) return rn_fail(err, "sampler: alpha is %g; it must be above 0", alpha);
  if (advantage && (!obs || obs->type != RN_F32)) return rn_fail(err, "sampler: aw needs the column obs");
  if (t->episodes > INT32_MAX) return rn_fail(err, "sampler: more than 2^31 trajectories");
  size_t room = (size_t)t->episodes;
  double *g = rn_new(room * sizeof *g), *p = rn_new(room * sizeof *p);
  int64_t *T = rn_new(room * sizeof *T), *which = rn_new(room * sizeof *which);
  float *start = rn_new(room * (size_t)w * sizeof *start);
  for (int64_t i = 0; i < t->episodes; i++) {
    if (t->episode[i].end == RN_END_CUT && !s->how.allow_partial) continue;
    if (w) memcpy(start + (size_t)n * (size_t)w, obs->at + (size_t)t->episode[i].first * obs->bytes, obs->bytes);
    g[n] = G[i], T[n] = t->episode[i].length, which[n++] = i;
  }
  bool fine = n > 0 || rn_fail(err, "sampler: no trajectory of the table is complete; set allow_partial, or mark the ends of episodes");
  bool spread = fine && rn_trajectory_weights(n, g, T, w, advantage ? start : NULL, alpha, p);
  // mass of a trajectory: T_i p_i, adding up to 1; effective sample size 1 / sum mass^2
  double sum = 0, square = 0;
  for (int i = 0; i < n; i++) sum += (double)T[i] * p[i];
  for (int i = 0; i < n; i++) {
    double mass = (double)T[i] * p[i] / sum;
    square += mass * mass, s->figures.weighted += mass * g[i];
    const rn_episode *e = &t->episode[which[i]];
    add_span(s, e->first, length_of(s, e), (double)length_of(s, e) * p[i]);
  }
  s->figures.effective = fine ? 1 / square : 0, s->figures.kept = n;
  if (fine && !spread) snprintf(s->warning, sizeof s->warning, "all trajectories have the same score: rows are drawn uniformly");
  else if (fine && s->figures.effective < FEW)
    snprintf(s->warning, sizeof s->warning, "the effective sample size is %.1f trajectories of %d: raise alpha (now %g)", s->figures.effective, n, alpha);
  rn_free(g), rn_free(p), rn_free(T), rn_free(which), rn_free(start);
  return fine && (s->n > 0 || rn_fail(err, "sampler: no row can be drawn"));
}

static bool open_trajectories(rn_sampler *s, rn_error *err) {
  const rn_table *t = s->t;
  const column *reward = rn_column_of(t, "reward");
  if (!reward) return rn_fail(err, "sampler: the table has no reward, so its trajectories can't be ranked");
  if (t->episodes == 0) return rn_fail(err, "sampler: the table marks no end of an episode, so there are no trajectories to weigh");
  double *G = returns_of(t, 1), sum = 0;
  for (int64_t i = 0; i < t->episodes; i++) sum += G[i];
  s->figures.trajectories = t->episodes, s->figures.mean = sum / (double)t->episodes;
  for (int64_t i = 0; i < t->episodes; i++) {
    double over = fmax(G[i] - s->figures.mean, 0);
    s->figures.psv += over * over / (double)t->episodes;
  }
  bool fine = true;
  s->spans = rn_new((size_t)t->episodes * sizeof *s->spans);
  if (s->how.kind == RN_TOP) {
    double *ranking = s->how.gamma > 0 && s->how.gamma < 1 ? returns_of(t, s->how.gamma) : G;
    open_top(s, ranking);
    if (ranking != G) rn_free(ranking);
    fine = s->n > 0 || rn_fail(err, "sampler: no row can be drawn");
  } else fine = open_scored(s, G, err);
  rn_free(G);
  return fine;
}

rn_sampler *rn_sampler_new(const rn_table *t, const rn_sampling *how, rn_error *err) {
  rn_sampler *s = rn_new(sizeof *s);
  s->t = t;
  if (how) s->how = *how;
  bool fine;
  if (s->how.kind == RN_UNIFORM) fine = open_uniform(s, err);
  else if (t->live) fine = rn_fail(err, "sampler: a table that slides is drawn uniformly; weights need a table that stands");
  else fine = s->how.kind == RN_WEIGHTED ? open_weighted(s, err) : open_trajectories(s, err);
  if (fine && s->n) make_alias(s);
  s->figures.rows = s->rows;
  if (fine) return s;
  rn_sampler_free(s);
  return NULL;
}

void rn_sampler_free(rn_sampler *s) {
  if (!s) return;
  rn_free(s->hole), rn_free(s->spans), rn_free(s->other), rn_free(s->keep), rn_free(s);
}

void rn_sampler_say(const rn_sampler *s, rn_sampler_figures *out) {
  *out = s->figures;
  out->warning = *s->warning ? s->warning : NULL;
}

//---- drawing -------------------------------------------------------------------------------------------------------------------------

static bool allowed(const rn_sampler *s, int64_t row) {
  return (!s->how.closed || rn_live_closed(s->t, row)) && (!s->how.next || rn_table_has_next(s->t, row));
}

static int64_t count_allowed(const rn_sampler *s) {
  int64_t n = 0;
  for (int64_t r = rn_table_first(s->t); r < s->t->rows; r++) n += allowed(s, r);
  return n;
}

int64_t rn_sampler_rows(const rn_sampler *s) {
  return !s->t->live ? s->rows : s->how.closed || s->how.next ? count_allowed(s) : rn_table_rows(s->t);
}

// the k-th allowed row, for windows where nearly all rows are open
static int64_t draw_counted(const rn_sampler *s, rn_key *key) {
  int64_t n = count_allowed(s), row = rn_table_first(s->t);
  RN_CHECK(n > 0, "no row of the live table can be drawn yet: no episode has ended");
  for (int64_t k = rn_below(key, n);; row++) if (allowed(s, row) && k-- == 0) return row;
}

static int64_t draw_live(const rn_sampler *s, rn_key *key) {
  int64_t low = rn_table_first(s->t), n = rn_table_rows(s->t);
  RN_CHECK(n > 0, "rows of an empty live table can't be drawn");
  for (int i = 0; i < TRIES; i++) {
    int64_t row = low + rn_below(key, n);
    if (allowed(s, row)) return row;
  }
  return draw_counted(s, key);
}

// the k-th row that is no hole: holes before it are found by halving
static int64_t skip_holes(const rn_sampler *s, int64_t k) {
  int64_t low = 0, high = s->holes;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    if (s->hole[middle] - middle <= k) low = middle + 1;
    else high = middle;
  }
  return k + low;
}

static int64_t draw_span(const rn_sampler *s, rn_key *key) {
  int64_t i = rn_below(key, s->n);
  if (rn_uniform64(key) >= s->keep[i]) i = s->other[i];
  return s->spans[i].first + (s->spans[i].length > 1 ? rn_below(key, s->spans[i].length) : 0);
}

void rn_sampler_draw(const rn_sampler *s, rn_key key, int n, int64_t *rows) {
  for (int i = 0; i < n; i++)
    rows[i] = s->n ? draw_span(s, &key) : s->t->live ? draw_live(s, &key) : skip_holes(s, rn_below(&key, s->rows));
}

//---- windows -------------------------------------------------------------------------------------------------------------------------

// the row after this one, -1 where its episode ends or the table does
static int64_t after(const rn_table *t, int64_t row, bool across) {
  if (t->live) return rn_live_forward(t, row);                 // worlds lie side by side: what follows an end is another world's
  if (rn_is_last(t, row) && !across) return -1;
  return row + 1 < t->rows ? row + 1 : -1;
}

static bool begins(const rn_table *t, int64_t row) {
  return t->live ? rn_live_back(t, row) < 0 : row == 0 || rn_is_last(t, row - 1);
}

void rn_windows(const rn_table *t, int n, const int64_t *start, int T, bool across, int64_t *rows, float *first, float *mask) {
  for (int i = 0; i < n; i++) {
    int64_t row = start[i];
    bool there = true;
    for (int k = 0; k < T; k++) {
      size_t at = (size_t)k * (size_t)n + (size_t)i;
      int64_t next = there && k ? after(t, row, across) : row;
      there = there && next >= 0;
      if (there) row = next;
      rows[at] = row, mask[at] = there, first[at] = there && begins(t, row);
    }
  }
}
