/* SPDX-License-Identifier: BSD-3-Clause
 * side.h - sums over the nonzeros of a matrix, for up to MOST vectors of places at a time, which
 * stay in registers: what sparse products of dense layers (sparse.c) and convolutions
 * (sparse_conv.c) are made of. */
#ifndef NATIVE_SIDE_H
#define NATIVE_SIDE_H
#include "tile.h"

enum { MOST = 8, CHUNK = MOST * VL }; /* vectors, places of a chunk */

/* A matrix by rows: where each begins, what its nonzeros are multiplied with, their values. */
typedef struct side {
  const uint64_t *start, *order; /* order: of the values, NULL: as they are */
  const uint32_t *index;
  size_t stride; /* nonzero k meets the places from float index[k] stride on */
  bool anywhere; /* these are no multiples of VL; but the array is aligned, and a vector longer */
  const float *value, *bias;
} side;

/* out (rows,nv VL) = bias + sums of rows r .. r+rows-1 over places in `in` */
void NAME(side_sums)(size_t nv, const side *, size_t r, size_t rows, const float *in, float *out);
/* grad at the nonzeros of rows lo .. hi-1 = keep grad + places in x times the row's nv vectors in
 * dy, where rows are ld apart and the first one is lo's */
void NAME(side_dots)(size_t nv, const side *, size_t lo, size_t hi, float keep, const float *x,
                     const float *dy, size_t ld, float *grad);
/* Both, of a matrix by columns lo .. hi-1, which `order` says of: out as side_sums gives it, grad
 * as side_dots does; x: places of the columns, the first one is lo's, ld apart. Not anywhere. */
void NAME(side_both)(size_t nv, const side *, size_t lo, size_t hi, float keep, const float *dy,
                     const float *x, size_t ld, float *out, float *grad);

/* An odd multiple of 64 bytes, in floats, for n of them: so that columns at powers of 2 do not fall
 * on the same lines of the cache. */
static inline size_t odd_lines(size_t n)
{
  return ((n + 15) / 16 | 1) * 16;
}
#endif
