/* Off-policy estimates against exact values of tables. */
#include "rein/ope.h"
#include "rein/tabular.h"
#include "test.h"

/* Episodes of the uniform policy: `length` steps each, cut by the clock or ended by the table's horizon. */
static rn_table *uniform_log_of(uint64_t seed, const rn_mdp *m, int episodes, int length, bool with_logp) {
  rn_field fields[] = {{"obs", RN_F32, m->S, NULL}, {"act", RN_I32, 1, NULL}, {"reward", RN_F32, 1, NULL}, {"terminated", RN_U8, 1, NULL},
                       {"truncated", RN_U8, 1, NULL}, {"behaviour_logp", RN_F32, 1, NULL}};
  rn_table *t = rn_table_new(with_logp ? 6 : 5, fields);
  rn_table_set_choices(t, m->A);
  float *last = rn_new(m->S * sizeof *last);
  for (int e = 0; e < episodes; e++) {
    rn_key key = rn_key_new(seed, "log", (uint64_t)e, 0);
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

static rn_table *uniform_log(const rn_mdp *m, int episodes, int length, bool with_logp) { return uniform_log_of(5, m, episodes, length, with_logp); }

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

static rn_ope estimated(const rn_ope_order *o) {
  rn_ope e;
  rn_error err = {0};
  CHECK_THAT(rn_ope_estimate(o, &e, &err), "%s", err.text);
  return e;
}

// two policies whose values are far from the log's: the greedy one and samples of a softmax that leans towards it
static void policies(const rn_mdp *m, double *theta, double *greedy, double *leaning) {
  double V[8], Q[24];
  rn_mdp_best(m, V, Q, NULL);
  for (int s = 0; s < m->S; s++) {
    int a = 0;
    for (int k = 1; k < m->A; k++) if (Q[s * m->A + k] > Q[s * m->A + a]) a = k;
    for (int k = 0; k < m->A; k++) theta[s * m->A + k] = 1.5 * (k == a), greedy[s * m->A + k] = k == a;
  }
  rn_mdp_softmax(m->S, m->A, theta, leaning);
}

static void near_exact(double gamma, const char *hidden, int updates, int members) {
  rn_mdp *m = rn_mdp_random(5, 3, 0, 2);
  m->gamma = gamma;
  double theta[15], greedy[15], leaning[15], uniform[15];
  policies(m, theta, greedy, leaning);
  for (int i = 0; i < 15; i++) uniform[i] = 1.0 / 3;
  rn_table *log = uniform_log(m, 2000, 25, true);
  scene *s = scene_new(m, log, theta);
  s->order.hidden = hidden, s->order.updates = updates, s->order.members = members, s->order.lr = strcmp(hidden, "none") ? 1e-3 : 1e-2;
  rn_ope e = estimated(&s->order);
  double exact = rn_mdp_value(m, greedy, NULL, NULL), samples = rn_mdp_value(m, leaning, NULL, NULL), other = rn_mdp_value(m, uniform, NULL, NULL);
  printf("gamma %g, hidden %s: fqe %.4f [%.4f, %.4f] exact %.4f; sampled %.4f [%.4f, %.4f] exact %.4f; behaviour %.4f\n", gamma, hidden, e.fqe.value, e.fqe.low, e.fqe.high,
         exact, e.sampled.value, e.sampled.low, e.sampled.high, samples, other);
  CHECK_THAT(exact - samples > .06 * exact && samples - other > .06 * exact, "the policies are alike: %g %g %g", exact, samples, other);
  CHECK_THAT(fabs(e.fqe.value - exact) < .02 * exact, "fqe %g, exact %g", e.fqe.value, exact);
  CHECK_THAT(fabs(e.sampled.value - samples) < .02 * samples, "sampled %g, exact %g", e.sampled.value, samples);
  CHECK_THAT(e.fqe.low < e.fqe.value && e.fqe.value < e.fqe.high && e.fqe.high - e.fqe.low < .2 * exact, "interval %g %g", e.fqe.low, e.fqe.high);
  CHECK_NEAR(e.cut, pow(gamma, 25), 1e-9);
  scene_free(s), rn_table_free(log), rn_mdp_free(m);
}

TEST(fitted_values_of_a_table_are_within_2_percent_of_the_exact_ones) { near_exact(.95, "none", 3000, 5); }
TEST(fitted_values_of_a_network_are_within_2_percent_of_the_exact_ones) { near_exact(.8, "32x32", 3000, 5); }
TEST(values_that_lie_a_hundred_steps_ahead_are_within_2_percent) { near_exact(.99, "none", 10000, 3); }

TEST(intervals_hold_the_exact_value_about_as_often_as_they_say) {
  rn_mdp *m = rn_mdp_random(5, 3, 0, 2);
  m->gamma = .8;
  double theta[15], greedy[15], leaning[15];
  policies(m, theta, greedy, leaning);
  double exact = rn_mdp_value(m, greedy, NULL, NULL), samples = rn_mdp_value(m, leaning, NULL, NULL), width = 0, bias = 0;
  int of_fqe = 0, of_sampled = 0, of_wis = 0;
  enum { LOGS = 20 };
  for (int i = 0; i < LOGS; i++) {
    rn_table *log = uniform_log_of(100 + (uint64_t)i, m, 40, 25, true);
    scene *s = scene_new(m, log, theta);
    s->order.hidden = "none", s->order.lr = 1e-2, s->order.updates = 1000, s->order.members = 8, s->order.seed = (uint64_t)i;
    rn_ope e = estimated(&s->order);
    of_fqe += e.fqe.low < exact && exact < e.fqe.high, of_sampled += e.sampled.low < samples && samples < e.sampled.high;
    of_wis += e.wis.low < samples && samples < e.wis.high, width += (e.fqe.high - e.fqe.low) / LOGS, bias += (e.fqe.value - exact) / LOGS;
    scene_free(s), rn_table_free(log);
  }
  printf("of %d intervals: fqe %d, sampled %d, wis %d; mean width %.3f of %.3f, mean error %.4f\n", LOGS, of_fqe, of_sampled, of_wis, width, exact, bias);
  CHECK_THAT(of_fqe >= 16 && of_sampled >= 16, "%d, %d of %d", of_fqe, of_sampled, LOGS);
  CHECK_THAT(fabs(bias) < .02 * exact, "the estimates lie to one side: %g of %g", bias, exact);
  CHECK_THAT(width < .5 * exact, "intervals are empty talk: %g wide", width);
  rn_mdp_free(m);
}

// one state, reward 1 for ever: what an end is decides the value
static rn_table *ones(int end, int episodes, int length) {
  rn_field fields[] = {{"obs", RN_F32, 1, NULL}, {"act", RN_I32, 1, NULL}, {"reward", RN_F32, 1, NULL}, {"terminated", RN_U8, 1, NULL}, {"truncated", RN_U8, 1, NULL}};
  rn_table *t = rn_table_new(5, fields);
  rn_table_set_choices(t, 2);
  for (int e = 0; e < episodes; e++) {
    int64_t row = rn_table_add(t, length);
    for (int h = 0; h < length; h++) {
      *(float *)rn_table_write(t, "obs", row + h) = 1, *(float *)rn_table_write(t, "reward", row + h) = 1;
      *(int32_t *)rn_table_write(t, "act", row + h) = (e + h) & 1;
    }
    if (end != RN_END_CUT) *(uint8_t *)rn_table_write(t, end == RN_END_TERMINATED ? "terminated" : "truncated", row + length - 1) = 1;
    rn_table_end(t, end, (float[]){1});
  }
  return t;
}

TEST(a_time_limit_goes_on_and_an_end_does_not) {
  static const double theta[2] = {0, 0};
  rn_mdp *m = rn_mdp_new(1, 2, 0, .9);
  struct { int end, length; double fqe, wis; } list[] = {
    {RN_END_TRUNCATED, 4, 10, 3.439}, {RN_END_TERMINATED, 1, 1, 1}, {RN_END_TERMINATED, 4, 1 / (1 - .9 * .75), 3.439}};   // an end after each 4th row
  for (int i = 0; i < RN_COUNT(list); i++) {
    rn_table *log = ones(list[i].end, 40, list[i].length);
    scene *s = scene_new(m, log, theta);
    s->order.hidden = "none", s->order.lr = 1e-2, s->order.updates = 2000;
    rn_ope e = estimated(&s->order);
    CHECK_NEAR(e.fqe.value, list[i].fqe, .02, "end %d length %d", list[i].end, list[i].length);
    CHECK_NEAR(e.sampled.value, list[i].fqe, .02); CHECK_NEAR(e.wis.value, list[i].wis, 1e-5); CHECK_NEAR(e.behaviour.value, list[i].wis, 1e-6);
    scene_free(s), rn_table_free(log);
  }
  rn_mdp_free(m);
}

// one step, reward 1 - (a - 0.3)^2: E over a ~ N(mean, sd) is 1 - (mean - 0.3)^2 - sd^2
TEST(continuous_actions_are_judged_by_draws_and_by_densities) {
  rn_field fields[] = {{"obs", RN_F32, 1, NULL}, {"act", RN_F32, 1, NULL}, {"reward", RN_F32, 1, NULL}, {"terminated", RN_U8, 1, NULL}, {"truncated", RN_U8, 1, NULL}};
  rn_table *log = rn_table_new(5, fields);
  rn_table_set_bounds(log, (float[]){-2}, (float[]){2});       // physical units are twice those of policies
  for (int e = 0; e < 3000; e++) {
    rn_key key = rn_key_new(1, "log", (uint64_t)e, 0);
    int64_t row = rn_table_add(log, 1);
    double a = -.2 + .3 * rn_normal64(&key);
    a = fmax(-1, fmin(1, a));
    *(float *)rn_table_write(log, "obs", row) = 1, *(float *)rn_table_write(log, "act", row) = (float)(2 * a);
    *(float *)rn_table_write(log, "reward", row) = (float)(1 - (a - .3) * (a - .3)), *(uint8_t *)rn_table_write(log, "terminated", row) = 1;
    rn_table_end(log, RN_END_TERMINATED, (float[]){1});
  }
  const float low = -2, high = 2;
  rn_run *run = rn_run_new(1, 0);
  rn_world world = {.obs = {RN_BOX, {1}, NULL, NULL}, .act = {RN_BOX, {1}, &low, &high}, .seats = 1};
  rn_world_set(run, "data", &world), rn_set(run, "hidden", "none");
  shell self = {rn_policy_new(run, "pi", "gaussian", RN_CAN_LOGP, NULL)};
  rn_real *v = rn_values(self.pi->net);                        // w, b of the mean's tanh, log_std
  v[0] = 0, v[1] = (rn_real)atanh(.1), v[2] = (rn_real)-1.6094379124341003, rn_changed(self.pi->net);
  rn_scaling scaling = {.act_low = &low, .act_high = &high, .reward_scale = 1};
  rn_ope_order order = {.system = &player, .self = &self, .pi = self.pi, .log = log, .world = &world, .scaling = &scaling, .gamma = .99, .seed = 3, .updates = 3000,
                        .batch = 128, .members = 5, .hidden = "32x32"};
  rn_ope e = estimated(&order);
  printf("fqe %.4f exact %.4f; sampled %.4f wis %.4f [%.4f, %.4f] exact %.4f; effective %.0f of 3000, behaviour %.4f\n", e.fqe.value, 1 - .04, e.sampled.value, e.wis.value,
         e.wis.low, e.wis.high, 1 - .04 - .04, e.effective, e.behaviour.value);
  CHECK_NEAR(e.behaviour.value, 1 - .25 - .09, .02); CHECK_NEAR(e.fqe.value, 1 - .04, .01, "the mode"); CHECK_NEAR(e.sampled.value, 1 - .08, .01, "its samples");
  CHECK_NEAR(e.wis.value, 1 - .08, .01); CHECK_THAT(e.wis.low < .92 && .92 < e.wis.high, "%g .. %g", e.wis.low, e.wis.high);
  CHECK(e.effective > 500 && e.effective < 2500 && e.fitted && e.cut == 0);
  scaling.reward_scale = 100, scaling.reward_bias = -5;        // estimates follow the order's rewards
  rn_ope f = estimated(&order);
  CHECK_NEAR(f.fqe.value, 100 * .96 - 5, .01); CHECK_NEAR(f.wis.value, 100 * e.wis.value - 5, 1e-3);
  rn_run_free(run), rn_table_free(log);
}

static long allocations(rn_ope_order *o, int updates) {
  long before = rn_allocations();
  o->updates = updates, o->fit = updates;
  estimated(o);
  return rn_allocations() - before;
}

TEST(memory_is_flat_over_updates) {
  rn_mdp *m = rn_mdp_random(3, 2, 0, 1);
  m->gamma = .8;
  double theta[6] = {0};
  rn_table *log = uniform_log(m, 30, 5, false);
  scene *s = scene_new(m, log, theta);
  long few = allocations(&s->order, 20), many = allocations(&s->order, 400);
  CHECK_THAT(few == many, "%ld allocations for 20 updates, %ld for 400", few, many);
  scene_free(s), rn_table_free(log), rn_mdp_free(m);
}

static bool same(rn_interval a, rn_interval b) { return a.value == b.value && a.low == b.low && a.high == b.high; }

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
  CHECK(rn_ope_estimate(&s->order, &again, &err) && same(e.wis, again.wis) && same(e.fqe, again.fqe));
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
  err = (rn_error){0}, s->order.log = log, s->order.gamma = 1.5;
  CHECK(!rn_ope_estimate(&s->order, &e, &err)); CHECK_TEXT(err.text, "gamma is 1.5");
  rn_table *cut = ones(RN_END_CUT, 3, 2), *limit = ones(RN_END_TRUNCATED, 3, 2);
  err = (rn_error){0}, s->order.gamma = .9, s->order.log = cut;
  CHECK(!rn_ope_estimate(&s->order, &e, &err)); CHECK_TEXT(err.text, "no episodes that ended");
  err = (rn_error){0}, s->order.gamma = 1, s->order.log = limit;
  CHECK(!rn_ope_estimate(&s->order, &e, &err)); CHECK_TEXT(err.text, "time limit");
  rn_field bare[] = {{"obs", RN_F32, 1, NULL}, {"act", RN_I32, 1, NULL}, {"reward", RN_F32, 1, NULL}};
  rn_table *endless = rn_table_new(3, bare);
  err = (rn_error){0}, s->order.log = endless;
  CHECK(!rn_ope_estimate(&s->order, &e, &err)); CHECK_TEXT(err.text, "no column terminated");
  rn_table_free(cut), rn_table_free(limit), rn_table_free(endless);
  scene_free(s), rn_table_free(log), rn_table_free(empty), rn_mdp_free(m);
}

TEST(log_probabilities_that_no_action_can_have_are_refused) {
  rn_mdp *m = rn_mdp_random(3, 2, 5, 1);
  double theta[6] = {0};
  static const float wrong[] = {NAN, -INFINITY, .5f};
  for (int i = 0; i < 3; i++) {
    rn_table *log = uniform_log(m, 20, 5, true);
    *(float *)rn_table_write(log, "behaviour_logp", 17) = wrong[i];
    scene *s = scene_new(m, log, theta);
    rn_ope e;
    rn_error err = {0};
    CHECK(!rn_ope_estimate(&s->order, &e, &err)); CHECK_TEXT(err.text, "behaviour_logp row 17");
    scene_free(s), rn_table_free(log);
  }
  rn_mdp_free(m);
}
