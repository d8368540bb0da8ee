/* Readers and writers: every layout, made here; what is wrong with a file is said in one message; a reader can do nothing but read. */
#include "../../src/data/reader.h"
#include "child.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <zlib.h>

static char *in_folder(const char *name) { return rn_printed("%s/%s", test_folder(), name); }

static char *file_of(const char *name, const void *bytes, size_t n) {
  char *path = in_folder(name);
  rn_error err = {0};
  CHECK_THAT(rn_write_file(path, bytes, n, &err), "%s", err.text);
  return path;
}

static rn_table *loaded(char *path, const rn_columns *columns) {
  rn_error err = {0};
  rn_table *t = rn_table_load(path, columns, &err);
  CHECK_THAT(t, "%s", err.text);
  rn_free(path);
  return t;
}

static void refused(char *path, const rn_columns *columns, const char *says) {
  rn_error err = {0};
  rn_table *t = rn_table_load(path, columns, &err);
  CHECK_THAT(!t, "%s was read, though it should say '%s'", path, says);
  CHECK_THAT(err.code == RN_INPUT, "code %d: %s", err.code, err.text);
  CHECK_TEXT(err.text, says);
  rn_free(path);
}

static rn_table *text(const char *name, const char *bytes, const rn_columns *columns) { return loaded(file_of(name, bytes, strlen(bytes)), columns); }
static void bad_text(const char *name, const char *bytes, const rn_columns *columns, const char *says) { refused(file_of(name, bytes, strlen(bytes)), columns, says); }

static void same_column(const rn_table *a, const rn_table *b, const char *name) {
  int w = rn_table_width(a, name);
  CHECK_THAT(w == rn_table_width(b, name) && rn_table_rows(a) == rn_table_rows(b), "%s: widths %d and %d, rows %lld and %lld", name, w, rn_table_width(b, name),
             (long long)rn_table_rows(a), (long long)rn_table_rows(b));
  float x[64], y[64];
  for (int64_t r = 0; r < rn_table_rows(a); r++) {
    rn_gather(a, name, 1, &r, x), rn_gather(b, name, 1, &r, y);
    for (int k = 0; k < w; k++) CHECK_THAT(x[k] == y[k], "%s row %lld column %d: %g and %g", name, (long long)r, k, x[k], y[k]);
  }
}

static void same_episodes(const rn_table *a, const rn_table *b) {
  int64_t n, m;
  const rn_episode *x = rn_table_episodes(a, &n), *y = rn_table_episodes(b, &m);
  CHECK_THAT(n == m, "%lld and %lld episodes", (long long)n, (long long)m);
  for (int64_t i = 0; i < n; i++)
    CHECK_THAT(x[i].first == y[i].first && x[i].length == y[i].length && x[i].end == y[i].end, "episode %lld: %lld+%lld end %d, and %lld+%lld end %d", (long long)i,
               (long long)x[i].first, (long long)x[i].length, x[i].end, (long long)y[i].first, (long long)y[i].length, y[i].end);
}

// three episodes: true end, time limit with a last observation, time limit whose last observation is known or not
static rn_table *sample(bool choice, bool known) {
  static const int length[] = {3, 2, 4}, end[] = {RN_END_TERMINATED, RN_END_TRUNCATED, RN_END_TRUNCATED};
  rn_field f[] = {{"obs", RN_F32, 2, NULL}, {"act", choice ? RN_I32 : RN_F32, choice ? 1 : 2, NULL}, {"reward", RN_F32, 1, NULL}, {"terminated", RN_U8, 1, NULL}, {"truncated", RN_U8, 1, NULL}};
  rn_table *t = rn_table_new(5, f);
  for (int e = 0, k = 0; e < 3; e++) {
    for (int i = 0; i < length[e]; i++, k++) {
      int64_t r = rn_table_add(t, 1);
      float *obs = rn_table_write(t, "obs", r);
      obs[0] = 0.1f * (float)k, obs[1] = 100 - (float)k;
      if (choice) *(int32_t *)rn_table_write(t, "act", r) = k % 3;
      else ((float *)rn_table_write(t, "act", r))[0] = 0.3f * (float)(k % 3), ((float *)rn_table_write(t, "act", r))[1] = -1;
      *(float *)rn_table_write(t, "reward", r) = 1 / (1 + (float)k);
      if (i + 1 == length[e]) *(uint8_t *)rn_table_write(t, end[e] == RN_END_TERMINATED ? "terminated" : "truncated", r) = 1;
    }
    rn_table_end(t, end[e], e < 2 || known ? (float[]){-1.5f - (float)e, 7} : NULL);
  }
  if (choice) rn_table_set_choices(t, 3);
  else rn_table_set_bounds(t, (float[]){-1, -1}, (float[]){1, 1});
  return t;
}

static void same(const rn_table *a, const rn_table *b) {
  static const char *const names[] = {"obs", "act", "reward", "terminated"};
  for (int i = 0; i < 4; i++) same_column(a, b, names[i]);
  same_episodes(a, b);
}

//---- round trips ---------------------------------------------------------------------------------------------------------------------

// whole: the format can say for single rows that what followed is not known; the others then leave it out at every end of an episode
static void round_trip(const char *name, bool (*write)(const rn_table *, const char *, rn_error *), bool choice, bool known, bool whole) {
  rn_error err = {0};
  char *path = in_folder(name);
  rn_table *t = sample(choice, known);
  CHECK_THAT(write(t, path, &err), "%s", err.text);
  rn_table *u = loaded(path, NULL);
  same(t, u);
  for (int64_t r = 0; r < 9; r++) CHECK_THAT(rn_table_has_next(u, r) == (rn_table_has_next(t, r) && (whole || known || r != 4)), "row %lld", (long long)r);
  int64_t n;
  const rn_episode *e = rn_table_episodes(t, &n);
  float x[2], y[2];
  for (int64_t r = 0; r < 9; r++) if (r != 2 && rn_table_has_next(u, r)) {
    rn_gather(t, "next", 1, &r, x), rn_gather(u, "next", 1, &r, y);
    CHECK_THAT(x[0] == y[0] && x[1] == y[1], "next of row %lld: %g %g and %g %g", (long long)r, x[0], x[1], y[0], y[1]);
  }
  CHECK(e[0].first == 0 && (!choice || rn_table_about(u)->choices == 3));
  rn_table_free(t), rn_table_free(u);
}

TEST(tables_come_back_from_safetensors) { for (int k = 0; k < 4; k++) round_trip("t.safetensors", rn_write_safetensors_table, k & 1, k & 2, true); }
TEST(tables_come_back_from_d4rl) { for (int k = 0; k < 4; k++) round_trip("t.hdf5", rn_write_d4rl, k & 1, k & 2, false); }
TEST(tables_come_back_from_csv) { for (int k = 0; k < 4; k++) round_trip("t.csv", rn_write_csv, k & 1, k & 2, false); }
TEST(tables_come_back_from_minari) { for (int k = 0; k < 2; k++) round_trip("ns/t-v0", rn_write_minari, k & 1, true, true); }

