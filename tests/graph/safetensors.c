/* safetensors: what is written comes back bit for bit; every hostile header has its message. */
#include "rein/safetensors.h"
#include "test.h"

static char *path_in(const char *name) { return rn_printed("%s/%s", test_folder(), name); }

TEST(written_tensors_come_back) {
  char *path = path_in("a.safetensors");
  uint8_t flag[3] = {1, 0, 1};
  double x[2] = {0.1, -3};
  float y[6] = {1, 2, 3, 4, 5, 6.5f};
  int64_t big[1] = {1ll << 60};
  rn_tensor t[] = {{.name = "flag", .type = RN_U8, .dims = 1, .dim = {3}, .data = flag}, {.name = "y", .type = RN_F32, .dims = 2, .dim = {2, 3}, .data = y},
                   {.name = "x", .type = RN_F64, .dims = 1, .dim = {2}, .data = x},      {.name = "none", .type = RN_F32, .dims = 2, .dim = {0, 4}},
                   {.name = "big", .type = RN_I64, .dims = 0, .data = big}};
  rn_tensor_note note[] = {{"kind", "a \"quoted\"\nvalue"}};
  rn_error err = {0};
  CHECK_THAT(rn_safetensors_write(path, 5, t, 1, note, &err), "%s", err.text);
  rn_safetensors *s = rn_load_safetensors(path, &err);
  CHECK_THAT(s, "%s", err.text);
  CHECK(rn_safetensors_count(s) == 5);
  for (int i = 0; i < 5; i++) {
    const rn_tensor *in = rn_safetensors_at(s, i);
    CHECK(strcmp(in->name, t[i].name) == 0 && in->type == t[i].type && in->dims == t[i].dims);
    CHECK(in->bytes == 0 || memcmp(in->data, t[i].data, in->bytes) == 0);
    CHECK_THAT((uintptr_t)in->data % rn_type_bytes((rn_type)in->type) == 0, "'%s' is not aligned", in->name);
  }
  CHECK(rn_safetensors_find(s, "x")->data == rn_safetensors_at(s, 2)->data && rn_safetensors_find(s, "big")->count == 1);
  CHECK(!rn_safetensors_find(s, "z") && strcmp(rn_safetensors_note(s, "kind"), note[0].value) == 0);
  rn_safetensors_close(s), rn_free(path);
}

TEST(the_same_tensors_give_the_same_bytes) {
  char *path[2], *bytes[2];
  size_t n[2];
  float y[2] = {1, 2};
  rn_error err = {0};
  for (int i = 0; i < 2; i++) {
    path[i] = path_in("same");
    rn_tensor t = {.name = "y", .type = RN_F32, .dims = 1, .dim = {2}, .data = y};
    CHECK(rn_safetensors_write(path[i], 1, &t, 0, NULL, &err) && rn_read_file(path[i], &bytes[i], &n[i], &err));
  }
  CHECK(n[0] == n[1] && memcmp(bytes[0], bytes[1], n[0]) == 0);
  static const char header[] = "{\"y\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
  CHECK(memcmp(bytes[0] + 8, header, sizeof header - 1) == 0);
  for (int i = 0; i < 2; i++) rn_free(path[i]), rn_free(bytes[i]);
}

static const char *message(const char *header, size_t data, rn_error *err) {
  size_t n = strlen(header);
  char *bytes = rn_new(8 + n + data);
  bytes[0] = (char)(n & 255), bytes[1] = (char)(n >> 8);
  memcpy(bytes + 8, header, n);
  *err = (rn_error){0};
  rn_safetensors *s = rn_safetensors_bytes("evil", bytes, 8 + n + data, err);
  rn_safetensors_close(s), rn_free(bytes);
  CHECK_THAT(!s, "accepted: %s", header);
  CHECK(err->code == RN_INPUT);
  return err->text;
}

