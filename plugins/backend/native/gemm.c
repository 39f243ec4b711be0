/* SPDX-License-Identifier: BSD-3-Clause
 * gemm.c - products: C (m,n) = act(op(A) op(B) + beta C + bias) tile by tile. B is read in panels
 * (k,PANEL), which are packed here where they are not already. Sums are cut into blocks
 * of at most KB terms; each is one chain of multiply-adds all the same, so that a row's bits depend
 * on nothing but the row. */
#include "dest.h"

enum { KB = 400, UB = 256, ROWS = 192, DB = 96 }; /* multiples: UB, ROWS of PANEL, DB of MR */

INLINE void sums(int mr, int nv, size_t k, const float *a, size_t ai, size_t ak, const float *b,
                 float *c, const dest *d)
{
  vec acc[MR][NV];
  UNROLL
  for (int i = 0; i < mr; i++)
    start(c + (size_t)i * d->ldc, d, acc[i]);
  tile_add_part(mr, nv, k, a, ai, ak, b, PANEL, acc);
  UNROLL
  for (int i = 0; i < mr; i++)
    finish(c + (size_t)i * d->ldc, d, acc[i]);
}
#define WIDE(mr, ...)   sums(mr, NV, __VA_ARGS__)
#define NARROW(mr, ...) sums(mr, 1, __VA_ARGS__)

/* C (m, d->n) of one panel b (k,PANEL) */
static void panel(size_t m, size_t k, const float *a, size_t ai, size_t ak, const float *b,
                  float *c, const dest *d)
{
  for (size_t i = 0; i < m; i += MR) {
    const size_t rows = least(m - i, MR);
    const float *from = a + i * ai;
    float *to = c + i * d->ldc;
    if (m - i > MR)
      ahead(to + MR * d->ldc, least(m - i - MR, MR), d);
    if (d->used > VL)
      switch (rows) {
        TILE_ROWS(WIDE, k, from, ai, ak, b, to, d)
      }
    else
      switch (rows) {
        TILE_ROWS(NARROW, k, from, ai, ak, b, to, d)
      }
  }
}

/* How many terms of a sum of k are taken at a time. */
static size_t step_of(size_t k)
{
  const size_t n = k / KB + (k % KB > 0);
  return n > 0 ? k / n + (k % n > 0) : 1;
}

/* panel (k,PANEL) = n columns of op(B) from row k0, column j on; zeros behind them */
static void pack_b(const rad_gemm *g, bool packed, size_t k0, size_t k, size_t j, size_t n,
                   float *out)
{
  const float *b = g->b;
  if (n < PANEL)
    memset(out, 0, k * PANEL * sizeof *out);
  if (packed) /* W (k,n) in panels of its rows */
    for (size_t q = k0, some; q < k0 + k; q += some) {
      const size_t in = q % PANEL;
      some = least(PANEL - in, k0 + k - q);
      NAME(transpose)
      (n, some, b + (q - in) * g->n + j * PANEL + in, PANEL, out + (q - k0) * PANEL, PANEL);
    }
  else if (g->tb)
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
      d.n = d.used = least(PANEL, g->n - j);
      d.bias = first && g->bias ? g->bias + j : NULL;
      if (!room)
        b = (const float *)g->b + j * g->k + k0 * PANEL;
      else
        pack_b(g, packed, k0, k, j, d.n, room);
      panel(m, k, (const float *)g->a + i * ai + k0 * ak, ai, ak, b, (float *)g->c + i * g->ldc + j,
            &d);
    }
    k0 += k;
  } while (k0 < g->k);
}

