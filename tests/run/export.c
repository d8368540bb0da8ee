/* export: the printed C file of every operation acts as the engine does; what can't be printed is named; nothing is believed that was not tried.
 * Each file is compiled with cc -std=c99 -Wall -Wextra -pedantic -Werror -O2 and without any library. */
#include "rein/export.h"
#include "../../src/graph/tape.h"
#include "rein/net.h"
#include "test.h"
#include <stdlib.h>
#include <time.h>

enum { N = 8, ROWS = 24 };
typedef rn_node *maker(rn_graph *g, rn_node *obs, rn_net *net);

static const rn_slice_spec SLICES[] = {{"w", 0, N, 6, RN_GAUSS, 0.5},   {"b", 0, 0, 6, RN_GAUSS, 0.5},   {"we", 3, N, 5, RN_GAUSS, 0.5}, {"be", 3, 0, 5, RN_GAUSS, 0.5},
                                       {"wo", 3, 5, 4, RN_GAUSS, 0.5},  {"s", 0, 0, N, RN_GAUSS, 1},     {"t", 0, 0, N, RN_GAUSS, 1},    {"se", 3, 0, 5, RN_GAUSS, 1},
                                       {"te", 3, 0, 5, RN_GAUSS, 1},    {"rows", 0, 5, N, RN_GAUSS, 0.5}};
enum { W, B, WE, BE, WO, S, T, SE, TE, MANY };

static rn_node *flat(rn_node *x) { return rn_reshape(x, 1, 1, 1, (int)rn_count(x)); }
static rn_node *rows(rn_graph *g, rn_node *x, rn_net *net) { return rn_add(x, rn_leaf(g, net, MANY)); }       // [5, N]
static rn_node *members(rn_graph *g, rn_node *x, rn_net *net) { return rn_linear(rows(g, x, net), rn_leaf(g, net, WE), rn_leaf(g, net, BE), RN_TANH); }   // [3, 5, 5]
static rn_node *positive(rn_node *x) { return rn_shift(rn_square(x), 0.01); }

// one row an operation, in each of its forms
#define MAKE(name, expression) \
  static rn_node *make_##name(rn_graph *g, rn_node *x, rn_net *net) { \
    (void)g, (void)net; \
    return expression; \
  }
