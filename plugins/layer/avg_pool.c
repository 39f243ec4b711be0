/* SPDX-License-Identifier: BSD-3-Clause
 * avg_pool.c - the mean of each window (pool.h), in every channel: the sum of its values over K K,
 * with zeros on the padding. X (n,H,W,C), Y (n,OH,OW,C). A window is small enough to be summed in
 * float. */
#include "pool.h"
#include <string.h>

typedef struct avg_pool {
  int32_t kernel, stride, pad;
  pool g;
} avg_pool;

static const rad_key keys[] = {
    RAD_KEY(avg_pool, kernel, "2", 1, 99, 0, "height and width of a window"),
    RAD_KEY(avg_pool, stride, "0", 0, 99, 0, "step between windows; 0: as large as the kernel"),
    RAD_KEY(avg_pool, pad, "0", 0, 49, 0, "zeros added on every side, which count in the mean"),
};

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  avg_pool *m = self;
  RAD_TRY(pool_plan(c, &m->g, p, m->kernel, m->stride, m->pad));
  p->props = RAD_AFFINE | RAD_CONVEX | RAD_INCREASING;
  return RAD_OK;
}

/* y (C) += scale x (C) */
static void add(size_t C, float scale, const float *restrict x, float *restrict y)
{
  for (size_t k = 0; k < C; k++)
    y[k] += scale * x[k];
}

/* One output place: x one sample, y (C) */
static void window(const pool *g, const float *x, size_t oh, size_t ow, float *y)
{
  const pool_span v = pool_clip(g, oh, g->H), h = pool_clip(g, ow, g->W);
  const size_t origin = pool_origin(g, oh, ow);
  const float places = (float)(g->K * g->K);
  memset(y, 0, g->C * sizeof *y);
  for (size_t a = v.lo; a < v.hi; a++)
    for (size_t b = h.lo; b < h.hi; b++)
      add(g->C, 1.0f, x + (origin + pool_tap(g, a, b)), y);
  for (size_t k = 0; k < g->C; k++)
    y[k] /= places;
}

static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const pool *g = &((const avg_pool *)self)->g;
  float *y = p->y;
  (void)c;
  for (size_t i = 0; i < p->n; i++)
    for (size_t oh = 0; oh < g->OH; oh++)
      for (size_t ow = 0; ow < g->OW; ow++, y += g->C)
        window(g, p->x[0] + i * g->H * g->W * g->C, oh, ow, y);
  return RAD_OK;
}

/* dx (one sample) += what its outputs oh, ow pass on of dy (C) */
static void spread(const pool *g, const float *dy, size_t oh, size_t ow, float *dx)
{
  const pool_span v = pool_clip(g, oh, g->H), h = pool_clip(g, ow, g->W);
  const size_t origin = pool_origin(g, oh, ow);
  for (size_t a = v.lo; a < v.hi; a++)
    for (size_t b = h.lo; b < h.hi; b++)
      add(g->C, 1.0f / (float)(g->K * g->K), dy, dx + (origin + pool_tap(g, a, b)));
}

static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const pool *g = &((const avg_pool *)self)->g;
  const size_t nx = g->H * g->W * g->C;
  const float *dy = p->dy;
  (void)c;
  if (!p->dx[0])
    return RAD_OK;
  memset(p->dx[0], 0, p->n * nx * sizeof *p->dx[0]);
  for (size_t i = 0; i < p->n; i++)
    for (size_t oh = 0; oh < g->OH; oh++)
      for (size_t ow = 0; ow < g->OW; ow++, dy += g->C)
        spread(g, dy, oh, ow, p->dx[0] + i * nx);
  return RAD_OK;
}

static rad_status onnx(rad_ctx *c, const void *self, rad_sketch *s)
{
  const pool *g = &((const avg_pool *)self)->g;
  (void)c;
  return pool_onnx(s, "AveragePool", g->K, g->S, g->P);
}

static const rad_layer_ops ops = {
    .size = sizeof ops, .plan = plan, .forward = forward, .backward = backward, .onnx = onnx};
static const rad_plugin avg_pool_plugin = {RAD_PLUGIN(RAD_LAYER, "avg_pool", avg_pool, &ops),
                                           .needs = 1, RAD_KEYS(keys),
                                           .summary = "mean of each window"};
RAD_EXPORT(&avg_pool_plugin)
