/* graph/safetensors.c - reads and writes safetensors files. The only file that knows jansson.
 * Source   github.com/huggingface/safetensors, format of version 0.3 and later: begin/end of every tensor meet, nothing overlaps, no holes */
#include "rein/safetensors.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 100 << 20 };                                   // largest header, as in the source

typedef struct { const char *word; int bytes, type; } kind;
static const kind kinds[] = {{"F32", 4, RN_F32}, {"F64", 8, RN_F64}, {"I32", 4, RN_I32}, {"I64", 8, RN_I64}, {"U8", 1, RN_U8},
                             {"F16", 2, RN_NO_TYPE}, {"BF16", 2, RN_NO_TYPE}, {"I16", 2, RN_NO_TYPE}, {"I8", 1, RN_NO_TYPE}, {"BOOL", 1, RN_U8},
                             {"U16", 2, RN_NO_TYPE}, {"U32", 4, RN_NO_TYPE}, {"U64", 8, RN_NO_TYPE}, {"F8_E4M3", 1, RN_NO_TYPE},
                             {"F8_E5M2", 1, RN_NO_TYPE}};

struct rn_safetensors {
  rn_map map;
  json_t *header;
  rn_tensor *tensor;
  int n, *order;                                               // order: by name, for look-ups
};

//---- writing -------------------------------------------------------------------------------------------------------------------

static int64_t count_of(const rn_tensor *t) {
  int64_t n = 1;
  for (int i = 0; i < t->dims; i++) n *= t->dim[i];
  return n;
}

static size_t bytes_of(const rn_tensor *t) { return (size_t)count_of(t) * rn_type_bytes((rn_type)t->type); }

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static bool names_differ(const char *path, int n, const rn_tensor *t, rn_error *err) {
  const char **name = rn_new((size_t)n * sizeof *name);
  bool fine = true;
  for (int i = 0; i < n; i++) name[i] = t[i].name;
  qsort(name, (size_t)n, sizeof *name, by_name);
  for (int i = 0; fine && i < n; i++) {
    if (i && strcmp(name[i - 1], name[i]) == 0) fine = rn_fail(err, "%s: two tensors are called '%s'", path, name[i]);
    else if (strcmp(name[i], "__metadata__") == 0) fine = rn_fail(err, "%s: a tensor can't be called __metadata__", path);
  }
  rn_free(name);
  return fine;
}

static void say_header(rn_text *h, int n, const rn_tensor *t, const size_t *begin, int notes, const rn_tensor_note *note) {
  rn_say_text(h, "{");
  if (notes) {
    rn_say_text(h, "\"__metadata__\":{");
    for (int i = 0; i < notes; i++) {
      if (i) rn_say_text(h, ",");
      rn_say_json(h, note[i].key), rn_say_text(h, ":"), rn_say_json(h, note[i].value);
    }
    rn_say_text(h, "}%s", n ? "," : "");
  }
  for (int i = 0; i < n; i++) {
    if (i) rn_say_text(h, ",");
    rn_say_json(h, t[i].name);
    rn_say_text(h, ":{\"dtype\":\"%s\",\"shape\":[", rn_type_name((rn_type)t[i].type));
    for (int k = 0; k < t[i].dims; k++) rn_say_text(h, k ? ",%lld" : "%lld", (long long)t[i].dim[k]);
    rn_say_text(h, "],\"data_offsets\":[%zu,%zu]}", begin[i], begin[i] + bytes_of(&t[i]));
  }
  rn_say_text(h, "}");
  while (h->n % 8) rn_say_text(h, " ");
}

