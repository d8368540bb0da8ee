/* bench/gemm.c - how fast products are, beside what the core can do and what LIBXSMM and oneDNN do. Operands lie as a training step has
 * them: weights unpacked at each call, for us and for the others. Candidates take turns within a repetition, so a change of the clock
 * meets all of them. The only file that names the two libraries; oneDNN is loaded when measured, for it brings threads of its own. */
#include "clock.h"
#include "bench.h"
#include "rein/math.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef REIN_LIBXSMM
#include <libxsmm.h>
#endif
#if defined __x86_64__
#include <immintrin.h>
#endif

enum { REPETITIONS = 7, LIBRARY_ROWS = 32 };
static const double BAR = 0.85;
static const double SPAN = 8e-3, SPAN_2 = 40e-3;        // seconds of a repetition; a process's clock learns of other threads only at ticks
static const int shapes[][3] = {{256, 256, 256}, {32, 64, 64}, {64, 576, 576}, {256, 17, 256}, {256, 256, 17}, {8, 64, 64}, {1, 256, 256},
                                {1024, 1024, 1024}};
static const char *const ways[] = {"x w", "x' dy", "dy w'"};

typedef struct { double median, least, most; } figure;  // GFLOP/s; median 0: not available
typedef int sgemm(char ta, char tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,
                  float beta, float *c, int64_t ldc);
typedef struct {
  rn_product p;
  sgemm *dnnl;
  void (*xsmm)(const float *, const float *, float *);
} subject;
typedef void candidate(const subject *s);

static void ours(const subject *s) { rn_gemm_f32(&s->p); }
static void xsmm(const subject *s) { s->xsmm(s->p.b, s->p.a, s->p.c); }         // columns first: c' = b' a'
static void dnnl(const subject *s) {
  const rn_product *p = &s->p;
  s->dnnl(p->how == RN_TN ? 'T' : 'N', p->how == RN_NT ? 'T' : 'N', p->m, p->n, p->k, 1, p->a, p->lda, p->b, p->ldb, 0, p->c, p->ldc);
}

