/* SPDX-License-Identifier: BSD-3-Clause
 * bf16.c - dense products whose operands are rounded to bf16 (8 bits of significand, to nearest,
 * ties to even) and whose sums are floats: VDPBF16PS adds two products at a time, so all operands
 * are pairs along the sum. For a weight W (U,D) in panels, whose shadow holds its pairs:
 *   forward   Y = f(X W' + b)   pairs of inputs:  (ceil(U/PANEL),ceil(D/2),PANEL)
 *   input     dX' = W dY'       pairs of outputs: (ceil(U/PANEL),D,PANEL/2)
 *   gradient  dW = beta dW + dY' X, pairs of samples, made for each call
 * X and dY are rounded in each call. Where a sum has an odd number of terms, a pair is made full
 * with 0. Every other product is that of gemm.c, in float.
 * Intel, Architecture Instruction Set Extensions Reference: VDPBF16PS, VCVTNE2PS2BF16. */
#include "pairs.h"

enum {
  KB = 256,   /* pairs of a sum that are taken at a time, at most */
  UB = 256,   /* outputs, a multiple of PANEL */
  ROWS = 192, /* samples, a multiple of PANEL */
  DB = 192    /* inputs, a multiple of MR and VL */
};

static pair *pairs(rad_ctx *c, size_t a, size_t b)
{
  return (pair *)(void *)floats(c, a, b);
}

/* How many of k pairs are taken at a time. */
static size_t step_of(size_t k)
{
  const size_t n = k / KB + (k % KB > 0);
  return n > 0 ? k / n + (k % n > 0) : 1;
}

/* --- Y = f(beta Y + X W' + b) --- */

/* m samples, x (m,half(D)) */
static void forward_block(const rad_gemm *g, size_t i, size_t m, const pair *x)
{
  const size_t k = half(g->k), step = step_of(k);
  const bool inside = g->act == RAD_ACT_RELU || g->act == RAD_ACT_LEAKY;
  const pair *w = g->packed->shadow;
  for (size_t j = 0; j < g->n; j += PANEL) {
    size_t k0 = 0;
    do {
      const size_t some = least(step, k - k0);
      const dest d = {.ldc = g->ldc,
                      .n = least(PANEL, g->n - j),
                      .beta = k0 == 0 ? g->beta : 1.0f,
                      .bias = k0 == 0 && g->bias ? g->bias + j : NULL,
                      .act = k0 + some == k && inside ? g->act : RAD_ACT_NONE,
                      .alpha = g->act_alpha};
      panel(m, some, x + k0, k, 1, w + j * k + k0 * PANEL, (float *)g->c + i * g->ldc + j, &d);
      k0 += some;
    } while (k0 < k);
  }
}

static rad_status forward(rad_ctx *c, const rad_gemm *g)
{
  const size_t k = half(g->k);
  pair *x = pairs(c, least(ROWS, g->m), k);
  if (!x)
    return RAD_ENOMEM;
  for (size_t i = 0; i < g->m; i += ROWS) {
    const size_t m = least(ROWS, g->m - i);
    for (size_t q = 0; q < m; q++)
      round_row(g->k, (const float *)g->a + (i + q) * g->lda, x + q * k);
    forward_block(g, i, m, x);
    for (size_t q = i; g->act > RAD_ACT_LEAKY && q < i + m; q++) {
      float *row = (float *)g->c + q * g->ldc;
      RAD_TRY(NAME(math).act(c, g->act, g->act_alpha, g->n, row, row));
    }
  }
  return RAD_OK;
}

/* --- dX' = W dY', samples are the lanes --- */

/* T (mr,PANEL) (+)= W dY', u pairs of outputs of W from w on, dy (u,PANEL) */
INLINE void input_rows(int mr, size_t u, const pair *w, size_t D, const pair *dy, float *t,
                       const dest *d)
{
  vec acc[MR][NV];
  UNROLL
  for (int i = 0; i < mr; i++)
    start(t + i * PANEL, d, acc[i]);
  for (; u > HALF; u -= HALF, w += D * HALF, dy += HALF * PANEL)
    add_pairs(mr, HALF, w, HALF, 1, dy, acc);
  add_pairs(mr, u, w, HALF, 1, dy, acc);
  UNROLL
  for (int i = 0; i < mr; i++)
    finish(t + i * PANEL, d, acc[i]);
}

/* T (n,PANEL) for inputs d0 .. d0+n-1, outputs from u0 on and one panel of samples */
static void input_panel(const rad_gemm *g, size_t d0, size_t n, size_t u0, const pair *dy, float *t)
{
  const dest d = {.ldc = PANEL, .n = PANEL, .beta = u0 > 0 ? 1.0f : 0.0f};
  const size_t u = half(least(UB, g->k - u0));
  const pair *w = (const pair *)g->packed->shadow + panels(g->k) * half(g->n) * PANEL;
  w += u0 / 2 * g->n + d0 * HALF;
  for (size_t i = 0; i < n; i += MR)
    switch (least(n - i, MR)) {
      TILE_ROWS(input_rows, u, w + i * HALF, g->n, dy + u0 / 2 * PANEL, t + i * PANEL, &d)
    }
}

