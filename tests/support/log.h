/* log.h - logs of one-dimensional states written down in a test, trained on as a user would, and what came of it. */
#ifndef REIN_TEST_LOG_H
#define REIN_TEST_LOG_H
#include "../../src/run/session.h"
#include "micro.h"

typedef struct { double state, act, reward, next; int terminated, truncated; } row;

// a log of one-dimensional states written down here, as a file that the engine reads
static inline char *log_of(const row *rows, int n) {
  rn_field f[] = {{"obs", RN_F32, 1, NULL}, {"act", RN_F32, 1, NULL}, {"reward", RN_F32, 1, NULL}, {"terminated", RN_U8, 1, NULL},
                  {"truncated", RN_U8, 1, NULL}, {"next", RN_F32, 1, NULL}};
  rn_table *t = rn_table_new(RN_COUNT(f), f);
  float low = -1, high = 1;
  rn_table_set_bounds(t, &low, &high);
  for (int i = 0; i < n; i++) {
    int64_t at = rn_table_add(t, 1);
    *(float *)rn_table_write(t, "obs", at) = (float)rows[i].state, *(float *)rn_table_write(t, "act", at) = (float)rows[i].act;
    *(float *)rn_table_write(t, "reward", at) = (float)rows[i].reward, *(float *)rn_table_write(t, "next", at) = (float)rows[i].next;
    *(uint8_t *)rn_table_write(t, "terminated", at) = (uint8_t)rows[i].terminated, *(uint8_t *)rn_table_write(t, "truncated", at) = (uint8_t)rows[i].truncated;
    float last = (float)rows[i].next;
    rn_table_end(t, rows[i].terminated ? RN_END_TERMINATED : rows[i].truncated ? RN_END_TRUNCATED : RN_END_CUT, &last);
  }
  rn_error err = {0};
  char *path = rn_printed("%s/rows.safetensors", test_folder());
  CHECK_THAT(rn_write_safetensors_table(t, path, &err), "%s", err.text);
  rn_table_free(t);
  return path;
}

static inline void train(const char *system, const char *log, const char *options, char *folder_out, size_t room) {
  rn_recipe *r = rn_recipe_new(system);
  rn_error err = {0};
  rn_recipe_put(r, "data", log, "test");
  char text[512], *save = NULL;
  snprintf(text, sizeof text, "%s", options);
  for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save)) CHECK_THAT(rn_recipe_set(r, w, &err), "%s", err.text);
  CHECK_THAT(rn_recipe_check(r, rn_system_find(system), &err), "%s", err.text);
  snprintf(folder_out, room, "%s/run", test_folder());
  CHECK_THAT(rn_train(r, &(rn_train_options){.folder = folder_out, .threads = 1}, &err) == RN_OK, "%s", err.text);
  rn_recipe_free(r);
}

static inline double value_at(const char *folder, const char *block, double state, const double *act) {
  rn_error err = {0};
  session *s = session_load(folder, &(session_plan){0}, NULL, &err);
  CHECK_THAT(s, "%s", err.text);
  rn_graph_begin(s->g, rn_key_of(s->run, "test", 0, 0));
  float x = (float)state;
  rn_node *obs = session_observe(s, s->g, 1, &x, NULL), *out;
  if (strcmp(block, "act") == 0) {
    rn_obs in = {.mode = RN_EVALUATE, .obs = obs};
    rn_action a = {0};
    s->system->act(s->self, &in, &a), out = a.act;
  } else if (act) out = rn_min_all(rn_critics(rn_net_find(s->run, block), obs, rn_filled(s->g, 1, 1, *act)));
  else out = rn_value(rn_net_find(s->run, block), obs);
  double v = rn_scalar(out);
  session_free(s);
  return v;
}

#endif