bool rn_safetensors_write(const char *path, int n, const rn_tensor *t, int notes, const rn_tensor_note *note, rn_error *err) {
  for (int i = 0; i < n; i++) {
    RN_CHECK(t[i].type >= 0 && t[i].type <= RN_U8 && t[i].dims >= 0 && t[i].dims <= RN_TENSOR_DIMS, "tensor '%s' has type %d and %d sizes",
             t[i].name, t[i].type, t[i].dims);
    RN_CHECK(t[i].data || count_of(&t[i]) == 0, "tensor '%s' has no data", t[i].name);
  }
  if (!names_differ(path, n, t, err)) return false;

  // larger elements first: every tensor then begins at a multiple of its element
  size_t *begin = rn_new((size_t)n * sizeof *begin), at = 0;
  for (size_t size = 8; size; size /= 2)
    for (int i = 0; i < n; i++) if (rn_type_bytes((rn_type)t[i].type) == size) begin[i] = at, at += bytes_of(&t[i]);
  rn_text header = {0};
  say_header(&header, n, t, begin, notes, note);

  rn_out *out = rn_out_open(path, err);
  if (out) {
    uint8_t length[8];
    for (int i = 0; i < 8; i++) length[i] = (uint8_t)((uint64_t)header.n >> 8 * i);
    rn_out_bytes(out, length, 8), rn_out_bytes(out, header.at, header.n);
    for (size_t size = 8; size; size /= 2)
      for (int i = 0; i < n; i++) if (rn_type_bytes((rn_type)t[i].type) == size) rn_out_bytes(out, t[i].data, bytes_of(&t[i]));
  }
  bool fine = out && rn_out_close(out, err);
  rn_free(header.at), rn_free(begin);
  return fine;
}

//---- reading -------------------------------------------------------------------------------------------------------------------

static const kind *kind_of(const char *word) {
  for (int i = 0; i < RN_COUNT(kinds); i++) if (strcmp(kinds[i].word, word) == 0) return &kinds[i];
  return NULL;
}

// the shape and its number of elements; false when it is no list of sizes or the product overflows
static bool read_shape(const json_t *shape, rn_tensor *t) {
  size_t n = json_array_size(shape);
  if (!json_is_array(shape) || n > RN_TENSOR_DIMS) return false;
  t->dims = (int)n, t->count = 1;
  for (size_t i = 0; i < n; i++) {
    const json_t *size = json_array_get(shape, i);
    t->dim[i] = json_integer_value(size);
    if (!json_is_integer(size) || t->dim[i] < 0 || __builtin_mul_overflow(t->count, t->dim[i], &t->count)) return false;
  }
  return true;
}

static bool read_tensor(const char *path, const char *name, const json_t *entry, const char *data, size_t room, rn_tensor *t, rn_error *err) {
  const char *word = json_string_value(json_object_get(entry, "dtype"));
  const json_t *at = json_object_get(entry, "data_offsets"), *begin = json_array_get(at, 0), *end = json_array_get(at, 1);
  if (!word) return rn_fail(err, "%s: tensor '%s' has no dtype", path, name);
  *t = (rn_tensor){.name = name, .type = RN_NO_TYPE, .stored = word};
  if (!read_shape(json_object_get(entry, "shape"), t))
    return rn_fail(err, "%s: the shape of tensor '%s' is not a list of at most %d sizes whose product fits", path, name, RN_TENSOR_DIMS);
  if (json_array_size(at) != 2 || !json_is_integer(begin) || !json_is_integer(end)) return rn_fail(err, "%s: tensor '%s' has no data_offsets", path, name);
  json_int_t b = json_integer_value(begin), e = json_integer_value(end);
  if (b < 0 || e < b || (uint64_t)e > room)
    return rn_fail(err, "%s: tensor '%s' lies at %lld to %lld, but the file has %zu bytes of data", path, name, (long long)b, (long long)e, room);
  const kind *k = kind_of(word);
  int64_t need = 0;
  // a type that we do not know is listed with its bytes, whatever they mean
  if (k && (__builtin_mul_overflow(t->count, k->bytes, &need) || need != e - b))
    return rn_fail(err, "%s: tensor '%s' has %lld bytes, its shape and type %s make %lld", path, name, (long long)(e - b), word, (long long)need);
  t->type = k ? k->type : RN_NO_TYPE, t->data = data + b, t->bytes = (size_t)(e - b);
  return true;
}

