/* SPDX-License-Identifier: BSD-3-Clause
 * max_pool.c - the largest value of each window (pool.h), in every channel. X (n,H,W,C), Y
 * (n,OH,OW,C). Which place it was is kept in a byte: backward needs neither x nor y. Among equals
 * the first place counts; a NaN in the window is the result. */
#include "pool.h"

typedef struct max_pool {
  int32_t kernel, stride, pad;
  rad_pool g; /* geometry, set by plan */
} max_pool;

static const rad_key keys[] = {
    RAD_KEY(max_pool, kernel, "2", 1, 15, 0, "height and width of a window"),
    RAD_KEY(max_pool, stride, "0", 0, 99, 0, "step between windows; 0: as large as the kernel"),
    RAD_KEY(max_pool, pad, "0", 0, 7, 0, "places added on every side, which are never the largest"),
};

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  max_pool *m = self;
  pool g = {0};
  RAD_TRY(pool_plan(c, &g, p, m->kernel, m->stride, m->pad));
  m->g = (rad_pool){.size = sizeof m->g,
                    .h = g.H,
                    .w = g.W,
                    .c = g.C,
                    .oh = g.OH,
                    .ow = g.OW,
                    .kh = g.K,
                    .kw = g.K,
                    .sh = g.S,
                    .sw = g.S,
                    .ph = g.P,
                    .pw = g.P};
  p->cache = g.OH * g.OW * g.C; /* a byte for each output: K <= 15 */
  p->flags = RAD_SELECTS;
  p->props = RAD_CONVEX | RAD_INCREASING;
  p->absorbs = ~0u; /* the backend has them all */
  return RAD_OK;
}

static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  rad_pool g = ((const max_pool *)self)->g;
  g.n = p->n;
  g.x = p->x[0];
  g.y = p->y;
  g.at = p->cache;
  RAD_TRY(c->math->max_pool(c, &g));
  if (p->act == RAD_ACT_NONE)
    return RAD_OK;
  return c->math->act(c, p->act, p->act_alpha, p->n * g.oh * g.ow * g.c, p->y, p->y);
}

static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  rad_pool g = ((const max_pool *)self)->g;
  g.n = p->n;
  g.dy = p->dy;
  g.dx = p->dx[0];
  g.at = p->cache;
  return g.dx ? c->math->max_pool_back(c, &g) : RAD_OK;
}

static rad_status onnx(rad_ctx *c, const void *self, rad_sketch *s)
{
  const rad_pool *g = &((const max_pool *)self)->g;
  (void)c;
  return pool_onnx(s, "MaxPool", g->kh, g->sh, g->ph);
}

static const rad_layer_ops ops = {
    .size = sizeof ops, .plan = plan, .forward = forward, .backward = backward, .onnx = onnx};
static const rad_plugin max_pool_plugin = {RAD_PLUGIN(RAD_LAYER, "max_pool", max_pool, &ops),
                                           .needs = 1, RAD_KEYS(keys),
                                           .summary = "largest value of each window"};
RAD_EXPORT(&max_pool_plugin)
