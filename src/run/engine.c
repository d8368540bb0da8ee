/* run/engine.c - the life of a run: phases, updates, checkpoints, evaluations, and its way back after a stop. */
#include "session.h"
#include <stdlib.h>
#include <time.h>

typedef struct {
  session *s;
  rn_journal *log;
  const rn_train_options *o;
  rn_progress p;
  long every, evaluate, log_every;
  double began, shown;                                          // seconds: for the display alone, no decision depends on them
  long began_at;
  double work;                                                  // seconds spent before a resume are not known
} engine;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int length_of(const session *s, const rn_phase *p) { return *(const int *)((const char *)s->self + p->length); }

static double phase_number(const session *s, const rn_phase *p, const char *key, double fallback) {
  char full[128];
  snprintf(full, sizeof full, "phases.%s.%s", p->name, key);
  double x;
  const char *text = rn_setting(s->run, full, NULL);
  return text && rn_number(text, &x) ? x : fallback;
}

static void say(engine *e, const char *kind, const char *text) {
  if (e->o->say) e->o->say(e->o->context, kind, text);
  rn_journal_event(e->log, (long)e->s->at[AT_TOTAL], kind, text);
}

//---- the display ---------------------------------------------------------------------------------------------------------------------------

// what a phase adds to the whole: one that only collects counts within a later one that counts environment steps
static long share_of(const session *s, const rn_phase *p) {
  for (const rn_phase *q = p + 1; !p->rows && !p->steps && !p->alone && q->name; q++) if (q->counts_steps) return 0;
  return length_of(s, p);
}

static long all_of(const session *s) {
  long all = 0;
  for (const rn_phase *p = s->system->phases; p && p->name; p++) all += share_of(s, p);
  return all;
}

// how much of the whole is behind us, in the units of the phases' lengths
static long done_of(const session *s) {
  long done = 0;
  const rn_phase *p = s->system->phases;
  if (!p) return 0;
  for (int i = 0; i < s->at[AT_PHASE]; i++) done += share_of(s, &p[i]);
  const rn_phase *here = &p[s->at[AT_PHASE]];
  if (!here->name) return all_of(s);
  bool steps = here->counts_steps || (!here->rows && !here->steps && !here->alone);
  return done + (long)(steps ? s->at[AT_STEPS] : s->at[AT_UPDATE]);
}

static void show(engine *e, const rn_phase *p, long updates, bool now_please) {
  if (!e->o->progress) return;
  double t = now();
  if (!now_please && t - e->shown < 0.1) return;
  e->shown = t;
  long total = (long)e->s->at[AT_TOTAL], done = done_of(e->s);
  double seconds = t - e->began;
  e->p.phase = p ? p->name : "", e->p.update = (long)e->s->at[AT_UPDATE], e->p.updates = updates;
  e->p.done = done, e->p.all = all_of(e->s), e->p.steps = (long)e->s->at[AT_STEPS];
  e->p.rate = seconds > 0 ? (double)(total - e->began_at) / seconds : 0;
  e->p.left = done > 0 && seconds > 1 && e->p.rate > 0 ? (double)(e->p.all - done) / e->p.rate : NAN;
  e->o->progress(e->o->context, &e->p);
}

//---- what is written ------------------------------------------------------------------------------------------------------------------------

static void log_notes(engine *e) {
  const char **names;
  const double *values;
  int n = rn_notes(e->s->run, &names, &values);
  for (int i = 0; i < n; i++) rn_journal_add(e->log, (long)e->s->at[AT_TOTAL], (long)e->s->at[AT_STEPS], names[i], values[i]);
}

static bool save(engine *e, rn_error *err) {
  session *s = e->s;
  if (s->live && !rn_live_commit(s->live, err)) return false;
  if (!rn_journal_commit(e->log, err)) return false;
  s->at[AT_TENSORBOARD] = rn_journal_tensorboard_bytes(e->log);
  return checkpoint_write(s, e->o->folder, err);
}

