/* cli/doctor.c - this machine: what rein found, what holds, what is missing. */
#include "cli.h"
#include "rein/journal.h"
#include <dlfcn.h>
#include <link.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

typedef struct { const char *group, *name; char *value; } fact;
typedef struct { fact at[96]; int n; } facts;

static void say(facts *f, const char *group, const char *name, char *value) {
  if (f->n < RN_COUNT(f->at)) f->at[f->n++] = (fact){group, name, value};
  else rn_free(value);
}

// "model name : X" of a file in /proc
static char *line_of(const char *path, const char *name) {
  char *text, *value = NULL;
  size_t n;
  FILE *f = fopen(path, "r");                                  // files of /proc have no size
  if (!f) return NULL;
  text = rn_new(1 << 16), n = fread(text, 1, (1 << 16) - 1, f), fclose(f), text[n] = 0;
  for (char *line = text; line && !value; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
    if (strncmp(line, name, strlen(name)) != 0) continue;
    char *at = line + strcspn(line, ":\n");
    if (*at == ':') at++;
    at += strspn(at, " \t");
    value = rn_printed("%.*s", (int)strcspn(at, "\n"), at);
  }
  rn_free(text);
  return value;
}

static char *first_line(const char *path) {
  char line[256] = "";
  FILE *f = fopen(path, "r");
  if (!f) return NULL;
  bool fine = fgets(line, sizeof line, f) != NULL;
  fclose(f);
  line[strcspn(line, "\n")] = 0;
  return fine ? rn_copy_text(line) : NULL;
}

static char *bytes_text(double x) {
  static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int u = 0;
  while (x >= 1024 && u < 4) x /= 1024, u++;
  return rn_printed(u && x < 100 ? "%.1f %s" : "%.0f %s", x, unit[u]);
}

static char *kilobytes(const char *path, const char *name) {
  char *text = line_of(path, name);
  char *value = bytes_text(text ? strtod(text, NULL) * 1024 : 0);
  rn_free(text);
  return value;
}

static void cpu(facts *f) {
  char *name = line_of("/proc/cpuinfo", "model name");
  cpu_set_t set;
  struct utsname u;
  say(f, "machine", "CPU", name ? name : rn_copy_text("not known"));
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  int ours = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : (int)online;
  char *quota = first_line("/sys/fs/cgroup/cpu.max");
  say(f, "machine", "cores", rn_printed("%ld, of which this process may use %d%s%s%s", online, ours, quota && strncmp(quota, "max", 3) != 0 ? " (cgroup cpu.max " : "",
                                        quota && strncmp(quota, "max", 3) != 0 ? quota : "", quota && strncmp(quota, "max", 3) != 0 ? ")" : ""));
  rn_free(quota);
  const char *forced = getenv("RN_ISA");
  say(f, "machine", "kernels", rn_printed("%s%s%s", rn_math_isa(), forced ? ", RN_ISA=" : ", chosen by CPUID", forced ? forced : ""));
  if (uname(&u) == 0) say(f, "machine", "system", rn_printed("%s %s %s", u.sysname, u.release, u.machine));
}

static void memory(facts *f) {
  say(f, "memory", "installed", kilobytes("/proc/meminfo", "MemTotal"));
  say(f, "memory", "available", kilobytes("/proc/meminfo", "MemAvailable"));
  char *limit = first_line("/sys/fs/cgroup/memory.max");
  say(f, "memory", "cgroup limit", limit && strcmp(limit, "max") != 0 ? bytes_text(strtod(limit, NULL)) : rn_copy_text("none"));
  rn_free(limit);
  struct rlimit r;
  say(f, "memory", "address space", getrlimit(RLIMIT_AS, &r) == 0 && r.rlim_cur != RLIM_INFINITY ? bytes_text((double)r.rlim_cur) : rn_copy_text("no limit"));
  char *over = first_line("/proc/sys/vm/overcommit_memory");
  say(f, "memory", "overcommit", rn_copy_text(!over ? "not known" : *over == '2' ? "strict (2); reservations are made smaller until they are granted" : *over == '1' ? "always (1)" : "by guess (0)"));
  rn_free(over);
}

