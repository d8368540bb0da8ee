/* run/claim.c - claims: a file says arms, data, seeds and bars; the arms' cells run as processes, one a core; what they gave is weighed.
 *
 * A cell is (arm, task, seed). Its result is kept in FOLDER/cells under the hash of its recipe, its data and its system's fingerprint: the bytes of
 * the checkpoint after 20 updates of the arm's own recipe on pilot seed 100, and two evaluated episodes. So a commit that changes no number keeps
 * all results, and one that does runs them again. */
#include "claim.h"
#include "rein/claim.h"
#include "rein/data.h"
#include "rein/points.h"
#include "rein/worlds.h"
#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PILOT = 100, UPDATES = 20 };
static char program[512] = "/proc/self/exe";                   // who plays a cell; set once at the start (tests)

void rn_claim_program(const char *path) { snprintf(program, sizeof program, "%s", path ? path : "/proc/self/exe"); }

//---- the file -------------------------------------------------------------------------------------------------------------------------

static const char *const known[] = {"paper", "claim", "here", "note", "seeds", "pilot", "repeat", "resamples", "common", "evaluate", "data", "arms", "tasks",
                                    "tune", "gates", "bars", "report"};

static bool only_known(const claim *c, rn_error *err) {
  for (int i = 0; i < rn_recipe_count(c->file); i++) {
    const rn_given *v = rn_recipe_at(c->file, i);
    char head[64];
    bool found = false;
    snprintf(head, sizeof head, "%.*s", (int)strcspn(v->key, "."), v->key);
    for (int k = 0; k < RN_COUNT(known); k++) found |= !strcmp(head, known[k]);
    const char *near = rn_nearest(head, RN_COUNT(known), known);
    if (!found) return rn_fail(err, "%s: no key '%s' in a claim%s%s%s", v->key_place, head, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
  }
  return true;
}

static bool whole(const claim *c, const char *key, int fallback, int least, int most, int *out, rn_error *err) {
  const rn_given *v = rn_recipe_find(c->file, key);
  double x = fallback;
  if (v && (!rn_number(v->text, &x) || x != floor(x) || x < least || x > most))
    return rn_fail(err, "%s: %s: '%s' is not a whole number in %d .. %d", v->place, key, v->text, least, most);
  return *out = (int)x, true;
}

static bool entries(claim *c, const char *under, claim_entry *out, int *n, rn_error *err) {
  const char **names;
  *n = rn_recipe_names(c->file, under, &names);
  if (*n > CLAIM_MOST) return rn_fail(err, "%s: more than %d %s", c->path, CLAIM_MOST, under);
  for (int i = 0; i < *n; i++) {
    char *key = rn_printed("%s.%s", under, names[i]);
    out[i] = (claim_entry){rn_copy_text(names[i]), rn_recipe_part(c->file, key)};
    rn_free(key);
  }
  rn_free(names);
  return true;
}

static rn_recipe *merged(const claim *c, const char *under, const char *own) {
  rn_recipe *base = rn_recipe_part(c->file, under), *over = rn_recipe_part(c->file, own);
  rn_recipe_merge(base, over), rn_recipe_free(over);
  return base;
}

static bool read_arm(claim *c, const claim_entry *e, claim_arm *a, rn_error *err) {
  static const char *const keys[] = {"recipe", "evaluate", "data", "tuned", "tuning"};
  for (int i = 0; i < rn_recipe_count(e->say); i++) {
    const rn_given *v = rn_recipe_at(e->say, i);
    size_t head = strcspn(v->key, ".");
    bool found = false;
    for (int k = 0; k < RN_COUNT(keys); k++) found |= strlen(keys[k]) == head && !strncmp(v->key, keys[k], head);
    if (!found) return rn_fail(err, "%s: an arm has recipe, evaluate, data, tuned and tuning, not '%s'", v->key_place, v->key);
  }
  char *recipe = rn_printed("arms.%s.recipe", e->name), *evaluate = rn_printed("arms.%s.evaluate", e->name), *tuning = rn_printed("arms.%s.tuning", e->name);
  const rn_given *data = rn_recipe_find(e->say, "data"), *tuned = rn_recipe_find(e->say, "tuned");
  *a = (claim_arm){.name = e->name, .recipe = merged(c, "common", recipe), .evaluate = merged(c, "evaluate", evaluate), .data = data ? data->text : NULL,
                   .tuning = rn_recipe_part(c->file, tuning), .tuned = tuned && !strcmp(tuned->text, "true")};
  rn_free(recipe), rn_free(evaluate), rn_free(tuning);
  char *key = rn_printed("data.%s.make", a->data ? a->data : "");
  bool there = !a->data || rn_recipe_find(c->file, key);
  rn_free(key);
  if (!there) return rn_fail(err, "%s: no data set '%s' with a `make` in this claim", data->place, a->data);
  if (a->tuned && !rn_recipe_find(c->file, "tune.key")) return rn_fail(err, "%s: tuned, but the claim has no `tune:`", tuned->place);
  return rn_recipe_system(a->recipe, err) != NULL;
}

static bool read_tuning(claim *c, rn_error *err) {
  const rn_given *key = rn_recipe_find(c->file, "tune.key"), *values = rn_recipe_find(c->file, "tune.values"), *figure = rn_recipe_find(c->file, "tune.figure");
  if (!key && !values) return true;
  if (!key || !values || !figure || values->items < 1 || values->items > CLAIM_MOST)
    return rn_fail(err, "%s: tune needs key, values (a list) and figure", (key ? key : values)->place);
  c->values = values->items;
  for (int i = 0; i < c->values; i++) snprintf(c->value[i], sizeof c->value[i], "%s", values->item[i]);
  return whole(c, "tune.seeds", 8, 1, 10000, &c->tune_seeds, err);
}

static bool read_claim(claim *c, rn_error *err) {
  claim_entry *arm = c->said;
  if (!only_known(c, err) || !whole(c, "seeds", 5, 1, 10000, &c->seeds, err) || !whole(c, "resamples", 2000, 100, 1000000, &c->resamples, err)) return false;
  if (!entries(c, "arms", arm, &c->arms, err) || !entries(c, "tasks", c->task, &c->tasks, err) || !read_tuning(c, err)) return false;
  if (!entries(c, "bars", c->bar, &c->bars, err) || !entries(c, "gates", c->gate, &c->gates, err) || !entries(c, "report", c->line, &c->lines, err)) return false;
  if (!c->arms || !c->bars) return rn_fail(err, "%s: a claim has arms and bars", c->path);
  for (int i = 0; i < c->arms; i++) if (!read_arm(c, &arm[i], &c->arm[i], err)) return false;
  if (!c->tasks) c->task[c->tasks++] = (claim_entry){rn_copy_text(""), NULL};
  for (int i = 0; i < c->bars; i++) if (!claim_check_entry(c, &c->bar[i], true, err)) return false;
  for (int i = 0; i < c->gates; i++) if (!claim_check_entry(c, &c->gate[i], true, err)) return false;
  for (int i = 0; i < c->lines; i++) if (!claim_check_entry(c, &c->line[i], false, err)) return false;
  return true;
}

//---- data -------------------------------------------------------------------------------------------------------------------------------

static bool log_number(const rn_recipe *r, const char *key, double *out, rn_error *err) {
  const rn_given *v = rn_recipe_find(r, key);
  return !v || rn_number(v->text, out) || rn_fail(err, "%s: %s: '%s' is not a number", v->place, key, v->text);
}

static bool log_of(const claim *c, const char *name, const char **world, rn_point_log *log, rn_error *err) {
  static const char *const keys[] = {"make", "rho", "noise", "cap", "start", "trajectories", "steps"};
  char *under = rn_printed("data.%s", name);
  rn_recipe *r = rn_recipe_part(c->file, under);
  rn_free(under);
  *world = rn_recipe_find(r, "make")->text;
  bool fine = rn_point_defaults(*world, log, err);
  double n = log->trajectories, steps = log->steps;
  fine = fine && log_number(r, "rho", &log->rho, err) && log_number(r, "noise", &log->noise, err) && log_number(r, "cap", &log->cap, err) &&
         log_number(r, "start", &log->start, err) && log_number(r, "trajectories", &n, err) && log_number(r, "steps", &steps, err);
  log->trajectories = (int)n, log->steps = (int)steps;
  for (int i = 0; fine && i < rn_recipe_count(r); i++) {
    bool found = false;
    for (int k = 0; k < RN_COUNT(keys); k++) found |= !strcmp(rn_recipe_at(r, i)->key, keys[k]);
    if (!found) fine = rn_fail(err, "%s: a data set has make, rho, noise, cap, start, trajectories and steps", rn_recipe_at(r, i)->key_place);
  }
  return fine;                                                   // r is kept: *world points into it
}

static rn_table *made(const rn_env_kind *kind, const rn_point_log *log, uint64_t seed) {
  const rn_field fields[] = {{"obs", RN_F32, 2, NULL}, {"act", RN_F32, 2, NULL}, {"reward", RN_F32, 1, NULL}, {"terminated", RN_U8, 1, NULL},
                             {"truncated", RN_U8, 1, NULL}, {"next", RN_F32, 2, NULL}};
  rn_table *t = rn_table_new(RN_COUNT(fields), fields);
  rn_point_row *rows = rn_new((size_t)log->steps * sizeof *rows);
  for (int i = 0; i < log->trajectories; i++) {
    int n = rn_point_trajectory(kind, log, i, rn_key_new(seed, "claim.data", 0, 0), rows);
    for (int k = 0; k < n; k++) {
      int64_t at = rn_table_add(t, 1);
      memcpy(rn_table_write(t, "obs", at), rows[k].obs, sizeof rows[k].obs), memcpy(rn_table_write(t, "act", at), rows[k].act, sizeof rows[k].act);
      memcpy(rn_table_write(t, "next", at), rows[k].next, sizeof rows[k].next), *(float *)rn_table_write(t, "reward", at) = rows[k].reward;
      *(uint8_t *)rn_table_write(t, "terminated", at) = rows[k].terminated, *(uint8_t *)rn_table_write(t, "truncated", at) = rows[k].truncated;
    }
    rn_table_end(t, rows[n - 1].terminated ? RN_END_TERMINATED : RN_END_TRUNCATED, rows[n - 1].next);
  }
  rn_free(rows);
  if (kind->act.low) rn_table_set_bounds(t, kind->act.low, kind->act.high);
  else rn_table_set_bounds(t, (const float[]){-1, -1}, (const float[]){1, 1});
  return t;
}

/* The log of a data seed, made when it is not there yet. The path is the caller's. */
static char *data_file(const claim *c, const char *folder, const char *name, long seed, rn_error *err) {
  char *path = rn_printed("%s/data/%s-%ld.safetensors", folder, name, seed), *place = rn_printed("%s/data", folder);
  rn_point_log log;
  const char *world = NULL;
  bool fine = rn_exists(path) || (rn_make_folder(place, err) && log_of(c, name, &world, &log, err));
  rn_free(place);
  if (fine && !rn_exists(path)) {
    const rn_env_kind *kind = rn_env_find(world, err);
    rn_table *t = kind ? made(kind, &log, (uint64_t)seed) : NULL;
    fine = t && rn_write_safetensors_table(t, path, err);
    rn_table_free(t);
  }
  if (fine) return path;
  rn_free(path);
  return NULL;
}

//---- cells ------------------------------------------------------------------------------------------------------------------------------

const claim_cell *claim_find(const claim *c, int arm, int task, int value, long seed) {
  for (int i = 0; i < c->cells; i++) {
    const claim_cell *x = &c->cell[i];
    if (x->arm == arm && x->task == task && x->value == value && x->seed == seed && x->done) return x;
  }
  return NULL;
}

static void add_cell(claim *c, int arm, int task, int value, long seed) {
  if (claim_find(c, arm, task, value, seed)) return;
  if (c->cells == c->room) {
    int room = c->room * 2 + 64;
    c->cell = rn_grow(c->cell, (size_t)c->room * sizeof *c->cell, (size_t)room * sizeof *c->cell), c->room = room;
  }
  c->cell[c->cells++] = (claim_cell){.arm = arm, .task = task, .value = value, .seed = seed};
}

/* cell.yaml of a cell: its recipe under `recipe.`, how it is evaluated under `evaluate.`. Owned by the caller; NULL: err. */
static char *cell_text(const claim *c, const char *folder, const claim_cell *x, uint64_t *data, rn_error *err) {
  const claim_arm *a = &c->arm[x->arm];
  rn_recipe *r = rn_recipe_copy(a->recipe), *e = rn_recipe_copy(a->evaluate), *all = rn_recipe_new(NULL);
  const char *value = x->value >= 0 ? c->value[x->value] : a->value;
  if (c->task[x->task].say) rn_recipe_merge(r, c->task[x->task].say);
  if (x->value >= 0) rn_recipe_merge(r, a->tuning);
  char *seed = rn_printed("%ld", x->seed), *file = a->data ? data_file(c, folder, a->data, x->seed, err) : NULL;
  rn_recipe_put(r, "seed", seed, "claim");
  if (value) rn_recipe_put(r, rn_recipe_find(c->file, "tune.key")->text, value, "claim");
  if (file) rn_recipe_put(r, "data", file, "claim");
  *data = 0;
  char *bytes;
  size_t n;
  bool fine = !a->data || (file && rn_read_file(file, &bytes, &n, err));
  if (fine && file) *data = rn_hash(bytes, n, 0), rn_free(bytes);
  for (int i = 0; i < rn_recipe_count(r) + rn_recipe_count(e); i++) {
    bool own = i < rn_recipe_count(r);
    const rn_given *v = own ? rn_recipe_at(r, i) : rn_recipe_at(e, i - rn_recipe_count(r));
    char *key = rn_printed("%s.%s", own ? "recipe" : "evaluate", v->key);
    rn_text line = {0};
    rn_say_text(&line, v->items >= 0 ? "%s=%s" : "%s=", key, v->text);
    if (v->items >= 0) fine = fine && rn_recipe_set(all, line.at, err);
    else rn_recipe_put(all, key, v->text, "claim");
    rn_free(line.at), rn_free(key);
  }
  char *text = fine ? rn_recipe_print(all, NULL) : NULL;
  rn_free(seed), rn_free(file), rn_recipe_free(r), rn_recipe_free(e), rn_recipe_free(all);
  return text;
}

/* The key of its result: the paths of data files say nothing, their bytes do. */
static bool key_cell(const claim *c, const char *folder, claim_cell *x, rn_error *err) {
  uint64_t data;
  char *text = cell_text(c, folder, x, &data, err);
  if (!text) return false;
  rn_text t = {0};
  for (char *line = text, *next; *line; line = next) {
    next = line + strcspn(line, "\n");
    next += *next == '\n';
    if (!strstr(line, "data:") || strstr(line, "data:") > next) rn_say_bytes(&t, line, (size_t)(next - line));
  }
  rn_say_text(&t, "%016llx %s", (unsigned long long)data, c->arm[x->arm].print);
  snprintf(x->key, sizeof x->key, "%016llx", (unsigned long long)rn_hash(t.at, t.n, 0));
  rn_free(t.at), rn_free(text);
  return true;
}

static int remove_entry(const char *path, const struct stat *s, int kind, struct FTW *f) { return (void)s, (void)kind, (void)f, remove(path), 0; }
static void remove_tree(const char *folder) { nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS); }

