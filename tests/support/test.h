/* test.h - a fact a test: TEST(name_states_the_fact) { CHECK(...); }   cmocka runs them; main is in test.c. */
#ifndef REIN_TEST_H
#define REIN_TEST_H
#include "rein/base.h"
#include <math.h>
#include <string.h>

void test_register(const char *name, void (*body)(void));
_Noreturn void test_fail(const char *file, int line, const char *format, ...) RN_PRINTF(3, 4);
void test_near(const char *file, int line, const char *text, double a, double b, double tolerance, const char *format, ...) RN_PRINTF(7, 8);
_Noreturn void test_skip(const char *format, ...) RN_PRINTF(1, 2);         // says why, counts as skipped
const char *test_folder(void);                                             // an empty folder of this test's own
/* Runs body(context) and answers the message of the fatal error it ends with, or NULL when it returns. */
const char *test_fatal(void (*body)(void *context), void *context);

#define TEST(name) \
  static void name(void); \
  __attribute__((constructor)) static void register_##name(void) { test_register(#name, name); } \
  static void name(void)
#define CHECK_THAT(cond, ...) ((cond) ? (void)0 : test_fail(__FILE__, __LINE__, __VA_ARGS__))
#define CHECK(cond) CHECK_THAT(cond, "not so: %s", #cond)
#define CHECK_NEAR(a, b, tolerance, ...) test_near(__FILE__, __LINE__, #a, a, b, tolerance, "" __VA_ARGS__)    // within tolerance max(1, |b|)
#define CHECK_TEXT(text, part) CHECK_THAT(strstr(text, part), "'%s' does not say '%s'", text, part)
#endif
