/* graph/optim.c - one descent of one block: gradients, their check, the step.
 * Source   Adam: Kingma & Ba 2015, bias-corrected as in PyTorch; AdamW: Loshchilov & Hutter 2019 */
#include "tape.h"
#include <math.h>

typedef enum { ADAM, SGD } kind;
struct rn_optim {
  kind kind;
  rn_net *net;
  double lr, b1, b2, eps, decay, momentum, clip;
  rn_real *m, *v, *sum;                                        // moments; the sum of rn_accumulate, which lives within an update
  int64_t *t;
  bool summing;
  uint32_t summed_at;                                          // the block's version then
  char note[112];
};

bool rn_pass_block(rn_node *y, rn_net *net);
void rn_slice_dims(const rn_slice_spec *s, int *dims, int64_t dim[4]);

static rn_real *moment(rn_run *run, const rn_net *net, const char *method, const char *which) {
  size_t bytes = net->count * sizeof(rn_real);
  rn_real *m = memset(rn_take(rn_run_range(run), bytes), 0, bytes);
  for (int s = 0; s < net->n; s++) {
    char full[200];
    int dims;
    int64_t dim[4];
    snprintf(full, sizeof full, "%s.%s.%s.%s", method, net->name, net->slice[s].name, which);
    size_t end = s + 1 < net->n ? net->offset[s + 1] : net->count;
    rn_state_at(run, RN_REAL, end - net->offset[s], m + net->offset[s], "%s", full);
    rn_slice_dims(&net->slice[s], &dims, dim);
    rn_state_shape(run, full, dims, dim);
  }
  return m;
}

static rn_optim *optim_new(rn_run *run, rn_net *net, kind k, double lr, const char *method) {
  RN_CHECK(!net->owned, "%s has an optimiser already", net->name);
  RN_CHECK(!net->origin, "%s is a copy: copies are moved, not stepped", net->name);
  rn_optim *o = memset(rn_take(rn_run_range(run), sizeof *o), 0, sizeof *o);
  net->owned = true;
  o->kind = k, o->net = net, o->lr = lr, o->b1 = 0.9, o->b2 = 0.999, o->eps = 1e-8;
  o->t = rn_state(run, RN_I64, 1, "%s.%s.t", method, net->name);
  snprintf(o->note, sizeof o->note, "loss.%s", net->name);
  return o;
}

rn_optim *rn_adam(rn_run *run, rn_net *net, double lr) {
  rn_optim *o = optim_new(run, net, ADAM, lr, "adam");
  o->m = moment(run, net, "adam", "m"), o->v = moment(run, net, "adam", "v");
  return o;
}

rn_optim *rn_adamw(rn_run *run, rn_net *net, double lr, double decay) {
  rn_optim *o = rn_adam(run, net, lr);
  o->decay = decay;
  return o;
}

rn_optim *rn_sgd(rn_run *run, rn_net *net, double lr, double momentum) {
  rn_optim *o = optim_new(run, net, SGD, lr, "sgd");
  o->momentum = momentum;
  if (momentum > 0) o->m = moment(run, net, "sgd", "m");
  return o;
}

void rn_optim_betas(rn_optim *o, double b1, double b2, double eps) { o->b1 = b1, o->b2 = b2, o->eps = eps; }
void rn_optim_clip(rn_optim *o, double norm) { o->clip = norm; }
rn_net *rn_optim_net(const rn_optim *o) { return o->net; }

//---- what is not finite ------------------------------------------------------------------------------------------------------------------

static void stop_at_first(rn_optim *o, const rn_node *loss) {
  const rn_graph *g = loss->graph;
  char label[128];
  // only what the loss is made of; the run ends here, so that `wants` is free
  for (uint32_t i = 0; i <= loss->at; i++) rn_node_at(g, i)->wants = i == loss->at;
  for (uint32_t i = loss->at + 1; i-- > 0;)
    for (int k = 0; k < 3; k++) if (rn_node_at(g, i)->wants && rn_node_at(g, i)->in[k]) rn_node_at(g, i)->in[k]->wants = 1;
  for (uint32_t i = 0; i <= loss->at; i++) {
    const rn_node *x = rn_node_at(g, i);
    if (!x->wants || RN_M(rn_vfinite)(count_of(x), x->value)) continue;
    const char *what = x->op ? x->op->name : is_leaf(x) ? "parameter" : "input";
    rn_stop(o->net->run, RN_NUMBERS, "loss.%s is %g: the first number that is not finite came from %s %s%s%s", o->net->name, (double)loss->value[0],
            what, rn_label(x, label), x->site ? ", made at " : "", x->site ? x->site : "");
    return;
  }
  rn_stop(o->net->run, RN_NUMBERS, "loss.%s is %g", o->net->name, (double)loss->value[0]);
}

