/* env/lava.c - a grid with a wall of lava and one gap: small enough for exact values.
 * Source   the catalogue's E-LAVA (a common grid of safe learning)
 * obs      state 7 row + column of 49, start row 0 column 0   act {0 up, 1 right, 2 down, 3 left}; a bump stays
 * reward   -1 a step; lava (column 3 but for row 4) -10 and the end; goal (row 6 column 6) 0 and the end   limit 60 steps; use gamma 0.95 */
#include "list.h"

enum { SIDE = 7, LAVA = 3, GAP = 4, GOAL = SIDE * SIDE - 1 };
typedef struct { int row, column, t; } walker;

static void observe(rn_env *e, int i) {
  const walker *p = (const walker *)e->state + i;
  e->obs[i] = (float)(p->row * SIDE + p->column);
}

static void reset(rn_env *e, int i, rn_key key) {
  (void)key;                                                 // one start
  ((walker *)e->state)[i] = (walker){0, 0, 0};
  observe(e, i);
}

static int within(int x) { return x < 0 ? 0 : x >= SIDE ? SIDE - 1 : x; }

static void step(rn_env *e, int from, int to) {
  static const int down[] = {-1, 0, 1, 0}, right[] = {0, 1, 0, -1};
  for (int i = from; i < to; i++) {
    walker *p = (walker *)e->state + i;
    int a = (int)e->act[i];
    *p = (walker){within(p->row + down[a]), within(p->column + right[a]), p->t + 1};
    bool lava = p->column == LAVA && p->row != GAP, goal = p->row * SIDE + p->column == GOAL;
    observe(e, i);
    e->reward[i] = lava ? -10 : goal ? 0 : -1;
    e->terminated[i] = lava || goal;
    e->truncated[i] = p->t >= 60;
  }
}

const rn_env_kind rn_lava = {.abi = RN_ENV_ABI, .name = "e-lava", .summary = "a 7 x 7 grid with lava and one gap", .obs = {RN_DISCRETE, {SIDE * SIDE}},
                             .act = {RN_DISCRETE, {4}}, .state = sizeof(walker), .limit = 60, .cost = 20, .reset = reset, .step = step};
