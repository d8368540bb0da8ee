/* The tape and what moves parameters, in float as systems use it: places, versions, draws, stops, flat memory. */
#include "../../src/graph/tape.h"
#include "rein/net.h"
#include "test.h"
// last: places of calls
#include "rein/site.h"

static rn_run *run;
static rn_graph *g;
static void begin(uint64_t seed) { run = rn_run_new(seed, 0), g = rn_graph_new(run, "test", 0), rn_graph_begin(g, rn_key_of(run, "update", 0, 0)); }
static void end(void) { rn_graph_free(g), rn_run_free(run); }
static rn_net *two(const char *name) {                          // slices a [2, 3] and b [3]
  return rn_block_new(run, name, 2, (rn_slice_spec[]){{"a", 0, 2, 3, RN_GAUSS, 1}, {"b", 0, 0, 3, RN_GAUSS, 1}});
}
static rn_node *of(rn_net *net, int slice) { return rn_sum(rn_square(rn_leaf(g, net, slice))); }

//---- wrong gradients -------------------------------------------------------------------------------------------------------------

TEST(a_gradient_of_an_earlier_step_is_never_used) {
  begin(1);
  rn_net *net = two("q");
  rn_optim *o = rn_sgd(run, net, 0.1, 0);
  rn_step(o, rn_add(of(net, 0), of(net, 1)));
  rn_real was[9];
  memcpy(was, rn_values(net), sizeof was);
  rn_step(o, of(net, 1));                                       // does not know slice a
  CHECK(memcmp(was, rn_values(net), 6 * sizeof *was) == 0);
  for (int i = 6; i < 9; i++) CHECK_NEAR(rn_values(net)[i], was[i] * 0.8, 1e-6, "b goes down its own gradient");
  rn_real d[9];
  rn_gradient(of(net, 0), net, d);
  for (int i = 0; i < 9; i++) CHECK_NEAR(d[i], i < 6 ? 2 * was[i] : 0, 1e-6, "entry %d", i);
  end();
}

static rn_net *moved;
static rn_optim *moved_by;
static rn_node *(*view)(rn_node *);
static void through_moved_weights(void *context) {
  (void)context;
  rn_node *x = rn_filled(g, 4, 2, 1), *w = rn_leaf(g, moved, 0);
  rn_node *old = rn_matmul(x, view ? view(w) : w, RN_NN);
  rn_step(moved_by, rn_sum(rn_square(old)));
  rn_step(moved_by, rn_sum(old));
}
static rn_node *turned(rn_node *w) { return rn_reshape(rn_reshape(w, 1, 1, 3, 2), 1, 1, 2, 3); }

TEST(a_loss_through_weights_that_have_moved_is_fatal_and_names_both_lines) {
  for (int k = 0; k < 2; k++) {
    begin(1);
    moved = two("q"), moved_by = rn_sgd(run, moved, 0.1, 0), view = k ? turned : NULL;
    const char *message = test_fatal(through_moved_weights, NULL);
    CHECK_THAT(message, "not seen (view %d)", k);
    char made[64], stepped[64];
    int line = 0;
    CHECK_TEXT(message, "q was stepped at ");
    CHECK_THAT(sscanf(strstr(message, "tape.c:"), "tape.c:%d", &line) == 1, "%s", message);
    CHECK_TEXT(message, "after this node was made at ");
    snprintf(stepped, sizeof stepped, "stepped at tests/graph/tape.c:"), snprintf(made, sizeof made, "made at tests/graph/tape.c:");
    CHECK_TEXT(message, stepped), CHECK_TEXT(message, made);
    end();
  }
}

