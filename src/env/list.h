/* list.h - the environments that list.c names; a new one adds its line here and there. */
#ifndef REIN_ENV_LIST_H
#define REIN_ENV_LIST_H
#include "rein/env.h"

extern const rn_env_kind rn_cartpole, rn_pendulum, rn_acrobot, rn_mountaincar, rn_mountaincar_continuous, rn_lava;
extern const rn_env_kind rn_point_two, rn_point_two_near, rn_point_fault, rn_point_fault_near, rn_point_cross, rn_point_gap, rn_point_gap_sim,
                         rn_point_ridge, rn_point_ridge_calm, rn_point_arc;
extern const rn_env_kind rn_hopper, rn_halfcheetah, rn_walker2d, rn_ant, rn_invertedpendulum, rn_reacher;
#endif
