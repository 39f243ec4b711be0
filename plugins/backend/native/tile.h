/* SPDX-License-Identifier: BSD-3-Clause
 * tile.h - the register tile: MR x PANEL sums that stay in registers while a sum runs over k. Each
 * sum is one chain of multiply-adds in the order of k, whatever the number of rows. */
#ifndef NATIVE_TILE_H
#define NATIVE_TILE_H
#include "vec.h"

/* acc (mr,nv VL) += sum over k of a[i ai + k ak] b[k bk + 0 .. nv VL-1]; mr and nv are constants */
INLINE void tile_add_part(int mr, int nv, size_t k, const float *restrict a, size_t ai, size_t ak,
                          const float *restrict b, size_t bk, vec acc[][NV])
{
  vec s[MR_CONV][NV];
  UNROLL
  for (int i = 0; i < mr; i++)
    for (int v = 0; v < nv; v++)
      s[i][v] = acc[i][v];
  for (; k > 0; k--, a += ak, b += bk) {
    vec q[NV];
    UNROLL
    for (int v = 0; v < nv; v++)
      q[v] = vec_load(b + v * VL);
    UNROLL
    for (int i = 0; i < mr; i++) {
      const float x = a[(size_t)i * ai];
      UNROLL
      for (int v = 0; v < nv; v++)
        s[i][v] += x * q[v];
    }
  }
  UNROLL
  for (int i = 0; i < mr; i++)
    for (int v = 0; v < nv; v++)
      acc[i][v] = s[i][v];
}

/* the same for whole panels */
INLINE void tile_add(int mr, size_t k, const float *restrict a, size_t ai, size_t ak,
                     const float *restrict b, size_t bk, vec acc[][NV])
{
  tile_add_part(mr, NV, k, a, ai, ak, b, bk, acc);
}

/* the first n floats of a row of a tile; the others are 0 and stay outside */
INLINE void tile_load(const float *p, size_t n, vec row[NV])
{
  UNROLL
  for (size_t v = 0; v < NV; v++)
    row[v] = n >= (v + 1) * VL ? vec_load(p + v * VL)
             : n > v * VL      ? vec_load_n(p + v * VL, n - v * VL)
                               : (vec){0};
}
INLINE void tile_store(float *p, size_t n, const vec row[NV])
{
  UNROLL
  for (size_t v = 0; v < NV; v++)
    if (n >= (v + 1) * VL)
      vec_store(p + v * VL, row[v]);
    else if (n > v * VL)
      vec_store_n(p + v * VL, row[v], n - v * VL);
}

/* Calls f(rows, ...) with a constant for rows, 1 .. 8, so that the tile's loops vanish. */
#define TILE_CASE(r, f, ...)                                                                       \
  case r:                                                                                          \
    f(r, __VA_ARGS__);                                                                             \
    break;
#define TILE_ROWS_4(f, ...)                                                                        \
  TILE_CASE(1, f, __VA_ARGS__)                                                                     \
  TILE_CASE(2, f, __VA_ARGS__) TILE_CASE(3, f, __VA_ARGS__) TILE_CASE(4, f, __VA_ARGS__)
#define TILE_ROWS_6(f, ...)                                                                        \
  TILE_ROWS_4(f, __VA_ARGS__) TILE_CASE(5, f, __VA_ARGS__) TILE_CASE(6, f, __VA_ARGS__)
#define TILE_ROWS_8(f, ...)                                                                        \
  TILE_ROWS_6(f, __VA_ARGS__) TILE_CASE(7, f, __VA_ARGS__) TILE_CASE(8, f, __VA_ARGS__)
#define TILE_ROWS_14(f, ...)                                                                       \
  TILE_ROWS_8(f, __VA_ARGS__)                                                                      \
  TILE_CASE(9, f, __VA_ARGS__)                                                                     \
  TILE_CASE(10, f, __VA_ARGS__)                                                                    \
  TILE_CASE(11, f, __VA_ARGS__)                                                                    \
  TILE_CASE(12, f, __VA_ARGS__) TILE_CASE(13, f, __VA_ARGS__) TILE_CASE(14, f, __VA_ARGS__)
#if RAD_VL == 16
#define TILE_ROWS      TILE_ROWS_8  /* 1 .. MR */
#define TILE_ROWS_CONV TILE_ROWS_14 /* 1 .. MR_CONV */
#elif RAD_VL == 8
#define TILE_ROWS      TILE_ROWS_6
#define TILE_ROWS_CONV TILE_ROWS_6
#else
#define TILE_ROWS      TILE_ROWS_4
#define TILE_ROWS_CONV TILE_ROWS_4
#endif
#endif
