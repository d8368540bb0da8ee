/* json.h - JSON files of numbers, for this floor. */
#ifndef REIN_TABULAR_JSON_H
#define REIN_TABULAR_JSON_H
#include "rein/base.h"

typedef struct rn_json rn_json;
rn_json *rn_json_read(const char *path, rn_error *err);            // an object or an array; NULL: err says where and why
rn_json *rn_json_text(const char *text, const char *where, rn_error *err);
void rn_json_free(rn_json *j);
bool rn_json_has(const rn_json *j, const char *key);
/* Nested arrays of finite numbers under `key` (NULL: the whole file): sizes into dim, how deep into *depth (1 .. most; a number alone: 0).
 * Every row must have the same length. Owned by the caller; NULL: refused. */
double *rn_json_numbers(const rn_json *j, const char *key, int most, int dim[], int *depth, rn_error *err);
/* Refuses a key that is not in `known` (n of them), naming the nearest. */
bool rn_json_only(const rn_json *j, int n, const char *const known[], rn_error *err);
#endif