static void through_a_moved_view(void *context) {               // the loss is of pi; q's weights, seen through a reshape, only scale it
  rn_net **net = context;
  rn_node *y = rn_matmul(rn_leaf(g, net[1], 0), rn_reshape(rn_leaf(g, net[0], 0), 1, 1, 3, 2), RN_NN);
  rn_step(moved_by, of(net[0], 0));
  rn_real d[9];
  rn_gradient(rn_sum(y), net[1], d);
}
TEST(a_view_of_moved_weights_is_seen_in_anothers_loss) {
  begin(1);
  rn_net *net[2] = {two("q"), two("pi")};
  moved_by = rn_sgd(run, net[0], 0.1, 0);
  const char *message = test_fatal(through_a_moved_view, net);
  CHECK_THAT(message, "not seen");
  CHECK_TEXT(message, "q was stepped");
  end();
}

TEST(what_is_detached_keeps_its_values_and_gives_no_gradient) {
  begin(1);
  rn_net *net = two("q");
  rn_optim *o = rn_sgd(run, net, 0.1, 0);
  rn_node *w = rn_leaf(g, net, 0), *still = rn_detach(w), *view_ = rn_detach(rn_reshape(w, 1, 1, 3, 2));
  rn_real was[6], now[6], d[9];
  rn_read(w, was);
  rn_gradient(rn_sum(rn_mul(still, rn_leaf(g, net, 0))), net, d);
  for (int i = 0; i < 6; i++) CHECK(d[i] == was[i]);
  rn_gradient(rn_sum(still), net, d);
  for (int i = 0; i < 9; i++) CHECK(d[i] == 0);
  rn_step(o, rn_sum(w));
  rn_read(still, now);
  CHECK(memcmp(was, now, sizeof was) == 0);
  rn_read(view_, now);
  CHECK(memcmp(was, now, sizeof was) == 0 && rn_values(net)[0] != was[0]);
  end();
}

static void no_dependence(void *context) { rn_step(context, rn_sum(rn_filled(g, 2, 2, 1))); }
static void no_scalar(void *context) { rn_step(context, rn_leaf(g, rn_optim_net(context), 0)); }
static void bad_shapes(void *context) { rn_add(context, rn_filled(g, 3, 4, 0)); }
TEST(bugs_name_their_line) {
  begin(1);
  rn_optim *o = rn_sgd(run, two("q"), 0.1, 0);
  CHECK_TEXT(test_fatal(no_dependence, o), "does not depend on q");
  CHECK_TEXT(test_fatal(no_scalar, o), "[2, 3] (q.a), not one number");
  const char *message = test_fatal(bad_shapes, rn_leaf(g, rn_optim_net(o), 0));
  CHECK_TEXT(message, "[2, 3] (q.a) does not meet [3, 4]");
  CHECK_TEXT(message, "called from tests/graph/tape.c:");
  end();
}

//---- places ------------------------------------------------------------------------------------------------------------------------

TEST(a_rewind_gives_memory_back_and_keeps_what_is_asked) {
  begin(1);
  rn_node *x = rn_normal(g, 30, 40);
  rn_place here = rn_mark(g);
  rn_real want[1200], got[1200];
  for (int i = 0; i < 1200; i++) want[i] = x->value[i] * x->value[i] * 2;
  size_t high = 0;
  for (int k = 0; k < 100; k++) {
    rn_backward(rn_sum(rn_exp(x)));                             // x gets a gradient that lies behind the place
    rn_node *y = rn_add(rn_square(x), rn_square(x));
    rn_node *kept = rn_rewind_keep(g, here, y);
    rn_read(kept, got);
    CHECK(memcmp(want, got, sizeof want) == 0 && !kept->op && rn_mark(g).nodes == here.nodes + 1);
    CHECK(x->grad == NULL);
    rn_rewind(g, here);
    if (k == 1) high = rn_graph_high(g);
  }
  CHECK(rn_graph_high(g) == high && rn_mark(g).bytes == here.bytes);
  end();
}

