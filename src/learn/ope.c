/* learn/ope.c - off-policy evaluation from a log: fitted Q evaluation and weighted importance sampling. */
#include "rein/ope.h"

enum { CHUNK = 1024 };                          // rows that pass through the policy together

typedef struct {
  const rn_ope_order *o;
  rn_run *run; rn_graph *g;
  const rn_episode *episode; int64_t episodes, rows;
  int w;                                        // columns of an action
  float *next_act, *start_act;                  // [rows, w] at next; [episodes, w] at the start
  int64_t *starts;                              // [episodes]
} work;

//---- the policy on rows -------------------------------------------------------------------------------------------------------------

static rn_node *acted(const work *k, rn_node *obs, const int64_t *row) {
  int n = rn_rows(obs);
  uint64_t *unit = rn_scratch_bytes(k->g, (size_t)n * sizeof *unit);
  int *zero = rn_scratch_bytes(k->g, (size_t)n * sizeof *zero);
  for (int i = 0; i < n; i++) unit[i] = (uint64_t)row[i];
  rn_graph_units(k->g, n, unit);
  rn_obs in = {.mode = RN_EVALUATE, .obs = obs, .world = zero, .seat = zero, .unit = unit};
  rn_action out = {0};
  k->o->system->act(k->o->self, &in, &out);
  rn_graph_units(k->g, 0, NULL);
  return rn_clamp(out.act, k->o->world->act.kind == RN_BOX ? -1 : 0, k->o->world->act.kind == RN_BOX ? 1 : 1e9);
}

static rn_batch rows_of(const work *k, int n, const int64_t *row) {
  return rn_batch_new(k->g, k->run, k->o->log, NULL, k->o->scaling, n, row);
}

/* out [n, w] = the policy's actions at the rows' observations, or at what followed them. */
static void act_on(const work *k, int64_t n, const int64_t *rows, bool next, float *out) {
  for (int64_t from = 0; from < n; from += CHUNK) {
    int m = (int)RN_MIN(CHUNK, n - from);
    rn_graph_begin(k->g, rn_key_new(k->o->seed, "ope.act", (uint64_t)from, next));
    rn_batch b = rows_of(k, m, rows + from);
    rn_read_f32(acted(k, next ? b.next : b.obs, b.row), out + from * k->w);
  }
}

//---- fitted Q evaluation --------------------------------------------------------------------------------------------------------------

/* How often each member's bootstrap holds each episode: weight [members, episodes]. */
static float *bootstrap_weights(const work *k, int members) {
  float *weight = rn_new((size_t)members * (size_t)k->episodes * sizeof *weight);
  for (int e = 0; e < members; e++) {
    rn_key key = rn_key_new(k->o->seed, "ope.bootstrap", (uint64_t)e, 0);
    for (int64_t i = 0; i < k->episodes; i++) weight[e * k->episodes + rn_below(&key, k->episodes)]++;
  }
  return weight;
}

static rn_node *gathered(const work *k, int n, const int64_t *index, const float *from) {
  float *x = rn_scratch_bytes(k->g, (size_t)n * k->w * sizeof *x);
  for (int i = 0; i < n; i++) memcpy(x + (size_t)i * k->w, from + index[i] * k->w, k->w * sizeof *x);
  return rn_constant_f32(k->g, n, k->w, x);
}

static void fit_update(const work *k, const rn_optim *opt, rn_net *q, rn_net *target, int members, int batch, int64_t open, const int64_t *usable,
                       const float *weight, long update, long updates) {
  rn_graph *g = k->g;
  rn_graph_begin(g, rn_key_new(k->o->seed, "ope.update", (uint64_t)update, 0));
  int64_t *row = rn_scratch_bytes(g, (size_t)batch * sizeof *row);
  rn_real *w = rn_scratch(g, (size_t)members * batch);
  rn_key key = rn_key_new(k->o->seed, "ope.rows", (uint64_t)update, 0);
  for (int i = 0; i < batch; i++) row[i] = usable[rn_below(&key, open)];
  for (int e = 0; e < members; e++)
    for (int i = 0; i < batch; i++) w[e * batch + i] = weight[e * k->episodes + rn_table_episode_of(k->o->log, row[i])];
  rn_batch b = rows_of(k, batch, row);
  rn_node *ahead = rn_critics(target, b.next, gathered(k, batch, row, k->next_act));                             // [E, B, 1]
  rn_node *y = rn_detach(rn_add(b.reward, rn_scale(rn_mul(b.live, ahead), k->o->gamma)));
  rn_node *loss = rn_mul(rn_constant_dims(g, (const int[4]){1, members, batch, 1}, w), rn_square(rn_sub(rn_critics(q, b.obs, b.act), y)));
  rn_step_at((rn_optim *)opt, rn_scale(rn_sum(loss), 1.0 / batch), (k->o->lr ? k->o->lr : 1e-3) * rn_cosine(update, updates));
  rn_move(target, q, 0.01);
}

