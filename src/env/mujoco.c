/* env/mujoco.c - six bodies in MuJoCo: hopper, halfcheetah, walker2d, ant, invertedpendulum, reacher.
 * Source   Gymnasium's v4 tasks (0.29.1): models/NAME.xml has the constants; observation, reward, end and starts are below
 * Differs  observations are floats; ant has no contact forces (27 numbers), as the source's default
 *
 *   hopper            obs 11: z m, angle of torso, thigh, leg, foot rad; their velocities, clipped to 10     4 x 0.002 s
 *                     reward dx/dt + 1 - 0.001 |a|^2   ends unless z > 0.7, |angle| < 0.2, all else within 100
 *   walker2d          obs 17: the same with two legs   reward dx/dt + 1 - 0.001 |a|^2   ends unless 0.8 < z < 2, |angle| < 1
 *   halfcheetah       obs 17: z, angle, six joints; velocities   5 x 0.01 s   reward dx/dt - 0.1 |a|^2   no end
 *   ant               obs 27: z, quaternion, eight joints; velocities   5 x 0.01 s   reward dx/dt of the torso + 1 - 0.5 |a|^2   ends unless 0.2 <= z <= 1
 *   invertedpendulum  obs 4: cart m, pole rad; velocities   act force -3 .. 3   2 x 0.02 s   reward 1   ends |pole| > 0.2
 *   reacher           obs 11: cos and sin of two joints, target, their velocities, fingertip - target   2 x 0.01 s
 *                     reward -|fingertip - target| before the step - |a|^2   limit 50 (the others 1,000), no end */
#include "rein/bodies.h"
#include "list.h"
#include "rein/base.h"
#include <mujoco/mujoco.h>
#include <setjmp.h>
#include <string.h>

typedef enum { HOPPER, CHEETAH, WALKER, ANT, PENDULUM, REACHER } body;
typedef struct {
  body body;
  const char *xml;
  int frames, nq, nv, nu, obs, limit;
  double cost;                     // of the squared action
} task;
enum { WHY = 200 };
typedef struct { const task *task; mjModel *m; mjData **d; int *steps; char (*why)[WHY]; } own;

extern const char rn_model_hopper[], rn_model_halfcheetah[], rn_model_walker2d[], rn_model_ant[], rn_model_invertedpendulum[], rn_model_reacher[];

//---- MuJoCo's errors -----------------------------------------------------------------------------------------------------------

/* Its own handlers end the process and write a file. An error jumps back to the call that began it: the only thread-local here, for the
 * library gives no other way. A warning (a state that blew up) is counted in mjData, where step looks for it. */
static _Thread_local jmp_buf *way_out;
static _Thread_local char message[WHY];

static void on_error(const char *text) {
  snprintf(message, sizeof message, "MuJoCo: %s", text);
  if (way_out) longjmp(*way_out, 1);
  rn_fatal("MuJoCo", "%s", text);
}

static void on_warning(const char *text) { (void)text; }

static void gave_up(rn_env *e, int i) {
  own *o = e->own;
  way_out = NULL;
  memcpy(o->why[i], message, WHY);
  e->fail(e, i, o->why[i]);
}

// what(e, i, key), from which an error of MuJoCo jumps back here
static void attempt(rn_env *e, int i, void (*what)(rn_env *, int, rn_key *), rn_key *key) {
  jmp_buf out;
  if (setjmp(out)) { gave_up(e, i); return; }
  way_out = &out;
  what(e, i, key);
  way_out = NULL;
}

const char *rn_bodies_version(void) { return mj_versionString(); }

//---- opening -------------------------------------------------------------------------------------------------------------------

static mjModel *load_model(const char *xml, char *why, int room) {
  mjVFS *vfs = rn_new(sizeof *vfs);
  int n = (int)strlen(xml);
  mj_defaultVFS(vfs);
#if mjVERSION_HEADER >= 320
  mj_addBufferVFS(vfs, "model.xml", xml, n);
#else
  mj_makeEmptyFileVFS(vfs, "model.xml", n);
  memcpy(vfs->filedata[0], xml, (size_t)n);
#endif
  mjModel *m = mj_loadXML("model.xml", vfs, why, room);
  mj_deleteVFS(vfs);
  rn_free(vfs);
  return m;
}

