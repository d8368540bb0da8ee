/* cli/print.c - tables that align, colours where they are wanted, the line that shows how far a run is. */
#include "cli.h"
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

bool cli_colour(FILE *to) {
  const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
  return !(no && *no) && !(term && strcmp(term, "dumb") == 0) && isatty(fileno(to));
}

int cli_width(void) {
  struct winsize w;
  for (int fd = 1; fd <= 2; fd++) if (isatty(fd) && ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col >= 20) return w.ws_col;
  return 100;
}

const char *cli_on(FILE *to, cli_style s) {
  static const char *const escape[] = {"", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[33m", "\x1b[32m"};
  return cli_colour(to) ? escape[s] : "";
}

const char *cli_off(FILE *to) { return cli_colour(to) ? "\x1b[0m" : ""; }

// letters, not bytes
static int letters(const char *text) {
  int n = 0;
  for (; *text; text++) n += ((unsigned char)*text & 0xC0) != 0x80;
  return n;
}

// prints words up to `width`, going on at `indent`
void cli_wrapped(const char *text, int indent, int width) {
  int at = 0;
  while (*text) {
    size_t n = strcspn(text, " ");
    char word[512];
    snprintf(word, sizeof word, "%.*s", (int)RN_MIN(n, sizeof word - 1), text);
    if (at && at + 1 + letters(word) > width) printf("\n%*s", indent, ""), at = 0;
    at += printf("%s%s", at ? " " : "", word) - (int)strlen(word) + letters(word);
    text += n, text += strspn(text, " ");
  }
  printf("\n");
}

void cli_table(int columns, const char *const head[], int rows, const char *const cells[]) {
  int width[16] = {0}, before = 0;
  for (int c = 0; c < columns - 1; c++) {
    if (head) width[c] = letters(head[c]);
    for (int r = 0; r < rows; r++) width[c] = RN_MAX(width[c], letters(cells[r * columns + c]));
    before += width[c] + 2;
  }
  int last = RN_MAX(cli_width() - before - 2, 30);
  for (int r = head ? -1 : 0; r < rows; r++) {
    const char *const *row = r < 0 ? head : &cells[r * columns];
    printf("  %s", r < 0 ? cli_on(stdout, CLI_BOLD) : "");
    for (int c = 0; c < columns - 1; c++) printf("%s%*s", row[c], width[c] + 2 - letters(row[c]), "");
    cli_wrapped(row[columns - 1], before + 2, last);
    if (r < 0) printf("%s", cli_off(stdout));
  }
}

void cli_error(const rn_error *err) { fprintf(stderr, "%srein: %s%s\n", cli_on(stderr, CLI_RED), cli_off(stderr), err->text); }

void cli_note(const cli *c, const char *kind, const char *text) {
  bool warning = strcmp(kind, "warning") == 0;
  if ((c->quiet && !warning) || (!c->verbose && !warning && strcmp(kind, "note") != 0)) return;
  if (isatty(2)) fprintf(stderr, "\r\x1b[K");
  fprintf(stderr, "%s%s:%s %s\n", cli_on(stderr, warning ? CLI_YELLOW : CLI_DIM), kind, cli_off(stderr), text);
}

//---- progress --------------------------------------------------------------------------------------------------------------------------

double cli_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

char *cli_duration(double s) {
  long n = s > 0 && s < 1e9 ? (long)(s + 0.5) : 0;
  return n < 3600 ? rn_printed("%ld:%02ld", n / 60, n % 60) : rn_printed("%ld:%02ld:%02ld", n / 3600, n / 60 % 60, n % 60);
}

char *cli_count(double x) {
  char digits[64];
  rn_text t = {0};
  int n = snprintf(digits, sizeof digits, "%.0f", fabs(x));
  if (x < 0) rn_say_text(&t, "-");
  for (int i = 0; i < n; i++) rn_say_text(&t, i && (n - i) % 3 == 0 ? ",%c" : "%c", digits[i]);
  return t.at;
}

// as many digits as the interval's width gives sense to
char *cli_interval(double value, double low, double high) {
  if (!isfinite(value)) return rn_printed("not a number");
  double width = isfinite(high - low) && high > low ? high - low : fabs(value) / 100;
  int digits = width > 0 ? (int)ceil(1 - log10(width)) : 3;
  digits = RN_MIN(RN_MAX(digits, 0), 6);
  if (!isfinite(low) || !isfinite(high)) return rn_printed("%.*f", digits, value);
  return rn_printed("%.*f [%.*f, %.*f]", digits, value, digits, low, digits, high);
}

void cli_progress_text(rn_text *t, const rn_progress *p) {
  char *done = cli_count((double)p->update), *all = cli_count((double)p->updates), *steps = cli_count((double)p->steps), *rate = cli_count(p->rate);
  double share = p->all > 0 ? (double)p->done / (double)p->all : p->updates > 0 ? (double)p->update / (double)p->updates : NAN;
  if (isfinite(share)) rn_say_text(t, "%3.0f %%  ", 100 * RN_MIN(share, 1));
  rn_say_text(t, "%s %s", p->phase ? p->phase : "updates", done);
  if (p->updates > 0) rn_say_text(t, " of %s", all);
  if (p->steps > 0) rn_say_text(t, "  %s steps", steps);
  if (p->rate > 0) rn_say_text(t, p->rate < 10 ? "  %.2g/s" : "  %.0f/s", p->rate);
  if (isfinite(p->left)) {
    char *left = cli_duration(p->left);
    rn_say_text(t, "  %s left", left);
    rn_free(left);
  }
  if (p->evaluations > 0) {
    char *mean = cli_interval(p->mean, p->low, p->high);
    rn_say_text(t, "  return %s", mean);
    rn_free(mean);
  }
  rn_free(done), rn_free(all), rn_free(steps), rn_free(rate);
}

void cli_progress_line(cli_progress *p, const char *text, bool force) {
  bool terminal = isatty(2);
  double now = cli_now();
  if (p->quiet) return;
  if (p->started == 0) p->started = p->last = now, force = force || terminal;
  if (!force && now - p->last < (terminal ? 0.1 : 10)) return;
  p->last = now;
  if (terminal) fprintf(stderr, "\r\x1b[K%.*s", cli_width() - 1, text), p->drawn = true;
  else fprintf(stderr, "%s\n", text);
  fflush(stderr);
}

void cli_progress_show(cli_progress *p, const rn_progress *now) {
  rn_text t = {0};
  cli_progress_text(&t, now);
  cli_progress_line(p, t.at, false);
  rn_free(t.at);
}

void cli_progress_end(cli_progress *p) {
  if (p->drawn) fprintf(stderr, "\r\x1b[K"), fflush(stderr);
  p->drawn = false;
}
