/* Off-policy estimates against exact values of tables. */
#include "rein/ope.h"
#include "rein/tabular.h"
#include "test.h"

/* Episodes of the uniform policy: `length` steps each, cut by the clock or ended by the table's horizon. */
static rn_table *uniform_log(const rn_mdp *m, int episodes, int length, bool with_logp) {
  rn_field fields[] = {{"obs", RN_F32, m->S, NULL}, {"act", RN_I32, 1, NULL}, {"reward", RN_F32, 1, NULL}, {"terminated", RN_U8, 1, NULL},
                       {"truncated", RN_U8, 1, NULL}, {"behaviour_logp", RN_F32, 1, NULL}};
  rn_table *t = rn_table_new(with_logp ? 6 : 5, fields);
  rn_table_set_choices(t, m->A);
  float *last = rn_new(m->S * sizeof *last);
  for (int e = 0; e < episodes; e++) {
    rn_key key = rn_key_new(5, "log", (uint64_t)e, 0);
    int s = rn_mdp_start(m, &key);
    for (int h = 0; h < length; h++) {
      double r;
      int64_t row = rn_table_add(t, 1);
      int a = (int)rn_below(&key, m->A);
      ((float *)rn_table_write(t, "obs", row))[s] = 1, *(int32_t *)rn_table_write(t, "act", row) = a;
      s = rn_mdp_step(m, s, a, &key, &r);
      *(float *)rn_table_write(t, "reward", row) = (float)r;
      if (with_logp) *(float *)rn_table_write(t, "behaviour_logp", row) = logf(1.0f / m->A);
      if (h == length - 1) *(uint8_t *)rn_table_write(t, m->H ? "terminated" : "truncated", row) = 1;
    }
    memset(last, 0, m->S * sizeof *last), last[s] = 1;
    rn_table_end(t, m->H ? RN_END_TERMINATED : RN_END_TRUNCATED, last);
  }
  rn_free(last);
  return t;
}

typedef struct { rn_policy *pi; } shell;
static void act(const void *self, const rn_obs *in, rn_action *out) { rn_policy_act(((const shell *)self)->pi, in, out); }
static int remembers(const void *self) { return (void)self, 3; }
static const rn_system player = {.name = "player", .act = act};
static const rn_scaling plain = {.reward_scale = 1};

typedef struct { rn_run *run; rn_world world; shell self; rn_ope_order order; } scene;
static scene *scene_new(const rn_mdp *m, const rn_table *log, const double *theta) {
  scene *s = rn_new(sizeof *s);
  s->run = rn_run_new(1, 0);
  s->world = (rn_world){.obs = {RN_BOX, {m->S}, NULL, NULL}, .act = {RN_DISCRETE, {m->A}, NULL, NULL}, .seats = 1};
  rn_world_set(s->run, "data", &s->world);
  s->self.pi = rn_policy_new(s->run, "pi", "softmax-table", RN_CAN_LOGP, NULL);
  for (int i = 0; i < m->S * m->A; i++) rn_values(s->self.pi->net)[i] = (rn_real)theta[i];
  rn_changed(s->self.pi->net);
  s->order = (rn_ope_order){.system = &player, .self = &s->self, .pi = s->self.pi, .log = log, .world = &s->world, .scaling = &plain, .gamma = m->gamma, .seed = 3,
                            .updates = 3000, .batch = 128, .members = 5};
  return s;
}
static void scene_free(scene *s) { rn_run_free(s->run), rn_free(s); }

/* FQE judges the greedy policy: its exact discounted value, far from the behaviour's */
TEST(fitted_values_come_near_the_exact_ones) {
  rn_mdp *m = rn_mdp_random(5, 3, 0, 2);
  m->gamma = .8;
  double V[5], Q[15], pi[15] = {0}, uniform[15], best = rn_mdp_best(m, V, Q, NULL);
  for (int i = 0; i < 15; i++) uniform[i] = 1.0 / 3;
  for (int s = 0; s < 5; s++) { int a = 0; for (int k = 1; k < 3; k++) if (Q[s * 3 + k] > Q[s * 3 + a]) a = k; pi[s * 3 + a] = 1; }
  rn_table *log = uniform_log(m, 400, 25, false);
  scene *s = scene_new(m, log, pi);                            // mode: the largest logit
  rn_ope e;
  rn_error err = {0};
  CHECK_THAT(rn_ope_estimate(&s->order, &e, &err), "%s", err.text);
  double exact = rn_mdp_value(m, pi, NULL, NULL), other = rn_mdp_value(m, uniform, NULL, NULL);
  CHECK_NEAR(exact, best, 1e-9, "greedy in Q*");
  CHECK_THAT(fabs(exact - other) > .3, "the two policies are alike: %g %g", exact, other);
  CHECK_NEAR(e.fqe.value, exact, .05, "FQE; the behaviour has %g", other);
  CHECK_THAT(e.fqe.low < e.fqe.value && e.fqe.value < e.fqe.high && e.fqe.high - e.fqe.low < .6, "interval %g %g", e.fqe.low, e.fqe.high);
  CHECK(e.episodes == 400 && e.fitted);
  scene_free(s), rn_table_free(log), rn_mdp_free(m);
}

