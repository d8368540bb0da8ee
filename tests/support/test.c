/* test.c - runs the tests of a program under cmocka; `test.NAME PATTERN` runs those whose names hold the pattern. */
#include "test.h"
#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>
// cmocka wants these four first
#include <cmocka.h>

enum { MOST = 512 };
static struct CMUnitTest tests[MOST];
static void (*bodies[MOST])(void);
static int count;
static char folder[256];

static void run(void **state) { (*(void (**)(void))*state)(); }

void test_register(const char *name, void (*body)(void)) {
  if (count == MOST) abort();
  bodies[count] = body;
  tests[count] = (struct CMUnitTest){name, run, NULL, NULL, &bodies[count]};
  count++;
}

void test_fail(const char *file, int line, const char *format, ...) {
  char text[4096];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  print_error("%s\n", text);
  _fail(file, line);
  abort();
}

void test_near(const char *file, int line, const char *text, double a, double b, double tolerance, const char *format, ...) {
  if (fabs(a - b) <= tolerance * fmax(1, fabs(b))) return;
  char why[512];
  va_list list;
  va_start(list, format);
  vsnprintf(why, sizeof why, format, list);
  va_end(list);
  test_fail(file, line, "%s = %.12g, should be %.12g within %g%s%s", text, a, b, tolerance, *why ? ": " : "", why);
}

void test_skip(const char *format, ...) {
  va_list list;
  va_start(list, format);
  printf("SKIPPED: "), vprintf(format, list), printf("\n");
  va_end(list);
  skip();
  abort();
}

const char *test_folder(void) {
  static int calls;
  const char *top = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
  snprintf(folder, sizeof folder, "%s/rein-test-%ld-%d", top, (long)getpid(), calls++);
  char command[600];
  snprintf(command, sizeof command, "rm -rf '%s' && mkdir -p '%s'", folder, folder);
  if (system(command) != 0) test_fail(__FILE__, __LINE__, "no folder %s", folder);
  return folder;
}

static void remove_folders(void) {
  char command[600];
  snprintf(command, sizeof command, "rm -rf '%s'/rein-test-%ld-*", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (long)getpid());
  if (system(command) != 0) fprintf(stderr, "test folders were left behind\n");
}

static jmp_buf out_of_fatal;
static char fatal_text[2048];
static void jump(const char *message, void *context) {
  (void)context;
  snprintf(fatal_text, sizeof fatal_text, "%s", message);
  longjmp(out_of_fatal, 1);
}

const char *test_fatal(void (*body)(void *context), void *context) {
  rn_on_fatal(jump, NULL);
  const char *message = NULL;
  if (setjmp(out_of_fatal)) message = fatal_text;
  else body(context);
  rn_on_fatal(NULL, NULL);
  return message;
}

int main(int argc, char **argv) {
  struct CMUnitTest chosen[MOST];
  int n = 0;
  for (int i = 0; i < count; i++) if (argc < 2 || strstr(tests[i].name, argv[1])) chosen[n++] = tests[i];
  pid_t me = getpid();
  int failed = _cmocka_run_group_tests(argv[0], chosen, (size_t)n, NULL, NULL);
  if (getpid() == me) remove_folders();
  return failed ? 1 : 0;
}
