/* Perceptrons: shapes from the recipe's keys, members as separate nets, dropout, slices of the caller's own. */
#include "../../src/graph/tape.h"
#include "rein/net.h"
#include "test.h"

static rn_run *run;
static rn_graph *g;
static void begin(void) { run = rn_run_new(4, 0), g = rn_graph_new(run, "test", 0), rn_graph_begin(g, rn_key_of(run, "update", 0, 0)); }
static void end(void) { rn_graph_free(g), rn_run_free(run); }

TEST(hidden_layers_are_read_as_written) {
  static const struct { const char *text; int layers, width[3]; } good[] = {{"none", 0, {0}}, {"64", 1, {64}}, {"256x256", 2, {256, 256}}, {"1x2x65536", 3, {1, 2, 65536}}};
  static const char *const bad[] = {"", "x", "64x", "x64", "0", "-3", "64,64", "64x64 ", " 64", "+64", "65537", "64xx64", "64x 64", "abc", "1x1x1x1x1x1x1x1x1x1x1x1x1",
                                    "99999999999999999999"};
  int layers, width[RN_MOST_LAYERS];
  for (int i = 0; i < RN_COUNT(good); i++)
    CHECK_THAT(rn_hidden_parse(good[i].text, &layers, width) && layers == good[i].layers && memcmp(width, good[i].width, (size_t)layers * sizeof *width) == 0, "%s", good[i].text);
  for (int i = 0; i < RN_COUNT(bad); i++) CHECK_THAT(!rn_hidden_parse(bad[i], &layers, width), "'%s' was taken", bad[i]);
  CHECK(rn_hidden_parse("1x1x1x1x1x1x1x1x1x1x1x1", &layers, width) && layers == RN_MOST_LAYERS);
}

TEST(the_recipes_keys_shape_all_blocks_or_one) {
  begin();
  rn_mlp_shape s = rn_mlp_shape_of(run, "q", rn_mlp_house());
  CHECK(s.layers == 2 && s.width[0] == 256 && s.width[1] == 256 && s.act == RN_RELU && !s.layer_norm && !s.orthogonal && s.dropout == 0);
  rn_set(run, "hidden", "32x16"), rn_set(run, "hidden.q", "8"), rn_set(run, "hidden.v", "none"), rn_set(run, "activation", "tanh"), rn_set(run, "activation.q", "silu");
  rn_set(run, "layernorm.q", "true"), rn_set(run, "dropout.q", "0.25"), rn_set(run, "init", "orthogonal"), rn_set(run, "init.v", "uniform");
  s = rn_mlp_shape_of(run, "pi", rn_mlp_house());
  CHECK(s.layers == 2 && s.width[0] == 32 && s.width[1] == 16 && s.act == RN_TANH && !s.layer_norm && s.orthogonal && s.dropout == 0);
  s = rn_mlp_shape_of(run, "q", rn_mlp_house());
  CHECK(s.layers == 1 && s.width[0] == 8 && s.act == RN_SILU && s.layer_norm && s.orthogonal && s.dropout == 0.25);
  s = rn_mlp_shape_of(run, "v", rn_mlp_house());
  CHECK(s.layers == 0 && !s.orthogonal);
  end();
}

TEST(slices_are_named_and_shaped_for_files) {
  begin();
  static const struct { const char *name; int dims; int64_t dim[3]; } known[] = {
    {"q.0.w", 3, {2, 5, 7}}, {"q.0.b", 2, {2, 7}}, {"q.0.s", 2, {2, 7}}, {"q.0.t", 2, {2, 7}}, {"q.1.w", 3, {2, 7, 3}}, {"q.1.b", 2, {2, 3}}, {"q.log_std", 1, {3}}};
  rn_mlp_shape shape = {.layers = 1, .width = {7}, .layer_norm = true};
  rn_slice_spec more = {.name = "log_std", .cols = 3, .init = RN_FILL, .gain = -1};
  rn_net *net = rn_mlp_new(run, "q", 2, 5, 3, &shape, 1, &more), *single = rn_mlp_new(run, "v", 0, 5, 1, &(rn_mlp_shape){.layers = 0}, 0, NULL);
  rn_entry e;
  for (int i = 0; i < RN_COUNT(known); i++) {
    CHECK_THAT(rn_state_find(run, known[i].name, &e), "no %s", known[i].name);
    CHECK(e.dims == known[i].dims && memcmp(e.dim, known[i].dim, (size_t)e.dims * sizeof *e.dim) == 0 && e.type == RN_REAL);
  }
  CHECK(rn_net_slices(net) == 7 && rn_mlp_members(net) == 2 && rn_mlp_members(single) == 0 && rn_net_slices(single) == 2);
  CHECK(rn_state_find(run, "v.0.w", &e) && e.dims == 2);
  rn_node *extra = rn_mlp_extra(g, net, 0);
  CHECK(rn_cols(extra) == 3 && extra->value[2] == -1);
  rn_node *x = rn_normal(g, 4, 5), *y = rn_mlp(net, x);
  CHECK(rn_dim(y, 1) == 2 && rn_dim(y, 2) == 4 && rn_dim(y, 3) == 3 && rn_dim(rn_mlp(single, x), 1) == 1);
  rn_net *copy = rn_copy(run, net, "target");
  rn_node *z = rn_mlp(copy, x);
  CHECK(memcmp(y->value, z->value, rn_count(y) * sizeof(rn_real)) == 0 && rn_mlp_extra(g, copy, 0)->value[0] == -1 && rn_mlp_members(copy) == 2);
  end();
}

