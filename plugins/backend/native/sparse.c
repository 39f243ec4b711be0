/* SPDX-License-Identifier: BSD-3-Clause
 * sparse.c - products with a matrix W (U,D) of which only the nonzeros are stored: Y = f(X W' + b),
 * dX = dY W, and dW at the nonzeros. X (n,D), Y (n,U). Samples are taken by chunks of up to CHUNK,
 * turned to columns first: a nonzero then costs one multiply-add per vector of samples, whose sums
 * stay in registers. A result's bits depend on its row, the pattern and, for dW, on n alone. */
#include "tile.h"

enum { MOST = 8, CHUNK = MOST * VL }; /* vectors, samples of a chunk */

/* Samples of a chunk: m in nv vectors. A column is ld floats, an odd multiple of 64 bytes, so that
 * columns at powers of 2 do not fall on the same lines of the cache. */
typedef struct chunk {
  size_t m, nv, ld;
} chunk;

static chunk chunk_of(size_t n)
{
  const size_t m = least(n, CHUNK), nv = m > 0 ? (m + VL - 1) / VL : 1;
  return (chunk){.m = m, .nv = nv, .ld = ((nv * VL + 15) / 16 | 1) * 16};
}

/* out (cols,ld) = columns of in (m,cols), whose rows are ldi apart; zeros up to nv vectors */
static void turn(const chunk *h, size_t cols, const float *in, size_t ldi, float *out)
{
  if (h->m < h->nv * VL)
    for (size_t j = 0; j < cols; j++)
      vec_store(out + j * h->ld + (h->nv - 1) * VL, (vec){0});
  NAME(transpose)(h->m, cols, in, ldi, out, h->ld);
}

/* a matrix by rows or by columns: where each begins, what it is multiplied with, its values */
typedef struct side {
  const uint64_t *start, *order; /* order: of the values, NULL: as they are */
  const uint32_t *index;
  const float *value, *bias;
} side;

/* out (rows,nv VL): sums of rows r .. r+rows-1 over the columns `in` */
INLINE void sums(int nv, const side *s, size_t r, size_t rows, const float *in, size_t ld,
                 float *out)
{
  for (const size_t end = r + rows; r < end; r++, out += nv * VL) {
    vec acc[MOST];
    UNROLL
    for (int v = 0; v < nv; v++)
      acc[v] = (vec){0} + (s->bias ? s->bias[r] : 0.0f);
    for (uint64_t k = s->start[r]; k < s->start[r + 1]; k++) {
      const float w = s->value[s->order ? s->order[k] : k], *x = in + s->index[k] * ld;
      UNROLL
      for (int v = 0; v < nv; v++)
        acc[v] += w * vec_load(x + v * VL);
    }
    UNROLL
    for (int v = 0; v < nv; v++)
      vec_store(out + v * VL, acc[v]);
  }
}

/* out (n,R) = f(in (n,C) times the side), R rows of it. CHUNK of them are turned back at a time, in
 * long runs, because a column of `out` may fall on few lines of the cache. */
static rad_status product(rad_ctx *c, const side *s, const rad_sparse *g, size_t R, size_t C,
                          const float *in, float *out)
{
  const size_t ld = chunk_of(g->n).ld;
  float *x = floats(c, C, ld), *y = floats(c, CHUNK, CHUNK);
  if (!x || !y)
    return RAD_ENOMEM;
  for (size_t i = 0; i < g->n; i += CHUNK) {
    const chunk h = chunk_of(g->n - i);
    turn(&h, C, in + i * C, C, x);
    for (size_t r = 0; r < R; r += CHUNK) {
      const size_t rows = least(R - r, CHUNK);
      switch (h.nv) {
        TILE_ROWS_8(sums, s, r, rows, x, h.ld, y)
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
  const side s = {.start = p->row, .index = p->col, .value = g->value, .bias = g->bias};
  return product(c, &s, g, p->rows, p->cols, g->x, g->y);
}

rad_status NAME(sparse_input)(rad_ctx *c, const rad_sparse *g)
{
  const rad_pattern *p = g->pattern;
  const side s = {.start = p->start, .order = p->order, .index = p->by, .value = g->value};
  rad_sparse plain = *g;
  plain.act = RAD_ACT_NONE;
  return product(c, &s, &plain, p->cols, p->rows, g->dy, g->dx);
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

/* grad at the nonzeros of rows lo .. hi-1 = keep grad + x columns times dy columns, the first of
 * which is lo's. VL nonzeros at a time, wherever rows end. */
INLINE void dots(int nv, const rad_sparse *g, float keep, const float *x, const float *dy,
                 size_t ld)
{
  const rad_pattern *p = g->pattern;
  _Alignas(64) vec t[VL]; /* a vec alone is aligned as a float */
  vec d[MOST];
  size_t n = 0;
  for (size_t i = 0; i < VL; i++)
    t[i] = (vec){0};
  uint64_t k = p->row[g->lo];
  for (size_t u = g->lo; u < g->hi; u++, dy += ld) {
    UNROLL
    for (int v = 0; v < nv; v++)
      d[v] = vec_load(dy + v * VL);
    for (; k < p->row[u + 1]; k++) {
      const float *q = x + p->col[k] * ld;
      vec s[2] = {d[0] * vec_load(q), (vec){0}};
      UNROLL
      for (int v = 1; v < nv; v++)
        s[v % 2] += d[v] * vec_load(q + v * VL);
      t[n++] = s[0] + s[1];
      if (n == VL) {
        add(t, VL, keep, g->grad + k + 1 - VL);
        n = 0;
      }
    }
  }
  if (n > 0)
    add(t, n, keep, g->grad + k - n);
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
    turn(&h, D, g->x + i * D, D, x);
    turn(&h, g->hi - g->lo, g->dy + i * U + g->lo, U, dy);
    switch (h.nv) {
      TILE_ROWS_8(dots, g, i == 0 ? g->keep : 1.0f, x, dy, h.ld)
    }
    i += h.m;
  } while (i < g->n);
  return RAD_OK;
}
