/* data/hdf5.c - HDF5 logs: D4RL, Minari 0.4 and 0.5, robosuite and robomimic demonstrations; and the writers of the first two. The only file
 * that knows libhdf5. A file is opened as an image in memory: no path is followed, links must be hard, data must lie in the file itself.
 * Source   the layouts as D4RL's reader and Minari 0.4.3 and 0.5.4 write them */
#include "reader.h"
#include <hdf5.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DIMS = 8, LEAVES = 256, NAMES = 1 << 20 };

typedef struct {
  hid_t id;
  int dims;
  hsize_t dim[DIMS];
  int64_t rows, width;
  char kind;                               // f floats, i integers, u one unsigned byte, b enum of FALSE and TRUE
  char name[COLUMN_NAME];
} set;
typedef struct { const foreign *in; hid_t file; sink *out; rn_error *err; uint64_t held; } reader;

//---- the image: our bytes, never copied --------------------------------------------------------------------------------------------------

typedef struct { void *at; size_t n; } image;
static void *image_malloc(size_t n, H5FD_file_image_op_t op, void *u) { (void)op; return n <= ((image *)u)->n ? ((image *)u)->at : NULL; }
static void *image_memcpy(void *to, const void *from, size_t n, H5FD_file_image_op_t op, void *u) {
  (void)op, (void)u;
  return to == from ? to : memcpy(to, from, n);
}
static void *image_realloc(void *p, size_t n, H5FD_file_image_op_t op, void *u) { (void)p, (void)n, (void)op, (void)u; return NULL; }
static herr_t image_free(void *p, H5FD_file_image_op_t op, void *u) { (void)p, (void)op, (void)u; return 0; }
static void *image_copy(void *u) { return u; }
static herr_t image_release(void *u) { (void)u; return 0; }

static hid_t open_image(const char *bytes, size_t n, image *held) {
  H5FD_file_image_callbacks_t own = {image_malloc, image_memcpy, image_realloc, image_free, image_copy, image_release, held};
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  *held = (image){(void *)(uintptr_t)bytes, n};
  H5Pset_fapl_core(access, 1 << 16, 0);
  H5Pset_file_image_callbacks(access, &own);
  H5Pset_file_image(access, held->at, n);
  hid_t file = H5Fopen("/image", H5F_ACC_RDONLY, access);
  H5Pclose(access);
  return file;
}

//---- finding things ------------------------------------------------------------------------------------------------------------------------

static bool there(hid_t at, const char *name) { return H5Lexists(at, name, H5P_DEFAULT) > 0; }

static bool hard(reader *r, hid_t at, const char *name) {
  H5L_info_t info;
  if (H5Lget_info(at, name, &info, H5P_DEFAULT) < 0) return rn_fail(r->err, "%s: has no '%s'", r->in->path, name);
  return info.type == H5L_TYPE_HARD || rn_fail(r->err, "%s: '%s' is a link to elsewhere, which is not followed", r->in->path, name);
}

static H5O_type_t what(hid_t at, const char *name) {
  H5O_info_t info;
  return H5Oget_info_by_name(at, name, &info, H5P_DEFAULT) < 0 ? H5O_TYPE_UNKNOWN : info.type;
}

static hid_t open_group(reader *r, hid_t at, const char *name) {
  if (!hard(r, at, name)) return -1;
  hid_t g = what(at, name) == H5O_TYPE_GROUP ? H5Gopen2(at, name, H5P_DEFAULT) : -1;
  if (g < 0) rn_fail(r->err, "%s: '%s' is no group", r->in->path, name);
  return g;
}

// stored in the file, in ways that HDF5 itself can unpack
static bool plain_storage(reader *r, const set *s) {
  hid_t p = H5Dget_create_plist(s->id);
  bool fine = H5Pget_external_count(p) <= 0 || rn_fail(r->err, "%s: '%s' lies in another file, which is not read", r->in->path, s->name);
  if (fine && H5Pget_layout(p) == H5D_VIRTUAL) fine = rn_fail(r->err, "%s: '%s' is a virtual data set, which is not read", r->in->path, s->name);
  int filters = H5Pget_nfilters(p);
  for (int i = 0; fine && i < filters; i++) {
    unsigned flags;
    size_t none = 0;
    H5Z_filter_t f = H5Pget_filter2(p, (unsigned)i, &flags, &none, NULL, 0, NULL, NULL);
    if (f != H5Z_FILTER_DEFLATE && f != H5Z_FILTER_SHUFFLE && f != H5Z_FILTER_FLETCHER32)
      fine = rn_fail(r->err, "%s: '%s' is packed by filter %d; only gzip, shuffle and fletcher32 are read", r->in->path, s->name, (int)f);
  }
  H5Pclose(p);
  return fine;
}

static bool read_kind(reader *r, set *s, size_t *item) {
  hid_t t = H5Dget_type(s->id);
  H5T_class_t c = H5Tget_class(t);
  *item = H5Tget_size(t);
  s->kind = c == H5T_FLOAT ? 'f' : c == H5T_ENUM ? 'b' : c == H5T_INTEGER ? (*item == 1 && H5Tget_sign(t) == H5T_SGN_NONE ? 'u' : 'i') : 0;
  H5Tclose(t);
  if (s->kind && *item <= 8) return true;
  if (c == H5T_VLEN) return rn_fail(r->err, "%s: '%s' holds images packed as JPEG, which rein does not read; write the data set with jpeg_encoding=False", r->in->path, s->name);
  return rn_fail(r->err, "%s: '%s' holds %s, not numbers", r->in->path, s->name, c == H5T_STRING ? "texts" : c == H5T_COMPOUND ? "structures" : "something else");
}

static void close_set(set *s) { if (s->id > 0) H5Dclose(s->id), s->id = 0; }

