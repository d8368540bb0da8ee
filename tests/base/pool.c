/* The pool: every part once, whatever the number of threads; nested calls; many short jobs. */
#include "test.h"
#include <pthread.h>
#include <stdatomic.h>

static int times[5000];
static double out[5000];
static void count(void *context, int part) {
  times[part]++;
  double x = part;
  for (int i = 0; i < *(int *)context; i++) x = x * 0.999 + 1.0 / (1 + part);
  out[part] = x;
}

TEST(each_part_runs_once_on_any_number_of_threads) {
  static const int threads[] = {1, 2, 7, 64, 100}, parts[] = {1, 2, 3, 7, 63, 65, 5000};
  int steps = 50;
  double first[5000];
  for (int p = 0; p < RN_COUNT(parts); p++)
    for (int t = 0; t < RN_COUNT(threads); t++) {
      rn_threads_set(threads[t]);
      CHECK(rn_threads() == RN_MIN(threads[t], 64));
      memset(times, 0, sizeof times);
      rn_parallel(parts[p], count, &steps);
      for (int i = 0; i < 5000; i++) CHECK_THAT(times[i] == (i < parts[p]), "part %d of %d ran %d times on %d threads", i, parts[p], times[i], threads[t]);
      if (t == 0) memcpy(first, out, sizeof first);
      CHECK(memcmp(first, out, (size_t)parts[p] * sizeof *out) == 0);
    }
  rn_threads_set(1);
}

TEST(no_parts_are_no_work) {
  rn_threads_set(3);
  rn_parallel(0, count, NULL), rn_parallel(-1, count, NULL);
  rn_threads_set(1);
}

static atomic_int inner_sum;
static void inner(void *context, int part) { (void)context, atomic_fetch_add(&inner_sum, part); }
static void outer(void *context, int part) { (void)part, rn_parallel(10, inner, context); }
TEST(nested_calls_run_on_their_caller) {
  for (int t = 1; t <= 7; t += 3) {
    rn_threads_set(t);
    atomic_store(&inner_sum, 0);
    rn_parallel(20, outer, NULL);
    CHECK(atomic_load(&inner_sum) == 20 * 45);
  }
  rn_threads_set(1);
}

static void add_one(void *context, int part) { ((long *)context)[part]++; }
TEST(many_short_jobs_lose_none) {
  rn_threads_set(4);
  long sums[4] = {0};
  for (int i = 0; i < 20000; i++) rn_parallel(4, add_one, sums);
  for (int i = 0; i < 4; i++) CHECK(sums[i] == 20000);
  for (int i = 0; i < 50; i++) rn_threads_set(1 + i % 5), rn_parallel(4, add_one, sums);
  CHECK(sums[0] == 20050 && sums[3] == 20050);
  rn_threads_set(0);
  CHECK(rn_threads() >= 1);
  rn_threads_set(1);
}

static pthread_barrier_t start;
static void *stranger(void *context) {
  long *sums = context;
  pthread_barrier_wait(&start);
  for (int i = 0; i < 50000; i++) rn_parallel(4, add_one, sums);
  return NULL;
}
TEST(threads_that_are_not_the_pools_may_call_at_once) {
  rn_threads_set(3);
  long sums[3][4] = {{0}};
  pthread_t thread[2];
  pthread_barrier_init(&start, NULL, 3);
  for (int i = 0; i < 2; i++) pthread_create(&thread[i], NULL, stranger, sums[i]);
  stranger(sums[2]);
  for (int i = 0; i < 2; i++) pthread_join(thread[i], NULL);
  for (int i = 0; i < 3; i++) for (int k = 0; k < 4; k++) CHECK(sums[i][k] == 50000);
  rn_threads_set(1);
}

static void make(void *context, int part) {
  (void)context;
  void *p = rn_new((size_t)part + 1);
  rn_free(p);
}
TEST(allocations_are_counted_from_all_threads) {
  rn_threads_set(5);
  long before = rn_allocations();
  rn_parallel(1000, make, NULL);
  CHECK(rn_allocations() - before == 1000);
  rn_threads_set(1);
}
