/* data.h - tables: one type for logs, replay, demonstrations and rollouts; who reads and writes them, and how rows are drawn.
 *
 * A table has named columns (name, type, width), rows, and an index of episodes. Columns with a meaning of their own:
 *   obs [w] F32, or U8   act [w] F32, or I32 [1] for a choice   reward [1] F32   terminated [1] U8   truncated [1] U8   next [w] as obs
 * `next` may be absent: it is then the next row's obs, and at the end of an episode the observation that was stored with the episode.
 * Any other column goes by its name ("behaviour_logp"). "return", "trajectory", "timestep" are derived at import and at an episode's end.
 *
 * Rows are numbered from 0 and keep their number: a live table slides, so its rows are rn_table_first .. first + rows - 1. */
#ifndef REIN_DATA_H
#define REIN_DATA_H
#include "rein/base.h"

//---- tables --------------------------------------------------------------------------------------------------------------------

typedef struct rn_table rn_table;
typedef struct { const char *name; rn_type type; int width; const void *data; } rn_field;   // data: row 0 of a table that does not slide

enum { RN_END_CUT, RN_END_TERMINATED, RN_END_TRUNCATED };                  // CUT: the file ends, or a gap follows
typedef struct { int64_t first, length; int end; bool next; } rn_episode;  // next: the observation after its last row is known

rn_table *rn_table_new(int n, const rn_field *fields);                     // in memory, empty; freed by the caller
void rn_table_free(rn_table *t);                                           // NULL is fine; unmaps
int64_t rn_table_rows(const rn_table *t);                                  // a live table: those in its window
int64_t rn_table_first(const rn_table *t);                                 // 0, but of a live table
int rn_table_width(const rn_table *t, const char *name);                   // 0: no such column ("next" counts as there when it is implied)
bool rn_table_column(const rn_table *t, const char *name, rn_field *out);  // false: none stored under this name
bool rn_table_column_at(const rn_table *t, int i, rn_field *out);          // the i-th; false past the last
const rn_episode *rn_table_episodes(const rn_table *t, int64_t *n);        // in order of rows; none of a live table
int64_t rn_table_episode_of(const rn_table *t, int64_t row);               // index of the episode that holds the row

/* Adds rows of zeros and answers the first one's number (memory and live tables). */
int64_t rn_table_add(rn_table *t, int64_t rows);
void *rn_table_write(rn_table *t, const char *name, int64_t row);          // where the row's values lie; valid until the next add
void rn_table_add_column(rn_table *t, rn_field f);                         // zeros in all rows; fatal when it is there or the table is mapped
/* Closes the rows since the last episode's end into an episode. `last` [obs]: the observation after its last row, NULL: not known. */
void rn_table_end(rn_table *t, int end, const float *last);

/* Tables of figures (a measure's cells): rn_table_put sets a column of width 1 of the last row, made as F64 when it is new. */
void rn_table_put(rn_table *t, const char *name, double value);
double rn_table_value(const rn_table *t, int64_t row, const char *name);           // NaN when there is no such column or row

/* out [n, width of the column] = the rows' values as float. Rows must lie in the table. "next" is answered whether stored or implied,
 * "live" is 1 - terminated. Cost: about one cache line a row; the lines are asked for ahead. */
void rn_gather(const rn_table *t, const char *column, int n, const int64_t *rows, float *out);
bool rn_table_has_next(const rn_table *t, int64_t row);                    // false: the observation after the row was not recorded

/* What the file said about its task; NULL or 0 where it said nothing. */
typedef struct { const float *low, *high; int choices; const char *env, *source; } rn_about;   // low, high [act]; choices: discrete actions
const rn_about *rn_table_about(const rn_table *t);
void rn_table_set_bounds(rn_table *t, const float *low, const float *high);                    // copied; from the recipe's act_low, act_high
void rn_table_set_choices(rn_table *t, int choices);
/* Every continuous action lies within known bounds. Without bounds fails with the data's range ("set act_low and act_high"). */
bool rn_table_check_actions(const rn_table *t, rn_error *err);
bool rn_table_check_finite(const rn_table *t, const char *path, rn_error *err);                // "path: obs row 18211 column 2 is nan"

//---- mapped: larger than memory ----------------------------------------------------------------------------------------------------

