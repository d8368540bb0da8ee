/* run/plot.c - a small plotter: axes at round numbers, curves with bands, dots with whiskers, strips of dots with quartiles, bars. */
#include "plot.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct { double left, top, width, height, x0, x1, y0, y1; bool log_y; } frame;

void plot_escape(rn_text *t, const char *text) {
  for (; *text; text++) {
    if (*text == '&') rn_say_text(t, "&amp;");
    else if (*text == '<') rn_say_text(t, "&lt;");
    else if (*text == '>') rn_say_text(t, "&gt;");
    else if (*text == '"') rn_say_text(t, "&quot;");
    else rn_say_bytes(t, text, 1);
  }
}

//---- axes --------------------------------------------------------------------------------------------------------------------------------

static double height_of(const frame *f, double y) { return f->log_y ? log10(y) : y; }
static double at_x(const frame *f, double x) { return f->left + (x - f->x0) / (f->x1 - f->x0) * f->width; }
static double at_y(const frame *f, double y) { return f->top + f->height - (height_of(f, y) - f->y0) / (f->y1 - f->y0) * f->height; }

// 1, 2 or 5 times a power of ten, about `wanted` of them in the range
static double round_step(double range, int wanted) {
  double raw = range / RN_MAX(wanted, 1), power = pow(10, floor(log10(raw))), lead = raw / power;
  return power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
}

static void include(double x, double *low, double *high) {
  if (isfinite(x)) *low = fmin(*low, x), *high = fmax(*high, x);
}

// never empty
static void settle(double *low, double *high) {
  if (!(*low <= *high)) *low = 0, *high = 1;
  if (*low == *high) {
    double room = *low == 0 ? 1 : fabs(*low) * 0.1;
    *low -= room, *high += room;
  }
}

static void tick_text(char *text, size_t room, double x, double step) {
  int digits = step > 0 ? (int)fmax(0, -floor(log10(step) + 1e-9)) : 0;
  double large = fabs(x) + step;
  if (fabs(x) < step * 1e-6) snprintf(text, room, "0");
  else if (large >= 1e6 && step >= 1e4) snprintf(text, room, "%.*fM", step < 1e5 ? 2 : step < 1e6 ? 1 : 0, x / 1e6);
  else if (large >= 1e4 && step >= 100) snprintf(text, room, "%.*fk", step < 1000 ? 1 : 0, x / 1e3);
  else if (digits > 5 || large >= 1e7) snprintf(text, room, "%.3g", x);
  else snprintf(text, room, "%.*f", digits, x);
  if (text[0] == '-') {                                        // a minus, not a hyphen
    char rest[64];
    snprintf(rest, sizeof rest, "%s", text + 1);
    snprintf(text, room, "\xE2\x88\x92%s", rest);
  }
}

static void text_at(rn_text *t, double x, double y, const char *kind, const char *anchor, const char *text) {
  rn_say_text(t, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\" text-anchor=\"%s\">", x, y, kind, anchor);
  plot_escape(t, text);
  rn_say_text(t, "</text>");
}

