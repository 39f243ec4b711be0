/* SPDX-License-Identifier: BSD-3-Clause
 * gemm64.c - products in double, of plain matrices: C (m,n) = op(A) op(B) + beta C by register
 * tiles like those of gemm.c, with half as many lanes. op(B) is packed into panels (KB,COLUMNS), a
 * sum is cut into blocks of KB terms, each one chain of multiply-adds: a row's bits depend on
 * nothing but the row. */
#include "tile.h"

enum { LANES = VL > 1 ? VL / 2 : 1, COLUMNS = LANES * NV, KB = 256 };
#ifdef __GNUC__
typedef double vec64 __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
#else
typedef double vec64;
#endif

/* One row of C: n columns of sums. */
INLINE void put(double *c, size_t n, double beta, const vec64 s[NV])
{
  double t[COLUMNS], old[COLUMNS] = {0};
  if (beta != 0)
    memcpy(old, c, n * sizeof *c);
  UNROLL
  for (int v = 0; v < NV; v++)
    *(vec64 *)(t + v * LANES) = beta * *(const vec64 *)(old + v * LANES) + s[v];
  memcpy(c, t, n * sizeof *c);
}

/* C (mr,n) = sum over k of a[i ai + k ak] b[k COLUMNS + 0 .. n-1] + beta C; mr is a constant */
INLINE void tile64(int mr, size_t k, const double *restrict a, size_t ai, size_t ak,
                   const double *restrict b, double *c, size_t ldc, size_t n, double beta)
{
  vec64 s[MR_CONV][NV];
  UNROLL
  for (int i = 0; i < mr; i++)
    for (int v = 0; v < NV; v++)
      s[i][v] = (vec64){0};
  for (; k > 0; k--, a += ak, b += COLUMNS) {
    vec64 q[NV];
    UNROLL
    for (int v = 0; v < NV; v++)
      q[v] = *(const vec64 *)(b + v * LANES);
    UNROLL
    for (int i = 0; i < mr; i++) {
      const double x = a[(size_t)i * ai];
      UNROLL
      for (int v = 0; v < NV; v++)
        s[i][v] += x * q[v];
    }
  }
  UNROLL
  for (int i = 0; i < mr; i++)
    put(c + (size_t)i * ldc, n, beta, s[i]);
}

/* b (k,COLUMNS) = n columns of op(B) from row k0, column j on; zeros behind them */
static void pack_b(const rad_gemm *g, size_t k0, size_t k, size_t j, size_t n, double *out)
{
  const double *b = g->b;
  if (n < COLUMNS)
    memset(out, 0, k * COLUMNS * sizeof *out);
  if (!g->tb)
    for (size_t q = 0; q < k; q++)
      memcpy(out + q * COLUMNS, b + (k0 + q) * g->ldb + j, n * sizeof *out);
  else
    for (size_t i = 0; i < n; i++)
      for (size_t q = 0; q < k; q++)
        out[q * COLUMNS + i] = b[(j + i) * g->ldb + k0 + q];
}

rad_status NAME(gemm64)(rad_ctx *c, const rad_gemm *g)
{
  const size_t ai = g->ta ? 1 : g->lda, ak = g->ta ? g->lda : 1;
  double *b = (double *)(void *)floats(c, 2 * KB, COLUMNS);
  size_t k0 = 0;
  if (!b)
    return RAD_ENOMEM;
  do {
    const size_t k = least(g->k - k0, KB);
    const double beta = k0 == 0 ? (double)g->beta : 1;
    for (size_t j = 0; j < g->n; j += COLUMNS) {
      const size_t n = least(g->n - j, COLUMNS);
      pack_b(g, k0, k, j, n, b);
      for (size_t i = 0; i < g->m; i += MR_CONV) {
        const double *a = (const double *)g->a + i * ai + k0 * ak;
        double *out = (double *)g->c + i * g->ldc + j;
        switch (least(g->m - i, MR_CONV)) {
          TILE_ROWS_CONV(tile64, k, a, ai, ak, b, out, g->ldc, n, beta)
        }
      }
    }
    k0 += k;
  } while (k0 < g->k);
  return RAD_OK;
}
