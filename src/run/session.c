/* run/session.c - from a recipe to a run in memory: sources, slots, the system's build, the state that surrounds it. */
#include "session.h"
#include <limits.h>
#include <stdlib.h>

//---- words of the recipe -------------------------------------------------------------------------------------------------------------------

// the system's own defaults of keys that the recipe leaves open: "hidden=64x64 rows=8"
static void settings_of(session *s) {
  rn_recipe_settings(s->recipe, s->run);
  char text[512];
  snprintf(text, sizeof text, "%s", s->system->settings ? s->system->settings : "");
  char *save = NULL;
  for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
    char *value = strchr(word, '=');
    *value++ = 0;
    if (!rn_recipe_find(s->recipe, word)) rn_set(s->run, word, value);
  }
}

static long whole(const session *s, const char *key) { return atol(rn_setting(s->run, key, "0")); }

static int length_of(const session *s, const rn_phase *p) { return *(const int *)((const char *)s->self + p->length); }

// whether a phase steps environments: it has none of the forms, wants rollouts, or says so
static bool collects(const session *s, const rn_phase *p) {
  if (!s->kind || p->alone || p->no_env || length_of(s, p) == 0) return false;
  if (p->steps || !p->rows || p->counts_steps) return true;
  char key[96];
  snprintf(key, sizeof key, "phases.%s.steps", p->name);
  return atol(rn_setting(s->run, key, "1")) > 0;
}

//---- sources -------------------------------------------------------------------------------------------------------------------------------

static rn_world world_of_env(const rn_env_kind *k) {
  return (rn_world){.obs = k->obs, .act = k->act, .goal = k->goal, .seats = k->seats ? k->seats : 1, .context = k->context, .legal = k->legal, .in_turn = k->in_turn};
}

static bool world_of_table(const rn_table *t, const char *path, rn_world *out, rn_error *err) {
  rn_field act;
  if (!rn_table_width(t, "obs")) return rn_fail(err, "%s: has no observations", path);
  *out = (rn_world){.obs = {RN_BOX, {rn_table_width(t, "obs")}}, .seats = 1};
  if (!rn_table_column(t, "act", &act)) return rn_fail(err, "%s: has no actions to learn from", path);
  const rn_about *about = rn_table_about(t);
  if (act.type == RN_F32) out->act = (rn_space){RN_BOX, {act.width}, about->low, about->high};
  else if (about->choices > 0) out->act = (rn_space){RN_DISCRETE, {about->choices}};
  else return rn_fail(err, "%s: discrete actions, but their number is not known", path);
  return true;
}

static int reals(const session *s, const char *key, int n, float *out) {      // one number stands for all
  double x[64];
  int k = rn_recipe_reals(s->recipe, key, RN_COUNT(x), x);
  for (int i = 0; k > 0 && i < n; i++) out[i] = (float)x[k == 1 ? 0 : RN_MIN(i, k - 1)];
  return k;
}

static bool load_log(session *s, const char *path, rn_error *err) {
  rn_columns columns;
  if (!rn_recipe_columns(s->recipe, &columns, err)) return false;
  bool mapped = columns.n_obs || columns.automatic;
  if (!(s->log = rn_table_load(path, mapped ? &columns : NULL, err))) return false;
  if (!rn_table_check_finite(s->log, path, err)) return false;
  rn_field act;
  if (rn_table_column(s->log, "act", &act) && act.type == RN_F32) {
    float low[64], high[64];
    int n = reals(s, "act_low", act.width, low), m = reals(s, "act_high", act.width, high);
    if (n > 0 && m > 0) rn_table_set_bounds(s->log, low, high);
    else if (!rn_table_about(s->log)->low && s->kind && s->kind->act.kind == RN_BOX && rn_space_width(&s->kind->act) == act.width) {
      for (int i = 0; i < act.width; i++) low[i] = s->kind->act.low ? s->kind->act.low[i] : -1, high[i] = s->kind->act.high ? s->kind->act.high[i] : 1;
      rn_table_set_bounds(s->log, low, high);
    }
    if (!rn_table_check_actions(s->log, err)) return false;
  } else if (!rn_table_about(s->log)->choices && s->kind && s->kind->act.kind == RN_DISCRETE) rn_table_set_choices(s->log, s->kind->act.dim[0]);
  return true;
}

