/* math/kernels.c - the kernels of one instruction set; compiled three times (RN_ISA: avx512, avx2, portable), each filling one table.
 * Only lanes.h differs between them: the formulas, and so the bits, are the same. */
#include "kernels.h"
#include "functions.h"
#include "lanes.h"
#include "tiles.h"

//---- elementwise -------------------------------------------------------------------------------------------------------------------

// x and y are vectors in `is`; the short end goes through one more vector
#define MAP1(name, is) \
  static void name(size_t n, const float *px, float *py) { \
    size_t i = 0; \
    for (; i + W <= n; i += W) { \
      vf x = load(px + i); \
      store(py + i, is); \
    } \
    if (i < n) { \
      vf x = load_part(px + i, n - i); \
      store_part(py + i, is, n - i); \
    } \
  }
#define MAP2(name, is) \
  static void name(size_t n, const float *px, const float *py, float *pz) { \
    size_t i = 0; \
    for (; i + W <= n; i += W) { \
      vf x = load(px + i), y = load(py + i); \
      store(pz + i, is); \
    } \
    if (i < n) { \
      vf x = load_part(px + i, n - i), y = load_part(py + i, n - i); \
      store_part(pz + i, is, n - i); \
    } \
  }
#define FUNCTION(f) \
  MAP1(map_##f, v_##f(x)) \
  static float one_##f(float x) { return v_##f(all(x))[0]; }
RN_VECTOR_FUNCTIONS(FUNCTION)

MAP2(map_add, x + y)
MAP2(map_sub, x - y)
MAP2(map_mul, x *y)
MAP2(map_div, x / y)
MAP2(map_min, smaller(y, x))
MAP2(map_max, larger(y, x))

static void map_muladd(size_t n, const float *x, const float *y, float *z) {
  for (size_t i = 0; i < n; i += W) {
    size_t m = n - i;
    store_some(z + i, FMA(load_some(x + i, m), load_some(y + i, m), load_some(z + i, m)), m);
  }
}

static void map_affine(size_t n, float a, float b, const float *x, float *y) {
  for (size_t i = 0; i < n; i += W) store_some(y + i, FMA(all(a), load_some(x + i, n - i), all(b)), n - i);
}

static void map_axpy(size_t n, float a, const float *x, float *y) {
  for (size_t i = 0; i < n; i += W) store_some(y + i, FMA(all(a), load_some(x + i, n - i), load_some(y + i, n - i)), n - i);
}

static void map_clamp(size_t n, float low, float high, const float *px, float *y) {
  for (size_t i = 0; i < n; i += W) {
    vf x = load_some(px + i, n - i);
    store_some(y + i, smaller(all(high), larger(all(low), x)), n - i);
  }
}

static void map_lerp(size_t n, float t, const float *px, float *py) {
  for (size_t i = 0; i < n; i += W) {
    vf x = load_some(px + i, n - i), y = load_some(py + i, n - i);
    store_some(py + i, FMA(all(t), x - y, y), n - i);
  }
}

MAP1(map_relu, v_act(RN_RELU, x))
MAP1(map_silu, v_act(RN_SILU, x))
static void map_act(size_t n, rn_act act, const float *x, float *y) {
  switch (act) {
    case RN_RELU: map_relu(n, x, y); break;
    case RN_TANH: map_tanh(n, x, y); break;
    case RN_SILU: map_silu(n, x, y); break;
    default: if (x != y) memmove(y, x, n * sizeof *x);
  }
}

// x: the activation's output, y: the slope that comes from above
MAP2(back_relu, pick(LESS(all(0), x), y, all(0)))
MAP2(back_tanh, FMA(-x, x, all(1)) * y)
static void map_act_back(size_t n, rn_act act, const float *y, const float *dy, float *dx) {
  switch (act) {
    case RN_RELU: back_relu(n, y, dy, dx); break;
    case RN_TANH: back_tanh(n, y, dy, dx); break;
    default: if (dy != dx) memmove(dx, dy, n * sizeof *dy);
  }
}

// A unit that is dead leaves moments that only decay: below the normal numbers each of them would cost a hundred times as much. Such small
// ones change no step; they become 0, in every kernel alike.
static inline vf without_dust(vf x) {
  const vf dust = all(1e-30f);
  return (vf)((vi)x & ~((x <= dust) & (x >= -dust)));
}

static void map_adam(size_t n, float *theta, float *pm, float *pv, const float *pg, float scale, float b1, float b2, float step, float eps,
                     float decay) {
  const vf rest1 = all(1 - b1), rest2 = all(1 - b2);
  for (size_t i = 0; i < n; i += W) {
    size_t some = n - i;
    vf g = load_some(pg + i, some) * all(scale);
    vf m = without_dust(FMA(all(b1), load_some(pm + i, some), rest1 * g));
    vf v = without_dust(FMA(all(b2), load_some(pv + i, some), rest2 * (g * g)));
    vf t = load_some(theta + i, some);
    t = FMA(all(-decay), t, t);
    t = FMA(all(-step), m / (root(v) + all(eps)), t);
    store_some(pm + i, m, some), store_some(pv + i, v, some), store_some(theta + i, t, some);
  }
}

//---- sums ------------------------------------------------------------------------------------------------------------------------

enum { BLOCK = 4096 };

// `is` of x (and y) added into the lanes with the fused or plain step `into`
#define FOLD(name, arguments, is) \
  static float name##_lanes arguments { \
    lanes s = no_lanes(); \
    size_t i = 0; \
    for (; i + LANES <= n; i += LANES) \
      for (int v = 0; v < VECTORS; v++) { \
        size_t at = i + W * v; \
        vf x = load(px + at), y = load(py + at), old = s.v[v]; \
        (void)y, s.v[v] = is; \
      } \
    for (int v = 0; v < VECTORS && i < n; v++, i += W) { \
      vf x = load_some(px + i, n - i), y = load_some(py + i, n - i), old = s.v[v]; \
      (void)y, s.v[v] = is; \
    } \
    return tree(s); \
  }
