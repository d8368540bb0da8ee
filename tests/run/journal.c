/* The run's log: what is committed is there, what is newer than a checkpoint is gone, the event file's bytes are TensorBoard's. */
#include "rein/journal.h"
#include "test.h"
#include <sys/stat.h>
#include <unistd.h>

static char *events_of(const char *folder, size_t *n) {
  char path[300], *bytes;
  rn_error err = {0};
  snprintf(path, sizeof path, "%s/events.out.tfevents.0.rein", folder);
  CHECK(rn_read_file(path, &bytes, n, &err));
  return bytes;
}

TEST(crc32c_is_castagnolis) {                                  // RFC 3720, B.4
  char zeros[32] = {0}, ones[32], up[32];
  for (int i = 0; i < 32; i++) ones[i] = (char)0xff, up[i] = (char)i;
  CHECK(rn_crc32c(zeros, 32) == 0x8A9136AAu && rn_crc32c(ones, 32) == 0x62A8AB43u && rn_crc32c(up, 32) == 0x46DD794Eu);
  CHECK(rn_crc32c("123456789", 9) == 0xE3069283u);
}

TEST(the_first_record_is_the_one_tensorboard_writes) {
  // length 24, its masked crc, {wall_time 0, file_version}, its masked crc
  rn_text t = {0};
  rn_event_version(&t);
  CHECK(t.n == 8 + 4 + 24 + 4 && t.at[0] == 24 && memcmp(t.at + 12, "\x09\0\0\0\0\0\0\0\0\x1a\x0d" "brain.Event:2", 24) == 0);
  t.n = 0;
  rn_event_scalar(&t, 300, "a", 1.5);
  static const char body[] = "\x09\0\0\0\0\0\0\0\0\x10\xac\x02\x2a\x0a\x0a\x08\x0a\x01" "a" "\x15\0\0\xc0\x3f";
  CHECK(t.n == 16 + sizeof body - 1 && memcmp(t.at + 12, body, sizeof body - 1) == 0);
  rn_free(t.at);
}

TEST(what_is_committed_is_read_back_and_the_rest_is_not) {
  const char *folder = test_folder();
  rn_error err = {0};
  rn_journal *log = rn_journal_open(folder, -1, -1, &err);
  CHECK_THAT(log, "%s", err.text);
  const double returns[] = {-3, -1, NAN};
  for (long u = 0; u < 100; u++) rn_journal_add(log, u, 2 * u, "loss.q", 1.0 / (double)(u + 1)), rn_journal_add(log, u, 2 * u, "v", u == 7 ? NAN : u == 8 ? INFINITY : (double)u);
  rn_journal_add(log, 99, 198, "v", -1), rn_journal_event(log, 5, "warning", "dead units"), rn_journal_returns(log, 50, "eval", 2, returns);
  rn_journal_returns(log, 90, "eval", 3, returns), rn_journal_meta(log, "command", "rein train 'x'");
  CHECK(rn_journal_commit(log, &err));
  rn_journal_add(log, 100, 200, "loss.q", 5);
  rn_journal_close(log);
  rn_journal_contents c;
  CHECK_THAT(rn_journal_read(folder, &c, &err), "%s", err.text);
  CHECK(c.n_series == 2 && c.n_events == 1 && c.n_returns == 3 && c.returns_update == 90 && isnan(c.returns[2]));
  const rn_series *q = rn_journal_series(&c, "loss.q"), *v = rn_journal_series(&c, "v");
  CHECK(q->n == 100 && q->value[9] == 0.1 && q->update[9] == 9 && q->steps[9] == 18);
  CHECK(v->n == 100 && isnan(v->value[7]) && isinf(v->value[8]) && v->value[99] == -1);      // the last of an update counts
  CHECK(strcmp(c.events[0].text, "dead units") == 0 && strcmp(rn_journal_meta_of(&c, "command"), "rein train 'x'") == 0 && !rn_journal_series(&c, "w"));
  rn_journal_contents_free(&c);
}

static void write_some(rn_journal *log, long from, long to) {
  for (long u = from; u < to; u++) rn_journal_add(log, u, u, "loss", sqrt((double)u)), rn_journal_event(log, u, "phase", "x");
}

TEST(a_log_cut_at_a_checkpoint_and_continued_is_the_uninterrupted_one) {
  char whole[300];
  snprintf(whole, sizeof whole, "%s", test_folder());
  rn_error err = {0};
  rn_journal *log = rn_journal_open(whole, -1, -1, &err);
  write_some(log, 0, 10), CHECK(rn_journal_commit(log, &err)), write_some(log, 10, 20), CHECK(rn_journal_commit(log, &err)), rn_journal_close(log);
  const char *cut = test_folder();
  log = rn_journal_open(cut, -1, -1, &err);
  write_some(log, 0, 10), CHECK(rn_journal_commit(log, &err));
  long bytes = rn_journal_tensorboard_bytes(log);
  write_some(log, 10, 17), CHECK(rn_journal_commit(log, &err)), rn_journal_close(log);                // killed here: update 9 was the last checkpoint
  log = rn_journal_open(cut, 9, bytes, &err);
  CHECK_THAT(log, "%s", err.text);
  rn_journal_contents c;
  CHECK(rn_journal_read(cut, &c, &err) && c.series[0].n == 10 && c.n_events == 10);
  rn_journal_contents_free(&c);
  write_some(log, 10, 20), CHECK(rn_journal_commit(log, &err)), rn_journal_close(log);
  size_t a, b;
  char *x = events_of(whole, &a), *y = events_of(cut, &b);
  CHECK(a == b && memcmp(x, y, a) == 0);
  CHECK(rn_journal_read(cut, &c, &err) && c.series[0].n == 20 && c.n_events == 20);
  rn_journal_contents_free(&c), rn_free(x), rn_free(y);
  log = rn_journal_open(cut, 9, (long)b + 1, &err);                // longer than it is
  CHECK(!log && err.code == RN_INPUT), CHECK_TEXT(err.text, "the file was cut or replaced");
}

TEST(a_file_that_is_no_log_is_named) {
  char path[300];
  const char *folder = test_folder();
  rn_error err = {0};
  rn_journal_contents c;
  CHECK(!rn_journal_read(folder, &c, &err) && err.code == RN_INPUT), CHECK_TEXT(err.text, "is not the folder of a run");
  err = (rn_error){0};
  CHECK(!rn_journal_open("/nowhere/at/all", -1, -1, &err) && err.code == RN_SYSTEM), CHECK_TEXT(err.text, "/nowhere/at/all/run.sqlite");
  snprintf(path, sizeof path, "%s/run.sqlite", folder), err = (rn_error){0};
  CHECK(rn_write_file(path, "this is a text and no database, long enough to have a header of its own ........................................", 100, &err));
  CHECK(!rn_journal_read(folder, &c, &err) && err.code == RN_INPUT), CHECK_TEXT(err.text, "not the log of a run");
  err = (rn_error){0};
  CHECK(!rn_journal_open(folder, -1, -1, &err) && err.code == RN_INPUT), CHECK_TEXT(err.text, "not the log of a run");
  err = (rn_error){0};
  CHECK(rn_remove(path, &err) && rn_write_file(path, "", 0, &err));
  CHECK(!rn_journal_read(folder, &c, &err) && err.code == RN_INPUT);
}
