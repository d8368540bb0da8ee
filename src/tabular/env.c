/* tabular/env.c - a decision problem as an environment: mdp:random(S,A,H,seed) and mdp:FILE.
 * obs [S] 1 at the state, 0 elsewhere   act {0 .. A-1}   reward as the table says
 * The episode ends at an end state, or with the H-th step: J counts nothing after it, so that is a true end. Without a horizon it is cut
 * at 1,000 steps, a time limit. */
#include "rein/env.h"
#include "rein/tabular.h"
#include <stdlib.h>
#include <string.h>

enum { ENDLESS = 1000 };
typedef struct { rn_key key; int32_t s, t; } place;

static void observe(rn_env *e, int i, const rn_mdp *m, const place *p) {
  float *x = e->obs + (size_t)i * m->S;
  memset(x, 0, m->S * sizeof *x);
  x[p->s] = 1;
}

static void reset(rn_env *e, int i, rn_key key) {
  const rn_mdp *m = e->config;
  place *p = (place *)e->state + i;
  int s = rn_mdp_start(m, &key);
  *p = (place){key, s, 0};
  observe(e, i, m, p);
}

static void step(rn_env *e, int from, int to) {
  const rn_mdp *m = e->config;
  for (int i = from; i < to; i++) {
    place *p = (place *)e->state + i;
    int a = (int)e->act[i];
    double r;
    p->s = rn_mdp_step(m, p->s, a < 0 ? 0 : a >= m->A ? m->A - 1 : a, &p->key, &r), p->t++;
    e->reward[i] = (float)r;
    e->terminated[i] = m->end[p->s] || (m->H && p->t >= m->H);
    e->truncated[i] = !e->terminated[i] && !m->H && p->t >= ENDLESS;
    observe(e, i, m, p);
  }
}

static void drop(const rn_env_kind *made) {
  rn_mdp_free((rn_mdp *)made->config);
  rn_free((void *)made);
}

static const rn_env_kind *make(const char *arguments, char *why, size_t room) {
  rn_error err = {0};
  rn_mdp *m = *arguments ? rn_mdp_named(arguments, &err) : NULL;
  if (!m) {
    snprintf(why, room, "%s", *arguments ? err.text : "write mdp:random(states,actions,horizon,seed) or mdp:FILE");
    return NULL;
  }
  rn_env_kind *k = rn_new(sizeof *k);
  *k = rn_mdp_env, k->make = NULL, k->drop = drop, k->config = m, k->limit = m->H ? m->H : ENDLESS;
  k->obs = (rn_space){RN_BOX, {m->S}, NULL, NULL}, k->act = (rn_space){RN_DISCRETE, {m->A}, NULL, NULL};
  return k;
}

const rn_env_kind rn_mdp_env = {.name = "mdp", .summary = "a small decision problem as a table: mdp:random(S,A,H,seed) or mdp:FILE", .abi = RN_ENV_ABI,
                                .obs = {RN_BOX, {1}, NULL, NULL}, .act = {RN_DISCRETE, {1}, NULL, NULL}, .state = sizeof(place), .cost = 60,
                                .reset = reset, .step = step, .make = make};
