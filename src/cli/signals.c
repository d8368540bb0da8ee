/* cli/signals.c - the first SIGINT or SIGTERM asks the engine to save and stop, the second ends the process. */
#include "cli.h"
#include <string.h>
#include <unistd.h>

volatile sig_atomic_t cli_interrupt;

static void handle(int number) {
  static const char first[] = "\nrein: stopping after this update and saving the state; once more stops at once\n", second[] = "\nrein: stopped at once\n";
  if (cli_interrupt) {
    if (write(2, second, sizeof second - 1) < 0) _exit(128 + number);
    _exit(128 + number);
  }
  cli_interrupt = number;
  if (isatty(2) && write(2, first, sizeof first - 1) < 0) return;
}

void cli_watch_signals(void) {
  struct sigaction how = {.sa_handler = handle};
  sigemptyset(&how.sa_mask);
  sigaction(SIGINT, &how, NULL), sigaction(SIGTERM, &how, NULL);
  signal(SIGPIPE, SIG_IGN);                                    // a reader that went away is an error of write, not a silent end
}
