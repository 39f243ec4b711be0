/* SPDX-License-Identifier: BSD-3-Clause
 * sobol.h - points of Sobol's sequence, in any number of dimensions: the first 2^k points have one
 * value in each of 2^k equal parts of every dimension.
 *
 * Bit k of a coordinate is the sum modulo 2 of the bits of the index times a matrix of direction
 * numbers (Joe, Kuo 2008, SIAM J. Sci. Comput. 30, 2635-2654). Scrambled: each bit is flipped by a
 * draw that belongs to the bits above it (Owen 1995), which keeps that property and removes the
 * alignment with the axes. Every 37 dimensions have the sequence in another order, scrambled
 * likewise (Burley 2020, J. Comput. Graph. Tech. 9(4)). */
#ifndef PLUGINS_SEARCH_SOBOL_H
#define PLUGINS_SEARCH_SOBOL_H
#include <rademacher/search.h>

enum { SOBOL_DIMS = 37, SOBOL_WHEN = 1 };

/* Of dimensions 1 and on (0 has the bits reversed): a primitive polynomial, first numbers m. */
static const struct sobol_row {
  uint32_t polynomial, m[7];
} sobol_rows[SOBOL_DIMS - 1] = {
    {3, {1}},
    {7, {1, 3}},
    {11, {1, 3, 1}},
    {13, {1, 1, 1}},
    {19, {1, 1, 3, 3}},
    {25, {1, 3, 5, 13}},
    {37, {1, 1, 5, 5, 17}},
    {41, {1, 1, 5, 5, 5}},
    {47, {1, 1, 7, 11, 19}},
    {55, {1, 1, 5, 1, 1}},
    {59, {1, 1, 1, 3, 11}},
    {61, {1, 3, 5, 5, 31}},
    {67, {1, 3, 3, 9, 7, 49}},
    {91, {1, 1, 1, 15, 21, 21}},
    {97, {1, 3, 1, 13, 27, 49}},
    {103, {1, 1, 1, 15, 7, 5}},
    {109, {1, 3, 1, 15, 13, 25}},
    {115, {1, 1, 5, 5, 19, 61}},
    {131, {1, 3, 7, 11, 23, 15, 103}},
    {137, {1, 3, 7, 13, 13, 15, 69}},
    {143, {1, 1, 3, 13, 7, 35, 63}},
    {145, {1, 3, 5, 9, 1, 25, 53}},
    {157, {1, 3, 1, 13, 9, 35, 107}},
    {167, {1, 3, 1, 5, 27, 61, 31}},
    {171, {1, 1, 5, 11, 19, 41, 61}},
    {185, {1, 3, 5, 3, 3, 13, 69}},
    {191, {1, 1, 7, 13, 1, 19, 1}},
    {193, {1, 3, 7, 5, 13, 19, 59}},
    {203, {1, 1, 3, 9, 25, 29, 41}},
    {211, {1, 3, 5, 13, 23, 1, 55}},
    {213, {1, 3, 7, 3, 13, 59, 17}},
    {229, {1, 3, 1, 3, 5, 53, 69}},
    {239, {1, 1, 5, 5, 23, 33, 13}},
    {241, {1, 1, 7, 7, 1, 61, 123}},
    {247, {1, 1, 7, 9, 13, 61, 49}},
    {253, {1, 3, 3, 5, 3, 55, 33}},
};

/* The direction numbers of a dimension: column j of the matrix, most significant bit first. */
static inline void sobol_directions(size_t dim, uint32_t v[32])
{
  if (dim == 0) {
    for (unsigned j = 0; j < 32; j++)
      v[j] = UINT32_C(1) << (31 - j);
    return;
  }
  const struct sobol_row *r = &sobol_rows[dim - 1];
  unsigned degree = 1;
  while (r->polynomial >> (degree + 1) != 0)
    degree++;
  for (unsigned j = 0; j < 32; j++) {
    v[j] = j < degree ? r->m[j] << (31 - j) : v[j - degree] ^ (v[j - degree] >> degree);
    for (unsigned k = 1; j >= degree && k < degree; k++)
      if (r->polynomial >> (degree - k) & 1)
        v[j] ^= v[j - k];
  }
}

static inline uint32_t sobol_integer(uint32_t index, size_t dim)
{
  uint32_t v[32], x = 0;
  sobol_directions(dim, v);
  for (unsigned j = 0; j < 32; j++)
    if (index >> j & 1)
      x ^= v[j];
  return x;
}

/* Flips bit k by a draw at the bits above it; `below`: a draw at all of them. */
static inline uint32_t sobol_scramble(rad_ctx *c, uint32_t stream, uint32_t x, uint32_t *below)
{
  uint32_t flips = 0;
  for (unsigned k = 0; k <= 32; k++) {
    const uint64_t node = (UINT64_C(1) << k) | ((uint64_t)x >> (32 - k));
    c->host->bits(c, &(rad_at){.when = SOBOL_WHEN, .index = node, .stream = stream}, 0, 1, below);
    if (k < 32)
      flips |= *below & (UINT32_C(0x80000000) >> k);
  }
  return x ^ flips;
}

/* Coordinate of a point, in [0,1). */
static inline double sobol_unit(rad_ctx *c, uint64_t index, size_t dim, bool scramble)
{
  uint32_t i = (uint32_t)index, below = 0;
  const size_t group = dim / SOBOL_DIMS;
  if (group > 0)
    i = sobol_scramble(c, (uint32_t)(0x10000 + group), i, &below);
  uint32_t x = sobol_integer(i, dim % SOBOL_DIMS);
  below = 0;
  if (scramble)
    x = sobol_scramble(c, (uint32_t)dim, x, &below);
  return ((double)x + (double)(below >> 11) / 2097152.0) / 4294967296.0;
}

static inline void sobol_point(rad_ctx *c, const rad_space *s, uint64_t index, bool scramble,
                               double *point)
{
  for (size_t d = 0; d < s->ndim; d++)
    point[d] = rad_dim_exists(s, d, point)
                   ? rad_dim_value(s->dim[d], sobol_unit(c, index, d, scramble))
                   : (double)NAN;
}
#endif
