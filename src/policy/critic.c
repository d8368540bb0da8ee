/* policy/critic.c - action values of several members as one product, and state values. */
#include "rein/policy.h"

rn_net *rn_critics_new(rn_run *run, const char *name, int members) {
  const rn_world *w = rn_world_of(run, NULL);
  int choices = rn_act_count(w), in = rn_obs_width(w) + (choices ? 0 : rn_act_width(w));
  rn_mlp_shape shape = rn_mlp_shape_of(run, name, rn_mlp_house());
  return rn_mlp_new(run, name, members, in, choices ? choices : 1, &shape, 0, NULL);
}

static int *indices(const rn_node *act, int members) {          // the same choice for each member
  rn_graph *g = rn_graph_of(act);
  int n = rn_rows(act), *index = rn_scratch_bytes(g, (size_t)n * (size_t)members * sizeof *index);
  rn_real *x = rn_scratch(g, (size_t)n);
  RN_CHECK(rn_cols(act) == 1, "a choice has one column, not %d", rn_cols(act));
  rn_read(act, x);
  for (int e = 0; e < members; e++) for (int i = 0; i < n; i++) index[(size_t)e * n + i] = (int)x[i];
  return index;
}

rn_node *rn_critics(rn_net *q, rn_node *obs, rn_node *act) {
  const rn_slice_spec *first = rn_net_slice(q, 0);
  if (first->rows == rn_cols(obs)) return rn_pick(rn_mlp(q, obs), indices(act, first->members));
  return rn_mlp(q, rn_concat(obs, act));
}

rn_net *rn_value_new(rn_run *run, const char *name) {
  rn_mlp_shape shape = rn_mlp_shape_of(run, name, rn_mlp_house());
  return rn_mlp_new(run, name, 0, rn_obs_width(rn_world_of(run, NULL)), 1, &shape, 0, NULL);
}

rn_node *rn_value(rn_net *v, rn_node *obs) { return rn_mlp(v, obs); }