static char *place_of(const char *folder, const claim_cell *x, bool result) {
  return rn_printed(result ? "%s/cells/%s" : "%s/work/%s", folder, x->key);
}

static bool known_already(const char *folder, claim_cell *x) {
  rn_error none = {0};
  char *path = place_of(folder, x, true);
  x->done = rn_exists(path) && claim_read_figures(path, &x->n, &x->figure, &none);
  rn_free(path);
  return x->done;
}

static pid_t start(const claim *c, const char *folder, const claim_cell *x, rn_error *err) {
  extern char **environ;
  uint64_t data;
  pid_t pid = -1;
  char *work = place_of(folder, x, false), *file = rn_printed("%s/cell.yaml", work), *text = cell_text(c, folder, x, &data, err);
  remove_tree(work);
  if (text && rn_make_folder(work, err) && rn_write_file(file, text, strlen(text), err)) {
    char *argv[] = {program, "--rein-cell", work, NULL};
    int e = posix_spawn(&pid, program, NULL, NULL, argv, environ);
    if (e) rn_fail_as(err, RN_SYSTEM, "%s can't be started: %s", program, strerror(e)), pid = -1;
  }
  rn_free(work), rn_free(file), rn_free(text);
  return pid;
}

/* A process ended: its figures move to the results, or its message becomes ours. */
static bool harvest(const claim *c, const char *folder, claim_cell *x, int status, rn_error *err) {
  char *work = place_of(folder, x, false), *result = place_of(folder, x, true), *from = rn_printed("%s/figures", work), *said = rn_printed("%s/error", work);
  char *text = NULL;
  size_t n;
  rn_error own = {0};
  bool fine = WIFEXITED(status) && WEXITSTATUS(status) == 0 && rn_read_file(from, &text, &n, &own) && rn_write_file(result, text, n, &own) &&
              known_already(folder, x);
  if (!fine) {
    rn_free(text), text = NULL;
    if (rn_exists(said)) rn_read_file(said, &text, &n, &own);
    rn_fail_as(err, WIFEXITED(status) && WEXITSTATUS(status) ? (rn_code)WEXITSTATUS(status) : RN_SYSTEM, "arm %s, seed %ld: %s (%s)", c->arm[x->arm].name, x->seed,
               text ? text : own.text[0] ? own.text : "the process died", work);
  } else remove_tree(work);
  rn_free(text), rn_free(work), rn_free(result), rn_free(from), rn_free(said);
  return fine;
}

