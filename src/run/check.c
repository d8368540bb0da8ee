/* run/check.c - what a recipe's keys mean: known or not, of the right kind, in their bounds; values with their defaults; the resolved recipe. */
#include "rein/recipe.h"
#include <limits.h>

//---- values of a kind ----------------------------------------------------------------------------------------------------------------

static bool is_whole(double x) { return x == floor(x) && fabs(x) <= 9007199254740992.0; }

// "256x256", "none"
static bool is_shape(const char *text) {
  if (strcmp(text, "none") == 0) return true;
  for (int layers = 1; layers <= RN_MOST_LAYERS; layers++) {
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 6 || *text == '0') return false;
    text += digits;
    if (!*text) return true;
    if (*text++ != 'x') return false;
  }
  return false;
}

static bool is_choice(const rn_recipe_key *k, const char *text, int *index) {
  char word[64];
  for (int i = 0; rn_key_choice(k->choices, i, word, sizeof word); i++) if (strcmp(word, text) == 0) return *index = i, true;
  return false;
}

static bool is_number(const rn_given *v, double *x) { return v->items < 0 && !v->quoted && !v->null && rn_number(v->text, x) && isfinite(*x); }

static bool default_of(const rn_recipe_key *k, char *text, size_t room) {
  char *value = rn_key_default(k);
  snprintf(text, room, "%s", value ? value : "");
  rn_free(value);
  return text[0] != 0;
}

static bool wrong_kind(const rn_given *v, const rn_recipe_key *k, rn_error *err) {
  char why[96], usual[64], text[64];
  default_of(k, usual, sizeof usual);
  snprintf(why, sizeof why, "%s%s%s", usual[0] ? " (default " : "", usual, usual[0] ? ")" : "");
  snprintf(text, sizeof text, "%s%s%s", v->quoted ? "\"" : "", v->null ? "nothing" : v->text, v->quoted ? "\"" : "");
  if (k->kind != RN_KEY_CHOICE) return rn_fail(err, "%s: %s: %s is not %s%s", v->place, v->key, text, rn_key_kind_name(k->kind), why);
  char words[32][64];
  const char *names[32];
  int n = 0;
  while (n < 32 && rn_key_choice(k->choices, n, words[n], sizeof words[n])) names[n] = words[n], n++;
  const char *near = v->items < 0 && !v->null ? rn_nearest(v->text, n, names) : NULL;
  if (near) return rn_fail(err, "%s: %s: '%s' is none of %s; did you mean '%s'?", v->place, v->key, v->text, k->choices, near);
  return rn_fail(err, "%s: %s: '%s' is none of %s%s", v->place, v->key, v->null ? "nothing" : v->text, k->choices, why);
}

static bool in_bounds(const rn_given *v, const rn_recipe_key *k, double x, rn_error *err) {
  char usual[64];
  if (x >= k->least && x <= k->most) return true;
  if (default_of(k, usual, sizeof usual)) return rn_fail(err, "%s: %s: %s is outside %.10g .. %.10g (default %s)", v->place, v->key, v->text, k->least, k->most, usual);
  return rn_fail(err, "%s: %s: %s is outside %.10g .. %.10g", v->place, v->key, v->text, k->least, k->most);
}

static bool value_ok(const rn_given *v, const rn_recipe_key *k, rn_error *err) {
  double x;
  size_t bytes;
  int index;
  bool scalar = v->items < 0 && !v->null;
  switch (k->kind) {
  case RN_KEY_INT: return is_number(v, &x) && is_whole(x) ? in_bounds(v, k, x, err) : wrong_kind(v, k, err);
  case RN_KEY_REAL: return is_number(v, &x) ? in_bounds(v, k, x, err) : wrong_kind(v, k, err);
  case RN_KEY_BOOL: return (scalar && !v->quoted && (strcmp(v->text, "true") == 0 || strcmp(v->text, "false") == 0)) || wrong_kind(v, k, err);
  case RN_KEY_CHOICE: return (scalar && is_choice(k, v->text, &index)) || wrong_kind(v, k, err);
  case RN_KEY_TEXT: return (scalar && *v->text) || wrong_kind(v, k, err);
  case RN_KEY_SHAPE: return (scalar && is_shape(v->text)) || wrong_kind(v, k, err);
  case RN_KEY_BYTES: return (scalar && rn_bytes_parse(v->text, &bytes)) || wrong_kind(v, k, err);
  case RN_KEY_REALS:
    for (int i = 0; i < v->items; i++) if (!rn_number(v->item[i], &x) || !isfinite(x)) return wrong_kind(v, k, err);
    return v->items > 0 || is_number(v, &x) || wrong_kind(v, k, err);
  case RN_KEY_ANY: return true;
  }
  return false;
}