static void disk(facts *f) {
  struct statvfs s;
  if (statvfs(".", &s) == 0) say(f, "disk", "room here", bytes_text((double)s.f_bavail * (double)s.f_frsize));
  say(f, "disk", "this folder", rn_copy_text(access(".", W_OK) == 0 ? "can be written" : "can't be written"));
}

// what the program is linked with, by the names of the files that are loaded
static int library(struct dl_phdr_info *info, size_t size, void *context) {
  facts *f = context;
  char real[4096];
  (void)size;
  if (!info->dlpi_name || !*info->dlpi_name || !realpath(info->dlpi_name, real)) return 0;
  const char *base = strrchr(real, '/') ? strrchr(real, '/') + 1 : real, *so = strstr(base, ".so");
  if (!so || strncmp(base, "lib", 3) != 0) return 0;
  char name[64];
  snprintf(name, sizeof name, "%.*s", (int)(so - base - 3), base + 3);
  static const char *const shown[] = {"fyaml", "jansson", "sqlite3", "hdf5_serial", "mujoco", "seccomp", "cairo", "lapacke", "openblas", "openblasp-r0", "blas", "lapack", "glpk", "c", "m"};
  for (int i = 0; i < RN_COUNT(shown); i++) {
    size_t n = strlen(shown[i]);
    if (strncmp(name, shown[i], n) != 0 || (name[n] && name[n] != '-' && name[n] != '_')) continue;
    say(f, "libraries", shown[i], rn_copy_text(real));
    break;
  }
  return 0;
}

static void libraries(facts *f) {
  say(f, "versions", "rein", rn_copy_text(REIN_VERSION));
  say(f, "versions", "compiler", rn_copy_text(__VERSION__));
  say(f, "versions", "libfyaml", rn_copy_text(rn_yaml_version()));
  say(f, "versions", "SQLite", rn_copy_text(rn_sqlite_version()));
  dl_iterate_phdr(library, f);
}

static void print_json(const facts *f) {
  rn_text t = {0};
  const char *group = "";
  rn_say_text(&t, "{");
  for (int i = 0; i < f->n; i++) {
    bool same = strcmp(group, f->at[i].group) == 0;
    if (!same) rn_say_text(&t, i ? "}, " : ""), rn_say_json(&t, f->at[i].group), rn_say_text(&t, ": {");
    rn_say_text(&t, same ? ", " : ""), rn_say_json(&t, f->at[i].name), rn_say_text(&t, ": "), rn_say_json(&t, f->at[i].value);
    group = f->at[i].group;
  }
  printf("%s}}\n", t.at);
  rn_free(t.at);
}

static void print_text(const facts *f) {
  for (int i = 0; i < f->n;) {
    const char *cells[2 * RN_COUNT(f->at)], *group = f->at[i].group;
    int n = 0;
    for (; i < f->n && strcmp(f->at[i].group, group) == 0; i++) cells[2 * n] = f->at[i].name, cells[2 * n + 1] = f->at[i].value, n++;
    printf("%s%s%s\n", cli_on(stdout, CLI_BOLD), group, cli_off(stdout));
    cli_table(2, NULL, n, cells);
  }
}

rn_code cli_doctor(cli *c, rn_error *err) {
  facts f = {0};
  (void)err;
  cpu(&f), memory(&f), disk(&f);
  say(&f, "confinement", "readers of foreign files", rn_copy_text(rn_reader_confinement()));
  libraries(&f);
  if (c->json) print_json(&f);
  else print_text(&f);
  for (int i = 0; i < f.n; i++) rn_free(f.at[i].value);
  return RN_OK;
}
