/* Any bytes are a recipe or one message; a recipe prints as something that reads back to the same. Seeds: recipes/ and claims/. */
#include "rein/recipe.h"
#include <stdlib.h>

typedef struct { double gamma; int offline, how; bool twin; } toy;
static const rn_option options[] = {RN_OPTION(toy, gamma, 0.99, 0, 1, "discount"), RN_OPTION(toy, offline, 100, 0, 2e9, "updates"),
                                    RN_CHOICE(toy, how, 1, "mean|min", "over members"), RN_OPTION(toy, twin, 1, 0, 1, "two"), {0}};
static const rn_need needs[] = {{"judge", RN_SLOT_JUDGE, 0, "preferences"}, {0}};
static const rn_phase phases[] = {{"offline", offsetof(toy, offline)}, {0}};
static const rn_system system_toy = {.name = "toy", .self = sizeof(toy), .options = options, .needs = needs, .phases = phases};

// libfyaml 0.7.12 loses 512 bytes at some unclosed quotes
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libfyaml"; }

static void must(bool cond, const char *what) {
  if (cond) return;
  fprintf(stderr, "not so: %s\n", what);
  abort();
}

static void same(const rn_recipe *a, const rn_recipe *b) {
  must(rn_recipe_count(a) == rn_recipe_count(b), "as many keys");
  for (int i = 0; i < rn_recipe_count(a); i++) {
    const rn_given *v = rn_recipe_at(a, i), *w = rn_recipe_find(b, v->key);
    must(w && v->items == w->items && v->null == w->null && strcmp(v->text, w->text) == 0, "the same value");
  }
}

static void print_and_read(const rn_recipe *r, const rn_system *system) {
  rn_error err = {0};
  char *text = rn_recipe_print(r, system);
  rn_recipe *again = *text ? rn_recipe_parse("again", text, strlen(text), &err) : rn_recipe_new(NULL);
  if (!again && rn_recipe_count(r) == 0) again = rn_recipe_new(NULL);
  if (!again) fprintf(stderr, "%s\n%s\n", err.text, text);
  must(again != NULL, "reads back");
  if (!system) same(r, again);
  rn_recipe_free(again), rn_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  rn_error err = {0};
  rn_recipe *r = rn_recipe_parse("fuzz", (const char *)bytes, n, &err);
  must((r == NULL) == (err.code != RN_OK) && (r || err.text[0]), "a recipe or a message");
  if (!r) return 0;
  print_and_read(r, NULL);
  toy o = {0};
  rn_columns columns;
  if (rn_recipe_check(r, &system_toy, &err)) must(rn_recipe_fill(r, &system_toy, &o, &err), "what is checked fills"), print_and_read(r, &system_toy);
  else must(err.code == RN_INPUT && err.text[0], "a message");
  err = (rn_error){0};
  rn_recipe_columns(r, &columns, &err);
  rn_recipe_free(r);
  return 0;
}