static bool open_set(reader *r, hid_t at, const char *name, set *s) {
  size_t item;
  *s = (set){0};
  snprintf(s->name, sizeof s->name, "%s", name);
  if (!hard(r, at, name)) return false;
  s->id = what(at, name) == H5O_TYPE_DATASET ? H5Dopen2(at, name, H5P_DEFAULT) : -1;
  if (s->id < 0) return rn_fail(r->err, "%s: '%s' is no data set that can be read", r->in->path, name);
  hid_t space = H5Dget_space(s->id);
  s->dims = H5Sget_simple_extent_ndims(space);
  bool fine = s->dims >= 1 && s->dims <= DIMS && H5Sget_simple_extent_dims(space, s->dim, NULL) >= 0;
  H5Sclose(space);
  if (!fine) close_set(s);
  if (!fine) return rn_fail(r->err, "%s: '%s' has no rows", r->in->path, name);
  if (!plain_storage(r, s) || !read_kind(r, s, &item)) return close_set(s), false;
  s->width = 1, s->rows = (int64_t)s->dim[0];
  for (int i = 0; fine && i < s->dims; i++) fine = s->dim[i] < (hsize_t)1 << 40 && (i == 0 || !__builtin_mul_overflow(s->width, (int64_t)s->dim[i], &s->width));
  uint64_t bytes = 0;
  fine = fine && s->width <= 1 << 24 && !__builtin_mul_overflow((uint64_t)s->rows, (uint64_t)s->width * item, &bytes) && bytes <= rn_most_bytes(r->in->n) - r->held;
  if (!fine) close_set(s);
  if (!fine) return rn_fail(r->err, "%s: '%s' claims more values than a file of %.1f MiB can mean", r->in->path, name, (double)r->in->n / (1 << 20));
  r->held += bytes;
  return true;
}

// rows [row, row + n) as `type`
static bool read_rows(reader *r, const set *s, int64_t row, int64_t n, hid_t type, void *out) {
  hsize_t from[DIMS] = {(hsize_t)row}, count[DIMS];
  if (s->width == 0 || n == 0) return true;                    // H5Dread refuses sets of no width
  memcpy(count, s->dim, sizeof count), count[0] = (hsize_t)n;
  hid_t file = H5Dget_space(s->id), memory = H5Screate_simple(s->dims, count, NULL);
  bool fine = H5Sselect_hyperslab(file, H5S_SELECT_SET, from, NULL, count, NULL) >= 0 && H5Dread(s->id, type, memory, file, H5P_DEFAULT, out) >= 0;
  H5Sclose(file), H5Sclose(memory);
  return fine || rn_fail(r->err, "%s: '%s' is damaged at rows %lld to %lld", r->in->path, s->name, (long long)row, (long long)(row + n - 1));
}

typedef struct { char (*name)[COLUMN_NAME]; int n, room; } names;
static herr_t add_name(hid_t at, const char *name, const H5L_info_t *info, void *to) {
  names *n = to;
  (void)at, (void)info;
  if (n->n == NAMES || strlen(name) >= COLUMN_NAME) return -1;
  if (n->n == n->room) {
    int room = n->room * 2 + 16;
    n->name = rn_grow(n->name, (size_t)n->room * sizeof *n->name, (size_t)room * sizeof *n->name), n->room = room;
  }
  strcpy(n->name[n->n++], name);
  return 0;
}

// letters first, then numbers as numbers: _index_2 before _index_10
static int by_number(const void *a, const void *b) {
  const char *x = a, *y = b;
  size_t n = strlen(x), m = strlen(y), i = n, j = m;
  while (i && x[i - 1] >= '0' && x[i - 1] <= '9') i--;
  while (j && y[j - 1] >= '0' && y[j - 1] <= '9') j--;
  if (i == j && i < n && j < m && memcmp(x, y, i) == 0 && n != m) return n < m ? -1 : 1;
  return strcmp(x, y);
}

static bool list_names(reader *r, hid_t group, names *n) {
  *n = (names){0};
  if (H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, add_name, n) < 0) return rn_free(n->name), n->name = NULL, rn_fail(r->err, "%s: its list of names is damaged or too long", r->in->path);
  qsort(n->name, (size_t)n->n, sizeof *n->name, by_number);
  return true;
}

//---- attributes --------------------------------------------------------------------------------------------------------------------------

static bool integer_attribute(hid_t at, const char *name, int64_t *x) {
  hid_t a = H5Aexists(at, name) > 0 ? H5Aopen(at, name, H5P_DEFAULT) : -1;
  if (a < 0) return false;
  hid_t space = H5Aget_space(a), type = H5Aget_type(a);
  bool fine = H5Sget_simple_extent_npoints(space) == 1 && H5Tget_class(type) == H5T_INTEGER && H5Aread(a, H5T_NATIVE_INT64, x) >= 0;
  H5Sclose(space), H5Tclose(type), H5Aclose(a);
  return fine;
}

static char *text_attribute(hid_t at, const char *name) {
  hid_t a = H5Aexists(at, name) > 0 ? H5Aopen(at, name, H5P_DEFAULT) : -1;
  char *out = NULL;
  if (a < 0) return NULL;
  hid_t type = H5Aget_type(a), space = H5Aget_space(a);
  if (H5Tget_class(type) == H5T_STRING && H5Sget_simple_extent_npoints(space) == 1) {
    if (H5Tis_variable_str(type) > 0) {
      char *text = NULL;
      if (H5Aread(a, type, &text) >= 0 && text) out = rn_copy_text(text), H5free_memory(text);
    } else if (H5Tget_size(type) < 1 << 24) {
      out = rn_new(H5Tget_size(type) + 1);
      if (H5Aread(a, type, out) < 0) rn_free(out), out = NULL;
    }
  }
  H5Tclose(type), H5Sclose(space), H5Aclose(a);
  return out;
}

//---- D4RL: arrays side by side -----------------------------------------------------------------------------------------------------------

