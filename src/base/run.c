/* base/run.c - the run: its seed, the registry of all memory that outlives an update, the figures of an update. */
#include "rein/base.h"
#include <string.h>

enum { NAME = 96, MOST_NOTES = 256, MOST_HUNG = 64, MOST_SETTINGS = 128 };

typedef struct { rn_entry e; char name[NAME]; } entry;
typedef struct { char name[NAME]; void *at; size_t bytes; } derived;

struct rn_run {
  uint64_t seed;
  rn_range *range;
  entry *entries;
  int n, room;
  int *bucket, buckets;                                        // open addressing over names, 1 + index; 0: free
  derived derived[64];
  int n_derived;
  const char *note_name[MOST_NOTES];
  double note_value[MOST_NOTES];
  int n_notes;
  char note_text[MOST_NOTES][NAME];
  int n_note_text;
  struct { const char *name; void *thing; } hung[MOST_HUNG];
  int n_hung;
  struct { const char *key, *value; } setting[MOST_SETTINGS];
  int n_settings;
  rn_error stop;
};

size_t rn_type_bytes(rn_type t) { return (const size_t[]){4, 8, 4, 8, 1}[t]; }
const char *rn_type_name(rn_type t) { return (const char *const[]){"F32", "F64", "I32", "I64", "U8"}[t]; }

rn_run *rn_run_new(uint64_t seed, size_t memory) {
  rn_run *run = rn_new(sizeof *run);
  run->seed = seed;
  run->range = rn_range_new("run", memory ? memory : (size_t)64 << 30);
  return run;
}

void rn_run_free(rn_run *run) {
  if (!run) return;
  for (int i = 0; i < run->n_derived; i++) rn_free(run->derived[i].at);
  rn_range_free(run->range), rn_free(run->entries), rn_free(run->bucket), rn_free(run);
}

uint64_t rn_run_seed(const rn_run *run) { return run->seed; }
rn_range *rn_run_range(rn_run *run) { return run->range; }
rn_key rn_key_of(const rn_run *run, const char *purpose, uint64_t unit, uint64_t at) { return rn_key_new(run->seed, purpose, unit, at); }

//---- state ---------------------------------------------------------------------------------------------------------------------

static int *slot_of(const rn_run *run, const char *name) {
  uint64_t h = rn_hash(name, strlen(name), 0);
  for (int i = (int)(h % (uint64_t)run->buckets);; i = (i + 1) % run->buckets) {
    int *s = &run->bucket[i];
    if (!*s || strcmp(run->entries[*s - 1].name, name) == 0) return s;
  }
}

static void grow(rn_run *run) {
  int room = run->room ? run->room * 2 : 64;
  run->entries = rn_grow(run->entries, (size_t)run->room * sizeof *run->entries, (size_t)room * sizeof *run->entries);
  rn_free(run->bucket);
  run->room = room, run->buckets = room * 2, run->bucket = rn_new((size_t)run->buckets * sizeof *run->bucket);
  for (int i = 0; i < run->n; i++) *slot_of(run, run->entries[i].name) = i + 1;
}

static void enter(rn_run *run, rn_type type, size_t count, void *data, const char *format, va_list list) {
  if (run->n == run->room) grow(run);
  entry *e = &run->entries[run->n];
  int length = vsnprintf(e->name, NAME, format, list);
  RN_CHECK(length > 0 && length < NAME, "a state's name has %d letters, at most %d fit: '%s'", length, NAME - 1, e->name);
  int *slot = slot_of(run, e->name);
  RN_CHECK(!*slot, "state '%s' is taken", e->name);
  size_t bytes = count * rn_type_bytes(type);
  if (!data) data = memset(rn_take(run->range, bytes), 0, bytes);
  e->e = (rn_entry){.type = type, .count = count, .data = data, .dims = 1, .dim = {(int64_t)count}};
  *slot = ++run->n;
}

void *rn_state(rn_run *run, rn_type type, size_t count, const char *format, ...) {
  va_list list;
  va_start(list, format);
  enter(run, type, count, NULL, format, list);
  va_end(list);
  return run->entries[run->n - 1].e.data;
}

void rn_state_at(rn_run *run, rn_type type, size_t count, void *data, const char *format, ...) {
  va_list list;
  va_start(list, format);
  enter(run, type, count, data, format, list);
  va_end(list);
}

bool rn_state_entry(const rn_run *run, int i, rn_entry *out) {
  if (i < 0 || i >= run->n) return false;
  *out = run->entries[i].e, out->name = run->entries[i].name;
  return true;
}

bool rn_state_find(const rn_run *run, const char *name, rn_entry *out) {
  int *slot = run->buckets ? slot_of(run, name) : NULL;
  return slot && *slot && rn_state_entry(run, *slot - 1, out);
}

