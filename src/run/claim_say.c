/* run/claim_say.c - the result of a claim as Markdown and as JSON. */
#include "claim.h"
#include <math.h>
#include <string.h>
#include <time.h>

/* The commit of the folder we are in: .git/HEAD, followed once, also from a worktree; "unknown" outside a checkout. */
static bool read_line(const char *path, char line[256]) {
  rn_error err = {0};
  char *text;
  size_t n;
  if (!rn_exists(path) || !rn_read_file(path, &text, &n, &err)) return false;
  snprintf(line, 256, "%.*s", (int)strcspn(text, "\n"), text);
  rn_free(text);
  return true;
}

static void commit_of(char out[256]) {
  char folder[256] = ".git", head[256], path[800];
  if (read_line(".git", head) && !strncmp(head, "gitdir: ", 8)) snprintf(folder, sizeof folder, "%.247s", head + 8);     // a worktree
  snprintf(out, 256, "unknown"), snprintf(path, sizeof path, "%s/HEAD", folder);
  if (!read_line(path, head)) return;
  if (strncmp(head, "ref: ", 5)) { snprintf(out, 256, "%s", head); return; }
  snprintf(path, sizeof path, "%s/%s", folder, head + 5);
  if (read_line(path, out)) return;
  snprintf(path, sizeof path, "%s/../../%s", folder, head + 5);
  if (!read_line(path, out)) snprintf(out, 256, "unknown");
}

static void say_number(rn_text *t, double x) {
  if (isnan(x)) rn_say_text(t, "-");
  else rn_say_text(t, fabs(x) >= 1e5 || (x != 0 && fabs(x) < 1e-3) ? "%.3e" : "%.4f", x);
}

static void say_line(rn_text *t, const claim_line *l) {
  rn_say_text(t, "| %s | %s | ", l->name, l->what), say_number(t, l->x.value), rn_say_text(t, " | ");
  if (!isnan(l->x.low)) rn_say_text(t, "["), say_number(t, l->x.low), rn_say_text(t, ", "), say_number(t, l->x.high), rn_say_text(t, "]");
  rn_say_text(t, " | %s |\n", !l->judged ? "" : l->verdict == RN_CONFIRMED ? "met" : l->verdict == RN_REFUTED ? "refuted" : "open");
}

static void say_table(rn_text *t, const char *title, const claim_line *lines, int n) {
  if (!n) return;
  rn_say_text(t, "\n## %s\n\n| name | what | value | 95 %% interval | |\n| --- | --- | --- | --- | --- |\n", title);
  for (int i = 0; i < n; i++) say_line(t, &lines[i]);
}

static void say_key(const claim *c, rn_text *t, const char *key, const char *before) {
  const rn_given *v = rn_recipe_find(c->file, key);
  if (v) rn_say_text(t, "%s%s\n", before, v->text);
}

static void say_arms(const claim *c, rn_text *t) {
  rn_say_text(t, "\n## Arms\n\n| arm | recipe | fingerprint |\n| --- | --- | --- |\n");
  for (int i = 0; i < c->arms; i++) {
    rn_say_text(t, "| %s | ", c->arm[i].name);
    for (int k = 0; k < rn_recipe_count(c->arm[i].recipe); k++) {
      const rn_given *v = rn_recipe_at(c->arm[i].recipe, k);
      rn_say_text(t, "%s%s=%s", k ? " " : "", v->key, v->text);
    }
    if (c->arm[i].value) rn_say_text(t, " *%s=%s, picked*", rn_recipe_find(c->file, "tune.key")->text, c->arm[i].value);
    if (c->arm[i].data) rn_say_text(t, " data: %s", c->arm[i].data);
    rn_say_text(t, " | %s |\n", c->arm[i].print);
  }
}

static void say_json_line(rn_text *t, const claim_line *l) {
  rn_say_text(t, "{\"name\": "), rn_say_json(t, l->name), rn_say_text(t, ", \"what\": "), rn_say_json(t, l->what);
  const struct { const char *key; double x; } part[] = {{"value", l->x.value}, {"low", l->x.low}, {"high", l->x.high}};
  for (int i = 0; i < 3; i++)
    if (isfinite(part[i].x)) rn_say_text(t, ", \"%s\": %.17g", part[i].key, part[i].x);
    else rn_say_text(t, ", \"%s\": null", part[i].key);
  if (l->judged) rn_say_text(t, ", \"verdict\": \"%s\"", rn_verdict_name(l->verdict));
  rn_say_text(t, "}");
}

void claim_say(const claim *c, int seeds, const claim_line *lines, int n, rn_verdict verdict, double minutes, rn_text *text, rn_text *json) {
  char commit[256];
  commit_of(commit);
  rn_say_text(text, "# %s: %s\n\n", c->name, rn_verdict_name(verdict));
  say_key(c, text, "paper", "Paper: "), say_key(c, text, "claim", "\nThe paper's claim: "), say_key(c, text, "here", "\nHere: ");
  rn_say_text(text, "\nSeeds 0 .. %d", seeds - 1);
  if (c->tasks > 1) rn_say_text(text, ", %d tasks", c->tasks);
  if (c->values) rn_say_text(text, ", tuned over %d values on %d seeds from 100", c->values, c->tune_seeds);
  rn_say_text(text, "; intervals: 95 %%, %d stratified bootstrap resamples, paired by seed and task; %d bars in this family.\n", c->resamples ? c->resamples : 2000,
              c->bars);
  rn_say_text(text, "Command: `rein claim %s`. Commit: %s. This run took %.1f minutes (cells known from before cost nothing).\n", c->name, commit, minutes);
  say_table(text, "Gates", lines, c->gates);
  say_table(text, "Bars", lines + c->gates, c->bars), say_table(text, "Report", lines + c->gates + c->bars, n - c->gates - c->bars);
  say_arms(c, text);
  say_key(c, text, "note", "\n");
  rn_say_text(json, "{\"claim\": "), rn_say_json(json, c->name);
  rn_say_text(json, ", \"verdict\": \"%s\", \"seeds\": %d, \"tasks\": %d, \"commit\": \"%s\", \"minutes\": %.3f, \"lines\": [", rn_verdict_name(verdict), seeds,
              c->tasks, commit, minutes);
  for (int i = 0; i < n; i++) rn_say_text(json, i ? ", " : ""), say_json_line(json, &lines[i]);
  rn_say_text(json, "]}\n");
}
