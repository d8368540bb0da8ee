/* Every class of policies, in double: its log-probabilities are a density or probabilities that sum to 1, its entropy, score and fit are
 * what the density says, its samples have that law. */
#include "../../src/graph/tape.h"
#include "rein/policy.h"
#include "test.h"

static rn_run *run;
static rn_graph *g;
static void begin(int obs, int act, int discrete) {
  run = rn_run_new(9, 0), g = rn_graph_new(run, "test", 0), rn_graph_begin(g, rn_key_of(run, "update", 0, 0));
  rn_set(run, "hidden", "8"), rn_set(run, "activation", "tanh");
  rn_world w = {.obs = {RN_BOX, {obs}}, .act = {discrete ? RN_DISCRETE : RN_BOX, {discrete ? discrete : act}}};
  rn_world_set(run, "env", &w);
}
static void end(void) { rn_graph_free(g), rn_run_free(run); }

// a policy with strong weights, so that nothing is near its initial symmetry
static rn_policy *policy(const rn_class *kind, double factor) {
  rn_policy *p = rn_policy_new(run, "pi", kind->name, 0, NULL);
  rn_real *v = rn_values(rn_policy_net(p));
  for (size_t i = 0, n = rn_net_count(rn_policy_net(p)); i < n; i++) v[i] = v[i] == 0 ? -0.4 + 0.3 * sin((double)i) : factor * v[i];
  rn_changed(rn_policy_net(p));
  return p;
}
static rn_node *same_rows(int n, const rn_real obs[3]) {
  rn_node *x = rn_constant_dims(g, (int[]){1, 1, n, 3}, NULL);
  for (int i = 0; i < n; i++) memcpy(x->value + 3 * i, obs, 3 * sizeof *obs);
  return x;
}
static const rn_real OBS[3][3] = {{0.3, -1, 0.7}, {-2, 0.4, 0.1}, {1, 1, -1.5}};

typedef void check(const rn_class *kind);
static void each(unsigned can, check *f) {
  int n, seen = 0;
  const rn_class *const *list = rn_classes(&n);
  for (int i = 0; i < n; i++) if ((list[i]->can & can) == can) f(list[i]), seen++;
  CHECK(seen > 0);
}

//---- boxes -----------------------------------------------------------------------------------------------------------------------------

/* One action dimension on a grid that is fine where densities are steep: a = tanh(u) for classes that stay inside, else a itself. */
enum { GRID = 40001 };
static rn_real at[GRID], width[GRID], density[GRID];
static void grid(const rn_class *kind) {
  bool wide = strcmp(kind->name, "gaussian") == 0;
  for (int i = 0; i < GRID; i++) {
    double u = (i - GRID / 2) * (wide ? 40.0 : 12.0) / GRID, du = (wide ? 40.0 : 12.0) / GRID, t = tanh(u);
    at[i] = wide ? u : t, width[i] = wide ? du : (1 - t * t) * du;
  }
}
static double integrate(const rn_policy *p, const rn_real *obs) {
  rn_place here = rn_mark(g);
  rn_node *lp = rn_policy_logp(p, rn_view_of(same_rows(GRID, obs)), rn_constant(g, GRID, 1, at));
  CHECK(rn_rows(lp) == GRID && rn_cols(lp) == 1);
  double sum = 0;
  for (int i = 0; i < GRID; i++) sum += (density[i] = exp(lp->value[i])) * width[i];
  rn_rewind(g, here);
  return sum;
}

static void box_density(const rn_class *kind) {
  begin(3, 1, 0), grid(kind);
  rn_policy *p = policy(kind, 2);
  for (int o = 0; o < 3; o++) {
    CHECK_NEAR(integrate(p, OBS[o]), 1, 2e-4, "the integral of %s", kind->name);
    if (kind->entropy) {
      double h = 0;
      for (int i = 0; i < GRID; i++) h -= density[i] > 0 ? density[i] * log(density[i]) * width[i] : 0;
      CHECK_NEAR(rn_scalar(rn_policy_entropy(p, rn_view_of(same_rows(1, OBS[o])))), h, 1e-3, "entropy of %s", kind->name);
    }
    if (strcmp(kind->name, "squashed-gaussian") != 0) {         // whose mode is tanh of the mean, not the density's top
      int top = 0;
      for (int i = 0; i < GRID; i++) if (density[i] > density[top]) top = i;
      CHECK_NEAR(rn_scalar(rn_policy_mode(p, rn_view_of(same_rows(1, OBS[o])))), at[top], 1e-3, "mode of %s", kind->name);
    }
  }
  end();
}
TEST(densities_of_boxes_integrate_to_1) { each(RN_CAN_BOX | RN_CAN_LOGP, box_density); }

