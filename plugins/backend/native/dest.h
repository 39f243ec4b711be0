/* SPDX-License-Identifier: BSD-3-Clause
 * dest.h - where the sums of a product's tile go: starting values, activation, bounds. */
#ifndef NATIVE_DEST_H
#define NATIVE_DEST_H
#include "tile.h"

/* where a tile's sums go: n columns, the starting value and what is done to the result */
typedef struct dest {
  size_t ldc, n;
  size_t used; /* columns that are no padding: up to VL of them take half of the work */
  float beta;
  const float *bias;
  uint32_t act; /* none, relu or leaky; the others are applied to finished rows */
  float alpha;
} dest;

INLINE void start(const float *c, const dest *d, vec row[NV])
{
  tile_load(d->bias, d->bias ? d->n : 0, row);
  if (d->beta == 0.0f)
    return;
  vec old[NV];
  tile_load(c, d->n, old);
  UNROLL
  for (int v = 0; v < NV; v++)
    row[v] += d->beta * old[v];
}

INLINE void finish(float *c, const dest *d, vec row[NV])
{
  UNROLL
  for (int v = 0; v < NV; v++)
    if (d->act == RAD_ACT_RELU)
      row[v] = vec_below(row[v], (vec){0});
    else if (d->act == RAD_ACT_LEAKY)
      row[v] = vec_below(row[v], d->alpha * row[v]);
  tile_store(c, d->n, row);
}

/* the next tile of C, which comes from far away */
INLINE void ahead(const float *c, size_t m, const dest *d)
{
  for (size_t i = 0; i < m; i++)
    for (size_t v = 0; v < d->n; v += 16)
      PREFETCH_WRITE(c + i * d->ldc + v);
}
#endif