static bool evaluate(engine *e, rn_error *err) {
  session *s = e->s;
  if (!s->kind || !s->system->act) return true;
  int n = (int)rn_recipe_int(s->recipe, "episodes");
  double *returns = rn_new((size_t)n * sizeof *returns);
  int *lengths = rn_new((size_t)n * sizeof *lengths);
  bool fine = session_evaluate(s, s->kind, n, rn_run_seed(s->run), returns, lengths, err);
  if (fine) {
    long at = (long)s->at[AT_TOTAL], steps = (long)s->at[AT_STEPS];
    rn_interval x = rn_interval_of(RN_STAT_MEAN, 1, &n, returns, &(rn_boot){.key = rn_key_of(s->run, "evaluate.interval", 0, 0)});
    rn_journal_add(e->log, at, steps, "eval.return", x.value), rn_journal_add(e->log, at, steps, "eval.return.low", x.low);
    rn_journal_add(e->log, at, steps, "eval.return.high", x.high);
    if (s->kind->score_high != s->kind->score_low) rn_journal_add(e->log, at, steps, "eval.score", rn_env_score(s->kind, x.value));
    rn_journal_returns(e->log, at, "eval", n, returns);
    e->p.evaluations++, e->p.mean = x.value, e->p.low = x.low, e->p.high = x.high;
  }
  rn_free(returns), rn_free(lengths);
  return fine;
}

//---- one update ---------------------------------------------------------------------------------------------------------------------------

static void draw_rows(session *s, const rn_phase *p, const rn_sampler *how, double share, int n, int64_t *rows) {
  char purpose[96];
  snprintf(purpose, sizeof purpose, "rows.%s", p->name);
  uint64_t update = (uint64_t)s->at[AT_TOTAL];
  int64_t old = how ? rn_sampler_rows(how) : 0, fresh = s->live ? rn_table_rows(s->live) : 0;
  if (old) rn_sampler_draw(how, rn_key_of(s->run, purpose, update, 0), n, rows);
  if (!fresh || share == 1) return;
  int64_t *newer = rn_scratch_bytes(s->g, (size_t)n * sizeof *newer);
  rn_sampler_draw(s->live_sampler, rn_key_of(s->run, purpose, update, 1), n, newer);
  rn_key coin = rn_key_of(s->run, purpose, update, 2);
  // of all rows alike, or a fixed share from the log: its rows come first then
  for (int i = 0; i < n; i++) {
    bool of_log = old && (share >= 0 ? i < (int)(share * n + 0.5) : rn_uniform64(&coin) * (double)(old + fresh) < (double)old);
    if (!of_log) rows[i] = newer[i] + (s->log ? (int64_t)1 << RN_NEWER_SHIFT : 0);
  }
}

static const rn_batch *batch_of(session *s, const rn_phase *p, const rn_ask *ask, rn_batch *b, long updates) {
  double share = phase_number(s, p, "log_share", -1);
  int n = ask && ask->rows ? ask->rows : (int)phase_number(s, p, "batch", (double)atol(rn_setting(s->run, "batch", "256")));
  int64_t *rows = rn_scratch_bytes(s->g, (size_t)n * sizeof *rows);
  draw_rows(s, p, ask && ask->how ? ask->how : s->log_sampler, share, n, rows);
  const rn_table *first = s->log ? s->log : s->live, *second = s->log ? s->live : NULL;
  *b = rn_batch_new(s->g, s->run, first, second, &s->scaling, n, rows);
  b->update = (long)s->at[AT_UPDATE], b->updates = updates;
  return b;
}

// steps that a phase asks for before its update number `u`
static bool collect_for(session *s, const rn_phase *p, long u) {
  double per = phase_number(s, p, "steps", p->counts_steps || s->stands ? 1 : 0), each = phase_number(s, p, "updates", 1);
  double warm = phase_number(s, p, "warmup", 0), target = warm + per * ((double)(u / (long)each) + 1);
  if (!s->stands || p->no_env || per <= 0) return true;
  while ((double)s->at[AT_PHASE_STEPS] < target)
    if (!session_collect(s, &s->stand[0], NULL)) return false;
  return true;
}

