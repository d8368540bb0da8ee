/* data/logs.c - logs of named values row by row: which value means what, and where episodes end. Used by the readers of CSV and JSONL. */
#include "reader.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 4096 };                      // held before a block is sent

//---- which column is what ------------------------------------------------------------------------------------------------------------

// the number of a list's entry: "obs.12" of "obs" is 12; -1: another name
static int entry_of(const char *name, const char *of) {
  size_t n = strlen(of);
  if (strncmp(name, of, n) != 0 || name[n] != '.' || !isdigit((unsigned char)name[n + 1])) return -1;
  char *end;
  long k = strtol(name + n + 1, &end, 10);
  return *end || k > 1 << 24 ? -1 : (int)k;
}

// adds the places of one wanted name: itself, or the entries name.0 name.1 ... in order; false when it is not there
static bool add_places(int n, const char *const names[], const char *want, int **list, int *count) {
  int *entry = rn_new((size_t)n * sizeof *entry), entries = 0;
  for (int i = 0; i < n; i++) entry[i] = -1;
  for (int i = 0; i < n && entries == 0; i++) if (strcmp(names[i], want) == 0) entry[entries++] = i;
  if (entries == 0) {
    for (int i = 0; i < n; i++) {
      int k = entry_of(names[i], want);
      if (k >= 0 && k < n && entry[k] < 0) entry[k] = i;
    }
    while (entries < n && entry[entries] >= 0) entries++;
  }
  *list = rn_grow(*list, (size_t)*count * sizeof **list, (size_t)(*count + entries) * sizeof **list);
  memcpy(*list + *count, entry, (size_t)entries * sizeof **list);
  *count += entries;
  rn_free(entry);
  return entries > 0;
}

static int one_place(int n, const char *const names[], const char *want) {
  for (int i = 0; i < n; i++) if (strcmp(names[i], want) == 0) return i;
  return -1;
}

static void say_found(rn_text *out, int n, const char *const names[]) {
  for (int i = 0; i < n && out->n < 1200; i++) rn_say_text(out, "%s%s", i ? ", " : "", names[i]);
  if (out->n >= 1200) rn_say_text(out, " ... (%d in all)", n);
}

static bool missing(const foreign *in, int n, const char *const names[], const char *what, const char *want, rn_error *err) {
  rn_text found = {0};
  const char *near = rn_nearest(want, n, names);
  say_found(&found, n, names);
  rn_fail(err, "%s: has no column '%s' (columns: %s)%s%s%s; it has %s", in->path, want, what, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "", found.at);
  rn_free(found.at);
  return false;
}

static bool places_named(const foreign *in, int n, const char *const names[], places *p, rn_error *err) {
  const rn_columns *c = in->columns;
  for (int i = 0; i < c->n_obs; i++) if (!add_places(n, names, c->obs[i], &p->obs, &p->n_obs)) return missing(in, n, names, "obs", c->obs[i], err);
  for (int i = 0; i < c->n_act; i++) if (!add_places(n, names, c->act[i], &p->act, &p->n_act)) return missing(in, n, names, "act", c->act[i], err);
  for (int i = 0; i < c->n_next; i++) if (!add_places(n, names, c->next[i], &p->next, &p->n_next)) return missing(in, n, names, "next", c->next[i], err);
  const struct { const char *what, *want; int *at; } single[] = {{"reward", c->reward, &p->reward}, {"terminated", c->terminated, &p->terminated},
    {"truncated", c->truncated, &p->truncated}, {"episode", c->episode, &p->episode}, {"time", c->time, &p->time}};
  for (int i = 0; i < RN_COUNT(single); i++)
    if (single[i].want && (*single[i].at = one_place(n, names, single[i].want)) < 0) return missing(in, n, names, single[i].what, single[i].want, err);
  return p->n_obs > 0 || rn_fail(err, "%s: columns name no obs", in->path);
}

