/* run/recipe.c - YAML to a flat list of keys and values, each with its place. The only file that names libfyaml.
 * Events are read one by one and nothing is expanded, so an alias bomb has no fuse; depth, length and number of keys are bounded. */
#include "rein/recipe.h"
#include <libfyaml.h>

enum { MOST_BYTES = 1 << 20, MOST_DEPTH = 8, MOST_KEYS = 4096, MOST_KEY = 200 };

typedef struct { rn_given v; const char **items; } entry;
struct rn_recipe { entry *at; int n, room; const rn_system *system; char *name; };

//---- entries -------------------------------------------------------------------------------------------------------------------------

static void clear(entry *e) {
  for (int i = 0; i < e->v.items; i++) rn_free((void *)e->items[i]);
  rn_free(e->items), rn_free((void *)e->v.key), rn_free((void *)e->v.text), rn_free((void *)e->v.place), rn_free((void *)e->v.key_place);
  *e = (entry){0};
}

static entry *add(rn_recipe *r, const char *key, const char *text, const char *place, const char *key_place) {
  if (r->n == r->room) {
    int room = r->room ? 2 * r->room : 32;
    r->at = rn_grow(r->at, (size_t)r->room * sizeof *r->at, (size_t)room * sizeof *r->at), r->room = room;
  }
  entry *e = &r->at[r->n++];
  *e = (entry){.v = {.key = rn_copy_text(key), .text = rn_copy_text(text), .place = rn_copy_text(place), .key_place = rn_copy_text(key_place), .items = -1}};
  return e;
}

static void add_item(entry *e, const char *text) {
  if (e->v.items < 0) e->v.items = 0;
  size_t n = (size_t)e->v.items;
  e->items = rn_grow(e->items, n * sizeof *e->items, (n + 1) * sizeof *e->items);
  e->items[n] = rn_copy_text(text), e->v.items++, e->v.item = e->items;
}

// a list as it prints, for messages and settings
static void list_text(entry *e) {
  rn_text t = {0};
  rn_say_text(&t, "[");
  for (int i = 0; i < e->v.items; i++) rn_say_text(&t, "%s%s", i ? ", " : "", e->items[i]);
  rn_say_text(&t, "]");
  rn_free((void *)e->v.text), e->v.text = t.at;
}

static entry *copy_into(rn_recipe *r, const rn_given *v, const char *key) {
  entry *e = add(r, key, v->text, v->place, v->key_place);
  if (v->items == 0) e->v.items = 0;
  for (int i = 0; i < v->items; i++) add_item(e, v->item[i]);
  e->v.quoted = v->quoted, e->v.null = v->null;
  return e;
}

static int index_of(const rn_recipe *r, const char *key) {
  for (int i = 0; i < r->n; i++) if (strcmp(r->at[i].v.key, key) == 0) return i;
  return -1;
}

static void remove_at(rn_recipe *r, int i) {
  clear(&r->at[i]);
  memmove(&r->at[i], &r->at[i + 1], (size_t)(--r->n - i) * sizeof *r->at);
}

// "a.b" is below "a"
static bool below(const char *key, const char *under) {
  size_t n = strlen(under);
  return n == 0 || (strncmp(key, under, n) == 0 && key[n] == '.');
}

//---- reading -------------------------------------------------------------------------------------------------------------------------

typedef struct {
  rn_recipe *r;
  struct fy_parser *parser;
  struct fy_diag *diag;
  const char *name;            // of the file
  bool command;                // a value of the command line: places are the command line's
  rn_error *err;
} reader;

static char *place_of(const reader *rd, const struct fy_mark *mark) {
  if (rd->command || !mark) return rn_copy_text(rd->name);
  return rn_printed("%s:%d:%d", rd->name, mark->line + 1, mark->column + 1);
}

