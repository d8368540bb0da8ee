/* Any bytes are csv, or one message. */
#include "format.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) { return fuzz_reader(rn_read_csv, bytes, n); }
