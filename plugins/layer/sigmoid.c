/* SPDX-License-Identifier: BSD-3-Clause
 * sigmoid.c - y = 1 / (1 + exp(-x)). Needs only y in backward: dy/dx = y (1 - y). */
#include <rademacher/layer.h>

typedef struct sigmoid_layer {
  size_t n; /* elements of one sample */
} sigmoid_layer;

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  if (p->nin != 1)
    return rad_fail(c, RAD_EINVAL, "has one input, not %u: join them with another layer first",
                    (unsigned)p->nin);
  p->out = p->in[0];
  ((sigmoid_layer *)self)->n = rad_count(&p->out);
  p->flags = RAD_KEEP_Y | RAD_IN_PLACE;
  p->props = RAD_INCREASING;
  p->act = RAD_ACT_SIGMOID;
  return RAD_OK;
}

static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const sigmoid_layer *t = self;
  return c->math->act(c, RAD_ACT_SIGMOID, 0.0f, p->n * t->n, p->x[0], p->y);
}

static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const sigmoid_layer *t = self;
  if (!p->dx[0])
    return RAD_OK;
  return c->math->act_back(c, RAD_ACT_SIGMOID, 0.0f, p->n * t->n, p->y, p->dy, p->dx[0]);
}

static rad_status onnx(rad_ctx *c, const void *self, rad_sketch *s)
{
  (void)c;
  (void)self;
  return s->op(s, RAD_NEW(rad_op, .type = "Sigmoid", .nin = 1, .in = {RAD_OP_X(0)}));
}

static const rad_layer_ops ops = {
    .size = sizeof ops, .plan = plan, .forward = forward, .backward = backward, .onnx = onnx};
static const rad_plugin sigmoid_plugin = {RAD_PLUGIN(RAD_LAYER, "sigmoid", sigmoid_layer, &ops),
                                          .needs = 1, .summary = "logistic function"};
RAD_EXPORT(&sigmoid_plugin)
