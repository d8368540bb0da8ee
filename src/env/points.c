/* env/points.c - a point in the plane, in six worlds that each show one difficulty of learning from a log.
 * Source   the catalogue's shared parts (offline.md). A move is x' = clip(x + 0.1 clip(a, -1, 1), -1, 1) unless said.
 * obs [2]  x, y   act [2]
 *   e-two      reward -|x' - (0.7, 0.7)|; limit 40; starts uniform in the box (-near: within 0.3 of the middle)
 *   e-fault    e-two, but an action longer than 1.3 moves nothing and costs 1 more
 *   e-cross    a wall at x = 0 with a gap of 0.2 about y = -0.2; -1 a step, 0 and the end within 0.15 of (0.8, 0.8); start by (-0.8, -0.8); limit 60
 *   e-gap      two hills of reward, the lower one at (0.7, 0) alone can be held: left of x = -0.2 a wind of 0.15 blows back; start by the
 *              middle, limit 60. e-gap-sim: the simulator, which knows no wind; starts uniform in the box, limit 40
 *   e-ridge    a winding road in an open plane, +10 at its end, -10 beside it; actions -1.5 .. 1.5 are shaken by 0.4 N (-calm: by none); limit 60
 *   e-arc      a disc in the way: moves that end within 0.3 of the middle are cancelled; -1 a step, 0 and the end within 0.12 of (0.8, 0); limit 80 */
#include "rein/points.h"
#include "list.h"
#include <string.h>

typedef struct { double x[2]; rn_key noise; int t; } point;
typedef enum { TWO, FAULT, CROSS, GAP, RIDGE, ARC } world;
typedef struct { world world; double start, shake; bool wind; int limit; } config;      // start: half width of uniform starts, 0: the world's own

static const double G2[] = {0.7, 0.7}, BAD[] = {-0.7, -0.7};                             // e-two
static const double A[] = {-0.8, -0.8}, B[] = {-0.8, 0.8}, C[] = {0, -0.2}, G[] = {0.8, 0.8}, D[] = {0.8, -0.8}, H[] = {0.2, 0.8};       // e-cross
static const double GA[] = {-0.7, 0}, GB[] = {0.7, 0};                                   // e-gap
static const double GOAL[] = {0.8, 0}, ABOVE[] = {0, 0.5}, BELOW[] = {0, -0.5};          // e-arc
static const double PI = 3.14159265358979323846;

static double clip(double x, double at) { return fmin(fmax(x, -at), at); }
static double apart(const double x[2], const double y[2]) { return hypot(x[0] - y[0], x[1] - y[1]); }
static double road(double x) { return 0.5 * sin(PI * x); }
static const config *config_of(const rn_env_kind *kind) { return kind->config; }

//---- the worlds ----------------------------------------------------------------------------------------------------------------

static void start(const config *c, rn_key *key, double x[2]) {
  double u = c->start;
  if (u > 0) for (int k = 0; k < 2; k++) x[k] = u * (2 * rn_uniform64(key) - 1);
  else if (c->world == CROSS) for (int k = 0; k < 2; k++) x[k] = clip(A[k] + 0.1 * rn_normal64(key), 1);
  else if (c->world == GAP) for (int k = 0; k < 2; k++) x[k] = 0.1 * rn_normal64(key);
  else if (c->world == RIDGE) x[0] = -1 + 0.02 * rn_normal64(key), x[1] = road(-1) + 0.02 * rn_normal64(key);
  else x[0] = -0.8 + 0.05 * rn_normal64(key), x[1] = 0.8 * rn_uniform64(key) - 0.4;
}

// The wall of e-cross stops what changes its side above or below the gap
static void cross(const double x[2], double to[2]) {
  double side = x[0] >= 0 ? 1 : -1;
  if (side * to[0] <= 0 && fabs(to[1] + 0.2) > 0.2) to[0] = 0.01 * side;
}

