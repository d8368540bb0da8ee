/* system/offline/iql_exact.c - implicit Q-learning on a table, run to its fixed point: what the sampled form would find with endless data.
 * Source   Kostrikov, Nair & Levine 2021, arXiv:2110.06169, eq. 5-6; the sampled form is iql.c
 *   V(s) = the tau-expectile of Q(s, a) over the log's actions,   Q(s, a) = R(s, a) + gamma sum_s' P(s'|s, a) V(s')
 * tau = .5 is one-step evaluation of the behaviour, tau -> 1 the best action the log has. act: the log's action of largest Q. */
#include "rein/system.h"
#include "rein/ascent.h"

typedef struct { double expectile; int iterations; const rn_mdp *mdp; const double *share; double *V, *Q; } exact;

static const rn_option options[] = {RN_OPTION(exact, expectile, 0.7, 1e-6, 0.999999, "expectile of V"),
                                    RN_OPTION(exact, iterations, 10000, 1, 1e9, "sweeps over all states; ends early at the fixed point"), {0}};
static const rn_need needs[] = {{"env", RN_SLOT_ENV, 0, "a table: mdp:random(S,A,H,seed) or mdp:FILE, discounted"},
                                {"behaviour", RN_SLOT_JUDGE, 0, "the share of each (state, action) in the log, row by row; not given: all alike", .optional = true}, {0}};

static bool build(void *self, rn_run *run, rn_error *err) {
  exact *o = self;
  int n = 0;
  if (!(o->mdp = rn_mdp_of(run, err))) return false;
  o->share = rn_matrix(run, "behaviour", &n);
  if (rn_stopped(run)) return rn_fail(err, "%s", rn_stopped(run)->text);
  if (!o->share) {
    double *alike = rn_take(rn_run_range(run), (size_t)(o->mdp->S * o->mdp->A) * sizeof *alike);
    for (n = 0; n < o->mdp->S * o->mdp->A; n++) alike[n] = 1;
    o->share = alike;
  }
  if (n != o->mdp->S * o->mdp->A) return rn_fail(err, "behaviour: %d shares, the table has %d states x %d actions", n, o->mdp->S, o->mdp->A);
  if (o->mdp->H) return rn_fail(err, "env: iql/exact values a discounted table; give gamma in place of a horizon");
  o->V = rn_state(run, RN_F64, (size_t)o->mdp->S, "V"), o->Q = rn_state(run, RN_F64, (size_t)n, "Q");
  return true;
}

/* The v with sum_a w_a |tau - 1[q_a < v]| (q_a - v) = 0: between two neighbouring q it is a weighted mean, so the sides are fixed by search. */
static double expectile(int n, const double *w, const double *q, double tau, double v) {
  for (int sweep = 0; sweep < 1000; sweep++) {
    double mass = 0, sum = 0, old = v;
    for (int a = 0; a < n; a++) {
      double k = w[a] * (q[a] < v ? 1 - tau : tau);
      mass += k, sum += k * q[a];
    }
    v = mass > 0 ? sum / mass : 0;                             // a state the log never saw has value 0
    if (v == old) break;
  }
  return v;
}

static bool iterate(const void *self, rn_graph *g, long k) {
  const exact *o = self;
  const rn_mdp *m = o->mdp;
  double moved = 0;
  (void)g, (void)k;
  for (int s = 0; s < m->S; s++)
    for (int a = 0; a < m->A && !m->end[s]; a++) {
      double *q = &o->Q[s * m->A + a], next = 0;
      for (int t = 0; t < m->S; t++) if (!m->end[t]) next += m->P[((size_t)s * m->A + a) * m->S + t] * o->V[t];
      moved = fmax(moved, fabs(*q - (m->R[s * m->A + a] + m->gamma * next)));
      *q = m->R[s * m->A + a] + m->gamma * next;
    }
  for (int s = 0; s < m->S; s++) if (!m->end[s]) o->V[s] = expectile(m->A, o->share + s * m->A, o->Q + s * m->A, o->expectile, o->V[s]);
  return k > 0 && moved == 0;
}

static int greedy(const exact *o, int s) {
  int best = -1;
  for (int a = 0; a < o->mdp->A; a++) {
    int i = s * o->mdp->A + a;
    if (o->share[i] > 0 && (best < 0 || o->Q[i] > o->Q[s * o->mdp->A + best])) best = a;
  }
  return RN_MAX(best, 0);
}

static bool evaluate(const void *self, rn_report *out, rn_error *err) {
  const exact *o = self;
  char name[48];
  (void)err;
  for (int s = 0; s < RN_MIN(o->mdp->S, 20); s++) {
    if (o->mdp->end[s]) continue;
    snprintf(name, sizeof name, "V.%d", s), rn_say(out, name, o->V[s], NAN, NAN);
    snprintf(name, sizeof name, "greedy.%d", s), rn_say(out, name, greedy(o, s), NAN, NAN);
    for (int a = 0; a < RN_MIN(o->mdp->A, 20); a++) snprintf(name, sizeof name, "Q.%d.%d", s, a), rn_say(out, name, o->Q[s * o->mdp->A + a], NAN, NAN);
  }
  return true;
}

static void act(const void *self, const rn_obs *in, rn_action *out) {
  const exact *o = self;
  rn_graph *g = rn_graph_of(in->obs);
  int n = rn_rows(in->obs), S = o->mdp->S;
  rn_real *x = rn_scratch(g, rn_count(in->obs)), *a = rn_scratch(g, (size_t)n);
  rn_read(in->obs, x);
  for (int i = 0; i < n; i++) for (int s = 0; s < S; s++) if (x[(size_t)i * S + s] > 0.5) a[i] = (rn_real)greedy(o, s);
  out->act = rn_constant(g, n, 1, a);
}

static const rn_phase phases[] = {{.name = "solve", .length = offsetof(exact, iterations), .alone = iterate, .no_env = true}, {0}};
const rn_system rn_iql_exact_system = {.name = "iql/exact", .paper = "arXiv:2110.06169", .summary = "implicit Q-learning on a table, to its fixed point",
                                       .self = sizeof(exact), .options = options, .needs = needs, .build = build, .phases = phases, .act = act,
                                       .evaluate = evaluate};
