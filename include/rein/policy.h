/* policy.h - classes of policies behind one interface, and critics. A policy acts in [-1, 1] per action dimension (the engine maps to the
 * source's bounds), or gives an index in one column. What a class can do is declared; asking for more is refused before anything runs. */
#ifndef REIN_POLICY_H
#define REIN_POLICY_H
#include "rein/env.h"
#include "rein/graph.h"
#include "rein/net.h"

//---- what a source looks like ------------------------------------------------------------------------------------------------------

/* A source is an environment, a table, a task. A recipe names its sources; most have one, called "data" or "env". */
typedef struct { rn_space obs, act, goal; int seats, context; bool legal, in_turn; } rn_world;   // context: width of the critics' view, 0: none
const rn_world *rn_world_of(const rn_run *run, const char *source);       // NULL source: the run's first
void rn_world_set(rn_run *run, const char *source, const rn_world *world);
int rn_obs_width(const rn_world *w);
int rn_act_width(const rn_world *w);                                      // columns of an action as stored
int rn_act_count(const rn_world *w);                                      // number of discrete actions; 0: a box

//---- acting -------------------------------------------------------------------------------------------------------------------------

typedef enum { RN_COLLECT, RN_EVALUATE, RN_DEPLOY } rn_mode;
typedef struct {
  rn_mode mode;
  long step;                   // environment steps of this ask so far, all rows together: schedules, random starts
  rn_node *obs;                // [n, obs] normalised as in updates
  rn_node *legal;              // [n, actions] 1 where allowed; NULL: all are
  rn_node *context;            // [n, state of the whole world], for critics in training; NULL outside it
  const int *count;            // [n] entries in use of a SET; NULL when there is none
  const int *world, *seat;     // [n]
  const uint64_t *unit;        // [n] (world, seat, episode, step): the noise of row i depends on unit[i], never on i
  float *memory;               // [n, memory()] of these rows; the engine zeroes it at a start
} rn_obs;
typedef struct {
  rn_node *act, *logp;         // [n, act] before clipping; [n, 1] its log-probability, NULL when the class has none
  struct { const char *name; rn_node *x; } keep[4];   // further columns of the rollout
} rn_action;

//---- policies -----------------------------------------------------------------------------------------------------------------------

enum { RN_CAN_SAMPLE = 1, RN_CAN_LOGP = 2, RN_CAN_REPARAM = 4, RN_CAN_FIT = 8, RN_CAN_SCORE = 16, RN_CAN_LOGITS = 32, RN_CAN_ENTROPY = 64,
       RN_IS_DETERMINISTIC = 128, RN_CAN_BOX = 256, RN_CAN_DISCRETE = 512 };
typedef struct rn_policy rn_policy;
typedef struct { rn_node *obs, *legal, *context, *goal, *memory; const int *count; } rn_view;     // what a policy sees; NULL where absent
typedef struct { int in, act, discrete; } rn_shape;                       // discrete: number of actions, 0: a box of `act` columns

/* A class of policies; every function but build, mode is optional and declared in `can`. */
typedef struct {
  const char *name, *summary;
  unsigned can;
  rn_net *(*build)(rn_run *run, const char *name, const rn_shape *s);
  rn_node *(*mode)(const rn_policy *p, rn_view v);                        // [n, act] the deterministic action
  rn_node *(*sample)(const rn_policy *p, rn_view v, rn_node **logp);      // logp may be NULL
  rn_node *(*log_prob)(const rn_policy *p, rn_view v, rn_node *act);      // [n, 1]
  rn_node *(*entropy)(const rn_policy *p, rn_view v);                     // [n, 1]
  rn_node *(*fit)(const rn_policy *p, rn_view v, rn_node *act);           // [n, 1] the class's own loss of each row
  rn_node *(*score)(const rn_policy *p, rn_view v, rn_node *act);         // [n, act] d log p / d act
  rn_node *(*logits)(const rn_policy *p, rn_view v);                      // [n, actions]
} rn_class;
struct rn_policy { const rn_class *kind; rn_net *net; rn_shape shape; rn_run *run; };

const rn_class *const *rn_classes(int *n);
const rn_class *rn_class_find(const char *name);
/* `class_default` unless the recipe's key `policy` (for "pi") or `policy.NAME` says otherwise; `can`: what the system needs of it (was
 * checked before; fatal here). s NULL: the shape of the run's source. */
rn_policy *rn_policy_new(rn_run *run, const char *name, const char *class_default, unsigned can, const rn_shape *s);
rn_policy *rn_policy_find(const rn_run *run, const char *name);           // made by rn_policy_new under this name; NULL: none
rn_policy *rn_policy_copy(rn_run *run, const rn_policy *p, const char *copy);
rn_net *rn_policy_net(const rn_policy *p);
int rn_policy_width(const rn_policy *p);
void rn_policy_act(const rn_policy *p, const rn_obs *in, rn_action *out);         // samples to collect, mode to evaluate and deploy
rn_node *rn_policy_mode(const rn_policy *p, rn_view v);
rn_node *rn_policy_sample(const rn_policy *p, rn_view v, rn_node **logp);         // in updates; logp may be NULL
rn_node *rn_policy_logp(const rn_policy *p, rn_view v, rn_node *act);             // [n, 1]
rn_node *rn_policy_entropy(const rn_policy *p, rn_view v);                        // [n, 1]
rn_node *rn_policy_fit(const rn_policy *p, rn_view v, rn_node *act, rn_node *weight);     // [1, 1] mean of weight x loss; weight [n, 1], NULL: 1
rn_node *rn_policy_logits(const rn_policy *p, rn_view v);
rn_view rn_view_of(rn_node *obs);
rn_view rn_view_in(const rn_obs *in);
bool rn_capability_names(unsigned can, char *text, size_t room);          // "log-probabilities, a weighted fit"

//---- critics ------------------------------------------------------------------------------------------------------------------------

rn_net *rn_critics_new(rn_run *run, const char *name, int members);       // [obs + act] -> [members, 1]; discrete: [obs] -> [members, actions]
rn_node *rn_critics(rn_net *q, rn_node *obs, rn_node *act);               // [E, n, 1]
rn_net *rn_value_new(rn_run *run, const char *name);                      // [obs] -> [1]
rn_node *rn_value(rn_net *v, rn_node *obs);                               // [n, 1]

//---- densities, stable -----------------------------------------------------------------------------------------------------------------

rn_node *rn_gaussian_logp(rn_node *x, rn_node *mean, rn_node *log_std);   // [n, 1], summed over columns
rn_node *rn_tanh_log_slope(rn_node *u);                                   // [n, k] log(1 - tanh(u)^2) = 2 (log 2 - u - softplus(-2u))
#endif