static void close_all(rn_env *e) {
  own *o = e->own;
  if (!o) return;
  for (int i = 0; o->d && i < e->worlds; i++) if (o->d[i]) mj_deleteData(o->d[i]);
  if (o->m) mj_deleteModel(o->m);
  rn_free(o->d), rn_free(o->steps), rn_free(o->why), rn_free(o);
  e->own = NULL;
}

static bool open_all(rn_env *e, char *why, size_t room) {
  const task *t = e->config;
  mju_user_error = on_error, mju_user_warning = on_warning;
  own *o = e->own = rn_new(sizeof *o);
  *o = (own){.task = t, .d = rn_new((size_t)e->worlds * sizeof *o->d), .steps = rn_new((size_t)e->worlds * sizeof *o->steps),
             .why = rn_new((size_t)e->worlds * sizeof *o->why)};
  jmp_buf out;
  if (setjmp(out)) return way_out = NULL, snprintf(why, room, "%s", message), close_all(e), false;
  way_out = &out;
  mjModel *m = o->m = load_model(t->xml, why, (int)room);
  for (int i = 0; m && i < e->worlds; i++) o->d[i] = mj_makeData(m);
  way_out = NULL;
  if (!m) return close_all(e), false;
  RN_CHECK(m->nq == t->nq && m->nv == t->nv && m->nu == t->nu && m->nbody <= RN_BODIES, "the model has nq %d nv %d nu %d nbody %d", (int)m->nq, (int)m->nv,
           (int)m->nu, (int)m->nbody);
  RN_CHECK(m->na == 0 && m->nmocap == 0 && m->nuserdata == 0, "the saved state has no room for activations, mocap bodies or user data");
  return true;
}

//---- state ---------------------------------------------------------------------------------------------------------------------

static void save(rn_env *e, int i) {
  const own *o = e->own;
  const task *t = o->task;
  const mjData *d = o->d[i];
  rn_bodies *s = (rn_bodies *)e->state + i;
  *s = (rn_bodies){.time = d->time, .steps = o->steps[i]};
  memcpy(s->qpos, d->qpos, (size_t)t->nq * sizeof(double)), memcpy(s->qvel, d->qvel, (size_t)t->nv * sizeof(double));
  memcpy(s->warm, d->qacc_warmstart, (size_t)t->nv * sizeof(double)), memcpy(s->ctrl, d->ctrl, (size_t)t->nu * sizeof(double));
  memcpy(s->xpos, d->xpos, (size_t)o->m->nbody * sizeof *s->xpos);
}

// No mj_forward: it would compute another warm start, and the next mj_step begins with everything that it would compute
static void load(rn_env *e, int i) {
  own *o = e->own;
  const task *t = o->task;
  mjData *d = o->d[i];
  const rn_bodies *s = (const rn_bodies *)e->state + i;
  mj_resetData(o->m, d);
  d->time = s->time, o->steps[i] = s->steps;
  memcpy(d->qpos, s->qpos, (size_t)t->nq * sizeof(double)), memcpy(d->qvel, s->qvel, (size_t)t->nv * sizeof(double));
  memcpy(d->qacc_warmstart, s->warm, (size_t)t->nv * sizeof(double)), memcpy(d->ctrl, s->ctrl, (size_t)t->nu * sizeof(double));
  memcpy(d->xpos, s->xpos, (size_t)o->m->nbody * sizeof *s->xpos);
}

//---- observation, start, end ------------------------------------------------------------------------------------------------------

static const double *place(const mjData *d, int b) { return d->xpos + 3 * b; }
enum { TORSO = 1, FINGERTIP = 3, TARGET = 4 };                // bodies in the order of the files; 0 is the world

static float *put(float *to, const double *from, int n, double most) {
  for (int k = 0; k < n; k++) *to++ = (float)fmin(fmax(from[k], -most), most);
  return to;
}