TEST(a_rewind_does_not_rewind_the_random_numbers) {
  begin(1);
  rn_real a[3], b[3], c[3];
  rn_place here = rn_mark(g);
  rn_read(rn_normal(g, 1, 3), a), rn_rewind(g, here), rn_read(rn_normal(g, 1, 3), b);
  CHECK(memcmp(a, b, sizeof a) != 0);
  rn_graph_begin(g, rn_key_of(run, "update", 0, 0));
  rn_read(rn_normal(g, 1, 3), c);
  CHECK(memcmp(a, c, sizeof a) == 0);
  end();
}

//---- draws ---------------------------------------------------------------------------------------------------------------------------

TEST(row_i_of_a_random_node_depends_on_its_unit_only) {
  begin(1);
  uint64_t unit[] = {7, 3, 1ull << 40, 9, 7};
  rn_real a[2][15], b[2][9];                                     // normal, uniform
  rn_graph_units(g, 5, unit);
  rn_read(rn_normal(g, 5, 3), a[0]), rn_read(rn_uniform_node(g, 5, 3), a[1]);
  uint64_t turned_[] = {9, 1ull << 40, 7};
  rn_graph_begin(g, rn_key_of(run, "update", 0, 0));
  rn_graph_units(g, 3, turned_);
  rn_read(rn_normal(g, 3, 3), b[0]), rn_read(rn_uniform_node(g, 3, 3), b[1]);
  static const int from[] = {3, 2, 0};
  for (int l = 0; l < 2; l++) for (int i = 0; i < 3; i++) CHECK(memcmp(&a[l][3 * from[i]], &b[l][3 * i], 3 * sizeof(rn_real)) == 0);
  CHECK(memcmp(&a[0][0], &a[0][12], 3 * sizeof(rn_real)) == 0);  // the same unit twice
  CHECK(memcmp(&a[0][0], &a[0][3], 3 * sizeof(rn_real)) != 0);
  end();
}

TEST(neighbouring_updates_share_no_draw) {
  begin(1);
  rn_real x[6][4];
  for (int t = 0; t < 2; t++) {
    rn_graph_begin(g, rn_key_of(run, "update", 0, (uint64_t)t));
    for (int k = 0; k < 3; k++) rn_read(rn_normal(g, 1, 4), x[3 * t + k]);
  }
  for (int i = 0; i < 6; i++) for (int j = 0; j < i; j++) CHECK_THAT(memcmp(x[i], x[j], sizeof x[0]) != 0, "draws %d and %d are one", i, j);
  end();
}

static bool source(void *context, int ordinal, const char *law, const rn_node *x, rn_real *values) {
  char *seen = context;
  sprintf(seen + strlen(seen), "%d %s %d;", ordinal, law, rn_rows(x));
  if (ordinal != 1) return false;
  for (size_t i = 0; i < rn_count(x); i++) values[i] = (rn_real)i;
  return true;
}
TEST(draws_can_come_from_outside) {
  begin(1);
  char seen[200] = "";
  rn_real a[3], b[2], c[3];
  rn_read(rn_normal(g, 3, 1), a);
  rn_graph_begin(g, rn_key_of(run, "update", 0, 0));
  rn_graph_noise(g, source, seen);
  rn_read(rn_normal(g, 3, 1), c), rn_read(rn_uniform_node(g, 2, 1), b);
  CHECK(memcmp(a, c, sizeof a) == 0 && b[0] == 0 && b[1] == 1);
  CHECK_THAT(strcmp(seen, "0 N(0,1) 3;1 U(0,1) 2;") == 0, "%s", seen);
  end();
}

