/* run/stages.c - runs joined by what they make: each stage is a run of its own in a folder of its own, known by a key.
 *
 * A stage's key is the hash of its recipe (names of stages, not folders) and of the bytes of every input: the newest checkpoint of a run,
 * a log's file. A folder that bears the same key is finished or goes on; one that bears another key is made again. So a kill in stage 3
 * costs nothing of 1 and 2, and a changed recipe repeats what depends on the change alone. `each` makes several units of a stage,
 * NAME-1, NAME-2, ...: one for every combination of its lists, or one for every unit of another stage. */
#include "rein/run.h"
#include "session.h"
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_UNITS = 512, MOST_INPUTS = 64 };

typedef struct {
  char *name;                                  // of the folder: NAME, or NAME-k
  int stage, index;                            // which stage of the file, which of its units
  rn_recipe *own;                              // complete, with names of stages still
  int input[MOST_INPUTS], inputs;              // units it stands on
  bool log;                                    // makes a log, not a run
  int mark;                                    // of the ordering: 1 on the way, 2 placed
} unit;

typedef struct {
  const rn_recipe *all;
  const rn_train_options *o;
  const char **names, *units[MOST_UNITS];      // of the stages; of all that may be referred to, for "did you mean"
  int stages, n, order[MOST_UNITS], placed;
  unit at[MOST_UNITS];
} plan;

static const rn_given *key_of(const plan *p, int stage, const char *key) {
  char *full = rn_printed("stages.%s.%s", p->names[stage], key);
  const rn_given *v = rn_recipe_find(p->all, full);
  rn_free(full);
  return v;
}

static int stage_named(const plan *p, const char *name, size_t n) {
  for (int i = 0; i < p->stages; i++) if (strlen(p->names[i]) == n && strncmp(p->names[i], name, n) == 0) return i;
  return -1;
}

static int units_of(const plan *p, int stage) {
  int n = 0;
  for (int i = 0; i < p->n; i++) n += p->at[i].stage == stage;
  return n;
}

//---- units: what a stage is in this recipe -------------------------------------------------------------------------------------------------

// the stage's own keys over those outside `stages`
static rn_recipe *keys_of(const plan *p, int stage) {
  char *under = rn_printed("stages.%s", p->names[stage]);
  rn_recipe *own = rn_recipe_part(p->all, under), *r;
  const rn_given *measure = rn_recipe_find(own, "measure"), *env = rn_recipe_find(own, "env");
  bool rollouts = measure && strcmp(measure->text, "rollouts") == 0;
  rn_recipe_drop(own, "each"), rn_recipe_drop(own, "as");
  if (rollouts) {
    const rn_given *policy = rn_recipe_find(own, "slots.policy");
    if (env) rn_recipe_put(own, "make", env->text, env->place);
    if (policy) rn_recipe_put(own, "policy", policy->text, policy->place);
    rn_recipe_drop(own, "slots"), rn_recipe_drop(own, "measure"), rn_recipe_drop(own, "env");
  } else if (measure) {
    rn_recipe_put(own, "system", measure->text, measure->place), rn_recipe_drop(own, "measure");
  }
  bool log = rollouts || rn_recipe_find(own, "make");
  r = log ? rn_recipe_new(NULL) : rn_recipe_copy(p->all);
  if (log && rn_recipe_find(p->all, "seed")) rn_recipe_put(r, "seed", rn_recipe_find(p->all, "seed")->text, rn_recipe_place(p->all, "seed"));
  if (rollouts && !env && rn_recipe_find(p->all, "env")) rn_recipe_put(r, "make", rn_recipe_find(p->all, "env")->text, rn_recipe_place(p->all, "env"));
  rn_recipe_drop(r, "stages"), rn_recipe_merge(r, own);
  rn_recipe_free(own), rn_free(under);
  return r;
}