static bool update(engine *e, const rn_phase *p, long updates, bool *over, rn_error *err) {
  session *s = e->s;
  rn_graph *g = s->g;
  char purpose[96];
  long u = (long)s->at[AT_UPDATE];
  *over = false;
  if (p->rows && !collect_for(s, p, u)) return true;
  snprintf(purpose, sizeof purpose, "update.%s", p->name);
  rn_graph_begin(g, rn_key_of(s->run, purpose, (uint64_t)s->at[AT_TOTAL], 0));
  rn_plan plan = {.n = 1};
  if (p->plan && !p->plan(s->self, g, u, &plan, err)) return false;
  if (p->rows) {
    rn_batch *b = rn_scratch_bytes(g, (size_t)plan.n * sizeof *b);
    for (int i = 0; i < plan.n; i++) {
      batch_of(s, p, &plan.ask[i], &b[i], updates);
      if (i) b[i - 1].also = &b[i];
    }
    p->rows(s->self, b);
  } else if (p->steps) {
    rn_rollout *r = rn_scratch_bytes(g, (size_t)plan.n * sizeof *r);
    for (int i = 0; i < plan.n; i++) {
      session_rollout(s, g, &plan.ask[i], &r[i]);
      r[i].update = u, r[i].updates = updates;
      if (i) r[i - 1].also = &r[i];
    }
    if (!rn_stopped(s->run)) p->steps(s->self, r);
  } else if (p->alone) *over = p->alone(s->self, g, u);
  else if (!session_collect(s, &s->stand[0], NULL)) return true;
  return true;
}

//---- phases -------------------------------------------------------------------------------------------------------------------------------

// how many updates a phase has; of one that counts environment steps this depends on what an update eats
static long updates_of(session *s, const rn_phase *p, rn_error *err) {
  int length = length_of(s, p);
  if (!p->counts_steps) {
    if (p->rows || p->steps || p->alone) return length;
    int rows = s->stands ? s->stand[0].w->n : 1;
    return (length + rows - 1) / rows;
  }
  long left = length - (long)(s->at[AT_STEPS] - s->at[AT_PHASE_STEPS]);
  if (left <= 0) return 0;
  if (p->steps) {
    rn_plan plan = {0};
    if (p->plan && !p->plan(s->self, s->g, 0, &plan, err)) return -1;
    long per = 0;
    for (int i = 0; i < plan.n; i++) per += (long)plan.ask[i].steps * session_stand(s, plan.ask[i].name)->w->n;
    return per > 0 ? left / per : 0;
  }
  double per = phase_number(s, p, "steps", 1), each = phase_number(s, p, "updates", 1), warm = phase_number(s, p, "warmup", 0);
  return (long)((double)(left - (long)warm) / per * each);
}

static rn_code interrupted(engine *e, rn_error *err) {
  int signal = e->o->interrupt ? *e->o->interrupt : 0;
  if (!signal) return RN_OK;
  if (!save(e, err)) return err->code;
  rn_code code = signal == SIGTERM ? RN_TERMINATED : RN_INTERRUPTED;
  rn_fail_as(err, code, "%s after %lld updates; the state is saved: go on with  rein resume %s", signal == SIGTERM ? "terminated" : "interrupted",
             (long long)e->s->at[AT_TOTAL], e->o->folder);
  return code;
}

static rn_code stop(engine *e, rn_error *err) {
  const rn_error *why = rn_stopped(e->s->run);
  rn_journal_event(e->log, (long)e->s->at[AT_TOTAL], "stopped", why->text);
  rn_error ignored = {0};
  rn_journal_commit(e->log, &ignored);
  rn_fail_as(err, why->code, "update %lld of phase %s: %s; the last good checkpoint stays in %s", (long long)e->s->at[AT_UPDATE],
             e->s->system->phases[e->s->at[AT_PHASE]].name, why->text, e->o->folder);
  return err->code;
}

// for the tests of resume: RN_KILL_AFTER=n ends this process as SIGKILL does, after n of its updates
static void die_when_told(void) {
  static long left = -1;
  if (left == -1) left = getenv("RN_KILL_AFTER") ? atol(getenv("RN_KILL_AFTER")) : 0;
  if (left > 0 && --left == 0) raise(SIGKILL);
}