TEST(a_subset_of_members_is_drawn_without_replacement) {
  begin(1);
  int times[5] = {0}, pairs = 0;
  for (int t = 0; t < 2000; t++) {
    rn_graph_begin(g, rn_key_of(run, "update", (uint64_t)t, 0));
    rn_real v[5] = {0, 1, 2, 3, 4};
    rn_node *x = rn_constant_dims(g, (int[]){1, 5, 1, 1}, v);
    rn_node *y = rn_min_members(x, 2);
    rn_backward(rn_sum(y));
    times[(int)rn_scalar(y)]++, pairs++;
  }
  static const double share[] = {0.4, 0.3, 0.2, 0.1, 0};         // the lower of two of five
  for (int i = 0; i < 5; i++) CHECK_NEAR((double)times[i] / pairs, share[i], 0.04, "member %d", i);
  end();
}

//---- stops -----------------------------------------------------------------------------------------------------------------------------

TEST(a_loss_that_is_not_finite_stops_the_run_at_its_first_node) {
  begin(1);
  rn_net *net = two("q");
  rn_optim *o = rn_adam(run, net, 0.1);
  rn_real was[9], zero[1] = {0};
  memcpy(was, rn_values(net), sizeof was);
  rn_log(rn_constant(g, 1, 1, zero));                           // infinite, but not of this loss
  rn_node *x = rn_div(rn_leaf(g, net, 0), rn_filled(g, 1, 1, 0));
  rn_step(o, rn_sum(rn_square(x)));
  CHECK(rn_stopped(run) && rn_stopped(run)->code == RN_NUMBERS);
  CHECK_TEXT(rn_stopped(run)->text, "loss.q is inf");
  CHECK_TEXT(rn_stopped(run)->text, "from div [2, 3], made at tests/graph/tape.c:");
  rn_step(o, of(net, 0));                                       // nothing moves any more
  CHECK(memcmp(was, rn_values(net), sizeof was) == 0);
  end();
}

TEST(a_gradient_that_is_not_finite_stops_the_run_in_its_slice) {
  begin(1);
  rn_net *net = two("q");
  rn_optim *o = rn_adam(run, net, 0.1);
  rn_real was[9];
  memcpy(was, rn_values(net), sizeof was);
  rn_step(o, rn_add(of(net, 0), rn_sum(rn_sqrt(rn_scale(rn_leaf(g, net, 1), 0)))));         // the slope of a root at 0
  CHECK(rn_stopped(run) && rn_stopped(run)->code == RN_NUMBERS);
  CHECK_TEXT(rn_stopped(run)->text, "in q.b is not finite, stepped at tests/graph/tape.c:");
  CHECK(memcmp(was, rn_values(net), sizeof was) == 0);
  end();
}

TEST(losses_are_noted) {
  begin(1);
  rn_net *net = two("q");
  rn_node *y = of(net, 0);
  rn_step(rn_sgd(run, net, 0.1, 0), y);
  const char **names;
  const double *values;
  CHECK(rn_notes(run, &names, &values) == 1 && strcmp(names[0], "loss.q") == 0 && values[0] == rn_scalar(y));
  end();
}

//---- memory ------------------------------------------------------------------------------------------------------------------------------

TEST(an_update_allocates_nothing) {
  begin(1);
  rn_mlp_shape shape = {.layers = 2, .width = {32, 32}, .act = RN_SILU, .layer_norm = true, .dropout = 0.1};
  rn_net *net = rn_mlp_new(run, "q", 2, 5, 3, &shape, 0, NULL), *target = rn_copy(run, net, "target");
  rn_optim *o = rn_adam(run, net, 1e-3);
  rn_optim_clip(o, 1);
  long before = 0;
  size_t high = 0, held = 0;
  for (int t = 0; t < 1020; t++) {
    rn_graph_begin(g, rn_key_of(run, "update", (uint64_t)t, 0));
    rn_node *x = rn_normal(g, 32, 5), *y = rn_detach(rn_min_all(rn_mlp(target, x)));
    rn_place here = rn_mark(g);
    for (int k = 0; k < 2; k++) rn_accumulate(o, rn_mean(rn_square(rn_sub(rn_mlp_update(net, x), y)))), rn_rewind(g, here);
    rn_step_accumulated(o, -1);
    rn_step(o, rn_mean(rn_logsumexp(rn_mlp(net, x))));
    rn_node *slope = rn_grad(rn_sum(rn_mlp(net, x)), x);
    rn_step(o, rn_mean(rn_square(rn_shift(rn_sum_cols(rn_square(slope)), -1))));
    rn_move(target, net, 0.01);
    if (t == 20) before = rn_allocations(), high = rn_graph_high(g), held = rn_range_used(rn_run_range(run));
  }
  CHECK(!rn_stopped(run));
  CHECK_THAT(rn_allocations() == before, "%ld allocations in 1,000 updates", rn_allocations() - before);
  CHECK(rn_graph_high(g) == high && rn_range_used(rn_run_range(run)) == held);
  end();
}

