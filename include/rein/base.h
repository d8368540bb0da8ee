/* base.h - what every floor stands on: errors, ranges of memory, random keys, threads, files, text, and the run's state.
 *
 * Errors. A wrong input of the user is a message that is returned: a function that can fail takes an rn_error and answers false. A bug
 * of ours (a shape that does not meet) is fatal. No function here exits for a user's mistake. */
#ifndef REIN_BASE_H
#define REIN_BASE_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define RN_COUNT(a) ((int)(sizeof(a) / sizeof *(a)))
#define RN_MIN(a, b) ((a) < (b) ? (a) : (b))
#define RN_MAX(a, b) ((a) > (b) ? (a) : (b))
#define RN_PRINTF(f, a) __attribute__((format(printf, f, a)))

//---- errors --------------------------------------------------------------------------------------------------------------------

/* What stopped a command; the value is the process's exit code. */
typedef enum { RN_OK = 0, RN_UNMET = 1, RN_INPUT = 2, RN_NUMBERS = 3, RN_SYSTEM = 4, RN_BUG = 70, RN_INTERRUPTED = 130, RN_TERMINATED = 143 } rn_code;
typedef struct { rn_code code; char text[3072]; } rn_error;          // text: one message, no newline at its end

/* Fill `err` and answer false. rn_fail: the user's input is wrong (exit 2); rn_fail_as: another class, RN_NUMBERS or RN_SYSTEM.
 * The text says where (file:line:column, row, key), what is wrong, and what would be right. The first message stays. */
bool rn_fail(rn_error *err, const char *format, ...) RN_PRINTF(2, 3);
bool rn_fail_as(rn_error *err, rn_code code, const char *format, ...) RN_PRINTF(3, 4);

/* A bug: prints the message and exits with 70. Stands in every build. `rn_on_fatal` sets a handler that is called with the message
 * first; it may jump away (a test's way out), and must not return to the run: when it returns the process ends. */
#define RN_CHECK(cond, ...) ((cond) ? (void)0 : rn_fatal(__func__, __VA_ARGS__))
_Noreturn void rn_fatal(const char *function, const char *format, ...) RN_PRINTF(2, 3);
void rn_on_fatal(void (*handler)(const char *message, void *context), void *context);

/* The place in a system's file that is running: set by the macros of site.h, read by messages ("called from iql.c:30"). */
extern _Thread_local const char *rn_site;

//---- memory --------------------------------------------------------------------------------------------------------------------

/* Memory outside updates: zeroed, counted, never NULL (out of memory ends the process with 4). rn_free(NULL) is allowed. */
void *rn_new(size_t bytes);
void *rn_grow(void *old, size_t old_bytes, size_t bytes);      // the new part is zeroed
void rn_free(void *memory);
char *rn_copy_text(const char *text);
long rn_allocations(void);                                     // how often rn_new and rn_grow were called, for tests

/* A range of addresses, reserved once and made writable as it grows. Taking is a pointer's advance; nothing is freed singly.
 * A full range ends the process with 4, naming itself, the size asked for and the place. */
typedef struct rn_range rn_range;
rn_range *rn_range_new(const char *name, size_t limit);        // limit in bytes; the reservation is halved until the kernel grants it
void rn_range_free(rn_range *range);
void *rn_take(rn_range *range, size_t bytes);                  // 64-byte aligned, *not* zeroed
size_t rn_range_used(const rn_range *range);                   // bytes, a place for rn_range_rewind
void rn_range_rewind(rn_range *range, size_t used);            // everything taken after `used` is gone
size_t rn_range_high(const rn_range *range);                   // most bytes ever in use
bool rn_range_limit(rn_range *range, size_t limit);            // lowers the limit (--mem); false when more is in use

//---- random keys ---------------------------------------------------------------------------------------------------------------