static bool same_shape(const session *s, const char *path, rn_error *err) {
  rn_world a = world_of_env(s->kind), b;
  if (!world_of_table(s->log, path, &b, err)) return false;
  int wo = rn_space_width(&a.obs), wa = rn_space_width(&a.act);
  if (rn_space_width(&b.obs) != wo) return rn_fail(err, "%s: observations have %d columns, %s has %d", path, rn_space_width(&b.obs), s->kind->name, wo);
  if (a.act.kind != b.act.kind) return rn_fail(err, "%s: actions are %s, %s takes %s", path, b.act.kind == RN_BOX ? "numbers" : "choices", s->kind->name, a.act.kind == RN_BOX ? "numbers" : "choices");
  return rn_space_width(&b.act) == wa || rn_fail(err, "%s: actions have %d columns, %s takes %d", path, rn_space_width(&b.act), s->kind->name, wa);
}

static bool open_sources(session *s, rn_error *err) {
  const char *env = rn_recipe_text(s->recipe, "env"), *data = rn_recipe_text(s->recipe, "data");
  if (env && !(s->kind = rn_env_find(env, err))) return false;
  if (data && !load_log(s, data, err)) return false;
  if (s->kind && s->log && !same_shape(s, data, err)) return false;
  rn_world w;
  if (s->kind) w = world_of_env(s->kind), rn_world_set(s->run, "env", &w);
  if (s->log) {
    rn_world of_log;
    if (!world_of_table(s->log, data, &of_log, err)) return false;
    if (s->kind) of_log = w;                                    // the environment knows its bounds and choices best
    rn_world_set(s->run, "data", &of_log), w = of_log;
  }
  if (!s->kind && !s->log && rn_recipe_find(s->recipe, "shape.obs")) {   // `rein step`: sizes alone
    int obs = (int)rn_recipe_int(s->recipe, "shape.obs"), act = (int)rn_recipe_int(s->recipe, "shape.act"), choices = (int)rn_recipe_int(s->recipe, "shape.actions");
    w = (rn_world){.obs = {RN_BOX, {obs}}, .act = choices > 0 ? (rn_space){RN_DISCRETE, {choices}} : (rn_space){RN_BOX, {act}}, .seats = 1};
    rn_world_set(s->run, "data", &w);
  }
  return true;
}

//---- slots ---------------------------------------------------------------------------------------------------------------------------------

static const char *given(const session *s, const char *slot) {
  char key[96];
  snprintf(key, sizeof key, "slots.%s", slot);
  const char *text = rn_recipe_text(s->recipe, key);
  return text ? text : rn_recipe_text(s->recipe, slot);
}

static bool open_slots(session *s, rn_error *err) {
  for (const rn_need *n = s->system->needs; n && n->name; n++) {
    const char *value = given(s, n->name);
    bool table = n->slot == RN_SLOT_SOURCE && strcmp(n->name, "data") != 0, run = n->slot == RN_SLOT_POLICY || n->slot == RN_SLOT_RUN;
    if (!table && !run) continue;
    if (!value && n->optional) continue;
    if (!value) return rn_fail(err, "%s needs %s (%s): say %s=...", s->system->name, n->name, n->why, n->name);
    RN_CHECK(s->slots < MOST_SLOTS && s->tables < MOST_SLOTS, "more than %d slots", MOST_SLOTS);
    if (table) {
      if (!(s->slot_table[s->tables] = rn_table_load(value, NULL, err))) return false;
      s->table_name[s->tables++] = n->name;
      continue;
    }
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", value);
    char *colon = strrchr(folder, ':');
    if (colon) *colon = 0;
    if (!(s->slot[s->slots] = session_load(folder, &(session_plan){0}, NULL, err))) return false;
    s->slot_name[s->slots++] = n->name;
  }
  // a planner sees what its policy sees: one normaliser for all runs it stands on
  for (int i = 0; i < s->slots; i++) {
    const rn_scaling *a = &s->scaling, *b = &s->slot[i]->scaling;
    int w = rn_obs_width(rn_world_of(s->slot[i]->run, NULL));
    if (i == 0) { s->scaling = *b; continue; }
    bool same = !a->mean == !b->mean && (!a->mean || (memcmp(a->mean, b->mean, (size_t)w * sizeof(float)) == 0 && memcmp(a->std, b->std, (size_t)w * sizeof(float)) == 0));
    if (!same) return rn_fail(err, "%s and %s normalise observations differently: they can't act together", s->slot_name[0], s->slot_name[i]);
  }
  return true;
}

