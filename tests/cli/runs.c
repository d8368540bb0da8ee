/* From a log to a policy by the command line alone, and every way to get it wrong. */
#include "shell.h"
#include <unistd.h>

static void make_log(void) {
  shell_begin();
  EXPECT(0, "log.safetensors", "rein data make pendulum policy=random episodes=10 seed=1 --out log.safetensors");
}

#define TINY "data=log.safetensors env=pendulum hidden=16 batch=16 offline=40 evaluate=20 every=10 log=5 episodes=2 seed=3"

TEST(wrong_recipes_end_with_2_before_anything_is_made) {
  static const struct { const char *line, *says;
  } bad[] = {
      {"iqql data=log.safetensors", "command line: no system 'iqql'; did you mean 'iql'?"},
      {"iql", "iql needs data: logged transitions; give data=FILE"},
      {"iql " TINY " expectil=0.9", "command line: no option 'expectil' in iql; did you mean 'expectile'?"},
      {"iql " TINY " expectile=1.7", "command line: expectile: 1.7 is outside 0.5 .. 1 (default 0.7)"},
      {"iql " TINY " batch=2", "command line: batch is given twice, 16 and 2; keep one"},
      {"iql " TINY " nonsense", "'nonsense' is not key=value"},
      {"iql data=absent.h5 env=pendulum offline=4", "absent.h5: can't be read: No such file or directory"},
      {"iql data=log.safetensors env=pendulun offline=4", "no environment 'pendulun'; did you mean 'pendulum'?"},
      {"absent.yaml", "absent.yaml: can't be read"},
      {"bad.yaml", "bad.yaml:2:12: expectile: 1.7 is outside 0.5 .. 1 (default 0.7)"},
      {"twice.yaml", "twice.yaml:3:1: 'gamma' stands here and at twice.yaml:2:1"},
      {"iql " TINY " policy=gausian", "did you mean 'gaussian'?"},
  };
  make_log();
  rn_error err = {0};
  char *path = rn_printed("%s/bad.yaml", shell_folder), *twice = rn_printed("%s/twice.yaml", shell_folder);
  static const char one[] = "system: iql\nexpectile: 1.7\n", two[] = "system: iql\ngamma: 0.9\ngamma: 0.8\n";
  CHECK(rn_write_file(path, one, sizeof one - 1, &err) && rn_write_file(twice, two, sizeof two - 1, &err));
  for (int i = 0; i < RN_COUNT(bad); i++) EXPECT(2, bad[i].says, "rein train %s --out made", bad[i].line);
  char *made = rn_printed("%s/made/run.sqlite", shell_folder);
  CHECK(!rn_exists(made));
  rn_free(path), rn_free(twice), rn_free(made);
}

TEST(a_dry_run_prints_a_recipe_that_trains_the_same) {
  make_log();
  EXPECT(0, "expectile: 0.9", "rein train iql " TINY " expectile=0.9 --dry-run");
  EXPECT(0, "",
         "rein train iql " TINY " expectile=0.9 --dry-run > r.yaml && rein train r.yaml --out a -q && rein train iql " TINY " expectile=0.9 --out b "
                                                                                                                            "-q && cmp "
                                                                                                                            "a/checkpoint/"
                                                                                                                            "00000040.safetensors "
                                                                                                                            "b/checkpoint/"
                                                                                                                            "00000040.safetensors");
  EXPECT(2, "in use by an earlier run", "rein train r.yaml --out a");
}

