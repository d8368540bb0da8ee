/* data/reader.c - foreign files are read by a child that can do nothing else. The child is our own program, started anew (never a bare fork:
 * no lock or secret of ours is in it), with the file open and a pipe. It maps the file, limits its own time and memory, shuts out the file
 * system (landlock) and every system call but a dozen (seccomp), and only then looks at a byte. The only file that knows libseccomp. */
#include "reader.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIPE = 3, DATA = 4, META = 5, SECONDS = 60 };          // descriptors of the child; seconds of CPU and one more for every 4 MiB
static const char ENTRY[] = "--rein-reader";

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITISED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { SANITISED = 1 };
#else
enum { SANITISED = 0 };
#endif
#else
enum { SANITISED = 0 };
#endif

//---- the child -----------------------------------------------------------------------------------------------------------------------

static void limit(int what, rlim_t n) {
  struct rlimit r = {n, n};
  setrlimit(what, &r);
}

static void set_limits(size_t bytes) {
  limit(RLIMIT_CORE, 0), limit(RLIMIT_FSIZE, 0), limit(RLIMIT_CPU, SECONDS + bytes / (4 << 20));
  // a sanitiser reserves terabytes of shadow. HDF5 and zip unpack at most rn_most_bytes, the arrays are held once and sent in blocks
  if (!SANITISED) limit(RLIMIT_AS, (rlim_t)(rn_most_bytes(bytes) * 2 + 4 * (uint64_t)bytes + ((uint64_t)1 << 30)));
}

static int landlock_version(void) { return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION); }

// a rule set that handles every access and allows none
static bool shut_files(void) {
  struct landlock_ruleset_attr all = {.handled_access_fs = (1ull << 13) - 1};
  if (landlock_version() < 1) return false;
  int fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
  bool fine = fd >= 0 && syscall(SYS_landlock_restrict_self, fd, 0) == 0;
  if (fd >= 0) close(fd);
  return fine;
}

// what reading from memory and writing to the pipe need; all else answers "not permitted"
static bool shut_calls(void) {
  static const int allowed[] = {SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(close), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect),
    SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(getrandom)};
  static const int sanitiser[] = {SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(prctl), SCMP_SYS(getrusage), SCMP_SYS(getrlimit), SCMP_SYS(prlimit64)};
  scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
  bool fine = f != NULL;
  for (int i = 0; fine && i < RN_COUNT(allowed); i++) fine = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0) == 0;
  for (int i = 0; fine && SANITISED && i < RN_COUNT(sanitiser); i++) fine = seccomp_rule_add(f, SCMP_ACT_ALLOW, sanitiser[i], 0) == 0;
  // libraries with a lock may wake whom they like, but to wait for ever is not granted
  fine = fine && seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(futex), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, 127, FUTEX_WAKE)) == 0;
  fine = fine && seccomp_load(f) == 0;
  seccomp_release(f);
  return fine;
}

bool rn_reader_confine(size_t bytes) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  set_limits(bytes);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  shut_files();                                                // where the kernel has it
  return shut_calls();
}

static bool put_pipe(void *to, const void *bytes, size_t n) {
  const char *at = bytes;
  (void)to;
  while (n) {
    ssize_t put = write(PIPE, at, n);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    at += put, n -= (size_t)put;
  }
  return true;
}

static bool map_fd(int fd, const char **at, size_t *n) {
  struct stat s;
  if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode)) return false;
  *n = (size_t)s.st_size, *at = "";
  if (*n == 0) return true;
  // private and writable, so that no library can touch the file itself
  void *p = mmap(NULL, *n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
  if (p == MAP_FAILED) return false;
  return *at = p, true;
}

typedef struct { rn_columns c; const char *obs[4096], *act[4096], *next[4096]; bool given; } asked;

