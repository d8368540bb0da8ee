/* Acting: modes and samples, noise by unit, memory of none; the interface's checks; critics. */
#include "../../src/graph/tape.h"
#include "rein/policy.h"
#include "test.h"

static rn_run *run;
static rn_graph *g;
static void begin(int obs, int act, int discrete) {
  run = rn_run_new(9, 0), g = rn_graph_new(run, "test", 0), rn_graph_begin(g, rn_key_of(run, "act", 0, 0));
  rn_set(run, "hidden", "16");
  rn_world w = {.obs = {RN_BOX, {obs}}, .act = {discrete ? RN_DISCRETE : RN_BOX, {discrete ? discrete : act}}};
  rn_world_set(run, "env", &w);
}
static void end(void) { rn_graph_free(g), rn_run_free(run); }

TEST(what_a_class_declares_it_has) {
  int n;
  const rn_class *const *list = rn_classes(&n);
  CHECK(n >= 5);
  for (int i = 0; i < n; i++) {
    const rn_class *c = list[i];
    CHECK_THAT(rn_class_find(c->name) == c && c->summary && c->build && c->mode, "%s", c->name);
    CHECK_THAT(!(c->can & RN_CAN_SAMPLE) == !c->sample && !(c->can & RN_CAN_LOGP) == !c->log_prob && !(c->can & RN_CAN_FIT) == !c->fit &&
               !(c->can & RN_CAN_SCORE) == !c->score && !(c->can & RN_CAN_LOGITS) == !c->logits && !(c->can & RN_CAN_ENTROPY) == !c->entropy &&
               (c->can & (RN_CAN_BOX | RN_CAN_DISCRETE)), "%s declares what it has not, or hides what it has", c->name);
  }
  CHECK(!rn_class_find("no such class"));
}

/* The action of a row depends on its observation and its unit: not on its place, on the rows beside it, or on how many there are. */
TEST(the_noise_of_a_row_is_its_units) {
  int n;
  const rn_class *const *list = rn_classes(&n);
  for (int i = 0; i < n; i++) {
    bool choice = list[i]->can & RN_CAN_DISCRETE;
    begin(3, 2, choice ? 6 : 0);
    rn_set(run, "dropout", "0.5");                              // is of updates: acting has none
    rn_policy *p = rn_policy_new(run, "pi", list[i]->name, 0, NULL);
    int k = choice ? 1 : 2;
    rn_real obs[8][3], all[8][2], logp[8];
    uint64_t unit[8];
    for (int r = 0; r < 8; r++) unit[r] = 1000 + (uint64_t)r, memcpy(obs[r], (rn_real[]){(rn_real)r, 0.5f, -1}, sizeof obs[r]);
    for (int pass = 0; pass < 2; pass++) {
      int m = pass ? 3 : 8;
      rn_real x[8][3];
      uint64_t u[8];
      for (int r = 0; r < m; r++) u[r] = unit[pass ? 7 - 2 * r : r], memcpy(x[r], obs[pass ? 7 - 2 * r : r], sizeof x[r]);
      rn_graph_begin(g, rn_key_of(run, "act", 0, 0));
      rn_graph_units(g, m, u);
      rn_obs in = {.mode = RN_COLLECT, .obs = rn_constant(g, m, 3, x[0]), .unit = u};
      rn_action out = {0};
      rn_policy_act(p, &in, &out);
      CHECK(rn_rows(out.act) == m && rn_cols(out.act) == k && !out.logp == !(list[i]->can & RN_CAN_LOGP && list[i]->can & RN_CAN_SAMPLE));
      if (pass == 0) {
        for (int r = 0; r < 8; r++) memcpy(all[r], out.act->value + r * k, (size_t)k * sizeof(rn_real));
        if (out.logp) rn_read(out.logp, logp);
        bool differ = false;
        for (int r = 1; r < 8; r++) differ |= all[r][0] != all[0][0];
        CHECK(differ);
      } else
        for (int r = 0; r < m; r++) {
          CHECK_THAT(memcmp(all[7 - 2 * r], out.act->value + r * k, (size_t)k * sizeof(rn_real)) == 0, "%s: row %d", list[i]->name, r);
          CHECK(!out.logp || out.logp->value[r] == logp[7 - 2 * r]);
        }
    }
    end();
  }
}