typedef struct { pid_t pid; claim_cell *cell; } running;

static void tell(const rn_claim_options *o, const char *kind, const char *format, ...) RN_PRINTF(3, 4);
static void tell(const rn_claim_options *o, const char *kind, const char *format, ...) {
  char text[512];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  if (o->say) o->say(o->context, kind, text);
}

static void stop_all(running *run, int jobs) {
  for (int j = 0; j < jobs; j++) if (run[j].pid > 0) kill(run[j].pid, SIGTERM);
  for (int j = 0; j < jobs; j++) if (run[j].pid > 0) waitpid(run[j].pid, NULL, 0);
}

/* Runs all cells that have no result and belong to our part. False: one failed or the user stopped us. */
static bool run_cells(claim *c, const char *folder, const rn_claim_options *o, rn_error *err) {
  int jobs = o->jobs ? o->jobs : (int)sysconf(_SC_NPROCESSORS_ONLN), left = 0, next = 0, done = 0, open = 0;
  jobs = RN_MIN(RN_MAX(jobs, 1), 64);
  running run[64] = {{0}};
  for (int i = 0; i < c->cells; i++) left += !c->cell[i].done;
  const int all = left;
  bool fine = true;
  while (fine && (next < c->cells || open)) {
    for (int j = 0; fine && j < jobs; j++) {
      while (next < c->cells && (c->cell[next].done || (o->parts && next % o->parts != o->part - 1))) next++;
      if (run[j].pid || next == c->cells) continue;
      run[j] = (running){start(c, folder, &c->cell[next], err), &c->cell[next]};
      fine = run[j].pid > 0, next += fine, open += fine;
    }
    for (int j = 0; fine && j < jobs; j++) {
      int status;
      if (run[j].pid <= 0 || waitpid(run[j].pid, &status, WNOHANG) != run[j].pid) continue;
      fine = harvest(c, folder, run[j].cell, status, err), run[j].pid = 0, open--, done++;
      if (done % RN_MAX(all / 20, 1) == 0 || done == all) tell(o, "progress", "%d of %d cells", done, all);
    }
    if (fine && o->interrupt && *o->interrupt)
      fine = rn_fail_as(err, *o->interrupt == SIGTERM ? RN_TERMINATED : RN_INTERRUPTED, "stopped after %d of %d cells; `rein claim %s` goes on", done, all, c->name);
    nanosleep(&(struct timespec){0, 1000000}, NULL);
  }
  if (!fine) stop_all(run, jobs);
  return fine;
}

