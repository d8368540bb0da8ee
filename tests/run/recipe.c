/* Recipes: every wrong line has its place and its cure; what is printed reads back. */
#include "rein/recipe.h"
#include "test.h"
#include <stdlib.h>

typedef struct { double gamma, tau, lr, expectile; int offline, online, how; bool twin; } toy;
static const rn_option options[] = {RN_COMMON(toy, gamma, tau, lr), RN_OPTION(toy, expectile, 0.7, 0.5, 1, "expectile of V"), RN_COMMON(toy, offline, online),
                                    RN_CHOICE(toy, how, 1, "mean|min|max", "over members"), RN_OPTION(toy, twin, 1, 0, 1, "two critics"), {0}};
static const rn_need needs[] = {{"data", RN_SLOT_SOURCE, 0, "logged transitions"}, {"judge", RN_SLOT_JUDGE, 0, "preferences"},
                                {"pi", RN_SLOT_CLASS, 0, "weighted imitation"}, {0}};
static const rn_phase phases[] = {{"offline", offsetof(toy, offline)}, {"online", offsetof(toy, online)}, {0}};
static const rn_system system_toy = {.name = "toy", .summary = "of the tests", .self = sizeof(toy), .options = options, .needs = needs, .phases = phases};

static rn_recipe *parsed(const char *text, rn_error *err) { return rn_recipe_parse("r.yaml", text, strlen(text), err); }

static const char *message_of(const char *text) {
  static rn_error err;
  err = (rn_error){0};
  rn_recipe *r = parsed(text, &err);
  if (r && rn_recipe_check(r, &system_toy, &err)) snprintf(err.text, sizeof err.text, "fine");
  else CHECK_THAT(err.code == RN_INPUT, "code %d for '%s'", err.code, text);
  rn_recipe_free(r);
  return err.text;
}

TEST(a_wrong_line_is_named_with_its_place_and_its_cure) {
  static const struct { const char *text, *says; } bad[] = {
    {"system: toy\nexpectile: 1.7\n", "r.yaml:2:12: expectile: 1.7 is outside 0.5 .. 1 (default 0.7)"},
    {"system: toy\n\nexpectil: 0.7\n", "r.yaml:3:1: no option 'expectil' in toy; did you mean 'expectile'? `rein help toy` has the list"},
    {"system: toy\nzzzzzzzzzzzz: 0.7\n", "r.yaml:2:1: no option 'zzzzzzzzzzzz' in toy; `rein help toy` has the list"},
    {"gamma: 0.9\ntau: 0.1\ngamma: 0.8\n", "r.yaml:3:1: 'gamma' stands here and at r.yaml:1:1; keep one"},
    {"gamma: fast\n", "r.yaml:1:8: gamma: fast is not a number (default 0.99)"},
    {"gamma: \"0.9\"\n", "r.yaml:1:8: gamma: \"0.9\" is not a number (default 0.99)"},
    {"gamma: nan\n", "is not a number"}, {"gamma: .inf\n", "is not a number"}, {"gamma: inf\n", "is not a number"},
    {"gamma:\n", "r.yaml:1:1: gamma: nothing is not a number"},
    {"gamma: [0.9, 0.8]\n", "gamma: [0.9, 0.8] is not a number"},
    {"batch: 2.5\n", "r.yaml:1:8: batch: 2.5 is not a whole number (default 256)"},
    {"batch: 0\n", "batch: 0 is outside 1 .. 1048576 (default 256)"},
    {"how: mni\n", "r.yaml:1:6: how: 'mni' is none of mean|min|max; did you mean 'min'?"},
    {"sampler: best-of-all\n", "none of uniform|top|rw|aw"},
    {"twin: yes\n", "r.yaml:1:7: twin: yes is not true or false (default true)"},
    {"hidden: 64by64\n", "hidden: 64by64 is not widths of layers such as 64x64, or none"},
    {"hidden: 64x\n", "is not widths"}, {"hidden: 064\n", "is not widths"}, {"hidden: [64, 64]\n", "hidden: [64, 64] is not widths"},
    {"hidden.pi: wide\n", "r.yaml:1:12: hidden.pi: wide is not widths"},
    {"gamma.pi: 0.5\n", "no option 'gamma.pi' in toy"},
    {"mem: lots\n", "mem: lots is not a size such as 2G or 512M"},
    {"act_low: [a, b]\n", "act_low: [a, b] is not a number or a list of numbers"},
    {"phases: 3\n", "phases holds keys of its own"},
    {"phases: {onlin: {steps: 1}}\n", "r.yaml:1:18: no phase 'onlin' in toy; did you mean 'online'?"},
    {"phases: {online: {step: 1}}\n", "no phase key 'step' in toy; did you mean 'steps'?"},
    {"phases: {online: 1}\n", "phases.online holds keys of its own, as in phases.online.steps: 1"},
    {"phases:\n  online:\n    steps: -1\n", "r.yaml:3:12: phases.online.steps: -1 is outside 0 .. 1000000"},
    {"slots: {juge: a}\n", "no slot 'juge' in toy; did you mean 'judge'?"},
    {"stages: {a: 3}\n", "a stage holds keys of its own"},
    {"stages: {a: {gamma: 3}}\n", "stage 'a' names no system"},
  };
  for (int i = 0; i < RN_COUNT(bad); i++) CHECK_TEXT(message_of(bad[i].text), bad[i].says);
  CHECK_TEXT(message_of("system: toy\nexpectile: 0.9\nhidden.q: 64x64\nphases: {online: {steps: 1}}\nslots: {judge: a.csv}\n"), "fine");
}

