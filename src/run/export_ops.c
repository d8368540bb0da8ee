/* run/export_ops.c - every operation of the tape as plain C99: loops with constant bounds that a compiler vectorises, and the functions they
 * call. The functions are those of math/functions.h with a multiplication and an addition where those have a fused one, so they agree within
 * a rounding or two. Sums over an axis run in double: the engine's order has 16 lanes, and both are within a rounding of the exact sum. */
#include "export.h"
#include <math.h>

//---- functions of the printed file ----------------------------------------------------------------------------------------------------

typedef struct { const char *name, *needs[2], *text; } helper;         // needs: others, earlier in the list
static const helper HELPERS[] = {
  {"bits", {0}, "typedef union { int i; float f; } p_bits;                /* a float and its bits; choices are made among bits, so loops vectorise */\n"},
  {"exp", {"bits"},
   "POLICY_INLINE float p_exp(float x) {\n"
   "  p_bits v, y, half, a, b;\n"
   "  int size, sign, n, h, mask;\n"
   "  float r, q;\n"
   "  v.f = x, size = v.i & 0x7fffffff, sign = v.i - size;\n"
   "  y.i = (size > 0x42d20000 ? 0x42d20000 : size) + sign;   /* -105 .. 105 */\n"
   "  half.i = 0x3f000000 + sign;\n"
   "  n = (int)(y.f * 1.44269504f + half.f), h = n / 2;\n"
   "  r = y.f - (float)n * 0.693359375f + (float)n * 2.12194440e-4f;\n"
   "  q = ((((1.9875691500e-4f * r + 1.3981999507e-3f) * r + 8.3334519073e-3f) * r + 4.1665795894e-2f) * r + 1.6666665459e-1f) * r\n"
   "      + 5.0000001201e-1f;\n"
   "  a.i = (h + 127) * 8388608, b.i = (n - h + 127) * 8388608;\n"
   "  a.f = (q * (r * r) + r + 1.0f) * a.f * b.f;\n"
   "  mask = -(size > 0x7f800000), a.i = (v.i & mask) | (a.i & ~mask);\n"
   "  return a.f;\n"
   "}\n"},
  {"log_of", {0},
   "POLICY_INLINE float p_log_of(float f, float e) {                /* log(1 + f) + e log 2 */\n"
   "  float z = f * f;\n"
   "  float q = (((((((7.0376836292e-2f * f - 1.1514610310e-1f) * f + 1.1676998740e-1f) * f - 1.2420140846e-1f) * f + 1.4249322787e-1f) * f\n"
   "              - 1.6668057665e-1f) * f + 2.0000714765e-1f) * f - 2.4999993993e-1f) * f + 3.3333331174e-1f;\n"
   "  float tail = q * f * z - e * 2.12194440e-4f - 0.5f * z;\n"
   "  return e * 0.693359375f + (f + tail);\n"
   "}\n"},
  {"log", {"log_of"},
   "POLICY_INLINE float p_log(float x) {\n"
   "  union { int i; float f; } m;\n"
   "  int tiny = x < 1.17549435e-38f, bits, e;\n"
   "  m.f = tiny ? x * 8388608.0f : x;\n"
   "  if (!(x > 0.0f)) return x == 0.0f ? -1.0f / (x * x) : (x - x) / (x - x);\n"
   "  if (x - x != 0.0f) return x;\n"
   "  bits = m.i - 0x3f3504f3;\n"
   "  e = (bits >= 0 ? bits / 8388608 : -((8388607 - bits) / 8388608));\n"
   "  m.i = (bits - e * 8388608) + 0x3f3504f3;\n"
   "  return p_log_of(m.f - 1.0f, (float)(e - (tiny ? 23 : 0)));\n"
   "}\n"},
  {"tanh", {"exp"},
   "POLICY_INLINE float p_tanh(float x) {\n"
   "  p_bits v, c, near, far;\n"
   "  int size, sign, mask;\n"
   "  float z = x * x;\n"
   "  float q = (((-5.70498872745e-3f * z + 2.06390887954e-2f) * z - 5.37397155531e-2f) * z + 1.33314422036e-1f) * z - 3.33332819422e-1f;\n"
   "  v.f = x, size = v.i & 0x7fffffff, sign = v.i - size;\n"
   "  c.i = size > 0x41200000 ? 0x41200000 : size;            /* |x| up to 10 */\n"
   "  near.f = q * z * x + x, far.f = 1.0f - 2.0f / (p_exp(c.f + c.f) + 1.0f);\n"
   "  far.i += sign;\n"
   "  mask = -(size < 0x3f200000), far.i = (near.i & mask) | (far.i & ~mask);        /* 0.625 */\n"
   "  mask = -(size > 0x7f800000), far.i = (v.i & mask) | (far.i & ~mask);\n"
   "  return far.f;\n"
   "}\n"},
  {"sigmoid", {"exp"},
   "POLICY_INLINE float p_sigmoid(float x) {\n"
   "  p_bits v, low, high;\n"
   "  float e;\n  int mask;\n"
   "  v.f = x, low.i = v.i | (-2147483647 - 1), e = p_exp(low.f);\n"
   "  high.f = 1.0f / (1.0f + e), low.f = e * high.f;\n"
   "  mask = -(v.i < 0), high.i = (low.i & mask) | (high.i & ~mask);\n"
   "  return high.f;\n"
   "}\n"},
  {"softplus", {"exp", "log_of"},
   "POLICY_INLINE float p_softplus(float x) {\n"
   "  float u = p_exp(x < 0.0f ? x : -x);\n"
   "  int large = u > 0.41421356f;\n"
   "  float y = p_log_of(large ? 0.5f * u - 0.5f : u, large ? 1.0f : 0.0f) + (x > 0.0f ? x : 0.0f);\n"
   "  return x == x ? y : x;\n"
   "}\n"},
  {"relu", {"bits"},
   "POLICY_INLINE float p_relu(float x) {\n"
   "  p_bits v;\n"
   "  v.f = x, v.i &= -((v.i >= 0) | ((v.i & 0x7fffffff) > 0x7f800000));\n"
   "  return v.f;\n"
   "}\n"},
  {"silu", {"sigmoid"}, "POLICY_INLINE float p_silu(float x) { return x * p_sigmoid(x); }\n"},
  {"abs", {0}, "POLICY_INLINE float p_abs(float x) { return x < 0.0f ? -x : x; }\n"},
  {"clamp", {0}, "POLICY_INLINE float p_clamp(float x, float low, float high) { return x < low ? low : x > high ? high : x; }\n"},
  {"min", {0}, "POLICY_INLINE float p_min(float a, float b) { return b < a ? b : a; }\n"},
  {"max", {0}, "POLICY_INLINE float p_max(float a, float b) { return b > a ? b : a; }\n"},
  {"expectile", {0}, "POLICY_INLINE float p_expectile(float u, float tau) { return (u < 0.0f ? 1.0f - tau : tau) * u * u; }\n"},
  {"huber", {0},
   "POLICY_INLINE float p_huber(float u, float d) { return u > d ? d * (u - d / 2.0f) : u < -d ? d * (-u - d / 2.0f) : u * u / 2.0f; }\n"},
  {"root", {0},
   "static double p_root(double x) {                         /* Newton from a power of two */\n"
   "  double y = 1.0, z = x;\n"
   "  int i;\n"
   "  if (!(x > 0.0) || x - x != 0.0) return x == 0.0 || x > 0.0 ? x : (x - x) / (x - x);\n"
   "  while (z > 4.0) z *= 0.25, y *= 2.0;\n"
   "  while (z < 1.0) z *= 4.0, y *= 0.5;\n"
   "  for (i = 0; i < 5; i++) y = 0.5 * (y + x / y);\n"
   "  return y;\n"
   "}\n"},
  {"sqrt", {"root"}, "POLICY_INLINE float p_sqrt(float x) { return (float)p_root((double)x); }\n"},
  {"turn", {0},
   "POLICY_INLINE float p_turn(float x, int quarter) {              /* sin(x + quarter pi/2); |x| up to 1e9 */\n"
   "  double a = x, n = (double)(long long)(a * 0.63661977236758134 + (a < 0.0 ? -0.5 : 0.5));\n"
   "  double r = (a - n * 1.5707963267341256) - n * 6.0771005065061922e-11, z = r * r;\n"
   "  int q = (int)((long long)n + quarter) & 3;\n"
   "  double s = r + r * z * (-0.16666666666666632 + z * (8.3333333332248946e-3 + z * (-1.9841269829857949e-4 + z * 2.7557313621385722e-6)));\n"
   "  double c = 1.0 - 0.5 * z + z * z * (4.1666666666666602e-2 + z * (-1.3888888888873056e-3 + z * 2.4801587289476729e-5));\n"
   "  double y = q & 1 ? c : s;\n"
   "  return (float)(q & 2 ? -y : y);\n"
   "}\n"},
  {"sin", {"turn"}, "POLICY_INLINE float p_sin(float x) { return x > -1e9f && x < 1e9f ? p_turn(x, 0) : (x - x) / (x - x); }\n"},
  {"cos", {"turn"}, "POLICY_INLINE float p_cos(float x) { return x > -1e9f && x < 1e9f ? p_turn(x, 1) : (x - x) / (x - x); }\n"},
  {"erf", {"exp"},
   "POLICY_INLINE float p_erf(float x) {\n"
   "  float a = x < 0.0f ? -x : x, z = x * x, t = a > 4.0f ? 4.0f : a, s = t * t, near, far;\n"
   "  float q = (((-5.96761703e-4f * z + 4.99119423e-3f) * z - 2.67681349e-2f) * z + 1.12819925e-1f) * z - 3.76125336e-1f;\n"
   "  near = (q * z + 1.28379166e-1f) * x + x;\n"
   "  q = (-1.72853470e-5f * t + 3.83197126e-4f) * s + (-3.88396438e-3f * t + 2.42546219e-2f);\n"
   "  q = (((q * t - 1.06777877e-1f) * t - 6.34846687e-1f) * t - 1.28717512e-1f) * t - t;\n"
   "  far = 1.0f - p_exp(q);\n"
   "  return a > 0.927734375f ? (x < 0.0f ? -far : far) : near;\n"
   "}\n"},
};