//---- blocks ------------------------------------------------------------------------------------------------------------------------------

TEST(copies_move_and_are_owned_by_nobody) {
  begin(1);
  rn_net *net = two("q"), *target = rn_copy(run, net, "target");
  CHECK(strcmp(rn_net_name(target), "q@target") == 0 && rn_net_origin(target) == net && !rn_net_origin(net) && rn_net_find(run, "q@target") == target);
  CHECK(memcmp(rn_values(net), rn_values(target), 9 * sizeof(rn_real)) == 0);
  rn_entry e;
  CHECK(rn_state_find(run, "q@target.a", &e) && e.dims == 2 && e.dim[0] == 2 && e.dim[1] == 3 && e.data == rn_values(target));
  CHECK(rn_state_find(run, "q@target.b", &e) && e.dims == 1 && e.dim[0] == 3);
  for (int i = 0; i < 9; i++) rn_values(net)[i] = (rn_real)i, rn_values(target)[i] = 0;
  rn_changed(net), rn_changed(target);
  rn_move(target, net, 0.25);
  for (int i = 0; i < 9; i++) CHECK(rn_values(target)[i] == (rn_real)i / 4);
  rn_assign(target, net);
  CHECK(memcmp(rn_values(net), rn_values(target), 9 * sizeof(rn_real)) == 0);
  rn_move(target, net, 1);
  CHECK(memcmp(rn_values(net), rn_values(target), 9 * sizeof(rn_real)) == 0);
  rn_net **list;
  CHECK(rn_nets(run, &list) == 2 && list[0] == net);
  end();
}

static void step_a_copy(void *context) { rn_adam(run, context, 0.1); }
TEST(a_copy_has_no_optimiser_and_a_net_has_one) {
  begin(1);
  rn_net *net = two("q");
  CHECK_TEXT(test_fatal(step_a_copy, rn_copy(run, net, "target")), "copies are moved, not stepped");
  rn_adam(run, net, 0.1);
  CHECK_TEXT(test_fatal(step_a_copy, net), "has an optimiser already");
  end();
}

static void move_between(void *context) {
  rn_optim *o = context;
  rn_net *net = rn_optim_net(o);
  rn_accumulate(o, of(net, 0));
  rn_move(net, net, 0.5);
  rn_step_accumulated(o, -1);
}
TEST(accumulated_gradients_of_moved_weights_are_fatal) {
  begin(1);
  CHECK_TEXT(test_fatal(move_between, rn_sgd(run, two("q"), 0.1, 0)), "between its accumulated gradients and their step");
  end();
}

