/* bodies.h - the saved state of a MuJoCo world, for recordings, viewers and tests. Steps run on the simulator's own memory: rn_worlds_before_save
 * writes these bytes, rn_worlds_after_load takes them back. */
#ifndef REIN_BODIES_H
#define REIN_BODIES_H
#include "rein/env.h"

enum { RN_BODIES = 14, RN_QPOS = 15, RN_QVEL = 14, RN_CTRL = 8 };          // the largest of the six: ant

/* All that the next step depends on. The models have no activations, no mocap bodies, no user data, and no force is applied from outside:
 * opening checks it. The warm start of the solver is part of the state: without it hopper and walker2d go on otherwise. */
typedef struct {
  double qpos[RN_QPOS], qvel[RN_QVEL], warm[RN_QVEL], ctrl[RN_CTRL];
  double xpos[RN_BODIES][3];       // m; where bodies were found at the start of the last mj_step: what ant's and reacher's rewards read
  double time;                     // s
  int steps;                       // of this episode
} rn_bodies;

/* The version of MuJoCo that runs, "2.2.2": part of every table and result, since 3.5.0 and 4.0.0 changed hopper and ant. */
const char *rn_bodies_version(void);

/* The floor of `rein bench env`: the simulator's part of one step of a world with the action act, and nothing else. */
void rn_bodies_bare_step(rn_env *e, int world, const float *act);
#endif