static rn_code phase(engine *e, const rn_phase *p, rn_error *err) {
  session *s = e->s;
  if (!s->at[AT_ENTERED]) {
    s->at[AT_PHASE_STEPS] = 0, s->at[AT_UPDATE] = 0;
    if (p->enter) p->enter(s->self);
    s->at[AT_ENTERED] = 1;
  }
  rn_graph_begin(s->g, rn_key_of(s->run, "open", (uint64_t)s->at[AT_TOTAL], 0));
  if (p->open && !p->open(s->self, s->g, err)) return err->code;
  long updates = updates_of(s, p, err);
  if (updates < 0) return err->code;
  bool collecting = p->steps || (!p->rows && !p->alone) || p->counts_steps;
  if (collecting && length_of(s, p) > 0 && !s->kind) return rn_fail(err, "phase %s of %s needs an environment: say env=NAME", p->name, s->system->name), err->code;
  if (p->rows && updates > 0 && !s->log && !s->live) return rn_fail(err, "phase %s of %s needs data: say data=LOG, or an environment", p->name, s->system->name), err->code;
  while (s->at[AT_UPDATE] < updates) {
    bool over;
    rn_notes_clear(s->run);
    if (!update(e, p, updates, &over, err)) return err->code;
    if (rn_stopped(s->run)) return stop(e, err);
    s->at[AT_UPDATE]++, s->at[AT_TOTAL]++;
    die_when_told();
    long total = (long)s->at[AT_TOTAL];
    if (over || (p->over && p->over(s->self))) updates = (long)s->at[AT_UPDATE];
    if (total % e->log_every == 0) log_notes(e);
    bool evaluated = e->evaluate && total % e->evaluate == 0;
    if (evaluated && !evaluate(e, err)) return err->code;
    bool saved = total % e->every == 0 || (s->live && rn_live_room(s->live) < 2 * s->stand[0].w->n);
    if (saved && !save(e, err)) return err->code;
    show(e, p, updates, evaluated || saved);
    rn_code code = interrupted(e, err);
    if (code) return code;
  }
  return RN_OK;
}

static rn_code phases(engine *e, rn_error *err) {
  session *s = e->s;
  const rn_phase *list = s->system->phases;
  for (const rn_phase *p; list && (p = &list[s->at[AT_PHASE]])->name;) {
    rn_code code = phase(e, p, err);
    if (code) return code;
    s->at[AT_ENTERED] = 0;
    if (p->back && p->again && p->again(s->self)) {
      int to = 0;
      while (list[to].name && strcmp(list[to].name, p->back) != 0) to++;
      RN_CHECK(list[to].name, "no phase '%s'", p->back);
      s->at[AT_PHASE] = to;
    } else s->at[AT_PHASE]++;
  }
  s->at[AT_UPDATE] = 0;
  return RN_OK;
}

//---- measures -------------------------------------------------------------------------------------------------------------------------------

struct rn_report { engine *e; };
void rn_say(rn_report *out, const char *name, double value, double low, double high) {
  long at = (long)out->e->s->at[AT_TOTAL];
  char full[160];
  snprintf(full, sizeof full, "figure.%s", name), rn_journal_add(out->e->log, at, 0, full, value);
  snprintf(full, sizeof full, "figure.%s.low", name), rn_journal_add(out->e->log, at, 0, full, low);
  snprintf(full, sizeof full, "figure.%s.high", name), rn_journal_add(out->e->log, at, 0, full, high);
}

struct rn_cells { rn_table *table; engine *e; int cell, count; };
int rn_cells_count(const rn_cells *c) { return c->count; }
double rn_get(const rn_cells *c, int i, const char *name) { return rn_table_value(c->table, i, name); }
void rn_put(rn_cells *c, const char *name, double value) {
  rn_table_put(c->table, name, value);
  char full[160];
  snprintf(full, sizeof full, "cell.%s", name);
  if (c->e) rn_journal_add(c->e->log, c->cell, 0, full, value);
}