static bool refuse(const reader *rd, struct fy_event *e, const char *format, ...) RN_PRINTF(3, 4);
static bool refuse(const reader *rd, struct fy_event *e, const char *format, ...) {
  char text[512];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  struct fy_token *token = e ? fy_event_get_token(e) : NULL;
  char *place = place_of(rd, token ? fy_token_start_mark(token) : NULL);
  rn_fail(rd->err, "%s: %s", place, text);
  rn_free(place);
  return false;
}

// libfyaml's own word on what is not YAML
static bool not_yaml(const reader *rd) {
  void *at = NULL;
  const struct fy_diag_error *e = fy_diag_errors_iterate(rd->diag, &at);
  if (!e) return rn_fail(rd->err, "%s: not YAML", rd->name);
  if (rd->command) return rn_fail(rd->err, "%s: not YAML: %s", rd->name, e->msg);
  return rn_fail(rd->err, "%s:%d:%d: not YAML: %s", rd->name, e->line, e->column, e->msg);
}

static struct fy_event *next(const reader *rd) {
  struct fy_event *e = fy_parser_parse(rd->parser);
  if (!e) not_yaml(rd);
  return e;
}

static bool dressed(const reader *rd, struct fy_event *e) {
  struct fy_token *anchor = NULL, *tag = NULL;
  if (e->type == FYET_SCALAR) anchor = e->scalar.anchor, tag = e->scalar.tag;
  else if (e->type == FYET_MAPPING_START) anchor = e->mapping_start.anchor, tag = e->mapping_start.tag;
  else if (e->type == FYET_SEQUENCE_START) anchor = e->sequence_start.anchor, tag = e->sequence_start.tag;
  if (e->type == FYET_ALIAS) return !refuse(rd, e, "an alias; recipes have none, write the value out");
  if (anchor) return !refuse(rd, e, "an anchor (&name); recipes have none, write the value out where it is used");
  if (tag) return !refuse(rd, e, "a tag (!name); recipes have none, leave it out");
  return false;
}

static char *scalar_text(struct fy_event *e) {
  size_t n = 0;
  const char *text = e->scalar.value ? fy_token_get_text(e->scalar.value, &n) : "";
  rn_text t = {0};
  rn_say_bytes(&t, text ? text : "", text ? n : 0);
  return t.at;
}

static bool is_plain(struct fy_event *e) { return !e->scalar.value || fy_token_scalar_style(e->scalar.value) == FYSS_PLAIN; }
static bool is_null(const char *text) { return !*text || strcmp(text, "null") == 0 || strcmp(text, "~") == 0; }

// parts with dots between them, each a letter, digit or _ and then also - @ +
static bool key_ok(const char *key) {
  static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", more[] = "-@+";
  bool begins = true;
  for (; *key; key++) {
    if (begins ? !strchr(first, *key) : *key != '.' && !strchr(first, *key) && !strchr(more, *key)) return false;
    begins = *key == '.';
  }
  return !begins;
}

// a key that stands twice, or a value where others have keys below it
static bool clash(const reader *rd, const char *key, const char *place) {
  for (int i = 0; i < rd->r->n; i++) {
    const rn_given *v = &rd->r->at[i].v;
    if (strcmp(v->key, key) == 0) return !rn_fail(rd->err, "%s: '%s' stands here and at %s; keep one", place, key, v->key_place);
  }
  if (rd->r->n == MOST_KEYS) return !rn_fail(rd->err, "%s: more than %d keys", place, MOST_KEYS);
  return false;
}

static bool read_value(const reader *rd, const char *key, const char *key_place, struct fy_event *e, int depth);

