/* env/worlds.c - n copies of an environment: their memory is the run's, their steps are dealt to threads, their ends are the engine's. */
#include "rein/worlds.h"
#include <stdatomic.h>
#include <string.h>

enum { PART = 20000 };             // nanoseconds of work that are worth waking a thread for

//---- memory --------------------------------------------------------------------------------------------------------------------

static void give_up(rn_env *e, int world, const char *why) {
  rn_worlds *w = (rn_worlds *)((char *)e - offsetof(rn_worlds, env));
  if (!w->why[world]) w->why[world] = why;
}

static void *array(const rn_worlds *w, rn_type type, int rows, size_t columns, const char *what) {
  if (!columns) return NULL;
  char name[96];
  snprintf(name, sizeof name, "worlds.%s.%s", w->name, what);
  void *at = rn_state(w->run, type, (size_t)rows * columns, "%s", name);
  rn_state_shape(w->run, name, 2, (int64_t[]){rows, (int64_t)columns});
  return at;
}

static void allocate(rn_worlds *w) {
  const rn_env_kind *k = w->kind;
  rn_env *e = &w->env;
  e->worlds = w->n, e->seats = w->seats, e->config = k->config, e->fail = give_up;
  e->obs = array(w, RN_F32, w->rows, (size_t)w->obs, "obs");
  e->act = w->executed = array(w, RN_F32, w->rows, (size_t)w->act, "act");
  e->reward = array(w, RN_F32, w->rows, 1, "reward");
  e->terminated = array(w, RN_U8, w->rows, 1, "terminated"), e->truncated = array(w, RN_U8, w->rows, 1, "truncated");
  e->goal = array(w, RN_F32, w->rows, (size_t)w->goal, "goal"), e->achieved = array(w, RN_F32, w->rows, (size_t)w->goal, "achieved");
  e->legal = array(w, RN_U8, w->rows, k->legal ? (size_t)k->act.dim[0] : 0, "legal");
  e->turn = array(w, RN_I32, w->n, k->in_turn, "turn");
  e->count = array(w, RN_I32, w->rows, k->obs.kind == RN_SET || k->obs.kind == RN_TOKENS, "count");
  e->context = array(w, RN_F32, w->n, (size_t)k->context, "context");
  e->level = array(w, RN_F32, w->n, (size_t)k->level, "level");
  e->state = array(w, RN_U8, w->n, k->state, "state");
  w->episode = array(w, RN_I64, w->n, 1, "episode"), w->step = array(w, RN_I64, w->n, 1, "step");
  w->total = array(w, RN_F64, w->rows, 1, "total");
  for (int i = 0; i < w->n; i++) w->episode[i] = -1;
}

// a = -1 is the action's low, 1 its high; middle + half a keeps a's bits where the bounds are -1 and 1
static void bounds(rn_worlds *w) {
  const rn_space *s = &w->kind->act;
  w->middle = rn_take(rn_run_range(w->run), (size_t)w->act * sizeof(float)), w->half = rn_take(rn_run_range(w->run), (size_t)w->act * sizeof(float));
  for (int j = 0; j < w->act; j++) {
    float low = s->low ? s->low[j] : -1, high = s->high ? s->high[j] : 1;
    w->middle[j] = 0.5f * (low + high), w->half[j] = 0.5f * (high - low);
  }
}

rn_worlds *rn_worlds_new(rn_run *run, const rn_env_kind *kind, const char *name, int n, rn_error *err) {
  if (n < 1) return rn_fail(err, "%s: %d copies were asked for; at least 1", kind->name, n), NULL;
  rn_range *range = rn_run_range(run);
  rn_worlds *w = memset(rn_take(range, sizeof *w), 0, sizeof *w);
  int seats = kind->seats ? kind->seats : 1;
  *w = (rn_worlds){.run = run, .kind = kind, .name = strcpy(rn_take(range, strlen(name) + 1), name), .n = n, .seats = seats, .rows = n * seats,
                   .obs = rn_space_width(&kind->obs), .act = rn_space_width(&kind->act), .goal = rn_space_width(&kind->goal)};
  w->why = memset(rn_take(range, (size_t)n * sizeof *w->why), 0, (size_t)n * sizeof *w->why);
  char purpose[96];
  snprintf(purpose, sizeof purpose, "reset.%s", name), w->starts = rn_key_of(run, purpose, 0, 0);
  snprintf(purpose, sizeof purpose, "level.%s", name), w->draws = rn_key_of(run, purpose, 0, 0);
  allocate(w), bounds(w);
  char why[512] = "";
  if (kind->open && !kind->open(&w->env, why, sizeof why)) return rn_fail_as(err, RN_SYSTEM, "%s: %s", kind->name, why), NULL;
  w->next = rn_hung(run, "worlds");
  rn_hang(run, "worlds", w);
  return w;
}

