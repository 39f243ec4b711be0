/* SPDX-License-Identifier: BSD-3-Clause
 * sparse.c - products with a matrix W (U,D) of which only the nonzeros are stored: Y = f(X W' + b),
 * dX = dY W, and dW at the nonzeros. X (n,D), Y (n,U). Samples are taken by chunks of up to CHUNK,
 * turned to columns first: a nonzero then costs one multiply-add per vector of samples, whose sums
 * stay in registers. A result's bits depend on its row, the pattern and, for dW, on n alone. */
#include "side.h"

/* Samples of a chunk: m in nv vectors. A column is ld floats. */
typedef struct chunk {
  size_t m, nv, ld;
} chunk;

static chunk chunk_of(size_t n)
{
  const size_t m = least(n, CHUNK), nv = m > 0 ? (m + VL - 1) / VL : 1;
  return (chunk){.m = m, .nv = nv, .ld = odd_lines(nv * VL)};
}

/* out (cols,ld) = columns of in (m,cols), whose rows are ldi apart; zeros up to nv vectors */
static void turn(const chunk *h, size_t cols, const float *in, size_t ldi, float *out)
{
  if (h->m < h->nv * VL)
    for (size_t j = 0; j < cols; j++)
      vec_store(out + j * h->ld + (h->nv - 1) * VL, (vec){0});
  NAME(transpose)(h->m, cols, in, ldi, out, h->ld);
}

/* columns r .. r+rows-1 of out (m,R) from sums (rows,nv VL) */
static void turn_back(const chunk *h, size_t r, size_t rows, const float *sums, size_t R,
                      float *out)
{
  for (size_t j = 0; j < h->m; j += VL)
    NAME(transpose)(rows, least(h->m - j, VL), sums + j, h->nv * VL, out + j * R + r, R);
}

/* these columns of sample k will be written */
static void expect(const chunk *h, size_t k, size_t r, size_t rows, size_t R, float *out)
{
  for (size_t q = 0; k < h->m && q < rows; q += 16)
    PREFETCH_WRITE(out + k * R + r + q);
}

/* out (n,R) = f(in (n,C) times the side), R rows of it. CHUNK of them are turned back at a time, in
 * long runs, because a column of `out` may fall on few lines of the cache. */
static rad_status product(rad_ctx *c, side *s, const rad_sparse *g, size_t R, size_t C,
                          const float *in, float *out)
{
  const size_t ld = chunk_of(g->n).ld;
  float *x = floats(c, C, ld), *y = floats(c, CHUNK, CHUNK);
  if (!x || !y)
    return RAD_ENOMEM;
  for (size_t i = 0; i < g->n; i += CHUNK) {
    const chunk h = chunk_of(g->n - i);
    s->stride = h.ld;
    turn(&h, C, in + i * C, C, x);
    for (size_t r = 0; r < R; r += CHUNK) {
      const size_t rows = least(R - r, CHUNK);
      for (size_t k = 0; k < rows; k++) {
        expect(&h, k, r, rows, R, out + i * R);
        NAME(side_sums)(h.nv, s, r + k, 1, x, y + k * h.nv * VL);
      }
      if (g->act != RAD_ACT_NONE)
        RAD_TRY(NAME(math).act(c, g->act, g->act_alpha, rows * h.nv * VL, y, y));
      turn_back(&h, r, rows, y, R, out + i * R);
    }
  }
  return RAD_OK;
}

rad_status NAME(sparse)(rad_ctx *c, const rad_sparse *g)
{
  const rad_pattern *p = g->pattern;
  side s = {.start = p->row, .index = p->col, .value = g->value, .bias = g->bias};
  return product(c, &s, g, p->rows, p->cols, g->x, g->y);
}

rad_status NAME(sparse_input)(rad_ctx *c, const rad_sparse *g)
{
  const rad_pattern *p = g->pattern;
  side s = {.start = p->start, .order = p->order, .index = p->by, .value = g->value};
  rad_sparse plain = *g;
  plain.act = RAD_ACT_NONE;
  return product(c, &s, &plain, p->cols, p->rows, g->dy, g->dx);
}

rad_status NAME(sparse_weight)(rad_ctx *c, const rad_sparse *g)
{
  const size_t D = g->pattern->cols, U = g->pattern->rows, ld = chunk_of(g->n).ld;
  float *x = floats(c, D, ld), *dy = floats(c, g->hi - g->lo, ld);
  if (!x || !dy)
    return RAD_ENOMEM;
  size_t i = 0;
  do {
    const chunk h = chunk_of(g->n - i);
    const side s = {.start = g->pattern->row, .index = g->pattern->col, .stride = h.ld};
    turn(&h, D, g->x + i * D, D, x);
    turn(&h, g->hi - g->lo, g->dy + i * U + g->lo, U, dy);
    NAME(side_dots)(h.nv, &s, g->lo, g->hi, i == 0 ? g->keep : 1.0f, x, dy, h.ld, g->grad);
    i += h.m;
  } while (i < g->n);
  return RAD_OK;
}

rad_status NAME(sparse_both)(rad_ctx *c, const rad_sparse *g)
{
  const rad_pattern *p = g->pattern;
  const size_t D = p->cols, U = p->rows, ld = chunk_of(g->n).ld;
  float *x = floats(c, D, ld), *dy = floats(c, U, ld), *dx = floats(c, CHUNK, CHUNK);
  if (!x || !dy || !dx)
    return RAD_ENOMEM;
  size_t i = 0;
  do {
    const chunk h = chunk_of(g->n - i);
    const side s = {
        .start = p->start, .order = p->order, .index = p->by, .stride = h.ld, .value = g->value};
    turn(&h, D, g->x + i * D, D, x);
    turn(&h, U, g->dy + i * U, U, dy);
    for (size_t d = 0; d < D; d += CHUNK) {
      const size_t rows = least(D - d, CHUNK);
      NAME(side_both)
      (h.nv, &s, d, d + rows, i == 0 ? g->keep : 1.0f, dy, x + d * h.ld, h.ld, dx, g->grad);
      turn_back(&h, d, rows, dx, D, g->dx + i * D);
    }
    i += h.m;
  } while (i < g->n);
  return RAD_OK;
}

/* Where the two ways take the same time, or a little below: docs/results/engine.md. Dense
 * convolutions gain most by the widest vectors, and sparse ones leave the first cache where there
 * are many channels. */
double NAME(sparse_below)(rad_ctx *c, const rad_param *p)
{
  const size_t *d = p->shape.dim;
  (void)c;
  if (VL < 16 || p->shape.rank != 4 || d[1] * d[2] == 1)
    return 0.25;
  return d[3] <= 64 ? 0.2 : 0.15;
}