// finished cells are rows of the log: a kill repeats at most the cell in hand
static rn_code measure(engine *e, rn_error *err) {
  session *s = e->s;
  const rn_system *m = s->system;
  rn_journal_contents old = {0};
  if (!rn_journal_read(e->o->folder, &old, err)) return err->code;
  rn_cells cells = {.table = rn_table_new(0, NULL), .count = m->cells(s->self)};
  bool fine = true;
  for (int i = 0; fine && i < cells.count; i++) {
    rn_table_add(cells.table, 1);
    cells.cell = i, cells.e = NULL;
    bool found = false;
    for (int k = 0; k < old.n_series; k++)
      for (int j = 0; strncmp(old.series[k].name, "cell.", 5) == 0 && j < old.series[k].n; j++)
        if (old.series[k].update[j] == i) rn_put(&cells, old.series[k].name + 5, old.series[k].value[j]), found = true;
    if (!found) {
      cells.e = e;
      rn_graph_begin(s->g, rn_key_of(s->run, "cell", (uint64_t)i, 0));
      fine = m->cell(s->self, s->g, i, rn_key_of(s->run, "cell", (uint64_t)i, 0), &cells, err) && rn_journal_commit(e->log, err);
    }
    s->at[AT_TOTAL] = i + 1;
    if (fine && rn_stopped(s->run)) fine = rn_fail_as(err, rn_stopped(s->run)->code, "cell %d: %s", i, rn_stopped(s->run)->text);
    show(e, NULL, cells.count, false);
    rn_code code = fine ? interrupted(e, err) : RN_OK;
    if (code) return code;
  }
  rn_report report = {e};
  rn_graph_begin(s->g, rn_key_of(s->run, "conclude", 0, 0));
  fine = fine && (!m->conclude || m->conclude(s->self, s->g, &cells, &report, err));
  rn_table_free(cells.table), rn_journal_contents_free(&old);
  return fine ? RN_OK : err->code;
}

//---- begin and end ----------------------------------------------------------------------------------------------------------------------------

static rn_code live(engine *e, bool resumed, rn_error *err) {
  session *s = e->s;
  const rn_system *m = s->system;
  e->every = rn_recipe_int(s->recipe, "every"), e->evaluate = rn_recipe_int(s->recipe, "evaluate"), e->log_every = rn_recipe_int(s->recipe, "log");
  e->began = now(), e->began_at = (long)s->at[AT_TOTAL];
  if (!resumed && !save(e, err)) return err->code;
  rn_code code = m->cells ? measure(e, err) : phases(e, err);
  if (code) return code;
  bool fine = m->cells || evaluate(e, err);
  if (fine && m->evaluate) fine = m->evaluate(s->self, &(rn_report){e}, err);
  s->at[AT_FINISHED] = 1;
  fine = fine && save(e, err);
  show(e, NULL, 0, true);
  return fine ? RN_OK : err->code;
}

static rn_code with_session(session *s, const rn_train_options *o, bool resumed, bool fell_back, rn_error *err) {
  engine e = {.s = s, .o = o};
  long keep = resumed ? (long)s->at[AT_TOTAL] : -1;
  if (!(e.log = rn_journal_open(o->folder, s->system->cells && resumed ? INT32_MAX : keep, resumed ? (long)s->at[AT_TENSORBOARD] : -1, err))) return err->code;
  if (o->command) rn_journal_meta(e.log, "command", o->command);
  rn_journal_meta(e.log, "version", REIN_VERSION), rn_journal_meta(e.log, "isa", rn_math_isa());
  if (fell_back) say(&e, "warning", "the newest checkpoint is damaged: going on from the one before it");
  rn_sampler_figures f;
  if (s->log_sampler && !resumed && (rn_sampler_say(s->log_sampler, &f), f.warning)) say(&e, "warning", f.warning);
  rn_code code = live(&e, resumed, err);
  rn_journal_close(e.log);
  return code;
}

static void threads_of(const rn_recipe *r, const rn_train_options *o) {
  int n = o->threads > 0 ? o->threads : (int)rn_recipe_int(r, "threads");
  rn_threads_set(n);
}

