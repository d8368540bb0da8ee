/* data/csv.c - comma separated values (RFC 4180) with a header line; the separator may be a semicolon or a tab. */
#include "reader.h"
#include <math.h>
#include <string.h>

enum { WIDEST = 65536, LONGEST = 4096 };   // columns; letters of a value

typedef struct {
  const foreign *in;
  const char *at, *end;
  char separator;
  int64_t line, record;                    // of the record last read, counted from 1
  rn_text values;                          // its values, each ended by 0
  size_t *start;
  int n;
  rn_error *err;
} csv;

static bool wrong(csv *c, const char *what) { return rn_fail(c->err, "%s:%lld: %s", c->in->path, (long long)c->record, what); }

static bool read_quoted(csv *c) {
  for (c->at++; c->at < c->end; c->at++) {
    if (*c->at == '"' && c->at + 1 < c->end && c->at[1] == '"') c->at++;
    else if (*c->at == '"') { c->at++; return true; }
    if (*c->at == '\n') c->line++;
    if (*c->at == 0) return wrong(c, "a value with a zero byte");
    rn_say_bytes(&c->values, c->at, 1);
  }
  return wrong(c, "a quoted value does not end");
}

static bool read_value(csv *c) {
  if (c->n == WIDEST) return wrong(c, "more than 65536 values");
  c->start[c->n++] = c->values.n;
  size_t from = c->values.n;
  if (c->at < c->end && *c->at == '"') {
    if (!read_quoted(c)) return false;
    if (c->at < c->end && *c->at != c->separator && *c->at != '\n' && *c->at != '\r') return wrong(c, "letters follow a quoted value");
  } else {
    const char *run = c->at;
    while (c->at < c->end && *c->at != c->separator && *c->at != '\n' && *c->at != '\r' && *c->at) c->at++;
    if (c->at < c->end && *c->at == 0) return wrong(c, "a value with a zero byte");
    rn_say_bytes(&c->values, run, (size_t)(c->at - run));
  }
  if (c->values.n - from > LONGEST) return wrong(c, "a value of more than 4096 letters");
  rn_say_bytes(&c->values, "", 1);
  return true;
}

// the next record that is not empty; false at the end (no message) or at a mistake
static bool read_record(csv *c) {
  while (c->at < c->end && (*c->at == '\n' || *c->at == '\r')) c->line += *c->at++ == '\n';
  if (c->at == c->end) return false;
  c->n = 0, c->values.n = 0, c->record = c->line;
  for (;; c->at++) {
    if (!read_value(c)) return false;
    if (c->at == c->end || *c->at != c->separator) break;
  }
  if (c->at < c->end && *c->at == '\r') c->at++;
  if (c->at < c->end && *c->at == '\n') c->at++, c->line++;
  return true;
}

static char guess_separator(const char *at, const char *end) {
  int comma = 0, semicolon = 0, tab = 0;
  for (bool quoted = false; at < end && (quoted || *at != '\n'); at++) {
    if (*at == '"') quoted = !quoted;
    if (!quoted) comma += *at == ',', semicolon += *at == ';', tab += *at == '\t';
  }
  return semicolon > comma && semicolon > tab ? ';' : tab > comma ? '\t' : ',';
}

static void open_csv(csv *c, const foreign *in, rn_error *err) {
  *c = (csv){.in = in, .at = in->bytes, .end = in->bytes + in->n, .line = 1, .err = err};
  if (in->n >= 3 && memcmp(c->at, "\xef\xbb\xbf", 3) == 0) c->at += 3;       // byte order mark
  c->separator = guess_separator(c->at, c->end);
  c->start = rn_new(WIDEST * sizeof *c->start);
}

static void close_csv(csv *c) { rn_free(c->values.at), rn_free(c->start); }
static const char *value(const csv *c, int i) { return c->values.at + c->start[i]; }

static bool as_number(const char *text, double *x) {
  static const struct { const char *word; double x; } words[] = {{"true", 1}, {"True", 1}, {"TRUE", 1}, {"false", 0}, {"False", 0}, {"FALSE", 0}, {"nan", NAN}, {"NaN", NAN}};
  if (rn_number(text, x)) return true;
  for (int i = 0; i < RN_COUNT(words); i++) if (strcmp(text, words[i].word) == 0) return *x = words[i].x, true;
  return false;
}

// a name of a trajectory is as good as its number
static double as_identity(const char *text) {
  double x;
  return as_number(text, &x) && isfinite(x) ? x : (double)(rn_hash(text, strlen(text), 0) >> 11);
}

static bool read_names(csv *c, char ***names, int *n) {
  double x;
  bool numbers = true;
  if (!read_record(c)) return c->err->code ? false : rn_fail(c->err, "%s: is empty", c->in->path);
  *n = c->n, *names = rn_new((size_t)c->n * sizeof **names);
  for (int i = 0; i < c->n; i++) {
    const char *from = value(c, i);
    size_t letters = strlen(from);
    while (letters && (*from == ' ' || *from == '\t')) from++, letters--;
    while (letters && (from[letters - 1] == ' ' || from[letters - 1] == '\t')) letters--;
    (*names)[i] = rn_printed("%.*s", (int)letters, from), numbers = numbers && rn_number((*names)[i], &x);
  }
  return !numbers || rn_fail(c->err, "%s: the first line has no names but numbers; write a header line", c->in->path);
}

