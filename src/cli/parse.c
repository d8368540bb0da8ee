/* cli/parse.c - a command line by the table of verbs. */
#include "cli.h"

static bool unknown_verb(const char *word, rn_error *err) {
  const char *names[64];
  int n = 0;
  for (const cli_verb *v; n < 64 && (v = cli_verb_at(n)); n++) names[n] = v->name;
  const char *near = rn_nearest(word, n, names);
  if (near) return rn_fail(err, "no verb '%s'; did you mean '%s'? `rein help` lists them", word, near);
  return rn_fail(err, "no verb '%s'; `rein help` lists them", word);
}

// "data" alone is the beginning of several verbs
static bool find_verb(cli *c, int argc, char **argv, int *used, rn_error *err) {
  bool begins = false;
  size_t n = strlen(argv[1]);
  *used = 2;
  if ((c->verb = cli_verb_find(argv[1]))) return true;
  char names[256] = "";
  for (int i = 0; cli_verb_at(i); i++) {
    const char *name = cli_verb_at(i)->name;
    if (strncmp(name, argv[1], n) != 0 || name[n] != ' ') continue;
    if (argc > 2 && strcmp(name + n + 1, argv[2]) == 0) return c->verb = cli_verb_at(i), *used = 3, true;
    snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", begins ? ", " : "", name + n + 1), begins = true;
  }
  if (!begins) return unknown_verb(argv[1], err);
  if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) return true;      // main shows the verbs
  if (argc > 2) return rn_fail(err, "rein %s has no '%s'; it has %s", argv[1], argv[2], names);
  return rn_fail(err, "rein %s what? It has %s", argv[1], names);
}

static int option_index(const cli_verb *v, const char *name, size_t n, char letter) {
  const cli_option *o;
  for (int i = 0; (o = cli_option_at(v, i)); i++)
    if (name ? strlen(o->name) == n && strncmp(o->name, name, n) == 0 : letter && o->letter == letter) return i;
  return -1;
}

static bool unknown_option(const cli_verb *v, const char *word, rn_error *err) {
  const char *names[CLI_MOST_OPTIONS];
  char bare[64];
  int n = 0;
  for (const cli_option *o; (o = cli_option_at(v, n)); n++) names[n] = o->flags & CLI_HIDDEN ? NULL : o->name;
  snprintf(bare, sizeof bare, "%.*s", (int)strcspn(word, "="), word + strspn(word, "-"));
  bare[strcspn(bare, "=")] = 0;
  const char *near = strncmp(word, "--", 2) == 0 ? rn_nearest(bare, n, names) : NULL;
  if (near) return rn_fail(err, "rein %s has no option '--%s'; did you mean '--%s'? `rein %s --help` lists them", v->name, bare, near, v->name);
  return rn_fail(err, "rein %s has no option '%.*s'; `rein %s --help` lists them", v->name, (int)strcspn(word, "="), word, v->name);
}

static bool value_ok(const cli_option *o, const char *text, rn_error *err) {
  double x;
  size_t bytes;
  if (o->kind == CLI_WHOLE && (!rn_number(text, &x) || x != floor(x) || x < 0 || x > 9e15)) return rn_fail(err, "--%s: '%s' is not a whole number", o->name, text);
  if (o->kind == CLI_SIZE && !rn_bytes_parse(text, &bytes)) return rn_fail(err, "--%s: '%s' is not a size such as 2G or 512M", o->name, text);
  return *text || rn_fail(err, "--%s has no value; write --%s %s", o->name, o->name, o->value);
}

// one option, with the word after it where it has a value; `at` moves past both
static bool take_option(cli *c, int argc, char **argv, int *at, rn_error *err) {
  const char *word = argv[(*at)++], *equals = strchr(word, '=');
  bool wide = strncmp(word, "--", 2) == 0;
  int i = wide ? option_index(c->verb, word + 2, equals ? (size_t)(equals - word) - 2 : strlen(word) - 2, 0) : word[2] ? -1 : option_index(c->verb, NULL, 0, word[1]);
  if (i < 0) return unknown_option(c->verb, word, err);
  const cli_option *o = cli_option_at(c->verb, i);
  if (c->value[i]) return rn_fail(err, "--%s is given twice", o->name);
  if (o->kind == CLI_FLAG && wide && equals) return rn_fail(err, "--%s takes no value", o->name);
  if (o->kind == CLI_FLAG) return c->value[i] = "", true;
  if (!(wide && equals) && *at >= argc) return rn_fail(err, "--%s has no value; write --%s %s", o->name, o->name, o->value);
  c->value[i] = wide && equals ? equals + 1 : argv[(*at)++];
  return value_ok(o, c->value[i], err);
}

static bool bare(const char *word) {
  size_t n = strlen(word);
  return n && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%") == n;
}

// as a shell would read it back
static char *whole_line(int argc, char **argv) {
  rn_text t = {0};
  rn_say_text(&t, "rein");
  for (int i = 1; i < argc; i++) {
    rn_say_text(&t, " ");
    if (bare(argv[i])) { rn_say_text(&t, "%s", argv[i]); continue; }
    rn_say_text(&t, "'");
    for (const char *at = argv[i]; *at; at++) rn_say_text(&t, *at == '\'' ? "'\\''" : "%c", *at);
    rn_say_text(&t, "'");
  }
  return t.at;
}

static bool enough(const cli *c, rn_error *err) {
  const cli_verb *v = c->verb;
  if (c->n < v->least) return rn_fail(err, "rein %s wants %s; `rein %s --help` shows how", v->name, v->arguments, v->name);
  if (v->most >= 0 && c->n > v->most) return rn_fail(err, "rein %s: '%s' is one argument too many; `rein %s --help` shows how", v->name, c->args[v->most], v->name);
  return true;
}

bool cli_parse(cli *c, int argc, char **argv, rn_error *err) {
  int at = 1;
  c->args = rn_new(((size_t)argc + 1) * sizeof *c->args), c->command = whole_line(argc, argv);
  if (argc < 2 || !find_verb(c, argc, argv, &at, err)) return argc < 2;
  if (!c->verb) return true;
  bool options = true;
  while (at < argc) {
    const char *word = argv[at];
    if (options && strcmp(word, "--") == 0) options = false, at++;
    else if (!options || word[0] != '-' || !word[1]) c->args[c->n++] = argv[at++];
    else if (!take_option(c, argc, argv, &at, err)) return false;
  }
  c->json = cli_flag(c, "json"), c->quiet = cli_flag(c, "quiet"), c->verbose = cli_flag(c, "verbose");
  return cli_flag(c, "help") || enough(c, err);
}

const char *cli_text(const cli *c, const char *option) {
  int i = option_index(c->verb, option, strlen(option), 0);
  return i < 0 ? NULL : c->value[i];
}

bool cli_flag(const cli *c, const char *option) { return cli_text(c, option) != NULL; }

long cli_whole(const cli *c, const char *option, long fallback) {
  double x;
  const char *text = cli_text(c, option);
  return text && rn_number(text, &x) ? (long)x : fallback;
}

size_t cli_size(const cli *c, const char *option) {
  size_t bytes = 0;
  const char *text = cli_text(c, option);
  return text && rn_bytes_parse(text, &bytes) ? bytes : 0;
}
