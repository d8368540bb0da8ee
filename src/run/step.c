/* run/step.c - any update can be checked from outside: K updates on given parameters, rows and noise, and all state written back. */
#include "session.h"

//---- a session without sources -----------------------------------------------------------------------------------------------------------

static session *bare(const rn_recipe *r, int obs, int act, int actions, rn_error *err) {
  rn_recipe *sized = rn_recipe_copy(r);
  char text[32];
  snprintf(text, sizeof text, "%d", obs), rn_recipe_put(sized, "shape.obs", text, "command line");
  snprintf(text, sizeof text, "%d", act), rn_recipe_put(sized, "shape.act", text, "command line");
  snprintf(text, sizeof text, "%d", actions), rn_recipe_put(sized, "shape.actions", text, "command line");
  rn_recipe_drop(sized, "data"), rn_recipe_drop(sized, "env");
  session *s = session_new(sized, &(session_plan){0}, err);
  rn_recipe_free(sized);
  return s;
}

static bool fill(session *s, const char *path, rn_error *err) {
  rn_safetensors *f = rn_load_safetensors(path, err);
  if (!f) return false;
  bool fine = true;
  rn_entry e;
  for (int i = 0; fine && rn_state_entry(s->run, i, &e); i++) {
    const rn_tensor *t = rn_safetensors_find(f, e.name);
    bool moment = strncmp(e.name, "adam.", 5) == 0 || strncmp(e.name, "sgd.", 4) == 0 || strncmp(e.name, "count.", 6) == 0;
    if (!t && (moment || strncmp(e.name, "normal.", 7) == 0)) continue;           // as at the start
    if (!t) fine = rn_fail(err, "%s: has no '%s'", path, e.name);
    else if ((size_t)t->count != e.count) fine = rn_fail(err, "%s: '%s' has %lld entries, not %zu", path, e.name, (long long)t->count, e.count);
    else if (t->type == (int)e.type) memcpy(e.data, t->data, t->bytes);
    else if (e.type == RN_F32) fine = rn_tensor_floats(t, e.data, err);
    else fine = rn_fail(err, "%s: '%s' is %s, not %s", path, e.name, t->stored, rn_type_name(e.type));
  }
  rn_safetensors_close(f);
  return fine;
}

//---- rows ------------------------------------------------------------------------------------------------------------------------------------

typedef struct { int rows, obs, act, T, n; } sizes;

static int last_of(const rn_tensor *t) { return t->dims > 1 ? (int)t->dim[t->dims - 1] : 1; }

static bool sizes_of(const rn_safetensors *f, const char *path, sizes *out, rn_error *err) {
  const rn_tensor *obs = rn_safetensors_find(f, "obs"), *act = rn_safetensors_find(f, "act");
  if (!obs || obs->dims < 2 || obs->dims > 3) return rn_fail(err, "%s: needs obs [B, obs], or of a rollout [T, n, obs]", path);
  *out = (sizes){.obs = last_of(obs), .rows = (int)(obs->count / last_of(obs)), .T = (int)obs->dim[0], .n = obs->dims == 3 ? (int)obs->dim[1] : 0};
  if (act) out->act = act->dims == obs->dims ? last_of(act) : 1;
  if (out->rows < 1) return rn_fail(err, "%s: holds no rows", path);
  return (!act || act->count == (int64_t)out->rows * out->act) || rn_fail(err, "%s: act has %lld entries, obs %d rows", path, (long long)act->count, out->rows);
}

static bool floats_of(const rn_safetensors *f, const char *path, const char *name, int64_t count, float *out, rn_error *err) {
  const rn_tensor *t = rn_safetensors_find(f, name);
  if (!t) return rn_fail(err, "%s: has no '%s'", path, name);
  if (t->count != count) return rn_fail(err, "%s: '%s' has %lld entries, not %lld", path, name, (long long)t->count, (long long)count);
  return rn_tensor_floats(t, out, err);
}

