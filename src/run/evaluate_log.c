/* run/evaluate_log.c - the policy on a log that was held out, without an environment: fitted Q evaluation and weighted importance sampling.
 *
 * Two policies are judged. "fqe" is the system's act in RN_EVALUATE, usually the mode. "wis" needs probabilities, so it judges the samples
 * of pi; "fqe sampled" judges the same samples, and it is these two that must agree. All values are discounted returns from an episode's
 * start, in the rewards of the log: the recipe's reward_scale and reward_bias are not applied. */
#include "rein/ope.h"
#include "session.h"

enum { FEW = 10 };                                              // effective episodes below which weighting says little

//---- the log -----------------------------------------------------------------------------------------------------------------------------

static bool same_bounds(const session *s, const char *path, rn_table *t, rn_error *err) {
  const rn_about *a = rn_table_about(t);
  const float *low = s->scaling.act_low, *high = s->scaling.act_high;
  if (!a->low || !a->high) rn_table_set_bounds(t, low, high);
  else
    for (int k = 0; k < rn_table_width(t, "act"); k++) {
      double slack = 1e-5 * (1 + fabs((double)high[k] - low[k]));
      if (fabs((double)a->low[k] - low[k]) > slack || fabs((double)a->high[k] - high[k]) > slack)
        return rn_fail(err, "%s: action column %d lies in %g .. %g, the run's in %g .. %g: the policy was made for other actions", path, k,
                       a->low[k], a->high[k], low[k], high[k]);
    }
  rn_error own = {0};
  return rn_table_check_actions(t, &own) || rn_fail(err, "%s: %s", path, own.text);
}

// entries of a column of width 1 are indices below n
static bool indices(const char *path, const rn_table *t, const char *column, int n, rn_error *err) {
  for (int64_t row = 0; row < rn_table_rows(t); row++) {
    float x;
    rn_gather(t, column, 1, &row, &x);
    if (x < 0 || x >= (float)n || x != floorf(x)) return rn_fail(err, "%s: %s row %lld is %g; the run knows 0 .. %d", path, column, (long long)row, x, n - 1);
  }
  return true;
}

static bool same_shape(const session *s, const char *path, rn_table *t, rn_error *err) {
  static const char *const wanted[] = {"obs", "act", "reward", "terminated"};
  for (int i = 0; i < RN_COUNT(wanted); i++)
    if (!rn_table_width(t, wanted[i])) return rn_fail(err, "%s: has no column %s, so no value can be estimated from it", path, wanted[i]);
  const rn_world *w = rn_world_of(s->run, NULL);
  rn_field act;
  rn_table_column(t, "act", &act);
  bool box = w->act.kind == RN_BOX;
  int obs = rn_space_width(&w->obs), columns = rn_act_width(w), log_obs = rn_table_width(t, "obs");
  if (log_obs != obs) return rn_fail(err, "%s: observations have %d columns, the run's have %d", path, log_obs, obs);
  if ((act.type == RN_F32) != box)
    return rn_fail(err, "%s: actions are %s, the run's are %s", path, act.type == RN_F32 ? "numbers" : "choices", box ? "numbers" : "choices");
  if (act.width != columns) return rn_fail(err, "%s: actions have %d columns, the run's have %d", path, act.width, columns);
  if (w->obs.kind == RN_DISCRETE && !indices(path, t, "obs", w->obs.dim[0], err)) return false;
  if (box) return same_bounds(s, path, t, err);
  int choices = rn_table_about(t)->choices;
  if (choices && choices != rn_act_count(w)) return rn_fail(err, "%s: there are %d choices, the run has %d", path, choices, rn_act_count(w));
  rn_table_set_choices(t, rn_act_count(w));
  return indices(path, t, "act", rn_act_count(w), err);
}

static rn_table *load(const session *s, const char *path, rn_error *err) {
  rn_columns columns;
  if (!rn_recipe_columns(s->recipe, &columns, err)) return NULL;
  rn_table *t = rn_table_load(path, columns.n_obs || columns.automatic ? &columns : NULL, err);
  if (!t) return NULL;
  if (rn_table_check_finite(t, path, err) && same_shape(s, path, t, err)) return t;
  rn_table_free(t);
  return NULL;
}

//---- what is said ------------------------------------------------------------------------------------------------------------------------

static double gamma_of(const session *s) {
  for (const rn_option *o = s->system->options; o && o->name; o++)
    if (strcmp(o->name, "gamma") == 0 && o->kind == RN_OPT_REAL) return *(const double *)((const char *)s->self + o->at);
  return 0.99;
}

static void note(rn_evaluation *e, const char *format, ...) {
  size_t n = strlen(e->note);
  if (n && n + 1 < sizeof e->note) e->note[n++] = '\n', e->note[n] = 0;
  va_list list;
  va_start(list, format);
  vsnprintf(e->note + n, sizeof e->note - n, format, list);
  va_end(list);
}