TEST(acting_and_log_probabilities_know_no_dropout) {
  int n;
  const rn_class *const *list = rn_classes(&n);
  for (int i = 0; i < n; i++) {
    rn_real seen[2][3][10];
    for (int dropped = 0; dropped < 2; dropped++) {
      begin(3, 2, list[i]->can & RN_CAN_DISCRETE ? 6 : 0);
      if (dropped) rn_set(run, "dropout", "0.5");
      rn_policy *p = rn_policy_new(run, "pi", list[i]->name, 0, NULL);
      rn_obs in = {.mode = RN_COLLECT, .obs = rn_normal(g, 5, 3)};
      rn_action out = {0};
      rn_policy_act(p, &in, &out);
      memset(seen[dropped], 0, sizeof seen[0]);
      rn_read(out.act, seen[dropped][0]), rn_read(rn_policy_mode(p, rn_view_in(&in)), seen[dropped][1]);
      if (list[i]->log_prob) rn_read(rn_policy_logp(p, rn_view_in(&in), out.act), seen[dropped][2]);
      end();
    }
    CHECK_THAT(memcmp(seen[0], seen[1], sizeof seen[0]) == 0, "%s drops entries outside its fit", list[i]->name);
  }
}

TEST(evaluation_is_the_mode_and_draws_nothing) {
  int n;
  const rn_class *const *list = rn_classes(&n);
  for (int i = 0; i < n; i++) {
    begin(3, 2, list[i]->can & RN_CAN_DISCRETE ? 6 : 0);
    rn_policy *p = rn_policy_new(run, "pi", list[i]->name, 0, NULL);
    rn_node *obs = rn_normal(g, 5, 3), *mode = rn_policy_mode(p, rn_view_of(obs));
    for (int m = RN_EVALUATE; m <= RN_DEPLOY; m++) {
      uint32_t drawn = g->ordinal;
      rn_obs in = {.mode = (rn_mode)m, .obs = obs};
      rn_action out = {0};
      rn_policy_act(p, &in, &out);
      CHECK(!out.logp && memcmp(out.act->value, mode->value, rn_count(mode) * sizeof(rn_real)) == 0 && g->ordinal == drawn);
    }
    if (!(list[i]->can & RN_CAN_DISCRETE)) for (size_t k = 0; k < 10; k++) CHECK(fabs((double)mode->value[k]) <= 1);
    end();
  }
}

TEST(a_forbidden_action_is_never_taken) {
  begin(3, 1, 4);
  rn_policy *p = rn_policy_new(run, "pi", "categorical", RN_CAN_SAMPLE, NULL);
  rn_node *legal = rn_constant_dims(g, (int[]){1, 1, 400, 4}, NULL);
  for (int i = 0; i < 400; i++) legal->value[4 * i + i % 4] = 1;             // one is left: it is taken, with probability 1
  for (int m = RN_COLLECT; m <= RN_DEPLOY; m++) {
    rn_obs in = {.mode = (rn_mode)m, .obs = rn_normal(g, 400, 3), .legal = legal};
    rn_action out = {0};
    rn_policy_act(p, &in, &out);
    for (int i = 0; i < 400; i++) CHECK(out.act->value[i] == i % 4 && (!out.logp || out.logp->value[i] == 0));
  }
  end();
}

TEST(copies_act_as_they_did_when_they_were_made) {
  begin(3, 2, 0);
  rn_policy *p = rn_policy_new(run, "pi", "gaussian", 0, NULL), *old = rn_policy_copy(run, p, "old");
  rn_node *obs = rn_normal(g, 4, 3);
  rn_node *before = rn_policy_mode(p, rn_view_of(obs));
  rn_step(rn_adam(run, rn_policy_net(p), 0.1), rn_policy_fit(p, rn_view_of(obs), rn_filled(g, 4, 2, 0.9), NULL));
  CHECK(memcmp(before->value, rn_policy_mode(old, rn_view_of(obs))->value, 8 * sizeof(rn_real)) == 0);
  CHECK(memcmp(before->value, rn_policy_mode(p, rn_view_of(obs))->value, 8 * sizeof(rn_real)) != 0);
  CHECK(strcmp(rn_net_name(rn_policy_net(old)), "pi@old") == 0);
  end();
}