//---- fingerprints -------------------------------------------------------------------------------------------------------------------------

/* The same arm, cut to a few updates: every phase's length, steps in all where a phase counts those. */
static rn_recipe *micro(const claim_arm *a, rn_error *err) {
  rn_recipe *r = rn_recipe_copy(a->recipe);
  const rn_system *s = rn_recipe_system(r, err);
  for (const rn_phase *p = s->phases; p && p->name; p++)
    for (const rn_option *k = s->options; k && k->name; k++) {
      double most = p->counts_steps ? 20 * UPDATES : UPDATES, now = k->value;
      if (k->at != p->length || k->kind != RN_OPT_INT) continue;
      if (rn_recipe_find(r, k->name)) rn_number(rn_recipe_find(r, k->name)->text, &now);
      char *text = rn_printed("%.0f", fmin(now, most));
      rn_recipe_put(r, k->name, text, "fingerprint"), rn_free(text);
    }
  return r;
}

static bool hash_file(const char *path, uint64_t *hash) {
  rn_error none = {0};
  char *bytes;
  size_t n;
  if (!rn_exists(path) || !rn_read_file(path, &bytes, &n, &none)) return false;
  *hash = rn_hash(bytes, n, *hash);
  rn_free(bytes);
  return true;
}

static bool fingerprint(claim *c, int arm, const char *folder, rn_error *err) {
  claim_arm *a = &c->arm[arm], was = *a;
  rn_recipe *evaluate = rn_recipe_copy(a->evaluate);
  if (rn_recipe_find(evaluate, "episodes")) rn_recipe_put(evaluate, "episodes", "2", "fingerprint");
  a->recipe = micro(&was, err), a->evaluate = evaluate;
  claim_cell x = {.arm = arm, .value = -1, .seed = PILOT};
  snprintf(x.key, sizeof x.key, "print-%d", arm);
  char *work = place_of(folder, &x, false), *error = rn_printed("%s/error", work), *figures = rn_printed("%s/figures", work);
  int status = 0;
  pid_t pid = start(c, folder, &x, err);
  bool fine = pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  uint64_t hash = 0;
  for (int u = 20 * UPDATES; fine && u >= 0; u--) {              // the newest checkpoint of the micro-run
    char *path = rn_printed("%s/run/checkpoint/%08d.safetensors", work, u);
    bool found = hash_file(path, &hash);
    rn_free(path);
    if (found) break;
  }
  fine = fine && hash_file(figures, &hash);
  snprintf(a->print, sizeof a->print, "%016llx", (unsigned long long)hash);
  if (!fine && pid > 0) {
    char *text = NULL;
    size_t n;
    rn_error own = {0};
    if (rn_exists(error)) rn_read_file(error, &text, &n, &own);
    rn_fail_as(err, WIFEXITED(status) && WEXITSTATUS(status) ? (rn_code)WEXITSTATUS(status) : RN_SYSTEM, "arm %s: %s", a->name, text ? text : "its process died");
    rn_free(text);
  } else remove_tree(work);
  rn_recipe_free(a->recipe), rn_recipe_free(evaluate);
  a->recipe = was.recipe, a->evaluate = was.evaluate;
  rn_free(work), rn_free(error), rn_free(figures);
  return fine;
}