static void box_samples(const rn_class *kind) {
  begin(3, 1, 0), grid(kind);
  rn_policy *p = policy(kind, 2);
  enum { N = 20000, BINS = 20 };
  double edge[BINS + 1], below = 0;
  integrate(p, OBS[0]);
  edge[0] = -INFINITY, edge[BINS] = INFINITY;
  for (int i = 0, b = 1; i < GRID; i++)                         // bins of equal probability
    if ((below += density[i] * width[i]) >= (double)b / BINS && b < BINS) edge[b++] = at[i];
  rn_node *logp, *a = rn_policy_sample(p, rn_view_of(same_rows(N, OBS[0])), &logp);
  int times[BINS] = {0};
  for (int i = 0; i < N; i++)
    for (int b = 0; b < BINS; b++) times[b] += a->value[i] > edge[b] && a->value[i] <= edge[b + 1];
  double chi = 0;
  for (int b = 0; b < BINS; b++) chi += (times[b] - (double)N / BINS) * (times[b] - (double)N / BINS) / ((double)N / BINS);
  CHECK_THAT(chi < 45, "samples of %s: chi square %g with 19 degrees of freedom", kind->name, chi);
  rn_node *again = rn_policy_logp(p, rn_view_of(same_rows(N, OBS[0])), a);
  for (int i = 0; i < N; i++)
    if (fabs(a->value[i]) < 0.99999 || strcmp(kind->name, "gaussian") == 0) CHECK_NEAR(logp->value[i], again->value[i], 1e-6, "log p of sample %d of %s", i, kind->name);
  end();
}
TEST(samples_of_boxes_have_the_law_of_the_density) { each(RN_CAN_BOX | RN_CAN_SAMPLE, box_samples); }

static void box_columns(const rn_class *kind) {                 // two dimensions are independent: log p is a sum, entropy too
  begin(3, 2, 0);
  rn_policy *p = policy(kind, 2);
  rn_node *obs = same_rows(4, OBS[1]);
  rn_real act[8] = {0.1, 0.2, 0.1, -0.5, 0.6, 0.2, 0.6, -0.5};  // (a, b) (a, b') (a', b) (a', b')
  rn_node *lp = rn_policy_logp(p, rn_view_of(obs), rn_constant(g, 4, 2, act));
  CHECK_NEAR(lp->value[0] + lp->value[3], lp->value[1] + lp->value[2], 1e-12, "%s", kind->name);
  CHECK(lp->value[0] != lp->value[3]);
  end();
}
TEST(columns_of_an_action_are_independent) { each(RN_CAN_BOX | RN_CAN_LOGP, box_columns); }

static void fit(const rn_class *kind) {
  bool choice = kind->can & RN_CAN_DISCRETE;
  begin(3, 2, choice ? 4 : 0);
  rn_policy *p = policy(kind, 2);
  rn_node *obs = rn_normal(g, 6, 3), *weight = rn_uniform_node(g, 6, 1);
  rn_node *act = choice ? rn_constant(g, 6, 1, (rn_real[]){0, 3, 1, 2, 2, 0}) : rn_scale(rn_tanh(rn_normal(g, 6, 2)), 0.9);
  double mean = 0, plain = 0;
  rn_node *lp = rn_policy_logp(p, rn_view_of(obs), act);
  for (int i = 0; i < 6; i++) mean -= weight->value[i] * lp->value[i] / 6, plain -= lp->value[i] / 6;
  CHECK_NEAR(rn_scalar(rn_policy_fit(p, rn_view_of(obs), act, weight)), mean, 1e-12, "weighted fit of %s", kind->name);
  CHECK_NEAR(rn_scalar(rn_policy_fit(p, rn_view_of(obs), act, NULL)), plain, 1e-12, "fit of %s", kind->name);
  // one small step of the fit makes the actions likelier
  rn_optim *o = rn_sgd(run, rn_policy_net(p), 1e-3, 0);
  rn_step(o, rn_policy_fit(p, rn_view_of(obs), act, NULL));
  CHECK(rn_scalar(rn_policy_fit(p, rn_view_of(obs), act, NULL)) < plain);
  end();
}
TEST(the_fit_of_a_class_with_log_probabilities_is_their_negative) { each(RN_CAN_FIT | RN_CAN_LOGP, fit); }

