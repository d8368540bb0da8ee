/* cli/use.c - what is done with runs: eval, export, report, claim, step, bench. */
#include "cli.h"
#include "rein/report.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

// key=VALUE among the arguments; NULL: not there
static const char *argument(const cli *c, const char *key) {
  size_t n = strlen(key);
  for (int i = 0; i < c->n; i++) if (strncmp(c->args[i], key, n) == 0 && c->args[i][n] == '=') return c->args[i] + n + 1;
  return NULL;
}

// arguments from `from` on are key=value with one of these keys
static bool only_keys(const cli *c, int from, int n, const char *const keys[], rn_error *err) {
  for (int i = from; i < c->n; i++) {
    char key[64];
    bool known = false;
    snprintf(key, sizeof key, "%.*s", (int)strcspn(c->args[i], "="), c->args[i]);
    for (int k = 0; k < n; k++) known = known || strcmp(keys[k], key) == 0;
    const char *near = rn_nearest(key, n, keys);
    if (!known && near) return rn_fail(err, "rein %s: '%s' is not one of its keys; did you mean '%s=...'?", c->verb->name, c->args[i], near);
    if (!known) return rn_fail(err, "rein %s: '%s' is not one of its keys; `rein %s --help` has them", c->verb->name, c->args[i], c->verb->name);
    if (!strchr(c->args[i], '=') || !strchr(c->args[i], '=')[1]) return rn_fail(err, "rein %s: %s has no value; write %s=VALUE", c->verb->name, key, key);
  }
  return true;
}

//---- eval --------------------------------------------------------------------------------------------------------------------------------

static void figures_json(rn_text *t, int n, const rn_figure *f) {
  rn_say_text(t, "{");
  for (int i = 0; i < n; i++) {
    rn_say_text(t, i ? ", " : ""), rn_say_json(t, f[i].name);
    rn_say_text(t, isfinite(f[i].value) ? ": {\"value\": %.17g" : ": {\"value\": null", f[i].value);
    if (isfinite(f[i].low) && isfinite(f[i].high)) rn_say_text(t, ", \"low\": %.17g, \"high\": %.17g", f[i].low, f[i].high);
    rn_say_text(t, "}");
  }
  rn_say_text(t, "}");
}

static void evaluation_json(const char *folder, const rn_evaluation *e) {
  rn_text t = {0};
  rn_say_text(&t, "{\"folder\": "), rn_say_json(&t, folder), rn_say_text(&t, ", \"env\": "), rn_say_json(&t, e->env), rn_say_text(&t, ", \"data\": "), rn_say_json(&t, e->data);
  rn_say_text(&t, ", \"figures\": "), figures_json(&t, e->figures, e->figure), rn_say_text(&t, ", \"returns\": [");
  for (int i = 0; i < e->episodes && e->returns; i++) rn_say_text(&t, "%s%.9g", i ? ", " : "", e->returns[i]);
  rn_say_text(&t, "]}\n");
  printf("%s", t.at);
  rn_free(t.at);
}

static void evaluation_text(const char *folder, const rn_evaluation *e) {
  static const char *const head[] = {"figure", "value [95 % interval]"};
  char **cells = rn_new((size_t)(e->figures + 1) * 2 * sizeof *cells);
  for (int i = 0; i < e->figures; i++) {
    const rn_figure *f = &e->figure[i];
    cells[2 * i] = rn_copy_text(f->name), cells[2 * i + 1] = cli_interval(f->value, f->low, f->high);
  }
  printf("%s%s%s%s%s\n", folder, *e->env ? " in " : "", e->env, *e->data ? " on " : "", e->data);
  if (e->episodes) printf("  %d episodes\n", e->episodes);
  cli_table(2, head, e->figures, (const char *const *)cells);
  for (int i = 0; i < 2 * e->figures; i++) rn_free(cells[i]);
  rn_free(cells);
}

