/* data/derived.c - columns and figures that follow from a table: returns-to-go, moments, coverage.
 * Source   TQ and SACo: Schweighofer et al. 2021, arXiv:2111.04714, and its code (digitise: index = number of edges <= value)
 *          HyperLogLog: Flajolet et al. 2007 */
#include "inner.h"
#include <math.h>
#include <string.h>

//---- derived columns ---------------------------------------------------------------------------------------------------------------

static void number_rows(rn_table *t, int64_t first, int64_t length, int64_t episode) {
  column *trajectory = rn_column_of(t, "trajectory"), *timestep = rn_column_of(t, "timestep");
  for (int64_t k = 0; k < length; k++) {
    if (trajectory->type == RN_I64) ((int64_t *)trajectory->at)[first + k] = episode;
    if (timestep->type == RN_I32) ((int32_t *)timestep->at)[first + k] = (int32_t)k;
  }
}

void rn_table_derive(rn_table *t, double gamma, double scale, double bias) {
  bool numbers = !rn_column_of(t, "trajectory") && !rn_column_of(t, "timestep"), returns = !rn_column_of(t, "return") && rn_column_of(t, "reward");
  if (numbers) rn_table_add_column(t, (rn_field){"trajectory", RN_I64, 1, NULL}), rn_table_add_column(t, (rn_field){"timestep", RN_I32, 1, NULL});
  if (returns) rn_table_add_column(t, (rn_field){"return", RN_F32, 1, NULL});
  const column *reward = rn_column_of(t, "reward");
  // rows after the last marked end are an episode of their own, still open
  for (int64_t e = 0; e <= t->episodes; e++) {
    int64_t first = e < t->episodes ? t->episode[e].first : t->closed, length = e < t->episodes ? t->episode[e].length : t->rows - t->closed;
    double G = 0;
    if (numbers) number_rows(t, first, length, e);
    for (int64_t r = first + length - 1; returns && r >= first; r--) {
      G = scale * rn_value_of(reward, r, 0) + bias + gamma * G;
      ((float *)rn_column_of(t, "return")->at)[r] = (float)G;
    }
  }
}

void rn_table_moments(const rn_table *t, const char *name, float *mean, float *std) {
  const column *c = rn_column_of(t, name);
  RN_CHECK(c, "the table has no column '%s'", name);
  int64_t first = rn_table_first(t), n = rn_table_rows(t);
  for (int k = 0; k < c->width; k++) {
    double sum = 0, square = 0;
    for (int64_t r = first; r < first + n; r++) sum += rn_value_of(c, rn_slot_of(t, r), k);
    double m = n ? sum / (double)n : 0;
    for (int64_t r = first; r < first + n; r++) {
      double d = rn_value_of(c, rn_slot_of(t, r), k) - m;
      square += d * d;
    }
    mean[k] = (float)m, std[k] = (float)((n ? sqrt(square / (double)n) : 0) + 1e-3);
  }
}

double rn_dataset_return(const rn_table *t) {
  const column *reward = rn_column_of(t, "reward");
  double sum = 0;
  int64_t n = 0;
  for (int64_t e = 0; reward && e < t->episodes; e++) {
    if (t->episode[e].end == RN_END_CUT) continue;
    for (int64_t r = 0; r < t->episode[e].length; r++) sum += rn_value_of(reward, t->episode[e].first + r, 0);
    n++;
  }
  return n ? sum / (double)n : NAN;
}

//---- coverage ------------------------------------------------------------------------------------------------------------------------

// edges as numpy.linspace makes them: least + k step, the last one exactly the largest
int rn_digit(double x, double least, double most, int edges) {
  if (!(x >= least)) return 0;
  if (x >= most) return edges;
  double step = (most - least) / (edges - 1);
  int k = RN_MIN((int)((x - least) / step), edges - 2);
  while (k > 0 && least + k * step > x) k--;
  while (k + 1 < edges - 1 && least + (k + 1) * step <= x) k++;
  return k + 1;
}

typedef struct { const column *obs, *act; int n; bool choice; double *least, *most; } cutter;

