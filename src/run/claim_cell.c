/* run/claim_cell.c - one cell of a claim in its own process: trains a recipe, evaluates it, leaves the figures. */
#include "claim.h"
#include "rein/claim.h"
#include "rein/points.h"
#include "rein/worlds.h"
#include <math.h>
#include <string.h>

typedef struct { int n, room; rn_figure *at; } figures;

static void keep(figures *f, const char *name, double value, double low, double high) {
  if (f->n == f->room) f->at = rn_grow(f->at, (size_t)f->room * sizeof *f->at, (size_t)(f->room * 2 + 16) * sizeof *f->at), f->room = f->room * 2 + 16;
  rn_figure *x = &f->at[f->n++];
  *x = (rn_figure){.value = value, .low = low, .high = high};
  snprintf(x->name, sizeof x->name, "%s", name);
}

/* Mean return of a scripted behaviour on the starts that an evaluation with this seed sees. */
static bool scripted(const char *env, const char *behaviour, int episodes, uint64_t seed, double *out, rn_error *err) {
  const rn_env_kind *kind = rn_env_find(env, err);
  if (!kind) return false;
  rn_run *run = rn_run_new(seed, 0);
  rn_worlds *w = rn_worlds_new(run, kind, "eval", episodes, err);
  bool fine = w != NULL;
  double total = 0;
  if (fine) rn_worlds_episode_set(w, 0), rn_worlds_reset_all(w);
  int *stage = rn_new((size_t)episodes * sizeof *stage), running = fine ? episodes : 0;
  float *act = rn_new((size_t)episodes * 2 * sizeof *act);
  while (running) {
    running = 0;
    for (int i = 0; i < episodes; i++) {
      double x[2] = {w->env.obs[2 * i], w->env.obs[2 * i + 1]}, a[2];
      if (rn_worlds_over(w, i)) continue;
      running++;
      if (!rn_point_behaviour(kind, behaviour, x, &stage[i], a)) fine = rn_fail(err, "evaluate: %s has no behaviour '%s'", env, behaviour);
      act[2 * i] = (float)a[0], act[2 * i + 1] = (float)a[1];
    }
    if (!fine || (running && !rn_worlds_step_executed(w, act))) break;
  }
  for (int i = 0; fine && i < episodes; i++) total += w->total[i] / episodes;
  *out = total;
  rn_free(stage), rn_free(act), rn_worlds_close_all(run), rn_run_free(run), rn_env_done(kind);
  return fine;
}

/* 100 (R - R_bad)/(R_good - R_bad), both behaviours without noise and from the same starts. */
static bool add_score(figures *f, const rn_recipe *e, const rn_evaluation *v, uint64_t seed, rn_error *err) {
  double good, bad, mean = 0;
  for (int i = 0; i < v->episodes; i++) mean += v->returns[i] / v->episodes;
  if (v->episodes > 64) return rn_fail(err, "evaluate: scores against scripted behaviours are for at most 64 episodes, not %d", v->episodes);
  const char *high = rn_recipe_find(e, "score_high")->text, *low = rn_recipe_find(e, "score_low") ? rn_recipe_find(e, "score_low")->text : "";
  if (!scripted(v->env, high, v->episodes, seed, &good, err) || !scripted(v->env, low, v->episodes, seed, &bad, err)) return false;
  keep(f, "score", 100 * (mean - bad) / (good - bad), NAN, NAN), keep(f, "return_high", good, NAN, NAN), keep(f, "return_low", bad, NAN, NAN);
  return true;
}