/* samples i .. i+m-1; row (PANEL,half(U)), dy (panels,half(U),PANEL), t (panels,DB,PANEL) */
static void input_block(const rad_gemm *g, size_t i, size_t m, pair *row, pair *dy, float *t)
{
  const size_t k = half(g->k);
  for (size_t p = 0; p < m; p += PANEL) {
    const size_t n = least(m - p, PANEL);
    for (size_t q = 0; q < n; q++)
      round_row(g->k, (const float *)g->a + (i + p + q) * g->lda, row + q * k);
    if (n < PANEL)
      memset(dy + p * k, 0, k * PANEL * sizeof *dy);
    NAME(transpose)(n, k, (const float *)(void *)row, k, (float *)(void *)(dy + p * k), PANEL);
  }
  for (size_t d0 = 0; d0 < g->n; d0 += DB) {
    const size_t n = least(DB, g->n - d0);
    size_t u0 = 0;
    do {
      for (size_t p = 0; p < m; p += PANEL)
        input_panel(g, d0, n, u0, dy + p * k, t + p * DB);
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
  pair *row = pairs(c, half(g->k), PANEL), *dy = pairs(c, half(g->k), rows);
  float *t = floats(c, DB, rows);
  if (!row || !dy || !t)
    return RAD_ENOMEM;
  for (size_t i = 0; i < g->m; i += rows)
    input_block(g, i, least(rows, g->m - i), row, dy, t);
  return RAD_OK;
}

/* --- dW = beta dW + dY' X, panels of outputs: tiles of MR inputs x PANEL outputs --- */
static rad_status gradient(rad_ctx *c, const rad_gemm *g)
{
  const size_t step = step_of(half(g->k)), outputs = panels(g->m) * PANEL;
  pair *dy = pairs(c, step, outputs), *x = pairs(c, step, DB);
  if (!dy || !x)
    return RAD_ENOMEM;
  size_t k0 = 0;
  do {
    const size_t rows = least(2 * step, g->k - k0), k = half(rows);
    const dest d = {.ldc = PANEL, .n = PANEL, .beta = k0 == 0 ? g->beta : 1.0f};
    for (size_t j = 0; j < outputs; j += PANEL)
      round_rows(least(PANEL, g->m - j), rows, (const float *)g->a + k0 * g->lda + j, g->lda,
                 dy + j * k, PANEL);
    for (size_t d0 = 0; d0 < g->n; d0 += DB) {
      const size_t n = least(DB, g->n - d0);
      round_rows(n, rows, (const float *)g->b + k0 * g->ldb + d0, g->ldb, x, DB);
      for (size_t j = 0; j < outputs; j += PANEL)
        panel(n, k, x, 1, DB, dy + j * k, (float *)g->c + j * g->n + d0 * PANEL, &d);
    }
    k0 += rows;
  } while (k0 < g->k);
  return RAD_OK;
}

static rad_status gemm(rad_ctx *c, const rad_gemm *g)
{
  const bool ours = g->packed && g->packed->layout != 0 && g->packed->shape.rank == 2 && g->m > 0 &&
                    g->n > 0 && g->k > 0;
  const bool plain = g->beta == 0.0f && !g->bias && g->act == RAD_ACT_NONE;
  RAD_TRY(NAME(gemm_check)(c, g));
  if (ours && g->tb && !g->ta)
    return forward(c, g);
  if (ours && !g->tb && g->ta)
    return gradient(c, g);
  if (ours && !g->tb && plain)
    return input(c, g);
  return NAME(gemm)(c, g);
}

/* --- the shadow --- */
static bool layout(rad_ctx *c, const rad_param *p, rad_layout *l)
{
  if (!NAME(layout)(c, p, l))
    return false;
  if (p->shape.rank == 2) {
    const size_t n = panels(p->shape.dim[0]) * PANEL, D = p->shape.dim[1];
    const bool fits = D < SIZE_MAX / sizeof(pair) / n;
    l->shadow = fits ? (n * half(D) + n / 2 * D) * sizeof(pair) : SIZE_MAX; /* the core refuses */
  }
  return true;
}

static rad_status shadow(rad_ctx *c, const rad_param *p, size_t lo, size_t hi)
{
  if (p->shape.rank != 2)
    return NAME(shadow)(c, p, lo, hi);
  const size_t D = p->shape.dim[1], k = half(D), n = panels(p->shape.dim[0]) * PANEL;
  for (size_t r = lo; r < hi; r += PANEL) {
    const float *w = p->value + r * D;
    pair *forwards = (pair *)p->shadow + r * k;
    pair *backwards = (pair *)p->shadow + n * k + r / 2 * D;
    for (size_t d = 0; d < D; d++)
      round_row(PANEL, w + d * PANEL, backwards + d * HALF);
    round_rows(PANEL, D, w, PANEL, forwards, PANEL);
  }
  return RAD_OK;
}

static const char *identity(rad_ctx *c)
{
  (void)c;
  return "native avx512 bf16, dense products of bf16 with sums in float; " VECTORS;
}

/* What differs from the table of avx512. */
extern const rad_math native_bf16_math;
const rad_math native_bf16_math = {.size = sizeof(rad_math),
                                   .gemm = gemm,
                                   .layout = layout,
                                   .identity = identity,
                                   .shadow = shadow};