rn_code rn_train(const rn_recipe *r, const rn_train_options *o, rn_error *err) {
  char *path = rn_printed("%s/recipe.yaml", o->folder);
  size_t memory = o->memory ? o->memory : rn_recipe_bytes(r, "mem");
  session *s = NULL;
  bool fine = !rn_exists(path) || rn_fail(err, "%s: holds a run already; go on with  rein resume %s, or name another folder", o->folder, o->folder);
  threads_of(r, o);
  // everything that can be wrong with the input is found before anything is written
  fine = fine && (s = session_new(r, &(session_plan){.collects = true, .memory = memory}, err)) != NULL;
  if (fine && s->live) {                                        // a replay lives in the folder
    session_free(s), s = NULL;
    char *checkpoint = rn_printed("%s/checkpoint", o->folder);
    fine = rn_make_folder(checkpoint, err) && (s = session_new(r, &(session_plan){o->folder, true, memory}, err)) != NULL;
    rn_free(checkpoint);
  }
  fine = fine && session_start(s, err);
  if (fine) {
    char *checkpoint = rn_printed("%s/checkpoint", o->folder), *text = rn_recipe_print(r, s->system);
    fine = rn_make_folder(checkpoint, err) && rn_lock_folder(o->folder, err) && rn_write_file(path, text, strlen(text), err);
    rn_free(checkpoint), rn_free(text);
  }
  rn_code code = fine ? with_session(s, o, false, false, err) : err->code;
  session_free(s), rn_free(path);
  return code;
}

rn_code rn_resume(const rn_train_options *o, rn_error *err) {
  char *path = rn_printed("%s/recipe.yaml", o->folder);
  rn_recipe *r = rn_exists(path) ? rn_recipe_read(path, err) : (rn_fail(err, "%s: not a run: it has no recipe.yaml", o->folder), NULL);
  rn_free(path);
  if (!r) return err->code;
  const rn_system *system = rn_recipe_system(r, err);
  bool fine = system && rn_recipe_check(r, system, err) && rn_lock_folder(o->folder, err);
  if (!fine) return rn_recipe_free(r), err->code;
  threads_of(r, o);
  size_t memory = o->memory ? o->memory : rn_recipe_bytes(r, "mem");
  char **list;
  int n = checkpoint_list(o->folder, &list);
  for (int i = 0; i < n; i++) rn_free(list[i]);
  rn_free(list);
  session_plan plan = {o->folder, true, memory};
  bool fell_back = false;
  session *s = n ? session_load(o->folder, &plan, &fell_back, err) : session_new(r, &plan, err);
  rn_recipe_free(r);
  if (!s) return err->code;
  rn_code code = RN_OK;
  if (n == 0 && !session_start(s, err)) code = err->code;
  else if (!s->at[AT_FINISHED]) code = with_session(s, o, n > 0, fell_back, err);
  session_free(s);
  return code;
}

rn_code rn_run_figures(const char *folder, int *n, rn_figure **out, rn_error *err) {
  rn_journal_contents c;
  *n = 0, *out = NULL;
  if (!rn_journal_read(folder, &c, err)) return err->code;
  for (int i = 0; i < c.n_series; i++) {
    const char *name = c.series[i].name;
    size_t length = strlen(name);
    bool bound = (length > 4 && strcmp(name + length - 4, ".low") == 0) || (length > 5 && strcmp(name + length - 5, ".high") == 0);
    if (strncmp(name, "figure.", 7) != 0 || bound || c.series[i].n == 0) continue;
    rn_figure f = {.value = c.series[i].value[c.series[i].n - 1], .low = NAN, .high = NAN};
    snprintf(f.name, sizeof f.name, "%s", name + 7);
    char side[200];
    for (int k = 0; k < 2; k++) {
      snprintf(side, sizeof side, "%s.%s", name, k ? "high" : "low");
      const rn_series *x = rn_journal_series(&c, side);
      if (x && x->n) *(k ? &f.high : &f.low) = x->value[x->n - 1];
    }
    *out = rn_grow(*out, (size_t)*n * sizeof **out, (size_t)(*n + 1) * sizeof **out), (*out)[(*n)++] = f;
  }
  rn_journal_contents_free(&c);
  return RN_OK;
}
