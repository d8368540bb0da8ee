/* data/table.c - tables in memory: columns, rows, episodes, and fetching rows by number. */
#include "inner.h"
#include <math.h>
#include <string.h>

enum { AHEAD = 12 };                       // rows that gather asks for in advance

//---- columns and rows ------------------------------------------------------------------------------------------------------------

column *rn_column_of(const rn_table *t, const char *name) {
  for (int i = 0; i < t->n; i++) if (strcmp(t->c[i].name, name) == 0) return (column *)&t->c[i];
  return NULL;
}

static void add_column(rn_table *t, rn_field f) {
  RN_CHECK(t->n < MOST_COLUMNS, "a table has at most %d columns", MOST_COLUMNS);
  RN_CHECK(strlen(f.name) < COLUMN_NAME && f.width >= 0, "column '%s' of width %d", f.name, f.width);
  RN_CHECK(!rn_column_of(t, f.name), "the column '%s' is there twice", f.name);
  column *c = &t->c[t->n++];
  *c = (column){.type = f.type, .width = f.width, .bytes = rn_type_bytes(f.type) * (size_t)f.width};
  strcpy(c->name, f.name);
  if (t->room) c->at = rn_new((size_t)t->room * c->bytes);
}

rn_table *rn_table_new(int n, const rn_field *fields) {
  rn_table *t = rn_new(sizeof *t);
  for (int i = 0; i < n; i++) add_column(t, fields[i]);
  return t;
}

void rn_table_free(rn_table *t) {
  if (!t) return;
  if (t->live) rn_live_free(t);
  for (int i = 0; i < t->n; i++) {
    if (t->c[i].map.at) rn_map_close(&t->c[i].map);
    else if (t->c[i].map.bytes == 0 && !t->mapped) rn_free(t->c[i].at);
  }
  if (t->last_map.at) rn_map_close(&t->last_map);
  else if (!t->mapped) rn_free(t->last);
  rn_free(t->episode), rn_free(t->ends), rn_free(t->low), rn_free(t->high), rn_free(t->env), rn_free(t->source), rn_free(t->said), rn_free(t);
}

int64_t rn_table_first(const rn_table *t) { return t->live ? rn_live_low(t) : 0; }
int64_t rn_table_rows(const rn_table *t) { return t->rows - rn_table_first(t); }

int rn_table_width(const rn_table *t, const char *name) {
  const column *c = rn_column_of(t, name);
  if (c) return c->width;
  if (strcmp(name, "next") == 0) return rn_table_width(t, "obs");
  return strcmp(name, "live") == 0 && rn_column_of(t, "terminated") ? 1 : 0;
}

bool rn_table_column_at(const rn_table *t, int i, rn_field *out) {
  if (i < 0 || i >= t->n) return false;
  *out = (rn_field){t->c[i].name, t->c[i].type, t->c[i].width, t->c[i].at};
  return true;
}

bool rn_table_column(const rn_table *t, const char *name, rn_field *out) {
  const column *c = rn_column_of(t, name);
  return c && rn_table_column_at(t, (int)(c - t->c), out);
}

static void make_room(rn_table *t, int64_t rows) {
  int64_t room = RN_MAX(rows, t->room + t->room / 2 + 64);
  for (int i = 0; i < t->n; i++) t->c[i].at = rn_grow(t->c[i].at, (size_t)t->room * t->c[i].bytes, (size_t)room * t->c[i].bytes);
  t->ends = rn_grow(t->ends, (size_t)(t->room + 63) / 64 * 8, (size_t)(room + 63) / 64 * 8);
  t->room = room;
}

int64_t rn_table_add(rn_table *t, int64_t rows) {
  RN_CHECK(!t->mapped && rows >= 0, "rows can't be added to a mapped table");
  RN_CHECK(!t->live, "rows of a live table belong to a world: rn_live_push");
  int64_t first = t->rows;
  if (first + rows > t->room) make_room(t, first + rows);
  t->rows += rows;
  return first;
}

void *rn_table_write(rn_table *t, const char *name, int64_t row) {
  column *c = rn_column_of(t, name);
  RN_CHECK(c, "the table has no column '%s'", name);
  RN_CHECK(!t->mapped && row >= rn_table_first(t) && row < t->rows, "row %lld of '%s' can't be written: the table has %lld", (long long)row, name, (long long)t->rows);
  return c->at + (size_t)rn_slot_of(t, row) * c->bytes;
}

