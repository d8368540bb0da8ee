/* cli/seeds.c - several seeds of one recipe: each a process of this same program, as many at a time as there are cores. */
#include "cli.h"
#include "rein/report.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

typedef struct {
  long seed;
  pid_t pid;                                   // 0: not started, -1: ended
  int fd, code;                                // of the pipe of progress; how it ended
  char *folder, *log;
  rn_progress at;
  char phase[64], line[512];
  int n;
} child;

static int cores(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? RN_MAX(CPU_COUNT(&set), 1) : 1;
}

static bool start(const cli *c, child *k, const char *recipe, bool resume, int jobs, rn_error *err) {
  char *seed = rn_printed("seed=%ld", k->seed), *threads = rn_printed("%ld", cli_whole(c, "threads", jobs > 1 ? 1 : 0)), *mem = rn_printed("%zu", cli_size(c, "mem") / (size_t)jobs);
  const char *args[24];
  int n = 0, ends[2];
  bool go_on = resume && rn_exists(k->folder);
  args[n++] = "rein", args[n++] = go_on ? "resume" : "train", args[n++] = go_on ? k->folder : recipe;
  if (!go_on) args[n++] = seed, args[n++] = "seeds=1", args[n++] = "--out", args[n++] = k->folder;
  args[n++] = "--threads", args[n++] = threads, args[n++] = "--progress-fd", args[n++] = "3", args[n++] = "--no-report";
  if (cli_size(c, "mem")) args[n++] = "--mem", args[n++] = mem;
  args[n] = NULL;
  posix_spawn_file_actions_t files;
  posix_spawnattr_t how;
  posix_spawn_file_actions_init(&files), posix_spawnattr_init(&how);
  bool fine = pipe2(ends, O_CLOEXEC) == 0 || rn_fail_as(err, RN_SYSTEM, "no pipe for seed %ld: %s", k->seed, strerror(errno));
  if (fine) {
    // a group of its own: Ctrl-C of the terminal reaches this process alone, which passes it on once
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP), posix_spawnattr_setpgroup(&how, 0);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, k->log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&files, 1, 2), posix_spawn_file_actions_adddup2(&files, ends[1], 3);
    int number = posix_spawn(&k->pid, "/proc/self/exe", &files, &how, (char *const *)args, environ);
    close(ends[1]), k->fd = ends[0];
    if (number) close(ends[0]), k->pid = 0, fine = rn_fail_as(err, RN_SYSTEM, "seed %ld can't be started: %s", k->seed, strerror(number));
  }
  posix_spawn_file_actions_destroy(&files), posix_spawnattr_destroy(&how);
  rn_free(seed), rn_free(threads), rn_free(mem);
  return fine;
}

static void take_line(child *k) {
  rn_progress *p = &k->at;
  p->phase = k->phase;
  char rate[32], left[32], mean[40], low[40], high[40];
  if (sscanf(k->line, "%63s %ld %ld %ld %ld %ld %31s %31s %d %39s %39s %39s", k->phase, &p->update, &p->updates, &p->done, &p->all, &p->steps, rate, left, &p->evaluations, mean, low, high) != 12)
    return;
  p->left = p->mean = p->low = p->high = NAN, p->rate = 0;     // "nan" is not a number to rn_number
  rn_number(rate, &p->rate), rn_number(left, &p->left), rn_number(mean, &p->mean), rn_number(low, &p->low), rn_number(high, &p->high);
}

static void listen_to(child *k) {
  char bytes[4096];
  ssize_t n = read(k->fd, bytes, sizeof bytes);
  if (n <= 0) { if (n == 0 || errno != EINTR) close(k->fd), k->fd = -1; return; }
  for (ssize_t i = 0; i < n; i++) {
    if (bytes[i] == '\n') k->line[k->n] = 0, take_line(k), k->n = 0;
    else if (k->n < (int)sizeof k->line - 1) k->line[k->n++] = bytes[i];
  }
}

