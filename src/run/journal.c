/* run/journal.c - the log of a run in SQLite and beside it TensorBoard's events. The only file that names SQLite. */
#include "rein/journal.h"
#include <math.h>
#include <sqlite3.h>
#include <string.h>

typedef enum { FIGURE, EVENT, RETURN, META } what;
typedef struct { what what; long update, steps; double value; char *name, *text; } row;
struct rn_journal { sqlite3 *db; char *path, *events; row *rows; int n, room; long bytes; };

static const char SCHEMA[] =
  "CREATE TABLE IF NOT EXISTS metrics(\"update\" INTEGER NOT NULL, steps INTEGER NOT NULL, name TEXT NOT NULL, value REAL, PRIMARY KEY(name, \"update\")) WITHOUT ROWID;"
  "CREATE TABLE IF NOT EXISTS events(\"update\" INTEGER NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);"
  "CREATE TABLE IF NOT EXISTS returns(\"update\" INTEGER NOT NULL, of TEXT NOT NULL, episode INTEGER NOT NULL, value REAL, PRIMARY KEY(of, \"update\", episode)) WITHOUT ROWID;"
  "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
  "PRAGMA user_version = 1;";

// what the world refused is the system's; a file that is no log, or one in use, is the user's to mend
static bool refuse(sqlite3 *db, const char *path, const char *what, rn_error *err) {
  int code = db ? sqlite3_errcode(db) & 0xff : SQLITE_NOMEM;
  if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) return rn_fail(err, "%s: damaged, or not the log of a run (%s)", path, sqlite3_errmsg(db));
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return rn_fail(err, "%s: in use by another process; wait for it", path);
  if (code == SQLITE_ERROR) return rn_fail(err, "%s: not the log of a run (%s)", path, sqlite3_errmsg(db));
  return rn_fail_as(err, RN_SYSTEM, "%s: %s: %s", path, what, db ? sqlite3_errmsg(db) : "no memory");
}

static bool run(sqlite3 *db, const char *sql) { return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK; }

static sqlite3 *open_db(const char *path, int flags, rn_error *err) {
  sqlite3 *db = NULL;
  if (sqlite3_open_v2(path, &db, flags, NULL) == SQLITE_OK && sqlite3_busy_timeout(db, 5000) == SQLITE_OK) return db;
  refuse(db, path, "can't be opened", err);
  sqlite3_close(db);
  return NULL;
}

static bool forget_after(sqlite3 *db, long keep) {
  char sql[256];
  snprintf(sql, sizeof sql, "DELETE FROM metrics WHERE \"update\" > %ld; DELETE FROM events WHERE \"update\" > %ld; DELETE FROM returns WHERE \"update\" > %ld;", keep, keep, keep);
  return run(db, sql);
}