static bool read_scalar(const reader *rd, const char *key, const char *key_place, struct fy_event *e) {
  char *text = scalar_text(e), *place;
  enum fy_scalar_style style = e->scalar.value ? fy_token_scalar_style(e->scalar.value) : FYSS_PLAIN;
  const struct fy_mark *mark = e->scalar.value ? fy_token_start_mark(e->scalar.value) : NULL;
  struct fy_mark at = mark ? *mark : (struct fy_mark){0};
  if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) at.column--;      // the quote itself
  place = mark ? place_of(rd, &at) : rn_copy_text(key_place);
  bool fine = !clash(rd, key, key_place);
  if (fine && strlen(text) != (e->scalar.value ? fy_token_get_text_length(e->scalar.value) : 0)) fine = refuse(rd, e, "a NUL byte in the value");
  if (fine) {
    bool null = is_plain(e) && is_null(text);
    entry *made = add(rd->r, key, null ? "null" : text, place, key_place);
    made->v.quoted = !is_plain(e), made->v.null = null;
  }
  rn_free(text), rn_free(place);
  return fine;
}

static bool read_map(const reader *rd, const char *under, int depth) {
  for (;;) {
    struct fy_event *e = next(rd);
    if (!e) return false;
    if (e->type == FYET_MAPPING_END) return fy_parser_event_free(rd->parser, e), true;
    bool fine = !dressed(rd, e);
    if (fine && e->type != FYET_SCALAR) fine = refuse(rd, e, "a key is a word, followed by a colon and a value");
    char *word = fine ? scalar_text(e) : NULL, *key = NULL, *place = NULL;
    if (fine && !key_ok(word)) fine = refuse(rd, e, "'%.60s' can't be a key: letters, digits, _ and within also - @ +, parted by dots", word);
    if (fine) {
      key = *under ? rn_printed("%s.%s", under, word) : rn_copy_text(word);
      place = place_of(rd, e->scalar.value ? fy_token_start_mark(e->scalar.value) : NULL);
      if (strlen(key) > MOST_KEY) fine = refuse(rd, e, "a key of more than %d letters", MOST_KEY);
    }
    fy_parser_event_free(rd->parser, e);
    struct fy_event *value = fine ? next(rd) : NULL;
    fine = value && read_value(rd, key, place, value, depth);
    rn_free(word), rn_free(key), rn_free(place);
    if (!fine) return false;
  }
}

// a list of scalars is a value; a list of maps is KEY.0.NAME, KEY.1.NAME
static bool read_list(const reader *rd, const char *key, const char *key_place, struct fy_event *start, int depth) {
  struct fy_token *token = fy_event_get_token(start);
  char *place = token ? place_of(rd, fy_token_start_mark(token)) : rn_copy_text(key_place);
  int made = -1, maps = 0;
  bool fine = !clash(rd, key, key_place);
  for (int i = 0; fine; i++) {
    struct fy_event *e = next(rd);
    if (!e) { fine = false; break; }
    bool end = e->type == FYET_SEQUENCE_END;
    if (!end) fine = !dressed(rd, e);
    if (fine && !end && i >= MOST_KEYS) fine = refuse(rd, e, "a list of more than %d items", MOST_KEYS);
    bool scalar = e->type == FYET_SCALAR;
    if (fine && !end && i > 0 && scalar != (maps == 0)) fine = refuse(rd, e, "a list of words and maps mixed; keep one kind");
    if (fine && (end ? i == 0 : scalar)) {
      if (made < 0) add(rd->r, key, "[]", place, key_place)->v.items = 0, made = rd->r->n - 1;
      char *text = end ? NULL : scalar_text(e);
      if (text) add_item(&rd->r->at[made], text);
      rn_free(text);
    } else if (fine && !end) {
      char *under = rn_printed("%s.%d", key, i);
      maps++;
      fine = strlen(under) <= MOST_KEY ? read_value(rd, under, key_place, e, depth) : refuse(rd, e, "a key of more than %d letters", MOST_KEY);
      rn_free(under);
      continue;                                                // read_value took the event
    }
    fy_parser_event_free(rd->parser, e);
    if (end) break;
  }
  if (fine && made >= 0) list_text(&rd->r->at[made]);
  rn_free(place);
  return fine;
}