void rn_table_add_column(rn_table *t, rn_field f) {
  RN_CHECK(!t->mapped && !t->live, "column '%s' can't be added to a mapped or live table", f.name);
  add_column(t, f);
}

char *rn_column_file(const char *folder, const char *name) {
  char *path = rn_printed("%s/%s.bin", folder, name);
  for (char *at = path + strlen(folder) + 1; *at; at++) if (*at == '/') *at = '.';
  return path;
}

//---- episodes --------------------------------------------------------------------------------------------------------------------

void rn_table_note_episode(rn_table *t, rn_episode e, const float *last) {
  size_t width = (size_t)rn_table_width(t, "obs");
  bool implied = width && !rn_column_of(t, "next");
  if (t->episodes == t->episode_room) {
    int64_t room = t->episode_room * 2 + 16;
    t->episode = rn_grow(t->episode, (size_t)t->episode_room * sizeof e, (size_t)room * sizeof e);
    if (implied && !t->mapped) t->last = rn_grow(t->last, (size_t)t->episode_room * width * sizeof *last, (size_t)room * width * sizeof *last);
    t->episode_room = room;
  }
  if (last && implied && !t->mapped) memcpy(t->last + (size_t)t->episodes * width, last, width * sizeof *last);
  int64_t end = e.first + e.length - 1;
  t->ends[end >> 6] |= 1ull << (end & 63);
  t->episode[t->episodes++] = e, t->closed = end + 1;
}

void rn_table_end(rn_table *t, int end, const float *last) {
  RN_CHECK(!t->mapped && !t->live && t->rows > t->closed, "an episode without rows can't end");
  rn_table_note_episode(t, (rn_episode){t->closed, t->rows - t->closed, end, last || rn_column_of(t, "next")}, last);
}

const rn_episode *rn_table_episodes(const rn_table *t, int64_t *n) {
  *n = t->episodes;
  return t->episode;
}

