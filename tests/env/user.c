/* An environment of a user's own: the one of docs/environment.md, as it stands there, is compiled, loaded and stepped; wrong ones are refused. */
#include "test.h"
#include "rein/worlds.h"
#include <stdlib.h>
#include <unistd.h>

static char *compile(const char *source, const char *name) {       // the shared object's path, or NULL
  rn_error err = {0};
  char *c = rn_printed("%s/%s.c", test_folder(), name), *so = rn_printed("%s/%s.so", test_folder(), name);
  CHECK_THAT(rn_write_file(c, source, strlen(source), &err), "%s", err.text);
  char *command = rn_printed("cc -std=c17 -Wall -Wextra -Wno-missing-field-initializers -Werror -O2 -shared -fPIC -I '%s/include' -o '%s' '%s' -lm", TEST_SOURCE, so, c);
  int failed = system(command);
  rn_free(command), rn_free(c);
  CHECK_THAT(!failed, "the compiler says %d", failed);
  return so;
}

static char *example(void) {                                       // the text between ```c and ```
  rn_error err = {0};
  char *text;
  size_t n;
  CHECK_THAT(rn_read_file(TEST_SOURCE "/docs/environment.md", &text, &n, &err), "%s", err.text);
  char *from = strstr(text, "```c\n"), *to = from ? strstr(from + 5, "\n```") : NULL;
  CHECK_THAT(to, "docs/environment.md has no example");
  to[1] = 0;
  char *c = rn_copy_text(from + 5);
  rn_free(text);
  return c;
}

static uint64_t play(const rn_env_kind *kind, int threads, double *mean) {
  rn_error err = {0};
  rn_threads_set(threads);
  rn_run *run = rn_run_new(2, 0);
  rn_worlds *w = rn_worlds_new(run, kind, "env", 450, &err);
  CHECK_THAT(w, "%s", err.text);
  rn_worlds_reset_all(w);
  float act[450];
  double sum = 0;
  int ends = 0, limits = 0;
  for (long t = 0; t < 450; t++) {
    // an ordinary controller: what flows out at the set level, and more while the level is low; the last 50 worlds' pump is stuck open
    for (int i = 0; i < w->n; i++) {
      const float *x = w->env.obs + 4 * i;
      act[i] = i >= 400 ? 1 : (1.2f * sqrtf(x[2]) + 6 * (x[2] - x[1]) - 3 * (x[0] - x[2])) / 1.5f - 1;
    }
    CHECK_THAT(rn_worlds_step(w, act), "%s", rn_stopped(run)->text);
    for (int i = 0; i < w->n; i++) {
      if (i < 400) sum += (double)w->env.reward[i];
      CHECK(w->executed[i] >= 0 && w->executed[i] <= 3);
      if (i < 400 && w->env.terminated[i]) CHECK(w->env.obs[4 * i] > 2 || w->env.obs[4 * i + 1] > 2);
      ends += w->env.terminated[i], limits += w->env.truncated[i];
    }
    rn_worlds_next_episode(w, NULL);
  }
  CHECK_THAT(ends > 50 && limits >= 400, "%d ends, %d limits", ends, limits);
  *mean = sum / (400 * 450);
  uint64_t h = rn_state_hash(run);
  rn_run_free(run);
  rn_threads_set(1);
  return h;
}

TEST(the_documents_example_works_as_it_stands) {
  char *c = example();
  int lines = 0;
  for (const char *at = c; *at; at++) lines += *at == '\n';
  CHECK_THAT(lines <= 70, "the example has %d lines", lines);
  char *so = compile(c, "tanks");
  rn_error err = {0};
  const rn_env_kind *kind = rn_env_find(so, &err);
  CHECK_THAT(kind && strcmp(kind->name, "tanks") == 0, "%s", err.text);
  double mean;
  uint64_t one = play(kind, 1, &mean);
  CHECK_THAT(one == play(kind, 7, &mean), "threads change bytes");
  CHECK_THAT(mean > -0.2 && mean < -0.01, "a plain controller stays %g m from its level", -mean);
  rn_free(c), rn_free(so);
}

static void refused(const char *source, const char *name, const char *says) {
  char *so = compile(source, name);
  rn_error err = {0};
  CHECK_THAT(!rn_env_find(so, &err), "%s was loaded", name);
  CHECK(err.code == RN_INPUT);
  CHECK_TEXT(err.text, says);
  CHECK_TEXT(err.text, so);
  rn_free(so);
}

TEST(a_shared_object_that_is_no_environment_is_refused) {
  refused("int nothing;\n", "nothing", "has no rn_env_user; an environment exports `const rn_env_kind rn_env_user`");
  refused("#include \"rein/env.h\"\nconst rn_env_kind rn_env_user = {.abi = RN_ENV_ABI + 1, .name = \"old\"};\n", "old", "compile it again");
  refused("#include \"rein/env.h\"\nconst rn_env_kind rn_env_user = {.abi = RN_ENV_ABI, .name = \"half\"};\n", "half", "half: reset is missing");
  refused("extern int lost(void); int use(void) { return lost(); }\n", "lost", "");
  rn_error err = {0};
  char *text = rn_printed("%s/text.so", test_folder());
  CHECK(rn_write_file(text, "no object", 9, &err) && !rn_env_find(text, &err));
  CHECK_TEXT(err.text, "text.so: ");
  rn_free(text);
}

TEST(an_environment_uses_no_symbol_of_rein) {
  char *c = example(), *so = compile(c, "alone"), *command = rn_printed("nm -D --undefined-only '%s' | grep -q ' rn_'", so);
  CHECK_THAT(system(command) != 0, "the example needs a symbol of rein");
  rn_free(c), rn_free(so), rn_free(command);
}
