/* run/make.c - logs of an environment: by a random policy, a trained one, a scripted one, or a mixture of such by episodes. */
#include "session.h"
#include <stdlib.h>

enum { MOST_PARTS = 8 };
typedef struct { double share; char name[256]; session *s; float noise; } part;

// "random", "runs/a", "mix:0.8*random+0.2*runs/a"
static bool parts_of(const char *policy, part *parts, int *n, rn_error *err) {
  *n = 0;
  if (strncmp(policy, "mix:", 4) != 0) {
    snprintf(parts[0].name, sizeof parts[0].name, "%s", policy), parts[0].share = 1, *n = 1;
    return true;
  }
  double total = 0;
  for (const char *at = policy + 4; *at;) {
    char *star, *end;
    double share = strtod(at, &star);
    if (star == at || *star != '*' || share <= 0 || *n == MOST_PARTS) return rn_fail(err, "policy: '%s' should be like mix:0.8*random+0.2*runs/a", policy);
    size_t length = (end = strchr(star + 1, '+')) ? (size_t)(end - star - 1) : strlen(star + 1);
    snprintf(parts[*n].name, sizeof parts[*n].name, "%.*s", (int)length, star + 1), parts[*n].share = share, total += share, ++*n;
    at = end ? end + 1 : star + 1 + length;
  }
  for (int i = 0; i < *n; i++) parts[i].share /= total;
  return *n > 0 || rn_fail(err, "policy: '%s' names nothing", policy);
}

static bool open_part(part *p, const rn_env_kind *kind, rn_error *err) {
  if (strcmp(p->name, "random") == 0) return true;
  if (!(p->s = session_load(p->name, &(session_plan){0}, NULL, err))) return false;
  const rn_world *w = rn_world_of(p->s->run, NULL);
  if (!p->s->system->act) return rn_fail(err, "%s: %s does not act", p->name, p->s->system->name);
  bool same = rn_space_width(&w->obs) == rn_space_width(&kind->obs) && rn_space_width(&w->act) == rn_space_width(&kind->act) && w->act.kind == kind->act.kind;
  return same || rn_fail(err, "%s: was trained on another shape of environment than %s", p->name, kind->name);
}

static void random_action(const rn_env_kind *kind, const rn_worlds *w, uint64_t seed, float *act) {
  for (int i = 0; i < w->rows; i++) {
    rn_key key = rn_key_new(seed, "act.random", (uint64_t)i << 40 | (uint64_t)w->episode[i / w->seats], (uint64_t)w->step[i / w->seats]);
    for (int k = 0; k < w->act; k++) act[i * w->act + k] = kind->act.kind == RN_DISCRETE ? (float)rn_below(&key, kind->act.dim[0]) : rn_uniform(&key, -1, 1);
  }
}

static rn_table *table_of(const rn_env_kind *k, const rn_worlds *w) {
  rn_field f[] = {{"obs", RN_F32, w->obs, NULL}, {"act", k->act.kind == RN_DISCRETE ? RN_I32 : RN_F32, w->act, NULL}, {"reward", RN_F32, 1, NULL},
                  {"terminated", RN_U8, 1, NULL}, {"truncated", RN_U8, 1, NULL}, {"next", RN_F32, w->obs, NULL}};
  rn_table *t = rn_table_new(RN_COUNT(f), f);
  if (k->act.kind == RN_DISCRETE) rn_table_set_choices(t, k->act.dim[0]);
  else {
    float low[64], high[64];
    for (int i = 0; i < w->act; i++) low[i] = k->act.low ? k->act.low[i] : -1, high[i] = k->act.high ? k->act.high[i] : 1;
    rn_table_set_bounds(t, low, high);
  }
  return t;
}

