/* cli/shell.c - completion for bash and zsh and the manual page, made from the table of verbs. */
#include "cli.h"
#include "rein/worlds.h"

//---- words -------------------------------------------------------------------------------------------------------------------------------

static void say_systems(rn_text *t) {
  int n;
  const rn_system *const *all = rn_systems(&n);
  for (int i = 0; i < n; i++) rn_say_text(t, " %s", all[i]->name);
}

static void say_keys(rn_text *t, const rn_system *s, unsigned mask, unsigned want) {
  rn_recipe_key k;
  for (int i = 0; rn_recipe_key_at(s, i, &k); i++) if ((k.flags & mask) == want) rn_say_text(t, " %s=", k.name);
}

static void say_options(rn_text *t, const cli_verb *v) {
  const cli_option *o;
  for (int i = 0; (o = cli_option_at(v, i)); i++) if (!(o->flags & CLI_HIDDEN)) rn_say_text(t, " --%s", o->name);
}

static void say_offers(rn_text *t, const cli_verb *v) {
  int count;
  if (v->offer & (CLI_SYSTEMS | CLI_NAMES)) say_systems(t);
  if (v->offer & CLI_NAMES) {
    const rn_class *const *classes = rn_classes(&count);
    for (int i = 0; i < count; i++) rn_say_text(t, " %s", classes[i]->name);
    for (int i = 0; rn_env_listed(i); i++) rn_say_text(t, " %s", rn_env_listed(i)->name);
    for (int i = 0; cli_verb_at(i); i++) if (!strchr(cli_verb_at(i)->name, ' ')) rn_say_text(t, " %s", cli_verb_at(i)->name);
    rn_say_text(t, " recipe");
  }
  if (v->offer & CLI_KEYS) say_keys(t, NULL, 0, 0);
  if (v->words)
    for (const char *at = v->words; *at;) {
      size_t n = strcspn(at, "|");
      rn_say_text(t, " %.*s", (int)n, at);
      at += n + (at[n] == '|');
    }
}

// first words of verbs, each once
static void say_verbs(rn_text *t) {
  for (int i = 0; cli_verb_at(i); i++) {
    const char *name = cli_verb_at(i)->name, *before = i ? cli_verb_at(i - 1)->name : "";
    size_t n = strcspn(name, " ");
    if (!(strncmp(name, before, n) == 0 && before[n] == ' ')) rn_say_text(t, " %.*s", (int)n, name);
  }
  rn_say_text(t, " --help --version");
}

static void say_second(rn_text *t, const char *first) {
  size_t n = strlen(first);
  for (int i = 0; cli_verb_at(i); i++) if (strncmp(cli_verb_at(i)->name, first, n) == 0 && cli_verb_at(i)->name[n] == ' ') rn_say_text(t, " %s", cli_verb_at(i)->name + n + 1);
}

//---- scripts -----------------------------------------------------------------------------------------------------------------------------

// case VERB) options=... words=... files=0|1|2;; shared by both shells
static void say_cases(rn_text *t) {
  for (int i = 0; cli_verb_at(i); i++) {
    const cli_verb *v = cli_verb_at(i);
    rn_say_text(t, "    '%s') options='", v->name), say_options(t, v), rn_say_text(t, "' words='"), say_offers(t, v);
    rn_say_text(t, "' files=%d ;;\n", v->offer & CLI_FILES ? 1 : v->offer & CLI_RUNS ? 2 : 0);
  }
}

static void say_system_keys(rn_text *t) {
  int n;
  const rn_system *const *all = rn_systems(&n);
  for (int i = 0; i < n; i++) rn_say_text(t, "    '%s') words=\"$words", all[i]->name), say_keys(t, all[i], RN_KEY_OPTION, RN_KEY_OPTION), rn_say_text(t, "\" ;;\n");
}

static void say_function(rn_text *t) {
  rn_say_text(t, "# fills options, words and files (1: any file, 2: folders) for a verb and its first argument\n_rein_offers() {\n  options='' words='' files=0\n  case \"$1\" in\n");
  say_cases(t);
  rn_say_text(t, "  esac\n  case \"$2\" in\n"), say_system_keys(t), rn_say_text(t, "    *) ;;\n  esac\n}\n\n");
}