static void show(cli_progress *progress, int n, const child *all) {
  double share = 0, rate = 0, left = 0;
  int running = 0, ended = 0;
  for (int i = 0; i < n; i++) {
    const rn_progress *p = &all[i].at;
    share += all[i].pid < 0 ? 1 : p->all > 0 ? (double)p->done / (double)p->all : 0;
    if (all[i].pid < 0) { ended++; continue; }
    if (all[i].pid > 0) running++, rate += p->rate, left = fmax(left, isfinite(p->left) ? p->left : 0);
  }
  rn_text t = {0};
  int waiting = n - running - ended;
  if (running) left *= 1 + ceil((double)waiting / running);
  char *time = cli_duration(left);
  rn_say_text(&t, "%3.0f %%  seeds: %d running, %d done, %d waiting", 100 * share / n, running, ended, waiting);
  if (rate > 0) rn_say_text(&t, "  %.0f updates/s", rate);
  if (left > 0) rn_say_text(&t, "  %s left", time);
  cli_progress_line(progress, t.at, false);
  rn_free(time), rn_free(t.at);
}

static void reap(child *k) {
  int status;
  if (k->pid <= 0 || waitpid(k->pid, &status, WNOHANG) != k->pid) return;
  k->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  while (k->fd >= 0) listen_to(k);
  k->pid = -1;
}

// starts children while there is room, listens, passes signals on; until all have ended
static bool look_after(cli *c, int n, child *all, const char *recipe, bool resume, int jobs, rn_error *err) {
  cli_progress progress = {.quiet = c->quiet};
  bool told = false, fine = true;
  for (;;) {
    struct pollfd at[64];
    int running = 0, of[64], waiting = 0;
    for (int i = 0; i < n; i++) reap(&all[i]);
    for (int i = 0; i < n; i++) if (all[i].pid > 0) running++;
    for (int i = 0; i < n; i++) {
      if (all[i].pid != 0 || all[i].code >= 0) continue;
      if (cli_interrupt || !fine) all[i].pid = -1, all[i].code = cli_interrupt ? 128 + (int)cli_interrupt : RN_SYSTEM;
      else if (running < jobs) fine = start(c, &all[i], recipe, resume, jobs, err), running += fine;
      else waiting++;
    }
    if (cli_interrupt && !told) {
      for (int i = 0; i < n; i++) if (all[i].pid > 0) kill(all[i].pid, (int)cli_interrupt);
      told = true;
    }
    if (running == 0 && waiting == 0 && (fine || cli_interrupt)) break;
    if (running == 0 && !fine) break;
    nfds_t m = 0;
    for (int i = 0; i < n && m < 64; i++) if (all[i].pid > 0 && all[i].fd >= 0) of[m] = i, at[m++] = (struct pollfd){all[i].fd, POLLIN, 0};
    if (poll(at, m, 100) > 0) for (nfds_t k = 0; k < m; k++) if (at[k].revents) listen_to(&all[of[k]]);
    show(&progress, n, all);
  }
  cli_progress_end(&progress);
  return fine;
}

// the last line that the child wrote
static char *last_line(const char *path) {
  char *text;
  size_t n;
  rn_error ignored = {0};
  if (!rn_read_file(path, &text, &n, &ignored)) return rn_copy_text("");
  while (n && (text[n - 1] == '\n' || text[n - 1] == '\r')) text[--n] = 0;
  char *line = strrchr(text, '\n');
  char *copy = rn_copy_text(line ? line + 1 : text);
  rn_free(text);
  return copy;
}

static rn_code judge(int n, const child *all, const char *folder, rn_error *err) {
  rn_text t = {0};
  int bad = 0, code = RN_OK;
  for (int i = 0; i < n; i++) {
    if (all[i].code == RN_OK) continue;
    char *line = last_line(all[i].log);
    if (bad < 8) rn_say_text(&t, "\n  seed %ld: exit %d, %s%s%s", all[i].seed, all[i].code, all[i].log, *line ? ": " : "", line);
    if (!bad++) code = all[i].code;
    rn_free(line);
  }
  if (cli_interrupt) rn_fail_as(err, code = 128 + (int)cli_interrupt, "interrupted; the state of every seed is saved. Go on with: rein resume %s", folder);
  else if (bad) rn_fail_as(err, (rn_code)code, "%d of %d seeds failed:%s", bad, n, t.at);
  rn_free(t.at);
  return (rn_code)code;
}

