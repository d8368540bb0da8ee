/* cli/common.c - recipes from a command line, folders of runs. */
#include "cli.h"
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

// a word that can only be a file, or is one
static bool is_file(const char *word) { return ends_with(word, ".yaml") || ends_with(word, ".yml") || strchr(word, '/'); }

rn_recipe *cli_recipe(const cli *c, const rn_system **system, rn_error *err) {
  const char *first = c->args[0];
  bool keyed = strchr(first, '=') && !rn_exists(first);
  rn_recipe *r = keyed ? rn_recipe_new(NULL) : is_file(first) ? rn_recipe_read(first, err) : rn_recipe_new(first);
  bool fine = r != NULL;
  for (int i = keyed ? 0 : 1; i < c->n && fine; i++) fine = rn_recipe_set(r, c->args[i], err);
  const char **stages = NULL;
  *system = NULL;
  if (fine && (rn_recipe_find(r, "system") || !rn_recipe_names(r, "stages", &stages))) fine = (*system = rn_recipe_system(r, err)) != NULL;
  rn_free(stages);
  fine = fine && rn_recipe_check(r, *system, err);
  if (fine) return r;
  rn_recipe_free(r);
  return NULL;
}

static bool holds(const char *folder, const char *file) {
  char *path = rn_printed("%s/%s", folder, file);
  bool there = rn_exists(path);
  rn_free(path);
  return there;
}

bool cli_is_run(const char *folder) { return holds(folder, "run.sqlite"); }

static int by_number(const void *a, const void *b) {
  const char *x = strrchr(*(char *const *)a, '-'), *y = strrchr(*(char *const *)b, '-');
  double p = atof(x + 1), q = atof(y + 1);
  return (p > q) - (p < q);
}

// FOLDER/seed-N, in the order of N
static int seeds_in(const char *folder, char ***list) {
  DIR *d = opendir(folder);
  int n = 0;
  *list = NULL;
  for (struct dirent *e; d && (e = readdir(d));) {
    if (strncmp(e->d_name, "seed-", 5) != 0 || strspn(e->d_name + 5, "0123456789") != strlen(e->d_name + 5) || !e->d_name[5]) continue;
    char *path = rn_printed("%s/%s", folder, e->d_name);
    if (!cli_is_run(path)) { rn_free(path); continue; }
    *list = rn_grow(*list, (size_t)n * sizeof **list, (size_t)(n + 1) * sizeof **list);
    (*list)[n++] = path;
  }
  if (d) closedir(d);
  if (n) qsort(*list, (size_t)n, sizeof **list, by_number);
  return n;
}

bool cli_runs(int n, const char *const *given, int *count, char ***folders, rn_error *err) {
  *count = 0, *folders = NULL;
  for (int i = 0; i < n; i++) {
    char **seeds = NULL, *one = rn_copy_text(given[i]);
    while (strlen(one) > 1 && ends_with(one, "/")) one[strlen(one) - 1] = 0;
    int m = cli_is_run(one) ? 0 : seeds_in(one, &seeds);
    if (m == 0 && !cli_is_run(one)) {
      struct stat s;
      const char *what = stat(one, &s) != 0 ? "no such folder" : !S_ISDIR(s.st_mode) ? "not a folder" : "holds no run (no run.sqlite, no seed-N)";
      rn_fail(err, "%s: %s; a run is what `rein train ... --out FOLDER` leaves", one, what);
      rn_free(one), cli_runs_free(*count, *folders), *folders = NULL;
      return false;
    }
    if (m == 0) m = 1, seeds = rn_new(sizeof *seeds), seeds[0] = one, one = NULL;
    *folders = rn_grow(*folders, (size_t)*count * sizeof **folders, (size_t)(*count + m) * sizeof **folders);
    memcpy(*folders + *count, seeds, (size_t)m * sizeof *seeds), *count += m;
    rn_free(seeds), rn_free(one);
  }
  return true;
}

void cli_runs_free(int n, char **folders) {
  for (int i = 0; i < n; i++) rn_free(folders[i]);
  rn_free(folders);
}