static double hill(const double x[2], const double top[2]) { return exp(-(apart(x, top) * apart(x, top)) / 0.03); }

// x' and what it pays; 1 when it ends the episode
static int move(const config *c, const double x[2], const double a[2], rn_key *noise, double to[2], double *reward) {
  double most = c->world == RIDGE ? 1.5 : 1, act[2] = {a[0], a[1]};
  if (c->shake > 0) for (int k = 0; k < 2; k++) act[k] += c->shake * rn_normal64(noise);
  for (int k = 0; k < 2; k++) act[k] = clip(act[k], most), to[k] = x[k] + 0.1 * act[k];
  if (c->wind && x[0] < -0.2) to[0] += 0.15;
  bool fault = c->world == FAULT && hypot(act[0], act[1]) > 1.3;
  if (fault) to[0] = x[0], to[1] = x[1];
  if (c->world != RIDGE) to[0] = clip(to[0], 1), to[1] = clip(to[1], 1);
  switch (c->world) {
    case TWO: case FAULT: return *reward = -apart(to, G2) - fault, 0;
    case CROSS: return cross(x, to), *reward = apart(to, G) < 0.15 ? 0 : -1, *reward == 0;
    case GAP: return *reward = fmax(hill(to, GA), 0.6 * hill(to, GB)), 0;
    case RIDGE: return *reward = fabs(to[1] - road(to[0])) > 0.25 ? -10 : to[0] >= 1 ? 10 : 0, *reward != 0;
    case ARC: break;
  }
  if (hypot(to[0], to[1]) < 0.3) to[0] = x[0], to[1] = x[1];
  return *reward = apart(to, GOAL) < 0.12 ? 0 : -1, *reward == 0;
}

static void observe(rn_env *e, int i) {
  const point *p = (const point *)e->state + i;
  e->obs[2 * i] = (float)p->x[0], e->obs[2 * i + 1] = (float)p->x[1];
}

static void reset(rn_env *e, int i, rn_key key) {
  point *p = (point *)e->state + i;
  start(e->config, &key, p->x);
  p->noise = key, p->t = 0;                                  // what shakes the steps are the key's next numbers
  observe(e, i);
}

static void step(rn_env *e, int from, int to) {
  const config *c = e->config;
  for (int i = from; i < to; i++) {
    point *p = (point *)e->state + i;
    double a[] = {(double)e->act[2 * i], (double)e->act[2 * i + 1]}, next[2], reward;
    e->terminated[i] = (uint8_t)move(c, p->x, a, &p->noise, next, &reward);
    e->reward[i] = (float)reward;
    p->x[0] = next[0], p->x[1] = next[1], p->t++;
    e->truncated[i] = p->t >= c->limit;
    observe(e, i);
  }
}

//---- behaviours ----------------------------------------------------------------------------------------------------------------

static void go(const double x[2], const double to[2], double speed, double act[2]) {
  double far = fmax(apart(x, to), 0.1);
  for (int k = 0; k < 2; k++) act[k] = speed * (to[k] - x[k]) / far;
}

static void expert(const double x[2], double act[2]) {       // along the road, and back to it
  double slope = 0.5 * PI * cos(PI * x[0]), length = hypot(1, slope);
  act[0] = 0.8 / length, act[1] = 0.8 * slope / length + 2 * (road(x[0]) - x[1]);
}

static void go_by(const double x[2], const double to[2], int *stage, double act[2]) {       // over the middle of e-cross's gap
  if (*stage == 0 && apart(x, C) < 0.15) *stage = 1;
  go(x, *stage ? to : C, 1, act);
}