/* Student's t at 97.5 % for d degrees of freedom: Cornish-Fisher from the normal, within 1 % from d = 3 on. */
static double student(int d) {
  double z = 1.959963984540054, z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
  return z + (z3 + z) / (4. * d) + (5 * z5 + 16 * z3 + 3 * z) / (96. * d * d) + (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384. * d * d * d);
}

static rn_interval start_value(const work *k, rn_net *q, int members, const float *weight) {
  double *sum = rn_new((size_t)members * 2 * sizeof *sum), *mass = sum + members;
  for (int64_t from = 0; from < k->episodes; from += CHUNK) {
    int m = (int)RN_MIN(CHUNK, k->episodes - from);
    int64_t index[CHUNK];
    rn_graph_begin(k->g, rn_key_new(k->o->seed, "ope.start", (uint64_t)from, 0));
    for (int i = 0; i < m; i++) index[i] = from + i;
    rn_batch b = rows_of(k, m, k->starts + from);
    rn_node *v = rn_critics(q, b.obs, gathered(k, m, index, k->start_act));                                      // [E, m, 1]
    float *x = rn_scratch_bytes(k->g, rn_count(v) * sizeof *x);
    rn_read_f32(v, x);
    for (int e = 0; e < members; e++)
      for (int i = 0; i < m; i++) sum[e] += weight[e * k->episodes + from + i] * x[e * m + i], mass[e] += weight[e * k->episodes + from + i];
  }
  for (int e = 0; e < members; e++) sum[e] /= mass[e];
  double mean = rn_mean_of(members, sum), half = members > 1 ? student(members - 1) * rn_std_of(members, sum) : NAN;
  rn_free(sum);
  return (rn_interval){mean, mean - half, mean + half, 0};
}

static bool fqe(work *k, rn_interval *out, rn_error *err) {
  const rn_ope_order *o = k->o;
  int members = o->members ? o->members : 10, batch = o->batch ? o->batch : 256;
  long updates = o->updates ? o->updates : 5000;
  int64_t *usable = rn_new((size_t)k->rows * sizeof *usable), open = 0;
  for (int64_t i = 0; i < k->rows; i++) if (rn_table_has_next(o->log, i)) usable[open++] = i;
  if (!open) return rn_free(usable), rn_fail(err, "the log holds no row whose next observation is known: a value can't be fitted");
  // rows without a next observation are never drawn, but have a place in the array
  float *act = rn_new((size_t)open * k->w * sizeof *act);
  act_on(k, open, usable, true, act);
  for (int64_t i = 0; i < open; i++) memcpy(k->next_act + usable[i] * k->w, act + i * k->w, k->w * sizeof *act);
  act_on(k, k->episodes, k->starts, false, k->start_act);
  rn_net *q = rn_critics_new(k->run, "fqe", members), *target = rn_copy(k->run, q, "target");
  rn_optim *opt = rn_adam(k->run, q, 1e-3);
  float *weight = bootstrap_weights(k, members);
  for (long u = 0; u < updates && !rn_stopped(k->run); u++) fit_update(k, opt, q, target, members, batch, open, usable, weight, u, updates);
  if (!rn_stopped(k->run)) *out = start_value(k, q, members, weight);
  rn_free(usable), rn_free(act), rn_free(weight);
  return !rn_stopped(k->run) || rn_fail_as(err, RN_NUMBERS, "fitted Q evaluation: %s", rn_stopped(k->run)->text);
}

//---- weighted importance sampling ---------------------------------------------------------------------------------------------------------

/* The log's own policy by maximum likelihood. */
static rn_policy *behaviour_model(const work *k) {
  const rn_ope_order *o = k->o;
  int batch = o->batch ? o->batch : 256;
  long updates = o->fit ? o->fit : 2000;
  rn_policy *p = rn_policy_new(k->run, "behaviour", rn_act_count(o->world) ? "categorical" : "gaussian", RN_CAN_FIT | RN_CAN_LOGP, NULL);
  rn_optim *opt = rn_adam(k->run, rn_policy_net(p), 1e-3);
  for (long u = 0; u < updates && !rn_stopped(k->run); u++) {
    rn_graph_begin(k->g, rn_key_new(o->seed, "ope.behaviour", (uint64_t)u, 0));
    int64_t *row = rn_scratch_bytes(k->g, (size_t)batch * sizeof *row);
    rn_key key = rn_key_new(o->seed, "ope.behaviour.rows", (uint64_t)u, 0);
    for (int i = 0; i < batch; i++) row[i] = rn_below(&key, k->rows);
    rn_batch b = rows_of(k, batch, row);
    rn_step_at(opt, rn_policy_fit(p, rn_view_of(b.obs), b.act, NULL), 1e-3 * rn_cosine(u, updates));
  }
  return p;
}

