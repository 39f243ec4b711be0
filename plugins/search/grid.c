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

/* Points of the subtree of dimension d, given that it exists: the sum over its values of the
 * product of the children that exist there. below[k], k > d, is known. */
static bool count_below(const rad_space *s, size_t d, const uint64_t *below, uint64_t *product,
                        uint64_t *n)
{
  const rad_dim *m = s->dim[d];
  const double values = m->hi - m->lo + 1;
  if (!(values >= 1 && values <= MOST))
    return false;
  *n = (uint64_t)values;
  for (size_t k = d + 1; k < s->ndim; k++) /* only values that some child names are not 1 */
    for (size_t w = 0; s->dim[k]->parent == (int32_t)d && w < s->dim[k]->nwhen; w++)
      product[(size_t)(s->dim[k]->when[w] - m->lo)] = 1;
  for (size_t k = d + 1; k < s->ndim; k++)
    for (size_t w = 0; s->dim[k]->parent == (int32_t)d && w < s->dim[k]->nwhen; w++) {
      uint64_t *p = &product[(size_t)(s->dim[k]->when[w] - m->lo)];
      *n -= *p;
      *p *= below[k]; /* both at most 1e9 */
      *n += *p;
      if (*p > MOST || *n > MOST)
        return false;
    }
  return true;
}

/* Room for one number per value of the widest dimension that others depend on. */
static size_t widest_parent(const rad_space *s)
{
  double most = 0;
  for (size_t d = 0; d < s->ndim; d++)
    if (s->dim[d]->parent >= 0) {
      const rad_dim *p = s->dim[s->dim[d]->parent];
      most = fmax(most, p->hi - p->lo + 1);
    }
  return most <= 1e6 ? (size_t)most : 0;
}

static rad_status count(rad_ctx *c, const void *self, const rad_space *s, uint64_t *n)
{
  (void)self;
  RAD_TRY(check(c, s));
  const size_t width = widest_parent(s);
  uint64_t *below = c->host->scratch(c, (s->ndim + 1) * sizeof *below);
  uint64_t *product = c->host->scratch(c, (width + 1) * sizeof *product);
  if (!below || !product)
    return RAD_ENOMEM;
  *n = 1;
  for (size_t d = s->ndim; d-- > 0;) {
    const rad_dim *up = s->dim[d]->parent < 0 ? NULL : s->dim[s->dim[d]->parent];
    if (up && !(up->hi - up->lo < (double)width))
      return too_large(c);
    if (!count_below(s, d, below, product, &below[d]))
      return too_large(c);
    if (!up)
      *n *= below[d];
    if (*n > MOST)
      return too_large(c);
  }
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
