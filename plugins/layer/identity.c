/* SPDX-License-Identifier: BSD-3-Clause
 * identity.c - y = x, at no cost: a name for the input of a block, which several of its layers
 * read. x, y (n,..). */
#include <rademacher/layer.h>

typedef struct identity {
  char unused;
} identity;

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  (void)self;
  if (p->nin != 1)
    return rad_fail(c, RAD_EINVAL, "has one input, not %u: join them with another layer first",
                    (unsigned)p->nin);
  p->out = p->in[0];
  p->flags = RAD_VIEW;
  p->props = RAD_AFFINE | RAD_CONVEX | RAD_INCREASING;
  return RAD_OK;
}

static rad_status onnx(rad_ctx *c, const void *self, rad_sketch *s)
{
  (void)c;
  (void)self;
  return s->op(s, RAD_NEW(rad_op, .type = "Identity", .nin = 1, .in = {RAD_OP_X(0)}));
}

static const rad_layer_ops ops = {.size = sizeof ops, .plan = plan, .onnx = onnx};
static const rad_plugin identity_plugin = {RAD_PLUGIN(RAD_LAYER, "identity", identity, &ops),
                                           .needs = 1, .summary = "its input under another name"};
RAD_EXPORT(&identity_plugin)