//---- keys ----------------------------------------------------------------------------------------------------------------------------

enum { MOST_NAMES = 256 };

// all names that may stand where `under` ends, for "did you mean"
static int names_of(const rn_system *s, const char *names[MOST_NAMES]) {
  static const char *const nested[] = {"phases", "columns", "slots", "stages"};
  rn_recipe_key k;
  int n = 0;
  for (int i = 0; n < MOST_NAMES - RN_COUNT(nested) && rn_recipe_key_at(s, i, &k); i++) names[n++] = k.name;
  for (int i = 0; i < RN_COUNT(nested); i++) names[n++] = nested[i];
  return n;
}

static bool unknown(const rn_given *v, const char *what, const char *word, const rn_system *s, int n, const char *const names[], rn_error *err) {
  const char *near = rn_nearest(word, n, names), *help = s ? s->name : "recipe", *of = s ? s->name : "a recipe";
  if (near) return rn_fail(err, "%s: no %s '%s' in %s; did you mean '%s'? `rein help %s` has the list", v->key_place, what, word, of, near, help);
  return rn_fail(err, "%s: no %s '%s' in %s; `rein help %s` has the list", v->key_place, what, word, of, help);
}

static bool check_phase(const rn_given *v, const rn_system *s, rn_error *err) {
  const char *names[MOST_NAMES], *rest = v->key + strlen("phases.");
  char phase[64];
  int n = 0;
  size_t length = strcspn(rest, ".");
  snprintf(phase, sizeof phase, "%.*s", (int)length, rest);
  for (; s && s->phases && s->phases[n].name && n < MOST_NAMES; n++) names[n] = s->phases[n].name;
  bool known = false;
  for (int i = 0; i < n; i++) known = known || strcmp(names[i], phase) == 0;
  if (!known) return unknown(v, "phase", phase, s, n, names, err);
  if (!rest[length]) return rn_fail(err, "%s: phases.%s holds keys of its own, as in phases.%s.steps: 1", v->place, phase, phase);
  rn_recipe_key k;
  for (n = 0; rn_phase_key_at(n, &k); n++) {
    names[n] = k.name;
    if (strcmp(k.name, rest + length + 1) == 0) return value_ok(v, &k, err);
  }
  return unknown(v, "phase key", rest + length + 1, s, n, names, err);
}

static bool check_slot(const rn_given *v, const rn_system *s, rn_error *err) {
  const char *names[MOST_NAMES], *slot = v->key + strlen("slots.");
  int n = 0;
  for (int i = 0; s && s->needs && s->needs[i].name && n < MOST_NAMES; i++)
    if (s->needs[i].slot != RN_SLOT_CLASS && s->needs[i].slot != RN_SLOT_COLUMN) names[n++] = s->needs[i].name;
  for (int i = 0; s && s->needs && s->needs[i].name; i++)      // a judge may be a list of numbers
    if (s->needs[i].slot == RN_SLOT_JUDGE && strcmp(s->needs[i].name, slot) == 0) return !v->null || rn_fail(err, "%s: %s: is empty", v->place, v->key);
  for (int i = 0; i < n; i++) if (strcmp(names[i], slot) == 0) return (v->items < 0 && !v->null) || rn_fail(err, "%s: %s: a slot is one name", v->place, v->key);
  return unknown(v, "slot", slot, s, n, names, err);
}

static bool starts(const char *key, const char *with) { return strncmp(key, with, strlen(with)) == 0; }