void rn_state_shape(rn_run *run, const char *name, int dims, const int64_t *dim) {
  int *slot = run->buckets ? slot_of(run, name) : NULL;
  RN_CHECK(slot && *slot, "no state '%s'", name);
  entry *e = &run->entries[*slot - 1];
  int64_t count = 1;
  for (int i = 0; i < dims; i++) count *= dim[i];
  RN_CHECK(dims <= 4 && (size_t)count == e->e.count, "state '%s' has %zu entries, its shape %lld", name, e->e.count, (long long)count);
  e->e.dims = dims;
  memcpy(e->e.dim, dim, (size_t)dims * sizeof *dim);
}

uint64_t rn_state_hash(const rn_run *run) {
  uint64_t h = 0;
  for (int i = 0; i < run->n; i++) {
    const entry *e = &run->entries[i];
    h = rn_hash(e->name, strlen(e->name), h + (uint64_t)e->e.type);
    h = rn_hash(e->e.data, e->e.count * rn_type_bytes(e->e.type), h);
  }
  return h;
}

void *rn_derived(rn_run *run, size_t bytes, const char *name) {
  derived *d = NULL;
  for (int i = 0; i < run->n_derived; i++) if (strcmp(run->derived[i].name, name) == 0) d = &run->derived[i];
  if (!d) {
    RN_CHECK(run->n_derived < RN_COUNT(run->derived), "more than %d derived things", RN_COUNT(run->derived));
    RN_CHECK(strlen(name) < NAME, "'%s' is longer than %d letters", name, NAME - 1);
    d = &run->derived[run->n_derived++];
    snprintf(d->name, NAME, "%s", name);
  }
  if (bytes > d->bytes) d->at = rn_grow(d->at, d->bytes, bytes), d->bytes = bytes;
  return d->at;
}

//---- figures, the end of a run, what hangs on it ---------------------------------------------------------------------------------

void rn_note(rn_run *run, const char *name, double value) {
  int i = 0;
  while (i < run->n_notes && strcmp(run->note_name[i], name) != 0) i++;
  if (i == run->n_notes) {
    // names live as long as the run: a name seen in an earlier update is found again
    int k = 0;
    while (k < run->n_note_text && strcmp(run->note_text[k], name) != 0) k++;
    RN_CHECK(k < MOST_NOTES && i < MOST_NOTES, "more than %d figures an update", MOST_NOTES);
    RN_CHECK(strlen(name) < NAME, "'%s' is longer than %d letters", name, NAME - 1);
    if (k == run->n_note_text) snprintf(run->note_text[run->n_note_text++], NAME, "%s", name);
    run->note_name[run->n_notes++] = run->note_text[k];
  }
  run->note_value[i] = value;
}

int rn_notes(const rn_run *run, const char ***names, const double **values) {
  *names = (const char **)run->note_name, *values = run->note_value;
  return run->n_notes;
}

void rn_notes_clear(rn_run *run) { run->n_notes = 0; }

void rn_stop(rn_run *run, rn_code code, const char *format, ...) {
  char text[1024];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  rn_fail_as(&run->stop, code, "%s", text);
}

const rn_error *rn_stopped(const rn_run *run) { return run->stop.code ? &run->stop : NULL; }

static const char *kept(rn_run *run, const char *text) { return strcpy(rn_take(run->range, strlen(text) + 1), text); }

void rn_set(rn_run *run, const char *key, const char *value) {
  int i = 0;
  while (i < run->n_settings && strcmp(run->setting[i].key, key) != 0) i++;
  RN_CHECK(i < MOST_SETTINGS, "more than %d settings", MOST_SETTINGS);
  if (i == run->n_settings) run->setting[run->n_settings++].key = kept(run, key);
  run->setting[i].value = kept(run, value);
}

const char *rn_setting(const rn_run *run, const char *key, const char *fallback) {
  for (int i = 0; i < run->n_settings; i++) if (strcmp(run->setting[i].key, key) == 0) return run->setting[i].value;
  return fallback;
}

void rn_hang(rn_run *run, const char *name, void *thing) {
  int i = 0;
  while (i < run->n_hung && strcmp(run->hung[i].name, name) != 0) i++;
  RN_CHECK(i < MOST_HUNG, "more than %d things hang on the run", MOST_HUNG);
  if (i == run->n_hung) run->hung[run->n_hung++].name = kept(run, name);
  run->hung[i].thing = thing;
}

void *rn_hung(const rn_run *run, const char *name) {
  for (int i = 0; i < run->n_hung; i++) if (strcmp(run->hung[i].name, name) == 0) return run->hung[i].thing;
  return NULL;
}
