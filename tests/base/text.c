/* Growing text, JSON, near names, numbers in any locale. */
#include "test.h"
#include <locale.h>
#include <stdlib.h>

TEST(text_grows) {
  rn_text t = {0};
  char *want = rn_new(200000), *at = want;
  for (int i = 0; i < 10000; i++) rn_say_text(&t, "%d,", i), at += sprintf(at, "%d,", i);
  CHECK(strcmp(t.at, want) == 0 && t.n == strlen(want));
  rn_say_bytes(&t, "a\0b", 3);
  CHECK(t.n == strlen(want) + 3 && t.at[t.n] == 0 && t.at[t.n - 1] == 'b');
  rn_free(t.at), rn_free(want);
  char *p = rn_printed("%5.2f|%s", 3.14159, "x");
  CHECK(strcmp(p, " 3.14|x") == 0);
  rn_free(p);
}

TEST(json_strings_are_escaped) {
  rn_text t = {0};
  rn_say_json(&t, "a\"b\\c\n\t\x01\x1f/\xc3\xa4");
  CHECK_THAT(strcmp(t.at, "\"a\\\"b\\\\c\\u000a\\u0009\\u0001\\u001f/\xc3\xa4\"") == 0, "%s", t.at);
  t.n = 0;
  rn_say_json(&t, "");
  CHECK(strcmp(t.at, "\"\"") == 0);
  rn_free(t.at);
}

TEST(near_names_are_found_and_far_ones_are_not) {
  static const char *const names[] = {"expectile", "beta", "gamma", "tau", "lr", NULL, "hidden"};
  static const struct { const char *word, *near; } known[] = {{"expectil", "expectile"}, {"Expectile", "expectile"}, {"exceptile", "expectile"}, {"bet", "beta"},
    {"gama", "gamma"}, {"hiden", "hidden"}, {"lr", "lr"}, {"learning_rate_of_pi", NULL}, {"q", NULL}, {"xy", NULL}, {"", NULL}};
  for (int i = 0; i < RN_COUNT(known); i++) {
    const char *near = rn_nearest(known[i].word, RN_COUNT(names), names);
    CHECK_THAT(known[i].near ? near && strcmp(near, known[i].near) == 0 : !near, "'%s' is near '%s'", known[i].word, near ? near : "nothing");
  }
  char longest[200];
  memset(longest, 'x', 199), longest[199] = 0;
  CHECK(!rn_nearest(longest, RN_COUNT(names), names) && !rn_nearest("x", 0, names));
}

TEST(numbers_are_whole_texts) {
  static const struct { const char *text; double x; } good[] = {{"1", 1}, {" -2.5e3 ", -2500}, {"inf", INFINITY}, {"-inf", -INFINITY}, {"1e-320", 1e-320}, {"+.5", 0.5}};
  static const char *const bad[] = {"", " ", "1x", "1,5", "nan", "1 2", "--1", "e5", "true"};
  double x;
  for (int i = 0; i < RN_COUNT(good); i++) CHECK_THAT(rn_number(good[i].text, &x) && x == good[i].x, "'%s' is %g", good[i].text, x);
  for (int i = 0; i < RN_COUNT(bad); i++) CHECK_THAT(!rn_number(bad[i], &x), "'%s' was taken for %g", bad[i], x);
}

TEST(a_comma_locale_changes_no_number) {
  static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8", "de_DE"};
  bool set = false;
  for (int i = 0; i < RN_COUNT(names) && !set; i++) set = setlocale(LC_ALL, names[i]) && *localeconv()->decimal_point == ',';
  if (!set) {
    // none is installed: build one
    const char *folder = test_folder();
    char command[600];
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 '%s/de_DE.UTF-8' >/dev/null 2>&1", folder);
    int made = system(command);
    setenv("LOCPATH", folder, 1);
    set = made >= 0 && setlocale(LC_ALL, "de_DE.UTF-8") && *localeconv()->decimal_point == ',';
  }
  if (!set) test_skip("no locale with a decimal comma on this machine");
  double x;
  bool fine = rn_number("1.5", &x) && x == 1.5 && !rn_number("1,5", &x);
  setlocale(LC_ALL, "C");
  CHECK(fine);
}

TEST(hashes_are_xxh3) {                                         // the reference's published empty hash
  CHECK(rn_hash("", 0, 0) == 0x2d06800538d394c2ull);
  CHECK(rn_hash("a", 1, 0) != rn_hash("b", 1, 0) && rn_hash("a", 1, 0) != rn_hash("a", 1, 1));
}