#define FORMS(F) \
  F(affine, rn_affine(x, -0.3, 1.7)) F(square, rn_square(x)) F(sqrt, rn_sqrt(positive(x))) F(exp, rn_exp(rn_scale(x, 3))) F(log, rn_log(positive(x))) \
  F(tanh, rn_tanh(x)) F(sigmoid, rn_sigmoid(rn_scale(x, 4))) F(softplus, rn_softplus(rn_scale(x, 6))) F(relu, rn_relu(x)) F(abs, rn_abs(x)) \
  F(sin, rn_sin(rn_scale(x, 40))) F(cos, rn_cos(rn_scale(x, 40))) F(clamp, rn_clamp(x, -0.4, 0.9)) F(half_clamp, rn_clamp(x, -INFINITY, 0.9)) \
  F(erf, rn_erf(x)) F(silu, rn_silu(x)) F(expectile, rn_expectile(x, 0.8)) F(huber, rn_huber(x, 0.7)) F(add, rn_add(x, rn_leaf(g, net, S))) \
  F(sub, rn_sub(rn_leaf(g, net, T), x)) F(mul, rn_mul(x, rn_square(x))) F(div, rn_div(rn_leaf(g, net, S), positive(x))) F(min2, rn_min2(x, rn_neg(x))) \
  F(max2, rn_max2(x, rn_leaf(g, net, S))) F(spread_rows, flat(rn_mul(rows(g, x, net), x))) F(spread_cols, flat(rn_sub(rows(g, x, net), rn_cols_of(rows(g, x, net), 2, 1)))) \
  F(members_times_rows, flat(rn_mul(members(g, x, net), rn_tanh(rn_cols_of(rows(g, x, net), 1, 1))))) F(sum, rn_sum(x)) F(sum_rows, rn_sum_rows(rows(g, x, net))) \
  F(sum_cols, flat(rn_sum_cols(members(g, x, net)))) F(mean_all, flat(rn_mean_all(members(g, x, net)))) F(spread, flat(rn_spread(rn_cols_of(x, 3, 1), (int[]){1, 2, 3, 4}))) \
  F(min_all, flat(rn_min_all(members(g, x, net)))) F(max_all, flat(rn_max_all(members(g, x, net)))) F(logsumexp, flat(rn_logsumexp(rn_scale(rows(g, x, net), 9)))) \
  F(softmax, rn_softmax(rn_scale(x, 3))) F(matmul, flat(rn_matmul(rows(g, x, net), rn_leaf(g, net, W), RN_NN))) \
  F(matmul_tn, flat(rn_matmul(rows(g, x, net), rn_leaf(g, net, MANY), RN_TN))) F(matmul_nt, flat(rn_matmul(rn_leaf(g, net, MANY), rows(g, x, net), RN_NT))) \
  F(matmul_batch, flat(rn_matmul(members(g, x, net), rn_leaf(g, net, WO), RN_NN))) F(matmul_moving, flat(rn_matmul(members(g, x, net), members(g, x, net), RN_NN))) \
  F(linear, rn_linear(x, rn_leaf(g, net, W), rn_leaf(g, net, B), RN_IDENTITY)) F(linear_relu, rn_linear(x, rn_leaf(g, net, W), rn_leaf(g, net, B), RN_RELU)) \
  F(linear_tanh, rn_linear(x, rn_leaf(g, net, W), NULL, RN_TANH)) F(linear_silu, rn_linear(x, rn_leaf(g, net, W), rn_leaf(g, net, B), RN_SILU)) \
  F(linear_moving, rn_linear(rn_reshape(x, 1, 1, 1, N), rn_mul(rn_leaf(g, net, W), rn_cols_of(x, 0, 1)), rn_cols_of(x, 1, 6), RN_TANH)) \
  F(linear_members, flat(members(g, x, net))) F(linear_own_rows, flat(rn_linear(members(g, x, net), rn_leaf(g, net, WO), NULL, RN_RELU))) \
  F(layer_norm, rn_layer_norm(x, rn_leaf(g, net, S), rn_leaf(g, net, T))) F(layer_norm_plain, rn_layer_norm(x, NULL, NULL)) \
  F(layer_norm_members, flat(rn_layer_norm(rn_linear(rows(g, x, net), rn_leaf(g, net, WE), NULL, RN_IDENTITY), rn_leaf(g, net, SE), rn_leaf(g, net, TE)))) \
  F(reshape, flat(rn_sum_to(rn_reshape(x, 1, 1, 4, 2), (int[]){1, 1, 1, 2}))) F(slice, rn_cols_of(x, 3, 4)) F(slice_middle, flat(rn_slice(members(g, x, net), 1, 1, 2))) \
  F(pad, rn_pad(x, 3, 2, 13)) F(pad_middle, flat(rn_pad(members(g, x, net), 2, 1, 8))) F(concat, rn_concat(x, rn_tanh(x))) \
  F(concat_rows, flat(rn_concat_dim(rows(g, x, net), x, 2))) F(pick, flat(rn_pick(rows(g, x, net), (int[]){3, 0, 7, 7, 1}))) \
  F(place_cols, flat(rn_place_cols(rn_cols_of(rows(g, x, net), 2, 1), (int[]){3, 0, 2, 2, 1}, 4))) F(rows_of, flat(rn_rows_of(rows(g, x, net), 3, (int[]){4, 0, 4}))) \
  F(scatter_rows, flat(rn_scatter_rows(rows(g, x, net), 3, (int[]){2, 0, 2, 2, 0}))) F(detach, rn_mul(rn_detach(rn_tanh(x)), rn_detach(x))) \
  F(used_again, rn_add(rn_mul(rn_tanh(x), rn_exp(x)), rn_sub(rn_relu(x), rn_mul(rn_tanh(rn_add(x, x)), x)))) \
  F(given_back, rn_grad(rn_sum(rn_silu(rn_linear(x, rn_leaf(g, net, W), rn_leaf(g, net, B), RN_TANH))), x))
FORMS(MAKE)
#define ROW(name, expression) {#name, make_##name},
static const struct { const char *name; maker *make; } FORM[] = {FORMS(ROW)};

//---- help ------------------------------------------------------------------------------------------------------------------------------

typedef struct { rn_run *run; rn_graph *g; rn_net *net; rn_node *obs, *act; float *test_obs, *test_act; int n, m; } act_of;

