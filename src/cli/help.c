/* cli/help.c - help of verbs, systems, classes, environments and recipes, all from their tables; the three lists. */
#include "cli.h"
#include "rein/worlds.h"
#include <stdlib.h>

//---- verbs -------------------------------------------------------------------------------------------------------------------------------

static void heading(const char *text) { printf("\n%s%s%s\n", cli_on(stdout, CLI_BOLD), text, cli_off(stdout)); }

static void options_of(const cli_verb *v) {
  const char *cells[CLI_MOST_OPTIONS * 2];
  char *left[CLI_MOST_OPTIONS];
  int n = 0;
  const cli_option *o;
  for (int i = 0; (o = cli_option_at(v, i)) && n < CLI_MOST_OPTIONS; i++) {
    if (o->flags & CLI_HIDDEN) continue;
    char letter[8] = "    ";
    if (o->letter) snprintf(letter, sizeof letter, "-%c, ", o->letter);
    left[n] = rn_printed("%s--%s%s%s", letter, o->name, o->value ? " " : "", o->value ? o->value : "");
    cells[2 * n] = left[n], cells[2 * n + 1] = o->help, n++;
  }
  cli_table(2, NULL, n, cells);
  for (int i = 0; i < n; i++) rn_free(left[i]);
}

void cli_verb_help(const cli_verb *v) {
  printf("%srein %s%s%s%s%s\n", cli_on(stdout, CLI_BOLD), v->name, cli_off(stdout), *v->arguments ? " " : "", v->arguments, " [options]");
  printf("\n  %s\n", v->summary);
  if (v->detail) printf("\n%s", v->detail);
  heading("Options");
  options_of(v);
  if (v->examples) heading("Examples"), printf("%s", v->examples);
}

void cli_usage(FILE *to) {
  fprintf(to, "%srein%s learns decision policies from logs and simulators, and says how sure it is.\n\nusage: rein VERB [arguments] [options]\n\n", cli_on(to, CLI_BOLD), cli_off(to));
  for (int i = 0; cli_verb_at(i); i++) fprintf(to, "  %-14s%s\n", cli_verb_at(i)->name, cli_verb_at(i)->summary);
  fprintf(to, "\n`rein VERB --help` has its options and examples, `rein help SYSTEM` the keys of a system, `rein --version` the version.\n"
              "Exit codes: 0 done, 1 a claim is not met, 2 the input is wrong, 3 the numbers went bad, 4 the system failed, 70 a bug of rein,\n"
              "130 interrupted, 143 terminated.\n");
}

//---- keys --------------------------------------------------------------------------------------------------------------------------------

static char *range_of(const rn_recipe_key *k) {
  if (k->kind == RN_KEY_CHOICE) return rn_copy_text(k->choices);
  if (k->kind == RN_KEY_BOOL) return rn_copy_text("true|false");
  if (k->kind == RN_KEY_INT || k->kind == RN_KEY_REAL) return rn_printed("%.6g .. %.6g", k->least, k->most);
  return rn_copy_text("");
}

typedef bool (*key_at)(const rn_system *s, int i, rn_recipe_key *out);
static bool phase_key(const rn_system *s, int i, rn_recipe_key *out) { return (void)s, rn_phase_key_at(i, out); }

// rows of the keys whose flags & mask == want
static void keys_table(key_at at, const rn_system *s, unsigned mask, unsigned want) {
  static const char *const head[] = {"key", "default", "range", "meaning"};
  char *cells[128 * 4];
  int n = 0;
  rn_recipe_key k;
  for (int i = 0; at(s, i, &k) && n < 128; i++) {
    if ((k.flags & mask) != want) continue;
    char *value = rn_key_default(&k);
    cells[4 * n] = rn_copy_text(k.name), cells[4 * n + 1] = value ? value : rn_copy_text("-"), cells[4 * n + 2] = range_of(&k);
    cells[4 * n + 3] = rn_printed("%s%s", k.help, k.flags & RN_KEY_BLOCK ? "; .BLOCK" : "");
    n++;
  }
  cli_table(4, head, n, (const char *const *)cells);
  for (int i = 0; i < 4 * n; i++) rn_free(cells[i]);
}

static void say_key_json(rn_text *t, const rn_recipe_key *k) {
  char *value = rn_key_default(k), *range = range_of(k);
  rn_say_text(t, "{\"key\": "), rn_say_json(t, k->name), rn_say_text(t, ", \"kind\": "), rn_say_json(t, rn_key_kind_name(k->kind));
  rn_say_text(t, ", \"default\": ");
  if (value) rn_say_json(t, value);
  else rn_say_text(t, "null");
  if (*range) rn_say_text(t, ", \"range\": "), rn_say_json(t, range);
  rn_say_text(t, ", \"option\": %s, \"help\": ", k->flags & RN_KEY_OPTION ? "true" : "false"), rn_say_json(t, k->help), rn_say_text(t, "}");
  rn_free(value), rn_free(range);
}

