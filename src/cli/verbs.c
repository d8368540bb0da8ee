/* cli/verbs.c - what rein can be asked to do. This table drives parsing, --help, completion and the man page. */
#include "cli.h"

#define OUT(value, help) {"out", 'o', CLI_TEXT, value, help}
#define THREADS {"threads", 0, CLI_WHOLE, "N", "threads; 0: one a core. Results do not depend on it"}
#define MEM {"mem", 0, CLI_SIZE, "SIZE", "memory it may take, as 2G or 512M; a plan that does not fit is refused before it starts"}

static const cli_option of_help[] = {{"schema", 0, CLI_FLAG, NULL, "of a system: the JSON schema of its recipes"},
                                     {"noise", 0, CLI_FLAG, NULL, "of a system: ordinal, shape and law of the draws of one update"}, {0}};
static const cli_option of_train[] = {OUT("FOLDER", "where the run goes; absent or empty (default runs/SYSTEM-N)"), THREADS, MEM,
                                      {"jobs", 'j', CLI_WHOLE, "N", "of several seeds: processes at a time; 0: one a core"},
                                      {"dry-run", 'n', CLI_FLAG, NULL, "check everything, print the resolved recipe, train nothing"},
                                      {"no-report", 0, CLI_FLAG, NULL, "leave out report.html"},
                                      {"progress-fd", 0, CLI_WHOLE, "FD", "progress for the process that started this one", CLI_HIDDEN}, {0}};
static const cli_option of_resume[] = {THREADS, MEM, {"jobs", 'j', CLI_WHOLE, "N", "of several seeds: processes at a time; 0: one a core"},
                                       {"no-report", 0, CLI_FLAG, NULL, "leave out report.html"},
                                       {"progress-fd", 0, CLI_WHOLE, "FD", "progress for the process that started this one", CLI_HIDDEN}, {0}};
static const cli_option of_eval[] = {{"episodes", 'e', CLI_WHOLE, "N", "episodes (default: the recipe's)"}, {"seed", 0, CLI_WHOLE, "N", "seed of the episodes (default: the recipe's)"},
                                     THREADS, {0}};
static const cli_option of_export[] = {{"c", 0, CLI_TEXT, "FILE", "the policy as one C99 file without dependencies"},
                                       {"safetensors", 0, CLI_TEXT, "FILE", "all blocks of the newest checkpoint"}, {0}};
static const cli_option of_step[] = {{"params", 0, CLI_TEXT, "FILE", "parameters, moments and counters (safetensors)"},
                                     {"batch", 0, CLI_TEXT, "FILE", "rows: obs act reward terminated truncated next (safetensors)"},
                                     {"noise", 0, CLI_TEXT, "FILE", "random draws noise.0, noise.1, ... in the order of `rein help SYSTEM --noise`"},
                                     {"updates", 0, CLI_WHOLE, "K", "how many updates (default 1)"}, OUT("FILE", "everything after the updates, and loss.BLOCK"),
                                     {"init", 0, CLI_TEXT, "FILE", "write fresh parameters for obs=N act=N (or actions=N) instead"}, {0}};
static const cli_option of_report[] = {OUT("FILE", "the HTML file (default report.html in the first run's folder)"), {"title", 0, CLI_TEXT, "TEXT", "its title"}, {0}};
static const cli_option of_claim[] = {OUT("FOLDER", "where runs and results are kept (default runs/claims/NAME)"), {"jobs", 'j', CLI_WHOLE, "N", "processes at a time; 0: one a core"},
                                      {"part", 0, CLI_TEXT, "I/N", "the I-th of N parts, for job arrays"}, {"fresh", 0, CLI_FLAG, NULL, "results of earlier runs do not count"}, {0}};
static const cli_option of_show[] = {{"reference", 0, CLI_TEXT, "FILE", "a log of full play to measure coverage against (TQ, SACo)"},
                                     {"worst", 0, CLI_TEXT, "FILE", "a log of random play, for TQ"}, {"best", 0, CLI_TEXT, "FILE", "a log of expert play, for TQ"},
                                     {"columns", 0, CLI_TEXT, "auto", "of CSV, JSONL, NPZ: guess the columns and print the guess"}, {0}};
static const cli_option of_convert[] = {{"columns", 0, CLI_TEXT, "auto", "of CSV, JSONL, NPZ: guess the columns and print the guess"}, {0}};
static const cli_option of_make[] = {OUT("FILE", "F.safetensors, F.hdf5 (D4RL), F.csv, or a folder/ (Minari)"), THREADS, {0}};
static const cli_option none[] = {{0}};

static const cli_option everywhere[] = {{"json", 0, CLI_FLAG, NULL, "the result as JSON on standard output"}, {"quiet", 'q', CLI_FLAG, NULL, "no progress and no notes"},
                                        {"verbose", 'v', CLI_FLAG, NULL, "more notes"}, {"help", 'h', CLI_FLAG, NULL, "this help"}, {0}};