static int by_place(const void *a, const void *b) {
  const rn_tensor *x = *(const rn_tensor *const *)a, *y = *(const rn_tensor *const *)b;
  if (x->data != y->data) return x->data < y->data ? -1 : 1;
  return (x->bytes > y->bytes) - (x->bytes < y->bytes);        // empty ones first
}

static bool read_places(const char *path, const rn_safetensors *s, const char *data, size_t room, rn_error *err) {
  const rn_tensor **t = rn_new((size_t)s->n * sizeof *t);
  const char *at = data;
  bool fine = true;
  for (int i = 0; i < s->n; i++) t[i] = &s->tensor[i];
  qsort(t, (size_t)s->n, sizeof *t, by_place);
  for (int i = 0; fine && i < s->n; i++) {
    if (t[i]->data != at) {
      fine = rn_fail(err, "%s: tensor '%s' begins at byte %lld, the one before it ends at %lld: tensors must meet", path, t[i]->name,
                     (long long)((const char *)t[i]->data - data), (long long)(at - data));
    }
    at += t[i]->bytes;
  }
  if (fine && at != data + room) fine = rn_fail(err, "%s: %lld bytes follow the last tensor", path, (long long)(data + room - at));
  rn_free(t);
  return fine;
}

static int by_tensor_name(const void *a, const void *b, void *s) {
  return strcmp(((rn_safetensors *)s)->tensor[*(const int *)a].name, ((rn_safetensors *)s)->tensor[*(const int *)b].name);
}

static bool read_notes(const char *path, const json_t *notes, rn_error *err) {
  const char *key;
  json_t *value;
  if (!json_is_object(notes)) return rn_fail(err, "%s: __metadata__ is not a map", path);
  json_object_foreach((json_t *)notes, key, value) if (!json_is_string(value)) return rn_fail(err, "%s: __metadata__ '%s' is not a text", path, key);
  return true;
}

static bool read_header(const char *path, rn_safetensors *s, const char *bytes, size_t n, rn_error *err) {
  uint64_t length = 0;
  json_error_t wrong;
  if (n < 8) return rn_fail(err, "%s: %zu bytes are no safetensors file", path, n);
  for (int i = 0; i < 8; i++) length |= (uint64_t)(uint8_t)bytes[i] << 8 * i;
  if (length > HEADER) return rn_fail(err, "%s: no safetensors file, or a header over 100 MB (%llu bytes)", path, (unsigned long long)length);
  if (length > n - 8) return rn_fail(err, "%s: the header has %llu bytes, the file only %zu", path, (unsigned long long)length, n);
  if (length == 0 || bytes[8] != '{') return rn_fail(err, "%s: the header does not begin with '{'", path);
  s->header = json_loadb(bytes + 8, length, JSON_REJECT_DUPLICATES, &wrong);
  if (!s->header) return rn_fail(err, "%s: header, byte %d: %s", path, wrong.position, wrong.text);

  const char *name, *data = bytes + 8 + length;
  size_t room = n - 8 - length;
  json_t *entry;
  s->tensor = rn_new((json_object_size(s->header) + 1) * sizeof *s->tensor);
  json_object_foreach(s->header, name, entry) {
    if (strcmp(name, "__metadata__") == 0 ? !read_notes(path, entry, err) : !read_tensor(path, name, entry, data, room, &s->tensor[s->n++], err))
      return false;
  }
  s->order = rn_new((size_t)(s->n + 1) * sizeof *s->order);
  for (int i = 0; i < s->n; i++) s->order[i] = i;
  qsort_r(s->order, (size_t)s->n, sizeof *s->order, by_tensor_name, s);
  return read_places(path, s, data, room, err);
}

