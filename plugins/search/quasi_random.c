/* SPDX-License-Identifier: BSD-3-Clause
 * quasi_random.c - points of a scrambled Sobol sequence, on the scale of each dimension: as
 * independent of the results as random ones, but spread evenly. Trial i is point i; the first 2^k
 * trials have one value in each of 2^k equal parts of every dimension. In discrete spaces a point
 * that was there before is replaced by a random one. Sobol 1967, USSR Comput. Math. Math. Phys. 7,
 * 86-112; Owen 1995, LNS 106, 299-317. */
#include "point.h"
#include "sobol.h"

typedef struct quasi_random {
  bool scramble;
} quasi_random;

static const rad_key keys[] = {
    RAD_KEY(quasi_random, scramble, "true", 0, 0, RAD_FIXED,
            "false: the sequence itself, the same for all seeds, with its first point in a corner"),
};

static rad_status ask(rad_ctx *c, const void *self, const rad_space *s, const rad_history *h,
                      double *point)
{
  const quasi_random *q = self;
  sobol_point(c, s, search_own(h), q->scramble, point);
  return search_new(c, s, h, point);
}

static const rad_search_ops ops = {.size = sizeof ops, .ask = ask, .count = search_count};
static const rad_plugin quasi_random_plugin = {
    RAD_PLUGIN(RAD_SEARCH, "quasi_random", quasi_random, &ops), RAD_KEYS(keys),
    .summary = "scrambled Sobol sequence: random points that are spread evenly",
    .reference = "Owen 1995, Lecture Notes in Statistics 106, 299-317"};
RAD_EXPORT(&quasi_random_plugin)
