/* SPDX-License-Identifier: BSD-3-Clause
 * max_pool.c - the largest value of each window (pool.h), in every channel. X (n,H,W,C), Y
 * (n,OH,OW,C). Which place it was is kept in a byte: backward needs neither x nor y. Among equals
 * the first place counts; a NaN in the window is the result. */
#include "pool.h"
#include <string.h>

typedef struct max_pool {
  int32_t kernel, stride, pad;
  pool g;
  size_t *tap; /* (K*K) index of each place, from the window's origin */
} max_pool;

static const rad_key keys[] = {
    RAD_KEY(max_pool, kernel, "2", 1, 15, 0, "height and width of a window"),
    RAD_KEY(max_pool, stride, "0", 0, 99, 0, "step between windows; 0: as large as the kernel"),
    RAD_KEY(max_pool, pad, "0", 0, 7, 0, "places added on every side, which are never the largest"),
};

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  max_pool *m = self;
  pool *g = &m->g;
  RAD_TRY(pool_plan(c, g, p, m->kernel, m->stride, m->pad));
  m->tap = c->host->alloc(c, g->K * g->K, sizeof *m->tap);
  if (!m->tap)
    return RAD_ENOMEM;
  for (size_t t = 0; t < g->K * g->K; t++)
    m->tap[t] = pool_tap(g, t / g->K, t % g->K);
  p->cache = g->OH * g->OW * g->C; /* a byte for each output: K <= 15 */
  p->props = RAD_CONVEX | RAD_INCREASING;
  return RAD_OK;
}

/* y (C), at (C): the largest so far takes in x (C), which is place t of the window */
static void take(size_t C, const float *restrict x, float *restrict y, uint8_t *restrict at,
                 uint8_t t)
{
  for (size_t k = 0; k < C; k++) {
    const bool more = x[k] > y[k] || x[k] != x[k];
    y[k] = more ? x[k] : y[k];
    at[k] = more ? t : at[k];
  }
}

/* One output place: x one sample, y (C), at (C) */
static void window(const max_pool *m, const float *x, size_t oh, size_t ow, float *y, uint8_t *at)
{
  const pool *g = &m->g;
  const pool_span v = pool_clip(g, oh, g->H), h = pool_clip(g, ow, g->W);
  const size_t origin = pool_origin(g, oh, ow), first = v.lo * g->K + h.lo;
  memcpy(y, x + (origin + m->tap[first]), g->C * sizeof *y);
  memset(at, (int)first, g->C);
  for (size_t a = v.lo; a < v.hi; a++)
    for (size_t b = h.lo; b < h.hi; b++) {
      const size_t t = a * g->K + b;
      if (t != first)
        take(g->C, x + (origin + m->tap[t]), y, at, (uint8_t)t);
    }
}

static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const max_pool *m = self;
  const pool *g = &m->g;
  float *y = p->y;
  uint8_t *at = p->cache;
  (void)c;
  for (size_t i = 0; i < p->n; i++)
    for (size_t oh = 0; oh < g->OH; oh++)
      for (size_t ow = 0; ow < g->OW; ow++, y += g->C, at += g->C)
        window(m, p->x[0] + i * g->H * g->W * g->C, oh, ow, y, at);
  return RAD_OK;
}

/* dx = 0, then each output's dy goes to the place where the largest value was: windows may overlap
 */
static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const max_pool *m = self;
  const pool *g = &m->g;
  const size_t C = g->C, nx = g->H * g->W * C;
  const float *restrict dy = p->dy;
  const uint8_t *restrict at = p->cache;
  float *restrict dx = p->dx[0];
  (void)c;
  if (!dx)
    return RAD_OK;
  memset(dx, 0, p->n * nx * sizeof *dx);
  for (size_t i = 0; i < p->n; i++, dx += nx)
    for (size_t oh = 0; oh < g->OH; oh++)
      for (size_t ow = 0; ow < g->OW; ow++, dy += C, at += C) {
        const size_t origin = pool_origin(g, oh, ow);
        for (size_t k = 0; k < C; k++)
          dx[origin + m->tap[at[k]] + k] += dy[k];
      }
  return RAD_OK;
}

static const rad_layer_ops ops = {
    .size = sizeof ops, .plan = plan, .forward = forward, .backward = backward};
static const rad_plugin max_pool_plugin = {RAD_PLUGIN(RAD_LAYER, "max_pool", max_pool, &ops),
                                           RAD_KEYS(keys),
                                           .summary = "largest value of each window"};
RAD_EXPORT(&max_pool_plugin)