// takes the event
static bool read_value(const reader *rd, const char *key, const char *key_place, struct fy_event *e, int depth) {
  bool fine = !dressed(rd, e);
  if (fine && e->type != FYET_SCALAR && depth == MOST_DEPTH) fine = refuse(rd, e, "nested deeper than %d levels", MOST_DEPTH);
  if (!fine) ;
  else if (e->type == FYET_SCALAR) fine = read_scalar(rd, key, key_place, e);
  else if (e->type == FYET_MAPPING_START) fine = read_map(rd, key, depth + 1);
  else if (e->type == FYET_SEQUENCE_START) fine = read_list(rd, key, key_place, e, depth + 1);
  else fine = refuse(rd, e, "no value here");
  fy_parser_event_free(rd->parser, e);
  return fine;
}

// stream and document begin, one value, both end
static bool read_document(const reader *rd, const char *key) {
  struct fy_event *e;
  for (e = next(rd); e && (e->type == FYET_STREAM_START || e->type == FYET_DOCUMENT_START); e = next(rd)) fy_parser_event_free(rd->parser, e);
  if (!e) return false;
  bool fine = !dressed(rd, e);
  if (fine && e->type == FYET_STREAM_END) fine = rn_fail(rd->err, "%s: empty; a recipe begins with `system: NAME` (see `rein systems`)", rd->name);
  if (fine && !*key && e->type != FYET_MAPPING_START) fine = refuse(rd, e, "a recipe is made of lines `key: value`, and begins with `system: NAME`");
  if (!fine) return fy_parser_event_free(rd->parser, e), false;
  if (!read_value(rd, key, rd->name, e, *key ? 1 : 0)) return false;
  for (e = next(rd); e && e->type == FYET_DOCUMENT_END; e = next(rd)) fy_parser_event_free(rd->parser, e);
  if (!e) return false;
  if (e->type != FYET_STREAM_END) fine = refuse(rd, e, "a second document (---); a recipe is one");
  fy_parser_event_free(rd->parser, e);
  return fine;
}

static bool parse_into(rn_recipe *r, const char *name, bool command, const char *key, const char *text, size_t n, rn_error *err) {
  struct fy_diag_cfg how;
  fy_diag_cfg_default(&how);
  how.fp = NULL, how.colorize = false;
  struct fy_diag *diag = fy_diag_create(&how);
  fy_diag_set_collect_errors(diag, true);
  const struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE | FYPCF_DEFAULT_VERSION_1_2, .diag = diag};
  struct fy_parser *parser = fy_parser_create(&cfg);
  RN_CHECK(parser != NULL, "libfyaml made no parser");
  reader rd = {r, parser, diag, name, command, err};
  bool fine = fy_parser_set_string(parser, text, n) == 0 ? read_document(&rd, key) : not_yaml(&rd);
  fy_parser_destroy(parser), fy_diag_destroy(diag);
  return fine;
}

//---- what YAML would take and a recipe does not --------------------------------------------------------------------------------------

// bytes of the UTF-8 letter at `at`, 0: none begins here
static size_t letter(const unsigned char *at, size_t left) {
  if (at[0] < 0x80) return 1;
  size_t n = at[0] >= 0xC2 && at[0] < 0xE0 ? 2 : at[0] >= 0xE0 && at[0] < 0xF0 ? 3 : at[0] >= 0xF0 && at[0] < 0xF5 ? 4 : 0;
  if (n == 0 || n > left) return 0;
  for (size_t i = 1; i < n; i++) if ((at[i] & 0xC0) != 0x80) return 0;
  bool overlong = (at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xF0 && at[1] < 0x90), surrogate = at[0] == 0xED && at[1] > 0x9F;
  return overlong || surrogate || (at[0] == 0xF4 && at[1] > 0x8F) ? 0 : n;
}