static void stop_at_gradient(const rn_optim *o) {
  const rn_net *net = o->net;
  for (int s = 0; s < net->n; s++) {
    size_t end = s + 1 < net->n ? net->offset[s + 1] : net->count;
    if (RN_M(rn_vfinite)(end - net->offset[s], net->grad + net->offset[s])) continue;
    rn_stop(net->run, RN_NUMBERS, "the gradient of loss.%s in %s.%s is not finite%s%s", net->name, net->name, net->slice[s].name,
            rn_site ? ", stepped at " : "", rn_site ? rn_site : "");
    return;
  }
}

//---- steps -------------------------------------------------------------------------------------------------------------------------------

// gradients of `loss` into the block; false when the run has to stop
static bool gradients(rn_optim *o, rn_node *loss) {
  if (rn_stopped(o->net->run)) return false;
  rn_note(o->net->run, o->note, (double)loss->value[0]);
  if (!RN_M(rn_vfinite)(1, loss->value)) return stop_at_first(o, loss), false;
  RN_CHECK(rn_pass_block(loss, o->net), "the loss does not depend on %s", o->net->name);
  if (!RN_M(rn_vfinite)(o->net->count, o->net->grad)) return stop_at_gradient(o), false;
  return true;
}

static double long_norm(const rn_net *net) {
  double sum = 0;
  for (size_t i = 0; i < net->count; i++) sum += (double)net->grad[i] * (double)net->grad[i];
  return sqrt(sum);
}

static void descend(rn_optim *o, double lr) {
  rn_net *net = o->net;
  double scale = 1;
  if (o->clip > 0) {
    double norm = sqrt((double)RN_M(rn_vsumsq)(net->count, net->grad));
    if (!isfinite(norm)) norm = long_norm(net);                 // the squares passed float's largest number, the entries did not
    if (norm > o->clip) scale = o->clip / norm;                 // PyTorch adds 1e-6 to the norm; nothing is divided by 0 here
  }
  double t = (double)++*o->t;
  if (o->kind == ADAM) {
    double c1 = 1 - pow(o->b1, t), root = sqrt(1 - pow(o->b2, t));
    RN_M(rn_vadam)(net->count, net->value, o->m, o->v, net->grad, (rn_real)scale, (rn_real)o->b1, (rn_real)o->b2, (rn_real)(lr * root / c1),
                   (rn_real)(o->eps * root), (rn_real)(lr * o->decay));
  } else if (o->momentum > 0) {
    RN_M(rn_vaffine)(net->count, (rn_real)o->momentum, 0, o->m, o->m);
    RN_M(rn_vaxpy)(net->count, (rn_real)scale, net->grad, o->m);
    RN_M(rn_vaxpy)(net->count, (rn_real)-lr, o->m, net->value);
  } else {
    RN_M(rn_vaxpy)(net->count, (rn_real)(-lr * scale), net->grad, net->value);
  }
  rn_changed(net);
}

void rn_step_at(rn_optim *o, rn_node *loss, double lr) {
  if (gradients(o, loss)) descend(o, lr);
}
void rn_step(rn_optim *o, rn_node *loss) { rn_step_at(o, loss, o->lr); }

void rn_step_together(int n, rn_optim *const opt[], rn_node *const loss[]) {
  for (int i = 0; i < n; i++) if (!gradients(opt[i], loss[i])) return;
  for (int i = 0; i < n; i++) descend(opt[i], opt[i]->lr);
}

// a sum of gradients at weights that have moved since is no gradient
static void check_sum(const rn_optim *o) {
  RN_CHECK(o->summed_at == o->net->version, "%s was moved at %s between its accumulated gradients and their step", o->net->name,
           o->net->moved ? o->net->moved : "?");
}

void rn_accumulate(rn_optim *o, rn_node *loss) {
  if (!o->sum) o->sum = memset(rn_take(rn_run_range(o->net->run), o->net->count * sizeof(rn_real)), 0, o->net->count * sizeof(rn_real));
  if (!gradients(o, loss)) return;
  if (o->summing) check_sum(o);
  else o->summed_at = o->net->version;
  if (o->summing) RN_M(rn_vadd)(o->net->count, o->sum, o->net->grad, o->sum);
  else memcpy(o->sum, o->net->grad, o->net->count * sizeof(rn_real));
  o->summing = true;
}

void rn_step_accumulated(rn_optim *o, double lr) {
  if (rn_stopped(o->net->run)) return;
  RN_CHECK(o->summing, "nothing was accumulated for %s", o->net->name);
  check_sum(o);
  memcpy(o->net->grad, o->sum, o->net->count * sizeof(rn_real));
  o->summing = false;
  descend(o, lr < 0 ? o->lr : lr);
}

double rn_linear_to_zero(long update, long updates) { return updates > 0 ? 1 - (double)update / (double)updates : 1; }
// double libm's cosine: a schedule must not differ between machines, so it is taken from the series of math/
double rn_cosine(long update, long updates) { return updates > 1 ? 0.5 * (1 + (double)rn_cos_f32((float)(3.14159265358979 * (double)update / (double)(updates - 1)))) : 1; }
