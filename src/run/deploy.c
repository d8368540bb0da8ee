/* run/deploy.c - a run leaves the house: its policy as one C file, or its blocks as safetensors. */
#include "rein/export.h"
#include "session.h"

enum { TESTS = 16 };

// observations to try the exported file on: the log's rows, else what a random policy sees, else N(0, 1)
static bool observations(session *s, int w, float *obs, rn_error *err) {
  rn_key key = rn_key_of(s->run, "export.observations", 0, 0);
  if (s->log) {
    int64_t rows[TESTS];
    for (int i = 0; i < TESTS; i++) rows[i] = rn_below(&key, rn_table_rows(s->log));
    return rn_gather(s->log, "obs", TESTS, rows, obs), true;
  }
  for (int i = 0; i < TESTS * w; i++) obs[i] = (float)rn_normal64(&key);
  if (!s->kind) return true;
  rn_run *own = rn_run_new(rn_run_seed(s->run), 0);
  rn_worlds *world = rn_worlds_new(own, s->kind, "export", 1, err);
  if (!world) return rn_run_free(own), false;
  rn_worlds_reset_all(world);
  for (int i = 0; i < TESTS; i++) {
    float act[64];
    memcpy(obs + i * w, world->env.obs, (size_t)w * sizeof *obs);
    for (int k = 0; k < world->act; k++) act[k] = s->kind->act.kind == RN_DISCRETE ? (float)rn_below(&key, s->kind->act.dim[0]) : rn_uniform(&key, -1, 1);
    if (!rn_worlds_step(world, act)) break;
    if (rn_worlds_over(world, 0)) rn_worlds_reset_all(world);
  }
  rn_worlds_close_all(own), rn_run_free(own);
  return true;
}

typedef struct { rn_node *raw, *act; } tape;

static tape act_on(session *s, const float *obs) {
  tape t;
  rn_graph_begin(s->act_graph, rn_key_of(s->run, "act.export", 0, 0));
  rn_obs in = {.mode = RN_DEPLOY, .obs = session_observe(s, s->act_graph, 1, obs, &t.raw)};
  rn_action out = {0};
  s->system->act(s->self, &in, &out);
  return t.act = out.act, t;
}

// what the environment would execute
static void executed(const session *s, const rn_world *w, const rn_node *act, float *out) {
  int n = rn_cols(act);
  rn_read_f32(act, out);
  if (rn_act_count(w)) return;
  for (int k = 0; k < n; k++) {
    float a = out[k] < -1 ? -1 : out[k] > 1 ? 1 : out[k];
    out[k] = s->scaling.act_low ? s->scaling.act_low[k] + (a + 1) / 2 * (s->scaling.act_high[k] - s->scaling.act_low[k]) : a;
  }
}

rn_code rn_export_c(const char *folder, const char *path, rn_error *err) {
  session *s = session_load(folder, &(session_plan){0}, NULL, err);
  if (!s) return err->code;
  bool fine = s->system->act || rn_fail(err, "%s: %s does not act: there is no policy to export", folder, s->system->name);
  if (fine && s->memory) fine = rn_fail(err, "%s: the policy of %s keeps memory between two acts, which the C file can't hold yet", folder, s->system->name);
  const rn_world *w = fine ? rn_world_of(s->run, NULL) : NULL;
  if (fine && s->scaling.choices) fine = rn_fail(err, "%s: observations are an index: the policy is a table, read it from --safetensors", folder);
  if (fine) {
    int no = rn_obs_width(w), na = rn_act_width(w);
    float *obs = rn_new((size_t)TESTS * (size_t)no * sizeof *obs), *act = rn_new((size_t)TESTS * (size_t)na * sizeof *act);
    fine = observations(s, no, obs, err);
    for (int i = 0; fine && i < TESTS; i++) executed(s, w, act_on(s, obs + i * no).act, act + i * na);
    char *name = rn_printed("%s%s%s", s->system->name, s->kind ? " on " : "", s->kind ? s->kind->name : "");
    char *text = rn_recipe_print(s->recipe, s->system), *hash = rn_printed("recipe %016llx, seed %llu, %lld updates; rein " REIN_VERSION,
      (unsigned long long)rn_hash(text, strlen(text), 0), (unsigned long long)rn_run_seed(s->run), (long long)s->at[AT_TOTAL]);
    tape t = fine ? act_on(s, obs) : (tape){0};
    rn_export e = {.obs = t.raw, .act = t.act, .rule = rn_act_count(w) ? RN_EXPORT_INDEX : RN_EXPORT_BOX, .low = s->scaling.act_low, .high = s->scaling.act_high,
                   .name = name, .lines = 1, .line = (const char *const[]){hash}, .tests = TESTS, .test_obs = obs, .test_act = act};
    fine = fine && rn_export_tape(&e, path, err);
    rn_free(obs), rn_free(act), rn_free(name), rn_free(text), rn_free(hash);
  }
  session_free(s);
  return fine ? RN_OK : err->code;
}

rn_code rn_export_safetensors(const char *folder, const char *path, rn_error *err) {
  session *s = session_load(folder, &(session_plan){0}, NULL, err);
  if (!s) return err->code;
  rn_net **nets;
  int n = rn_nets(s->run, &nets), count = 0;
  rn_tensor *t = NULL;
  rn_entry e;
  for (int i = 0; rn_state_entry(s->run, i, &e); i++) {
    bool wanted = strncmp(e.name, "normal.", 7) == 0;
    for (int k = 0; k < n && !wanted; k++) {
      size_t length = strlen(rn_net_name(nets[k]));
      wanted = strncmp(e.name, rn_net_name(nets[k]), length) == 0 && e.name[length] == '.';
    }
    if (!wanted) continue;
    t = rn_grow(t, (size_t)count * sizeof *t, (size_t)(count + 1) * sizeof *t);
    t[count] = (rn_tensor){.name = e.name, .type = (int)e.type, .dims = e.dims, .data = e.data};
    memcpy(t[count++].dim, e.dim, sizeof e.dim);
  }
  bool fine = count > 0 ? rn_safetensors_write(path, count, t, 1, (rn_tensor_note[]){{"system", s->system->name}}, err)
                        : rn_fail(err, "%s: %s has no parameters", folder, s->system->name);
  rn_free(t), session_free(s);
  return fine ? RN_OK : err->code;
}
