/* data/live.c - replay that slides. Rows get ascending numbers; row r lies in slot r % slots, slots = capacity + two checkpoint intervals.
 *
 * Why a resume is exact. Counters (head, marks, open episodes) are rn_state, so they are those of the checkpoint. Rows below its head are
 * never overwritten while it is kept, because rn_live_push refuses to pass `slots` rows beyond the older mark's window. What is written into
 * a row after its push - the link forward, the event that closed its episode - is a number; one above the counter lies in the future and
 * reads as "not yet", so rows changed after a checkpoint look as they looked at it. Derived values are read of closed rows only. */
#include "inner.h"
#include <string.h>

typedef struct { int64_t back, forward, closed; } links;       // row numbers + 1; 0: none. closed: number of the event that ended its episode

struct live {
  rn_live how;
  links *link;                                                 // [slots]
  rn_map link_map;
  int64_t *count;                                              // rn_state [COUNTS]
  int64_t *open;                                               // rn_state [worlds] row number + 1 of the open episode's last row
  int64_t *steps;                                              // rn_state [worlds] rows of the open episode
};
enum { HEAD, MARK, BEFORE, LOW, EPISODES, EVENTS, COUNTS };    // MARK, BEFORE: head at the last two commits; EVENTS: pushes and ends

static links *link_of(const rn_table *t, int64_t row) { return &t->live->link[row % t->slots]; }
static int64_t seen(const rn_table *t, int64_t number) { return number > 0 && number <= t->rows ? number - 1 : -1; }

int64_t rn_live_low(const rn_table *t) { return RN_MAX(t->live->count[LOW], t->live->count[HEAD] - t->live->how.capacity); }
int64_t rn_live_forward(const rn_table *t, int64_t row) { return seen(t, link_of(t, row)->forward); }
int64_t rn_live_back(const rn_table *t, int64_t row) {
  int64_t to = seen(t, link_of(t, row)->back);
  return to >= rn_live_low(t) ? to : -1;
}
bool rn_live_closed(const rn_table *t, int64_t row) {
  int64_t at = link_of(t, row)->closed;
  return at > 0 && at <= t->live->count[EVENTS];
}
bool rn_live_ended(const rn_table *t, int64_t row) { return rn_live_closed(t, row) && rn_live_forward(t, row) < 0; }

void rn_live_free(rn_table *t) {
  if (t->live->link_map.at) rn_map_close(&t->live->link_map);
  else rn_free(t->live->link);
  rn_free(t->live);
}

static bool map_or_new(const char *folder, const char *name, size_t bytes, rn_map *map, void **at, rn_error *err) {
  if (!folder) { *at = rn_new(bytes); return true; }
  char *path = rn_column_file(folder, name);
  bool fine = rn_map_open(map, path, bytes ? bytes : 1, err);
  if (fine && map->bytes != (bytes ? bytes : 1)) fine = rn_fail(err, "%s: has another size than this recipe's table", path);
  rn_free(path);
  *at = map->at;
  return fine;
}

rn_table *rn_table_live(rn_run *run, const char *name, const char *folder, int n, const rn_field *fields, const rn_live *how, rn_error *err) {
  RN_CHECK(how->capacity > 0 && how->interval > 0 && how->worlds > 0, "live table '%s': capacity %lld, interval %lld, worlds %d", name,
           (long long)how->capacity, (long long)how->interval, how->worlds);
  rn_table *t = rn_table_new(n, fields);
  live *l = t->live = rn_new(sizeof *l);
  l->how = *how, t->slots = how->capacity + 2 * how->interval;
  l->count = rn_state(run, RN_I64, COUNTS, "%s.count", name);
  l->open = rn_state(run, RN_I64, (size_t)how->worlds, "%s.open", name);
  l->steps = rn_state(run, RN_I64, (size_t)how->worlds, "%s.steps", name);
  bool fine = (!folder || rn_make_folder(folder, err));
  for (int i = 0; fine && i < t->n; i++) fine = map_or_new(folder, t->c[i].name, (size_t)t->slots * t->c[i].bytes, &t->c[i].map, (void **)&t->c[i].at, err);
  fine = fine && map_or_new(folder, "links", (size_t)t->slots * sizeof(links), &l->link_map, (void **)&l->link, err);
  if (fine) return t;
  rn_table_free(t);
  return NULL;
}