rn_safetensors *rn_safetensors_bytes(const char *path, const void *bytes, size_t n, rn_error *err) {
  rn_safetensors *s = rn_new(sizeof *s);
  if (read_header(path, s, bytes, n, err)) return s;
  rn_safetensors_close(s);
  return NULL;
}

rn_safetensors *rn_load_safetensors(const char *path, rn_error *err) {
  rn_map map;
  if (!rn_map_open(&map, path, 0, err)) return NULL;
  rn_safetensors *s = rn_safetensors_bytes(path, map.at, map.bytes, err);
  if (s) s->map = map;
  else rn_map_close(&map);
  return s;
}

void rn_safetensors_close(rn_safetensors *s) {
  if (!s) return;
  json_decref(s->header);
  rn_map_close(&s->map), rn_free(s->tensor), rn_free(s->order), rn_free(s);
}

int rn_safetensors_count(const rn_safetensors *s) { return s->n; }

const rn_tensor *rn_safetensors_at(const rn_safetensors *s, int i) {
  RN_CHECK(i >= 0 && i < s->n, "tensor %d of %d", i, s->n);
  return &s->tensor[i];
}

const rn_tensor *rn_safetensors_find(const rn_safetensors *s, const char *name) {
  for (int low = 0, high = s->n; low < high;) {
    int middle = (low + high) / 2, side = strcmp(name, s->tensor[s->order[middle]].name);
    if (side == 0) return &s->tensor[s->order[middle]];
    if (side < 0) high = middle;
    else low = middle + 1;
  }
  return NULL;
}

const char *rn_safetensors_note(const rn_safetensors *s, const char *key) {
  return json_string_value(json_object_get(json_object_get(s->header, "__metadata__"), key));
}

//---- as floats -----------------------------------------------------------------------------------------------------------------

static float of_bits(uint32_t bits) { float x; memcpy(&x, &bits, 4); return x; }

static float of_half(uint16_t h) {
  uint32_t sign = (uint32_t)(h >> 15) << 31, exponent = h >> 10 & 31, fraction = h & 1023;
  if (exponent == 31) return of_bits(sign | 0x7f800000u | fraction << 13);
  if (exponent) return of_bits(sign | (exponent + 112) << 23 | fraction << 13);
  float x = (float)fraction * 0x1p-24f;                        // zero and the subnormal ones
  return sign ? -x : x;
}

#define AS(TYPE, expression) \
  for (int64_t i = 0; i < n; i++) { TYPE x; memcpy(&x, at + (size_t)i * sizeof x, sizeof x); out[i] = (expression); } \
  return true

bool rn_tensor_floats(const rn_tensor *t, float *out, rn_error *err) {
  const char *at = t->data, *word = t->stored ? t->stored : rn_type_name((rn_type)t->type);
  int64_t n = count_of(t);
  if (strcmp(word, "F32") == 0) { AS(float, x); }
  if (strcmp(word, "F64") == 0) { AS(double, (float)x); }
  if (strcmp(word, "F16") == 0) { AS(uint16_t, of_half(x)); }
  if (strcmp(word, "BF16") == 0) { AS(uint16_t, of_bits((uint32_t)x << 16)); }
  if (strcmp(word, "I64") == 0) { AS(int64_t, (float)x); }
  if (strcmp(word, "I32") == 0) { AS(int32_t, (float)x); }
  if (strcmp(word, "I16") == 0) { AS(int16_t, (float)x); }
  if (strcmp(word, "I8") == 0) { AS(int8_t, (float)x); }
  if (strcmp(word, "U64") == 0) { AS(uint64_t, (float)x); }
  if (strcmp(word, "U32") == 0) { AS(uint32_t, (float)x); }
  if (strcmp(word, "U16") == 0) { AS(uint16_t, (float)x); }
  if (strcmp(word, "U8") == 0 || strcmp(word, "BOOL") == 0) { AS(uint8_t, (float)x); }
  return rn_fail(err, "tensor '%s' is of type %s, which can't be read as float; F32 F64 F16 BF16, integers and BOOL can", t->name, word);
}
