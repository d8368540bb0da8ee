/* cli/train.c - train and resume: one run here, several seeds as processes (seeds.c). */
#include "cli.h"
#include "rein/journal.h"
#include "rein/report.h"
#include <dirent.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

typedef struct { cli *c; cli_progress progress; int fd; rn_progress last; } watcher;

// one line for the process that started this one
static void tell_parent(int fd, const rn_progress *p) {
  char line[512];
  int n = snprintf(line, sizeof line, "%s %ld %ld %ld %ld %ld %.6g %.6g %d %.17g %.17g %.17g\n", p->phase && *p->phase ? p->phase : "-", p->update, p->updates, p->done, p->all, p->steps,
                   p->rate, p->left, p->evaluations, p->mean, p->low, p->high);
  if (write(fd, line, (size_t)n) < 0) return;                  // a parent that went away: the death signal comes by itself
}

static void on_progress(void *context, const rn_progress *p) {
  watcher *w = context;
  w->last = *p;
  if (w->fd >= 0) tell_parent(w->fd, p);
  else cli_progress_show(&w->progress, p);
}

static void on_say(void *context, const char *kind, const char *text) {
  watcher *w = context;
  cli_progress_end(&w->progress);
  cli_note(w->c, kind, text);
}

static bool absent_or_empty(const char *folder) {
  DIR *d = opendir(folder);
  bool empty = true;
  for (struct dirent *e; d && empty && (e = readdir(d));) empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
  if (d) closedir(d);
  return empty && (d || !rn_exists(folder));
}

// runs/iql-1, the first number that is free
static char *free_folder(const char *name) {
  for (int i = 1;; i++) {
    char *folder = rn_printed("runs/%s-%d", name, i);
    if (absent_or_empty(folder)) return folder;
    rn_free(folder);
  }
}

bool cli_write_report(const char *folder, rn_error *err) {
  int n;
  char **folders, *path = rn_printed("%s/report.html", folder), *command = rn_printed("rein report %s", folder);
  bool fine = cli_runs(1, &folder, &n, &folders, err);
  if (fine) fine = rn_report_runs(n, (const char *const *)folders, &(rn_report_options){.command = command}, path, err), cli_runs_free(n, folders);
  rn_free(path), rn_free(command);
  return fine;
}

static void say_result(const cli *c, const char *folder, const rn_progress *last, rn_code code, bool report) {
  char *mean = last->evaluations ? cli_interval(last->mean, last->low, last->high) : NULL;
  if (c->json) {
    rn_text t = {0};
    rn_say_text(&t, "{\"folder\": "), rn_say_json(&t, folder), rn_say_text(&t, ", \"code\": %d, \"updates\": %ld, \"steps\": %ld", (int)code, last->done ? last->done : last->update, last->steps);
    if (last->evaluations) rn_say_text(&t, ", \"return\": {\"value\": %.17g, \"low\": %.17g, \"high\": %.17g}", last->mean, last->low, last->high);
    printf("%s}\n", t.at);
    rn_free(t.at);
  } else {
    printf("%s\n", folder);
    if (mean) printf("  mean return %s (95 %% interval)\n", mean);
    if (report) printf("  report      %s/report.html\n", folder);
    printf("  next        rein eval %s --episodes 100;  rein export %s --c policy.c\n", folder, folder);
  }
  rn_free(mean);
}

static rn_code one_run(cli *c, const rn_recipe *r, const char *folder, rn_error *err) {
  watcher w = {.c = c, .fd = (int)cli_whole(c, "progress-fd", -1), .progress.quiet = c->quiet};
  if (w.fd >= 0) prctl(PR_SET_PDEATHSIG, SIGTERM);
  rn_train_options o = {.folder = folder, .threads = (int)cli_whole(c, "threads", 0), .memory = cli_size(c, "mem"), .command = c->command,
                        .progress = on_progress, .say = on_say, .context = &w, .interrupt = &cli_interrupt};
  rn_code code = r ? rn_train(r, &o, err) : rn_resume(&o, err);
  cli_progress_end(&w.progress);
  if (code != RN_OK || w.fd >= 0) return code;
  bool report = !cli_flag(c, "no-report");
  if (report && !cli_write_report(folder, err)) return err->code;
  if (!c->quiet || c->json) say_result(c, folder, &w.last, code, report);
  return code;
}

rn_code cli_train(cli *c, rn_error *err) {
  const rn_system *system;
  rn_recipe *r = cli_recipe(c, &system, err);
  if (!r || (system && !rn_recipe_needs(r, system, err))) return rn_recipe_free(r), err->code;
  if (cli_flag(c, "dry-run")) {
    char *text = rn_recipe_print(r, system);
    printf("%s", text);
    rn_free(text), rn_recipe_free(r);
    return RN_OK;
  }
  const char *out = cli_text(c, "out");
  char *folder = out ? rn_copy_text(out) : free_folder(system ? system->name : "stages");
  bool fine = absent_or_empty(folder) || rn_fail(err, "%s: in use by an earlier run; name another folder, or go on with it: rein resume %s", folder, folder);
  rn_code code = !fine ? err->code : rn_recipe_int(r, "seeds") > 1 ? cli_train_seeds(c, r, folder, false, err) : one_run(c, r, folder, err);
  rn_free(folder), rn_recipe_free(r);
  return code;
}

rn_code cli_resume(cli *c, rn_error *err) {
  char *path = rn_printed("%s/recipe.yaml", c->args[0]);
  rn_recipe *r = rn_exists(path) ? rn_recipe_read(path, err) : NULL;
  if (!r && err->code == RN_OK) rn_fail(err, "%s: not the folder of a run (no recipe.yaml)", c->args[0]);
  rn_free(path);
  if (!r) return err->code;
  const rn_given *seeds = rn_recipe_find(r, "seeds");
  double n;
  rn_code code = seeds && rn_number(seeds->text, &n) && n > 1 ? cli_train_seeds(c, r, c->args[0], true, err) : one_run(c, NULL, c->args[0], err);
  rn_recipe_free(r);
  return code;
}
