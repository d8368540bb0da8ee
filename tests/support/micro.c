/* micro.c - small runs of every system, in this process or in a child that is killed. */
#include "micro.h"
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

const char *micro_log(void) {
  static char path[512];
  if (path[0]) return path;
  snprintf(path, sizeof path, "%s/log.safetensors", test_folder());
  rn_error err = {0};
  rn_data_order order = {.env = "pendulum", .policy = "random", .steps = 400, .seed = 7, .out = path, .threads = 1};
  CHECK_THAT(rn_data_make(&order, &err) == RN_OK, "%s", err.text);
  return path;
}

static bool has_option(const rn_system *m, const char *name) {
  for (const rn_option *o = m->options; o && o->name; o++) if (strcmp(o->name, name) == 0) return true;
  return false;
}

static const rn_need *need_of(const rn_system *m, const char *name) {
  for (const rn_need *n = m->needs; n && n->name; n++) if (strcmp(n->name, name) == 0) return n;
  return NULL;
}

static void put(rn_recipe *r, const rn_system *m, const char *key, const char *format, ...) {
  rn_recipe_key k;
  if (!has_option(m, key) && !rn_recipe_key_find(m, key, &k) && !strchr(key, '.')) return;
  char text[512];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  rn_recipe_put(r, key, text, "micro.c");
}

rn_recipe *micro_recipe(const rn_system *m, int updates) {
  if (!m->phases) return NULL;
  rn_recipe *r = rn_recipe_new(m->name);
  // what acts by a table, or computes on one, needs an environment that is one
  const rn_need *pi = need_of(m, "pi");
  bool tabular = (pi && pi->house && strcmp(pi->house, "softmax-table") == 0) || strstr(m->name, "/exact");
  const rn_need *data = need_of(m, "data"), *env = need_of(m, "env"), *judge = need_of(m, "judge");
  if (data && !data->optional) put(r, m, "data", "%s", micro_log());
  bool online = has_option(m, "online") || has_option(m, "steps");
  if (env || (online && data)) put(r, m, "env", "%s", tabular ? (strcmp(m->name, "iql/exact") == 0 ? "mdp:random(5,3,0,7)" : "mdp:random(5,3,10,7)") : "pendulum");
  if (judge) put(r, m, "slots.judge", "prefmat:rps"), put(r, m, "slots.reference", "uniform");
  put(r, m, "hidden", "16x8"), put(r, m, "batch", "32"), put(r, m, "start", "%d", updates / 3), put(r, m, "capacity", "64");
  put(r, m, "offline", "%d", data && !data->optional ? updates / 2 : 0), put(r, m, "online", "%d", updates / 2), put(r, m, "updates", "%d", updates);
  put(r, m, "iterations", "%d", updates), put(r, m, "horizon", "16"), put(r, m, "minibatch", "16"), put(r, m, "epochs", "2"), put(r, m, "rows", "2");
  put(r, m, "steps", "%d", has_option(m, "horizon") ? updates * 32 : updates + updates / 3);
  put(r, m, "every", "%d", RN_MAX(updates / 4, 1)), put(r, m, "evaluate", "0"), put(r, m, "episodes", "2"), put(r, m, "log", "5");
  return r;
}

static volatile sig_atomic_t no_signal;

static int run(const rn_recipe *r, const char *folder, int threads, bool resume) {
  rn_error err = {0};
  rn_train_options o = {.folder = folder, .threads = threads, .interrupt = &no_signal};
  rn_code code = resume ? rn_resume(&o, &err) : rn_train(r, &o, &err);
  if (code != RN_OK) fprintf(stderr, "%s\n", err.text);
  return code;
}

// RN_KILL_AFTER=n: the engine ends its own process by SIGKILL after n updates (engine.c), at any of them, between checkpoints too
int micro_train(const rn_recipe *r, const char *folder, int threads, long kill_at, bool resume) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    if (kill_at > 0) {
      char text[32];
      snprintf(text, sizeof text, "%ld", kill_at);
      setenv("RN_KILL_AFTER", text, 1);
    }
    _exit(run(r, folder, threads, resume));
  }
  int status;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

uint64_t micro_hash(const char *folder) {
  char at[700], newest[300] = "", path[1024];
  snprintf(at, sizeof at, "%s/checkpoint", folder);
  DIR *d = opendir(at);
  for (struct dirent *e; d && (e = readdir(d));) if (strstr(e->d_name, ".safetensors") && !strstr(e->d_name, ".tmp") && strcmp(e->d_name, newest) > 0) snprintf(newest, sizeof newest, "%s", e->d_name);
  if (d) closedir(d);
  snprintf(path, sizeof path, "%s/%s", at, newest);
  char *bytes;
  size_t n;
  rn_error err = {0};
  CHECK_THAT(rn_read_file(path, &bytes, &n, &err), "%s", err.text);
  uint64_t h = rn_hash(bytes, n, 0);
  rn_free(bytes);
  return h;
}