static int helper_at(const char *name) {
  for (int i = 0; i < RN_COUNT(HELPERS); i++)
    if (strcmp(HELPERS[i].name, name) == 0) return i;
  rn_fatal(__func__, "no function '%s' for the printed file", name);
}

void use_helper(printer *p, const char *name) {
  int i = helper_at(name);
  p->helpers |= 1ull << i;
  for (int k = 0; k < 2; k++)
    if (HELPERS[i].needs[k]) use_helper(p, HELPERS[i].needs[k]);
}

void print_helpers(const printer *p, rn_text *out) {
  for (int i = 0; i < RN_COUNT(HELPERS); i++)
    if (p->helpers >> i & 1) rn_say_text(out, "%s\n", HELPERS[i].text);
}

//---- products --------------------------------------------------------------------------------------------------------------------------

static void use_product(printer *p, product_shape s) {
  for (int i = 0; i < p->products; i++)
    if (memcmp(&p->product[i], &s, sizeof s) == 0) return;
  p->product = rn_grow(p->product, (size_t)p->products * sizeof s, (size_t)(p->products + 1) * sizeof s);
  p->product[p->products++] = s;
}

// four rows of w at a time: the sums stay in ascending order, and a sum is loaded and stored once for four steps
void print_products(const printer *p, rn_text *out) {
  enum { STEP = 4 };
  for (int i = 0; i < p->products; i++) {
    product_shape s = p->product[i];
    bool own = s.stride != s.n;                              // sums in an array of its own, of which n entries are taken
    rn_say_text(out, "/* y = x w: x [%d], w [%d][%d], y [%d] */\n", s.k, s.k, s.stride, s.n);
    rn_say_text(out, "static void p_product_%d_%d_%d(const float *POLICY_RESTRICT x, const float *POLICY_RESTRICT w, float *POLICY_RESTRICT %s) {\n", s.k, s.n,
                s.stride, own ? "out" : "y");
    rn_say_text(out, "  int j%s;\n", s.k >= STEP ? ", k" : "");
    if (own) rn_say_text(out, "  float y[%d];\n", s.stride);
    rn_say_text(out, "  for (j = 0; j < %d; j++) y[j] = 0.0f;\n", s.stride);
    if (s.k >= STEP)
      rn_say_text(out,
                  "  for (k = 0; k < %d; k += 4) {\n"
                  "    const float x0 = x[k], x1 = x[k + 1], x2 = x[k + 2], x3 = x[k + 3], *POLICY_RESTRICT v = w + k * %d;\n"
                  "    for (j = 0; j < %d; j++) y[j] = y[j] + x0 * v[j] + x1 * v[j + %d] + x2 * v[j + %d] + x3 * v[j + %d];\n"
                  "  }\n",
                  s.k / STEP * STEP, s.stride, s.stride, s.stride, 2 * s.stride, 3 * s.stride);
    for (int k = s.k / STEP * STEP; k < s.k; k++)
      rn_say_text(out, "  for (j = 0; j < %d; j++) y[j] = y[j] + x[%d] * w[%d + j];\n", s.stride, k, k * s.stride);
    if (own) rn_say_text(out, "  for (j = 0; j < %d; j++) out[j] = y[j];\n", s.n);
    rn_say_text(out, "}\n\n");
  }
}