static void observe(const task *t, const mjData *d, float *x) {
  static const int hidden[] = {[HOPPER] = 1, [CHEETAH] = 1, [WALKER] = 1, [ANT] = 2, [PENDULUM] = 0};       // how far it has come
  if (t->body == REACHER) {
    for (int k = 0; k < 2; k++) x[k] = (float)cos(d->qpos[k]), x[2 + k] = (float)sin(d->qpos[k]), x[4 + k] = (float)d->qpos[2 + k], x[6 + k] = (float)d->qvel[k];
    for (int k = 0; k < 3; k++) x[8 + k] = (float)(place(d, FINGERTIP)[k] - place(d, TARGET)[k]);
    return;
  }
  int h = hidden[t->body];
  double fastest = t->body == HOPPER || t->body == WALKER ? 10 : INFINITY;
  put(put(x, d->qpos + h, t->nq - h, INFINITY), d->qvel, t->nv, fastest);
}

static double around(rn_key *key, double width) { return width * (2 * rn_uniform64(key) - 1); }

static void draw_start(const task *t, rn_key *key, double *qpos, double *qvel) {
  static const double width[] = {[HOPPER] = 5e-3, [CHEETAH] = 0.1, [WALKER] = 5e-3, [ANT] = 0.1, [PENDULUM] = 0.01, [REACHER] = 0.1};
  double u = width[t->body];
  bool normal = t->body == CHEETAH || t->body == ANT;
  for (int k = 0; k < t->nq; k++) qpos[k] += around(key, u);
  if (t->body == REACHER) {
    do qpos[2] = around(key, 0.2), qpos[3] = around(key, 0.2); while (hypot(qpos[2], qpos[3]) >= 0.2);
    for (int k = 0; k < 2; k++) qvel[k] += around(key, 0.005);
    return;
  }
  for (int k = 0; k < t->nv; k++) qvel[k] += normal ? u * rn_normal64(key) : around(key, u);
}

static __attribute__((noinline)) void begin(rn_env *e, int i, rn_key *key) {
  own *o = e->own;
  const task *t = o->task;
  mjData *d = o->d[i];
  mj_resetData(o->m, d);
  draw_start(t, key, d->qpos, d->qvel);
  mj_forward(o->m, d);
  o->steps[i] = 0;
  observe(t, d, e->obs + (size_t)i * (size_t)t->obs);
}

static void reset(rn_env *e, int i, rn_key key) { attempt(e, i, begin, &key); }

static bool within(const double *x, int n, double most) {
  for (int k = 0; k < n; k++) if (!(fabs(x[k]) < most)) return false;
  return true;
}

static bool fell(const task *t, const mjData *d) {
  const double *q = d->qpos;
  switch (t->body) {
    case HOPPER: return !(q[1] > 0.7 && fabs(q[2]) < 0.2 && within(q + 2, t->nq - 2, 100) && within(d->qvel, t->nv, 100));
    case WALKER: return !(q[1] > 0.8 && q[1] < 2 && fabs(q[2]) < 1);
    case ANT: return !(q[2] >= 0.2 && q[2] <= 1);
    case PENDULUM: return !(fabs(q[1]) <= 0.2);
    case CHEETAH: case REACHER: break;
  }
  return false;
}

//---- a step --------------------------------------------------------------------------------------------------------------------

static double squares(const float *a, int n) {
  double sum = 0;
  for (int k = 0; k < n; k++) sum += (double)a[k] * (double)a[k];
  return sum;
}

// How far along: the joint, but for ant the torso's place, which mj_step leaves one sub-step behind, as in the source
static double along(const task *t, const mjData *d) { return t->body == ANT ? place(d, TORSO)[0] : d->qpos[0]; }

static double reward_of(const task *t, const mjModel *m, const mjData *d, double before, const float *act) {
  double speed = (along(t, d) - before) / (m->opt.timestep * t->frames), cost = t->cost * squares(act, t->nu);
  switch (t->body) {
    case HOPPER: case WALKER: case ANT: return speed + 1 - cost;
    case CHEETAH: return speed - cost;
    case PENDULUM: return 1;
    case REACHER: break;
  }
  return before - cost;
}

static double before_step(const task *t, const mjData *d) {
  if (t->body != REACHER) return along(t, d);
  const double *f = place(d, FINGERTIP), *g = place(d, TARGET);
  return -sqrt((f[0] - g[0]) * (f[0] - g[0]) + (f[1] - g[1]) * (f[1] - g[1]) + (f[2] - g[2]) * (f[2] - g[2]));
}