/* A folder: one raw file a column (obs.bin) and table.json. rn_table_open maps it read-only; rows are fetched by the kernel as they are used. */
bool rn_table_save(const rn_table *t, const char *folder, rn_error *err);
rn_table *rn_table_open(const char *folder, rn_error *err);

//---- live: replay that slides ----------------------------------------------------------------------------------------------------

/* capacity rows, appended by `worlds` streams side by side, mapped in `folder` (NULL: plain memory, lost with the process). Slots:
 * capacity + rows of two checkpoint intervals, so that rows of either kept checkpoint are never overwritten. Counters are rn_state of `run`
 * under NAME: a resume from either checkpoint sees exactly its rows. Columns named return, trajectory, timestep are filled at an
 * episode's end (return: discounted, of scale r + bias). Call in build or open, before a checkpoint fills the state. */
typedef struct { int64_t capacity, interval; int worlds; double gamma, scale, bias; } rn_live;
rn_table *rn_table_live(rn_run *run, const char *name, const char *folder, int n, const rn_field *fields, const rn_live *how, rn_error *err);
void rn_live_resume(rn_table *t);                          // after the state was filled from a checkpoint: forgets what came after it
int64_t rn_live_push(rn_table *t, int world);              // a new row of this world, number answered; values through rn_table_write
void rn_live_end(rn_table *t, int world);                  // the world's episode ends with its last row; derived columns are filled
int64_t rn_live_room(const rn_table *t);                   // rows that may be pushed before the next rn_live_commit
bool rn_live_commit(rn_table *t, rn_error *err);           // just before a checkpoint: rows are on the disk when it returns
void rn_live_clear(rn_table *t);                           // the window begins at the next row
bool rn_live_closed(const rn_table *t, int64_t row);       // its episode has ended

//---- derived columns and figures ---------------------------------------------------------------------------------------------------

/* Adds F32 "return" (discounted return-to-go of scale r + bias), I64 "trajectory" and I32 "timestep" as far as they are absent. */
void rn_table_derive(rn_table *t, double gamma, double scale, double bias);
/* Mean and standard deviation + 1e-3 of each entry of a column, in double, rows in order. out: mean [w], std [w]. */
void rn_table_moments(const rn_table *t, const char *column, float *mean, float *std);
/* Mean undiscounted return of the complete episodes (ended, not cut); NaN when there is none. */
double rn_dataset_return(const rn_table *t);
/* Number of different (obs, act): each continuous dimension is cut at `edges` equally spaced values from the reference's least to its
 * largest (Schweighofer et al. 2021): an index counts the edges <= value. The second form counts with HyperLogLog, about 0.4 %. */
int64_t rn_unique_pairs(const rn_table *data, const rn_table *reference, int edges);
double rn_unique_pairs_about(const rn_table *data, const rn_table *reference, int edges);
int rn_digit(double value, double least, double largest, int edges);      // index of one value
double rn_distinct_about(int64_t n, const uint64_t *hashes);              // HyperLogLog, 2^16 registers

//---- samplers: rows by key only ------------------------------------------------------------------------------------------------------

typedef enum { RN_UNIFORM, RN_WEIGHTED, RN_TOP, RN_RW, RN_AW } rn_sampling_kind;
typedef struct {
  rn_sampling_kind kind;
  double alpha;                            // RW, AW: temperature (0: 0.1)
  double fraction;                         // TOP: share of trajectories that is kept (0: 0.1)
  double gamma;                            // TOP: discount of the return that ranks (0: 1, undiscounted)
  const char *column;                      // WEIGHTED: the column of weights, >= 0
  bool next;                               // rows whose next observation is not known are left out
  bool closed;                             // live: rows of open episodes are left out (methods with derived columns)
  bool allow_partial;                      // RW, AW: cut episodes are weighted by their partial return; else they get no weight
} rn_sampling;
typedef struct rn_sampler rn_sampler;
rn_sampler *rn_sampler_new(const rn_table *t, const rn_sampling *how, rn_error *err);        // how NULL: uniform
void rn_sampler_free(rn_sampler *s);
int64_t rn_sampler_rows(const rn_sampler *s);              // how many rows can be drawn
void rn_sampler_draw(const rn_sampler *s, rn_key key, int n, int64_t *rows);                 // with replacement
/* What weighting cost and could gain: effective sample size (trajectories), positive-sided variance, mean and weighted mean return; a
 * warning or NULL. Kept trajectories and rows for TOP. */
