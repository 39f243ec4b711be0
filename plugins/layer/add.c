/* SPDX-License-Identifier: BSD-3-Clause
 * add.c - y = x1 + x2 + ..., inputs of one shape: what closes a residual branch. x[i], y (n,..).
 * He et al. 2015, arXiv 1512.03385. */
#include <rademacher/layer.h>
#include <stdio.h>
#include <string.h>

typedef struct add {
  size_t n; /* elements of one sample */
  uint32_t nin;
} add;

/* "28x28x64" */
static const char *text_of(char out[128], const rad_shape *s)
{
  int n = 0;
  for (size_t i = 0; i < s->rank && n >= 0 && n < 128; i++)
    n += snprintf(out + n, (size_t)(128 - n), i > 0 ? "x%zu" : "%zu", s->dim[i]);
  return out;
}

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  add *a = self;
  char first[128], other[128];
  if (p->nin < 2)
    return rad_fail(c, RAD_EINVAL, "wants two or more inputs: input = a, b");
  for (uint32_t i = 1; i < p->nin; i++)
    if (p->in[i].rank != p->in[0].rank ||
        memcmp(p->in[i].dim, p->in[0].dim, p->in[0].rank * sizeof p->in[0].dim[0]) != 0)
      return rad_fail(c, RAD_EINVAL, "input %u is %s, input 1 is %s: they must be of one shape",
                      (unsigned)i + 1, text_of(other, &p->in[i]), text_of(first, &p->in[0]));
  p->out = p->in[0];
  p->props = RAD_AFFINE | RAD_CONVEX | RAD_INCREASING;
  a->n = rad_count(&p->out);
  a->nin = p->nin;
  return RAD_OK;
}

static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const add *a = self;
  (void)c;
  memcpy(p->y, p->x[0], p->n * a->n * sizeof *p->y);
  for (uint32_t k = 1; k < a->nin; k++)
    for (size_t i = 0; i < p->n * a->n; i++)
      p->y[i] += p->x[k][i];
  return RAD_OK;
}

static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const add *a = self;
  (void)c;
  for (uint32_t k = 0; k < a->nin; k++)
    if (p->dx[k])
      memcpy(p->dx[k], p->dy, p->n * a->n * sizeof *p->dy);
  return RAD_OK;
}

static rad_status onnx(rad_ctx *c, const void *self, rad_sketch *s)
{
  rad_op op = {.size = sizeof op, .type = "Sum", .nin = ((const add *)self)->nin};
  (void)c;
  for (uint32_t i = 0; i < op.nin && i < RAD_OP_INPUTS; i++)
    op.in[i] = RAD_OP_X(i);
  return s->op(s, &op);
}

static const rad_layer_ops ops = {
    .size = sizeof ops, .plan = plan, .forward = forward, .backward = backward, .onnx = onnx};
static const rad_plugin add_plugin = {RAD_PLUGIN(RAD_LAYER, "add", add, &ops), .needs = 1,
                                      .summary = "sum of its inputs"};
RAD_EXPORT(&add_plugin)
