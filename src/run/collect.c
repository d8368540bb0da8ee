/* run/collect.c - acting on rows of environments, and what is kept of it: transitions in the live table, rollouts, running statistics. */
#include "session.h"

//---- acts --------------------------------------------------------------------------------------------------------------------------------

static uint64_t mix(uint64_t a, uint64_t b) {                    // SplitMix64's finaliser over a running sum
  uint64_t x = a + 0x9E3779B97F4A7C15u * (b + 1);
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

rn_node *session_observe(session *s, rn_graph *g, int n, const float *raw, rn_node **raw_node) {
  const rn_scaling *k = &s->scaling;
  int w = k->choices ? 1 : rn_obs_width(rn_world_of(s->run, NULL));
  if (k->choices) {
    int *index = rn_scratch_bytes(g, (size_t)n * sizeof *index);
    for (int i = 0; i < n; i++) index[i] = (int)raw[i];
    rn_node *x = rn_place_cols(rn_filled(g, n, 1, 1), index, k->choices);
    if (raw_node) *raw_node = x;
    return x;
  }
  rn_node *x = rn_constant_f32(g, n, w, raw);
  if (raw_node) *raw_node = x;
  if (!k->mean) return x;
  x = rn_div(rn_sub(x, rn_constant_f32(g, 1, w, k->mean)), rn_constant_f32(g, 1, w, k->std));
  return k->clip > 0 ? rn_clamp(x, -k->clip, k->clip) : x;
}

void session_act(session *s, const rn_worlds *w, const rn_policy *by, const char *purpose, rn_mode mode, long step, float *memory, float *act, float *logp) {
  rn_graph *g = s->act_graph;
  int n = w->rows;
  rn_graph_begin(g, rn_key_of(s->run, purpose, 0, 0));
  uint64_t *unit = rn_scratch_bytes(g, (size_t)n * sizeof *unit);
  int *world = rn_scratch_bytes(g, (size_t)n * sizeof *world), *seat = rn_scratch_bytes(g, (size_t)n * sizeof *seat);
  for (int i = 0; i < n; i++) {
    world[i] = i / w->seats, seat[i] = i % w->seats;
    unit[i] = mix(mix(mix((uint64_t)world[i], (uint64_t)seat[i]), (uint64_t)w->episode[world[i]]), (uint64_t)w->step[world[i]]);
  }
  rn_graph_units(g, n, unit);
  rn_obs in = {.mode = mode, .step = step, .obs = session_observe(s, g, n, w->env.obs, NULL), .world = world, .seat = seat, .unit = unit, .memory = memory};
  rn_action out = {0};
  if (by) rn_policy_act(by, &in, &out);
  else s->system->act(s->self, &in, &out);
  rn_read_f32(out.act, act);
  if (logp && out.logp) rn_read_f32(out.logp, logp);
}

//---- stands -------------------------------------------------------------------------------------------------------------------------------

stand *session_stand(session *s, const char *name) {
  for (int i = 0; i < s->stands; i++) if (strcmp(s->stand[i].name, name) == 0) return &s->stand[i];
  return NULL;
}

bool stand_new(session *s, const char *name, int rows, rn_error *err) {
  if (session_stand(s, name)) return true;
  RN_CHECK(s->stands < MOST_ASKS, "more than %d groups of environments", MOST_ASKS);
  stand *d = &s->stand[s->stands];
  snprintf(d->name, sizeof d->name, "%s", name);
  if (!(d->w = rn_worlds_new(s->run, s->kind, d->name, rows, err))) return false;
  if (s->memory) d->memory = rn_state(s->run, RN_F32, (size_t)d->w->rows * (size_t)s->memory, "memory.%s", name);
  s->stands++;
  return true;
}

// worlds that are over begin again, and what the policy kept of them is forgotten
static void begin_episodes(session *s, stand *d) {
  rn_worlds *w = d->w;
  for (int i = 0; i < w->n; i++)
    if (d->memory && (w->episode[i] < 0 || rn_worlds_over(w, i)))
      memset(d->memory + (size_t)i * (size_t)w->seats * (size_t)s->memory, 0, (size_t)w->seats * (size_t)s->memory * sizeof(float));
  if (w->episode[0] < 0) rn_worlds_reset_all(w);
  else rn_worlds_next_episode(w, NULL);
}

void session_see(session *s, int n, const float *obs) {
  if (!s->running) return;
  int w = rn_obs_width(rn_world_of(s->run, NULL));
  double *count = s->seen, *mean = s->seen + 1, *square = mean + w;
  for (int i = 0; i < n; i++) {
    *count += 1;
    for (int k = 0; k < w; k++) {
      double x = obs[(size_t)i * w + k], d = x - mean[k];
      mean[k] += d / *count, square[k] += d * (x - mean[k]);     // Welford
    }
  }
  for (int k = 0; k < w; k++) s->mean[k] = (float)mean[k], s->std[k] = (float)sqrt(square[k] / *count + 1e-8);
}

bool session_collect(session *s, stand *d, const rn_policy *by) {
  rn_worlds *w = d->w;
  begin_episodes(s, d);
  int n = w->rows;
  float act[4096], *a = (size_t)n * w->act <= RN_COUNT(act) ? act : rn_derived(s->run, (size_t)n * (size_t)w->act * sizeof *a, "collect.act");
  session_act(s, w, by, "act.collect", RN_COLLECT, (long)s->at[AT_STEPS], d->memory, a, NULL);
  int64_t rows[256], *row = n <= RN_COUNT(rows) ? rows : rn_derived(s->run, (size_t)n * sizeof *row, "collect.rows");
  if (s->live)
    for (int i = 0; i < n; i++) {
      row[i] = rn_live_push(s->live, i);
      memcpy(rn_table_write(s->live, "obs", row[i]), w->env.obs + (size_t)i * w->obs, (size_t)w->obs * sizeof(float));
    }
  if (!rn_worlds_step(w, a)) return false;
  if (s->live)
    for (int i = 0; i < n; i++) {
      if (rn_act_count(rn_world_of(s->run, NULL))) *(int32_t *)rn_table_write(s->live, "act", row[i]) = (int32_t)w->executed[i];
      else memcpy(rn_table_write(s->live, "act", row[i]), w->executed + (size_t)i * w->act, (size_t)w->act * sizeof(float));
      memcpy(rn_table_write(s->live, "next", row[i]), w->env.obs + (size_t)i * w->obs, (size_t)w->obs * sizeof(float));
      *(float *)rn_table_write(s->live, "reward", row[i]) = w->env.reward[i];
      *(uint8_t *)rn_table_write(s->live, "terminated", row[i]) = w->env.terminated[i];
      *(uint8_t *)rn_table_write(s->live, "truncated", row[i]) = w->env.truncated[i];
      if (w->env.terminated[i] || w->env.truncated[i]) rn_live_end(s->live, i);
    }
  s->at[AT_STEPS] += w->n, s->at[AT_PHASE_STEPS] += w->n;
  session_see(s, n, w->env.obs);
  return true;
}

//---- rollouts -----------------------------------------------------------------------------------------------------------------------------

typedef struct { float *obs, *raw, *logp, *executed, *reward, *live, *first, *next; uint8_t *cut; } buffers;

static buffers buffers_new(rn_graph *g, size_t steps, int obs, int act) {
  return (buffers){.obs = rn_scratch_bytes(g, steps * (size_t)obs * sizeof(float)), .next = rn_scratch_bytes(g, steps * (size_t)obs * sizeof(float)),
                   .raw = rn_scratch_bytes(g, steps * (size_t)act * sizeof(float)), .executed = rn_scratch_bytes(g, steps * (size_t)act * sizeof(float)),
                   .logp = rn_scratch_bytes(g, steps * sizeof(float)), .reward = rn_scratch_bytes(g, steps * sizeof(float)),
                   .live = rn_scratch_bytes(g, steps * sizeof(float)), .first = rn_scratch_bytes(g, steps * sizeof(float)),
                   .cut = rn_scratch_bytes(g, steps)};
}

// observations as the update sees them
static void put_obs(const session *s, float *to, const float *from, int n, int w, int width) {
  if (s->scaling.choices) {
    memset(to, 0, (size_t)n * (size_t)width * sizeof *to);
    for (int i = 0; i < n; i++) to[(size_t)i * width + (int)from[i]] = 1;
    return;
  }
  memcpy(to, from, (size_t)n * (size_t)w * sizeof *to);
  rn_normalise(&s->scaling, n, w, to);
}

void session_rollout(session *s, rn_graph *g, const rn_ask *ask, rn_rollout *r) {
  stand *d = session_stand(s, ask->name ? ask->name : "env");
  RN_CHECK(d, "no environments stand ready for the ask '%s'", ask->name);
  rn_worlds *w = d->w;
  int n = w->rows, width = rn_obs_width(rn_world_of(s->run, NULL));
  bool whole = ask->episodes > 0;
  int T = whole ? s->kind->limit : ask->steps;
  buffers b = buffers_new(g, (size_t)T * (size_t)n, width, w->act);
  int *length = whole ? rn_scratch_bytes(g, (size_t)n * sizeof *length) : NULL;
  float *raw_obs = s->running ? rn_scratch_bytes(g, (size_t)T * (size_t)n * (size_t)w->obs * sizeof(float)) : NULL;
  char purpose[64];
  snprintf(purpose, sizeof purpose, "act.%s", d->name);
  if (ask->fresh || whole) {
    if (d->memory) memset(d->memory, 0, (size_t)n * (size_t)s->memory * sizeof(float));
    rn_worlds_reset_all(w);
  }
  int t = 0;
  for (; t < T; t++) {
    if (!whole) begin_episodes(s, d);
    size_t at = (size_t)t * (size_t)n;
    int going = 0;
    for (int i = 0; i < n; i++) b.first[at + i] = w->step[i / w->seats] == 0, going += !rn_worlds_over(w, i / w->seats);
    if (going == 0) break;
    put_obs(s, b.obs + at * (size_t)width, w->env.obs, n, w->obs, width);
    if (raw_obs) memcpy(raw_obs + at * (size_t)w->obs, w->env.obs, (size_t)n * (size_t)w->obs * sizeof(float));
    session_act(s, w, ask->by, purpose, RN_COLLECT, (long)s->at[AT_STEPS], d->memory, b.raw + at * (size_t)w->act, b.logp + at);
    for (int i = 0; length && i < n; i++) length[i] += !rn_worlds_over(w, i / w->seats);
    if (!rn_worlds_step(w, b.raw + at * (size_t)w->act)) break;
    memcpy(b.executed + at * (size_t)w->act, w->executed, (size_t)n * (size_t)w->act * sizeof(float));
    put_obs(s, b.next + at * (size_t)width, w->env.obs, n, w->obs, width);
    for (int i = 0; i < n; i++) {
      double scaled = s->scaling.reward_scale * w->env.reward[i] + s->scaling.reward_bias;
      b.reward[at + i] = (float)scaled, b.live[at + i] = !w->env.terminated[i], b.cut[at + i] = w->env.truncated[i];
    }
    s->at[AT_STEPS] += going, s->at[AT_PHASE_STEPS] += going;
  }
  if (raw_obs) session_see(s, t * n, raw_obs);
  *r = (rn_rollout){.g = g, .run = s->run, .T = t, .n = n, .obs = b.obs, .raw = b.raw, .logp = b.logp, .executed = b.executed, .reward = b.reward,
                    .live = b.live, .first = b.first, .cut = b.cut, .next = b.next, .length = length};
}