static int padded(int n) { return (n + 3) / 4 * 4; }

//---- loops -----------------------------------------------------------------------------------------------------------------------------

static const char *const INDEX[4] = {"h", "i", "j", "k"};
static const char *const INDENT[6] = {"  ", "    ", "      ", "        ", "          ", "            "};

// opens a loop for each size above 1 among the axes of `which` (bits), at this depth; answers the depth inside
static int open_loops(printer *p, const int32_t dim[4], int which, int depth) {
  for (int a = 0; a < 4; a++)
    if (which >> a & 1 && dim[a] > 1) rn_say_text(&p->body, "%sfor (%s = 0; %s < %d; %s++)\n", INDENT[depth++], INDEX[a], INDEX[a], dim[a], INDEX[a]);
  return depth;
}

// where the entry of the loops' indices lies in x: axes of size 1 stand still
static label index_in(const rn_node *x) {
  label l = {"0"};
  int n = 0;
  long step = 1, steps[4];
  for (int a = 3; a >= 0; a--) steps[a] = step, step *= x->dim[a];
  for (int a = 0; a < 4; a++)
    if (x->dim[a] > 1) {
      const char *plus = n ? " + " : "";
      if (steps[a] == 1) n += snprintf(l.text + n, sizeof l.text - (size_t)n, "%s%s", plus, INDEX[a]);
      else n += snprintf(l.text + n, sizeof l.text - (size_t)n, "%s%ld * %s", plus, steps[a], INDEX[a]);
    }
  return l;
}

