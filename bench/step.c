/* bench/step.c - what an update costs beside its own products, and where the rest goes; acts one at a time; rows from a mapped table.
 *
 * products    every product of the update made again on the same memory, without bias and activation: the floor
 * activations the same with bias and activation, less the floor, and the slopes of the reverse pass
 * optimiser   one Adam pass over each block that is stepped, one average over each slow copy
 * gather      the batch's rows drawn, fetched and normalised
 * rest        what is left: the tape, losses, random numbers */
#include "step.h"
#include "../src/graph/tape.h"
#include "../src/run/session.h"
#include "clock.h"
#include <unistd.h>

enum { ROWS = 100000, OBS = 17, ACT = 6, TIMES = 7, MOST = 512 };

//---- an update without an engine around it --------------------------------------------------------------------------------------------------

typedef struct { rn_product p[MOST]; int n; } products;
typedef struct { session *s; const rn_phase *phase; rn_table *t; rn_sampler *sampler; int batch; long update; products seen; } stepper;

static rn_table *table_of(int64_t rows) {
  rn_field f[] = {{"obs", RN_F32, OBS, NULL}, {"act", RN_F32, ACT, NULL}, {"reward", RN_F32, 1, NULL}, {"terminated", RN_U8, 1, NULL},
                  {"truncated", RN_U8, 1, NULL}, {"next", RN_F32, OBS, NULL}};
  rn_table *t = rn_table_new(RN_COUNT(f), f);
  rn_table_add(t, rows);
  static const struct { const char *name; int w; } floats[] = {{"obs", OBS}, {"act", ACT}, {"reward", 1}, {"next", OBS}};
  for (int k = 0; k < RN_COUNT(floats); k++) {
    float *x = rn_table_write(t, floats[k].name, 0);
    rn_vuniform_f32(rn_key_new(1, floats[k].name, 0, 0), (size_t)rows * (size_t)floats[k].w, x);
    rn_vaffine_f32((size_t)rows * (size_t)floats[k].w, 2, -1, x, x);
  }
  return t;
}

static stepper stepper_new(const char *system, const char *hidden, int batch) {
  rn_error err = {0};
  rn_recipe *r = rn_recipe_new(system);
  rn_recipe_put(r, "hidden", hidden, "bench");
  rn_recipe_put(r, "shape.obs", "17", "bench"), rn_recipe_put(r, "shape.act", "6", "bench"), rn_recipe_put(r, "shape.actions", "0", "bench");
  stepper b = {.s = session_new(r, &(session_plan){0}, &err), .batch = batch, .t = table_of(ROWS)};
  RN_CHECK(b.s, "%s: %s", system, err.text);
  for (b.phase = b.s->system->phases; !b.phase->rows;) b.phase++;
  RN_CHECK((b.sampler = rn_sampler_new(b.t, NULL, &err)), "%s", err.text);
  rn_recipe_free(r);
  return b;
}

static void stepper_free(stepper *b) { rn_sampler_free(b->sampler), rn_table_free(b->t), session_free(b->s); }

static rn_batch batch_of(stepper *b) {
  rn_graph *g = b->s->g;
  rn_graph_begin(g, rn_key_of(b->s->run, "bench", (uint64_t)b->update, 0));
  int64_t *rows = rn_scratch_bytes(g, (size_t)b->batch * sizeof *rows);
  rn_sampler_draw(b->sampler, rn_key_of(b->s->run, "rows", (uint64_t)b->update, 0), b->batch, rows);
  rn_batch x = rn_batch_new(g, b->s->run, b->t, NULL, &b->s->scaling, b->batch, rows);
  x.update = b->update++, x.updates = 1000000;
  return x;
}

static void update(stepper *b) {
  rn_notes_clear(b->s->run);
  rn_batch x = batch_of(b);
  b->phase->rows(b->s->self, &x);
}