static bool add_evaluation(figures *f, const char *folder, const rn_recipe *e, rn_error *err) {
  rn_evaluation v = {0};
  const rn_given *env = rn_recipe_find(e, "env"), *above = rn_recipe_find(e, "success_above");
  double episodes = rn_recipe_find(e, "episodes") ? rn_recipe_real(e, "episodes") : 0, limit = 0, seed = 0;
  if (rn_recipe_find(e, "seed")) rn_number(rn_recipe_find(e, "seed")->text, &seed);
  if (rn_recipe_find(e, "episodes")) rn_number(rn_recipe_find(e, "episodes")->text, &episodes);
  rn_evaluate_options o = {.folder = folder, .env = env ? env->text : NULL, .episodes = (int)episodes, .threads = 1, .seed = (uint64_t)seed,
                           .any_seed = rn_recipe_find(e, "seed") != NULL};
  if (rn_evaluate_run(&o, &v, err) != RN_OK) return false;
  for (int i = 0; i < v.figures; i++) keep(f, v.figure[i].name, v.figure[i].value, v.figure[i].low, v.figure[i].high);
  bool fine = true;
  if (above && v.returns && rn_number(above->text, &limit)) {
    double share = 0;
    for (int i = 0; i < v.episodes; i++) share += v.returns[i] > limit;
    keep(f, "success", 100 * share / v.episodes, NAN, NAN);
  }
  if (v.returns && rn_recipe_find(e, "score_high")) fine = add_score(f, e, &v, (uint64_t)seed, err);
  rn_evaluation_free(&v);
  return fine;
}

static bool write_figures(const figures *f, const char *folder, rn_error *err) {
  rn_text t = {0};
  for (int i = 0; i < f->n; i++) rn_say_text(&t, "%s %.17g %.17g %.17g\n", f->at[i].name, f->at[i].value, f->at[i].low, f->at[i].high);
  char *path = rn_printed("%s/figures", folder);
  bool fine = rn_write_file(path, t.at ? t.at : "", t.n, err);
  rn_free(path), rn_free(t.at);
  return fine;
}

static void quiet(void *context, const char *kind, const char *text) { (void)context, (void)kind, (void)text; }

rn_code claim_run_cell(const char *folder, rn_error *err) {
  char *path = rn_printed("%s/cell.yaml", folder), *run = rn_printed("%s/run", folder);
  rn_recipe *file = rn_recipe_read(path, err);
  rn_free(path);
  if (!file) return err->code;
  rn_recipe *r = rn_recipe_part(file, "recipe"), *e = rn_recipe_part(file, "evaluate");
  const rn_system *s = rn_recipe_system(r, err);
  figures f = {0};
  bool fine = s && rn_recipe_check(r, s, err) && rn_recipe_needs(r, s, err);
  fine = fine && rn_train(r, &(rn_train_options){.folder = run, .threads = 1, .say = quiet}, err) == RN_OK;
  int n = 0;
  rn_figure *own = NULL;
  fine = fine && rn_run_figures(run, &n, &own, err) == RN_OK;
  for (int i = 0; i < n; i++) keep(&f, own[i].name, own[i].value, own[i].low, own[i].high);
  if (fine && s->act && (rn_recipe_find(e, "env") || rn_recipe_find(r, "env"))) fine = add_evaluation(&f, run, e, err);
  fine = fine && write_figures(&f, folder, err);
  rn_free(own), rn_free(f.at), rn_free(run), rn_recipe_free(r), rn_recipe_free(e), rn_recipe_free(file);
  return fine ? RN_OK : err->code ? err->code : RN_SYSTEM;
}

bool claim_read_figures(const char *path, int *n, rn_figure **out, rn_error *err) {
  char *text;
  size_t bytes;
  figures f = {0};
  if (!rn_read_file(path, &text, &bytes, err)) return false;
  bool fine = true;
  for (char *line = text, *next; fine && *line; line = next) {
    char name[64], v[3][64];
    double x[3];
    next = line + strcspn(line, "\n");
    if (*next) *next++ = 0;
    fine = sscanf(line, "%63s %63s %63s %63s", name, v[0], v[1], v[2]) == 4;
    for (int k = 0; fine && k < 3; k++)
      if (strstr(v[k], "nan")) x[k] = NAN;
      else fine = rn_number(v[k], &x[k]);
    if (fine) keep(&f, name, x[0], x[1], x[2]);
  }
  rn_free(text);
  if (!fine) return rn_free(f.at), rn_fail(err, "%s: is no list of figures; remove it and run the claim again", path);
  return *n = f.n, *out = f.at, true;
}

int rn_claim_cell_main(int argc, char **argv) {
  if (argc != 3 || strcmp(argv[1], "--rein-cell")) return -1;
  rn_error err = {0}, own = {0};
  rn_threads_set(1);
  rn_code code = claim_run_cell(argv[2], &err);
  if (code != RN_OK) {
    char *path = rn_printed("%s/error", argv[2]);
    rn_write_file(path, err.text, strlen(err.text), &own), rn_free(path);
  }
  return (int)code;
}