static bool add_unit(plan *p, int stage, int index, bool several, rn_recipe *r, rn_error *err) {
  if (p->n == MOST_UNITS) return rn_recipe_free(r), rn_fail(err, "stage '%s': more than %d runs in all", p->names[stage], MOST_UNITS);
  unit *u = &p->at[p->n];
  *u = (unit){.name = several ? rn_printed("%s-%d", p->names[stage], index + 1) : rn_copy_text(p->names[stage]), .stage = stage, .index = index,
              .own = r, .log = rn_recipe_find(r, "make") != NULL};
  for (int i = 0; i < p->n; i++)
    if (strcmp(p->at[i].name, u->name) == 0) return p->n++, rn_fail(err, "two stages would have the folder '%s'; rename one", u->name);
  p->units[p->n++] = u->name;
  return true;
}

// every combination of the lists of `each`, the last list fastest
static bool expand_lists(plan *p, int stage, rn_error *err) {
  char *under = rn_printed("stages.%s.each", p->names[stage]);
  rn_recipe *each = rn_recipe_part(p->all, under);
  int count = 1, keys = rn_recipe_count(each);
  rn_free(under);
  bool fine = true;
  for (int k = 0; fine && k < keys; k++) {
    const rn_given *v = rn_recipe_at(each, k);
    if (v->items < 1) fine = rn_fail(err, "%s: each.%s: wants a list, as in each: {%s: [a, b]}", v->place, v->key, v->key);
    else if ((count *= v->items) > MOST_UNITS) fine = rn_fail(err, "%s: each makes more than %d runs", v->place, MOST_UNITS);
  }
  for (int i = 0; fine && i < count; i++) {
    rn_recipe *r = keys_of(p, stage);
    int rest = i;
    for (int k = keys - 1; k >= 0; k--) {
      const rn_given *v = rn_recipe_at(each, k);
      const char *key = strcmp(v->key, "env") == 0 && rn_recipe_find(r, "make") ? "make" : v->key;
      rn_recipe_put(r, key, v->item[rest % v->items], v->place), rest /= v->items;
    }
    fine = add_unit(p, stage, i, keys > 0, r, err);
  }
  rn_recipe_free(each);
  return fine;
}

// `each: NAME` follows another stage, which must be expanded first
static bool expand(plan *p, int stage, int depth, rn_error *err) {
  if (units_of(p, stage)) return true;
  const rn_given *v = key_of(p, stage, "each");
  if (!v) return expand_lists(p, stage, err);
  int other = v->items < 0 ? stage_named(p, v->text, strlen(v->text)) : -1;
  const char *near = v->items < 0 ? rn_nearest(v->text, p->stages, p->names) : NULL;
  if (other < 0 && near) return rn_fail(err, "%s: each: no stage '%s'; did you mean '%s'?", v->place, v->text, near);
  if (other < 0) return rn_fail(err, "%s: each: a stage's name, or lists: each: {env: [a, b]}", v->place);
  if (depth > p->stages) return rn_fail(err, "%s: each: '%s' follows itself in a circle", v->place, p->names[stage]);
  if (!expand(p, other, depth + 1, err)) return false;
  bool fine = true;
  for (int i = 0, n = units_of(p, other); fine && i < n; i++) fine = add_unit(p, stage, i, n > 1, keys_of(p, stage), err);
  return fine;
}

//---- references ----------------------------------------------------------------------------------------------------------------------------

static bool refers(const char *key, bool log) {
  return strcmp(key, "from") == 0 || strcmp(key, "data") == 0 || (log && strcmp(key, "policy") == 0) || strncmp(key, "slots.", 6) == 0;
}

// the unit that a word names: a unit's own name, a stage of one unit, or of the stage that `each` follows the one of the same place
static bool unit_named(const plan *p, const unit *u, const char *word, size_t n, const char *place, int *out, rn_error *err) {
  *out = -1;
  for (int i = 0; i < p->n; i++) if (strlen(p->at[i].name) == n && strncmp(p->at[i].name, word, n) == 0) return *out = i, true;
  int stage = stage_named(p, word, n), first = 0;
  if (stage < 0) return true;
  while (p->at[first].stage != stage) first++;
  const rn_given *each = key_of(p, u->stage, "each");
  if (each && strcmp(each->text, p->names[stage]) == 0) return *out = first + u->index, true;
  return rn_fail(err, "%s: stage '%s' is %d runs; name one of them, as %s-1, or say each: %s", place, p->names[stage], units_of(p, stage), p->names[stage],
                 p->names[stage]);
}

