/* system.h - what a system is: a learner (phases), a planner (acts) or a measure (cells); what comes out shows in which fields are set.
 * A file in src/system/ includes this and nothing else. */
#ifndef REIN_SYSTEM_H
#define REIN_SYSTEM_H
#include "rein/base.h"
#include "rein/data.h"
#include "rein/graph.h"
#include "rein/net.h"
#include "rein/policy.h"
#include <math.h>
#include <string.h>

//---- options ---------------------------------------------------------------------------------------------------------------------------

/* One row an option: the table alone drives YAML, overrides, help, schema, documentation and completion. */
typedef enum { RN_OPT_INT, RN_OPT_REAL, RN_OPT_BOOL, RN_OPT_CHOICE } rn_option_kind;
typedef struct { const char *name; rn_option_kind kind; size_t at; double value, least, most; const char *help, *choices; } rn_option;
#define RN_OPTION_KIND(T, f) _Generic(((T *)0)->f, int: RN_OPT_INT, double: RN_OPT_REAL, bool: RN_OPT_BOOL)
#define RN_OPTION(T, f, value, least, most, help) {#f, RN_OPTION_KIND(T, f), offsetof(T, f), value, least, most, help, NULL}
#define RN_CHOICE(T, f, index, choices, help) {#f, RN_OPT_CHOICE, offsetof(T, f), index, 0, 64, help, choices}     // int f; "mean|min"

/* The house's rows: RN_COMMON(iql, gamma, tau, lr), one to four names. */
#define RN_COMMON(...) RN_COMMON_N(__VA_ARGS__, 4, 3, 2, 1, 0)(__VA_ARGS__)
#define RN_COMMON_N(T, a, b, c, d, n, ...) RN_COMMON_##n
#define RN_COMMON_1(T, a) RN_HOUSE_##a(T)
#define RN_COMMON_2(T, a, b) RN_HOUSE_##a(T), RN_HOUSE_##b(T)
#define RN_COMMON_3(T, a, b, c) RN_HOUSE_##a(T), RN_HOUSE_##b(T), RN_HOUSE_##c(T)
#define RN_COMMON_4(T, a, b, c, d) RN_HOUSE_##a(T), RN_HOUSE_##b(T), RN_HOUSE_##c(T), RN_HOUSE_##d(T)
#define RN_HOUSE_gamma(T) RN_OPTION(T, gamma, 0.99, 0, 1, "discount of a step")
#define RN_HOUSE_tau(T) RN_OPTION(T, tau, 0.005, 0, 1, "share of the online weights that moves into the slow copy at each update")
#define RN_HOUSE_lr(T) RN_OPTION(T, lr, 3e-4, 0, 1, "learning rate of every block")
#define RN_HOUSE_offline(T) RN_OPTION(T, offline, 1000000, 0, 2e9, "updates on the log alone")
#define RN_HOUSE_online(T) RN_OPTION(T, online, 0, 0, 2e9, "updates with one environment step each, log and new steps drawn alike")
#define RN_HOUSE_steps(T) RN_OPTION(T, steps, 1000000, 0, 2e9, "environment steps in all")

//---- what an update eats ---------------------------------------------------------------------------------------------------------------

/* Stored transitions as nodes of the update's graph. Other columns by name: rn_column(b, "behaviour_logp"). */
typedef struct rn_batch {
  rn_graph *g;
  const rn_run *run;
  long update, updates;                         // of this phase: delays, schedules
  rn_node *obs, *act, *reward, *live, *next;    // [B, obs] [B, act] [B, 1] [B, 1] 0 at a true end, [B, obs]
  const int64_t *row;                           // [B] its row in the source
  int n;
  const struct rn_batch *also;                  // the answer to the plan's next ask; NULL at the last
  const rn_table *table, *newer;                // where `row` points: below 2^40 a row of table, from 2^40 on one of newer
} rn_batch;
rn_node *rn_column(const rn_batch *b, const char *name);
rn_batch rn_part(const rn_batch *b, int k, int of);      // the k-th of `of` equal parts: several updates a step
rn_batch rn_join(const rn_batch *b);                     // all asks, one after the other
rn_view rn_view_obs(const rn_batch *b);
rn_view rn_view_next(const rn_batch *b);

/* Fresh experience: T steps of n rows (time first), or whole episodes padded to T. */
typedef struct rn_rollout {
  rn_graph *g;
  const rn_run *run;
  long update, updates;
  int T, n;
  const float *obs, *raw, *logp, *executed;     // [T, n, .] raw: as the policy gave it, with its logp; executed: mapped and clipped
  const float *reward, *live, *first;           // [T, n] live: 0 at a true end; first: 1 where an episode begins
  const uint8_t *cut;                           // [T, n] 1: a time limit here
  const float *next;                            // [T, n, obs] the observation after the step, before any reset
  const int *length;                            // [n] valid steps when episodes were asked for; NULL otherwise
  const struct rn_rollout *also;
} rn_rollout;
rn_view rn_rollout_view(const rn_rollout *r);            // [T n, obs] of all valid steps, time first; padding is left out when n = 1
rn_node *rn_rollout_act(const rn_rollout *r);            // [T n, act]