// undiscounted returns of the episodes that ended or were truncated
static void behaviour(const rn_table *t, uint64_t seed, rn_evaluation *out) {
  int64_t all;
  const rn_episode *e = rn_table_episodes(t, &all);
  out->returns = rn_new((size_t)all * sizeof *out->returns), out->lengths = rn_new((size_t)all * sizeof *out->lengths);
  int n = 0;
  for (int64_t i = 0; i < all; i++) {
    if (e[i].end == RN_END_CUT) continue;
    for (int64_t row = e[i].first; row < e[i].first + e[i].length; row++) {
      float r;
      rn_gather(t, "reward", 1, &row, &r), out->returns[n] += r;
    }
    out->lengths[n++] = (int)e[i].length;
  }
  out->episodes = n;
  evaluation_figure(out, "behaviour return", rn_interval_of(RN_STAT_MEAN, 1, &n, out->returns, &(rn_boot){.key = rn_key_new(seed, "evaluate.interval", 0, 0)}));
}

static bool meet(rn_interval a, rn_interval b) { return a.low <= b.high && b.low <= a.high; }
static bool known(rn_interval x) { return isfinite(x.low) && isfinite(x.high); }

static void say(const session *s, const rn_ope *e, const rn_policy *pi, double gamma, rn_evaluation *out) {
  static const rn_interval none = {NAN, NAN, NAN, 0};
  bool weighed = pi && pi->kind->log_prob;
  evaluation_figure(out, "behaviour value", e->behaviour), evaluation_figure(out, "fqe", e->fqe);
  if (weighed) evaluation_figure(out, "fqe sampled", e->sampled);
  evaluation_figure(out, "wis", weighed ? e->wis : none);
  evaluation_figure(out, "effective sample size", (rn_interval){e->effective, NAN, NAN, 0});
  evaluation_figure(out, "discount", (rn_interval){gamma, NAN, NAN, 0});
  note(out, "values (behaviour value, fqe, wis) are returns from an episode's start %s, behaviour return is not discounted; rewards are the log's",
       gamma < 1 ? "discounted by the figure discount" : "without discount");
  if (s->scaling.reward_scale != 1 || s->scaling.reward_bias != 0)
    note(out, "the recipe's reward_scale %g and reward_bias %g are not applied", s->scaling.reward_scale, s->scaling.reward_bias);
  if (!weighed) {
    if (pi) note(out, "wis is not available: a %s policy has no log-probabilities", pi->kind->name);
    else note(out, "wis is not available: %s has no policy pi whose log-probabilities could be asked", s->system->name);
    return;
  }
  note(out, "fqe judges the policy as it acts in evaluations, fqe sampled and wis judge its samples; the behaviour's log-probabilities are %s",
       e->fitted ? "those of a model fitted to the log" : "the log's column behaviour_logp");
  if (e->cut > 0.01) note(out, "time limits: wis ends there, fqe goes on; what lies behind them has a mean weight of %.2g", e->cut);
  if (e->effective < FEW)
    note(out, "warning: the effective sample size is %.1f episodes of %lld: wis says little, and its interval is too narrow", e->effective, (long long)e->episodes);
  if (known(e->sampled) && known(e->wis) && !meet(e->sampled, e->wis)) note(out, "warning: fqe sampled and wis disagree: their intervals do not meet");
}

bool evaluate_log_in(session *s, const char *path, int updates, rn_evaluation *out, rn_error *err) {
  snprintf(out->data, sizeof out->data, "%s", path);
  rn_table *t = load(s, path, err);
  if (!t) return false;
  rn_scaling scaling = s->scaling;
  scaling.reward_scale = 1, scaling.reward_bias = 0;            // in the log's own rewards there is nothing to undo
  const rn_policy *pi = rn_policy_find(s->run, "pi");
  double gamma = gamma_of(s);
  rn_ope estimate;
  rn_ope_order order = {.system = s->system, .self = s->self, .pi = pi, .log = t, .world = rn_world_of(s->run, NULL), .scaling = &scaling, .gamma = gamma,
                        .seed = rn_run_seed(s->run), .updates = updates};
  rn_error own = {0};
  bool fine = rn_ope_estimate(&order, &estimate, &own) || rn_fail_as(err, own.code, "%s: %s", path, own.text);
  if (fine) behaviour(t, order.seed, out), say(s, &estimate, pi, gamma, out);
  rn_table_free(t);
  return fine;
}

bool rn_evaluate_log(session *s, const char *path, rn_evaluation *out, rn_error *err) { return evaluate_log_in(s, path, 0, out, err); }
