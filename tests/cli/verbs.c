/* Every verb: its help, what it says to wrong words, its exit codes. */
#include "shell.h"

static const char *const verbs[] = {"help", "systems", "policies", "envs",   "data show", "data convert", "data make", "train",      "resume",
                                    "eval", "claim",   "report",   "export", "step",      "bench",        "doctor",    "completion", "man"};

TEST(every_verb_has_help_and_refuses_unknown_options) {
  shell_begin();
  for (int i = 0; i < RN_COUNT(verbs); i++) {
    said s = sh("rein %s --help", verbs[i]);
    CHECK_THAT(s.code == 0 && strstr(s.out, verbs[i]) && strstr(s.out, "Options") && !*s.err, "%s --help: %d %s", verbs[i], s.code, s.err);
    forget(&s);
    EXPECT(0, "Options", "rein help %s", verbs[i]);
    EXPECT(2, "has no option '--qiet'; did you mean '--quiet'?", "rein %s --qiet", verbs[i]);
    EXPECT(2, "has no option '--zzzzzzzzz'", "rein %s --zzzzzzzzz", verbs[i]);
    EXPECT(2, "--quiet is given twice", "rein %s -q -q", verbs[i]);
    EXPECT(2, "--quiet takes no value", "rein %s --quiet=1", verbs[i]);
  }
}

TEST(wrong_verbs_end_with_2_and_the_nearest_name) {
  shell_begin();
  EXPECT(2, "usage: rein VERB", "rein");
  EXPECT(0, "usage: rein VERB", "rein --help");
  EXPECT(0, "usage: rein VERB", "rein help");
  EXPECT(0, "rein 0.", "rein --version");
  EXPECT(2, "no verb 'trian'; did you mean 'train'?", "rein trian");
  EXPECT(2, "no verb 'qqqqqqqqqqqq'; `rein help` lists them", "rein qqqqqqqqqqqq");
  EXPECT(2, "rein data what? It has show, convert, make", "rein data");
  EXPECT(2, "rein data has no 'shwo'; it has show, convert, make", "rein data shwo");
  EXPECT(0, "rein data make", "rein data --help");
  EXPECT(2, "nothing is called 'iqql'; did you mean 'iql'?", "rein help iqql");
  EXPECT(2, "is one argument too many", "rein systems x");
  EXPECT(2, "rein resume wants RUN", "rein resume");
  EXPECT(2, "--threads: 'many' is not a whole number", "rein train iql --threads many");
  EXPECT(2, "--threads has no value", "rein train iql --threads");
  EXPECT(2, "--mem: 'lots' is not a size such as 2G", "rein train iql --mem=lots");
}

TEST(help_names_what_it_helps_with) {
  shell_begin();
  EXPECT(0, "expectile", "rein help iql");
  EXPECT(0, "weighted imitation; it must have a weighted fit", "rein help iql");
  EXPECT(0, "\"additionalProperties\": false", "rein help iql --schema");
  EXPECT(0, "\"key\": \"expectile\"", "rein help iql --json");
  EXPECT(0, "a class of policies", "rein help gaussian");
  EXPECT(0, "limit        500 steps", "rein help cartpole");
  EXPECT(0, "reward_scale", "rein help recipe");
  EXPECT(2, "no system 'cartpole'", "rein help cartpole --schema");
  EXPECT(0, "arXiv:2110.06169", "rein systems");
  EXPECT(0, "\"name\": \"iql\"", "rein systems --json");
  EXPECT(0, "squashed-gaussian", "rein policies");
  EXPECT(0, "choice 2", "rein envs");
}

TEST(json_is_json) {
  static const char *const lines[] = {"systems --json",  "policies --json",   "envs --json",        "doctor --json",
                                      "help iql --json", "help iql --schema", "help recipe --json", "help recipe --schema"};
  shell_begin();
  for (int i = 0; i < RN_COUNT(lines); i++) {
    said s = sh("rein %s > x.json && python3 -m json.tool x.json", lines[i]);
    if (s.code == 127) test_skip("no python3 to read JSON with");
    CHECK_THAT(s.code == 0, "rein %s is not JSON: %s", lines[i], s.err);
    forget(&s);
  }
}

TEST(no_colour_leaves_when_the_output_is_no_terminal) {
  shell_begin();
  said s = sh("rein help train; rein systems; rein doctor");
  CHECK(s.code == 0 && !strchr(s.out, 27) && !strchr(s.err, 27));
  forget(&s);
}

TEST(a_reader_that_goes_away_is_no_message_of_ours) {
  shell_begin();
  said s = sh("rein help iql | head -n 1");
  CHECK_THAT(s.code == 0 && !*s.err, "%s", s.err);
  forget(&s);
}

TEST(a_full_disk_is_exit_4) {
  shell_begin();
  EXPECT(4, "standard output can't be written", "rein systems > /dev/full");
}

TEST(completion_and_the_manual_page_come_from_the_same_table) {
  shell_begin();
  said bash = sh("rein completion bash"), zsh = sh("rein completion zsh"), man = sh("rein man");
  CHECK(bash.code == 0 && zsh.code == 0 && man.code == 0);
  for (int i = 0; i < RN_COUNT(verbs); i++) {
    char quoted[64], title[64];
    snprintf(quoted, sizeof quoted, "'%s')", verbs[i]), snprintf(title, sizeof title, ".SS rein %s", verbs[i]);
    CHECK_TEXT(bash.out, quoted), CHECK_TEXT(zsh.out, quoted), CHECK_TEXT(man.out, title);
  }
  CHECK_TEXT(man.out, ".SH KEYS OF RECIPES"), CHECK(!strstr(man.out, "progress-fd") && !strstr(bash.out, "progress-fd"));
  forget(&bash), forget(&zsh), forget(&man);
  EXPECT(0, "1 expectile=",
         "rein completion bash > c.sh && bash -c '. ./c.sh; compopt() { :; }; COMP_WORDS=(rein train iql expec); COMP_CWORD=3; _rein; echo "
         "${#COMPREPLY[@]} ${COMPREPLY[0]}'");
  EXPECT(0, "3 show convert make", "bash -c '. ./c.sh; COMP_WORDS=(rein data \"\"); COMP_CWORD=2; _rein; echo ${#COMPREPLY[@]} ${COMPREPLY[*]}'");
  EXPECT(2, "knows bash and zsh, not 'zhs'; did you mean 'zsh'?", "rein completion zhs");
}

TEST(doctor_names_the_machine) {
  shell_begin();
  EXPECT(0, "kernels", "rein doctor");
  EXPECT(0, "portable, RN_ISA=portable", "RN_ISA=portable rein doctor");
  EXPECT(0, "readers of foreign files", "rein doctor");
}