TEST(a_run_is_trained_evaluated_exported_and_reported) {
  make_log();
  EXPECT(0, "mean return", "rein train iql " TINY " --out a");
  EXPECT(0, "\"return\": {\"value\": ", "rein train iql " TINY " --out b --json -q");
  EXPECT(0, "return", "rein eval a --episodes 3");
  EXPECT(0, "\"returns\": [", "rein eval a --episodes 3 --json");
  EXPECT(0, "\"episodes\":  3",
         "rein eval a --episodes 3 --json | python3 -c 'import json,sys; d = json.load(sys.stdin); print(\"\\\"episodes\\\": \", "
         "len(d[\"returns\"]))'");
  EXPECT(2, "is not one of its keys; did you mean 'data=...'?", "rein eval a dta=x");
  EXPECT(2, "no such folder", "rein eval nowhere");
  EXPECT(2, "holds no run", "mkdir -p empty && rein eval empty");
  EXPECT(2, "where to? --c FILE, --safetensors FILE", "rein export a");
  EXPECT(0, "p.c", "rein export a --c p.c && cc -std=c99 -O2 -Wall -c p.c -o p.o");
  EXPECT(0, "p.safetensors", "rein export a --safetensors p.safetensors");
  EXPECT(2, "not the folder of a run", "rein export nowhere --c q.c");
  EXPECT(0, "r.html", "rein report a b --out r.html");
  char *html = shell_file("r.html");
  CHECK_TEXT(html, "<h1>iql on pendulum</h1>"), CHECK_TEXT(html, "rein train iql data=log.safetensors");
  rn_free(html);
  EXPECT(2, "no such folder", "rein report a nowhere");
}

TEST(a_finished_run_stays_as_it_is) {
  make_log();
  EXPECT(0, "",
         "rein train bc " TINY " --out a -q && cp a/checkpoint/00000040.safetensors x && cp a/events.out.tfevents.0.rein y && rein resume a -q && "
                               "cmp x a/checkpoint/00000040.safetensors && cmp y a/events.out.tfevents.0.rein");
  EXPECT(2, "not the folder of a run (no recipe.yaml)", "rein resume nowhere");
}

TEST(an_interrupted_run_says_how_to_go_on_and_ends_with_the_same_bytes) {
  make_log();
  const char *slow = "data=log.safetensors env=pendulum hidden=64x64 offline=1200 evaluate=400 every=100 log=50 episodes=2 seed=3";
  EXPECT(0, "", "rein train iql %s --out whole -q", slow);
  EXPECT(130, "go on with  rein resume cut", "RN_KILL_AFTER=430:2 rein train iql %s --out cut -q", slow);
  EXPECT(0, "",
         "rein resume cut -q && cmp whole/checkpoint/00001200.safetensors cut/checkpoint/00001200.safetensors && cmp "
         "whole/events.out.tfevents.0.rein cut/events.out.tfevents.0.rein");
  EXPECT(143, "go on with  rein resume term", "RN_KILL_AFTER=430:15 rein train iql %s --out term -q", slow);
}

TEST(seeds_are_processes_and_one_report) {
  make_log();
  EXPECT(0, "over 3 seeds", "rein train bc " TINY " seeds=3 --out many -q; rein train bc " TINY " seeds=3 --out again");
  EXPECT(0, "",
         "test -e many/report.html && ls many/seed-3 many/seed-4 many/seed-5 >/dev/null && rein train bc " TINY " --out one -q && cmp "
                                                                                                                "one/checkpoint/00000040.safetensors "
                                                                                                                "many/seed-3/checkpoint/"
                                                                                                                "00000040.safetensors");
  char *html = shell_file("many/report.html");
  CHECK_TEXT(html, "1 arm, 3 runs"), CHECK_TEXT(html, "rein train bc data=log.safetensors"), CHECK(!strstr(html, "progress-fd"));
  rn_free(html);
  EXPECT(0, "\"seeds\": [{\"seed\": 3, ", "rein train bc " TINY " seeds=2 --out json --json -q");
  EXPECT(0, "over 3 seeds", "rein resume many");
  EXPECT(0, "many/seed-4", "rein eval many --episodes 2");
  // a seed that can't go on: its log is named
  EXPECT(2, "many/seed-4.txt", "rm -r many/seed-4 && echo 'not a run' > many/seed-4 && rein resume many");
}