// observations of several sizes; the first is zero
static float *observations(int count, int n) {
  float *x = rn_new((size_t)count * (size_t)n * sizeof *x);
  rn_key key = rn_key_new(7, "test.export", 0, 0);
  for (int t = 1; t < count; t++) for (int i = 0; i < n; i++) x[t * n + i] = (float)(rn_normal64(&key) * (t % 3 ? 0.6 : 2));
  return x;
}

static act_of made(maker *make, int n, rn_run *run, rn_net *net) {
  act_of a = {.run = run, .net = net, .n = n, .test_obs = observations(ROWS, n)};
  a.g = rn_graph_new(run, "act", 0);
  for (int t = ROWS; t-- > 0;) {                             // the tape that stays is the first row's: all zeros
    rn_graph_begin(a.g, rn_key_new(1, "act", 0, (uint64_t)t));
    a.obs = rn_constant_f32(a.g, 1, n, a.test_obs + t * n), a.act = make(a.g, a.obs, net);
    a.m = (int)rn_count(a.act);
    if (!a.test_act) a.test_act = rn_new((size_t)ROWS * (size_t)a.m * sizeof(float));
    rn_read_f32(a.act, a.test_act + t * a.m);
  }
  return a;
}
static rn_export what_of(const act_of *a) {
  return (rn_export){.obs = a->obs, .act = a->act, .name = "test", .tests = ROWS, .test_obs = a->test_obs, .test_act = a->test_act};
}
static void done(act_of *a) { rn_graph_free(a->g), rn_free(a->test_obs), rn_free(a->test_act); }

static int answer(const char *command) {
  int status = system(command);
  return status < 0 || status > 255 * 256 ? 255 : status / 256;
}
static int selftest(const char *path, const char *compiler) {    // 255: did not compile
  char command[2000];
  snprintf(command, sizeof command, "%s -Wall -Wextra -pedantic -Werror -O2 -DPOLICY_MAIN -nodefaultlibs -o '%s.x' '%s' -lc 2>'%s.log' || { head -5 '%s.log' >&2; exit 255; }", compiler, path, path,
           path, path);
  int status = answer(command);
  if (status) return 255;
  snprintf(command, sizeof command, "'%s.x'", path);
  return answer(command);
}

static rn_net *net_of(rn_run *run) { return rn_block_new(run, "net", RN_COUNT(SLICES), SLICES); }

//---- every operation ----------------------------------------------------------------------------------------------------------------------

TEST(every_operation_printed_acts_as_the_engine_does) {
  rn_run *run = rn_run_new(3, 0);
  rn_net *net = net_of(run);
  const char *folder = rn_copy_text(test_folder());
  int ops;
  const rn_op *const *op = rn_ops(&ops);
  bool *seen = rn_new((size_t)ops);
  for (int k = 0; k < RN_COUNT(FORM); k++) {
    rn_error err = {0};
    act_of a = made(FORM[k].make, N, run, net);
    rn_export w = what_of(&a);
    char *path = rn_printed("%s/%s.c", folder, FORM[k].name);
    CHECK_THAT(rn_export_tape(&w, path, &err), "%s: %s", FORM[k].name, err.text);
    int row = selftest(path, "cc -std=c99");
    CHECK_THAT(row == 0, "%s: %s %d", FORM[k].name, row == 255 ? "does not compile" : "differs from the engine in row", row);
    for (uint32_t i = 0; i < a.g->n; i++) for (int o = 0; o < ops; o++) seen[o] = seen[o] || rn_node_at(a.g, i)->op == op[o];
    rn_free(path), done(&a);
  }
  for (int o = 0; o < ops; o++) CHECK_THAT(seen[o] && rn_export_can(op[o]->name), "operation '%s' has no form in this test or in src/run/export_ops.c", op[o]->name);
  rn_free(seen), rn_free((char *)folder), rn_run_free(run);
}

//---- a policy --------------------------------------------------------------------------------------------------------------------------------

enum { OBS = 17, ACT = 6 };
static rn_mlp_shape shape_of(int width, rn_act act) {
  rn_mlp_shape s = rn_mlp_house();
  s.layers = 2, s.width[0] = s.width[1] = width, s.act = act;
  return s;
}

// normalised, clipped, through the net: what an act's tape looks like
static rn_node *policy(rn_graph *g, rn_node *x, rn_net *net) {
  rn_node *mean = rn_filled(g, 1, OBS, 0.1), *scale = rn_filled(g, 1, OBS, 1.3);
  rn_node *dead = rn_exp(rn_mlp(net, x));
  (void)dead;
  return rn_tanh(rn_mlp(net, rn_clamp(rn_mul(rn_sub(x, mean), scale), -10, 10)));
}

