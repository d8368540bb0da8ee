/* safetensors.h - named tensors in one file: checkpoints, parameters, tables at the border.
 * Format    8 bytes of length, a JSON header, the bytes of the tensors (huggingface/safetensors). Little-endian, row-major. */
#ifndef REIN_SAFETENSORS_H
#define REIN_SAFETENSORS_H
#include "rein/base.h"

enum { RN_TENSOR_DIMS = 8, RN_NO_TYPE = -1 };
typedef struct {
  const char *name;
  int type;                                // rn_type, or RN_NO_TYPE where `stored` is none of ours
  int dims;                                // 0: a scalar
  int64_t dim[RN_TENSOR_DIMS];
  const void *data;                        // row-major; of a foreign file perhaps not aligned: rn_tensor_floats copies
  // filled by the reader, ignored by the writer
  const char *stored;                      // the file's word: "BF16"
  int64_t count;                           // elements
  size_t bytes;
} rn_tensor;
typedef struct { const char *key, *value; } rn_tensor_note;

/* Writes the file whole or not at all (rn_out_*). The same input gives the same bytes: keys in the given order, no time, no path. The data
 * lie in order of falling element size, so each tensor is aligned in a mapped file. Fails on a bad path, a full disk, a doubled name. */
bool rn_safetensors_write(const char *path, int n, const rn_tensor *tensors, int notes, const rn_tensor_note *note, rn_error *err);

/* A file, mapped read-only. Every hostile header is refused with one message: sizes that overflow, overlaps, holes, doubled names, a
 * header over 100 MB or past the file's end. Names, shapes and data live as long as the result. */
typedef struct rn_safetensors rn_safetensors;
rn_safetensors *rn_load_safetensors(const char *path, rn_error *err);                  // NULL and a message
rn_safetensors *rn_safetensors_bytes(const char *path, const void *bytes, size_t n, rn_error *err);   // the same of bytes that the caller keeps
void rn_safetensors_close(rn_safetensors *s);                                          // NULL is fine
int rn_safetensors_count(const rn_safetensors *s);
const rn_tensor *rn_safetensors_at(const rn_safetensors *s, int i);                    // in the order of the header
const rn_tensor *rn_safetensors_find(const rn_safetensors *s, const char *name);       // NULL: none
const char *rn_safetensors_note(const rn_safetensors *s, const char *key);             // of __metadata__; NULL: none

/* All elements as float: F32 F64 F16 BF16, the integers, BOOL. Fails with a message on any other type (F8_E4M3 ...). */
bool rn_tensor_floats(const rn_tensor *t, float *out, rn_error *err);                  // out [count]
#endif
