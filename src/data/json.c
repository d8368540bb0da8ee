/* data/json.c - a small reader of JSON for logs and descriptions that come with data sets. Not jansson: Python writes NaN, Infinity and
 * -Infinity, which no strict reader takes, and a log's line is read without a tree's cost in a confined child. */
#include "inner.h"
#include <math.h>
#include <string.h>

enum { DEEPEST = 64 };
typedef struct { const char *place, *start, *at, *end; rn_error *err; } text;

static bool wrong(text *t, const char *what) {
  int line = 1, at = 1;
  for (const char *c = t->start; c < t->at; c++) at = *c == '\n' ? line++, 1 : at + 1;
  return rn_fail(t->err, "%s:%d:%d: %s", t->place, line, at, what);
}

static void skip_space(text *t) { while (t->at < t->end && (*t->at == ' ' || *t->at == '\t' || *t->at == '\n' || *t->at == '\r')) t->at++; }

static bool take(text *t, const char *word) {
  size_t n = strlen(word);
  if ((size_t)(t->end - t->at) < n || memcmp(t->at, word, n) != 0) return false;
  t->at += n;
  return true;
}

static int hex4(text *t) {
  int x = 0;
  if (t->end - t->at < 4) return -1;
  for (int i = 0; i < 4; i++) {
    char c = *t->at++;
    int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (d < 0) return -1;
    x = x * 16 + d;
  }
  return x;
}

static void say_code(rn_text *out, unsigned x) {
  char b[4];
  int n = 0;
  if (x < 0x80) b[n++] = (char)x;
  else if (x < 0x800) b[n++] = (char)(0xc0 | x >> 6), b[n++] = (char)(0x80 | (x & 63));
  else if (x < 0x10000) b[n++] = (char)(0xe0 | x >> 12), b[n++] = (char)(0x80 | (x >> 6 & 63)), b[n++] = (char)(0x80 | (x & 63));
  else b[n++] = (char)(0xf0 | x >> 18), b[n++] = (char)(0x80 | (x >> 12 & 63)), b[n++] = (char)(0x80 | (x >> 6 & 63)), b[n++] = (char)(0x80 | (x & 63));
  rn_say_bytes(out, b, (size_t)n);
}

static bool read_escape(text *t, rn_text *out) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  char c = t->at < t->end ? *t->at++ : 0;
  const char *k = c ? strchr(from, c) : NULL;
  if (k) { rn_say_bytes(out, &to[k - from], 1); return true; }
  int x = c == 'u' ? hex4(t) : -1;
  if (x <= 0) return wrong(t, "no such escape in a text");      // \u0000 would end our text early
  if (x >= 0xd800 && x < 0xdc00) {
    int low = take(t, "\\u") ? hex4(t) : -1;
    if (low < 0xdc00 || low > 0xdfff) return wrong(t, "half of a surrogate pair");
    x = 0x10000 + ((x - 0xd800) << 10) + low - 0xdc00;
  } else if (x >= 0xdc00 && x < 0xe000) return wrong(t, "half of a surrogate pair");
  say_code(out, (unsigned)x);
  return true;
}

static bool read_text(text *t, char **out) {
  rn_text into = {0};
  rn_say_bytes(&into, "", 0);
  t->at++;
  for (;;) {
    const char *run = t->at;
    while (t->at < t->end && *t->at != '"' && *t->at != '\\' && (unsigned char)*t->at >= 0x20) t->at++;
    rn_say_bytes(&into, run, (size_t)(t->at - run));
    if (t->at < t->end && *t->at == '"') break;
    bool fine = t->at < t->end && *t->at == '\\' ? (t->at++, read_escape(t, &into)) : wrong(t, "a text does not end");
    if (!fine) return rn_free(into.at), false;
  }
  t->at++;
  *out = into.at;
  return true;
}

