/* Any bytes are a safetensors file, or one message; every tensor of a file can be read to its last byte. */
#include "rein/safetensors.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  rn_error err = {0};
  char *copy = n ? memcpy(rn_new(n), bytes, n) : rn_new(1);
  rn_safetensors *s = rn_safetensors_bytes("fuzz", copy, n, &err);
  if (!s && !*err.text) abort();
  for (int i = 0; s && i < rn_safetensors_count(s); i++) {
    const rn_tensor *t = rn_safetensors_at(s, i);
    rn_error ignored = {0};
    if (rn_safetensors_find(s, t->name) != t) abort();
    float *x = rn_new(t->bytes * 4 + 4);
    if (t->bytes && rn_hash(t->data, t->bytes, 0) == 1) abort();
    rn_tensor_floats(t, x, &ignored);
    rn_free(x);
  }
  rn_safetensors_close(s), rn_free(copy);
  return 0;
}
