/* What a run notes about itself: the figures of src/run/watch.c are in the journal, say what is wrong, and change no bit of training; and that the online
 * learners learn (RN_TEST_ALL). */
#include "rein/journal.h"
#include "trained.h"
#include "micro.h"
#include <stdlib.h>

static double last_figure(const char *folder, const char *name) {
  rn_journal_contents c;
  rn_error err = {0};
  CHECK_THAT(rn_journal_read(folder, &c, &err), "%s", err.text);
  const rn_series *s = rn_journal_series(&c, name);
  double x = s && s->n ? s->value[s->n - 1] : NAN;
  rn_journal_contents_free(&c);
  return x;
}

static bool has_doubt(const char *folder, const char *part) {
  rn_journal_contents c;
  rn_error err = {0};
  CHECK_THAT(rn_journal_read(folder, &c, &err), "%s", err.text);
  bool found = false;
  for (int i = 0; i < c.n_events; i++) found = found || (strcmp(c.events[i].kind, "warning") == 0 && strstr(c.events[i].text, part));
  rn_journal_contents_free(&c);
  return found;
}

TEST(dead_units_a_boasting_critic_and_far_actions_are_found) {
  char *words = rn_printed("system=td3 data=%s env=pendulum offline=300 start=0 steps=0 hidden=32x32 batch=64 lr=0.2 evaluate=0 episodes=4 reward_bias=20 seed=2", micro_log());
  const char *folder = trained(words);
  // nothing holds td3 near a random log, a rate of 0.2 kills units, and gamma 0.99 makes much of rewards about 20 - 8
  CHECK_THAT(last_figure(folder, "check.dead") > 0.3, "dead %g", last_figure(folder, "check.dead"));
  CHECK(has_doubt(folder, "ReLU units"));
  CHECK_THAT(last_figure(folder, "check.units") == 32 * 2 * 3, "pi has 64 units and each of two critics: %g", last_figure(folder, "check.units"));
  CHECK_THAT(last_figure(folder, "check.far") > last_figure(folder, "check.far.expected"), "far %g", last_figure(folder, "check.far"));
  CHECK(isfinite(last_figure(folder, "check.q")) && isfinite(last_figure(folder, "check.return")));
  rn_free(words);
}

TEST(a_cloned_policy_has_no_critic_to_doubt) {
  char *words = rn_printed("system=bc data=%s env=pendulum offline=50 hidden=32x32 batch=64 evaluate=0 episodes=2", micro_log());
  const char *folder = trained(words);
  CHECK(last_figure(folder, "check.dead") < 0.3 && isnan(last_figure(folder, "check.q")) && isnan(last_figure(folder, "check.far")));
  rn_free(words);
}

TEST(the_discounted_return_is_that_of_the_episodes) {           // pendulum: 200 steps of r, gamma 0: the first reward alone, which is below 0
  char *words = rn_printed("system=iql data=%s env=pendulum offline=20 hidden=8 batch=16 evaluate=0 episodes=3 gamma=0 reward_scale=2 reward_bias=100", micro_log());
  const char *folder = trained(words);
  // -(pi^2 + 0.1 + ...) <= r <= 0, so 100 + 2 r lies in 79 .. 100
  double x = last_figure(folder, "check.return");
  CHECK_THAT(x > 75 && x <= 100, "%g", x);
  rn_free(words);
}

TEST(evaluations_change_no_bit_of_training) {
  uint64_t hash[2];
  for (int k = 0; k < 2; k++) {
    char *words = rn_printed("system=sac env=pendulum steps=120 start=30 hidden=16 batch=16 every=1000 episodes=2 evaluate=%d", k ? 7 : 0);
    rn_safetensors *s = last_checkpoint(trained(words));
    hash[k] = 0;
    for (int i = 0; i < rn_safetensors_count(s); i++) {
      const rn_tensor *t = rn_safetensors_at(s, i);
      if (strcmp(t->name, "count.engine") != 0) hash[k] = rn_hash(t->data, t->bytes, hash[k]);        // it counts the journal's bytes
    }
    rn_safetensors_close(s), rn_free(words);
  }
  CHECK(hash[0] == hash[1]);
}

TEST(online_learners_learn) {
  if (!getenv("RN_TEST_ALL")) return;
  static const struct { const char *words, *env; double least; } tasks[] = {
    {"system=sac env=pendulum steps=10000 start=1000 hidden=64x64 batch=128 lr=1e-3 evaluate=0 episodes=20", "pendulum", -250},
    {"system=td3 env=pendulum steps=10000 start=1000 hidden=64x64 batch=128 lr=1e-3 evaluate=0 episodes=20", "pendulum", -250},
    {"system=ppo env=cartpole steps=100000 horizon=128 rows=4 minibatch=128 epochs=4 lr=2.5e-4 entropy=0.01 evaluate=0 episodes=20", "cartpole", 400}};
  for (int i = 0; i < RN_COUNT(tasks); i++)
    for (int seed = 1; seed <= 2; seed++) {
      char *words = rn_printed("%s seed=%d", tasks[i].words, seed);
      double x = last_figure(trained(words), "eval.return");
      CHECK_THAT(x > tasks[i].least, "%s: a return of %g, should be above %g", words, x, tasks[i].least);
      rn_free(words);
    }
}