// "obs=a" "act=u" "reward=r" ... in the order of the recipe
static bool read_arguments(int n, char **word, asked *a) {
  a->c.obs = a->obs, a->c.act = a->act, a->c.next = a->next;
  for (int i = 0; i < n; i++) {
    char *value = strchr(word[i], '=');
    if (!value) return false;
    a->given = true, *value++ = 0;
    if (strcmp(word[i], "obs") == 0 && a->c.n_obs < 4096) a->obs[a->c.n_obs++] = value;
    else if (strcmp(word[i], "act") == 0 && a->c.n_act < 4096) a->act[a->c.n_act++] = value;
    else if (strcmp(word[i], "next") == 0 && a->c.n_next < 4096) a->next[a->c.n_next++] = value;
    else if (strcmp(word[i], "reward") == 0) a->c.reward = value;
    else if (strcmp(word[i], "terminated") == 0) a->c.terminated = value;
    else if (strcmp(word[i], "truncated") == 0) a->c.truncated = value;
    else if (strcmp(word[i], "episode") == 0) a->c.episode = value;
    else if (strcmp(word[i], "time") == 0) a->c.time = value;
    else if (strcmp(word[i], "auto") == 0) a->c.automatic = true;
    else return false;
  }
  return true;
}

static const struct { const char *kind; bool (*read)(const foreign *, sink *, rn_error *); } readers[] = {
  {"hdf5", rn_read_hdf5}, {"npz", rn_read_npz}, {"csv", rn_read_csv}, {"jsonl", rn_read_jsonl}};

static bool read_kind(const char *kind, const foreign *in, sink *out, rn_error *err) {
  for (int i = 0; i < RN_COUNT(readers); i++) if (strcmp(readers[i].kind, kind) == 0) return readers[i].read(in, out, err);
  return rn_fail(err, "%s: no reader for %s", in->path, kind);
}

int rn_reader_main(int argc, char **argv) {
  static asked a;
  foreign in = {0};
  sink out = {.put = put_pipe};
  rn_error err = {0};
  if (argc < 5 || strcmp(argv[1], ENTRY) != 0) return RN_BUG;
  bool meta = strcmp(argv[4], "meta") == 0;
  in.path = argv[3];
  syscall(SYS_close_range, meta ? META + 1 : META, ~0u, 0);
  bool fine = read_arguments(argc - 5, argv + 5, &a) && map_fd(DATA, &in.bytes, &in.n) && (!meta || map_fd(META, &in.meta, &in.meta_n));
  if (a.given) in.columns = &a.c;
  if (!fine) rn_fail(&err, "%s: can't be read as a file", in.path);
  else if (!rn_reader_confine(in.n)) rn_fail_as(&err, RN_SYSTEM, "%s: this system has no seccomp, so the file is not read", in.path);
  else if (in.meta && !in.meta_n) in.meta = " ";
  fine = !err.code && read_kind(argv[2], &in, &out, &err);
  if (fine) rn_sink_done(&out);
  else rn_sink_fail(&out, err.text);
  _exit(fine && !out.broken ? 0 : RN_INPUT);                   // no destructor of a library runs on what a hostile file left behind
}

//---- the parent ------------------------------------------------------------------------------------------------------------------------

static char *program;
void rn_reader_program(const char *path) {
  rn_free(program);
  program = path ? rn_copy_text(path) : NULL;
}

const char *rn_reader_confinement(void) {
  static char text[96];
  int version = landlock_version();
  if (version >= 1) snprintf(text, sizeof text, "seccomp, landlock %d, limits of time and memory", version);
  else snprintf(text, sizeof text, "seccomp, limits of time and memory (no landlock)");
  return text;
}

typedef struct { int fd; } pipe_end;
static bool get_pipe(void *from, void *bytes, size_t n) {
  char *at = bytes;
  while (n) {
    ssize_t got = read(((pipe_end *)from)->fd, at, n);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got, n -= (size_t)got;
  }
  return true;
}

typedef struct { char *word[16384]; int n; } words;
static void add_word(words *w, char *text) {
  if (w->n < RN_COUNT(w->word) - 1) w->word[w->n++] = text;
  else rn_free(text);
}
static void add_option(words *w, const char *key, const char *value) { if (value) add_word(w, rn_printed("%s=%s", key, value)); }

