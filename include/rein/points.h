/* points.h - the scripted behaviours of the point worlds, and the logs that claims are made from: exact to the letter of the catalogue's
 * shared parts, so that two readers get the same rows from the same key. */
#ifndef REIN_POINTS_H
#define REIN_POINTS_H
#include "rein/base.h"
#include "rein/env.h"

/* The noise-free action of a behaviour at x [2] into act [2]. stage: which way point it makes for, 0 at the start of a trajectory,
 * advanced here. False: the world has no such behaviour. Names:
 *   e-two, e-fault (and -near)  good, bad: go to (0.7, 0.7), to (-0.7, -0.7)
 *   e-cross                     BCG, HG, ACD: from there over the gap's middle to there
 *   e-ridge (and -calm)         expert
 *   e-arc                       above, below: round the disc at speed 0.4 */
bool rn_point_behaviour(const rn_env_kind *kind, const char *name, const double x[2], int *stage, double act[2]);

/* act + sd N(0, I), clipped to the world's box of actions, then shortened to length `cap` (0: not). */
void rn_point_noise(const rn_env_kind *kind, double sd, double cap, rn_key *key, double act[2]);

/* One logged transition; the flags as an environment's. */
typedef struct { float obs[2], act[2], reward, next[2]; uint8_t terminated, truncated; } rn_point_row;

/* How a log is made; rn_point_defaults gives the catalogue's numbers for a world ("e-cross"; e-gap: 2,000 single transitions). */
typedef struct {
  double rho;                        // share of good trajectories, which come first (e-two, e-fault)
  double noise, cap;                 // of the actions: standard deviation, longest (0: not)
  double start;                      // half width of the uniform starts (e-two, e-fault)
  int trajectories, steps;           // how many, and the longest
} rn_point_log;
bool rn_point_defaults(const char *world, rn_point_log *out, rn_error *err);

/* Trajectory i of a log: writes its rows and answers how many, at most log->steps. The key's unit is set to i; the same i and key, the
 * same rows. The last row of a trajectory that is cut has truncated = 1. */
int rn_point_trajectory(const rn_env_kind *kind, const rn_point_log *log, int i, rn_key key, rn_point_row *rows);
#endif
