/* policy/policy.c - the list of classes, and the functions that systems call. */
#include "classes.h"
#include <string.h>

static const rn_class *const classes[] = {&rn_class_deterministic, &rn_class_gaussian, &rn_class_squashed, &rn_class_categorical, &rn_class_beta,
                                          &rn_class_table};

const rn_class *const *rn_classes(int *n) {
  *n = RN_COUNT(classes);
  return classes;
}

const rn_class *rn_class_find(const char *name) {
  for (int i = 0; i < RN_COUNT(classes); i++) if (strcmp(classes[i]->name, name) == 0) return classes[i];
  return NULL;
}

bool rn_capability_names(unsigned can, char *text, size_t room) {
  static const struct { unsigned bit; const char *name; } list[] = {
    {RN_CAN_SAMPLE, "samples"}, {RN_CAN_LOGP, "log-probabilities"}, {RN_CAN_REPARAM, "reparameterised samples"}, {RN_CAN_FIT, "a weighted fit"},
    {RN_CAN_SCORE, "a score"}, {RN_CAN_LOGITS, "logits"}, {RN_CAN_ENTROPY, "an entropy"}, {RN_IS_DETERMINISTIC, "one action for each observation"},
    {RN_CAN_BOX, "continuous actions"}, {RN_CAN_DISCRETE, "discrete actions"}};
  size_t n = 0;
  text[0] = 0;
  for (int i = 0; i < RN_COUNT(list); i++)
    if (can & list[i].bit && n < room) n += (size_t)snprintf(text + n, room - n, "%s%s", n ? ", " : "", list[i].name);
  return n > 0;
}

rn_policy *rn_policy_new(rn_run *run, const char *name, const char *class_default, unsigned can, const rn_shape *s) {
  char key[128];
  snprintf(key, sizeof key, "policy.%s", name);
  const char *asked = rn_setting(run, key, strcmp(name, "pi") == 0 ? rn_setting(run, "policy", class_default) : class_default);
  const rn_class *kind = rn_class_find(asked);
  RN_CHECK(kind, "no class of policies '%s'", asked);
  RN_CHECK((kind->can & can) == can, "%s can't do all that is needed of %s", asked, name);
  rn_policy *p = rn_take(rn_run_range(run), sizeof *p);
  const rn_world *w = s ? NULL : rn_world_of(run, NULL);
  *p = (rn_policy){.kind = kind, .run = run, .shape = s ? *s : (rn_shape){rn_obs_width(w), rn_act_width(w), rn_act_count(w)}};
  p->net = kind->build(run, name, &p->shape);
  snprintf(key, sizeof key, "policies.%s", name);
  rn_hang(run, key, p);
  return p;
}

rn_policy *rn_policy_find(const rn_run *run, const char *name) {
  char key[128];
  snprintf(key, sizeof key, "policies.%s", name);
  return rn_hung(run, key);
}

rn_policy *rn_policy_copy(rn_run *run, const rn_policy *p, const char *copy) {
  rn_policy *q = rn_take(rn_run_range(run), sizeof *q);
  *q = *p;
  q->net = rn_copy(run, p->net, copy);
  return q;
}

rn_net *rn_policy_net(const rn_policy *p) { return p->net; }
int rn_policy_width(const rn_policy *p) { return p->shape.act; }
rn_view rn_view_of(rn_node *obs) { return (rn_view){.obs = obs}; }
rn_view rn_view_in(const rn_obs *in) { return (rn_view){.obs = in->obs, .legal = in->legal, .context = in->context, .count = in->count}; }

rn_node *rn_policy_mode(const rn_policy *p, rn_view v) { return p->kind->mode(p, v); }

rn_node *rn_policy_sample(const rn_policy *p, rn_view v, rn_node **logp) {
  RN_CHECK(p->kind->sample, "%s has no samples", p->kind->name);
  if (logp) *logp = NULL;
  return p->kind->sample(p, v, logp);
}

rn_node *rn_policy_logp(const rn_policy *p, rn_view v, rn_node *act) {
  RN_CHECK(p->kind->log_prob, "%s has no log-probabilities", p->kind->name);
  return p->kind->log_prob(p, v, act);
}

rn_node *rn_policy_entropy(const rn_policy *p, rn_view v) {
  RN_CHECK(p->kind->entropy, "%s has no entropy", p->kind->name);
  return p->kind->entropy(p, v);
}

rn_node *rn_policy_logits(const rn_policy *p, rn_view v) {
  RN_CHECK(p->kind->logits, "%s has no logits", p->kind->name);
  return p->kind->logits(p, v);
}

rn_node *rn_policy_fit(const rn_policy *p, rn_view v, rn_node *act, rn_node *weight) {
  RN_CHECK(p->kind->fit, "%s has no loss of its own", p->kind->name);
  rn_node *loss = p->kind->fit(p, v, act);                                     // [n, 1]
  return rn_mean(weight ? rn_mul(weight, loss) : loss);
}

void rn_policy_act(const rn_policy *p, const rn_obs *in, rn_action *out) {
  rn_view v = rn_view_in(in);
  if (in->mode == RN_COLLECT && p->kind->sample) out->act = p->kind->sample(p, v, p->kind->can & RN_CAN_LOGP ? &out->logp : NULL);
  else out->act = p->kind->mode(p, v);
}