bool rn_point_behaviour(const rn_env_kind *kind, const char *name, const double x[2], int *stage, double act[2]) {
  world w = config_of(kind)->world;
  bool two = w == TWO || w == FAULT;
  if (two && strcmp(name, "good") == 0) return go(x, G2, 1, act), true;
  if (two && strcmp(name, "bad") == 0) return go(x, BAD, 1, act), true;
  if (w == CROSS && strcmp(name, "BCG") == 0) return go_by(x, G, stage, act), true;
  if (w == CROSS && strcmp(name, "ACD") == 0) return go_by(x, D, stage, act), true;
  if (w == CROSS && strcmp(name, "HG") == 0) return go(x, G, 1, act), true;
  if (w == RIDGE && strcmp(name, "expert") == 0) return expert(x, act), true;
  if (w == ARC && strcmp(name, "above") == 0) return go(x, x[0] < 0 ? ABOVE : GOAL, 0.4, act), true;
  if (w == ARC && strcmp(name, "below") == 0) return go(x, x[0] < 0 ? BELOW : GOAL, 0.4, act), true;
  return false;
}

void rn_point_noise(const rn_env_kind *kind, double sd, double cap, rn_key *key, double act[2]) {
  for (int k = 0; k < 2; k++) act[k] = clip(act[k] + sd * rn_normal64(key), config_of(kind)->world == RIDGE ? 1.5 : 1);
  double length = hypot(act[0], act[1]);
  if (cap > 0 && length > cap) act[0] *= cap / length, act[1] *= cap / length;
}

//---- logs ----------------------------------------------------------------------------------------------------------------------

bool rn_point_defaults(const char *name, rn_point_log *out, rn_error *err) {
  static const struct { const char *name; rn_point_log log; } sets[] = {
    {"e-two", {0.1, 0.3, 0, 1, 200, 40}}, {"e-two-near", {0.05, 0.25, 1.1, 0.3, 600, 40}}, {"e-fault", {0.1, 0.25, 1.1, 1, 200, 40}},
    {"e-fault-near", {0.1, 0.25, 1.1, 0.3, 200, 40}}, {"e-cross", {0, 0.3, 0, 0, 300, 40}}, {"e-gap", {0, 0, 0, 0, 2000, 1}},
    {"e-ridge-calm", {0, 0.15, 0, 0, 10, 60}}, {"e-arc", {0, 0.1, 0, 0, 60, 80}}};
  for (int i = 0; i < RN_COUNT(sets); i++) if (strcmp(sets[i].name, name) == 0) return *out = sets[i].log, true;
  return rn_fail(err, "no log is described for '%s'; e-two, e-two-near, e-fault, e-fault-near, e-cross, e-gap, e-ridge-calm and e-arc have one", name);
}

// Who drives trajectory i, and from where
static const char *driver(const config *c, const rn_point_log *log, int i, rn_key *key, double x[2]) {
  int n = log->trajectories;
  if (c->world == TWO || c->world == FAULT) {
    for (int k = 0; k < 2; k++) x[k] = log->start * (2 * rn_uniform64(key) - 1);
    return i < (int)floor(log->rho * n + 1e-9) ? "good" : "bad";
  }
  if (c->world == CROSS) {
    int kind = i < (int)floor(0.30 * n + 1e-9) ? 0 : i < (int)floor(0.45 * n + 1e-9) ? 1 : 2;
    const double *from = (const double *const[]){B, H, A}[kind];
    for (int k = 0; k < 2; k++) x[k] = clip(from[k] + 0.1 * rn_normal64(key), 1);
    return (const char *const[]){"BCG", "HG", "ACD"}[kind];
  }
  start(c, key, x);
  return c->world == RIDGE ? "expert" : i % 2 ? "below" : "above";
}

static void write_row(rn_point_row *r, const double x[2], const double a[2], const double to[2], double reward, bool end, bool cut) {
  *r = (rn_point_row){{(float)x[0], (float)x[1]}, {(float)a[0], (float)a[1]}, (float)reward, {(float)to[0], (float)to[1]}, end, cut};
}