rn_journal *rn_journal_open(const char *folder, long keep, long tensorboard, rn_error *err) {
  rn_journal *log = rn_new(sizeof *log);
  log->path = rn_printed("%s/run.sqlite", folder), log->events = rn_printed("%s/events.out.tfevents.0.rein", folder);
  log->db = open_db(log->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
  bool fine = log->db != NULL;
  if (fine && !(run(log->db, "BEGIN IMMEDIATE") && run(log->db, SCHEMA) && forget_after(log->db, keep) && run(log->db, "COMMIT")))
    fine = refuse(log->db, log->path, "can't be written", err);
  long there = RN_MAX(rn_file_size(log->events), 0);
  if (fine && tensorboard > there)
    fine = rn_fail(err, "%s: %ld bytes, the checkpoint was made with %ld; the file was cut or replaced", log->events, there, tensorboard);
  rn_text first = {0};
  if (tensorboard <= 0) rn_event_version(&first);
  fine = fine && rn_append_at(log->events, RN_MAX(tensorboard, 0), first.at, first.n, err);
  log->bytes = RN_MAX(tensorboard, 0) + (long)first.n;
  rn_free(first.at);
  if (!fine) return rn_journal_close(log), NULL;
  return log;
}

static void drop_rows(rn_journal *log) {
  for (int i = 0; i < log->n; i++) rn_free(log->rows[i].name), rn_free(log->rows[i].text);
  log->n = 0;
}

void rn_journal_close(rn_journal *log) {
  if (!log) return;
  drop_rows(log);
  sqlite3_close(log->db);
  rn_free(log->rows), rn_free(log->path), rn_free(log->events), rn_free(log);
}

static row *add(rn_journal *log, what what, long update, const char *name) {
  if (log->n == log->room) {
    int room = log->room ? 2 * log->room : 256;
    log->rows = rn_grow(log->rows, (size_t)log->room * sizeof *log->rows, (size_t)room * sizeof *log->rows), log->room = room;
  }
  log->rows[log->n] = (row){.what = what, .update = update, .name = rn_copy_text(name)};
  return &log->rows[log->n++];
}

void rn_journal_add(rn_journal *log, long update, long steps, const char *name, double value) {
  row *r = add(log, FIGURE, update, name);
  r->steps = steps, r->value = value;
}

void rn_journal_event(rn_journal *log, long update, const char *kind, const char *text) { add(log, EVENT, update, kind)->text = rn_copy_text(text); }
void rn_journal_meta(rn_journal *log, const char *key, const char *value) { add(log, META, 0, key)->text = rn_copy_text(value); }

void rn_journal_returns(rn_journal *log, long update, const char *of, int n, const double *returns) {
  for (int i = 0; i < n; i++) {
    row *r = add(log, RETURN, update, of);
    r->steps = i, r->value = returns[i];
  }
}

static void bind(sqlite3_stmt *s, const row *r) {
  int text = r->text ? (int)strlen(r->text) : 0;
  if (r->what != META) sqlite3_bind_int64(s, 1, r->update);
  if (r->what == FIGURE || r->what == RETURN) sqlite3_bind_int64(s, 2, r->steps);
  sqlite3_bind_text(s, 3, r->name, -1, SQLITE_STATIC);
  if (r->text) sqlite3_bind_text(s, 4, r->text, text, SQLITE_STATIC);
  else if (isnan(r->value)) sqlite3_bind_null(s, 4);
  else sqlite3_bind_double(s, 4, r->value);
}

static bool write_rows(rn_journal *log) {
  static const char *const sql[] = {[FIGURE] = "INSERT OR REPLACE INTO metrics VALUES(?1, ?2, ?3, ?4)", [EVENT] = "INSERT INTO events VALUES(?1, ?3, ?4)",
                                    [RETURN] = "INSERT OR REPLACE INTO returns VALUES(?1, ?3, ?2, ?4)", [META] = "INSERT OR REPLACE INTO meta VALUES(?3, ?4)"};
  sqlite3_stmt *s[RN_COUNT(sql)] = {0};
  bool fine = run(log->db, "BEGIN IMMEDIATE");
  for (int i = 0; i < RN_COUNT(sql) && fine; i++) fine = sqlite3_prepare_v2(log->db, sql[i], -1, &s[i], NULL) == SQLITE_OK;
  for (int i = 0; i < log->n && fine; i++) {
    sqlite3_stmt *at = s[log->rows[i].what];
    bind(at, &log->rows[i]);
    fine = sqlite3_step(at) == SQLITE_DONE;
    sqlite3_reset(at);
  }
  for (int i = 0; i < RN_COUNT(sql); i++) sqlite3_finalize(s[i]);
  return fine && run(log->db, "COMMIT");
}

static bool write_events(rn_journal *log, rn_error *err) {
  rn_text t = {0};
  for (int i = 0; i < log->n; i++)
    if (log->rows[i].what == FIGURE) rn_event_scalar(&t, log->rows[i].update, log->rows[i].name, log->rows[i].value);
  bool fine = t.n == 0 || rn_append_at(log->events, log->bytes, t.at, t.n, err);
  if (fine) log->bytes += (long)t.n;
  rn_free(t.at);
  return fine;
}

bool rn_journal_commit(rn_journal *log, rn_error *err) {
  if (log->n == 0) return true;
  if (!write_rows(log)) {
    refuse(log->db, log->path, "can't be written", err);
    run(log->db, "ROLLBACK");
    return false;
  }
  if (!write_events(log, err)) return false;
  drop_rows(log);
  return true;
}

long rn_journal_tensorboard_bytes(const rn_journal *log) { return log->bytes; }

//---- reading back --------------------------------------------------------------------------------------------------------------------

static char *text_of(sqlite3_stmt *s, int column) {
  const char *text = (const char *)sqlite3_column_text(s, column);
  return rn_copy_text(text ? text : "");
}

static double real_of(sqlite3_stmt *s, int column) { return sqlite3_column_type(s, column) == SQLITE_NULL ? NAN : sqlite3_column_double(s, column); }

// room for one more of `size` bytes behind n: doubles at powers of two
static void *room(void *at, int n, size_t size) {
  if (n & (n - 1)) return at;
  return rn_grow(at, (size_t)n * size, (n ? 2 * (size_t)n : 1) * size);
}

typedef void (*take)(rn_journal_contents *c, sqlite3_stmt *s);

static void take_figure(rn_journal_contents *c, sqlite3_stmt *s) {
  const char *name = (const char *)sqlite3_column_text(s, 0);
  rn_series *last = c->n_series ? &c->series[c->n_series - 1] : NULL;
  if (!last || strcmp(last->name, name) != 0) {
    c->series = room(c->series, c->n_series, sizeof *c->series);
    last = &c->series[c->n_series++];
    *last = (rn_series){.name = rn_copy_text(name)};
  }
  last->update = room(last->update, last->n, sizeof *last->update), last->steps = room(last->steps, last->n, sizeof *last->steps);
  last->value = room(last->value, last->n, sizeof *last->value);
  last->update[last->n] = (long)sqlite3_column_int64(s, 1), last->steps[last->n] = (long)sqlite3_column_int64(s, 2);
  last->value[last->n++] = real_of(s, 3);
}

static void take_event(rn_journal_contents *c, sqlite3_stmt *s) {
  c->events = room(c->events, c->n_events, sizeof *c->events);
  c->events[c->n_events++] = (rn_journal_entry){(long)sqlite3_column_int64(s, 0), text_of(s, 1), text_of(s, 2)};
}

static void take_return(rn_journal_contents *c, sqlite3_stmt *s) {
  c->returns = room(c->returns, c->n_returns, sizeof *c->returns);
  c->returns_update = (long)sqlite3_column_int64(s, 0), c->returns[c->n_returns++] = real_of(s, 1);
}

static void take_meta(rn_journal_contents *c, sqlite3_stmt *s) {
  c->meta_key = room(c->meta_key, c->n_meta, sizeof *c->meta_key), c->meta_value = room(c->meta_value, c->n_meta, sizeof *c->meta_value);
  c->meta_key[c->n_meta] = text_of(s, 0), c->meta_value[c->n_meta++] = text_of(s, 1);
}

static bool each(sqlite3 *db, const char *sql, take take, rn_journal_contents *c) {
  sqlite3_stmt *s;
  if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) return false;
  int code;
  while ((code = sqlite3_step(s)) == SQLITE_ROW) take(c, s);
  sqlite3_finalize(s);
  return code == SQLITE_DONE;
}

