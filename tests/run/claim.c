/* Claims from file to verdict. The cells run in this test's own program: see play_a_cell. */
#include "rein/claim.h"
#include "rein/run.h"
#include "test.h"
#include <dirent.h>
#include <unistd.h>

/* The program that rn_claim starts for a cell is this one: such a call ends before the tests begin. */
__attribute__((constructor)) static void play_a_cell(int argc, char **argv) {
  int code = rn_claim_cell_main(argc, argv);
  if (code >= 0) _exit(code);
}

static const char *folder;
static int told;
static void count_cells(void *context, const char *kind, const char *text) { (void)context, (void)text, told += !strcmp(kind, "progress"); }

static rn_code claim(const char *yaml, rn_text *text, rn_error *err, int part, int parts) {
  char *path = rn_printed("%s/small.yaml", folder), *place = rn_printed("%s/claim", folder);
  rn_text json = {0};
  rn_error none = {0};
  CHECK(rn_write_file(path, yaml, strlen(yaml), &none));
  told = 0;
  rn_code code = rn_claim(path, &(rn_claim_options){.folder = place, .jobs = 2, .part = part, .parts = parts, .say = count_cells}, text, &json, err);
  rn_free(path), rn_free(place), rn_free(json.at);
  return code;
}

#define GAME "system: nash-mp/exact, slots: {judge: \"prefmat:rps\", reference: [0.6, 0.3, 0.1]}, beta: 0.02"
#define ARMS "seeds: 3\nresamples: 200\narms:\n  prox: {recipe: {" GAME ", iterations: 100}}\n" \
             "  descent: {recipe: {" GAME ", method: mirror-descent, iterations: 200}}\n"

static void verdict_is(const char *bars, rn_code code, const char *verdict) {
  rn_error err = {0};
  rn_text text = {0};
  char *yaml = rn_printed("%s%s", ARMS, bars);
  rn_code got = claim(yaml, &text, &err, 0, 0);
  CHECK_THAT(got == code, "%s: exit %d, %s", bars, got, err.text);
  CHECK_TEXT(text.at, verdict);
  rn_free(yaml), rn_free(text.at);
}

TEST(bars_and_gates_give_the_four_verdicts) {
  folder = test_folder();
  verdict_is("bars: {a: {figure: kl_equilibrium, arm: prox, minus: descent, below: 0}}", RN_OK, "# small: CONFIRMED");
  CHECK_THAT(told == 6, "%d cells ran", told);
  verdict_is("bars: {a: {figure: kl_equilibrium, arm: prox, minus: descent, above: 0}}", RN_UNMET, "# small: REFUTED");
  CHECK_THAT(told == 0, "%d cells ran again", told);              // results are kept: another bar costs nothing
  verdict_is("bars: {a: {figure: exploitability, arm: prox, statistic: least, above: 0}, b: {figure: kl_equilibrium, arm: descent, above: 0.1}}",
             RN_OK, "CONFIRMED");
  verdict_is("bars: {a: {figure: kl_equilibrium, arm: descent, above: 0.1}}\ngates: {g: {figure: kl_equilibrium, arm: prox, above: 1}}", RN_UNMET,
             "# small: SETTING INVALID");
  verdict_is("bars: {a: {figure: kl_equilibrium, arm: prox, ratio: descent, below: -5}}\n"
             "report: {r: {figure: kl_equilibrium, arm: descent, near: 1, statistic: largest}}",
             RN_OK, "ln(mean kl_equilibrium of prox / of descent) < -5");
  CHECK(told == 0);
}

static int files_in(const char *under) {
  char *path = rn_printed("%s/claim/%s", folder, under);
  DIR *d = opendir(path);
  int n = 0;
  CHECK_THAT(d, "no folder %s", path);
  for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
  closedir(d), rn_free(path);
  return n;
}

/* pg from single episodes on a table: figures differ by seed, so an interval has ends and an open bar is NOT CONFIRMED */
#define PG "seeds: 4\nresamples: 200\nrepeat: 3\nevaluate: {episodes: 2}\ncommon: {system: pg, env: \"mdp:random(5,3,10,1)\", updates: 60, " \
           "evaluate: 0}\narms: {a: {recipe: {step: 0.1}}, b: {recipe: {step: 0.11}}}\n"
TEST(a_miss_is_repeated_once_with_more_seeds_where_the_file_says_so) {
  folder = test_folder();
  rn_error err = {0};
  rn_text text = {0};
  rn_code code = claim(PG "bars: {x: {figure: return, arm: a, minus: b, statistic: mean, above: 0}}", &text, &err, 0, 0);
  CHECK_THAT(code == RN_UNMET, "%d %s", code, err.text);
  CHECK_TEXT(text.at, "Seeds 0 .. 3"); CHECK_TEXT(text.at, "Seeds 0 .. 11"); CHECK_TEXT(text.at, "Repeated once with 3 times the seeds");
  CHECK_THAT(files_in("cells") == 24, "%d results", files_in("cells")); CHECK_THAT(files_in("work") == 0, "folders of runs are left");
  rn_free(text.at);
}

#define TUNED "seeds: 2\nresamples: 200\nevaluate: {episodes: 1}\n" \
              "tasks: {t0: {env: \"mdp:random(5,3,10,1)\"}, t1: {env: \"mdp:random(5,3,10,2)\"}}\n" \
              "tune: {key: step, values: [0, 0.3], seeds: 2, figure: gap, best: least}\n" \
              "arms: {a: {recipe: {system: pg, updates: 200, evaluate: 0}, tuning: {updates: 150}, tuned: true}}\n" \
              "bars: {x: {figure: gap, arm: a, below: 100}}\n"
