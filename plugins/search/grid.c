/* SPDX-License-Identifier: BSD-3-Clause
 * grid.c - every point of the space, in lexicographic order: the last dimension runs fastest. A
 * conditional dimension is only varied where it exists. Points that the user gave are not proposed
 * again. A space without dimensions is one trial. */
#include "point.h"

enum { MOST = 1000000000 };

typedef struct grid {
  uint32_t unused; /* a struct needs a member */
} grid;

static rad_status check(rad_ctx *c, const rad_space *s)
{
  for (size_t d = 0; d < s->ndim; d++)
    if (s->dim[d]->type == RAD_FLOAT)
      return rad_fail(c, RAD_EINVAL,
                      "%s is a range of real numbers, which a grid cannot enumerate: list what to "
                      "try, choice(A, B, ...), or take [search] plugin = random",
                      s->dim[d]->name);
  return RAD_OK;
}

static rad_status too_large(rad_ctx *c)
{
  return rad_fail(c, RAD_EINVAL,
                  "the grid has more than %d points: list fewer values, choice(A, B, ...), or take "
                  "[search] plugin = random",
                  MOST);
}

static rad_status count(rad_ctx *c, const void *self, const rad_space *s, uint64_t *n)
{
  (void)self;
  RAD_TRY(check(c, s));
  const size_t width = rad_space_width(s);
  if (width > MOST)
    return too_large(c);
  double *below = c->host->scratch(c, (s->ndim + 1) * sizeof *below);
  double *product = c->host->scratch(c, (width + 1) * sizeof *product);
  if (!below || !product)
    return RAD_ENOMEM;
  const double points = rad_space_size(s, below, product);
  if (!(points <= MOST))
    return too_large(c);
  *n = (uint64_t)points;
  return RAD_OK;
}

static rad_status ask(rad_ctx *c, const void *self, const rad_space *s, const rad_history *h,
                      double *point)
{
  (void)self;
  RAD_TRY(check(c, s));
  size_t n = h->n;
  while (n > 0 && h->trial[n - 1]->given)
    n--;
  rad_space_low(s, 0, point);
  for (size_t d = 0; d < s->ndim && n > 0; d++)
    point[d] = h->trial[n - 1]->value[d];
  bool more = n == 0 || rad_space_next(s, point);
  while (more && search_seen(s, h, point)) /* it was given */
    more = rad_space_next(s, point);
  return more ? RAD_OK : RAD_DONE;
}

static const rad_search_ops ops = {.size = sizeof ops, .ask = ask, .count = count};
static const rad_plugin grid_plugin = {RAD_PLUGIN(RAD_SEARCH, "grid", grid, &ops),
                                       .summary = "every point of the space, in order"};
RAD_EXPORT(&grid_plugin)
