/* SPDX-License-Identifier: BSD-3-Clause
 * random.c - independent uniform draws, on the scale of each dimension; trial i draws dimension d
 * at the address (index i, stream d). A small discrete space is drawn without replacement: a point
 * that was there before is drawn again, and after TRIES draws the next new one of the grid is
 * taken. Bergstra, Bengio 2012, JMLR 13, 281-305. */
#include <rademacher/search.h>

enum { SMALL = 100000, TRIES = 200 };

typedef struct search {
  uint32_t unused; /* a struct needs a member */
} search;

/* Points of a discrete space; 0: more than SMALL, or a continuum. */
static uint32_t small_count(const rad_space *s, double *point)
{
  uint32_t n = 1;
  for (size_t d = 0; d < s->ndim; d++)
    if (s->dim[d]->type == RAD_FLOAT)
      return 0;
  rad_space_low(s, 0, point);
  for (; n <= SMALL && rad_space_next(s, point); n++)
    ;
  return n <= SMALL ? n : 0;
}

static bool seen(const rad_space *s, const rad_history *h, const double *point)
{
  for (size_t i = 0; i < h->n; i++) {
    const double *old = h->trial[i]->value;
    size_t d = 0;
    while (d < s->ndim && (old[d] == point[d] || (isnan(old[d]) && isnan(point[d]))))
      d++;
    if (d == s->ndim)
      return true;
  }
  return false;
}

/* Number `k` of the stream, in [0,1) with 53 bits: a float's 24 would leave out values of a wide
 * range of integers. */
static double draw(rad_ctx *c, uint64_t index, uint32_t stream, uint64_t k)
{
  uint32_t r[2];
  c->host->bits(c, &(rad_at){.index = index, .stream = stream}, 2 * k, 2, r);
  return ((double)(r[0] >> 5) * 67108864.0 + (double)(r[1] >> 6)) / 9007199254740992.0;
}

static rad_status ask(rad_ctx *c, const void *self, const rad_space *s, const rad_history *h,
                      double *point)
{
  (void)self;
  const uint32_t n = small_count(s, point);
  if (n > 0 && h->n >= n)
    return RAD_DONE;
  for (uint64_t k = 0; k < TRIES; k++) {
    for (size_t d = 0; d < s->ndim; d++)
      point[d] = rad_dim_exists(s, d, point)
                     ? rad_dim_value(s->dim[d], draw(c, h->n, (uint32_t)d, k))
                     : (double)NAN;
    if (n == 0 || !seen(s, h, point))
      return RAD_OK;
  }
  while (seen(s, h, point)) /* ends: fewer than n points were there */
    if (!rad_space_next(s, point))
      rad_space_low(s, 0, point);
  return RAD_OK;
}

static rad_status count(rad_ctx *c, const void *self, const rad_space *s, uint64_t *n)
{
  (void)self;
  double *point = c->host->scratch(c, (s->ndim + 1) * sizeof *point);
  if (!point)
    return RAD_ENOMEM;
  *n = small_count(s, point);
  return RAD_OK;
}

static const rad_search_ops ops = {.size = sizeof ops, .ask = ask, .count = count};
static const rad_plugin random_plugin = {
    RAD_PLUGIN(RAD_SEARCH, "random", search, &ops),
    .summary = "independent uniform draws; small discrete spaces without replacement",
    .reference = "Bergstra, Bengio 2012, JMLR 13, 281-305"};
RAD_EXPORT(&random_plugin)
