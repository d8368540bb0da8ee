/* run/checkpoint.c - all state of a run in one safetensors file, whole or not at all, with a hash of its own. */
#include "session.h"
#include <dirent.h>
#include <stdlib.h>

bool state_write(const rn_run *run, const char *path, int figures, const char *const *names, const double *values, int notes, const rn_tensor_note *note,
                 rn_error *err) {
  int n = 0;
  rn_entry e;
  while (rn_state_entry(run, n, &e)) n++;
  rn_tensor *t = rn_new((size_t)(n + figures + 1) * sizeof *t);
  for (int i = 0; rn_state_entry(run, i, &e); i++) {
    t[i] = (rn_tensor){.name = e.name, .type = (int)e.type, .dims = e.dims, .data = e.data};
    memcpy(t[i].dim, e.dim, sizeof e.dim);
  }
  for (int i = 0; i < figures; i++) t[n + i] = (rn_tensor){.name = names[i], .type = RN_F64, .data = &values[i]};
  bool fine = rn_safetensors_write(path, n + figures, t, notes, note, err);
  rn_free(t);
  return fine;
}

static int newest_first(const void *a, const void *b) { return strcmp(*(char *const *)b, *(char *const *)a); }

int checkpoint_list(const char *folder, char ***paths) {
  char *at = rn_printed("%s/checkpoint", folder);
  DIR *d = opendir(at);
  int n = 0;
  *paths = NULL;
  for (struct dirent *e; d && (e = readdir(d));) {
    size_t length = strlen(e->d_name);
    if (length < 13 || strcmp(e->d_name + length - 12, ".safetensors") != 0) continue;
    *paths = rn_grow(*paths, (size_t)n * sizeof **paths, (size_t)(n + 1) * sizeof **paths);
    (*paths)[n++] = rn_printed("%s/%s", at, e->d_name);
  }
  if (d) closedir(d);
  rn_free(at);
  if (n) qsort(*paths, (size_t)n, sizeof **paths, newest_first);
  return n;
}

bool checkpoint_write(session *s, const char *folder, rn_error *err) {
  rn_worlds_before_save(s->run);
  char *path = rn_printed("%s/checkpoint/%08lld.safetensors", folder, (long long)s->at[AT_TOTAL]), hash[20];
  snprintf(hash, sizeof hash, "%016llx", (unsigned long long)rn_state_hash(s->run));
  bool fine = state_write(s->run, path, 0, NULL, NULL, 3, (rn_tensor_note[]){{"format", "rein 1"}, {"system", s->system->name}, {"hash", hash}}, err);
  rn_free(path);
  char **old;
  int n = checkpoint_list(folder, &old);
  for (int i = 0; i < n; i++) {
    if (fine && i >= 2) fine = rn_remove(old[i], err);
    rn_free(old[i]);
  }
  rn_free(old);
  return fine;
}

bool checkpoint_load(session *s, const char *path, rn_error *err) {
  rn_safetensors *f = rn_load_safetensors(path, err);
  if (!f) return false;
  const char *system = rn_safetensors_note(f, "system"), *hash = rn_safetensors_note(f, "hash");
  bool fine = (system && hash && strcmp(system, s->system->name) == 0) || rn_fail(err, "%s: not a checkpoint of %s", path, s->system->name);
  rn_entry e;
  for (int i = 0; fine && rn_state_entry(s->run, i, &e); i++) {
    const rn_tensor *t = rn_safetensors_find(f, e.name);
    if (!t) fine = rn_fail(err, "%s: has no '%s', which this run needs", path, e.name);
    else if (t->type != (int)e.type || (size_t)t->count != e.count)
      fine = rn_fail(err, "%s: '%s' has %lld entries of %s, this run %zu of %s", path, e.name, (long long)t->count, t->stored, e.count, rn_type_name(e.type));
    else memcpy(e.data, t->data, t->bytes);
  }
  char now[20];
  if (fine) {
    // of what a session without environments does not hold, the file's bytes count as well
    rn_entry all;
    int have = 0;
    while (rn_state_entry(s->run, have, &all)) have++;
    snprintf(now, sizeof now, "%016llx", (unsigned long long)rn_state_hash(s->run));
    if (have == rn_safetensors_count(f) && strcmp(now, hash) != 0) fine = rn_fail(err, "%s: damaged: its hash is %s, it says %s", path, now, hash);
  }
  rn_safetensors_close(f);
  return fine;
}
