/* SPDX-License-Identifier: BSD-3-Clause
 * random.c - independent uniform draws, on the scale of each dimension; trial i draws dimension d
 * at the address (index i, stream d). A discrete space is drawn without replacement: a point that
 * was there before is drawn again. Bergstra, Bengio 2012, JMLR 13, 281-305. */
#include "point.h"

typedef struct search {
  uint32_t unused; /* a struct needs a member */
} search;

static rad_status ask(rad_ctx *c, const void *self, const rad_space *s, const rad_history *h,
                      double *point)
{
  (void)self;
  search_draw(c, s, h->n, 0, point);
  return search_new(c, s, h, point);
}

static const rad_search_ops ops = {.size = sizeof ops, .ask = ask, .count = search_count};
static const rad_plugin random_plugin = {
    RAD_PLUGIN(RAD_SEARCH, "random", search, &ops),
    .summary = "independent uniform draws; discrete spaces without replacement",
    .reference = "Bergstra, Bengio 2012, JMLR 13, 281-305"};
RAD_EXPORT(&random_plugin)