static bool is_product(const plan *p, int i, const char *key, const char *after, const char *place, rn_error *err) {
  const unit *u = &p->at[i];
  bool wants_log = strcmp(key, "data") == 0;
  if (u->log && *after == ':' && strncmp(after, ":table", 6) != 0) return rn_fail(err, "%s: %s: stage '%s' makes a table: %s:table", place, key, u->name, u->name);
  if (wants_log && !u->log) return rn_fail(err, "%s: data: stage '%s' makes a run, not a log; a stage {measure: rollouts, policy: %s} makes one", place, u->name, u->name);
  const rn_system *system = u->log ? NULL : rn_recipe_system(u->own, err);
  bool table = strncmp(key, "slots.", 6) == 0;                  // of a measure: a further log
  return !u->log ? system != NULL : wants_log || table || rn_fail(err, "%s: %s: stage '%s' makes a log, not a run", place, key, u->name);
}

/* "base", "base:pi", "mix:0.9*random+0.1*base" with the folders of stages in place of their names; the inputs are noted. Called again it
 * notes nothing new. NULL and a message: a reference that is none. */
static char *resolved(plan *p, unit *u, const rn_given *v, rn_error *err) {
  static const char part[] = "+*,:() ";
  rn_text t = {0};
  bool any = false, fine = true;
  for (const char *at = v->text; fine && *at;) {
    size_t n = strcspn(at, part);
    int k = -1;
    fine = !n || unit_named(p, u, at, n, v->place, &k, err);
    if (fine && k >= 0) {
      any = true, fine = is_product(p, k, v->key, at + n, v->place, err);
      bool known = false;
      for (int i = 0; i < u->inputs; i++) known = known || u->input[i] == k;
      if (!known && u->inputs == MOST_INPUTS) fine = rn_fail(err, "%s: more than %d inputs of one stage", v->place, MOST_INPUTS);
      else if (!known) u->input[u->inputs++] = k;
      rn_say_text(&t, "%s/%s%s", p->o->folder, p->at[k].name, p->at[k].log ? "/log.safetensors" : "");
      if (p->at[k].log && strncmp(at + n, ":table", 6) == 0) n += strlen(":table");
    } else rn_say_bytes(&t, at, n);
    at += n;
    if (*at) rn_say_bytes(&t, at++, 1);
  }
  // a word that is neither a stage nor anything that exists
  char *bare = rn_printed("%.*s", (int)(strchr(v->text, ':') ? strchr(v->text, ':') - v->text : (long)strlen(v->text)), v->text);
  bool formula = strncmp(v->text, "mix:", 4) == 0 || strncmp(v->text, "mdp:", 4) == 0 || strcmp(v->text, "random") == 0;
  if (fine && !any && !formula && !rn_exists(v->text) && !rn_exists(bare)) {
    const char *near = rn_nearest(bare, p->n, p->units);
    if (near) rn_fail(err, "%s: %s: no file and no stage '%s'; did you mean '%s'?", v->place, v->key, v->text, near);
    else rn_fail(err, "%s: %s: no file and no stage '%s'", v->place, v->key, v->text);
    fine = false;
  }
  rn_free(bare);
  if (!fine) rn_free(t.at), t.at = NULL;
  return t.at;
}