// our own names, as rn_write_csv gives them
static bool places_own(int n, const char *const names[], places *p) {
  if (!add_places(n, names, "obs", &p->obs, &p->n_obs)) return false;
  add_places(n, names, "act", &p->act, &p->n_act), add_places(n, names, "next", &p->next, &p->n_next);
  p->reward = one_place(n, names, "reward"), p->terminated = one_place(n, names, "terminated"), p->truncated = one_place(n, names, "truncated");
  p->episode = one_place(n, names, "episode"), p->time = one_place(n, names, "timestep");
  if (p->time < 0) p->time = one_place(n, names, "time");
  return true;
}

// lower case, without what numbers an entry: "Obs_3", "obs[3]", "obs.3" are "obs"
static void base_of(const char *name, char out[64]) {
  int n = 0;
  for (; *name && n < 63; name++) out[n++] = (char)tolower((unsigned char)*name);
  while (n > 1 && (isdigit((unsigned char)out[n - 1]) || strchr("_.[]- ", out[n - 1]))) n--;
  out[n] = 0;
}

static bool among(const char *word, const char *list) {
  size_t n = strlen(word);
  for (const char *at = list; (at = strstr(at, word)); at++) if ((at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == 0)) return true;
  return false;
}

static void guess(int n, const char *const names[], places *p) {
  rn_text said = {0};
  rn_say_text(&said, "guessed columns:");
  p->obs = rn_new((size_t)n * sizeof *p->obs), p->act = rn_new((size_t)n * sizeof *p->act), p->next = rn_new((size_t)n * sizeof *p->next);
  for (int i = 0; i < n; i++) {
    char base[64];
    const char *as = NULL;
    base_of(names[i], base);
    if (among(base, "obs observation observations state states s x feature features")) p->obs[p->n_obs++] = i, as = "obs";
    else if (among(base, "act action actions a u control controls acts")) p->act[p->n_act++] = i, as = "act";
    else if (among(base, "next next_obs next_observation next_observations next_state next_states")) p->next[p->n_next++] = i, as = "next";
    else if (p->reward < 0 && among(base, "reward rewards rew rews r")) p->reward = i, as = "reward";
    else if (p->terminated < 0 && among(base, "terminated terminal terminals done dones termination terminations")) p->terminated = i, as = "terminated";
    else if (p->truncated < 0 && among(base, "truncated truncation truncations timeout timeouts")) p->truncated = i, as = "truncated";
    else if (p->episode < 0 && among(base, "episode episode_id episodes ep traj traj_id trajectory trajectory_id")) p->episode = i, as = "episode";
    else if (p->time < 0 && among(base, "time t step timestep timesteps steps time_step")) p->time = i, as = "time";
    if (said.n < 1500) rn_say_text(&said, " %s=%s", names[i], as ? as : "-");
  }
  p->said = said.at;
}

bool rn_find_places(const foreign *in, int n, const char *const names[], places *p, rn_error *err) {
  *p = (places){.reward = -1, .terminated = -1, .truncated = -1, .episode = -1, .time = -1};
  bool fine;
  if (in->columns && !in->columns->automatic) fine = places_named(in, n, names, p, err);
  else if (places_own(n, names, p)) fine = true;
  else {
    rn_text found = {0};
    say_found(&found, n, names);
    if (in->columns) guess(n, names, p);
    fine = p->n_obs > 0 || rn_fail(err, "%s: %s in the columns %s; say which is what with columns: {obs: [..], act: [..], reward: .., terminated: .., truncated: .., "
                                   "episode: .., time: ..}%s", in->path, in->columns ? "no observation can be guessed" : "nothing says what is what", found.at,
                                   in->columns ? "" : " or let rein guess with --columns auto");
    rn_free(found.at);
  }
  if (fine && p->n_next && p->n_next != p->n_obs) fine = rn_fail(err, "%s: next has %d columns, obs %d", in->path, p->n_next, p->n_obs);
  if (!fine) rn_free_places(p);
  return fine;
}

void rn_free_places(places *p) {
  rn_free(p->obs), rn_free(p->act), rn_free(p->next), rn_free(p->said);
  *p = (places){0};
}

//---- rows ----------------------------------------------------------------------------------------------------------------------------

