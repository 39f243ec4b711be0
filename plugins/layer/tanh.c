/* SPDX-License-Identifier: BSD-3-Clause
 * tanh.c - y = tanh(x). Needs only y in backward: dy/dx = 1 - y^2, as (1 - y) (1 + y), which loses
 * nothing near 1 and -1. */
#include <rademacher/layer.h>

typedef struct tanh_layer {
  size_t n; /* elements of one sample */
} tanh_layer;

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  if (p->nin != 1)
    return rad_fail(c, RAD_EINVAL, "has one input, not %u: join them with another layer first",
                    (unsigned)p->nin);
  p->out = p->in[0];
  ((tanh_layer *)self)->n = rad_count(&p->out);
  p->flags = RAD_KEEP_Y | RAD_IN_PLACE;
  p->props = RAD_INCREASING;
  p->act = RAD_ACT_TANH;
  return RAD_OK;
}

static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const tanh_layer *t = self;
  return c->math->act(c, RAD_ACT_TANH, 0.0f, p->n * t->n, p->x[0], p->y);
}

static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const tanh_layer *t = self;
  if (!p->dx[0])
    return RAD_OK;
  return c->math->act_back(c, RAD_ACT_TANH, 0.0f, p->n * t->n, p->y, p->dy, p->dx[0]);
}

static rad_status onnx(rad_ctx *c, const void *self, rad_sketch *s)
{
  (void)c;
  (void)self;
  return s->op(s, RAD_NEW(rad_op, .type = "Tanh", .nin = 1, .in = {RAD_OP_X(0)}));
}

static const rad_layer_ops ops = {
    .size = sizeof ops, .plan = plan, .forward = forward, .backward = backward, .onnx = onnx};
static const rad_plugin tanh_plugin = {RAD_PLUGIN(RAD_LAYER, "tanh", tanh_layer, &ops), .needs = 1,
                                       .summary = "hyperbolic tangent"};
RAD_EXPORT(&tanh_plugin)