/* WIS judges the stochastic policy: the exact J of a softmax table on ten-step episodes */
TEST(weighted_returns_come_near_the_exact_ones) {
  rn_mdp *m = rn_mdp_random(5, 3, 10, 1);
  double theta[15], pi[15], uniform[15];
  rn_key key = rn_key_new(2, "theta", 0, 0);
  for (int i = 0; i < 15; i++) theta[i] = .6 * rn_normal64(&key), uniform[i] = 1.0 / 3;
  rn_mdp_softmax(5, 3, theta, pi);
  double exact = rn_mdp_value(m, pi, NULL, NULL), other = rn_mdp_value(m, uniform, NULL, NULL);
  rn_table *log = uniform_log(m, 4000, 10, true);
  scene *s = scene_new(m, log, theta);
  s->order.updates = 50;
  rn_ope e, again;
  rn_error err = {0};
  CHECK_THAT(rn_ope_estimate(&s->order, &e, &err), "%s", err.text);
  CHECK_NEAR(e.behaviour.value, other, .03, "the log's mean return"); CHECK_NEAR(e.wis.value, exact, .08, "WIS; the behaviour has %g", other);
  CHECK_THAT(e.wis.low < exact && exact < e.wis.high, "%g is not in %g .. %g", exact, e.wis.low, e.wis.high);
  CHECK(!e.fitted && e.effective > 50 && e.effective < 4000);
  CHECK(rn_ope_estimate(&s->order, &again, &err) && !memcmp(&e.wis, &again.wis, sizeof e.wis) && !memcmp(&e.fqe, &again.fqe, sizeof e.fqe));
  scene_free(s), rn_table_free(log);
  log = uniform_log(m, 4000, 10, false);                       // and with a model of the behaviour
  s = scene_new(m, log, theta), s->order.updates = 50;
  CHECK_THAT(rn_ope_estimate(&s->order, &again, &err), "%s", err.text);
  CHECK(again.fitted); CHECK_NEAR(again.wis.value, e.wis.value, .08, "fitted behaviour");
  scene_free(s), rn_table_free(log), rn_mdp_free(m);
}

TEST(what_can_not_be_judged_is_refused_or_left_out) {
  rn_mdp *m = rn_mdp_random(3, 2, 5, 1);
  double theta[6] = {0};
  rn_table *log = uniform_log(m, 20, 5, false), *empty = uniform_log(m, 0, 5, false);
  scene *s = scene_new(m, log, theta);
  rn_ope e;
  rn_error err = {0};
  s->order.updates = 5, s->order.fit = 5, s->order.pi = NULL;
  CHECK_THAT(rn_ope_estimate(&s->order, &e, &err), "%s", err.text);
  CHECK(isnan(e.wis.value) && isnan(e.effective) && !e.fitted && isfinite(e.fqe.value));
  rn_system with_memory = player, without_act = player;
  with_memory.memory = remembers, without_act.act = NULL;
  s->order.system = &with_memory;
  CHECK(!rn_ope_estimate(&s->order, &e, &err)); CHECK_TEXT(err.text, "remembers");
  err = (rn_error){0}, s->order.system = &without_act;
  CHECK(!rn_ope_estimate(&s->order, &e, &err)); CHECK_TEXT(err.text, "does not act");
  err = (rn_error){0}, s->order.system = &player, s->order.log = empty;
  CHECK(!rn_ope_estimate(&s->order, &e, &err)); CHECK_TEXT(err.text, "no episodes");
  scene_free(s), rn_table_free(log), rn_table_free(empty), rn_mdp_free(m);
}
