/* SPDX-License-Identifier: BSD-3-Clause
 * evolution.c - regularized evolution: the population are the latest trials that have ended (who is
 * old leaves, however good); of some of them, drawn at random, the best is the parent; its child
 * differs in one dimension that is drawn: a choice becomes another one, a number is moved by a
 * normal step on its scale. Dimensions that this brings in are drawn, those that it takes out are
 * gone. Trials that run are ignored. Real, Aggarwal, Huang, Le 2019, AAAI 33, 4780-4789. */
#include "point.h"
#include "sobol.h"

enum { WHEN = 2, PARENT = 0, DIMENSION, VALUE, ADDED };

typedef struct evolution {
  int32_t population, tournament;
  double sigma;
} evolution;

static const rad_key keys[] = {
    RAD_KEY(evolution, population, "16", 1, 1e6, RAD_FIXED, "trials that may become parents"),
    RAD_KEY(evolution, tournament, "8", 1, 1e6, RAD_FIXED,
            "trials drawn from them, of which the best is the parent"),
    RAD_KEY(evolution, sigma, "0.15", 1e-3, 10, RAD_FIXED,
            "standard deviation of a number's step; 1: the whole range, on its scale"),
};

static rad_status plan(rad_ctx *c, void *self, const rad_space *s)
{
  (void)self;
  return search_one_score(c, s);
}

/* Changes one dimension; the others stay as they are, where they still exist. */
static void mutate(rad_ctx *c, const evolution *e, const rad_space *s, rad_at at, double *point)
{
  size_t n = 0;
  for (size_t d = 0; d < s->ndim; d++)
    n += !isnan(point[d]) && s->dim[d]->lo < s->dim[d]->hi ? 1 : 0;
  at.stream = DIMENSION;
  size_t k = (size_t)(search_uniform(c, &at, 0) * (double)n);
  at.stream = VALUE;
  for (size_t d = 0; d < s->ndim; d++) {
    const rad_dim *m = s->dim[d];
    if (!isnan(point[d]) && m->lo < m->hi && k-- == 0)
      point[d] =
          search_move(m, point[d], e->sigma * search_normal(c, &at, 0), search_uniform(c, &at, 1));
  }
  at.stream = ADDED;
  search_mend(c, s, &at, point);
}

/* The best of some of the n latest, drawn with replacement. */
static const rad_trial *parent(rad_ctx *c, const evolution *e, uint64_t index,
                               const search_rank *latest, uint32_t n)
{
  const search_rank *best = NULL;
  for (int32_t k = 0; k < e->tournament; k++) {
    const rad_at at = {.when = WHEN, .index = index, .stream = PARENT};
    const search_rank *r = &latest[rad_below(c, &at, (uint64_t)k, n)];
    if (!best || search_compare(r, best) < 0)
      best = r;
  }
  return best->trial;
}

static rad_status ask(rad_ctx *c, const void *self, const rad_space *s, const rad_history *h,
                      double *point)
{
  const evolution *e = self;
  const size_t population = (size_t)e->population;
  search_rank *r = c->host->scratch(c, (h->n + 1) * sizeof *r);
  if (!r)
    return RAD_ENOMEM;
  const size_t n = search_known(s, h, r);
  if (n < population) {
    sobol_point(c, s, search_own(h), true, point);
    return search_new(c, s, h, point);
  }
  const rad_trial *from = parent(c, e, h->n, r + (n - population), (uint32_t)population);
  for (size_t d = 0; d < s->ndim; d++)
    point[d] = from->value[d];
  rad_at at = {.when = WHEN, .index = h->n};
  do /* of a discrete space: away from the parent until nobody was there */
    mutate(c, e, s, at, point);
  while (at.when++ < WHEN + SEARCH_TRIES && search_discrete(s) && search_seen(s, h, point));
  return search_new(c, s, h, point);
}

static const rad_search_ops ops = {
    .size = sizeof ops, .plan = plan, .ask = ask, .count = search_count};
static const rad_plugin evolution_plugin = {
    RAD_PLUGIN(RAD_SEARCH, "evolution", evolution, &ops), RAD_KEYS(keys),
    .summary = "regularized evolution: tournament, mutation of one dimension, ageing",
    .reference = "Real, Aggarwal, Huang, Le 2019, AAAI 33, 4780-4789"};
RAD_EXPORT(&evolution_plugin)
