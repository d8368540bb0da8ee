/* base/error.c - messages for a user's mistake, and the end of a program with a bug. */
#include "rein/base.h"
#include <stdlib.h>
#include <string.h>

_Thread_local const char *rn_site;

static void (*fatal_handler)(const char *message, void *context);
static void *fatal_context;

static bool fail(rn_error *err, rn_code code, const char *format, va_list list) {
  if (err->code != RN_OK) return false;                        // the first message is the cause
  err->code = code;
  vsnprintf(err->text, sizeof err->text, format, list);
  return false;
}

bool rn_fail(rn_error *err, const char *format, ...) {
  va_list list;
  va_start(list, format);
  fail(err, RN_INPUT, format, list);
  va_end(list);
  return false;
}

bool rn_fail_as(rn_error *err, rn_code code, const char *format, ...) {
  va_list list;
  va_start(list, format);
  fail(err, code, format, list);
  va_end(list);
  return false;
}

void rn_on_fatal(void (*handler)(const char *message, void *context), void *context) {
  fatal_handler = handler, fatal_context = context;
}

void rn_fatal(const char *function, const char *format, ...) {
  char text[2048];
  size_t n = (size_t)snprintf(text, sizeof text, rn_site ? "%s, called from %s: " : "%s: ", function, rn_site);
  va_list list;
  va_start(list, format);
  vsnprintf(text + n, sizeof text - n, format, list);
  va_end(list);
  if (fatal_handler) fatal_handler(text, fatal_context);
  fprintf(stderr, "rein: a bug of rein's own: %s\n", text);
  exit(RN_BUG);
}