/* A random stream is a key, not a state: the same key gives the same numbers on any thread, in any order, after any resume.
 * Philox4x32-10 (Salmon et al. 2011): cipher key = mix(seed, purpose), counter = {draw, at, unit low, unit high}. `draw` advances by
 * one for each block of four 32-bit words and is not part of who the key is. */
#ifndef RN_KEY
#define RN_KEY                                                 // rein/env.h, which stands alone, says the same
typedef struct { uint64_t seed, purpose, unit; uint32_t at, draw; } rn_key;
#endif
rn_key rn_key_new(uint64_t seed, const char *purpose, uint64_t unit, uint64_t at);
void rn_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
void rn_key_cipher(const rn_key *key, uint32_t out[2]);        // the cipher key, for bulk generators
uint64_t rn_bits(rn_key *key);                                 // 64 random bits
float rn_uniform(rn_key *key, float from, float to);           // [from, to)
double rn_uniform64(rn_key *key);                              // [0, 1), 53 bits
double rn_normal64(rn_key *key);                               // standard normal (double libm: env, tasks, tests; updates use math.h)
int64_t rn_below(rn_key *key, int64_t n);                      // 0 .. n-1, without bias

//---- threads -------------------------------------------------------------------------------------------------------------------

/* One pool for the process. fn(context, part) runs once for each part, 0 .. parts-1; parts are dealt by index, so what a part computes
 * cannot depend on the number of threads. Returns when all are done. Nested calls run on the caller. */
void rn_threads_set(int threads);                              // 1 at first; 0: one a core
int rn_threads(void);
void rn_parallel(int parts, void (*fn)(void *context, int part), void *context);

//---- text ----------------------------------------------------------------------------------------------------------------------

typedef struct { char *at; size_t n, room; } rn_text;          // always ends with 0; zero-initialise; rn_free(t.at)
void rn_say_text(rn_text *t, const char *format, ...) RN_PRINTF(2, 3);
void rn_say_bytes(rn_text *t, const void *bytes, size_t n);
void rn_say_json(rn_text *t, const char *string);              // quoted and escaped
char *rn_printed(const char *format, ...) RN_PRINTF(1, 2);     // owned by the caller
const char *rn_nearest(const char *word, int n, const char *const names[]);   // "did you mean": NULL when nothing is near
uint64_t rn_hash(const void *bytes, size_t n, uint64_t seed);  // XXH3, 64 bits
bool rn_number(const char *text, double *out);                 // the whole text is a finite or infinite number; locale does not matter

//---- files: every call that can fail outside goes through these, so that tests can make each fail -----------------------------------

/* RN_FAULT=n in the environment makes the n-th call below (or rn_new) fail as the kernel would. */
bool rn_read_file(const char *path, char **bytes, size_t *n, rn_error *err);         // ends with an extra 0; owned by the caller
bool rn_write_file(const char *path, const void *bytes, size_t n, rn_error *err);    // atomic: temporary, fsync, rename, fsync of the folder
bool rn_make_folder(const char *path, rn_error *err);                                // with its parents; present is fine
bool rn_remove(const char *path, rn_error *err);                                     // a file; absent is fine
bool rn_exists(const char *path);
long rn_file_size(const char *path);                                                 // -1 when there is none
/* Streams that are written piece by piece and take their name when closed. rn_out_close reports any earlier failure of a piece. */
typedef struct rn_out rn_out;
rn_out *rn_out_open(const char *path, rn_error *err);
void rn_out_bytes(rn_out *out, const void *bytes, size_t n);
bool rn_out_close(rn_out *out, rn_error *err);                 // frees `out`; on failure nothing is left behind
void rn_out_abandon(rn_out *out);
/* The file is cut (or filled with zeros) to `at` bytes, then these follow; on disk when it returns. Made when absent. */
bool rn_append_at(const char *path, long at, const void *bytes, size_t n, rn_error *err);
/* A mapped file. Shared and writable when `bytes` > 0 (made or enlarged to that size), read-only when 0. */
typedef struct { void *at; size_t bytes; } rn_map;
bool rn_map_open(rn_map *map, const char *path, size_t bytes, rn_error *err);
bool rn_map_sync(const rn_map *map, size_t from, size_t to, rn_error *err);          // written to disk when it returns
void rn_map_close(rn_map *map);
/* A folder in use: held until the process ends. Fails naming the process that holds it. */
bool rn_lock_folder(const char *folder, rn_error *err);

