/* data/npz.c - NumPy archives: a zip file of .npy members, stored or deflated. The only file that knows zlib. Objects are never unpickled.
 * Source   PKWARE's APPNOTE (central directory, zip64); NumPy's format versions 1 to 3; `imitation`'s trajectory archives */
#include "reader.h"
#include <math.h>
#include <string.h>
#include <zlib.h>

enum { MEMBERS = 512, DIMS = 8 };
typedef struct {
  char name[COLUMN_NAME];
  bool deflated;
  uint32_t crc;
  uint64_t packed, size, at;               // bytes in the file, unpacked, where the local header lies
  // once loaded
  char *bytes, *data;
  char kind;                               // b i u f; 0: nothing that we read
  int item, dims;
  bool fortran, swapped;
  int64_t dim[DIMS], width;                // width: product of all sizes but the first
} member;
typedef struct { const foreign *in; member m[MEMBERS]; int n; rn_text skipped; rn_error *err; } archive;

static uint64_t little(const char *at, int bytes) {
  uint64_t x = 0;
  for (int i = 0; i < bytes; i++) x |= (uint64_t)(uint8_t)at[i] << 8 * i;
  return x;
}

static bool wrong(archive *a, const char *name, const char *what) { return rn_fail(a->err, "%s: %s%s%s", a->in->path, name, *name ? ": " : "", what); }

//---- the zip file --------------------------------------------------------------------------------------------------------------------

// sizes that do not fit 32 bits stand in the extra field 1, in this order, each only if its short form is all ones
static bool wide_sizes(member *m, const char *extra, size_t n) {
  while (n >= 4) {
    size_t id = little(extra, 2), length = little(extra + 2, 2);
    if (length > n - 4) return false;
    if (id == 1) {
      uint64_t *field[] = {&m->size, &m->packed, &m->at};
      const char *at = extra + 4, *end = at + length;
      for (int i = 0; i < 3; i++) {
        if (*field[i] != 0xffffffff) continue;
        if (end - at < 8) return false;
        *field[i] = little(at, 8), at += 8;
      }
      return true;
    }
    extra += 4 + length, n -= 4 + length;
  }
  return m->size != 0xffffffff && m->packed != 0xffffffff && m->at != 0xffffffff;
}

static bool read_entry(archive *a, const char **at, const char *end) {
  const char *e = *at;
  if (end - e < 46 || little(e, 4) != 0x02014b50) return wrong(a, "", "the zip directory is damaged");
  size_t name = little(e + 28, 2), extra = little(e + 30, 2), comment = little(e + 32, 2);
  if ((size_t)(end - e) < 46 + name + extra + comment) return wrong(a, "", "the zip directory is damaged");
  *at = e + 46 + name + extra + comment;
  if (name < 5 || memcmp(e + 46 + name - 4, ".npy", 4) != 0) return true;      // a folder or another kind of file
  if (a->n == MEMBERS || name - 4 >= COLUMN_NAME) return wrong(a, "", "more than 512 arrays, or a name of more than 95 letters");
  member *m = &a->m[a->n];
  *m = (member){.deflated = little(e + 10, 2) == 8, .crc = (uint32_t)little(e + 16, 4), .packed = little(e + 20, 4), .size = little(e + 24, 4), .at = little(e + 42, 4)};
  for (size_t i = 0; i < name - 4; i++) m->name[i] = (unsigned char)e[46 + i] < 0x20 ? '?' : e[46 + i];
  if (little(e + 8, 2) & 1) return wrong(a, m->name, "is encrypted");
  if (!m->deflated && little(e + 10, 2) != 0) return wrong(a, m->name, "is packed in a way that NumPy does not use");
  if (!wide_sizes(m, e + 46 + name, extra)) return wrong(a, m->name, "has damaged sizes");
  for (int i = 0; i < a->n; i++) if (strcmp(a->m[i].name, m->name) == 0) return wrong(a, m->name, "is there twice");
  a->n++;
  return true;
}