TEST(initial_values_follow_their_laws) {
  begin(5);
  static const rn_slice_spec spec[] = {{"zero", 0, 3, 4, RN_ZERO, 1}, {"fill", 0, 0, 4, RN_FILL, 2.5}, {"tall", 2, 40, 7, RN_ORTHOGONAL, 1.5},
                                       {"wide", 0, 7, 40, RN_ORTHOGONAL, 1}, {"fan", 2, 100, 50, RN_FAN_IN, 0.1}, {"gauss", 2, 100, 50, RN_GAUSS, 0.3}};
  rn_net *net = rn_block_new(run, "q", 6, spec);
  const rn_real *v = rn_values(net);
  for (int i = 0; i < 12; i++) CHECK(*v++ == 0);
  for (int i = 0; i < 4; i++) CHECK(*v++ == 2.5f);
  for (int e = 0; e < 2; e++, v += 280)
    for (int i = 0; i < 7; i++)
      for (int j = 0; j < 7; j++) {
        double s = 0;
        for (int k = 0; k < 40; k++) s += (double)v[k * 7 + i] * v[k * 7 + j];
        CHECK_NEAR(s, i == j ? 2.25 : 0, 1e-5, "columns %d and %d of member %d", i, j, e);
      }
  CHECK(memcmp(v - 280, v - 560, 280 * sizeof *v) != 0);
  for (int i = 0; i < 7; i++)
    for (int j = 0; j < 7; j++) {
      double s = 0;
      for (int k = 0; k < 40; k++) s += (double)v[i * 40 + k] * v[j * 40 + k];
      CHECK_NEAR(s, i == j, 1e-5, "rows %d and %d", i, j);
    }
  v += 280;
  for (int law = 0; law < 2; law++)
    for (int e = 0; e < 2; e++, v += 5000) {
      double m = 0, s = 0, most = 0;
      for (int i = 0; i < 5000; i++) m += v[i] / 5000.0, s += (double)v[i] * v[i] / 5000, most = fmax(most, fabs(v[i]));
      CHECK_NEAR(m, 0, 4 * (law ? 0.3 : 0.1 / sqrt(3)) / sqrt(5000), "mean of law %d", law);
      CHECK_NEAR(sqrt(s), law ? 0.3 : 0.1 / sqrt(3), 0.02, "deviation of law %d", law);
      CHECK(law || (most <= 0.1f && most > 0.0995));
      CHECK(e == 0 || memcmp(v, v - 5000, 5000 * sizeof *v) != 0);
    }
  // another seed or name: other numbers; the same: the same
  rn_run *other = rn_run_new(6, 0), *same = rn_run_new(5, 0);
  size_t n = rn_net_count(net);
  CHECK(memcmp(rn_values(net), rn_values(rn_block_new(same, "q", 6, spec)), n * sizeof *v) == 0);
  CHECK(memcmp(rn_values(net) + n - 5000, rn_values(rn_block_new(other, "q", 6, spec)) + n - 5000, 5000 * sizeof *v) != 0);
  CHECK(memcmp(rn_values(net) + n - 5000, rn_values(rn_block_new(same, "v", 6, spec)) + n - 5000, 5000 * sizeof *v) != 0);
  rn_run_free(other), rn_run_free(same);
  end();
}

TEST(a_long_gradient_is_shortened_even_past_the_squares_of_float) {
  begin(1);
  rn_net *net = two("q");
  rn_optim *o = rn_sgd(run, net, 1, 0);
  rn_optim_clip(o, 2);
  rn_real was[9];
  memcpy(was, rn_values(net), sizeof was);
  rn_step(o, rn_scale(rn_sum(rn_leaf(g, net, 0)), 1e30));       // six entries of 1e30: their squares are infinite in float
  for (int i = 0; i < 6; i++) CHECK_NEAR(was[i] - rn_values(net)[i], 2 / sqrt(6), 1e-5, "entry %d", i);
  end();
}

TEST(schedules_begin_at_1_and_end_at_0) {
  CHECK(rn_cosine(0, 1000) == 1 && rn_linear_to_zero(0, 10) == 1);
  CHECK_NEAR(rn_cosine(999, 1000), 0, 1e-6, "last");
  CHECK(rn_cosine(999, 1000) >= 0);
  CHECK_NEAR(rn_cosine(500, 1001), 0.5, 1e-6, "half way");
  CHECK_NEAR(rn_linear_to_zero(5, 10), 0.5, 1e-12, "half way");
}
