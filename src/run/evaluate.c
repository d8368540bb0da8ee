/* run/evaluate.c - the policy on fresh episodes: the same starts for the same seed, whatever was trained and whenever it is asked. */
#include "session.h"

enum { TOGETHER = 64,                                           // worlds stepped side by side
       ENDLESS = 1000000 };                                     // steps after which an episode without a limit counts as endless

bool session_evaluate(session *s, const rn_env_kind *kind, int episodes, uint64_t seed, double *returns, int *lengths, const first_look *seen,
                      rn_error *err) {
  int n = RN_MIN(episodes, (int)TOGETHER);
  rn_run *own = rn_run_new(seed, 0);                            // its worlds are no part of the run's state
  rn_worlds *w = rn_worlds_new(own, kind, "eval", n, err);
  if (!w) return rn_run_free(own), false;
  float *act = rn_new((size_t)w->rows * (size_t)w->act * sizeof *act);
  float *memory = rn_new((size_t)w->rows * (size_t)(s->memory + 1) * sizeof *memory);
  double *weight = rn_new((size_t)n * sizeof *weight);           // gamma^t
  uint8_t *was_over = rn_new((size_t)n);
  bool fine = true;
  for (int from = 0; fine && from < episodes; from += n) {
    rn_worlds_episode_set(w, from / n), rn_worlds_reset_all(w);
    memset(memory, 0, (size_t)w->rows * (size_t)s->memory * sizeof *memory);
    for (int i = 0; seen && i < n && from + i < episodes; i++) {
      memcpy(seen->first + (size_t)(from + i) * (size_t)w->obs, w->env.obs + (size_t)i * (size_t)w->seats * (size_t)w->obs, (size_t)w->obs * sizeof(float));
      seen->discounted[from + i] = 0, weight[i] = 1;
    }
    for (bool going = true; fine && going;) {
      for (int i = 0; i < n; i++) was_over[i] = rn_worlds_over(w, i);
      session_act(s, w, NULL, "act.eval", RN_EVALUATE, 0, memory, act, NULL);
      fine = rn_worlds_step(w, act) && !rn_stopped(own);
      for (int i = 0; seen && i < n && from + i < episodes; i++) {
        if (was_over[i]) continue;
        seen->discounted[from + i] += weight[i] * (s->scaling.reward_scale * (double)w->env.reward[i * w->seats] + s->scaling.reward_bias), weight[i] *= seen->gamma;
        seen->tail[from + i] = w->env.terminated[i * w->seats] ? 0 : weight[i];
      }
      if (fine && kind->limit == 0)
        for (int i = 0; fine && i < n; i++)
          if (w->step[i] >= ENDLESS) fine = rn_fail(err, "%s: says no time limit, and an episode has not ended after %d steps: give it a limit", kind->name, ENDLESS);
      going = false;
      for (int i = 0; i < n; i++) going |= !rn_worlds_over(w, i);
    }
    for (int i = 0; i < n && from + i < episodes; i++) returns[from + i] = w->total[i * w->seats], lengths[from + i] = (int)w->step[i];
  }
  if (rn_stopped(own)) rn_fail_as(err, RN_NUMBERS, "evaluation: %s", rn_stopped(own)->text);
  rn_free(weight), rn_free(was_over), rn_free(act), rn_free(memory), rn_worlds_close_all(own), rn_run_free(own);
  return fine;
}

void evaluation_figure(rn_evaluation *e, const char *name, rn_interval x) {
  e->figure = rn_grow(e->figure, (size_t)e->figures * sizeof *e->figure, (size_t)(e->figures + 1) * sizeof *e->figure);
  rn_figure *f = &e->figure[e->figures++];
  snprintf(f->name, sizeof f->name, "%s", name), f->value = x.value, f->low = x.low, f->high = x.high;
}

void rn_evaluation_free(rn_evaluation *e) { rn_free(e->returns), rn_free(e->lengths), rn_free(e->figure), *e = (rn_evaluation){0}; }

static bool by_episodes(session *s, const rn_env_kind *kind, int episodes, uint64_t seed, rn_evaluation *out, rn_error *err) {
  out->episodes = episodes, out->returns = rn_new((size_t)episodes * sizeof(double)), out->lengths = rn_new((size_t)episodes * sizeof(int));
  snprintf(out->env, sizeof out->env, "%s", kind->name);
  if (!session_evaluate(s, kind, episodes, seed, out->returns, out->lengths, NULL, err)) return false;
  rn_boot how = {.key = rn_key_new(seed, "evaluate.interval", 0, 0)};
  evaluation_figure(out, "return", rn_interval_of(RN_STAT_MEAN, 1, &episodes, out->returns, &how));
  if (kind->score_high != kind->score_low) {
    double *score = rn_new((size_t)episodes * sizeof *score);
    for (int i = 0; i < episodes; i++) score[i] = rn_env_score(kind, out->returns[i]);
    evaluation_figure(out, "score", rn_interval_of(RN_STAT_MEAN, 1, &episodes, score, &how));
    rn_free(score);
  }
  double *length = rn_new((size_t)episodes * sizeof *length);
  for (int i = 0; i < episodes; i++) length[i] = out->lengths[i];
  evaluation_figure(out, "length", rn_interval_of(RN_STAT_MEAN, 1, &episodes, length, &how));
  rn_free(length);
  return true;
}

rn_code rn_evaluate_run(const rn_evaluate_options *o, rn_evaluation *out, rn_error *err) {
  *out = (rn_evaluation){0};
  if (o->threads > 0) rn_threads_set(o->threads);
  bool fell_back = false;
  session *s = session_load(o->folder, &(session_plan){0}, &fell_back, err);
  if (!s) return err->code;
  bool fine = true;
  if (!s->system->act) fine = rn_fail(err, "%s: %s does not act: there is nothing to evaluate", o->folder, s->system->name);
  const rn_env_kind *kind = s->kind, *other = NULL;
  if (fine && o->env && (fine = (other = rn_env_find(o->env, err)) != NULL)) kind = other;
  if (fine && other) {
    rn_world w = world_of_env(other);
    fine = same_world(rn_world_of(s->run, NULL), &w, o->folder, other->name, err);
  }
  int episodes = o->episodes > 0 ? o->episodes : (int)rn_recipe_int(s->recipe, "episodes");
  uint64_t seed = o->any_seed ? o->seed : rn_run_seed(s->run);
  if (fine && o->data) fine = rn_evaluate_log(s, o->data, out, err);
  else if (fine && kind) fine = by_episodes(s, kind, episodes, seed, out, err);
  else if (fine) fine = rn_fail(err, "%s: the run has no environment; say env=NAME, or data=LOG for an estimate from held-out episodes", o->folder);
  size_t n = strlen(out->note);
  if (fine && fell_back)
    snprintf(out->note + n, sizeof out->note - n, "%sthe newest checkpoint is damaged: these are the figures of the one before it, after %lld updates", n ? "\n" : "",
             (long long)s->at[AT_TOTAL]);
  if (other) rn_env_done(other);
  session_free(s);
  return fine ? RN_OK : err->code;
}