void rn_worlds_close_all(rn_run *run) {
  for (rn_worlds *w = rn_hung(run, "worlds"); w; w = w->next) if (w->kind->close) w->kind->close(&w->env);
  rn_hang(run, "worlds", NULL);
}

void rn_worlds_before_save(rn_run *run) {
  for (rn_worlds *w = rn_hung(run, "worlds"); w; w = w->next)
    for (int i = 0; w->kind->save && i < w->n; i++) w->kind->save(&w->env, i);
}

void rn_worlds_after_load(rn_run *run) {
  for (rn_worlds *w = rn_hung(run, "worlds"); w; w = w->next)
    for (int i = 0; w->kind->load && i < w->n; i++) if (w->episode[i] >= 0) w->kind->load(&w->env, i);
}

//---- what went wrong -----------------------------------------------------------------------------------------------------------

static bool all_finite(const float *x, int n) {        // by the exponent's bits: no chain of additions, so it runs in vectors
  int bad = 0;
  for (int j = 0; j < n; j++) {
    uint32_t u;
    memcpy(&u, x + j, sizeof u);
    bad |= (u & 0x7F800000u) == 0x7F800000u;
  }
  return !bad;
}

static bool stop_at(const rn_worlds *w, int row, const char *what, const float *x, int n) {
  for (int j = 0; j < n; j++)
    if (!isfinite(x[j]))
      rn_stop(w->run, RN_NUMBERS, "%s (%s): %s column %d of world %d is %g at step %lld of episode %lld", w->kind->name, w->name, what, j,
              row / w->seats, (double)x[j], (long long)w->step[row / w->seats], (long long)w->episode[row / w->seats]);
  return false;
}

// The first world that failed, in the order of worlds: the message doesn't depend on threads
static bool stop_run(rn_worlds *w) {
  for (int i = 0; i < w->n; i++) {
    if (w->why[i]) return rn_stop(w->run, RN_NUMBERS, "%s (%s): world %d at step %lld of episode %lld: %s", w->kind->name, w->name, i,
                                  (long long)w->step[i], (long long)w->episode[i], w->why[i]), false;
    for (int r = i * w->seats; r < (i + 1) * w->seats; r++) {
      stop_at(w, r, "action", w->executed + (size_t)r * (size_t)w->act, w->act);
      stop_at(w, r, "reward", w->env.reward + r, 1), stop_at(w, r, "observation", w->env.obs + (size_t)r * (size_t)w->obs, w->obs);
    }
  }
  return false;
}

//---- episodes ------------------------------------------------------------------------------------------------------------------

bool rn_worlds_over(const rn_worlds *w, int world) {
  for (int r = world * w->seats; r < (world + 1) * w->seats; r++) if (!w->env.terminated[r] && !w->env.truncated[r]) return false;
  return true;
}

// rn_key_of(run, "reset.NAME", world, episode), its purpose hashed once
static rn_key key_for(rn_key purpose, int world, int64_t episode) {
  uint64_t at = (uint64_t)episode;
  purpose.unit = (uint64_t)world, purpose.at = (uint32_t)at + (uint32_t)(at >> 32) * 0x9E3779B9u;
  return purpose;
}

static void begin(rn_worlds *w, int i) {
  const rn_env_kind *k = w->kind;
  w->episode[i]++, w->step[i] = 0;
  for (int r = i * w->seats; r < (i + 1) * w->seats; r++) w->env.reward[r] = 0, w->env.terminated[r] = w->env.truncated[r] = 0, w->total[r] = 0;
  if (k->draw) k->draw(&w->env, i, key_for(w->draws, i, w->episode[i]));
  k->reset(&w->env, i, key_for(w->starts, i, w->episode[i]));
  for (int r = i * w->seats; r < (i + 1) * w->seats; r++)
    if (w->why[i] || !all_finite(w->env.obs + (size_t)r * (size_t)w->obs, w->obs)) stop_run(w);
}

