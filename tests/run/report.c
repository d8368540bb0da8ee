/* The report: one file that needs no other, whose parts hold what was given, and whose plots stand odd numbers. */
#include "rein/report.h"
#include "rein/journal.h"
#include "rein/recipe.h"
#include "rein/safetensors.h"
#include "test.h"
#include <stdlib.h>

// every tag that opens closes, in order
static void check_balanced(const char *html) {
  char stack[64][24];
  int depth = 0;
  for (const char *at = strchr(html, '<'); at; at = strchr(at + 1, '<')) {
    char name[24];
    size_t n = strspn(at + 1 + (at[1] == '/'), "abcdefghijklmnopqrstuvwxyz0123456789");
    snprintf(name, sizeof name, "%.*s", (int)n, at + 1 + (at[1] == '/'));
    const char *end = strchr(at, '>');
    CHECK_THAT(end, "a tag without an end at '%.40s'", at);
    bool empty = end[-1] == '/' || strcmp(name, "meta") == 0 || at[1] == '!';
    if (strcmp(name, "style") == 0 && at[1] != '/') { at = strstr(at, "</style>") - 1; continue; }
    if (strcmp(name, "style") == 0) continue;
    if (empty || !n) continue;
    if (at[1] != '/') { CHECK_THAT(depth < 64, "too deep at %s", name); strcpy(stack[depth++], name); }
    else CHECK_THAT(depth > 0 && strcmp(stack[--depth], name) == 0, "</%s> closes <%s> near '%.60s'", name, stack[depth], at);
  }
  CHECK_THAT(depth == 0, "<%s> is left open", stack[0]);
}

static void check_alone(const char *html) {
  static const char *const foreign[] = {"http:", "https:", "<script", "src=", "@import", "url(", "nan", "inf\""};
  for (int i = 0; i < RN_COUNT(foreign); i++)
    CHECK_THAT(!strstr(html, foreign[i]), "the page holds %s: '%.60s'", foreign[i], strstr(html, foreign[i]));
  CHECK_TEXT(html, "prefers-color-scheme:dark"), CHECK_TEXT(html, "max-width:46rem"), CHECK_TEXT(html, "viewport");
}

TEST(a_page_holds_its_parts_and_nothing_of_others) {
  rn_page *p = rn_page_new("A <title> & more", "sub");
  rn_page_heading(p, "One"), rn_page_text(p, "use `rein <x>` here"), rn_page_code(p, "a < b && c"), rn_page_folded(p, "open me", "inside"),
      rn_page_heading(p, "Two");
  static const char *const head[] = {"arm", "value", "word"}, *const cells[] = {"a", "1.5", "x", "b", "\xE2\x88\x92" "2", "3y"};
  rn_page_table(p, "a caption", 3, head, 2, cells);
  static const char *const name[] = {"n"}, *const value[] = {"v"};
  rn_page_facts(p, 1, name, value), rn_page_note(p, RN_PAGE_WARNING, "careful");
  rn_page_headline(p, 1, &(rn_headline){"return", "12", "[11, 13]"});
  char *html = rn_page_print(p), *again = rn_page_print(p);
  CHECK(strcmp(html, again) == 0);
  check_balanced(html), check_alone(html);
  static const char *const parts[] = {"<title>A &lt;title&gt; &amp; more</title>",
                                      "<code>rein &lt;x&gt;</code>",
                                      "a &lt; b &amp;&amp; c",
                                      "<summary>open me</summary>",
                                      "a caption",
                                      "<td class=\"n\">1.5</td>",
                                      "<td>x</td>",
                                      "note warn",
                                      "class=\"v\">12<",
                                      "<a href=\"#p2\">Two</a>"};
  for (int i = 0; i < RN_COUNT(parts); i++) CHECK_TEXT(html, parts[i]);
  rn_free(html), rn_free(again), rn_page_free(p);
}

