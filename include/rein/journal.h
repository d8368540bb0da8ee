/* journal.h - the log of a run: figures by update in SQLite (run.sqlite) and in TensorBoard's event format, and what is read back of them.
 *
 * What is added waits in memory until rn_journal_commit, once a checkpoint: one SQLite transaction, one append to the event file. A run that
 * goes on opens its log with the checkpoint's update and length; everything newer is gone, as if it had not been written. Nothing
 * in either file depends on the time; times of a run are meta, which nobody compares. */
#ifndef REIN_JOURNAL_H
#define REIN_JOURNAL_H
#include "rein/base.h"

typedef struct rn_journal rn_journal;

/* Names that the report knows: eval.return, eval.low, eval.high (mean of an evaluation and its 95 % interval), eval.score, eval.length;
 * train.return (episodes that ended since the last row); loss.BLOCK; data.* and sampler.* once, at update 0. Others are shown as they are. */

/* folder/run.sqlite and folder/events.out.tfevents.0.rein, made when absent. Rows after update `keep` are deleted (-1: all) in the
 * transaction that opens, and the event file is cut to `tensorboard` bytes (-1: all of it goes). Fails when the file is no log. */
rn_journal *rn_journal_open(const char *folder, long keep, long tensorboard, rn_error *err);
void rn_journal_close(rn_journal *log);                                // what was not committed is dropped; NULL is fine
/* A figure of an update; steps: environment steps so far. The last one of an update and name counts. */
void rn_journal_add(rn_journal *log, long update, long steps, const char *name, double value);
void rn_journal_event(rn_journal *log, long update, const char *kind, const char *text);       // "warning", "phase", ...
void rn_journal_returns(rn_journal *log, long update, const char *of, int n, const double *returns);   // of an evaluation's episodes; of: "eval"
void rn_journal_meta(rn_journal *log, const char *key, const char *value);                     // command, versions, times: not part of the bits
bool rn_journal_commit(rn_journal *log, rn_error *err);
/* Meta for the report: command, versions, CPU, kernels, threads, and when this was (started; seconds at the end: rn_log_ended). */
void rn_log_about(rn_journal *log, const char *command);           // command NULL: not known
void rn_log_ended(rn_journal *log, double seconds);                // wall clock of the process that ended it
long rn_journal_tensorboard_bytes(const rn_journal *log);              // of the committed event file, for the checkpoint

//---- reading back --------------------------------------------------------------------------------------------------------------------

typedef struct { char *name; int n; long *update, *steps; double *value; } rn_series;
typedef struct { long update; char *kind, *text; } rn_journal_entry;
/* Read-only; a run that is training can be read. Every array is the caller's, freed by the functions below. */
typedef struct {
  int n_series; rn_series *series;             // by name, ascending updates
  int n_events; rn_journal_entry *events;
  int n_returns; double *returns; long returns_update;         // of the last evaluation named "eval"
  int n_meta; char **meta_key, **meta_value;
} rn_journal_contents;
bool rn_journal_read(const char *folder, rn_journal_contents *out, rn_error *err);
void rn_journal_contents_free(rn_journal_contents *c);
const rn_series *rn_journal_series(const rn_journal_contents *c, const char *name);            // NULL: none of that name
const char *rn_journal_meta_of(const rn_journal_contents *c, const char *key);                 // NULL: none
const char *rn_sqlite_version(void);

//---- TensorBoard's event file (tensorboard.c) ----------------------------------------------------------------------------------------

uint32_t rn_crc32c(const void *bytes, size_t n);
void rn_event_version(rn_text *t);                                                     // the record that begins a file
void rn_event_scalar(rn_text *t, long step, const char *tag, double value);
#endif
