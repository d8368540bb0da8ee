/* learn/ope.c - off-policy evaluation from a log: fitted Q evaluation of an ensemble, weighted importance sampling. */
#include "rein/ope.h"

enum { CHUNK = 1024, DRAWS = 16 };              // rows that pass through the policy together; sampled actions at a start

typedef struct {
  const rn_ope_order *o;
  rn_run *run; rn_graph *g;
  rn_scaling scaling;                           // the order's, rewards divided by `unit` besides
  const rn_episode *episode; int64_t episodes, rows;
  int32_t *of;                                  // [rows] the row's episode, -1: none
  int64_t *whole, wholes;                       // complete episodes
  double *G, unit;                              // [wholes] their discounted returns; root of their mean square
  double least, most;                           // between which values can lie, in units
  int w, members, batch; long updates;          // w: columns of an action
} work;

static rn_batch rows_of(const work *k, int n, const int64_t *row) { return rn_batch_new(k->g, k->run, k->o->log, NULL, &k->scaling, n, row); }

//---- the two policies on rows ---------------------------------------------------------------------------------------------------------------

static rn_node *inside(const work *k, rn_node *act) { return k->o->world->act.kind == RN_BOX ? rn_clamp(act, -1, 1) : act; }      // as executed

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
  return inside(k, out.act);
}

// out [rows, w]: the system's actions at what followed each row (or at the rows); a planner thinks once a row, whatever the number of updates
static void act_on(const work *k, int64_t n, const int64_t *rows, bool next, float *out) {
  for (int64_t from = 0; from < n; from += CHUNK) {
    int m = (int)RN_MIN(CHUNK, n - from);
    rn_graph_begin(k->g, rn_key_new(k->o->seed, next ? "ope.act.next" : "ope.act.start", (uint64_t)from, 0));
    rn_batch b = rows_of(k, m, rows + from);
    rn_read_f32(acted(k, next ? b.next : b.obs, b.row), out + (size_t)from * (size_t)k->w);
  }
}

static rn_node *gathered(const work *k, int n, const int64_t *index, const float *from) {
  size_t w = (size_t)k->w;
  float *x = rn_scratch_bytes(k->g, (size_t)n * w * sizeof *x);
  for (int i = 0; i < n; i++) memcpy(x + (size_t)i * w, from + (size_t)index[i] * w, w * sizeof *x);
  return rn_constant_f32(k->g, n, k->w, x);
}

// [E, n, 1] sum_a pi(a|s) Q(s, a) where actions can be counted, else Q at a draw
static rn_node *sampled_value(const work *k, rn_net *q, rn_node *obs) {
  const rn_policy *pi = k->o->pi;
  if (pi->kind->logits && rn_act_count(k->o->world)) return rn_sum_cols(rn_mul(rn_softmax(rn_policy_logits(pi, rn_view_of(obs))), rn_mlp(q, obs)));
  return rn_critics(q, obs, rn_detach(inside(k, rn_policy_sample(pi, rn_view_of(obs), NULL))));
}

//---- fitted Q evaluation --------------------------------------------------------------------------------------------------------------------

// how often each member's log holds each episode: weight [members, episodes]. The first has the log as it is, the others a bootstrap
static float *bootstrap_weights(const work *k) {
  float *weight = rn_new((size_t)k->members * (size_t)k->episodes * sizeof *weight);
  for (int64_t i = 0; i < k->episodes; i++) weight[i] = 1;
  for (int e = 1; e < k->members; e++) {
    rn_key key = rn_key_new(k->o->seed, "ope.bootstrap", (uint64_t)e, 0);
    for (int64_t i = 0; i < k->episodes; i++) weight[e * k->episodes + rn_below(&key, k->episodes)]++;
  }
  return weight;
}

// act: the system's at each row's next observation; NULL: samples of pi
typedef struct { const work *k; rn_net *q, *target; rn_optim *opt; const rn_sampler *rows; const float *weight, *act; double tau, lr; } fit;

