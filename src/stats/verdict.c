/* stats/verdict.c - what an interval says about a bar. */
#include "rein/stats.h"
#include <math.h>

bool rn_on_side(double x, rn_side side, double bar) {
  switch (side) {
    case RN_ABOVE: return x > bar;
    case RN_AT_LEAST: return x >= bar;
    case RN_BELOW: return x < bar;
    case RN_AT_MOST: return x <= bar;
  }
  return false;
}

rn_verdict rn_judge(rn_interval x, rn_side side, double bar) {
  if (isnan(x.value) || isnan(bar)) return RN_NOT_CONFIRMED;
  bool ends = !isnan(x.low) && !isnan(x.high), up = side == RN_ABOVE || side == RN_AT_LEAST;
  double least = ends ? x.low : x.value, most = ends ? x.high : x.value;
  if (rn_on_side(up ? least : most, side, bar)) return RN_CONFIRMED;
  return rn_on_side(up ? most : least, side, bar) ? RN_NOT_CONFIRMED : RN_REFUTED;
}

rn_verdict rn_worst(int n, const rn_verdict *v) {
  static const int rank[] = {[RN_CONFIRMED] = 0, [RN_NOT_CONFIRMED] = 1, [RN_REFUTED] = 2, [RN_SETTING_INVALID] = 3};
  rn_verdict worst = RN_CONFIRMED;
  for (int i = 0; i < n; i++) if (rank[v[i]] > rank[worst]) worst = v[i];
  return worst;
}

const char *rn_verdict_name(rn_verdict v) {
  static const char *const name[] = {"CONFIRMED", "NOT CONFIRMED", "REFUTED", "SETTING INVALID"};
  return name[v];
}