static void remember(void *context, const rn_product *p) {
  products *seen = context;
  RN_CHECK(seen->n < MOST, "more than %d products in an update", MOST);
  seen->p[seen->n++] = *p;
}

//---- the parts --------------------------------------------------------------------------------------------------------------------------------

// the products of two updates (a delayed actor steps in the second); memory of the first is used by the second as well, and both fit it
static void watch(stepper *b) {
  b->seen.n = 0, b->update += b->update % 2;
  rn_gemm_watch(remember, &b->seen);
  update(b), update(b);
  rn_gemm_watch(NULL, NULL);
}

static void make_again(const stepper *b, bool bare) {
  for (int i = 0; i < b->seen.n; i++) {
    rn_product p = b->seen.p[i];
    if (bare) p.bias = NULL, p.act = RN_IDENTITY;
    rn_gemm_f32(&p);
  }
}

static void slopes(const stepper *b) {                          // of every activated layer on the last tape
  const rn_graph *g = b->s->g;
  float *d = b->s->g->node[0].value;
  for (uint32_t i = 0; i < g->n; i++) {
    const rn_node *x = rn_node_at(g, i);
    if (x->op && strcmp(x->op->name, "linear") == 0 && x->act != RN_IDENTITY) rn_vact_back_f32(count_of(x), (rn_act)x->act, x->value, x->value, d);
  }
}

static void optimisers(const stepper *b, float *m, float *v, float *g) {
  rn_net **nets;
  for (int i = 0, n = rn_nets(b->s->run, &nets); i < n; i++) {
    size_t k = rn_net_count(nets[i]);
    if (rn_net_origin(nets[i])) rn_vlerp_f32(k, 0.0f, g, m);
    else rn_vadam_f32(k, v, m, v, g, 1, 0.9f, 0.999f, 1e-9f, 1e-8f, 0);
  }
}

// CPU-seconds of one call, least disturbed of a few stretches of about 50 ms
#define TIMED(result, statement) \
  do { \
    double each_[TIMES]; \
    long times_ = 1; \
    for (double spent_ = 0; spent_ < 0.02;) { \
      double from_ = bench_cpu(); \
      for (long k_ = 0; k_ < times_; k_++) { statement; } \
      spent_ = bench_cpu() - from_; \
      if (spent_ < 0.02) times_ *= 2; \
    } \
    for (int r_ = 0; r_ < TIMES; r_++) { \
      double from_ = bench_cpu(); \
      for (long k_ = 0; k_ < times_; k_++) { statement; } \
      each_[r_] = (bench_cpu() - from_) / (double)times_; \
    } \
    result = bench_median(TIMES, each_); \
  } while (0)

typedef struct { bench_range whole, bare, act, slope, optim, gather; } parts;

static parts measure(const char *system, const char *hidden, int batch) {
  stepper b = stepper_new(system, hidden, batch);
  for (int i = 0; i < 20; i++) update(&b);
  parts p;
  TIMED(p.whole, update(&b));
  TIMED(p.gather, batch_of(&b));
  watch(&b);
  size_t most = 0;
  rn_net **nets;
  for (int i = 0, n = rn_nets(b.s->run, &nets); i < n; i++) most = RN_MAX(most, rn_net_count(nets[i]));
  float *m = rn_new(most * 4), *v = rn_new(most * 4), *g = rn_new(most * 4);
  TIMED(p.slope, slopes(&b));
  TIMED(p.bare, make_again(&b, true));
  TIMED(p.act, make_again(&b, false));
  TIMED(p.optim, optimisers(&b, m, v, g));
  rn_free(m), rn_free(v), rn_free(g);
  // two updates were watched
  p.bare.median /= 2, p.bare.least /= 2, p.bare.most /= 2, p.act.median /= 2;
  stepper_free(&b);
  return p;
}

