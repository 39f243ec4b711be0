/* SPDX-License-Identifier: BSD-3-Clause
 * flatten.c - all axes into one: x (n,H,W,C), y (n,C H W). Channels come first, so that the weights
 * of the layer behind it mean the same as in frameworks that store images as C,H,W. */
#include <rademacher/layer.h>

typedef struct flatten {
  size_t S, C; /* places, channels; set by plan */
} flatten;

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  flatten *f = self;
  if (p->nin != 1)
    return rad_fail(c, RAD_EINVAL, "has one input, not %u: join them with another layer first",
                    (unsigned)p->nin);
  const rad_shape *in = &p->in[0];
  const size_t n = rad_count(in);
  f->C = in->rank > 2 ? in->dim[in->rank - 1] : 1;
  f->S = n / (f->C ? f->C : 1);
  p->out = (rad_shape){1, {n}};
  p->props = RAD_AFFINE;
  p->flags = f->C > 1 && f->S > 1 ? 0 : RAD_VIEW; /* else the order is the same */
  return RAD_OK;
}

/* y[c,s] = x[s,c] */
static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const flatten *f = self;
  (void)c;
  for (size_t i = 0; i < p->n; i++) {
    const float *restrict x = p->x[0] + i * f->S * f->C;
    float *restrict y = p->y + i * f->S * f->C;
    for (size_t k = 0; k < f->C; k++)
      for (size_t s = 0; s < f->S; s++)
        y[k * f->S + s] = x[s * f->C + k];
  }
  return RAD_OK;
}

/* dx[s,c] = dy[c,s] */
static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const flatten *f = self;
  (void)c;
  for (size_t i = 0; p->dx[0] && i < p->n; i++) {
    const float *restrict dy = p->dy + i * f->S * f->C;
    float *restrict dx = p->dx[0] + i * f->S * f->C;
    for (size_t k = 0; k < f->C; k++)
      for (size_t s = 0; s < f->S; s++)
        dx[s * f->C + k] = dy[k * f->S + s];
  }
  return RAD_OK;
}

static const rad_layer_ops ops = {
    .size = sizeof ops, .plan = plan, .forward = forward, .backward = backward};
static const rad_plugin flatten_plugin = {RAD_PLUGIN(RAD_LAYER, "flatten", flatten, &ops),
                                          .summary = "one axis out of all, channels first"};
RAD_EXPORT(&flatten_plugin)