static bool read_directory(archive *a) {
  const char *bytes = a->in->bytes;
  size_t n = a->in->n, at = n;
  bool found = false;
  for (size_t back = 22; !found && back <= n && back <= 22 + 65535; back++) found = little(bytes + n - back, 4) == 0x06054b50, at = n - back;
  if (!found) return wrong(a, "", "is cut short: the zip directory at its end is missing");
  uint64_t count = little(bytes + at + 10, 2), size = little(bytes + at + 12, 4), start = little(bytes + at + 16, 4);
  if ((count == 0xffff || size == 0xffffffff || start == 0xffffffff) && at >= 20 && little(bytes + at - 20, 4) == 0x07064b50) {
    uint64_t wide = little(bytes + at - 12, 8);
    if (wide > n || n - wide < 56 || little(bytes + wide, 4) != 0x06064b50) return wrong(a, "", "the zip directory is damaged");
    count = little(bytes + wide + 32, 8), size = little(bytes + wide + 40, 8), start = little(bytes + wide + 48, 8);
  }
  if (start > at || size > at - start) return wrong(a, "", "the zip directory is damaged");
  const char *e = bytes + start, *end = e + size;
  for (uint64_t i = 0; i < count; i++) if (!read_entry(a, &e, end)) return false;
  return a->n > 0 || wrong(a, "", "holds no array");
}

static bool unpack(archive *a, member *m) {
  const char *bytes = a->in->bytes;
  size_t n = a->in->n;
  if (m->at > n || n - m->at < 30 || little(bytes + m->at, 4) != 0x04034b50) return wrong(a, m->name, "lies outside the file");
  uint64_t from = m->at + 30 + little(bytes + m->at + 26, 2) + little(bytes + m->at + 28, 2), held = 0;
  if (from > n || m->packed > n - from) return wrong(a, m->name, "is cut short");
  for (int i = 0; i < a->n; i++) held += a->m[i].bytes ? a->m[i].size : 0;
  if (m->size > rn_most_bytes(n) || held > rn_most_bytes(n) - m->size)
    return rn_fail(a->err, "%s: %s unpacks to %.1f GiB, too much for a file of %.1f MiB", a->in->path, m->name, (double)m->size / (1 << 30), (double)n / (1 << 20));
  if (!m->deflated && m->packed != m->size) return wrong(a, m->name, "has damaged sizes");
  m->bytes = rn_new(m->size + 1);
  if (!m->deflated) memcpy(m->bytes, bytes + from, m->size);
  else {
    // zlib counts in 32 bits: pieces
    z_stream z = {0};
    uint64_t in = 0, out = 0;
    int state = inflateInit2(&z, -15);
    while (state == Z_OK && (in < m->packed || z.avail_in || out < m->size)) {
      if (!z.avail_in) z.next_in = (Bytef *)(uintptr_t)(bytes + from + in), z.avail_in = (uInt)RN_MIN(m->packed - in, 1u << 30), in += z.avail_in;
      uInt room = (uInt)RN_MIN(m->size + 1 - out, 1u << 30);
      z.next_out = (Bytef *)m->bytes + out, z.avail_out = room;
      state = inflate(&z, Z_NO_FLUSH), out += room - z.avail_out;
      if (out > m->size || (room == z.avail_out && !z.avail_in && in == m->packed)) break;
    }
    inflateEnd(&z);
    if (state != Z_STREAM_END || out != m->size) return wrong(a, m->name, "is damaged: it does not unpack to its size");
  }
  uint32_t crc = (uint32_t)crc32(0, NULL, 0);
  for (uint64_t i = 0; i < m->size; i += 1u << 30) crc = (uint32_t)crc32(crc, (const Bytef *)m->bytes + i, (uInt)RN_MIN(m->size - i, 1u << 30));
  return crc == m->crc || wrong(a, m->name, "is damaged: its checksum differs");
}

//---- arrays --------------------------------------------------------------------------------------------------------------------------

// 'descr': '<f4'   kind 0: an object, text, a structure
static bool read_type(member *m, const char *header) {
  const char *at = strstr(header, "'descr'");
  if (!at || !(at = strchr(at + 7, ':'))) return false;
  for (at++; *at == ' '; at++) {}
  m->kind = 0;
  if (*at != '\'') return true;                                // a list: a structure
  char order = at[1], kind = at[2];
  int item = 0;
  for (at += 3; *at >= '0' && *at <= '9' && item < 1000; at++) item = item * 10 + *at - '0';
  if (*at != '\'') return true;                                // dates with units
  bool fits = (kind == 'f' && (item == 2 || item == 4 || item == 8)) || (kind == 'b' && item == 1) ||
              ((kind == 'i' || kind == 'u') && (item == 1 || item == 2 || item == 4 || item == 8));
  m->kind = fits && strchr("<>|=", order) ? kind : 0, m->item = item, m->swapped = order == '>' && item > 1;
  return true;
}