static void each(printer *p, size_t n) { rn_say_text(&p->body, "  for (i = 0; i < %zu; i++) ", n); }

//---- one operation a function: X its node, names at hand ---------------------------------------------------------------------------------

#define OUT name_of(p, x, 0).text
#define IN(k) name_of(p, x->in[k], 0).text

static label number(double value) {                          // a float literal, infinite ones too
  label l;
  if (isinf(value)) snprintf(l.text, sizeof l.text, "%s", value > 0 ? "(1.0f / 0.0f)" : "(-1.0f / 0.0f)");
  else {
    rn_text t = {0};
    say_float(&t, value);
    snprintf(l.text, sizeof l.text, "%s", t.at);
    rn_free(t.at);
  }
  return l;
}

// y[i] = p_NAME(x[i]) with up to two constants
static void call(printer *p, const rn_node *x, const char *function, int constants) {
  label in = name_of(p, x->in[0], 0), out = name_of(p, x, 0);
  use_helper(p, function);
  each(p, count_of(x));
  rn_say_text(&p->body, "%s[i] = p_%s(%s[i]", out.text, function, in.text);
  for (int k = 0; k < constants; k++) rn_say_text(&p->body, ", %s", number(x->f[k]).text);
  rn_say_text(&p->body, ");\n");
}
static void print_exp(printer *p, const rn_node *x) { call(p, x, "exp", 0); }
static void print_log(printer *p, const rn_node *x) { call(p, x, "log", 0); }
static void print_tanh(printer *p, const rn_node *x) { call(p, x, "tanh", 0); }
static void print_sigmoid(printer *p, const rn_node *x) { call(p, x, "sigmoid", 0); }
static void print_softplus(printer *p, const rn_node *x) { call(p, x, "softplus", 0); }
static void print_relu(printer *p, const rn_node *x) { call(p, x, "relu", 0); }
static void print_silu(printer *p, const rn_node *x) { call(p, x, "silu", 0); }
static void print_abs(printer *p, const rn_node *x) { call(p, x, "abs", 0); }
static void print_sin(printer *p, const rn_node *x) { call(p, x, "sin", 0); }
static void print_cos(printer *p, const rn_node *x) { call(p, x, "cos", 0); }
static void print_erf(printer *p, const rn_node *x) { call(p, x, "erf", 0); }
static void print_sqrt(printer *p, const rn_node *x) { call(p, x, "sqrt", 0); }
static void print_clamp(printer *p, const rn_node *x) { call(p, x, "clamp", 2); }
static void print_expectile(printer *p, const rn_node *x) { call(p, x, "expectile", 1); }
static void print_huber(printer *p, const rn_node *x) { call(p, x, "huber", 1); }