static double two_threads(const char *system) {                 // wall seconds of one thread over those of two
  double ratio[TIMES];
  stepper b = stepper_new(system, "256x256", 256);
  for (int r = 0; r < TIMES; r++) {
    double wall[2];
    for (int k = 0; k < 2; k++) {
      rn_threads_set(k + 1);
      for (int i = 0; i < 10; i++) update(&b);
      double from = bench_wall();
      for (int i = 0; i < 50; i++) update(&b);
      wall[k] = bench_wall() - from;
    }
    ratio[r] = wall[0] / wall[1];
  }
  rn_threads_set(1);
  stepper_free(&b);
  return bench_median(TIMES, ratio).median;
}

int rn_bench_step(FILE *out, bool json) {
  static const struct { const char *hidden; int batch; double bar; } size[] = {{"64x64", 128, 1.5}, {"256x256", 256, 1.15}};
  static const char *const system[] = {"td3bc", "iql", "sac"};
  char name[128];
  int missed = 0;
  rn_threads_set(1);
  bench_processor(name);
  if (json) fprintf(out, "{\"bench\": \"step\", \"processor\": \"%s\", \"isa\": \"%s\", \"rows\": [", name, rn_math_isa());
  else fprintf(out, "step: one update, obs 17, act 6, one thread, microseconds of CPU (median of %d); %s, %s\n"
                    "%-7s %-8s %5s %12s %19s %9s %9s %7s %7s %7s %7s %7s %5s\n", TIMES, name, rn_math_isa(), "system", "hidden", "batch", "updates/CPU-s", "update (range)",
               "products", "ratio", "bar", "activ.", "optim.", "gather", "rest", "");
  for (int k = 0; k < 2; k++)
    for (int i = 0; i < RN_COUNT(system); i++) {
      parts p = measure(system[i], size[k].hidden, size[k].batch);
      double us = 1e6, ratio = p.whole.median / p.bare.median, act = p.act.median - p.bare.median + p.slope.median;
      double rest = p.whole.median - p.bare.median - act - p.optim.median - p.gather.median;
      bool met = ratio <= size[k].bar;
      missed += !met;
      if (json)
        fprintf(out, "%s{\"system\": \"%s\", \"hidden\": \"%s\", \"batch\": %d, \"updates_per_cpu_second\": %.1f, \"update_us\": %.2f, \"least_us\": %.2f, "
                "\"most_us\": %.2f, \"products_us\": %.2f, \"ratio\": %.3f, \"bar\": %g, \"met\": %s, \"activations_us\": %.2f, \"optimiser_us\": %.2f, "
                "\"gather_us\": %.2f, \"rest_us\": %.2f}", k || i ? ", " : "", system[i], size[k].hidden, size[k].batch, 1 / p.whole.median, us * p.whole.median,
                us * p.whole.least, us * p.whole.most, us * p.bare.median, ratio, size[k].bar, met ? "true" : "false", us * act, us * p.optim.median,
                us * p.gather.median, us * rest);
      else
        fprintf(out, "%-7s %-8s %5d %12.0f %8.1f (%4.0f-%4.0f) %9.1f %9.2f %7.2f %7.1f %7.1f %7.1f %7.1f %s\n", system[i], size[k].hidden, size[k].batch,
                1 / p.whole.median, us * p.whole.median, us * p.whole.least, us * p.whole.most, us * p.bare.median, ratio, size[k].bar, us * act,
                us * p.optim.median, us * p.gather.median, us * rest, met ? "ok" : "MISSED");
      fflush(out);
    }
  double gain = two_threads("iql");
  if (json) fprintf(out, "], \"two_threads\": %.2f, \"two_threads_bar\": 1.7}\n", gain);
  else fprintf(out, "two threads, iql at 256x256: %.2f x one (bar 1.7 on an idle machine)\n", gain);
  return missed;
}

//---- acts -------------------------------------------------------------------------------------------------------------------------------------