typedef struct { double effective, psv, mean, weighted; int64_t trajectories, kept, rows; const char *warning; } rn_sampler_figures;
void rn_sampler_say(const rn_sampler *s, rn_sampler_figures *out);

/* S086: p [n] probability of each *transition* of trajectory i with return G[i], length T[i]; start [n, w] first states (NULL: RW), scores
 * x = G or G - least squares of G on start. Answers false when all scores are equal: p is then uniform. */
bool rn_trajectory_weights(int n, const double *G, const int64_t *T, int w, const float *start, double alpha, double *p);

/* Windows of T consecutive steps of one episode from each start row, time first: rows, first, mask [T, n]. Past the episode's end mask is
 * 0 and the last row is repeated; with `across` the window goes on into what follows and `first` marks each episode's begin. */
void rn_windows(const rn_table *t, int n, const int64_t *start, int T, bool across, int64_t *rows, float *first, float *mask);

//---- foreign files -----------------------------------------------------------------------------------------------------------------

/* Which columns of a CSV, JSONL or NPZ file mean what (recipe key `columns`); a NULL name: the file has none. */
typedef struct {
  int n_obs; const char *const *obs;
  int n_act; const char *const *act;
  int n_next; const char *const *next;
  const char *reward, *terminated, *truncated, *episode, *time;
  bool automatic;                          // guess from the names; rn_columns_say prints the guess
} rn_columns;

/* Reads a file or folder of any known kind, by content: safetensors, a saved table, D4RL, Minari 0.4 and 0.5, robosuite, NPZ, CSV, JSONL.
 * HDF5, NPZ, CSV and JSONL are read in a confined child (see rn_reader_main); what it sends is checked. NULL and one message. */
rn_table *rn_table_load(const char *path, const rn_columns *columns, rn_error *err);
const char *rn_table_said(const rn_table *t);                             // what the reader left out or guessed; "" when nothing

/* The child's entry: `PROGRAM --rein-reader ...` must call this first and end with its answer. The program is /proc/self/exe unless set. */
int rn_reader_main(int argc, char **argv);
void rn_reader_program(const char *path);                                 // NULL: /proc/self/exe
const char *rn_reader_confinement(void);                                  // "seccomp, landlock 7, limits": what holds on this machine

//---- writers -------------------------------------------------------------------------------------------------------------------------

/* Whole or not at all; the same table gives the same bytes. D4RL and CSV have next observations only when they are known after every row;
 * a Minari episode loses a last row whose outcome is not known (Minari stores one observation more than steps). */
bool rn_write_safetensors_table(const rn_table *t, const char *path, rn_error *err);
bool rn_write_d4rl(const rn_table *t, const char *path, rn_error *err);
bool rn_write_minari(const rn_table *t, const char *folder, rn_error *err);             // folder/data/{main_data.hdf5,metadata.json}
bool rn_write_csv(const rn_table *t, const char *path, rn_error *err);

//---- what the data are like -----------------------------------------------------------------------------------------------------------

typedef struct {
  int64_t rows, episodes, terminated, truncated, cut;
  double length_mean; int64_t length_least, length_most;
  double return_mean, return_std, return_quantile[5];      // least, 25 %, median, 75 %, largest; of complete episodes
  double psv;
  int64_t gaps;                                            // inside an episode next is not the next row's obs
  int64_t not_finite; char not_finite_where[128];
  int64_t duplicates;                                      // rows equal to an earlier one in obs, act, reward, next
  int64_t no_next;
  bool bounds; int64_t outside; double saturated;          // share of action entries at a bound (within 1e-3 of the range)
  double act_least, act_most;
  int constant; char constant_where[128];                  // observation entries that never change
  double stochastic;                                       // share of repeated (obs, act) that lead to a different next
  bool reference; double tq, saco, lsaco; int64_t unique;
  char warning[512];
} rn_table_figures;
typedef struct { const rn_table *reference, *worst, *best; int edges; } rn_report_against;   // all NULL: no TQ, no SACo; edges 0: 100
void rn_table_report(const rn_table *t, const rn_report_against *against, rn_table_figures *out);
void rn_table_report_text(const rn_table *t, const rn_table_figures *f, rn_text *out);
void rn_table_report_json(const rn_table *t, const rn_table_figures *f, rn_text *out);
#endif
