/* run.h - runs: what the command line, the demo and the tests ask of the engine.
 *
 * A run is a folder: recipe.yaml (resolved), run.sqlite, events.out.tfevents.0.rein, checkpoint/NNNNNNNN.safetensors, tables. Every function
 * answers how it ended (the process's exit code); anything but RN_OK and RN_UNMET has its message in `err`. */
#ifndef REIN_RUN_H
#define REIN_RUN_H
#include "rein/recipe.h"
#include "rein/stats.h"
#include <signal.h>

//---- training ------------------------------------------------------------------------------------------------------------------------

/* Where a run stands; passed to `progress` about ten times a second at most, and after each evaluation and checkpoint. */
typedef struct {
  const char *phase;
  long update, updates;                        // of this phase; updates 0: not known beforehand
  long done, all;                              // over all phases, in the units of each phase's length; all 0: not known
  long steps;                                  // environment steps so far
  double rate, left;                           // updates a second of late; seconds left, NAN: not known
  int evaluations;                             // so far; of the last one:
  double mean, low, high;                      // mean return, 95 % interval
} rn_progress;

typedef struct {
  const char *folder;
  int threads;                                 // 0: as the recipe says
  size_t memory;                               // bytes; 0: as the recipe says
  const char *command;                         // for the report; NULL: not known
  void (*progress)(void *context, const rn_progress *p);       // NULL: none
  void (*say)(void *context, const char *kind, const char *text);      // "warning", "note", "plan": one line each; NULL: none
  void *context;
  const volatile sig_atomic_t *interrupt;      // 0, or the signal that asks to stop; asked between updates; NULL: never
} rn_train_options;

/* A new run from a checked recipe. The folder must be absent or empty. Interrupted: state saved, RN_INTERRUPTED or RN_TERMINATED, and the
 * message says how to resume. */
rn_code rn_train(const rn_recipe *r, const rn_train_options *o, rn_error *err);
/* Goes on from the folder's newest good checkpoint; from the start when there is none. A finished run: RN_OK, nothing changes. */
rn_code rn_resume(const rn_train_options *o, rn_error *err);

//---- using a run ---------------------------------------------------------------------------------------------------------------------

typedef struct { char name[64]; double value, low, high; } rn_figure;          // low, high: 95 % interval, NAN where there is none
typedef struct {
  int episodes; double *returns; int *lengths;             // of each episode; NULL without an environment
  int figures; rn_figure *figure;                          // "return", "score", "fqe", "wis", "effective sample size", the system's own
  char env[128], data[512];
} rn_evaluation;
void rn_evaluation_free(rn_evaluation *e);
/* The run's act in RN_EVALUATE over `episodes` episodes (0: the recipe's) of its environment, or of `env` when that is not NULL; with `data`
 * (a log, held out) by FQE and weighted importance sampling, without an environment. */
typedef struct { const char *folder, *env, *data; int episodes, threads; uint64_t seed; bool any_seed; } rn_evaluate_options;   // any_seed: the recipe's
rn_code rn_evaluate_run(const rn_evaluate_options *o, rn_evaluation *out, rn_error *err);
rn_code rn_export_c(const char *folder, const char *path, rn_error *err);
rn_code rn_export_safetensors(const char *folder, const char *path, rn_error *err);

/* One system's updates on given parameters, rows and noise. `init`: writes fresh parameters there instead. Sizes are needed with init
 * alone; else they are those of the batch. */
typedef struct { const char *params, *batch, *noise, *out, *init; int updates, obs, act, actions; } rn_step_files;
rn_code rn_step_system(const rn_recipe *r, const rn_step_files *files, rn_error *err);
rn_code rn_step_noise(const rn_recipe *r, int obs, int act, int actions, rn_text *out, bool json, rn_error *err);   // ordinal, shape, law of each draw

/* A log of an environment: policy "random", a run's folder, or "mix:0.9*random+0.1*RUN". One of episodes, steps is set. By its name the
 * file is safetensors, .hdf5 (D4RL), .csv, or a Minari folder ending in /. */
typedef struct { const char *env, *policy, *out; long episodes, steps; uint64_t seed; int threads; const volatile sig_atomic_t *interrupt; } rn_data_order;
rn_code rn_data_make(const rn_data_order *o, rn_error *err);

//---- measures, claims ------------------------------------------------------------------------------------------------------------------

/* A measure's figures, as `conclude` said them (rn_train runs measures too and leaves them in the folder). */
rn_code rn_run_figures(const char *folder, int *n, rn_figure **out, rn_error *err);    // *out is the caller's

typedef struct {
  const char *folder;                          // where runs and the result are kept; NULL: runs/claims/NAME
  int jobs;                                    // processes at a time; 0: one a core
  int part, parts;                             // of a job array, 1-based; 0: all
  bool fresh;                                  // results of earlier runs do not count
  void (*say)(void *context, const char *kind, const char *text);
  void *context;
  const volatile sig_atomic_t *interrupt;
} rn_claim_options;
/* A claim by name (claims/NAME.yaml) or path. RN_OK: confirmed. RN_UNMET: not confirmed, refuted, or its setting is invalid.
 * text, json: the result as it is printed; both the caller's. */
rn_code rn_claim(const char *name, const rn_claim_options *o, rn_text *text, rn_text *json, rn_error *err);
#endif