TEST(the_fit_of_a_deterministic_policy_is_the_squared_distance) {
  begin(3, 2, 0);
  rn_policy *p = policy(rn_class_find("deterministic"), 2);
  rn_node *obs = rn_normal(g, 5, 3), *act = rn_tanh(rn_normal(g, 5, 2)), *a = rn_policy_mode(p, rn_view_of(obs));
  double want = 0;
  for (int i = 0; i < 10; i++) want += (a->value[i] - act->value[i]) * (a->value[i] - act->value[i]) / 10;
  CHECK_NEAR(rn_scalar(rn_policy_fit(p, rn_view_of(obs), act, NULL)), want, 1e-14, "mean over rows and entries");
  end();
}

static void score(const rn_class *kind) {
  begin(3, 2, 0);
  rn_policy *p = policy(kind, 2);
  rn_node *obs = rn_normal(g, 6, 3), *act = rn_scale(rn_tanh(rn_normal(g, 6, 2)), 0.95), *s = kind->score(p, rn_view_of(obs), act);
  rn_node *lp = rn_policy_logp(p, rn_view_of(obs), act), *d = rn_grad(rn_sum(lp), act);
  for (size_t i = 0; i < 12; i++) {
    CHECK_NEAR(s->value[i], d->value[i], 1e-10, "score of %s, entry %zu", kind->name, i);
    rn_place here = rn_mark(g);
    rn_real *v = &act->value[i], was = *v, h = 1e-6;
    *v = was + h;
    double up = rn_scalar(rn_sum(rn_policy_logp(p, rn_view_of(obs), act)));
    *v = was - h;
    double down = rn_scalar(rn_sum(rn_policy_logp(p, rn_view_of(obs), act)));
    *v = was;
    rn_rewind(g, here);
    CHECK_NEAR(s->value[i], (up - down) / (2 * h), 1e-7, "score of %s by differences, entry %zu", kind->name, i);
  }
  end();
}
TEST(scores_are_slopes_of_the_log_probability) { each(RN_CAN_SCORE, score); }

// d/d theta of E f(a) by the samples themselves equals that by their log-probabilities; here: samples move as the parameters say
static void moves(const rn_class *kind) {
  if (!kind->sample || !(kind->can & RN_CAN_BOX)) return;
  begin(3, 2, 0);
  rn_policy *p = policy(kind, 1);
  rn_net *net = rn_policy_net(p);
  size_t n = rn_net_count(net);
  rn_node *obs = rn_normal(g, 5, 3);
  rn_key key = rn_key_of(run, "sample", 0, 0);
  rn_real *d = rn_new(n * sizeof *d), x[15], h = 1e-6;
  rn_read(obs, x);
#define VALUE (rn_graph_begin(g, key), rn_policy_sample(p, rn_view_of(rn_constant(g, 5, 3, x)), &logp), rn_add(rn_sum(rn_square(rn_policy_sample(p, rn_view_of(rn_constant(g, 5, 3, x)), &logp))), rn_sum(logp)))
  rn_node *logp, *y;
  if (kind->can & RN_CAN_REPARAM) {
    y = VALUE;
    rn_gradient(y, net, d);
    for (size_t i = 0; i < n; i += 3) {
      rn_real *v = &rn_values(net)[i], was = *v;
      *v = was + h;
      double up = rn_scalar(VALUE);
      *v = was - h;
      double down = rn_scalar(VALUE);
      *v = was;
      CHECK_NEAR(d[i], (up - down) / (2 * h), 1e-6, "%s: how its samples move with parameter %zu", kind->name, i);
    }
  } else {
    rn_graph_begin(g, key);
    rn_gradient(rn_sum(rn_policy_sample(p, rn_view_of(rn_constant(g, 5, 3, x)), NULL)), net, d);
    for (size_t i = 0; i < n; i++) CHECK_THAT(d[i] == 0, "samples of %s carry a gradient that they do not declare", kind->name);
  }
  rn_free(d);
  end();
}
TEST(samples_move_with_the_parameters_where_the_class_says_so) { each(RN_CAN_SAMPLE, moves); }

