/* env/acrobot.c - two links, a motor between them: lift the free end above the bar.
 * Source   Sutton 1996; Gymnasium's Acrobot-v1 (the book's equations, one Runge-Kutta step of 0.2 s)
 * obs [6]  cos th1, sin th1, cos th2, sin th2, dth1 rad/s (at most 4 pi), dth2 rad/s (at most 9 pi); th1 0 hangs down, th2 against the first link
 * act      {0, 1, 2}: torque -1, 0, 1 N m   reward -1 a step, 0 at the end   limit 500 steps   ends -cos th1 - cos(th1 + th2) > 1 m */
#include "list.h"

typedef struct { double q[4]; int t; } links;                // th1, th2, dth1, dth2
static const double MASS = 1, LENGTH = 1, CENTRE = 0.5, MOMENT = 1, G = 9.8, DT = 0.2, PI = 3.14159265358979323846;

static void observe(rn_env *e, int i) {
  const double *q = ((const links *)e->state)[i].q;
  float *x = e->obs + 6 * i;
  x[0] = (float)cos(q[0]), x[1] = (float)sin(q[0]), x[2] = (float)cos(q[1]), x[3] = (float)sin(q[1]), x[4] = (float)q[2], x[5] = (float)q[3];
}

static void reset(rn_env *e, int i, rn_key key) {
  links *p = (links *)e->state + i;
  for (int k = 0; k < 4; k++) p->q[k] = (double)(float)(0.2 * rn_uniform64(&key) - 0.1);      // the source starts from floats
  p->t = 0;
  observe(e, i);
}

static void slope(const double q[4], double torque, double out[4]) {
  double th1 = q[0], th2 = q[1], d1 = q[2], d2 = q[3], lc = LENGTH * CENTRE;
  double m1 = MASS * CENTRE * CENTRE + MASS * (LENGTH * LENGTH + CENTRE * CENTRE + 2 * lc * cos(th2)) + MOMENT + MOMENT;
  double m2 = MASS * (CENTRE * CENTRE + lc * cos(th2)) + MOMENT;
  double phi2 = MASS * CENTRE * G * cos(th1 + th2 - PI / 2);
  double phi1 = -MASS * lc * d2 * d2 * sin(th2) - 2 * MASS * lc * d2 * d1 * sin(th2) + (MASS * CENTRE + MASS * LENGTH) * G * cos(th1 - PI / 2) + phi2;
  double dd2 = (torque + m2 / m1 * phi1 - MASS * lc * d1 * d1 * sin(th2) - phi2) / (MASS * CENTRE * CENTRE + MOMENT - m2 * m2 / m1);
  out[0] = d1, out[1] = d2, out[2] = -(m2 * dd2 + phi1) / m1, out[3] = dd2;
}

static void add(const double q[4], const double k[4], double h, double out[4]) {
  for (int j = 0; j < 4; j++) out[j] = q[j] + h * k[j];
}

static void runge_kutta(double q[4], double torque) {
  double k1[4], k2[4], k3[4], k4[4], at[4];
  slope(q, torque, k1), add(q, k1, DT / 2, at);
  slope(at, torque, k2), add(q, k2, DT / 2, at);
  slope(at, torque, k3), add(q, k3, DT, at);
  slope(at, torque, k4);
  for (int j = 0; j < 4; j++) q[j] += DT / 6 * (k1[j] + 2 * k2[j] + 2 * k3[j] + k4[j]);
}

static double wrapped(double th) {
  while (th > PI) th -= 2 * PI;
  while (th < -PI) th += 2 * PI;
  return th;
}

static void step(rn_env *e, int from, int to) {
  for (int i = from; i < to; i++) {
    links *p = (links *)e->state + i;
    double *q = p->q;
    runge_kutta(q, (double)e->act[i] - 1);
    q[0] = wrapped(q[0]), q[1] = wrapped(q[1]);
    q[2] = fmin(fmax(q[2], -4 * PI), 4 * PI), q[3] = fmin(fmax(q[3], -9 * PI), 9 * PI);
    p->t++;
    observe(e, i);
    e->terminated[i] = -cos(q[0]) - cos(q[1] + q[0]) > 1;
    e->reward[i] = e->terminated[i] ? 0 : -1;
    e->truncated[i] = p->t >= 500;
  }
}

static const float low[] = {-1, -1, -1, -1, -12.566371f, -28.274334f}, high[] = {1, 1, 1, 1, 12.566371f, 28.274334f};
const rn_env_kind rn_acrobot = {.abi = RN_ENV_ABI, .name = "acrobot", .summary = "swing the free end of two links above a bar", .obs = {RN_BOX, {6}, low, high},
                                .act = {RN_DISCRETE, {3}}, .state = sizeof(links), .limit = 500, .cost = 500, .reset = reset, .step = step};
