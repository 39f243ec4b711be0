/* SPDX-License-Identifier: BSD-3-Clause
 * halving.h - successive halving of some trials: those at a rung that are worse than enough others
 * are given up. */
#ifndef PLUGINS_PRUNER_HALVING_H
#define PLUGINS_PRUNER_HALVING_H
#include <rademacher/pruner.h>

/* Is trial `which`, at its rung k (from 1), among the best n / factor^k of the trials `begin` to
 * `end`, n being how many of them came to rung 1? One always is. Of equal ones the earlier is
 * better. */
static inline bool halving_stays(const rad_history *all, size_t begin, size_t end, size_t which,
                                 uint64_t factor)
{
  const rad_trial *t = all->trial[which];
  const double own = t->rung[t->nrung - 1].value;
  uint64_t seats = 0, better = 0;
  for (size_t i = begin; i < end && i < all->n; i++) {
    const rad_trial *o = all->trial[i];
    seats += o->nrung > 0;
    if (o->nrung < t->nrung || i == which)
      continue;
    const double other = o->rung[t->nrung - 1].value;
    better += other > own || (other == own && i < which);
  }
  for (size_t k = 0; k < t->nrung; k++)
    seats /= factor;
  return better < (seats > 0 ? seats : 1);
}
/* The same in cohorts of n; nothing is judged before its first rung. */
static inline bool halving_stays_in_cohort(const rad_history *all, size_t n, size_t which,
                                           uint64_t factor)
{
  const size_t begin = which / n * n;
  return all->trial[which]->nrung == 0 || halving_stays(all, begin, begin + n, which, factor);
}
#endif
