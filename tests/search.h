/* SPDX-License-Identifier: BSD-3-Clause
 * search.h - what the tests of searches share. */
#ifndef TESTS_SEARCH_H
#define TESTS_SEARCH_H
#include "search_rig.h"
#include <check.h>
#include <math.h>
#undef fail /* check.h has a macro of this name, rad_host a member */

extern plugins *registry;
/* A space of n real numbers from lo to hi, one score; `room` keeps it. */
typedef struct box {
  rad_dim dim[40];
  const rad_dim *view[40];
  rad_space space;
} box;
const rad_space *box_of(box *room, size_t n, double lo, double hi);
/* An opened rig; failing is an error of the test. */
void must_search(search_rig *, const char *name, const char *keys, uint64_t seed);
/* Best score of each of n seeds after some trials; the mean over seeds. lag 1. */
double mean_best(const rad_space *, search_function *, void *with, const char *name,
                 const char *keys, size_t trials, size_t seeds);

TCase *plain_cases(void); /* quasi_random, evolution, nsga2 */
TCase *model_cases(void); /* tpe, bayes, cma_es */
#endif
