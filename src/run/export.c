/* run/export.c - one act's tape as one C99 file: which nodes stand between observation and action, which share memory, and the file's frame.
 * A node that does not depend on the observation is printed as the numbers it holds; one that nothing needs is left out; buffers are reused as
 * soon as their last reader is past. Whether the printed nodes are the whole act is not believed but tried: see replay. */
#include "export.h"
#include <math.h>

enum { STACK = 1 << 16 };                                    // bytes of buffers that policy_act keeps on the stack; more are static

typedef struct { bool live, moves; uint32_t root, last; int slot; } item;       // moves: depends on the observation or the memory
typedef struct { const rn_real *value; int stride; label name; } constant;
typedef struct plan {
  const rn_export *what;
  const rn_graph *g;
  item *item;                                                // [g->n]
  const rn_node *act;                                        // the action, or the scores whose largest is the action
  size_t *room;                                              // [slots] entries of each buffer
  bool *busy;
  int slots;
  constant *constant;
  int constants;
} plan;

//---- numbers ----------------------------------------------------------------------------------------------------------------------------

void say_float(rn_text *t, double value) {
  float f = (float)value;
  uint32_t bits;
  memcpy(&bits, &f, sizeof bits);
  uint32_t mantissa = (bits & 0x7fffff) << 1, e = bits >> 23 & 255;
  const char *sign = bits >> 31 ? "-" : "";
  if (!(bits << 1)) { rn_say_text(t, "%s0.0f", sign); return; }
  int digits = 6;
  while (digits && !(mantissa & 15)) mantissa >>= 4, digits--;
  int exponent = e ? (int)e - 127 : -126;
  if (digits) rn_say_text(t, "%s0x%d.%0*xp%df", sign, e != 0, digits, mantissa, exponent);
  else rn_say_text(t, "%s0x1p%df", sign, exponent);
}

static void say_numbers(rn_text *t, const char *type, const char *name, int rows, int cols, int stride, const rn_real *x) {
  rn_say_text(t, "static const %s %s[%d] = {", type, name, rows * stride);
  for (int i = 0, n = 0; i < rows; i++)
    for (int j = 0; j < stride; j++, n++) {
      rn_say_text(t, "%s", n % 10 ? ", " : n ? ",\n  " : "\n  ");
      if (j >= cols) rn_say_text(t, "0.0f");
      else if (isinf(x[(size_t)i * cols + j])) rn_say_text(t, "%s1.0f / 0.0f", x[(size_t)i * cols + j] < 0 ? "-" : "");
      else say_float(t, (double)x[(size_t)i * cols + j]);
    }
  rn_say_text(t, "};\n");
}

//---- which nodes stand on the way ---------------------------------------------------------------------------------------------------------

// a detached node and a reshaped one show another's values: the first node that has them is the root
static uint32_t root_of(const plan *a, const rn_node *x) {
  if (is_alias(x)) return a->item[x->in[0]->at].root;
  if (x->op || is_leaf(x)) return x->at;
  for (uint32_t i = 0; i < x->at; i++)
    if (rn_node_at(a->g, i)->value == x->value) return a->item[i].root;
  return x->at;
}

static void find_roots(plan *a) {
  const rn_export *w = a->what;
  for (uint32_t i = 0; i < a->g->n; i++) {
    const rn_node *x = rn_node_at(a->g, i);
    item *t = &a->item[i];
    t->root = root_of(a, x), t->slot = -1;
    t->moves = x == w->obs || x == w->memory_in || (t->root != i && a->item[t->root].moves);
    for (int k = 0; k < 3; k++) t->moves = t->moves || (x->in[k] && a->item[x->in[k]->at].moves);
  }
}

static void need(plan *a, const rn_node *x, uint32_t by) {
  item *t = &a->item[a->item[x->at].root];
  t->live = true, t->last = RN_MAX(t->last, by);
}