static void fit_update(const fit *f, long update) {
  const work *k = f->k;
  rn_graph *g = k->g;
  rn_graph_begin(g, rn_key_new(k->o->seed, "ope.update", (uint64_t)update, 0));
  int B = k->batch, E = k->members;
  int64_t *row = rn_scratch_bytes(g, (size_t)B * sizeof *row);
  rn_sampler_draw(f->rows, rn_key_new(k->o->seed, "ope.rows", (uint64_t)update, 0), B, row);
  // a member's loss counts a row as often as its log holds the episode
  rn_real *w = rn_scratch(g, (size_t)E * (size_t)B);
  for (int i = 0; i < B; i++)
    for (int e = 0; e < E; e++) w[e * B + i] = (rn_real)sqrt(k->of[row[i]] < 0 ? 1 : f->weight[e * k->episodes + k->of[row[i]]]);
  rn_node *root = rn_constant_dims(g, (const int[4]){1, E, B, 1}, w);
  rn_batch b = rows_of(k, B, row);
  // y = r + gamma live Q'(s', a'), each member by its own target; no value lies outside of what rewards allow
  rn_node *ahead = f->act ? rn_critics(f->target, b.next, gathered(k, B, row, f->act)) : sampled_value(k, f->target, b.next);       // [E, B, 1]
  rn_node *y = rn_clamp(rn_td_target(b.reward, b.live, ahead, k->o->gamma), k->least, k->most);
  rn_step_at(f->opt, rn_td_loss(rn_mul(rn_critics(f->q, b.obs, b.act), root), rn_mul(rn_detach(y), root)), f->lr * rn_cosine(update, k->updates));
  rn_move(f->target, f->q, f->tau);
}

// Student's t at 97.5 % for d degrees of freedom: Cornish-Fisher from the normal, within 1 % from d = 3 on
static double student(int d) {
  double z = 1.959963984540054, z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
  return z + (z3 + z) / (4. * d) + (5 * z5 + 16 * z3 + 3 * z) / (96. * d * d) + (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384. * d * d * d);
}

// mean value of the starts, each as often as the member's log holds it: by the first member, +- t sd of the others
static rn_interval start_value(const fit *f, const int64_t *start, const float *act) {
  const work *k = f->k;
  int E = k->members;
  double *sum = rn_new((size_t)E * 2 * sizeof *sum), *mass = sum + E;
  int draws = act || k->o->pi->kind->logits ? 1 : DRAWS;
  for (int64_t from = 0; from < k->wholes; from += CHUNK) {
    int m = (int)RN_MIN(CHUNK, k->wholes - from);
    int64_t index[CHUNK];
    for (int i = 0; i < m; i++) index[i] = from + i;
    for (int d = 0; d < draws; d++) {
      rn_graph_begin(k->g, rn_key_new(k->o->seed, "ope.start", (uint64_t)from, (uint64_t)d));
      rn_batch b = rows_of(k, m, start + from);
      rn_node *v = act ? rn_critics(f->q, b.obs, gathered(k, m, index, act)) : sampled_value(k, f->q, b.obs);     // [E, m, 1]
      float *x = rn_scratch_bytes(k->g, rn_count(v) * sizeof *x);
      rn_read_f32(v, x);
      for (int e = 0; e < E; e++)
        for (int i = 0; i < m; i++) {
          double w = f->weight[e * k->episodes + k->whole[from + i]];
          sum[e] += w * x[e * m + i], mass[e] += w;
        }
    }
  }
  int n = 0;
  for (int e = 0; e < E; e++) if (mass[e] > 0) sum[n++] = k->unit * sum[e] / mass[e];         // a small bootstrap may hold no complete episode
  double value = sum[0], half = n > 2 ? student(n - 2) * rn_std_of(n - 1, sum + 1) : NAN;
  rn_free(sum);
  return (rn_interval){value, value - half, value + half, E - n};
}

