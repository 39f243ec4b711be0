/* SPDX-License-Identifier: BSD-3-Clause
 * softplus.c - y = ln(1 + e^(b x)) / b, the smooth rectifier; b is the sharpness of the bend. Needs
 * only y in backward: dy/dx = 1 - e^(-b y). Dugas et al. 2001, NIPS 13. */
#include <rademacher/layer.h>

typedef struct softplus {
  float sharpness; /* filled from the key of the same name before anything is called */
  size_t n;
} softplus;

static const rad_key keys[] = {
    RAD_KEY(softplus, sharpness, "1", 1e-3, 1e3, RAD_LOG, "steepness of the bend at 0"),
};

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  softplus *s = self;
  if (p->nin != 1)
    return rad_fail(c, RAD_EINVAL, "has one input, not %u", (unsigned)p->nin);
  s->n = rad_count(&p->in[0]);
  p->out = p->in[0];
  p->flags = RAD_KEEP_Y;
  p->props = RAD_CONVEX | RAD_INCREASING;
  return RAD_OK;
}

/* y = ln(1 + e^(b x)) / b, without overflow: max(x, 0) + ln(1 + e^(-b |x|)) / b */
static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const softplus *s = self;
  const double b = (double)s->sharpness;
  for (size_t i = 0; i < p->n * s->n; i++) {
    const double x = (double)p->x[0][i], e = c->host->exp(-b * (x < 0 ? -x : x));
    p->y[i] = (float)((x > 0 ? x : 0) + c->host->ln(1 + e) / b);
  }
  return RAD_OK;
}

/* dy/dx = 1 - e^(-b y) */
static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const softplus *s = self;
  for (size_t i = 0; p->dx[0] && i < p->n * s->n; i++) {
    const double e = c->host->exp(-(double)s->sharpness * (double)p->y[i]);
    p->dx[0][i] = p->dy[i] * (float)(1 - e);
  }
  return RAD_OK;
}

static rad_status onnx(rad_ctx *c, const void *self, rad_sketch *s)
{
  const softplus *v = self;
  (void)c;
  RAD_TRY(s->constant(s, &(rad_array){.type = RAD_F32, .data = &v->sharpness}));
  RAD_TRY(s->op(s, RAD_NEW(rad_op, .type = "Mul", .nin = 2, .in = {RAD_OP_X(0), RAD_OP_CONST(0)})));
  RAD_TRY(s->op(s, RAD_NEW(rad_op, .type = "Softplus", .nin = 1, .in = {RAD_OP_LAST})));
  return s->op(s, RAD_NEW(rad_op, .type = "Div", .nin = 2, .in = {RAD_OP_LAST, RAD_OP_CONST(0)}));
}

static const rad_layer_ops ops = {
    .size = sizeof ops, .plan = plan, .forward = forward, .backward = backward, .onnx = onnx};
static const rad_plugin plugin = {RAD_PLUGIN(RAD_LAYER, "softplus", softplus, &ops), .needs = 1,
                                  RAD_KEYS(keys), .summary = "smooth rectifier"};
RAD_EXPORT(&plugin)