TEST(a_value_is_picked_on_the_pilot_s_seeds_and_parts_add_up) {
  folder = test_folder();
  rn_error err = {0};
  rn_text text = {0};
  CHECK_THAT(claim(TUNED, &text, &err, 1, 2) == RN_OK, "%s", err.text);
  CHECK_TEXT(text.at, "part 1 of 2 is done");
  rn_free(text.at), text = (rn_text){0};
  CHECK_THAT(claim(TUNED, &text, &err, 2, 2) == RN_OK, "%s", err.text);
  rn_free(text.at), text = (rn_text){0};
  CHECK_THAT(claim(TUNED, &text, &err, 0, 0) == RN_OK, "%s", err.text);
  CHECK_TEXT(text.at, "*step=0.3, picked*"); CHECK_TEXT(text.at, "CONFIRMED");
  CHECK_THAT(files_in("cells") == 2 * 2 * 2 + 2 * 2, "%d results", files_in("cells"));
  rn_free(text.at);
}

TEST(logs_are_made_and_shared_and_scores_are_relative_to_the_behaviours) {
  folder = test_folder();
  rn_error err = {0};
  rn_text text = {0};
  const char *yaml = "seeds: 2\nresamples: 200\nevaluate: {env: e-two-near, episodes: 10, seed: 7, score_high: good, score_low: bad, "
                     "success_above: -1000}\n"
                     "data: {two: {make: e-two-near, rho: 1, trajectories: 30, steps: 40, noise: 0.05, start: 0.3}}\n"
                     "common: {system: bc, hidden: 32x32, batch: 64, lr: 3e-3, offline: 800, evaluate: 0}\narms: {bc: {data: two}}\n"
                     "bars: {good: {figure: score, arm: bc, above: 60}, all: {figure: success, arm: bc, statistic: least, at_least: 100}}";
  CHECK_THAT(claim(yaml, &text, &err, 0, 0) == RN_OK, "%s\n%s", err.text, text.at ? text.at : "");
  CHECK_TEXT(text.at, "| two | 3 | 1200 | 30 |");                // two seeds and the pilot's
  CHECK_THAT(files_in("data") == 3, "%d logs", files_in("data"));
  rn_free(text.at);
}

TEST(wrong_claims_are_refused_with_their_place) {
  static const char *const bad[][2] = {
    {ARMS, "a claim has arms and bars"},
    {ARMS "bars: {a: {figure: x, arm: prx, above: 0}}", "no arm 'prx'; did you mean 'prox'?"},
    {ARMS "bars: {a: {figure: x, arm: prox}}", "a has no bar"},
    {ARMS "bars: {a: {figure: x, arm: prox, above: high}}", "is not a number"},
    {ARMS "bars: {a: {figure: x, arm: prox, abve: 0}}", "did you mean 'above'?"},
    {ARMS "bars: {a: {figure: x, arm: prox, statistic: mode, above: 0}}", "statistic is mean, iqm"},
    {ARMS "bar: {a: {figure: x, arm: prox, above: 0}}", "did you mean 'bars'?"},
    {ARMS "bars: {a: {figure: x, arm: prox, above: 0}}\ntune: {key: beta}", "tune needs key, values (a list) and figure"},
    {"seeds: 0\narms: {a: {recipe: {system: pg}}}\nbars: {a: {figure: x, arm: a, above: 0}}", "seeds: '0' is not a whole number in 1"},
    {"arms: {a: {recipe: {system: pgg}}}\nbars: {a: {figure: x, arm: a, above: 0}}", "no system 'pgg'"},
    {"arms: {a: {data: two, recipe: {system: bc}}}\nbars: {a: {figure: x, arm: a, above: 0}}", "no data set 'two'"},
    {"data: {two: {make: e-too}}\narms: {a: {data: two, recipe: {system: bc}}}\nbars: {a: {figure: x, arm: a, above: 0}}", "e-too"},
    {"arms: {a: {recipe: {system: pg, stp: 1, env: \"mdp:random(3,2,5,1)\"}}}\nbars: {a: {figure: x, arm: a, above: 0}}", "did you mean 'step'?"},
    {ARMS "bars: {a: {figure: no_such, arm: prox, above: 0}}", "gave no figure 'no_such'"},
    {"arms: {a: {recipes: {system: pg}}}\nbars: {a: {figure: x, arm: a, above: 0}}", "an arm has recipe, evaluate"},
    {"arms: [1, 2]\nbars: 3", "a claim has arms and bars"}};
  for (int i = 0; i < RN_COUNT(bad); i++) {
    rn_error err = {0};
    rn_text text = {0};
    folder = test_folder();
    rn_code code = claim(bad[i][0], &text, &err, 0, 0);
    CHECK_THAT(code == RN_INPUT, "%s: exit %d, %s", bad[i][1], code, err.text); CHECK_TEXT(err.text, bad[i][1]);
    rn_free(text.at);
  }
  rn_error err = {0};
  rn_text text = {0}, json = {0};
  CHECK(rn_claim("no-such-claim", &(rn_claim_options){.folder = test_folder()}, &text, &json, &err) == RN_INPUT);
  CHECK_TEXT(err.text, "no-such-claim.yaml");
}

TEST(a_program_that_can_not_start_is_the_system_s_failure) {
  folder = test_folder();
  rn_error err = {0};
  rn_text text = {0};
  rn_claim_program("/no/such/program");
  rn_code code = claim(ARMS "bars: {a: {figure: kl_equilibrium, arm: prox, below: 9}}", &text, &err, 0, 0);
  rn_claim_program(NULL);
  CHECK_THAT(code == RN_SYSTEM, "%d %s", code, err.text); CHECK_TEXT(err.text, "/no/such/program");
}