//---- all of it ------------------------------------------------------------------------------------------------------------------------------

static bool run_new(claim *c, const char *folder, const rn_claim_options *o, rn_error *err) {
  for (int i = 0; i < c->cells; i++) {
    if (c->cell[i].done) continue;
    if (!key_cell(c, folder, &c->cell[i], err)) return false;
    if (!o->fresh) known_already(folder, &c->cell[i]);
  }
  return run_cells(c, folder, o, err);
}

static bool tune(claim *c, const char *folder, const rn_claim_options *o, rn_error *err) {
  for (int a = 0; a < c->arms; a++)
    for (int v = 0; c->arm[a].tuned && v < c->values; v++)
      for (int t = 0; t < c->tasks; t++) for (int s = 0; s < c->tune_seeds; s++) add_cell(c, a, t, v, PILOT + s);
  if (!run_new(c, folder, o, err)) return false;
  for (int a = 0; a < c->arms; a++) {
    if (!c->arm[a].tuned) continue;
    claim_pick(c, a);
    tell(o, "note", "%s: %s = %s", c->arm[a].name, rn_recipe_find(c->file, "tune.key")->text, c->arm[a].value);
  }
  return true;
}

static bool main_cells(claim *c, const char *folder, int seeds, const rn_claim_options *o, rn_error *err) {
  for (int a = 0; a < c->arms; a++) for (int t = 0; t < c->tasks; t++) for (int s = 0; s < seeds; s++) add_cell(c, a, t, -1, s);
  return run_new(c, folder, o, err);
}