static char *exported(act_of *a, const float *low, const float *high, const char *name) {
  rn_export w = what_of(a);
  static const char *const line[] = {"a line that tries to end the comment: */ int x; /* and\nanother", "run runs/a, recipe 0123456789abcdef"};
  if (low) {
    w.rule = RN_EXPORT_BOX, w.low = low, w.high = high;
    for (int t = 0; t < ROWS; t++) for (int j = 0; j < a->m; j++) {
      float *v = &a->test_act[t * a->m + j];
      *v = low[j] + (fminf(fmaxf(*v, -1), 1) + 1) * 0.5f * (high[j] - low[j]);
    }
  }
  w.lines = 2, w.line = line;
  char *path = rn_printed("%s/%s", test_folder(), name);
  rn_error err = {0};
  CHECK_THAT(rn_export_tape(&w, path, &err), "%s", err.text);
  return path;
}

TEST(a_normalised_policy_in_physical_units_compiles_as_c_and_as_cpp) {
  static const float low[ACT] = {-2, -1, 0, -5, -1, 3}, high[ACT] = {2, 1, 1, 50, 1, 4};
  static const rn_act act[] = {RN_RELU, RN_TANH, RN_SILU};
  for (int k = 0; k < RN_COUNT(act); k++) {
    rn_run *run = rn_run_new(5, 0);
    rn_mlp_shape s = shape_of(64, act[k]);
    act_of a = made(policy, OBS, run, rn_mlp_new(run, "pi", 0, OBS, ACT, &s, 0, NULL));
    char *path = exported(&a, low, high, "policy.c");
    CHECK(selftest(path, "cc -std=c99") == 0);
    CHECK(selftest(path, "cc -std=c17 -march=native -O3") == 0);
    CHECK(selftest(path, "c++ -x c++ -std=c++17") == 0);
    rn_free(path), done(&a), rn_run_free(run);
  }
}

TEST(the_selftest_fails_when_one_weight_is_another) {
  rn_run *run = rn_run_new(5, 0);
  rn_mlp_shape s = shape_of(32, RN_RELU);
  act_of a = made(policy, OBS, run, rn_mlp_new(run, "pi", 0, OBS, ACT, &s, 0, NULL));
  char *path = exported(&a, NULL, NULL, "policy.c"), *bytes;
  size_t n;
  rn_error err = {0};
  CHECK(rn_read_file(path, &bytes, &n, &err));
  char *at = strstr(strstr(bytes, "_pi_2_w[") , "0x1.");
  at[4] = at[4] == '8' ? '4' : '8';                          // a sixteenth or more of one weight of the last layer
  CHECK(rn_write_file(path, bytes, n, &err));
  int row = selftest(path, "cc -std=c99");
  CHECK_THAT(row > 0 && row < 255, "answered %d", row);
  rn_free(bytes), rn_free(path), done(&a), rn_run_free(run);
}

TEST(dead_nodes_are_left_out_and_buffers_are_reused) {
  rn_run *run = rn_run_new(5, 0);
  rn_mlp_shape s = shape_of(64, RN_RELU);
  act_of a = made(policy, OBS, run, rn_mlp_new(run, "pi", 0, OBS, ACT, &s, 0, NULL));
  char *path = exported(&a, NULL, NULL, "policy.c"), *bytes;
  size_t n;
  rn_error err = {0};
  CHECK(rn_read_file(path, &bytes, &n, &err));
  CHECK_THAT(!strstr(bytes, "/* exp"), "the dead exponential was printed");
  CHECK_THAT(strstr(bytes, "float b1[") && !strstr(bytes, "float b3["), "seven nodes need at most three buffers");
  int weights = 0;
  for (const char *c = bytes; (c = strstr(c, "static const float w")); c++) weights++;
  CHECK_THAT(weights == 6, "%d arrays of weights for three layers", weights);
  rn_free(bytes), rn_free(path), done(&a), rn_run_free(run);
}

//---- choices, memory, search --------------------------------------------------------------------------------------------------------------------