//---- plans and phases --------------------------------------------------------------------------------------------------------------------

/* What the next update wants. An ask with `steps` or `episodes` collects: in a `steps` phase it is the rollout, in a `rows` phase it
 * appends to the live table `into` before rows are drawn. */
typedef struct {
  const char *name, *source;   // the update's name for it; a source of the recipe; NULL: the first of its kind
  const rn_policy *by;         // who plays; NULL: the system's own act
  const rn_sampler *how;       // NULL: the recipe's
  int rows, steps, episodes;   // rows: of the batch, 0: the recipe's; steps: of every row of the environment
  const char *into; int every; bool fresh;      // only each `every`-th update (0, 1: each); reset all worlds before
} rn_ask;
typedef struct { rn_ask ask[8]; int n; } rn_plan;
long rn_new_rows(const rn_run *run, const char *source);                  // appended since the phase was entered

/* A phase: a stretch of a learner's life with its own data and its own update. At most one of the forms is set; with none the engine
 * only collects. Graph, nodes and scratch of an update are gone when it returns. */
typedef struct {
  const char *name;                                        // "offline"
  size_t length;                                           // offset of the int option: how many updates; without an update: environment steps
  bool (*over)(const void *self);                          // NULL, or asked after each update: true ends the phase early
  void (*enter)(const void *self);                         // NULL, or: copy, freeze, clear; at each entry, not after a resume
  bool (*open)(const void *self, rn_graph *g, rn_error *err);     // NULL, or: fill what rn_derived holds; at each entry and each resume
  const char *back; bool (*again)(const void *self);       // at the end go back to phase `back` while again() holds
  bool (*plan)(const void *self, rn_graph *g, long update, rn_plan *plan, rn_error *err);   // NULL: the recipe's keys. Same state, same plan
  void (*rows)(const void *self, const rn_batch *b);       // stored transitions
  void (*steps)(const void *self, const rn_rollout *r);    // fresh experience
  bool (*alone)(const void *self, rn_graph *g, long k);    // no data: one iteration of a solver; true ends the phase
  bool counts_steps;                                       // `length` counts environment steps in all, not updates
  bool no_env;                                             // never collects, whatever the recipe says
} rn_phase;

//---- needs -----------------------------------------------------------------------------------------------------------------------------

typedef enum { RN_SLOT_SOURCE, RN_SLOT_ENV, RN_SLOT_CLASS, RN_SLOT_POLICY, RN_SLOT_JUDGE, RN_SLOT_RUN, RN_SLOT_COLUMN } rn_slot;
// SOURCE: a table; ENV: an environment; CLASS: of a block that this system trains (key `policy` for pi, `policy.NAME` for others);
// POLICY: frozen, `runs/a` is that run's act in RN_EVALUATE; RUN: blocks by name; COLUMN: derived at import and at an episode's end
// house: the class that build asks for where the recipe names none; NULL: it fits itself to the source
typedef struct { const char *name; rn_slot slot; unsigned can; const char *why; bool optional; const char *house; } rn_need;

//---- results ---------------------------------------------------------------------------------------------------------------------------

typedef struct rn_report rn_report;
void rn_say(rn_report *out, const char *name, double value, double low, double high);    // low, high: interval, NAN where none
typedef struct rn_cells rn_cells;                                                        // rows of named figures: what cells put
void rn_put(rn_cells *out, const char *name, double value);                              // of the cell in hand
double rn_get(const rn_cells *cells, int i, const char *name);                           // NAN when cell i did not put it
int rn_cells_count(const rn_cells *cells);

//---- the system --------------------------------------------------------------------------------------------------------------------------

typedef struct {
  const char *name, *paper, *summary;
  size_t self;                                             // bytes of the system's struct; const once build has returned
  const rn_option *options;                                // ends at an option without a name, like the next two
  const rn_need *needs;
  const rn_phase *phases;
  const char *settings;                                    // its own defaults of the recipe's keys: "hidden=64x64 normalise=running"
  bool (*build)(void *self, rn_run *run, rn_error *err);   // from options, spaces and seed only: a resumed run builds the same
  void (*act)(const void *self, const rn_obs *in, rn_action *out);
  int (*memory)(const void *self);                         // floats a row keeps between two acts; NULL: none
  int (*cells)(const void *self);                          // measure: how many independent pieces
  bool (*cell)(const void *self, rn_graph *g, int i, rn_key key, rn_cells *out, rn_error *err);
  bool (*conclude)(const void *self, rn_graph *g, const rn_cells *cells, rn_report *out, rn_error *err);
  bool (*evaluate)(const void *self, rn_report *out, rn_error *err);                 // figures besides the return; NULL: none
} rn_system;
const rn_system *const *rn_systems(int *n);                // in the order of systems.def
const rn_system *rn_system_find(const char *name);

