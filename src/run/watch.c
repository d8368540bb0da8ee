/* run/watch.c - what makes one doubt a run whose losses look well, found at evaluations: units that are dead, a critic that promises more than episodes
 * give, actions that the log does not know. Everything is read off the state and the data by keys of its own; training sees none of it.
 * - dead: share of ReLU units that are 0 on all rows of a batch.
 * - value: mean over first states of the least member's Q(s, pi(s)), beside the discounted return of the same episodes. Where the clock ended an
 *   episode, what was not seen weighs gamma^T: so much of Q is allowed on top. The Q of a method with an entropy bonus counts that too.
 * - far: share of log states where the policy's action is farther from the nearest action at the K nearest states than 95 % of the log's own are. */
#include "../graph/tape.h"
#include "rein/math.h"
#include "session.h"
#include <stdlib.h>

enum { ROWS = 256, STATES = 2048, K = 10 };
static const double DEAD = 0.3, OVER = 0.2, FAR = 0.3;

const char *check_name(int check, int figure) {
  static const char *const names[CHECKS][2] = {{"check.dead", "check.units"}, {"check.q", "check.return"}, {"check.far", "check.far.expected"}};
  return names[check][figure];
}

static const rn_node *evaluated(session *s, const char *block, const rn_batch *b) {
  const rn_world *w = rn_world_of(s->run, NULL);
  rn_net *net = rn_net_find(s->run, block);
  if (!net || strcmp(rn_net_slice(net, 0)->name, "0.w") != 0) return NULL;
  int in = rn_net_slice(net, 0)->rows, obs = rn_obs_width(w), act = rn_act_count(w) ? 0 : rn_act_width(w);
  if (strcmp(block, "q") == 0) return b->act && in == obs + act ? rn_critics(net, b->obs, b->act) : NULL;
  return in == obs ? rn_value(net, b->obs) : NULL;
}

// rows of what is trained on: the log's, else the replay's; false: there are none
static bool some_rows(session *s, const char *purpose, int n, rn_batch *b) {
  const rn_table *t = s->log ? s->log : s->live;
  const rn_sampler *how = s->log ? s->log_sampler : s->live_sampler;
  if (!t || !how || rn_table_rows(t) == 0 || !rn_table_width(t, "act")) return false;
  rn_graph_begin(s->act_graph, rn_key_of(s->run, purpose, 0, 0));
  int64_t *rows = rn_scratch_bytes(s->act_graph, (size_t)n * sizeof *rows);
  rn_sampler_draw(how, rn_key_of(s->run, purpose, 0, 1), n, rows);
  *b = rn_batch_new(s->act_graph, s->run, t, NULL, &s->scaling, n, rows);
  return true;
}

// units of a node [members, rows, units] that are 0 in every row
static void count_dead(const rn_node *x, long *dead, long *all) {
  int rows = x->dim[2], units = x->dim[3];
  for (int e = 0; e < x->dim[0] * x->dim[1]; e++)
    for (int k = 0; k < units; k++) {
      bool zero = true;
      for (int i = 0; zero && i < rows; i++) zero = x->value[((size_t)e * rows + i) * (size_t)units + k] == 0;
      *dead += zero, *all += 1;
    }
}

static void check_dead(session *s, checks *out) {
  rn_batch b;
  if (!some_rows(s, "check.dead", ROWS, &b)) return;
  rn_policy *pi = rn_policy_find(s->run, "pi");
  if (pi) rn_policy_mode(pi, rn_view_obs(&b));
  evaluated(s, "q", &b), evaluated(s, "v", &b);
  long dead = 0, all = 0;
  for (uint32_t i = 0; i < s->act_graph->n; i++) {
    const rn_node *x = rn_node_at(s->act_graph, i);
    if (x->op && ((strcmp(x->op->name, "linear") == 0 && x->act == RN_RELU) || strcmp(x->op->name, "relu") == 0)) count_dead(x, &dead, &all);
  }
  if (!all) return;
  double share = (double)dead / (double)all;
  out->figure[CHECK_DEAD][0] = share, out->figure[CHECK_DEAD][1] = (double)all;
  if (share > DEAD)
    snprintf(out->doubt[CHECK_DEAD], sizeof out->doubt[0], "%ld of %ld ReLU units (%.0f %%) are 0 on all of %d rows: they learn nothing more; a smaller lr or layernorm=true keeps them alive",
             dead, all, 100 * share, ROWS);
}

static void check_value(session *s, int n, const first_look *seen, checks *out) {
  rn_net *q = rn_net_find(s->run, "q");
  rn_graph *g = s->act_graph;
  if (!q || !isfinite(seen->gamma) || s->memory) return;
  rn_graph_begin(g, rn_key_of(s->run, "check.q", 0, 0));
  uint64_t *unit = rn_scratch_bytes(g, (size_t)n * sizeof *unit);
  rn_obs in = {.mode = RN_EVALUATE, .obs = session_observe(s, g, n, seen->first, NULL), .unit = unit};
  rn_action a = {0};
  s->system->act(s->self, &in, &a);
  rn_batch b = {.g = g, .obs = in.obs, .act = rn_act_count(rn_world_of(s->run, NULL)) ? a.act : rn_clamp(a.act, -1, 1)};
  const rn_node *members = evaluated(s, "q", &b);
  if (!members) return;
  const rn_node *value = rn_min_all((rn_node *)members);
  double mean = 0, got = 0, square = 0, tail = 0;
  for (int i = 0; i < n; i++) {
    mean += (double)value->value[i] / n, got += seen->discounted[i] / n, square += seen->discounted[i] * seen->discounted[i] / n;
    tail += seen->tail[i] * fabs((double)value->value[i]) / n;
  }
  double noise = n > 1 ? 2 * sqrt(fmax(square - got * got, 0) / (n - 1)) : fabs(got);
  out->figure[CHECK_VALUE][0] = mean, out->figure[CHECK_VALUE][1] = got;
  if (mean > got + tail + noise + OVER * fabs(got) + 1e-6)
    snprintf(out->doubt[CHECK_VALUE], sizeof out->doubt[0],
             "the critic values first states at %.4g on average, %d episodes gave %.4g (discounted): it over-estimates, and the policy follows it", mean, n, got);
}

