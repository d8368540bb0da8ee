/* worlds.h - the engine's side of environments: finding one by name, and n copies of it whose memory is part of the run. */
#ifndef REIN_WORLDS_H
#define REIN_WORLDS_H
#include "rein/base.h"
#include "rein/env.h"

/* A built-in environment by its name, one of a family as "mdp:random(5,3,10,7)", or a user's own by the path of its shared object
 * ("./my_env.so"). NULL: no such one; the message has the nearest name or the reason. What a family made is given back by rn_env_done. */
const rn_env_kind *rn_env_find(const char *name, rn_error *err);
void rn_env_done(const rn_env_kind *kind);
/* The built-in ones in the order of the list; NULL past the last. */
const rn_env_kind *rn_env_listed(int i);
/* Whether a kind is whole: spaces, bounds, functions. rn_env_find has asked already. */
bool rn_env_check(const rn_env_kind *kind, rn_error *err);

/* n copies of a kind. Rows are (world, seat); with one seat row and world are the same number. All arrays are rn_state of the run
 * ("worlds.NAME.obs" ...), to be read by anyone and written through the functions below only. */
typedef struct rn_worlds {
  rn_run *run;
  const rn_env_kind *kind;
  const char *name;
  int n, seats, rows;              // worlds, seats of each, n * seats
  int obs, act, goal;              // columns
  rn_env env;                      // obs, reward, terminated, truncated, goal, legal, ...
  float *executed;                 // [rows, act] the actions of the last step: mapped, clipped, in the environment's units
  int64_t *episode;                // [n] how many episodes began before this one; -1 before the first
  int64_t *step;                   // [n] steps of the present episode
  double *total;                   // [rows] rewards of the present episode added up
  struct rn_worlds *next;          // others of the run
  float *middle, *half;            // [act] of the action's bounds
  rn_key starts, draws;            // of resets and of levels, for world 0 and episode 0
  const char **why;                // [n] what an environment gave up with
} rn_worlds;

/* `name` tells several apart that one run holds ("env", "eval"). NULL: the environment can't be opened. Nothing is reset yet. The worlds
 * live as long as the run; rn_worlds_close_all, before rn_run_free, gives back what the environments opened. */
rn_worlds *rn_worlds_new(rn_run *run, const rn_env_kind *kind, const char *name, int n, rn_error *err);
void rn_worlds_close_all(rn_run *run);

/* A new episode in all worlds, or in those with which[world]; which NULL: those that are over. The start of world i depends on the
 * run's seed, the worlds' name, i and the number of its episode, and on nothing else. */
void rn_worlds_reset_all(rn_worlds *w);
void rn_worlds_next_episode(rn_worlds *w, const uint8_t *which);
/* Numbers the next episodes from `episode` on: evaluations that must see the same starts each time. */
void rn_worlds_episode_set(rn_worlds *w, int64_t episode);
/* An episode is over when all seats have terminated or were truncated. */
bool rn_worlds_over(const rn_worlds *w, int world);

/* One step of all worlds that are not over; the others keep their rows, with a reward of 0. act [rows, act columns]: a policy's, in [-1, 1],
 * mapped by the action's low and high and clipped, or an index. False, and rn_stop with RN_NUMBERS, at the first action, observation
 * or reward that is not finite or when the environment gave up. The same bytes on any number of threads. */
bool rn_worlds_step(rn_worlds *w, const float *act);
/* The same with actions in the environment's own units, clipped only: of a log, of a person, of a script. */
bool rn_worlds_step_executed(rn_worlds *w, const float *act);

/* Before the run's state is written, after it was read: simulators' own memory into the state and back. */
void rn_worlds_before_save(rn_run *run);
void rn_worlds_after_load(rn_run *run);

/* 100 (total - low) / (high - low) by the kind's reference returns; NaN where they are not known. */
double rn_env_score(const rn_env_kind *kind, double total);
#endif