TEST(initial_weights_lie_within_one_over_the_root_of_their_inputs) {
  begin();
  rn_net *net = rn_mlp_new(run, "q", 0, 16, 4, &(rn_mlp_shape){.layers = 1, .width = {100}, .out_gain = 0.01}, 0, NULL);
  double most[4] = {0};
  for (int s = 0, at = 0; s < 4; s++)
    for (int i = 0, n = (int[]){1600, 100, 400, 4}[s]; i < n; i++, at++) most[s] = fmax(most[s], fabs((double)rn_values(net)[at]));
  CHECK_THAT(most[0] <= 0.25 && most[0] > 0.249 && most[1] <= 0.25 && most[1] > 0.2 && most[2] <= 0.001001 && most[2] > 0.00099 && most[3] <= 0.001001, "%g %g %g %g", most[0],
             most[1], most[2], most[3]);
  end();
}

TEST(members_are_separate_nets_bit_for_bit) {
  static const rn_mlp_shape shapes[] = {{.layers = 2, .width = {33, 16}, .act = RN_RELU}, {.layers = 1, .width = {20}, .act = RN_SILU, .layer_norm = true},
                                        {.layers = 1, .width = {20}, .act = RN_TANH, .layer_norm = true}, {.layers = 0}};
  for (int k = 0; k < RN_COUNT(shapes); k++)
    for (int rows = 1; rows <= 50; rows += 49)
      for (int members = 1; members <= 3; members += 2) {
        begin();
        rn_net *net = rn_mlp_new(run, "q", members, 7, 2, &shapes[k], 0, NULL), *one = rn_mlp_new(run, "one", 0, 7, 2, &shapes[k], 0, NULL);
        size_t n = rn_net_count(one);
        rn_node *x = rn_normal(g, rows, 7), *y = rn_mlp(net, x);
        rn_real *d = rn_scratch(g, rn_net_count(net)), *own = rn_scratch(g, n);
        rn_gradient(rn_sum(rn_square(y)), net, d);
        for (int e = 0; e < members; e++) {
          size_t at = 0;
          for (int s = 0; s < net->n; s++) {                    // slices of this member
            size_t each = (s + 1 < one->n ? one->offset[s + 1] : n) - one->offset[s];
            memcpy(rn_values(one) + one->offset[s], rn_values(net) + at + (size_t)e * each, each * sizeof(rn_real)), at += each * (size_t)members;
          }
          rn_changed(one);
          rn_node *z = rn_mlp(one, x);
          CHECK_THAT(memcmp(z->value, y->value + (size_t)e * rn_count(z), rn_count(z) * sizeof(rn_real)) == 0, "shape %d, member %d of %d, %d rows", k, e, members, rows);
          rn_gradient(rn_sum(rn_square(z)), one, own);
          at = 0;
          for (int s = 0; s < net->n; s++) {
            size_t each = (s + 1 < one->n ? one->offset[s + 1] : n) - one->offset[s];
            CHECK_THAT(memcmp(own + one->offset[s], d + at + (size_t)e * each, each * sizeof(rn_real)) == 0, "gradient of slice %d, shape %d, member %d of %d, %d rows", s, k, e,
                       members, rows);
            at += each * (size_t)members;
          }
        }
        end();
      }
}

TEST(dropout_is_of_updates_and_keeps_the_mean) {
  begin();
  rn_net *net = rn_mlp_new(run, "q", 0, 4, 1, &(rn_mlp_shape){.layers = 1, .width = {50}, .dropout = 0.3}, 0, NULL);
  rn_node *x = rn_filled(g, 4000, 4, 0.5), *still = rn_mlp(net, x), *again = rn_mlp(net, x), *drawn = rn_mlp_update(net, x), *other = rn_mlp_update(net, x);
  CHECK(memcmp(still->value, again->value, 4000 * sizeof(rn_real)) == 0 && memcmp(drawn->value, other->value, 4000 * sizeof(rn_real)) != 0);
  CHECK_NEAR(rn_scalar(rn_mean(drawn)), rn_scalar(rn_mean(still)), 0.02, "mean");
  rn_node *ones = rn_dropout(rn_filled(g, 100, 100, 1), 0.3);
  int kept = 0;
  for (int i = 0; i < 10000; i++) {
    CHECK(ones->value[i] == 0 || ones->value[i] == (rn_real)(1 / 0.7));
    kept += ones->value[i] != 0;
  }
  CHECK_NEAR(kept / 10000.0, 0.7, 0.02, "share that is kept");
  CHECK(rn_dropout(x, 0) == x);
  end();
}
static void all_dropped(void *x) { rn_dropout(x, 1); }
TEST(dropping_everything_is_a_bug) {
  begin();
  CHECK_TEXT(test_fatal(all_dropped, rn_filled(g, 1, 1, 1)), "dropout of 1");
  end();
}
static void wrong_width(void *net) { rn_mlp(net, rn_filled(g, 2, 3, 1)); }
TEST(a_wrong_width_names_the_slice) {
  begin();
  CHECK_TEXT(test_fatal(wrong_width, rn_mlp_new(run, "q", 0, 4, 1, &(rn_mlp_shape){.layers = 0}, 0, NULL)), "x [2, 3] does not meet w [4, 1] (q.0.w)");
  end();
}
