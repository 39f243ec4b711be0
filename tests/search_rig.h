/* SPDX-License-Identifier: BSD-3-Clause
 * search_rig.h - a search plugin on a function instead of on trainings, as a study would call it:
 * trial i sees the results of the trials below i - lag, the later ones as running. */
#ifndef TESTS_SEARCH_RIG_H
#define TESTS_SEARCH_RIG_H
#include "host.h"
#include <rademacher/search.h>

/* Fills score (nscore), NaN on entry, and violation (nconstraint), 0 on entry; returns the state
 * that the trial ends in. */
typedef uint32_t search_function(const double *value, void *with, double *score, double *violation);
typedef struct search_rig {
  const rad_space *space;
  search_function *f;
  void *with;
  size_t lag;
  size_t n, most;            /* trials there are; room */
  double *value;             /* (most,ndim) */
  double *score, *violation; /* (most,nscore), (most,nconstraint) */
  double *nothing;           /* scores and violations that are not known yet */
  rad_trial *known, *hidden; /* (most) */
  const rad_trial **list;    /* (most) */
  double seconds, slowest;   /* spent in ask: all, the longest */
  instance *i;
  env env;
  diag diag;
} search_rig;

/* keys: "population=20 sigma=0.1". The rig's space, f, with, lag and most are set before. */
rad_status search_open(search_rig *, plugins *, const char *name, const char *keys, uint64_t seed);
rad_status search_ask(search_rig *, double *point); /* for trial n, without running it */
rad_status search_step(search_rig *);               /* asks, runs; RAD_DONE: no more */
void search_run(search_rig *, size_t n);            /* n more, or until none is left or it fails */
double search_best(const search_rig *, size_t n);   /* score 0 of those that keep the constraints */
void search_close(search_rig *);
#endif