static void keys_json(rn_text *t, const rn_system *s) {
  rn_recipe_key k;
  rn_say_text(t, "[");
  for (int i = 0; rn_recipe_key_at(s, i, &k); i++) rn_say_text(t, i ? ",\n    " : "\n    "), say_key_json(t, &k);
  rn_say_text(t, "]");
}

//---- systems -----------------------------------------------------------------------------------------------------------------------------

static const char *kind_of(const rn_system *s) { return s->phases ? "learner" : s->cells ? "measure" : s->act ? "planner" : "system"; }

static const char *slot_name(rn_slot slot) {
  static const char *const names[] = {"a log", "an environment", "a class of policies", "a policy", "a judge", "a run", "a column"};
  return names[slot];
}

static void needs_of(const rn_system *s) {
  for (const rn_need *n = s->needs; n && n->name; n++) {
    char can[256] = "";
    if (n->can) rn_capability_names(n->can, can, sizeof can);
    printf("  %-12s%s%s%s%s%s%s\n", n->name, slot_name(n->slot), n->why ? ": " : "", n->why ? n->why : "", *can ? "; it must have " : "", can, n->optional ? " (may be left out)" : "");
  }
}

static void system_help(const rn_system *s) {
  printf("%s%s%s  %s%s%s\n", cli_on(stdout, CLI_BOLD), s->name, cli_off(stdout), kind_of(s), s->paper ? ", " : "", s->paper ? s->paper : "");
  if (s->summary) printf("  "), cli_wrapped(s->summary, 2, cli_width() - 4);
  if (s->needs && s->needs->name) heading("Needs"), needs_of(s);
  if (s->phases && s->phases->name) {
    heading("Phases");
    for (const rn_phase *p = s->phases; p->name; p++)
      printf("  %-12s%s\n", p->name, p->rows ? "updates on stored transitions" : p->steps ? "updates on fresh experience" : p->alone ? "a solver's iterations" : "collects");
  }
  heading("Its options");
  keys_table(rn_recipe_key_at, s, RN_KEY_OPTION, RN_KEY_OPTION);
  heading("Keys of every recipe");
  keys_table(rn_recipe_key_at, s, RN_KEY_OPTION, 0);
  if (s->phases && s->phases->name) heading("phases.NAME.KEY"), keys_table(phase_key, s, 0, 0);
  printf("\nA dash: not set. KEY.BLOCK sets one block alone, as in hidden.pi=64x64.\n");
}

static void system_json(rn_text *t, const rn_system *s, bool keys) {
  rn_say_text(t, "{\"name\": "), rn_say_json(t, s->name), rn_say_text(t, ", \"kind\": "), rn_say_json(t, kind_of(s));
  rn_say_text(t, ", \"paper\": "), rn_say_json(t, s->paper ? s->paper : ""), rn_say_text(t, ", \"summary\": "), rn_say_json(t, s->summary ? s->summary : "");
  if (keys) rn_say_text(t, ",\n  \"keys\": "), keys_json(t, s);
  rn_say_text(t, "}");
}

rn_code cli_systems(cli *c, rn_error *err) {
  static const char *const head[] = {"system", "kind", "paper", "what it does"};
  int n;
  const rn_system *const *all = rn_systems(&n);
  const char **cells = rn_new((size_t)(n + 1) * 4 * sizeof *cells);
  rn_text t = {0};
  (void)err;
  for (int i = 0; i < n; i++) {
    const char **row = &cells[4 * i];
    row[0] = all[i]->name, row[1] = kind_of(all[i]), row[2] = all[i]->paper ? all[i]->paper : "", row[3] = all[i]->summary ? all[i]->summary : "";
    rn_say_text(&t, i ? ",\n  " : "\n  "), system_json(&t, all[i], false);
  }
  if (c->json) printf("[%s\n]\n", t.at ? t.at : "");
  else cli_table(4, head, n, cells);
  rn_free(cells), rn_free(t.at);
  return RN_OK;
}

//---- policies ----------------------------------------------------------------------------------------------------------------------------

static void class_json(rn_text *t, const rn_class *k) {
  char can[512];
  rn_capability_names(k->can, can, sizeof can);
  rn_say_text(t, "{\"name\": "), rn_say_json(t, k->name), rn_say_text(t, ", \"summary\": "), rn_say_json(t, k->summary ? k->summary : "");
  rn_say_text(t, ", \"can\": "), rn_say_json(t, can), rn_say_text(t, "}");
}