static bool check_key(const rn_given *v, const rn_system *s, rn_error *err) {
  static const char *const nested[] = {"phases", "columns", "slots", "stages"};
  rn_recipe_key k;
  if (rn_recipe_key_find(s, v->key, &k)) return value_ok(v, &k, err);
  for (int i = 0; i < RN_COUNT(nested); i++)
    if (strcmp(v->key, nested[i]) == 0) return rn_fail(err, "%s: %s holds keys of its own, as in %s.NAME", v->place, v->key, v->key);
  if (starts(v->key, "columns.") || starts(v->key, "stages.")) return true;
  if (starts(v->key, "phases.")) return check_phase(v, s, err);
  if (starts(v->key, "slots.")) return check_slot(v, s, err);
  // KEY.BLOCK; names of blocks are known when the system is built
  char head[64];
  const char *dot = strchr(v->key, '.');
  snprintf(head, sizeof head, "%.*s", dot ? (int)(dot - v->key) : 0, v->key);
  if (dot && rn_recipe_key_find(s, head, &k) && (k.flags & RN_KEY_BLOCK)) return value_ok(v, &k, err);
  const char *names[MOST_NAMES];
  return unknown(v, "option", v->key, s, names_of(s, names), names, err);
}

static bool check_stage(const rn_recipe *r, const char *name, rn_error *err) {
  char *under = rn_printed("stages.%s", name);
  rn_recipe *stage = rn_recipe_part(r, under);
  static const char *const own[] = {"as", "each", "measure", "slots", "code"};     // of stages alone; their runner reads them
  const rn_given *first = rn_recipe_at(stage, 0);
  bool fine = first || rn_fail(err, "%s: %s: a stage holds keys of its own: system, data, ...", rn_recipe_place(r, under), under);
  if (fine && !rn_recipe_find(stage, "system") && rn_recipe_find(stage, "measure"))
    rn_recipe_put(stage, "system", rn_recipe_find(stage, "measure")->text, rn_recipe_find(stage, "measure")->place);
  for (int i = 0; i < RN_COUNT(own); i++) rn_recipe_drop(stage, own[i]);
  if (fine && !rn_recipe_find(stage, "system")) fine = rn_fail(err, "%s: stage '%s' names no system", first->key_place, name);
  const rn_system *system = fine ? rn_recipe_system(stage, err) : NULL;
  fine = system && rn_recipe_check(stage, system, err);
  rn_recipe_free(stage), rn_free(under);
  return fine;
}

bool rn_recipe_check(rn_recipe *r, const rn_system *system, rn_error *err) {
  for (int i = 0; i < rn_recipe_count(r); i++) if (!check_key(rn_recipe_at(r, i), system, err)) return false;
  const char **names;
  int n = rn_recipe_names(r, "stages", &names);
  bool fine = true;
  for (int i = 0; i < n && fine; i++) fine = check_stage(r, names[i], err);
  rn_free(names);
  if (fine) rn_recipe_bind(r, system);
  return fine;
}

const rn_system *rn_recipe_system(const rn_recipe *r, rn_error *err) {
  const rn_given *v = rn_recipe_find(r, "system");
  if (!v) return rn_fail(err, "no system named; write system: NAME (`rein systems` lists them)"), NULL;
  const rn_system *s = v->items < 0 && !v->null ? rn_system_find(v->text) : NULL;
  if (s) return s;
  int n;
  const rn_system *const *all = rn_systems(&n);
  const char *names[MOST_NAMES];
  for (int i = 0; i < n && i < MOST_NAMES; i++) names[i] = all[i]->name;
  const char *near = rn_nearest(v->text, RN_MIN(n, MOST_NAMES), names);
  if (near) rn_fail(err, "%s: no system '%s'; did you mean '%s'? `rein systems` lists them", v->place, v->text, near);
  else rn_fail(err, "%s: no system '%s'; `rein systems` lists them", v->place, v->text);
  return NULL;
}

