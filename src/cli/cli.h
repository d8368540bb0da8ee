/* cli/cli.h - private to cli/: the table of verbs, a parsed command line, and how things are printed. */
#ifndef REIN_CLI_H
#define REIN_CLI_H
#include "rein/run.h"

//---- the table ---------------------------------------------------------------------------------------------------------------------

typedef enum { CLI_FLAG, CLI_TEXT, CLI_WHOLE, CLI_SIZE } cli_kind;
enum { CLI_HIDDEN = 1 };
typedef struct { const char *name; char letter; cli_kind kind; const char *value, *help; int flags; } cli_option;    // value: "FILE" in help
typedef struct cli cli;
/* What completion offers for an argument; several may be or-ed. */
enum { CLI_FILES = 1, CLI_SYSTEMS = 2, CLI_KEYS = 4, CLI_RUNS = 8, CLI_NAMES = 16, CLI_WORDS = 32 };
typedef struct {
  const char *name;                            // "train", "data show"
  const char *arguments;                       // as help shows them
  const char *summary, *detail, *examples;     // detail, examples: NULL or lines that end with \n
  rn_code (*run)(cli *c, rn_error *err);
  int least, most;                             // arguments; most -1: any number
  int offer;                                   // CLI_FILES ...
  const char *words;                           // of CLI_WORDS: "bash|zsh"
  bool json;                                   // prints a result, so --json
  const cli_option *options;                   // its own; ends at an option without a name
} cli_verb;
const cli_verb *cli_verb_at(int i);            // NULL past the last
const cli_verb *cli_verb_find(const char *name);
const cli_option *cli_option_at(const cli_verb *v, int i);     // its own, then those of every verb; NULL past the last

//---- a parsed command line -----------------------------------------------------------------------------------------------------------

enum { CLI_MOST_OPTIONS = 32 };
struct cli {
  const cli_verb *verb;
  int n; const char **args;                    // what is not an option
  const char *value[CLI_MOST_OPTIONS];         // of cli_option_at(verb, i); "" for a flag that is given
  char *command;                               // the whole line, for the report
  bool json, quiet, verbose;
};
bool cli_parse(cli *c, int argc, char **argv, rn_error *err);  // c->verb NULL: no verb given
const char *cli_text(const cli *c, const char *option);        // NULL: not given
bool cli_flag(const cli *c, const char *option);
long cli_whole(const cli *c, const char *option, long fallback);
size_t cli_size(const cli *c, const char *option);             // 0: not given

//---- printing --------------------------------------------------------------------------------------------------------------------------

bool cli_colour(FILE *to);                     // a terminal, and no NO_COLOR, no TERM=dumb
int cli_width(void);                           // columns of the terminal; 100 where there is none
typedef enum { CLI_PLAIN, CLI_BOLD, CLI_DIM, CLI_RED, CLI_YELLOW, CLI_GREEN } cli_style;
const char *cli_on(FILE *to, cli_style s);     // escape, or ""
const char *cli_off(FILE *to);
/* Columns that align, the last one wrapped to the terminal's width. cells [rows * columns]; NULL head: none. */
void cli_table(int columns, const char *const head[], int rows, const char *const cells[]);
void cli_wrapped(const char *text, int indent, int width);
void cli_error(const rn_error *err);           // to standard error, "rein: ..."
void cli_note(const cli *c, const char *kind, const char *text);   // a line on standard error between progress lines

/* A line that is written over on a terminal, or one line every ten seconds. */
typedef struct { double started, last; bool drawn, quiet; } cli_progress;
double cli_now(void);                          // seconds, monotonic
void cli_progress_show(cli_progress *p, const rn_progress *now);
void cli_progress_line(cli_progress *p, const char *text, bool force);
void cli_progress_end(cli_progress *p);
char *cli_duration(double seconds);            // "2:05", "1:02:03"; owned by the caller
char *cli_count(double n);                     // "12,345"
void cli_progress_text(rn_text *t, const rn_progress *p);
char *cli_interval(double value, double low, double high);     // "12.3 [11.0, 13.5]"

//---- signals -----------------------------------------------------------------------------------------------------------------------------

extern volatile sig_atomic_t cli_interrupt;    // 0, or the first signal
void cli_watch_signals(void);                  // the first SIGINT or SIGTERM sets the flag, the second ends the process

//---- recipes, verbs ----------------------------------------------------------------------------------------------------------------------

/* From the arguments: SYSTEM or RECIPE first, then key=value. NULL and a message. *system NULL when the recipe has stages. */
rn_recipe *cli_recipe(const cli *c, const rn_system **system, rn_error *err);
bool cli_is_run(const char *folder);           // holds run.sqlite or recipe.yaml
/* Folders as given, those of several seeds replaced by their seed-N. The list and its texts are the caller's (cli_runs_free). */
bool cli_runs(int n, const char *const *given, int *count, char ***folders, rn_error *err);
void cli_runs_free(int n, char **folders);
rn_code cli_train_seeds(cli *c, const rn_recipe *r, const char *folder, bool resume, rn_error *err);
bool cli_write_report(const char *folder, rn_error *err);

rn_code cli_help(cli *c, rn_error *err), cli_systems(cli *c, rn_error *err), cli_policies(cli *c, rn_error *err), cli_envs(cli *c, rn_error *err);
rn_code cli_train(cli *c, rn_error *err), cli_resume(cli *c, rn_error *err), cli_eval(cli *c, rn_error *err), cli_export(cli *c, rn_error *err);
rn_code cli_step(cli *c, rn_error *err), cli_report(cli *c, rn_error *err), cli_claim(cli *c, rn_error *err), cli_bench(cli *c, rn_error *err);
rn_code cli_data_show(cli *c, rn_error *err), cli_data_convert(cli *c, rn_error *err), cli_data_make(cli *c, rn_error *err);
rn_code cli_doctor(cli *c, rn_error *err), cli_completion(cli *c, rn_error *err), cli_man(cli *c, rn_error *err);
void cli_verb_help(const cli_verb *v);
void cli_usage(FILE *to);
#endif
