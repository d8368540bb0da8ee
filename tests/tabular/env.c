/* Tables as environments. */
#include "rein/tabular.h"
#include "rein/worlds.h"
#include "test.h"

TEST(a_table_is_an_environment_with_one_hot_observations) {
  rn_error err = {0};
  const rn_env_kind *k = rn_env_find("mdp:random(5,3,10,7)", &err);
  CHECK_THAT(k, "%s", err.text);
  CHECK(rn_space_width(&k->obs) == 5 && k->act.kind == RN_DISCRETE && k->act.dim[0] == 3 && k->limit == 10);
  rn_run *run = rn_run_new(3, 0);
  enum { N = 2000 };
  rn_worlds *w = rn_worlds_new(run, k, "env", N, &err);
  CHECK_THAT(w, "%s", err.text);
  static float act[N];
  double sum = 0, discount = 1, pi[15];
  rn_key key = rn_key_new(1, "act", 0, 0);
  for (int round = 0; round < 20; round++, discount = 1) {
    rn_worlds_reset_all(w);
    for (int h = 0; h < 10; h++, discount *= .95) {
      for (int i = 0; i < N; i++) {
        float total = 0;
        for (int s = 0; s < 5; s++) total += w->env.obs[5 * i + s];
        CHECK(total == 1 && !rn_worlds_over(w, i));
        act[i] = (float)rn_below(&key, 3);
      }
      CHECK(rn_worlds_step(w, act));
      for (int i = 0; i < N; i++) sum += discount * w->env.reward[i], CHECK(w->env.terminated[i] == (h == 9) && !w->env.truncated[i]);
    }
  }
  for (int i = 0; i < 15; i++) pi[i] = 1.0 / 3;
  rn_mdp *m = rn_mdp_random(5, 3, 10, 7);
  CHECK_NEAR(sum / (20 * N), rn_mdp_value(m, pi, NULL, NULL), .015, "mean discounted return");
  rn_mdp_free(m), rn_worlds_close_all(run), rn_run_free(run), rn_env_done(k);
}

TEST(an_end_is_an_end_and_the_clock_is_not) {
  rn_error err = {0};
  rn_run *run = rn_run_new(3, 0);
  const rn_env_kind *k = rn_env_find("mdp:claims/two-junction.json", &err), *endless = rn_env_find("mdp:random(2,2,0,1)", &err);
  CHECK_THAT(k && endless, "%s", err.text);
  rn_worlds *w = rn_worlds_new(run, k, "env", 1, &err), *v = rn_worlds_new(run, endless, "other", 1, &err);
  float up = 0, second = 1;
  rn_worlds_reset_all(w), rn_worlds_reset_all(v);
  CHECK(rn_worlds_step(w, &up) && w->env.obs[1] == 1 && !w->env.terminated[0]);
  CHECK(rn_worlds_step(w, &second) && w->env.reward[0] == 10 && w->env.terminated[0] && w->env.obs[2] == 1);
  for (int t = 1; t <= 1000; t++) CHECK(rn_worlds_step(v, &up) && !v->env.terminated[0] && v->env.truncated[0] == (t == 1000));
  rn_worlds_close_all(run), rn_run_free(run), rn_env_done(k), rn_env_done(endless);
}

TEST(wrong_names_are_refused) {
  static const char *const bad[][2] = {{"mdp:", "mdp:random(states,actions,horizon,seed)"}, {"mdp", "mdp:random"}, {"mdp:random(5,3)", "random(5,3,10,7)"}, {"mdp:/no/file.json", "/no/file.json"}};
  for (int i = 0; i < RN_COUNT(bad); i++) {
    rn_error err = {0};
    CHECK(!rn_env_find(bad[i][0], &err) && err.code == RN_INPUT); CHECK_TEXT(err.text, bad[i][1]);
  }
}
