/* run/evaluate.c - the policy on fresh episodes: the same starts for the same seed, whatever was trained and whenever it is asked. */
#include "session.h"

enum { TOGETHER = 64 };                                         // worlds stepped side by side

bool session_evaluate(session *s, const rn_env_kind *kind, int episodes, uint64_t seed, double *returns, int *lengths, rn_error *err) {
  int n = RN_MIN(episodes, (int)TOGETHER);
  rn_run *own = rn_run_new(seed, 0);                            // its worlds are no part of the run's state
  rn_worlds *w = rn_worlds_new(own, kind, "eval", n, err);
  if (!w) return rn_run_free(own), false;
  float *act = rn_new((size_t)w->rows * (size_t)w->act * sizeof *act);
  float *memory = rn_new((size_t)w->rows * (size_t)(s->memory + 1) * sizeof *memory);
  bool fine = true;
  for (int from = 0; fine && from < episodes; from += n) {
    rn_worlds_episode_set(w, from / n), rn_worlds_reset_all(w);
    memset(memory, 0, (size_t)w->rows * (size_t)s->memory * sizeof *memory);
    for (bool going = true; fine && going;) {
      session_act(s, w, NULL, "act.eval", RN_EVALUATE, 0, memory, act, NULL);
      fine = rn_worlds_step(w, act);
      going = false;
      for (int i = 0; i < n; i++) going |= !rn_worlds_over(w, i);
    }
    for (int i = 0; i < n && from + i < episodes; i++) returns[from + i] = w->total[i * w->seats], lengths[from + i] = (int)w->step[i];
  }
  if (!fine) rn_fail_as(err, RN_NUMBERS, "evaluation: %s", rn_stopped(own) ? rn_stopped(own)->text : "stopped");
  rn_free(act), rn_free(memory), rn_worlds_close_all(own), rn_run_free(own);
  return fine;
}

static void figure(rn_evaluation *e, const char *name, rn_interval x) {
  e->figure = rn_grow(e->figure, (size_t)e->figures * sizeof *e->figure, (size_t)(e->figures + 1) * sizeof *e->figure);
  rn_figure *f = &e->figure[e->figures++];
  snprintf(f->name, sizeof f->name, "%s", name), f->value = x.value, f->low = x.low, f->high = x.high;
}

void rn_evaluation_free(rn_evaluation *e) { rn_free(e->returns), rn_free(e->lengths), rn_free(e->figure), *e = (rn_evaluation){0}; }

static bool by_episodes(session *s, const rn_env_kind *kind, int episodes, uint64_t seed, rn_evaluation *out, rn_error *err) {
  out->episodes = episodes, out->returns = rn_new((size_t)episodes * sizeof(double)), out->lengths = rn_new((size_t)episodes * sizeof(int));
  snprintf(out->env, sizeof out->env, "%s", kind->name);
  if (!session_evaluate(s, kind, episodes, seed, out->returns, out->lengths, err)) return false;
  rn_boot how = {.key = rn_key_new(seed, "evaluate.interval", 0, 0)};
  figure(out, "return", rn_interval_of(RN_STAT_MEAN, 1, &episodes, out->returns, &how));
  if (kind->score_high != kind->score_low) {
    double *score = rn_new((size_t)episodes * sizeof *score);
    for (int i = 0; i < episodes; i++) score[i] = rn_env_score(kind, out->returns[i]);
    figure(out, "score", rn_interval_of(RN_STAT_MEAN, 1, &episodes, score, &how));
    rn_free(score);
  }
  double *length = rn_new((size_t)episodes * sizeof *length);
  for (int i = 0; i < episodes; i++) length[i] = out->lengths[i];
  figure(out, "length", rn_interval_of(RN_STAT_MEAN, 1, &episodes, length, &how));
  rn_free(length);
  return true;
}

rn_code rn_evaluate_run(const rn_evaluate_options *o, rn_evaluation *out, rn_error *err) {
  *out = (rn_evaluation){0};
  if (o->threads > 0) rn_threads_set(o->threads);
  session *s = session_load(o->folder, &(session_plan){0}, NULL, err);
  if (!s) return err->code;
  bool fine = true;
  if (!s->system->act) fine = rn_fail(err, "%s: %s does not act: there is nothing to evaluate", o->folder, s->system->name);
  const rn_env_kind *kind = s->kind, *other = NULL;
  if (fine && o->env && (fine = (other = rn_env_find(o->env, err)) != NULL)) kind = other;
  int episodes = o->episodes > 0 ? o->episodes : (int)rn_recipe_int(s->recipe, "episodes");
  uint64_t seed = o->any_seed ? o->seed : rn_run_seed(s->run);
  if (fine && o->data) fine = rn_evaluate_log(s, o->data, out, err);
  else if (fine && kind) fine = by_episodes(s, kind, episodes, seed, out, err);
  else if (fine) fine = rn_fail(err, "%s: the run has no environment; say env=NAME, or data=LOG for an estimate from held-out episodes", o->folder);
  if (other) rn_env_done(other);
  session_free(s);
  return fine ? RN_OK : err->code;
}