TEST(what_is_not_a_recipe_is_refused_with_one_message) {
  static const struct { const char *text, *says; } bad[] = {
    {"", "r.yaml: empty; a recipe begins with `system: NAME`"}, {"  \n# only a comment\n", "r.yaml: empty"}, {"---\n...\n", "r.yaml:"},
    {"just words\n", "r.yaml:1:1: a recipe is made of lines `key: value`"}, {"- a\n- b\n", "r.yaml:1:1: a recipe is made of lines"},
    {"a: 1\n\tb: 2\n", "r.yaml:2:1: a tab; YAML is indented with spaces"}, {"a: {\n \tb: 2}\n", "r.yaml:2:2: a tab"},
    {"gamma: \xff\n", "r.yaml:1:8: byte 0xFF is not UTF-8"}, {"gamma: \xc3\n", "byte 0xC3 is not UTF-8"}, {"gamma: \xed\xa0\x80\n", "is not UTF-8"},
    {"a: \x01\n", "r.yaml:1:4: control character 0x01"},
    {"a: &x 1\nb: *x\n", "an anchor (&name)"}, {"a: *x\n", "r.yaml:1:"}, {"a: !!int 1\n", "a tag (!name)"}, {"!!map {a: 1}\n", "a tag (!name)"},
    {"&a {a: 1}\n", "an anchor"}, {"<<: *base\n", "r.yaml:1:"}, {"? [a, b]\n: 1\n", "a key is a word"}, {"a b: 1\n", "'a b' can't be a key"},
    {"\"\": 1\n", "'' can't be a key"}, {".a: 1\n", "'.a' can't be a key"}, {"a..b: 1\n", "'a..b' can't be a key"},
    {"a: 1\n---\nb: 2\n", "r.yaml:2:1: a second document"}, {"a: [1, 2\n", "not YAML"}, {"a: {b: 1\n", "not YAML"}, {"a: \"open\n", "not YAML"},
    {"a: 1\n b: 2\n", "not YAML"}, {"a: b: c\n", "not YAML"}, {"a: [1, {b: 2}]\n", "words and maps mixed"}, {"a: {b: 1}\na.b: 2\n", "'a.b' stands here and at r.yaml:1:5"},
    {"a: {b: {c: {d: {e: {f: {g: {h: {i: 1}}}}}}}}\n", "nested deeper than 8 levels"}, {"a: \"x\\0y\"\n", "NUL byte"},
  };
  for (int i = 0; i < RN_COUNT(bad); i++) {
    rn_error err = {0};
    rn_recipe *r = parsed(bad[i].text, &err);
    CHECK_THAT(!r && err.code == RN_INPUT, "taken: '%s'", bad[i].text);
    CHECK_THAT(strstr(err.text, bad[i].says), "'%s' does not say '%s' of '%s'", err.text, bad[i].says, bad[i].text);
  }
  rn_error err = {0};
  CHECK(!rn_recipe_parse("r.yaml", "a: 1\n\0b", 7, &err));
  CHECK_TEXT(err.text, "r.yaml:2:1: a NUL byte");
}