static void bash(rn_text *t) {
  rn_say_text(t, "# bash completion of rein; made by `rein completion bash`\n");
  say_function(t);
  rn_say_text(t, "_rein() {\n  local cur=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]:-} at=2 options words files\n  COMPREPLY=()\n  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    mapfile -t COMPREPLY < <(compgen -W '");
  say_verbs(t);
  rn_say_text(t, "' -- \"$cur\")\n    return\n  fi\n  if [ \"$verb\" = data ]; then\n    if [ \"$COMP_CWORD\" -eq 2 ]; then\n      mapfile -t COMPREPLY < <(compgen -W '");
  say_second(t, "data");
  rn_say_text(t, "' -- \"$cur\")\n      return\n    fi\n    verb=\"data ${COMP_WORDS[2]}\" at=3\n  fi\n"
                 "  _rein_offers \"$verb\" \"${COMP_WORDS[at]:-}\"\n"
                 "  case $cur in\n    -*) mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\") ;;\n    *)\n      mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                 "      [ \"$files\" -eq 1 ] && mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -f -- \"$cur\")\n"
                 "      [ \"$files\" -eq 2 ] && mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -d -- \"$cur\")\n      ;;\n  esac\n"
                 "  case ${COMPREPLY[0]:-} in *=) compopt -o nospace ;; esac\n}\ncomplete -o filenames -F _rein rein\n");
}

static void zsh(rn_text *t) {
  rn_say_text(t, "#compdef rein\n# zsh completion of rein; made by `rein completion zsh`\n");
  say_function(t);
  rn_say_text(t, "_rein() {\n  local verb=${words[2]} at=3 first\n  local -a list\n  if (( CURRENT == 2 )); then\n    list=(");
  say_verbs(t);
  rn_say_text(t, ")\n    compadd -- $list\n    return\n  fi\n  if [[ $verb == data ]]; then\n    if (( CURRENT == 3 )); then\n      list=(");
  say_second(t, "data");
  rn_say_text(t, ")\n      compadd -- $list\n      return\n    fi\n    verb=\"data ${words[3]}\" at=4\n  fi\n  first=${words[at]}\n  () {\n    local options words files\n"
                 "    _rein_offers \"$verb\" \"$first\"\n    if [[ ${PREFIX} == -* ]]; then compadd -- ${=options}; return; fi\n"
                 "    compadd -S '' -- ${(M)${=words}:#*=}\n    compadd -- ${${=words}:#*=}\n    (( files == 1 )) && _files\n    (( files == 2 )) && _files -/\n  }\n}\n"
                 "if [ \"$funcstack[1]\" = _rein ]; then _rein \"$@\"; else compdef _rein rein; fi\n");
}

rn_code cli_completion(cli *c, rn_error *err) {
  static const char *const shells[] = {"bash", "zsh"};
  rn_text t = {0};
  if (strcmp(c->args[0], "bash") == 0) bash(&t);
  else if (strcmp(c->args[0], "zsh") == 0) zsh(&t);
  else {
    const char *near = rn_nearest(c->args[0], 2, shells);
    rn_fail(err, "rein completion knows bash and zsh, not '%s'%s%s%s", c->args[0], near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return RN_INPUT;
  }
  printf("%s", t.at);
  rn_free(t.at);
  return RN_OK;
}

//---- the manual page -----------------------------------------------------------------------------------------------------------------------

// troff: a backslash and a leading dot or quote mean something, a minus is a hyphen
static void say_troff(rn_text *t, const char *text) {
  bool begin = true;
  for (; *text; text++) {
    if (begin && (*text == '.' || *text == '\'')) rn_say_text(t, "\\&");
    if (*text == '\\') rn_say_text(t, "\\e");
    else if (*text == '-') rn_say_text(t, "\\-");
    else rn_say_bytes(t, text, 1);
    begin = *text == '\n';
  }
}

static void man_verb(rn_text *t, const cli_verb *v) {
  rn_say_text(t, ".SS rein "), say_troff(t, v->name), rn_say_text(t, " "), say_troff(t, v->arguments), rn_say_text(t, "\n"), say_troff(t, v->summary), rn_say_text(t, ".\n");
  if (v->detail) rn_say_text(t, ".PP\n"), say_troff(t, v->detail);
  for (const cli_option *o = v->options; o->name; o++) {
    if (o->flags & CLI_HIDDEN) continue;
    rn_say_text(t, ".TP\n\\fB");
    if (o->letter) rn_say_text(t, "\\-%c\\fR, \\fB", o->letter);
    rn_say_text(t, "\\-\\-"), say_troff(t, o->name), rn_say_text(t, "\\fR");
    if (o->value) rn_say_text(t, " \\fI%s\\fR", o->value);
    rn_say_text(t, "\n"), say_troff(t, o->help), rn_say_text(t, "\n");
  }
  if (v->examples) rn_say_text(t, ".PP\n.nf\n"), say_troff(t, v->examples), rn_say_text(t, ".fi\n");
}

static void man_keys(rn_text *t) {
  rn_recipe_key k;
  for (int i = 0; rn_recipe_key_at(NULL, i, &k); i++) {
    char *value = rn_key_default(&k);
    rn_say_text(t, ".TP\n\\fB%s\\fR", k.name);
    if (k.kind == RN_KEY_CHOICE) rn_say_text(t, " \\fI"), say_troff(t, k.choices), rn_say_text(t, "\\fR");
    if (value) rn_say_text(t, " (default "), say_troff(t, value), rn_say_text(t, ")");
    rn_say_text(t, "\n"), say_troff(t, k.help), rn_say_text(t, "\n");
    rn_free(value);
  }
}

static void man_systems(rn_text *t) {
  int n;
  const rn_system *const *all = rn_systems(&n);
  for (int i = 0; i < n; i++) rn_say_text(t, ".TP\n\\fB"), say_troff(t, all[i]->name), rn_say_text(t, "\\fR\n"), say_troff(t, all[i]->summary ? all[i]->summary : ""), rn_say_text(t, " "), say_troff(t, all[i]->paper ? all[i]->paper : ""), rn_say_text(t, "\n");
}

rn_code cli_man(cli *c, rn_error *err) {
  (void)c, (void)err;
  rn_text t = {0};
  rn_say_text(&t, ".TH REIN 1 \"\" \"rein %s\" \"User Commands\"\n.SH NAME\nrein \\- learn decision policies from logs and simulators\n.SH SYNOPSIS\n.B rein\n.I VERB\n[arguments] [options]\n", REIN_VERSION);
  rn_say_text(&t, ".SH DESCRIPTION\nFrom a log of transitions to a policy, a confidence interval and a C file. A recipe is flat YAML; the same keys\ngo on the command line as key=value.\n.SH VERBS\n");
  for (int i = 0; cli_verb_at(i); i++) man_verb(&t, cli_verb_at(i));
  rn_say_text(&t, ".SH OPTIONS OF EVERY VERB\n.TP\n\\fB\\-q\\fR, \\fB\\-\\-quiet\\fR\nno progress and no notes\n.TP\n\\fB\\-v\\fR, \\fB\\-\\-verbose\\fR\nmore notes\n.TP\n\\fB\\-\\-json\\fR\nthe result as JSON on standard output\n.TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nhelp of the verb\n");
  rn_say_text(&t, ".SH KEYS OF RECIPES\n"), man_keys(&t);
  rn_say_text(&t, ".SH SYSTEMS\n"), man_systems(&t);
  rn_say_text(&t, ".SH EXIT STATUS\n.TP\n0\ndone\n.TP\n1\na claim is not met, or its setting is invalid\n.TP\n2\nthe input is wrong\n.TP\n3\nthe numbers went bad\n.TP\n4\nthe system failed: disk, memory, a child\n.TP\n70\na bug of rein\n.TP\n130, 143\ninterrupted, terminated; the state is saved\n");
  rn_say_text(&t, ".SH ENVIRONMENT\n.TP\n\\fBNO_COLOR\\fR\nno colours\n.TP\n\\fBRN_ISA\\fR\navx512, avx2 or portable: the kernels to use\n");
  printf("%s", t.at);
  rn_free(t.at);
  return RN_OK;
}