static int by_row(const void *a, const void *b) { return (*(const int64_t *)a > *(const int64_t *)b) - (*(const int64_t *)a < *(const int64_t *)b); }

// up to STATES different rows of the log, then ROWS that are asked about; answers how many the first are
static int states_and_rows(session *s, rn_batch *b) {
  rn_graph_begin(s->act_graph, rn_key_of(s->run, "check.far", 0, 0));
  int64_t *rows = rn_scratch_bytes(s->act_graph, (STATES + ROWS) * sizeof *rows);
  int n = 0;
  rn_sampler_draw(s->log_sampler, rn_key_of(s->run, "check.far", 0, 1), STATES, rows), qsort(rows, STATES, sizeof *rows, by_row);
  for (int i = 0; i < STATES; i++) if (i == 0 || rows[i] != rows[i - 1]) rows[n++] = rows[i];
  rn_sampler_draw(s->log_sampler, rn_key_of(s->run, "check.far", 0, 2), ROWS, rows + n);
  *b = rn_batch_new(s->act_graph, s->run, s->log, NULL, &s->scaling, n + ROWS, rows);
  return n;
}

static int by_size(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

// the distance of an action to the nearest of those at the K nearest states, as a root mean square of entries
static double nearest_action(const float *a, int w, bool choice, const float *acts, const int64_t *near, int k) {
  double best = INFINITY;
  for (int j = 0; j < k; j++) {
    double sum = 0;
    for (int c = 0; c < w; c++) {
      double d = (double)a[c] - (double)acts[(size_t)near[j] * w + c];
      sum += choice ? d != 0 : d * d / w;
    }
    best = fmin(best, sqrt(sum));
  }
  return best;
}

static void check_far(session *s, checks *out) {
  rn_policy *pi = rn_policy_find(s->run, "pi");
  rn_batch b;
  if (!s->log || !s->log_sampler || !pi || !rn_net_find(s->run, "q")) return;
  int states = states_and_rows(s, &b);
  if (states < 2 * (K + 1)) return;                              // too few to say what is near
  int wo = rn_cols(b.obs), wa = rn_cols(b.act);
  bool choice = rn_act_count(rn_world_of(s->run, NULL)) > 0;
  rn_node *asked = rn_slice(b.obs, 2, states, ROWS), *a = rn_policy_mode(pi, rn_view_of(asked));
  float *obs = rn_scratch_bytes(s->act_graph, (size_t)(states + ROWS) * (size_t)wo * sizeof *obs);
  float *act = rn_scratch_bytes(s->act_graph, (size_t)(states + ROWS) * (size_t)wa * sizeof *act), *mine = rn_scratch_bytes(s->act_graph, (size_t)ROWS * (size_t)wa * sizeof *mine);
  rn_read_f32(b.obs, obs), rn_read_f32(b.act, act), rn_read_f32(a, mine);
  int64_t *near = rn_scratch_bytes(s->act_graph, (size_t)ROWS * (K + 1) * sizeof *near), kept[K];
  rn_neighbours(states, wo, obs, ROWS, obs + (size_t)states * (size_t)wo, K + 1, NULL, near, NULL, rn_scratch_bytes(s->act_graph, rn_neighbours_bytes(states, wo, ROWS, K + 1)));
  double own[ROWS], his[ROWS];
  for (int i = 0; i < ROWS; i++) {
    int k = 0;
    for (int j = 0; j < K + 1 && k < K; j++)
      if (b.row[near[i * (K + 1) + j]] != b.row[states + i]) kept[k++] = near[i * (K + 1) + j];      // not the row itself
    for (int c = 0; c < wa; c++) if (!choice) mine[i * wa + c] = RN_MIN(RN_MAX(mine[i * wa + c], -1.f), 1.f);
    own[i] = nearest_action(act + (size_t)(states + i) * (size_t)wa, wa, choice, act, kept, k), his[i] = nearest_action(mine + i * wa, wa, choice, act, kept, k);
  }
  double sorted[ROWS], far = 0, expected = 0;
  memcpy(sorted, own, sizeof own), qsort(sorted, ROWS, sizeof *sorted, by_size);
  double bound = sorted[ROWS * 95 / 100] + 1e-6;
  for (int i = 0; i < ROWS; i++) far += (his[i] > bound) / (double)ROWS, expected += (own[i] > bound) / (double)ROWS;
  out->figure[CHECK_FAR][0] = far, out->figure[CHECK_FAR][1] = expected;
  if (far > FAR)
    snprintf(out->doubt[CHECK_FAR], sizeof out->doubt[0],
             "%.0f %% of the policy's actions are farther from the log's actions at like states than 95 %% of its own (%.2g of a range of 2): their values are guesses", 100 * far, bound);
}

void session_check(session *s, int episodes, const first_look *seen, checks *out) {
  *out = (checks){0};
  for (int k = 0; k < CHECKS; k++) out->figure[k][0] = out->figure[k][1] = NAN;
  if (!s->system->phases || rn_stopped(s->run)) return;
  check_dead(s, out), check_value(s, episodes, seen, out), check_far(s, out);
}