// one action column of plain digits throughout is a choice
static bool is_choice(const foreign *in, const places *p, int names) {
  rn_error err = {0};
  csv c;
  bool digits = p->n_act == 1;
  open_csv(&c, in, &err);
  read_record(&c);
  while (digits && read_record(&c)) {
    const char *text = c.n == names ? value(&c, p->act[0]) : "";
    size_t n = strspn(text, "0123456789");
    digits = n > 0 && n < 7 && text[n] == 0;
  }
  close_csv(&c);
  return digits;
}

static bool read_rows(csv *c, const foreign *in, const places *p, int n, const char *const names[], log_rows *l, rn_error *err) {
  double *x = rn_new((size_t)n * sizeof *x);
  bool *used = rn_new((size_t)n * sizeof *used), fine = true;
  for (int k = 0; k < p->n_obs; k++) used[p->obs[k]] = true;
  for (int k = 0; k < p->n_act; k++) used[p->act[k]] = true;
  for (int k = 0; k < p->n_next; k++) used[p->next[k]] = true;
  const int single[] = {p->reward, p->terminated, p->truncated, p->time};
  for (int k = 0; k < 4; k++) if (single[k] >= 0) used[single[k]] = true;
  while (fine && read_record(c)) {
    if (c->n != n) { fine = rn_fail(err, "%s:%lld: has %d values, the header %d", in->path, (long long)c->record, c->n, n); break; }
    for (int i = 0; fine && i < n; i++) {
      if (i == p->episode) x[i] = as_identity(value(c, i));
      else if (used[i] && !as_number(value(c, i), &x[i]))
        fine = rn_fail(err, "%s:%lld: '%s' is '%.40s', which is not a number", in->path, (long long)c->record, names[i], value(c, i));
    }
    fine = fine && rn_log_row(l, in, c->record, x, err);
  }
  rn_free(x), rn_free(used);
  return fine && !err->code;
}

bool rn_read_csv(const foreign *in, sink *out, rn_error *err) {
  csv c;
  char **names = NULL;
  int n = 0;
  places p = {0};
  open_csv(&c, in, err);
  bool fine = read_names(&c, &names, &n) && rn_find_places(in, n, (const char *const *)names, &p, err);
  if (fine) {
    log_rows l;
    rn_log_open(&l, out, &p, is_choice(in, &p, n));
    fine = read_rows(&c, in, &p, n, (const char *const *)names, &l, err);
    rn_log_close(&l), rn_free_places(&p);
  }
  for (int i = 0; names && i < n; i++) rn_free(names[i]);
  rn_free(names), close_csv(&c);
  return fine;
}

//---- writing -------------------------------------------------------------------------------------------------------------------------

static void say_names(rn_text *out, const char *name, int width) {
  for (int k = 0; k < width; k++) rn_say_text(out, width == 1 && strcmp(name, "obs") != 0 && strcmp(name, "next") != 0 && strcmp(name, "act") != 0 ? ",%s" : ",%s.%d", name, k);
}

static void say_values(rn_text *out, const column *c, int64_t slot) {
  for (int k = 0; k < c->width; k++) rn_say_text(out, c->type == RN_F64 ? ",%.17g" : ",%.9g", rn_value_of(c, slot, k));
}

// next is written when it is known after every row; else the reader takes the row that follows
static bool all_next(const rn_table *t) {
  if (rn_column_of(t, "next")) return false;                   // a column of its own
  for (int64_t r = rn_table_first(t); r < t->rows; r++) if (!rn_table_has_next(t, r)) return false;
  return rn_table_width(t, "obs") > 0;
}

bool rn_write_csv(const rn_table *t, const char *path, rn_error *err) {
  rn_out *out = rn_out_open(path, err);
  if (!out) return false;
  rn_text line = {0};
  bool next = all_next(t);
  int width = rn_table_width(t, "next");
  float *x = rn_new((size_t)width * sizeof *x);
  rn_say_text(&line, "episode,timestep");
  for (int i = 0; i < t->n; i++) if (strcmp(t->c[i].name, "timestep") != 0) say_names(&line, t->c[i].name, t->c[i].width);
  if (next) say_names(&line, "next", width);
  rn_say_text(&line, "\n"), rn_out_bytes(out, line.at, line.n);
  for (int64_t e = 0, r = rn_table_first(t); r < t->rows; r++) {
    while (e < t->episodes && r >= t->episode[e].first + t->episode[e].length) e++;
    int64_t begin = e < t->episodes ? t->episode[e].first : t->closed, slot = rn_slot_of(t, r);
    line.n = 0, rn_say_text(&line, "%lld,%lld", (long long)e, (long long)(r - begin));
    for (int i = 0; i < t->n; i++) if (strcmp(t->c[i].name, "timestep") != 0) say_values(&line, &t->c[i], slot);
    if (next) {
      rn_gather(t, "next", 1, &r, x);
      for (int k = 0; k < width; k++) rn_say_text(&line, ",%.9g", x[k]);
    }
    rn_say_text(&line, "\n"), rn_out_bytes(out, line.at, line.n);
  }
  rn_free(line.at), rn_free(x);
  return rn_out_close(out, err);
}