static void line_at(rn_text *t, double x0, double y0, double x1, double y1, const char *kind) {
  rn_say_text(t, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>", x0, y0, x1, y1, kind);
}

static void begin(rn_text *t, const rn_axes *a, int width, double height) {
  rn_say_text(t, "<svg viewBox=\"0 0 %d %.0f\" width=\"%d\" height=\"%.0f\" role=\"img\" aria-label=\"", width, height, width, height);
  plot_escape(t, a->title ? a->title : a->y ? a->y : "plot");
  rn_say_text(t, "\">");
}

static void x_axis(rn_text *t, const frame *f, const char *label, int wanted) {
  char text[64];
  double step = round_step(f->x1 - f->x0, wanted), bottom = f->top + f->height;
  line_at(t, f->left, bottom, f->left + f->width, bottom, "axis");
  for (double x = ceil(f->x0 / step - 1e-9) * step; x <= f->x1 + step * 1e-9; x += step) {
    tick_text(text, sizeof text, x, step);
    line_at(t, at_x(f, x), bottom, at_x(f, x), bottom + 4, "axis");
    text_at(t, at_x(f, x), bottom + 17, "tick", "middle", text);
  }
  if (label) text_at(t, f->left + f->width, bottom + 35, "label", "end", label);
}

static void y_tick(rn_text *t, const frame *f, double y, double step) {
  char text[64];
  if (f->log_y) snprintf(text, sizeof text, y >= 0.001 && y < 10000 ? "%.6g" : "%.0e", y);
  else tick_text(text, sizeof text, y, step);
  line_at(t, f->left, at_y(f, y), f->left + f->width, at_y(f, y), "rule");
  text_at(t, f->left - 8, at_y(f, y) + 4, "tick", "end", text);
}

static void y_axis(rn_text *t, const frame *f, const char *label) {
  if (f->log_y) {
    double step = fmax(1, ceil((f->y1 - f->y0) / 6));
    for (double p = ceil(f->y0 - 1e-9); p <= f->y1 + 1e-9; p += step) y_tick(t, f, pow(10, p), 0);
  } else {
    double step = round_step(f->y1 - f->y0, 5);
    for (double y = ceil(f->y0 / step - 1e-9) * step; y <= f->y1 + step * 1e-9; y += step) y_tick(t, f, y, step);
  }
  if (label) text_at(t, 0, f->top - 12, "label", "start", label);
}

// the range grows to round numbers, with a little air
static void round_out(double *low, double *high) {
  double air = (*high - *low) * 0.04, step = round_step(*high - *low, 5);
  bool grounded = *low >= 0 && *low < 0.3 * *high, ceiling = *high <= 0 && *high > 0.3 * *low;      // near zero: show zero
  *low = grounded ? 0 : floor((*low - air) / (step / 2)) * (step / 2), *high = ceiling ? 0 : ceil((*high + air) / (step / 2)) * (step / 2);
}

//---- curves ------------------------------------------------------------------------------------------------------------------------------

static bool shown(const frame *f, double x, double y) { return isfinite(x) && isfinite(y) && (!f->log_y || y > 0); }

// a stretch without gaps after the other
static void path_of(rn_text *t, const frame *f, const rn_curve *c, int stride, int colour) {
  bool pen = false;
  rn_say_text(t, "<path class=\"curve s%d\" d=\"", colour % PLOT_COLOURS);
  for (int i = 0; i < c->n; i += stride) {
    if (!shown(f, c->x[i], c->y[i])) { pen = false; continue; }
    rn_say_text(t, "%c%.1f %.1f", pen ? 'L' : 'M', at_x(f, c->x[i]), at_y(f, c->y[i]));
    pen = true;
  }
  rn_say_text(t, "\"/>");
}

static void band_of(rn_text *t, const frame *f, const rn_curve *c, int stride, int colour) {
  for (int from = 0; from < c->n;) {
    int to = from;
    while (to < c->n && shown(f, c->x[to], c->low[to]) && shown(f, c->x[to], c->high[to])) to += stride;
    if (to > from) {
      rn_say_text(t, "<path class=\"band f%d\" d=\"", colour % PLOT_COLOURS);
      for (int i = from; i < to; i += stride) rn_say_text(t, "%c%.1f %.1f", i > from ? 'L' : 'M', at_x(f, c->x[i]), at_y(f, c->low[i]));
      for (int i = from + (to - from - 1) / stride * stride; i >= from; i -= stride) rn_say_text(t, "L%.1f %.1f", at_x(f, c->x[i]), at_y(f, c->high[i]));
      rn_say_text(t, "Z\"/>");
    }
    from = RN_MAX(to, from) + stride;
  }
}

static void levels(rn_text *t, const frame *f, const rn_axes *a) {
  for (int i = 0; i < a->levels; i++) {
    double y = a->level[i].y;
    if (!shown(f, 0, y) || height_of(f, y) < f->y0 || height_of(f, y) > f->y1) continue;
    line_at(t, f->left, at_y(f, y), f->left + f->width, at_y(f, y), "level");
    text_at(t, f->left + f->width, at_y(f, y) - 5, "mark", "end", a->level[i].name);
  }
}

static frame frame_of(const rn_axes *a, int n, const rn_curve *c, int width, double height) {
  frame f = {.left = 52, .top = a->y ? 30 : 12, .log_y = a->log_y, .x0 = INFINITY, .x1 = -INFINITY, .y0 = INFINITY, .y1 = -INFINITY};
  for (int k = 0; k < n; k++)
    for (int i = 0; i < c[k].n; i++) {
      if (!shown(&f, c[k].x[i], c[k].y[i])) continue;
      include(c[k].x[i], &f.x0, &f.x1), include(height_of(&f, c[k].y[i]), &f.y0, &f.y1);
      if (c[k].low && shown(&f, 0, c[k].low[i])) include(height_of(&f, c[k].low[i]), &f.y0, &f.y1);
      if (c[k].high && shown(&f, 0, c[k].high[i])) include(height_of(&f, c[k].high[i]), &f.y0, &f.y1);
    }
  for (int i = 0; i < a->levels; i++) if (shown(&f, 0, a->level[i].y)) include(height_of(&f, a->level[i].y), &f.y0, &f.y1);
  settle(&f.x0, &f.x1), settle(&f.y0, &f.y1);
  if (!f.log_y) round_out(&f.y0, &f.y1);
  f.width = width - f.left - 14, f.height = height - f.top - (a->x ? 42 : 24);
  return f;
}

void plot_curves(rn_text *t, const rn_axes *a, int n, const rn_curve *c, int width) {
  double height = width < 340 ? 190 : width < 500 ? 260 : 320;
  frame f = frame_of(a, n, c, width, height);
  begin(t, a, width, height);
  y_axis(t, &f, a->y), x_axis(t, &f, a->x, (int)(f.width / 80));
  levels(t, &f, a);
  for (int k = 0; k < n; k++) {
    int stride = RN_MAX(1, c[k].n / RN_MAX(width, 200));
    if (c[k].low && c[k].high) band_of(t, &f, &c[k], stride, k);
  }
  for (int k = 0; k < n; k++) {
    path_of(t, &f, &c[k], RN_MAX(1, c[k].n / RN_MAX(width, 200)), k);
    for (int i = 0; i < c[k].n && c[k].n <= 24; i++)
      if (shown(&f, c[k].x[i], c[k].y[i])) rn_say_text(t, "<circle class=\"f%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\"/>", k % PLOT_COLOURS, at_x(&f, c[k].x[i]), at_y(&f, c[k].y[i]));
  }
  rn_say_text(t, "</svg>\n");
}

//---- one line an arm -----------------------------------------------------------------------------------------------------------------------

// names stand beside the lines, or above them where there is no room
typedef struct { bool above; double row, name; } rows;

static rows rows_of(int width, double row) { return (rows){.above = width < 500, .row = row + (width < 500 ? 16 : 0), .name = width < 500 ? 0 : 150}; }

static frame row_frame(const rn_axes *a, const rows *r, int n, int width, double right, double low, double high) {
  frame f = {.left = r->name + 6, .top = a->levels ? 20 : 6, .x0 = low, .x1 = high, .y0 = 0, .y1 = 1};
  settle(&f.x0, &f.x1);
  double air = (f.x1 - f.x0) * 0.04;
  f.x0 -= air, f.x1 += air;
  f.width = width - f.left - right, f.height = r->row * n + 4;
  return f;
}

static double row_middle(const frame *f, const rows *r, int i) { return f->top + r->row * i + (r->above ? 16 + (r->row - 16) / 2 : r->row / 2); }

static void row_name(rn_text *t, const frame *f, const rows *r, int i, const char *name) {
  if (r->above) text_at(t, f->left, f->top + r->row * i + 13, "name", "start", name);
  else text_at(t, r->name - 8, row_middle(f, r, i) + 4, "name", "end", name);
}

static void vertical_grid(rn_text *t, const frame *f, int wanted) {
  double step = round_step(f->x1 - f->x0, wanted);
  for (double x = ceil(f->x0 / step) * step; x <= f->x1; x += step) line_at(t, at_x(f, x), f->top, at_x(f, x), f->top + f->height, "rule");
}

static void vertical_levels(rn_text *t, const frame *f, const rn_axes *a) {
  for (int i = 0; i < a->levels; i++) {
    double x = a->level[i].y;
    if (x < f->x0 || x > f->x1) continue;
    bool right = at_x(f, x) > f->left + f->width * 0.6;
    line_at(t, at_x(f, x), f->top - 4, at_x(f, x), f->top + f->height, "level");
    text_at(t, at_x(f, x) + (right ? -4 : 4), f->top - 6, "mark", right ? "end" : "start", a->level[i].name);
  }
}

void plot_intervals(rn_text *t, const rn_axes *a, int n, const rn_arm *arms, int width) {
  double low = INFINITY, high = -INFINITY;
  for (int i = 0; i < n; i++) include(arms[i].x.value, &low, &high), include(arms[i].x.low, &low, &high), include(arms[i].x.high, &low, &high);
  for (int i = 0; i < a->levels; i++) include(a->level[i].y, &low, &high);
  rows r = rows_of(width, 30);
  frame f = row_frame(a, &r, n, width, 14, low, high);
  begin(t, a, width, f.top + f.height + 42);
  vertical_grid(t, &f, (int)(f.width / 80)), x_axis(t, &f, a->x, (int)(f.width / 80)), vertical_levels(t, &f, a);
  for (int i = 0; i < n; i++) {
    double y = row_middle(&f, &r, i);
    const rn_interval *x = &arms[i].x;
    row_name(t, &f, &r, i, arms[i].name);
    if (isfinite(x->low) && isfinite(x->high)) {
      rn_say_text(t, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"whisker s%d\"/>", at_x(&f, x->low), y, at_x(&f, x->high), y, i % PLOT_COLOURS);
      for (int end = 0; end < 2; end++)
        rn_say_text(t, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"whisker s%d\"/>", at_x(&f, end ? x->high : x->low), y - 5, at_x(&f, end ? x->high : x->low), y + 5, i % PLOT_COLOURS);
    }
    if (isfinite(x->value)) rn_say_text(t, "<circle class=\"f%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\"/>", i % PLOT_COLOURS, at_x(&f, x->value), y);
  }
  rn_say_text(t, "</svg>\n");
}

void plot_samples(rn_text *t, const rn_axes *a, int n, const rn_sample *s, int width) {
  double low = INFINITY, high = -INFINITY;
  for (int k = 0; k < n; k++) for (int i = 0; i < s[k].n; i++) include(s[k].x[i], &low, &high);
  for (int i = 0; i < a->levels; i++) include(a->level[i].y, &low, &high);
  rows r = rows_of(width, 46);
  frame f = row_frame(a, &r, n, width, 14, low, high);
  begin(t, a, width, f.top + f.height + 42);
  vertical_grid(t, &f, (int)(f.width / 80)), x_axis(t, &f, a->x, (int)(f.width / 80)), vertical_levels(t, &f, a);
  for (int k = 0; k < n; k++) {
    double y = row_middle(&f, &r, k), q[3];
    row_name(t, &f, &r, k, s[k].name);
    int stride = RN_MAX(1, s[k].n / 400), colour = k % PLOT_COLOURS;
    rn_say_text(t, "<g class=\"dots f%d\">", colour);
    for (int i = 0; i < s[k].n; i += stride) {
      double spread = fmod(i / stride * 0.6180339887498949, 1) - 0.5;          // golden steps: even and the same each time
      if (isfinite(s[k].x[i])) rn_say_text(t, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.4\"/>", at_x(&f, s[k].x[i]), y + spread * 26);
    }
    rn_say_text(t, "</g>");
    for (int i = 0; i < 3; i++) q[i] = rn_quantile(s[k].n, s[k].x, 0.25 * (i + 1));
    if (!isfinite(q[0]) || !isfinite(q[2])) continue;
    rn_say_text(t, "<rect class=\"box s%d\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"30\" rx=\"3\"/>", colour, at_x(&f, q[0]), y - 15, fmax(at_x(&f, q[2]) - at_x(&f, q[0]), 1));
    rn_say_text(t, "<line class=\"median s%d\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", colour, at_x(&f, q[1]), y - 15, at_x(&f, q[1]), y + 15);
  }
  rn_say_text(t, "</svg>\n");
}

//---- bars --------------------------------------------------------------------------------------------------------------------------------

void plot_histogram(rn_text *t, const rn_axes *a, int n, const double *x, int bins, int width) {
  enum { MOST = 200 };
  int count[MOST] = {0}, most = 0;
  double low = INFINITY, high = -INFINITY, height = width < 500 ? 200 : 240;
  for (int i = 0; i < n; i++) include(x[i], &low, &high);
  settle(&low, &high);
  if (bins <= 0) bins = (int)ceil(sqrt(n));
  bins = RN_MIN(RN_MAX(bins, 5), width < 500 ? 30 : 60);
  for (int i = 0; i < n; i++) {
    if (!isfinite(x[i])) continue;
    int b = RN_MIN((int)((x[i] - low) / (high - low) * bins), bins - 1);
    most = RN_MAX(most, ++count[b]);
  }
  frame f = {.left = 52, .top = a->y ? 30 : 12, .x0 = low, .x1 = high, .y0 = 0, .y1 = RN_MAX(most, 1)};
  round_out(&f.y0, &f.y1);
  f.width = width - f.left - 14, f.height = height - f.top - 42;
  begin(t, a, width, height);
  y_axis(t, &f, a->y), x_axis(t, &f, a->x, (int)(f.width / 80));
  for (int b = 0; b < bins; b++)
    if (count[b]) rn_say_text(t, "<rect class=\"bar f0\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", f.left + b * f.width / bins + 0.5, at_y(&f, count[b]), f.width / bins - 1,
                              f.top + f.height - at_y(&f, count[b]));
  rn_say_text(t, "</svg>\n");
}