static bool complete(const claim *c) {
  for (int i = 0; i < c->cells; i++) if (!c->cell[i].done) return false;
  return true;
}

static bool weigh_all(const claim *c, int seeds, claim_line *lines, rn_verdict *verdict, rn_error *err) {
  rn_verdict v[CLAIM_MOST];
  int n = 0;
  bool valid = true;
  for (int i = 0; i < c->gates; i++, n++) {
    if (!claim_weigh(c, &c->gate[i], seeds, true, &lines[n], err)) return false;
    valid &= lines[n].verdict == RN_CONFIRMED;
  }
  for (int i = 0; i < c->bars; i++, n++) {
    if (!claim_weigh(c, &c->bar[i], seeds, true, &lines[n], err)) return false;
    v[i] = lines[n].verdict;
  }
  for (int i = 0; i < c->lines; i++, n++) if (!claim_weigh(c, &c->line[i], seeds, false, &lines[n], err)) return false;
  *verdict = valid ? rn_worst(c->bars, v) : RN_SETTING_INVALID;
  return true;
}

static bool write_down(const claim *c, const char *folder, const rn_text *text, const rn_text *json, rn_error *err) {
  char *md = rn_printed("%s/result.md", folder), *js = rn_printed("%s/result.json", folder), *doc = rn_printed("docs/claims/%s.md", c->name);
  bool fine = rn_write_file(md, text->at, text->n, err) && rn_write_file(js, json->at, json->n, err);
  if (fine && rn_exists("docs/claims")) fine = rn_write_file(doc, text->at, text->n, err);
  rn_free(md), rn_free(js), rn_free(doc);
  return fine;
}