static const cli_verb verbs[] = {
  {"help", "[NAME]", "what rein can do; or all about a verb, a system, a policy class, an environment, or `recipe`", NULL,
   "  rein help train\n  rein help iql\n  rein help iql --schema > iql.schema.json\n", cli_help, 0, 2, CLI_NAMES, NULL, true, of_help},
  {"systems", "", "the systems: what learns, plans or measures", NULL, NULL, cli_systems, 0, 0, 0, NULL, true, none},
  {"policies", "", "the classes of policies and what each can do", NULL, NULL, cli_policies, 0, 0, 0, NULL, true, none},
  {"envs", "", "the environments: spaces, limits, reference returns", NULL, NULL, cli_envs, 0, 0, 0, NULL, true, none},
  {"data show", "FILE [columns.KEY=NAME ...]", "what a log holds and what is wrong with it",
   "Rows, episodes, lengths, returns, gaps, non-finite values, duplicates, action bounds; coverage where a reference is given. Any format is\n"
   "recognised by its content: safetensors, D4RL, Minari and robosuite HDF5, NPZ, CSV, JSONL, a saved table.\n",
   "  rein data show hopper.h5\n  rein data show plant.csv columns.obs=[temp,flow] columns.act=valve columns.reward=r\n", cli_data_show, 1, -1, CLI_FILES, NULL, true, of_show},
  {"data convert", "FILE OUT [columns.KEY=NAME ...]", "a log in another format",
   "The name says which: OUT.safetensors, OUT.hdf5 (D4RL), OUT.csv, OUT/ (Minari).\n", "  rein data convert plant.csv plant.hdf5 --columns auto\n", cli_data_convert, 2, -1, CLI_FILES, NULL, true, of_convert},
  {"data make", "ENV policy=random|RUN|mix:... episodes=N|steps=N [seed=S]", "a log of an environment", NULL,
   "  rein data make pendulum policy=random steps=10000 --out random.hdf5\n  rein data make hopper policy=mix:0.9*random+0.1*runs/sac steps=200000 seed=3 --out mixed.safetensors\n",
   cli_data_make, 2, -1, CLI_WORDS, "policy=|episodes=|steps=|seed=", true, of_make},
  {"train", "SYSTEM|RECIPE.yaml [key=value ...]", "train a policy, or run a measure",
   "Keys are those of recipes (`rein help SYSTEM`); dotted keys reach nested ones, as in phases.online.steps=1 or hidden.pi=64x64. With\n"
   "seeds=N several are trained, one process a core, in FOLDER/seed-K. The first Ctrl-C saves the state and says how to go on; a second one\n"
   "stops at once.\n",
   "  rein train iql data=log.h5 env=pendulum offline=20000 seed=3 --out runs/a\n  rein train recipes/iql.yaml expectile=0.9 seeds=5\n  rein train sac env=./my_env.so\n",
   cli_train, 1, -1, CLI_SYSTEMS | CLI_FILES | CLI_KEYS, NULL, true, of_train},
  {"resume", "RUN", "go on with a run that was interrupted", "The final bytes are those of the run that was never interrupted. A finished run stays as it is.\n", NULL, cli_resume, 1, 1,
   CLI_RUNS, NULL, true, of_resume},
  {"eval", "RUN [env=NAME] [data=LOG]", "how good a run's policy is, with a 95 % interval",
   "In its environment by episodes with fixed seeds; without a simulator on a log that was held out (data=LOG) by fitted Q evaluation and\n"
   "weighted importance sampling.\n",
   "  rein eval runs/a --episodes 100 --json\n  rein eval runs/a data=held_out.h5\n", cli_eval, 1, 3, CLI_RUNS | CLI_WORDS, "env=|data=", true, of_eval},
  {"claim", "NAME|FILE.yaml", "run the experiment that a claim describes, and judge it", "Exit code 0: confirmed. 1: not confirmed, refuted, or the setting is invalid.\n", "  rein claim iql\n", cli_claim, 1, 1,
   CLI_FILES, NULL, true, of_claim},
  {"report", "RUN [RUN ...]", "one HTML file: curves with intervals over seeds, returns, data quality, recipe, command", "Several runs of one system are its seeds; runs of several systems are arms, side by side.\n",
   "  rein report runs/bc runs/iql --out report.html\n", cli_report, 1, -1, CLI_RUNS, NULL, true, of_report},
  {"export", "RUN --c FILE | --safetensors FILE", "the policy as C, or all parameters", NULL, "  rein export runs/a --c policy.c && cc -O2 -DPOLICY_SELFTEST policy.c -lm\n", cli_export, 1, 1, CLI_RUNS, NULL, true,
   of_export},
  {"step", "SYSTEM [key=value ...]", "one update on given parameters, rows and noise: any update can be checked from outside", NULL,
   "  rein step iql obs=17 act=6 --init params.safetensors\n  rein step iql --params params.safetensors --batch rows.safetensors --out after.safetensors\n", cli_step, 1, -1,
   CLI_SYSTEMS | CLI_KEYS | CLI_WORDS, "obs=|act=|actions=", true, of_step},
  {"bench", "[gemm|step|env|act|data|all]", "how fast this machine is, each figure beside its floor", NULL, NULL, cli_bench, 0, 1, CLI_WORDS, "gemm|step|env|act|data|all", true, none},
  {"doctor", "", "this machine: CPU, kernels, threads, libraries, confinement, memory, disk", NULL, NULL, cli_doctor, 0, 0, 0, NULL, true, none},
  {"completion", "bash|zsh", "a script that completes rein's commands", NULL, "  source <(rein completion bash)\n", cli_completion, 1, 1, CLI_WORDS, "bash|zsh", false, none},
  {"man", "", "the manual page, as troff", NULL, "  rein man | man -l -\n", cli_man, 0, 0, 0, NULL, false, none},
};

const cli_verb *cli_verb_at(int i) { return i >= 0 && i < RN_COUNT(verbs) ? &verbs[i] : NULL; }

const cli_verb *cli_verb_find(const char *name) {
  for (int i = 0; i < RN_COUNT(verbs); i++) if (strcmp(verbs[i].name, name) == 0) return &verbs[i];
  return NULL;
}

const cli_option *cli_option_at(const cli_verb *v, int i) {
  int own = 0;
  while (v && v->options[own].name) own++;
  if (i < own) return &v->options[i];
  i -= own;
  if (v && !v->json) i++;                                      // the first of `everywhere` is --json
  return i < RN_COUNT(everywhere) - 1 ? &everywhere[i] : NULL;
}