/* Y = f(X W' + b), or any product with a plain C */
static rad_status product(rad_ctx *c, const rad_gemm *g, bool packed)
{
  const bool panels_of_b = packed && g->tb;
  float *room = panels_of_b ? NULL : floats(c, step_of(g->k), PANEL);
  if (!panels_of_b && !room)
    return RAD_ENOMEM;
  const size_t rows = panels_of_b ? ROWS : g->m;
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

/* --- dX' = W dY': rows of W are read as they are stored, and samples are the lanes --- */

/* T (mr,PANEL) (+)= W dY', outputs 0 .. u-1 of W from w on, dy (u,PANEL) */
INLINE void input_rows(int mr, size_t u, const float *w, size_t D, const float *dy, float *t,
                       const dest *d)
{
  vec acc[MR][NV];
  UNROLL
  for (int i = 0; i < mr; i++)
    start(t + i * PANEL, d, acc[i]);
  for (; u > PANEL; u -= PANEL, w += D * PANEL, dy += PANEL * PANEL)
    tile_add(mr, PANEL, w, PANEL, 1, dy, PANEL, acc);
  tile_add(mr, u, w, PANEL, 1, dy, PANEL, acc);
  UNROLL
  for (int i = 0; i < mr; i++)
    finish(t + i * PANEL, d, acc[i]);
}

/* T (n,PANEL) for inputs d0 .. d0+n-1 and one panel of samples */
static void input_panel(const rad_gemm *g, size_t d0, size_t n, size_t u0, const float *dy,
                        float *t)
{
  const dest d = {.ldc = PANEL, .n = PANEL, .beta = u0 > 0 ? 1.0f : 0.0f};
  const size_t u = least(UB, g->k - u0);
  const float *w = (const float *)g->b + u0 * g->n + d0 * PANEL;
  for (size_t i = 0; i < n; i += MR)
    switch (least(n - i, MR)) {
      TILE_ROWS(input_rows, u, w + i * PANEL, g->n, dy + u0 * PANEL, t + i * PANEL, &d)
    }
}

/* samples i .. i+m-1; dy (panels,k,PANEL), t (panels,DB,PANEL) */
static void input_block(const rad_gemm *g, size_t i, size_t m, float *dy, float *t)
{
  for (size_t p = 0; p < m; p += PANEL) {
    const size_t n = least(m - p, PANEL);
    if (n < PANEL)
      memset(dy + p * g->k, 0, g->k * PANEL * sizeof *dy);
    NAME(transpose)(n, g->k, (const float *)g->a + (i + p) * g->lda, g->lda, dy + p * g->k, PANEL);
  }
  for (size_t d0 = 0; d0 < g->n; d0 += DB) {
    const size_t n = least(DB, g->n - d0);
    size_t u0 = 0;
    do {
      for (size_t p = 0; p < m; p += PANEL)
        input_panel(g, d0, n, u0, dy + p * g->k, t + p * DB);
      u0 += UB;
    } while (u0 < g->k);
    for (size_t p = 0; p < m; p += PANEL)
      NAME(transpose)
    (n, least(m - p, PANEL), t + p * DB, PANEL, (float *)g->c + (i + p) * g->ldc + d0, g->ldc);
  }
}

static rad_status input(rad_ctx *c, const rad_gemm *g)
{
  const size_t rows = least(panels(g->m) * PANEL, ROWS);
  float *dy = floats(c, g->k, rows), *t = floats(c, DB, rows);
  if (!dy || !t)
    return RAD_ENOMEM;
  for (size_t i = 0; i < g->m; i += rows)
    input_block(g, i, least(rows, g->m - i), dy, t);
  return RAD_OK;
}

/* --- dW = beta dW + dY' X, panels of outputs: tiles of MR inputs x PANEL outputs --- */

/* out (ceil(n/PANEL),k,PANEL) = dy (k,n) with rows at a distance of ld, zeros behind column n-1 */
static void gradient_panels(size_t n, size_t k, const float *dy, size_t ld, float *out)
{
  for (size_t j = 0; j < n; j += PANEL) {
    const size_t some = least(n - j, PANEL);
    float *to = out + j * k;
    if (some < PANEL)
      memset(to, 0, k * PANEL * sizeof *to);
    for (size_t q = 0; q < k; q++)
      memcpy(to + q * PANEL, dy + q * ld + j, some * sizeof *to);
  }
}

static rad_status gradient(rad_ctx *c, const rad_gemm *g)
{
  const size_t step = step_of(g->k), outputs = panels(g->m) * PANEL;
  float *dy = floats(c, step, outputs);
  if (!dy)
    return RAD_ENOMEM;
  size_t k0 = 0;
  do {
    const size_t k = least(step, g->k - k0);
    dest d = {.ldc = PANEL, .n = PANEL, .beta = k0 == 0 ? g->beta : 1.0f};
    gradient_panels(g->m, k, (const float *)g->a + k0 * g->lda, g->lda, dy);
    for (size_t d0 = 0; d0 < g->n; d0 += DB) /* a piece of X that stays in the cache */
      for (size_t j = 0; j < outputs; j += PANEL) {
        d.used = least(PANEL, g->m - j);
        panel(least(DB, g->n - d0), k, (const float *)g->b + k0 * g->ldb + d0, 1, g->ldb,
              dy + j * k, (float *)g->c + j * g->n + d0 * PANEL, &d);
      }
    k0 += k;
  } while (k0 < g->k);
  return RAD_OK;
}

rad_status NAME(gemm_check)(rad_ctx *c, const rad_gemm *g)
{
  const bool packed = g->packed && g->packed->layout != 0, packed_c = packed && g->ta && !g->tb;
  const bool packed_b = packed && !packed_c;
  if (g->a_type == RAD_BF16 || g->b_type == RAD_BF16 || g->c_type == RAD_BF16)
    return rad_fail(c, RAD_EINVAL, "takes no operands of bf16, use [backend] plugin = reference");
  const bool any = g->a_type == RAD_F64 || g->b_type == RAD_F64 || g->c_type == RAD_F64;
  const bool all = g->a_type == RAD_F64 && g->b_type == RAD_F64 && g->c_type == RAD_F64;
  if (any && (!all || g->packed || g->bias || g->act != RAD_ACT_NONE))
    return rad_fail(c, RAD_EINVAL,
                    "a product in double has three matrices of doubles, no bias, no activation");
  if (g->lda < (g->ta ? g->m : g->k) || (!packed_b && g->ldb < (g->tb ? g->k : g->n)) ||
      (!packed_c && g->ldc < g->n))
    return rad_fail(c, RAD_EINVAL, "the rows of a matrix are longer than their distance");
  if (packed_c && (g->bias || g->act != RAD_ACT_NONE))
    return rad_fail(c, RAD_EINVAL, "a gradient has neither bias nor activation");
  return RAD_OK;
}

rad_status NAME(gemm)(rad_ctx *c, const rad_gemm *g)
{
  const bool packed = g->packed && g->packed->layout != 0, packed_c = packed && g->ta && !g->tb;
  RAD_TRY(NAME(gemm_check)(c, g));
  if (g->m == 0 || g->n == 0)
    return RAD_OK;
  if (g->c_type == RAD_F64)
    return NAME(gemm64)(c, g);
  if (packed_c)
    return gradient(c, g);
  if (packed && !g->tb && g->beta == 0.0f && !g->bias && g->act == RAD_ACT_NONE)
    return input(c, g);
  return product(c, g, packed);
}
