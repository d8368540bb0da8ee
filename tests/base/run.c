/* The run's registry of state, its figures, settings and end; errors. */
#include "test.h"

TEST(state_is_found_by_name_and_order) {
  rn_run *run = rn_run_new(42, 0);
  CHECK(rn_run_seed(run) == 42 && !rn_state_find(run, "x", &(rn_entry){0}));
  void *at[300];
  for (int i = 0; i < 300; i++) {                               // past several growths of the table
    at[i] = rn_state(run, (rn_type)(i % 5), (size_t)i, "state.%d", i);
    for (size_t k = 0; k < (size_t)i * rn_type_bytes((rn_type)(i % 5)); k++) CHECK(((char *)at[i])[k] == 0);
  }
  rn_entry e;
  for (int i = 0; i < 300; i++) {
    char name[20];
    snprintf(name, sizeof name, "state.%d", i);
    CHECK(rn_state_entry(run, i, &e) && strcmp(e.name, name) == 0 && e.data == at[i] && e.count == (size_t)i && e.type == (rn_type)(i % 5));
    CHECK(rn_state_find(run, name, &e) && e.data == at[i] && e.dims == 1 && e.dim[0] == i);
  }
  CHECK(!rn_state_entry(run, 300, &e) && !rn_state_entry(run, -1, &e) && !rn_state_find(run, "state.300", &e));
  rn_state_shape(run, "state.12", 3, (int64_t[]){2, 3, 2});
  CHECK(rn_state_find(run, "state.12", &e) && e.dims == 3 && e.dim[1] == 3);
  rn_run_free(run), rn_run_free(NULL);
}

static void same_name(void *run) { rn_state(run, RN_F32, 1, "a"), rn_state(run, RN_I64, 2, "a"); }
static void long_name(void *run) { rn_state(run, RN_F32, 1, "%0200d", 1); }
static void wrong_shape(void *run) { rn_state_shape(run, "a", 2, (int64_t[]){2, 3}); }
static void no_state(void *run) { rn_state_shape(run, "none", 2, (int64_t[]){2, 3}); }
static void long_note(void *run) { rn_note(run, "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789", 1); }
TEST(names_are_taken_once_and_shapes_hold) {
  rn_run *run = rn_run_new(1, 0);
  CHECK_TEXT(test_fatal(same_name, run), "state 'a' is taken");
  CHECK_TEXT(test_fatal(long_name, run), "200 letters");
  CHECK_TEXT(test_fatal(wrong_shape, run), "has 1 entries, its shape 6");
  CHECK_TEXT(test_fatal(no_state, run), "no state 'none'");
  CHECK_TEXT(test_fatal(long_note, run), "longer than");
  rn_entry e;
  CHECK(rn_state_entry(run, 0, &e) && !rn_state_entry(run, 1, &e));        // what was refused left nothing
  CHECK(rn_state(run, RN_F32, 1, "b") && rn_state_find(run, "b", &e) && e.type == RN_F32);
  rn_run_free(run);
}

TEST(the_hash_sees_every_byte_and_name) {
  uint64_t h[5];
  for (int k = 0; k < 5; k++) {
    rn_run *run = rn_run_new(1, 0);
    float *x = rn_state(run, k == 1 ? RN_I32 : RN_F32, 100, k == 2 ? "y" : "x");
    rn_state(run, RN_U8, 3, "z");
    if (k == 3) x[99] = 1e-30f;
    h[k] = rn_state_hash(run);
    rn_run_free(run);
  }
  CHECK(h[0] == h[4] && h[0] != h[1] && h[0] != h[2] && h[0] != h[3]);
}

TEST(derived_memory_is_enlarged_and_not_state) {
  rn_run *run = rn_run_new(1, 0);
  int *p = rn_derived(run, 40, "index");
  p[9] = 7;
  CHECK(rn_derived(run, 10, "index") == p);
  int *q = rn_derived(run, 400000, "index");
  CHECK(q[9] == 7 && q[99999] == 0 && rn_derived(run, 4, "other") != (void *)q && !rn_state_entry(run, 0, &(rn_entry){0}));
  rn_run_free(run);
}

TEST(the_last_value_of_a_figure_counts) {
  rn_run *run = rn_run_new(1, 0);
  const char **names;
  const double *values;
  for (int t = 0; t < 1000; t++) {
    rn_note(run, "a", t), rn_note(run, "b", 2), rn_note(run, "a", t + 1);
    CHECK(rn_notes(run, &names, &values) == 2 && strcmp(names[0], "a") == 0 && values[0] == t + 1 && values[1] == 2);
    rn_notes_clear(run);
    CHECK(rn_notes(run, &names, &values) == 0);
  }
  rn_run_free(run);
}

TEST(the_first_reason_to_stop_stays) {
  rn_run *run = rn_run_new(1, 0);
  CHECK(!rn_stopped(run));
  rn_stop(run, RN_NUMBERS, "loss %d", 1), rn_stop(run, RN_SYSTEM, "disk");
  CHECK(rn_stopped(run)->code == RN_NUMBERS && strcmp(rn_stopped(run)->text, "loss 1") == 0);
  rn_run_free(run);
}

TEST(settings_and_hung_things_are_replaced) {
  rn_run *run = rn_run_new(1, 0);
  char key[] = "hidden", value[] = "64x64";
  rn_set(run, key, value);
  key[0] = value[0] = '!';                                      // they were copied
  CHECK(strcmp(rn_setting(run, "hidden", "none"), "64x64") == 0 && strcmp(rn_setting(run, "other", "none"), "none") == 0 && !rn_setting(run, "x", NULL));
  rn_set(run, "hidden", "8");
  CHECK(strcmp(rn_setting(run, "hidden", "none"), "8") == 0);
  int a, b;
  CHECK(!rn_hung(run, "a"));
  rn_hang(run, "a", &a), rn_hang(run, "a", &b);
  CHECK(rn_hung(run, "a") == &b);
  rn_run_free(run);
}

TEST(keys_of_a_run_hold_its_seed) {
  rn_run *run = rn_run_new(77, 0);
  rn_key a = rn_key_of(run, "p", 1, 2), b = rn_key_new(77, "p", 1, 2);
  CHECK(rn_bits(&a) == rn_bits(&b));
  rn_run_free(run);
}

TEST(the_first_message_stays) {
  rn_error err = {0};
  CHECK(!rn_fail(&err, "%s:%d: no", "a.yaml", 3) && !rn_fail_as(&err, RN_SYSTEM, "later"));
  CHECK(err.code == RN_INPUT && strcmp(err.text, "a.yaml:3: no") == 0);
  rn_error big = {0};
  char *text = rn_new(10001);
  memset(text, 'x', 10000);
  rn_fail_as(&big, RN_NUMBERS, "%s", text);
  CHECK(big.code == RN_NUMBERS && strlen(big.text) == sizeof big.text - 1);
  rn_free(text);
}