typedef struct { reader *r; flat f; set s[MOST_COLUMNS]; } d4rl;

static bool fetch(void *of, int column, int64_t row, int64_t n, void *out, rn_error *err) {
  d4rl *d = of;
  (void)err;
  static const char *const flags[] = {"terminated", "truncated"};
  rn_type type = d->f.field[column].type;
  bool flag = strcmp(d->f.field[column].name, flags[0]) == 0 || strcmp(d->f.field[column].name, flags[1]) == 0;
  if (flag) {                              // written as enum, byte or float
    float *x = rn_new((size_t)n * sizeof *x);
    bool fine = read_rows(d->r, &d->s[column], row, n, H5T_NATIVE_FLOAT, x);
    for (int64_t i = 0; fine && i < n; i++) ((uint8_t *)out)[i] = x[i] == 0 ? 0 : x[i] == 1 ? 1 : 255;
    rn_free(x);
    return fine;
  }
  return read_rows(d->r, &d->s[column], row, n, type == RN_F32 ? H5T_NATIVE_FLOAT : type == RN_I32 ? H5T_NATIVE_INT32 : H5T_NATIVE_UCHAR, out);
}

static int add_array(d4rl *d, hid_t at, const char *name, const char *as, bool one) {
  int c = d->f.n;
  set *s = &d->s[c];
  if (!open_set(d->r, at, name, s)) return -1;
  if (d->f.n == 0) d->f.rows = s->rows;
  d->f.n++;
  if (s->rows != d->f.rows) return rn_fail(d->r->err, "%s: '%s' has %lld rows, '%s' %lld: ragged", d->r->in->path, name, (long long)s->rows, d->s[0].name, (long long)d->f.rows), -1;
  if (one && s->width != 1) return rn_fail(d->r->err, "%s: '%s' has width %lld, should be 1", d->r->in->path, name, (long long)s->width), -1;
  bool flag = strcmp(as, "terminated") == 0 || strcmp(as, "truncated") == 0, state = strcmp(as, "obs") == 0 || strcmp(as, "next") == 0;
  rn_type type = flag || (state && s->kind == 'u') ? RN_U8 : strcmp(as, "act") == 0 && s->kind != 'f' ? RN_I32 : RN_F32;
  d->f.field[c] = (rn_field){as, type, (int)s->width, NULL};
  return c;
}

static const char *known_name(hid_t at, int m) {
  for (int i = 0; i < 6 && rn_synonyms[m][i]; i++) if (there(at, rn_synonyms[m][i])) return rn_synonyms[m][i];
  return NULL;
}

// what stands beside: infos/qpos and the like, of one row a step
static bool add_infos(d4rl *d, names *kept) {
  hid_t g = open_group(d->r, d->r->file, "infos");
  if (g < 0 || !list_names(d->r, g, kept)) return false;
  bool fine = true;
  for (int i = 0; fine && i < kept->n && d->f.n < MOST_COLUMNS; i++) {
    char *name = kept->name[i];
    set s;
    if (!hard(d->r, g, name)) { fine = false; break; }
    rn_error ignored = {0}, *was = d->r->err;
    if (what(g, name) != H5O_TYPE_DATASET) continue;
    d->r->err = &ignored;                  // texts and other things are left where they are
    bool numbers = open_set(d->r, g, name, &s);
    d->r->err = was;
    if (!numbers) continue;
    bool fits = s.rows == d->f.rows && s.width > 0 && strlen(name) + 6 < COLUMN_NAME;
    close_set(&s);
    if (!fits) continue;
    char longer[COLUMN_NAME + 8];
    snprintf(longer, sizeof longer, "infos/%s", name);
    fine = add_array(d, g, name, "", false) >= 0;
    strcpy(name, longer);                  // the field's name lives as long as the list
    d->f.field[d->f.n - 1].name = name;
  }
  H5Gclose(g);
  return fine;
}

static bool read_d4rl(reader *r) {
  static const char *const as[] = {"obs", "act", "reward", "terminated", "truncated", "next"};
  d4rl *d = rn_new(sizeof *d);
  names infos = {0};
  int at[6];
  bool fine = true;
  d->r = r;
  for (int m = 0; fine && m < 6; m++) {
    const char *name = known_name(r->file, m);
    at[m] = name ? add_array(d, r->file, name, as[m], m >= AS_REWARD && m <= AS_TRUNCATED) : -1;
    fine = !name || at[m] >= 0;
  }
  if (fine && at[AS_NEXT] >= 0 && (d->s[at[AS_NEXT]].width != d->s[0].width || d->f.field[at[AS_NEXT]].type != d->f.field[0].type))
    fine = rn_fail(r->err, "%s: the next observations have another width or type than the observations", r->in->path);
  if (fine && there(r->file, "infos")) fine = add_infos(d, &infos);
  d->f.sent = d->f.n, d->f.obs = 0, d->f.next = at[AS_NEXT], d->f.terminated = at[AS_TERMINATED], d->f.truncated = at[AS_TRUNCATED], d->f.episode = -1;
  d->f.fetch = fetch, d->f.of = d;
  fine = fine && rn_send_flat(r->in, &d->f, r->out, r->err);
  for (int i = 0; i < d->f.n; i++) close_set(&d->s[i]);
  rn_free(infos.name), rn_free(d);
  return fine;
}

//---- episodes in groups: Minari and demonstrations ---------------------------------------------------------------------------------------

typedef struct { set s[LEAVES]; int n; int64_t rows, width; bool bytes, whole; } leaves;

static void close_leaves(leaves *l) {
  for (int i = 0; i < l->n; i++) close_set(&l->s[i]);
  l->n = 0;
}