// as a categorical class does: the index is found in plain C and stands on the tape as a constant
static rn_node *choice(rn_graph *g, rn_node *x, rn_net *net) {
  rn_node *scores = rn_linear(x, rn_leaf(g, net, W), rn_leaf(g, net, B), RN_IDENTITY);
  int at = 0;
  for (int j = 1; j < rn_cols(scores); j++) if (scores->value[j] > scores->value[at]) at = j;
  return rn_filled(g, 1, 1, at);
}

TEST(a_choice_made_outside_the_tape_is_printed_from_its_scores) {
  rn_run *run = rn_run_new(3, 0);
  act_of a = made(choice, N, run, net_of(run));
  int kinds[6] = {0};
  for (int t = 0; t < ROWS; t++) kinds[(int)a.test_act[t]] = 1;
  CHECK(kinds[0] + kinds[1] + kinds[2] + kinds[3] + kinds[4] + kinds[5] > 2);
  rn_export w = what_of(&a);
  w.rule = RN_EXPORT_INDEX;
  char *path = rn_printed("%s/choice.c", test_folder());
  rn_error err = {0};
  CHECK_THAT(rn_export_tape(&w, path, &err), "%s", err.text);
  CHECK(selftest(path, "cc -std=c99") == 0);
  rn_free(path), done(&a), rn_run_free(run);
}

TEST(memory_goes_from_one_act_to_the_next_and_a_reset_clears_it) {
  // m' = tanh(m / 2 + x), act = m' m': ROWS steps of one episode
  rn_run *run = rn_run_new(3, 0);
  rn_graph *g = rn_graph_new(run, "act", 0);
  float *obs = observations(ROWS, N), act[ROWS * N], memory[N] = {0};
  rn_node *x = NULL, *in = NULL, *out = NULL, *y = NULL;
  for (int t = 0; t < ROWS; t++) {
    rn_graph_begin(g, rn_key_new(1, "act", 0, (uint64_t)t));
    x = rn_constant_f32(g, 1, N, obs + t * N), in = rn_constant_f32(g, 1, N, memory);
    out = rn_tanh(rn_add(rn_scale(in, 0.5), x)), y = rn_square(out);
    rn_read_f32(out, memory), rn_read_f32(y, act + t * N);
  }
  rn_export w = {.obs = x, .act = y, .memory_in = in, .memory_out = out, .tests = ROWS, .test_obs = obs, .test_act = act};
  char *path = rn_printed("%s/memory.c", test_folder());
  rn_error err = {0};
  CHECK_THAT(rn_export_tape(&w, path, &err), "%s", err.text);
  CHECK(selftest(path, "cc -std=c99") == 0);
  // twice in one process: the second run begins at zero again
  char command[600];
  snprintf(command, sizeof command, "printf '#include \"%s\"\\nint main(void) { return policy_selftest() || policy_selftest(); }\\n' > '%s.twice.c'", path, path);
  CHECK(answer(command) == 0);
  snprintf(command, sizeof command, "%s.twice.c", path);
  char compiler[] = "cc -std=c99 -UPOLICY_MAIN";
  snprintf(command, sizeof command, "%s -o '%s.twice' '%s.twice.c' && '%s.twice'", compiler, path, path, path);
  CHECK(answer(command) == 0);
  rn_free(path), rn_free(obs), rn_graph_free(g), rn_run_free(run);
}

// twenty candidates around the proposal, each scored by two members, the softmax of the scores weighs them
static rn_node *search(rn_graph *g, rn_node *x, rn_net *net) {
  rn_node *proposal = rn_linear(x, rn_leaf(g, net, W), rn_leaf(g, net, B), RN_TANH);
  rn_real offset[20 * 6];
  for (int i = 0; i < 120; i++) offset[i] = (rn_real)(0.3 * sin(i));
  for (int k = 0; k < 3; k++) {
    rn_node *candidates = rn_clamp(rn_add(proposal, rn_constant(g, 20, 6, offset)), -1, 1);
    rn_node *both = rn_concat(x, candidates);                                       // [20, N + 6]
    rn_node *score = rn_min_all(rn_linear(rn_cols_of(both, 3, N), rn_leaf(g, net, WE), rn_leaf(g, net, BE), RN_TANH));
    rn_node *weight = rn_reshape(rn_softmax(rn_reshape(rn_sum_cols(score), 1, 1, 1, 20)), 1, 1, 20, 1);
    proposal = rn_sum_rows(rn_mul(candidates, weight));
  }
  return proposal;
}
TEST(a_search_of_several_passes_is_longer_code) {
  rn_run *run = rn_run_new(3, 0);
  act_of a = made(search, N, run, net_of(run));
  char *path = exported(&a, NULL, NULL, "search.c");
  CHECK(selftest(path, "cc -std=c99") == 0);
  rn_free(path), done(&a), rn_run_free(run);
}

