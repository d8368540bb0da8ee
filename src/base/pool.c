/* base/pool.c - one pool of threads. A part is computed whole by one thread and writes what no other writes, so results can't depend on how
 * many threads there are or who takes which. Whoever is awake takes the next part: on a busy machine the caller does most of them
 * itself and never waits for a thread that has not been given a core. */
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
  atomic_ulong job;                                            // number of the job in hand << 32 | parts not yet taken
  atomic_int done;                                             // parts finished
  atomic_int asleep;                                           // workers that wait on the condition
  atomic_bool quit, busy;
  void (*fn)(void *, int);
  void *context;
} pool = {.threads = 1, .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static _Thread_local bool inside;

static long now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000L + t.tv_nsec;
}

// takes parts of job `number` while there are any. Who has taken one keeps the job in hand until it is done, so the fields stand still
static void take_parts(unsigned long number) {
  unsigned long w = atomic_load_explicit(&pool.job, memory_order_acquire);
  while (w >> 32 == number && (w & 0xffffffff) > 0) {
    if (!atomic_compare_exchange_weak_explicit(&pool.job, &w, w - 1, memory_order_acq_rel, memory_order_acquire)) continue;
    pool.fn(pool.context, (int)(w & 0xffffffff) - 1);
    atomic_fetch_add_explicit(&pool.done, 1, memory_order_release);
    w = atomic_load_explicit(&pool.job, memory_order_acquire);
  }
}

static unsigned long job_number(void) { return atomic_load_explicit(&pool.job, memory_order_acquire) >> 32; }

static unsigned long wait_for_job(unsigned long seen) {
  if (pool.spin)
    for (long until = now_ns() + SPIN; now_ns() < until;)
      for (int i = 0; i < 64; i++) {
        if (job_number() != seen) return job_number();
        __builtin_ia32_pause();
      }
  pthread_mutex_lock(&pool.lock);
  atomic_fetch_add(&pool.asleep, 1);
  while (job_number() == seen) pthread_cond_wait(&pool.wake, &pool.lock);
  atomic_fetch_sub(&pool.asleep, 1);
  pthread_mutex_unlock(&pool.lock);
  return job_number();
}

static void *work(void *arg) {
  unsigned long seen = (unsigned long)(uintptr_t)arg;
  inside = true;
  for (;;) {
    seen = wait_for_job(seen);
    if (atomic_load(&pool.quit)) return NULL;
    take_parts(seen);
  }
}

// a new job of so many parts; the lock is taken only when somebody sleeps, and then so that no waking is missed
static unsigned long post(int parts) {
  unsigned long number = (job_number() + 1) & 0xffffffff;
  atomic_store(&pool.job, number << 32 | (unsigned long)parts);
  if (atomic_load(&pool.asleep) > 0) {
    pthread_mutex_lock(&pool.lock);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
  }
  return number;
}

static void stop_workers(void) {
  if (pool.threads == 1) return;
  atomic_store(&pool.quit, true);
  post(0);
  for (int i = 1; i < pool.threads; i++) pthread_join(pool.worker[i], NULL);
  atomic_store(&pool.quit, false);
  pool.threads = 1;
}

void rn_threads_set(int threads) {
  int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
  if (threads <= 0) threads = cores;
  if (threads > MOST) threads = MOST;
  stop_workers();
  pool.spin = threads <= cores, pool.threads = threads;
  for (int i = 1; i < threads; i++)
    if (pthread_create(&pool.worker[i], NULL, work, (void *)(uintptr_t)job_number()) != 0) {        // fewer threads compute the same, later
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
  pool.fn = fn, pool.context = context;
  atomic_store_explicit(&pool.done, 0, memory_order_relaxed);
  unsigned long number = post(parts);
  inside = true;
  take_parts(number);
  inside = false;
  for (int looks = 0; atomic_load_explicit(&pool.done, memory_order_acquire) < parts; looks++)
    if (pool.spin && looks < 2000) __builtin_ia32_pause();
    else sched_yield();
  atomic_store(&pool.busy, false);
}
