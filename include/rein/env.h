/* env.h - an environment: rows of shared buffers that one C file reads and writes.
 *
 * This header stands alone: an environment of your own includes it and nothing else of rein, exports `const rn_env_kind rn_env_user`, is
 * compiled with `cc -O2 -shared -fPIC -o my_env.so my_env.c`, and goes wherever a name goes (env=./my_env.so). docs/environment.md has one.
 *
 * A world is one copy of the environment, a row is a (world, seat): row world * seats + seat. With one seat, which is nearly always, row
 * and world are the same number. The engine owns all buffers; an environment never allocates in reset or step, never resets itself, and
 * keeps all that changes in `state`, so that a run which is stopped goes on with the same bytes. Steps of different worlds run at the same time
 * on several threads: touch only the worlds you are given, and keep nothing in variables of your own. */
#ifndef REIN_ENV_H
#define REIN_ENV_H
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RN_ENV_ABI 1

//---- random numbers ------------------------------------------------------------------------------------------------------------

/* A random stream is a key: the same key gives the same numbers on any thread, in any order. reset gets one; a world that needs chance in
 * its steps keeps the key in its state and goes on drawing from it. The same numbers as base.h's (Philox4x32-10). */
#ifndef RN_KEY
#define RN_KEY
typedef struct { uint64_t seed, purpose, unit; uint32_t at, draw; } rn_key;
#endif

