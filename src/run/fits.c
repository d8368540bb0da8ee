/* run/fits.c - what can be known of a run before it starts: whether its phases have what they eat, and whether it fits into memory.
 * A memory limit is checked against a dry update on made-up rows of the run's shapes, in a session that is thrown away: its tape is measured, not
 * guessed. What lies in mapped files (a log's folder) is the kernel's to drop and does not count; the replay is written all the time and counts. */
#include "session.h"

static int length_of(const session *s, const rn_phase *p) { return *(const int *)((const char *)s->self + p->length); }

// the option that a phase's length is
static const char *option_of(const session *s, const rn_phase *p) {
  for (const rn_option *o = s->system->options; o && o->name; o++) if (o->at == p->length) return o->name;
  return p->name;
}

//---- phases --------------------------------------------------------------------------------------------------------------------------------

static bool whole_updates(session *s, const rn_phase *p, rn_error *err) {
  long before = 0;                                               // environment steps of the phases that only collect
  const char *waits = NULL;
  for (const rn_phase *q = s->system->phases; q != p; q++)
    if (!q->rows && !q->steps && !q->alone && length_of(s, q) > 0) before += length_of(s, q), waits = option_of(s, q);
  if (p->rows && before >= length_of(s, p))
    return rn_fail(err, "%s: %s is %d, and the first %ld steps are without updates (%s): nothing would be trained; raise %s or lower %s", rn_recipe_place(s->recipe, option_of(s, p)),
                   option_of(s, p), length_of(s, p), before, waits ? waits : "warmup", option_of(s, p), waits ? waits : "warmup");
  if (p->rows && phase_number(s, p, "steps", 1) == 0)
    return rn_fail(err, "phases.%s.steps is 0, but the phase counts environment steps: it would never end; say 1 or more", p->name);
  rn_plan plan = {0};
  if (!p->steps || !p->plan) return true;
  rn_graph_begin(s->g, rn_key_of(s->run, "plan", 0, 0));
  if (!p->plan(s->self, s->g, 0, &plan, err)) return false;
  int64_t per = 0;
  for (int i = 0; i < plan.n; i++) per += (int64_t)plan.ask[i].steps * session_stand(s, plan.ask[i].name)->w->n;
  return per <= length_of(s, p) || rn_fail(err, "%s: %s is %d, but one update eats %lld steps (horizon x rows): nothing would be trained; raise %s or lower horizon or rows",
                                           rn_recipe_place(s->recipe, option_of(s, p)), option_of(s, p), length_of(s, p), (long long)per, option_of(s, p));
}

bool session_fits(session *s, rn_error *err) {
  for (const rn_phase *p = s->system->phases; p && p->name; p++) {
    if (length_of(s, p) == 0) continue;
    bool collecting = p->steps || (!p->rows && !p->alone) || p->counts_steps;
    if (collecting && !s->kind)
      return rn_fail(err, "%s steps an environment in its phase %s: say env=NAME (`rein envs` lists them), or leave the phase out with %s=0", s->system->name, p->name, option_of(s, p));
    char key[96];
    snprintf(key, sizeof key, "phases.%s.steps", p->name);
    bool steps_off = rn_recipe_find(s->recipe, key) && rn_recipe_int(s->recipe, key) == 0;
    if (p->rows && !p->no_env && !s->kind && !steps_off)
      return rn_fail(err, "%s steps an environment in its phase %s: say env=NAME (`rein envs` lists them), or leave the phase out with %s=0", s->system->name, p->name, option_of(s, p));
    if (p->rows && !s->log && (!s->live || p->no_env)) return rn_fail(err, "phase %s of %s needs data: say data=LOG, or an environment", p->name, s->system->name);
    if (p->counts_steps && !whole_updates(s, p, err)) return false;
  }
  return true;
}

//---- memory --------------------------------------------------------------------------------------------------------------------------------

static size_t bytes_of_table(const rn_table *t, int64_t rows) {
  size_t bytes = 0;
  rn_field f;
  for (int i = 0; t && rn_table_column_at(t, i, &f); i++) bytes += (size_t)rows * (size_t)f.width * rn_type_bytes(f.type);
  return bytes;
}

// rows of zeros, as wide as the source's
static rn_table *made_up(const session *s, int n) {
  const rn_world *w = rn_world_of(s->run, NULL);
  int obs = rn_space_width(&w->obs);
  rn_field f[] = {{"obs", RN_F32, obs, NULL}, {"act", rn_act_count(w) ? RN_I32 : RN_F32, rn_act_width(w), NULL}, {"reward", RN_F32, 1, NULL},
                  {"terminated", RN_U8, 1, NULL}, {"truncated", RN_U8, 1, NULL}, {"next", RN_F32, obs, NULL}};
  rn_table *t = rn_table_new(RN_COUNT(f), f);
  rn_table_add(t, n);
  return t;
}