int64_t rn_table_episode_of(const rn_table *t, int64_t row) {
  RN_CHECK(!t->live && row >= 0 && row < t->closed, "row %lld belongs to no episode", (long long)row);
  int64_t low = 0, high = t->episodes - 1;
  while (low < high) {
    int64_t middle = (low + high + 1) / 2;
    if (t->episode[middle].first <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}

//---- figures ---------------------------------------------------------------------------------------------------------------------

void rn_table_put(rn_table *t, const char *name, double value) {
  if (t->rows == 0) rn_table_add(t, 1);
  column *c = rn_column_of(t, name);
  if (!c) {
    add_column(t, (rn_field){name, RN_F64, 1, NULL});
    c = &t->c[t->n - 1];
    for (int64_t i = 0; i + 1 < t->rows; i++) ((double *)c->at)[i] = NAN;
  }
  RN_CHECK(c->type == RN_F64 && c->width == 1, "'%s' is no column of figures", name);
  ((double *)c->at)[t->rows - 1] = value;
}

double rn_value_of(const column *c, int64_t slot, int entry) {
  const char *at = c->at + (size_t)slot * c->bytes;
  switch (c->type) {
    case RN_F32: return ((const float *)at)[entry];
    case RN_F64: return ((const double *)at)[entry];
    case RN_I32: return ((const int32_t *)at)[entry];
    case RN_I64: return (double)((const int64_t *)at)[entry];
    default: return ((const uint8_t *)at)[entry];
  }
}

double rn_table_value(const rn_table *t, int64_t row, const char *name) {
  const column *c = rn_column_of(t, name);
  return c && c->width && row >= rn_table_first(t) && row < t->rows ? rn_value_of(c, rn_slot_of(t, row), 0) : NAN;
}

//---- fetching rows -----------------------------------------------------------------------------------------------------------------

static bool last_known(const rn_table *t, int64_t row) { return t->episode[rn_table_episode_of(t, row)].next; }
static bool is_terminated(const rn_table *t, int64_t row) {
  const column *c = rn_column_of(t, "terminated");
  return c && ((const uint8_t *)c->at)[rn_slot_of(t, row)];
}

bool rn_table_has_next(const rn_table *t, int64_t row) {
  if (rn_column_of(t, "next") || is_terminated(t, row)) return true;       // after a true end nothing is looked at
  if (t->live) return rn_live_forward(t, row) >= 0;
  return rn_is_last(t, row) ? last_known(t, row) : row + 1 < t->rows;
}

static void fetch(const column *c, int64_t slot, float *out) {
  const char *at = c->at + (size_t)slot * c->bytes;
  if (c->type == RN_F32) memcpy(out, at, c->bytes);
  else if (c->type == RN_U8) for (int k = 0; k < c->width; k++) out[k] = ((const uint8_t *)at)[k];
  else for (int k = 0; k < c->width; k++) out[k] = (float)rn_value_of(c, slot, k);
}

static void ask_ahead(const column *c, int64_t slot) {
  const char *ahead = c->at + (size_t)slot * c->bytes;
  for (size_t k = 0; k < c->bytes && k < 512; k += 64) __builtin_prefetch(ahead + k);
}

// the observation after the row; its own where an episode ended and nothing was stored
static void implied_next(const rn_table *t, const column *obs, int64_t row, float *out) {
  int64_t to = t->live ? rn_live_forward(t, row) : row + 1;
  if (t->live) to = to >= 0 ? to : row;
  else if (rn_is_last(t, row)) {
    int64_t e = rn_table_episode_of(t, row);
    if (t->episode[e].next) { memcpy(out, t->last + (size_t)e * (size_t)obs->width, (size_t)obs->width * sizeof *out); return; }
    to = row;
  } else if (to == t->rows) to = row;
  fetch(obs, rn_slot_of(t, to), out);
}

static void gather_next(const rn_table *t, int n, const int64_t *rows, float *out) {
  const column *obs = rn_column_of(t, "obs");
  RN_CHECK(obs, "the table has neither next nor obs");
  for (int i = 0; i < n; i++) {
    if (i + AHEAD < n) ask_ahead(obs, rn_slot_of(t, rows[i + AHEAD] + 1));
    implied_next(t, obs, rows[i], out + (size_t)i * (size_t)obs->width);
  }
}

void rn_gather(const rn_table *t, const char *name, int n, const int64_t *rows, float *out) {
  const column *c = rn_column_of(t, name);
  int64_t first = rn_table_first(t);
  for (int i = 0; i < n; i++)
    RN_CHECK(rows[i] >= first && rows[i] < t->rows, "row %lld of '%s': the table has %lld to %lld", (long long)rows[i], name, (long long)first, (long long)t->rows - 1);
  if (!c && strcmp(name, "next") == 0) { gather_next(t, n, rows, out); return; }
  if (!c && strcmp(name, "live") == 0) {
    rn_gather(t, "terminated", n, rows, out);
    for (int i = 0; i < n; i++) out[i] = 1 - out[i];
    return;
  }
  RN_CHECK(c, "the table has no column '%s'", name);
  for (int i = 0; i < n; i++) {
    if (i + AHEAD < n) ask_ahead(c, rn_slot_of(t, rows[i + AHEAD]));
    fetch(c, rn_slot_of(t, rows[i]), out + (size_t)i * (size_t)c->width);
  }
}

//---- what the file said --------------------------------------------------------------------------------------------------------------

const rn_about *rn_table_about(const rn_table *t) { return &t->about; }
const char *rn_table_said(const rn_table *t) { return t->said ? t->said : ""; }
void rn_table_set_choices(rn_table *t, int choices) { t->about.choices = choices; }

static const float *copied(float **into, const float *from, int n) {
  rn_free(*into);
  *into = from ? memcpy(rn_new((size_t)n * sizeof *from), from, (size_t)n * sizeof *from) : NULL;
  return *into;
}

void rn_table_set_bounds(rn_table *t, const float *low, const float *high) {
  int n = rn_table_width(t, "act");
  t->about.low = copied(&t->low, low, n), t->about.high = copied(&t->high, high, n);
}

void rn_table_describe(rn_table *t, const char *env, const char *source, const char *said) {
  if (env) rn_free(t->env), t->about.env = t->env = rn_copy_text(env);
  if (source) rn_free(t->source), t->about.source = t->source = rn_copy_text(source);
  if (said) rn_free(t->said), t->said = rn_copy_text(said);
}

static void range_of(const rn_table *t, const column *c, int k, double *least, double *most) {
  *least = INFINITY, *most = -INFINITY;
  for (int64_t r = rn_table_first(t); r < t->rows; r++) {
    double x = rn_value_of(c, rn_slot_of(t, r), k);
    *least = fmin(*least, x), *most = fmax(*most, x);
  }
}

bool rn_table_check_actions(const rn_table *t, rn_error *err) {
  const column *c = rn_column_of(t, "act");
  if (!c || t->about.choices) return true;
  if (!t->low || !t->high) {
    rn_text range = {0};
    for (int k = 0; k < c->width; k++) {
      double least, most;
      range_of(t, c, k, &least, &most);
      rn_say_text(&range, "%s%g .. %g", k ? ", " : "", least, most);
    }
    rn_fail(err, "the log says no bounds of its actions; set act_low and act_high (the data lie in %s)", range.at ? range.at : "nothing");
    rn_free(range.at);
    return false;
  }
  for (int64_t r = rn_table_first(t); r < t->rows; r++)
    for (int k = 0; k < c->width; k++) {
      double x = rn_value_of(c, rn_slot_of(t, r), k), slack = 1e-5 * (1 + fabs((double)t->high[k] - t->low[k]));
      if (x < t->low[k] - slack || x > t->high[k] + slack)
        return rn_fail(err, "act row %lld column %d is %g, outside %g .. %g", (long long)r, k, x, t->low[k], t->high[k]);
    }
  return true;
}

bool rn_table_check_finite(const rn_table *t, const char *path, rn_error *err) {
  for (int i = 0; i < t->n; i++) {
    const column *c = &t->c[i];
    if (c->type != RN_F32 && c->type != RN_F64) continue;
    for (int64_t r = rn_table_first(t); r < t->rows; r++)
      for (int k = 0; k < c->width; k++) {
        double x = rn_value_of(c, rn_slot_of(t, r), k);
        if (!isfinite(x)) return rn_fail(err, "%s: %s row %lld column %d is %g", path, c->name, (long long)r, k, x);
      }
  }
  size_t w = (size_t)rn_table_width(t, "obs");
  for (int64_t e = 0; t->last && e < t->episodes; e++)
    for (size_t k = 0; t->episode[e].next && k < w; k++)
      if (!isfinite(t->last[(size_t)e * w + k]))
        return rn_fail(err, "%s: the last observation of episode %lld, column %zu, is %g", path, (long long)e, k, t->last[(size_t)e * w + k]);
  return true;
}

//---- what a foreign table must keep to -----------------------------------------------------------------------------------------------------

bool rn_check_columns(const rn_table *t, const char *path, rn_error *err) {
  static const struct { const char *name; unsigned types; bool one; } known[] = {{"obs", 1 << RN_F32 | 1 << RN_U8, false}, {"next", 1 << RN_F32 | 1 << RN_U8, false},
    {"act", 1 << RN_F32 | 1 << RN_I32, false}, {"reward", 1 << RN_F32, true}, {"terminated", 1 << RN_U8, true}, {"truncated", 1 << RN_U8, true}};
  for (int i = 0; i < RN_COUNT(known); i++) {
    const column *c = rn_column_of(t, known[i].name);
    if (c && (!(known[i].types >> c->type & 1) || (known[i].one && c->width != 1)))
      return rn_fail(err, "%s: %s is %s [%d]; obs and next are F32 or U8, act F32 or I32, reward F32 [1], terminated and truncated U8 [1]", path, c->name,
                     rn_type_name(c->type), c->width);
  }
  return !rn_column_of(t, "next") || rn_table_width(t, "next") == rn_table_width(t, "obs") || rn_fail(err, "%s: next has another width than obs", path);
}

bool rn_check_values(rn_table *t, const char *path, rn_error *err) {
  static const char *const flags[] = {"terminated", "truncated"};
  for (int f = 0; f < RN_COUNT(flags); f++) {
    const column *c = rn_column_of(t, flags[f]);
    for (int64_t r = 0; c && r < t->rows; r++)
      if (((const uint8_t *)c->at)[r] > 1) return rn_fail(err, "%s: %s row %lld is neither 0 nor 1", path, c->name, (long long)r);
  }
  const column *c = rn_column_of(t, "act");
  if (!c || c->type != RN_I32 || c->width != 1) return true;
  int most = t->about.choices ? t->about.choices - 1 : (1 << 24) - 1, largest = 0;
  for (int64_t r = 0; r < t->rows; r++) {
    int32_t x = ((const int32_t *)c->at)[r];
    if (x < 0 || x > most) return rn_fail(err, "%s: act row %lld is %d, outside 0 .. %d", path, (long long)r, x, most);
    largest = RN_MAX(largest, x);
  }
  if (!t->about.choices) rn_table_set_choices(t, largest + 1);
  return true;
}
