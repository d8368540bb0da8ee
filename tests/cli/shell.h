/* shell.h - runs the program as a user does: in a folder of the test's own, both outputs and the exit code kept. */
#ifndef REIN_SHELL_H
#define REIN_SHELL_H
#include "test.h"
#include <stdlib.h>
#include <sys/wait.h>

typedef struct { int code; char *out, *err; } said;
static char shell_folder[300];

static inline void shell_begin(void) { snprintf(shell_folder, sizeof shell_folder, "%s", test_folder()); }

static inline char *shell_file(const char *name) {
  char *path = rn_printed("%s/%s", shell_folder, name), *text;
  size_t n;
  rn_error err = {0};
  CHECK_THAT(rn_read_file(path, &text, &n, &err), "%s", err.text);
  rn_free(path);
  return text;
}

/* `rein` in front of a command means the program of this build. */
RN_PRINTF(1, 2) __attribute__((noinline)) static said sh(const char *format, ...) {
  char line[4096], whole[5000];
  va_list list;
  va_start(list, format);
  vsnprintf(line, sizeof line, format, list);
  va_end(list);
  CHECK_THAT(rn_exists(TEST_BUILD "/rein"), "build the program first: " TEST_BUILD "/rein is not there");
  snprintf(whole, sizeof whole, "cd '%s' && export COLUMNS=100 && rein() { '%s/rein' \"$@\"; } && { %s; } >.out 2>.err </dev/null", shell_folder,
           TEST_BUILD, line);
  int status = system(whole);
  said s = {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), shell_file(".out"), shell_file(".err")};
  return s;
}

static inline void forget(said *s) { rn_free(s->out), rn_free(s->err); }

static void expect(const char *file, int line, int code, const char *part, said s) {
  const char *out = s.out ? s.out : "", *err = s.err ? s.err : "";
  if (s.code != code) test_fail(file, line, "exit %d, should be %d; it said: %s%s", s.code, code, out, err);
  if (!strstr(code ? err : out, part)) test_fail(file, line, "'%s%s' does not say '%s'", out, err, part);
  forget(&s);
}

/* The command ends with `code` and says `part` on standard error (code not 0) or standard output. */
#define EXPECT(code, part, ...) expect(__FILE__, __LINE__, code, part, sh(__VA_ARGS__))
#endif