bool rn_recipe_needs(const rn_recipe *r, const rn_system *s, rn_error *err) {
  for (const rn_need *n = s->needs; n && n->name; n++) {
    if (n->optional || n->slot == RN_SLOT_CLASS || n->slot == RN_SLOT_COLUMN) continue;
    char *slot = rn_printed("slots.%s", n->name);
    bool top = strcmp(n->name, "data") == 0 || strcmp(n->name, "env") == 0, given = rn_recipe_find(r, slot) || (top && rn_recipe_find(r, n->name));
    rn_free(slot);
    if (given) continue;
    const char *like = n->slot == RN_SLOT_ENV ? "NAME (`rein envs` lists them)" : n->slot == RN_SLOT_SOURCE ? "FILE" : n->slot == RN_SLOT_RUN || n->slot == RN_SLOT_POLICY ? "RUN" : "VALUE";
    return rn_fail(err, "%s needs %s: %s; give %s%s=%s", s->name, n->name, n->why ? n->why : "a source", top ? "" : "slots.", n->name, like);
  }
  return true;
}

//---- values with defaults --------------------------------------------------------------------------------------------------------------

const char *rn_recipe_text(const rn_recipe *r, const char *key) {
  const rn_given *v = rn_recipe_find(r, key);
  rn_recipe_key k;
  if (v) return v->null ? NULL : v->text;
  if (!rn_recipe_key_find(rn_recipe_bound(r), key, &k) || (k.flags & (RN_KEY_OWN | RN_KEY_UNSET))) return NULL;
  if (k.kind != RN_KEY_CHOICE) return k.text;
  static _Thread_local char word[64];
  return rn_key_choice(k.choices, (int)k.value, word, sizeof word) ? word : NULL;
}

double rn_recipe_real(const rn_recipe *r, const char *key) {
  const rn_given *v = rn_recipe_find(r, key);
  rn_recipe_key k;
  double x;
  if (v) return is_number(v, &x) ? x : NAN;
  if (!rn_recipe_key_find(rn_recipe_bound(r), key, &k) || (k.flags & (RN_KEY_OWN | RN_KEY_UNSET))) return NAN;
  return k.kind == RN_KEY_INT || k.kind == RN_KEY_REAL ? k.value : NAN;
}

long rn_recipe_int(const rn_recipe *r, const char *key) {
  double x = rn_recipe_real(r, key);
  return isfinite(x) && is_whole(x) ? (long)x : -1;
}

bool rn_recipe_bool(const rn_recipe *r, const char *key) {
  const char *text = rn_recipe_text(r, key);
  return text && strcmp(text, "true") == 0;
}

size_t rn_recipe_bytes(const rn_recipe *r, const char *key) {
  size_t bytes = 0;
  const char *text = rn_recipe_text(r, key);
  return text && rn_bytes_parse(text, &bytes) ? bytes : 0;
}

int rn_recipe_reals(const rn_recipe *r, const char *key, int most, double *out) {
  const rn_given *v = rn_recipe_find(r, key);
  if (!v) return 0;
  if (v->items < 0) return most > 0 && rn_number(v->text, out) ? 1 : 0;
  int n = 0;
  while (n < v->items && n < most && rn_number(v->item[n], &out[n])) n++;
  return n;
}

const char *rn_recipe_place(const rn_recipe *r, const char *key) {
  const rn_given *v = rn_recipe_find(r, key);
  return v ? v->place : "default";
}

bool rn_recipe_fill(const rn_recipe *r, const rn_system *s, void *self, rn_error *err) {
  for (const rn_option *o = s->options; o && o->name; o++) {
    const rn_given *v = rn_recipe_find(r, o->name);
    rn_recipe_key k;
    rn_recipe_key_find(s, o->name, &k);
    double x = o->value;
    int index = (int)o->value;
    if (v && !value_ok(v, &k, err)) return false;
    if (v && o->kind == RN_OPT_BOOL) x = strcmp(v->text, "true") == 0;
    else if (v && o->kind == RN_OPT_CHOICE) is_choice(&k, v->text, &index);
    else if (v) rn_number(v->text, &x);
    void *field = (char *)self + o->at;
    if (o->kind == RN_OPT_INT && (x > INT_MAX || x < INT_MIN)) return rn_fail(err, "%s: %s: %.0f does not fit; at most %d", rn_recipe_place(r, o->name), o->name, x, INT_MAX);
    if (o->kind == RN_OPT_INT) *(int *)field = (int)x;
    else if (o->kind == RN_OPT_REAL) *(double *)field = x;
    else if (o->kind == RN_OPT_BOOL) *(bool *)field = x != 0;
    else *(int *)field = index;
  }
  return true;
}