TEST(one_observation_and_one_action_of_one_number_each) {
  rn_run *run = rn_run_new(3, 0);
  act_of a = made(make_exp, 1, run, net_of(run));
  char *path = exported(&a, NULL, NULL, "one.c");
  CHECK(selftest(path, "cc -std=c99") == 0);
  rn_free(path), done(&a), rn_run_free(run);
}

//---- refusals ------------------------------------------------------------------------------------------------------------------------------------

static rn_node *random_act(rn_graph *g, rn_node *x, rn_net *net) { return (void)net, rn_add(x, rn_normal(g, 1, N)); }
static rn_node *dead_noise(rn_graph *g, rn_node *x, rn_net *net) { return rn_normal(g, 1, N), rn_mul(x, rn_leaf(g, net, S)); }
static rn_node *masked(rn_graph *g, rn_node *x, rn_net *net) { return (void)g, (void)net, rn_mul(rn_exp(x), rn_step_of(x)); }
static rn_node *still(rn_graph *g, rn_node *x, rn_net *net) { return (void)x, rn_exp(rn_leaf(g, net, S)); }
static void copy_forward(rn_node *x) { memcpy(x->value, x->in[0]->value, count_of(x) * sizeof(rn_real)); }
static rn_node *stranger(rn_graph *g, rn_node *x, rn_net *net) {
  static const rn_op op = {.name = "frobnicate", .forward = copy_forward};
  (void)net;
  return rn_run_op(rn_node_new(g, &op, x->dim, 1, x, NULL, NULL));
}

static void refused(maker *make, const char *because, rn_code code, rn_real *spoil) {
  rn_run *run = rn_run_new(3, 0);
  rn_net *net = net_of(run);
  if (spoil) rn_values(net)[3] = *spoil;
  act_of a = made(make, N, run, net);
  rn_export w = what_of(&a);
  rn_error err = {0};
  char *path = rn_printed("%s/no.c", test_folder());
  CHECK(!rn_export_tape(&w, path, &err) && err.code == code);
  CHECK_TEXT(err.text, because);
  CHECK_THAT(!rn_exists(path), "a file was left behind");
  rn_free(path), done(&a), rn_run_free(run);
}
TEST(what_can_not_be_printed_is_refused_and_named) {
  refused(random_act, "draws random numbers", RN_INPUT, NULL);
  refused(masked, "not on the tape", RN_INPUT, NULL);
  refused(still, "does not depend on the observation", RN_INPUT, NULL);
  refused(stranger, "'frobnicate'", RN_INPUT, NULL);
  refused(make_linear, "is nan", RN_NUMBERS, &(rn_real){NAN});
  refused(make_linear, "is inf", RN_NUMBERS, &(rn_real){INFINITY});
}
TEST(a_draw_that_nothing_needs_does_not_stop_an_export) {
  rn_run *run = rn_run_new(3, 0);
  act_of a = made(dead_noise, N, run, net_of(run));
  char *path = exported(&a, NULL, NULL, "dead.c");
  CHECK(selftest(path, "cc -std=c99") == 0);
  rn_free(path), done(&a), rn_run_free(run);
}
TEST(a_folder_that_is_not_there_is_said) {
  rn_run *run = rn_run_new(3, 0);
  act_of a = made(make_tanh, N, run, net_of(run));
  rn_export w = what_of(&a);
  rn_error err = {0};
  CHECK(!rn_export_tape(&w, "/nowhere/at/all.c", &err));
  CHECK_TEXT(err.text, "/nowhere/at");
  done(&a), rn_run_free(run);
}
TEST(an_export_leaves_the_tape_as_it_was) {
  rn_run *run = rn_run_new(3, 0);
  act_of a = made(search, N, run, net_of(run));
  rn_real before[6], after[6], obs[N];
  rn_read(a.act, before);
  rn_free(exported(&a, NULL, NULL, "same.c"));
  rn_read(a.act, after), rn_read(a.obs, obs);
  CHECK(memcmp(before, after, sizeof before) == 0);
  for (int i = 0; i < N; i++) CHECK(obs[i] == 0);
  done(&a), rn_run_free(run);
}
