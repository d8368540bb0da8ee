/* base/memory.c - memory outside updates, counted; and ranges, which give it back all at once. */
#include "fault.h"
#include "rein/base.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static atomic_long allocations;

static _Noreturn void no_memory(size_t bytes, const char *what) {
  fprintf(stderr, "rein: out of memory: %s asked for %.1f MiB%s%s\n", what, (double)bytes / 1048576, rn_site ? " at " : "", rn_site ? rn_site : "");
  exit(RN_SYSTEM);
}

void *rn_new(size_t bytes) {
  atomic_fetch_add(&allocations, 1);
  void *p = rn_fault(ENOMEM) ? NULL : calloc(1, bytes ? bytes : 1);
  if (!p) no_memory(bytes, "rn_new");
  return p;
}

void *rn_grow(void *old, size_t old_bytes, size_t bytes) {
  atomic_fetch_add(&allocations, 1);
  char *p = rn_fault(ENOMEM) ? NULL : realloc(old, bytes ? bytes : 1);
  if (!p) no_memory(bytes, "rn_grow");
  if (bytes > old_bytes) memset(p + old_bytes, 0, bytes - old_bytes);
  return p;
}

void rn_free(void *memory) { free(memory); }

char *rn_copy_text(const char *text) {
  size_t n = strlen(text) + 1;
  return memcpy(rn_new(n), text, n);
}

long rn_allocations(void) { return atomic_load(&allocations); }

//---- ranges --------------------------------------------------------------------------------------------------------------------

enum { STEP = 2 << 20, ALIGN = 64 };                          // made writable 2 MiB at a time

struct rn_range {
  const char *name;
  char *base;
  size_t reserved, writable, used, high, limit;
};

rn_range *rn_range_new(const char *name, size_t limit) {
  rn_range *r = rn_new(sizeof *r);
  size_t ask = (limit + STEP - 1) / STEP * STEP;
  void *base = MAP_FAILED;
  // strict overcommit and small containers refuse a large reservation: halve until it fits
  for (; ask >= STEP; ask = ask / 2 / STEP * STEP) {
    base = mmap(NULL, ask, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base != MAP_FAILED) break;
  }
  if (base == MAP_FAILED) no_memory(limit, name);
  *r = (rn_range){.name = name, .base = base, .reserved = ask, .limit = RN_MIN(ask, limit)};
  return r;
}

void rn_range_free(rn_range *r) {
  if (!r) return;
  munmap(r->base, r->reserved);
  rn_free(r);
}

static void make_writable(rn_range *r, size_t need) {
  size_t want = RN_MIN((need + STEP - 1) / STEP * STEP, r->reserved);
  if (rn_fault(ENOMEM) || mprotect(r->base + r->writable, want - r->writable, PROT_READ | PROT_WRITE) != 0) no_memory(want, r->name);
  r->writable = want;
}

void *rn_take(rn_range *r, size_t bytes) {
  size_t from = r->used, to = from + (bytes + ALIGN - 1) / ALIGN * ALIGN;
  if (to > r->limit || bytes > r->limit - from) {             // the second also when `to` has wrapped
    fprintf(stderr, "rein: the range '%s' is full: %.1f MiB in use, %.1f MiB asked for%s%s, limit %.1f MiB (raise it with --mem)\n", r->name,
            (double)from / 1048576, (double)bytes / 1048576, rn_site ? " at " : "", rn_site ? rn_site : "", (double)r->limit / 1048576);
    exit(RN_SYSTEM);
  }
  if (to > r->writable) make_writable(r, to);
  r->used = to;
  if (to > r->high) r->high = to;
  return r->base + from;
}

size_t rn_range_used(const rn_range *r) { return r->used; }
size_t rn_range_high(const rn_range *r) { return r->high; }

void rn_range_rewind(rn_range *r, size_t used) {
  RN_CHECK(used <= r->used, "range '%s': rewind to %zu, but only %zu are in use", r->name, used, r->used);
#ifdef RN_POISON
  memset(r->base + used, 0xff, r->used - used);               // a stale node reads NaN at once
#endif
  r->used = used;
}

bool rn_range_limit(rn_range *r, size_t limit) {
  if (limit < r->used) return false;
  r->limit = RN_MIN(limit, r->reserved);
  return true;
}