TEST(an_alias_bomb_and_a_deep_or_a_huge_file_end_at_once) {
  rn_text t = {0};
  rn_error err = {0};
  rn_say_text(&t, "a: &a [x,x,x,x,x,x,x,x,x]\n");
  for (char c = 'b'; c < 'k'; c++) {
    rn_say_text(&t, "%c: &%c [", c, c);
    for (int i = 0; i < 9; i++) rn_say_text(&t, "%s*%c", i ? "," : "", c - 1);
    rn_say_text(&t, "]\n");
  }
  CHECK(!rn_recipe_parse("r.yaml", t.at, t.n, &err));
  CHECK_TEXT(err.text, "anchor");
  t.n = 0, err = (rn_error){0};
  for (int i = 0; i < 100000; i++) rn_say_text(&t, i ? "[" : "a: [");
  CHECK(!rn_recipe_parse("r.yaml", t.at, t.n, &err));
  t.n = 0, err = (rn_error){0};
  for (int i = 0; i < 5000; i++) rn_say_text(&t, "k%d: 1\n", i);
  CHECK(!rn_recipe_parse("r.yaml", t.at, t.n, &err));
  CHECK_TEXT(err.text, "more than 4096 keys");
  t.n = 0, err = (rn_error){0};
  while (t.n <= 1 << 20) rn_say_text(&t, "# a comment of no use to anybody at all\n");
  CHECK(!rn_recipe_parse("r.yaml", t.at, t.n, &err));
  CHECK_TEXT(err.text, "a recipe has at most 1048576");
  char path[300];
  err = (rn_error){0};
  snprintf(path, sizeof path, "%s/huge.yaml", test_folder());
  CHECK(rn_write_file(path, t.at, t.n, &err) && !rn_recipe_read(path, &err));
  CHECK_TEXT(err.text, "a recipe has at most 1048576");
  rn_free(t.at);
}

TEST(folders_and_absent_files_are_the_users_to_mend) {
  rn_error err = {0};
  CHECK(!rn_recipe_read(test_folder(), &err) && err.code == RN_INPUT);
  CHECK_TEXT(err.text, "Is a directory");
  err = (rn_error){0};
  CHECK(!rn_recipe_read("/nowhere/r.yaml", &err) && err.code == RN_INPUT);
  CHECK_TEXT(err.text, "/nowhere/r.yaml: can't be read: No such file");
}

TEST(the_command_line_replaces_the_file_and_says_who_it_is) {
  rn_error err = {0};
  rn_recipe *r = parsed("system: toy\ngamma: 0.9\n", &err);
  CHECK(r && rn_recipe_set(r, "gamma=0.8", &err) && rn_recipe_set(r, "phases.online.steps=1", &err) && rn_recipe_set(r, "hidden.pi=64x64", &err));
  CHECK(rn_recipe_set(r, "columns.obs=[a, b, c]", &err) && rn_recipe_set(r, "phases={offline: {batch: 7}}", &err) && rn_recipe_set(r, "data=a=b: c.csv", &err));
  CHECK(rn_recipe_check(r, &system_toy, &err));
  CHECK_NEAR(rn_recipe_real(r, "gamma"), 0.8, 0);
  CHECK(strcmp(rn_recipe_place(r, "gamma"), "command line") == 0 && strcmp(rn_recipe_place(r, "system"), "r.yaml:1:9") == 0);
  CHECK(rn_recipe_find(r, "columns.obs")->items == 3 && strcmp(rn_recipe_find(r, "columns.obs")->item[1], "b") == 0);
  CHECK(rn_recipe_int(r, "phases.offline.batch") == 7 && rn_recipe_int(r, "phases.online.steps") == 1);
  CHECK(strcmp(rn_recipe_text(r, "data"), "a=b: c.csv") == 0);
  CHECK(!rn_recipe_set(r, "gamma=0.7", &err));
  CHECK_TEXT(err.text, "command line: gamma is given twice, 0.8 and 0.7; keep one");
  static const struct { const char *set, *says; } bad[] = {{"gamma", "'gamma' is not key=value"}, {"=1", "can't be a key"}, {"tau=", "tau has no value; write tau=VALUE"},
                                                            {"a b=1", "can't be a key"}, {"act_low=[1, 2", "not YAML"}, {"act_low=[1\xff]", "not UTF-8"}};
  for (int i = 0; i < RN_COUNT(bad); i++) {
    err = (rn_error){0};
    CHECK(!rn_recipe_set(r, bad[i].set, &err) && err.code == RN_INPUT);
    CHECK_TEXT(err.text, bad[i].says);
  }
  err = (rn_error){0};
  CHECK(rn_recipe_set(r, "expectile=7", &err) && !rn_recipe_check(r, &system_toy, &err));
  CHECK_TEXT(err.text, "command line: expectile: 7 is outside 0.5 .. 1 (default 0.7)");
  rn_recipe_free(r);
}

