/* policy/classes.h - the classes, one file each. */
#ifndef REIN_CLASSES_H
#define REIN_CLASSES_H
#include "rein/policy.h"
extern const rn_class rn_class_deterministic, rn_class_gaussian, rn_class_squashed, rn_class_categorical, rn_class_beta, rn_class_table;
int *rn_choices(rn_graph *g, const rn_node *act);     // [n] the index in an action's one column, copied into the graph
rn_node *rn_chosen(rn_graph *g, const rn_node *scores);         // [n, 1] the first column with the largest score
rn_node *rn_chosen_at_random(rn_graph *g, rn_node *lp);         // [n, 1] a column drawn by log-probabilities lp [n, k]
#endif