static void add_columns(words *w, const rn_columns *c) {
  for (int i = 0; i < c->n_obs; i++) add_option(w, "obs", c->obs[i]);
  for (int i = 0; i < c->n_act; i++) add_option(w, "act", c->act[i]);
  for (int i = 0; i < c->n_next; i++) add_option(w, "next", c->next[i]);
  add_option(w, "reward", c->reward), add_option(w, "terminated", c->terminated), add_option(w, "truncated", c->truncated);
  add_option(w, "episode", c->episode), add_option(w, "time", c->time);
  if (c->automatic) add_option(w, "auto", "1");
}

// the child has the pipe and the files as 3, 4, 5 and no others; its environment is empty but for the sanitisers' options
static bool start(words *w, int out, int data, int meta, pid_t *child) {
  posix_spawn_file_actions_t act;
  const char *options = getenv("ASAN_OPTIONS");
  char *asan = rn_printed("ASAN_OPTIONS=%s", options ? options : ""), *environment[] = {"LC_ALL=C", "HDF5_PLUGIN_PRELOAD=::", asan, NULL};
  // moved above the three places first, so that no copy covers another's source
  int from[3] = {fcntl(out, F_DUPFD_CLOEXEC, 16), fcntl(data, F_DUPFD_CLOEXEC, 16), meta >= 0 ? fcntl(meta, F_DUPFD_CLOEXEC, 16) : -1};
  posix_spawn_file_actions_init(&act);
  for (int i = 0; i < 3; i++) if (from[i] >= 0) posix_spawn_file_actions_adddup2(&act, from[i], PIPE + i);
  int number = from[0] < 0 || from[1] < 0 ? EMFILE : posix_spawn(child, program ? program : "/proc/self/exe", &act, NULL, w->word, environment);
  posix_spawn_file_actions_destroy(&act);
  for (int i = 0; i < 3; i++) if (from[i] >= 0) close(from[i]);
  rn_free(asan);
  errno = number;
  return number == 0;
}

// a child that sent its message, or all its rows, has said enough; any other end is told as what it was
static bool ended_well(const char *path, pid_t child, rn_error *err) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  if (WIFEXITED(status) && WEXITSTATUS(status) == RN_SYSTEM) return rn_fail(err, "%s: the reader ran out of the memory that a file of this size may use", path);
  if (WIFEXITED(status)) return rn_fail(err, "%s: the reader ended with %d; the file is damaged", path, WEXITSTATUS(status));
  int sign = WTERMSIG(status);
  return rn_fail(err, "%s: the reader was stopped by signal %d (%s); the file is damaged or hostile", path, sign,
                 sign == SIGXCPU || sign == SIGKILL ? "it took more time or memory than a file of this size may" : strsignal(sign));
}

static rn_table *run_reader(const char *kind, const char *path, const char *meta, const rn_columns *columns, rn_error *err) {
  int ends[2] = {-1, -1}, data = open(path, O_RDONLY | O_CLOEXEC), about = meta ? open(meta, O_RDONLY | O_CLOEXEC) : -1;
  words *w = rn_new(sizeof *w);
  pid_t child;
  rn_table *t = NULL;
  add_word(w, rn_copy_text(program ? program : "rein")), add_word(w, rn_copy_text(ENTRY)), add_word(w, rn_copy_text(kind)), add_word(w, rn_copy_text(path));
  add_word(w, rn_copy_text(about >= 0 ? "meta" : "-"));
  if (columns) add_columns(w, columns);
  if (data < 0) rn_fail(err, "%s: can't be read: %s", path, strerror(errno));
  else if (pipe2(ends, O_CLOEXEC) != 0 || !start(w, ends[1], data, about, &child)) rn_fail_as(err, RN_SYSTEM, "%s: the reader can't be started: %s", path, strerror(errno));
  else {
    // what the stream says comes second to how the child ended, but for a message that it sent itself
    rn_error said = {0}, death = {0};
    close(ends[1]), ends[1] = -1;
    t = rn_read_frames(path, get_pipe, &(pipe_end){ends[0]}, &said);
    close(ends[0]), ends[0] = -1;
    bool well = ended_well(path, child, &death), cut = strstr(said.text, ": the reader ended too early") || strstr(said.text, ": the reader sent half");
    if (t && !well) rn_table_free(t), t = NULL;
    if (!t) rn_fail(err, "%s", !well && (!said.code || cut) ? death.text : said.text);
  }
  for (int i = 0; i < 2; i++) if (ends[i] >= 0) close(ends[i]);
  if (data >= 0) close(data);
  if (about >= 0) close(about);
  for (int i = 0; i < w->n; i++) rn_free(w->word[i]);
  rn_free(w);
  return t;
}

