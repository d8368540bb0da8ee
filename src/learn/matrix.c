/* learn/matrix.c - judges and vectors of a run's recipe, read at their first use, and the table behind its environment. */
#include "rein/system.h"
#include "rein/ascent.h"

static void *kept(rn_run *run, const void *from, size_t bytes) {
  void *to = rn_take(rn_run_range(run), RN_MAX(bytes, 1));
  return memcpy(to, from, bytes);
}

typedef struct { int n; double *x; } slot;

static double *read_slot(const rn_run *run, const char *name, const char *text, int *n, rn_error *err) {
  if (!strncmp(text, "prefmat:", 8)) return rn_preferences(text, n, err);
  if (!strcmp(text, "uniform") && !rn_matrix(run, "judge", n)) return rn_fail(err, "%s: uniform over what? The recipe has no judge", name), NULL;
  return rn_distribution(text, n, err);
}

const double *rn_matrix(const rn_run *run, const char *name, int *n) {
  rn_run *owner = (rn_run *)run;                       // what is read once hangs on the run and never changes
  char key[80], in_slots[80];
  snprintf(key, sizeof key, "matrix.%s", name), snprintf(in_slots, sizeof in_slots, "slots.%s", name);
  slot *s = rn_hung(run, key);
  const char *text = rn_setting(run, in_slots, rn_setting(run, name, NULL));
  *n = 0;
  if (!s && text) {
    rn_error err = {0};
    double *x = read_slot(run, name, text, n, &err);
    if (!x) return rn_stop(owner, RN_INPUT, "%s: %s", name, err.text), *n = 0, NULL;
    size_t count = !strncmp(text, "prefmat:", 8) ? (size_t)*n * *n : (size_t)*n;
    slot made = {*n, kept(owner, x, count * sizeof *x)};
    rn_free(x);
    rn_hang(owner, key, s = kept(owner, &made, sizeof made));
  }
  return s ? *n = s->n, s->x : NULL;
}

const rn_mdp *rn_mdp_of(rn_run *run, rn_error *err) {
  rn_mdp *m = rn_hung(run, "mdp");
  const char *env = rn_setting(run, "env", "");
  if (m) return m;
  if (strncmp(env, "mdp:", 4)) return rn_fail(err, "env '%s' is no table; exact figures need mdp:random(S,A,H,seed) or mdp:FILE", env), NULL;
  rn_mdp *read = rn_mdp_named(env + 4, err);
  if (!read) return NULL;
  size_t S = (size_t)read->S, sa = S * read->A, d = sizeof(double);
  rn_mdp own = *read;
  own.P = kept(run, read->P, sa * S * d), own.R = kept(run, read->R, sa * d), own.start = kept(run, read->start, S * d);
  own.end = kept(run, read->end, S), own.R3 = read->R3 ? kept(run, read->R3, sa * S * d) : NULL;
  rn_mdp_free(read);
  rn_hang(run, "mdp", m = kept(run, &own, sizeof own));
  return m;
}