TEST(defaults_come_from_the_tables) {
  rn_error err = {0};
  rn_recipe *r = rn_recipe_new("toy");
  CHECK(rn_recipe_check(r, &system_toy, &err));
  CHECK_NEAR(rn_recipe_real(r, "expectile"), 0.7, 0);
  CHECK(rn_recipe_int(r, "batch") == 256 && rn_recipe_bool(r, "twin") && strcmp(rn_recipe_text(r, "sampler"), "uniform") == 0);
  CHECK(!rn_recipe_text(r, "env") && !rn_recipe_text(r, "hidden") && rn_recipe_bytes(r, "mem") == 0 && rn_recipe_int(r, "hidden") == -1);
  rn_recipe_put(r, "mem", "1.5G", "here"), rn_recipe_put(r, "act_low", "-2", "here");
  double low[3];
  CHECK(rn_recipe_bytes(r, "mem") == (size_t)3 << 29 && rn_recipe_reals(r, "act_low", 3, low) == 1 && low[0] == -2);
  CHECK(!rn_recipe_needs(r, &system_toy, &err));
  CHECK_TEXT(err.text, "toy needs data: logged transitions; give data=FILE");
  err = (rn_error){0}, rn_recipe_put(r, "data", "a.h5", "here");
  CHECK(!rn_recipe_needs(r, &system_toy, &err));
  CHECK_TEXT(err.text, "toy needs judge: preferences; give slots.judge=VALUE");
  err = (rn_error){0}, rn_recipe_put(r, "slots.judge", "j.csv", "here");
  CHECK(rn_recipe_needs(r, &system_toy, &err));
  rn_recipe_free(r);
}

TEST(options_reach_the_systems_struct) {
  rn_error err = {0};
  rn_recipe *r = parsed("expectile: 0.9\noffline: 2e4\nhow: max\ntwin: false\n", &err);
  toy o = {0};
  CHECK(r && rn_recipe_fill(r, &system_toy, &o, &err));
  CHECK(o.expectile == 0.9 && o.offline == 20000 && o.how == 2 && !o.twin && o.gamma == 0.99 && o.lr == 3e-4 && o.online == 0);
  rn_run *run = rn_run_new(1, 0);
  CHECK(rn_recipe_check(r, &system_toy, &err));
  rn_recipe_put(r, "hidden.pi", "64x64", "here"), rn_recipe_settings(r, run);
  CHECK(strcmp(rn_setting(run, "hidden.pi", ""), "64x64") == 0 && strcmp(rn_setting(run, "batch", ""), "256") == 0 && !rn_setting(run, "hidden", NULL));
  rn_run_free(run), rn_recipe_free(r);
}

TEST(the_printed_recipe_is_complete_and_reads_back_to_the_same) {
  static const char *const texts[] = {
    "system: toy\n",
    "phases: {online: {steps: 1, log_share: 0.5}, offline: {batch: 8}}\nhidden.pi: 64x64\nhidden: none\ndata: \"null\"\nact_low: [-1, -2.5]\nact_high: 3\n",
    "data: \"a: b # c \\\" \\\\ \\u00e9\"\nenv: 'it''s'\ncolumns: {obs: [\"x y\", \"a,b\", c], truncated: null, reward: r, empty: []}\nslots: {judge: 'mdp:random(3,2)'}\n",
    "data: -\nenv: '@x'\npolicy.pi: tabular\npolicy: gaussian\nsampler.alpha: 0.25\nsampler: rw\nmem: 2G\nlr: 1e-3\n",
  };
  for (int i = 0; i < RN_COUNT(texts); i++) {
    rn_error err = {0};
    rn_recipe *r = parsed(texts[i], &err);
    if (i == 3) CHECK(!r), err = (rn_error){0}, r = parsed(strchr(texts[i], '\n') + 1, &err);     // a bare dash is a list
    CHECK_THAT(r && rn_recipe_check(r, &system_toy, &err), "%d: %s", i, err.text);
    char *once = rn_recipe_print(r, &system_toy);
    rn_recipe *again = parsed(once, &err);
    CHECK_THAT(again && rn_recipe_check(again, &system_toy, &err), "%d: %s in\n%s", i, err.text, once);
    char *twice = rn_recipe_print(again, &system_toy);
    CHECK_THAT(strcmp(once, twice) == 0, "%s\nbecame\n%s", once, twice);
    for (int k = 0; k < rn_recipe_count(r); k++) {
      const rn_given *v = rn_recipe_at(r, k), *w = rn_recipe_find(again, v->key);
      CHECK_THAT(w && strcmp(w->text, v->text) == 0 && w->items == v->items && w->null == v->null, "%s: '%s' in\n%s", v->key, v->text, once);
    }
    rn_recipe_key key;
    for (int k = 0; rn_recipe_key_at(&system_toy, k, &key); k++) {
      char *usual = rn_key_default(&key);
      CHECK_THAT(!usual || rn_recipe_find(again, key.name), "%s is not printed", key.name);
      rn_free(usual);
    }
    char *plain = rn_recipe_print(r, NULL);
    rn_recipe *third = parsed(plain, &err);
    CHECK_THAT(third && rn_recipe_count(third) == rn_recipe_count(r), "%s\n%s", err.text, plain);
    rn_free(once), rn_free(twice), rn_free(plain), rn_recipe_free(third), rn_recipe_free(r), rn_recipe_free(again);
  }
}

