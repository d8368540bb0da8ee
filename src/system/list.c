/* system/list.c - the systems, in the order of systems.def. */
#include "system.h"
#include <string.h>

#define RN_SYSTEM(id, symbol, family) extern const rn_system symbol##_system;
#include "systems.def"
#undef RN_SYSTEM
#define RN_SYSTEM(id, symbol, family) &symbol##_system,
static const rn_system *const systems[] = {
#include "systems.def"
};
#undef RN_SYSTEM
#define RN_SYSTEM(id, symbol, family) {id, #family},
static const struct { const char *id, *family; } places[] = {
#include "systems.def"
};
#undef RN_SYSTEM

const rn_system *const *rn_systems(int *n) {
  *n = RN_COUNT(systems);
  return systems;
}

const rn_system *rn_system_find(const char *name) {
  for (int i = 0; i < RN_COUNT(systems); i++) if (strcmp(systems[i]->name, name) == 0) return systems[i];
  return NULL;
}

const char *rn_system_id(int i) { return places[i].id; }
const char *rn_system_family(int i) { return places[i].family; }