// backwards from what is asked for; nodes that do not move need no inputs, they are numbers
static void find_live(plan *a) {
  need(a, a->act, UINT32_MAX);
  if (a->what->memory_out) need(a, a->what->memory_out, UINT32_MAX);
  for (uint32_t i = a->g->n; i-- > 0;) {
    const rn_node *x = rn_node_at(a->g, i);
    if (!a->item[i].live || !a->item[i].moves || !x->op) continue;
    for (int k = 0; k < 3; k++)
      if (x->in[k]) need(a, x->in[k], i);
  }
}

static bool works(const plan *a, uint32_t i) { return a->item[i].live && a->item[i].moves && rn_node_at(a->g, i)->op; }

//---- is it the whole act? -------------------------------------------------------------------------------------------------------------------

static int largest(const rn_real *x, size_t n, double *lead) {           // the first largest; lead: by how much it is ahead of the next
  int at = 0;
  double next = -INFINITY;
  for (size_t i = 1; i < n; i++)
    if (x[i] > x[at]) next = (double)x[at], at = (int)i;
    else if ((double)x[i] > next) next = (double)x[i];
  *lead = n > 1 ? (double)x[at] - next : INFINITY;
  return at;
}

static double mapped(const rn_export *w, double a, int j) {
  if (w->rule != RN_EXPORT_BOX) return a;
  a = a < -1 ? -1 : a > 1 ? 1 : a;
  return (double)w->low[j] + (a + 1) * 0.5 * ((double)w->high[j] - (double)w->low[j]);
}
static double tolerance(const rn_export *w, double want, int j) {
  double scale = w->rule == RN_EXPORT_BOX ? ((double)w->high[j] - (double)w->low[j]) / 2 : fabs(want);
  return w->rule == RN_EXPORT_INDEX ? 0.25 : 1e-6 * fmax(1, scale);
}
static int columns(const rn_export *w) { return w->rule == RN_EXPORT_INDEX ? 1 : (int)count_of(w->act); }

static void compute_again(const plan *a, const float *obs) {
  const rn_export *w = a->what;
  for (size_t i = 0, n = count_of(w->obs); i < n; i++) w->obs->value[i] = (rn_real)obs[i];
  for (uint32_t i = 0; i < a->g->n; i++)
    if (works(a, i)) rn_run_op(rn_node_at(a->g, i));
}

// The tape on every row of the test vector, by the engine's own kernels. close: rows whose two best scores are too near each other to be a test.
static bool replay(const plan *a, bool *close, rn_error *err) {
  const rn_export *w = a->what;
  size_t n = count_of(w->obs), k = w->memory_in ? count_of(w->memory_in) : 0;
  int m = columns(w);
  rn_real *carry = rn_new((k + 1) * sizeof *carry), *was = rn_new((n + k) * sizeof *was);
  memcpy(was, w->obs->value, n * sizeof *was);
  if (k) memcpy(was + n, w->memory_in->value, k * sizeof *was);
  bool ok = true;
  for (int t = 0; ok && t < w->tests; t++) {
    if (k) memcpy(w->memory_in->value, carry, k * sizeof *carry);
    compute_again(a, w->test_obs + (size_t)t * n);
    for (int j = 0; ok && j < m; j++) {
      double lead = INFINITY, want = (double)w->test_act[(size_t)t * m + j], got;
      if (w->rule == RN_EXPORT_INDEX && count_of(a->act) > 1) {
        got = largest(a->act->value, count_of(a->act), &lead);
        close[t] = lead < 1e-5 * fmax(1, fabs((double)a->act->value[(int)got]));
      } else got = mapped(w, (double)a->act->value[j], j);
      if (!(fabs(got - want) <= tolerance(w, want, j)))
        ok = rn_fail(err,
                     "this act can't be exported: on row %d of the test vector the engine answers %.9g in column %d and its tape %.9g, so the action depends "
                     "on the observation by a way that is not on the tape (a choice or a mask made from values)", t, want, j, got);
    }
    if (k) memcpy(carry, w->memory_out->value, k * sizeof *carry);
  }
  if (k) memcpy(w->memory_in->value, was + n, k * sizeof *was);
  for (size_t i = 0; i < n; i++) w->obs->value[i] = was[i];
  for (uint32_t i = 0; i < a->g->n; i++) if (works(a, i)) rn_run_op(rn_node_at(a->g, i));
  rn_free(carry), rn_free(was);
  return ok;
}