TEST(plots_stand_empty_constant_huge_and_broken_data) {
  static const double none[1] = {0}, one[] = {3}, same[] = {2, 2, 2, 2}, odd[] = {NAN, 1e300, -1e300, INFINITY, 0, -INFINITY, NAN, 1e-300},
                      x[] = {0, 1, 2, 3, 4, 5, 6, 7};
  const rn_curve curves[] = {
      {"none", 0, none, none, NULL, NULL}, {"one", 1, one, one, one, one}, {"same", 4, x, same, same, same}, {"odd", 8, x, odd, odd, odd}};
  const rn_sample samples[] = {{"none", 0, none}, {"one", 1, one}, {"same", 4, same}, {"odd", 8, odd}};
  const rn_arm arms[] = {{"whole", {1, 0, 2, 0}}, {"no ends", {1, NAN, NAN, 0}}, {"no value", {NAN, NAN, NAN, 0}}};
  const rn_level levels[] = {{NAN, "nowhere"}, {1, "one"}};
  rn_page *p = rn_page_new("odd", NULL);
  for (int from = 0; from < 4; from++)
    for (int log_y = 0; log_y < 2; log_y++) {
      rn_axes a = {.title = "t", .x = "x", .y = "y", .levels = 2, .level = levels, .log_y = log_y};
      rn_page_curves(p, &a, 4 - from, curves + from), rn_page_samples(p, &a, 4 - from, samples + from);
      rn_page_histogram(p, &a, samples[from].n, samples[from].x, 0);
    }
  rn_page_intervals(p, &(rn_axes){.x = "x", .levels = 2, .level = levels}, 3, arms), rn_page_intervals(p, &(rn_axes){.x = "x"}, 0, arms);
  char *html = rn_page_print(p);
  check_balanced(html), check_alone(html);
  rn_free(html), rn_page_free(p);
}

TEST(a_line_through_known_points_lies_where_it_should) {
  // x from 0 to 100, y from 0 to 10: the first of two points is at the lower left, the second at the upper right, half way is between
  static const double x[] = {0, 50, 100}, y[] = {0, 5, 10};
  rn_page *p = rn_page_new("line", NULL);
  rn_page_curves(p, &(rn_axes){.x = "x", .y = "y"}, 1, &(rn_curve){NULL, 3, x, y, NULL, NULL});
  char *html = rn_page_print(p), *d = strstr(html, "class=\"curve s0\" d=\"");
  CHECK(d);
  double at[6];
  CHECK(sscanf(d + strlen("class=\"curve s0\" d=\""), "M%lf %lfL%lf %lfL%lf %lf", &at[0], &at[1], &at[2], &at[3], &at[4], &at[5]) == 6);
  CHECK_NEAR((at[0] + at[4]) / 2, at[2], 0.1), CHECK_NEAR((at[1] + at[5]) / 2, at[3], 0.1);
  CHECK(at[0] < at[2] && at[1] > at[3]);
  CHECK_TEXT(html, ">10</text>"), CHECK_TEXT(html, ">100</text>");
  rn_free(html), rn_page_free(p);
}

TEST(numbers_read_like_numbers) {
  static const struct {
    double x;
    int digits;
    const char *text;
  } is[] = {{0, 3, "0"},
            {1234567, 0,
             "1\xE2\x80\x89"
             "234\xE2\x80\x89"
             "567"},
            {-12.345, 3,
             "\xE2\x88\x92"
             "12.3"},
            {9999, 0, "9999"},
            {0.00123, 2, "0.0012"},
            {NAN, 3, "\xE2\x80\x93"},
            {-0.0, 2, "0"}};
  for (int i = 0; i < RN_COUNT(is); i++) {
    char *text = rn_number_text(is[i].x, is[i].digits);
    CHECK_THAT(strcmp(text, is[i].text) == 0, "%g is '%s', should be '%s'", is[i].x, text, is[i].text);
    rn_free(text);
  }
}

//---- from runs -------------------------------------------------------------------------------------------------------------------------------

// a run whose evaluations end at `end` and whose last has these four returns around it
static char *make_run(const char *top, const char *name, const char *recipe, double end) {
  rn_error err = {0};
  char *folder = rn_printed("%s/%s", top, name), *path = rn_printed("%s/recipe.yaml", folder);
  CHECK(rn_make_folder(folder, &err) && rn_write_file(path, recipe, strlen(recipe), &err));
  rn_journal *j = rn_journal_open(folder, -1, -1, &err);
  for (long u = 100; u <= 1000; u += 100) {
    double x = end * (double)u / 1000;
    rn_journal_add(j, u, 2 * u, "eval.return", x), rn_journal_add(j, u, 2 * u, "eval.return.low", x - 1),
        rn_journal_add(j, u, 2 * u, "eval.return.high", x + 1);
    rn_journal_add(j, u, 2 * u, "loss.q", 1.0 / (double)u);
  }
  const double returns[] = {end - 2, end - 1, end + 1, end + 2};
  rn_journal_returns(j, 1000, "eval", 4, returns);
  rn_journal_event(j, 500, "warning", "units are dead: 3 of 64"), rn_journal_about(j, "rein train x --out 'a b'"), rn_journal_ended(j, 12.5);
  CHECK(rn_journal_commit(j, &err));
  rn_journal_close(j), rn_free(path);
  return folder;
}