TEST(minari_leaves_out_a_last_row_whose_outcome_is_not_known) {
  rn_error err = {0};
  char *path = in_folder("t-v0");
  rn_table *t = sample(false, false);
  CHECK_THAT(rn_write_minari(t, path, &err), "%s", err.text);
  rn_table *u = loaded(path, NULL);
  int64_t n;
  const rn_episode *e = rn_table_episodes(u, &n);
  CHECK(n == 3 && e[2].length == 3 && e[2].next && rn_table_about(u)->low[1] == -1 && rn_table_about(u)->high[0] == 1);
  rn_table_free(t), rn_table_free(u);
}

TEST(written_files_are_the_same_bytes_twice) {
  bool (*const write[])(const rn_table *, const char *, rn_error *) = {rn_write_safetensors_table, rn_write_d4rl, rn_write_csv};
  rn_table *t = sample(false, true);
  for (int k = 0; k < 3; k++) {
    char *bytes[2], *path[2] = {in_folder("a"), in_folder("b")};
    size_t n[2];
    rn_error err = {0};
    for (int i = 0; i < 2; i++) CHECK_THAT(write[k](t, path[i], &err) && rn_read_file(path[i], &bytes[i], &n[i], &err), "%s", err.text);
    CHECK_THAT(n[0] == n[1] && memcmp(bytes[0], bytes[1], n[0]) == 0, "writer %d", k);
    for (int i = 0; i < 2; i++) rn_free(bytes[i]), rn_free(path[i]);
  }
  rn_table_free(t);
}

//---- CSV -------------------------------------------------------------------------------------------------------------------------------

static const rn_columns pendulum = {.n_obs = 2, .obs = (const char *const[]){"th", "dth"}, .n_act = 1, .act = (const char *const[]){"u"}, .reward = "r", .terminated = "done", .episode = "id", .time = "t"};

TEST(csv_is_read_by_the_columns_of_the_recipe) {
  rn_table *t = text("a.csv", "\xef\xbb\xbfid,t,th,dth,u,r,done,\"a, note\"\r\nx,0,1,2,0.5,-1,False,\"said \"\"no\"\"\nand went\"\r\nx,1,3,4,0.25,-2,True,\r\ny,0,5,6,1,-3,0,\r\nz,0,7,8,1,-4,0,\r\nz,1,9,10,1,-5,0,\r\nz,0,11,12,1,-6,0,", &pendulum);
  int64_t n;
  const rn_episode *e = rn_table_episodes(t, &n);
  CHECK(rn_table_rows(t) == 6 && n == 4);
  CHECK(e[0].end == RN_END_TERMINATED && e[0].length == 2 && e[1].end == RN_END_TRUNCATED && e[1].length == 1 && e[2].length == 2 && e[2].end == RN_END_TRUNCATED && e[3].end == RN_END_CUT);
  int64_t row = 1;
  float obs[2], act;
  rn_gather(t, "obs", 1, &row, obs), rn_gather(t, "act", 1, &row, &act);
  CHECK(obs[0] == 3 && obs[1] == 4 && act == 0.25f && rn_table_value(t, 1, "reward") == -2 && rn_table_value(t, 1, "terminated") == 1);
  CHECK(rn_table_has_next(t, 0) && rn_table_has_next(t, 1) && !rn_table_has_next(t, 2) && !rn_table_has_next(t, 5));
  rn_table_free(t);
}

TEST(csv_separators_and_choices_are_seen) {
  const rn_columns c = {.n_obs = 1, .obs = (const char *const[]){"s"}, .n_act = 1, .act = (const char *const[]){"a"}, .truncated = "cut"};
  rn_table *t = text("a.csv", "s;a;cut\n0.5;2;0\n\n1;0;1\n", &c);
  rn_field f;
  CHECK(rn_table_column(t, "act", &f) && f.type == RN_I32 && rn_table_about(t)->choices == 3 && rn_table_width(t, "reward") == 0);
  rn_table_free(t), t = text("b.csv", "s\ta\tcut\n0.5\t2.0\t0\n1\t0\t1\n", &c);
  CHECK(rn_table_column(t, "act", &f) && f.type == RN_F32 && rn_table_about(t)->choices == 0);
  rn_table_free(t);
}

TEST(csv_columns_are_guessed_when_asked) {
  const rn_columns c = {.automatic = true};
  rn_table *t = text("a.csv", "Episode_ID,step,obs_0,obs_1,action,Reward,done,weather\n1,0,1,2,0.5,3,0,7\n1,1,1,2,0.5,3,1,7\n", &c);
  CHECK(rn_table_width(t, "obs") == 2 && rn_table_width(t, "act") == 1);
  CHECK_TEXT(rn_table_said(t), "obs_1=obs");
  CHECK_TEXT(rn_table_said(t), "weather=-");
  CHECK_TEXT(rn_table_said(t), "Episode_ID=episode");
  rn_table_free(t);
  bad_text("b.csv", "apples,pears\n1,2\n", &c, "no observation can be guessed in the columns apples, pears");
}

TEST(csv_mistakes_have_their_line) {
  const rn_columns other = {.n_obs = 1, .obs = (const char *const[]){"thh"}};
  bad_text("a.csv", "id,t,th,dth,u,r,done\n1,0,1,2,3,4\n", &pendulum, "a.csv:2: has 6 values, the header 7");
  bad_text("a.csv", "id,t,th,dth,u,r,done\n1,0,1,2,3,4,0\n1,1,1,oops,3,4,0\n", &pendulum, "a.csv:3: 'dth' is 'oops', which is not a number");
  bad_text("a.csv", "id,t,th,dth,u,r,done\n1,0,1,2,3,,0\n", &pendulum, "'r' is ''");
  bad_text("a.csv", "id,t,th,dth,u,r,done\n1,0,1,2,3,4,2\n", &pendulum, "a.csv:2: terminated is 2, neither 0 nor 1");
  bad_text("a.csv", "id,t,th,dth,u,r,done\n1,0,1,2,3,4,\"0\n", &pendulum, "a quoted value does not end");
  bad_text("a.csv", "id,t,th,dth,u,r,done\n1,0,1,2,3,4,\"0\"x\n", &pendulum, "letters follow a quoted value");
  bad_text("a.csv", "id,t,th,dth,u,r,done\n", &pendulum, "has no rows");
  bad_text("a.csv", "", &pendulum, "is empty");
  bad_text("a.csv", "1,2\n3,4\n", NULL, "write a header line");
  bad_text("a.csv", "a,b\n3,4\n", NULL, "nothing says what is what in the columns a, b");
  bad_text("a.csv", "id,th,dth\n1,2,3\n", &other, "has no column 'thh' (columns: obs); did you mean 'th'?; it has id, th, dth");
  char zero[] = "id,t,th,dth,u,r,done\n1,0,1,2,3,4,0\n";
  zero[24] = 0;
  refused(file_of("a.csv", zero, sizeof zero - 1), &pendulum, "a zero byte");
}