// An index that was chosen from scores in plain C stands on the tape as a constant: the scores are the nearest row before it whose first
// largest entry it is. The replay then tries that on every row of the test vector.
static const rn_node *scores_of(const rn_export *w) {
  double lead;
  if (w->rule != RN_EXPORT_INDEX || count_of(w->act) > 1 || w->act->op) return w->act;
  for (uint32_t i = w->act->at; i-- > 0;) {
    const rn_node *x = rn_node_at(w->act->graph, i);
    if (x->op && rn_rows(x) == 1 && rn_cols(x) > 1 && largest(x->value, count_of(x), &lead) == (int)w->act->value[0]) return x;
  }
  return w->act;
}

static bool check_numbers(const plan *a, rn_error *err) {
  char shape[128];
  int drawn = 0;
  for (uint32_t i = 0; i < a->g->n; i++) {
    const rn_node *x = rn_node_at(a->g, i);
    if (!a->item[i].live || a->item[i].moves) continue;
    drawn += !x->op && !is_leaf(x);
    for (size_t k = 0, n = count_of(x); k < n; k++)
      if (isnan(x->value[k]) || (is_leaf(x) && isinf(x->value[k])))
        return rn_fail_as(err, RN_NUMBERS, "this act can't be exported: entry %zu of its constant %s is %g", k, rn_label(x, shape), (double)x->value[k]);
  }
  if (a->g->ordinal && drawn)
    return rn_fail(err, "this act can't be exported: it draws random numbers (%u draws); export the mode that evaluates, of a class that has one", a->g->ordinal);
  if (!a->item[a->item[a->act->at].root].moves) return rn_fail(err, "this act can't be exported: its action does not depend on the observation");
  return true;
}

//---- buffers -----------------------------------------------------------------------------------------------------------------------------

static int best_slot(const plan *a, size_t n) {              // the least free one that holds n, else the largest free one, else none
  int fit = -1, most = -1;
  for (int s = 0; s < a->slots; s++) {
    if (a->busy[s]) continue;
    if (a->room[s] >= n && (fit < 0 || a->room[s] < a->room[fit])) fit = s;
    if (most < 0 || a->room[s] > a->room[most]) most = s;
  }
  return fit >= 0 ? fit : most;
}

static int take_slot(plan *a, size_t n) {
  int s = best_slot(a, n);
  if (s < 0) {
    size_t had = (size_t)a->slots;
    a->room = rn_grow(a->room, had * sizeof *a->room, (had + 1) * sizeof *a->room);
    a->busy = rn_grow(a->busy, had * sizeof *a->busy, (had + 1) * sizeof *a->busy);
    s = a->slots++;
  }
  a->room[s] = RN_MAX(a->room[s], n), a->busy[s] = true;
  return s;
}

static void place_buffers(plan *a) {
  for (uint32_t i = 0; i < a->g->n; i++) {
    if (!works(a, i) || a->item[i].root != i) continue;
    const rn_node *x = rn_node_at(a->g, i);
    int own = -1;
    for (int k = 0; k < 3 && is_in_place(x); k++) {          // an input that dies here and is read entry by entry gives its buffer
      if (!x->in[k]) continue;
      const item *in = &a->item[a->item[x->in[k]->at].root];
      if (in->slot >= 0 && in->last == i && same_dims(x->in[k]->dim, x->dim)) own = in->slot;
    }
    a->item[i].slot = own >= 0 ? own : take_slot(a, count_of(x));
    for (int k = 0; k < 3; k++) {
      if (!x->in[k]) continue;
      const item *in = &a->item[a->item[x->in[k]->at].root];
      if (in->slot >= 0 && in->last == i && in->slot != own) a->busy[in->slot] = false;
    }
  }
}

