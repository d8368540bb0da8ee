/* numeric.h - JSON files of numbers, for this floor. */
#ifndef REIN_TABULAR_NUMERIC_H
#define REIN_TABULAR_NUMERIC_H
#include "rein/base.h"

typedef struct rn_numeric rn_numeric;
rn_numeric *rn_numeric_read(const char *path, rn_error *err);            // an object or an array; NULL: err says where and why
rn_numeric *rn_numeric_text(const char *text, const char *where, rn_error *err);
void rn_numeric_free(rn_numeric *j);
bool rn_numeric_has(const rn_numeric *j, const char *key);
/* Nested arrays of finite numbers under `key` (NULL: the whole file): sizes into dim, how deep into *depth (1 .. most; a number alone: 0).
 * Every row must have the same length. Owned by the caller; NULL: refused. */
double *rn_numeric_array(const rn_numeric *j, const char *key, int most, int dim[], int *depth, rn_error *err);
/* Refuses a key that is not in `known` (n of them), naming the nearest. */
bool rn_numeric_only(const rn_numeric *j, int n, const char *const known[], rn_error *err);
#endif