void rn_live_resume(rn_table *t) {
  live *l = t->live;
  t->rows = l->count[HEAD];
  // forget the future, so that a run which goes on otherwise never meets it
  for (int64_t r = RN_MAX(0, t->rows - t->slots); r < t->rows; r++) {
    links *k = link_of(t, r);
    if (k->forward > t->rows) k->forward = 0;
    if (k->closed > l->count[EVENTS]) k->closed = 0;
  }
}

int64_t rn_live_room(const rn_table *t) {
  const live *l = t->live;
  int64_t kept = RN_MAX(0, l->count[BEFORE] - l->how.capacity);             // the oldest row that a resume may need
  return kept + t->slots - t->rows;
}

static void put_integer(rn_table *t, const char *name, int64_t row, int64_t x) {
  column *c = rn_column_of(t, name);
  if (!c) return;
  RN_CHECK(c->width == 1 && (c->type == RN_I64 || c->type == RN_I32), "the column '%s' is derived: one I32 or I64", name);
  if (c->type == RN_I64) ((int64_t *)c->at)[row % t->slots] = x;
  else ((int32_t *)c->at)[row % t->slots] = (int32_t)x;
}

int64_t rn_live_push(rn_table *t, int world) {
  live *l = t->live;
  RN_CHECK(world >= 0 && world < l->how.worlds, "world %d of %d", world, l->how.worlds);
  RN_CHECK(rn_live_room(t) > 0, "a live table is full of rows that a resume needs: commit and write a checkpoint first");
  int64_t row = t->rows;
  for (int i = 0; i < t->n; i++) memset(t->c[i].at + (size_t)(row % t->slots) * t->c[i].bytes, 0, t->c[i].bytes);
  *link_of(t, row) = (links){.back = l->open[world]};
  if (l->open[world] && l->open[world] - 1 >= row - t->slots + 1) link_of(t, l->open[world] - 1)->forward = row + 1;
  l->open[world] = row + 1;
  put_integer(t, "timestep", row, l->steps[world]++);
  l->count[HEAD] = t->rows = row + 1, l->count[EVENTS]++;
  return row;
}

// backwards over the episode's rows that are still there
static void close_rows(rn_table *t, int64_t row) {
  const live *l = t->live;
  const column *reward = rn_column_of(t, "reward");
  column *out = rn_column_of(t, "return");
  RN_CHECK(!out || (reward && out->type == RN_F32 && out->width == 1), "the column 'return' is derived from reward: one F32");
  double G = 0;
  for (int64_t oldest = t->rows - t->slots; row >= 0 && row >= oldest; row = seen(t, link_of(t, row)->back)) {
    if (out) {
      G = l->how.scale * rn_value_of(reward, row % t->slots, 0) + l->how.bias + l->how.gamma * G;
      ((float *)out->at)[row % t->slots] = (float)G;
    }
    put_integer(t, "trajectory", row, l->count[EPISODES]);
    link_of(t, row)->closed = l->count[EVENTS];
  }
}

void rn_live_end(rn_table *t, int world) {
  live *l = t->live;
  RN_CHECK(world >= 0 && world < l->how.worlds && l->open[world], "world %d has no open episode", world);
  l->count[EVENTS]++;
  close_rows(t, l->open[world] - 1);
  l->open[world] = l->steps[world] = 0, l->count[EPISODES]++;
}

bool rn_live_commit(rn_table *t, rn_error *err) {
  live *l = t->live;
  // rows of open episodes are written to after their push, so all of the mapping is handed to the disk; clean pages cost nothing
  for (int i = 0; i < t->n; i++) if (t->c[i].map.at && !rn_map_sync(&t->c[i].map, 0, t->c[i].map.bytes, err)) return false;
  if (l->link_map.at && !rn_map_sync(&l->link_map, 0, l->link_map.bytes, err)) return false;
  l->count[BEFORE] = l->count[MARK], l->count[MARK] = t->rows;
  return true;
}

void rn_live_clear(rn_table *t) { t->live->count[LOW] = t->rows; }
