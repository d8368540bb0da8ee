/* run/session.h - a run in memory: its recipe, sources, system and graphs. Private to run/. */
#ifndef REIN_SESSION_H
#define REIN_SESSION_H
#include "rein/journal.h"
#include "rein/run.h"
#include "rein/safetensors.h"
#include "rein/worlds.h"

// the counters of a run, part of its state
enum { AT_PHASE, AT_UPDATE, AT_TOTAL, AT_STEPS, AT_PHASE_STEPS, AT_TENSORBOARD, AT_FINISHED, AT_ENTERED, AT_COUNT };

enum { MOST_ASKS = 8, MOST_SLOTS = 16 };
// a group of environment rows and who acts on them
typedef struct {
  char name[48];
  rn_worlds *w;
  float *memory;                               // [rows, memory] of the system's act
} stand;

typedef struct session {
  rn_recipe *recipe;
  const rn_system *system;
  void *self;
  rn_run *run;
  rn_graph *g, *act_graph;                     // of updates; of acts
  rn_table *log;                               // the recipe's data; NULL: none
  rn_sampler *log_sampler;
  const rn_env_kind *kind;                     // the recipe's env; NULL: none
  stand stand[MOST_ASKS];
  int stands;
  rn_table *live;                              // new transitions; NULL: none are kept
  rn_sampler *live_sampler;
  rn_scaling scaling;
  float *mean, *std;                           // [obs] state
  double *seen;                                // running: count, then mean and squared deviations of each entry
  bool running;
  int memory;                                  // floats a row keeps between acts
  int64_t *at;                                 // [AT_COUNT] state
  struct session *slot[MOST_SLOTS];            // other runs
  const char *slot_name[MOST_SLOTS];
  int slots;
  rn_table *slot_table[MOST_SLOTS];
  const char *table_name[MOST_SLOTS];
  int tables;
} session;

/* What a session is for. `folder`: where a replay may live, NULL: in memory. collects: environments and replay are made. */
typedef struct { const char *folder; bool collects; size_t memory; } session_plan;
session *session_new(const rn_recipe *r, const session_plan *plan, rn_error *err);       // NULL and a message
void session_free(session *s);
/* The run of a folder at its newest good checkpoint; `fell_back` (may be NULL) says that the newest was damaged. */
session *session_load(const char *folder, const session_plan *plan, bool *fell_back, rn_error *err);
/* First values: the normaliser, blocks that `from` gives. */
bool session_start(session *s, rn_error *err);

//---- acting (collect.c) --------------------------------------------------------------------------------------------------------------

/* The system's act (by NULL) or a policy's on all rows of `w`: into act [rows, width] and, where not NULL, logp [rows]. */
void session_act(session *s, const rn_worlds *w, const rn_policy *by, const char *purpose, rn_mode mode, long step, float *memory, float *act, float *logp);
stand *session_stand(session *s, const char *name);                                      // NULL: none of that name
bool stand_new(session *s, const char *name, int rows, rn_error *err);
bool session_collect(session *s, stand *d, const rn_policy *by);                         // one step of every row, appended to the live table
void session_rollout(session *s, rn_graph *g, const rn_ask *ask, rn_rollout *r);         // a fresh rollout in g
void session_see(session *s, int n, const float *obs);                                   // running statistics of raw observations
/* The observation node of an act: raw -> one-hot or normalised, as nodes, so that an export carries it. */
rn_node *session_observe(session *s, rn_graph *g, int n, const float *raw, rn_node **raw_node);

//---- evaluation (evaluate.c) ------------------------------------------------------------------------------------------------------------

bool session_evaluate(session *s, const rn_env_kind *kind, int episodes, uint64_t seed, double *returns, int *lengths, rn_error *err);

bool rn_evaluate_log(session *s, const char *path, rn_evaluation *out, rn_error *err);   // held-out episodes: FQE and WIS (ope.c)

//---- checkpoints (checkpoint.c) ----------------------------------------------------------------------------------------------------------

bool checkpoint_write(session *s, const char *folder, rn_error *err);                    // the last two are kept
bool checkpoint_load(session *s, const char *path, rn_error *err);                       // every entry of the run's state
/* The newest file first; n of them. The caller frees each and the list. */
int checkpoint_list(const char *folder, char ***paths);
/* All state as tensors, and `figures` more scalars. */
bool state_write(const rn_run *run, const char *path, int figures, const char *const *names, const double *values, int notes, const rn_tensor_note *note, rn_error *err);
#endif