bool rn_journal_read(const char *folder, rn_journal_contents *out, rn_error *err) {
  char *path = rn_printed("%s/run.sqlite", folder);
  *out = (rn_journal_contents){0};
  bool fine = rn_exists(path) || rn_fail(err, "%s: no such file; %s is not the folder of a run", path, folder);
  sqlite3 *db = fine ? open_db(path, SQLITE_OPEN_READONLY, err) : NULL;
  fine = db != NULL;
  if (fine && !(run(db, "BEGIN") && each(db, "SELECT name, \"update\", steps, value FROM metrics ORDER BY name, \"update\"", take_figure, out) &&
                each(db, "SELECT \"update\", kind, text FROM events ORDER BY \"update\", rowid", take_event, out) &&
                each(db, "SELECT \"update\", value FROM returns WHERE of = 'eval' AND \"update\" = (SELECT max(\"update\") FROM returns WHERE of = 'eval') ORDER BY episode",
                     take_return, out) &&
                each(db, "SELECT key, value FROM meta ORDER BY key", take_meta, out)))
    fine = refuse(db, path, "can't be read", err);
  sqlite3_close(db);
  if (!fine) rn_journal_contents_free(out);
  rn_free(path);
  return fine;
}

void rn_journal_contents_free(rn_journal_contents *c) {
  for (int i = 0; i < c->n_series; i++) rn_free(c->series[i].name), rn_free(c->series[i].update), rn_free(c->series[i].steps), rn_free(c->series[i].value);
  for (int i = 0; i < c->n_events; i++) rn_free(c->events[i].kind), rn_free(c->events[i].text);
  for (int i = 0; i < c->n_meta; i++) rn_free(c->meta_key[i]), rn_free(c->meta_value[i]);
  rn_free(c->series), rn_free(c->events), rn_free(c->returns), rn_free(c->meta_key), rn_free(c->meta_value);
  *c = (rn_journal_contents){0};
}

const rn_series *rn_journal_series(const rn_journal_contents *c, const char *name) {
  for (int i = 0; i < c->n_series; i++) if (strcmp(c->series[i].name, name) == 0) return &c->series[i];
  return NULL;
}

const char *rn_journal_meta_of(const rn_journal_contents *c, const char *key) {
  for (int i = 0; i < c->n_meta; i++) if (strcmp(c->meta_key[i], key) == 0) return c->meta_value[i];
  return NULL;
}

const char *rn_sqlite_version(void) { return sqlite3_libversion(); }
