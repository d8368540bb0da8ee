/* data/export.c - a table as a safetensors file and back: one tensor a column, `episodes` [n, 4] (first, length, end, next known), `last`. */
#include "inner.h"
#include "rein/safetensors.h"
#include <string.h>

bool rn_write_safetensors_table(const rn_table *t, const char *path, rn_error *err) {
  rn_tensor out[MOST_COLUMNS + 4];
  int64_t rows = rn_table_rows(t), *episode = rn_new((size_t)(t->episodes + 1) * 4 * sizeof *episode);
  void *copy[MOST_COLUMNS] = {0};
  int n = 0;
  for (int i = 0; i < t->n; i++) {
    const column *c = &t->c[i];
    if (t->slots) {
      copy[i] = rn_new((size_t)rows * c->bytes);
      for (int64_t r = 0; r < rows; r++) memcpy((char *)copy[i] + (size_t)r * c->bytes, c->at + (size_t)rn_slot_of(t, rn_table_first(t) + r) * c->bytes, c->bytes);
    }
    out[n++] = (rn_tensor){.name = c->name, .type = c->type, .dims = 2, .dim = {rows, c->width}, .data = copy[i] ? copy[i] : c->at};
  }
  for (int64_t e = 0; e < t->episodes; e++) {
    const rn_episode *x = &t->episode[e];
    episode[4 * e] = x->first, episode[4 * e + 1] = x->length, episode[4 * e + 2] = x->end, episode[4 * e + 3] = x->next;
  }
  int act = rn_table_width(t, "act");
  if (t->episodes) out[n++] = (rn_tensor){.name = "rein.episodes", .type = RN_I64, .dims = 2, .dim = {t->episodes, 4}, .data = episode};
  if (t->last) out[n++] = (rn_tensor){.name = "rein.last", .type = RN_F32, .dims = 2, .dim = {t->episodes, rn_table_width(t, "obs")}, .data = t->last};
  if (t->low && t->high) {
    out[n++] = (rn_tensor){.name = "rein.low", .type = RN_F32, .dims = 1, .dim = {act}, .data = t->low};
    out[n++] = (rn_tensor){.name = "rein.high", .type = RN_F32, .dims = 1, .dim = {act}, .data = t->high};
  }
  char choices[16];
  snprintf(choices, sizeof choices, "%d", t->about.choices);
  rn_tensor_note note[] = {{"format", "rein table 1"}, {"choices", choices}, {"env", t->env ? t->env : ""}};
  bool fine = rn_safetensors_write(path, n, out, 3, note, err);
  for (int i = 0; i < t->n; i++) rn_free(copy[i]);
  rn_free(episode);
  return fine;
}

static bool read_columns(rn_table *t, const char *path, const rn_safetensors *s, rn_error *err) {
  int64_t rows = -1;
  for (int i = 0; i < rn_safetensors_count(s); i++) {
    const rn_tensor *x = rn_safetensors_at(s, i);
    if (strncmp(x->name, "rein.", 5) == 0) continue;
    if (x->type == RN_NO_TYPE) return rn_fail(err, "%s: the column '%s' is of type %s; a table has F32 F64 I32 I64 U8", path, x->name, x->stored);
    if (x->dims < 1 || strlen(x->name) >= COLUMN_NAME || t->n == MOST_COLUMNS) return rn_fail(err, "%s: '%s' is no column of a table", path, x->name);
    if (rows < 0) rows = x->dim[0];
    if (x->dim[0] != rows) return rn_fail(err, "%s: '%s' has %lld rows, '%s' %lld: ragged", path, x->name, (long long)x->dim[0], t->c[0].name, (long long)rows);
    int64_t width = rows ? x->count / rows : 0;
    if (rows == 0) return rn_fail(err, "%s: has no rows", path);
    if (width > 1 << 24) return rn_fail(err, "%s: '%s' is %lld values wide", path, x->name, (long long)width);
    rn_table_add_column(t, (rn_field){x->name, (rn_type)x->type, (int)width, NULL});
  }
  if (rows <= 0) return rn_fail(err, "%s: holds no table", path);
  rn_table_add(t, rows);
  for (int i = 0, k = 0; i < rn_safetensors_count(s); i++) {
    const rn_tensor *x = rn_safetensors_at(s, i);
    if (strncmp(x->name, "rein.", 5) != 0) memcpy(t->c[k++].at, x->data, x->bytes);
  }
  return true;
}

