/* data/frames.c - the stream between the confined reader and us. The receiver trusts nothing: a length, a count, a name may be anything. */
#include "reader.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1 << 22, WIDEST = 1 << 24, LONGEST_TEXT = 2048 };             // bytes of rows a frame; entries of a column; letters

//---- sending -------------------------------------------------------------------------------------------------------------------------

static void put(sink *s, const void *bytes, size_t n) { s->broken = s->broken || !s->put(s->to, bytes, n); }
static void put_number(sink *s, uint64_t x, int bytes) {
  uint8_t b[8];
  for (int i = 0; i < bytes; i++) b[i] = (uint8_t)(x >> 8 * i);
  put(s, b, (size_t)bytes);
}
static void open_frame(sink *s, char tag, uint64_t length) { put(s, &tag, 1), put_number(s, length, 8); }

void rn_sink_columns(sink *s, int n, const rn_field *f) {
  size_t length = 0;
  RN_CHECK(n <= MOST_COLUMNS, "%d columns", n);
  for (int i = 0; i < n; i++) length += 7 + strlen(f[i].name);
  open_frame(s, 'C', length);
  s->n = n, s->row_bytes = 0;
  for (int i = 0; i < n; i++) {
    size_t letters = strlen(f[i].name);
    put_number(s, f[i].type, 1), put_number(s, (uint64_t)f[i].width, 4), put_number(s, letters, 2), put(s, f[i].name, letters);
    s->c[i].type = f[i].type, s->c[i].width = f[i].width, s->c[i].bytes = rn_type_bytes(f[i].type) * (size_t)f[i].width;
    s->row_bytes += s->c[i].bytes;
  }
}

void rn_sink_rows(sink *s, int64_t n, const void *const column[]) {
  int64_t most = RN_MAX(1, (int64_t)(BLOCK / RN_MAX(s->row_bytes, 1)));
  for (int64_t at = 0; at < n; at += most) {
    int64_t k = RN_MIN(most, n - at);
    open_frame(s, 'R', 4 + (uint64_t)k * s->row_bytes), put_number(s, (uint64_t)k, 4);
    for (int i = 0; i < s->n; i++) if (s->c[i].bytes) put(s, (const char *)column[i] + (size_t)at * s->c[i].bytes, (size_t)k * s->c[i].bytes);
  }
  s->rows += n;
}

void rn_sink_end(sink *s, int end, const float *last, int width) {
  open_frame(s, 'E', 2 + (last ? (uint64_t)width * 4 : 0)), put_number(s, (uint64_t)end, 1), put_number(s, last != NULL, 1);
  if (last) put(s, last, (size_t)width * 4);
}

void rn_sink_bounds(sink *s, int n, const float *low, const float *high) {
  open_frame(s, 'B', (uint64_t)n * 8), put(s, low, (size_t)n * 4), put(s, high, (size_t)n * 4);
}
void rn_sink_choices(sink *s, int choices) { open_frame(s, 'N', 4), put_number(s, (uint64_t)choices, 4); }
void rn_sink_say(sink *s, char what, const char *text) {
  size_t n = RN_MIN(strlen(text), (size_t)LONGEST_TEXT);
  open_frame(s, 'S', 1 + n), put(s, &what, 1), put(s, text, n);
}
void rn_sink_done(sink *s) { open_frame(s, 'Z', 8), put_number(s, (uint64_t)s->rows, 8); }
void rn_sink_fail(sink *s, const char *message) {
  size_t n = RN_MIN(strlen(message), (size_t)LONGEST_TEXT);
  open_frame(s, 'X', n), put(s, message, n);
}

//---- receiving -----------------------------------------------------------------------------------------------------------------------

typedef struct {
  const char *path;
  get_bytes get;
  void *from;
  rn_error *err;
  rn_table *t;
  size_t row_bytes;
  int obs, act;
  uint64_t held, most;                     // bytes of rows; what this machine can hold
  bool done;
} receiver;

static bool refuse(receiver *r, const char *what) { return rn_fail(r->err, "%s: the reader sent %s", r->path, what); }
static bool get(receiver *r, void *bytes, size_t n) { return n == 0 || r->get(r->from, bytes, n); }
static bool get_number(receiver *r, int bytes, uint64_t *x) {
  uint8_t b[8];
  *x = 0;
  if (!get(r, b, (size_t)bytes)) return false;
  for (int i = 0; i < bytes; i++) *x |= (uint64_t)b[i] << 8 * i;
  return true;
}

// letters that may reach a terminal: no control characters
static char *get_text(receiver *r, uint64_t n) {
  if (n > LONGEST_TEXT) return refuse(r, "too long a text"), NULL;
  char *text = rn_new((size_t)n + 1);
  if (!get(r, text, (size_t)n)) return rn_free(text), refuse(r, "half a text"), NULL;
  for (uint64_t i = 0; i < n; i++) if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) text[i] = '?';
  return text;
}