/* Slots, filled before build. */
const rn_table *rn_slot_table(const rn_run *run, const char *name);
const rn_policy *rn_slot_policy(const rn_run *run, const char *name);
rn_net *rn_slot_net(const rn_run *run, const char *slot, const char *block);       // frozen block of another run: "q"
const double *rn_matrix(const rn_run *run, const char *slot, int *n);              // a judge or a vector: n x n, or n

//---- shared parts ------------------------------------------------------------------------------------------------------------------------

/* Losses. Critics: sum over members of the mean over rows. */
rn_node *rn_td_loss(rn_node *q, rn_node *y);                               // [E, n, 1], [n, 1] -> [1, 1]
rn_node *rn_td_target(rn_node *reward, rn_node *live, rn_node *value, double gamma);      // detached reward + gamma live value
rn_node *rn_mse(rn_node *a, rn_node *b);                                   // mean over rows and columns
rn_node *rn_advantage_weight(rn_node *adv, double beta, double cap);       // detached min(exp(beta adv), cap)
/* GAE (Schulman et al. 2016) over [T, n]; value and next_value are V(obs), V(next). A time limit bootstraps and cuts. */
void rn_gae(int T, int n, const float *reward, const float *live, const uint8_t *cut, const float *value, const float *next_value, double gamma,
            double lambda, float *advantage);
void rn_returns_from_start(const rn_rollout *r, double gamma, rn_real *G);  // G_h = sum_{i>=h} gamma^i r_i, of the first row's episode

/* Batches: made by the engine from rows of a table (and of a newer one), observations normalised, actions in [-1, 1]. */
enum { RN_NEWER_SHIFT = 40 };
typedef struct {
  const float *mean, *std;                      // [obs] of the normaliser; NULL: as they are
  float clip;                                   // normalised observations are held within +- this; 0: not
  int choices;                                  // observations are an index below this, given as a one-hot row; 0: they are numbers
  const float *act_low, *act_high;              // [act] bounds of a box in physical units; NULL: actions are as policies give them
  double reward_scale, reward_bias;
} rn_scaling;
void rn_normalise(const rn_scaling *s, int n, int w, float *x);  // rows [n, w] in place
rn_batch rn_batch_new(rn_graph *g, const rn_run *run, const rn_table *table, const rn_table *newer, const rn_scaling *scaling, int n,
                      const int64_t *rows);

/* The cores: objects with state of their own, for systems that hold one or several; `prefix` is put before block names ("attacker."). */
typedef struct { double gamma, tau, lr, entropy, temp; bool entropy_backup, fixed_temp; } rn_sac_options;     // entropy: the target, per row
typedef struct { rn_sac_options o; rn_policy *pi; rn_net *q, *target, *temp; rn_optim *opt_pi, *opt_q, *opt_temp; } rn_sac;
void rn_sac_build(rn_sac *s, rn_run *run, const char *prefix, const rn_sac_options *o);
void rn_sac_critic(const rn_sac *s, const rn_batch *b);          // one critic step, then the slow copy moves
void rn_sac_actor(const rn_sac *s, const rn_batch *b);           // one actor step, then one of the temperature

typedef struct { double gamma, tau, lr, noise, clip; int delay; } rn_td3_options;
typedef struct { rn_td3_options o; rn_policy *pi, *slow; rn_net *q, *target; rn_optim *opt_pi, *opt_q; } rn_td3;
void rn_td3_build(rn_td3 *s, rn_run *run, const char *prefix, const rn_td3_options *o);
void rn_td3_critic(const rn_td3 *s, const rn_batch *b);
/* -lambda mean Q1(s, pi(s)) + `pull` x mse(pi(s), towards), lambda = alpha / mean |Q1|; alpha 0: -mean Q1 alone. Then all slow copies move. */
void rn_td3_actor(const rn_td3 *s, const rn_batch *b, double alpha, rn_node *towards);

typedef struct { double gamma, lambda, clip, value, entropy, norm, target_kl, lr; int epochs, minibatch; bool anneal, clip_value, scale_reward; } rn_ppo_options;
typedef struct { rn_ppo_options o; rn_policy *pi; rn_net *v; rn_optim *opt_pi, *opt_v; double *returns, *moments; int rows; } rn_ppo;
void rn_ppo_build(rn_ppo *s, rn_run *run, const char *prefix, const rn_ppo_options *o);
void rn_ppo_update(const rn_ppo *s, const rn_rollout *r);

#include "rein/site.h"
#endif
