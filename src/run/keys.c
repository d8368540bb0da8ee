/* run/keys.c - the engine's own keys of a recipe. This table and the systems' option tables are all there is: reading, checking, help,
 * schema, completion, the man page and the printed recipe are made from them. */
#include "rein/recipe.h"
#include <float.h>

static const double ANY = 9007199254740992.0;                  // 2^53: whole numbers are exact up to here

#define INT(name, value, least, most, help, ...) {name, RN_KEY_INT, value, least, most, NULL, NULL, help, ##__VA_ARGS__}
#define REAL(name, value, least, most, help, ...) {name, RN_KEY_REAL, value, least, most, NULL, NULL, help, ##__VA_ARGS__}
#define CHOICE(name, index, choices, help, ...) {name, RN_KEY_CHOICE, index, 0, 64, NULL, choices, help, ##__VA_ARGS__}
#define WORD(name, kind, text, help, ...) {name, kind, 0, 0, 0, text, NULL, help, ##__VA_ARGS__}

// the system's options stand between the two
static const rn_recipe_key before[] = {
  WORD("system", RN_KEY_TEXT, NULL, "what learns, plans or measures: a name of `rein systems`", RN_KEY_UNSET),
  WORD("data", RN_KEY_TEXT, NULL, "the log to learn from: a file or folder that `rein data show` reads, or mdp:random(S,A,H,seed)", RN_KEY_UNSET),
  WORD("env", RN_KEY_TEXT, NULL, "the environment: a name of `rein envs`, or ./my_env.so", RN_KEY_UNSET),
  WORD("from", RN_KEY_TEXT, NULL, "a run to go on from: blocks of the same name and shape start with its values", RN_KEY_UNSET),
  INT("seed", 1, 0, ANY, "seed of everything that is random"),
  INT("seeds", 1, 1, 10000, "train this many, with seed, seed + 1, ...; one process a core"),
};

static const rn_recipe_key after[] = {
  WORD("policy", RN_KEY_TEXT, NULL, "class of the policy: a name of `rein policies`", RN_KEY_BLOCK | RN_KEY_OWN),
  WORD("hidden", RN_KEY_SHAPE, NULL, "hidden layers: 256x256, or none", RN_KEY_BLOCK | RN_KEY_OWN),
  CHOICE("activation", 0, "relu|tanh|silu", "after each hidden layer", RN_KEY_BLOCK | RN_KEY_OWN),
  WORD("layernorm", RN_KEY_BOOL, NULL, "layer normalisation after each hidden product", RN_KEY_BLOCK | RN_KEY_OWN),
  REAL("dropout", 0, 0, 0.95, "share of hidden units dropped in updates", RN_KEY_BLOCK | RN_KEY_OWN),
  CHOICE("init", 0, "orthogonal|fan-in", "first weights: orthogonal, or uniform within 1/sqrt(inputs)", RN_KEY_BLOCK | RN_KEY_OWN),
  INT("batch", 256, 1, 1048576, "rows of an update"),
  CHOICE("sampler", 0, "uniform|top|rw|aw", "which rows: all alike; of the best episodes; weighted by return; by advantage over the start"),
  REAL("sampler.alpha", 0.1, 1e-6, 1e6, "temperature of rw and aw; small: only the best episodes"),
  REAL("sampler.fraction", 0.1, 1e-6, 1, "share of the best episodes that `top` keeps"),
  CHOICE("normalise", 0, "none|data|running", "observations: as they are; by the log's mean and deviation; by those of what was seen", RN_KEY_OWN),
  REAL("reward_scale", 1, -1e9, 1e9, "rewards are multiplied by this, then reward_bias is added"),
  REAL("reward_bias", 0, -1e9, 1e9, "added to each reward"),
  WORD("act_low", RN_KEY_REALS, NULL, "lowest action, a number or a list, where the log does not say", RN_KEY_UNSET),
  WORD("act_high", RN_KEY_REALS, NULL, "highest action, a number or a list, where the log does not say", RN_KEY_UNSET),
  INT("rows", 1, 1, 65536, "copies of the environment stepped together"),
  INT("limit", 0, 0, 1e9, "steps after which an episode is cut; 0: the environment's own"),
  INT("capacity", 1000000, 1, 4e9, "transitions that the replay keeps"),
  INT("every", 10000, 1, 2e9, "updates between two checkpoints"),
  INT("evaluate", 10000, 0, 2e9, "updates between two evaluations; 0: only at the end"),
  INT("episodes", 10, 1, 1e6, "episodes of an evaluation"),
  INT("log", 1000, 1, 2e9, "updates between two rows of the run's log"),
  INT("threads", 0, 0, 64, "threads of a run; 0: one a core (of seeds=N: one in all). Results do not depend on it"),
  WORD("mem", RN_KEY_BYTES, "0", "memory that the run may take, as 2G or 512M; 0: no limit"),
};