// a data set, or all below a group in the order of names: what a Dict or Tuple space becomes
static bool add_leaves(reader *r, hid_t at, const char *name, int depth, leaves *l) {
  if (!hard(r, at, name)) return false;
  if (what(at, name) != H5O_TYPE_GROUP) {
    if (l->n == LEAVES) return rn_fail(r->err, "%s: '%s' has more than %d parts", r->in->path, name, LEAVES);
    set *s = &l->s[l->n];
    if (!open_set(r, at, name, s)) return false;
    l->n++;
    if (l->n > 1 && s->rows != l->rows) return rn_fail(r->err, "%s: '%s' has %lld rows, its neighbour %lld: ragged", r->in->path, name, (long long)s->rows, (long long)l->rows);
    l->rows = s->rows, l->width += s->width, l->bytes = (l->n == 1 || l->bytes) && s->kind == 'u', l->whole = (l->n == 1 || l->whole) && s->kind != 'f';
    return l->width <= 1 << 24 || rn_fail(r->err, "%s: '%s' is too wide", r->in->path, name);
  }
  if (depth == 8) return rn_fail(r->err, "%s: '%s' is nested more than 8 times", r->in->path, name);
  names inner = {0};
  hid_t g = open_group(r, at, name);
  bool fine = g >= 0 && list_names(r, g, &inner);
  for (int i = 0; fine && i < inner.n; i++) fine = add_leaves(r, g, inner.name[i], depth + 1, l);
  rn_free(inner.name);
  if (g >= 0) H5Gclose(g);
  return fine;
}

// equal JPEGs are stored as rows of bytes: their first three bytes tell
static bool no_images(reader *r, const leaves *l) {
  for (int i = 0; i < l->n; i++) {
    uint8_t *row;
    const set *s = &l->s[i];
    if (s->kind != 'u' || s->dims != 2 || s->width < 100 || s->rows == 0) continue;
    row = rn_new((size_t)s->width);
    bool fine = read_rows(r, s, 0, 1, H5T_NATIVE_UCHAR, row);
    if (fine && row[0] == 0xff && row[1] == 0xd8 && row[2] == 0xff)
      fine = rn_fail(r->err, "%s: '%s' holds images packed as JPEG, which rein does not read; write the data set with jpeg_encoding=False", r->in->path, s->name);
    rn_free(row);
    if (!fine) return false;
  }
  return true;
}

// rows [0, n) of all leaves side by side as `type`
static void *read_leaves(reader *r, const leaves *l, int64_t n, rn_type type) {
  hid_t as = type == RN_U8 ? H5T_NATIVE_UCHAR : type == RN_I32 ? H5T_NATIVE_INT32 : H5T_NATIVE_FLOAT;
  size_t item = rn_type_bytes(type), row = item * (size_t)l->width, at = 0;
  char *out = rn_new((size_t)n * row), *part = l->n > 1 ? rn_new((size_t)n * row) : out;
  bool fine = true;
  for (int i = 0; fine && i < l->n; i++) {
    size_t w = item * (size_t)l->s[i].width;
    fine = read_rows(r, &l->s[i], 0, n, as, part);
    for (int64_t k = 0; fine && part != out && k < n; k++) memcpy(out + (size_t)k * row + at, part + (size_t)k * w, w);
    at += w;
  }
  if (part != out) rn_free(part);
  if (!fine) rn_free(out), out = NULL;
  return out;
}

enum { OBS, ACT, REWARD, TERMINATED, TRUNCATED, PARTS };
typedef struct {
  reader *r;
  bool started, first_choice;
  int64_t width[PARTS], start;             // widths of the first episode; 0: absent. start: the number of the first choice
  rn_type type[PARTS];
  leaves part[PARTS];
} episodes;

static const char *const part_names[PARTS] = {"obs", "act", "reward", "terminated", "truncated"};

static bool open_parts(episodes *e, hid_t g, const char *episode, const char *const path[PARTS]) {
  reader *r = e->r;
  for (int p = 0; p < PARTS; p++) {
    leaves *l = &e->part[p];
    *l = (leaves){0};
    if (!path[p]) continue;
    if (!add_leaves(r, g, path[p], 0, l)) return false;
    if (!no_images(r, l)) return false;
    if (p >= REWARD && l->width != 1) return rn_fail(r->err, "%s: %s/%s has width %lld, should be 1", r->in->path, episode, path[p], (long long)l->width);
  }
  return true;
}

static bool start_table(episodes *e, const char *episode) {
  rn_field f[PARTS];
  int n = 0;
  for (int p = 0; p < PARTS; p++) {
    leaves *l = &e->part[p];
    rn_type type = p == OBS ? (l->bytes ? RN_U8 : RN_F32) : p == ACT ? (l->whole ? RN_I32 : RN_F32) : p == REWARD ? RN_F32 : RN_U8;
    if (!e->started) e->width[p] = l->n ? l->width : 0, e->type[p] = type;
    else if (e->width[p] != (l->n ? l->width : 0) || (l->n && e->type[p] != type))
      return rn_fail(e->r->err, "%s: %s: %s has width %lld or another type than in the first episode (width %lld)", e->r->in->path, episode, part_names[p],
                     (long long)(l->n ? l->width : 0), (long long)e->width[p]);
    if (e->width[p]) f[n++] = (rn_field){part_names[p], e->type[p], (int)e->width[p], NULL};
  }
  if (e->width[OBS] == 0) return rn_fail(e->r->err, "%s: %s has no observation of any width", e->r->in->path, episode);
  if (!e->started) rn_sink_columns(e->r->out, n, f);
  return e->started = true;
}