static void dry_rows(session *s, const rn_phase *p, const rn_plan *plan) {
  for (int i = 0; i < plan->n; i++) {
    char key[96];
    snprintf(key, sizeof key, "phases.%s.batch", p->name);
    long own = rn_recipe_int(s->recipe, key);
    int n = plan->ask[i].rows ? plan->ask[i].rows : (int)(own > 0 ? own : rn_recipe_int(s->recipe, "batch"));
    rn_table *t = made_up(s, n);
    int64_t *row = rn_scratch_bytes(s->g, (size_t)n * sizeof *row);
    for (int k = 0; k < n; k++) row[k] = k;
    rn_batch *b = rn_scratch_bytes(s->g, sizeof *b);
    *b = rn_batch_new(s->g, s->run, t, NULL, &s->scaling, n, row);
    // the last of a delay's cycle does all that an update can do
    b->update = 2 * 3 * 5 * 7 * 8 * 9 * 11 - 1, b->updates = 1 << 30;
    p->rows(s->self, b);
    rn_table_free(t);
  }
}

static void dry_steps(session *s, const rn_phase *p, const rn_plan *plan) {
  for (int i = 0; i < plan->n; i++) {
    rn_rollout r;
    session_rollout(s, s->g, &plan->ask[i], &r);
    r.update = 0, r.updates = 1;
    if (!rn_stopped(s->run)) p->steps(s->self, &r);
  }
}

// the largest tape of the run's phases, by one update of each
static bool measured(session *s, size_t *tape, rn_error *err) {
  for (const rn_phase *p = s->system->phases; p && p->name; p++) {
    if (length_of(s, p) == 0 || (!p->rows && !p->steps)) continue;
    rn_plan plan = {.n = 1};
    rn_graph_begin(s->g, rn_key_of(s->run, "dry", 0, 0));
    if (p->plan && !p->plan(s->self, s->g, 0, &plan, err)) return false;
    if (p->rows) dry_rows(s, p, &plan);
    else dry_steps(s, p, &plan);
  }
  *tape = rn_graph_high(s->g) + rn_graph_high(s->act_graph);
  return true;
}

static void line(rn_text *t, const char *what, size_t bytes) { rn_say_text(t, "\n  %-44s %10.1f MiB", what, (double)bytes / 1048576); }

bool memory_fits(const rn_recipe *r, size_t limit, rn_error *err) {
  if (!limit) return true;
  session *s = session_new(r, &(session_plan){.collects = true}, err);
  if (!s) return false;
  size_t tape = 0, state = rn_range_used(rn_run_range(s->run)), worlds = 0, moments = 0, log = 0, replay = 0;
  rn_entry e;
  for (int i = 0; rn_state_entry(s->run, i, &e); i++) {
    size_t bytes = e.count * rn_type_bytes(e.type);
    if (strncmp(e.name, "worlds.", 7) == 0) worlds += bytes;
    if (strncmp(e.name, "adam.", 5) == 0 || strncmp(e.name, "sgd.", 4) == 0) moments += bytes;
  }
  if (s->log && !rn_table_is_mapped(s->log)) log = bytes_of_table(s->log, rn_table_rows(s->log));
  for (int i = 0; i < s->tables; i++) if (s->slot_table[i]) log += bytes_of_table(s->slot_table[i], rn_table_rows(s->slot_table[i]));
  if (s->live) replay = bytes_of_table(s->live, s->live_slots);
  // what is too large without its tape is not tried
  bool fine = state + log + replay > limit || measured(s, &tape, err);
  size_t all = state + log + replay + tape;
  if (fine && all > limit) {
    char name[96];
    rn_text t = {0};
    rn_say_text(&t, "the plan takes %.1f MiB and mem allows %.1f MiB:", (double)all / 1048576, (double)limit / 1048576);
    line(&t, "parameters, gradients, names", state - worlds - moments), line(&t, "moments of the optimisers", moments), line(&t, "environments", worlds);
    snprintf(name, sizeof name, "the log, %lld rows", s->log ? (long long)rn_table_rows(s->log) : 0LL);
    if (log) line(&t, name, log);
    snprintf(name, sizeof name, "the replay, %lld rows (capacity, every)", (long long)s->live_slots);
    if (replay) line(&t, name, replay);
    if (tape) line(&t, "an update and an act (batch, hidden)", tape);
    else rn_say_text(&t, "\n  %-44s        not tried", "an update and an act (batch, hidden)");
    fine = rn_fail(err, "%s\nraise mem, or lower what is largest", t.at);
    rn_free(t.at);
  }
  session_free(s);
  return fine;
}