static void say_result(const cli *c, const char *folder, int n, const child *all, bool report) {
  double *x = rn_new((size_t)n * sizeof *x);
  int m = 0;
  rn_text t = {0};
  rn_say_text(&t, "{\"folder\": "), rn_say_json(&t, folder), rn_say_text(&t, ", \"seeds\": [");
  for (int i = 0; i < n; i++) {
    if (all[i].at.evaluations && isfinite(all[i].at.mean)) x[m++] = all[i].at.mean;
    rn_say_text(&t, "%s{\"seed\": %ld, \"return\": ", i ? ", " : "", all[i].seed);
    rn_say_text(&t, all[i].at.evaluations && isfinite(all[i].at.mean) ? "%.17g}" : "null}", all[i].at.mean);
  }
  rn_boot boot = {.key = rn_key_new(0, "seeds", 0, 0)};
  rn_interval mean = m > 1 ? rn_interval_of(RN_STAT_MEAN, 1, &m, x, &boot) : (rn_interval){m ? x[0] : NAN, NAN, NAN, 0};
  rn_say_text(&t, "]");
  if (m > 1) rn_say_text(&t, ", \"return\": {\"value\": %.17g, \"low\": %.17g, \"high\": %.17g}", mean.value, mean.low, mean.high);
  if (c->json) printf("%s}\n", t.at);
  else {
    char *text = cli_interval(mean.value, mean.low, mean.high);
    printf("%s\n", folder);
    if (m) printf("  mean return %s over %d seeds (95 %% interval)\n", text, m);
    if (report) printf("  report      %s/report.html\n", folder);
    rn_free(text);
  }
  rn_free(x), rn_free(t.at);
}

rn_code cli_train_seeds(cli *c, const rn_recipe *given, const char *folder, bool resume, rn_error *err) {
  rn_recipe *r = rn_recipe_copy(given);
  const rn_system *system = rn_recipe_find(r, "system") ? rn_recipe_system(r, err) : NULL;
  char *recipe = rn_printed("%s/recipe.yaml", folder);
  if (err->code != RN_OK || !rn_recipe_check(r, system, err)) return rn_recipe_free(r), rn_free(recipe), err->code;
  int n = (int)rn_recipe_int(r, "seeds"), jobs = RN_MIN(n, (int)cli_whole(c, "jobs", 0));
  if (jobs <= 0) jobs = RN_MIN(n, cores());
  jobs = RN_MIN(jobs, 64);
  char *text = rn_recipe_print(r, system);
  bool fine = rn_make_folder(folder, err) && rn_lock_folder(folder, err) && (resume || rn_write_file(recipe, text, strlen(text), err));
  child *all = rn_new((size_t)n * sizeof *all);
  for (int i = 0; i < n; i++) {
    long seed = rn_recipe_int(r, "seed") + i;
    all[i] = (child){.seed = seed, .fd = -1, .code = -1, .folder = rn_printed("%s/seed-%ld", folder, seed), .log = rn_printed("%s/seed-%ld.txt", folder, seed)};
  }
  fine = fine && look_after(c, n, all, recipe, resume, jobs, err);
  rn_code code = fine ? judge(n, all, folder, err) : err->code;
  bool report = !cli_flag(c, "no-report");
  if (code == RN_OK && report && !cli_write_report(folder, err)) code = err->code;
  if (code == RN_OK && (!c->quiet || c->json)) say_result(c, folder, n, all, report);
  for (int i = 0; i < n; i++) rn_free(all[i].folder), rn_free(all[i].log);
  rn_free(all), rn_free(text), rn_free(recipe), rn_recipe_free(r);
  return code;
}