// e-gap's log is single transitions that show the wind and not the goal that can be held
static int gap_row(const config *c, rn_key key, rn_point_row *rows) {
  double x[] = {-1 + 1.3 * rn_uniform64(&key), 0}, a[2], to[2], reward;
  x[1] = 2 * rn_uniform64(&key) - 1;
  for (int k = 0; k < 2; k++) a[k] = 2 * rn_uniform64(&key) - 1;
  move(c, x, a, &key, to, &reward);
  write_row(rows, x, a, to, reward, false, true);
  return 1;
}

int rn_point_trajectory(const rn_env_kind *kind, const rn_point_log *log, int i, rn_key key, rn_point_row *rows) {
  const config *c = config_of(kind);
  key.unit = (uint64_t)i, key.draw = 0;
  if (c->world == GAP) return gap_row(c, key, rows);
  double x[2], a[2], to[2], reward;
  const char *who = driver(c, log, i, &key, x);
  int stage = 0, end = 0, t = 0;
  for (; t < log->steps && !end; t++) {
    rn_point_behaviour(kind, who, x, &stage, a);
    rn_point_noise(kind, log->noise, log->cap, &key, a);
    end = move(c, x, a, &key, to, &reward);
    write_row(&rows[t], x, a, to, reward, end, !end && t + 1 == log->steps);
    x[0] = to[0], x[1] = to[1];
  }
  return t;
}

//---- the kinds -----------------------------------------------------------------------------------------------------------------

static const float low[] = {-1, -1}, high[] = {1, 1}, low_ridge[] = {-1.5f, -1.5f}, high_ridge[] = {1.5f, 1.5f};

#define KIND(symbol, id, text, low_, high_, act_low, act_high, conf, limit_) \
  const rn_env_kind symbol = {.abi = RN_ENV_ABI, .name = id, .summary = text, .obs = {RN_BOX, {2}, low_, high_}, .act = {RN_BOX, {2}, act_low, act_high}, \
                              .state = sizeof(point), .config = conf, .limit = limit_, .cost = 60, .reset = reset, .step = step}

static const config two = {TWO, 1, 0, false, 40}, near = {TWO, 0.3, 0, false, 40}, fault = {FAULT, 1, 0, false, 40}, fault_near = {FAULT, 0.3, 0, false, 40},
                    wall = {CROSS, 0, 0, false, 60}, gap = {GAP, 0, 0, true, 60}, gap_sim = {GAP, 1, 0, false, 40}, ridge = {RIDGE, 0, 0.4, false, 60},
                    calm = {RIDGE, 0, 0, false, 60}, arc = {ARC, 0, 0, false, 80};
KIND(rn_point_two, "e-two", "a point to a goal, in a box", low, high, NULL, NULL, &two, 40);
KIND(rn_point_two_near, "e-two-near", "e-two from starts near the middle", low, high, NULL, NULL, &near, 40);
KIND(rn_point_fault, "e-fault", "e-two where long actions fail", low, high, NULL, NULL, &fault, 40);
KIND(rn_point_fault_near, "e-fault-near", "e-fault from starts near the middle", low, high, NULL, NULL, &fault_near, 40);
KIND(rn_point_cross, "e-cross", "a point through the gap of a wall", low, high, NULL, NULL, &wall, 60);
KIND(rn_point_gap, "e-gap", "two hills and a wind", low, high, NULL, NULL, &gap, 60);
KIND(rn_point_gap_sim, "e-gap-sim", "e-gap's simulator, which knows no wind", low, high, NULL, NULL, &gap_sim, 40);
KIND(rn_point_ridge, "e-ridge", "a winding road with a fall on both sides, shaken", NULL, NULL, low_ridge, high_ridge, &ridge, 60);
KIND(rn_point_ridge_calm, "e-ridge-calm", "e-ridge without the shaking", NULL, NULL, low_ridge, high_ridge, &calm, 60);
KIND(rn_point_arc, "e-arc", "a point round a disc", low, high, NULL, NULL, &arc, 80);