static bool read_shape(member *m, const char *header) {
  const char *at = strstr(header, "'shape'"), *order = strstr(header, "'fortran_order'");
  if (!at || !(at = strchr(at, '(')) || !order || !(order = strchr(order, ':'))) return false;
  while (*++order == ' ') {}
  m->fortran = strncmp(order, "True", 4) == 0;
  if (!m->fortran && strncmp(order, "False", 5) != 0) return false;
  for (at++;; at++) {
    while (*at == ' ' || *at == ',') at++;
    if (*at == ')') return true;
    int64_t size = 0;
    const char *from = at;
    for (; *at >= '0' && *at <= '9'; at++) if (__builtin_mul_overflow(size, 10, &size) || __builtin_add_overflow(size, *at - '0', &size)) return false;
    if (at == from || m->dims == DIMS) return false;
    m->dim[m->dims++] = size, at--;
  }
}

static bool read_array(archive *a, member *m) {
  if (m->size < 10 || memcmp(m->bytes, "\x93NUMPY", 6) != 0) return wrong(a, m->name, "is no .npy array");
  int version = m->bytes[6];
  size_t start = version == 1 ? 10 : 12, length = m->size >= start ? little(m->bytes + 8, version == 1 ? 2 : 4) : 0;
  if (version < 1 || version > 3 || m->size < start || length > m->size - start || length > 1 << 20) return wrong(a, m->name, "is no .npy array of version 1 to 3");
  char *header = rn_new(length + 1);
  memcpy(header, m->bytes + start, length);
  bool fine = (read_type(m, header) && read_shape(m, header)) || wrong(a, m->name, "has a header that says no type or shape");
  rn_free(header);
  int64_t count = 1;
  m->width = 1;
  for (int i = 0; fine && i < m->dims; i++)
    if (__builtin_mul_overflow(count, m->dim[i], &count) || (i && __builtin_mul_overflow(m->width, m->dim[i], &m->width))) fine = wrong(a, m->name, "has a shape that overflows");
  m->data = m->bytes + start + length;
  uint64_t need = 0;
  if (fine && m->kind && (__builtin_mul_overflow((uint64_t)count, (uint64_t)m->item, &need) || need != m->size - start - length))
    fine = wrong(a, m->name, "has more or fewer bytes than its shape");
  return fine;
}

static member *find(archive *a, const char *name) {
  for (int i = 0; i < a->n; i++) if (strcmp(a->m[i].name, name) == 0) return &a->m[i];
  return NULL;
}

// the array, unpacked once; NULL and a message, or NULL alone where it holds objects or texts
static member *load(archive *a, const char *name) {
  member *m = find(a, name);
  if (!m) return NULL;
  if (!m->bytes && (!unpack(a, m) || !read_array(a, m))) return NULL;
  if (m->kind) return m;
  rn_say_text(&a->skipped, "%s%s (objects or texts, not read)", a->skipped.n ? ", " : "", name);
  return NULL;
}

static double half(uint16_t h) {
  int exponent = h >> 10 & 31, fraction = h & 1023;
  double x = exponent == 31 ? (fraction ? NAN : INFINITY) : exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
  return h >> 15 ? -x : x;
}

