/* SPDX-License-Identifier: BSD-3-Clause
 * sparse.h - products with a matrix W (U,D) of which only the nonzeros are stored, in plain loops:
 *   Y = f(X W' + b), dX = dY W, dW = dY' X at the nonzeros; X (n,D), Y (n,U);
 * and convolutions, where row o of W is a filter (kh,kw,c/groups): X (n,h,w,c), Y (n,oh,ow,o).
 * Sums are taken in double in the order of the nonzeros, samples or places, and rounded once. */
#ifndef PLUGINS_BACKEND_SPARSE_H
#define PLUGINS_BACKEND_SPARSE_H
#include <rademacher/backend.h>

/* --- matrices --- */
static inline rad_status sparse(rad_ctx *c, const rad_sparse *s)
{
  const rad_pattern *p = s->pattern;
  for (size_t i = 0; i < s->n; i++)
    for (size_t u = 0; u < p->rows; u++) {
      double v = s->bias ? (double)s->bias[u] : 0;
      for (uint64_t k = p->row[u]; k < p->row[u + 1]; k++)
        v += (double)s->value[k] * (double)s->x[i * p->cols + p->col[k]];
      s->y[i * p->rows + u] = (float)v;
    }
  return c->math->act(c, s->act, s->act_alpha, s->n * p->rows, s->y, s->y);
}

static inline rad_status sparse_input(rad_ctx *c, const rad_sparse *s)
{
  const rad_pattern *p = s->pattern;
  (void)c;
  for (size_t i = 0; i < s->n; i++)
    for (size_t d = 0; d < p->cols; d++) {
      double v = 0;
      for (uint64_t q = p->start[d]; q < p->start[d + 1]; q++)
        v += (double)s->value[p->order[q]] * (double)s->dy[i * p->rows + p->by[q]];
      s->dx[i * p->cols + d] = (float)v;
    }
  return RAD_OK;
}

static inline rad_status sparse_weight(rad_ctx *c, const rad_sparse *s)
{
  const rad_pattern *p = s->pattern;
  (void)c;
  for (size_t u = s->lo; u < s->hi; u++)
    for (uint64_t k = p->row[u]; k < p->row[u + 1]; k++) {
      double v = s->keep == 0.0f ? 0 : (double)s->keep * (double)s->grad[k];
      for (size_t i = 0; i < s->n; i++)
        v += (double)s->dy[i * p->rows + u] * (double)s->x[i * p->cols + p->col[k]];
      s->grad[k] = (float)v;
    }
  return RAD_OK;
}

static inline rad_status sparse_both(rad_ctx *c, const rad_sparse *s)
{
  RAD_TRY(sparse_input(c, s));
  return sparse_weight(c, s);
}

/* --- convolutions --- */

/* One nonzero's tap and channel; (size_t)-1 wraps: what lies on the padding is not below h or w. */
typedef struct sparse_tap {
  size_t a, b, channel;
} sparse_tap;

static inline sparse_tap sparse_tap_of(const rad_conv *g, size_t o, uint32_t col)
{
  const size_t cg = g->c / g->groups, group = o / (g->o / g->groups);
  return (sparse_tap){col / cg / g->kw, col / cg % g->kw, group * cg + col % cg};
}

/* Index into X of image i under the tap at output (j,k), or SIZE_MAX on the padding. */
static inline size_t sparse_place(const rad_conv *g, const sparse_tap *t, size_t i, size_t j,
                                  size_t k)
{
  const size_t y = j * g->sh + t->a * g->dh - g->ph, x = k * g->sw + t->b * g->dw - g->pw;
  return y < g->h && x < g->w ? ((i * g->h + y) * g->w + x) * g->c + t->channel : SIZE_MAX;
}

static inline double sparse_conv1(const rad_conv *g, size_t i, size_t j, size_t k, size_t o)
{
  const rad_pattern *p = g->pattern;
  double v = g->bias ? (double)g->bias[o] : 0;
  for (uint64_t q = p->row[o]; q < p->row[o + 1]; q++) {
    const sparse_tap t = sparse_tap_of(g, o, p->col[q]);
    const size_t at = sparse_place(g, &t, i, j, k);
    if (at != SIZE_MAX)
      v += (double)((const float *)g->weight)[q] * (double)((const float *)g->x)[at];
  }
  return v;
}

static inline rad_status sparse_conv(rad_ctx *c, const rad_conv *g)
{
  float *y = g->y;
  for (size_t i = 0; i < g->n; i++)
    for (size_t j = 0; j < g->oh; j++)
      for (size_t k = 0; k < g->ow; k++)
        for (size_t o = 0; o < g->o; o++)
          *y++ = (float)sparse_conv1(g, i, j, k, o);
  return c->math->act(c, g->act, g->act_alpha, g->n * g->oh * g->ow * g->o, g->y, g->y);
}

/* sum (h,w,c) += what image i's dy sends back */
static inline void sparse_send(const rad_conv *g, size_t i, double *sum)
{
  const rad_pattern *p = g->pattern;
  const float *dy = (const float *)g->dy + i * g->oh * g->ow * g->o;
  for (size_t o = 0; o < g->o; o++)
    for (uint64_t q = p->row[o]; q < p->row[o + 1]; q++) {
      const sparse_tap t = sparse_tap_of(g, o, p->col[q]);
      for (size_t j = 0; j < g->oh; j++)
        for (size_t k = 0; k < g->ow; k++) {
          const size_t at = sparse_place(g, &t, 0, j, k);
          if (at != SIZE_MAX)
            sum[at] +=
                (double)((const float *)g->weight)[q] * (double)dy[(j * g->ow + k) * g->o + o];
        }
    }
}

static inline rad_status sparse_conv_input(rad_ctx *c, const rad_conv *g)
{
  const size_t n = g->h * g->w * g->c; /* of one image, which is there */
  double *sum = c->host->scratch(c, n * sizeof *sum);
  if (!sum)
    return rad_fail(c, RAD_ENOMEM, "no memory for the gradient of an image");
  for (size_t i = 0; i < g->n; i++) {
    for (size_t k = 0; k < n; k++)
      sum[k] = 0;
    sparse_send(g, i, sum);
    for (size_t k = 0; k < n; k++)
      ((float *)g->dx)[i * n + k] = (float)sum[k];
  }
  return RAD_OK;
}

static inline rad_status sparse_conv_weight(rad_ctx *c, const rad_conv *g)
{
  const rad_pattern *p = g->pattern;
  const float *x = g->x, *dy = g->dy;
  (void)c;
  for (size_t o = g->lo; o < g->hi; o++)
    for (uint64_t q = p->row[o]; q < p->row[o + 1]; q++) {
      const sparse_tap t = sparse_tap_of(g, o, p->col[q]);
      double v = g->keep == 0.0f ? 0 : (double)g->keep * (double)g->grad[q];
      for (size_t i = 0; i < g->n; i++)
        for (size_t j = 0; j < g->oh; j++)
          for (size_t k = 0; k < g->ow; k++) {
            const size_t at = sparse_place(g, &t, i, j, k);
            if (at != SIZE_MAX)
              v += (double)dy[((i * g->oh + j) * g->ow + k) * g->o + o] * (double)x[at];
          }
      g->grad[q] = (float)v;
    }
  return RAD_OK;
}
#endif