static const rn_recipe_key of_phase[] = {
  INT("steps", 0, 0, 1e6, "environment steps at each update", RN_KEY_OWN),
  INT("warmup", 0, 0, 2e9, "environment steps before the first update", RN_KEY_OWN),
  INT("batch", 0, 1, 1048576, "rows of an update in this phase", RN_KEY_OWN),
  INT("updates", 0, 1, 1e6, "updates after each collection", RN_KEY_OWN),
  REAL("log_share", 0, 0, 1, "share of a batch that comes from the log, the rest from new steps; not set: all rows alike", RN_KEY_OWN),
  CHOICE("sampler", 0, "uniform|top|rw|aw", "which rows, in this phase", RN_KEY_OWN),
};

static const struct { const char *name, *json; } kinds[] = {
  [RN_KEY_INT] = {"a whole number", "integer"}, [RN_KEY_REAL] = {"a number", "number"}, [RN_KEY_BOOL] = {"true or false", "boolean"},
  [RN_KEY_CHOICE] = {"one of its words", NULL}, [RN_KEY_TEXT] = {"a text", "string"}, [RN_KEY_SHAPE] = {"widths of layers such as 64x64, or none", NULL},
  [RN_KEY_BYTES] = {"a size such as 2G or 512M", NULL}, [RN_KEY_REALS] = {"a number or a list of numbers", NULL}, [RN_KEY_ANY] = {"anything", NULL}};

const char *rn_key_kind_name(rn_key_kind kind) { return kinds[kind].name; }

static int options_of(const rn_system *s) {
  int n = 0;
  while (s && s->options && s->options[n].name) n++;
  return n;
}

static rn_recipe_key of_option(const rn_option *o) {
  static const rn_key_kind kind[] = {[RN_OPT_INT] = RN_KEY_INT, [RN_OPT_REAL] = RN_KEY_REAL, [RN_OPT_BOOL] = RN_KEY_BOOL, [RN_OPT_CHOICE] = RN_KEY_CHOICE};
  const char *text = o->kind != RN_OPT_BOOL ? NULL : o->value ? "true" : "false";
  return (rn_recipe_key){o->name, kind[o->kind], o->value, o->least, o->most, text, o->choices, o->help, RN_KEY_OPTION};
}

// a system's option of the same name stands for the engine's key
static bool hidden_by(const rn_system *s, const char *name) {
  for (int i = 0; i < options_of(s); i++) if (strcmp(s->options[i].name, name) == 0) return true;
  return false;
}

bool rn_recipe_key_at(const rn_system *s, int i, rn_recipe_key *out) {
  if (i < 0) return false;
  for (int k = 0; k < RN_COUNT(before); k++) if (!hidden_by(s, before[k].name) && i-- == 0) return *out = before[k], true;
  if (i < options_of(s)) return *out = of_option(&s->options[i]), true;
  i -= options_of(s);
  for (int k = 0; k < RN_COUNT(after); k++) if (!hidden_by(s, after[k].name) && i-- == 0) return *out = after[k], true;
  return false;
}

bool rn_recipe_key_find(const rn_system *s, const char *name, rn_recipe_key *out) {
  for (int i = 0; rn_recipe_key_at(s, i, out); i++) if (strcmp(out->name, name) == 0) return true;
  return false;
}

bool rn_phase_key_at(int i, rn_recipe_key *out) {
  if (i < 0 || i >= RN_COUNT(of_phase)) return false;
  return *out = of_phase[i], true;
}

bool rn_key_choice(const char *choices, int i, char *word, size_t room) {
  for (const char *at = choices; *at; i--) {
    size_t n = strcspn(at, "|");
    if (i == 0) return snprintf(word, room, "%.*s", (int)n, at), true;
    at += n + (at[n] == '|');
  }
  return false;
}

// the shortest text that reads back to the same number
static char *number_text(double x) {
  for (int digits = 6; digits <= 17; digits++) {
    char *text = rn_printed("%.*g", digits, x);
    double back = NAN;
    if (digits == 17 || (rn_number(text, &back) && back == x)) return text;
    rn_free(text);
  }
  return NULL;
}

char *rn_key_default(const rn_recipe_key *key) {
  if (key->flags & (RN_KEY_OWN | RN_KEY_UNSET)) return NULL;
  char word[64];
  if (key->kind == RN_KEY_CHOICE) return rn_key_choice(key->choices, (int)key->value, word, sizeof word) ? rn_copy_text(word) : NULL;
  if (key->kind == RN_KEY_INT) return rn_printed("%.0f", key->value);
  return key->kind == RN_KEY_REAL ? number_text(key->value) : rn_copy_text(key->text);
}