// a judge's slot may be numbers
static bool is_reference(const unit *u, const rn_given *v) {
  if (!refers(v->key, u->log) || v->items >= 0 || v->null) return false;
  rn_error ignored = {0};
  const rn_system *s = u->log || strncmp(v->key, "slots.", 6) != 0 ? NULL : rn_recipe_system(u->own, &ignored);
  for (const rn_need *n = s ? s->needs : NULL; n && n->name; n++) if (n->slot == RN_SLOT_JUDGE && strcmp(n->name, v->key + 6) == 0) return false;
  return true;
}

// the recipe that is run: folders in place of names
static rn_recipe *recipe_of(plan *p, unit *u, rn_error *err) {
  rn_recipe *r = rn_recipe_copy(u->own);
  for (int k = 0; r && k < rn_recipe_count(u->own); k++) {
    const rn_given *v = rn_recipe_at(u->own, k);
    if (!is_reference(u, v)) continue;
    char *text = resolved(p, u, v, err);
    if (text) rn_recipe_put(r, v->key, text, v->place), rn_free(text);
    else rn_recipe_free(r), r = NULL;
  }
  return r;
}

//---- before anything runs ------------------------------------------------------------------------------------------------------------------

static bool check_unit(plan *p, unit *u, rn_error *err) {
  rn_recipe *r = recipe_of(p, u, err);
  if (!r) return false;
  const rn_given *seeds = rn_recipe_find(r, "seeds"), *first = rn_recipe_at(r, 0);
  bool fine = true;
  if (u->log) {
    rn_error why = {0};
    const rn_env_kind *kind = rn_env_find(rn_recipe_text(r, "make"), &why);
    if (kind) rn_env_done(kind);
    else fine = rn_fail(err, "%s: %s", rn_recipe_place(r, "make"), why.text);
    if (fine && !rn_recipe_find(r, "policy")) fine = rn_fail(err, "%s: stage '%s' names no policy: random, a stage, or mix:...", first->place, u->name);
  } else {
    const rn_system *system = rn_recipe_system(r, err);
    fine = system && rn_recipe_check(r, system, err) && rn_recipe_needs(r, system, err);
    if (fine && seeds && strcmp(seeds->text, "1") != 0)
      fine = rn_fail(err, "%s: seeds: a stage is one run; say each: {seed: [1, 2, 3]}", seeds->place);
  }
  rn_recipe_free(r);
  return fine;
}

// where `u` names the unit i
static const char *place_of(const plan *p, const unit *u, int i) {
  for (int k = 0; k < rn_recipe_count(u->own); k++) {
    const rn_given *v = rn_recipe_at(u->own, k);
    rn_error ignored = {0};
    int named = -1;
    if (!is_reference(u, v)) continue;
    for (const char *at = v->text; *at; at += strcspn(at, "+*,:() "), at += *at != 0)
      if (unit_named(p, u, at, strcspn(at, "+*,:() "), v->place, &named, &ignored) && named == i) return v->place;
  }
  return u->name;
}

static bool place_unit(plan *p, int i, int from, rn_error *err) {
  unit *u = &p->at[i];
  if (u->mark == 2) return true;
  if (u->mark == 1)
    return rn_fail(err, "%s: stages '%s' and '%s' wait for each other in a circle", place_of(p, &p->at[from], i), p->at[from].name, u->name);
  u->mark = 1;
  for (int k = 0; k < u->inputs; k++) if (!place_unit(p, u->input[k], i, err)) return false;
  u->mark = 2, p->order[p->placed++] = i;
  return true;
}

static bool make_plan(plan *p, rn_error *err) {
  p->stages = rn_recipe_names(p->all, "stages", &p->names);
  bool fine = p->stages > 0 || rn_fail(err, "the recipe has no stages");
  for (int i = 0; fine && i < p->stages; i++) fine = expand(p, i, 0, err);
  for (int i = 0; fine && i < p->n; i++) fine = check_unit(p, &p->at[i], err);
  for (int i = 0; fine && i < p->n; i++) fine = place_unit(p, i, i, err);
  return fine;
}

static void plan_free(plan *p) {
  for (int i = 0; i < p->n; i++) rn_free(p->at[i].name), rn_recipe_free(p->at[i].own);
  rn_free(p->names), rn_free(p);
}