//---- the run and its state -----------------------------------------------------------------------------------------------------

typedef struct rn_run rn_run;                                  // opaque: base owns its memory, run/ fills it
typedef enum { RN_F32, RN_F64, RN_I32, RN_I64, RN_U8 } rn_type;
size_t rn_type_bytes(rn_type type);
const char *rn_type_name(rn_type type);                        // "F32", as safetensors writes it
#ifdef RN_DOUBLE
typedef double rn_real;
#define RN_REAL RN_F64
#else
typedef float rn_real;
#define RN_REAL RN_F32                                         // the type of parameters and of vectors beside them
#endif

rn_run *rn_run_new(uint64_t seed, size_t memory);              // memory: limit in bytes for all that the run holds, 0: none
void rn_run_free(rn_run *run);
uint64_t rn_run_seed(const rn_run *run);
rn_range *rn_run_range(rn_run *run);                           // memory of the run's life: handles, names, shapes

/* Memory that lives as long as the run and is part of every checkpoint: [count] elements of `type`, zero at first.
 * The only way to get memory that outlives an update, so nothing that changes can go unsaved. Holds no pointers.
 * Fatal when the name is taken. On a resumed run the contents are those of the checkpoint when build returns. */
void *rn_state(rn_run *run, rn_type type, size_t count, const char *name, ...) RN_PRINTF(4, 5);
/* The same for memory that the run's range already holds: a slice of a block under a name of its own. */
void rn_state_at(rn_run *run, rn_type type, size_t count, void *data, const char *name, ...) RN_PRINTF(5, 6);
/* Memory that outlives an update and is *not* saved: an index, a sampler's table. Filled by a phase's `open`, at each entry and each
 * resume, from sources and state only. A second call with the same name gives the same memory, enlarged if need be. */
void *rn_derived(rn_run *run, size_t bytes, const char *name);
/* The registry, for checkpoints: entry i in the order of creation; false past the last. dims: shape that files show, n of them. */
typedef struct { const char *name; rn_type type; size_t count; void *data; int dims; int64_t dim[4]; } rn_entry;
bool rn_state_entry(const rn_run *run, int i, rn_entry *out);
bool rn_state_find(const rn_run *run, const char *name, rn_entry *out);
void rn_state_shape(rn_run *run, const char *name, int dims, const int64_t *dim);
uint64_t rn_state_hash(const rn_run *run);                     // of all names, types and bytes

rn_key rn_key_of(const rn_run *run, const char *purpose, uint64_t unit, uint64_t at);   // unit: row, prompt, cell; at: step, token

/* A figure for the log of the present update ("loss.q"); the last value of an update counts. */
void rn_note(rn_run *run, const char *name, double value);
int rn_notes(const rn_run *run, const char ***names, const double **values);
void rn_notes_clear(rn_run *run);

/* The run can't go on: the first message stays, the update returns in peace, the engine stops after it and saves nothing newer. */
void rn_stop(rn_run *run, rn_code code, const char *format, ...) RN_PRINTF(3, 4);
const rn_error *rn_stopped(const rn_run *run);                 // NULL while it may go on

/* The recipe's keys as text, set by run/ before build. */
void rn_set(rn_run *run, const char *key, const char *value);
const char *rn_setting(const rn_run *run, const char *key, const char *fallback);

/* What higher floors hang on the run, by a name of their own: run/ its sources and slots, graph/ its blocks. */
void rn_hang(rn_run *run, const char *name, void *thing);
void *rn_hung(const rn_run *run, const char *name);            // NULL when there is none
#endif