static void class_help(const rn_class *k) {
  char can[512];
  rn_capability_names(k->can, can, sizeof can);
  printf("%s%s%s  a class of policies\n  %s\n  has: %s\n\nUse it with policy=%s where a system allows it (`rein help SYSTEM`).\n", cli_on(stdout, CLI_BOLD), k->name, cli_off(stdout),
         k->summary ? k->summary : "", can, k->name);
}

rn_code cli_policies(cli *c, rn_error *err) {
  static const char *const head[] = {"class", "what it is", "what it can do"};
  int n;
  const rn_class *const *all = rn_classes(&n);
  char **cells = rn_new((size_t)(n + 1) * 3 * sizeof *cells);
  rn_text t = {0};
  (void)err;
  for (int i = 0; i < n; i++) {
    char can[512];
    rn_capability_names(all[i]->can, can, sizeof can);
    cells[3 * i] = rn_copy_text(all[i]->name), cells[3 * i + 1] = rn_copy_text(all[i]->summary ? all[i]->summary : ""), cells[3 * i + 2] = rn_copy_text(can);
    rn_say_text(&t, i ? ",\n  " : "\n  "), class_json(&t, all[i]);
  }
  if (c->json) printf("[%s\n]\n", t.at ? t.at : "");
  else cli_table(3, head, n, (const char *const *)cells);
  for (int i = 0; i < 3 * n; i++) rn_free(cells[i]);
  rn_free(cells), rn_free(t.at);
  return RN_OK;
}

//---- environments --------------------------------------------------------------------------------------------------------------------------

static char *space_text(const rn_space *s) {
  static const char *const names[] = {"box", "choice", "choices", "tokens", "set"};
  rn_text t = {0};
  rn_say_text(&t, "%s %d", names[s->kind], s->dim[0]);
  for (int i = 1; i < 3 && s->dim[i]; i++) rn_say_text(&t, "x%d", s->dim[i]);
  if (s->kind == RN_BOX && s->low && s->high) {
    bool same = true;
    int n = rn_space_width(s);
    for (int i = 1; i < n; i++) same = same && s->low[i] == s->low[0] && s->high[i] == s->high[0];
    if (same) rn_say_text(&t, " in %.4g .. %.4g", (double)s->low[0], (double)s->high[0]);
  }
  return t.at;
}

static void env_json(rn_text *t, const rn_env_kind *k) {
  char *obs = space_text(&k->obs), *act = space_text(&k->act);
  rn_say_text(t, "{\"name\": "), rn_say_json(t, k->name), rn_say_text(t, ", \"obs\": "), rn_say_json(t, obs), rn_say_text(t, ", \"act\": "), rn_say_json(t, act);
  rn_say_text(t, ", \"summary\": "), rn_say_json(t, k->summary ? k->summary : ""), rn_say_text(t, ", \"limit\": %d", k->limit);
  if (k->score_low != k->score_high) rn_say_text(t, ", \"score_0\": %.10g, \"score_100\": %.10g", k->score_low, k->score_high);
  rn_say_text(t, "}");
  rn_free(obs), rn_free(act);
}

// returns that count as 0 and as 100
static char *score_text(const rn_env_kind *k) {
  return k->score_low == k->score_high ? rn_copy_text("-") : rn_printed("%.6g to %.6g", k->score_low, k->score_high);
}

static void env_help(const rn_env_kind *k) {
  char *obs = space_text(&k->obs), *act = space_text(&k->act);
  char *limit = k->limit ? rn_printed("%d steps", k->limit) : rn_copy_text("none"), *score = score_text(k);
  printf("%s%s%s  %s\n  observation  %s\n  action       %s\n  limit        %s\n  score        %s\n\nUse it with env=%s; `rein data make %s policy=random episodes=10 --out F.csv` shows what it is like.\n", cli_on(stdout, CLI_BOLD),
         k->name, cli_off(stdout), k->summary ? k->summary : "an environment", obs, act, limit, score, k->name, k->name);
  rn_free(obs), rn_free(act), rn_free(limit), rn_free(score);
}

rn_code cli_envs(cli *c, rn_error *err) {
  static const char *const head[] = {"environment", "observation", "action", "limit", "score 0 to 100", "what it is"};
  int n = 0;
  while (rn_env_listed(n)) n++;
  char **cells = rn_new((size_t)(n + 1) * 6 * sizeof *cells);
  rn_text t = {0};
  (void)err;
  for (int i = 0; i < n; i++) {
    const rn_env_kind *k = rn_env_listed(i);
    char **row = &cells[6 * i];
    row[0] = rn_copy_text(k->name), row[1] = k->obs.dim[0] ? space_text(&k->obs) : rn_copy_text("-"), row[2] = k->act.dim[0] ? space_text(&k->act) : rn_copy_text("-");
    row[3] = k->limit ? rn_printed("%d", k->limit) : rn_copy_text("-"), row[4] = score_text(k), row[5] = rn_copy_text(k->summary ? k->summary : "");
    rn_say_text(&t, i ? ",\n  " : "\n  "), env_json(&t, k);
  }
  if (c->json) printf("[%s\n]\n", t.at ? t.at : "");
  else cli_table(6, head, n, (const char *const *)cells), printf("\nYour own: env=./my_env.so, one C file that includes rein/env.h.\n");
  for (int i = 0; i < 6 * n; i++) rn_free(cells[i]);
  rn_free(cells), rn_free(t.at);
  return RN_OK;
}