/* ratio [rows] = ln pi(a|s) - ln b(a|s). */
static void log_ratios(const work *k, const rn_policy *model, double *ratio) {
  bool given = model == NULL;
  for (int64_t from = 0; from < k->rows; from += CHUNK) {
    int m = (int)RN_MIN(CHUNK, k->rows - from);
    int64_t row[CHUNK];
    float a[CHUNK], b[CHUNK];
    for (int i = 0; i < m; i++) row[i] = from + i;
    rn_graph_begin(k->g, rn_key_new(k->o->seed, "ope.logp", (uint64_t)from, 0));
    rn_batch rows = rows_of(k, m, row);
    rn_read_f32(rn_policy_logp(k->o->pi, rn_view_of(rows.obs), rows.act), a);
    if (given) rn_gather(k->o->log, "behaviour_logp", m, row, b);
    else rn_read_f32(rn_policy_logp(model, rn_view_of(rows.obs), rows.act), b);
    for (int i = 0; i < m; i++) ratio[from + i] = (double)a[i] - b[i];
  }
}

static double discounted(const work *k, const rn_episode *e) {
  double sum = 0, factor = 1;
  for (int64_t t = 0; t < e->length; t++, factor *= k->o->gamma) {
    float r;
    int64_t row = e->first + t;
    rn_gather(k->o->log, "reward", 1, &row, &r);
    sum += factor * (k->o->scaling->reward_scale * r + k->o->scaling->reward_bias);
  }
  return sum;
}

static void wis(const work *k, rn_ope *out) {
  const rn_ope_order *o = k->o;
  double *g = rn_new((size_t)k->episodes * 2 * sizeof *g), *lw = g + k->episodes, *ratio = rn_new((size_t)k->rows * sizeof *ratio);
  bool possible = o->pi && o->pi->kind->log_prob;
  out->fitted = possible && rn_table_width(o->log, "behaviour_logp") != 1;
  if (possible) log_ratios(k, out->fitted ? behaviour_model(k) : NULL, ratio);
  int n = 0;
  for (int64_t i = 0; i < k->episodes; i++) {
    const rn_episode *e = &k->episode[i];
    if (e->end == RN_END_CUT) continue;
    g[n] = discounted(k, e), lw[n] = 0;
    for (int64_t t = 0; t < e->length; t++) lw[n] += ratio[e->first + t];
    n++;
  }
  rn_boot how = {.key = rn_key_new(o->seed, "ope.interval", 0, 0)};
  out->episodes = n, out->effective = NAN, out->wis = (rn_interval){NAN, NAN, NAN, 0};
  out->behaviour = rn_interval_of(RN_STAT_MEAN, 1, &n, g, &how);
  if (possible && n && !rn_stopped(k->run)) out->wis = rn_wis_interval(n, lw, g, &how, &out->effective);
  rn_free(g), rn_free(ratio);
}

//---- both --------------------------------------------------------------------------------------------------------------------------------

static bool ready(const rn_ope_order *o, rn_error *err) {
  int64_t n;
  if (!o->system->act) return rn_fail(err, "%s does not act: there is nothing to evaluate", o->system->name);
  if (o->system->memory && o->system->memory(o->self) > 0) return rn_fail(err, "%s remembers earlier steps; a log's rows can't be judged one by one", o->system->name);
  rn_table_episodes(o->log, &n);
  return n > 0 || rn_fail(err, "the log has no episodes");
}

bool rn_ope_estimate(const rn_ope_order *o, rn_ope *out, rn_error *err) {
  *out = (rn_ope){.fqe = {NAN, NAN, NAN, 0}};
  if (!ready(o, err)) return false;
  work k = {.o = o, .run = rn_run_new(o->seed, 0), .rows = rn_table_rows(o->log), .w = rn_act_width(o->world)};
  rn_world_set(k.run, "data", o->world);
  rn_set(k.run, "hidden", "64x64");
  k.g = rn_graph_new(k.run, "ope", 0), k.episode = rn_table_episodes(o->log, &k.episodes);
  k.next_act = rn_new((size_t)k.rows * k.w * sizeof(float)), k.start_act = rn_new((size_t)k.episodes * k.w * sizeof(float));
  k.starts = rn_new((size_t)k.episodes * sizeof *k.starts);
  for (int64_t i = 0; i < k.episodes; i++) k.starts[i] = k.episode[i].first;
  wis(&k, out);
  bool fine = fqe(&k, &out->fqe, err);
  rn_free(k.next_act), rn_free(k.start_act), rn_free(k.starts), rn_graph_free(k.g), rn_run_free(k.run);
  return fine;
}
