/* math/lapack.c - small linear algebra in double: LAPACKE over OpenBLAS, on one thread. The only file that names either.
 * LAPACK counts columns first; a row-major matrix is its transpose there, so nothing is turned that need not be. */
#include "rein/math.h"
#include <lapacke.h>
#include <math.h>
#include <string.h>

extern void openblas_set_num_threads(int threads) __attribute__((weak));      // the reference BLAS has no threads to set

// memory for copies and LAPACK's work: one block a thread, which only grows
static double *room(size_t count) {
  static _Thread_local struct { double *at; size_t n; } kept;
  if (count > kept.n) {
    kept.at = rn_grow(kept.at, kept.n * sizeof *kept.at, count * sizeof *kept.at);
    kept.n = count;
    if (openblas_set_num_threads) openblas_set_num_threads(1);
  }
  return kept.at;
}

static void turn(int rows, int cols, const double *a, double *out) {         // out [cols, rows]
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < cols; j++) out[(size_t)j * (size_t)rows + (size_t)i] = a[(size_t)i * (size_t)cols + (size_t)j];
}

bool rn_solve(int n, int rhs, const double *a, double *b) {
  RN_CHECK(n >= 0 && rhs >= 0, "a system of size %d with %d right sides", n, rhs);
  if (n == 0 || rhs == 0) return true;
  const size_t square = (size_t)n * (size_t)n, sides = (size_t)n * (size_t)rhs;
  double *lu = room(square + sides + ((size_t)n + 1) / 2), *x = lu + square;
  lapack_int *pivot = (lapack_int *)(x + sides);
  turn(n, n, a, lu), turn(n, rhs, b, x);
  if (LAPACKE_dgesv_work(LAPACK_COL_MAJOR, n, rhs, lu, n, pivot, x, n) != 0) return false;
  turn(rhs, n, x, b);
  return true;
}

bool rn_least_squares(int rows, int cols, const double *a, const double *b, double *x) {
  RN_CHECK(rows >= 0 && cols >= 0, "least squares with %d rows and %d columns", rows, cols);
  if (cols == 0) return true;
  memset(x, 0, (size_t)cols * sizeof *x);
  if (rows == 0) return true;
  const size_t whole = (size_t)rows * (size_t)cols;
  const int longer = RN_MAX(rows, cols), least = RN_MIN(rows, cols);
  const double least_value = 0x1p-52 * longer;          // singular values below this part of the largest count as zero
  double ask;
  lapack_int rank, iask;
  if (LAPACKE_dgelsd_work(LAPACK_COL_MAJOR, rows, cols, 1, NULL, rows, NULL, longer, NULL, least_value, &rank, &ask, -1, &iask) != 0) return false;
  const size_t work = (size_t)ask;
  double *m = room(whole + (size_t)longer + (size_t)least + work + (size_t)iask), *y = m + whole, *s = y + longer, *space = s + least;
  turn(rows, cols, a, m);
  memcpy(y, b, (size_t)rows * sizeof *y);
  lapack_int *whole_space = (lapack_int *)(space + work);
  if (LAPACKE_dgelsd_work(LAPACK_COL_MAJOR, rows, cols, 1, m, rows, y, longer, s, least_value, &rank, space, (lapack_int)work, whole_space) != 0)
    return false;
  memcpy(x, y, (size_t)cols * sizeof *x);
  return true;
}

bool rn_cholesky(int n, double *a) {
  RN_CHECK(n >= 0, "a factor of size %d", n);
  if (n == 0) return true;
  room(1);
  if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', n, a, n) != 0) return false;      // their upper is our lower
  for (int i = 0; i < n; i++)
    for (int j = i + 1; j < n; j++) a[(size_t)i * (size_t)n + (size_t)j] = 0;
  return true;
}

// q [tall, thin], columns first, becomes orthonormal; a column whose diagonal entry of R is negative changes its sign
static bool orthonormal_columns(int tall, int thin, double *q, double *tau, double *work, int size) {
  if (LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, tall, thin, q, tall, tau, work, size) != 0) return false;
  double *sign = work + size;
  for (int j = 0; j < thin; j++) sign[j] = q[(size_t)j * (size_t)tall + (size_t)j] < 0 ? -1 : 1;
  if (LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, tall, thin, thin, q, tall, tau, work, size) != 0) return false;
  for (int j = 0; j < thin; j++)
    for (int i = 0; i < tall; i++) q[(size_t)j * (size_t)tall + (size_t)i] *= sign[j];
  return true;
}

bool rn_qr_orthogonal(int rows, int cols, double *a) {
  RN_CHECK(rows > 0 && cols > 0, "an orthonormal matrix of %d rows and %d columns", rows, cols);
  const int tall = RN_MAX(rows, cols), thin = RN_MIN(rows, cols), size = 64 * thin;
  const size_t whole = (size_t)rows * (size_t)cols;
  double *q = room(whole + 2 * (size_t)thin + (size_t)size), *tau = q + whole, *work = tau + thin;
  // more columns than rows: a, read columns first, already is the tall matrix
  if (cols > rows) return orthonormal_columns(tall, thin, a, tau, work, size);
  turn(rows, cols, a, q);
  const bool done = orthonormal_columns(tall, thin, q, tau, work, size);
  turn(cols, rows, q, a);
  return done;
}