// the steps of one episode; `more`: one observation more than steps follows
static bool send_episode(episodes *e, const char *episode, int64_t steps, bool more, bool ended) {
  reader *r = e->r;
  void *column[PARTS] = {0}, *sent[PARTS];
  int n = 0, end = ended ? RN_END_TRUNCATED : RN_END_CUT;
  bool fine = true;
  for (int p = 0; fine && p < PARTS; p++) {
    leaves *l = &e->part[p];
    if (!e->width[p]) continue;
    if (l->rows != steps + (p == OBS && more)) fine = rn_fail(r->err, "%s: %s: %s has %lld rows, should have %lld: ragged", r->in->path, episode, part_names[p],
                                                               (long long)l->rows, (long long)(steps + (p == OBS && more)));
    if (fine && p >= TERMINATED) {
      float *x = read_leaves(r, l, steps, RN_F32);
      uint8_t *flag = column[p] = rn_new((size_t)steps);
      fine = x != NULL;
      for (int64_t k = 0; fine && k < steps; k++) flag[k] = x[k] == 0 ? 0 : x[k] == 1 ? 1 : 255;
      if (fine && flag[steps - 1]) end = p == TERMINATED || end == RN_END_TERMINATED ? RN_END_TERMINATED : RN_END_TRUNCATED;
      rn_free(x);
    } else if (fine) fine = (column[p] = read_leaves(r, l, l->rows, e->type[p])) != NULL;
    if (fine && p == ACT && e->start && e->type[p] == RN_I32) for (int64_t k = 0; k < steps; k++) ((int32_t *)column[p])[k] -= (int32_t)e->start;
    sent[n++] = column[p];
  }
  if (fine) {
    rn_sink_rows(r->out, steps, (const void *const *)sent);
    float *last = more ? rn_new((size_t)e->width[OBS] * sizeof *last) : NULL;
    for (int64_t k = 0; more && k < e->width[OBS]; k++) {
      int64_t at = steps * e->width[OBS] + k;
      last[k] = e->type[OBS] == RN_U8 ? ((const uint8_t *)column[OBS])[at] : ((const float *)column[OBS])[at];
    }
    rn_sink_end(r->out, end, last, (int)e->width[OBS]);
    rn_free(last);
  }
  for (int p = 0; p < PARTS; p++) rn_free(column[p]);
  return fine;
}

//---- Minari --------------------------------------------------------------------------------------------------------------------------------

static bool flatten(const rn_json *j, float *out, int n, int *at) {
  if (j->kind == JSON_NUMBER) return *at < n ? (out[(*at)++] = (float)j->number, true) : false;
  for (int i = 0; i < j->n; i++) if (!flatten(&j->item[i], out, n, at)) return false;
  return j->kind == JSON_LIST;
}

// the space's own JSON, held in a text: {"type": "Box", "low": [..], "high": [..]} or {"type": "Discrete", "n": 3, "start": 0}
static bool read_space(episodes *e, const char *text, float **low, float **high, int64_t *n, int *width) {
  rn_json j;
  char *place = rn_printed("%s: action_space", e->r->in->path);
  bool fine = rn_json_read(place, text, strlen(text), &j, e->r->err);
  rn_free(place);
  if (!fine) return false;
  const char *type = rn_json_text(&j, "type");
  const rn_json *a = rn_json_get(&j, "low"), *b = rn_json_get(&j, "high"), *count = rn_json_get(&j, "n"), *start = rn_json_get(&j, "start");
  if (type && strcmp(type, "Box") == 0 && a && b) {
    enum { MOST = 65536 };
    int i = 0, k = 0;
    *low = rn_new(MOST * sizeof **low), *high = rn_new(MOST * sizeof **high);
    fine = flatten(a, *low, MOST, &i) && flatten(b, *high, MOST, &k) && i == k;
    *width = i;
    if (!fine) rn_fail(e->r->err, "%s: the action space's low and high do not have one shape", e->r->in->path);
  } else if (type && strcmp(type, "Discrete") == 0 && count && count->whole && count->integer > 0 && count->integer < 1 << 24) {
    *n = count->integer, e->start = start && start->whole && llabs(start->integer) < 1 << 24 ? start->integer : 0;
  }
  rn_json_free(&j);
  return fine;
}

static char *about_text(reader *r, const rn_json *meta, const char *key) {
  const char *text = rn_json_text(meta, key);
  return text ? rn_copy_text(text) : text_attribute(r->file, key);
}

static void say_env(reader *r, const rn_json *meta) {
  char *spec = about_text(r, meta, "env_spec");
  rn_error ignored = {0};
  rn_json j;
  if (spec && rn_json_read("", spec, strlen(spec), &j, &ignored)) {
    if (rn_json_text(&j, "id")) rn_sink_say(r->out, 'e', rn_json_text(&j, "id"));
    rn_json_free(&j);
  }
  rn_free(spec);
}

static bool read_minari(reader *r) {
  static const char *const path[PARTS] = {"observations", "actions", "rewards", "terminations", "truncations"};
  episodes *e = rn_new(sizeof *e);
  rn_json meta = {0};
  int64_t total = 0, choices = 0;
  float *low = NULL, *high = NULL;
  int width = 0;
  e->r = r;
  bool fine = !r->in->meta || rn_json_read("metadata.json", r->in->meta, r->in->meta_n, &meta, r->err);
  const rn_json *n = rn_json_get(&meta, "total_episodes");
  if (fine && n && n->whole) total = n->integer;
  else if (fine && !integer_attribute(r->file, "total_episodes", &total)) while (total < NAMES) {
    char name[32];
    snprintf(name, sizeof name, "episode_%lld", (long long)total);
    if (!there(r->file, name)) break;
    total++;
  }
  char *space = fine ? about_text(r, &meta, "action_space") : NULL;
  fine = fine && (!space || read_space(e, space, &low, &high, &choices, &width));
  if (fine && (total < 1 || total > (int64_t)1 << 40)) fine = rn_fail(r->err, "%s: has %lld episodes", r->in->path, (long long)total);
  // by number: a listing gives 0, 1, 10, 11, 2
  for (int64_t i = 0; fine && i < total; i++) {
    char name[32];
    snprintf(name, sizeof name, "episode_%lld", (long long)i);
    if (!there(r->file, name)) { fine = rn_fail(r->err, "%s: has %lld episodes by its description, but no '%s'", r->in->path, (long long)total, name); break; }
    hid_t g = open_group(r, r->file, name);
    fine = g >= 0 && open_parts(e, g, name, path) && start_table(e, name) && (e->part[REWARD].rows > 0 || rn_fail(r->err, "%s: %s has no steps", r->in->path, name)) &&
           send_episode(e, name, e->part[REWARD].rows, true, false);
    for (int p = 0; p < PARTS; p++) close_leaves(&e->part[p]);
    if (g >= 0) H5Gclose(g);
  }
  if (fine && low && width == e->width[ACT]) rn_sink_bounds(r->out, width, low, high);
  if (fine && choices && e->type[ACT] == RN_I32) rn_sink_choices(r->out, (int)choices);
  if (fine) say_env(r, &meta);
  rn_json_free(&meta), rn_free(space), rn_free(low), rn_free(high), rn_free(e);
  return fine;
}

