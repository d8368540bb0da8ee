/* run/page.c - a page of HTML: styles, parts, a list of its sections. Every plot is drawn twice, for a screen and for a phone, and the page shows one. */
#include "plot.h"
#include <ctype.h>
#include <math.h>
#include <string.h>

struct rn_page { char *title, *subtitle; rn_text body, sections; int n; bool open; };

static const char STYLE[] =
  ":root{color-scheme:light dark;--back:#fff;--card:#f6f7f9;--ink:#1b1f24;--soft:#5d6673;--line:#dfe3e8;--link:#1f5fa8;"
  "--s0:#1f66b0;--s1:#d9731a;--s2:#2b8a57;--s3:#8a4fb0;--s4:#c2384f;--s5:#12868f;--s6:#8a6a2f;--s7:#6b7280;"
  "--warn:#9a6200;--warnback:#fff6e0;--good:#1d7a46;--goodback:#e8f6ee;--bad:#b02a37;--badback:#fdecee}\n"
  "@media (prefers-color-scheme:dark){:root{--back:#14171b;--card:#1d2126;--ink:#e6e8eb;--soft:#9aa4b1;--line:#323840;--link:#79b4f2;"
  "--s0:#6aaef0;--s1:#f2a35e;--s2:#62c48d;--s3:#c495e6;--s4:#f0808f;--s5:#5cc9d1;--s6:#cfae74;--s7:#a4acb8;"
  "--warn:#f2c063;--warnback:#2e2613;--good:#76d09b;--goodback:#16281d;--bad:#f28b96;--badback:#311a1d}}\n"
  "*{box-sizing:border-box}html{-webkit-text-size-adjust:100%}\n"
  "body{margin:0;background:var(--back);color:var(--ink);font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;font-variant-numeric:tabular-nums}\n"
  "main{max-width:61rem;margin:0 auto;padding:2.2rem 1.4rem 4rem}\n"
  "header{border-bottom:1px solid var(--line);padding-bottom:1.1rem;margin-bottom:1.4rem}\n"
  "h1{font-size:1.9rem;line-height:1.2;margin:0;letter-spacing:-.01em;overflow-wrap:anywhere}header p{margin:.45rem 0 0;color:var(--soft);font-size:1.05rem}\n"
  "nav{margin-top:.9rem;font-size:.9rem;display:flex;flex-wrap:wrap;gap:.2rem 1.1rem}a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}\n"
  "section{margin-top:2.4rem}h2{font-size:1.25rem;margin:0 0 .7rem;line-height:1.3}h3{font-size:1rem;margin:1.4rem 0 .4rem}p{margin:.6rem 0;max-width:46rem}\n"
  "code,pre{font:.86em/1.5 ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace}code{background:var(--card);padding:.1em .3em;border-radius:3px}\n"
  "pre{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.8rem 1rem;overflow-x:auto;margin:.7rem 0}\n"
  "details{margin:.7rem 0}summary{cursor:pointer;color:var(--link)}details pre{max-height:32rem}\n"
  ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(12.5rem,1fr));gap:.8rem;margin:1rem 0}\n"
  ".card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.85rem 1rem}.card .n{color:var(--soft);font-size:.88rem}\n"
  ".card .v{font-size:1.7rem;font-weight:600;line-height:1.25;letter-spacing:-.01em}.card .d{color:var(--soft);font-size:.88rem}\n"
  ".wide{overflow-x:auto;margin:.8rem 0}table{border-collapse:collapse;font-size:.93rem;min-width:min(100%,24rem)}\n"
  "caption{caption-side:bottom;text-align:left;color:var(--soft);font-size:.88rem;padding-top:.5rem}\n"
  "th,td{padding:.38rem .9rem .38rem 0;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}th{font-weight:600;color:var(--soft);font-size:.85rem;vertical-align:bottom}\n"
  "td.n,th.n{text-align:right;white-space:nowrap}tr:last-child td{border-bottom:0}th:last-child,td:last-child{padding-right:0}\n"
  "dl{display:grid;grid-template-columns:minmax(7rem,auto) 1fr;gap:.3rem 1.2rem;margin:.8rem 0;font-size:.93rem}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}\n"
  ".note{border-left:4px solid var(--line);background:var(--card);padding:.55rem .9rem;border-radius:0 6px 6px 0;margin:.6rem 0;font-size:.95rem;max-width:none;overflow-wrap:anywhere}\n"
  ".note.warn{border-color:var(--warn);background:var(--warnback)}.note.good{border-color:var(--good);background:var(--goodback)}.note.bad{border-color:var(--bad);background:var(--badback)}\n"
  "figure{margin:1rem 0 1.4rem}figcaption{color:var(--soft);font-size:.9rem;margin-top:.35rem;max-width:46rem}figure h3{margin:0 0 .5rem}\n"
  ".legend{display:flex;flex-wrap:wrap;gap:.15rem 1.1rem;font-size:.9rem;margin-bottom:.3rem}.legend i{display:inline-block;width:1.1rem;height:.26rem;border-radius:2px;margin-right:.4rem;vertical-align:.22em}\n"
  "svg{display:block;max-width:100%;height:auto}svg.small{display:none}.many{display:grid;grid-template-columns:repeat(auto-fill,minmax(17rem,1fr));gap:.4rem 1.2rem}.many figure{margin:.4rem 0}\n"
  ".tick{fill:var(--soft);font-size:12px}.label{fill:var(--soft);font-size:13px}.name{fill:var(--ink);font-size:13px}.mark{fill:var(--soft);font-size:12px}\n"
  ".axis{stroke:var(--soft);stroke-width:1}.rule{stroke:var(--line);stroke-width:1}.level{stroke:var(--soft);stroke-width:1.2;stroke-dasharray:5 4}\n"
  ".curve{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.band{opacity:.17;stroke:none}.whisker{stroke-width:2.2}.box{fill:none;stroke-width:1.6}.median{stroke-width:3}.dots{opacity:.38}.bar{opacity:.85}\n"
  ".s0{stroke:var(--s0)}.s1{stroke:var(--s1)}.s2{stroke:var(--s2)}.s3{stroke:var(--s3)}.s4{stroke:var(--s4)}.s5{stroke:var(--s5)}.s6{stroke:var(--s6)}.s7{stroke:var(--s7)}\n"
  ".f0{fill:var(--s0)}.f1{fill:var(--s1)}.f2{fill:var(--s2)}.f3{fill:var(--s3)}.f4{fill:var(--s4)}.f5{fill:var(--s5)}.f6{fill:var(--s6)}.f7{fill:var(--s7)}\n"
  ".b0{background:var(--s0)}.b1{background:var(--s1)}.b2{background:var(--s2)}.b3{background:var(--s3)}.b4{background:var(--s4)}.b5{background:var(--s5)}.b6{background:var(--s6)}.b7{background:var(--s7)}\n"
  "footer{margin-top:3rem;border-top:1px solid var(--line);padding-top:.8rem;color:var(--soft);font-size:.88rem;overflow-wrap:anywhere}\n"
  "@media (max-width:46rem){main{padding:1.3rem 1rem 3rem}h1{font-size:1.5rem}.two svg{display:none}.two svg.small{display:block}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}}\n"
  "@media print{nav{display:none}section{break-inside:avoid}}\n";