//---- keys ----------------------------------------------------------------------------------------------------------------------------------

// a run's newest checkpoint, or a file; what can't be read whole (a folder of a log, a formula) counts by its name, which the recipe holds
static bool hash_product(const char *path, uint64_t *hash, rn_error *err) {
  char **list, *bytes;
  struct stat s;
  size_t n;
  int found = checkpoint_list(path, &list);
  char *file = found ? rn_copy_text(list[0]) : stat(path, &s) == 0 && S_ISREG(s.st_mode) ? rn_copy_text(path) : NULL;
  for (int i = 0; i < found; i++) rn_free(list[i]);
  rn_free(list);
  bool fine = !file || rn_read_file(file, &bytes, &n, err);
  if (file && fine) *hash = rn_hash(bytes, n, *hash), rn_free(bytes);
  rn_free(file);
  return fine;
}

static bool key_text(plan *p, unit *u, char key[20], rn_error *err) {
  rn_error ignored = {0};
  char *text = rn_recipe_print(u->own, u->log ? NULL : rn_recipe_system(u->own, &ignored));
  uint64_t hash = rn_hash(text, strlen(text), 1);
  rn_free(text);
  bool fine = true;
  for (int i = 0; fine && i < u->inputs; i++) {
    const unit *in = &p->at[u->input[i]];
    char *path = rn_printed("%s/%s%s", p->o->folder, in->name, in->log ? "/log.safetensors" : "");
    fine = hash_product(path, &hash, err);
    rn_free(path);
  }
  for (int k = 0; fine && k < rn_recipe_count(u->own); k++) {
    const rn_given *v = rn_recipe_at(u->own, k);
    if (!is_reference(u, v)) continue;
    size_t word = strcspn(v->text, ":");
    int stage;
    if (unit_named(p, u, v->text, word, v->place, &stage, &ignored) && stage >= 0) continue;     // counted above
    char *outside = rn_exists(v->text) ? rn_copy_text(v->text) : rn_printed("%.*s", (int)word, v->text);
    fine = hash_product(outside, &hash, err);
    rn_free(outside);
  }
  snprintf(key, 20, "%016llx", (unsigned long long)hash);
  return fine;
}

//---- running -------------------------------------------------------------------------------------------------------------------------------

// all but the lock file
static bool empty_folder(const char *folder, rn_error *err) {
  DIR *d = opendir(folder);
  bool fine = true;
  for (struct dirent *e; d && fine && (e = readdir(d));) {
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || strcmp(e->d_name, "lock") == 0) continue;
    char *path = rn_printed("%s/%s", folder, e->d_name);
    struct stat s;
    if (lstat(path, &s) == 0 && S_ISDIR(s.st_mode)) fine = empty_folder(path, err) && (rmdir(path) == 0 || rn_fail_as(err, RN_SYSTEM, "%s: can't be removed", path));
    else fine = rn_remove(path, err);
    rn_free(path);
  }
  if (d) closedir(d);
  return fine;
}

/* The folder bears this key, and what it holds goes on; else it is emptied, if it is a stage's, and bears the key from now on. */
static bool claim_folder(const char *folder, const char *key, bool *there, rn_error *err) {
  char *path = rn_printed("%s/stage.key", folder), *recipe = rn_printed("%s/recipe.yaml", folder), *old = NULL;
  size_t n;
  bool bears = rn_exists(path), fine = !bears || rn_read_file(path, &old, &n, err);
  *there = fine && bears && strncmp(old, key, strlen(key)) == 0 && rn_exists(recipe);
  if (fine && !bears && rn_exists(recipe)) fine = rn_fail(err, "%s: holds a run that is no stage of this recipe; name another folder", folder);
  if (fine && !*there) {
    char line[32];
    snprintf(line, sizeof line, "%s\n", key);
    // the recipe goes first: a kill on the way leaves a folder that is no run and is emptied again
    fine = (!bears || (rn_remove(recipe, err) && empty_folder(folder, err))) && rn_make_folder(folder, err) && rn_write_file(path, line, strlen(line), err);
  }
  rn_free(path), rn_free(recipe), rn_free(old);
  return fine;
}

