/* SPDX-License-Identifier: BSD-3-Clause
 * leaky_relu.c - y = x for x > 0, else slope x. Needs only y in backward: dy/dx = 1 for y > 0, else
 * slope. Maas et al. 2013, ICML workshop on deep learning for audio, speech and language. */
#include <rademacher/layer.h>

typedef struct leaky_relu {
  float slope;
  size_t n; /* elements of one sample */
} leaky_relu;

static const rad_key keys[] = {
    RAD_KEY(leaky_relu, slope, "0.01", 0, 1, 0, "slope below 0"),
};

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  leaky_relu *r = self;
  if (p->nin != 1)
    return rad_fail(c, RAD_EINVAL, "has one input, not %u: join them with another layer first",
                    (unsigned)p->nin);
  p->out = p->in[0];
  r->n = rad_count(&p->out);
  p->flags = RAD_KEEP_Y | RAD_IN_PLACE;
  p->props = RAD_CONVEX | RAD_INCREASING;
  p->act = RAD_ACT_LEAKY;
  p->act_alpha = r->slope;
  return RAD_OK;
}

static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const leaky_relu *r = self;
  return c->math->act(c, RAD_ACT_LEAKY, r->slope, p->n * r->n, p->x[0], p->y);
}

static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const leaky_relu *r = self;
  if (!p->dx[0])
    return RAD_OK;
  return c->math->act_back(c, RAD_ACT_LEAKY, r->slope, p->n * r->n, p->y, p->dy, p->dx[0]);
}

static rad_status onnx(rad_ctx *c, const void *self, rad_sketch *s)
{
  const leaky_relu *r = self;
  (void)c;
  return s->op(s, RAD_NEW(rad_op, .type = "LeakyRelu", .nin = 1, .in = {RAD_OP_X(0)}, .nattr = 1,
                          .attr = {RAD_ATTR_FLOAT("alpha", r->slope)}));
}

static const rad_layer_ops ops = {
    .size = sizeof ops, .plan = plan, .forward = forward, .backward = backward, .onnx = onnx};
static const rad_plugin leaky_relu_plugin = {
    RAD_PLUGIN(RAD_LAYER, "leaky_relu", leaky_relu, &ops), .needs = 1, RAD_KEYS(keys),
    .summary = "rectifier with a slope below 0", .reference = "Maas et al. 2013, ICML workshop"};
RAD_EXPORT(&leaky_relu_plugin)
