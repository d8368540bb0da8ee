/* claim.h - claims, inside run/: what a file says, what its cells gave. claim.c reads and runs, claim_cell.c is one cell's process,
 * claim_stats.c weighs bars, claim_say.c writes the result down. */
#ifndef REIN_RUN_CLAIM_H
#define REIN_RUN_CLAIM_H
#include "rein/run.h"

enum { CLAIM_MOST = 64 };                       // arms, tasks, bars, data sets of a claim

typedef struct {
  const char *name;
  rn_recipe *recipe, *evaluate, *tuning;        // `common` and `evaluate` merged in; what differs while a value is picked
  const char *data;                             // of `data:`; NULL: none
  bool tuned;                                   // `tune:` picks a value
  const char *value;                            // the picked one
  char print[20];                               // fingerprint of its system under this recipe
} claim_arm;

typedef struct {
  int arm, task, value;                         // value: of the tuning grid, -1 in the main runs
  long seed;
  char key[20];
  bool done;
  int n;
  rn_figure *figure;
} claim_cell;

typedef struct { char *name; rn_recipe *say; } claim_entry;                    // a bar, a gate, a line of the report
typedef struct { const char *name, *what; rn_interval x; rn_verdict verdict; bool judged; } claim_line;

typedef struct {
  const char *name, *path;
  rn_recipe *file;
  int arms, tasks, values, seeds, tune_seeds, resamples;
  claim_arm arm[CLAIM_MOST];
  claim_entry said[CLAIM_MOST], task[CLAIM_MOST], bar[CLAIM_MOST], gate[CLAIM_MOST], line[CLAIM_MOST];
  int bars, gates, lines;
  char value[CLAIM_MOST][48];                   // the tuning grid as text
  int cells, room;
  claim_cell *cell;
} claim;

/* The number a cell gave under this name; NAN: none. */
double claim_figure(const claim_cell *c, const char *name);
const claim_cell *claim_find(const claim *c, int arm, int task, int value, long seed);
int claim_arm_named(const claim *c, const char *name);                         // -1: none

/* A bar's or line's figure over the cells of `seeds` seeds; false with a message where the file asks for what is not there. */
bool claim_weigh(const claim *c, const claim_entry *e, int seeds, bool judge, claim_line *out, rn_error *err);
bool claim_check_entry(const claim *c, const claim_entry *e, bool judge, rn_error *err);
void claim_pick(claim *c, int arm);                                            // the value of the grid by `tune:`

/* One cell in its own process: folder/cell.yaml holds `recipe.*` and `evaluate.*`. Figures go to folder/figures, a message to folder/error. */
rn_code claim_run_cell(const char *folder, rn_error *err);
bool claim_read_figures(const char *path, int *n, rn_figure **out, rn_error *err);

void claim_say(const claim *c, int seeds, const claim_line *lines, int n, rn_verdict verdict, double minutes, rn_text *text, rn_text *json);
#endif
