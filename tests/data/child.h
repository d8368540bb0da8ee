/* child.h - makes a test program able to be the confined reader, as rein itself is. A file named die.csv kills it, for the test of that. */
#ifndef REIN_TEST_CHILD_H
#define REIN_TEST_CHILD_H
#include "rein/data.h"
#include <signal.h>
#include <string.h>
#include <unistd.h>

__attribute__((constructor)) static void be_the_reader(int argc, char **argv) {
  if (argc < 4 || strcmp(argv[1], "--rein-reader") != 0) return;
  size_t n = strlen(argv[3]);
  if (n > 8 && strcmp(argv[3] + n - 8, "/die.csv") == 0) raise(SIGKILL);
  if (n > 9 && strcmp(argv[3] + n - 9, "/loop.csv") == 0) for (;;) {}
  _exit(rn_reader_main(argc, argv));
}
#endif