static bool half(void *context, int ordinal, const char *law, const rn_node *x, rn_real *values) {
  (void)context, (void)ordinal, (void)law;
  for (size_t i = 0; i < rn_count(x); i++) values[i] = 0.5;
  return true;
}
TEST(a_squashed_gaussian_has_its_known_value) {                 // mean 0, deviation 1, u 0.5: a = tanh 0.5, log pi = N(0.5) - log(1 - a^2)
  begin(3, 1, 0);
  rn_set(run, "hidden", "none");
  rn_policy *p = rn_policy_new(run, "pi", "squashed-gaussian", RN_CAN_REPARAM, NULL);
  memset(rn_values(rn_policy_net(p)), 0, rn_net_count(rn_policy_net(p)) * sizeof(rn_real)), rn_changed(rn_policy_net(p));
  rn_graph_noise(g, half, NULL);
  rn_node *logp, *a = rn_policy_sample(p, rn_view_of(same_rows(1, OBS[0])), &logp);
  CHECK_NEAR(rn_scalar(a), 0.462117, 5e-7, "a");
  CHECK_NEAR(rn_scalar(logp), -0.803710, 5e-7, "log pi");
  CHECK_NEAR(rn_scalar(rn_policy_logp(p, rn_view_of(same_rows(1, OBS[0])), a)), -0.803710, 5e-7, "log pi of the action");
  end();
}

TEST(the_slope_of_tanh_is_stable_far_out) {
  begin(3, 1, 0);
  static const rn_real u[] = {0, 0.5, -0.5, 20, -20, 300, -300};
  rn_node *x = rn_constant(g, 1, 7, u), *y = rn_tanh_log_slope(x);
  for (int i = 0; i < 7; i++) CHECK_NEAR(y->value[i], fabs(u[i]) < 5 ? log(1 - tanh(u[i]) * tanh(u[i])) : 2 * (log(2) - fabs(u[i])), 1e-13, "u = %g", u[i]);
  end();
}