static void open_cutter(cutter *c, const rn_table *reference) {
  const column *obs = rn_column_of(reference, "obs"), *act = rn_column_of(reference, "act");
  RN_CHECK(obs && act, "coverage needs obs and act of the reference");
  c->choice = act->type != RN_F32 && act->type != RN_F64;
  c->n = obs->width + act->width;
  c->least = rn_new((size_t)c->n * sizeof *c->least), c->most = rn_new((size_t)c->n * sizeof *c->most);
  for (int k = 0; k < c->n; k++) {
    const column *of = k < obs->width ? obs : act;
    c->least[k] = INFINITY, c->most[k] = -INFINITY;
    for (int64_t r = rn_table_first(reference); r < reference->rows; r++) {
      double x = rn_value_of(of, rn_slot_of(reference, r), k < obs->width ? k : k - obs->width);
      c->least[k] = fmin(c->least[k], x), c->most[k] = fmax(c->most[k], x);
    }
  }
}

// one 64-bit key a row: the digits, then the hash. Two different rows meet with probability 2^-64 a pair
static uint64_t *keys_of(const rn_table *t, const rn_table *reference, int edges) {
  cutter c;
  open_cutter(&c, reference);
  const column *obs = rn_column_of(t, "obs"), *act = rn_column_of(t, "act");
  RN_CHECK(obs && act && obs->width + act->width == c.n, "the table's obs and act do not have the reference's widths");
  int64_t n = rn_table_rows(t), first = rn_table_first(t);
  uint64_t *key = rn_new((size_t)n * sizeof *key);
  int64_t *digit = rn_new((size_t)c.n * sizeof *digit);
  for (int64_t r = 0; r < n; r++) {
    int64_t slot = rn_slot_of(t, first + r);
    for (int k = 0; k < c.n; k++) {
      bool state = k < obs->width;
      double x = rn_value_of(state ? obs : act, slot, state ? k : k - obs->width);
      digit[k] = !state && c.choice ? (int64_t)x : rn_digit(x, c.least[k], c.most[k], edges);
    }
    key[r] = rn_hash(digit, (size_t)c.n * sizeof *digit, 0);
  }
  rn_free(digit), rn_free(c.least), rn_free(c.most);
  return key;
}

int64_t rn_count_distinct(int64_t n, const uint64_t *key) {
  size_t size = 64;
  while (size < (size_t)n * 2) size *= 2;
  uint64_t *slot = rn_new(size * sizeof *slot);
  int64_t found = 0;
  for (int64_t i = 0; i < n; i++) {
    uint64_t k = key[i] ? key[i] : 1;
    size_t at = (size_t)(k & (size - 1));
    while (slot[at] && slot[at] != k) at = (at + 1) & (size - 1);
    if (!slot[at]) slot[at] = k, found++;
  }
  rn_free(slot);
  return found;
}

int64_t rn_unique_pairs(const rn_table *data, const rn_table *reference, int edges) {
  uint64_t *key = keys_of(data, reference, edges);
  int64_t n = rn_count_distinct(rn_table_rows(data), key);
  rn_free(key);
  return n;
}

double rn_distinct_about(int64_t n, const uint64_t *hash) {
  enum { BITS = 16, REGISTERS = 1 << BITS };
  uint8_t *reg = rn_new(REGISTERS);
  double sum = 0;
  int zeros = 0;
  for (int64_t i = 0; i < n; i++) {
    uint64_t rest = hash[i] << BITS;
    int rank = rest ? __builtin_clzll(rest) + 1 : 64 - BITS + 1;
    uint8_t *r = &reg[hash[i] >> (64 - BITS)];
    if (rank > *r) *r = (uint8_t)rank;
  }
  for (int i = 0; i < REGISTERS; i++) sum += ldexp(1, -reg[i]), zeros += reg[i] == 0;
  rn_free(reg);
  double m = REGISTERS, about = 0.7213 / (1 + 1.079 / m) * m * m / sum;
  return about <= 2.5 * m && zeros ? m * log(m / zeros) : about;             // few keys: linear counting
}

double rn_unique_pairs_about(const rn_table *data, const rn_table *reference, int edges) {
  uint64_t *key = keys_of(data, reference, edges);
  double about = rn_distinct_about(rn_table_rows(data), key);
  rn_free(key);
  return about;
}
