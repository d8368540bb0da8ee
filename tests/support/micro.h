/* micro.h - the smallest honest run of any system: what the tests generated over systems.def train. */
#ifndef REIN_MICRO_H
#define REIN_MICRO_H
#include "rein/run.h"
#include "test.h"

const char *micro_log(void);                                   // a log of pendulum, 400 rows, made once a process
/* A recipe for the system, about `updates` updates, small nets; NULL: a planner or a measure, which has its own test. */
rn_recipe *micro_recipe(const rn_system *m, int updates);
/* Trains in `folder`; dies by SIGKILL in a child after `kill_at` updates in all when that is > 0. Answers the exit code, 137 when killed. */
int micro_train(const rn_recipe *r, const char *folder, int threads, long kill_at, bool resume);
uint64_t micro_hash(const char *folder);                       // of the newest checkpoint's bytes
#endif