//---- names -------------------------------------------------------------------------------------------------------------------------------

bool is_constant(const printer *p, const rn_node *x) { return !p->plan->item[x->at].moves; }

static label constant_name(plan *a, const rn_node *x) {
  label l;
  if (is_leaf(x)) {
    const rn_net *net = x->extra;
    snprintf(l.text, sizeof l.text, "w%d_%.28s_%.16s", a->constants, net->name, net->slice[x->slice].name);
  } else snprintf(l.text, sizeof l.text, "c%d", a->constants);
  for (char *c = l.text; *c; c++) if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9'))) *c = '_';
  return l;
}

label name_of(printer *p, const rn_node *x, int stride) {
  plan *a = (plan *)p->plan;
  const rn_export *w = a->what;
  label l;
  x = rn_node_at(a->g, a->item[x->at].root);
  if (x == w->obs) return (label){"obs"};
  if (x == w->memory_in) return (label){"memory"};
  if (a->item[x->at].moves) return snprintf(l.text, sizeof l.text, "b%d", a->item[x->at].slot), l;
  for (int i = 0; i < a->constants; i++)
    if (a->constant[i].value == x->value && a->constant[i].stride == stride) return a->constant[i].name;
  size_t had = (size_t)a->constants;
  a->constant = rn_grow(a->constant, had * sizeof *a->constant, (had + 1) * sizeof *a->constant);
  l = constant_name(a, x);
  a->constant[a->constants++] = (constant){x->value, stride, l};
  say_numbers(&p->data, "float", l.text, rn_rows(x), rn_cols(x), stride ? stride : rn_cols(x), x->value);
  return l;
}

//---- the file's frame ---------------------------------------------------------------------------------------------------------------------

// one line of a comment: no end of a comment and no control characters inside
static void say_comment(rn_text *t, const char *text) {
  for (const char *c = text; *c; c++) rn_say_text(t, "%c", (unsigned char)*c < ' ' || *c == 127 ? ' ' : (*c == '/' && c > text && c[-1] == '*') || (*c == '/' && c[1] == '*') ? '|' : *c);
}

static void print_head(const plan *a, rn_text *out) {
  const rn_export *w = a->what;
  rn_say_text(out, "/* ");
  say_comment(out, w->name ? w->name : "a policy");
  for (int i = 0; i < w->lines; i++) rn_say_text(out, "\n * "), say_comment(out, w->line[i]);
  rn_say_text(out,
              "\n *\n * void policy_act(const float obs[POLICY_OBS], float act[POLICY_ACT])   obs as the environment gives it; the arrays do not overlap\n"
              " * int policy_selftest(void)   0: agrees with the engine on the test vector below; k: row k is the first that does not\n%s"
              " * C99 without any library. cc -O2 -c FILE, or cc -O2 -DPOLICY_MAIN FILE: a program whose exit status is the selftest's answer. */\n",
              w->memory_in ? " * void policy_reset(void)     a new episode begins\n" : "");
  rn_say_text(out, "#define POLICY_OBS %zu\n#define POLICY_ACT %d\n", count_of(w->obs), columns(w));
  rn_say_text(out,
              "#if defined(__GNUC__)\n#define POLICY_RESTRICT __restrict__\n#define POLICY_INLINE static inline __attribute__((always_inline))\n"
              "#else\n#define POLICY_RESTRICT\n#define POLICY_INLINE static\n#endif\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n"
              "void policy_act(const float obs[POLICY_OBS], float act[POLICY_ACT]);\nint policy_selftest(void);\n%s\n",
              w->memory_in ? "void policy_reset(void);\n" : "");
}

