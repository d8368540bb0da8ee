/* Any bytes from the reader's pipe are a table, or one message. */
#include "format.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) { return fuzz_frames(bytes, n), 0; }
