/* env/pendulum.c - swing a pendulum up and hold it there.
 * Source   Gymnasium's Pendulum-v1: semi-implicit Euler, g 10 m/s^2, mass 1 kg, length 1 m, 0.05 s a step
 * obs [3]  cos th, sin th, dth rad/s (at most 8)   act [1] torque -2 .. 2 N m
 * reward   -(th^2 + 0.1 dth^2 + 0.001 u^2) before the step, th in -pi .. pi from upright   limit 200 steps, no end */
#include "list.h"

typedef struct { double th, dth; int t; } arm;
static const double G = 10, MASS = 1, LENGTH = 1, DT = 0.05, PI = 3.14159265358979323846, FASTEST = 8;

static void observe(rn_env *e, int i) {
  const arm *p = (const arm *)e->state + i;
  float *x = e->obs + 3 * i;
  x[0] = (float)cos(p->th), x[1] = (float)sin(p->th), x[2] = (float)p->dth;
}

static void reset(rn_env *e, int i, rn_key key) {
  double th = PI * (2 * rn_uniform64(&key) - 1), dth = 2 * rn_uniform64(&key) - 1;
  ((arm *)e->state)[i] = (arm){th, dth, 0};
  observe(e, i);
}

static double wrapped(double th) {                           // to -pi .. pi, with the sign of Python's %
  double turn = fmod(th + PI, 2 * PI);
  return (turn < 0 ? turn + 2 * PI : turn) - PI;
}

static void step(rn_env *e, int from, int to) {
  for (int i = from; i < to; i++) {
    arm *p = (arm *)e->state + i;
    double u = (double)e->act[i], th = wrapped(p->th);
    e->reward[i] = (float)-(th * th + 0.1 * p->dth * p->dth + 0.001 * u * u);
    double dth = p->dth + (3 * G / (2 * LENGTH) * sin(p->th) + 3 / (MASS * LENGTH * LENGTH) * u) * DT;
    dth = fmin(fmax(dth, -FASTEST), FASTEST);
    *p = (arm){p->th + dth * DT, dth, p->t + 1};
    observe(e, i);
    e->truncated[i] = p->t >= 200;
  }
}

static const float low[] = {-1, -1, -8}, high[] = {1, 1, 8}, weakest[] = {-2}, strongest[] = {2};
const rn_env_kind rn_pendulum = {.abi = RN_ENV_ABI, .name = "pendulum", .summary = "swing a pendulum up and hold it", .obs = {RN_BOX, {3}, low, high},
                                 .act = {RN_BOX, {1}, weakest, strongest}, .state = sizeof(arm), .limit = 200, .cost = 60, .reset = reset, .step = step};
