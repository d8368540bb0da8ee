/* policy/classes.h - the classes, one file each. */
#ifndef REIN_CLASSES_H
#define REIN_CLASSES_H
#include "rein/policy.h"
extern const rn_class rn_class_deterministic, rn_class_gaussian, rn_class_squashed, rn_class_categorical, rn_class_beta, rn_class_table;
int *rn_choices(rn_graph *g, const rn_node *act);     // [n] the index in an action's one column, copied into the graph
/* What all classes of choices share; each brings its own logits. */
rn_node *rn_allowed(rn_node *logits, rn_view v);      // -1e9 where not legal
rn_node *rn_choice_mode(const rn_policy *p, rn_view v);
rn_node *rn_choice_sample(const rn_policy *p, rn_view v, rn_node **logp);
rn_node *rn_choice_log_prob(const rn_policy *p, rn_view v, rn_node *act);
rn_node *rn_choice_entropy(const rn_policy *p, rn_view v);
#endif
