// Neighbours: the rows and distances of the plain loop in double, ties and duplicates included.
#include "rein/math.h"
#include "test.h"
#include <stdlib.h>

enum { KEYS = 3000, QUERIES = 40, MOST = 25, WIDTH = 64 };
static float keys[KEYS * WIDTH], query[QUERIES * WIDTH];
static int64_t rows[QUERIES * MOST], should[MOST], skip[QUERIES];
static double distance[QUERIES * MOST], square[MOST];

static double squared(int d, const float *x, const float *y) {
  double s = 0;
  for (int j = 0; j < d; j++) {
    double t = (double)x[j] - y[j];
    s += t * t;
  }
  return s;
}

static int brute(int n, int d, const float *at, int k, int64_t left_out) {
  int found = 0;
  for (int i = 0; i < n; i++) {
    double s = squared(d, keys + (size_t)i * d, at);
    if (i == left_out || (found == k && s >= square[k - 1])) continue;
    int to = found < k ? found++ : k - 1;
    for (; to > 0 && square[to - 1] > s; to--) square[to] = square[to - 1], should[to] = should[to - 1];
    square[to] = s, should[to] = i;
  }
  return found;
}

static void check(int n, int d, int q, int k, const int64_t *left_out, const char *what) {
  void *scratch = rn_new(rn_neighbours_bytes(n, d, q, k));
  rn_neighbours(n, d, keys, q, query, k, left_out, rows, distance, scratch);
  rn_free(scratch);
  for (int i = 0; i < q; i++) {
    const int found = brute(n, d, query + (size_t)i * d, k, left_out ? left_out[i] : -1);
    for (int j = 0; j < k; j++) {
      const int64_t row = rows[i * k + j];
      CHECK_THAT(row == (j < found ? should[j] : -1), "%s: n %d d %d k %d: neighbour %d of query %d is row %ld, should be %ld", what, n, d, k, j, i,
                 (long)row, j < found ? (long)should[j] : -1);
      CHECK_THAT(distance[i * k + j] == (j < found ? sqrt(square[j]) : INFINITY), "%s: distance %d of query %d", what, j, i);
    }
  }
}

static void fill(float *x, size_t n, uint64_t seed, float scale, float shift) {
  rn_vnormal_f32(rn_key_new(seed, "test", 0, 0), n, x);
  rn_vaffine_f32(n, scale, shift, x, x);
}

static const int shape[][4] = {{1, 1, 1, 1}, {3, 2, 2, 5}, {100, 3, 7, 10}, {513, 17, 40, 1}, {3000, 23, 40, 8}, {1025, 64, 33, 25},
                               {3000, 1, 5, 25}};

TEST(rows_are_those_of_the_plain_loop) {
  for (int s = 0; s < RN_COUNT(shape); s++) {
    const int *a = shape[s];
    fill(keys, RN_COUNT(keys), 1, 1, 0), fill(query, RN_COUNT(query), 2, 1, 0);
    check(a[0], a[1], a[2], a[3], NULL, "normal");
    fill(keys, RN_COUNT(keys), 3, 1e-3f, 1000), fill(query, RN_COUNT(query), 4, 1e-3f, 1000);
    check(a[0], a[1], a[2], a[3], NULL, "far from zero");       // products without centring would see nothing
    fill(query, RN_COUNT(query), 5, 1e4f, -1e6f);
    check(a[0], a[1], a[2], a[3], NULL, "queries far away");
  }
}

TEST(ties_go_to_the_lowest_row) {
  // a grid of few values: most distances are shared by many rows
  for (int s = 0; s < RN_COUNT(shape); s++) {
    const int *a = shape[s];
    rn_key key = rn_key_new(6, "test", 0, 0);
    for (int i = 0; i < RN_COUNT(keys); i++) keys[i] = (float)rn_below(&key, 3);
    for (int i = 0; i < RN_COUNT(query); i++) query[i] = (float)rn_below(&key, 3);
    check(a[0], a[1], a[2], a[3], NULL, "grid");
    for (int i = 0; i < RN_COUNT(keys); i++) keys[i] = 0.1f;
    check(a[0], a[1], a[2], a[3], NULL, "all rows equal");
  }
}

TEST(a_skipped_row_is_never_answered) {
  fill(keys, RN_COUNT(keys), 7, 1, 0);
  memcpy(query, keys, sizeof query);
  for (int i = 0; i < QUERIES; i++) skip[i] = i;
  check(KEYS, 17, QUERIES, 5, skip, "leave one out");
  check(1, 17, 1, 3, skip, "nothing is left");
  check(KEYS, 17, QUERIES, 5, NULL, "itself");
  for (int i = 0; i < QUERIES; i++) CHECK(rows[5 * i] == i && distance[5 * i] == 0);
}

TEST(threads_change_nothing_and_no_keys_give_none) {
  fill(keys, RN_COUNT(keys), 8, 1, 0), fill(query, RN_COUNT(query), 9, 1, 0);
  rn_threads_set(2);
  check(KEYS, 23, QUERIES, 9, NULL, "two threads");
  rn_threads_set(1);
  check(0, 23, QUERIES, 2, NULL, "no keys");
}