/* How fast the target follows: news of a reward travels 1/tau updates for each step that it lies ahead, and must have come from as far as
 * values reach by three quarters of the updates, when the rate begins to be small. 6 of these times leave exp(-6) of the first error. */
static double tau_of(const work *k) {
  int64_t longest = 1;
  bool all_end = true;
  for (int64_t i = 0; i < k->episodes; i++) longest = RN_MAX(longest, k->episode[i].length), all_end &= k->episode[i].end == RN_END_TERMINATED;
  double reach = k->o->gamma < 1 ? 1 / (1 - k->o->gamma) : (double)longest;
  if (all_end) reach = fmin(reach, (double)longest);
  return fmin(fmax(6 * reach / (0.75 * (double)k->updates), 0.005), 0.5);
}

static bool fqe(const work *k, bool sampled, rn_interval *out, rn_error *err) {
  fit f = {.k = k, .tau = tau_of(k), .lr = k->o->lr ? k->o->lr : 1e-3};
  rn_sampler *rows = rn_sampler_new(k->o->log, &(rn_sampling){.next = true}, err);
  if (!rows) return false;
  size_t w = (size_t)k->w;
  float *next = NULL, *first = NULL, *weight = bootstrap_weights(k);
  int64_t *start = rn_new((size_t)k->wholes * sizeof *start);
  for (int64_t i = 0; i < k->wholes; i++) start[i] = k->episode[k->whole[i]].first;
  if (!sampled) {
    int64_t *known = rn_new((size_t)k->rows * sizeof *known), n = 0;
    next = rn_new((size_t)k->rows * w * sizeof *next), first = rn_new((size_t)k->wholes * w * sizeof *first);
    for (int64_t row = 0; row < k->rows; row++) if (rn_table_has_next(k->o->log, row)) known[n++] = row;
    act_on(k, n, known, true, next), act_on(k, k->wholes, start, false, first);
    for (int64_t i = n - 1; i >= 0 && known[i] != i; i--) memmove(next + (size_t)known[i] * w, next + (size_t)i * w, w * sizeof *next);
    rn_free(known);
  }
  f.q = rn_critics_new(k->run, sampled ? "sampled" : "fqe", k->members), f.target = rn_copy(k->run, f.q, "target");
  f.opt = rn_adam(k->run, f.q, f.lr), f.rows = rows, f.weight = weight, f.act = next;
  for (long u = 0; u < k->updates && !rn_stopped(k->run); u++) fit_update(&f, u);
  if (!rn_stopped(k->run)) *out = start_value(&f, start, first);
  rn_free(next), rn_free(first), rn_free(weight), rn_free(start), rn_sampler_free(rows);
  return !rn_stopped(k->run) || rn_fail_as(err, RN_NUMBERS, "fitted Q evaluation: %s", rn_stopped(k->run)->text);
}

//---- weighted importance sampling -------------------------------------------------------------------------------------------------------------

// Adam moves an entry by at most FIT_LR an update: log deviations of e^-5, the classes' least, are within reach of 4,000
static const double FIT_LR = 3e-3;

// the log's own policy by maximum likelihood
static rn_policy *behaviour_model(const work *k) {
  const rn_ope_order *o = k->o;
  long updates = o->fit ? o->fit : 4000;
  rn_policy *p = rn_policy_new(k->run, "behaviour", rn_act_count(o->world) ? "categorical" : "gaussian", RN_CAN_FIT | RN_CAN_LOGP, NULL);
  rn_optim *opt = rn_adam(k->run, rn_policy_net(p), FIT_LR);
  for (long u = 0; u < updates && !rn_stopped(k->run); u++) {
    rn_graph_begin(k->g, rn_key_new(o->seed, "ope.behaviour", (uint64_t)u, 0));
    int64_t *row = rn_scratch_bytes(k->g, (size_t)k->batch * sizeof *row);
    rn_key key = rn_key_new(o->seed, "ope.behaviour.rows", (uint64_t)u, 0);
    for (int i = 0; i < k->batch; i++) row[i] = rn_below(&key, k->rows);
    rn_batch b = rows_of(k, k->batch, row);
    rn_step_at(opt, rn_policy_fit(p, rn_view_of(b.obs), b.act, NULL), FIT_LR * rn_cosine(u, updates));
  }
  return p;
}

