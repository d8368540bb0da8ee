/* cli/main.c - the program: finds the verb, runs it, ends with its code. */
#include "cli.h"
#include <stdlib.h>

static void free_line(cli *c) { rn_free(c->args), rn_free(c->command); }

// verbs that begin with this word
static void group_help(const char *word) {
  size_t n = strlen(word);
  for (int i = 0; cli_verb_at(i); i++) {
    const cli_verb *v = cli_verb_at(i);
    if (strncmp(v->name, word, n) == 0 && v->name[n] == ' ') printf("rein %s %s\n    %s\n", v->name, v->arguments, v->summary);
  }
}

// what was written to standard output is there, or that is the error
static rn_code close_output(rn_code code) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return code;
  fprintf(stderr, "rein: standard output can't be written\n");
  return code == RN_OK ? RN_SYSTEM : code;
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "--rein-reader") == 0) return rn_reader_main(argc, argv);
  rn_error err = {0};
  cli c = {0};
  rn_code code = RN_OK;
  cli_watch_signals();
  if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) printf("rein %s\n", REIN_VERSION);
  else if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) cli_usage(stdout);
  else if (!cli_parse(&c, argc, argv, &err)) code = err.code;
  else if (!c.verb && argc > 1) group_help(argv[1]);
  else if (!c.verb) cli_usage(stderr), code = RN_INPUT;
  else if (cli_flag(&c, "help")) cli_verb_help(c.verb);
  else code = c.verb->run(&c, &err);
  code = close_output(code);
  if (err.code != RN_OK && code != RN_OK) cli_error(&err);
  free_line(&c);
  return (int)code;
}