FOLD(sum, (size_t n, const float *px, const float *py), old + x)
FOLD(dot, (size_t n, const float *px, const float *py), FMA(x, y, old))

static float fold_sum(size_t n, const float *x) {
  float total = 0;
  for (size_t i = 0; i < n; i += BLOCK) total += sum_lanes(RN_MIN(n - i, BLOCK), x + i, x + i);
  return total;
}

static float fold_dot(size_t n, const float *x, const float *y) {
  float total = 0;
  for (size_t i = 0; i < n; i += BLOCK) total += dot_lanes(RN_MIN(n - i, BLOCK), x + i, y + i);
  return total;
}

static float fold_sumsq(size_t n, const float *x) { return fold_dot(n, x, x); }

static float fold_maxof(size_t n, const float *px) {
  vf most = all(-INFINITY), bad = all(0);               // bad: NaN once one was seen
  size_t i = 0;
  for (; i + W <= n; i += W) {
    vf x = load(px + i);
    most = larger(x, most), bad = pick(SAME(x, x), bad, x);
  }
  float t[W], worst[W], best = -INFINITY;
  store(t, most), store(worst, bad);
  for (int v = 0; v < W; v++) {
    if (worst[v] != worst[v]) return NAN;
    best = t[v] > best ? t[v] : best;
  }
  for (; i < n; i++) {
    if (px[i] != px[i]) return NAN;
    best = px[i] > best ? px[i] : best;
  }
  return best + 0.0f;                                   // one zero, whatever lane it came from
}

static bool all_finite(size_t n, const float *px) {
  vi most = whole(0);                                   // a magnitude's bits are ordered as its value
  size_t i = 0;
  for (; i + W <= n; i += W) {
    vi m = (vi)magnitude(load(px + i)), more = m > most;
    most = (more & m) | (~more & most);
  }
  if (i < n) {
    vi m = (vi)magnitude(load_part(px + i, n - i)), more = m > most;
    most = (more & m) | (~more & most);
  }
  const vf over = (vf)(most >= whole(0x7f800000));      // all bits: NaN
  return !any((truth)HAS_BIT((vi)over, 1));
}

static void column_sums(int rows, int cols, const float *x, float *y, bool add) {
  for (int j = 0; j < cols; j += 4 * W) {
    vf s[4] = {all(0), all(0), all(0), all(0)};
    if (cols - j >= 4 * W) {
      for (int i = 0; i < rows; i++)
        for (int v = 0; v < 4; v++) s[v] = s[v] + load(x + (size_t)i * cols + j + W * v);
    } else {
      for (int v = 0; v < 4 && j + W * v < cols; v++)
        for (int i = 0; i < rows; i++) s[v] = s[v] + load_some(x + (size_t)i * cols + j + W * v, (size_t)(cols - j - W * v));
    }
    for (int v = 0; v < 4 && j + W * v < cols; v++) {
      float *to = y + j + W * v;
      size_t n = (size_t)(cols - j - W * v);
      if (add) s[v] = load_some(to, n) + s[v];
      store_some(to, s[v], n);
    }
  }
}

static void row_sums(int rows, int cols, const float *x, float *y) {
  for (int i = 0; i < rows; i++) {
    const float *row = x + (size_t)i * cols;
    y[i] = sum_lanes((size_t)cols, row, row);
  }
}

static void softmax(int rows, int cols, const float *px, float *p, float *lse) {
  for (int i = 0; i < rows; i++) {
    const float *x = px + (size_t)i * cols;
    float *y = p ? p + (size_t)i * cols : NULL, most = fold_maxof((size_t)cols, x);
    lanes s = no_lanes();
    for (int j = 0, v = 0; j < cols; j += W, v = (v + 1) % VECTORS) {
      size_t n = (size_t)(cols - j);
      vf e = v_exp(load_some(x + j, n) - all(most));
      if (y) store_some(y + j, e, n);
      s.v[v] = s.v[v] + keep_some(e, n);                // lanes past the row hold nothing
    }
    float total = tree(s);
    if (lse) lse[i] = most + one_log(total);
    if (y) map_affine((size_t)cols, 1 / total, 0, y, y);
  }
}