// ratio [rows] = ln pi(a|s) - ln b(a|s); model NULL: b is the log's column
static bool log_ratios(const work *k, const rn_policy *model, double *ratio, rn_error *err) {
  for (int64_t from = 0; from < k->rows; from += CHUNK) {
    int m = (int)RN_MIN(CHUNK, k->rows - from);
    int64_t row[CHUNK];
    float a[CHUNK], b[CHUNK];
    for (int i = 0; i < m; i++) row[i] = from + i;
    rn_graph_begin(k->g, rn_key_new(k->o->seed, "ope.logp", (uint64_t)from, 0));
    rn_batch rows = rows_of(k, m, row);
    rn_read_f32(rn_policy_logp(k->o->pi, rn_view_of(rows.obs), rows.act), a);
    if (!model) rn_gather(k->o->log, "behaviour_logp", m, row, b);
    else rn_read_f32(rn_policy_logp(model, rn_view_of(rows.obs), rows.act), b);
    for (int i = 0; i < m; i++) {
      if (!isfinite(b[i]) || (rn_act_count(k->o->world) && b[i] > 1e-5f))
        return rn_fail(err, "behaviour_logp row %lld is %g; an action that was taken has a finite log-probability%s", (long long)row[i], (double)b[i],
                       rn_act_count(k->o->world) ? " of 0 or less" : "");
      ratio[from + i] = (double)a[i] - b[i];
    }
  }
  return true;
}

static bool wis(const work *k, rn_ope *out, rn_error *err) {
  out->fitted = rn_table_width(k->o->log, "behaviour_logp") != 1;
  double *lw = rn_new((size_t)k->wholes * sizeof *lw), *ratio = rn_new((size_t)k->rows * sizeof *ratio);
  bool fine = log_ratios(k, out->fitted ? behaviour_model(k) : NULL, ratio, err);
  if (fine && rn_stopped(k->run)) fine = rn_fail_as(err, RN_NUMBERS, "model of the behaviour: %s", rn_stopped(k->run)->text);
  for (int64_t i = 0; i < k->wholes; i++) {
    const rn_episode *e = &k->episode[k->whole[i]];
    for (int64_t row = e->first; row < e->first + e->length; row++) lw[i] += ratio[row];
  }
  rn_boot how = {.key = rn_key_new(k->o->seed, "ope.interval", 0, 0)};
  if (fine) out->wis = rn_wis_interval((int)k->wholes, lw, k->G, &how, &out->effective);
  rn_free(lw), rn_free(ratio);
  return fine;
}

//---- both --------------------------------------------------------------------------------------------------------------------------------------

static bool ready(const rn_ope_order *o, rn_error *err) {
  static const char *const wanted[] = {"obs", "act", "reward", "terminated", "next"};
  int64_t n, whole = 0, truncated = 0;
  const rn_episode *e = rn_table_episodes(o->log, &n);
  if (!o->system->act) return rn_fail(err, "%s does not act: there is nothing to evaluate", o->system->name);
  if (o->system->memory && o->system->memory(o->self) > 0)
    return rn_fail(err, "%s remembers earlier steps; a log's rows can't be judged one by one", o->system->name);
  if (!(o->gamma >= 0 && o->gamma <= 1)) return rn_fail(err, "gamma is %g; a discount lies in 0 .. 1", o->gamma);
  for (int i = 0; i < RN_COUNT(wanted); i++) if (!rn_table_width(o->log, wanted[i])) return rn_fail(err, "the log has no column %s", wanted[i]);
  for (int64_t i = 0; i < n; i++) whole += e[i].end != RN_END_CUT, truncated += e[i].end == RN_END_TRUNCATED;
  if (whole > INT32_MAX) return rn_fail(err, "the log has more than 2^31 episodes");
  if (o->gamma == 1 && truncated)
    return rn_fail(err, "%lld episodes meet a time limit, behind which an undiscounted value has no end; gamma must be below 1", (long long)truncated);
  return whole > 0 || rn_fail(err, "the log has no episodes that ended or were truncated: where do they begin, what did they earn?");
}

