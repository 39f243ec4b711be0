/* SPDX-License-Identifier: BSD-3-Clause
 * importance.h - which dimensions of a space decide about the score: functional ANOVA on a random
 * forest. Hutter, Hoos, Leyton-Brown 2014, ICML.
 *
 * Of a forest f(x) the marginal of dimension d is a_d(x_d) = mean of f over all other dimensions,
 * and its share of the variance is Var a_d / Var f. Means and variances are over the values that
 * the trials have had, one dimension independently of the other; "not there" is a value like any
 * other.
 */
#ifndef CORE_IMPORTANCE_H
#define CORE_IMPORTANCE_H
#include "text.h"
#include <rademacher/search.h>

typedef struct bin { /* of the values of a dimension */
  double value;      /* their mean; NaN: it is not there */
  double score;      /* the marginal */
  size_t n, top;     /* trials; those of them that are among the best tenth */
} bin;
typedef struct effect { /* of a dimension */
  double share;         /* of the variance of the forest */
  bin *bin;             /* [nbin], ascending; choices in their order */
  size_t nbin;
} effect;
typedef struct importance {
  effect *effect;   /* [ndim] */
  double explained; /* share of the scores' variance that the forest foretells, out of bag */
} importance;
/* point[i] (ndim) and score[i] of n trials. RAD_DONE: too few, or all alike. */
rad_status importance_find(importance *, const rad_space *, size_t n, const double *const *point,
                           const double *score, arena *);
#endif
