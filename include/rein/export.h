/* export.h - a policy as one C99 file: the tape of one act, printed. The file needs nothing beside a compiler: no library (not even libm), no
 * memory but the stack, no floating-point mode. It holds
 *   POLICY_OBS, POLICY_ACT                                   widths of an observation as the environment gives it, of an action
 *   void policy_act(const float obs[], float act[])          normaliser, networks and the action's rule; the two arrays do not overlap
 *   int policy_selftest(void)                                0: agrees with the engine on the test vector; k: row k is the first that does not
 *   void policy_reset(void)                                  with memory only: a new episode begins
 * Compiled with -DPOLICY_MAIN it is a program whose exit status is the selftest's answer. */
#ifndef REIN_EXPORT_H
#define REIN_EXPORT_H
#include "rein/graph.h"

typedef enum {
  RN_EXPORT_PLAIN,             // the action node as it stands
  RN_EXPORT_BOX,               // [-1, 1], clipped, mapped to low .. high: low + (a + 1) / 2 (high - low)
  RN_EXPORT_INDEX              // one column that holds an index, or scores [1, k], k > 1: the first largest is the index
} rn_export_rule;

/* One act, made after rn_graph_begin on one observation, in the mode that shall be exported. All pointers are the caller's. */
typedef struct {
  rn_node *obs;                // [1, n] raw: a constant of the graph, the normaliser's nodes come after it
  rn_node *act;                // [1, m]
  rn_export_rule rule;
  const float *low, *high;     // [m] BOX
  rn_node *memory_in, *memory_out;      // [1, k] what a row keeps between two acts, before and after; NULL: nothing
  const char *name;            // first line of the file's head: "iql on pendulum"
  int lines;
  const char *const *line;     // further lines: run, recipe's hash, version
  int tests;                   // at least 1; with memory the rows are one episode from its start
  const float *test_obs;       // [tests, n]
  const float *test_act;       // [tests, m], INDEX: [tests, 1]; what the engine answered, mapped as the rule says
} rn_export;

/* Writes the file at `path` (atomic). Before that it computes the tape again on every row of the test vector and compares with what the engine
 * answered, so an act that decides outside the tape is found here. Fails when the act draws random numbers, depends on the observation by a
 * way that is not on the tape, holds a number that is not finite or has an operation that can't be printed, which it names. */
bool rn_export_tape(const rn_export *what, const char *path, rn_error *err);
bool rn_export_can(const char *op);      // whether an operation of this name can be printed
#endif
