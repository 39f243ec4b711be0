/* SPDX-License-Identifier: BSD-3-Clause
 * global_avg_pool.c - the mean of every channel over all places: x (n,H,W,C), y (n,C). Lin et al.
 * 2013, arXiv 1312.4400. */
#include <rademacher/layer.h>
#include <string.h>

typedef struct global_avg_pool {
  size_t S, C; /* places, channels; set by plan */
} global_avg_pool;

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  global_avg_pool *g = self;
  if (p->nin != 1)
    return rad_fail(c, RAD_EINVAL, "has one input, not %u: join them with another layer first",
                    (unsigned)p->nin);
  if (p->in[0].rank != 3)
    return rad_fail(c, RAD_EINVAL, "wants images (height, width, channels), its input has %zu axes",
                    p->in[0].rank);
  g->C = p->in[0].dim[2];
  g->S = rad_count(&p->in[0]) / g->C;
  p->out = (rad_shape){1, {g->C}};
  p->props = RAD_AFFINE | RAD_CONVEX | RAD_INCREASING;
  return RAD_OK;
}

static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const global_avg_pool *g = self;
  double *restrict sum = c->host->scratch(c, g->C * sizeof *sum); /* (C) */
  if (!sum)
    return RAD_ENOMEM;
  for (size_t i = 0; i < p->n; i++) {
    memset(sum, 0, g->C * sizeof *sum);
    for (size_t s = 0; s < g->S; s++) {
      const float *restrict x = p->x[0] + (i * g->S + s) * g->C;
      for (size_t k = 0; k < g->C; k++)
        sum[k] += (double)x[k];
    }
    for (size_t k = 0; k < g->C; k++)
      p->y[i * g->C + k] = (float)(sum[k] / (double)g->S);
  }
  return RAD_OK;
}

static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const global_avg_pool *g = self;
  const float share = 1.0f / (float)g->S;
  (void)c;
  for (size_t i = 0; p->dx[0] && i < p->n; i++)
    for (size_t s = 0; s < g->S; s++) {
      const float *restrict dy = p->dy + i * g->C;
      float *restrict dx = p->dx[0] + (i * g->S + s) * g->C;
      for (size_t k = 0; k < g->C; k++)
        dx[k] = share * dy[k];
    }
  return RAD_OK;
}

static rad_status onnx(rad_ctx *c, const void *self, rad_sketch *s)
{
  (void)c;
  (void)self;
  RAD_TRY(s->op(s, RAD_NEW(rad_op, .type = "GlobalAveragePool", .nin = 1, .in = {RAD_OP_X(0)})));
  return s->op(s, RAD_NEW(rad_op, .type = "Flatten", .nin = 1, .in = {RAD_OP_LAST}, .nattr = 1,
                          .attr = {RAD_ATTR_INT("axis", 1)}));
}

static const rad_layer_ops ops = {
    .size = sizeof ops, .plan = plan, .forward = forward, .backward = backward, .onnx = onnx};
static const rad_plugin global_avg_pool_plugin = {
    RAD_PLUGIN(RAD_LAYER, "global_avg_pool", global_avg_pool, &ops), .needs = 1,
    .summary = "mean of every channel over the image",
    .reference = "Lin et al. 2013, arXiv 1312.4400"};
RAD_EXPORT(&global_avg_pool_plugin)
