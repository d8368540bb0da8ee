/* system/offline/dataset_measures.c - how good (TQ) and how varied (SACo) was the behaviour that made a data set.
 * Source   Schweighofer et al. 2021, arXiv:2111.04714
 * TQ = (g(D) - g(worst)) / (g(best) - g(worst)), g the mean undiscounted return of complete episodes.   SACo = u(D)/u(reference), u the
 * number of different (state, action) pairs, each continuous dimension cut at `edges` values between the reference's least and largest.
 * lSACo = ln u(D)/ln u(reference) */
#include "rein/system.h"

typedef struct { int edges; const rn_table *data, *worst, *best, *reference; } measures;

static const rn_option options[] = {RN_OPTION(measures, edges, 100, 2, 1e4, "edges of a continuous dimension: one cell fewer"), {0}};
static const rn_need needs[] = {{"data", RN_SLOT_SOURCE, 0, "the set to be measured"}, {"worst", RN_SLOT_SOURCE, 0, "a random policy's data"},
                                {"best", RN_SLOT_SOURCE, 0, "the online run's best evaluation"},
                                {"reference", RN_SLOT_SOURCE, 0, "the online run's replay, as many rows as data"}, {0}};

static bool build(void *self, rn_run *run, rn_error *err) {
  measures *o = self;
  o->data = rn_slot_table(run, "data"), o->worst = rn_slot_table(run, "worst");
  o->best = rn_slot_table(run, "best"), o->reference = rn_slot_table(run, "reference");
  int64_t n = rn_table_rows(o->data), m = rn_table_rows(o->reference);
  if (n != m) return rn_fail(err, "data has %lld rows, reference %lld: SACo compares equal numbers", (long long)n, (long long)m);
  const rn_table *const scored[] = {o->data, o->worst, o->best};
  static const char *const name[] = {"data", "worst", "best"};
  for (int i = 0; i < 3; i++) if (isnan(rn_dataset_return(scored[i]))) return rn_fail(err, "%s has no complete episode: TQ needs returns", name[i]);
  return rn_dataset_return(o->best) != rn_dataset_return(o->worst) || rn_fail(err, "best and worst have the same return: TQ divides by 0");
}

static int cells(const void *self) { return (void)self, 2; }                // TQ and SACo: each can be repeated alone

static bool cell(const void *self, rn_graph *g, int i, rn_key key, rn_cells *out, rn_error *err) {
  const measures *o = self;
  (void)g, (void)key, (void)err;
  if (i == 0) {
    double low = rn_dataset_return(o->worst), high = rn_dataset_return(o->best);
    rn_put(out, "TQ", (rn_dataset_return(o->data) - low) / (high - low));
  } else {
    double u = (double)rn_unique_pairs(o->data, o->reference, o->edges), of = (double)rn_unique_pairs(o->reference, o->reference, o->edges);
    rn_put(out, "SACo", u / of), rn_put(out, "lSACo", log(u) / log(of));
  }
  return true;
}

static bool conclude(const void *self, rn_graph *g, const rn_cells *cells, rn_report *out, rn_error *err) {
  (void)self, (void)g, (void)err;
  rn_say(out, "TQ", rn_get(cells, 0, "TQ"), NAN, NAN);                      // neither is clipped: below 0 or above 1 says something
  rn_say(out, "SACo", rn_get(cells, 1, "SACo"), NAN, NAN), rn_say(out, "lSACo", rn_get(cells, 1, "lSACo"), NAN, NAN);
  return true;
}

const rn_system rn_dataset_measures_system = {.name = "dataset-measures", .paper = "arXiv:2111.04714",
                                       .summary = "how good (TQ) and how varied (SACo) the behaviour behind a log was", .self = sizeof(measures),
                                       .options = options, .needs = needs, .build = build, .cells = cells, .cell = cell, .conclude = conclude};