void rn_log_open(log_rows *l, sink *out, const places *p, bool choice) {
  rn_field f[6];
  int n = 0;
  *l = (log_rows){.out = out, .p = p, .choice = choice};
  f[n++] = (rn_field){"obs", RN_F32, p->n_obs, NULL}, l->obs = rn_new((size_t)ROWS * (size_t)p->n_obs * sizeof(float));
  if (p->n_act) f[n++] = (rn_field){"act", choice ? RN_I32 : RN_F32, choice ? 1 : p->n_act, NULL};
  if (choice) l->pick = rn_new(ROWS * sizeof *l->pick);
  else l->act = rn_new((size_t)ROWS * (size_t)p->n_act * sizeof(float));
  if (p->reward >= 0) f[n++] = (rn_field){"reward", RN_F32, 1, NULL}, l->reward = rn_new(ROWS * sizeof(float));
  f[n++] = (rn_field){"terminated", RN_U8, 1, NULL}, l->terminated = rn_new(ROWS);
  f[n++] = (rn_field){"truncated", RN_U8, 1, NULL}, l->truncated = rn_new(ROWS);
  if (p->n_next) f[n++] = (rn_field){"next", RN_F32, p->n_next, NULL}, l->next = rn_new((size_t)ROWS * (size_t)p->n_next * sizeof(float));
  rn_sink_columns(out, n, f);
  if (p->said) rn_sink_say(out, 's', p->said);
}

static void send_rows(log_rows *l) {
  const void *column[6];
  int n = 0;
  column[n++] = l->obs;
  if (l->p->n_act) column[n++] = l->choice ? (const void *)l->pick : l->act;
  if (l->reward) column[n++] = l->reward;
  column[n++] = l->terminated, column[n++] = l->truncated;
  if (l->next) column[n++] = l->next;
  if (l->n) rn_sink_rows(l->out, l->n, column);
  l->n = 0;
}

static void end_episode(log_rows *l, int end) {
  send_rows(l);
  rn_sink_end(l->out, end, NULL, 0);
  l->any = false;
}

static bool flag(const foreign *in, int64_t line, const char *what, const double *x, int at, uint8_t *out, rn_error *err) {
  if (at < 0) return *out = 0, true;
  if (x[at] != 0 && x[at] != 1) return rn_fail(err, "%s:%lld: %s is %g, neither 0 nor 1", in->path, (long long)line, what, x[at]);
  return *out = x[at] != 0, true;
}

bool rn_log_row(log_rows *l, const foreign *in, int64_t line, const double *x, rn_error *err) {
  const places *p = l->p;
  bool other = l->any && ((p->episode >= 0 && x[p->episode] != l->episode) || (p->time >= 0 && !(x[p->time] > l->time)));
  if (other) end_episode(l, RN_END_TRUNCATED);                 // it ended without a word: as by a time limit, what followed is not known
  int64_t n = l->n;
  for (int k = 0; k < p->n_obs; k++) l->obs[n * p->n_obs + k] = (float)x[p->obs[k]];
  for (int k = 0; k < p->n_next; k++) l->next[n * p->n_next + k] = (float)x[p->next[k]];
  for (int k = 0; !l->choice && k < p->n_act; k++) l->act[n * p->n_act + k] = (float)x[p->act[k]];
  if (l->choice) l->pick[n] = (int32_t)x[p->act[0]], l->choices = RN_MAX(l->choices, l->pick[n] + 1);
  if (l->reward) l->reward[n] = (float)x[p->reward];
  if (!flag(in, line, "terminated", x, p->terminated, &l->terminated[n], err) || !flag(in, line, "truncated", x, p->truncated, &l->truncated[n], err)) return false;
  l->any = true, l->n++;
  l->episode = p->episode >= 0 ? x[p->episode] : 0, l->time = p->time >= 0 ? x[p->time] : 0;
  if (l->terminated[n] || l->truncated[n]) end_episode(l, l->terminated[n] ? RN_END_TERMINATED : RN_END_TRUNCATED);
  else if (l->n == ROWS) send_rows(l);
  return true;
}

void rn_log_close(log_rows *l) {
  if (l->any) end_episode(l, RN_END_CUT);
  if (l->choice && l->choices) rn_sink_choices(l->out, l->choices);
  rn_free(l->obs), rn_free(l->act), rn_free(l->next), rn_free(l->reward), rn_free(l->pick), rn_free(l->terminated), rn_free(l->truncated);
}
