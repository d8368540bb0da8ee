/* tabular/numeric.c - nested arrays of numbers from JSON (jansson). */
#include "numeric.h"
#include <jansson.h>
#include <math.h>
#include <string.h>

struct rn_numeric { json_t *root; char *where; };

static rn_numeric *opened(json_t *root, const char *where, const json_error_t *e, rn_error *err) {
  if (!root) return rn_fail(err, "%s:%d:%d: %s", where, e->line, e->column, e->text), NULL;
  rn_numeric *j = rn_new(sizeof *j);
  j->root = root, j->where = rn_copy_text(where);
  return j;
}

rn_numeric *rn_numeric_text(const char *text, const char *where, rn_error *err) {
  json_error_t e;
  return opened(json_loads(text, JSON_REJECT_DUPLICATES, &e), where, &e, err);
}

rn_numeric *rn_numeric_read(const char *path, rn_error *err) {
  char *bytes;
  size_t n;
  if (!rn_read_file(path, &bytes, &n, err)) return NULL;
  json_error_t e;
  rn_numeric *j = opened(json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &e), path, &e, err);
  rn_free(bytes);
  return j;
}

void rn_numeric_free(rn_numeric *j) {
  if (!j) return;
  json_decref(j->root), rn_free(j->where), rn_free(j);
}

bool rn_numeric_has(const rn_numeric *j, const char *key) { return json_object_get(j->root, key) != NULL; }

bool rn_numeric_only(const rn_numeric *j, int n, const char *const known[], rn_error *err) {
  if (!json_is_object(j->root)) return rn_fail(err, "%s: is not an object {...}", j->where);
  const char *key;
  json_t *value;
  json_object_foreach(j->root, key, value) {
    bool found = false;
    for (int i = 0; i < n; i++) found |= !strcmp(key, known[i]);
    const char *near = rn_nearest(key, n, known);
    if (!found) return rn_fail(err, "%s: no key '%s' here%s%s%s", j->where, key, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
  }
  return true;
}

/* Sizes by the first entry of each level; the filling pass checks that all others agree. */
static bool shape(const json_t *x, int most, int dim[], int *depth, size_t *count) {
  *depth = 0, *count = 1;
  for (; json_is_array(x); x = json_array_get(x, 0)) {
    if (*depth == most || json_array_size(x) == 0 || json_array_size(x) > 1u << 20) return false;
    *count *= (size_t)(dim[(*depth)++] = (int)json_array_size(x));
    if (*count > 1u << 28) return false;
  }
  return true;
}

typedef struct { const char *where, *key; const int *dim; int depth; int index[8]; rn_error *err; } filling;

static bool refuse(const filling *f, int level, const char *what) {
  rn_text t = {0};
  for (int i = 0; i < level; i++) rn_say_text(&t, "[%d]", f->index[i]);
  rn_fail(f->err, "%s: %s%s %s", f->where, f->key ? f->key : "", t.at ? t.at : "", what);
  rn_free(t.at);
  return false;
}

static bool fill(filling *f, int level, const json_t *x, double **to) {
  if (level == f->depth) {
    if (!json_is_number(x) || !isfinite(json_number_value(x))) return refuse(f, level, "is not a finite number");
    return *(*to)++ = json_number_value(x), true;
  }
  if (!json_is_array(x) || json_array_size(x) != (size_t)f->dim[level]) return refuse(f, level, "has another shape than its neighbours");
  for (int i = 0; i < f->dim[level]; i++) {
    f->index[level] = i;
    if (!fill(f, level + 1, json_array_get(x, (size_t)i), to)) return false;
  }
  return true;
}

double *rn_numeric_array(const rn_numeric *j, const char *key, int most, int dim[], int *depth, rn_error *err) {
  const json_t *x = key ? json_object_get(j->root, key) : j->root;
  size_t count;
  RN_CHECK(most <= 8, "%d levels", most);
  if (!x) return rn_fail(err, "%s: '%s' is missing", j->where, key), NULL;
  if (!shape(x, most, dim, depth, &count))
    return rn_fail(err, "%s: %s is empty, too large or nested deeper than %d levels", j->where, key ? key : "the array", most), NULL;
  double *values = rn_new(count * sizeof *values), *to = values;
  filling f = {j->where, key, dim, *depth, {0}, err};
  if (fill(&f, 0, x, &to)) return values;
  rn_free(values);
  return NULL;
}
