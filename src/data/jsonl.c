/* data/jsonl.c - one JSON object a line. Lists and maps become names: {"obs": [1, 2], "info": {"x": 3}} has obs.0, obs.1, info.x.
 * All lines have the names of the first, in any order. */
#include "reader.h"
#include <math.h>
#include <string.h>

enum { WIDEST = 65536 };
typedef struct { char **name; double *x; bool *digits; int n, room; } record;

static bool add(record *r, const char *name, double x, bool digits) {
  if (r->n == WIDEST) return false;
  if (r->n == r->room) {
    int room = r->room * 2 + 16;
    r->name = rn_grow(r->name, (size_t)r->room * sizeof *r->name, (size_t)room * sizeof *r->name);
    r->x = rn_grow(r->x, (size_t)r->room * sizeof *r->x, (size_t)room * sizeof *r->x);
    r->digits = rn_grow(r->digits, (size_t)r->room * sizeof *r->digits, (size_t)room * sizeof *r->digits), r->room = room;
  }
  r->name[r->n] = rn_copy_text(name), r->x[r->n] = x, r->digits[r->n++] = digits;
  return true;
}

// texts become numbers that tell them apart, so that an episode may have a name; null is NaN
static bool flatten(record *r, const char *name, const rn_json *j) {
  bool fine = true;
  switch (j->kind) {
    case JSON_NUMBER: return add(r, name, j->number, j->whole && j->integer >= 0 && j->integer < 1 << 20);
    case JSON_BOOL: return add(r, name, j->number, false);
    case JSON_NULL: return add(r, name, NAN, false);
    case JSON_TEXT: return add(r, name, (double)(rn_hash(j->text, strlen(j->text), 0) >> 11), false);
    default: break;
  }
  for (int i = 0; fine && i < j->n; i++) {
    char *inner = j->kind == JSON_LIST ? rn_printed("%s.%d", name, i) : *name ? rn_printed("%s.%s", name, j->key[i]) : rn_copy_text(j->key[i]);
    fine = flatten(r, inner, &j->item[i]), rn_free(inner);
  }
  return fine;
}

static void clear(record *r) {
  for (int i = 0; i < r->n; i++) rn_free(r->name[i]);
  r->n = 0;
}
static void release(record *r) { clear(r), rn_free(r->name), rn_free(r->x), rn_free(r->digits); }

typedef struct { const foreign *in; const char *at, *end; int64_t line; } lines;

// the next line that is not empty, as a record; false at the end or at a mistake
static bool next_record(lines *l, record *r, rn_error *err) {
  const char *from, *to;
  do {
    if (l->at >= l->end) return false;
    from = l->at, to = memchr(from, '\n', (size_t)(l->end - from));
    if (!to) to = l->end;
    l->at = to < l->end ? to + 1 : to, l->line++;
    while (from < to && (*from == ' ' || *from == '\r' || *from == '\t')) from++;
  } while (from == to);
  rn_json j;
  rn_error wrong = {0};
  clear(r);
  if (!rn_json_read("", from, (size_t)(to - from), &j, &wrong)) return rn_fail(err, "%s:%lld%s", l->in->path, (long long)l->line, wrong.text + 2);   // ":1:column: what"
  bool fine = j.kind == JSON_MAP ? flatten(r, "", &j) || rn_fail(err, "%s:%lld: more than %d values", l->in->path, (long long)l->line, WIDEST)
                                 : rn_fail(err, "%s:%lld: is not a JSON object", l->in->path, (long long)l->line);
  rn_json_free(&j);
  return fine;
}

// values in the first line's order; a line of our own writer has the same order, so this is one comparison a name
static bool same_order(const lines *l, const record *first, const record *r, double *x, rn_error *err) {
  if (r->n != first->n) return rn_fail(err, "%s:%lld: has %d values, the first line %d", l->in->path, (long long)l->line, r->n, first->n);
  for (int i = 0; i < first->n; i++) {
    int k = strcmp(r->name[i], first->name[i]) == 0 ? i : 0;
    while (k < r->n && strcmp(r->name[k], first->name[i]) != 0) k++;
    if (k == r->n) return rn_fail(err, "%s:%lld: has no '%s', which the first line has", l->in->path, (long long)l->line, first->name[i]);
    x[i] = r->x[k];
  }
  return true;
}

static bool is_choice(const foreign *in, const places *p, const record *first) {
  rn_error err = {0};
  record r = {0};
  double *x = rn_new((size_t)first->n * sizeof *x);
  bool choice = p->n_act == 1;
  for (lines l = {in, in->bytes, in->bytes + in->n, 0}; choice && next_record(&l, &r, &err) && same_order(&l, first, &r, x, &err);) {
    int k = 0;
    while (strcmp(r.name[k], first->name[p->act[0]]) != 0) k++;
    choice = r.digits[k];
  }
  release(&r), rn_free(x);
  return choice && !err.code;
}

bool rn_read_jsonl(const foreign *in, sink *out, rn_error *err) {
  record first = {0}, r = {0};
  places p = {0};
  lines l = {in, in->bytes, in->bytes + in->n, 0};
  bool fine = next_record(&l, &first, err) || (err->code ? false : rn_fail(err, "%s: is empty", in->path));
  fine = fine && rn_find_places(in, first.n, (const char *const *)first.name, &p, err);
  if (fine) {
    log_rows rows;
    double *x = rn_new((size_t)first.n * sizeof *x);
    rn_log_open(&rows, out, &p, is_choice(in, &p, &first));
    fine = rn_log_row(&rows, in, l.line, first.x, err);
    while (fine && next_record(&l, &r, err)) fine = same_order(&l, &first, &r, x, err) && rn_log_row(&rows, in, l.line, x, err);
    fine = fine && !err->code;
    rn_log_close(&rows), rn_free(x), rn_free_places(&p);
  }
  release(&first), release(&r);
  return fine;
}
