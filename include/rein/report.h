/* report.h - a page of HTML that needs nothing else: no network, no script, plots as inline SVG, light and dark by the reader's choice.
 * A page is built from top to bottom with plain structs, by runs, by claims, by the demo alike; rn_report_runs makes one from run folders. */
#ifndef REIN_REPORT_H
#define REIN_REPORT_H
#include "rein/base.h"
#include "rein/data.h"
#include "rein/stats.h"

typedef struct rn_page rn_page;
rn_page *rn_page_new(const char *title, const char *subtitle);         // subtitle NULL: none
void rn_page_free(rn_page *p);
char *rn_page_print(rn_page *p);                                       // the whole HTML, owned by the caller; the page may still grow
bool rn_page_write(rn_page *p, const char *path, rn_error *err);

//---- parts, each copied when it is given ---------------------------------------------------------------------------------------------------

void rn_page_heading(rn_page *p, const char *text);                    // a section, listed at the top
void rn_page_text(rn_page *p, const char *text);                       // a paragraph; `code` between backquotes
void rn_page_code(rn_page *p, const char *text);                       // as it is
void rn_page_folded(rn_page *p, const char *summary, const char *text);        // the same behind a summary that opens
void rn_page_facts(rn_page *p, int n, const char *const name[], const char *const value[]);     // two columns
enum { RN_PAGE_NOTE, RN_PAGE_WARNING, RN_PAGE_GOOD, RN_PAGE_BAD };
void rn_page_note(rn_page *p, int kind, const char *text);             // a box
/* The first column is a name, the others align as numbers when they look like such. cells [rows * columns]; caption NULL: none. */
void rn_page_table(rn_page *p, const char *caption, int columns, const char *const head[], int rows, const char *const cells[]);
/* The figures of the headline, large. */
typedef struct { const char *name, *value, *detail; } rn_headline;
void rn_page_headline(rn_page *p, int n, const rn_headline *h);

/* Curves over x; low, high [n]: the interval's band, NULL: none. NAN: a gap. */
typedef struct { const char *name; int n; const double *x, *y, *low, *high; } rn_curve;
typedef struct { double y; const char *name; } rn_level;               // a dashed line
typedef struct { const char *title, *x, *y, *caption; int levels; const rn_level *level; bool log_y; } rn_axes;
void rn_page_curves(rn_page *p, const rn_axes *axes, int n, const rn_curve *curves);
/* Many small ones side by side: plot i shows curves [curves] of all + i * curves, titled by axes[i]. Colours as in rn_page_curves. */
void rn_page_small(rn_page *p, int n, const rn_axes *axes, int curves, const rn_curve *all);
/* Dots and 95 % intervals, one line an arm. */
typedef struct { const char *name; rn_interval x; } rn_arm;
void rn_page_intervals(rn_page *p, const rn_axes *axes, int n, const rn_arm *arms);
/* Every value a dot, beside its quartiles, one line a sample. */
typedef struct { const char *name; int n; const double *x; } rn_sample;
void rn_page_samples(rn_page *p, const rn_axes *axes, int n, const rn_sample *samples);
void rn_page_histogram(rn_page *p, const rn_axes *axes, int n, const double *x, int bins);     // bins 0: by n
void rn_page_data(rn_page *p, const char *name, const rn_table_figures *f);                    // the quality of a log

char *rn_number_text(double x, int digits);                            // digits significant, with thin groups of thousands; owned by the caller

//---- runs ----------------------------------------------------------------------------------------------------------------------------

/* Seeds of one recipe are one arm, arms are named by their system, or by what differs. `command`: how this report was made; NULL: none. */
typedef struct { const char *title, *command; } rn_report_options;
bool rn_report_runs(int n, const char *const folders[], const rn_report_options *o, const char *path, rn_error *err);
#endif