TEST(the_recipe_chooses_the_class) {
  begin(3, 2, 0);
  rn_set(run, "policy", "beta"), rn_set(run, "policy.base", "deterministic");
  CHECK(rn_policy_new(run, "pi", "gaussian", RN_CAN_FIT, NULL)->kind == rn_class_find("beta"));
  CHECK(rn_policy_new(run, "base", "gaussian", RN_CAN_FIT, NULL)->kind == rn_class_find("deterministic"));
  CHECK(rn_policy_new(run, "prior", "gaussian", RN_CAN_FIT, NULL)->kind == rn_class_find("gaussian"));
  end();
}

static void no_samples(void *p) { rn_policy_sample(p, rn_view_of(rn_filled(g, 1, 3, 0)), NULL); }
static void no_logits(void *p) { rn_policy_logits(p, rn_view_of(rn_filled(g, 1, 3, 0))); }
static void no_logp(void *p) { rn_policy_logp(p, rn_view_of(rn_filled(g, 1, 3, 0)), rn_filled(g, 1, 2, 0)); }
static void too_much(void *r) { rn_policy_new(r, "other", "deterministic", RN_CAN_LOGP, NULL); }
static void no_source(void *r) { rn_world_of(r, "none"); }
TEST(what_a_class_lacks_is_a_bug_to_ask) {
  begin(3, 2, 0);
  rn_policy *p = rn_policy_new(run, "pi", "deterministic", 0, NULL);
  CHECK_TEXT(test_fatal(no_samples, p), "deterministic has no samples");
  CHECK_TEXT(test_fatal(no_logits, p), "deterministic has no logits");
  CHECK_TEXT(test_fatal(no_logp, p), "deterministic has no log-probabilities");
  CHECK_TEXT(test_fatal(too_much, run), "can't do all");
  CHECK_TEXT(test_fatal(no_source, run), "no source 'none'");
  end();
}

TEST(capabilities_have_names) {
  char text[300], tiny[10];
  CHECK(rn_capability_names(RN_CAN_LOGP | RN_CAN_FIT, text, sizeof text) && strcmp(text, "log-probabilities, a weighted fit") == 0);
  CHECK(!rn_capability_names(0, text, sizeof text) && !*text);
  CHECK(rn_capability_names(1023, tiny, sizeof tiny) && strlen(tiny) == 9);
}

TEST(critics_value_the_action_that_was_taken) {
  begin(3, 2, 0);
  rn_net *q = rn_critics_new(run, "q", 3), *v = rn_value_new(run, "v");
  rn_node *obs = rn_normal(g, 5, 3), *act = rn_normal(g, 5, 2), *x = rn_critics(q, obs, act), *by_hand = rn_mlp(q, rn_concat(obs, act));
  CHECK(rn_dim(x, 1) == 3 && rn_dim(x, 2) == 5 && rn_cols(x) == 1 && memcmp(x->value, by_hand->value, 15 * sizeof(rn_real)) == 0);
  CHECK(rn_rows(rn_value(v, obs)) == 5 && rn_cols(rn_value(v, obs)) == 1);
  end();
  begin(3, 1, 4);
  q = rn_critics_new(run, "q", 2), obs = rn_normal(g, 5, 3);
  static const rn_real taken[] = {3, 0, 1, 2, 2};
  rn_node *all = rn_mlp(q, obs), *chosen = rn_critics(q, obs, rn_constant(g, 5, 1, taken));
  CHECK(rn_dim(chosen, 1) == 2 && rn_dim(chosen, 2) == 5 && rn_cols(chosen) == 1);
  for (int e = 0; e < 2; e++) for (int i = 0; i < 5; i++) CHECK(chosen->value[e * 5 + i] == all->value[(e * 5 + i) * 4 + (int)taken[i]]);
  end();
}
