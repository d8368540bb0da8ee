/* data/mapped.c - a table in a folder: one raw little-endian file a column, episodes.bin, last.bin, and table.json, which is written last. */
#include "inner.h"
#include <math.h>
#include <string.h>

static bool write_column(const rn_table *t, const column *c, const char *folder, rn_error *err) {
  char *path = rn_column_file(folder, c->name);
  rn_out *out = rn_out_open(path, err);
  rn_free(path);
  if (!out) return false;
  if (!t->slots) rn_out_bytes(out, c->at, (size_t)t->rows * c->bytes);
  else for (int64_t r = rn_table_first(t); r < t->rows; r++) rn_out_bytes(out, c->at + (size_t)rn_slot_of(t, r) * c->bytes, c->bytes);
  return rn_out_close(out, err);
}

static bool write_raw(const char *folder, const char *name, const void *bytes, size_t n, rn_error *err) {
  char *path = rn_printed("%s/%s", folder, name);
  bool fine = rn_write_file(path, bytes, n, err);
  rn_free(path);
  return fine;
}

static void say_floats(rn_text *out, const char *name, const float *x, int n) {
  if (!x) return;
  rn_say_text(out, ",\n \"%s\": [", name);
  for (int k = 0; k < n; k++) rn_say_text(out, k ? ", " : ""), rn_say_text(out, isinf(x[k]) ? (x[k] > 0 ? "Infinity" : "-Infinity") : "%.9g", x[k]);
  rn_say_text(out, "]");
}

static void say_word(rn_text *out, const char *name, const char *word) {
  if (word) rn_say_text(out, ",\n \"%s\": ", name), rn_say_json(out, word);
}

static void describe(const rn_table *t, rn_text *out) {
  rn_say_text(out, "{\"format\": \"rein table 1\",\n \"rows\": %lld,\n \"episodes\": %lld,\n \"columns\": [", (long long)rn_table_rows(t), (long long)t->episodes);
  for (int i = 0; i < t->n; i++) {
    rn_say_text(out, i ? ",\n  {\"name\": " : "\n  {\"name\": "), rn_say_json(out, t->c[i].name);
    rn_say_text(out, ", \"type\": \"%s\", \"width\": %d}", rn_type_name(t->c[i].type), t->c[i].width);
  }
  rn_say_text(out, "]");
  int w = rn_table_width(t, "act");
  say_floats(out, "low", t->low, w), say_floats(out, "high", t->high, w);
  if (t->about.choices) rn_say_text(out, ",\n \"choices\": %d", t->about.choices);
  say_word(out, "env", t->env), say_word(out, "source", t->source), say_word(out, "said", t->said);
  rn_say_text(out, "}\n");
}

bool rn_table_save(const rn_table *t, const char *folder, rn_error *err) {
  if (!rn_make_folder(folder, err)) return false;
  for (int i = 0; i < t->n; i++) if (!write_column(t, &t->c[i], folder, err)) return false;
  size_t w = (size_t)rn_table_width(t, "obs");
  if (!write_raw(folder, "episodes.bin", t->episode, (size_t)t->episodes * sizeof *t->episode, err)) return false;
  if (t->last && !write_raw(folder, "last.bin", t->last, (size_t)t->episodes * w * sizeof *t->last, err)) return false;
  rn_text text = {0};
  describe(t, &text);
  bool fine = write_raw(folder, "table.json", text.at, text.n, err);
  rn_free(text.at);
  return fine;
}

//---- opening -------------------------------------------------------------------------------------------------------------------------

static bool map_file(rn_map *map, const char *folder, const char *name, bool is_path, size_t bytes, rn_error *err) {
  char *path = is_path ? rn_copy_text(name) : rn_printed("%s/%s", folder, name);
  bool fine = rn_map_open(map, path, 0, err);
  if (fine && map->bytes != bytes) fine = rn_fail(err, "%s: has %zu bytes, table.json says %zu", path, map->bytes, bytes);
  rn_free(path);
  return fine;
}

static bool type_named(const char *word, rn_type *out) {
  for (int k = RN_F32; word && k <= RN_U8; k++) if (strcmp(word, rn_type_name((rn_type)k)) == 0) return *out = (rn_type)k, true;
  return false;
}