static bool read_number(text *t, rn_json *out) {
  char word[64];
  int n = 0;
  out->kind = JSON_NUMBER;
  if (take(t, "NaN")) return out->number = NAN, true;
  if (take(t, "Infinity")) return out->number = INFINITY, true;
  if (take(t, "-Infinity")) return out->number = -INFINITY, true;
  bool whole = true;
  while (t->at < t->end && n < 63 && (strchr("+-.eE", *t->at) ? *t->at != 0 : *t->at >= '0' && *t->at <= '9')) {
    whole = whole && (*t->at >= '0' ? *t->at <= '9' : *t->at == '-');
    word[n++] = *t->at++;
  }
  word[n] = 0;
  if (n == 0 || !rn_number(word, &out->number)) return wrong(t, "no value");
  // numbers of episodes beyond 2^53 must not be rounded
  uint64_t x = 0;
  bool minus = word[0] == '-';
  for (const char *c = word + minus; whole && *c; c++)
    whole = *c >= '0' && *c <= '9' && !__builtin_mul_overflow(x, 10u, &x) && !__builtin_add_overflow(x, (uint64_t)(*c - '0'), &x);
  out->whole = whole && x <= (uint64_t)INT64_MAX;
  out->integer = out->whole ? (minus ? -(int64_t)x : (int64_t)x) : 0;
  return true;
}

static bool read_value(text *t, rn_json *out, int depth);

static bool read_items(text *t, rn_json *out, int depth) {
  bool map = out->kind == JSON_MAP;
  char end = map ? '}' : ']';
  int room = 0;
  t->at++, skip_space(t);
  if (t->at < t->end && *t->at == end) { t->at++; return true; }
  for (;; t->at++, skip_space(t)) {
    if (out->n == room) {
      int more = room * 2 + 4;
      out->item = rn_grow(out->item, (size_t)room * sizeof *out->item, (size_t)more * sizeof *out->item);
      if (map) out->key = rn_grow(out->key, (size_t)room * sizeof *out->key, (size_t)more * sizeof *out->key);
      room = more;
    }
    if (map) {
      if (t->at == t->end || *t->at != '"') return wrong(t, "a key in quotes is missing");
      if (!read_text(t, &out->key[out->n])) return false;
      for (int i = 0; i < out->n && out->n < 4096; i++)
        if (strcmp(out->key[i], out->key[out->n]) == 0) return out->n++, wrong(t, "a key is there twice");
      skip_space(t);
      if (t->at == t->end || *t->at != ':') return out->n++, wrong(t, "a colon is missing");
      t->at++;
    }
    if (!read_value(t, &out->item[out->n++], depth + 1)) return false;
    skip_space(t);
    if (t->at < t->end && *t->at == end) { t->at++; return true; }
    if (t->at == t->end || *t->at != ',') return wrong(t, map ? "a comma or } is missing" : "a comma or ] is missing");
  }
}

static bool read_value(text *t, rn_json *out, int depth) {
  skip_space(t);
  if (depth > DEEPEST) return wrong(t, "more than 64 levels");
  if (t->at == t->end) return wrong(t, "the text ends where a value should be");
  if (*t->at == '{' || *t->at == '[') return out->kind = *t->at == '{' ? JSON_MAP : JSON_LIST, read_items(t, out, depth);
  if (*t->at == '"') return out->kind = JSON_TEXT, read_text(t, &out->text);
  if (take(t, "null")) return out->kind = JSON_NULL, true;
  if (take(t, "true")) return out->kind = JSON_BOOL, out->number = out->integer = 1, true;
  if (take(t, "false")) return out->kind = JSON_BOOL, true;
  return read_number(t, out);
}

bool rn_json_read(const char *place, const char *from, size_t n, rn_json *out, rn_error *err) {
  text t = {place, from, from, from + n, err};
  *out = (rn_json){0};
  bool fine = read_value(&t, out, 0);
  if (fine) skip_space(&t);
  if (fine && t.at < t.end) fine = wrong(&t, "something follows the value");
  if (!fine) rn_json_free(out);
  return fine;
}

void rn_json_free(rn_json *j) {
  for (int i = 0; i < j->n; i++) {
    rn_json_free(&j->item[i]);
    if (j->key) rn_free(j->key[i]);
  }
  rn_free(j->item), rn_free(j->key), rn_free(j->text);
  *j = (rn_json){0};
}

const rn_json *rn_json_get(const rn_json *map, const char *key) {
  for (int i = 0; map && map->kind == JSON_MAP && i < map->n; i++) if (strcmp(map->key[i], key) == 0) return &map->item[i];
  return NULL;
}

const char *rn_json_text(const rn_json *map, const char *key) {
  const rn_json *j = rn_json_get(map, key);
  return j && j->kind == JSON_TEXT ? j->text : NULL;
}