rn_page *rn_page_new(const char *title, const char *subtitle) {
  rn_page *p = rn_new(sizeof *p);
  p->title = rn_copy_text(title), p->subtitle = subtitle ? rn_copy_text(subtitle) : NULL;
  return p;
}

void rn_page_free(rn_page *p) {
  if (!p) return;
  rn_free(p->title), rn_free(p->subtitle), rn_free(p->body.at), rn_free(p->sections.at), rn_free(p);
}

char *rn_page_print(rn_page *p) {
  rn_text t = {0};
  rn_say_text(&t, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
  plot_escape(&t, p->title);
  rn_say_text(&t, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n<header><h1>", STYLE);
  plot_escape(&t, p->title);
  rn_say_text(&t, "</h1>");
  if (p->subtitle) rn_say_text(&t, "<p>"), plot_escape(&t, p->subtitle), rn_say_text(&t, "</p>");
  if (p->n > 1) rn_say_text(&t, "\n<nav>%s</nav>", p->sections.at);
  rn_say_text(&t, "</header>\n%s%s<footer>Made by rein %s.</footer>\n</main>\n</body>\n</html>\n", p->body.at ? p->body.at : "", p->open ? "</section>\n" : "", REIN_VERSION);
  return t.at;
}

bool rn_page_write(rn_page *p, const char *path, rn_error *err) {
  char *text = rn_page_print(p);
  bool fine = rn_write_file(path, text, strlen(text), err);
  rn_free(text);
  return fine;
}

//---- words -------------------------------------------------------------------------------------------------------------------------------

void rn_page_heading(rn_page *p, const char *text) {
  rn_say_text(&p->body, "%s<section id=\"p%d\"><h2>", p->open ? "</section>\n" : "", ++p->n);
  plot_escape(&p->body, text);
  rn_say_text(&p->body, "</h2>\n");
  rn_say_text(&p->sections, "<a href=\"#p%d\">", p->n), plot_escape(&p->sections, text), rn_say_text(&p->sections, "</a>");
  p->open = true;
}

// `code` between backquotes
static void say_words(rn_text *t, const char *text) {
  bool code = false;
  for (const char *at = text; *at;) {
    size_t n = strcspn(at, "`");
    char *part = rn_printed("%.*s", (int)n, at);
    plot_escape(t, part);
    rn_free(part);
    at += n;
    if (*at == '`') at++, rn_say_text(t, code ? "</code>" : "<code>"), code = !code;
  }
  if (code) rn_say_text(t, "</code>");
}

void rn_page_text(rn_page *p, const char *text) { rn_say_text(&p->body, "<p>"), say_words(&p->body, text), rn_say_text(&p->body, "</p>\n"); }
void rn_page_code(rn_page *p, const char *text) { rn_say_text(&p->body, "<pre>"), plot_escape(&p->body, text), rn_say_text(&p->body, "</pre>\n"); }

void rn_page_folded(rn_page *p, const char *summary, const char *text) {
  rn_say_text(&p->body, "<details><summary>"), plot_escape(&p->body, summary), rn_say_text(&p->body, "</summary>");
  rn_page_code(p, text);
  rn_say_text(&p->body, "</details>\n");
}

void rn_page_facts(rn_page *p, int n, const char *const name[], const char *const value[]) {
  rn_say_text(&p->body, "<dl>");
  for (int i = 0; i < n; i++) rn_say_text(&p->body, "<dt>"), plot_escape(&p->body, name[i]), rn_say_text(&p->body, "</dt><dd>"), say_words(&p->body, value[i]), rn_say_text(&p->body, "</dd>\n");
  rn_say_text(&p->body, "</dl>\n");
}

void rn_page_note(rn_page *p, int kind, const char *text) {
  static const char *const names[] = {"", " warn", " good", " bad"};
  rn_say_text(&p->body, "<p class=\"note%s\">", names[kind]), say_words(&p->body, text), rn_say_text(&p->body, "</p>\n");
}

// begins like a number, or says that there is none
static bool like_number(const char *text) {
  if (!*text || strcmp(text, "-") == 0 || strcmp(text, "\xE2\x80\x93") == 0) return true;
  if (strncmp(text, "\xE2\x88\x92", 3) == 0) text += 3;
  text += strspn(text, "+-");
  return isdigit((unsigned char)*text);
}

static bool column_of_numbers(int column, int columns, int rows, const char *const cells[]) {
  bool all = column > 0;
  for (int r = 0; r < rows && all; r++) all = like_number(cells[r * columns + column]);
  return all;
}

void rn_page_table(rn_page *p, const char *caption, int columns, const char *const head[], int rows, const char *const cells[]) {
  rn_text *t = &p->body;
  rn_say_text(t, "<div class=\"wide\"><table>");
  if (caption) rn_say_text(t, "<caption>"), say_words(t, caption), rn_say_text(t, "</caption>");
  for (int r = -1; r < rows; r++) {
    rn_say_text(t, "<tr>");
    for (int c = 0; c < columns; c++) {
      const char *kind = column_of_numbers(c, columns, rows, cells) ? " class=\"n\"" : "", *tag = r < 0 ? "th" : "td";
      rn_say_text(t, "<%s%s>", tag, kind), say_words(t, r < 0 ? head[c] : cells[r * columns + c]), rn_say_text(t, "</%s>", tag);
    }
    rn_say_text(t, "</tr>\n");
  }
  rn_say_text(t, "</table></div>\n");
}

void rn_page_headline(rn_page *p, int n, const rn_headline *h) {
  rn_text *t = &p->body;
  rn_say_text(t, "<div class=\"cards\">");
  for (int i = 0; i < n; i++) {
    rn_say_text(t, "<div class=\"card\"><div class=\"n\">"), plot_escape(t, h[i].name), rn_say_text(t, "</div><div class=\"v\">"), plot_escape(t, h[i].value);
    rn_say_text(t, "</div><div class=\"d\">"), plot_escape(t, h[i].detail ? h[i].detail : ""), rn_say_text(t, "</div></div>\n");
  }
  rn_say_text(t, "</div>\n");
}

//---- plots -------------------------------------------------------------------------------------------------------------------------------

enum { WIDE = 930, NARROW = 360 };

static void open_figure(rn_text *t, const rn_axes *a) {
  rn_say_text(t, "<figure class=\"two\">");
  if (a->title) rn_say_text(t, "<h3>"), plot_escape(t, a->title), rn_say_text(t, "</h3>");
}

static void close_figure(rn_text *t, const rn_axes *a) {
  if (a->caption) rn_say_text(t, "<figcaption>"), say_words(t, a->caption), rn_say_text(t, "</figcaption>");
  rn_say_text(t, "</figure>\n");
}

// the second drawing is the phone's
static void mark_small(rn_text *t, size_t from) {
  char *rest = rn_copy_text(t->at + from);
  t->n = from, t->at[from] = 0;
  rn_say_text(t, "<svg class=\"small\"%s", rest + strlen("<svg"));
  rn_free(rest);
}

void rn_page_curves(rn_page *p, const rn_axes *a, int n, const rn_curve *curves) {
  rn_text *t = &p->body;
  open_figure(t, a);
  if (n > 1 || (n == 1 && curves[0].name && *curves[0].name)) {
    rn_say_text(t, "<div class=\"legend\">");
    for (int i = 0; i < n; i++) rn_say_text(t, "<span><i class=\"b%d\"></i>", i % PLOT_COLOURS), plot_escape(t, curves[i].name), rn_say_text(t, "</span>");
    rn_say_text(t, "</div>\n");
  }
  plot_curves(t, a, n, curves, WIDE);
  size_t from = t->n;
  plot_curves(t, a, n, curves, NARROW), mark_small(t, from);
  close_figure(t, a);
}

void rn_page_small(rn_page *p, int n, const rn_axes *a, int curves, const rn_curve *all) {
  rn_text *t = &p->body;
  rn_say_text(t, "<div class=\"many\">");
  for (int i = 0; i < n; i++) {
    rn_say_text(t, "<figure>"), rn_say_text(t, "<figcaption>"), plot_escape(t, a[i].title), rn_say_text(t, "</figcaption>");
    plot_curves(t, &a[i], curves, all + (size_t)i * (size_t)curves, 300);
    rn_say_text(t, "</figure>\n");
  }
  rn_say_text(t, "</div>\n");
}

void rn_page_intervals(rn_page *p, const rn_axes *a, int n, const rn_arm *arms) {
  rn_text *t = &p->body;
  open_figure(t, a);
  plot_intervals(t, a, n, arms, WIDE);
  size_t from = t->n;
  plot_intervals(t, a, n, arms, NARROW), mark_small(t, from);
  close_figure(t, a);
}

void rn_page_samples(rn_page *p, const rn_axes *a, int n, const rn_sample *samples) {
  rn_text *t = &p->body;
  open_figure(t, a);
  plot_samples(t, a, n, samples, WIDE);
  size_t from = t->n;
  plot_samples(t, a, n, samples, NARROW), mark_small(t, from);
  close_figure(t, a);
}

void rn_page_histogram(rn_page *p, const rn_axes *a, int n, const double *x, int bins) {
  rn_text *t = &p->body;
  open_figure(t, a);
  plot_histogram(t, a, n, x, bins, WIDE);
  size_t from = t->n;
  plot_histogram(t, a, n, x, bins, NARROW), mark_small(t, from);
  close_figure(t, a);
}

//---- numbers, the quality of a log -----------------------------------------------------------------------------------------------------------

char *rn_number_text(double x, int digits) {
  static const char THIN[] = "\xE2\x80\x89", MINUS[] = "\xE2\x88\x92";
  if (!isfinite(x)) return rn_copy_text(isnan(x) ? "\xE2\x80\x93" : x > 0 ? "\xE2\x88\x9E" : "\xE2\x88\x92\xE2\x88\x9E");
  double size = fabs(x);
  if (size != 0 && (size < 1e-4 || size >= 1e15)) return rn_printed("%s%.*e", x < 0 ? MINUS : "", RN_MAX(digits - 1, 0), size);
  int after = size == 0 ? 0 : RN_MAX(0, digits - 1 - (int)floor(log10(size)));
  char plain[64];
  snprintf(plain, sizeof plain, "%.*f", after, size);
  int whole = (int)strcspn(plain, ".");
  rn_text t = {0};
  if (x < 0 && strspn(plain, "0.") != strlen(plain)) rn_say_text(&t, "%s", MINUS);
  for (int i = 0; plain[i]; i++) {
    if (i && i < whole && whole > 4 && (whole - i) % 3 == 0) rn_say_text(&t, "%s", THIN);
    rn_say_bytes(&t, &plain[i], 1);
  }
  return t.at;
}

void rn_page_data(rn_page *p, const char *name, const rn_table_figures *f) {
  char *v[16];
  const char *names[16];
  int n = 0;
#define FACT(title, ...) (names[n] = title, v[n++] = rn_printed(__VA_ARGS__))
  char *rows = rn_number_text((double)f->rows, 15), *episodes = rn_number_text((double)f->episodes, 15);
  char *mean = rn_number_text(f->return_mean, 5), *std = rn_number_text(f->return_std, 3), *least = rn_number_text(f->return_quantile[0], 5), *most = rn_number_text(f->return_quantile[4], 5);
  char *median = rn_number_text(f->return_quantile[2], 5);
  FACT("file", "%s", name);
  FACT("rows", "%s in %s episodes; mean length %.1f, %lld to %lld steps", rows, episodes, f->length_mean, (long long)f->length_least, (long long)f->length_most);
  FACT("ends", "%lld true ends, %lld time limits, %lld cut", (long long)f->terminated, (long long)f->truncated, (long long)f->cut);
  if (isfinite(f->return_mean)) FACT("return of an episode", "mean %s, deviation %s, median %s, %s to %s", mean, std, median, least, most);
  if (f->bounds) FACT("actions", "%.1f %% of entries at a bound; %lld outside", 100 * f->saturated, (long long)f->outside);
  else FACT("actions", "%.4g to %.4g; the file does not say their bounds", f->act_least, f->act_most);
  FACT("not finite", f->not_finite ? "%lld values, the first at %s" : "none", (long long)f->not_finite, f->not_finite_where);
  FACT("gaps", "%lld; %lld rows without a next observation; %lld duplicates", (long long)f->gaps, (long long)f->no_next, (long long)f->duplicates);
  if (f->constant) FACT("constant entries", "%d: %s", f->constant, f->constant_where);
  if (f->reference) FACT("coverage", "SACo %.3f (log %.3f), TQ %.3f", f->saco, f->lsaco, f->tq);
#undef FACT
  rn_page_facts(p, n, names, (const char *const *)v);
  if (f->warning[0]) rn_page_note(p, RN_PAGE_WARNING, f->warning);
  for (int i = 0; i < n; i++) rn_free(v[i]);
  rn_free(rows), rn_free(episodes), rn_free(mean), rn_free(std), rn_free(least), rn_free(most), rn_free(median);
}