static double minutes_since(const struct timespec *from) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return ((double)(now.tv_sec - from->tv_sec) + 1e-9 * (double)(now.tv_nsec - from->tv_nsec)) / 60;
}

/* The declared seeds; and, where the file says `repeat: 3` and the claim was missed, three times as many, both results kept. */
static rn_code conclude(claim *c, const char *folder, const rn_claim_options *o, const struct timespec *began, rn_text *text, rn_text *json, rn_error *err) {
  static claim_line none[1];
  claim_line *lines = rn_new((3 * CLAIM_MOST) * sizeof *none);
  rn_verdict verdict = RN_NOT_CONFIRMED;
  int repeat = 1;
  bool fine = whole(c, "repeat", 1, 1, 10, &repeat, err);
  for (int round = 0; fine && round < (repeat > 1 ? 2 : 1); round++) {
    int seeds = round ? c->seeds * repeat : c->seeds;
    fine = main_cells(c, folder, seeds, o, err);
    if (fine && !complete(c)) {
      rn_say_text(text, "%s: part %d of %d is done; the verdict comes when all parts are.\n", c->name, o->part, o->parts), rn_say_text(json, "{\"claim\": \"%s\"}\n", c->name);
      return rn_free(lines), RN_OK;
    }
    fine = fine && weigh_all(c, seeds, lines, &verdict, err);
    if (fine) claim_say(c, seeds, lines, c->gates + c->bars + c->lines, verdict, minutes_since(began), text, json);
    for (int i = 0; fine && i < c->gates + c->bars + c->lines; i++) rn_free((char *)lines[i].what);
    if (fine && round == 0 && verdict != RN_CONFIRMED && repeat > 1) rn_say_text(text, "\nRepeated once with %d times the seeds, as the file declares:\n\n", repeat);
    if (verdict == RN_CONFIRMED) break;
  }
  fine = fine && write_down(c, folder, text, json, err);
  rn_free(lines);
  return !fine ? err->code : verdict == RN_CONFIRMED ? RN_OK : RN_UNMET;
}

