/* run/about.c - what a run was made by and on, for its report. */
#include "rein/journal.h"
#include "rein/math.h"
#include "rein/recipe.h"
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

static void cpu_name(char *name, size_t room) {
  char line[512];
  FILE *f = fopen("/proc/cpuinfo", "r");
  snprintf(name, room, "not known");
  while (f && fgets(line, sizeof line, f)) {
    char *colon = strchr(line, ':');
    if (strncmp(line, "model name", 10) != 0 || !colon) continue;
    line[strcspn(line, "\n")] = 0;
    snprintf(name, room, "%s", colon + 1 + strspn(colon + 1, " "));
    break;
  }
  if (f) fclose(f);
}

void rn_log_about(rn_journal *log, const char *command) {
  char text[512], cpu[256];
  struct utsname u;
  time_t now = time(NULL);
  struct tm utc;
  cpu_name(cpu, sizeof cpu);
  if (command) rn_journal_meta(log, "command", command);
  snprintf(text, sizeof text, "rein %s, libfyaml %s, SQLite %s, compiler %s", REIN_VERSION, rn_yaml_version(), rn_sqlite_version(), __VERSION__);
  rn_journal_meta(log, "versions", text);
  snprintf(text, sizeof text, "%s; %s kernels", cpu, rn_math_isa());
  rn_journal_meta(log, "machine", text);
  snprintf(text, sizeof text, "%d", rn_threads());
  rn_journal_meta(log, "threads", text);
  if (uname(&u) == 0) snprintf(text, sizeof text, "%s %s", u.sysname, u.release), rn_journal_meta(log, "system", text);
  if (gmtime_r(&now, &utc) && strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &utc)) rn_journal_meta(log, "started", text);
}

void rn_log_ended(rn_journal *log, double seconds) {
  char text[64];
  snprintf(text, sizeof text, "%.1f", seconds);
  rn_journal_meta(log, "seconds", text);
}