static void print_affine(printer *p, const rn_node *x) {
  label in = name_of(p, x->in[0], 0), out = name_of(p, x, 0);
  each(p, count_of(x));
  rn_say_text(&p->body, "%s[i] = %s * %s[i] + %s;\n", out.text, number(x->f[0]).text, in.text, number(x->f[1]).text);
}
static void print_square(printer *p, const rn_node *x) {
  label in = name_of(p, x->in[0], 0), out = name_of(p, x, 0);
  each(p, count_of(x));
  rn_say_text(&p->body, "%s[i] = %s[i] * %s[i];\n", out.text, in.text, in.text);
}

static void two(printer *p, const rn_node *x, const char *before, const char *between, const char *after) {
  label a = name_of(p, x->in[0], 0), b = name_of(p, x->in[1], 0), out = name_of(p, x, 0);
  if (same_dims(x->in[0]->dim, x->dim) && same_dims(x->in[1]->dim, x->dim)) {
    each(p, count_of(x));
    rn_say_text(&p->body, "%s[i] = %s%s[i]%s%s[i]%s;\n", out.text, before, a.text, between, b.text, after);
    return;
  }
  int depth = open_loops(p, x->dim, 15, 0);
  rn_say_text(&p->body, "%s%s[%s] = %s%s[%s]%s%s[%s]%s;\n", INDENT[depth], out.text, index_in(x).text, before, a.text, index_in(x->in[0]).text, between, b.text,
              index_in(x->in[1]).text, after);
}
static void print_add(printer *p, const rn_node *x) { two(p, x, "", " + ", ""); }
static void print_sub(printer *p, const rn_node *x) { two(p, x, "", " - ", ""); }
static void print_mul(printer *p, const rn_node *x) { two(p, x, "", " * ", ""); }
static void print_div(printer *p, const rn_node *x) { two(p, x, "", " / ", ""); }
static void print_min2(printer *p, const rn_node *x) { use_helper(p, "min"), two(p, x, "p_min(", ", ", ")"); }
static void print_max2(printer *p, const rn_node *x) { use_helper(p, "max"), two(p, x, "p_max(", ", ", ")"); }

static void print_sum_to(printer *p, const rn_node *x) {
  const rn_node *in = x->in[0];
  label from = name_of(p, in, 0), out = name_of(p, x, 0);
  int kept = 0;
  for (int a = 0; a < 4; a++) kept |= (x->dim[a] == in->dim[a]) << a;
  int depth = open_loops(p, in->dim, kept, 0);
  rn_say_text(&p->body, "%s{\n", INDENT[depth]);
  rn_say_text(&p->body, "%sdouble sum = 0.0;\n", INDENT[depth + 1]);
  int inner = open_loops(p, in->dim, 15 & ~kept, depth + 1);
  rn_say_text(&p->body, "%ssum += (double)%s[%s];\n", INDENT[RN_MIN(inner, 5)], from.text, index_in(in).text);
  rn_say_text(&p->body, "%s%s[%s] = (float)sum;\n%s}\n", INDENT[depth + 1], out.text, index_in(x).text, INDENT[depth]);
}
static void print_spread(printer *p, const rn_node *x) {
  label from = name_of(p, x->in[0], 0), out = name_of(p, x, 0);
  int depth = open_loops(p, x->dim, 15, 0);
  rn_say_text(&p->body, "%s%s[%s] = %s[%s];\n", INDENT[depth], out.text, index_in(x).text, from.text, index_in(x->in[0]).text);
}
static void print_best(printer *p, const rn_node *x) {
  label from = name_of(p, x->in[0], 0), out = name_of(p, x, 0);
  size_t n = count_of(x);
  rn_say_text(&p->body, "  for (i = 0; i < %zu; i++) {\n    float v = %s[i];\n", n, from.text);
  rn_say_text(&p->body, "    for (j = 1; j < %d; j++) {\n      const float u = %s[%zu * j + i];\n", x->in[0]->dim[1], from.text, n);
  rn_say_text(&p->body, "      if (u %c v || u != u) v = u;\n    }\n    %s[i] = v;\n  }\n", x->f[0] > 0 ? '>' : '<', out.text);
}
static void print_logsumexp(printer *p, const rn_node *x) {
  label from = name_of(p, x->in[0], 0), out = name_of(p, x, 0);
  int cols = rn_cols(x->in[0]);
  use_helper(p, "exp"), use_helper(p, "log");
  rn_say_text(&p->body, "  for (i = 0; i < %zu; i++) {\n    const float *row = %s + %d * i;\n    float most = row[0];\n    double sum = 0.0;\n", count_of(x), from.text, cols);
  rn_say_text(&p->body, "    for (j = 1; j < %d; j++) most = row[j] > most ? row[j] : most;\n", cols);
  rn_say_text(&p->body, "    for (j = 0; j < %d; j++) sum += (double)p_exp(row[j] - most);\n    %s[i] = most + p_log((float)sum);\n  }\n", cols, out.text);
}