TEST(hostile_headers_are_refused) {
  static const struct { const char *header; size_t data; const char *says; } bad[] = {
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12, "must meet"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]}}", 20, "must meet"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 12, "follow the last tensor"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,16]}}", 8, "has 8 bytes of data"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, "make 12"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "product fits"},
    {"{\"a\":{\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]}}", 0, "make"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, "product fits"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "lies at 8 to 0"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "duplicate"},
    {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "no dtype"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "no data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0.5,8]}}", 8, "no data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,99999999999999999999]}}", 8, "header, byte"},
    {"{\"a\":7}", 0, "no dtype"},
    {"{\"__metadata__\":{\"k\":1}}", 0, "not a text"},
    {"{\"__metadata__\":[]}", 0, "not a map"},
    {"[1]", 0, "does not begin"},
    {"{\"a\":", 0, "header, byte"},
  };
  rn_error err;
  for (int i = 0; i < RN_COUNT(bad); i++) CHECK_TEXT(message(bad[i].header, bad[i].data, &err), bad[i].says);
}

TEST(files_that_are_none_are_refused) {
  rn_error err = {0};
  CHECK(!rn_safetensors_bytes("x", "1234", 4, &err));
  CHECK_TEXT(err.text, "4 bytes");
  err = (rn_error){0};
  CHECK(!rn_safetensors_bytes("x", "\xff\xff\xff\xff\0\0\0\0{}", 10, &err));
  CHECK_TEXT(err.text, "over 100 MB");
  err = (rn_error){0};
  CHECK(!rn_safetensors_bytes("x", "\x10\0\0\0\0\0\0\0{}", 10, &err));
  CHECK_TEXT(err.text, "the file only 10");
  err = (rn_error){0};
  CHECK(!rn_load_safetensors("/nonexistent/x", &err) && err.code == RN_INPUT);
}

TEST(a_doubled_name_is_not_written) {
  float y = 1;
  rn_tensor t[] = {{.name = "y", .type = RN_F32, .data = &y}, {.name = "y", .type = RN_F32, .data = &y}};
  rn_error err = {0};
  char *path = path_in("doubled");
  CHECK(!rn_safetensors_write(path, 2, t, 0, NULL, &err) && !rn_exists(path));
  CHECK_TEXT(err.text, "two tensors are called 'y'");
  rn_free(path);
}

TEST(halves_and_integers_become_floats) {
  static const char header[] = "{\"h\":{\"dtype\":\"F16\",\"shape\":[5],\"data_offsets\":[0,10]},\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[10,14]},"
                               "\"i\":{\"dtype\":\"I16\",\"shape\":[1],\"data_offsets\":[14,16]},\"f8\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],\"data_offsets\":[16,18]},"
                               "\"odd\":{\"dtype\":\"Q3\",\"shape\":[7],\"data_offsets\":[18,21]}}";
  const uint16_t half[] = {0x3c00, 0xc000, 0x0001, 0x7c00, 0x03ff}, brain[] = {0x3f80, 0xc040};
  const int16_t i = -7;
  size_t n = sizeof header - 1;
  char *bytes = rn_new(8 + n + 21);
  bytes[0] = (char)(n & 255), bytes[1] = (char)(n >> 8);
  memcpy(bytes + 8, header, n), memcpy(bytes + 8 + n, half, 10), memcpy(bytes + 18 + n, brain, 4), memcpy(bytes + 22 + n, &i, 2);
  rn_error err = {0};
  rn_safetensors *s = rn_safetensors_bytes("halves", bytes, 8 + n + 21, &err);
  CHECK_THAT(s, "%s", err.text);
  float x[8];
  CHECK(rn_tensor_floats(rn_safetensors_find(s, "h"), x, &err));
  CHECK(x[0] == 1 && x[1] == -2 && x[2] == 0x1p-24f && isinf(x[3]) && x[4] == 1023 * 0x1p-24f);
  CHECK(rn_tensor_floats(rn_safetensors_find(s, "b"), x, &err) && x[0] == 1 && x[1] == -3);
  CHECK(rn_tensor_floats(rn_safetensors_find(s, "i"), x, &err) && x[0] == -7);
  CHECK(rn_safetensors_find(s, "odd")->type == RN_NO_TYPE && strcmp(rn_safetensors_find(s, "odd")->stored, "Q3") == 0);
  CHECK(!rn_tensor_floats(rn_safetensors_find(s, "f8"), x, &err));
  CHECK_TEXT(err.text, "F8_E4M3");
  rn_safetensors_close(s), rn_free(bytes);
}