static void print_action(printer *p) {
  const rn_export *w = p->plan->what;
  label from = name_of(p, p->plan->act, 0);
  int m = columns(w), n = (int)count_of(p->plan->act);
  if (w->rule == RN_EXPORT_INDEX && n > 1) {
    rn_say_text(&p->body, "  /* the first largest */\n  j = 0;\n  for (i = 1; i < %d; i++)\n    if (%s[i] > %s[j]) j = i;\n  act[0] = (float)j;\n", n, from.text, from.text);
    return;
  }
  if (w->rule != RN_EXPORT_BOX) { rn_say_text(&p->body, "  for (i = 0; i < %d; i++) act[i] = %s[i];\n", m, from.text); return; }
  rn_say_text(&p->data, "static const float act_low[%d] = {", m);
  for (int j = 0; j < m; j++) rn_say_text(&p->data, j ? ", " : ""), say_float(&p->data, (double)w->low[j]);
  rn_say_text(&p->data, "}, act_half[%d] = {", m);
  for (int j = 0; j < m; j++) rn_say_text(&p->data, j ? ", " : ""), say_float(&p->data, 0.5 * ((double)w->high[j] - (double)w->low[j]));
  rn_say_text(&p->data, "};\n");
  rn_say_text(&p->body, "  /* [-1, 1] to the bounds */\n  for (i = 0; i < %d; i++) {\n    const float a = %s[i] < -1.0f ? -1.0f : %s[i] > 1.0f ? 1.0f : %s[i];\n", m, from.text,
              from.text, from.text);
  rn_say_text(&p->body, "    act[i] = act_low[i] + (a + 1.0f) * act_half[i];\n  }\n");
}

static void print_memory(printer *p) {
  const rn_export *w = p->plan->what;
  if (!w->memory_in || p->plan->item[w->memory_out->at].root == p->plan->item[w->memory_in->at].root) return;
  label from = name_of(p, w->memory_out, 0);
  rn_say_text(&p->body, "  for (i = 0; i < %zu; i++) memory[i] = %s[i];\n", count_of(w->memory_in), from.text);
}

static void print_act(const printer *p, rn_text *out) {
  const plan *a = p->plan;
  size_t bytes = 0;
  for (int s = 0; s < a->slots; s++) bytes += a->room[s] * sizeof(float);
  if (bytes > STACK) rn_say_text(out, "/* The buffers (%zu bytes) are static: one call at a time. */\n", bytes);
  rn_say_text(out, "void policy_act(const float obs[POLICY_OBS], float act[POLICY_ACT]) {\n  int h, i, j, k;\n");
  for (int s = 0; s < a->slots; s++) rn_say_text(out, "  %sfloat b%d[%zu];\n", bytes > STACK ? "static " : "", s, a->room[s]);
  rn_say_text(out, "  (void)h, (void)i, (void)j, (void)k;\n");
  rn_say_bytes(out, p->body.at, p->body.n);
  rn_say_text(out, "}\n\n");
}

static void print_selftest(const plan *a, const bool *close, rn_text *out) {
  const rn_export *w = a->what;
  int n = (int)count_of(w->obs), m = columns(w), rows = 0;
  rn_say_text(out, "/* The test vector: observations, and what the engine answered to each. */\nstatic const float test_obs[][POLICY_OBS] = {\n");
  for (int t = 0; t < w->tests; t++) {
    if (close[t] && !w->memory_in) continue;
    rn_say_text(out, "  {");
    for (int i = 0; i < n; i++) rn_say_text(out, i ? ", " : ""), say_float(out, (double)w->test_obs[(size_t)t * n + i]);
    rn_say_text(out, "},\n"), rows++;
  }
  rn_say_text(out, "};\nstatic const float test_act[][POLICY_ACT] = {\n");
  for (int t = 0; t < w->tests; t++) {
    if (close[t] && !w->memory_in) continue;
    rn_say_text(out, "  {");
    for (int j = 0; j < m; j++) rn_say_text(out, j ? ", " : ""), say_float(out, (double)w->test_act[(size_t)t * m + j]);
    rn_say_text(out, "},\n");
  }
  rn_say_text(out, "};\nstatic const float test_near[POLICY_ACT] = {");
  for (int j = 0; j < m; j++) rn_say_text(out, j ? ", " : ""), say_float(out, w->rule == RN_EXPORT_BOX ? tolerance(w, 0, j) : w->rule == RN_EXPORT_INDEX ? 0.25 : 1e-6);
  rn_say_text(out, "};\n\nint policy_selftest(void) {\n  int row, j;\n%s  for (row = 0; row < %d; row++) {\n    float act[POLICY_ACT];\n    policy_act(test_obs[row], act);\n",
              w->memory_in ? "  policy_reset();\n" : "", rows);
  rn_say_text(out, "    for (j = 0; j < POLICY_ACT; j++) {\n      const float want = test_act[row][j], d = act[j] - want, size = want < 0.0f ? -want : want;\n");
  rn_say_text(out, "      const float near = test_near[j]%s;\n", w->rule == RN_EXPORT_PLAIN ? " * (size > 1.0f ? size : 1.0f)" : "");
  rn_say_text(out, "      (void)size;\n      if (!(d <= near && -d <= near)) return row + 1;\n    }\n  }\n  return 0;\n}\n");
  rn_say_text(out, "#ifdef __cplusplus\n}\n#endif\n#ifdef POLICY_MAIN\nint main(void) { return policy_selftest(); }\n#endif\n");
}