//---- demonstrations: robosuite, robomimic --------------------------------------------------------------------------------------------------

static bool read_demos(reader *r) {
  static const char *const beside[] = {"joint_velocities", "gripper_actuations", "right_dpos", "right_dquat", "left_dpos", "left_dquat"};
  episodes *e = rn_new(sizeof *e);
  names list = {0};
  hid_t data = open_group(r, r->file, "data");
  bool fine = data >= 0 && list_names(r, data, &list), actions = false, others = false;
  int demos = 0;
  e->r = r;
  for (int i = 0; fine && i < list.n; i++) {
    const char *name = list.name[i];
    if (strncmp(name, "demo_", 5) != 0) continue;
    hid_t g = open_group(r, data, name);
    const char *path[PARTS] = {NULL};
    if (g >= 0) {
      path[OBS] = there(g, "obs") ? "obs" : "states", path[ACT] = there(g, "actions") ? "actions" : NULL;
      path[REWARD] = there(g, "rewards") ? "rewards" : NULL, path[TERMINATED] = there(g, "dones") ? "dones" : NULL;
      for (int k = 0; k < RN_COUNT(beside); k++) others = others || there(g, beside[k]);
    }
    actions = actions || path[ACT];
    fine = g >= 0 && open_parts(e, g, name, path) && start_table(e, name) && (e->part[OBS].rows > 0 || rn_fail(r->err, "%s: %s has no rows", r->in->path, name)) &&
           send_episode(e, name, e->part[OBS].rows, false, true);
    for (int p = 0; p < PARTS; p++) close_leaves(&e->part[p]);
    if (g >= 0) H5Gclose(g);
    demos++;
  }
  if (fine && demos == 0) fine = rn_fail(r->err, "%s: 'data' holds no demo_1, demo_2, ...", r->in->path);
  if (fine) {
    char *env = text_attribute(data, "env");
    if (env) rn_sink_say(r->out, 'e', env);
    if (!actions) rn_sink_say(r->out, 's', others ? "states only: joint_velocities and what else lies beside them are not taken as actions" : "states only: the file has no actions");
    rn_free(env);
  }
  rn_free(list.name);
  if (data >= 0) H5Gclose(data);
  rn_free(e);
  return fine;
}

//---- which layout --------------------------------------------------------------------------------------------------------------------------

static bool unknown(reader *r) {
  names list = {0};
  rn_text found = {0};
  if (!list_names(r, r->file, &list)) return false;
  for (int i = 0; i < list.n && found.n < 1000; i++) rn_say_text(&found, "%s%s", i ? ", " : "", list.name[i]);
  rn_fail(r->err, "%s: is neither D4RL (observations, actions) nor Minari (episode_0) nor demonstrations (data/demo_1); it holds %s", r->in->path, found.at ? found.at : "nothing");
  rn_free(found.at), rn_free(list.name);
  return false;
}

bool rn_read_hdf5(const foreign *in, sink *out, rn_error *err) {
  image held;
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  H5PLset_loading_state(0);                                    // no plugins
  reader r = {.in = in, .out = out, .err = err, .file = open_image(in->bytes, in->n, &held)};
  if (r.file < 0) return rn_fail(err, "%s: is no HDF5 file, or is damaged or cut short", in->path);
  int64_t total;
  bool fine = in->meta || there(r.file, "episode_0") || integer_attribute(r.file, "total_episodes", &total) ? read_minari(&r)
              : there(r.file, "data") ? read_demos(&r) : known_name(r.file, AS_OBS) && known_name(r.file, AS_ACT) ? read_d4rl(&r) : unknown(&r);
  H5Fclose(r.file);
  return fine;
}

//---- writing: made in memory, then put in place whole ---------------------------------------------------------------------------------------

static hid_t new_file(void) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  H5Pset_fapl_core(access, 1 << 22, 0);
  hid_t file = H5Fcreate("image", H5F_ACC_TRUNC, H5P_DEFAULT, access);
  H5Pclose(access);
  return file;
}

static bool keep_file(hid_t file, bool fine, const char *path, rn_error *err) {
  fine = fine && H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0;
  ssize_t n = fine ? H5Fget_file_image(file, NULL, 0) : -1;
  char *bytes = n > 0 ? rn_new((size_t)n) : NULL;
  fine = bytes && H5Fget_file_image(file, bytes, (size_t)n) == n;
  H5Fclose(file);
  fine = fine ? rn_write_file(path, bytes, (size_t)n, err) : rn_fail_as(err, RN_SYSTEM, "%s: the HDF5 library can't make the file", path);
  rn_free(bytes);
  return fine;
}

static hid_t flag_type(void) {
  hid_t t = H5Tenum_create(H5T_NATIVE_INT8);
  int8_t no = 0, yes = 1;
  H5Tenum_insert(t, "FALSE", &no), H5Tenum_insert(t, "TRUE", &yes);
  return t;
}