static double value(const member *m, int64_t row, int64_t k) {
  int64_t i = row * m->width + k;
  if (m->fortran) {                        // first index fastest
    int64_t stride = m->dims ? m->dim[0] : 1, rest = m->width;
    i = row;
    for (int d = 1; d < m->dims; d++) rest /= m->dim[d], i += k / rest % m->dim[d] * stride, stride *= m->dim[d];
  }
  char b[8] = {0};
  memcpy(b, m->data + (size_t)i * (size_t)m->item, (size_t)m->item);
  for (int l = 0; m->swapped && l < m->item / 2; l++) { char c = b[l]; b[l] = b[m->item - 1 - l], b[m->item - 1 - l] = c; }
  uint64_t x = little(b, m->item);
  if (m->kind == 'f') {
    float f;
    double d;
    if (m->item == 2) return half((uint16_t)x);
    return m->item == 4 ? memcpy(&f, b, 4), (double)f : (memcpy(&d, b, 8), d);
  }
  if (m->kind == 'i' && m->item < 8 && x >> (8 * m->item - 1)) return (double)((int64_t)x - ((int64_t)1 << 8 * m->item));
  return m->kind == 'i' ? (double)(int64_t)x : (double)x;
}

static int64_t rows_of(const member *m) { return m->dims ? m->dim[0] : 1; }

//---- the layouts ---------------------------------------------------------------------------------------------------------------------

typedef struct { archive *a; flat f; const member *part[MOST_COLUMNS][64]; int parts[MOST_COLUMNS]; } npz;

static bool fetch(void *of, int column, int64_t row, int64_t n, void *out, rn_error *err) {
  const npz *z = of;
  rn_type type = z->f.field[column].type;
  size_t i = 0;
  (void)err;
  for (int64_t r = row; r < row + n; r++)
    for (int p = 0; p < z->parts[column]; p++)
      for (int64_t k = 0; k < z->part[column][p]->width; k++, i++) {
        double x = value(z->part[column][p], r, k);
        if (type == RN_F32) ((float *)out)[i] = (float)x;
        else if (type == RN_I32) ((int32_t *)out)[i] = fabs(x) < 1 << 30 ? (int32_t)x : -1;
        else if (type == RN_I64) ((int64_t *)out)[i] = fabs(x) < 1e18 ? (int64_t)x : 0;
        else ((uint8_t *)out)[i] = x == (uint8_t)x ? (uint8_t)x : 255;
      }
  return true;
}

// one column of the table, of one or several arrays side by side
static bool add_column(npz *z, const char *as, int n, const member *const part[], bool flag, rn_error *err) {
  int c = z->f.n++;
  int64_t width = 0;
  bool bytes = true, whole = true;
  for (int p = 0; p < n; p++) {
    const member *m = part[p];
    if (z->f.rows < 0) z->f.rows = rows_of(m);
    if (rows_of(m) != z->f.rows)
      return rn_fail(err, "%s: %s has %lld rows, %s %lld: ragged", z->a->in->path, m->name, (long long)rows_of(m), z->part[0][0]->name, (long long)z->f.rows);
    width += m->width, bytes = bytes && m->kind == 'u' && m->item == 1, whole = whole && m->kind != 'f', z->part[c][p] = m;
  }
  if (width > 1 << 24) return rn_fail(err, "%s: %s is %lld values wide", z->a->in->path, as, (long long)width);
  bool one = flag || strcmp(as, "reward") == 0 || strcmp(as, "episode") == 0;
  if (one && width != 1) return rn_fail(err, "%s: %s has width %lld, should be 1", z->a->in->path, part[0]->name, (long long)width);
  rn_type type = flag ? RN_U8 : strcmp(as, "episode") == 0 ? RN_I64 : strcmp(as, "act") == 0 && whole ? RN_I32
                                                      : (strcmp(as, "obs") == 0 || strcmp(as, "next") == 0) && bytes ? RN_U8 : RN_F32;
  z->f.field[c] = (rn_field){as, type, (int)width, NULL}, z->parts[c] = n;
  return true;
}

static bool add_named(npz *z, const char *as, int n, const char *const names[], bool flag, rn_error *err) {
  const member *part[64];
  if (n > 64) return rn_fail(err, "%s: more than 64 arrays for %s", z->a->in->path, as);
  for (int i = 0; i < n; i++) {
    part[i] = load(z->a, names[i]);
    if (part[i]) continue;
    if (find(z->a, names[i])) return rn_fail(err, "%s: %s holds objects or texts, not numbers", z->a->in->path, names[i]);
    rn_text found = {0};
    for (int k = 0; k < z->a->n; k++) rn_say_text(&found, "%s%s", k ? ", " : "", z->a->m[k].name);
    rn_fail(err, "%s: has no array '%s'; it has %s", z->a->in->path, names[i], found.at);
    rn_free(found.at);
    return false;
  }
  return n == 0 || add_column(z, as, n, part, flag, err);
}

