/* env/list.c - the environments by name: one line for each; and a user's own, loaded from a shared object. */
#include "list.h"
#include "rein/tabular.h"
#include "rein/worlds.h"
#include <dlfcn.h>
#include <string.h>

static const rn_env_kind *const kinds[] = {
  &rn_cartpole,
  &rn_pendulum,
  &rn_mdp_env,
  &rn_acrobot,
  &rn_mountaincar,
  &rn_mountaincar_continuous,
  &rn_point_two,
  &rn_point_two_near,
  &rn_point_fault,
  &rn_point_fault_near,
  &rn_point_cross,
  &rn_point_gap,
  &rn_point_gap_sim,
  &rn_point_ridge,
  &rn_point_ridge_calm,
  &rn_point_arc,
  &rn_lava,
  &rn_hopper,
  &rn_halfcheetah,
  &rn_walker2d,
  &rn_ant,
  &rn_invertedpendulum,
  &rn_reacher,
};

const rn_env_kind *rn_env_listed(int i) { return i >= 0 && i < RN_COUNT(kinds) ? kinds[i] : NULL; }

//---- whether a kind is whole ---------------------------------------------------------------------------------------------------

static bool space_is_whole(const rn_env_kind *k, const rn_space *s, const char *what, rn_error *err) {
  if ((int)s->kind < RN_BOX || s->kind > RN_SET) return rn_fail(err, "%s: %s has kind %d; RN_BOX to RN_SET are known", k->name, what, (int)s->kind);
  for (int d = 0; d < 3; d++) if (s->dim[d] < 0 || s->dim[d] > 1 << 24) return rn_fail(err, "%s: %s has dim[%d] = %d", k->name, what, d, s->dim[d]);
  if (rn_space_width(s) < 1) return rn_fail(err, "%s: %s has no columns; set its dim", k->name, what);
  if (s->kind == RN_SEVERAL && !s->high && s->dim[1] < 1) return rn_fail(err, "%s: %s is RN_SEVERAL and says neither dim[1] nor high", k->name, what);
  if (s->kind != RN_BOX || (!s->low && !s->high)) return true;
  if (!s->low || !s->high) return rn_fail(err, "%s: %s has one bound of two; give low and high, or neither", k->name, what);
  for (int j = 0; j < rn_space_width(s); j++)
    if (!(s->low[j] < s->high[j])) return rn_fail(err, "%s: %s column %d runs from %g to %g", k->name, what, j, (double)s->low[j], (double)s->high[j]);
  return true;
}

static bool act_is_bounded(const rn_env_kind *k, rn_error *err) {
  for (int j = 0; k->act.kind == RN_BOX && k->act.low && j < rn_space_width(&k->act); j++)
    if (!isfinite(k->act.low[j]) || !isfinite(k->act.high[j])) return rn_fail(err, "%s: act column %d has no finite bounds", k->name, j);
  return true;
}

bool rn_env_check(const rn_env_kind *k, rn_error *err) {
  if (k->abi != RN_ENV_ABI) return rn_fail(err, "the environment was made for version %d of rein/env.h, this rein has %d: compile it again", k->abi, RN_ENV_ABI);
  if (!k->name || !*k->name) return rn_fail(err, "the environment has no name");
  if (!k->reset || !k->step) return rn_fail(err, "%s: %s is missing", k->name, k->reset ? "step" : "reset");
  if (k->seats < 0 || k->seats > 1024 || k->context < 0 || k->level < 0 || k->limit < 0 || k->cost < 0)
    return rn_fail(err, "%s: seats %d (at most 1024), context %d, level %d, limit %d and cost %d must not be negative", k->name, k->seats, k->context,
                   k->level, k->limit, k->cost);
  if (!k->save != !k->load) return rn_fail(err, "%s: %s is missing: save and load go together", k->name, k->save ? "load" : "save");
  if (k->legal && k->act.kind != RN_DISCRETE) return rn_fail(err, "%s: legal goes with RN_DISCRETE actions", k->name);
  return space_is_whole(k, &k->obs, "obs", err) && space_is_whole(k, &k->act, "act", err) && act_is_bounded(k, err) &&
         (!k->goal.dim[0] || space_is_whole(k, &k->goal, "goal", err));
}

//---- by name -------------------------------------------------------------------------------------------------------------------

static const rn_env_kind *load(const char *path, rn_error *err) {
  if (!rn_exists(path)) return rn_fail(err, "%s: no such file", path), NULL;
  char *full = strchr(path, '/') ? rn_copy_text(path) : rn_printed("./%s", path);      // dlopen looks for bare names elsewhere
  void *object = dlopen(full, RTLD_NOW | RTLD_LOCAL);
  rn_free(full);
  if (!object) return rn_fail(err, "%s: %s", path, dlerror()), NULL;
  const rn_env_kind *kind = dlsym(object, "rn_env_user");
  if (!kind) return rn_fail(err, "%s: has no rn_env_user; an environment exports `const rn_env_kind rn_env_user`", path), NULL;
  rn_error own = {0};
  if (!rn_env_check(kind, &own)) return rn_fail(err, "%s: %s", path, own.text), NULL;
  return kind;                                                                          // the object stays until the process ends
}

static const rn_env_kind *built_in(const char *name) {
  for (int i = 0; i < RN_COUNT(kinds); i++) if (strcmp(kinds[i]->name, name) == 0) return kinds[i];
  return NULL;
}

static const rn_env_kind *unknown(const char *name, rn_error *err) {
  const char *names[RN_COUNT(kinds)];
  for (int i = 0; i < RN_COUNT(kinds); i++) names[i] = kinds[i]->name;
  const char *near = rn_nearest(name, RN_COUNT(kinds), names);
  if (near) return rn_fail(err, "no environment '%s'; did you mean '%s'?", name, near), NULL;
  return rn_fail(err, "no environment '%s'; `rein envs` lists them, a path to your own ends in .so", name), NULL;
}

const rn_env_kind *rn_env_find(const char *name, rn_error *err) {
  size_t n = strlen(name);
  if (n > 3 && strcmp(name + n - 3, ".so") == 0) return load(name, err);
  char head[64];
  const char *colon = strchr(name, ':');
  snprintf(head, sizeof head, "%.*s", (int)(colon ? RN_MIN(colon - name, 63) : 63), name);
  const rn_env_kind *kind = built_in(head);
  if (!kind) return unknown(head, err);
  if (!colon && !kind->make) return kind;
  if (!kind->make) return rn_fail(err, "%s takes no arguments: '%s'", head, name), NULL;
  char why[512] = "";
  const rn_env_kind *made = kind->make(colon ? colon + 1 : "", why, sizeof why);
  if (!made) return rn_fail(err, "%s: %s", name, why), NULL;
  return rn_env_check(made, err) ? made : NULL;
}

void rn_env_done(const rn_env_kind *kind) {
  if (kind && kind->drop) kind->drop(kind);
}

double rn_env_score(const rn_env_kind *k, double total) {
  return k->score_low == k->score_high ? NAN : 100 * (total - k->score_low) / (k->score_high - k->score_low);
}