//---- the whole -----------------------------------------------------------------------------------------------------------------------------

static bool print_file(plan *a, const bool *close, const char *path, rn_error *err) {
  const rn_export *w = a->what;
  printer p = {.plan = a, .err = err};
  rn_text out = {0};
  bool ok = true;
  for (uint32_t i = 0; ok && i < a->g->n; i++)
    if (works(a, i) && a->item[i].root == i) ok = print_op(&p, rn_node_at(a->g, i));
  if (ok) {
    print_action(&p), print_memory(&p);
    print_head(a, &out), print_helpers(&p, &out);
    rn_say_bytes(&out, p.data.at, p.data.n), rn_say_text(&out, "\n"), print_products(&p, &out);
    if (w->memory_in)
      rn_say_text(&out, "static float memory[%zu];\nvoid policy_reset(void) {\n  int i;\n  for (i = 0; i < %zu; i++) memory[i] = 0.0f;\n}\n\n", count_of(w->memory_in),
                  count_of(w->memory_in));
    print_act(&p, &out), print_selftest(a, close, &out);
    ok = rn_write_file(path, out.at, out.n, err);
  }
  rn_free(p.data.at), rn_free(p.body.at), rn_free(p.product), rn_free(out.at);
  return ok;
}

static void check_what(const rn_export *w) {
  RN_CHECK(w->obs && w->act && w->obs->graph == w->act->graph, "an export needs an observation and an action of one graph");
  RN_CHECK(!w->obs->op && !is_leaf(w->obs) && w->obs->at < w->act->at, "the observation must be a constant that comes before the action");
  RN_CHECK(rn_rows(w->obs) == 1 && rn_rows(w->act) == 1, "one observation and one action, not %d and %d rows", rn_rows(w->obs), rn_rows(w->act));
  RN_CHECK(w->tests > 0 && w->test_obs && w->test_act, "an export needs a test vector");
  RN_CHECK(w->rule != RN_EXPORT_BOX || (w->low && w->high), "a box needs its bounds");
  RN_CHECK(!w->memory_in == !w->memory_out && (!w->memory_in || count_of(w->memory_in) == count_of(w->memory_out)), "memory in and out must be of one size");
}

bool rn_export_tape(const rn_export *what, const char *path, rn_error *err) {
  check_what(what);
  plan a = {.what = what, .g = what->act->graph, .act = scores_of(what)};
  a.item = rn_new(a.g->n * sizeof *a.item);
  bool *close = rn_new((size_t)what->tests * sizeof *close);
  find_roots(&a), find_live(&a);
  bool ok = check_numbers(&a, err) && replay(&a, close, err);
  if (ok) place_buffers(&a), ok = print_file(&a, close, path, err);
  rn_free(a.item), rn_free(a.room), rn_free(a.busy), rn_free(a.constant), rn_free(close);
  return ok;
}