static rn_code make_log(const rn_recipe *r, const char *folder, const rn_train_options *o, rn_error *err) {
  char *text = rn_recipe_print(r, NULL), *log = rn_printed("%s/log.safetensors", folder), *path = rn_printed("%s/recipe.yaml", folder);
  double seed = rn_recipe_real(r, "seed");
  rn_data_order order = {.env = rn_recipe_text(r, "make"),
                         .policy = rn_recipe_text(r, "policy"),
                         .out = log,
                         .seed = isfinite(seed) ? (uint64_t)seed : 1,
                         .threads = o->threads,
                         .episodes = RN_MAX(rn_recipe_find(r, "episodes") ? rn_recipe_int(r, "episodes") : 0, 0),
                         .steps = RN_MAX(rn_recipe_find(r, "steps") ? rn_recipe_int(r, "steps") : 0, 0),
                         .interrupt = o->interrupt};
  rn_code code = rn_data_make(&order, err);
  if (code == RN_OK && !rn_write_file(path, text, strlen(text), err)) code = err->code;
  rn_free(text), rn_free(log), rn_free(path);
  return code;
}

static rn_code run_unit(plan *p, unit *u, rn_error *err) {
  char key[20], *folder = rn_printed("%s/%s", p->o->folder, u->name);
  bool there = false, fine = key_text(p, u, key, err) && claim_folder(folder, key, &there, err);
  rn_recipe *r = fine ? recipe_of(p, u, err) : NULL;
  rn_train_options o = *p->o;
  o.folder = folder;
  rn_code code = r ? RN_OK : err->code;
  if (code == RN_OK && u->log) code = there ? RN_OK : make_log(r, folder, p->o, err);
  else if (code == RN_OK) {
    const rn_system *system = rn_recipe_system(r, err);
    code = !system || !rn_recipe_check(r, system, err) ? err->code : there ? rn_resume(&o, err) : rn_train(r, &o, err);
  }
  rn_recipe_free(r), rn_free(folder);
  return code;
}

static bool write_recipe(const rn_recipe *r, const char *folder, rn_error *err) {
  char *path = rn_printed("%s/recipe.yaml", folder), *text = rn_recipe_print(r, NULL);
  bool fine = true;
  if (rn_exists(path)) {
    rn_recipe *old = rn_recipe_read(path, err);
    const char **names = NULL;
    fine = old && (rn_recipe_names(old, "stages", &names) > 0 || rn_fail(err, "%s: holds a run without stages; name another folder", folder));
    rn_free(names), rn_recipe_free(old);
  }
  fine = fine && rn_make_folder(folder, err) && rn_lock_folder(folder, err) && rn_write_file(path, text, strlen(text), err);
  rn_free(path), rn_free(text);
  return fine;
}

rn_code rn_train_stages(const rn_recipe *r, const rn_train_options *o, rn_error *err) {
  plan *p = rn_new(sizeof *p);
  p->all = r, p->o = o;
  rn_code code = make_plan(p, err) && write_recipe(r, o->folder, err) ? RN_OK : err->code;
  for (int i = 0; i < p->placed && code == RN_OK; i++) {
    unit *u = &p->at[p->order[i]];
    char *note = rn_printed("stage %d of %d: %s", i + 1, p->placed, u->name);
    if (o->say) o->say(o->context, "note", note);
    rn_free(note);
    code = run_unit(p, u, err);
  }
  if (code == RN_INTERRUPTED || code == RN_TERMINATED) {
    rn_error cut = *err;
    *err = (rn_error){0};
    rn_fail_as(err, code, "interrupted; go on with the whole of it:  rein resume %s (%.400s)", o->folder, cut.text);
  }
  plan_free(p);
  return code;
}
