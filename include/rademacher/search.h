/* SPDX-License-Identifier: BSD-3-Clause
 * search.h - which point to try next. There is no `tell`: the history is an argument, in order of
 * trial index, so that a study does not depend on workers, order or kills. Trial i is proposed from
 * the results of the trials below i - lag ([search] lag); those from there to i - 1 are in the
 * history with their values only, as running, even where they have ended. */
#ifndef RADEMACHER_SEARCH_H
#define RADEMACHER_SEARCH_H
#include <math.h>
#include <rademacher/abi.h>

typedef struct rad_dim {
  const char *name;
  uint32_t type; /* RAD_INT, RAD_FLOAT or RAD_ENUM (an unordered choice) */
  bool log;
  double lo, hi; /* inclusive; RAD_ENUM: 0 .. nchoice-1 */
  size_t nchoice;
  const char *const *choice; /* [nchoice] labels */
  int32_t parent;            /* < 0: always there; else an earlier dimension ... */
  size_t nwhen;
  const double *when; /* ... that must have one of these [nwhen] values */
} rad_dim;
typedef struct rad_rung {
  uint64_t epoch; /* on a share of the samples: epochs of all that it is worth, at least 1 */
  double value;   /* of the pruner's metric, greater is better */
} rad_rung;
enum { RAD_RUNNING = 1, RAD_FINISHED, RAD_PRUNED, RAD_PAUSED, RAD_FAILED, RAD_LOST };
typedef struct rad_trial {
  uint64_t index;
  uint32_t state;          /* RAD_FAILED (crashed, diverged) counts as worst, RAD_LOST as unknown */
  const double *value;     /* (ndim) in the dimension's own unit; NaN: not there in this trial */
  const double *score;     /* (nscore) greater is better; NaN unless finished or pruned */
  const double *violation; /* (nconstraint) > 0: violated by so much */
  size_t nrung;
  const rad_rung *rung; /* [nrung] ascending in epoch */
  bool given;           /* by the user, not proposed by the search. Since minor 1 */
} rad_trial;
typedef struct rad_space {
  size_t ndim, nscore, nconstraint;
  const rad_dim *const *dim; /* parents before children */
} rad_space;
typedef struct rad_history {
  size_t n;                      /* proposing trial i: i */
  const rad_trial *const *trial; /* [n] in order of index: trial[k]->index == k */
} rad_history;

typedef struct rad_search_ops {
  uint32_t size;
  /* Optional: declares caches as state. [main] */
  rad_status (*plan)(rad_ctx *, void *self, const rad_space *);
  /* Proposes the point of trial history->n: point (ndim), all NaN at first, NaN stays where a
   * dimension does not exist. A pure function of its arguments; state is only a cache of the
   * history. RAD_DONE: the space is exhausted. [serial] */
  rad_status (*ask)(rad_ctx *, const void *self, const rad_space *, const rad_history *,
                    double *point);
  /* Optional: how many trials the space holds, 0 = without end. RAD_EINVAL with a message where
   * this search cannot handle the space (a grid over a float range). [main] */
  rad_status (*count)(rad_ctx *, const void *self, const rad_space *, uint64_t *n);
} rad_search_ops;

static inline bool rad_dim_exists(const rad_space *s, size_t d, const double *point)
{
  const rad_dim *m = s->dim[d];
  if (m->parent < 0)
    return true;
  for (size_t i = 0; i < m->nwhen; i++)
    if (point[m->parent] == m->when[i])
      return true;
  return false; /* also when the parent is absent: NaN */
}
/* From the unit interval to the dimension's own unit, and back (centre of an integer's cell). */
static inline double rad_dim_value(const rad_dim *d, double u)
{
  const double pad = d->type == RAD_FLOAT ? 0.0 : 0.5;
  const double a = d->log ? log(d->lo - pad) : d->lo - pad,
               b = d->log ? log(d->hi + pad) : d->hi + pad;
  double v = a + (b - a) * u;
  v = d->log ? exp(v) : v;
  v = pad > 0.0 ? floor(v + 0.5) : v;
  return v < d->lo ? d->lo : v > d->hi ? d->hi : v;
}
static inline double rad_dim_unit(const rad_dim *d, double v)
{
  const double pad = d->type == RAD_FLOAT ? 0.0 : 0.5;
  const double a = d->log ? log(d->lo - pad) : d->lo - pad,
               b = d->log ? log(d->hi + pad) : d->hi + pad;
  return b > a ? ((d->log ? log(v) : v) - a) / (b - a) : 0.5;
}
/* Points of a space without RAD_FLOAT, in lexicographic order: the lowest values of dimensions
 * first, first + 1, ..., those that do not exist NaN; and the point after one, false at the end. */
static inline void rad_space_low(const rad_space *s, size_t first, double *point)
{
  for (size_t d = first; d < s->ndim; d++)
    point[d] = rad_dim_exists(s, d, point) ? s->dim[d]->lo : (double)NAN;
}
static inline bool rad_space_next(const rad_space *s, double *point)
{
  for (size_t d = s->ndim; d-- > 0;)
    if (point[d] < s->dim[d]->hi) { /* not NaN */
      point[d] += 1.0;
      rad_space_low(s, d + 1, point);
      return true;
    }
  return false;
}
/* How many points a space has, ranges of real numbers counted as one value: the product, over the
 * dimensions that are always there, of the sum over a dimension's values of the products of what
 * exists there. Room: below (ndim), product (rad_space_width). */
static inline size_t rad_space_width(const rad_space *s)
{
  double most = 1.0;
  for (size_t d = 0; d < s->ndim; d++)
    if (s->dim[d]->parent >= 0) {
      const rad_dim *p = s->dim[s->dim[d]->parent];
      most = fmax(most, p->hi - p->lo + 1.0);
    }
  return (size_t)fmin(most, 9007199254740992.0);
}
static inline double rad_space_size(const rad_space *s, double *below, double *product)
{
  double all = 1.0;
  for (size_t d = s->ndim; d-- > 0;) {
    const rad_dim *m = s->dim[d];
    below[d] = m->type == RAD_FLOAT ? 1.0 : m->hi - m->lo + 1.0;
    for (int pass = 0; pass < 3; pass++) /* the values that children name: 1, products, sum */
      for (size_t k = d + 1; k < s->ndim; k++)
        for (size_t w = 0; s->dim[k]->parent == (int32_t)d && w < s->dim[k]->nwhen; w++) {
          double *p = &product[(size_t)(s->dim[k]->when[w] - m->lo)];
          below[d] += pass == 2 ? *p - 1.0 : 0.0;
          *p = pass == 1 ? *p * below[k] : 1.0;
        }
    all *= m->parent < 0 ? below[d] : 1.0;
  }
  return all;
}
#endif