static const char *const as_names[MEANINGS] = {"obs", "act", "reward", "terminated", "truncated", "next", "episode"};

static bool add_asked(npz *z, const rn_columns *c, rn_error *err) {
  const struct { int n; const char *const *names; } many[MEANINGS] = {{c->n_obs, c->obs}, {c->n_act, c->act}, {c->reward != NULL, &c->reward},
    {c->terminated != NULL, &c->terminated}, {c->truncated != NULL, &c->truncated}, {c->n_next, c->next}, {c->episode != NULL, &c->episode}};
  for (int m = 0; m < MEANINGS; m++) if (!add_named(z, as_names[m], many[m].n, many[m].names, m == AS_TERMINATED || m == AS_TRUNCATED, err)) return false;
  return true;
}

static const char *known_name(archive *a, int m) {
  for (int i = 0; i < 6 && rn_synonyms[m][i]; i++) if (find(a, rn_synonyms[m][i])) return rn_synonyms[m][i];
  return NULL;
}

static bool add_known(npz *z, rn_error *err) {
  for (int m = 0; m < MEANINGS; m++) {
    const char *name = known_name(z->a, m);
    if (name && !add_named(z, as_names[m], 1, &name, m == AS_TERMINATED || m == AS_TRUNCATED, err)) return false;
  }
  return true;
}

static int place_of(const flat *f, const char *name) {
  for (int i = 0; i < f->n; i++) if (strcmp(f->field[i].name, name) == 0) return i;
  return -1;
}

static bool send_arrays(npz *z, sink *out, rn_error *err) {
  flat *f = &z->f;
  f->obs = place_of(f, "obs"), f->next = place_of(f, "next"), f->terminated = place_of(f, "terminated");
  f->truncated = place_of(f, "truncated"), f->episode = place_of(f, "episode"), f->fetch = fetch, f->of = z;
  f->sent = f->episode >= 0 ? f->n - 1 : f->n;                 // episode comes last
  if (f->next >= 0 && (f->field[f->next].width != f->field[f->obs].width || f->field[f->next].type != f->field[f->obs].type))
    return rn_fail(err, "%s: the next observations have another width or type than the observations", z->a->in->path);
  return rn_send_flat(z->a->in, f, out, err);
}

// trajectories of `imitation`: obs has one row more an episode, `indices` says where acts are cut, `terminal` is one flag an episode
static bool send_imitation(archive *a, sink *out, rn_error *err) {
  const char *rewards = find(a, "rews") ? "rews" : "rewards";
  const member *obs = load(a, "obs"), *act = load(a, "acts"), *cut = load(a, "indices"), *terminal = load(a, "terminal"), *rew = load(a, rewards);
  if (err->code) return false;
  if (!obs || !act || !cut || !terminal) return rn_fail(err, "%s: obs, acts, indices or terminal hold objects, not numbers", a->in->path);
  int64_t episodes = rows_of(cut) + 1, rows = rows_of(act), from = 0;
  if (cut->dims == 1 && cut->dim[0] == 0) episodes = 1;
  if (rows_of(obs) != rows + episodes) return rn_fail(err, "%s: obs has %lld rows; %lld acts in %lld trajectories need %lld", a->in->path, (long long)rows_of(obs), (long long)rows, (long long)episodes, (long long)(rows + episodes));
  if (rows_of(terminal) != episodes || terminal->width != 1 || (rew && (rows_of(rew) != rows || rew->width != 1)) || cut->width != 1)
    return rn_fail(err, "%s: terminal, indices or rews do not have the number of trajectories or steps", a->in->path);
  if (obs->width > 1 << 24 || act->width > 1 << 24) return rn_fail(err, "%s: obs or acts are too wide", a->in->path);
  bool choice = act->kind != 'f' && act->width == 1, bytes = obs->kind == 'u' && obs->item == 1;
  npz z = {.a = a, .f = {.rows = rows}};
  z.f.field[0] = (rn_field){"obs", bytes ? RN_U8 : RN_F32, (int)obs->width, NULL}, z.part[0][0] = obs, z.parts[0] = 1;
  z.f.field[1] = (rn_field){"act", choice ? RN_I32 : RN_F32, (int)act->width, NULL}, z.part[1][0] = act, z.parts[1] = 1;
  z.f.field[2] = (rn_field){"terminated", RN_U8, 1, NULL};
  z.f.field[3] = (rn_field){"reward", RN_F32, 1, NULL}, z.part[3][0] = rew, z.parts[3] = rew != NULL;
  rn_sink_columns(out, rew ? 4 : 3, z.f.field);
  for (int64_t e = 0; e < episodes; e++) {
    double at = e + 1 < episodes ? value(cut, e, 0) : (double)rows;
    if (!(at > (double)from && at <= (double)rows)) return rn_fail(err, "%s: indices row %lld is %g: trajectories must have steps and follow each other", a->in->path, (long long)e, at);
    int64_t to = (int64_t)at, n = to - from;
    void *column[4];
    for (int c = 0; c < 4; c++) column[c] = rn_new((size_t)n * rn_type_bytes(z.f.field[c].type) * (size_t)z.f.field[c].width);
    float *last = rn_new((size_t)obs->width * sizeof *last);
    bool ended = value(terminal, e, 0) != 0;
    fetch(&z, 0, from + e, n, column[0], err), fetch(&z, 1, from, n, column[1], err);
    ((uint8_t *)column[2])[n - 1] = ended;
    if (rew) fetch(&z, 3, from, n, column[3], err);
    for (int64_t k = 0; k < obs->width; k++) last[k] = (float)value(obs, to + e, k);
    rn_sink_rows(out, n, (const void *const *)column), rn_sink_end(out, ended ? RN_END_TERMINATED : RN_END_TRUNCATED, last, (int)obs->width);
    for (int c = 0; c < 4; c++) rn_free(column[c]);
    rn_free(last), from = to;
  }
  return true;
}