#ifndef REIN_BASE_H
static inline uint64_t rn_bits(rn_key *key) {                  // 64 random bits
  uint64_t x = key->seed ^ (key->purpose * 0x9E3779B97F4A7C15u);
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  x ^= x >> 31;
  uint32_t k0 = (uint32_t)x, k1 = (uint32_t)(x >> 32);
  uint32_t c0 = key->draw++, c1 = key->at, c2 = (uint32_t)key->unit, c3 = (uint32_t)(key->unit >> 32);
  for (int round = 0; round < 10; round++) {
    uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;
    c0 = (uint32_t)(b >> 32) ^ c1 ^ k0, c1 = (uint32_t)b;
    c2 = (uint32_t)(a >> 32) ^ c3 ^ k1, c3 = (uint32_t)a;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  return (uint64_t)c1 << 32 | c0;
}

static inline float rn_uniform(rn_key *key, float from, float to) {       // [from, to)
  return from + (to - from) * ((float)(rn_bits(key) >> 40) * 0x1p-24f);
}

static inline double rn_uniform64(rn_key *key) { return (double)(rn_bits(key) >> 11) * 0x1p-53; }     // [0, 1)

static inline double rn_normal64(rn_key *key) {                // standard normal
  double u = 1 - rn_uniform64(key), v = rn_uniform64(key);
  return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static inline int64_t rn_below(rn_key *key, int64_t n) {       // 0 .. n-1, n > 0, without bias
  uint64_t bound = (uint64_t)n, least = -bound % bound;
  for (;;) {
    unsigned __int128 m = (unsigned __int128)rn_bits(key) * bound;
    if ((uint64_t)m >= least) return (int64_t)(m >> 64);
  }
}
#endif

//---- spaces --------------------------------------------------------------------------------------------------------------------

/* What a row of a buffer holds.
 *   BOX       dim[0] x dim[1] x dim[2] numbers (a 0 counts as 1); low and high have as many entries
 *   DISCRETE  one column: an index below dim[0]
 *   SEVERAL   dim[0] columns: an index each, below dim[1], or below high[k] + 1 where high is given
 *   TOKENS    up to dim[0] tokens of a vocabulary of dim[1]
 *   SET       up to dim[0] entries of dim[1] numbers, `count` of them in use
 * low, high: NULL means without bound in an observation, and -1 and 1 in an action. */
#ifndef RN_SPACE
#define RN_SPACE
typedef enum { RN_BOX, RN_DISCRETE, RN_SEVERAL, RN_TOKENS, RN_SET } rn_space_kind;
typedef struct { rn_space_kind kind; int dim[3]; const float *low, *high; } rn_space;

/* Columns of a row; 0 for a space that is not there. */
static inline int rn_space_width(const rn_space *s) {
  if (s->kind == RN_DISCRETE) return s->dim[0] > 0;
  if (s->kind == RN_SEVERAL || s->kind == RN_TOKENS) return s->dim[0];
  return s->dim[0] * (s->dim[1] ? s->dim[1] : 1) * (s->dim[2] ? s->dim[2] : 1);
}
#endif

//---- rows ----------------------------------------------------------------------------------------------------------------------

/* The buffers, [rows, columns] each. reset writes a world's observation (and goal, legal, context, turn where there are such); step reads
 * act and writes all others. Before a step the engine sets reward and both flags to 0. */
typedef struct rn_env {
  int worlds, seats;
  float *obs;                      // [rows, obs]
  const float *act;                // [rows, act] in the environment's own units and within its bounds; an index in one column
  float *reward;                   // [rows] of this step
  uint8_t *terminated;             // [rows] 1: a true end, nothing comes after
  uint8_t *truncated;              // [rows] 1: time is up, but the state still has a value
  float *goal, *achieved;          // [rows, goal] what is asked for and what the state amounts to; NULL without goals
  uint8_t *legal;                  // [rows, actions] 1 where allowed; NULL: all are
  int32_t *turn;                   // [worlds] the seat that moves; NULL: all move at once
  int32_t *count;                  // [rows] entries in use of a SET; NULL when there is none
  float *context;                  // [worlds, context] the whole world, for critics in training; NULL when there is none
  float *level;                    // [worlds, level] parameters that the next reset builds the world from; NULL when there are none
  void *state;                     // [worlds, state bytes] all that changes; zero at first, part of every checkpoint
  const void *config;              // of the kind
  void *own;                       // what `open` made: handles of a simulator
  void (*fail)(struct rn_env *e, int world, const char *why);    // the world can't go on; `why` is a text that stays
} rn_env;

/* A kind of environment. Only name, abi, obs, act, state, reset and step are needed. */
typedef struct rn_env_kind {
  int abi;                         // RN_ENV_ABI
  const char *name, *summary;      // "cartpole"; one line for a list
  rn_space obs, act, goal;         // of one seat; goal without dim[0]: there is none
  int seats;                       // 0 counts as 1
  bool in_turn, legal;             // seats move one after the other; the environment says which actions are allowed (DISCRETE)
  int context, level;              // floats of a world, 0: none
  size_t state;                    // bytes of a world
  const void *config;              // constants that variants of one file differ in
  int limit;                       // steps after which an episode is truncated, 0: none; the environment itself does it
  int cost;                        // about how many nanoseconds a world's step takes, 0: 100; work is dealt to threads by it
  double score_low, score_high;    // returns of a random and of an expert policy, for scores of 0 and 100; equal: not known

  void (*reset)(rn_env *e, int world, rn_key key);             // a new episode; the key tells this one from all others
  void (*step)(rn_env *e, int from, int to);                   // worlds from .. to-1, by one step
  void (*draw)(rn_env *e, int world, rn_key key);              // writes the world's own choice of level; NULL: zeros
  float (*relabel)(const rn_env *e, const float *achieved, const float *goal, uint8_t *terminated);   // the reward under another goal; NULL
  /* For a world that needs more than its state bytes. open: makes e->own, false and a message in `why` [room] when that fails. save: puts all
   * that a later step depends on into the world's state bytes; load: takes it back. */
  bool (*open)(rn_env *e, char *why, size_t room);
  void (*close)(rn_env *e);
  void (*save)(rn_env *e, int world);
  void (*load)(rn_env *e, int world);
  /* For a family: "name:arguments" asks for one of it, made here (NULL and a message: no such one), dropped when the engine is done. */
  const struct rn_env_kind *(*make)(const char *arguments, char *why, size_t room);
  void (*drop)(const struct rn_env_kind *made);
} rn_env_kind;
#endif
