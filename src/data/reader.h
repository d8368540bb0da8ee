/* data/reader.h - between the confined child, which reads a foreign file, and the parent, which makes a table of what it is sent.
 *
 * Frames: tag (1 byte), length (8 bytes, little-endian), payload. Order: C once, then any of R E B N S, then Z or X as the last.
 *   C columns: for each type (1), width (4), length of its name (2), name     R rows: count (4), then each column's values in turn
 *   E an episode ends: end (1), 1 if an observation follows (1), obs floats   B bounds: low, high, act floats each   N choices (4)
 *   S says: 'e' env or 's' what was left out, text                            X the message of a failure             Z rows in all (8) */
#ifndef REIN_DATA_READER_H
#define REIN_DATA_READER_H
#include "inner.h"

typedef bool (*put_bytes)(void *to, const void *bytes, size_t n);
typedef bool (*get_bytes)(void *from, void *bytes, size_t n);              // false: the stream ended

typedef struct {
  put_bytes put;
  void *to;
  bool broken;                             // the parent is gone
  int n;
  struct { rn_type type; int width; size_t bytes; } c[MOST_COLUMNS];
  size_t row_bytes;
  int64_t rows;
} sink;
void rn_sink_columns(sink *s, int n, const rn_field *fields);
void rn_sink_rows(sink *s, int64_t n, const void *const column[]);        // each column's n rows, contiguous
void rn_sink_end(sink *s, int end, const float *last, int width);         // the rows since the last end are an episode
void rn_sink_bounds(sink *s, int n, const float *low, const float *high);
void rn_sink_choices(sink *s, int choices);
void rn_sink_say(sink *s, char what, const char *text);
void rn_sink_done(sink *s);
void rn_sink_fail(sink *s, const char *message);

/* What a reader gets: the file's bytes, Minari's metadata.json or NULL, the recipe's columns or NULL. */
typedef struct { const char *path; const char *bytes; size_t n; const char *meta; size_t meta_n; const rn_columns *columns; } foreign;
bool rn_read_hdf5(const foreign *in, sink *out, rn_error *err);
bool rn_read_npz(const foreign *in, sink *out, rn_error *err);
bool rn_read_csv(const foreign *in, sink *out, rn_error *err);
bool rn_read_jsonl(const foreign *in, sink *out, rn_error *err);

/* From here on this process can compute and write to what is open, and nothing else: no file, socket, program or child. For a file of `bytes`. */
bool rn_reader_confine(size_t bytes);

/* The parent's side: checks every byte. */
rn_table *rn_read_frames(const char *path, get_bytes get, void *from, rn_error *err);

/* More than this from a file of n bytes is a bomb: 1 GiB and 200 times its size. */
static inline uint64_t rn_most_bytes(size_t n) { return ((uint64_t)1 << 30) + 200 * (uint64_t)n; }

//---- flat.c: arrays of N rows side by side, for NPZ and D4RL ------------------------------------------------------------------------------

/* Columns 0 .. sent-1 go to the table; what lies above is only looked at. Rows are fetched in blocks, so a file may be larger than memory. */
typedef struct {
  int n, sent, obs, next, terminated, truncated, episode;                  // places, -1: none; episode is I64 [1]
  rn_field field[MOST_COLUMNS];
  int64_t rows;
  bool (*fetch)(void *of, int column, int64_t row, int64_t n, void *out, rn_error *err);
  void *of;
} flat;
bool rn_send_flat(const foreign *in, const flat *f, sink *out, rn_error *err);

/* Names that arrays of a known meaning go by; which of the list is there, or NULL. */
typedef enum { AS_OBS, AS_ACT, AS_REWARD, AS_TERMINATED, AS_TRUNCATED, AS_NEXT, AS_EPISODE, MEANINGS } meaning;
extern const char *const rn_synonyms[MEANINGS][6];

//---- logs.c: named values row by row, for CSV and JSONL ---------------------------------------------------------------------------------

/* Which of the n columns found go where: places in the record, filled from rn_columns, from our own names, or by a guess. */
typedef struct {
  int n_obs, n_act, n_next, *obs, *act, *next;
  int reward, terminated, truncated, episode, time;                        // -1: none
  char *said;
} places;
bool rn_find_places(const foreign *in, int n, const char *const names[], places *p, rn_error *err);
void rn_free_places(places *p);

/* Collects rows, marks episodes and sends blocks. Episodes end where terminated or truncated says so, where the episode's number changes,
 * or where time does not move on. */
typedef struct {
  sink *out;
  const places *p;
  bool choice;                             // act is one I32
  int choices;
  int64_t n;                               // rows held
  float *obs, *act, *next, *reward;
  int32_t *pick;
  uint8_t *terminated, *truncated;
  bool any;                                // a row was seen since the last end
  double episode, time;
} log_rows;
void rn_log_open(log_rows *l, sink *out, const places *p, bool choice);
bool rn_log_row(log_rows *l, const foreign *in, int64_t line, const double *x, rn_error *err);    // x: the record's values by place
void rn_log_close(log_rows *l);
#endif
