/* env/mountaincar.c - a car too weak for the hill must first roll back: with three actions, and with a force.
 * Source   Moore 1990; Gymnasium's MountainCar-v0 and MountainCarContinuous-v0, which differ in goal, power, reward, limit and rounding
 * obs [2]  position -1.2 .. 0.6, velocity -0.07 .. 0.07 a step
 * mountaincar             act {0 left, 1 none, 2 right}   reward -1 a step   limit 200 steps   ends position >= 0.5, not rolling back
 * mountaincar-continuous  act [1] force -1 .. 1   reward -0.1 force^2, and 100 at the end   limit 999 steps   ends position >= 0.45 */
#include "list.h"

typedef struct { double x, dx; int t; } car;
static const double LEFT = -1.2, RIGHT = 0.6, FASTEST = 0.07, GRAVITY = 0.0025;

static void observe(rn_env *e, int i) {
  const car *p = (const car *)e->state + i;
  e->obs[2 * i] = (float)p->x, e->obs[2 * i + 1] = (float)p->dx;
}

static void reset(rn_env *e, int i, rn_key key) {
  ((car *)e->state)[i] = (car){-0.6 + 0.2 * rn_uniform64(&key), 0, 0};
  observe(e, i);
}

static void roll(car *p, double push) {
  p->dx += push - GRAVITY * cos(3 * p->x);
  p->dx = fmin(fmax(p->dx, -FASTEST), FASTEST);
  p->x = fmin(fmax(p->x + p->dx, LEFT), RIGHT);
  if (p->x == LEFT && p->dx < 0) p->dx = 0;                  // the wall on the left
  p->t++;
}

static void step(rn_env *e, int from, int to) {
  for (int i = from; i < to; i++) {
    car *p = (car *)e->state + i;
    roll(p, ((double)e->act[i] - 1) * 0.001);
    observe(e, i);
    e->reward[i] = -1;
    e->terminated[i] = p->x >= 0.5 && p->dx >= 0;
    e->truncated[i] = p->t >= 200;
  }
}

static void step_continuous(rn_env *e, int from, int to) {
  for (int i = from; i < to; i++) {
    car *p = (car *)e->state + i;
    double force = (double)e->act[i];
    roll(p, force * 0.0015);
    e->terminated[i] = p->x >= 0.45 && p->dx >= 0;
    e->reward[i] = (float)((e->terminated[i] ? 100 : 0) - 0.1 * force * force);
    p->x = (double)(float)p->x, p->dx = (double)(float)p->dx;          // the source keeps this car's state in floats
    observe(e, i);
    e->truncated[i] = p->t >= 999;
  }
}

static const float low[] = {-1.2f, -0.07f}, high[] = {0.6f, 0.07f};
const rn_env_kind rn_mountaincar = {.abi = RN_ENV_ABI, .name = "mountaincar", .summary = "rock a weak car out of a valley", .obs = {RN_BOX, {2}, low, high},
                                    .act = {RN_DISCRETE, {3}}, .state = sizeof(car), .limit = 200, .cost = 30, .reset = reset, .step = step};
const rn_env_kind rn_mountaincar_continuous = {
  .abi = RN_ENV_ABI, .name = "mountaincar-continuous", .summary = "the same car with a force and a prize at the top", .obs = {RN_BOX, {2}, low, high},
  .act = {RN_BOX, {1}}, .state = sizeof(car), .limit = 999, .cost = 30, .reset = reset, .step = step_continuous};