// [m, k] [k, n] over batches; the other two ways element by element
static void print_matmul(printer *p, const rn_node *x) {
  const rn_node *a = x->in[0], *b = x->in[1];
  label na = name_of(p, a, 0), nb = name_of(p, b, 0), out = name_of(p, x, 0);
  int m = x->dim[2], n = x->dim[3], k = x->act == RN_TN ? a->dim[2] : a->dim[3], batch = x->dim[0] * x->dim[1];
  int step_a = a->dim[0] * a->dim[1] == 1 ? 0 : a->dim[2] * a->dim[3], step_b = b->dim[0] * b->dim[1] == 1 ? 0 : b->dim[2] * b->dim[3];
  rn_say_text(&p->body, "  for (h = 0; h < %d; h++)\n    for (i = 0; i < %d; i++)", batch, m);
  if (x->act == RN_NN) {
    use_product(p, (product_shape){k, n, n});
    rn_say_text(&p->body, " p_product_%d_%d_%d(%s + %d * h + %d * i, %s + %d * h, %s + %d * h + %d * i);\n", k, n, n, na.text, step_a, k, nb.text, step_b, out.text, m * n, n);
    return;
  }
  rn_say_text(&p->body, "\n      for (j = 0; j < %d; j++) {\n        float sum = 0.0f;\n", n);
  if (x->act == RN_TN) rn_say_text(&p->body, "        for (k = 0; k < %d; k++) sum += %s[%d * h + %d * k + i] * %s[%d * h + %d * k + j];\n", k, na.text, step_a, m, nb.text, step_b, n);
  else rn_say_text(&p->body, "        for (k = 0; k < %d; k++) sum += %s[%d * h + %d * i + k] * %s[%d * h + %d * j + k];\n", k, na.text, step_a, k, nb.text, step_b, k);
  rn_say_text(&p->body, "        %s[%d * h + %d * i + j] = sum;\n      }\n", out.text, m * n, n);
}

static void activation(printer *p, rn_act act, label *before) {
  static const char *const NAME[] = {[RN_IDENTITY] = "", [RN_RELU] = "relu", [RN_TANH] = "tanh", [RN_SILU] = "silu"};
  *before = (label){""};
  if (act == RN_IDENTITY) return;
  use_helper(p, NAME[act]);
  snprintf(before->text, sizeof before->text, "p_%s", NAME[act]);
}
static void print_linear(printer *p, const rn_node *x) {
  const rn_node *in = x->in[0], *w = x->in[1], *b = x->in[2];
  int members = w->dim[1], k = w->dim[2], n = w->dim[3], rows = rn_rows(x) / members;
  int stride = is_constant(p, w) ? padded(n) : n;
  bool own = in->dim[1] == members && members > 1;
  label from = name_of(p, in, 0), weight = name_of(p, w, stride == n ? 0 : stride), out = name_of(p, x, 0), bias = {""}, act;
  if (b) bias = name_of(p, b, 0);
  activation(p, (rn_act)x->act, &act);
  use_product(p, (product_shape){k, n, stride});
  if (members == 1 && rows == 1) rn_say_text(&p->body, "  p_product_%d_%d_%d(%s, %s, %s);\n", k, n, stride, from.text, weight.text, out.text);
  else
    rn_say_text(&p->body, "  for (h = 0; h < %d; h++)\n    for (i = 0; i < %d; i++) p_product_%d_%d_%d(%s + %d * h + %d * i, %s + %d * h, %s + %d * h + %d * i);\n", members,
                rows, k, n, stride, from.text, own ? rows * k : 0, k, weight.text, k * stride, out.text, rows * n, n);
  if (!b && x->act == RN_IDENTITY) return;
  label add = {""};
  if (b) {
    if (members == 1 && rows == 1) snprintf(add.text, sizeof add.text, " + %.48s[j]", bias.text);
    else snprintf(add.text, sizeof add.text, " + %.32s[%d * h + j]", bias.text, n);
  }
  if (members == 1 && rows == 1) rn_say_text(&p->body, "  for (j = 0; j < %d; j++) %s[j] = %s(%s[j]%s);\n", n, out.text, act.text, out.text, add.text);
  else
    rn_say_text(&p->body,
                "  for (h = 0; h < %d; h++)\n    for (i = 0; i < %d; i++)\n      for (j = 0; j < %d; j++) %s[%d * h + %d * i + j] = %s(%s[%d * h + %d * i + j]%s);\n", members,
                rows, n, out.text, rows * n, n, act.text, out.text, rows * n, n, add.text);
}