TEST(values_that_are_not_finite_are_read_but_not_trained_on) {
  rn_error err = {0};
  rn_table *t = text("a.csv", "id,t,th,dth,u,r,done\n1,0,1,nan,3,4,0\n1,1,1,2,3,4,1\n", &pendulum);
  CHECK(!rn_table_check_finite(t, "a.csv", &err) && err.code == RN_INPUT);
  CHECK_TEXT(err.text, "a.csv: obs row 0 column 1 is nan");
  rn_table_free(t);
}

//---- JSONL -----------------------------------------------------------------------------------------------------------------------------

TEST(jsonl_lists_and_maps_become_columns) {
  const rn_columns c = {.n_obs = 2, .obs = (const char *const[]){"state", "info.wind"}, .n_act = 1, .act = (const char *const[]){"a"}, .reward = "r", .terminated = "done", .episode = "run"};
  rn_table *t = text("a.jsonl", "{\"run\": \"first\", \"state\": [1, [2, -3]], \"info\": {\"wind\": 4}, \"a\": 0, \"r\": 1.5, \"done\": false}\n\n"
                                "{\"done\": true, \"r\": 2, \"a\": 2, \"info\": {\"wind\": 5}, \"state\": [6, [7, 8]], \"run\": \"first\"}\n"
                                "{\"run\": \"\\u00e9\\ud83d\\ude00\", \"state\": [1, [2, -3]], \"info\": {\"wind\": 4}, \"a\": 1, \"r\": Infinity, \"done\": false}", &c);
  bad_text("b.jsonl", "{\"state\": [1], \"x\": {}}", &c, "no column 'info.wind'");
  CHECK(rn_table_rows(t) == 3 && rn_table_about(t)->choices == 3);
  rn_table_free(t);
}

TEST(jsonl_of_our_own_names_needs_no_mapping) {
  rn_table *t = text("a.jsonl", "{\"obs\": [1, 2], \"act\": [0.5], \"reward\": 1, \"terminated\": false}\n{\"obs\": [3, 4], \"act\": [0.5], \"reward\": 1, \"terminated\": true}\n", NULL);
  int64_t n;
  CHECK(rn_table_width(t, "obs") == 2 && rn_table_episodes(t, &n)[0].end == RN_END_TERMINATED);
  rn_table_free(t);
}

TEST(jsonl_mistakes_have_their_line) {
  bad_text("a.jsonl", "{\"obs\": [1]}\n{\"obs\": [1, 2]}\n", NULL, "a.jsonl:2: has 2 values, the first line 1");
  bad_text("a.jsonl", "{\"obs\": [1]}\n{\"abs\": [1]}\n", NULL, "a.jsonl:2: has no 'obs.0'");
  bad_text("a.jsonl", "{\"obs\": [1]}\n{\"obs\": [1}\n", NULL, "a.jsonl:2:11: a comma or ] is missing");
  bad_text("a.jsonl", "{\"obs\": [1]}\n[1]\n", NULL, "a.jsonl:2: is not a JSON object");
  bad_text("a.jsonl", "{\"obs\": [1], \"obs\": 2}\n", NULL, "a key is there twice");
  bad_text("a.jsonl", "", NULL, "is empty");
  bad_text("a.jsonl", "{\"x\": 1, \"y\": 2}\n", NULL, "in the columns x, y");
  char deep[300] = "{\"obs\": ";
  memset(deep + 8, '[', 200);
  bad_text("a.jsonl", deep, NULL, "more than 64 levels");
}

//---- NPZ -------------------------------------------------------------------------------------------------------------------------------

typedef struct { rn_text body, directory; int n; } zip;
static void number(rn_text *t, uint64_t x, int bytes) { for (int i = 0; i < bytes; i++) rn_say_bytes(t, &(char){(char)(x >> 8 * i)}, 1); }

