/* SPDX-License-Identifier: BSD-3-Clause
 * relu.c - y = x for x > 0, else slope x; slope 0 is the rectifier, a small one the leaky
 * rectifier. Needs only y in backward: dy/dx = 1 for y > 0, else slope. Nair and Hinton 2010,
 * ICML 27. */
#include <rademacher/layer.h>

typedef struct relu {
  float slope;
  uint32_t act;
  size_t n; /* elements of one sample */
} relu;

static const rad_key keys[] = {
    RAD_KEY(relu, slope, "0", 0, 1, 0, "slope below 0; above 0 makes it a leaky ReLU"),
};

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  relu *r = self;
  if (p->nin != 1)
    return rad_fail(c, RAD_EINVAL, "has one input, not %u: join them with another layer first",
                    (unsigned)p->nin);
  r->act = r->slope > 0.0f ? RAD_ACT_LEAKY : RAD_ACT_RELU;
  r->n = rad_count(&p->in[0]);
  p->out = p->in[0];
  p->flags = RAD_KEEP_Y | RAD_IN_PLACE;
  p->props = RAD_CONVEX | RAD_INCREASING;
  p->act = r->act;
  p->act_alpha = r->slope;
  return RAD_OK;
}

static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const relu *r = self;
  return c->math->act(c, r->act, r->slope, p->n * r->n, p->x[0], p->y);
}

static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const relu *r = self;
  if (!p->dx[0])
    return RAD_OK;
  return c->math->act_back(c, r->act, r->slope, p->n * r->n, p->y, p->dy, p->dx[0]);
}

static const rad_layer_ops ops = {
    .size = sizeof ops, .plan = plan, .forward = forward, .backward = backward};
static const rad_plugin relu_plugin = {RAD_PLUGIN(RAD_LAYER, "relu", relu, &ops), RAD_KEYS(keys),
                                       .summary = "rectifier, also leaky",
                                       .reference = "Nair and Hinton 2010, ICML 27"};
RAD_EXPORT(&relu_plugin)