void rn_worlds_reset_all(rn_worlds *w) {
  for (int i = 0; i < w->n; i++) begin(w, i);
}

void rn_worlds_next_episode(rn_worlds *w, const uint8_t *which) {
  for (int i = 0; i < w->n; i++) if (which ? which[i] : rn_worlds_over(w, i)) begin(w, i);
}

void rn_worlds_episode_set(rn_worlds *w, int64_t episode) {
  for (int i = 0; i < w->n; i++) w->episode[i] = episode - 1;
}

//---- a step --------------------------------------------------------------------------------------------------------------------

typedef struct { rn_worlds *w; const float *act; int each; bool raw; atomic_bool bad; } stride;

static float between(float x, float low, float high) { return x < low ? low : x > high ? high : x; }      // nan stays nan

static void map_actions(const stride *s, int from, int to) {
  rn_worlds *w = s->w;
  int act = w->act;
  bool index = w->kind->act.kind != RN_BOX;
  for (int r = from * w->seats; r < to * w->seats; r++)
    for (int j = 0; j < act; j++) {
      size_t at = (size_t)r * (size_t)act + (size_t)j;
      float a = s->act[at], m = w->middle[j], h = w->half[j];
      w->executed[at] = index ? a : s->raw ? between(a, m - h, m + h) : m + h * between(a, -1, 1);
    }
}

static bool step_some(const stride *s, int from, int to) {
  rn_worlds *w = s->w;
  rn_env *e = &w->env;
  int first = from * w->seats, rows = (to - from) * w->seats;
  map_actions(s, from, to);
  bool fine = all_finite(w->executed + (size_t)first * (size_t)w->act, rows * w->act);
  if (!fine) return false;
  memset(e->reward + first, 0, (size_t)rows * sizeof *e->reward);
  memset(e->terminated + first, 0, (size_t)rows), memset(e->truncated + first, 0, (size_t)rows);
  w->kind->step(e, from, to);
  for (int i = from; i < to; i++) w->step[i]++, fine &= !w->why[i];
  for (int r = first; r < first + rows; r++) w->total[r] += (double)e->reward[r];
  return fine && all_finite(e->reward + first, rows) && all_finite(e->obs + (size_t)first * (size_t)w->obs, rows * w->obs);
}

static void step_part(void *context, int part) {
  stride *s = context;
  rn_worlds *w = s->w;
  int end = RN_MIN(w->n, (part + 1) * s->each);
  // runs of worlds that are not over; the others stay as they are
  for (int from = part * s->each, to; from < end; from = to) {
    bool over = rn_worlds_over(w, from);
    for (to = from + 1; to < end && rn_worlds_over(w, to) == over; to++) {}
    if (over) memset(w->env.reward + from * w->seats, 0, (size_t)((to - from) * w->seats) * sizeof(float));
    else if (!step_some(s, from, to)) atomic_store_explicit(&s->bad, true, memory_order_relaxed);
  }
}

static void check_indices(const rn_worlds *w, const float *act) {
  const rn_space *a = &w->kind->act;
  for (int r = 0; r < w->rows; r++)
    for (int j = 0; j < w->act; j++) {
      float x = act[(size_t)r * (size_t)w->act + (size_t)j];
      int n = a->kind == RN_DISCRETE ? a->dim[0] : a->high ? (int)a->high[j] + 1 : a->dim[1];
      RN_CHECK(!isfinite(x) || (x >= 0 && x < (float)n && x == (float)(int)x), "%s: action %g of row %d is no index below %d", w->kind->name, (double)x, r, n);
    }
}

static bool step_all(rn_worlds *w, const float *act, bool raw) {
  if (w->kind->act.kind != RN_BOX) check_indices(w, act);
  int cost = w->kind->cost ? w->kind->cost : 100;
  stride s = {.w = w, .act = act, .each = RN_MAX(1, PART / cost), .raw = raw};
  int parts = (w->n + s.each - 1) / s.each;
  if (parts == 1) step_part(&s, 0);
  else rn_parallel(parts, step_part, &s);
  return s.bad ? stop_run(w) : true;
}

bool rn_worlds_step(rn_worlds *w, const float *act) { return step_all(w, act, false); }
bool rn_worlds_step_executed(rn_worlds *w, const float *act) { return step_all(w, act, true); }