//---- random numbers: W counters side by side ----------------------------------------------------------------------------------------

typedef struct { vu w[4]; } blocks;

INLINE vu counting(void) {
  vu x;
  static const uint32_t numbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  memcpy(&x, numbers, sizeof x);
  return x;
}

// the blocks draw, draw + 1, ... of a key
INLINE blocks philox(const rn_key *key, const uint32_t cipher[2], uint32_t draw) {
  vu c0 = (vu)whole((int32_t)draw) + counting(), c1 = (vu)whole((int32_t)key->at), c2 = (vu)whole((int32_t)key->unit),
      c3 = (vu)whole((int32_t)(key->unit >> 32));
  uint32_t k0 = cipher[0], k1 = cipher[1];
  for (int round = 0; round < 10; round++) {
    vu high0, low0, high2, low2;
    wide_product(c0, 0xD2511F53u, &high0, &low0), wide_product(c2, 0xCD9E8D57u, &high2, &low2);
    c0 = high2 ^ c1 ^ k0, c1 = low2;
    c2 = high0 ^ c3 ^ k1, c3 = low0;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  return (blocks){{c0, c1, c2, c3}};
}

// the middles of 2^23 cells: exact in float, never 0 or 1
INLINE vf unit_interval(vu w) { return (as_float((vi)(w >> 9)) + all(0.5f)) * all(0x1p-23f); }

// four vectors, one a word, into the order of the stream
INLINE void deal(const vf x[4], size_t n, float *out) {
  const vf a = UNPACK_LOW(x[0], x[1]), b = UNPACK_HIGH(x[0], x[1]), c = UNPACK_LOW(x[2], x[3]), d = UNPACK_HIGH(x[2], x[3]);
  const vf in[4] = {HALVES(a, c, 0x44), HALVES(a, c, 0xee), HALVES(b, d, 0x44), HALVES(b, d, 0xee)};      // in[k]: blocks k, k + 4, ...
  float all_of[4 * W], *to = n >= 4 * W ? out : all_of;
  for (int q = 0; q < W / 4; q++)
    for (int k = 0; k < 4; k++) memcpy(to + 16 * q + 4 * k, (const float *)&in[k] + 4 * q, 4 * sizeof *to);
  if (n < 4 * W) memcpy(out, all_of, n * sizeof *out);
}

static void uniforms(rn_key key, size_t n, float *x) {
  uint32_t cipher[2];
  rn_key_cipher(&key, cipher);
  for (size_t i = 0; i < n; i += 4 * W) {
    blocks b = philox(&key, cipher, key.draw + (uint32_t)(i / 4));
    vf u[4];
    for (int j = 0; j < 4; j++) u[j] = unit_interval(b.w[j]);
    deal(u, n - i, x + i);
  }
}

// Box & Muller 1958: a pair of uniforms becomes a pair of normals; the angle's quadrant is taken off exactly
INLINE void box_muller(vf u, vf v, vf *x, vf *y) {
  vf radius = root(all(-2) * v_log(u));
  vf t = v * all(4), shifted = t + all(0x1.8p23f), n = shifted - all(0x1.8p23f), s, c;
  turn((t - n) * all(1.57079633f), (vi)shifted - (vi)all(0x1.8p23f), &s, &c);
  *x = radius * c, *y = radius * s;
}

static void normals(rn_key key, size_t n, float *x) {
  uint32_t cipher[2];
  rn_key_cipher(&key, cipher);
  for (size_t i = 0; i < n; i += 4 * W) {
    blocks b = philox(&key, cipher, key.draw + (uint32_t)(i / 4));
    vf z[4];
    for (int j = 0; j < 4; j += 2) box_muller(unit_interval(b.w[j]), unit_interval(b.w[j + 1]), &z[j], &z[j + 1]);
    deal(z, n - i, x + i);
  }
}

//---- the table ---------------------------------------------------------------------------------------------------------------------

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)
const rn_kernels JOIN(rn_kernels_, RN_ISA) = {
    .name = TEXT(RN_ISA), .lanes = W, .vectors = TILE_VECTORS, .rows = TILE_ROWS, .strip = TILE_TABLE,
    .pack_turned = pack_turned, .one_column = one_column,
#define ENTRY(f) .f = map_##f, .one_##f = one_##f,
    RN_VECTOR_FUNCTIONS(ENTRY)
    .add = map_add, .sub = map_sub, .mul = map_mul, .div = map_div, .min = map_min, .max = map_max, .muladd = map_muladd,
    .affine = map_affine, .axpy = map_axpy, .clamp = map_clamp, .lerp = map_lerp, .act = map_act, .act_back = map_act_back,
    .finite = all_finite, .sum = fold_sum, .sumsq = fold_sumsq, .maxof = fold_maxof, .dot = fold_dot,
    .colsum = column_sums, .rowsum = row_sums, .softmax = softmax, .adam = map_adam, .uniform = uniforms, .normal = normals,
};
