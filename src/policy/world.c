/* policy/world.c - what the run's sources look like: set by run/ before build, asked by policies and critics. */
#include "rein/policy.h"
#include <string.h>

enum { MOST = 16 };
typedef struct { const char *name[MOST]; rn_world world[MOST]; int n; } worlds;

void rn_world_set(rn_run *run, const char *source, const rn_world *world) {
  worlds *w = rn_hung(run, "sources");
  if (!w) {
    w = memset(rn_take(rn_run_range(run), sizeof *w), 0, sizeof *w);
    rn_hang(run, "sources", w);
  }
  for (int i = 0; i < w->n; i++) RN_CHECK(strcmp(w->name[i], source) != 0, "source '%s' is set already", source);
  RN_CHECK(w->n < MOST, "more than %d sources", MOST);
  w->name[w->n] = strcpy(rn_take(rn_run_range(run), strlen(source) + 1), source), w->world[w->n++] = *world;
}

const rn_world *rn_world_of(const rn_run *run, const char *source) {
  const worlds *w = rn_hung(run, "sources");
  RN_CHECK(w && w->n, "the run has no source");
  if (!source) return &w->world[0];
  for (int i = 0; i < w->n; i++) if (strcmp(w->name[i], source) == 0) return &w->world[i];
  rn_fatal(__func__, "the run has no source '%s'", source);
}

// a choice is given to networks as a one-hot row, a box as it is
int rn_obs_width(const rn_world *w) { return w->obs.kind == RN_DISCRETE ? w->obs.dim[0] : rn_space_width(&w->obs); }
int rn_act_width(const rn_world *w) { return rn_space_width(&w->act); }
int rn_act_count(const rn_world *w) { return w->act.kind == RN_DISCRETE ? w->act.dim[0] : 0; }