static void print_layer_norm(printer *p, const rn_node *x) {
  const rn_node *s = x->in[1];
  label from = name_of(p, x->in[0], 0), out = name_of(p, x, 0);
  int rows = rn_rows(x), k = x->dim[3], each_set = s ? rows / (int)(count_of(s) / (size_t)k) : rows;
  use_helper(p, "root");
  rn_say_text(&p->body, "  for (i = 0; i < %d; i++) {\n    const float *row = %s + %d * i;\n    double mean = 0.0, square = 0.0;\n", rows, from.text, k);
  rn_say_text(&p->body, "    for (j = 0; j < %d; j++) mean += (double)row[j];\n    mean /= %d.0;\n", k, k);
  rn_say_text(&p->body, "    for (j = 0; j < %d; j++) square += ((double)row[j] - mean) * ((double)row[j] - mean);\n", k);
  rn_say_text(&p->body, "    square = 1.0 / p_root(square / %d.0 + 1e-5);\n", k);
  rn_say_text(&p->body, "    for (j = 0; j < %d; j++) %s[%d * i + j] = (float)(((double)row[j] - mean) * square)", k, out.text, k);
  if (s) {
    label scale = name_of(p, s, 0), shift = name_of(p, x->in[2], 0);
    rn_say_text(&p->body, " * %s[%d * (i / %d) + j] + %s[%d * (i / %d) + j]", scale.text, k, each_set, shift.text, k, each_set);
  }
  rn_say_text(&p->body, ";\n  }\n");
}

// stretches along one axis: [outer, size, inner]
static void stretch(printer *p, const char *from, size_t step_from, size_t at_from, const char *to, size_t step_to, size_t at_to, size_t outer, size_t n) {
  rn_say_text(&p->body, "  for (i = 0; i < %zu; i++)\n    for (j = 0; j < %zu; j++) %s[%zu * i + j + %zu] = %s[%zu * i + j + %zu];\n", outer, n, to, step_to, at_to, from,
              step_from, at_from);
}
static void sizes(const rn_node *x, int dim, size_t *outer, size_t *inner) {
  *outer = *inner = 1;
  for (int a = 0; a < dim; a++) *outer *= (size_t)x->dim[a];
  for (int a = dim + 1; a < 4; a++) *inner *= (size_t)x->dim[a];
}
static void print_slice(printer *p, const rn_node *x) {
  size_t outer, inner;
  label from = name_of(p, x->in[0], 0), out = name_of(p, x, 0);
  sizes(x, x->act, &outer, &inner);
  size_t n = (size_t)x->dim[x->act] * inner;
  stretch(p, from.text, (size_t)x->in[0]->dim[x->act] * inner, (size_t)x->f[0] * inner, out.text, n, 0, outer, n);
}
static void print_pad(printer *p, const rn_node *x) {
  size_t outer, inner;
  label from = name_of(p, x->in[0], 0), out = name_of(p, x, 0);
  sizes(x, x->act, &outer, &inner);
  size_t n = (size_t)x->in[0]->dim[x->act] * inner;
  each(p, count_of(x));
  rn_say_text(&p->body, "%s[i] = 0.0f;\n", out.text);
  stretch(p, from.text, n, 0, out.text, (size_t)x->dim[x->act] * inner, (size_t)x->f[0] * inner, outer, n);
}
static void print_concat(printer *p, const rn_node *x) {
  size_t outer, inner, at = 0;
  label out = name_of(p, x, 0);
  sizes(x, x->act, &outer, &inner);
  for (int k = 0; k < 2; k++) {
    label from = name_of(p, x->in[k], 0);
    size_t n = (size_t)x->in[k]->dim[x->act] * inner;
    stretch(p, from.text, n, 0, out.text, (size_t)x->dim[x->act] * inner, at, outer, n);
    at += n;
  }
}

