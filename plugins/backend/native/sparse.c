/* SPDX-License-Identifier: BSD-3-Clause
 * sparse.c - products with a matrix W (U,D) of which only the nonzeros are stored: Y = f(X W' + b),
 * dX = dY W, and dW at the nonzeros. X (n,D), Y (n,U). Samples are taken by chunks of up to CHUNK,
 * turned to columns first: a nonzero then costs one multiply-add per vector of samples, whose sums
 * stay in registers. A result's bits depend on its row, the pattern and, for dW, on n alone. */
#include "sparse.h"

/* --- kernels --- */
INLINE void sums(int nv, const side *s, size_t r, size_t rows, const float *in, float *out)
{
  for (const size_t end = r + rows; r < end; r++, out += nv * VL) {
    vec acc[MOST];
    UNROLL
    for (int v = 0; v < nv; v++)
      acc[v] = (vec){0} + (s->bias ? s->bias[r] : 0.0f);
    for (uint64_t k = s->start[r]; k < s->start[r + 1]; k++) {
      const float w = s->value[s->order ? s->order[k] : k], *x = in + s->index[k] * s->stride;
      UNROLL
      for (int v = 0; v < nv; v++)
        acc[v] += w * vec_load(x + v * VL);
    }
    UNROLL
    for (int v = 0; v < nv; v++)
      vec_store(out + v * VL, acc[v]);
  }
}

void NAME(side_sums)(size_t nv, const side *s, size_t r, size_t rows, const float *in, float *out)
{
  switch (nv) {
    TILE_ROWS_8(sums, s, r, rows, in, out)
  }
}

/* grad (n), n <= VL, = keep grad + sums of the lanes of each t */
static void add(vec t[VL], size_t n, float keep, float *grad)
{
  vec sum = vec_sums(t);
  if (keep != 0.0f)
    sum += keep * (n == VL ? vec_load(grad) : vec_load_n(grad, n));
  if (n == VL)
    vec_store(grad, sum);
  else
    vec_store_n(grad, sum, n);
}

/* VL nonzeros at a time, wherever rows end */
INLINE void dots(int nv, const side *s, size_t lo, size_t hi, float keep, const float *x,
                 const float *dy, size_t ld, float *grad)
{
  _Alignas(64) vec t[VL]; /* a vec alone is aligned as a float */
  vec d[MOST];
  size_t n = 0;
  for (size_t i = 0; i < VL; i++)
    t[i] = (vec){0};
  uint64_t k = s->start[lo];
  for (size_t u = lo; u < hi; u++, dy += ld) {
    UNROLL
    for (int v = 0; v < nv; v++)
      d[v] = vec_load(dy + v * VL);
    for (; k < s->start[u + 1]; k++) {
      const float *q = x + s->index[k] * s->stride;
      vec part[2] = {d[0] * vec_load(q), (vec){0}};
      UNROLL
      for (int v = 1; v < nv; v++)
        part[v % 2] += d[v] * vec_load(q + v * VL);
      t[n++] = part[0] + part[1];
      if (n == VL) {
        add(t, VL, keep, grad + k + 1 - VL);
        n = 0;
      }
    }
  }
  if (n > 0)
    add(t, n, keep, grad + k - n);
}

void NAME(side_dots)(size_t nv, const side *s, size_t lo, size_t hi, float keep, const float *x,
                     const float *dy, size_t ld, float *grad)
{
  switch (nv) {
    TILE_ROWS_8(dots, s, lo, hi, keep, x, dy, ld, grad)
  }
}

/* --- dense layers --- */

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
        if (k < h.m)
          for (size_t q = 0; q < rows; q += 16)
            PREFETCH_WRITE(out + (i + k) * R + r + q);
        NAME(side_sums)(h.nv, s, r + k, 1, x, y + k * h.nv * VL);
      }
      if (g->act != RAD_ACT_NONE)
        RAD_TRY(NAME(math).act(c, g->act, g->act_alpha, rows * h.nv * VL, y, y));
      for (size_t j = 0; j < h.m; j += VL)
        NAME(transpose)(rows, least(h.m - j, VL), y + j, h.nv * VL, out + (i + j) * R + r, R);
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

/* Where the two ways take the same time: docs/results/engine.md. */
double NAME(sparse_below)(rad_ctx *c, const rad_param *p)
{
  (void)c;
  return p->shape.rank == 4 ? 0.2 : 0.25;
}
