/* trained.h - a short training run in a folder of the test's own, and what its last checkpoint and its figures hold. */
#ifndef REIN_TRAINED_H
#define REIN_TRAINED_H
#include "rein/run.h"
#include "rein/safetensors.h"
#include "test.h"
#include <dirent.h>

/* "system=pg updates=50 ...", words without blanks in them; trains into `folder` and answers how it ended. */
static inline rn_code train_code(const char *folder, const char *words, rn_error *err) {
  rn_recipe *r = rn_recipe_new(NULL);
  char *copy = rn_copy_text(words);
  bool fine = true;
  for (char *at = copy, *word; fine && (word = strsep(&at, " "));) if (*word) fine = rn_recipe_set(r, word, err);
  const rn_system *s = fine ? rn_recipe_system(r, err) : NULL;
  fine = s && rn_recipe_check(r, s, err) && rn_recipe_needs(r, s, err);
  rn_code code = fine ? rn_train(r, &(rn_train_options){.folder = folder, .threads = 1}, err) : err->code;
  rn_free(copy), rn_recipe_free(r);
  return code;
}

static inline const char *trained(const char *words) {
  rn_error err = {0};
  const char *folder = rn_printed("%s/run", test_folder());
  rn_code code = train_code(folder, words, &err);
  CHECK_THAT(code == RN_OK, "%s", err.text);
  return folder;
}

/* The newest checkpoint; closed by the caller. */
static inline rn_safetensors *last_checkpoint(const char *folder) {
  rn_error err = {0};
  char best[300] = "", path[800];
  snprintf(path, sizeof path, "%s/checkpoint", folder);
  DIR *d = opendir(path);
  CHECK_THAT(d, "no folder %s", path);
  for (struct dirent *e; (e = readdir(d));) if (strstr(e->d_name, ".safetensors") && strcmp(e->d_name, best) > 0) snprintf(best, sizeof best, "%s", e->d_name);
  closedir(d);
  snprintf(path, sizeof path, "%s/checkpoint/%s", folder, best);
  rn_safetensors *s = rn_load_safetensors(path, &err);
  CHECK_THAT(s, "%s", err.text);
  return s;
}

static inline double figure_of(const char *folder, const char *name) {
  rn_error err = {0};
  rn_figure *f;
  int n;
  CHECK_THAT(rn_run_figures(folder, &n, &f, &err) == RN_OK, "%s", err.text);
  double x = NAN;
  for (int i = 0; i < n; i++) if (!strcmp(f[i].name, name)) x = f[i].value;
  rn_free(f);
  return x;
}
#endif
