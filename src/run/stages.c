/* run/stages.c - runs joined by what they make: each stage has a folder and a recipe; what is finished is not repeated. */
#include "session.h"

typedef struct { const rn_recipe *all; const rn_train_options *o; const char **names; int n; } plan;

// "base", "base:pi", "mix:0.9*random+0.1*base": names of earlier stages become their folders
static char *with_folders(const plan *p, int before, const char *text, const char *product) {
  rn_text t = {0};
  static const char part[] = "+*,:() ";
  for (const char *at = text; *at;) {
    size_t n = strcspn(at, part);
    int k = 0;
    while (k < before && !(strlen(p->names[k]) == n && strncmp(p->names[k], at, n) == 0)) k++;
    if (n && k < before) {
      char *made = rn_printed("stages.%s.make", p->names[k]);
      rn_say_text(&t, "%s/%s%s", p->o->folder, p->names[k], rn_recipe_find(p->all, made) ? product : "");
      rn_free(made);
    } else rn_say_bytes(&t, at, n);
    at += n;
    if (*at) rn_say_bytes(&t, at++, 1);
  }
  return t.at ? t.at : rn_copy_text(text);
}

static bool names_products(const char *key) {
  return strcmp(key, "from") == 0 || strcmp(key, "data") == 0 || strcmp(key, "policy") == 0 || strncmp(key, "slots.", 6) == 0;
}

// the stage's own keys over those outside `stages`, with folders in place of names
static rn_recipe *recipe_of(const plan *p, int i) {
  char *under = rn_printed("stages.%s", p->names[i]);
  rn_recipe *own = rn_recipe_part(p->all, under), *r = rn_recipe_copy(p->all);
  const rn_given *measure = rn_recipe_find(own, "measure");
  rn_recipe_drop(r, "stages");
  if (rn_recipe_find(own, "make")) rn_recipe_free(r), r = rn_recipe_new(NULL);
  rn_recipe_merge(r, own);
  if (measure) rn_recipe_put(r, "system", measure->text, measure->place), rn_recipe_drop(r, "measure");
  for (int k = 0; k < rn_recipe_count(r); k++) {
    const rn_given *v = rn_recipe_at(r, k);
    if (!names_products(v->key) || v->items >= 0 || v->null) continue;
    char *text = with_folders(p, i, v->text, "/log.safetensors"), *key = rn_copy_text(v->key), *place = rn_copy_text(v->place);
    if (strcmp(text, v->text) != 0) rn_recipe_put(r, key, text, place);
    rn_free(text), rn_free(key), rn_free(place);
  }
  rn_recipe_free(own), rn_free(under);
  return r;
}

// the folder holds this very recipe (a stage that goes on), or nothing
static bool same_recipe(const char *folder, const char *text, bool *there, rn_error *err) {
  char *path = rn_printed("%s/recipe.yaml", folder), *old = NULL;
  size_t n;
  *there = rn_exists(path);
  bool fine = !*there || rn_read_file(path, &old, &n, err);
  if (fine && *there && strcmp(old, text) != 0)
    fine = rn_fail(err, "%s: made by another recipe; remove it to make it again, or name another folder", folder);
  rn_free(old), rn_free(path);
  return fine;
}

static rn_code make_log(const rn_recipe *r, const char *folder, const rn_train_options *o, rn_error *err) {
  char *text = rn_recipe_print(r, NULL), *log = rn_printed("%s/log.safetensors", folder), *path = rn_printed("%s/recipe.yaml", folder);
  bool there;
  double seed = rn_recipe_real(r, "seed");
  rn_code code = same_recipe(folder, text, &there, err) ? RN_OK : err->code;
  rn_data_order order = {.env = rn_recipe_text(r, "make"),
                         .policy = rn_recipe_text(r, "policy"),
                         .out = log,
                         .seed = isfinite(seed) ? (uint64_t)seed : 1,
                         .threads = o->threads,
                         .episodes = RN_MAX(rn_recipe_find(r, "episodes") ? rn_recipe_int(r, "episodes") : 0, 0),
                         .steps = RN_MAX(rn_recipe_find(r, "steps") ? rn_recipe_int(r, "steps") : 0, 0),
                         .interrupt = o->interrupt};
  if (code == RN_OK && !(there && rn_exists(log))) {
    code = rn_make_folder(folder, err) ? rn_data_make(&order, err) : err->code;
    if (code == RN_OK && !rn_write_file(path, text, strlen(text), err)) code = err->code;
  }
  rn_free(text), rn_free(log), rn_free(path);
  return code;
}

static rn_code train_one(rn_recipe *r, const char *folder, const rn_train_options *all, rn_error *err) {
  const rn_system *system = rn_recipe_system(r, err);
  if (!system || !rn_recipe_check(r, system, err) || !rn_recipe_needs(r, system, err)) return err->code;
  recipe_settle(r, system);                                     // as the run's own recipe.yaml has it
  char *text = rn_recipe_print(r, system);
  rn_train_options o = *all;
  bool there;
  o.folder = folder;
  rn_code code = !same_recipe(folder, text, &there, err) ? err->code : there ? rn_resume(&o, err) : rn_train(r, &o, err);
  rn_free(text);
  return code;
}

// a log that is neither a file nor an earlier stage is found before the first stage runs
static bool logs_there(const plan *p, rn_error *err) {
  for (int i = 0; i < p->n; i++) {
    char *key = rn_printed("stages.%s.data", p->names[i]);
    const rn_given *v = rn_recipe_find(p->all, key);
    rn_free(key);
    if (!v || v->items >= 0 || v->null || rn_exists(v->text) || strncmp(v->text, "mdp:", 4) == 0) continue;
    bool earlier = false;
    for (int k = 0; k < i; k++) earlier = earlier || strcmp(p->names[k], v->text) == 0;
    const char *near = rn_nearest(v->text, i, p->names);
    if (!earlier && near) return rn_fail(err, "%s: no file and no earlier stage '%s'; did you mean '%s'?", v->place, v->text, near);
    if (!earlier) return rn_fail(err, "%s: no file and no earlier stage '%s'", v->place, v->text);
  }
  return true;
}

rn_code rn_train_stages(const rn_recipe *r, const rn_train_options *o, rn_error *err) {
  plan p = {.all = r, .o = o};
  p.n = rn_recipe_names(r, "stages", &p.names);
  char *path = rn_printed("%s/recipe.yaml", o->folder), *text = rn_recipe_print(r, NULL);
  bool there;
  rn_code code = logs_there(&p, err) && same_recipe(o->folder, text, &there, err) && rn_make_folder(o->folder, err) &&
                         (there || rn_write_file(path, text, strlen(text), err))
                     ? RN_OK
                     : err->code;
  for (int i = 0; i < p.n && code == RN_OK; i++) {
    char *folder = rn_printed("%s/%s", o->folder, p.names[i]), *note = rn_printed("stage %d of %d: %s", i + 1, p.n, p.names[i]);
    rn_recipe *stage = recipe_of(&p, i);
    if (o->say) o->say(o->context, "note", note);
    code = rn_recipe_find(stage, "make") ? make_log(stage, folder, o, err) : train_one(stage, folder, o, err);
    rn_recipe_free(stage), rn_free(folder), rn_free(note);
  }
  if (code == RN_INTERRUPTED || code == RN_TERMINATED) {
    rn_error cut = *err;
    *err = (rn_error){0};
    rn_fail_as(err, code, "interrupted; go on with the whole of it:  rein resume %s (%.400s)", o->folder, cut.text);
  }
  rn_free(path), rn_free(text), rn_free(p.names);
  return code;
}
