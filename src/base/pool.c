/* base/pool.c - one pool of threads. Parts are dealt by index, so results can't depend on how many threads there are. */
#include "rein/base.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 64 };
static const long SPIN = 50000;                                // ns a thread looks before it sleeps

static struct {
  int threads;                                                 // in all, with the caller
  bool spin;                                                   // only when every thread has a core
  pthread_t worker[MOST];
  pthread_mutex_t lock;
  pthread_cond_t wake;
  atomic_long job;                                             // number of the job in hand
  atomic_int left;                                             // workers that have not finished it
  atomic_bool quit, busy;
  int parts;
  void (*fn)(void *, int);
  void *context;
} pool = {.threads = 1, .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static _Thread_local bool inside;

static long now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000L + t.tv_nsec;
}

// thread i of n computes a stretch of parts, the same at each call
static void stretch(int i) {
  int n = pool.threads, from = (int)((long)pool.parts * i / n), to = (int)((long)pool.parts * (i + 1) / n);
  for (int part = from; part < to; part++) pool.fn(pool.context, part);
}

static long wait_for_job(long seen) {
  if (pool.spin)
    for (long until = now_ns() + SPIN; now_ns() < until;)
      for (int i = 0; i < 64; i++) {
        long job = atomic_load_explicit(&pool.job, memory_order_acquire);
        if (job != seen) return job;
        __builtin_ia32_pause();
      }
  pthread_mutex_lock(&pool.lock);
  while (atomic_load(&pool.job) == seen) pthread_cond_wait(&pool.wake, &pool.lock);
  pthread_mutex_unlock(&pool.lock);
  return atomic_load(&pool.job);
}

static void *work(void *arg) {
  int me = (int)(intptr_t)arg;
  long seen = 0;
  inside = true;
  for (;;) {
    seen = wait_for_job(seen);
    if (atomic_load(&pool.quit)) return NULL;
    stretch(me);
    atomic_fetch_sub_explicit(&pool.left, 1, memory_order_release);
  }
}

static void post(void) {
  pthread_mutex_lock(&pool.lock);
  atomic_fetch_add_explicit(&pool.job, 1, memory_order_release);
  pthread_cond_broadcast(&pool.wake);
  pthread_mutex_unlock(&pool.lock);
}

static void stop_workers(void) {
  if (pool.threads == 1) return;
  atomic_store(&pool.quit, true);
  post();
  for (int i = 1; i < pool.threads; i++) pthread_join(pool.worker[i], NULL);
  atomic_store(&pool.quit, false);
  pool.threads = 1;
}

void rn_threads_set(int threads) {
  int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
  if (threads <= 0) threads = cores;
  if (threads > MOST) threads = MOST;
  stop_workers();
  atomic_store(&pool.job, 0);
  pool.spin = threads <= cores, pool.threads = threads;
  for (int i = 1; i < threads; i++)
    if (pthread_create(&pool.worker[i], NULL, work, (void *)(intptr_t)i) != 0) {        // fewer threads compute the same, later
      pool.threads = i;
      break;
    }
}

int rn_threads(void) { return pool.threads; }

void rn_parallel(int parts, void (*fn)(void *context, int part), void *context) {
  // a thread that is not the pool's may come while another's job is in hand: it works alone
  if (pool.threads == 1 || parts <= 1 || inside || atomic_exchange(&pool.busy, true)) {
    for (int part = 0; part < parts; part++) fn(context, part);
    return;
  }
  pool.parts = parts, pool.fn = fn, pool.context = context;
  atomic_store_explicit(&pool.left, pool.threads - 1, memory_order_relaxed);
  post();
  inside = true;
  stretch(0);
  inside = false;
  for (int looks = 0; atomic_load_explicit(&pool.left, memory_order_acquire) > 0; looks++)
    if (pool.spin && looks < 100000) __builtin_ia32_pause();
    else sched_yield();
  atomic_store(&pool.busy, false);
}