static bool get_columns(receiver *r, uint64_t length) {
  if (r->t->n) return refuse(r, "columns twice");
  while (length) {
    uint64_t type, width, letters;
    char name[COLUMN_NAME] = "";
    if (length < 7 || !get_number(r, 1, &type) || !get_number(r, 4, &width) || !get_number(r, 2, &letters)) return refuse(r, "half a column");
    length -= 7;
    if (letters == 0 || letters > length || letters >= COLUMN_NAME || type > RN_U8 || width > WIDEST || r->t->n == MOST_COLUMNS || !get(r, name, (size_t)letters))
      return refuse(r, "a column that can't be");
    length -= letters;
    for (uint64_t i = 0; i < letters; i++) if ((unsigned char)name[i] <= 0x20 || name[i] == 0x7f) name[i] = '?';
    if (strstr(name, "..") || rn_column_of(r->t, name)) return refuse(r, "a column's name that can't be");
    rn_table_add_column(r->t, (rn_field){name, (rn_type)type, (int)width, NULL});
    r->row_bytes += rn_type_bytes((rn_type)type) * (size_t)width;
  }
  r->obs = rn_table_width(r->t, "obs"), r->act = rn_table_width(r->t, "act");
  return rn_check_columns(r->t, r->path, r->err);
}

static bool get_rows(receiver *r, uint64_t length) {
  uint64_t n;
  if (length < 4 || !get_number(r, 4, &n)) return refuse(r, "half a block");
  if (n == 0 || n > BLOCK || n * r->row_bytes != length - 4) return refuse(r, "a block whose length is not that of its rows");
  r->held += length;
  if (r->held > r->most) return rn_fail(r->err, "%s: the table does not fit this machine's memory (over %.1f GiB)", r->path, (double)r->most / (1 << 30));
  int64_t first = rn_table_add(r->t, (int64_t)n);
  for (int i = 0; i < r->t->n; i++)
    if (!get(r, r->t->c[i].at + (size_t)first * r->t->c[i].bytes, (size_t)n * r->t->c[i].bytes)) return refuse(r, "half a block");
  return true;
}

static bool get_end(receiver *r, uint64_t length) {
  uint64_t end, next;
  if (length < 2 || !get_number(r, 1, &end) || !get_number(r, 1, &next)) return refuse(r, "half an end");
  if (end > RN_END_TRUNCATED || next > 1 || length - 2 != (next ? (uint64_t)r->obs * 4 : 0)) return refuse(r, "an end that can't be");
  if (r->t->rows == r->t->closed) return refuse(r, "an episode without rows");
  float *last = next ? rn_new((size_t)r->obs * 4) : NULL;
  bool fine = !next || get(r, last, (size_t)r->obs * 4) || refuse(r, "half an end");
  if (fine) rn_table_end(r->t, (int)end, last);
  rn_free(last);
  return fine;
}

static bool get_bounds(receiver *r, uint64_t length) {
  if (r->act == 0 || length != (uint64_t)r->act * 8) return refuse(r, "bounds of another width than act");
  float *x = rn_new((size_t)length);
  bool fine = get(r, x, (size_t)length) || refuse(r, "half of the bounds");
  for (int k = 0; fine && k < r->act; k++) if (!(x[k] <= x[r->act + k])) fine = rn_fail(r->err, "%s: the action's bounds in column %d are %g and %g", r->path, k, x[k], x[r->act + k]);
  if (fine) rn_table_set_bounds(r->t, x, x + r->act);
  rn_free(x);
  return fine;
}

static bool get_choices(receiver *r, uint64_t length) {
  uint64_t n;
  if (length != 4 || !get_number(r, 4, &n) || n == 0 || n > 1 << 24) return refuse(r, "a number of choices that can't be");
  rn_table_set_choices(r->t, (int)n);
  return true;
}

static bool get_said(receiver *r, uint64_t length) {
  char what;
  if (length < 1 || !get(r, &what, 1)) return refuse(r, "half a text");
  char *text = get_text(r, length - 1);
  if (!text) return false;
  rn_table_describe(r->t, what == 'e' ? text : NULL, NULL, what == 's' ? text : NULL);
  rn_free(text);
  return true;
}

static bool get_failure(receiver *r, uint64_t length) {
  char *text = get_text(r, length);
  if (text) rn_fail(r->err, "%s", text), rn_free(text);
  return false;
}

static bool get_done(receiver *r, uint64_t length) {
  uint64_t rows;
  if (length != 8 || !get_number(r, 8, &rows) || rows != (uint64_t)r->t->rows) return refuse(r, "other rows than it counted");
  r->done = true;
  return true;
}

static bool get_frame(receiver *r) {
  char tag;
  uint64_t length;
  if (!get(r, &tag, 1) || !get_number(r, 8, &length)) return rn_fail(r->err, "%s: the reader ended too early", r->path);
  if (!r->t->n && tag != 'C' && tag != 'X') return refuse(r, "rows before columns");
  switch (tag) {
    case 'C': return get_columns(r, length);
    case 'R': return get_rows(r, length);
    case 'E': return get_end(r, length);
    case 'B': return get_bounds(r, length);
    case 'N': return get_choices(r, length);
    case 'S': return get_said(r, length);
    case 'X': return get_failure(r, length);
    case 'Z': return get_done(r, length);
    default: return refuse(r, "a frame that we do not know");
  }
}

rn_table *rn_read_frames(const char *path, get_bytes from, void *of, rn_error *err) {
  uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
  receiver r = {.path = path, .get = from, .from = of, .err = err, .t = rn_table_new(0, NULL), .most = memory / 4 * 3};
  bool fine = true;
  while (fine && !r.done) fine = get_frame(&r);
  fine = fine && (r.t->rows > 0 || rn_fail(err, "%s: has no rows", path));
  if (fine && r.t->rows > r.t->closed) rn_table_end(r.t, RN_END_CUT, NULL);
  fine = fine && rn_check_values(r.t, path, err);
  if (fine) { rn_table_describe(r.t, NULL, path, NULL); return r.t; }
  rn_table_free(r.t);
  return NULL;
}