static int index_table(printer *p, const rn_node *x, int n) {
  const int *index = x->extra;
  rn_say_text(&p->data, "static const int n_%d[%d] = {", p->tables, n);
  for (int i = 0; i < n; i++) rn_say_text(&p->data, "%s%d", i % 32 ? ", " : i ? ",\n  " : "", index[i]);
  rn_say_text(&p->data, "};\n");
  return p->tables++;
}
static void print_pick(printer *p, const rn_node *x) {
  label from = name_of(p, x->in[0], 0), out = name_of(p, x, 0);
  int rows = rn_rows(x), table = index_table(p, x, rows);
  each(p, (size_t)rows);
  rn_say_text(&p->body, "%s[i] = %s[%d * i + n_%d[i]];\n", out.text, from.text, x->in[0]->dim[3], table);
}
static void print_place_cols(printer *p, const rn_node *x) {
  label from = name_of(p, x->in[0], 0), out = name_of(p, x, 0);
  int rows = rn_rows(x), table = index_table(p, x, rows);
  each(p, count_of(x));
  rn_say_text(&p->body, "%s[i] = 0.0f;\n", out.text);
  each(p, (size_t)rows);
  rn_say_text(&p->body, "%s[%d * i + n_%d[i]] = %s[i];\n", out.text, x->dim[3], table, from.text);
}
static void print_rows_of(printer *p, const rn_node *x) {
  label from = name_of(p, x->in[0], 0), out = name_of(p, x, 0);
  int k = x->dim[3], table = index_table(p, x, x->dim[2]);
  rn_say_text(&p->body, "  for (i = 0; i < %d; i++)\n    for (j = 0; j < %d; j++) %s[%d * i + j] = %s[%d * n_%d[i] + j];\n", x->dim[2], k, out.text, k, from.text, k, table);
}
static void print_scatter_rows(printer *p, const rn_node *x) {
  label from = name_of(p, x->in[0], 0), out = name_of(p, x, 0);
  int k = x->dim[3], rows = x->in[0]->dim[2], table = index_table(p, x, rows);
  each(p, count_of(x));
  rn_say_text(&p->body, "%s[i] = 0.0f;\n", out.text);
  rn_say_text(&p->body, "  for (i = 0; i < %d; i++)\n    for (j = 0; j < %d; j++) %s[%d * n_%d[i] + j] += %s[%d * i + j];\n", rows, k, out.text, k, table, from.text, k);
}

static const struct { const char *op; void (*print)(printer *p, const rn_node *x); bool in_place; } PRINT[] = {
  {"affine", print_affine, true}, {"square", print_square, true}, {"sqrt", print_sqrt, true}, {"exp", print_exp, true}, {"log", print_log, true},
  {"tanh", print_tanh, true}, {"sigmoid", print_sigmoid, true}, {"softplus", print_softplus, true}, {"relu", print_relu, true}, {"abs", print_abs, true},
  {"sin", print_sin, true}, {"cos", print_cos, true}, {"clamp", print_clamp, true}, {"erf", print_erf, true}, {"silu", print_silu, true},
  {"expectile", print_expectile, true}, {"huber", print_huber, true}, {"add", print_add, true}, {"sub", print_sub, true}, {"mul", print_mul, true},
  {"div", print_div, true}, {"min2", print_min2, true}, {"max2", print_max2, true}, {"sum_to", print_sum_to, false}, {"spread", print_spread, false},
  {"best", print_best, false}, {"logsumexp", print_logsumexp, false}, {"matmul", print_matmul, false}, {"linear", print_linear, false},
  {"layer_norm", print_layer_norm, false}, {"slice", print_slice, false}, {"pad", print_pad, false}, {"concat", print_concat, false},
  {"pick", print_pick, false}, {"place_cols", print_place_cols, false}, {"rows_of", print_rows_of, false}, {"scatter_rows", print_scatter_rows, false},
};
static int printer_of(const char *op) {
  for (int i = 0; i < RN_COUNT(PRINT); i++)
    if (strcmp(PRINT[i].op, op) == 0) return i;
  return -1;
}

bool is_alias(const rn_node *x) { return x->op && strcmp(x->op->name, "reshape") == 0; }
bool is_in_place(const rn_node *x) {
  int i = printer_of(x->op->name);
  return i >= 0 && PRINT[i].in_place;
}
bool rn_export_can(const char *op) { return strcmp(op, "reshape") == 0 || printer_of(op) >= 0; }

bool print_op(printer *p, const rn_node *x) {
  char shape[128];
  int i = printer_of(x->op->name);
  if (i < 0)
    return rn_fail(p->err, "this act can't be exported: its operation '%s' %s, made at %s, has no C form (src/run/export_ops.c lists those that have)", x->op->name,
                   rn_label(x, shape), x->site ? x->site : "an unnamed place");
  rn_say_text(&p->body, "  /* %s %s */\n", x->op->name, rn_label(x, shape));
  PRINT[i].print(p, x);
  return true;
}