static session *slot_of(const rn_run *run, const char *name) {
  session *s = rn_hung(run, "session");
  for (int i = 0; i < s->slots; i++) if (strcmp(s->slot_name[i], name) == 0) return s->slot[i];
  rn_fatal(__func__, "%s has no slot '%s'", s->system->name, name);
}

const rn_table *rn_slot_table(const rn_run *run, const char *name) {
  session *s = rn_hung(run, "session");
  if (strcmp(name, "data") == 0) return s->log;
  for (int i = 0; i < s->tables; i++) if (strcmp(s->table_name[i], name) == 0) return s->slot_table[i];
  return NULL;
}

rn_net *rn_slot_net(const rn_run *run, const char *slot, const char *block) { return rn_net_find(slot_of(run, slot)->run, block); }

// a run's act as a policy
static rn_node *acted(const rn_policy *p, rn_view v, rn_mode mode) {
  session *s = rn_hung(p->run, "session");
  rn_obs in = {.mode = mode, .obs = v.obs, .legal = v.legal, .step = LONG_MAX};
  rn_action out = {0};
  s->system->act(s->self, &in, &out);
  return out.act;
}
static rn_node *acted_mode(const rn_policy *p, rn_view v) { return acted(p, v, RN_EVALUATE); }
static rn_node *acted_sample(const rn_policy *p, rn_view v, rn_node **logp) {
  if (logp) *logp = NULL;
  return acted(p, v, RN_COLLECT);
}
static const rn_class acted_class = {.name = "run", .summary = "the act of another run", .can = RN_CAN_SAMPLE | RN_CAN_BOX | RN_CAN_DISCRETE,
                                     .mode = acted_mode, .sample = acted_sample};

const rn_policy *rn_slot_policy(const rn_run *run, const char *name) {
  session *other = slot_of(run, name), *s = rn_hung(run, "session");
  const char *colon = strrchr(given(s, name), ':');
  if (colon) {
    rn_policy *bare = rn_policy_find(other->run, colon + 1);
    if (bare) return bare;
  }
  rn_policy *p = rn_take(rn_run_range(other->run), sizeof *p);
  const rn_world *w = rn_world_of(other->run, NULL);
  *p = (rn_policy){.kind = &acted_class, .run = other->run, .shape = {rn_obs_width(w), rn_act_width(w), rn_act_count(w)}};
  return p;
}

//---- a class of policies that can't do what is asked ---------------------------------------------------------------------------------------

static const char *class_asked(const session *s, const char *block) {
  char key[96];
  snprintf(key, sizeof key, "policy.%s", block);
  const char *text = rn_setting(s->run, key, NULL);
  return text ? text : strcmp(block, "pi") == 0 ? rn_setting(s->run, "policy", NULL) : NULL;
}