static rn_table *table_of(const rn_safetensors *f, const char *path, const sizes *k, bool discrete, rn_error *err) {
  rn_table *t = rn_table_new(0, NULL);
  bool fine = true;
  for (int i = 0; fine && i < rn_safetensors_count(f); i++) {
    const rn_tensor *x = rn_safetensors_at(f, i);
    if (x->count % k->rows || x->count == 0) { fine = rn_fail(err, "%s: '%s' has %lld entries for %d rows", path, x->name, (long long)x->count, k->rows); break; }
    int w = (int)(x->count / k->rows);
    bool flag = strcmp(x->name, "terminated") == 0 || strcmp(x->name, "truncated") == 0, choice = discrete && strcmp(x->name, "act") == 0;
    rn_table_add_column(t, (rn_field){x->name, flag ? RN_U8 : choice ? RN_I32 : RN_F32, w, NULL});
  }
  if (fine) rn_table_add(t, k->rows);
  for (int i = 0; fine && i < rn_safetensors_count(f); i++) {
    const rn_tensor *x = rn_safetensors_at(f, i);
    float *v = rn_new((size_t)x->count * sizeof *v);
    rn_field c;
    fine = rn_tensor_floats(x, v, err) && rn_table_column(t, x->name, &c);
    void *to = fine ? rn_table_write(t, x->name, 0) : NULL;
    for (int64_t j = 0; fine && j < x->count; j++)
      if (c.type == RN_U8) ((uint8_t *)to)[j] = v[j] != 0;
      else if (c.type == RN_I32) ((int32_t *)to)[j] = (int32_t)v[j];
      else ((float *)to)[j] = v[j];
    rn_free(v);
  }
  if (!fine) rn_table_free(t), t = NULL;
  return t;
}

static bool rollout_of(session *s, const rn_safetensors *f, const char *path, const sizes *k, rn_rollout *r, rn_error *err) {
  int64_t n = k->rows;
  int T = k->n ? k->T : k->rows, rows = k->n ? k->n : 1;
  rn_graph *g = s->g;
  float *obs = rn_scratch_bytes(g, (size_t)(n * k->obs) * 4), *next = rn_scratch_bytes(g, (size_t)(n * k->obs) * 4), *act = rn_scratch_bytes(g, (size_t)(n * k->act) * 4);
  float *logp = rn_scratch_bytes(g, (size_t)n * 4), *reward = rn_scratch_bytes(g, (size_t)n * 4), *end = rn_scratch_bytes(g, (size_t)n * 4);
  float *live = rn_scratch_bytes(g, (size_t)n * 4), *first = rn_scratch_bytes(g, (size_t)n * 4);
  uint8_t *cut = rn_scratch_bytes(g, (size_t)n);
  if (!floats_of(f, path, "obs", n * k->obs, obs, err) || !floats_of(f, path, "next", n * k->obs, next, err) || !floats_of(f, path, "act", n * k->act, act, err) ||
      !floats_of(f, path, "logp", n, logp, err) || !floats_of(f, path, "reward", n, reward, err)) return false;
  if (!floats_of(f, path, "terminated", n, end, err)) return false;
  for (int64_t i = 0; i < n; i++) live[i] = end[i] == 0;
  if (!floats_of(f, path, "truncated", n, end, err)) return false;
  for (int64_t i = 0; i < n; i++) cut[i] = end[i] != 0, first[i] = i < rows || live[i - rows] == 0 || cut[i - rows];
  *r = (rn_rollout){.g = g, .run = s->run, .T = T, .n = rows, .obs = obs, .raw = act, .executed = act, .logp = logp, .reward = reward, .live = live,
                    .first = first, .cut = cut, .next = next};
  return true;
}

//---- noise ------------------------------------------------------------------------------------------------------------------------------------

typedef struct { const rn_safetensors *f; const char *path; rn_error *err; rn_text *say; bool json; int draws; } noise;

static bool given(void *context, int ordinal, const char *law, const rn_node *x, rn_real *values) {
  noise *k = context;
  if (k->say) {
    if (k->json) rn_say_text(k->say, "%s{\"name\": \"noise.%d\", \"shape\": [%d, %d], \"law\": \"%s\"}", k->draws ? ", " : "", ordinal, rn_rows(x), rn_cols(x), law);
    else rn_say_text(k->say, "noise.%-4d [%d, %d]  %s\n", ordinal, rn_rows(x), rn_cols(x), law);
    k->draws++;
  }
  char name[32];
  snprintf(name, sizeof name, "noise.%d", ordinal);
  const rn_tensor *t = k->f ? rn_safetensors_find(k->f, name) : NULL;
  if (!t) return false;
  if ((size_t)t->count != rn_count(x)) return rn_fail(k->err, "%s: '%s' has %lld entries, the draw has %zu", k->path, name, (long long)t->count, rn_count(x));
  float *v = rn_new(rn_count(x) * sizeof *v);
  bool fine = rn_tensor_floats(t, v, k->err);
  for (size_t i = 0; fine && i < rn_count(x); i++) values[i] = (rn_real)v[i];
  rn_free(v);
  return fine;
}

//---- the updates --------------------------------------------------------------------------------------------------------------------------------

static const rn_phase *phase_of(const rn_system *m) {
  for (const rn_phase *p = m->phases; p && p->name; p++) if (p->rows || p->steps) return p;
  return NULL;
}