bool rn_bytes_parse(const char *text, size_t *bytes) {
  static const char units[] = "KMGT";
  double x;
  size_t n = strlen(text);
  if (n == 0 || n > 30) return false;
  const char *unit = strchr(units, text[n - 1]);
  char digits[32];
  snprintf(digits, sizeof digits, "%.*s", (int)(n - (unit != NULL)), text);
  if (!rn_number(digits, &x) || x < 0 || strpbrk(digits, "xXnN ")) return false;
  for (ptrdiff_t k = unit ? unit - units + 1 : 0; k > 0; k--) x *= 1024;
  if (x > 1e15) return false;
  return *bytes = (size_t)x, true;
}

//---- JSON schema -------------------------------------------------------------------------------------------------------------------

static void say_kind(rn_text *t, const rn_recipe_key *k) {
  char word[64];
  if (kinds[k->kind].json) rn_say_text(t, "\"type\": \"%s\"", kinds[k->kind].json);
  else if (k->kind == RN_KEY_SHAPE) rn_say_text(t, "\"type\": [\"string\", \"integer\"], \"pattern\": \"^(none|[0-9]+(x[0-9]+)*)$\"");
  else if (k->kind == RN_KEY_BYTES) rn_say_text(t, "\"type\": [\"string\", \"integer\"], \"pattern\": \"^[0-9.]+[KMGT]?$\"");
  else if (k->kind == RN_KEY_REALS) rn_say_text(t, "\"type\": [\"number\", \"array\"], \"items\": {\"type\": \"number\"}");
  else if (k->kind == RN_KEY_CHOICE) {
    rn_say_text(t, "\"enum\": [");
    for (int i = 0; rn_key_choice(k->choices, i, word, sizeof word); i++) rn_say_text(t, i ? ", " : ""), rn_say_json(t, word);
    rn_say_text(t, "]");
  }
  if (k->kind == RN_KEY_INT || k->kind == RN_KEY_REAL) rn_say_text(t, ", \"minimum\": %.17g, \"maximum\": %.17g", k->least, k->most);
}

static void say_property(rn_text *t, const rn_recipe_key *k, const char *indent) {
  char *value = rn_key_default(k);
  bool bare = k->kind == RN_KEY_INT || k->kind == RN_KEY_REAL || k->kind == RN_KEY_BOOL;
  rn_say_text(t, "%s", indent), rn_say_json(t, k->name), rn_say_text(t, ": {");
  say_kind(t, k);
  if (value && bare) rn_say_text(t, ", \"default\": %s", value);
  else if (value) rn_say_text(t, ", \"default\": "), rn_say_json(t, value);
  rn_say_text(t, ", \"description\": "), rn_say_json(t, k->help), rn_say_text(t, "}");
  rn_free(value);
}

static void say_phases(rn_text *t, const rn_system *s) {
  rn_recipe_key k;
  rn_say_text(t, ",\n    \"phases\": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": {");
  for (int p = 0; s->phases[p].name; p++) {
    rn_say_text(t, p ? ",\n      " : "\n      "), rn_say_json(t, s->phases[p].name);
    rn_say_text(t, ": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": {\n");
    for (int i = 0; rn_phase_key_at(i, &k); i++) rn_say_text(t, i ? ",\n" : ""), say_property(t, &k, "        ");
    rn_say_text(t, "}}");
  }
  rn_say_text(t, "}}");
}

char *rn_recipe_schema(const rn_system *s) {
  rn_text t = {0};
  rn_recipe_key k;
  rn_say_text(&t, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"title\": ");
  rn_say_json(&t, s ? s->name : "rein recipe");
  if (s && s->summary) rn_say_text(&t, ",\n  \"description\": "), rn_say_json(&t, s->summary);
  rn_say_text(&t, ",\n  \"type\": \"object\",\n  \"properties\": {\n");
  for (int i = 0; rn_recipe_key_at(s, i, &k); i++) rn_say_text(&t, i ? ",\n" : ""), say_property(&t, &k, "    ");
  if (s && s->phases && s->phases[0].name) say_phases(&t, s);
  rn_say_text(&t, ",\n    \"columns\": {\"type\": \"object\"},\n    \"slots\": {\"type\": \"object\"},\n    \"stages\": {\"type\": \"object\"}\n  },\n");
  rn_say_text(&t, "  \"patternProperties\": {\"^(");
  bool first = true;
  for (int i = 0; rn_recipe_key_at(s, i, &k); i++)
    if (k.flags & RN_KEY_BLOCK) rn_say_text(&t, "%s%s", first ? "" : "|", k.name), first = false;
  rn_say_text(&t, ")\\\\.[A-Za-z0-9_@.-]+$\": {}, \"^(columns|slots|stages|phases)\\\\.\": {}},\n  \"additionalProperties\": false\n}\n");
  return t.at;
}
