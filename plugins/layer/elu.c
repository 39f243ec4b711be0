/* SPDX-License-Identifier: BSD-3-Clause
 * elu.c - y = x for x > 0, else alpha (exp(x) - 1); alpha <= 1 is convex. Needs only y in backward:
 * dy/dx = 1 for y > 0, else y + alpha. Clevert et al. 2015, arXiv 1511.07289. */
#include <rademacher/layer.h>

typedef struct elu {
  float alpha;
  size_t n; /* elements of one sample */
} elu;

static const rad_key keys[] = {
    RAD_KEY(elu, alpha, "1", 0, 100, 0, "minus the limit for x to minus infinity"),
};

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  elu *e = self;
  if (p->nin != 1)
    return rad_fail(c, RAD_EINVAL, "has one input, not %u: join them with another layer first",
                    (unsigned)p->nin);
  p->out = p->in[0];
  e->n = rad_count(&p->out);
  p->flags = RAD_KEEP_Y | RAD_IN_PLACE;
  p->props = e->alpha <= 1.0f ? RAD_CONVEX | RAD_INCREASING : RAD_INCREASING;
  p->act = RAD_ACT_ELU;
  p->act_alpha = e->alpha;
  return RAD_OK;
}

static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const elu *e = self;
  return c->math->act(c, RAD_ACT_ELU, e->alpha, p->n * e->n, p->x[0], p->y);
}

static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const elu *e = self;
  if (!p->dx[0])
    return RAD_OK;
  return c->math->act_back(c, RAD_ACT_ELU, e->alpha, p->n * e->n, p->y, p->dy, p->dx[0]);
}

static rad_status onnx(rad_ctx *c, const void *self, rad_sketch *s)
{
  const elu *e = self;
  (void)c;
  return s->op(s, RAD_NEW(rad_op, .type = "Elu", .nin = 1, .in = {RAD_OP_X(0)}, .nattr = 1,
                          .attr = {RAD_ATTR_FLOAT("alpha", e->alpha)}));
}

static const rad_layer_ops ops = {
    .size = sizeof ops, .plan = plan, .forward = forward, .backward = backward, .onnx = onnx};
static const rad_plugin elu_plugin = {RAD_PLUGIN(RAD_LAYER, "elu", elu, &ops), .needs = 1,
                                      RAD_KEYS(keys), .summary = "exponential linear unit",
                                      .reference = "Clevert et al. 2015, arXiv 1511.07289"};
RAD_EXPORT(&elu_plugin)
