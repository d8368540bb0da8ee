/* run/plot.h - private to run/: plots as SVG. Colours are classes, so that a page chooses them for light and dark. */
#ifndef REIN_PLOT_H
#define REIN_PLOT_H
#include "rein/report.h"

enum { PLOT_COLOURS = 8 };                     // classes s0 .. s7
void plot_escape(rn_text *t, const char *text);                // &, <, >, " for HTML
/* Each draws one <svg> of the given width in pixels. */
void plot_curves(rn_text *t, const rn_axes *a, int n, const rn_curve *curves, int width);
void plot_intervals(rn_text *t, const rn_axes *a, int n, const rn_arm *arms, int width);
void plot_samples(rn_text *t, const rn_axes *a, int n, const rn_sample *samples, int width);
void plot_histogram(rn_text *t, const rn_axes *a, int n, const double *x, int bins, int width);
#endif