TEST(a_beta_policy_has_its_known_values) {                      // heads 0 and log(e - 1): alpha = 1 + log 2, beta = 2
  begin(3, 1, 0);
  rn_set(run, "hidden", "none");
  rn_policy *p = rn_policy_new(run, "pi", "beta", RN_CAN_SAMPLE | RN_CAN_ENTROPY, NULL);
  rn_real *v = rn_values(rn_policy_net(p));
  memset(v, 0, rn_net_count(rn_policy_net(p)) * sizeof *v);
  v[7] = log(exp(1) - 1), rn_changed(rn_policy_net(p));
  double alpha = 1 + log(2), beta = 2, log_b = lgamma(alpha) + lgamma(beta) - lgamma(alpha + beta), x = 0.7;
  rn_view view = rn_view_of(same_rows(1, OBS[0]));
  CHECK_NEAR(rn_scalar(rn_policy_mode(p, view)), 2 * (alpha - 1) / (alpha + beta - 2) - 1, 1e-14, "mode");
  CHECK_NEAR(rn_scalar(rn_policy_logp(p, view, rn_filled(g, 1, 1, 2 * x - 1))), (alpha - 1) * log(x) + (beta - 1) * log(1 - x) - log_b - log(2), 1e-13, "log p");
  enum { N = 50000 };
  rn_node *a = rn_policy_sample(p, rn_view_of(same_rows(N, OBS[0])), NULL);
  double m = 0, s = 0;
  for (int i = 0; i < N; i++) {
    double y = (a->value[i] + 1) / 2;
    CHECK(y > 0 && y < 1);
    m += y / N, s += y * y / N;
  }
  double mean = alpha / (alpha + beta), var = alpha * beta / ((alpha + beta) * (alpha + beta) * (alpha + beta + 1));
  CHECK_NEAR(m, mean, 4 * sqrt(var / N), "mean of samples");
  CHECK_NEAR(s - m * m, var, 0.02 * var, "variance of samples");
  // heads far out stay finite
  for (int k = 0; k < 4; k++) {
    v[6] = (double[]){-800, 800, 40, -800}[k], v[7] = (double[]){-800, 800, -40, 800}[k], rn_changed(rn_policy_net(p));
    rn_node *logp, *y = rn_policy_sample(p, rn_view_of(same_rows(9, OBS[0])), &logp), *mode = rn_policy_mode(p, view), *h = rn_policy_entropy(p, view);
    CHECK(isfinite(rn_scalar(rn_sum(y))) && isfinite(rn_scalar(rn_sum(logp))) && fabs(rn_scalar(mode)) <= 1 && isfinite(rn_scalar(h)));
  }
  end();
}

//---- choices -----------------------------------------------------------------------------------------------------------------------------

static void choices(const rn_class *kind) {
  begin(3, 1, 5);
  rn_policy *p = policy(kind, 3);
  enum { N = 20000 };
  for (int masked = 0; masked < 2; masked++) {
    rn_view v = rn_view_of(same_rows(5, OBS[2]));
    static const rn_real legal[5] = {1, 0, 1, 1, 0};
    rn_node *allowed = rn_constant_dims(g, (int[]){1, 1, N, 5}, NULL);
    for (int i = 0; i < N; i++) memcpy(allowed->value + 5 * i, legal, sizeof legal);
    if (masked) v.legal = rn_slice(allowed, 2, 0, 5);
    rn_node *lp = rn_policy_logp(p, v, rn_constant(g, 5, 1, (rn_real[]){0, 1, 2, 3, 4})), *logits = rn_policy_logits(p, v);
    double prob[5], sum = 0, h = 0;
    int top = 0;
    for (int k = 0; k < 5; k++) {
      prob[k] = exp(lp->value[k]), sum += prob[k], h -= prob[k] > 0 ? prob[k] * lp->value[k] : 0, top = prob[k] > prob[top] ? k : top;
      CHECK(!masked || (prob[k] > 0) == (legal[k] == 1));
    }
    CHECK_NEAR(sum, 1, 1e-12, "the sum of %s", kind->name);
    CHECK_NEAR(rn_policy_entropy(p, v)->value[3], h, 1e-12, "entropy of %s", kind->name);
    CHECK_THAT(rn_policy_mode(p, v)->value[0] == top && rn_cols(logits) == 5, "mode of %s", kind->name);
    rn_view many = rn_view_of(same_rows(N, OBS[2]));
    if (masked) many.legal = allowed;
    rn_node *logp, *a = rn_policy_sample(p, many, &logp);
    int times[5] = {0};
    for (int i = 0; i < N; i++) {
      int k = (int)a->value[i];
      CHECK(k >= 0 && k < 5);
      times[k]++;
      CHECK_NEAR(logp->value[i], lp->value[k], 1e-12, "log p of a sample");
    }
    for (int k = 0; k < 5; k++) {
      CHECK_NEAR((double)times[k] / N, prob[k], 4 * sqrt(prob[k] * (1 - prob[k]) / N), "share of choice %d of %s", k, kind->name);
      CHECK(prob[k] > 0 || times[k] == 0);
    }
  }
  end();
}
TEST(choices_have_their_probabilities_and_never_a_forbidden_one) { each(RN_CAN_DISCRETE | RN_CAN_LOGP | RN_CAN_SAMPLE | RN_CAN_ENTROPY | RN_CAN_LOGITS, choices); }
