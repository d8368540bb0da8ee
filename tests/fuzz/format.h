/* format.h - a reader on any bytes, its frames taken in by the receiver: a table that can be looked at, or one message. */
#ifndef REIN_FUZZ_FORMAT_H
#define REIN_FUZZ_FORMAT_H
#include "../../src/data/reader.h"
#include <stdlib.h>
#include <string.h>

typedef struct { const uint8_t *at; size_t n; } fuzz_stream;
static bool fuzz_get(void *from, void *bytes, size_t n) {
  fuzz_stream *s = from;
  if (n > s->n) return false;
  memcpy(bytes, s->at, n), s->at += n, s->n -= n;
  return true;
}
static inline bool fuzz_put(void *to, const void *bytes, size_t n) { return rn_say_bytes(to, bytes, n), true; }

static inline void fuzz_look(rn_table *t) {
  rn_table_figures f;
  rn_text text = {0};
  rn_error err = {0};
  rn_table_check_finite(t, "fuzz", &err);
  if (rn_table_rows(t) < 4096) rn_table_report(t, NULL, &f), rn_table_report_text(t, &f, &text), rn_table_report_json(t, &f, &text);
  rn_free(text.at), rn_table_free(t);
}

static inline void fuzz_frames(const uint8_t *bytes, size_t n) {
  rn_error err = {0};
  rn_table *t = rn_read_frames("fuzz", fuzz_get, &(fuzz_stream){bytes, n}, &err);
  if (t) fuzz_look(t);
  else if (!*err.text || err.code != RN_INPUT) abort();
}

// the first byte chooses the columns
static inline int fuzz_reader(bool (*read)(const foreign *, sink *, rn_error *), const uint8_t *bytes, size_t n) {
  static const char *const obs[] = {"a", "b"}, *const act[] = {"u"}, *const next[] = {"na", "nb"};
  static const rn_columns choice[] = {{.automatic = true}, {.n_obs = 2, .obs = obs, .n_act = 1, .act = act, .reward = "r", .terminated = "done", .episode = "id", .time = "t"},
                                      {.n_obs = 2, .obs = obs, .n_next = 2, .next = next, .truncated = "cut"}};
  if (n == 0) return 0;
  rn_text sent = {0};
  rn_error err = {0};
  sink s = {.put = fuzz_put, .to = &sent};
  char *copy = memcpy(rn_new(n), bytes + 1, n - 1);            // a block of its own: a read past its end is seen
  foreign in = {.path = "fuzz", .bytes = copy, .n = n - 1, .columns = bytes[0] % 4 ? &choice[bytes[0] % 4 - 1] : NULL};
  bool fine = read(&in, &s, &err);
  if (fine == (err.code != RN_OK)) abort();                    // a message, or none and a table
  if (fine) rn_sink_done(&s), fuzz_frames((const uint8_t *)sent.at, sent.n);
  rn_free(copy), rn_free(sent.at);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
#endif
