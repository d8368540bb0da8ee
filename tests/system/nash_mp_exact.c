/* S092, exact part, as runs: known equilibria, the bound at every iterate, refusals. (Its formulas are tested in tests/tabular/preference.c.) */
#include "trained.h"

#define RPS "system=nash-mp/exact slots.judge=prefmat:rps slots.reference=[0.6,0.3,0.1] evaluate=0"

static void ends_at(const char *words, double a, double b, double c) {
  rn_safetensors *s = last_checkpoint(trained(words));
  const rn_tensor *p = rn_safetensors_find(s, "p");
  CHECK_THAT(p && p->count == 3, "no state p");
  const double *x = p->data;
  CHECK_NEAR(x[0], a, 1e-8, "rock"); CHECK_NEAR(x[1], b, 1e-8, "paper"); CHECK_NEAR(x[2], c, 1e-8, "scissors");
  rn_safetensors_close(s);
}

TEST(mirror_prox_ends_at_the_known_equilibria) {
  ends_at(RPS " beta=0.1 iterations=300", .43206532, .23032931, .33760536);
  ends_at(RPS " beta=0.02 iterations=600", .34926151, .30976336, .34097513);
}

TEST(the_bound_holds_and_mirror_descent_cycles) {
  const char *run = trained(RPS " beta=0.02 iterations=300"), *descent = trained(RPS " beta=0.02 iterations=600 method=mirror-descent");
  CHECK(figure_of(run, "bound_excess") <= 1e-12 && figure_of(run, "kl_equilibrium") < 1e-6);
  CHECK_THAT(figure_of(descent, "kl_equilibrium") > .83, "mirror descent at %g", figure_of(descent, "kl_equilibrium"));
  CHECK(figure_of(descent, "bound_excess") > .1);              // the figure can say that a bound broke
}

/* constant steps leave Nash-MD beside the equilibrium: .036 and .058 after 600 (catalogue) */
TEST(nash_md_with_constant_steps_is_biased) {
  CHECK_NEAR(figure_of(trained(RPS " beta=0.02 iterations=600 method=nash-md eta=0.1"), "kl_equilibrium"), .036, .001, "eta .1");
  CHECK_NEAR(figure_of(trained(RPS " beta=0.02 iterations=600 method=nash-md eta=0.5"), "kl_equilibrium"), .058, .001, "eta .5");
}

TEST(wrong_games_are_refused) {
  static const char *const bad[][2] = {{"system=nash-mp/exact slots.judge=prefmat:rsp slots.reference=uniform", "did you mean 'rps'"},
                                       {"system=nash-mp/exact slots.judge=prefmat:rps slots.reference=[0.5,0.5]", "3 actions, the reference 2"},
                                       {"system=nash-mp/exact slots.judge=prefmat:rps slots.reference=[1,0,0]", "can never be played"},
                                       {"system=nash-mp/exact slots.judge=prefmat:rps slots.reference=uniform beta=0", "beta"},
                                       {"system=nash-mp/exact slots.reference=uniform", "judge"},
                                       {"system=nash-mp/exact slots.judge=prefmat:rps slots.reference=uniform method=nash-md eta=20", "below 1"}};
  for (int i = 0; i < RN_COUNT(bad); i++) {
    rn_error err = {0};
    char *folder = rn_printed("%s/run", test_folder());
    rn_code code = train_code(folder, bad[i][0], &err);
    CHECK_THAT(code == RN_INPUT, "%s: %d %s", bad[i][0], code, err.text); CHECK_TEXT(err.text, bad[i][1]);
    rn_free(folder);
  }
}
