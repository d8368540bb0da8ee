// The same bits from every instruction set, build type, compiler and number of threads: a hash of a fixed set of results, which this file
// knows. A change of a formula or of an order of summation changes it, and must be meant.
#include "rein/math.h"
#include "test.h"
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint64_t KNOWN = 0xe39202799cc5e95eULL;

enum { ROOM = 1 << 19 };
static float a[ROOM], b[ROOM], c[ROOM];

static uint64_t products(uint64_t h) {
  static const int shape[][3] = {{1, 256, 64}, {2, 100, 17}, {3, 130, 40}, {33, 65, 100}, {64, 1, 700}, {40, 17, 600}, {100, 129, 33}, {7, 6, 520}};
  for (int s = 0; s < RN_COUNT(shape); s++)
    for (int how = 0; how < 3; how++)
      for (int act = 0; act < 4; act++) {
        const int m = shape[s][0], n = shape[s][1], k = shape[s][2];
        rn_gemm_f32(&(rn_product){.how = (rn_transpose)how, .m = m, .n = n, .k = k, .a = a, .b = b, .c = c, .lda = how == RN_TN ? m : k,
                                  .ldb = how == RN_NT ? k : n, .ldc = n, .bias = act ? a + 5 : NULL, .act = (rn_act)act});
        h = rn_hash(c, (size_t)(m * n) * sizeof *c, h);
      }
  return h;
}

static uint64_t functions(uint64_t h) {
  enum { N = 5003 };
  for (int i = 0; i < N; i++) c[i] = (a[i] - 0.5f) * 40;
  static void (*const f[])(size_t, const float *, float *) = {rn_vexp_f32, rn_vlog_f32, rn_vtanh_f32, rn_vsigmoid_f32, rn_vsoftplus_f32,
                                                              rn_vsin_f32, rn_vcos_f32, rn_verf_f32,  rn_vsqrt_f32};
  for (int i = 0; i < RN_COUNT(f); i++) {
    for (int j = 0; j < N; j++) c[j] = (a[j] - (i == 1 || i == 8 ? 0 : 0.5f)) * 40;
    f[i](N, c, c), h = rn_hash(c, N * sizeof *c, h);
  }
  for (int j = 0; j < N; j++) c[j] = (a[j] - 0.5f) * 4e7f;
  rn_vsin_f32(N, c, c), h = rn_hash(c, N * sizeof *c, h);
  return h;
}

static uint64_t sums(uint64_t h) {
  float s[4] = {rn_vsum_f32(9001, a), rn_vdot_f32(9001, a, b), rn_vsumsq_f32(9001, b), rn_vmaxof_f32(9001, a)};
  h = rn_hash(s, sizeof s, h);
  rn_vsoftmax_f32(7, 1001, a, c, c + 7007), h = rn_hash(c, 7014 * sizeof *c, h);
  rn_vcolsum_f32(60, 117, a, c, false), rn_vrowsum_f32(60, 117, a, c + 117), h = rn_hash(c, 177 * sizeof *c, h);
  memcpy(c, a, 6006 * sizeof *c), rn_vadam_f32(2002, c, c + 2002, c + 4004, b, 0.7f, (double)0.9f, (double)0.999f, 1e-3f, 1e-8f, 1e-4f);
  h = rn_hash(c, 6006 * sizeof *c, h);
  rn_vnormal_f32(rn_key_new(5, "same", 1, 2), 3333, c);
  return rn_hash(c, 3333 * sizeof *c, h);
}

static uint64_t everything(void) {
  rn_vuniform_f32(rn_key_new(1, "same", 0, 0), ROOM, a), rn_vuniform_f32(rn_key_new(2, "same", 0, 0), ROOM, b);
  rn_vaffine_f32(ROOM, 2, -1, b, b);
  return sums(functions(products(rn_hash(a, sizeof a, 0))));
}

TEST(results_hash_to_the_known_value) {
  const uint64_t h = everything();
  CHECK_THAT(h == KNOWN, "under %s the results hash to 0x%016llx, should be 0x%016llx", rn_math_isa(), (unsigned long long)h,
      (unsigned long long)KNOWN);
}

TEST(threads_do_not_show) {
  rn_threads_set(7);
  const uint64_t h = everything();
  rn_threads_set(1);
  CHECK(h == everything());
}

// runs this program's first test under RN_ISA=isa; answers its exit code and what it says
static int run_under(const char *isa, char *said, size_t room) {
  char command[4096], self[2048];
  const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  CHECK(n > 0);
  self[n] = 0;
  snprintf(command, sizeof command, "RN_ISA=%s '%s' results_hash 2>&1", isa, self);
  FILE *f = popen(command, "r");
  CHECK(f != NULL);
  const size_t got = fread(said, 1, room - 1, f);
  said[got] = 0;
  const int status = pclose(f);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(each_instruction_set_can_be_asked_for) {
  static const char *const isas[] = {"avx512", "avx2", "portable"};
  char said[8192];
  for (int i = 0; i < RN_COUNT(isas); i++) {
    const int code = run_under(isas[i], said, sizeof said);
    if (code == RN_INPUT) CHECK_TEXT(said, "this CPU lacks it");
    else CHECK_THAT(code == 0, "RN_ISA=%s ends with %d: %s", isas[i], code, said);
  }
}

TEST(an_unknown_instruction_set_is_refused) {
  char said[8192];
  CHECK(run_under("sse9", said, sizeof said) == RN_INPUT);
  CHECK_TEXT(said, "RN_ISA=sse9: there is no such instruction set; use avx512, avx2 or portable");
}