void rn_recipe_settings(const rn_recipe *r, rn_run *run) {
  rn_recipe_key k;
  for (int i = 0; rn_recipe_key_at(rn_recipe_bound(r), i, &k); i++) {
    char *value = rn_key_default(&k);
    if (value && !(k.flags & RN_KEY_OPTION) && !rn_recipe_find(r, k.name)) rn_set(run, k.name, value);
    rn_free(value);
  }
  for (int i = 0; i < rn_recipe_count(r); i++) {
    const rn_given *v = rn_recipe_at(r, i);
    if (!v->null && !starts(v->key, "stages.")) rn_set(run, v->key, v->text);
  }
}

// a name or a list of names
static int names_in(const rn_recipe *r, const char *key, const char *const **names) {
  const rn_given *v = rn_recipe_find(r, key);
  if (!v || v->null) return *names = NULL, 0;
  return *names = v->items < 0 ? &v->text : v->item, v->items < 0 ? 1 : v->items;
}

bool rn_recipe_columns(const rn_recipe *r, rn_columns *c, rn_error *err) {
  static const char *const known[] = {"obs", "act", "next", "reward", "terminated", "truncated", "episode", "time"};
  *c = (rn_columns){0};
  c->n_obs = names_in(r, "columns.obs", &c->obs), c->n_act = names_in(r, "columns.act", &c->act), c->n_next = names_in(r, "columns.next", &c->next);
  const char **one[] = {&c->reward, &c->terminated, &c->truncated, &c->episode, &c->time};
  for (int i = 0; i < rn_recipe_count(r); i++) {
    const rn_given *v = rn_recipe_at(r, i);
    if (!starts(v->key, "columns.")) continue;
    const char *name = v->key + strlen("columns.");
    int at = 0;
    while (at < RN_COUNT(known) && strcmp(known[at], name) != 0) at++;
    if (at == RN_COUNT(known)) {
      const char *near = rn_nearest(name, RN_COUNT(known), known);
      return rn_fail(err, "%s: columns has no '%s'%s%s%s; it has obs, act, next, reward, terminated, truncated, episode, time", v->key_place, name,
                     near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    if (at < 3) continue;
    if (v->items >= 0) return rn_fail(err, "%s: columns.%s is one name, not a list", v->place, name);
    *one[at - 3] = v->null ? NULL : v->text;
  }
  return true;
}

bool rn_recipe_sampling(const rn_recipe *r, const char *phase, rn_sampling *out) {
  static const struct { const char *name; rn_sampling_kind kind; } kinds[] = {{"uniform", RN_UNIFORM}, {"top", RN_TOP}, {"rw", RN_RW}, {"aw", RN_AW}};
  char *of_phase = rn_printed("phases.%s.sampler", phase ? phase : "");
  const char *word = phase ? rn_recipe_text(r, of_phase) : NULL;
  rn_free(of_phase);
  if (!word) word = rn_recipe_text(r, "sampler");
  *out = (rn_sampling){.alpha = rn_recipe_real(r, "sampler.alpha"), .fraction = rn_recipe_real(r, "sampler.fraction")};
  for (int i = 0; word && i < RN_COUNT(kinds); i++) if (strcmp(kinds[i].name, word) == 0) return out->kind = kinds[i].kind, true;
  return false;
}

//---- the resolved recipe ---------------------------------------------------------------------------------------------------------------

static const char WORD[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-@";

static void say_word(rn_text *t, const char *text, bool quoted, bool in_list) {
  size_t n = strlen(text);
  bool plain = !quoted && n > 0 && !strchr("-@", text[0]) && strcmp(text, "...") != 0;
  for (const char *at = text; plain && *at; at++)
    plain = strchr(WORD, *at) || (!in_list && at > text && strchr("(),=%", *at)) || (!in_list && *at == ':' && at > text && at[1] && at[1] != ' ');
  double x;
  if (n > 1 && text[0] == '-' && !quoted && rn_number(text, &x)) plain = true;
  if (in_list && (strcmp(text, "null") == 0 || strcmp(text, "~") == 0)) plain = true;
  if (plain) rn_say_text(t, "%s", text);
  else rn_say_json(t, text);
}

static void say_value(rn_text *t, const rn_given *v) {
  if (v->items < 0 && v->null) rn_say_text(t, "null");
  else if (v->items < 0) say_word(t, v->text, v->quoted, false);
  else {
    rn_say_text(t, "[");
    for (int i = 0; i < v->items; i++) rn_say_text(t, i ? ", " : ""), say_word(t, v->item[i], false, true);
    rn_say_text(t, "]");
  }
  rn_say_text(t, "\n");
}

// keys below `under`, nested as they were
static void say_nested(rn_text *t, const rn_recipe *r, const char *under, int depth) {
  const char **names;
  int n = rn_recipe_names(r, under, &names);
  for (int i = 0; i < n; i++) {
    char *key = *under ? rn_printed("%s.%s", under, names[i]) : rn_copy_text(names[i]);
    const rn_given *v = rn_recipe_find(r, key);
    const char **inner;
    int below = rn_recipe_names(r, key, &inner);
    rn_free(inner);
    if (v) rn_say_text(t, "%*s%s: ", 2 * depth, "", names[i]), say_value(t, v);
    if (below && !v) rn_say_text(t, "%*s%s:\n", 2 * depth, "", names[i]), say_nested(t, r, key, depth + 1);
    // a scalar that also has keys below it: those stand beside it, dotted
    for (int k = 0; below && v && k < rn_recipe_count(r); k++) {
      const rn_given *w = rn_recipe_at(r, k);
      if (starts(w->key, key) && w->key[strlen(key)] == '.') rn_say_text(t, "%*s%s: ", 2 * depth, "", w->key + (*under ? strlen(under) + 1 : 0)), say_value(t, w);
    }
    rn_free(key);
  }
  rn_free(names);
}

static void say_blocks(rn_text *t, const rn_recipe *r, const char *key) {
  rn_recipe_key k;
  for (int i = 0; i < rn_recipe_count(r); i++) {
    const rn_given *v = rn_recipe_at(r, i);
    if (starts(v->key, key) && v->key[strlen(key)] == '.' && !rn_recipe_key_find(rn_recipe_bound(r), v->key, &k)) rn_say_text(t, "%s: ", v->key), say_value(t, v);
  }
}

char *rn_recipe_print(const rn_recipe *r, const rn_system *s) {
  static const char *const nested[] = {"phases", "columns", "slots", "stages"};
  rn_text t = {0}, unset = {0};
  rn_recipe_key k;
  if (!s) say_nested(&t, r, "", 0);
  for (int i = 0; s && rn_recipe_key_at(s, i, &k); i++) {
    const rn_given *v = rn_recipe_find(r, k.name);
    char *value = rn_key_default(&k);
    if (v) rn_say_text(&t, "%s: ", k.name), say_value(&t, v);
    else if (value) rn_say_text(&t, "%s: ", k.name), say_word(&t, value, false, false), rn_say_text(&t, "\n");
    else rn_say_text(&unset, "%s%s", unset.n ? ", " : "", k.name);
    if (k.flags & RN_KEY_BLOCK) say_blocks(&t, r, k.name);
    rn_free(value);
  }
  for (int i = 0; s && i < RN_COUNT(nested); i++) {
    rn_recipe *part = rn_recipe_part(r, nested[i]);
    if (rn_recipe_count(part)) rn_say_text(&t, "%s:\n", nested[i]), say_nested(&t, part, "", 1);
    rn_recipe_free(part);
  }
  if (unset.n) rn_say_text(&t, "# not set: %s\n", unset.at);
  rn_free(unset.at);
  return t.at ? t.at : rn_copy_text("");
}