static bool plain_text(const char *name, const char *text, size_t n, rn_error *err) {
  if (n > MOST_BYTES) return rn_fail(err, "%s: %zu bytes; a recipe has at most %d", name, n, MOST_BYTES);
  int line = 1, column = 1;
  bool indent = true;
  for (size_t i = 0; i < n;) {
    unsigned char c = (unsigned char)text[i];
    size_t step = letter((const unsigned char *)text + i, n - i);
    if (c == 0) return rn_fail(err, "%s:%d:%d: a NUL byte; this is not a text file", name, line, column);
    if (step == 0) return rn_fail(err, "%s:%d:%d: byte 0x%02X is not UTF-8; save the file as UTF-8", name, line, column, c);
    if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F)
      return rn_fail(err, "%s:%d:%d: control character 0x%02X; this is not a text file", name, line, column, c);
    if (indent && c == '\t') return rn_fail(err, "%s:%d:%d: a tab; YAML is indented with spaces", name, line, column);
    indent = c == '\n' || (indent && c == ' ');
    if (c == '\n') line++, column = 1;
    else column++;
    i += step;
  }
  return true;
}

static bool only_space(const char *text, size_t n) {
  bool comment = false;
  for (size_t i = 0; i < n; i++) {
    if (text[i] == '\n') comment = false;
    else if (text[i] == '#') comment = true;
    else if (!comment && text[i] != ' ' && text[i] != '\r' && text[i] != '\t') return false;
  }
  return true;
}

rn_recipe *rn_recipe_parse(const char *name, const char *text, size_t n, rn_error *err) {
  if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3, n -= 3;      // an editor's mark
  if (!plain_text(name, text, n, err)) return NULL;
  if (only_space(text, n)) return rn_fail(err, "%s: empty; a recipe begins with `system: NAME` (see `rein systems`)", name), NULL;
  rn_recipe *r = rn_recipe_new(NULL);
  r->name = rn_copy_text(name);
  if (!parse_into(r, name, false, "", text, n, err)) return rn_recipe_free(r), NULL;
  return r;
}

rn_recipe *rn_recipe_read(const char *path, rn_error *err) {
  char *text;
  size_t n;
  long size = rn_file_size(path);
  if (size > MOST_BYTES) return rn_fail(err, "%s: %ld bytes; a recipe has at most %d", path, size, MOST_BYTES), NULL;
  if (!rn_read_file(path, &text, &n, err)) return NULL;
  rn_recipe *r = rn_recipe_parse(path, text, n, err);
  rn_free(text);
  return r;
}

//---- making and changing -------------------------------------------------------------------------------------------------------------

static const char COMMAND[] = "command line";

rn_recipe *rn_recipe_new(const char *system) {
  rn_recipe *r = rn_new(sizeof *r);
  if (system) rn_recipe_put(r, "system", system, COMMAND);
  return r;
}

void rn_recipe_free(rn_recipe *r) {
  if (!r) return;
  for (int i = 0; i < r->n; i++) clear(&r->at[i]);
  rn_free(r->at), rn_free(r->name), rn_free(r);
}

rn_recipe *rn_recipe_part(const rn_recipe *r, const char *under) {
  rn_recipe *part = rn_recipe_new(NULL);
  size_t skip = *under ? strlen(under) + 1 : 0;
  part->name = r->name ? rn_copy_text(r->name) : NULL;
  for (int i = 0; i < r->n; i++) if (below(r->at[i].v.key, under)) copy_into(part, &r->at[i].v, r->at[i].v.key + skip);
  return part;
}

rn_recipe *rn_recipe_copy(const rn_recipe *r) {
  rn_recipe *copy = rn_recipe_part(r, "");
  copy->system = r->system;
  return copy;
}

void rn_recipe_put(rn_recipe *r, const char *key, const char *text, const char *place) {
  int i = index_of(r, key);
  rn_given v = {.key = key, .text = text, .place = place, .key_place = place, .items = -1};
  entry *e = copy_into(r, &v, key);
  if (i >= 0) clear(&r->at[i]), r->at[i] = *e, r->n--;         // at the old one's place in the order
}

