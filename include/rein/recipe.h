/* recipe.h - recipes: flat YAML whose every value knows its file, line and column; the engine's own keys; overrides from the command line.
 *
 * A recipe is a list of (key, value). Nested YAML becomes dotted keys (`phases: {online: {steps: 1}}` is `phases.online.steps`), and a
 * dotted key may be written as it is ("hidden.pi: 64x64"). Values are a scalar, null, or a list of scalars; a list of maps becomes
 * KEY.0.NAME, KEY.1.NAME. Anchors, aliases and tags are refused. Reading checks the form only; rn_recipe_check checks what the keys mean. */
#ifndef REIN_RECIPE_H
#define REIN_RECIPE_H
#include "rein/system.h"

typedef struct rn_recipe rn_recipe;
typedef struct {
  const char *key;                             // dotted
  const char *text;                            // of a scalar; of a list as it prints: "[a, b]"; "null"
  const char *place, *key_place;               // "recipes/iql.yaml:14:12", or "command line"
  int items;                                   // -1: a scalar
  const char *const *item;                     // of a list
  bool quoted, null;
} rn_given;

//---- reading and changing ----------------------------------------------------------------------------------------------------------

rn_recipe *rn_recipe_read(const char *path, rn_error *err);                            // NULL: not YAML, not readable, not a recipe's form
rn_recipe *rn_recipe_parse(const char *name, const char *text, size_t n, rn_error *err);   // `name` stands for the file in places
rn_recipe *rn_recipe_new(const char *system);                                          // NULL: an empty one
rn_recipe *rn_recipe_copy(const rn_recipe *r);
void rn_recipe_free(rn_recipe *r);
/* "key=value" of a command line: replaces what the file says; the same key twice on one command line is refused. A value that begins
 * with [ or { is YAML. */
bool rn_recipe_set(rn_recipe *r, const char *assignment, rn_error *err);
void rn_recipe_put(rn_recipe *r, const char *key, const char *text, const char *place);   // one scalar, replaced if there
void rn_recipe_merge(rn_recipe *r, const rn_recipe *over);                             // `over` wins; its places stay
void rn_recipe_drop(rn_recipe *r, const char *key);                                    // the key and all below it; absent is fine
rn_recipe *rn_recipe_part(const rn_recipe *r, const char *under);                      // "stages.base": its keys without that; may be empty
/* The names right below `under` ("phases", "stages", "arms"), in the order of the file; each once. The caller frees the list only. */
int rn_recipe_names(const rn_recipe *r, const char *under, const char ***names);

//---- asking ------------------------------------------------------------------------------------------------------------------------

int rn_recipe_count(const rn_recipe *r);
const rn_given *rn_recipe_at(const rn_recipe *r, int i);                               // in the order of the file
const rn_given *rn_recipe_find(const rn_recipe *r, const char *key);                   // as given; NULL where the recipe does not say
/* With defaults: what the recipe says, else what the table of keys says, else (keys without a default) NULL, NAN, -1, false.
 * Meant for checked recipes; a value of the wrong kind is as if it were not there. */
const char *rn_recipe_text(const rn_recipe *r, const char *key);
double rn_recipe_real(const rn_recipe *r, const char *key);
long rn_recipe_int(const rn_recipe *r, const char *key);
bool rn_recipe_bool(const rn_recipe *r, const char *key);
size_t rn_recipe_bytes(const rn_recipe *r, const char *key);                           // "2G"; 0: no limit
int rn_recipe_reals(const rn_recipe *r, const char *key, int most, double *out);       // a number or a list of numbers: how many
const char *rn_recipe_place(const rn_recipe *r, const char *key);                      // "default" where the recipe does not say

/* The system that `system` names. NULL: unknown (nearest name), or no such key. */
const rn_system *rn_recipe_system(const rn_recipe *r, rn_error *err);
/* Every key is known, has its kind, and lies in its bounds; stages likewise, each with its own system. `system` NULL: engine keys only. */
bool rn_recipe_check(rn_recipe *r, const rn_system *system, rn_error *err);
void rn_recipe_bind(rn_recipe *r, const rn_system *system);    // whose defaults the getters know; rn_recipe_check does it
const rn_system *rn_recipe_bound(const rn_recipe *r);
/* What the system needs and the recipe does not give: a log, an environment, a slot. */
bool rn_recipe_needs(const rn_recipe *r, const rn_system *system, rn_error *err);
bool rn_recipe_fill(const rn_recipe *r, const rn_system *system, void *self, rn_error *err);   // options into the system's struct
void rn_recipe_settings(const rn_recipe *r, rn_run *run);      // rn_set of every engine key and dotted key that is given or has a default
bool rn_recipe_columns(const rn_recipe *r, rn_columns *out, rn_error *err);            // `columns`; names live as long as the recipe
bool rn_recipe_sampling(const rn_recipe *r, const char *phase, rn_sampling *out);       // sampler, sampler.*; of a phase where that says it
/* The complete resolved recipe: every key with its value in a fixed order; reads back to the same. Keys that are not set and have no
 * default are named in a comment. system NULL: what is given, no defaults. Owned by the caller. */
char *rn_recipe_print(const rn_recipe *r, const rn_system *system);

//---- the keys ------------------------------------------------------------------------------------------------------------------------

typedef enum { RN_KEY_INT, RN_KEY_REAL, RN_KEY_BOOL, RN_KEY_CHOICE, RN_KEY_TEXT, RN_KEY_SHAPE, RN_KEY_BYTES, RN_KEY_REALS, RN_KEY_ANY } rn_key_kind;
enum { RN_KEY_BLOCK = 1,                       // KEY.BLOCK sets one block alone
       RN_KEY_OPTION = 2,                      // an option of the system
       RN_KEY_OWN = 4,                         // without a value the system's own holds
       RN_KEY_UNSET = 8 };                     // without a value there is none
typedef struct {
  const char *name;
  rn_key_kind kind;
  double value, least, most;                   // default and bounds of numbers; of a choice the default's index
  const char *text, *choices, *help;           // text: default of the other kinds
  unsigned flags;
} rn_recipe_key;
/* All keys of a recipe for `system` (NULL: the engine's alone), in the order in which they are printed; false past the last. */
bool rn_recipe_key_at(const rn_system *system, int i, rn_recipe_key *out);
bool rn_recipe_key_find(const rn_system *system, const char *name, rn_recipe_key *out);
bool rn_phase_key_at(int i, rn_recipe_key *out);               // what `phases.NAME.` may hold
bool rn_key_choice(const char *choices, int i, char *word, size_t room);                 // word i of "mean|min"; false past the last
const char *rn_key_kind_name(rn_key_kind kind);                // "a whole number"
char *rn_key_default(const rn_recipe_key *key);                // as a recipe would write it; NULL: none. Owned by the caller
bool rn_bytes_parse(const char *text, size_t *bytes);          // "2G", "512M", "0"
char *rn_recipe_schema(const rn_system *system);               // JSON schema (draft 2020-12) of a recipe; owned by the caller
const char *rn_yaml_version(void);
#endif