rn_code cli_eval(cli *c, rn_error *err) {
  static const char *const keys[] = {"env", "data"};
  int n;
  char **folders;
  if (!only_keys(c, 1, RN_COUNT(keys), keys, err) || !cli_runs(1, c->args, &n, &folders, err)) return err->code;
  rn_code code = RN_OK;
  if (c->json && n > 1) printf("[");
  for (int i = 0; i < n && code == RN_OK; i++) {
    rn_evaluation e = {0};
    rn_evaluate_options o = {.folder = folders[i], .env = argument(c, "env"), .data = argument(c, "data"), .episodes = (int)cli_whole(c, "episodes", 0),
                             .threads = (int)cli_whole(c, "threads", 0), .seed = (uint64_t)cli_whole(c, "seed", 0), .any_seed = !cli_text(c, "seed")};
    code = rn_evaluate_run(&o, &e, err);
    if (code == RN_OK && c->json && i) printf(",");
    if (code == RN_OK && c->json) evaluation_json(folders[i], &e);
    else if (code == RN_OK) evaluation_text(folders[i], &e);
    rn_evaluation_free(&e);
  }
  if (c->json && n > 1) printf("]\n");
  cli_runs_free(n, folders);
  return code;
}

//---- export, report ----------------------------------------------------------------------------------------------------------------------

rn_code cli_export(cli *c, rn_error *err) {
  const char *to_c = cli_text(c, "c"), *to_safetensors = cli_text(c, "safetensors"), *run = c->args[0];
  if (!to_c && !to_safetensors) return rn_fail(err, "rein export: where to? --c FILE, --safetensors FILE, or both"), RN_INPUT;
  if (!cli_is_run(run)) return rn_fail(err, "%s: not the folder of a run (no run.sqlite)%s", run, rn_exists(run) ? "; of several seeds name one, as in FOLDER/seed-1" : ""), RN_INPUT;
  rn_code code = to_c ? rn_export_c(run, to_c, err) : RN_OK;
  if (code == RN_OK && to_safetensors) code = rn_export_safetensors(run, to_safetensors, err);
  if (code != RN_OK) return code;
  if (c->json) {
    rn_text t = {0};
    rn_say_text(&t, "{\"folder\": "), rn_say_json(&t, run);
    if (to_c) rn_say_text(&t, ", \"c\": "), rn_say_json(&t, to_c);
    if (to_safetensors) rn_say_text(&t, ", \"safetensors\": "), rn_say_json(&t, to_safetensors);
    printf("%s}\n", t.at);
    rn_free(t.at);
  } else if (!c->quiet) {
    if (to_c) printf("%s\n", to_c);
    if (to_safetensors) printf("%s\n", to_safetensors);
  }
  return RN_OK;
}

rn_code cli_report(cli *c, rn_error *err) {
  int n;
  char **folders;
  if (!cli_runs(c->n, c->args, &n, &folders, err)) return err->code;
  const char *out = cli_text(c, "out");
  char *path = out ? rn_copy_text(out) : rn_printed("%s/report.html", c->args[0]);
  bool fine = rn_report_runs(n, (const char *const *)folders, &(rn_report_options){.title = cli_text(c, "title"), .command = c->command}, path, err);
  if (fine && c->json) {
    rn_text t = {0};
    rn_say_text(&t, "{\"report\": "), rn_say_json(&t, path), rn_say_text(&t, ", \"runs\": %d}", n);
    printf("%s\n", t.at);
    rn_free(t.at);
  } else if (fine && !c->quiet) printf("%s\n", path);
  cli_runs_free(n, folders), rn_free(path);
  return fine ? RN_OK : err->code;
}

//---- claim -------------------------------------------------------------------------------------------------------------------------------

static void on_say(void *context, const char *kind, const char *text) { cli_note(context, kind, text); }

rn_code cli_claim(cli *c, rn_error *err) {
  rn_claim_options o = {.folder = cli_text(c, "out"), .jobs = (int)cli_whole(c, "jobs", 0), .fresh = cli_flag(c, "fresh"), .say = on_say, .context = c, .interrupt = &cli_interrupt};
  const char *part = cli_text(c, "part");
  int used = 0;
  if (part && (sscanf(part, "%d/%d%n", &o.part, &o.parts, &used) != 2 || part[used] || o.part < 1 || o.part > o.parts))
    return rn_fail(err, "--part: '%s' is not I/N with 1 <= I <= N, as in 2/8", part), RN_INPUT;
  rn_text text = {0}, json = {0};
  rn_code code = rn_claim(c->args[0], &o, &text, &json, err);
  if (code == RN_OK || code == RN_UNMET) printf("%s", c->json ? json.at ? json.at : "{}\n" : text.at ? text.at : "");
  rn_free(text.at), rn_free(json.at);
  return code;
}

