/* stats.h - figures and how sure they are: interquartile means, bootstrap intervals, paired differences of arms, ranks, weighted returns,
 * and what an interval says about a bar. All in double; inputs are never changed. Working memory is taken with rn_new and given back
 * before a function returns. The same input and key give the same interval on any machine. */
#ifndef REIN_STATS_H
#define REIN_STATS_H
#include "rein/base.h"

//---- one sample ------------------------------------------------------------------------------------------------------------------

double rn_mean_of(int n, const double *x);                         // NAN when n = 0, like all below
double rn_std_of(int n, const double *x);                          // with n - 1; NAN when n < 2
double rn_quantile(int n, const double *x, double q);              // linear between order statistics (Hyndman & Fan's type 7)
double rn_iqm(int n, const double *x);                             // mean without the lowest and highest floor(n/4) values
/* Mean of the worst (lowest) share `alpha` of the mass; the value at the edge counts by the part of it that lies inside. */
double rn_cvar(int n, const double *x, double alpha);

//---- bootstrap -------------------------------------------------------------------------------------------------------------------

typedef struct { double value, low, high; int undefined; } rn_interval;     // undefined: resamples in which the statistic was not finite
typedef struct { int resamples; double level; rn_key key; } rn_boot;        // 0 and 0: 2,000 and 0.95
/* A statistic of drawn units: pick[n] are their indices, `work` has room for 4 n doubles. */
typedef double (*rn_statistic)(int n, const int *pick, const void *data, double *work);
/* Percentile interval. Units 0 .. sum(size)-1 lie stratum by stratum; each resample draws size[s] of stratum s with replacement.
 * Undefined resamples are left out and counted; where they are more than one in twenty, low and high are NAN. */
rn_interval rn_bootstrap(int strata, const int *size, rn_statistic f, const void *data, const rn_boot *how);

typedef enum { RN_STAT_MEAN, RN_STAT_IQM, RN_STAT_MEDIAN } rn_summary;
double rn_summarise(rn_summary what, int n, const double *x);
rn_interval rn_interval_of(rn_summary what, int strata, const int *size, const double *x, const rn_boot *how);
/* what(a) - what(b), both on the same drawn units: arms that share seeds and tasks. a, b [sum(size)]. */
rn_interval rn_paired(rn_summary what, int strata, const int *size, const double *a, const double *b, const rn_boot *how);
/* ln(mean a / mean b) on the same drawn units; a, b > 0. */
rn_interval rn_paired_log_ratio(int strata, const int *size, const double *a, const double *b, const rn_boot *how);

//---- relations -------------------------------------------------------------------------------------------------------------------

double rn_spearman(int n, const double *x, const double *y);       // ties get their mean rank; NAN when one side is constant
double rn_slope(int n, const double *x, const double *y);          // least squares with intercept; NAN when x is constant
double rn_log_log_slope(int n, const double *x, const double *y);  // of ln y on ln x; NAN when an entry is not positive

//---- weights ---------------------------------------------------------------------------------------------------------------------

double rn_effective_size(int n, const double *w);                  // (sum w)^2 / sum w^2; 0 when all are 0
/* Weighted importance sampling over episodes: sum_i w_i g_i / sum_i w_i with w_i = exp(log_weight[i]), computed relative to the largest.
 * NAN when every weight is 0. ess may be NULL. */
double rn_wis(int n, const double *log_weight, const double *g, double *ess);
rn_interval rn_wis_interval(int n, const double *log_weight, const double *g, const rn_boot *how, double *ess);

//---- what an interval says ---------------------------------------------------------------------------------------------------------

typedef enum { RN_CONFIRMED, RN_NOT_CONFIRMED, RN_REFUTED, RN_SETTING_INVALID } rn_verdict;
typedef enum { RN_ABOVE, RN_AT_LEAST, RN_BELOW, RN_AT_MOST } rn_side;       // ABOVE, BELOW: strictly
/* Met when the whole interval lies on the right side of `bar`; refuted when the whole interval lies on the wrong one; else open. An
 * interval without ends (low or high NAN) is judged by its value alone; a value of NAN is never met and never refuted. */
rn_verdict rn_judge(rn_interval x, rn_side side, double bar);
bool rn_on_side(double x, rn_side side, double bar);               // NAN: false
rn_verdict rn_worst(int n, const rn_verdict *v);                   // of all bars: all must be met; one refuted refutes
const char *rn_verdict_name(rn_verdict v);                         // "CONFIRMED" "NOT CONFIRMED" "REFUTED" "SETTING INVALID"
#endif