static void add_bytes(zip *z, const char *name, const void *bytes, size_t n, bool deflated, size_t claimed) {
  uLongf packed = compressBound(n);
  unsigned char *out = rn_new(packed + 16);
  if (deflated) {
    z_stream s = {0};
    deflateInit2(&s, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
    s.next_in = (Bytef *)(uintptr_t)bytes, s.avail_in = (uInt)n, s.next_out = out, s.avail_out = (uInt)packed + 16;
    CHECK(deflate(&s, Z_FINISH) == Z_STREAM_END);
    packed = s.total_out, deflateEnd(&s);
  } else memcpy(out, bytes, packed = n);
  uint32_t crc = (uint32_t)crc32(0, bytes, (uInt)n), at = (uint32_t)z->body.n;
  for (int dir = 0; dir < 2; dir++) {
    rn_text *t = dir ? &z->directory : &z->body;
    number(t, dir ? 0x02014b50 : 0x04034b50, 4);
    if (dir) number(t, 20, 2);
    number(t, 20, 2), number(t, 0, 2), number(t, deflated ? 8 : 0, 2), number(t, 0, 4), number(t, crc, 4), number(t, packed, 4), number(t, claimed, 4), number(t, strlen(name), 2), number(t, 0, 2);
    if (dir) number(t, 0, 2), number(t, 0, 2), number(t, 0, 2), number(t, 0, 4), number(t, at, 4);
    rn_say_bytes(t, name, strlen(name));
  }
  rn_say_bytes(&z->body, out, packed), z->n++, rn_free(out);
}

static void add_npy(zip *z, const char *name, const char *descr, bool fortran, const char *shape, int version, const void *data, size_t n, bool deflated) {
  rn_text t = {0};
  char *file = rn_printed("%s.npy", name), *header = rn_printed("{'descr': %s, 'fortran_order': %s, 'shape': %s, }\n", descr, fortran ? "True" : "False", shape);
  rn_say_bytes(&t, "\x93NUMPY", 6), number(&t, (uint64_t)version, 1), number(&t, 0, 1), number(&t, strlen(header), version == 1 ? 2 : 4);
  rn_say_bytes(&t, header, strlen(header)), rn_say_bytes(&t, data, n);
  add_bytes(z, file, t.at, t.n, deflated, t.n);
  rn_free(t.at), rn_free(file), rn_free(header);
}

static char *close_zip(zip *z, const char *name) {
  size_t at = z->body.n;
  rn_say_bytes(&z->body, z->directory.at, z->directory.n);
  number(&z->body, 0x06054b50, 4), number(&z->body, 0, 4), number(&z->body, (uint64_t)z->n, 2), number(&z->body, (uint64_t)z->n, 2), number(&z->body, z->directory.n, 4), number(&z->body, at, 4), number(&z->body, 0, 2);
  char *path = file_of(name, z->body.at, z->body.n);
  rn_free(z->body.at), rn_free(z->directory.at), *z = (zip){0};
  return path;
}

TEST(npz_arrays_of_every_type_are_read) {
  static const double x8[] = {1, 2, 3, 4, 5, 6};
  static const int64_t a[] = {0, 2, 1};
  static const int16_t r[] = {-1, 300, 0};
  static const uint8_t done[] = {0, 0, 1};
  for (int k = 0; k < 4; k++) {
    zip z = {0};
    bool deflated = k & 1, fortran = k & 2;
    double order[6] = {1, 3, 5, 2, 4, 6};
    add_npy(&z, "observations", "'<f8'", fortran, "(3, 2)", 1 + k % 3, fortran ? order : x8, sizeof x8, deflated);
    add_npy(&z, "actions", "'<i8'", false, "(3,)", 1, a, sizeof a, deflated), add_npy(&z, "rewards", "'<i2'", false, "(3, 1)", 1, r, sizeof r, deflated);
    add_npy(&z, "terminals", "'|b1'", false, "(3,)", 1, done, sizeof done, deflated), add_npy(&z, "infos", "'|O'", false, "(3,)", 1, "\x80\x04pickle", 8, deflated);
    rn_table *t = loaded(close_zip(&z, "a.npz"), NULL);
    int64_t rows[] = {0, 1, 2};
    float obs[6];
    rn_gather(t, "obs", 3, rows, obs);
    for (int i = 0; i < 6; i++) CHECK_THAT(obs[i] == (float)x8[i], "entry %d is %g", i, obs[i]);
    CHECK(rn_table_value(t, 0, "reward") == -1 && rn_table_value(t, 1, "reward") == 300 && rn_table_value(t, 1, "act") == 2 && rn_table_about(t)->choices == 3);
    CHECK_TEXT(rn_table_said(t), "infos");
    rn_table_free(t);
  }
}

TEST(npz_halves_bytes_and_swapped_numbers_are_read) {
  static const uint16_t half[] = {0x3c00, 0xc000};
  static const uint8_t big[] = {0x40, 0x20, 0, 0, 0xbf, 0x80, 0, 0}, pixel[] = {0, 255, 7, 9};
  zip z = {0};
  add_npy(&z, "img", "'|u1'", false, "(2, 2)", 1, pixel, 4, true), add_npy(&z, "u", "'>f4'", false, "(2,)", 1, big, 8, false), add_npy(&z, "h", "'<f2'", false, "(2,)", 1, half, 4, false);
  const rn_columns c = {.n_obs = 1, .obs = (const char *const[]){"img"}, .n_act = 2, .act = (const char *const[]){"u", "h"}};
  rn_table *t = loaded(close_zip(&z, "a.npz"), &c);
  rn_field f;
  int64_t rows[] = {0, 1};
  float act[4], next[4];
  CHECK(rn_table_column(t, "obs", &f) && f.type == RN_U8 && rn_table_width(t, "act") == 2);
  rn_gather(t, "act", 2, rows, act), rn_gather(t, "next", 1, rows, next);
  CHECK(act[0] == 2.5f && act[1] == 1 && act[2] == -1 && act[3] == -2 && next[0] == 7 && next[1] == 9);
  rn_table_free(t);
}

TEST(trajectories_of_imitation_have_one_observation_more) {
  static const float obs[] = {0, 1, 2, 90, 10, 11, 91}, acts[] = {1, 2, 3, 4, 5}, rews[] = {1, 1, 1, 2, 2};
  static const int64_t indices[] = {3};
  static const uint8_t terminal[] = {1, 0};
  zip z = {0};
  add_npy(&z, "obs", "'<f4'", false, "(7, 1)", 1, obs, sizeof obs, true), add_npy(&z, "acts", "'<f4'", false, "(5, 1)", 1, acts, sizeof acts, true);
  add_npy(&z, "rews", "'<f4'", false, "(5,)", 1, rews, sizeof rews, true), add_npy(&z, "indices", "'<i8'", false, "(1,)", 1, indices, sizeof indices, true);
  add_npy(&z, "terminal", "'|b1'", false, "(2,)", 1, terminal, sizeof terminal, true), add_npy(&z, "infos", "'|O'", false, "(5,)", 1, "x", 1, true);
  rn_table *t = loaded(close_zip(&z, "a.npz"), NULL);
  int64_t n, rows[] = {0, 1, 2, 3, 4};
  const rn_episode *e = rn_table_episodes(t, &n);
  float next[5];
  rn_gather(t, "next", 5, rows, next);
  CHECK(n == 2 && e[0].length == 3 && e[0].end == RN_END_TERMINATED && e[1].end == RN_END_TRUNCATED);
  CHECK(next[0] == 1 && next[2] == 90 && next[3] == 11 && next[4] == 91 && rn_table_value(t, 4, "reward") == 2 && rn_dataset_return(t) == 3.5);
  rn_table_free(t);
  add_npy(&z, "obs", "'<f4'", false, "(6, 1)", 1, obs, 24, true), add_npy(&z, "acts", "'<f4'", false, "(5, 1)", 1, acts, sizeof acts, true);
  add_npy(&z, "indices", "'<i8'", false, "(1,)", 1, indices, sizeof indices, true), add_npy(&z, "terminal", "'|b1'", false, "(2,)", 1, terminal, sizeof terminal, true);
  refused(close_zip(&z, "b.npz"), NULL, "5 acts in 2 trajectories need 7");
}

TEST(npz_mistakes_are_said) {
  static const float x[] = {1, 2, 3, 4};
  zip z = {0};
  add_npy(&z, "observations", "'<f4'", false, "(2, 2)", 1, x, 16, false), add_npy(&z, "actions", "'<f4'", false, "(4,)", 1, x, 16, false);
  refused(close_zip(&z, "a.npz"), NULL, "actions has 4 rows, observations 2: ragged");
  add_npy(&z, "observations", "'<f4'", false, "(2, 3)", 1, x, 16, false), add_npy(&z, "actions", "'<f4'", false, "(2,)", 1, x, 8, false);
  refused(close_zip(&z, "a.npz"), NULL, "observations: has more or fewer bytes than its shape");
  add_npy(&z, "observations", "'<f4'", false, "(9223372036854775807, 3)", 1, x, 16, false), add_npy(&z, "actions", "'<f4'", false, "(2,)", 1, x, 8, false);
  refused(close_zip(&z, "a.npz"), NULL, "overflows");
  add_npy(&z, "observations", "'|O'", false, "(2,)", 1, x, 16, false), add_npy(&z, "actions", "'<f4'", false, "(2,)", 1, x, 8, false);
  refused(close_zip(&z, "a.npz"), NULL, "observations holds objects or texts");
  add_npy(&z, "speed", "'<f4'", false, "(2, 2)", 1, x, 16, false), add_npy(&z, "names", "'|O'", false, "(4,)", 1, x, 16, false);
  refused(close_zip(&z, "a.npz"), NULL, "in the arrays speed [2, 2], names");
  add_bytes(&z, "observations.npy", "junk", 4, false, 4), add_npy(&z, "actions", "'<f4'", false, "(2,)", 1, x, 8, false);
  refused(close_zip(&z, "a.npz"), NULL, "observations: is no .npy array");
  refused(file_of("a.npz", "PK\3\4 nothing more", 17), NULL, "is cut short");
  // the checksum
  add_npy(&z, "observations", "'<f4'", false, "(2, 2)", 1, x, 16, false), add_npy(&z, "actions", "'<f4'", false, "(2,)", 1, x, 8, false);
  ((char *)z.body.at)[60 + 60] ^= 1;
  refused(close_zip(&z, "a.npz"), NULL, "checksum differs");
}

TEST(an_npz_cut_anywhere_is_refused) {
  static const float x[] = {1, 2, 3, 4};
  zip z = {0};
  rn_error err = {0};
  char *bytes;
  size_t n;
  add_npy(&z, "observations", "'<f4'", false, "(2, 2)", 1, x, 16, true), add_npy(&z, "actions", "'<f4'", false, "(2,)", 1, x, 8, true);
  char *path = close_zip(&z, "whole.npz");
  CHECK(rn_read_file(path, &bytes, &n, &err));
  for (size_t cut = 4; cut < n; cut += 7) refused(file_of("cut.npz", bytes, cut), NULL, "cut.npz: ");
  rn_free(bytes), rn_free(path);
}

TEST(a_bomb_is_not_unpacked) {
  // 10 MiB that claim 60 GiB: the sizes alone are refused, before any memory is taken
  static const float x[] = {1, 2};
  size_t n = 4 << 20;
  char *zeros = rn_new(n);
  zip z = {0};
  add_bytes(&z, "observations.npy", zeros, n, true, 0xfffffff0u), add_npy(&z, "actions", "'<f4'", false, "(2,)", 1, x, 8, true);
  refused(close_zip(&z, "bomb.npz"), NULL, "observations unpacks to 4.0 GiB, too much for a file of 0.0 MiB");
  // and one that lies about its size is stopped when it passes it
  add_bytes(&z, "observations.npy", zeros, n, true, 1000), add_npy(&z, "actions", "'<f4'", false, "(2,)", 1, x, 8, true);
  refused(close_zip(&z, "bomb.npz"), NULL, "does not unpack to its size");
  rn_free(zeros);
}

//---- HDF5 ------------------------------------------------------------------------------------------------------------------------------

static void put_set(hid_t at, const char *name, int dims, const hsize_t *dim, hid_t type, const void *x, hid_t how) {
  hid_t space = H5Screate_simple(dims, dim, NULL), s = H5Dcreate2(at, name, type, space, H5P_DEFAULT, how, H5P_DEFAULT);
  CHECK(s >= 0 && (!x || H5Dwrite(s, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0));
  H5Dclose(s), H5Sclose(space);
}
static void put_rows(hid_t at, const char *name, hsize_t rows, hsize_t width, hid_t type, const void *x) { put_set(at, name, width ? 2 : 1, (hsize_t[]){rows, width}, type, x, H5P_DEFAULT); }
static hid_t new_hdf5(const char *path) { return H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT); }
static hid_t group(hid_t at, const char *name) { return H5Gcreate2(at, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT); }
static void put_text(hid_t at, const char *name, const char *x) {
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  H5Tset_size(type, H5T_VARIABLE);
  hid_t a = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(a, type, &x), H5Aclose(a), H5Sclose(space), H5Tclose(type);
}
static void put_integer(hid_t at, const char *name, int64_t x) {
  hid_t space = H5Screate(H5S_SCALAR), a = H5Acreate2(at, name, H5T_NATIVE_INT64, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(a, H5T_NATIVE_INT64, &x), H5Aclose(a), H5Sclose(space);
}
static hid_t boolean(void) {
  hid_t t = H5Tenum_create(H5T_NATIVE_INT8);
  H5Tenum_insert(t, "FALSE", &(int8_t){0}), H5Tenum_insert(t, "TRUE", &(int8_t){1});
  return t;
}

TEST(d4rl_files_are_read_with_and_without_their_options) {
  static const float obs[] = {0, 1, 2, 10, 11, 20, 21, 22}, next[] = {1, 2, 3, 11, 12, 21, 22, 23}, act[8] = {0}, reward[] = {1, 1, 1, 2, 2, 3, 3, 3};
  static const float end_float[] = {0, 0, 1, 0, 0, 0, 0, 0};
  static const double qpos[16] = {5};
  // timeouts absent: the end of the second episode shows in next_observations; flags as float [N, 1]; a scalar under metadata; gzip
  char *path = in_folder("a.hdf5");
  hid_t f = new_hdf5(path), how = H5Pcreate(H5P_DATASET_CREATE), m = group(f, "metadata"), i = group(f, "infos");
  H5Pset_chunk(how, 2, (hsize_t[]){4, 1}), H5Pset_shuffle(how), H5Pset_deflate(how, 6);
  put_set(f, "observations", 2, (hsize_t[]){8, 1}, H5T_NATIVE_FLOAT, obs, how), put_rows(f, "actions", 8, 1, H5T_NATIVE_FLOAT, act);
  put_rows(f, "rewards", 8, 1, H5T_NATIVE_FLOAT, reward), put_rows(f, "terminals", 8, 1, H5T_NATIVE_FLOAT, end_float), put_rows(f, "next_observations", 8, 1, H5T_NATIVE_FLOAT, next);
  put_rows(i, "qpos", 8, 2, H5T_NATIVE_DOUBLE, qpos);
  hid_t scalar = H5Screate(H5S_SCALAR), s = H5Dcreate2(m, "iteration", H5T_NATIVE_INT, scalar, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dclose(s), H5Sclose(scalar), H5Gclose(m), H5Gclose(i), H5Fclose(f);
  rn_table *t = loaded(path, NULL);
  int64_t n;
  const rn_episode *e = rn_table_episodes(t, &n);
  CHECK_THAT(n == 3 && e[0].end == RN_END_TERMINATED && e[0].length == 3 && e[1].end == RN_END_TRUNCATED && e[1].length == 2 && e[2].end == RN_END_CUT, "%lld episodes", (long long)n);
  CHECK(rn_table_width(t, "infos/qpos") == 2 && rn_table_value(t, 0, "infos/qpos") == 5 && rn_table_has_next(t, 4));
  rn_table_free(t);

  // timeouts there, next_observations not: what follows a timeout is not known. Flags as enum and as byte
  static const int8_t done[] = {0, 0, 1, 0, 0, 0, 0, 0};
  static const uint8_t timeout[] = {0, 0, 0, 0, 1, 0, 0, 1};
  hid_t flag = boolean();
  f = new_hdf5(path = in_folder("b.hdf5"));
  put_rows(f, "observations", 8, 1, H5T_NATIVE_FLOAT, obs), put_rows(f, "actions", 8, 1, H5T_NATIVE_FLOAT, act), put_rows(f, "rewards", 8, 0, H5T_NATIVE_FLOAT, reward);
  put_rows(f, "terminals", 8, 0, flag, done), put_rows(f, "timeouts", 8, 0, H5T_NATIVE_UCHAR, timeout), H5Fclose(f);
  t = loaded(path, NULL), e = rn_table_episodes(t, &n);
  CHECK(n == 3 && e[1].end == RN_END_TRUNCATED && e[2].end == RN_END_TRUNCATED && !rn_table_has_next(t, 4) && rn_table_has_next(t, 2) && !rn_table_has_next(t, 7));
  CHECK(rn_dataset_return(t) == (3 + 4 + 9) / 3.0);
  rn_table_free(t), H5Tclose(flag), H5Pclose(how);
}

static void put_episode(hid_t f, int number, int steps, bool dict, bool end) {
  char name[32];
  float obs[64], more[128];
  double reward[32];
  int64_t act[32];
  int8_t done[32] = {0}, cut[32] = {0};
  hid_t flag = boolean();
  snprintf(name, sizeof name, "episode_%d", number);
  for (int i = 0; i <= steps; i++) obs[i] = (float)(100 * number + i), more[2 * i] = 1000 + obs[i], more[2 * i + 1] = 2000 + obs[i];
  for (int i = 0; i < steps; i++) reward[i] = number, act[i] = 5 + i % 2;
  (end ? done : cut)[steps - 1] = 1;
  hid_t g = group(f, name), infos = group(g, "infos");
  if (dict) {
    hid_t o = group(g, "observations"), inner = group(o, "b");
    put_rows(o, "z", (hsize_t)steps + 1, 0, H5T_NATIVE_FLOAT, obs), put_rows(inner, "_index_10", (hsize_t)steps + 1, 0, H5T_NATIVE_FLOAT, obs), put_rows(inner, "_index_2", (hsize_t)steps + 1, 2, H5T_NATIVE_FLOAT, more);
    H5Gclose(inner), H5Gclose(o);
  } else put_rows(g, "observations", (hsize_t)steps + 1, 1, H5T_NATIVE_FLOAT, obs);
  put_rows(g, "actions", (hsize_t)steps, 0, H5T_NATIVE_INT64, act), put_rows(g, "rewards", (hsize_t)steps, 0, H5T_NATIVE_DOUBLE, reward);
  put_rows(g, "terminations", (hsize_t)steps, 0, flag, done), put_rows(g, "truncations", (hsize_t)steps, 0, flag, cut);
  H5Gclose(infos), H5Gclose(g), H5Tclose(flag);
}

TEST(minari_episodes_come_in_the_order_of_their_numbers) {
  char *folder = in_folder("ds-v0"), *data = rn_printed("%s/data", folder), *path = rn_printed("%s/main_data.hdf5", data), *meta = rn_printed("%s/metadata.json", data);
  rn_error err = {0};
  CHECK(rn_make_folder(data, &err));
  hid_t f = new_hdf5(path);
  for (int i = 0; i < 12; i++) put_episode(f, i, 2 + i % 3, false, i % 2);
  H5Fclose(f);
  static const char about[] = "{\"total_episodes\": 12, \"total_steps\": 36, \"data_format\": \"hdf5\", \"observation_space\": \"{\\\"low\\\": [-Infinity]}\", "
                              "\"action_space\": \"{\\\"type\\\": \\\"Discrete\\\", \\\"dtype\\\": \\\"int64\\\", \\\"start\\\": 5, \\\"n\\\": 4}\", \"dataset_size\": NaN, "
                              "\"env_spec\": \"{\\\"id\\\": \\\"CartPole-v1\\\", \\\"kwargs\\\": {}}\"}";
  CHECK(rn_write_file(meta, about, sizeof about - 1, &err));
  for (int k = 0; k < 3; k++) {            // the folder, its data/, the file itself
    rn_table *t = loaded(rn_copy_text(k == 0 ? folder : k == 1 ? data : path), NULL);
    int64_t n, row = 0;
    const rn_episode *e = rn_table_episodes(t, &n);
    CHECK(n == 12 && rn_table_rows(t) == 36 && rn_table_about(t)->choices == 4 && strcmp(rn_table_about(t)->env, "CartPole-v1") == 0);
    for (int i = 0; i < 12; i++) {
      float last;
      row = e[i].first + e[i].length - 1;
      rn_gather(t, "next", 1, &row, &last);
      CHECK(e[i].length == 2 + i % 3 && e[i].end == (i % 2 ? RN_END_TERMINATED : RN_END_TRUNCATED) && rn_table_value(t, e[i].first, "obs") == 100 * i && last == (float)(100 * i + 2 + i % 3));
      CHECK(rn_table_value(t, e[i].first, "act") == 0 && rn_table_value(t, e[i].first + 1, "act") == 1);
    }
    rn_table_free(t);
  }
  CHECK(rn_write_file(meta, "{\"total_episodes\": 13}", 22, &err));
  refused(rn_copy_text(folder), NULL, "no 'episode_12'");
  CHECK(rn_write_file(meta, "{\"total_episodes\": ", 19, &err));
  refused(folder, NULL, "metadata.json:1:20");
  rn_free(data), rn_free(path), rn_free(meta);
}

TEST(minari_04_keeps_its_description_in_attributes) {
  char *path = in_folder("main_data.hdf5");
  hid_t f = new_hdf5(path);
  put_episode(f, 0, 3, true, true), put_episode(f, 1, 2, true, false);
  put_integer(f, "total_episodes", 2), put_text(f, "action_space", "{\"type\": \"Discrete\", \"n\": 9, \"start\": 0}"), put_text(f, "env_spec", "{\"id\": \"Old-v0\"}"), H5Fclose(f);
  rn_table *t = loaded(path, NULL);
  int64_t row = 1;
  float obs[4];
  rn_gather(t, "obs", 1, &row, obs);       // keys in order: b._index_2 (2), b._index_10, z
  CHECK_THAT(rn_table_width(t, "obs") == 4 && obs[0] == 1001 && obs[1] == 2001 && obs[2] == 1 && obs[3] == 1, "%g %g %g %g", obs[0], obs[1], obs[2], obs[3]);
  CHECK(rn_table_about(t)->choices == 9 && rn_table_value(t, 0, "act") == 5 && strcmp(rn_table_about(t)->env, "Old-v0") == 0);
  rn_table_free(t);
}

TEST(box_bounds_of_minari_may_be_infinite) {
  char *path = in_folder("b.hdf5");
  static const float x[] = {1, 2, 3, 4};
  static const double r[] = {1};
  static const int8_t no[] = {0};
  hid_t f = new_hdf5(path), g = group(f, "episode_0");
  put_rows(g, "observations", 2, 1, H5T_NATIVE_FLOAT, x), put_rows(g, "actions", 1, 2, H5T_NATIVE_FLOAT, x), put_rows(g, "rewards", 1, 0, H5T_NATIVE_DOUBLE, r);
  put_rows(g, "terminations", 1, 0, H5T_NATIVE_INT8, no), put_rows(g, "truncations", 1, 0, H5T_NATIVE_INT8, no);
  put_text(f, "action_space", "{\"type\": \"Box\", \"low\": [[-2.5, -Infinity]], \"high\": [[2.5, Infinity]]}"), H5Gclose(g), H5Fclose(f);
  rn_table *t = loaded(path, NULL);
  int64_t n;
  CHECK(rn_table_about(t)->low[0] == -2.5f && isinf(rn_table_about(t)->low[1]) && rn_table_about(t)->high[0] == 2.5f && rn_table_episodes(t, &n)[0].end == RN_END_CUT);
  rn_table_free(t);
}

TEST(images_packed_as_jpeg_are_refused) {
  char *path = in_folder("a.hdf5");
  hid_t f = new_hdf5(path), g = group(f, "episode_0"), v = H5Tvlen_create(H5T_NATIVE_UCHAR);
  hvl_t row[2] = {{3, (void *)(uintptr_t)"\xff\xd8\xff"}, {3, (void *)(uintptr_t)"\xff\xd8\xff"}};
  static const double r[] = {1};
  put_rows(g, "observations", 2, 0, v, row), put_rows(g, "actions", 1, 0, H5T_NATIVE_DOUBLE, r), put_rows(g, "rewards", 1, 0, H5T_NATIVE_DOUBLE, r);
  put_rows(g, "terminations", 1, 0, H5T_NATIVE_DOUBLE, r), put_rows(g, "truncations", 1, 0, H5T_NATIVE_DOUBLE, r), H5Gclose(g), H5Fclose(f);
  refused(path, NULL, "holds images packed as JPEG");
  // all of one length: a plain set of bytes
  unsigned char same_length[240] = {0xff, 0xd8, 0xff};
  memcpy(same_length + 120, same_length, 3);
  f = new_hdf5(path = in_folder("b.hdf5")), g = group(f, "episode_0");
  put_rows(g, "observations", 2, 120, H5T_NATIVE_UCHAR, same_length), put_rows(g, "actions", 1, 0, H5T_NATIVE_DOUBLE, r), put_rows(g, "rewards", 1, 0, H5T_NATIVE_DOUBLE, r);
  put_rows(g, "terminations", 1, 0, H5T_NATIVE_DOUBLE, r), put_rows(g, "truncations", 1, 0, H5T_NATIVE_DOUBLE, r), H5Gclose(g), H5Fclose(f);
  refused(path, NULL, "holds images packed as JPEG");
  H5Tclose(v);
}

TEST(robosuite_demonstrations_are_states_only) {
  char *path = in_folder("demo.hdf5");
  double states[30];
  for (int i = 0; i < 30; i++) states[i] = i;
  hid_t f = new_hdf5(path), data = group(f, "data");
  put_text(data, "env", "SawyerLift");
  for (int d = 1; d <= 11; d++) {
    char name[16];
    snprintf(name, sizeof name, "demo_%d", d);
    hid_t g = group(data, name);
    put_text(g, "model_file", "model_1.xml"), put_rows(g, "states", 3, 10, H5T_NATIVE_DOUBLE, states);
    put_set(g, "left_dpos", 2, (hsize_t[]){3, 0}, H5T_NATIVE_DOUBLE, NULL, H5P_DEFAULT), put_rows(g, "joint_velocities", 3, 7, H5T_NATIVE_DOUBLE, states);
    H5Gclose(g), states[0] += 1000;
  }
  H5Gclose(data), H5Fclose(f);
  rn_table *t = loaded(path, NULL);
  int64_t n;
  const rn_episode *e = rn_table_episodes(t, &n);
  CHECK(n == 11 && e[10].length == 3 && rn_table_width(t, "obs") == 10 && rn_table_width(t, "act") == 0 && strcmp(rn_table_about(t)->env, "SawyerLift") == 0);
  CHECK(rn_table_value(t, e[1].first, "obs") == 1000 && rn_table_value(t, e[9].first, "obs") == 9000);       // demo_2 before demo_10
  CHECK_TEXT(rn_table_said(t), "states only");
  rn_table_free(t);
}

static hid_t d4rl_with(const char *path, hsize_t rows) {
  static const float x[64] = {0};
  hid_t f = new_hdf5(path);
  put_rows(f, "actions", rows, 1, H5T_NATIVE_FLOAT, x);
  return f;
}

TEST(hdf5_that_reaches_outside_is_refused) {
  char *path = in_folder("a.hdf5");
  hid_t f = d4rl_with(path, 4);
  H5Lcreate_external("/etc/other.h5", "/x", f, "observations", H5P_DEFAULT, H5P_DEFAULT), H5Fclose(f);
  refused(path, NULL, "'observations' is a link to elsewhere");
  f = d4rl_with(path = in_folder("b.hdf5"), 4), H5Lcreate_soft("/actions", f, "observations", H5P_DEFAULT, H5P_DEFAULT), H5Fclose(f);
  refused(path, NULL, "'observations' is a link to elsewhere");
  hid_t how = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(how, "/etc/passwd", 0, 16);
  f = d4rl_with(path = in_folder("c.hdf5"), 4), put_set(f, "observations", 1, (hsize_t[]){4}, H5T_NATIVE_FLOAT, NULL, how), H5Fclose(f), H5Pclose(how);
  refused(path, NULL, "'observations' lies in another file");
  how = H5Pcreate(H5P_DATASET_CREATE);
  hid_t space = H5Screate_simple(1, (hsize_t[]){4}, NULL);
  H5Pset_virtual(how, space, "/etc/other.h5", "/x", space);
  f = d4rl_with(path = in_folder("d.hdf5"), 4), put_set(f, "observations", 1, (hsize_t[]){4}, H5T_NATIVE_FLOAT, NULL, how), H5Fclose(f), H5Pclose(how), H5Sclose(space);
  refused(path, NULL, "'observations' is a virtual data set");
}

TEST(hdf5_mistakes_are_said) {
  static const float x[64] = {0};
  char *path = in_folder("a.hdf5");
  hid_t f = d4rl_with(path, 4);
  put_rows(f, "observations", 5, 1, H5T_NATIVE_FLOAT, x), H5Fclose(f);
  refused(path, NULL, "'actions' has 4 rows, 'observations' 5: ragged");
  f = d4rl_with(path = in_folder("b.hdf5"), 4), put_rows(f, "observations", 4, 2, H5T_NATIVE_FLOAT, x), put_rows(f, "rewards", 4, 2, H5T_NATIVE_FLOAT, x), H5Fclose(f);
  refused(path, NULL, "'rewards' has width 2, should be 1");
  static const float half[] = {0, 0.5f, 0, 1};
  f = d4rl_with(path = in_folder("c.hdf5"), 4), put_rows(f, "observations", 4, 2, H5T_NATIVE_FLOAT, x), put_rows(f, "terminals", 4, 0, H5T_NATIVE_FLOAT, half), H5Fclose(f);
  refused(path, NULL, "terminated row 1 is neither 0 nor 1");
  f = new_hdf5(path = in_folder("d.hdf5")), H5Gclose(group(f, "weather")), H5Fclose(f);
  refused(path, NULL, "it holds weather");
  refused(file_of("e.hdf5", "\x89HDF\r\n\x1a\n nothing", 16), NULL, "is no HDF5 file, or is damaged");
  refused(file_of("f.h5", "junk", 4), NULL, "is no HDF5 file, or is damaged");
  // a set without storage that claims a terabyte
  hid_t how = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(how, 2, (hsize_t[]){1024, 1});
  f = d4rl_with(path = in_folder("g.hdf5"), 4), put_set(f, "observations", 2, (hsize_t[]){(hsize_t)1 << 38, 1}, H5T_NATIVE_FLOAT, NULL, how), H5Fclose(f), H5Pclose(how);
  refused(path, NULL, "'observations' claims more values than a file of");
}

TEST(an_hdf5_cut_anywhere_is_refused_or_read_whole) {
  rn_error err = {0};
  char *path = in_folder("whole.hdf5"), *bytes;
  size_t n;
  rn_table *t = sample(false, true);
  CHECK(rn_write_d4rl(t, path, &err) && rn_read_file(path, &bytes, &n, &err));
  for (size_t cut = 8; cut < n; cut += n / 40 + 1) refused(file_of("cut.hdf5", bytes, cut), NULL, "cut.hdf5: ");
  rn_free(bytes), rn_free(path), rn_table_free(t);
}

TEST(a_damaged_hdf5_never_does_more_than_fail) {
  rn_error err = {0};
  char *path = in_folder("whole.hdf5"), *bytes;
  size_t n;
  rn_table *t = sample(false, true);
  rn_key key = rn_key_new(7, "damage", 0, 0);
  CHECK(rn_write_d4rl(t, path, &err) && rn_read_file(path, &bytes, &n, &err));
  for (int i = 0; i < 60; i++) {
    char *copy = memcpy(rn_new(n), bytes, n);
    for (int k = 0; k < 8; k++) copy[rn_below(&key, (int64_t)n)] = (char)rn_below(&key, 256);
    char *damaged = file_of("damaged.hdf5", copy, n);
    err = (rn_error){0};
    rn_table *u = rn_table_load(damaged, NULL, &err);
    CHECK_THAT(u || (err.code == RN_INPUT && *err.text), "code %d: %s", err.code, err.text);
    rn_table_free(u), rn_free(copy), rn_free(damaged);
  }
  rn_free(bytes), rn_free(path), rn_table_free(t);
}

//---- the child -------------------------------------------------------------------------------------------------------------------------

TEST(a_child_that_dies_is_one_message) {
  bad_text("die.csv", "obs\n1\n", NULL, "die.csv: the reader was stopped by signal 9");
  char *path = file_of("a.csv", "obs\n1\n", 6);
  rn_error err = {0};
  rn_reader_program("/bin/false");
  CHECK(!rn_table_load(path, NULL, &err) && err.code == RN_INPUT);
  CHECK_TEXT(err.text, "a.csv: the reader ended with 1");
  rn_reader_program("/nonexistent/rein"), err = (rn_error){0};
  CHECK(!rn_table_load(path, NULL, &err) && err.code == RN_SYSTEM);
  CHECK_TEXT(err.text, "the reader can't be started");
  rn_reader_program("/bin/echo"), err = (rn_error){0};
  CHECK(!rn_table_load(path, NULL, &err) && err.code == RN_INPUT);
  rn_reader_program(NULL), rn_free(path);
}

// what a hostile file that took over the child could try
static int escapes(void) {
  if (!rn_reader_confine(1000)) return 100;
  if (open("/etc/passwd", O_RDONLY) >= 0) return 1;
  if (open("/tmp/rein-escaped", O_WRONLY | O_CREAT, 0600) >= 0) return 2;
  if (socket(AF_INET, SOCK_STREAM, 0) >= 0) return 3;
  if (execl("/bin/true", "true", (char *)NULL) == 0) return 4;
  pid_t p = fork();
  if (p == 0) _exit(0);
  if (p > 0) return 5;
  if (kill(getppid(), 0) == 0) return 6;
  if (unlink("/tmp/rein-none") == 0 || errno != EPERM) return 7;
  return 0;
}

TEST(a_confined_child_can_open_send_start_and_signal_nothing) {
  pid_t p = fork();
  if (p == 0) _exit(escapes());
  int status;
  CHECK(waitpid(p, &status, 0) == p);
  CHECK_THAT(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
  CHECK_TEXT(rn_reader_confinement(), "seccomp");
}

typedef struct { const uint8_t *at; size_t n; } stream;
static bool get_stream(void *from, void *bytes, size_t n) {
  stream *s = from;
  if (n > s->n) return false;
  memcpy(bytes, s->at, n), s->at += n, s->n -= n;
  return true;
}
static bool put_stream(void *to, const void *bytes, size_t n) { return rn_say_bytes(to, bytes, n), true; }

TEST(what_the_child_sends_is_not_believed) {
  rn_text t = {0};
  sink s = {.put = put_stream, .to = &t};
  rn_sink_columns(&s, 2, (rn_field[]){{"obs", RN_F32, 2, NULL}, {"act", RN_I32, 1, NULL}});
  const void *column[] = {(float[]){1, 2, 3, 4}, (int32_t[]){0, 1}};
  rn_sink_rows(&s, 2, column), rn_sink_end(&s, RN_END_TRUNCATED, (float[]){5, 6}, 2), rn_sink_done(&s);
  rn_error err = {0};
  rn_table *whole = rn_read_frames("p", get_stream, &(stream){(uint8_t *)t.at, t.n}, &err);
  CHECK_THAT(whole && rn_table_rows(whole) == 2, "%s", err.text);
  rn_table_free(whole);
  for (size_t cut = 0; cut < t.n; cut++) {
    err = (rn_error){0};
    CHECK(!rn_read_frames("p", get_stream, &(stream){(uint8_t *)t.at, cut}, &err) && err.code);
  }
  for (size_t at = 0; at < t.n; at++) {    // any byte, any bit: a table or a message
    for (int bit = 0; bit < 8; bit++) {
      t.at[at] ^= (char)(1 << bit), err = (rn_error){0};
      rn_table *u = rn_read_frames("p", get_stream, &(stream){(uint8_t *)t.at, t.n}, &err);
      CHECK(u || *err.text);
      rn_table_free(u), t.at[at] ^= (char)(1 << bit);
    }
  }
  rn_free(t.at);
}

TEST(files_that_are_not_there_or_of_no_kind_are_said) {
  refused(rn_copy_text("/nonexistent/a.csv"), NULL, "can't be read: No such file");
  refused(file_of("a.bin", "what is this", 12), NULL, "of no kind that rein reads");
  refused(in_folder("."), NULL, "neither table.json nor main_data.hdf5");
}
