/* cli/data.c - data show, convert, make. */
#include "cli.h"
#include "rein/worlds.h"
#include <stdlib.h>

// columns.KEY=NAME arguments from `from` on, and --columns auto
static rn_recipe *columns_of(cli *c, int from, rn_columns *columns, rn_error *err) {
  rn_recipe *r = rn_recipe_new(NULL);
  bool fine = true;
  const char *how = cli_text(c, "columns");
  for (int i = from; i < c->n && fine; i++) {
    if (strncmp(c->args[i], "columns.", 8) != 0 && strncmp(c->args[i], "columns={", 9) != 0) {
      fine = rn_fail(err, "rein %s: '%s' is not columns.KEY=NAME", c->verb->name, c->args[i]);
      break;
    }
    fine = rn_recipe_set(r, c->args[i], err);
  }
  fine = fine && rn_recipe_columns(r, columns, err);
  if (fine && how && strcmp(how, "auto") != 0) fine = rn_fail(err, "--columns: '%s'; it takes `auto`, and columns.obs=[a,b] columns.act=c ... name them", how);
  columns->automatic = how != NULL;
  if (fine) return r;
  rn_recipe_free(r);
  return NULL;
}

static bool any_columns(const rn_columns *k) { return k->n_obs || k->n_act || k->reward || k->automatic || k->n_next; }

static rn_table *load(const char *path, const rn_columns *columns, rn_error *err) { return rn_table_load(path, columns && any_columns(columns) ? columns : NULL, err); }

static bool load_reference(const cli *c, const char *option, const rn_table **out, rn_table **own, rn_error *err) {
  const char *path = cli_text(c, option);
  if (path && !(*own = load(path, NULL, err))) return false;
  *out = *own;
  return true;
}

rn_code cli_data_show(cli *c, rn_error *err) {
  rn_columns columns = {0};
  rn_recipe *r = columns_of(c, 1, &columns, err);
  rn_table *t = r ? load(c->args[0], &columns, err) : NULL, *own[3] = {0};
  rn_report_against against = {0};
  bool fine = t && load_reference(c, "reference", &against.reference, &own[0], err) && load_reference(c, "worst", &against.worst, &own[1], err) &&
              load_reference(c, "best", &against.best, &own[2], err);
  if (fine) {
    rn_table_figures f;
    rn_text text = {0};
    const char *said = rn_table_said(t);
    rn_table_report(t, &against, &f);
    if (c->json) rn_table_report_json(t, &f, &text);
    else rn_table_report_text(t, &f, &text);
    printf("%s%s", text.at, text.n && text.at[text.n - 1] == '\n' ? "" : "\n");
    if (!c->json && said && *said) printf("  reader: %s\n", said);
    rn_free(text.at);
  }
  for (int i = 0; i < 3; i++) rn_table_free(own[i]);
  rn_table_free(t), rn_recipe_free(r);
  return fine ? RN_OK : err->code;
}

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

static bool write_as(const rn_table *t, const char *path, rn_error *err) {
  if (ends_with(path, ".safetensors")) return rn_write_safetensors_table(t, path, err);
  if (ends_with(path, ".hdf5") || ends_with(path, ".h5")) return rn_write_d4rl(t, path, err);
  if (ends_with(path, ".csv")) return rn_write_csv(t, path, err);
  if (ends_with(path, "/")) return rn_write_minari(t, path, err);
  return rn_fail(err, "%s: what kind is it to be? .safetensors, .hdf5 (D4RL), .csv, or a folder ending in / (Minari)", path);
}

static bool known_kind(const char *path, rn_error *err) {
  return ends_with(path, ".safetensors") || ends_with(path, ".hdf5") || ends_with(path, ".h5") || ends_with(path, ".csv") || ends_with(path, "/") ||
         rn_fail(err, "%s: what kind is it to be? .safetensors, .hdf5 (D4RL), .csv, or a folder ending in / (Minari)", path);
}

static void say_written(const cli *c, const char *path, const char *reader) {
  if (c->json) {
    rn_text t = {0};
    rn_say_text(&t, "{\"out\": "), rn_say_json(&t, path), rn_say_text(&t, ", \"reader\": "), rn_say_json(&t, reader ? reader : "");
    printf("%s}\n", t.at);
    rn_free(t.at);
  } else if (!c->quiet) {
    printf("%s\n", path);
    if (reader && *reader) printf("  reader: %s\n", reader);
  }
}

rn_code cli_data_convert(cli *c, rn_error *err) {
  rn_columns columns = {0};
  rn_recipe *r = known_kind(c->args[1], err) ? columns_of(c, 2, &columns, err) : NULL;
  rn_table *t = r ? load(c->args[0], &columns, err) : NULL;
  bool fine = t && write_as(t, c->args[1], err);
  if (fine) say_written(c, c->args[1], rn_table_said(t));
  rn_table_free(t), rn_recipe_free(r);
  return fine ? RN_OK : err->code;
}

//---- make ----------------------------------------------------------------------------------------------------------------------------------

static bool whole(const char *key, const char *text, long least, long *out, rn_error *err) {
  double x;
  if (!rn_number(text, &x) || x != floor(x) || x < (double)least || x > 1e15) return rn_fail(err, "command line: %s: '%s' is not a whole number of %ld or more", key, text, least);
  return *out = (long)x, true;
}

static bool take_order(const cli *c, rn_data_order *o, rn_error *err) {
  static const char *const keys[] = {"policy", "episodes", "steps", "seed"};
  long seed = 1;
  for (int i = 1; i < c->n; i++) {
    const char *equals = strchr(c->args[i], '='), *text = equals ? equals + 1 : "";
    char key[64];
    int k = 0;
    snprintf(key, sizeof key, "%.*s", (int)strcspn(c->args[i], "="), c->args[i]);
    while (k < RN_COUNT(keys) && strcmp(keys[k], key) != 0) k++;
    const char *near = k == RN_COUNT(keys) ? rn_nearest(key, RN_COUNT(keys), keys) : NULL;
    if (near) return rn_fail(err, "rein data make: '%s' is not one of its keys; did you mean '%s=...'?", c->args[i], near);
    if (k == RN_COUNT(keys)) return rn_fail(err, "rein data make: '%s' is not one of its keys: policy, episodes, steps, seed", c->args[i]);
    if (!*text) return rn_fail(err, "rein data make: %s has no value; write %s=VALUE", key, key);
    if (k == 0) o->policy = text;
    else if (!whole(key, text, k == 3 ? 0 : 1, k == 1 ? &o->episodes : k == 2 ? &o->steps : &seed, err)) return false;
  }
  o->seed = (uint64_t)seed;
  if (!o->policy) return rn_fail(err, "rein data make wants policy=random, policy=RUN or policy=mix:0.9*random+0.1*RUN");
  if ((o->episodes == 0) == (o->steps == 0)) return rn_fail(err, "rein data make wants one of episodes=N and steps=N");
  return true;
}

rn_code cli_data_make(cli *c, rn_error *err) {
  rn_data_order o = {.env = c->args[0], .out = cli_text(c, "out"), .threads = (int)cli_whole(c, "threads", 0), .interrupt = &cli_interrupt};
  if (!o.out) return rn_fail(err, "rein data make: where to? --out F.safetensors, F.hdf5, F.csv, or a folder/"), RN_INPUT;
  if (!known_kind(o.out, err) || !take_order(c, &o, err)) return err->code;
  rn_code code = rn_data_make(&o, err);
  if (code == RN_OK) say_written(c, o.out, NULL);
  return code;
}