static char *report_of(int n, char *folders[], const char *path) {
  rn_error err = {0};
  char *html;
  size_t bytes;
  CHECK_THAT(rn_report_runs(n, (const char *const *)folders, &(rn_report_options){.command = "rein report x"}, path, &err), "%s", err.text);
  CHECK(rn_read_file(path, &html, &bytes, &err));
  check_balanced(html), check_alone(html);
  return html;
}

TEST(seeds_are_one_arm_and_differing_keys_name_two) {
  const char *top = test_folder();
  char *folders[5], *path = rn_printed("%s/r.html", top);
  folders[0] = make_run(top, "a", "system: iql\nseed: 1\nexpectile: 0.7\nenv: cartpole\n", 10),
  folders[1] = make_run(top, "b", "system: iql\nseed: 2\nexpectile: 0.7\nenv: cartpole\n", 14);
  folders[2] = make_run(top, "c", "system: iql\nseed: 1\nexpectile: 0.9\nenv: cartpole\n", 20),
  folders[3] = make_run(top, "d", "system: iql\nseed: 2\nexpectile: 0.9\nenv: cartpole\n", 24);
  folders[4] = make_run(top, "e", "system: bc\nseed: 1\nenv: cartpole\nepisodes: 7\n", 5);
  char *html = report_of(5, folders, path);
  CHECK_TEXT(html, "<h1>iql expectile=0.7, iql expectile=0.9, bc on cartpole</h1>"), CHECK_TEXT(html, "3 arms, 5 runs");
  // the mean of 10 and 14 with the widest bootstrap interval of two; pairs differ by 10 exactly
  CHECK_TEXT(html, "95 % interval [10"), CHECK_TEXT(html, "class=\"v\">12"), CHECK_TEXT(html, "iql expectile=0.9 \xE2\x88\x92 iql expectile=0.7");
  CHECK_TEXT(html, "units are dead: 3 of 64"), CHECK_TEXT(html, "loss.q"), CHECK_TEXT(html, "rein train x --out 'a b'"), CHECK_TEXT(html, "kernels"),
      CHECK_TEXT(html, "expectile: 0.9");
  CHECK_THAT(strstr(html, "rein train x --out") && !strstr(strstr(html, "rein train x --out") + 10, "rein train x --out"), "the seeds' command "
                                                                                                                           "stands twice");
  rn_free(html);
  html = report_of(1, folders, path);
  CHECK_TEXT(html, "One seed; brackets: 95 % bootstrap interval over episodes"), CHECK_TEXT(html, "<h1>iql on cartpole</h1>");
  rn_free(html), rn_free(path);
  for (int i = 0; i < 5; i++) rn_free(folders[i]);
}

TEST(the_log_that_was_learned_from_is_shown_or_its_trouble_is) {
  const char *top = test_folder();
  char *log = rn_printed("%s/log.safetensors", top), *recipe = rn_printed("system: bc\ndata: \"%s\"\n", log), *path = rn_printed("%s/r.html", top);
  rn_error err = {0};
  const rn_field fields[] = {
      {"obs", RN_F32, 2, NULL}, {"act", RN_F32, 1, NULL}, {"reward", RN_F32, 1, NULL}, {"terminated", RN_U8, 1, NULL}, {"truncated", RN_U8, 1, NULL}};
  rn_table *t = rn_table_new(RN_COUNT(fields), fields);
  for (int e = 0; e < 8; e++) {
    for (int i = 0; i < 10; i++) {
      int64_t row = rn_table_add(t, 1);
      *(float *)rn_table_write(t, "reward", row) = (float)e;
      *(uint8_t *)rn_table_write(t, "terminated", row) = i == 9;
    }
    rn_table_end(t, RN_END_TERMINATED, NULL);
  }
  CHECK(rn_write_safetensors_table(t, log, &err));
  char *folder = make_run(top, "a", recipe, 10), *html = report_of(1, &folder, path);
  CHECK_TEXT(html, "80 in 8 episodes"), CHECK_TEXT(html, "Returns in the log"), CHECK_TEXT(html, "mean, 35.0");      // rewards 0 .. 7, ten each
  rn_free(html);
  CHECK(rn_write_file(log, "broken", 6, &err));
  html = report_of(1, &folder, path);
  CHECK_TEXT(html, "note warn"), CHECK_TEXT(html, "log.safetensors");
  rn_free(html), rn_free(folder), rn_free(log), rn_free(recipe), rn_free(path), rn_table_free(t);
}

TEST(a_folder_that_is_no_run_is_named) {
  const char *top = test_folder();
  char *path = rn_printed("%s/r.html", top);
  rn_error err = {0};
  CHECK(!rn_report_runs(1, &top, &(rn_report_options){0}, path, &err) && err.code == RN_INPUT);
  CHECK_TEXT(err.text, top), CHECK(!rn_exists(path));
  rn_free(path);
}