static bool updates(session *s, const rn_safetensors *f, const char *path, const sizes *k, rn_table *t, int count, int rows, rn_error *err) {
  const rn_phase *p = phase_of(s->system);
  for (int u = 0; u < count && err->code == RN_OK && !rn_stopped(s->run); u++) {
    rn_graph_begin(s->g, rn_key_of(s->run, "step", (uint64_t)u, 0));
    rn_notes_clear(s->run);
    if (p->rows) {
      int64_t *row = rn_scratch_bytes(s->g, (size_t)rows * sizeof *row);
      for (int i = 0; i < rows; i++) row[i] = i;
      rn_batch b = rn_batch_new(s->g, s->run, t, NULL, &s->scaling, rows, row);
      b.update = u, b.updates = count;
      p->rows(s->self, &b);
    } else {
      rn_rollout r;
      if (!rollout_of(s, f, path, k, &r, err)) return false;
      r.update = u, r.updates = count;
      p->steps(s->self, &r);
    }
  }
  if (rn_stopped(s->run)) return rn_fail_as(err, rn_stopped(s->run)->code, "%s", rn_stopped(s->run)->text);
  return err->code == RN_OK;
}

rn_code rn_step_system(const rn_recipe *r, const rn_step_files *o, rn_error *err) {
  if (o->init) {
    if (o->obs < 1 || (o->act < 1 && o->actions < 1)) return rn_fail(err, "--init needs sizes: obs=N and act=N (or actions=N)"), err->code;
    session *s = bare(r, o->obs, RN_MAX(o->act, 1), o->actions, err);
    bool fine = s && state_write(s->run, o->init, 0, NULL, NULL, 1, (rn_tensor_note[]){{"system", s->system->name}}, err);
    session_free(s);
    return fine ? RN_OK : err->code;
  }
  rn_safetensors *batch = rn_load_safetensors(o->batch, err), *draws = NULL;
  sizes k;
  bool fine = batch && sizes_of(batch, o->batch, &k, err) && (!o->noise || (draws = rn_load_safetensors(o->noise, err)));
  session *s = fine ? bare(r, k.obs, RN_MAX(k.act, 1), o->actions, err) : NULL;
  fine = s != NULL && fill(s, o->params, err);
  if (fine && !phase_of(s->system)) fine = rn_fail(err, "%s has no update on rows: nothing to step", s->system->name);
  rn_table *t = fine && phase_of(s->system)->rows ? table_of(batch, o->batch, &k, o->actions > 0, err) : NULL;
  fine = fine && (t || !phase_of(s->system)->rows);
  noise source = {.f = draws, .path = o->noise, .err = err};
  if (fine) rn_graph_noise(s->g, given, &source);
  fine = fine && updates(s, batch, o->batch, &k, t, RN_MAX(o->updates, 1), k.rows, err);
  if (fine) {
    const char **names;
    const double *values;
    int n = rn_notes(s->run, &names, &values);
    fine = state_write(s->run, o->out, n, names, values, 1, (rn_tensor_note[]){{"system", s->system->name}}, err);
  }
  rn_table_free(t), session_free(s), rn_safetensors_close(batch), rn_safetensors_close(draws);
  return fine ? RN_OK : err->code;
}

// the draws of one update on rows of zeros: their order, shapes and laws do not depend on values
rn_code rn_step_noise(const rn_recipe *r, int obs, int act, int actions, rn_text *out, bool json, rn_error *err) {
  session *s = bare(r, RN_MAX(obs, 1), RN_MAX(act, 1), actions, err);
  if (!s) return err->code;
  const rn_phase *p = phase_of(s->system);
  int n = (int)rn_recipe_int(s->recipe, "batch");
  rn_field f[] = {{"obs", RN_F32, RN_MAX(obs, 1), NULL}, {"act", actions > 0 ? RN_I32 : RN_F32, RN_MAX(act, 1), NULL}, {"reward", RN_F32, 1, NULL},
                  {"terminated", RN_U8, 1, NULL}, {"truncated", RN_U8, 1, NULL}, {"next", RN_F32, RN_MAX(obs, 1), NULL}};
  noise listing = {.err = err, .say = out, .json = json};
  if (json) rn_say_text(out, "[");
  if (p && p->rows) {
    rn_table *t = rn_table_new(RN_COUNT(f), f);
    rn_table_add(t, n);
    rn_graph_noise(s->g, given, &listing);
    // two updates: a delayed actor draws in the second
    updates(s, NULL, "", NULL, t, 1, n, err);
    rn_table_free(t);
  }
  if (json) rn_say_text(out, "]\n");
  else if (!listing.draws) rn_say_text(out, "an update of %s on given rows draws nothing\n", s->system->name);
  session_free(s);
  return err->code;
}