static bool read_episodes(rn_table *t, const char *path, const rn_safetensors *s, rn_error *err) {
  const rn_tensor *e = rn_safetensors_find(s, "rein.episodes"), *last = rn_safetensors_find(s, "rein.last");
  size_t w = (size_t)rn_table_width(t, "obs");
  if (!e) {                                // a batch from elsewhere: its flags say where episodes end
    for (int64_t r = 0; r < t->rows; r++) {
      bool ended = rn_table_value(t, r, "terminated") == 1, cut = rn_table_value(t, r, "truncated") == 1;
      if (ended || cut) rn_table_note_episode(t, (rn_episode){t->closed, r + 1 - t->closed, ended ? RN_END_TERMINATED : RN_END_TRUNCATED, rn_column_of(t, "next") != NULL}, NULL);
    }
    if (t->rows > t->closed) rn_table_end(t, RN_END_CUT, NULL);
    return true;
  }
  if (e->type != RN_I64 || e->dims != 2 || e->dim[1] != 4) return rn_fail(err, "%s: rein.episodes is not I64 [n, 4]", path);
  if (last && (last->type != RN_F32 || last->count != e->dim[0] * (int64_t)w)) return rn_fail(err, "%s: rein.last is not F32 [episodes, obs]", path);
  for (int64_t i = 0; i < e->dim[0]; i++) {
    int64_t x[4];
    memcpy(x, (const char *)e->data + (size_t)i * sizeof x, sizeof x);
    if (x[0] != t->closed || x[1] < 1 || x[1] > t->rows - t->closed || x[2] < RN_END_CUT || x[2] > RN_END_TRUNCATED)
      return rn_fail(err, "%s: episode %lld does not follow the one before", path, (long long)i);
    bool next = x[3] && (last || rn_column_of(t, "next"));
    float *row = last ? rn_new(w * sizeof *row) : NULL;
    if (row) memcpy(row, (const char *)last->data + (size_t)i * w * sizeof *row, w * sizeof *row);
    rn_table_note_episode(t, (rn_episode){x[0], x[1], (int)x[2], next}, row), rn_free(row);
  }
  return true;
}

static void read_about(rn_table *t, const char *path, const rn_safetensors *s) {
  const rn_tensor *low = rn_safetensors_find(s, "rein.low"), *high = rn_safetensors_find(s, "rein.high");
  int act = rn_table_width(t, "act");
  double choices;
  float *x = rn_new((size_t)act * 2 * sizeof *x);
  rn_error ignored = {0};
  if (low && high && low->count == act && high->count == act && rn_tensor_floats(low, x, &ignored) && rn_tensor_floats(high, x + act, &ignored)) rn_table_set_bounds(t, x, x + act);
  const char *n = rn_safetensors_note(s, "choices"), *env = rn_safetensors_note(s, "env");
  if (n && rn_number(n, &choices) && choices > 0 && choices < 1 << 24) rn_table_set_choices(t, (int)choices);
  rn_table_describe(t, env && *env ? env : NULL, path, NULL);
  rn_free(x);
}

rn_table *rn_read_safetensors_table(const char *path, rn_error *err) {
  rn_safetensors *s = rn_load_safetensors(path, err);
  if (!s) return NULL;
  rn_table *t = rn_table_new(0, NULL);
  bool fine = read_columns(t, path, s, err) && rn_check_columns(t, path, err) && read_episodes(t, path, s, err);
  if (fine) read_about(t, path, s), fine = rn_check_values(t, path, err);
  if (!fine) rn_table_free(t), t = NULL;
  rn_safetensors_close(s);
  return t;
}