TEST(stages_pass_on_what_they_made_and_are_not_repeated) {
  shell_begin();
  static const char text[] = "seed: 4\nenv: pendulum\nhidden: 16\nbatch: 16\nepisodes: 2\nevaluate: 0\nstages:\n  log: {make: pendulum, policy: "
                             "random, episodes: 4, seed: 9}\n"
                             "  base: {system: bc, data: log, offline: 30}\n  mixed: {make: pendulum, policy: 'mix:0.5*random+0.5*base', steps: "
                             "400}\n"
                             "  fine: {system: iql, data: mixed, offline: 30}\n";
  char *path = rn_printed("%s/s.yaml", shell_folder);
  rn_error err = {0};
  CHECK(rn_write_file(path, text, sizeof text - 1, &err));
  EXPECT(0, "o",
         "rein train s.yaml --out o && grep -q 'data: o/mixed/log.safetensors' o/fine/recipe.yaml && test -e o/base/checkpoint/00000030.safetensors");
  EXPECT(0, "",
         "find o -type f -newermt '1 hour' ; touch stamp; sleep 0.1; rein resume o -q; find o -name '*.safetensors' -newer stamp | grep . && exit 1; "
         "true");
  // a stage that is lost is made again, to the same bytes, and nothing else is touched
  EXPECT(0, "", "cp o/fine/checkpoint/00000030.safetensors x && rm -r o/fine && rein resume o -q && cmp x o/fine/checkpoint/00000030.safetensors");
  EXPECT(2, "no file and no stage 'mixd'; did you mean 'mixed'?",
         "sed 's/data: mixed/data: mixd/' s.yaml > t.yaml; rein train t.yaml --out p");
  EXPECT(2, "no key of a `make` stage 'episods'", "sed 's/episodes: 4/episods: 4/' s.yaml > t.yaml; rein train t.yaml --out p");
  EXPECT(2, "t.yaml:11:18: no system 'iqll'; did you mean 'iql'?", "sed 's/system: iql/system: iqll/' s.yaml > t.yaml; rein train t.yaml --out p");
  // a changed recipe makes again what depends on the change
  EXPECT(0, "",
         "sed -i 's/offline: 30}/offline: 40}/' o/recipe.yaml; sed -i 's/offline: 30$/offline: 40/' o/recipe.yaml; rein resume o -q && test -e "
         "o/fine/checkpoint/00000040.safetensors");
  EXPECT(0, "", "test ! -e p");
  rn_free(path);
}

TEST(logs_are_made_shown_and_converted) {
  make_log();
  EXPECT(0, "2000", "rein data show log.safetensors");
  EXPECT(0, "{", "rein data show log.safetensors --json");
  EXPECT(0, "log.csv", "rein data convert log.safetensors log.csv");
  EXPECT(0, "log.hdf5", "rein data convert log.safetensors log.hdf5");
  EXPECT(0, "2000", "rein data show log.hdf5");
  EXPECT(2, "what kind is it to be?", "rein data convert log.safetensors log.xyz");
  EXPECT(2, "can't be read", "rein data show absent.csv");
  EXPECT(2, "is not columns.KEY=NAME", "rein data show log.csv obs=a");
  EXPECT(2, "columns has no 'rewrad'; did you mean 'reward'?", "rein data show log.csv columns.rewrad=a");
  EXPECT(2, "wants policy=random", "rein data make pendulum episodes=3 --out x.csv");
  EXPECT(2, "one of episodes=N and steps=N", "rein data make pendulum policy=random seed=1 --out x.csv");
  EXPECT(2, "did you mean 'episodes=...'?", "rein data make pendulum policy=random episods=3 --out x.csv");
  EXPECT(2, "where to? --out", "rein data make pendulum policy=random episodes=3");
  EXPECT(2, "no environment", "rein data make pendulumm policy=random episodes=3 --out x.csv");
}

TEST(a_step_wants_its_files) {
  shell_begin();
  EXPECT(0, "p.safetensors", "rein step td3bc obs=17 act=6 hidden=32 --init p.safetensors");
  EXPECT(2, "--init wants obs=N and act=N", "rein step td3bc --init q.safetensors");
  EXPECT(2, "wants --params FILE --batch FILE --out FILE", "rein step td3bc --params p.safetensors");
  EXPECT(2, "obs: 'x' is not a size", "rein step td3bc obs=x act=6 --init q.safetensors");
  EXPECT(2, "--init stands alone", "rein step td3bc obs=3 act=1 --init q.safetensors --params p.safetensors");
  EXPECT(2, "absent.safetensors: can't be", "rein step td3bc --params absent.safetensors --batch absent.safetensors --out o.safetensors");
  EXPECT(2, "--part: '3/2' is not I/N", "rein claim iql --part 3/2");
  EXPECT(2, "rein bench has no 'gem'; did you mean 'gemm'?", "rein bench gem");
}