// [rows] or [rows, width] of `stored`, given as `given`
static bool write_set(hid_t at, const char *name, int64_t rows, int width, bool flat, hid_t stored, hid_t given, const void *x) {
  hsize_t dim[2] = {(hsize_t)rows, (hsize_t)width};
  hid_t space = H5Screate_simple(flat ? 1 : 2, dim, NULL), how = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(how, 0);                              // the same table gives the same bytes
  hid_t s = H5Dcreate2(at, name, stored, space, H5P_DEFAULT, how, H5P_DEFAULT);
  bool fine = s >= 0 && (rows * (flat ? 1 : width) == 0 || H5Dwrite(s, given, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
  if (s >= 0) H5Dclose(s);
  H5Sclose(space), H5Pclose(how);
  return fine;
}

static hid_t native(rn_type t) {
  return t == RN_F32 ? H5T_NATIVE_FLOAT : t == RN_F64 ? H5T_NATIVE_DOUBLE : t == RN_I32 ? H5T_NATIVE_INT32 : t == RN_I64 ? H5T_NATIVE_INT64 : H5T_NATIVE_UCHAR;
}

// rows of a table in order, contiguous even where a live table wraps round; owned by the caller
static void *rows_of(const rn_table *t, const column *c, int64_t first, int64_t n) {
  char *out = rn_new((size_t)n * c->bytes);
  for (int64_t r = 0; r < n; r++) memcpy(out + (size_t)r * c->bytes, c->at + (size_t)rn_slot_of(t, first + r) * c->bytes, c->bytes);
  return out;
}

static bool write_next(hid_t file, const rn_table *t, int64_t n) {
  int w = rn_table_width(t, "next");
  float *x = rn_new((size_t)n * (size_t)w * sizeof *x);
  bool known = w > 0;
  for (int64_t r = 0; known && r < n; r++) {
    int64_t row = rn_table_first(t) + r;
    known = rn_table_has_next(t, row);
    if (known) rn_gather(t, "next", 1, &row, x + r * w);
  }
  bool fine = !known || write_set(file, "next_observations", n, w, false, H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, x);
  rn_free(x);
  return fine;
}

// timeouts as D4RL means them: an episode ends here though its task does not
static bool write_timeouts(hid_t file, const rn_table *t, int64_t n) {
  uint8_t *x = rn_new((size_t)n);
  const column *c = rn_column_of(t, "truncated");
  for (int64_t r = 0; c && r < n; r++) x[r] = ((const uint8_t *)c->at)[rn_slot_of(t, rn_table_first(t) + r)];
  for (int64_t e = 0; e < t->episodes; e++) if (t->episode[e].end == RN_END_TRUNCATED) x[t->episode[e].first + t->episode[e].length - 1] = 1;
  bool fine = write_set(file, "timeouts", n, 1, true, H5T_NATIVE_UCHAR, H5T_NATIVE_UCHAR, x);
  rn_free(x);
  return fine;
}

bool rn_write_d4rl(const rn_table *t, const char *path, rn_error *err) {
  static const struct { const char *own, *theirs; bool flat; } map[] = {{"obs", "observations", false}, {"act", "actions", false}, {"reward", "rewards", true}, {"terminated", "terminals", true}};
  int64_t n = rn_table_rows(t);
  if (!rn_column_of(t, "obs") || !rn_column_of(t, "act")) return rn_fail(err, "%s: a D4RL file needs the columns obs and act", path);
  hid_t file = new_file(), infos = -1;
  bool fine = file >= 0;
  for (int i = 0; fine && i < t->n; i++) {
    const column *c = &t->c[i];
    const char *name = c->name;
    int k = 0;
    while (k < RN_COUNT(map) && strcmp(map[k].own, name) != 0) k++;
    bool known = k < RN_COUNT(map);
    if (!known && (strcmp(name, "truncated") == 0 || strcmp(name, "next") == 0)) continue;
    if (!known && strncmp(name, "infos/", 6) == 0) name += 6;
    if (!known && infos < 0) infos = H5Gcreate2(file, "infos", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    void *x = rows_of(t, c, rn_table_first(t), n);
    fine = write_set(known ? file : infos, known ? map[k].theirs : name, n, c->width, known && map[k].flat, native(c->type), native(c->type), x);
    rn_free(x);
  }
  if (infos >= 0) H5Gclose(infos);
  fine = fine && write_timeouts(file, t, n) && write_next(file, t, n);
  return keep_file(file, fine, path, err);
}

static bool write_integer(hid_t at, const char *name, int64_t x) {
  hid_t space = H5Screate(H5S_SCALAR), a = H5Acreate2(at, name, H5T_NATIVE_INT64, space, H5P_DEFAULT, H5P_DEFAULT);
  bool fine = a >= 0 && H5Awrite(a, H5T_NATIVE_INT64, &x) >= 0;
  if (a >= 0) H5Aclose(a);
  H5Sclose(space);
  return fine;
}

// steps of an episode that can be written: its last row is left out where neither an end nor what followed is known
static int64_t steps_of(const rn_table *t, const rn_episode *e) { return e->length - !rn_table_has_next(t, e->first + e->length - 1); }

static bool write_flags(hid_t g, const rn_table *t, const rn_episode *e, int64_t steps, bool terminated) {
  int8_t *x = rn_new((size_t)steps);
  hid_t type = flag_type();
  x[steps - 1] = terminated ? e->end == RN_END_TERMINATED : e->end != RN_END_TERMINATED;
  bool fine = write_set(g, terminated ? "terminations" : "truncations", steps, 1, true, type, type, x);
  (void)t;
  H5Tclose(type), rn_free(x);
  return fine;
}

static bool write_episode(hid_t file, const rn_table *t, const rn_episode *e, int64_t number, int64_t steps) {
  const column *obs = rn_column_of(t, "obs"), *act = rn_column_of(t, "act"), *reward = rn_column_of(t, "reward");
  char name[32];
  snprintf(name, sizeof name, "episode_%lld", (long long)number);
  hid_t g = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  if (g < 0) return false;
  bool whole = steps == e->length;
  float *x = rn_new((size_t)(steps + 1) * (size_t)obs->width * sizeof *x);
  double *r = rn_new((size_t)steps * sizeof *r);
  int64_t *rows = rn_new((size_t)(steps + 1) * sizeof *rows), end = e->first + e->length - 1, *pick = rn_new((size_t)steps * sizeof *pick);
  for (int64_t k = 0; k <= steps; k++) rows[k] = RN_MIN(e->first + k, end);
  rn_gather(t, "obs", (int)(steps + 1), rows, x);
  if (whole) rn_gather(t, "next", 1, &end, x + steps * obs->width);
  for (int64_t k = 0; reward && k < steps; k++) r[k] = rn_value_of(reward, e->first + k, 0);
  hid_t as = obs->type == RN_U8 ? H5T_NATIVE_UCHAR : H5T_NATIVE_FLOAT;
  bool fine = write_set(g, "observations", steps + 1, obs->width, false, as, H5T_NATIVE_FLOAT, x) && write_set(g, "rewards", steps, 1, true, H5T_NATIVE_DOUBLE, H5T_NATIVE_DOUBLE, r);
  if (act->type == RN_I32 && act->width == 1) {
    for (int64_t k = 0; k < steps; k++) pick[k] = (int64_t)rn_value_of(act, e->first + k, 0);
    fine = fine && write_set(g, "actions", steps, 1, true, H5T_NATIVE_INT64, H5T_NATIVE_INT64, pick);
  } else fine = fine && write_set(g, "actions", steps, act->width, false, native(act->type), native(act->type), act->at + (size_t)e->first * act->bytes);
  fine = fine && write_flags(g, t, e, steps, true) && write_flags(g, t, e, steps, false);
  hid_t infos = H5Gcreate2(g, "infos", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  fine = fine && infos >= 0 && write_integer(g, "id", number) && write_integer(g, "total_steps", steps) && write_integer(g, "seed", 0);
  if (infos >= 0) H5Gclose(infos);
  H5Gclose(g), rn_free(x), rn_free(r), rn_free(rows), rn_free(pick);
  return fine;
}

static void say_bound(rn_text *out, float x) { rn_say_text(out, isinf(x) ? (x < 0 ? "-Infinity" : "Infinity") : "%.9g", x); }

// a Box of one dimension, as Gymnasium spells it; without bounds it is all numbers
static void say_box(rn_text *out, int width, const float *low, const float *high, bool bytes) {
  rn_say_text(out, "{\"type\": \"Box\", \"dtype\": \"%s\", \"shape\": [%d]", bytes ? "uint8" : "float32", width);
  for (int side = 0; side < 2; side++) {
    rn_say_text(out, side ? ", \"high\": [" : ", \"low\": [");
    for (int k = 0; k < width; k++) {
      const float *x = side ? high : low;
      if (k) rn_say_text(out, ", ");
      say_bound(out, x ? x[k] : bytes ? (side ? 255 : 0) : side ? INFINITY : -INFINITY);
    }
    rn_say_text(out, "]");
  }
  rn_say_text(out, "}");
}

static void say_metadata(const rn_table *t, rn_text *out, int64_t episodes, int64_t steps) {
  const column *obs = rn_column_of(t, "obs"), *act = rn_column_of(t, "act");
  rn_text o = {0}, a = {0};
  say_box(&o, obs->width, NULL, NULL, obs->type == RN_U8);
  if (t->about.choices) rn_say_text(&a, "{\"type\": \"Discrete\", \"dtype\": \"int64\", \"start\": 0, \"n\": %d}", t->about.choices);
  else say_box(&a, act->width, t->low, t->high, false);
  rn_say_text(out, "{\"total_episodes\": %lld, \"total_steps\": %lld, \"data_format\": \"hdf5\", \"jpeg_encoding\": false, \"observation_space\": ", (long long)episodes, (long long)steps);
  rn_say_json(out, o.at), rn_say_text(out, ", \"action_space\": "), rn_say_json(out, a.at);
  if (t->env) {
    char *spec = rn_printed("{\"id\": \"%s\"}", t->env);
    rn_say_text(out, ", \"rein_env\": "), rn_say_json(out, spec), rn_free(spec);
  }
  rn_say_text(out, ", \"dataset_id\": \"rein/export-v0\", \"algorithm_name\": \"\", \"description\": \"written by rein " REIN_VERSION "\", \"minari_version\": \"0.5.4\"}\n");
  rn_free(o.at), rn_free(a.at);
}

bool rn_write_minari(const rn_table *t, const char *folder, rn_error *err) {
  char *data = rn_printed("%s/data", folder), *path = rn_printed("%s/main_data.hdf5", data), *about = rn_printed("%s/metadata.json", data);
  int64_t episodes = 0, steps = 0;
  bool fine = (rn_column_of(t, "obs") && rn_column_of(t, "act")) || rn_fail(err, "%s: a Minari data set needs the columns obs and act", folder);
  fine = fine && (t->episodes > 0 || rn_fail(err, "%s: a Minari data set is made of episodes, and the table marks none", folder)) && rn_make_folder(data, err);
  if (fine) {
    hid_t file = new_file();
    bool made = file >= 0;
    for (int64_t e = 0; made && e < t->episodes; e++) {
      int64_t n = steps_of(t, &t->episode[e]);
      if (n > 0) made = write_episode(file, t, &t->episode[e], episodes++, n), steps += n;
    }
    fine = keep_file(file, made, path, err);
  }
  if (fine) {
    rn_text text = {0};
    say_metadata(t, &text, episodes, steps);
    fine = rn_write_file(about, text.at, text.n, err), rn_free(text.at);
  }
  rn_free(data), rn_free(path), rn_free(about);
  return fine;
}
