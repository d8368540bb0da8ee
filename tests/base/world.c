/* What the world refuses: files are there whole or not at all, memory ends with a message, folders are held. Failures happen in
 * processes of their own, for RN_FAULT counts the calls of a process and a full range ends one. */
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// this program again, with one test, under `settings` of a shell; its exit code, and all it said
static int child(const char *settings, const char *test, char said[4096]) {
  char self[512] = "", command[2048];
  CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
  snprintf(command, sizeof command, "%s; exec '%s' %s 2>&1", settings, self, test);
  FILE *f = popen(command, "r");
  size_t n = fread(said, 1, 4095, f);
  said[n] = 0;
  int status = pclose(f);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
static int lines_with(const char *text, const char *part) {
  int n = 0;
  for (const char *at = text; (at = strstr(at, part)); at++) n++;
  return n;
}

enum { LONG = 200000 };                                         // past the buffer of a stream
static char old_text[LONG], new_text[LONG];
static void texts(void) { memset(old_text, 'o', LONG), memset(new_text, 'n', LONG); }

static bool holds(const char *path, const char *text) {
  char *bytes;
  size_t n;
  rn_error err = {0};
  if (!rn_read_file(path, &bytes, &n, &err)) return false;
  bool same = n == LONG && memcmp(bytes, text, LONG) == 0 && bytes[n] == 0;
  rn_free(bytes);
  return same;
}

static int entries(const char *folder) {
  char command[400];
  snprintf(command, sizeof command, "ls -A '%s' | wc -l", folder);
  FILE *f = popen(command, "r");
  int n = -1;
  if (fscanf(f, "%d", &n) != 1) n = -1;
  pclose(f);
  return n;
}

//---- files -------------------------------------------------------------------------------------------------------------------------

TEST(child_writes) {
  const char *path = getenv("TEST_PATH");
  if (!path) return;
  texts();
  rn_error err = {0};
  if (!rn_write_file(path, new_text, LONG, &err)) fprintf(stderr, "rein: %s\n", err.text), exit(err.code);
  exit(0);
}

TEST(a_write_that_fails_anywhere_leaves_the_old_file_or_the_new_one) {
  texts();
  char folder[300], path[400], settings[600], said[4096];
  snprintf(folder, sizeof folder, "%s", test_folder());
  snprintf(path, sizeof path, "%s/file", folder);
  int failures = 0, full = 0;
  for (int n = 1;; n++) {
    rn_error err = {0};
    CHECK(rn_write_file(path, old_text, LONG, &err));
    snprintf(settings, sizeof settings, "export TEST_PATH='%s' RN_FAULT=%d", path, n);
    int code = child(settings, "child_writes", said);
    CHECK_THAT(entries(folder) == 1, "fault %d leaves %d files: %s", n, entries(folder), said);
    CHECK_THAT(holds(path, old_text) || holds(path, new_text), "fault %d breaks the file", n);
    if (code == 0) { CHECK(holds(path, new_text)); break; }
    failures++, full += strstr(said, "No space left") != NULL;
    CHECK_THAT(code == RN_SYSTEM, "fault %d: exit %d: %s", n, code, said);
    CHECK_THAT(lines_with(said, "rein: ") == 1, "fault %d: %s", n, said);
    CHECK(n < 100);
  }
  CHECK_THAT(failures >= 8 && full >= 2, "%d failures, %d of a full disk", failures, full);
}

TEST(a_read_that_fails_anywhere_says_so) {
  char said[4096], settings[100];
  for (int n = 1; n < 4; n++) {
    snprintf(settings, sizeof settings, "export TEST_READ=1 RN_FAULT=%d", n);
    int code = child(settings, "child_reads", said);
    CHECK_THAT(code == RN_SYSTEM && lines_with(said, "rein: ") == 1, "fault %d: exit %d: %s", n, code, said);
  }
}
TEST(child_reads) {
  if (!getenv("TEST_READ")) return;
  char *bytes;
  size_t n;
  rn_error err = {0};
  if (!rn_read_file("/proc/self/exe", &bytes, &n, &err)) fprintf(stderr, "rein: %s\n", err.text), exit(err.code);
  exit(0);
}

TEST(a_process_killed_while_it_writes_leaves_the_old_file) {
  texts();
  char *path = rn_printed("%s/file", test_folder());
  rn_error err = {0};
  CHECK(rn_write_file(path, old_text, LONG, &err));
  pid_t pid = fork();
  if (pid == 0) {
    rn_out *out = rn_out_open(path, &err);
    rn_out_bytes(out, new_text, LONG);
    raise(SIGKILL);
  }
  int status;
  CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
  CHECK(holds(path, old_text));
  rn_free(path);
}

TEST(pieces_make_a_whole) {
  texts();
  char *path = rn_printed("%s/file", test_folder());
  rn_error err = {0};
  rn_out *out = rn_out_open(path, &err);
  for (size_t at = 0, n = 1; at < LONG; at += n, n = n * 3 + 1) rn_out_bytes(out, new_text + at, n = RN_MIN(n, LONG - at));
  CHECK(!rn_exists(path));
  CHECK(rn_out_close(out, &err) && holds(path, new_text) && rn_file_size(path) == LONG);
  out = rn_out_open(path, &err);
  rn_out_bytes(out, "x", 1), rn_out_abandon(out), rn_out_abandon(NULL);
  CHECK(holds(path, new_text));
  CHECK(rn_remove(path, &err) && !rn_exists(path) && rn_file_size(path) == -1 && rn_remove(path, &err));
  CHECK(rn_write_file(path, "", 0, &err) && rn_file_size(path) == 0);
  rn_free(path);
}

static void expect(bool failed, rn_error *err, rn_code code, const char *part) {
  CHECK(failed);
  CHECK_THAT(err->code == code, "code %d: %s", err->code, err->text);
  CHECK_TEXT(err->text, part);
  *err = (rn_error){0};
}

TEST(wrong_paths_are_the_users) {
  char *folder = rn_printed("%s", test_folder()), *none = rn_printed("%s/no/such/file", folder), *file = rn_printed("%s/file", folder), *below = rn_printed("%s/file/x", folder);
  char *bytes;
  size_t n;
  rn_error err = {0};
  rn_map map;
  CHECK(rn_write_file(file, "abc", 3, &err));
  expect(!rn_read_file(none, &bytes, &n, &err), &err, RN_INPUT, "no/such/file: can't be read: No such file");
  expect(!rn_read_file(folder, &bytes, &n, &err), &err, RN_INPUT, "Is a directory");
  expect(!rn_read_file("", &bytes, &n, &err), &err, RN_INPUT, "No such file");
  expect(!rn_write_file(none, "x", 1, &err), &err, RN_INPUT, "can't be written: No such file");
  expect(!rn_write_file(folder, "x", 1, &err), &err, RN_INPUT, "Is a directory");
  expect(!rn_write_file(below, "x", 1, &err), &err, RN_INPUT, "Not a directory");
  expect(!rn_make_folder(below, &err), &err, RN_INPUT, "file: the folder can't be made: Not a directory");
  expect(!rn_make_folder(file, &err), &err, RN_INPUT, "Not a directory");
  expect(!rn_make_folder("", &err), &err, RN_INPUT, "No such file");
  expect(!rn_map_open(&map, none, 0, &err), &err, RN_INPUT, "can't be opened");
  expect(!rn_map_open(&map, folder, 0, &err), &err, RN_INPUT, "Is a directory");
  expect(!rn_lock_folder(none, &err), &err, RN_INPUT, "can't be locked");
  char *deep = rn_printed("%s/a//b/c/", folder);
  struct stat s;
  CHECK_THAT(rn_make_folder(deep, &err) && stat(deep, &s) == 0 && S_ISDIR(s.st_mode), "%s", err.text);
  CHECK(rn_make_folder(deep, &err));
  if (geteuid() != 0) {
    CHECK(chmod(folder, 0500) == 0);
    expect(!rn_write_file(file, "x", 1, &err), &err, RN_INPUT, "Permission denied");
    CHECK(chmod(folder, 0700) == 0);
  }
  CHECK(rn_read_file(file, &bytes, &n, &err) && n == 3 && strcmp(bytes, "abc") == 0);
  rn_free(bytes), rn_free(folder), rn_free(none), rn_free(file), rn_free(below), rn_free(deep);
}

TEST(files_without_a_size_are_read_to_their_end) {
  char *bytes, *path = rn_printed("%s/pipe", test_folder());
  size_t n;
  rn_error err = {0};
  CHECK(rn_read_file("/proc/self/status", &bytes, &n, &err) && n > 100 && strstr(bytes, "VmPeak"));
  rn_free(bytes);
  texts();
  CHECK(mkfifo(path, 0600) == 0);
  pid_t pid = fork();
  if (pid == 0) {
    int fd = open(path, O_WRONLY);
    for (size_t at = 0; at < LONG; at += 1000) if (write(fd, new_text + at, 1000) != 1000) _exit(1);
    _exit(0);
  }
  CHECK(rn_read_file(path, &bytes, &n, &err) && n == LONG && memcmp(bytes, new_text, LONG) == 0 && bytes[n] == 0);
  waitpid(pid, NULL, 0);
  rn_free(bytes), rn_free(path);
}

TEST(a_mapped_file_keeps_what_is_written) {
  char *path = rn_printed("%s/column", test_folder());
  rn_error err = {0};
  rn_map map, again;
  CHECK(rn_map_open(&map, path, 10000, &err) && map.bytes == 10000 && rn_file_size(path) == 10000);
  memset(map.at, 7, 10000);
  CHECK(rn_map_sync(&map, 5000, 9000, &err) && rn_map_sync(&map, 3, 3, &err));
  rn_map_close(&map);
  CHECK(rn_map_open(&again, path, 20000, &err) && ((char *)again.at)[9999] == 7 && ((char *)again.at)[10000] == 0);
  rn_map_close(&again), rn_map_close(&again);
  CHECK(rn_map_open(&again, path, 0, &err) && again.bytes == 20000);
  rn_map_close(&again);
  CHECK(rn_write_file(path, "", 0, &err) && rn_map_open(&again, path, 0, &err) && !again.at && again.bytes == 0);
  rn_free(path);
}

TEST(child_locks) {
  const char *path = getenv("TEST_LOCK");
  if (!path) return;
  rn_error err = {0};
  if (!rn_lock_folder(path, &err)) fprintf(stderr, "rein: %s\n", err.text), exit(err.code);
  exit(0);
}
TEST(a_folder_is_held_until_its_process_ends) {
  char *folder = rn_printed("%s", test_folder()), settings[600], said[4096], me[40];
  snprintf(settings, sizeof settings, "export TEST_LOCK='%s'", folder);
  snprintf(me, sizeof me, "in use by process %ld;", (long)getpid());
  CHECK(child(settings, "child_locks", said) == 0);             // held and given back by its end
  rn_error err = {0};
  CHECK(rn_lock_folder(folder, &err));
  CHECK(child(settings, "child_locks", said) == RN_INPUT);
  CHECK_TEXT(said, me);
  rn_free(folder);
}

//---- memory --------------------------------------------------------------------------------------------------------------------------

TEST(child_fills) {
  const char *what = getenv("TEST_FILL");
  if (!what) return;
  rn_range *r = rn_range_new("the small one", 3 << 20);
  rn_site = "iql.c:30";
  if (*what == 'h') rn_take(r, (size_t)-10), exit(9);
  if (*what == 'n') rn_new((size_t)1 << 62);
  for (;;) memset(rn_take(r, 1 << 20), 1, 1 << 20);
}
TEST(a_full_range_names_itself_and_the_place) {
  char said[4096];
  CHECK(child("export TEST_FILL=range", "child_fills", said) == RN_SYSTEM);
  CHECK_TEXT(said, "rein: the range 'the small one' is full: 3.0 MiB in use, 1.0 MiB asked for at iql.c:30, limit 3.0 MiB (raise it with --mem)");
  CHECK(child("export TEST_FILL=huge", "child_fills", said) == RN_SYSTEM);
  CHECK_TEXT(said, "'the small one' is full");
  CHECK(child("export TEST_FILL=new ASAN_OPTIONS=allocator_may_return_null=1 TSAN_OPTIONS=allocator_may_return_null=1", "child_fills", said) == RN_SYSTEM);
  CHECK_TEXT(said, "rein: out of memory: rn_new asked for");
}

TEST(child_reserves) {
  if (!getenv("TEST_RESERVE")) return;
  rn_range *r = rn_range_new("large", (size_t)64 << 30);
  for (int i = 0; i < 100; i++) memset(rn_take(r, 1 << 20), i, 1 << 20);
  printf("RESERVED %d\n", rn_range_limit(r, (size_t)32 << 30));
  exit(rn_range_used(r) == 100 << 20 ? 0 : 9);
}
TEST(a_reservation_is_halved_until_it_is_granted) {
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
  test_skip("sanitisers reserve more addresses themselves");
#endif
  char said[4096];
  int code = child("export TEST_RESERVE=1; ulimit -v 2000000", "child_reserves", said);
  CHECK_THAT(code == 0 && strstr(said, "RESERVED"), "exit %d: %s", code, said);
  code = child("export TEST_RESERVE=1; ulimit -v 100000", "child_reserves", said);      // not even 100 MiB
  CHECK_THAT(code == RN_SYSTEM, "exit %d: %s", code, said);
}

TEST(ranges_give_back_all_at_once) {
  rn_range *r = rn_range_new("r", 10 << 20);
  char *a = rn_take(r, 1), *b = rn_take(r, 100), *c = rn_take(r, 0), *d = rn_take(r, 1);
  CHECK((uintptr_t)a % 64 == 0 && b == a + 64 && c == b + 128 && d == c && rn_range_used(r) == 256);
  size_t place = rn_range_used(r);
  memset(rn_take(r, 5 << 20), 1, 5 << 20);
  CHECK(rn_range_high(r) == place + (5 << 20));
  rn_range_rewind(r, place);
  CHECK(rn_range_used(r) == place && rn_range_high(r) == place + (5 << 20) && (char *)rn_take(r, 1) == a + 256);
  CHECK(!rn_range_limit(r, 100) && rn_range_limit(r, 6 << 20));
  rn_range_free(r), rn_range_free(NULL);
}
static void rewind_up(void *context) { rn_range_rewind(context, 1000); }
TEST(a_rewind_forwards_is_a_bug) {
  rn_range *r = rn_range_new("r", 10 << 20);
  CHECK_TEXT(test_fatal(rewind_up, r), "rewind to 1000, but only 0 are in use");
  rn_range_free(r);
}

TEST(grown_memory_is_zeroed_behind_the_old) {
  char *p = rn_new(10);
  memset(p, 1, 10);
  long before = rn_allocations();
  p = rn_grow(p, 10, 100000);
  for (int i = 0; i < 100000; i++) CHECK(p[i] == (i < 10));
  p = rn_grow(p, 100000, 5);
  CHECK(p[4] == 1 && rn_allocations() == before + 2);
  rn_free(p), rn_free(NULL);
}

TEST(child_has_a_bug) {
  if (!getenv("TEST_BUG")) return;
  rn_site = "iql.c:30";
  RN_CHECK(1 + 1 == 3, "the sum is %d", 2);
}
TEST(a_bug_ends_with_70_and_its_place) {
  char said[4096];
  CHECK(child("export TEST_BUG=1", "child_has_a_bug", said) == RN_BUG);
  CHECK_TEXT(said, "rein: a bug of rein's own: child_has_a_bug, called from iql.c:30: the sum is 2");
}