//---- which kind it is --------------------------------------------------------------------------------------------------------------------

static bool ends_with(const char *path, const char *end) {
  size_t n = strlen(path), m = strlen(end);
  return n >= m && strcasecmp(path + n - m, end) == 0;
}

static const char *kind_of(const char *path, const char *head, size_t n) {
  if (n >= 8 && memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0) return "hdf5";
  if (n >= 4 && (memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "PK\5\6", 4) == 0)) return "npz";
  if (ends_with(path, ".jsonl") || ends_with(path, ".ndjson") || ends_with(path, ".json")) return "jsonl";
  if (ends_with(path, ".csv") || ends_with(path, ".tsv")) return "csv";
  if (n >= 9 && head[8] == '{' && head[7] == 0) return "safetensors";
  if (ends_with(path, ".safetensors")) return "safetensors";
  if (ends_with(path, ".h5") || ends_with(path, ".hdf5")) return "hdf5";
  if (ends_with(path, ".npz")) return "npz";
  if (n && head[0] == '{') return "jsonl";
  return ends_with(path, ".txt") ? "csv" : NULL;
}

static rn_table *load_file(const char *path, const char *meta, const rn_columns *columns, rn_error *err) {
  char head[16] = "";
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat s;
  if (fd < 0) return rn_fail(err, "%s: can't be read: %s", path, strerror(errno)), NULL;
  ssize_t n = fstat(fd, &s) == 0 && S_ISREG(s.st_mode) ? read(fd, head, sizeof head) : -1;
  close(fd);
  if (n < 0) return rn_fail(err, "%s: is no file that can be mapped", path), NULL;
  const char *kind = kind_of(path, head, (size_t)n);
  if (!kind) return rn_fail(err, "%s: of no kind that rein reads: safetensors, HDF5 (D4RL, Minari, robosuite), NPZ, CSV, JSONL, or a folder of a table or of Minari", path), NULL;
  return strcmp(kind, "safetensors") == 0 ? rn_read_safetensors_table(path, err) : run_reader(kind, path, meta, columns, err);
}

// a folder: a saved table, or Minari's (the data set, or its data/)
static rn_table *load_folder(const char *path, const rn_columns *columns, rn_error *err) {
  static const char *const inner[] = {"", "/data"};
  char *own = rn_printed("%s/table.json", path);
  bool saved = rn_exists(own);
  rn_table *t = NULL;
  rn_free(own);
  if (saved) return rn_table_open(path, err);
  for (int i = 0; i < 2; i++) {
    char *data = rn_printed("%s%s/main_data.hdf5", path, inner[i]), *meta = rn_printed("%s%s/metadata.json", path, inner[i]);
    bool here = rn_exists(data);
    if (here) t = load_file(data, rn_exists(meta) ? meta : NULL, columns, err);
    rn_free(data), rn_free(meta);
    if (here) return t;
  }
  return rn_fail(err, "%s: the folder holds neither table.json nor main_data.hdf5", path), NULL;
}

rn_table *rn_table_load(const char *path, const rn_columns *columns, rn_error *err) {
  struct stat s;
  if (stat(path, &s) == 0 && S_ISDIR(s.st_mode)) return load_folder(path, columns, err);
  // main_data.hdf5 itself: its description lies beside it
  if (!ends_with(path, "/main_data.hdf5") && strcmp(path, "main_data.hdf5") != 0) return load_file(path, NULL, columns, err);
  char *meta = rn_printed("%.*smetadata.json", (int)(strlen(path) - strlen("main_data.hdf5")), path);
  rn_table *t = load_file(path, rn_exists(meta) ? meta : NULL, columns, err);
  rn_free(meta);
  return t;
}