TEST(parts_and_names_see_the_nested_keys) {
  rn_error err = {0};
  rn_recipe *r = parsed("arms:\n  bc: {system: bc}\n  iql: {system: iql, phases: {online: {steps: 1}}}\nseeds: [1, 2, 3]\ngates: [{name: a, least: 1}, {name: b}]\n", &err);
  CHECK_THAT(r, "%s", err.text);
  const char **names;
  CHECK(rn_recipe_names(r, "arms", &names) == 2 && strcmp(names[0], "bc") == 0 && strcmp(names[1], "iql") == 0);
  rn_free(names);
  rn_recipe *arm = rn_recipe_part(r, "arms.iql");
  CHECK(rn_recipe_count(arm) == 2 && rn_recipe_int(arm, "phases.online.steps") == 1);
  CHECK(strcmp(rn_recipe_find(arm, "system")->place, "r.yaml:3:17") == 0);
  CHECK(strcmp(rn_recipe_find(r, "gates.1.name")->text, "b") == 0 && rn_recipe_find(r, "seeds")->items == 3);
  rn_recipe *base = parsed("system: bc\nlr: 1e-3\n", &err);
  rn_recipe_merge(base, arm), rn_recipe_drop(base, "phases");
  CHECK(rn_recipe_count(base) == 2 && strcmp(rn_recipe_find(base, "system")->text, "iql") == 0);
  rn_recipe_free(base), rn_recipe_free(arm), rn_recipe_free(r);
}

TEST(columns_and_samplers_come_out_as_the_data_floor_wants_them) {
  rn_error err = {0};
  rn_columns c;
  rn_sampling s;
  rn_recipe *r = parsed("columns: {obs: [a, b], act: u, reward: r, truncated: null}\nsampler: rw\nsampler.alpha: 0.2\nphases: {online: {sampler: uniform}}\n", &err);
  CHECK(r && rn_recipe_check(r, &system_toy, &err) && rn_recipe_columns(r, &c, &err));
  CHECK(c.n_obs == 2 && strcmp(c.obs[1], "b") == 0 && c.n_act == 1 && strcmp(c.act[0], "u") == 0 && strcmp(c.reward, "r") == 0 && !c.truncated && !c.n_next);
  CHECK(rn_recipe_sampling(r, NULL, &s) && s.kind == RN_RW && s.alpha == 0.2 && s.fraction == 0.1);
  CHECK(rn_recipe_sampling(r, "online", &s) && s.kind == RN_UNIFORM && rn_recipe_sampling(r, "offline", &s) && s.kind == RN_RW);
  rn_recipe_put(r, "columns.rewards", "x", "here");
  CHECK(!rn_recipe_columns(r, &c, &err)), CHECK_TEXT(err.text, "here: columns has no 'rewards'; did you mean 'reward'?");
  rn_recipe_free(r);
}

TEST(the_schema_holds_every_key) {
  char *schema = rn_recipe_schema(&system_toy);
  rn_recipe_key k;
  for (int i = 0; rn_recipe_key_at(&system_toy, i, &k); i++) {
    char *quoted = rn_printed("\"%s\":", k.name);
    CHECK_TEXT(schema, quoted);
    rn_free(quoted);
  }
  CHECK_TEXT(schema, "\"minimum\": 0.5, \"maximum\": 1, \"default\": 0.7"), CHECK_TEXT(schema, "[\"mean\", \"min\", \"max\"]");
  rn_free(schema);
}