static double reward_at(const work *k, int64_t row) {
  float r;
  rn_gather(k->o->log, "reward", 1, &row, &r);
  return k->o->scaling->reward_scale * r + k->o->scaling->reward_bias;
}

// complete episodes, what they earned, and the unit in which values are fitted
static void count_returns(work *k, rn_ope *out) {
  double square = 0, least = 0, most = 0, gamma = k->o->gamma;
  k->whole = rn_new((size_t)k->episodes * sizeof *k->whole), k->G = rn_new((size_t)k->episodes * sizeof *k->G);
  k->of = rn_new((size_t)k->rows * sizeof *k->of);
  for (int64_t row = 0; row < k->rows; row++) {
    double r = reward_at(k, row);
    k->of[row] = -1, least = fmin(least, r), most = fmax(most, r);
  }
  for (int64_t i = 0; i < k->episodes; i++) {
    const rn_episode *e = &k->episode[i];
    double G = 0;
    for (int64_t row = e->first + e->length - 1; row >= e->first; row--) G = reward_at(k, row) + gamma * G, k->of[row] = (int32_t)i;
    if (e->end == RN_END_CUT) continue;
    if (e->end == RN_END_TRUNCATED) out->cut += pow(gamma, (double)e->length);
    k->G[k->wholes] = G, k->whole[k->wholes++] = i, square += G * G;
  }
  out->cut /= (double)k->wholes, out->episodes = k->wholes;
  k->unit = square > 0 ? sqrt(square / (double)k->wholes) : 1;
  k->scaling.reward_scale /= k->unit, k->scaling.reward_bias /= k->unit;
  k->least = gamma < 1 ? least / (1 - gamma) / k->unit : -INFINITY, k->most = gamma < 1 ? most / (1 - gamma) / k->unit : INFINITY;
}

bool rn_ope_estimate(const rn_ope_order *o, rn_ope *out, rn_error *err) {
  static const rn_interval none = {NAN, NAN, NAN, 0};
  *out = (rn_ope){.fqe = none, .sampled = none, .wis = none, .effective = NAN};
  if (!ready(o, err)) return false;
  work k = {.o = o, .run = rn_run_new(o->seed, 0), .scaling = *o->scaling, .rows = rn_table_rows(o->log), .w = rn_act_width(o->world),
            .members = o->members ? o->members : 10, .batch = o->batch ? o->batch : 256, .updates = o->updates ? o->updates : 10000};
  rn_world_set(k.run, "data", o->world), rn_set(k.run, "hidden", o->hidden ? o->hidden : "64x64");
  k.g = rn_graph_new(k.run, "ope", 0), k.episode = rn_table_episodes(o->log, &k.episodes);
  count_returns(&k, out);
  int n = (int)k.wholes;
  out->behaviour = rn_interval_of(RN_STAT_MEAN, 1, &n, k.G, &(rn_boot){.key = rn_key_new(o->seed, "ope.behaviour.interval", 0, 0)});
  bool stochastic = o->pi && o->pi->kind->log_prob && o->pi->kind->sample;
  bool fine = !stochastic || wis(&k, out, err);
  fine = fine && fqe(&k, false, &out->fqe, err) && (!stochastic || fqe(&k, true, &out->sampled, err));
  rn_free(k.of), rn_free(k.whole), rn_free(k.G), rn_graph_free(k.g), rn_run_free(k.run);
  return fine;
}
