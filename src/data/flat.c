/* data/flat.c - arrays of N rows side by side: sent in blocks, cut into episodes. An episode ends at a terminal or a timeout, where its number
 * changes, and where the stored next observation is not the next row's (distance over 1e-6).
 * Source   D4RL's qlearning_dataset; "transition store and segmentation" of the catalogue */
#include "reader.h"
#include <math.h>
#include <string.h>

const char *const rn_synonyms[MEANINGS][6] = {
  {"observations", "obs", "states", "observation"}, {"actions", "acts", "act", "action"}, {"rewards", "rews", "reward", "rew"},
  {"terminals", "terminated", "terminations", "dones", "done"}, {"timeouts", "truncated", "truncations"},
  {"next_observations", "next_obs", "next"}, {"episode", "episode_ids", "episode_id", "trajectory"}};

enum { BLOCK = 1 << 24, MOST_ROWS = 65536 };                  // bytes and rows of a block

static double entry(const flat *f, char *const block[], int column, int64_t row, int k) {
  const char *at = block[column];
  int64_t i = row * f->field[column].width + k;
  return f->field[column].type == RN_U8 ? ((const uint8_t *)at)[i] : ((const float *)at)[i];
}

static bool leaves(const flat *f, char *const block[], int64_t row) {
  double square = 0;
  for (int k = 0; k < f->field[f->obs].width; k++) {
    double d = entry(f, block, f->next, row, k) - entry(f, block, f->obs, row + 1, k);
    square += d * d;
  }
  return !(sqrt(square) <= 1e-6);
}

// how the episode ends at this row; -1: it does not. `after`: the block holds the next row as well
static int end_at(const flat *f, char *const block[], int64_t row, bool after) {
  if (f->terminated >= 0 && ((const uint8_t *)block[f->terminated])[row]) return RN_END_TERMINATED;
  if (f->truncated >= 0 && ((const uint8_t *)block[f->truncated])[row]) return RN_END_TRUNCATED;
  if (!after) return -1;
  const int64_t *episode = f->episode >= 0 ? (const int64_t *)block[f->episode] : NULL;
  if (episode && episode[row] != episode[row + 1]) return RN_END_TRUNCATED;
  // without a column of timeouts a gap is where one was; with it a gap is a hole in the log
  if (f->next >= 0 && leaves(f, block, row)) return f->truncated >= 0 || episode ? RN_END_CUT : RN_END_TRUNCATED;
  return -1;
}

static void send_part(const flat *f, sink *out, char *const block[], int64_t from, int64_t to) {
  const void *column[MOST_COLUMNS];
  for (int i = 0; i < f->sent; i++) column[i] = block[i] + (size_t)from * rn_type_bytes(f->field[i].type) * (size_t)f->field[i].width;
  if (to > from) rn_sink_rows(out, to - from, column);
}

bool rn_send_flat(const foreign *in, const flat *f, sink *out, rn_error *err) {
  char *block[MOST_COLUMNS];
  size_t row = 1;
  for (int i = 0; i < f->n; i++) row += rn_type_bytes(f->field[i].type) * (size_t)f->field[i].width;
  if (f->rows == 0) return rn_fail(err, "%s: has no rows", in->path);
  int64_t most = RN_MAX(1, RN_MIN(MOST_ROWS, (int64_t)(BLOCK / row)));
  for (int i = 0; i < f->n; i++) block[i] = rn_new((size_t)(most + 1) * rn_type_bytes(f->field[i].type) * (size_t)f->field[i].width);
  rn_sink_columns(out, f->sent, f->field);
  bool fine = true;
  for (int64_t at = 0; fine && at < f->rows; at += most) {
    int64_t n = RN_MIN(most, f->rows - at), begin = 0;
    bool after = at + n < f->rows;
    for (int i = 0; fine && i < f->n; i++) fine = f->fetch(f->of, i, at, n + after, block[i], err);
    for (int64_t r = 0; fine && r < n; r++) {
      int end = end_at(f, block, r, after || r + 1 < n);
      if (end < 0) continue;
      send_part(f, out, block, begin, r + 1), begin = r + 1;
      rn_sink_end(out, end, NULL, 0);
    }
    if (fine) send_part(f, out, block, begin, n);
  }
  for (int i = 0; i < f->n; i++) rn_free(block[i]);
  return fine;
}