static bool unknown(archive *a, rn_error *err) {
  rn_text found = {0};
  for (int i = 0; i < a->n && found.n < 1200; i++) {
    member *m = load(a, a->m[i].name);
    if (err->code) return rn_free(found.at), false;
    rn_say_text(&found, "%s%s", i ? ", " : "", a->m[i].name);
    for (int d = 0; m && d < m->dims; d++) rn_say_text(&found, d ? ", %lld%s" : " [%lld%s", (long long)m->dim[d], d + 1 == m->dims ? "]" : "");
    rn_free(a->m[i].bytes), a->m[i].bytes = NULL, a->m[i].dims = 0;
  }
  rn_fail(err, "%s: nothing says what is what in the arrays %s; say it with columns: {obs: [..], act: [..], reward: .., terminated: .., truncated: .., episode: ..}",
          a->in->path, found.at);
  rn_free(found.at);
  return false;
}

bool rn_read_npz(const foreign *in, sink *out, rn_error *err) {
  archive *a = rn_new(sizeof *a);
  npz *z = rn_new(sizeof *z);
  a->in = in, a->err = err, z->a = a, z->f.rows = -1;
  bool fine = read_directory(a);
  if (fine && in->columns && !in->columns->automatic) fine = add_asked(z, in->columns, err) && (place_of(&z->f, "obs") == 0 || rn_fail(err, "%s: columns name no obs", in->path)) && send_arrays(z, out, err);
  else if (fine && find(a, "obs") && find(a, "acts") && find(a, "indices") && find(a, "terminal")) fine = send_imitation(a, out, err);
  else if (fine && known_name(a, AS_OBS) && known_name(a, AS_ACT)) fine = add_known(z, err) && send_arrays(z, out, err);
  else if (fine) fine = unknown(a, err);
  fine = fine && !err->code;
  for (int i = 0; fine && i < a->n; i++) {
    if (!a->m[i].bytes) rn_say_text(&a->skipped, "%s%s (not used)", a->skipped.n ? ", " : "", a->m[i].name);
  }
  if (fine && a->skipped.n) {
    char *said = rn_printed("left out: %s", a->skipped.at);
    rn_sink_say(out, 's', said), rn_free(said);
  }
  for (int i = 0; i < a->n; i++) rn_free(a->m[i].bytes);
  rn_free(a->skipped.at), rn_free(a), rn_free(z);
  return fine;
}
