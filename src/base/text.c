/* base/text.c - growing text, JSON strings, nearest names, hashes. */
#include "rein/base.h"
#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

static void room_for(rn_text *t, size_t more) {
  size_t need = t->n + more + 1;
  if (need <= t->room) return;
  size_t room = RN_MAX(need, t->room * 2 + 64);
  t->at = rn_grow(t->at, t->room, room), t->room = room;
}

void rn_say_bytes(rn_text *t, const void *bytes, size_t n) {
  room_for(t, n);
  memcpy(t->at + t->n, bytes, n);
  t->at[t->n += n] = 0;
}

static void say_list(rn_text *t, const char *format, va_list list) {
  va_list again;
  va_copy(again, list);
  int n = vsnprintf(NULL, 0, format, again);
  va_end(again);
  RN_CHECK(n >= 0, "format '%s' can't be printed", format);
  room_for(t, (size_t)n);
  vsnprintf(t->at + t->n, (size_t)n + 1, format, list);
  t->n += (size_t)n;
}

void rn_say_text(rn_text *t, const char *format, ...) {
  va_list list;
  va_start(list, format);
  say_list(t, format, list);
  va_end(list);
}

char *rn_printed(const char *format, ...) {
  rn_text t = {0};
  va_list list;
  va_start(list, format);
  say_list(&t, format, list);
  va_end(list);
  return t.at;
}

void rn_say_json(rn_text *t, const char *s) {
  rn_say_bytes(t, "\"", 1);
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    if (c == '"' || c == '\\') rn_say_text(t, "\\%c", c);
    else if (c < 0x20) rn_say_text(t, "\\u%04x", c);
    else rn_say_bytes(t, s, 1);
  }
  rn_say_bytes(t, "\"", 1);
}

// Levenshtein distance, at most 63 letters each
static int distance(const char *a, const char *b) {
  int row[64], n = (int)strlen(a), m = (int)strlen(b);
  if (n > 63 || m > 63) return 99;
  for (int j = 0; j <= m; j++) row[j] = j;
  for (int i = 1; i <= n; i++) {
    int corner = row[0];
    row[0] = i;
    for (int j = 1; j <= m; j++) {
      int was = row[j], change = corner + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
      row[j] = RN_MIN(change, RN_MIN(was, row[j - 1]) + 1);
      corner = was;
    }
  }
  return row[m];
}

const char *rn_nearest(const char *word, int n, const char *const names[]) {
  const char *best = NULL;
  int length = (int)strlen(word), least = RN_MAX(2, length / 2) + 1;
  for (int i = 0; i < n; i++) {
    if (!names[i]) continue;
    int d = distance(word, names[i]);
    if (d < least && d < RN_MAX(length, (int)strlen(names[i]))) least = d, best = names[i];      // something must be common
  }
  return best;
}

uint64_t rn_hash(const void *bytes, size_t n, uint64_t seed) { return XXH3_64bits_withSeed(bytes, n, seed); }

bool rn_number(const char *text, double *out) {
  static locale_t plain;
  if (!plain) plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  char *end;
  while (isspace((unsigned char)*text)) text++;
  if (!*text) return false;
  double x = strtod_l(text, &end, plain);
  while (isspace((unsigned char)*end)) end++;
  if (*end || x != x) return false;
  *out = x;
  return true;
}
