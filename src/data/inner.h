/* data/inner.h - how a table lies in memory; what the files of data/ share. */
#ifndef REIN_DATA_INNER_H
#define REIN_DATA_INNER_H
#include "rein/data.h"

enum { MOST_COLUMNS = 96, COLUMN_NAME = 96 };
typedef struct {
  char name[COLUMN_NAME];
  rn_type type;
  int width;
  size_t bytes;                            // of a row
  char *at;                                // [room or slots] rows
  rn_map map;                              // of mapped tables
} column;

typedef struct live live;                  // live.c
struct rn_table {
  column c[MOST_COLUMNS];
  int n;
  int64_t rows, room, slots;               // slots: of a live table, whose row r lies in slot r % slots; else 0
  rn_episode *episode;
  int64_t episodes, episode_room;
  float *last;                             // [episode_room, obs] observation after an episode's last row; NULL where next is stored
  uint64_t *ends;                          // a bit a row: the last one of its episode
  int64_t closed;                          // rows that belong to episodes
  bool mapped;
  rn_map last_map;
  live *live;
  float *low, *high;
  char *env, *source, *said;
  rn_about about;
};

column *rn_column_of(const rn_table *t, const char *name);                 // NULL: none
static inline int64_t rn_slot_of(const rn_table *t, int64_t row) { return t->slots ? row % t->slots : row; }
static inline bool rn_is_last(const rn_table *t, int64_t row) { return t->ends && row < t->closed && t->ends[row >> 6] >> (row & 63) & 1; }
double rn_value_of(const column *c, int64_t slot, int entry);              // as double
void rn_table_note_episode(rn_table *t, rn_episode e, const float *last);  // the next episode in order
void rn_table_describe(rn_table *t, const char *env, const char *source, const char *said);   // copied; NULL: leave

char *rn_column_file(const char *folder, const char *name);                // FOLDER/NAME.bin, owned by the caller; a slash in the name becomes a point

bool rn_check_columns(const rn_table *t, const char *path, rn_error *err); // known columns have the types and widths that data.h says
bool rn_check_values(rn_table *t, const char *path, rn_error *err);        // flags are 0 or 1, choices lie in 0 .. n-1; n is set if unknown
rn_table *rn_read_safetensors_table(const char *path, rn_error *err);      // export.c

// live.c: links between rows of one world, read by samplers and windows
int64_t rn_live_forward(const rn_table *t, int64_t row);                   // the next row of its episode, -1: none yet
int64_t rn_live_back(const rn_table *t, int64_t row);                      // the one before, -1: none in the window
int64_t rn_live_low(const rn_table *t);
bool rn_live_ended(const rn_table *t, int64_t row);                        // the last row of a closed episode
void rn_live_free(rn_table *t);

int64_t rn_count_distinct(int64_t n, const uint64_t *key);                 // exact, open addressing

// json.c: a reader of JSON as Python writes it (NaN, Infinity), for files that we do not trust; objects keep their order
typedef struct rn_json rn_json;
enum { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_TEXT, JSON_LIST, JSON_MAP };
struct rn_json {
  int kind, n;                             // n: entries of a list or map
  bool whole;                              // a number without point or exponent that fits 64 bits
  double number;
  int64_t integer;
  char *text;
  char **key;                              // [n]
  rn_json *item;                           // [n]
};
/* Reads the whole text. Answers false with line and column in err. Free with rn_json_free. Depth at most 64, a doubled key is refused. */
bool rn_json_read(const char *place, const char *text, size_t n, rn_json *out, rn_error *err);
void rn_json_free(rn_json *j);
const rn_json *rn_json_get(const rn_json *map, const char *key);           // NULL: not a map, or no such key
const char *rn_json_text(const rn_json *map, const char *key);             // NULL: none
#endif