static bool check_classes(const session *s, rn_error *err) {
  for (const rn_need *n = s->system->needs; n && n->name; n++) {
    const char *asked = n->slot == RN_SLOT_CLASS ? class_asked(s, n->name) : NULL;
    if (!asked && n->slot == RN_SLOT_CLASS) asked = n->house;
    if (!asked) continue;
    int count;
    const rn_class *const *all = rn_classes(&count), *kind = rn_class_find(asked);
    const char *names[64];
    for (int i = 0; i < count; i++) names[i] = all[i]->name;
    const char *near = rn_nearest(asked, count, names), *place = rn_recipe_place(s->recipe, "policy");
    if (!kind) return rn_fail(err, "%s: policy: no class '%s'%s%s%s", place, asked, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    const rn_world *w = rn_world_of(s->run, NULL);
    unsigned space = rn_act_count(w) ? RN_CAN_DISCRETE : RN_CAN_BOX;
    unsigned missing = (n->can | space) & ~kind->can;
    if (!missing) continue;
    char what[256], others[512] = "";
    rn_capability_names(missing, what, sizeof what);
    int k;
    const rn_system *const *systems = rn_systems(&k);
    for (int i = 0; i < k; i++)
      for (const rn_need *m = systems[i]->needs; m && m->name; m++)
        if (m->slot == RN_SLOT_CLASS && ((m->can | space) & ~kind->can) == 0 && strlen(others) < 400)
          snprintf(others + strlen(others), sizeof others - strlen(others), "%s%s", *others ? ", " : "", systems[i]->name);
    return rn_fail(err, "%s: policy: %s has not %s, which %s needs of %s (%s); systems that would work with it: %s", place, asked, what, s->system->name,
                   n->name, n->why, *others ? others : "none with this source");
  }
  return true;
}

//---- what surrounds the system ---------------------------------------------------------------------------------------------------------------

static bool make_scaling(session *s, rn_error *err) {
  rn_scaling *k = &s->scaling;
  k->reward_scale = rn_recipe_find(s->recipe, "reward_scale") ? rn_recipe_real(s->recipe, "reward_scale") : 1;
  k->reward_bias = rn_recipe_find(s->recipe, "reward_bias") ? rn_recipe_real(s->recipe, "reward_bias") : 0;
  if (!s->kind && !s->log && !rn_recipe_find(s->recipe, "shape.obs")) return true;
  const rn_world *w = rn_world_of(s->run, NULL);
  int width = rn_obs_width(w);
  if (w->obs.kind == RN_DISCRETE) k->choices = w->obs.dim[0];
  if (w->act.kind == RN_BOX && (s->kind || s->log)) {
    int n = rn_act_width(w);
    float *low = rn_take(rn_run_range(s->run), (size_t)n * sizeof *low), *high = rn_take(rn_run_range(s->run), (size_t)n * sizeof *high);
    for (int i = 0; i < n; i++) low[i] = w->act.low ? w->act.low[i] : -1, high[i] = w->act.high ? w->act.high[i] : 1;
    k->act_low = low, k->act_high = high;
  }
  const char *how = rn_setting(s->run, "normalise", "none");
  if (k->choices || s->slots || strcmp(how, "none") == 0) return true;
  if (strcmp(how, "data") == 0 && !s->log && !rn_recipe_find(s->recipe, "shape.obs"))
    return rn_fail(err, "%s: normalise: data, but there is no log; running or none", rn_recipe_place(s->recipe, "normalise"));
  s->mean = rn_state(s->run, RN_F32, (size_t)width, "normal.obs.mean"), s->std = rn_state(s->run, RN_F32, (size_t)width, "normal.obs.std");
  for (int i = 0; i < width; i++) s->std[i] = 1;
  k->mean = s->mean, k->std = s->std;
  if (strcmp(how, "running") == 0) s->running = true, k->clip = 10, s->seen = rn_state(s->run, RN_F64, 1 + 2 * (size_t)width, "normal.obs.seen");
  return true;
}

static bool make_live(session *s, const session_plan *plan, int rows, rn_error *err) {
  const rn_world *w = rn_world_of(s->run, NULL);
  int obs = rn_space_width(&w->obs), act = rn_act_width(w);
  rn_field f[] = {{"obs", RN_F32, obs, NULL}, {"act", rn_act_count(w) ? RN_I32 : RN_F32, act, NULL}, {"reward", RN_F32, 1, NULL},
                  {"terminated", RN_U8, 1, NULL}, {"truncated", RN_U8, 1, NULL}, {"next", RN_F32, obs, NULL}};
  // a phase's updates between two checkpoints may collect more than one step each
  int64_t interval = whole(s, "every") * 1 + rows;
  int64_t capacity = whole(s, "capacity"), all = 0;
  for (const rn_phase *p = s->system->phases; p && p->name; p++) if (collects(s, p)) all += length_of(s, p);
  if (all > 0 && all + rows < capacity) capacity = all + rows;   // never more than the run will collect
  char *folder = plan->folder ? rn_printed("%s/live", plan->folder) : NULL;
  bool fine = !folder || rn_make_folder(folder, err);
  if (fine) s->live = rn_table_live(s->run, "live", folder, RN_COUNT(f), f, &(rn_live){capacity, interval, rows, 0.99, 1, 0}, err);
  rn_free(folder);
  return fine && s->live != NULL;
}

static bool make_stands(session *s, const session_plan *plan, rn_error *err) {
  bool any = false, replay = false;
  for (const rn_phase *p = s->system->phases; p && p->name; p++) {
    if (!collects(s, p)) continue;
    any = true;
    if (p->rows) replay = true;
    if (!p->plan || !p->steps) continue;
    rn_plan asks = {0};
    rn_graph_begin(s->g, rn_key_of(s->run, "plan", 0, 0));
    if (!p->plan(s->self, s->g, 0, &asks, err)) return false;
    for (int i = 0; i < asks.n; i++) {
      const rn_ask *a = &asks.ask[i];
      if (a->episodes && s->kind->limit == 0) return rn_fail(err, "%s has no time limit: whole episodes can't be asked for", s->kind->name);
      if (!stand_new(s, a->name, a->episodes ? a->episodes : (int)RN_MAX(whole(s, "rows"), 1), err)) return false;
    }
  }
  if (!any) return true;
  int rows = (int)RN_MAX(whole(s, "rows"), 1);
  if (s->stands == 0 && !stand_new(s, "env", rows, err)) return false;
  return !replay || make_live(s, plan, rows, err);
}

static bool refuse_memory(const session *s, size_t limit, rn_error *err) {
  size_t state = rn_range_used(rn_run_range(s->run)), rows = 0;
  rn_field f;
  for (int i = 0; s->log && rn_table_column_at(s->log, i, &f); i++) rows += (size_t)rn_table_rows(s->log) * (size_t)f.width * rn_type_bytes(f.type);
  // an update's tape: about six times its rows through every layer, with gradients; measured at its first run, this is the least
  size_t update = (size_t)RN_MAX(whole(s, "batch"), 1) * 4096 * sizeof(rn_real);
  if (!limit || state + rows + update <= limit) return true;
  return rn_fail(err, "the plan does not fit into mem = %.0f MiB: parameters, moments and environments %.1f MiB, the log %.1f MiB, an update about %.1f MiB; "
                 "raise mem, or lower hidden, batch or rows", (double)limit / 1048576, (double)state / 1048576, (double)rows / 1048576, (double)update / 1048576);
}

session *session_new(const rn_recipe *r, const session_plan *plan, rn_error *err) {
  const rn_system *system = rn_recipe_system(r, err);
  if (!system) return NULL;
  session *s = rn_new(sizeof *s);
  s->recipe = rn_recipe_copy(r), s->system = system, s->self = rn_new(system->self);
  rn_recipe_bind(s->recipe, system);
  s->run = rn_run_new((uint64_t)rn_recipe_int(s->recipe, "seed"), plan->memory);
  rn_hang(s->run, "session", s);
  s->g = rn_graph_new(s->run, "update", plan->memory), s->act_graph = rn_graph_new(s->run, "act", plan->memory);
  settings_of(s);
  bool fine = rn_recipe_fill(s->recipe, system, s->self, err) && open_sources(s, err) && open_slots(s, err) && make_scaling(s, err) && check_classes(s, err);
  if (fine && s->slots && !s->kind && !s->log) rn_world_set(s->run, "data", rn_world_of(s->slot[0]->run, NULL));
  if (fine) s->at = rn_state(s->run, RN_I64, AT_COUNT, "count.engine");
  fine = fine && (!system->build || system->build(s->self, s->run, err));
  if (fine && system->memory) s->memory = system->memory(s->self);
  fine = fine && (!plan->collects || make_stands(s, plan, err)) && refuse_memory(s, plan->memory, err);
  if (fine && s->log && (rn_table_width(s->log, "act"))) {
    rn_sampling how;
    rn_recipe_sampling(s->recipe, NULL, &how);
    bool wants_next = system->phases && system->phases[0].rows && strcmp(system->name, "bc") != 0;
    how.next = wants_next && rn_table_width(s->log, "next");
    fine = (s->log_sampler = rn_sampler_new(s->log, &how, err)) != NULL;
  }
  if (fine && s->live) fine = (s->live_sampler = rn_sampler_new(s->live, NULL, err)) != NULL;
  if (!fine) session_free(s), s = NULL;
  return s;
}

void session_free(session *s) {
  if (!s) return;
  for (int i = 0; i < s->slots; i++) session_free(s->slot[i]);
  for (int i = 0; i < s->tables; i++) rn_table_free(s->slot_table[i]);
  rn_worlds_close_all(s->run);
  rn_sampler_free(s->log_sampler), rn_sampler_free(s->live_sampler);
  rn_table_free(s->log), rn_table_free(s->live);
  rn_graph_free(s->g), rn_graph_free(s->act_graph), rn_run_free(s->run);
  if (s->kind) rn_env_done(s->kind);
  rn_recipe_free(s->recipe), rn_free(s->self), rn_free(s);
}

//---- first values -----------------------------------------------------------------------------------------------------------------------------

// blocks by name and shape; a copy that the file lacks starts as its origin
static bool take_blocks(session *s, const char *from, rn_error *err) {
  session *other = session_load(from, &(session_plan){0}, NULL, err);
  if (!other) return false;
  rn_net **nets;
  int n = rn_nets(s->run, &nets), taken = 0;
  bool fine = true;
  for (int i = 0; fine && i < n; i++) {
    rn_net *net = nets[i], *given_net = rn_net_find(other->run, rn_net_name(net));
    if (!given_net && rn_net_origin(net)) { rn_assign(net, rn_net_origin(net)); continue; }
    if (!given_net) continue;
    if (rn_net_count(given_net) != rn_net_count(net) || rn_net_slices(given_net) != rn_net_slices(net))
      fine = rn_fail(err, "from: %s: %s has %zu parameters there and %zu here", from, rn_net_name(net), rn_net_count(given_net), rn_net_count(net));
    else rn_assign(net, given_net), taken++;
  }
  if (fine && taken == 0) fine = rn_fail(err, "from: %s has no block that %s has", from, s->system->name);
  rn_entry here, there;
  if (fine && s->mean && rn_state_find(other->run, "normal.obs.mean", &there) && rn_state_find(s->run, "normal.obs.mean", &here) && here.count == there.count) {
    memcpy(s->mean, there.data, here.count * sizeof(float));
    if (rn_state_find(other->run, "normal.obs.std", &there)) memcpy(s->std, there.data, here.count * sizeof(float));
  }
  session_free(other);
  return fine;
}

bool session_start(session *s, rn_error *err) {
  if (s->mean && !s->running && s->log) rn_table_moments(s->log, "obs", s->mean, s->std);
  const char *from = rn_recipe_text(s->recipe, "from");
  return !from || take_blocks(s, from, err);
}

session *session_load(const char *folder, const session_plan *plan, bool *fell_back, rn_error *err) {
  char *path = rn_printed("%s/recipe.yaml", folder);
  rn_recipe *r = rn_exists(path) ? rn_recipe_read(path, err) : (rn_fail(err, "%s: not a run: it has no recipe.yaml", folder), NULL);
  rn_free(path);
  if (!r) return NULL;
  const rn_system *system = rn_recipe_system(r, err);
  session *s = system && rn_recipe_check(r, system, err) ? session_new(r, plan, err) : NULL;
  rn_recipe_free(r);
  if (!s) return NULL;
  char **list;
  int n = checkpoint_list(folder, &list), at = 0;
  rn_error first = {0};
  while (at < n) {
    rn_error e = {0};
    if (checkpoint_load(s, list[at], &e)) break;
    if (at++ == 0) first = e;
  }
  if (fell_back) *fell_back = at > 0 && at < n;
  bool fine = at < n || (n == 0 ? rn_fail(err, "%s: has no checkpoint yet", folder) : rn_fail(err, "%s", first.text));
  for (int i = 0; i < n; i++) rn_free(list[i]);
  rn_free(list);
  if (!fine) return session_free(s), NULL;
  if (s->live) rn_live_resume(s->live);
  if (s->stands) rn_worlds_after_load(s->run);
  return s;
}