static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int order(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

static figure figure_of(double rate[REPETITIONS]) {
  qsort(rate, REPETITIONS, sizeof *rate, order);
  return (figure){rate[REPETITIONS / 2], rate[0], rate[REPETITIONS - 1]};
}

// calls that last about `span`
static long calls_of(candidate *run, const subject *s, double span) {
  long calls = 1;
  for (;; calls *= 2) {
    const double begin = seconds(CLOCK_MONOTONIC);
    for (long i = 0; i < calls; i++) run(s);
    const double took = seconds(CLOCK_MONOTONIC) - begin;
    if (took > span / 4) return RN_MAX(1, (long)((double)calls * span / took));
  }
}

// all candidates in turn; NULL ones stay at 0
static void measure(int n, candidate *const run[], const subject *s, clockid_t clock, figure out[]) {
  double rate[4][REPETITIONS];
  long calls[4];
  const double work = 2e-9 * s->p.m * s->p.n * s->p.k;
  for (int c = 0; c < n; c++) calls[c] = run[c] ? calls_of(run[c], s, clock == CLOCK_PROCESS_CPUTIME_ID ? SPAN_2 : SPAN) : 0;
  for (int r = 0; r < REPETITIONS; r++)
    for (int c = 0; c < n; c++) {
      if (!run[c]) continue;
      const double begin = seconds(clock);
      for (long i = 0; i < calls[c]; i++) run[c](s);
      rate[c][r] = work * (double)calls[c] / (seconds(clock) - begin);
    }
  for (int c = 0; c < n; c++) out[c] = run[c] ? figure_of(rate[c]) : (figure){0};
}

//---- the peak: fused steps on registers alone ---------------------------------------------------------------------------------------------

#if defined __x86_64__
#define PEAK(name, isa, vector, set, fma) \
  __attribute__((target(isa))) static double name(long steps) { \
    vector s[12], x = set(1.0f), y = set(1e-9f); \
    for (int i = 0; i < 12; i++) s[i] = set((float)i); \
    for (long l = 0; l < steps; l++) { \
      s[0] = fma(x, y, s[0]), s[1] = fma(x, y, s[1]), s[2] = fma(x, y, s[2]), s[3] = fma(x, y, s[3]); \
      s[4] = fma(x, y, s[4]), s[5] = fma(x, y, s[5]), s[6] = fma(x, y, s[6]), s[7] = fma(x, y, s[7]); \
      s[8] = fma(x, y, s[8]), s[9] = fma(x, y, s[9]), s[10] = fma(x, y, s[10]), s[11] = fma(x, y, s[11]); \
      __asm__ volatile("" : "+x"(x), "+x"(y)); \
    } \
    double sum = 0; \
    for (int i = 0; i < 12; i++) sum += (double)((const float *)&s[i])[0]; \
    return sum; \
  }
PEAK(peak_avx512, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps)
PEAK(peak_avx2, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps)
#endif

static figure peak(void) {
  double rate[REPETITIONS] = {0};
#if defined __x86_64__
  const bool wide = !strcmp(rn_math_isa(), "avx512");
  if (!wide && strcmp(rn_math_isa(), "avx2")) return (figure){0};
  volatile double keep = 0;
  for (int r = 0; r < REPETITIONS; r++) {
    const long steps = 4000000;
    const double begin = seconds(CLOCK_THREAD_CPUTIME_ID);
    keep = keep + (wide ? peak_avx512 : peak_avx2)(steps);
    rate[r] = 2e-9 * 12 * (wide ? 16 : 8) * (double)steps / (seconds(CLOCK_THREAD_CPUTIME_ID) - begin);
  }
#endif
  return figure_of(rate);
}

//---- the libraries -----------------------------------------------------------------------------------------------------------------------

static sgemm *load_dnnl(void) {
  setenv("OMP_NUM_THREADS", "1", 1);                    // read when the library is loaded
  static const char *const names[] = {"libdnnl.so.2", "libdnnl.so.3", "libdnnl.so"};
  for (int i = 0; i < RN_COUNT(names); i++) {
    void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (library) return (sgemm *)dlsym(library, "dnnl_sgemm");
  }
  return NULL;
}

#ifdef REIN_LIBXSMM
static void (*xsmm_kernel(const rn_product *p))(const float *, const float *, float *) {
  if (p->how == RN_NT) return NULL;                     // it has no kernel for a transposed first operand
  const libxsmm_blasint lda = p->ldb, ldb = p->lda, ldc = p->ldc;
  const float alpha = 1, beta = 0;
  const int flags = p->how == RN_TN ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE;
  return (void (*)(const float *, const float *, float *))libxsmm_smmdispatch(p->n, p->m, p->k, &lda, &ldb, &ldc, &alpha, &beta, &flags, NULL);
}
#else
static void (*xsmm_kernel(const rn_product *p))(const float *, const float *, float *) {
  (void)p;
  return NULL;
}
#endif

//---- the table ---------------------------------------------------------------------------------------------------------------------------

static void say_figure(FILE *out, bool json, const char *name, figure f) {
  if (json && f.median > 0) fprintf(out, ", \"%s\": {\"median\": %.2f, \"min\": %.2f, \"max\": %.2f}", name, f.median, f.least, f.most);
  else if (json) fprintf(out, ", \"%s\": null", name);
  else if (f.median > 0) fprintf(out, "  %6.1f (%5.1f-%5.1f)", f.median, f.least, f.most);
  else fprintf(out, "  %6s %13s", "n/a", "");
}

static bool say_row(FILE *out, bool json, bool first, const rn_product *p, const figure one[3], figure two, figure two_cpu) {
  const double better = RN_MAX(one[1].median, one[2].median), ratio = better > 0 ? one[0].median / better : 0;
  const bool missed = better > 0 && p->m >= LIBRARY_ROWS && ratio < BAR;
  if (json) fprintf(out, "%s\n    {\"m\": %d, \"n\": %d, \"k\": %d, \"how\": \"%s\"", first ? "" : ",", p->m, p->n, p->k, ways[p->how]);
  else fprintf(out, "%4dx%4dx%4d  %-5s", p->m, p->n, p->k, ways[p->how]);
  static const char *const names[] = {"rein", "libxsmm", "onednn"};
  for (int c = 0; c < 3; c++) say_figure(out, json, names[c], one[c]);
  say_figure(out, json, "rein_2_threads_per_second", two), say_figure(out, json, "rein_2_threads_per_cpu_second", two_cpu);
  if (json) fprintf(out, ", \"ratio\": %.3f, \"missed\": %s}", ratio, missed ? "true" : "false");
  else if (better > 0) fprintf(out, "  %5.2f%s\n", ratio, missed ? "  below the bar" : "");
  else fprintf(out, "    n/a\n");
  return missed;
}

static void fill(float *x, size_t n, uint64_t unit) {
  rn_vuniform_f32(rn_key_new(1, "bench", unit, 0), n, x);
  rn_vaffine_f32(n, 2, -1, x, x);
}

int rn_bench_gemm(FILE *out, bool json) {
  enum { ROOM = 1024 * 1024 };
  float *a = aligned_alloc(64, 3 * ROOM * sizeof *a), *b = a + ROOM, *c = b + ROOM;
  if (!a) return 0;
  fill(a, ROOM, 1), fill(b, ROOM, 2), memset(c, 0, ROOM * sizeof *c);
  char cpu[128];
  bench_processor(cpu);
  const int threads = rn_threads();
  rn_threads_set(1);
  sgemm *const library = load_dnnl();
  const figure top = peak();
  if (json) {
    fprintf(out, "{\"cpu\": \"%s\", \"kernels\": \"%s\"", cpu, rn_math_isa());
    say_figure(out, true, "peak", top);
    fprintf(out, ", \"unit\": \"GFLOP/s a CPU-second\", \"bar\": %.2f, \"rows\": [", BAR);
  } else {
    fprintf(out, "%s, kernels %s, FMA peak of a core %.1f GFLOP/s\n", cpu, rn_math_isa(), top.median);
    fprintf(out, "GFLOP/s a CPU-second, median (range) of %d; ratio to the better library on one thread, bar %.2f from %d rows on\n", REPETITIONS,
            BAR, LIBRARY_ROWS);
    fprintf(out, "%-21s  %-20s  %-20s  %-20s  %-20s  %-20s  ratio\n", "m x n x k", "rein", "LIBXSMM", "oneDNN", "2 threads, a second",
        "2 threads, a CPU-s");
  }
  int missed = 0;
  for (int s = 0; s < RN_COUNT(shapes); s++)
    for (int how = RN_NN; how <= RN_NT; how++) {
      const int m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
      subject it = {{.how = (rn_transpose)how, .m = m, .n = n, .k = k, .a = a, .b = b, .c = c, .lda = how == RN_TN ? m : k,
                     .ldb = how == RN_NT ? k : n, .ldc = n}, library, NULL};
      it.xsmm = xsmm_kernel(&it.p);
      figure one[3], two, two_cpu;
      measure(3, (candidate *const[]){ours, it.xsmm ? xsmm : NULL, library ? dnnl : NULL}, &it, CLOCK_THREAD_CPUTIME_ID, one);
      rn_threads_set(2);
      measure(1, (candidate *const[]){ours}, &it, CLOCK_MONOTONIC, &two);
      measure(1, (candidate *const[]){ours}, &it, CLOCK_PROCESS_CPUTIME_ID, &two_cpu);
      rn_threads_set(1);
      missed += say_row(out, json, s == 0 && how == 0, &it.p, one, two, two_cpu);
      fflush(out);
    }
  if (json) fprintf(out, "\n  ], \"missed\": %d}\n", missed);
  else fprintf(out, missed ? "%d rows below the bar\n" : "every row of %d or more keeps the bar\n", missed ? missed : LIBRARY_ROWS);
  rn_threads_set(threads);
  free(a);
  return missed;
}