//---- step --------------------------------------------------------------------------------------------------------------------------------

// obs=17 act=6: sizes, which are no keys of a recipe
static bool take_size(cli *c, const char *key, int *out, rn_error *err) {
  const char *text = argument(c, key);
  double x;
  if (!text) return true;
  if (!rn_number(text, &x) || x != floor(x) || x < 1 || x > 1e6) return rn_fail(err, "command line: %s: '%s' is not a size from 1 to 1000000", key, text);
  *out = (int)x;
  int kept = 0;
  for (int i = 0; i < c->n; i++) if (strncmp(c->args[i], key, strlen(key)) != 0 || c->args[i][strlen(key)] != '=') c->args[kept++] = c->args[i];
  c->n = kept;
  return true;
}

rn_code cli_step(cli *c, rn_error *err) {
  rn_step_files f = {.params = cli_text(c, "params"), .batch = cli_text(c, "batch"), .noise = cli_text(c, "noise"), .out = cli_text(c, "out"), .init = cli_text(c, "init"),
                     .updates = (int)cli_whole(c, "updates", 1)};
  if (!take_size(c, "obs", &f.obs, err) || !take_size(c, "act", &f.act, err) || !take_size(c, "actions", &f.actions, err)) return err->code;
  if (c->n == 0) return rn_fail(err, "rein step wants a system; `rein systems` lists them"), RN_INPUT;
  bool init = f.init != NULL;
  if (init && (f.obs == 0 || (f.act == 0) == (f.actions == 0))) return rn_fail(err, "rein step --init wants obs=N and act=N (or actions=N for a choice)"), RN_INPUT;
  if (!init && !(f.params && f.batch && f.out)) return rn_fail(err, "rein step wants --params FILE --batch FILE --out FILE, or obs=N act=N --init FILE"), RN_INPUT;
  if (init && (f.params || f.batch || f.noise || f.out)) return rn_fail(err, "rein step: --init stands alone; make the update with a second command"), RN_INPUT;
  const rn_system *system;
  rn_recipe *r = cli_recipe(c, &system, err);
  if (!r) return err->code;
  rn_code code = rn_step_system(r, &f, err);
  rn_recipe_free(r);
  if (code == RN_OK && c->json) {
    rn_text t = {0};
    rn_say_text(&t, "{\"out\": "), rn_say_json(&t, init ? f.init : f.out);
    printf("%s}\n", t.at);
    rn_free(t.at);
  } else if (code == RN_OK && !c->quiet) printf("%s\n", init ? f.init : f.out);
  return code;
}

//---- bench -------------------------------------------------------------------------------------------------------------------------------

// its yardsticks are libraries that rein does without, so it is a program of its own beside this one
rn_code cli_bench(cli *c, rn_error *err) {
  static const char *const what[] = {"gemm", "step", "env", "act", "data", "all"};
  const char *which = c->n ? c->args[0] : "all", *near = rn_nearest(which, RN_COUNT(what), what);
  bool known = false;
  for (int i = 0; i < RN_COUNT(what); i++) known = known || strcmp(what[i], which) == 0;
  if (!known && near) return rn_fail(err, "rein bench has no '%s'; did you mean '%s'?", which, near), RN_INPUT;
  if (!known) return rn_fail(err, "rein bench has no '%s'; it has gemm, step, env, act, data, all", which), RN_INPUT;
  char self[4096];
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  self[RN_MAX(n, 0)] = 0;
  char *slash = strrchr(self, '/'), *path = rn_printed("%.*s/rein-bench", slash ? (int)(slash - self) : 0, self);
  execl(path, "rein-bench", which, c->json ? "--json" : NULL, NULL);
  rn_fail(err, "%s: %s; bench is built with `make bench` or installed beside rein", path, strerror(errno));
  rn_free(path);
  return RN_INPUT;
}