static bool open_columns(rn_table *t, const char *path, const char *folder, const rn_json *columns, rn_error *err) {
  if (!columns || columns->kind != JSON_LIST || columns->n > MOST_COLUMNS) return rn_fail(err, "%s: no list of at most %d columns", path, MOST_COLUMNS);
  for (int i = 0; i < columns->n; i++) {
    const rn_json *j = &columns->item[i], *width = rn_json_get(j, "width");
    const char *name = rn_json_text(j, "name");
    rn_type type;
    if (!name || strlen(name) >= COLUMN_NAME || strstr(name, "..") || !type_named(rn_json_text(j, "type"), &type) || !width || !width->whole || width->integer < 0 ||
        width->integer > 1 << 24)
      return rn_fail(err, "%s: column %d has no name, type or width that we know", path, i);
    if (rn_column_of(t, name)) return rn_fail(err, "%s: the column '%s' is there twice", path, name);
    column *c = &t->c[t->n++];
    *c = (column){.type = type, .width = (int)width->integer, .bytes = rn_type_bytes(type) * (size_t)width->integer};
    strcpy(c->name, name);
    char *file = rn_column_file(folder, name);
    bool fine = map_file(&c->map, folder, file, true, (size_t)t->rows * c->bytes, err);
    rn_free(file);
    if (!fine) return false;
    c->at = c->map.at;
  }
  return true;
}

static bool open_episodes(rn_table *t, const char *path, const char *folder, int64_t n, rn_error *err) {
  rn_map map;
  if (n < 0 || n > t->rows) return rn_fail(err, "%s: %lld episodes in %lld rows", path, (long long)n, (long long)t->rows);
  t->ends = rn_new((size_t)(t->rows + 63) / 64 * 8 + 8);
  if (!map_file(&map, folder, "episodes.bin", false, (size_t)n * sizeof(rn_episode), err)) return false;
  const rn_episode *e = map.at;
  bool fine = true;
  for (int64_t i = 0; fine && i < n; i++) {
    if (e[i].first != t->closed || e[i].length < 1 || e[i].length > t->rows - t->closed || e[i].end < RN_END_CUT || e[i].end > RN_END_TRUNCATED)
      fine = rn_fail(err, "%s/episodes.bin: episode %lld does not follow the one before", folder, (long long)i);
    else rn_table_note_episode(t, e[i], NULL);
  }
  rn_map_close(&map);
  size_t w = (size_t)rn_table_width(t, "obs");
  if (!fine || !w || rn_column_of(t, "next") || n == 0) return fine;
  if (!map_file(&t->last_map, folder, "last.bin", false, (size_t)n * w * sizeof(float), err)) return false;
  t->last = t->last_map.at;
  return true;
}

static bool read_floats(const rn_json *list, int n, float *out) {
  if (!list || list->kind != JSON_LIST || list->n != n) return false;
  for (int k = 0; k < n; k++) out[k] = (float)list->item[k].number;
  return true;
}

static void open_about(rn_table *t, const rn_json *j) {
  int w = rn_table_width(t, "act");
  float *low = rn_new((size_t)w * sizeof *low), *high = rn_new((size_t)w * sizeof *high);
  const rn_json *choices = rn_json_get(j, "choices");
  if (read_floats(rn_json_get(j, "low"), w, low) && read_floats(rn_json_get(j, "high"), w, high)) rn_table_set_bounds(t, low, high);
  if (choices && choices->whole && choices->integer > 0 && choices->integer < 1 << 30) rn_table_set_choices(t, (int)choices->integer);
  rn_table_describe(t, rn_json_text(j, "env"), rn_json_text(j, "source"), rn_json_text(j, "said"));
  rn_free(low), rn_free(high);
}

rn_table *rn_table_open(const char *folder, rn_error *err) {
  char *path = rn_printed("%s/table.json", folder), *text = NULL;
  size_t n = 0;
  rn_json j = {0};
  rn_table *t = NULL;
  if (rn_read_file(path, &text, &n, err) && rn_json_read(path, text, n, &j, err)) {
    const rn_json *rows = rn_json_get(&j, "rows"), *episodes = rn_json_get(&j, "episodes");
    const char *format = rn_json_text(&j, "format");
    if (!format || strcmp(format, "rein table 1") != 0) rn_fail(err, "%s: not 'rein table 1'", path);
    else if (!rows || !rows->whole || rows->integer < 0 || rows->integer > (int64_t)1 << 48 || !episodes || !episodes->whole) rn_fail(err, "%s: no number of rows or episodes", path);
    else {
      t = rn_table_new(0, NULL);
      t->mapped = true, t->rows = rows->integer;
      if (open_columns(t, path, folder, rn_json_get(&j, "columns"), err) && rn_check_columns(t, path, err) && open_episodes(t, path, folder, episodes->integer, err)) open_about(t, &j);
      else rn_table_free(t), t = NULL;
    }
  }
  rn_json_free(&j), rn_free(text), rn_free(path);
  return t;
}
