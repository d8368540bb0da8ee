/* bench/env.c - how fast environments are stepped, beside the bare loop of the same physics, on one thread.
 * cartpole: 64 worlds, random actions, resets; its floor is a plain loop over the equations with a cheap generator for its starts.
 * MuJoCo: 8 worlds, random actions, resets; its floor makes the same mj_steps and the same starts and nothing else: no observation, reward,
 * end, mapping or check. Both sides get the same actions, made beforehand, and take turns, so a change of the clock meets both. */
#include "bench_env.h"
#include "rein/bodies.h"
#include "rein/worlds.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REPETITIONS = 9, POLES = 64, BODIES = 8 };
static const double BAR_POLE = 0.5, BAR_BODIES = 0.95;

typedef struct { double median, least, most; } figure;

static double cpu_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int order(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

static figure figure_of(const double x[REPETITIONS]) {
  double sorted[REPETITIONS];
  memcpy(sorted, x, sizeof sorted);
  qsort(sorted, REPETITIONS, sizeof *sorted, order);
  return (figure){sorted[REPETITIONS / 2], sorted[0], sorted[REPETITIONS - 1]};
}

static void cpu_name(char *name, size_t room) {
  snprintf(name, room, "unknown CPU");
  FILE *f = fopen("/proc/cpuinfo", "r");
  char line[256];
  while (f && fgets(line, sizeof line, f))
    if (!strncmp(line, "model name", 10) && strchr(line, ':')) {
      snprintf(name, room, "%s", strchr(line, ':') + 2);
      name[strcspn(name, "\n")] = 0;
      break;
    }
  if (f) fclose(f);
}

//---- the two sides ---------------------------------------------------------------------------------------------------------------

typedef struct { rn_worlds *w, *bare; float *act; uint8_t *ended; long steps; uint64_t cheap; double *pole; } subject;

static rn_worlds *new_worlds(const char *name, int n) {
  rn_error err = {0};
  const rn_env_kind *kind = rn_env_find(name, &err);
  rn_worlds *w = kind ? rn_worlds_new(rn_run_new(1, 0), kind, "env", n, &err) : NULL;
  RN_CHECK(w, "%s", err.text);
  rn_worlds_reset_all(w);
  return w;
}

static void free_worlds(rn_worlds *w) {
  rn_run *run = w->run;
  rn_worlds_close_all(run), rn_run_free(run);
}

static void run_engine(subject *s) {
  rn_worlds *w = s->w;
  for (long t = 0; t < s->steps; t++) {
    rn_worlds_step(w, s->act + (size_t)t * (size_t)(w->rows * w->act));
    for (int i = 0; i < w->n; i++) s->ended[t * w->n + i] = w->env.terminated[i] | w->env.truncated[i];
    rn_worlds_next_episode(w, NULL);
  }
}

// What the engine's worlds went through, by the simulator alone
static void run_bodies(subject *s) {
  rn_worlds *w = s->bare;
  for (long t = 0; t < s->steps; t++)
    for (int i = 0; i < w->n; i++) {
      rn_bodies_bare_step(&w->env, i, s->act + (t * w->n + i) * w->act);
      if (s->ended[t * w->n + i]) w->kind->reset(&w->env, i, rn_key_of(w->run, "reset.env", (uint64_t)i, (uint64_t)++w->episode[i]));
    }
}

static double cheap_uniform(uint64_t *x) {
  *x = *x * 6364136223846793005u + 1442695040888963407u;
  return (double)(*x >> 11) * 0x1p-53;
}

static void run_poles(subject *s) {
  for (long t = 0; t < s->steps; t++)
    for (int i = 0; i < POLES; i++) {
      double *p = s->pole + 5 * i, c = cos(p[2]), sn = sin(p[2]);
      double pull = ((s->act[t * POLES + i] > 0.5f ? 10 : -10) + 0.05 * p[3] * p[3] * sn) / 1.1;
      double ddth = (9.8 * sn - c * pull) / (0.5 * (4.0 / 3 - 0.1 * c * c / 1.1)), ddx = pull - 0.05 * ddth * c / 1.1;
      p[0] += 0.02 * p[1], p[1] += 0.02 * ddx, p[2] += 0.02 * p[3], p[3] += 0.02 * ddth, p[4] += 1;
      if (fabs(p[0]) > 2.4 || fabs(p[2]) > 0.20943951 || p[4] >= 500) {
        for (int k = 0; k < 4; k++) p[k] = 0.1 * cheap_uniform(&s->cheap) - 0.05;
        p[4] = 0;
      }
    }
}

//---- measuring -------------------------------------------------------------------------------------------------------------------

static int say(FILE *out, bool json, bool first, const char *name, int worlds, figure engine, figure bare, figure ratio, double bar) {
  bool missed = ratio.median < bar;
  if (json)
    fprintf(out, "%s\n    {\"env\": \"%s\", \"worlds\": %d, \"rein\": %.0f, \"rein_range\": [%.0f, %.0f], \"bare\": %.0f, \"bare_range\": [%.0f, %.0f], "
            "\"ratio\": %.4f, \"ratio_range\": [%.4f, %.4f], \"bar\": %.2f, \"missed\": %s}", first ? "" : ",", name, worlds, engine.median, engine.least,
            engine.most, bare.median, bare.least, bare.most, ratio.median, ratio.least, ratio.most, bar, missed ? "true" : "false");
  else
    fprintf(out, "%-17s %6d  %10.0f (%.0f .. %.0f)  %10.0f (%.0f .. %.0f)  %.3f (%.3f .. %.3f)  %.2f%s\n", name, worlds, engine.median, engine.least, engine.most,
            bare.median, bare.least, bare.most, ratio.median, ratio.least, ratio.most, bar, missed ? "  below the bar" : "");
  fflush(out);
  return missed;
}

static double rate(void (*run)(subject *), subject *s) {
  const double begin = cpu_seconds();
  run(s);
  return (double)(s->steps * s->w->n) / (cpu_seconds() - begin);
}

static int measure(FILE *out, bool json, bool first, const char *name, int n, long steps, double bar) {
  const bool pole = strcmp(name, "cartpole") == 0;
  subject s = {.w = new_worlds(name, n), .bare = pole ? NULL : new_worlds(name, n), .steps = steps, .cheap = 1};
  const int columns = s.w->rows * s.w->act;
  s.act = rn_new((size_t)steps * (size_t)columns * sizeof *s.act), s.ended = rn_new((size_t)(steps * n)), s.pole = rn_new((size_t)(5 * n) * sizeof *s.pole);
  rn_key key = rn_key_new(7, "bench", 0, 0);
  for (long k = 0; k < steps * columns; k++) s.act[k] = pole ? (float)rn_below(&key, 2) : rn_uniform(&key, -1, 1);
  double engine[REPETITIONS], bare[REPETITIONS], ratio[REPETITIONS];
  for (int r = 0; r < REPETITIONS; r++) {
    engine[r] = rate(run_engine, &s), bare[r] = rate(pole ? run_poles : run_bodies, &s);
    ratio[r] = engine[r] / bare[r];
  }
  const int missed = say(out, json, first, name, n, figure_of(engine), figure_of(bare), figure_of(ratio), bar);
  free_worlds(s.w);
  if (s.bare) free_worlds(s.bare);
  rn_free(s.act), rn_free(s.ended), rn_free(s.pole);
  return missed;
}

int rn_bench_env(FILE *out, bool json) {
  static const struct { const char *name; int worlds; long steps; double bar; } rows[] = {
    {"cartpole", POLES, 20000, BAR_POLE}, {"hopper", BODIES, 400, BAR_BODIES}, {"halfcheetah", BODIES, 1000, BAR_BODIES}, {"walker2d", BODIES, 300, BAR_BODIES},
    {"ant", BODIES, 150, BAR_BODIES}, {"invertedpendulum", BODIES, 3000, BAR_BODIES}, {"reacher", BODIES, 2000, BAR_BODIES}};
  char cpu[200];
  cpu_name(cpu, sizeof cpu);
  const int threads = rn_threads();
  rn_threads_set(1);
  if (json) fprintf(out, "{\"cpu\": \"%s\", \"mujoco\": \"%s\", \"unit\": \"environment steps a CPU-second\", \"rows\": [", cpu, rn_bodies_version());
  else fprintf(out, "%s, MuJoCo %s\nenvironment steps a CPU-second, one thread, median (range) of %d\n%-17s worlds  rein%*sbare loop%*sratio  bar\n", cpu,
               rn_bodies_version(), REPETITIONS, "", 31, "", 26, "");
  int missed = 0;
  for (int i = 0; i < RN_COUNT(rows); i++) missed += measure(out, json, i == 0, rows[i].name, rows[i].worlds, rows[i].steps, rows[i].bar);
  if (json) fprintf(out, "\n  ], \"missed\": %d}\n", missed);
  rn_threads_set(threads);
  return missed;
}