static bool record(rn_table *t, const rn_env_kind *k, const rn_worlds *w, const float *before) {
  int64_t row = rn_table_add(t, 1);
  memcpy(rn_table_write(t, "obs", row), before, (size_t)w->obs * sizeof(float));
  if (k->act.kind == RN_DISCRETE) *(int32_t *)rn_table_write(t, "act", row) = (int32_t)w->executed[0];
  else memcpy(rn_table_write(t, "act", row), w->executed, (size_t)w->act * sizeof(float));
  *(float *)rn_table_write(t, "reward", row) = w->env.reward[0];
  *(uint8_t *)rn_table_write(t, "terminated", row) = w->env.terminated[0], *(uint8_t *)rn_table_write(t, "truncated", row) = w->env.truncated[0];
  memcpy(rn_table_write(t, "next", row), w->env.obs, (size_t)w->obs * sizeof(float));
  bool over = w->env.terminated[0] || w->env.truncated[0];
  if (over) rn_table_end(t, w->env.terminated[0] ? RN_END_TERMINATED : RN_END_TRUNCATED, w->env.obs);
  return over;
}

static const part *drawn(const part *parts, int n, rn_key key) {           // whose episode this is
  double u = rn_uniform64(&key);
  for (int i = 0; i < n - 1; i++) if ((u -= parts[i].share) < 0) return &parts[i];
  return &parts[n - 1];
}

static bool write_table(const rn_table *t, const char *out, rn_error *err) {
  size_t n = strlen(out);
  if (n && out[n - 1] == '/') return rn_write_minari(t, out, err);
  if (n > 5 && strcmp(out + n - 5, ".hdf5") == 0) return rn_write_d4rl(t, out, err);
  if (n > 4 && strcmp(out + n - 4, ".csv") == 0) return rn_write_csv(t, out, err);
  if (n > 12 && strcmp(out + n - 12, ".safetensors") == 0) return rn_write_safetensors_table(t, out, err);
  return rn_fail(err, "%s: the name should end in .safetensors, .hdf5 (D4RL), .csv or / (a Minari folder)", out);
}

rn_code rn_data_make(const rn_data_order *o, rn_error *err) {
  part parts[MOST_PARTS] = {0};
  int n = 0;
  const rn_env_kind *kind = rn_env_find(o->env, err);
  bool fine = kind && parts_of(o->policy ? o->policy : "random", parts, &n, err);
  if (fine && (o->episodes > 0) == (o->steps > 0)) fine = rn_fail(err, "say how much: episodes=N or steps=N");
  for (int i = 0; fine && i < n; i++) fine = open_part(&parts[i], kind, err);
  rn_run *run = rn_run_new(o->seed, 0);
  rn_worlds *w = fine ? rn_worlds_new(run, kind, "make", 1, err) : NULL;
  fine = w != NULL;
  rn_table *t = fine ? table_of(kind, w) : NULL;
  float *before = fine ? rn_new((size_t)w->obs * sizeof *before) : NULL, *act = fine ? rn_new((size_t)w->act * sizeof *act) : NULL, *memory = NULL;
  long episodes = 0, steps = 0;
  while (fine && (o->episodes ? episodes < o->episodes : steps < o->steps)) {
    rn_worlds_reset_all(w);
    const part *p = drawn(parts, n, rn_key_new(o->seed, "make.part", (uint64_t)episodes, 0));
    rn_free(memory), memory = rn_new((size_t)(p->s ? p->s->memory + 1 : 1) * sizeof *memory);
    for (bool over = false; fine && !over && (o->episodes || steps < o->steps); steps++) {
      memcpy(before, w->env.obs, (size_t)w->obs * sizeof *before);
      if (p->s) session_act(p->s, w, NULL, "act.make", RN_COLLECT, INT32_MAX, memory, act, NULL);
      else random_action(kind, w, o->seed, act);
      fine = rn_worlds_step(w, act) || rn_fail_as(err, RN_NUMBERS, "%s", rn_stopped(run)->text);
      if (fine) over = record(t, kind, w, before);
      if (o->interrupt && *o->interrupt) fine = rn_fail_as(err, RN_INTERRUPTED, "interrupted: nothing was written");
    }
    episodes++;
  }
  if (fine && !rn_worlds_over(w, 0)) rn_table_end(t, RN_END_CUT, w->env.obs);
  fine = fine && write_table(t, o->out, err);
  for (int i = 0; i < n; i++) session_free(parts[i].s);
  rn_free(before), rn_free(act), rn_free(memory), rn_table_free(t), rn_worlds_close_all(run), rn_run_free(run);
  if (kind) rn_env_done(kind);
  return fine ? RN_OK : err->code;
}
