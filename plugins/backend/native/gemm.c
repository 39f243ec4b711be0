/* SPDX-License-Identifier: BSD-3-Clause
 * gemm.c - products: C (m,n) = act(op(A) op(B) + beta C + bias) tile by tile. B is read in panels
 * (k,PANEL), which are packed here where they are not already. Sums are cut into blocks of at most
 * KB terms by k alone, so that a row's bits depend on nothing but the row. */
#include "tile.h"

enum { KB = 400, ROWS = 240 };

/* where a tile's sums go: n columns, the starting value and what is done to the result */
typedef struct dest {
  size_t ldc, n;
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

INLINE void rows_of(int mr, size_t k, const float *a, size_t ai, size_t ak, const float *b,
                    float *c, const dest *d)
{
  vec acc[MR][NV];
  UNROLL
  for (int i = 0; i < mr; i++)
    start(c + (size_t)i * d->ldc, d, acc[i]);
  tile_add(mr, k, a, ai, ak, b, PANEL, acc);
  UNROLL
  for (int i = 0; i < mr; i++)
    finish(c + (size_t)i * d->ldc, d, acc[i]);
}

/* C (m, d->n) of one panel b (k,PANEL) */
static void panel(size_t m, size_t k, const float *a, size_t ai, size_t ak, const float *b,
                  float *c, const dest *d)
{
  for (size_t i = 0; i < m; i += MR)
    switch (least(m - i, MR)) {
      TILE_ROWS(rows_of, k, a + i * ai, ai, ak, b, c + i * d->ldc, d)
    }
}

/* How many terms of a sum of k are taken at a time. */
static size_t step_of(size_t k)
{
  const size_t n = k / KB + (k % KB > 0);
  return n > 0 ? k / n + (k % n > 0) : 1;
}

/* panel (k,PANEL) = n columns of op(B) from row k0, column j on; zeros behind them */
static void pack_b(const rad_gemm *g, size_t k0, size_t k, size_t j, size_t n, float *out)
{
  const float *b = g->b;
  if (n < PANEL)
    memset(out, 0, k * PANEL * sizeof *out);
  if (g->tb)
    NAME(transpose)(n, k, b + j * g->ldb + k0, g->ldb, out, PANEL);
  else
    for (size_t q = 0; q < k; q++)
      memcpy(out + q * PANEL, b + (k0 + q) * g->ldb + j, n * sizeof *out);
}

/* rows i .. i+m-1 of C; B is in panels, or `room` has space for one */
static void block(const rad_gemm *g, size_t i, size_t m, bool packed, float *room)
{
  const size_t step = step_of(g->k), ai = g->ta ? 1 : g->lda, ak = g->ta ? g->lda : 1;
  const bool inside = g->act == RAD_ACT_RELU || g->act == RAD_ACT_LEAKY;
  size_t k0 = 0;
  do {
    const size_t k = least(step, g->k - k0);
    const bool first = k0 == 0, last = k0 + k == g->k;
    dest d = {.ldc = g->ldc,
              .beta = first ? g->beta : 1.0f,
              .act = last && inside ? g->act : RAD_ACT_NONE,
              .alpha = g->act_alpha};
    for (size_t j = 0; j < g->n; j += PANEL) {
      const float *b = room;
      d.n = least(PANEL, g->n - j);
      d.bias = first && g->bias ? g->bias + j : NULL;
      if (packed)
        b = (const float *)g->b + j * g->k + k0 * PANEL;
      else
        pack_b(g, k0, k, j, d.n, room);
      panel(m, k, (const float *)g->a + i * ai + k0 * ak, ai, ak, b, (float *)g->c + i * g->ldc + j,
            &d);
    }
    k0 += k;
  } while (k0 < g->k);
}

/* Y = f(X W' + b), or any product of plain operands */
static rad_status forward(rad_ctx *c, const rad_gemm *g, bool packed)
{
  float *room = packed ? NULL : floats(c, step_of(g->k), PANEL);
  if (!packed && !room)
    return RAD_ENOMEM;
  const size_t rows = packed ? ROWS : g->m;
  for (size_t i = 0; i < g->m; i += rows) {
    const size_t m = least(rows, g->m - i);
    block(g, i, m, packed, room);
    if (g->act > RAD_ACT_LEAKY)
      for (size_t q = i; q < i + m; q++) {
        float *row = (float *)g->c + q * g->ldc;
        RAD_TRY(NAME(math).act(c, g->act, g->act_alpha, g->n, row, row));
      }
  }
  return RAD_OK;
}

static rad_status check(rad_ctx *c, const rad_gemm *g, bool packed)
{
  if (g->a_type == RAD_BF16 || g->b_type == RAD_BF16 || g->c_type == RAD_BF16)
    return rad_fail(c, RAD_EINVAL, "takes no bf16, use [backend] plugin = reference");
  if (g->lda < (g->ta ? g->m : g->k) || (!(packed && !g->ta) && g->ldb < (g->tb ? g->k : g->n)) ||
      (!(packed && g->ta) && g->ldc < g->n))
    return rad_fail(c, RAD_EINVAL, "the rows of a matrix are longer than their distance");
  return RAD_OK;
}

rad_status NAME(gemm)(rad_ctx *c, const rad_gemm *g)
{
  const bool packed = g->packed && g->packed->layout != 0;
  RAD_TRY(check(c, g, packed));
  if (g->m == 0 || g->n == 0)
    return RAD_OK;
  return forward(c, g, packed);
}
