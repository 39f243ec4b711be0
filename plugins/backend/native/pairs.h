/* SPDX-License-Identifier: BSD-3-Clause
 * pairs.h - pairs of bf16: rounding to them, and the register tile of tile.h whose sums take a pair
 * of terms at a time. */
#ifndef NATIVE_PAIRS_H
#define NATIVE_PAIRS_H
#include "dest.h"
#include <immintrin.h>

typedef uint32_t pair; /* two bf16, the first one in the low half */

static size_t half(size_t n) /* how many pairs hold n numbers */
{
  return n / 2 + n % 2;
}

enum { HALF = PANEL / 2 }; /* pairs of outputs in a panel */

/* --- rounding --- */

/* (a0,a1), (a2,a3), ... (b0,b1), ... */
INLINE __m512i in_row(vec a, vec b)
{
  return (__m512i)_mm512_cvtne2ps_pbh((__m512)b, (__m512)a);
}

/* (a0,b0), (a1,b1), ... */
INLINE __m512i across(vec a, vec b)
{
  const __m512i i = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
                                     23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(i, in_row(a, b));
}

/* out (half(n)) = the numbers of a row */
static void round_row(size_t n, const float *in, pair *out)
{
  for (; n >= 2 * VL; n -= 2 * VL, in += 2 * VL, out += VL)
    _mm512_storeu_si512(out, in_row(vec_load(in), vec_load(in + VL)));
  if (n > 0) {
    const vec a = n < VL ? vec_load_n(in, n) : vec_load(in);
    const vec b = n > VL ? vec_load_n(in + VL, n - VL) : (vec){0};
    _mm512_mask_storeu_epi32(out, (__mmask16)((1u << half(n)) - 1), in_row(a, b));
  }
}

/* out (half(k),width) = n columns of `in` (k,ld) by pairs of rows, zeros behind them; VL divides
 * width */
static void round_rows(size_t n, size_t k, const float *in, size_t ld, pair *out, size_t width)
{
  for (size_t q = 0; q < k; q += 2, in += 2 * ld, out += width)
    for (size_t j = 0; j < width; j += VL) {
      const size_t some = j < n ? least(n - j, VL) : 0;
      vec a = {0}, b = {0};
      if (some == VL) {
        a = vec_load(in + j);
        b = q + 1 < k ? vec_load(in + ld + j) : b;
      } else if (some > 0) {
        a = vec_load_n(in + j, some);
        b = q + 1 < k ? vec_load_n(in + ld + j, some) : b;
      }
      _mm512_storeu_si512(out + j, across(a, b));
    }
}

/* --- the tile --- */

/* acc (mr,PANEL) += sum over k pairs of a[i ai + k ak] with b[k PANEL + 0 .. PANEL-1] */
INLINE void add_pairs(int mr, size_t k, const pair *restrict a, size_t ai, size_t ak,
                      const pair *restrict b, vec acc[][NV])
{
  vec s[MR][NV];
  UNROLL
  for (int i = 0; i < mr; i++)
    for (int v = 0; v < NV; v++)
      s[i][v] = acc[i][v];
  for (; k > 0; k--, a += ak, b += PANEL) {
    __m512bh q[NV];
    UNROLL
    for (int v = 0; v < NV; v++)
      q[v] = (__m512bh)_mm512_loadu_si512(b + v * VL);
    UNROLL
    for (int i = 0; i < mr; i++) {
      const __m512bh x = (__m512bh)_mm512_set1_epi32((int)a[(size_t)i * ai]);
      UNROLL
      for (int v = 0; v < NV; v++)
        s[i][v] = (vec)_mm512_dpbf16_ps((__m512)s[i][v], x, q[v]);
    }
  }
  UNROLL
  for (int i = 0; i < mr; i++)
    for (int v = 0; v < NV; v++)
      acc[i][v] = s[i][v];
}

INLINE void rows_of(int mr, size_t k, const pair *a, size_t ai, size_t ak, const pair *b, float *c,
                    const dest *d)
{
  vec acc[MR][NV];
  UNROLL
  for (int i = 0; i < mr; i++)
    start(c + (size_t)i * d->ldc, d, acc[i]);
  add_pairs(mr, k, a, ai, ak, b, acc);
  UNROLL
  for (int i = 0; i < mr; i++)
    finish(c + (size_t)i * d->ldc, d, acc[i]);
}

/* C (m, d->n) of one panel b (k,PANEL) */
static void panel(size_t m, size_t k, const pair *a, size_t ai, size_t ak, const pair *b, float *c,
                  const dest *d)
{
  for (size_t i = 0; i < m; i += MR) {
    if (m - i > MR)
      ahead(c + (i + MR) * d->ldc, least(m - i - MR, MR), d);
    switch (least(m - i, MR)) {
      TILE_ROWS(rows_of, k, a + i * ai, ai, ak, b, c + i * d->ldc, d)
    }
  }
}
#endif
