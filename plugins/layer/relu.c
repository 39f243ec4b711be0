/* SPDX-License-Identifier: BSD-3-Clause
 * relu.c - y = x for x > 0, else 0. Needs only y in backward: dy/dx = 1 for y > 0, else 0. Nair and
 * Hinton 2010, ICML 27. */
#include <rademacher/layer.h>

typedef struct relu {
  size_t n; /* elements of one sample */
} relu;

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  if (p->nin != 1)
    return rad_fail(c, RAD_EINVAL, "has one input, not %u: join them with another layer first",
                    (unsigned)p->nin);
  p->out = p->in[0];
  ((relu *)self)->n = rad_count(&p->out);
  p->flags = RAD_KEEP_Y | RAD_IN_PLACE;
  p->props = RAD_CONVEX | RAD_INCREASING;
  p->act = RAD_ACT_RELU;
  return RAD_OK;
}

static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const relu *r = self;
  return c->math->act(c, RAD_ACT_RELU, 0.0f, p->n * r->n, p->x[0], p->y);
}

static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const relu *r = self;
  if (!p->dx[0])
    return RAD_OK;
  return c->math->act_back(c, RAD_ACT_RELU, 0.0f, p->n * r->n, p->y, p->dy, p->dx[0]);
}

static rad_status onnx(rad_ctx *c, const void *self, rad_sketch *s)
{
  (void)c;
  (void)self;
  return s->op(s, RAD_NEW(rad_op, .type = "Relu", .nin = 1, .in = {RAD_OP_X(0)}));
}

static const rad_layer_ops ops = {
    .size = sizeof ops, .plan = plan, .forward = forward, .backward = backward, .onnx = onnx};
static const rad_plugin relu_plugin = {RAD_PLUGIN(RAD_LAYER, "relu", relu, &ops), .needs = 1,
                                       .summary = "rectifier",
                                       .reference = "Nair and Hinton 2010, ICML 27"};
RAD_EXPORT(&relu_plugin)
