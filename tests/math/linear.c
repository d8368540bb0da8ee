// Small linear algebra: what was solved is put back into its equation.
#include "rein/math.h"
#include "test.h"

static void fill(double *x, int n, uint64_t seed) {
  rn_key key = rn_key_new(seed, "test", 0, 0);
  for (int i = 0; i < n; i++) x[i] = rn_normal64(&key);
}

static const int sizes[] = {1, 2, 3, 7, 20, 65};

TEST(solve_gives_back_the_right_side) {
  static double a[65 * 65], b[65 * 5], x[65 * 5];
  for (int s = 0; s < RN_COUNT(sizes); s++)
    for (int rhs = 1; rhs <= 5; rhs += 4) {
      const int n = sizes[s];
      fill(a, n * n, 1), fill(b, n * rhs, 2), memcpy(x, b, sizeof b);
      CHECK(rn_solve(n, rhs, a, x));
      for (int i = 0; i < n; i++)
        for (int r = 0; r < rhs; r++) {
          double sum = 0;
          for (int j = 0; j < n; j++) sum += a[i * n + j] * x[j * rhs + r];
          CHECK_NEAR(sum, b[i * rhs + r], 1e-10, "row %d side %d of %d", i, r, n);
        }
    }
  // 2x + y = 5, x - y = 1: x = 2, y = 1
  double y[2] = {5, 1};
  CHECK(rn_solve(2, 1, (double[]){2, 1, 1, -1}, y));
  CHECK_NEAR(y[0], 2, 1e-15, "x");
  CHECK_NEAR(y[1], 1, 1e-15, "y");
}

TEST(a_singular_system_is_refused) {
  double b[2] = {1, 2};
  CHECK(!rn_solve(2, 1, (double[]){1, 2, 2, 4}, b));
  CHECK(!rn_cholesky(2, (double[]){1, 2, 2, 1}));        // eigenvalues 3 and -1
  CHECK(rn_solve(0, 1, NULL, NULL));
}

TEST(least_squares_is_orthogonal_to_the_columns_and_shortest) {
  static double a[65 * 65], b[65], x[65];
  static const int shape[][2] = {{1, 1}, {7, 3}, {3, 7}, {65, 20}, {20, 65}, {10, 10}};
  for (int s = 0; s < RN_COUNT(shape); s++) {
    const int rows = shape[s][0], cols = shape[s][1];
    fill(a, rows * cols, 3), fill(b, rows, 4);
    CHECK(rn_least_squares(rows, cols, a, b, x));
    double residual[65];
    for (int i = 0; i < rows; i++) {
      residual[i] = b[i];
      for (int j = 0; j < cols; j++) residual[i] -= a[i * cols + j] * x[j];
      if (rows <= cols) CHECK_NEAR(residual[i], 0, 1e-10, "row %d of [%d, %d]", i, rows, cols);
    }
    for (int j = 0; j < cols; j++) {
      double dot = 0;
      for (int i = 0; i < rows; i++) dot += a[i * cols + j] * residual[i];
      CHECK_NEAR(dot, 0, 1e-10, "column %d of [%d, %d]", j, rows, cols);
    }
  }
  // x + y = 2 alone: the shortest is (1, 1); two equal columns share
  CHECK(rn_least_squares(1, 2, (double[]){1, 1}, (double[]){2}, x));
  CHECK_NEAR(x[0], 1, 1e-14, "x");
  CHECK_NEAR(x[1], 1, 1e-14, "y");
  CHECK(rn_least_squares(3, 2, (double[]){1, 1, 2, 2, 3, 3}, (double[]){2, 4, 6}, x));
  CHECK_NEAR(x[0], 1, 1e-14, "x");
  CHECK_NEAR(x[1], 1, 1e-14, "y");
}

TEST(cholesky_squares_back) {
  static double g[65 * 65], a[65 * 65], l[65 * 65];
  for (int s = 0; s < RN_COUNT(sizes); s++) {
    const int n = sizes[s];
    fill(g, n * n, 5);
    for (int i = 0; i < n; i++)
      for (int j = 0; j < n; j++) {
        a[i * n + j] = i == j;
        for (int k = 0; k < n; k++) a[i * n + j] += g[i * n + k] * g[j * n + k];
      }
    memcpy(l, a, sizeof a);
    CHECK(rn_cholesky(n, l));
    for (int i = 0; i < n; i++)
      for (int j = 0; j < n; j++) {
        double sum = 0;
        for (int k = 0; k < n; k++) sum += l[i * n + k] * l[j * n + k];
        CHECK_NEAR(sum, a[i * n + j], 1e-12, "entry %d, %d of %d", i, j, n);
        CHECK_THAT(j <= i || l[i * n + j] == 0, "above the diagonal");
      }
  }
}

TEST(orthogonal_rows_or_columns_whichever_are_fewer) {
  static double a[65 * 65], first[65 * 65];
  static const int shape[][2] = {{1, 1}, {2, 2}, {7, 3}, {3, 7}, {65, 64}, {17, 65}};
  for (int s = 0; s < RN_COUNT(shape); s++) {
    const int rows = shape[s][0], cols = shape[s][1], thin = RN_MIN(rows, cols);
    fill(a, rows * cols, 6), memcpy(first, a, sizeof a);
    CHECK(rn_qr_orthogonal(rows, cols, a));
    for (int i = 0; i < thin; i++)
      for (int j = 0; j < thin; j++) {
        double dot = 0;
        for (int k = 0; k < RN_MAX(rows, cols); k++) dot += rows >= cols ? a[k * cols + i] * a[k * cols + j] : a[i * cols + k] * a[j * cols + k];
        CHECK_NEAR(dot, i == j, 1e-13, "%d by %d of [%d, %d]", i, j, rows, cols);
      }
    // signs fixed: the first column (row) keeps its direction, and a second pass changes nothing
    double along = 0;
    for (int k = 0; k < RN_MAX(rows, cols); k++) along += rows >= cols ? a[k * cols] * first[k * cols] : a[k] * first[k];
    CHECK_THAT(along > 0, "[%d, %d] was turned round", rows, cols);
    memcpy(first, a, sizeof a);
    CHECK(rn_qr_orthogonal(rows, cols, a));
    for (int i = 0; i < rows * cols; i++) CHECK_NEAR(a[i], first[i], 1e-13, "entry %d", i);
  }
}
