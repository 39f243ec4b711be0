/* SPDX-License-Identifier: BSD-3-Clause
 * concat.c - joins its inputs along the last axis, for images the channels: x[i] (n,..,C_i),
 * y (n,..,sum C_i). */
#include <rademacher/layer.h>
#include <stdio.h>
#include <string.h>

typedef struct concat {
  size_t S, C, nin; /* places of one sample, channels of y */
  size_t *width;    /* (nin) C_i */
} concat;

/* "28x28x64" */
static const char *text_of(char out[128], const rad_shape *s)
{
  int n = 0;
  for (size_t i = 0; i < s->rank && n >= 0 && n < 128; i++)
    n += snprintf(out + n, (size_t)(128 - n), i > 0 ? "x%zu" : "%zu", s->dim[i]);
  return out;
}

static bool fits(const rad_shape *a, const rad_shape *b) /* but for the last axis */
{
  return a->rank == b->rank && memcmp(a->dim, b->dim, (a->rank - 1) * sizeof a->dim[0]) == 0;
}

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  concat *k = self;
  char first[128], other[128];
  if (p->nin < 2)
    return rad_fail(c, RAD_EINVAL, "wants two or more inputs: input = a, b");
  const size_t last = p->in[0].rank - 1;
  k->width = c->host->alloc(c, p->nin, sizeof *k->width);
  if (!k->width)
    return RAD_ENOMEM;
  k->C = 0;
  for (uint32_t i = 0; i < p->nin; i++) {
    if (!fits(&p->in[i], &p->in[0]))
      return rad_fail(c, RAD_EINVAL,
                      "input %u is %s, input 1 is %s: only the last axes may be different",
                      (unsigned)i + 1, text_of(other, &p->in[i]), text_of(first, &p->in[0]));
    k->width[i] = p->in[i].dim[last];
    if (k->width[i] > SIZE_MAX - k->C)
      return rad_fail(c, RAD_EINVAL, "its inputs are too large");
    k->C += k->width[i];
  }
  p->out = p->in[0];
  p->out.dim[last] = k->C;
  k->S = rad_count(&p->in[0]) / k->width[0];
  k->nin = p->nin;
  p->props = RAD_AFFINE | RAD_CONVEX | RAD_INCREASING;
  return RAD_OK;
}

static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const concat *k = self;
  size_t at = 0;
  (void)c;
  for (size_t i = 0; i < k->nin; at += k->width[i++])
    for (size_t r = 0; r < p->n * k->S; r++)
      memcpy(p->y + r * k->C + at, p->x[i] + r * k->width[i], k->width[i] * sizeof *p->y);
  return RAD_OK;
}

static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const concat *k = self;
  size_t at = 0;
  (void)c;
  for (size_t i = 0; i < k->nin; at += k->width[i++])
    for (size_t r = 0; p->dx[i] && r < p->n * k->S; r++)
      memcpy(p->dx[i] + r * k->width[i], p->dy + r * k->C + at, k->width[i] * sizeof *p->dy);
  return RAD_OK;
}

static rad_status onnx(rad_ctx *c, const void *self, rad_sketch *s)
{
  const concat *k = self;
  const int64_t axis = s->node->out.rank == 2 ? 2 : 1; /* with three axes or more, the channels */
  rad_op op = {.size = sizeof op,
               .type = "Concat",
               .nin = (uint32_t)k->nin,
               .nattr = 1,
               .attr = {RAD_ATTR_INT("axis", axis)}};
  (void)c;
  for (uint32_t i = 0; i < op.nin && i < RAD_OP_INPUTS; i++)
    op.in[i] = RAD_OP_X(i);
  return s->op(s, &op);
}

static const rad_layer_ops ops = {
    .size = sizeof ops, .plan = plan, .forward = forward, .backward = backward, .onnx = onnx};
static const rad_plugin concat_plugin = {RAD_PLUGIN(RAD_LAYER, "concat", concat, &ops), .needs = 1,
                                         .summary = "its inputs side by side, channel after "
                                                    "channel"};
RAD_EXPORT(&concat_plugin)