static bool blew_up(const mjData *d) {
  return d->warning[mjWARN_BADQPOS].number || d->warning[mjWARN_BADQVEL].number || d->warning[mjWARN_BADQACC].number || d->warning[mjWARN_BADCTRL].number;
}

void rn_bodies_bare_step(rn_env *e, int i, const float *act) {
  const own *o = e->own;
  for (int k = 0; k < o->task->nu; k++) o->d[i]->ctrl[k] = (double)act[k];
  for (int k = 0; k < o->task->frames; k++) mj_step(o->m, o->d[i]);
}

static __attribute__((noinline)) void step_one(rn_env *e, int i, rn_key *none) {
  own *o = e->own;
  const task *t = o->task;
  const mjData *d = o->d[i];
  const float *act = e->act + (size_t)i * (size_t)t->nu;
  double before = before_step(t, d);
  (void)none;
  rn_bodies_bare_step(e, i, act);
  if (blew_up(d)) e->fail(e, i, "MuJoCo found a state that is not finite or huge; smaller actions, or another policy");
  e->reward[i] = (float)reward_of(t, o->m, d, before, act);
  e->terminated[i] = fell(t, d);
  e->truncated[i] = ++o->steps[i] >= t->limit;
  observe(t, d, e->obs + (size_t)i * (size_t)t->obs);
}

static void step(rn_env *e, int from, int to) {
  for (int i = from; i < to; i++) attempt(e, i, step_one, NULL);
}

//---- the kinds -----------------------------------------------------------------------------------------------------------------

static const task hopper = {HOPPER, rn_model_hopper, 4, 6, 6, 3, 11, 1000, 1e-3}, halfcheetah = {CHEETAH, rn_model_halfcheetah, 5, 9, 9, 6, 17, 1000, 0.1},
                  walker2d = {WALKER, rn_model_walker2d, 4, 9, 9, 6, 17, 1000, 1e-3}, ant = {ANT, rn_model_ant, 5, 15, 14, 8, 27, 1000, 0.5},
                  pendulum = {PENDULUM, rn_model_invertedpendulum, 2, 2, 2, 1, 4, 1000, 0}, reacher = {REACHER, rn_model_reacher, 2, 4, 4, 2, 11, 50, 1};
static const float weakest[] = {-3}, strongest[] = {3};

// The reference returns are D4RL's; from 3.5.0 on MuJoCo's contacts are others, so there they mean nothing
#if mjVERSION_HEADER >= 350
#define SCORES(low_, high_) .score_low = 0, .score_high = 0
#else
#define SCORES(low_, high_) .score_low = low_, .score_high = high_
#endif
#define KIND(symbol, id, text, of, columns, actions, nanoseconds, low_, high_, steps, ...) \
  const rn_env_kind symbol = {.abi = RN_ENV_ABI, .name = id, .summary = text, .obs = {RN_BOX, {columns}}, .act = {RN_BOX, {actions}, __VA_ARGS__}, \
                              .state = sizeof(rn_bodies), .config = &of, .limit = steps, .cost = nanoseconds, SCORES(low_, high_), \
                              .reset = reset, .step = step, .open = open_all, .close = close_all, .save = save, .load = load}
KIND(rn_hopper, "hopper", "one leg hops forward (MuJoCo)", hopper, 11, 3, 60000, -20.272305, 3234.3, 1000, NULL, NULL);
KIND(rn_halfcheetah, "halfcheetah", "a beast in a plane runs (MuJoCo)", halfcheetah, 17, 6, 25000, -280.178953, 12135, 1000, NULL, NULL);
KIND(rn_walker2d, "walker2d", "two legs walk in a plane (MuJoCo)", walker2d, 17, 6, 90000, 1.629008, 4592.3, 1000, NULL, NULL);
KIND(rn_ant, "ant", "four legs walk (MuJoCo)", ant, 27, 8, 200000, -325.6, 3879.7, 1000, NULL, NULL);
KIND(rn_invertedpendulum, "invertedpendulum", "balance a pole on a cart with a force (MuJoCo)", pendulum, 4, 1, 10000, 0, 0, 1000, weakest, strongest);
KIND(rn_reacher, "reacher", "a two-link arm points at a target (MuJoCo)", reacher, 11, 2, 15000, 0, 0, 50, NULL, NULL);
