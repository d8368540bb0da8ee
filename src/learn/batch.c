/* learn/batch.c - stored rows as nodes: gathered, normalised, cut into parts, joined. */
#include "rein/system.h"

static const int64_t NEWER = (int64_t)1 << RN_NEWER_SHIFT;

// [n, width] floats of a column whose rows lie in one table or two
static float *column_of(rn_graph *g, const rn_table *t, const rn_table *newer, const char *name, int n, const int64_t *rows, int *width) {
  *width = rn_table_width(t, name);
  RN_CHECK(*width > 0, "the data have no column '%s'", name);
  float *out = rn_scratch_bytes(g, (size_t)n * (size_t)*width * sizeof *out);
  if (!newer) return rn_gather(t, name, n, rows, out), out;
  // rows of the second table are gathered apart and put back in place
  int64_t *a = rn_scratch_bytes(g, (size_t)n * sizeof *a), *b = rn_scratch_bytes(g, (size_t)n * sizeof *b);
  int na = 0, nb = 0;
  for (int i = 0; i < n; i++) if (rows[i] < NEWER) a[na++] = rows[i]; else b[nb++] = rows[i] - NEWER;
  size_t w = (size_t)*width;
  float *fa = rn_scratch_bytes(g, (size_t)(na + 1) * w * sizeof *fa), *fb = rn_scratch_bytes(g, (size_t)(nb + 1) * w * sizeof *fb);
  if (na) rn_gather(t, name, na, a, fa);
  if (nb) rn_gather(newer, name, nb, b, fb);
  for (int i = 0; i < n; i++) {
    float **from = rows[i] < NEWER ? &fa : &fb;
    memcpy(out + (size_t)i * w, *from, w * sizeof *out), *from += w;
  }
  return out;
}

void rn_normalise(const rn_scaling *s, int n, int w, float *x) {
  if (!s->mean) return;
  for (int i = 0; i < n; i++)
    for (int k = 0; k < w; k++) {
      float v = (x[(size_t)i * w + k] - s->mean[k]) / s->std[k];
      x[(size_t)i * w + k] = s->clip > 0 ? (v < -s->clip ? -s->clip : v > s->clip ? s->clip : v) : v;
    }
}

static rn_node *observed(rn_graph *g, const rn_scaling *s, float *x, int n, int w) {
  if (s->choices) {
    int *index = rn_scratch_bytes(g, (size_t)n * sizeof *index);
    for (int i = 0; i < n; i++) index[i] = (int)x[i];
    return rn_detach(rn_place_cols(rn_filled(g, n, 1, 1), index, s->choices));
  }
  rn_normalise(s, n, w, x);
  return rn_constant_f32(g, n, w, x);
}

rn_batch rn_batch_new(rn_graph *g, const rn_run *run, const rn_table *t, const rn_table *newer, const rn_scaling *s, int n, const int64_t *rows) {
  rn_batch b = {.g = g, .run = run, .n = n, .row = rows, .table = t, .newer = newer};
  int w;
  float *x = column_of(g, t, newer, "obs", n, rows, &w);
  b.obs = observed(g, s, x, n, w);
  if (rn_table_width(t, "next")) x = column_of(g, t, newer, "next", n, rows, &w), b.next = observed(g, s, x, n, w);
  if (rn_table_width(t, "act")) {
    x = column_of(g, t, newer, "act", n, rows, &w);
    // tables hold what was executed, in physical units; policies act in [-1, 1]
    if (s->act_low)
      for (int i = 0; i < n; i++)
        for (int k = 0; k < w; k++) {
          float *v = &x[(size_t)i * w + k], to = 2 * (*v - s->act_low[k]) / (s->act_high[k] - s->act_low[k]) - 1;
          *v = to < -1 ? -1 : to > 1 ? 1 : to;
        }
    b.act = rn_constant_f32(g, n, w, x);
  }
  if (rn_table_width(t, "reward")) {
    x = column_of(g, t, newer, "reward", n, rows, &w);
    if (s->reward_scale != 1 || s->reward_bias != 0)
      for (int i = 0; i < n; i++) x[i] = (float)(s->reward_scale * x[i] + s->reward_bias);
    b.reward = rn_constant_f32(g, n, 1, x);
  }
  if (rn_table_width(t, "terminated")) b.live = rn_constant_f32(g, n, 1, column_of(g, t, newer, "live", n, rows, &w));
  return b;
}

rn_node *rn_column(const rn_batch *b, const char *name) {
  int w;
  float *x = column_of(b->g, b->table, b->newer, name, b->n, b->row, &w);
  return rn_constant_f32(b->g, b->n, w, x);
}

static rn_node *rows_part(rn_node *x, int from, int n) { return x ? rn_slice(x, 2, from, n) : NULL; }

rn_batch rn_part(const rn_batch *b, int k, int of) {
  RN_CHECK(b->n % of == 0 && k >= 0 && k < of, "part %d of %d of %d rows", k, of, b->n);
  int n = b->n / of, from = k * n;
  rn_batch p = *b;
  p.n = n, p.row = b->row + from;
  p.obs = rows_part(b->obs, from, n), p.act = rows_part(b->act, from, n), p.reward = rows_part(b->reward, from, n);
  p.live = rows_part(b->live, from, n), p.next = rows_part(b->next, from, n);
  return p;
}

static rn_node *both(rn_node *a, rn_node *b) { return a && b ? rn_concat_dim(a, b, 2) : NULL; }

rn_batch rn_join(const rn_batch *b) {
  rn_batch all = *b;
  for (const rn_batch *m = b->also; m; m = m->also) {
    all.obs = both(all.obs, m->obs), all.act = both(all.act, m->act), all.reward = both(all.reward, m->reward);
    all.live = both(all.live, m->live), all.next = both(all.next, m->next);
    all.n += m->n;
  }
  all.also = NULL, all.row = NULL;
  return all;
}

rn_view rn_view_obs(const rn_batch *b) { return (rn_view){.obs = b->obs}; }
rn_view rn_view_next(const rn_batch *b) { return (rn_view){.obs = b->next}; }

//---- rollouts ----------------------------------------------------------------------------------------------------------------------

static int valid(const rn_rollout *r) {                          // rows that count; episodes of several rows are padded
  if (!r->length) return r->T * r->n;
  RN_CHECK(r->n == 1, "%d padded episodes can't be one view", r->n);
  return r->length[0];
}

rn_view rn_rollout_view(const rn_rollout *r) {
  return (rn_view){.obs = rn_constant_f32(r->g, valid(r), rn_obs_width(rn_world_of(r->run, NULL)), r->obs)};
}
rn_node *rn_rollout_act(const rn_rollout *r) {
  return rn_constant_f32(r->g, valid(r), rn_act_width(rn_world_of(r->run, NULL)), r->raw);
}