static rn_code run_claim(claim *c, const char *folder, const rn_claim_options *o, rn_text *text, rn_text *json, rn_error *err) {
  struct timespec began;
  clock_gettime(CLOCK_MONOTONIC, &began);
  char *cells = rn_printed("%s/cells", folder);
  bool fine = read_claim(c, err) && rn_make_folder(cells, err) && rn_lock_folder(folder, err);
  rn_free(cells);
  for (int a = 0; fine && a < c->arms; a++) fine = fingerprint(c, a, folder, err);
  if (!fine || !tune(c, folder, o, err)) return err->code;
  return conclude(c, folder, o, &began, text, json, err);
}

static void free_entries(claim_entry *e, int n) {
  for (int i = 0; i < n; i++) rn_recipe_free(e[i].say), rn_free(e[i].name);
}

rn_code rn_claim(const char *name, const rn_claim_options *o, rn_text *text, rn_text *json, rn_error *err) {
  char *path = strchr(name, '/') || strstr(name, ".yaml") ? rn_copy_text(name) : rn_printed("claims/%s.yaml", name);
  const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
  char *own = rn_printed("%.*s", (int)strcspn(base, "."), base), *folder = o->folder ? rn_copy_text(o->folder) : rn_printed("runs/claims/%s", own);
  claim *c = rn_new(sizeof *c);
  c->name = own, c->path = path, c->file = rn_recipe_read(path, err);
  rn_code code = c->file ? run_claim(c, folder, o, text, json, err) : err->code;
  for (int i = 0; i < c->arms; i++) rn_recipe_free(c->arm[i].recipe), rn_recipe_free(c->arm[i].evaluate), rn_recipe_free(c->arm[i].tuning);
  for (int i = 0; i < c->cells; i++) rn_free(c->cell[i].figure);
  free_entries(c->said, c->arms), free_entries(c->task, c->tasks), free_entries(c->bar, c->bars), free_entries(c->gate, c->gates), free_entries(c->line, c->lines);
  rn_recipe_free(c->file), rn_free(c->cell), rn_free(c), rn_free(own), rn_free(folder), rn_free(path);
  return code;
}
