/* env/cartpole.c - balance a pole on a cart; the engine calls step with a range of worlds, from any thread.
 * Source   Barto, Sutton & Anderson 1983; constants and Euler step of Gymnasium's CartPole-v1
 * obs [4]  x m, dx m/s, th rad, dth rad/s   act {0 left, 1 right}   reward 1 a step   limit 500 steps   ends |x| > 2.4 m or |th| > 12 degrees */
#include "list.h"

typedef struct { double x, dx, th, dth; int t; } pole;      // double, as in the source: a float state drifts within 100 steps
static const double G = 9.8, PUSH = 10, POLE = 0.1, ALL = 1.1, HALF = 0.5, DT = 0.02;     // m/s^2 N kg kg m s
static const double PI = 3.14159265358979323846;

static void observe(rn_env *e, int i) {
  const pole *p = (const pole *)e->state + i;
  float *x = e->obs + 4 * i;
  x[0] = (float)p->x, x[1] = (float)p->dx, x[2] = (float)p->th, x[3] = (float)p->dth;
}

static void reset(rn_env *e, int i, rn_key key) {            // a key, not a generator's state: any thread, any order
  double x[4];
  for (int k = 0; k < 4; k++) x[k] = 0.1 * rn_uniform64(&key) - 0.05;      // one after the other: an initialiser list has no order
  ((pole *)e->state)[i] = (pole){x[0], x[1], x[2], x[3], 0};
  observe(e, i);
}

static void step(rn_env *e, int from, int to) {
  for (int i = from; i < to; i++) {
    pole *p = (pole *)e->state + i;
    double c = cos(p->th), s = sin(p->th);
    double pull = ((e->act[i] > 0.5f ? PUSH : -PUSH) + POLE * HALF * p->dth * p->dth * s) / ALL;
    double ddth = (G * s - c * pull) / (HALF * (4.0 / 3 - POLE * c * c / ALL));                     // rad/s^2
    double ddx = pull - POLE * HALF * ddth * c / ALL;                                               // m/s^2
    *p = (pole){p->x + DT * p->dx, p->dx + DT * ddx, p->th + DT * p->dth, p->dth + DT * ddth, p->t + 1};
    observe(e, i);                                    // the last state stays readable; the engine resets later
    e->reward[i] = 1;
    e->terminated[i] = fabs(p->x) > 2.4 || fabs(p->th) > 12 * 2 * PI / 360;
    e->truncated[i] = p->t >= 500;                    // time is up, but the state still has a value
  }
}

static const float low[] = {-4.8f, -INFINITY, -0.41887903f, -INFINITY}, high[] = {4.8f, INFINITY, 0.41887903f, INFINITY};
const rn_env_kind rn_cartpole = {.abi = RN_ENV_ABI, .name = "cartpole", .summary = "balance a pole on a cart", .obs = {RN_BOX, {4}, low, high},
                                 .act = {RN_DISCRETE, {2}}, .state = sizeof(pole), .limit = 500, .cost = 40, .reset = reset, .step = step};