//---- help NAME ---------------------------------------------------------------------------------------------------------------------------

static void recipe_help(const cli *c) {
  if (c->json) {
    rn_text t = {0};
    keys_json(&t, NULL);
    printf("%s\n", t.at);
    rn_free(t.at);
    return;
  }
  printf("A recipe is flat YAML: lines `key: value`. The keys below go with every system; `rein help SYSTEM` adds its options.\n");
  heading("Keys of every recipe");
  keys_table(rn_recipe_key_at, NULL, 0, 0);
  heading("phases.NAME.KEY");
  keys_table(phase_key, NULL, 0, 0);
  printf("\n  columns   which columns of a CSV, JSONL or NPZ log mean what: columns: {obs: [a, b], act: [u], reward: r, terminated: done,\n"
         "            truncated: null, episode: id, time: t}\n  slots     what a system takes besides data and env: slots: {NAME: VALUE}\n"
         "  stages    several runs joined: stages: {base: {system: bc, ...}, next: {system: iql, from: base}}\n\n"
         "On the command line the same keys: gamma=0.98 phases.online.steps=1 hidden.pi=64x64\n");
}

static int all_names(const char *names[512]) {
  int n = 0, count;
  for (int i = 0; cli_verb_at(i); i++) names[n++] = cli_verb_at(i)->name;
  const rn_system *const *systems = rn_systems(&count);
  for (int i = 0; i < count && n < 300; i++) names[n++] = systems[i]->name;
  const rn_class *const *classes = rn_classes(&count);
  for (int i = 0; i < count && n < 400; i++) names[n++] = classes[i]->name;
  for (int i = 0; rn_env_listed(i) && n < 510; i++) names[n++] = rn_env_listed(i)->name;
  names[n++] = "recipe";
  return n;
}

static rn_code help_of_system(const cli *c, const rn_system *s, rn_error *err) {
  rn_text t = {0};
  if (cli_flag(c, "schema")) {
    char *schema = rn_recipe_schema(s);
    printf("%s", schema);
    rn_free(schema);
  } else if (cli_flag(c, "noise")) {
    rn_recipe *r = rn_recipe_new(s->name);
    rn_code code = rn_recipe_check(r, s, err) ? rn_step_noise(r, 17, 6, 0, &t, c->json, err) : err->code;
    rn_recipe_free(r);
    if (code == RN_OK) printf("%s", t.at ? t.at : "");
    rn_free(t.at);
    return code;
  } else if (c->json) system_json(&t, s, true), printf("%s\n", t.at);
  else system_help(s);
  rn_free(t.at);
  return RN_OK;
}

rn_code cli_help(cli *c, rn_error *err) {
  if (c->n == 0) return cli_usage(stdout), RN_OK;
  char name[128];
  snprintf(name, sizeof name, "%s%s%s", c->args[0], c->n > 1 ? " " : "", c->n > 1 ? c->args[1] : "");
  const rn_system *system = rn_system_find(name);
  bool for_system = cli_flag(c, "schema") || cli_flag(c, "noise");
  if (system) return help_of_system(c, system, err);
  if (for_system && strcmp(name, "recipe") == 0 && !cli_flag(c, "noise")) {
    char *schema = rn_recipe_schema(NULL);
    printf("%s", schema);
    rn_free(schema);
    return RN_OK;
  }
  if (for_system) return rn_fail(err, "no system '%s'; `rein systems` lists them", name), RN_INPUT;
  if (cli_verb_find(name)) return cli_verb_help(cli_verb_find(name)), RN_OK;
  if (strcmp(name, "recipe") == 0) return recipe_help(c), RN_OK;
  if (rn_class_find(name)) return class_help(rn_class_find(name)), RN_OK;
  for (int i = 0; rn_env_listed(i); i++) if (strcmp(rn_env_listed(i)->name, name) == 0) return env_help(rn_env_listed(i)), RN_OK;
  const char *names[512];
  int n = all_names(names);
  const char *near = rn_nearest(name, n, names);
  if (near) rn_fail(err, "nothing is called '%s'; did you mean '%s'? `rein help` lists the verbs, `rein systems` the systems", name, near);
  else rn_fail(err, "nothing is called '%s'; `rein help` lists the verbs, `rein systems` the systems", name);
  return RN_INPUT;
}