static void act_once(session *s, const float *obs, float *act) {
  rn_graph *g = s->act_graph;
  rn_graph_begin(g, rn_key_of(s->run, "act", 0, 0));
  rn_obs in = {.mode = RN_EVALUATE, .obs = session_observe(s, g, 1, obs, NULL)};
  rn_action out = {0};
  s->system->act(s->self, &in, &out);
  rn_read_f32(out.act, act);
}

int rn_bench_act(FILE *out, bool json) {
  stepper b = stepper_new("td3bc", "256x256", 256);
  float obs[OBS] = {0}, act[ACT];
  char name[128];
  rn_threads_set(1);
  act_once(b.s, obs, act);
  b.seen.n = 0;
  rn_gemm_watch(remember, &b.seen);
  act_once(b.s, obs, act);
  rn_gemm_watch(NULL, NULL);
  bench_range bare, whole;
  TIMED(bare, make_again(&b, true));
  TIMED(whole, act_once(b.s, obs, act));
  double ratio = whole.median / bare.median;
  bench_processor(name);
  if (json) fprintf(out, "{\"bench\": \"act\", \"processor\": \"%s\", \"act_us\": %.3f, \"products_us\": %.3f, \"ratio\": %.2f, \"bar\": 2.5}\n", name, 1e6 * whole.median, 1e6 * bare.median, ratio);
  else fprintf(out, "act: one observation through 17-256-256-6: %.2f us (%.2f-%.2f), its products %.2f us, ratio %.2f (bar 2.5) %s; %s\n", 1e6 * whole.median,
               1e6 * whole.least, 1e6 * whole.most, 1e6 * bare.median, ratio, ratio <= 2.5 ? "ok" : "MISSED", name);
  stepper_free(&b);
  return ratio > 2.5;
}

//---- data -------------------------------------------------------------------------------------------------------------------------------------

int rn_bench_data(FILE *out, bool json) {
  enum { MANY = 3000000, BATCH = 256 };
  char folder[] = "/tmp/rein-bench-XXXXXX", command[128], name[128];
  rn_error err = {0};
  RN_CHECK(mkdtemp(folder), "no folder for the bench");
  rn_table *memory = table_of(MANY);
  RN_CHECK(rn_table_save(memory, folder, &err), "%s", err.text);
  rn_table *mapped = rn_table_open(folder, &err);
  RN_CHECK(mapped, "%s", err.text);
  rn_sampler *s = rn_sampler_new(mapped, NULL, &err), *s2 = rn_sampler_new(memory, NULL, &err);
  float *x = rn_new((size_t)BATCH * OBS * sizeof *x);
  int64_t rows[BATCH];
  uint64_t at = 0;
  bench_range r, floor;
#define FETCH(table, sampler) \
  do { \
    rn_sampler_draw(sampler, rn_key_new(1, "bench", at++, 0), BATCH, rows); \
    static const char *const column[] = {"obs", "act", "reward", "live", "next"}; \
    for (int c = 0; c < RN_COUNT(column); c++) rn_gather(table, column[c], BATCH, rows, x); \
  } while (0)
  TIMED(r, FETCH(mapped, s));
  TIMED(floor, FETCH(memory, s2));
  double bytes = MANY * (4.0 * (2 * OBS + ACT + 1) + 2);
  bench_processor(name);
  if (json)
    fprintf(out, "{\"bench\": \"data\", \"processor\": \"%s\", \"table_bytes\": %.0f, \"rows_per_cpu_second\": %.0f, \"rows_per_cpu_second_in_memory\": %.0f}\n", name, bytes,
            BATCH / r.median, BATCH / floor.median);
  else fprintf(out, "data: whole transitions drawn at random from a mapped table of %.0f MiB: %.2f M rows a CPU-second (%.2f M from memory); %s\n", bytes / 1048576,
               1e-6 * BATCH / r.median, 1e-6 * BATCH / floor.median, name);
  rn_sampler_free(s), rn_sampler_free(s2), rn_table_free(mapped), rn_table_free(memory), rn_free(x);
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  return system(command) != 0;
}