void rn_recipe_merge(rn_recipe *r, const rn_recipe *over) {
  for (int k = 0; k < over->n; k++) {
    const rn_given *v = &over->at[k].v;
    int i = index_of(r, v->key);
    entry *e = copy_into(r, v, v->key);
    if (i >= 0) clear(&r->at[i]), r->at[i] = *e, r->n--;
  }
}

void rn_recipe_drop(rn_recipe *r, const char *key) {
  for (int i = r->n - 1; i >= 0; i--) if (strcmp(r->at[i].v.key, key) == 0 || below(r->at[i].v.key, key)) remove_at(r, i);
}

bool rn_recipe_set(rn_recipe *r, const char *assignment, rn_error *err) {
  const char *equals = strchr(assignment, '=');
  if (!equals) return rn_fail(err, "command line: '%.100s' is not key=value", assignment);
  char *key = rn_printed("%.*s", (int)(equals - assignment), assignment);
  const char *text = equals + 1;
  int at = key_ok(key) && strlen(key) <= MOST_KEY ? index_of(r, key) : -1;
  bool fine = key_ok(key) && strlen(key) <= MOST_KEY;
  if (!fine) rn_fail(err, "command line: '%.60s' can't be a key: letters, digits, _ and within also - @ +, parted by dots", key);
  if (fine && !*text) fine = rn_fail(err, "command line: %s has no value; write %s=VALUE", key, key);
  if (fine && at >= 0 && strcmp(r->at[at].v.place, COMMAND) == 0 && strcmp(key, "system") != 0)
    fine = rn_fail(err, "command line: %s is given twice, %s and %s; keep one", key, r->at[at].v.text, text);
  if (fine && !plain_text(COMMAND, text, strlen(text), err)) fine = false;
  if (fine && (*text == '[' || *text == '{')) {
    rn_recipe *nested = rn_recipe_new(NULL);
    fine = parse_into(nested, COMMAND, true, key, text, strlen(text), err);
    if (fine) rn_recipe_merge(r, nested);
    rn_recipe_free(nested);
  } else if (fine) {
    rn_recipe_put(r, key, text, COMMAND);
    if (strcmp(text, "null") == 0) r->at[index_of(r, key)].v.null = true;
  }
  rn_free(key);
  return fine;
}

//---- asking --------------------------------------------------------------------------------------------------------------------------

int rn_recipe_count(const rn_recipe *r) { return r->n; }
const rn_given *rn_recipe_at(const rn_recipe *r, int i) { return i >= 0 && i < r->n ? &r->at[i].v : NULL; }
const rn_given *rn_recipe_find(const rn_recipe *r, const char *key) { return rn_recipe_at(r, index_of(r, key)); }

int rn_recipe_names(const rn_recipe *r, const char *under, const char ***names) {
  int n = 0;
  const char **list = rn_new(((size_t)r->n + 1) * sizeof *list);
  size_t skip = *under ? strlen(under) + 1 : 0;
  for (int i = 0; i < r->n; i++) {
    if (!below(r->at[i].v.key, under)) continue;
    const char *name = r->at[i].v.key + skip;
    size_t length = strcspn(name, ".");
    bool seen = false;
    for (int k = 0; k < n && !seen; k++) seen = strncmp(list[k], name, length) == 0 && list[k][length] == 0;
    if (!seen) list[n++] = rn_printed("%.*s", (int)length, name);
  }
  // one block: the list, then the words
  size_t bytes = ((size_t)n + 1) * sizeof *list;
  for (int i = 0; i < n; i++) bytes += strlen(list[i]) + 1;
  const char **block = rn_new(bytes);
  char *word = (char *)(block + n + 1);
  for (int i = 0; i < n; i++) block[i] = strcpy(word, list[i]), word += strlen(word) + 1, rn_free((void *)list[i]);
  rn_free(list);
  *names = block;
  return n;
}

void rn_recipe_bind(rn_recipe *r, const rn_system *system) { r->system = system; }
const rn_system *rn_recipe_bound(const rn_recipe *r) { return r->system; }
const char *rn_yaml_version(void) { return fy_library_version(); }
