/* SPDX-License-Identifier: BSD-3-Clause
 * lrn.c - local response normalisation across channels: y_i = x_i s_i^-beta,
 * s_i = k + alpha sum x_j^2 over the `size` channels j around i, of which size / 2 come before i;
 * those that there are not count as 0. X, Y (n,..,C). alpha is the factor of each square, as in the
 * paper and in TensorFlow, whose depth_radius r is size = 2 r + 1; PyTorch and Caffe take the mean
 * of the squares: their alpha is size times this one. Krizhevsky et al. 2012, NIPS 25. */
#include <math.h>
#include <rademacher/layer.h>
#include <string.h>

typedef struct lrn {
  int32_t size;
  float alpha, beta, k;
  size_t C, S; /* channels, places of one sample */
} lrn;

static const rad_key keys[] = {
    RAD_KEY(lrn, size, "5", 1, 999, 0,
            "channels in a window, with the one in its middle; a radius r is size 2 r + 1"),
    RAD_KEY(lrn, alpha, "1e-4", 1e-9, 1e3, RAD_LOG,
            "factor of each square, not of their mean: PyTorch's and Caffe's alpha over size"),
    RAD_KEY(lrn, beta, "0.75", 0, 10, 0, "power of the sum"),
    RAD_KEY(lrn, k, "2", 1e-3, 1e3, 0, "added to the sum"),
};

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  lrn *l = self;
  if (p->nin != 1)
    return rad_fail(c, RAD_EINVAL, "has one input, not %u: join them with another layer first",
                    (unsigned)p->nin);
  p->out = p->in[0];
  l->C = p->out.dim[p->out.rank - 1];
  l->S = rad_count(&p->out) / l->C;
  p->cache = l->S * l->C * sizeof(float); /* s */
  p->flags = RAD_KEEP_X;
  return RAD_OK;
}

/* Room for the channels of a place with `size` zeros around them, so that every window is whole. */
static float *padded(rad_ctx *c, const lrn *l)
{
  const size_t bytes = (l->C + (size_t)l->size) * sizeof(float);
  float *q = c->host->scratch(c, bytes);
  return q ? memset(q, 0, bytes) : NULL;
}

/* sum (C) = over the windows of q (C + size - 1) */
static void windows(const lrn *l, const float *q, float *restrict sum)
{
  memset(sum, 0, l->C * sizeof *sum);
  for (size_t t = 0; t < (size_t)l->size; t++) {
    const float *restrict from = q + t;
    for (size_t i = 0; i < l->C; i++)
      sum[i] += from[i];
  }
}

/* f (C) = s^-beta; the usual power by square roots */
static void powers(rad_ctx *c, const lrn *l, const float *restrict s, float *restrict f)
{
  if (l->beta == 0.75f)
    for (size_t i = 0; i < l->C; i++)
      f[i] = 1.0f / (sqrtf(s[i]) * sqrtf(sqrtf(s[i])));
  else
    for (size_t i = 0; i < l->C; i++)
      f[i] = (float)c->host->exp(-(double)l->beta * c->host->ln((double)s[i]));
}

static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const lrn *l = self;
  float *q = padded(c, l), *f = c->host->scratch(c, l->C * sizeof *f);
  float *square = q ? q + l->size / 2 : NULL; /* (C) */
  if (!q || !f)
    return RAD_ENOMEM;
  for (size_t r = 0; r < p->n * l->S; r++) {
    const float *restrict x = p->x[0] + r * l->C;
    float *restrict y = p->y + r * l->C, *restrict s = (float *)p->cache + r * l->C;
    for (size_t i = 0; i < l->C; i++)
      square[i] = x[i] * x[i];
    windows(l, q, s);
    for (size_t i = 0; i < l->C; i++)
      s[i] = l->k + l->alpha * s[i];
    powers(c, l, s, f);
    for (size_t i = 0; i < l->C; i++)
      y[i] = x[i] * f[i];
  }
  return RAD_OK;
}

/* dx_i = dy_i s_i^-beta - 2 alpha beta x_i sum dy_j y_j / s_j, over the j whose window has i in it:
 * the same window, mirrored */
static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const lrn *l = self;
  const float by = 2.0f * l->alpha * l->beta;
  float *q = padded(c, l), *f = c->host->scratch(c, 2 * l->C * sizeof *f);
  float *part = q ? q + (l->size - 1) / 2 : NULL, *restrict sum = f ? f + l->C : NULL;
  if (!q || !f)
    return RAD_ENOMEM;
  for (size_t r = 0; p->dx[0] && r < p->n * l->S; r++) {
    const float *restrict x = p->x[0] + r * l->C, *restrict dy = p->dy + r * l->C;
    const float *restrict s = (const float *)p->cache + r * l->C;
    float *restrict dx = p->dx[0] + r * l->C;
    powers(c, l, s, f);
    for (size_t i = 0; i < l->C; i++)
      part[i] = dy[i] * x[i] * f[i] / s[i];
    windows(l, q, sum);
    for (size_t i = 0; i < l->C; i++)
      dx[i] = dy[i] * f[i] - by * x[i] * sum[i];
  }
  return RAD_OK;
}

/* Windows of an even size, which onnxruntime does not have: x / (k + A x^2)^beta with a convolution
 * of 1 x 1, A (C,C,1,1) having alpha where channel j is in the window of i. */
static rad_status onnx_even(rad_ctx *c, const lrn *l, rad_sketch *s)
{
  const size_t C = l->C, before = (size_t)l->size / 2, after = (size_t)l->size - 1 - before;
  float *A = c->host->scratch(c, C * C * sizeof *A), *k = c->host->scratch(c, C * sizeof *k);
  if (!A || !k)
    return RAD_ENOMEM;
  for (size_t i = 0; i < C; i++) {
    k[i] = l->k;
    for (size_t j = 0; j < C; j++)
      A[i * C + j] = j + before >= i && j <= i + after ? l->alpha : 0.0f;
  }
  RAD_TRY(s->constant(s, &(rad_array){.type = RAD_F32, .shape = {4, {C, C, 1, 1}}, .data = A}));
  RAD_TRY(s->constant(s, &(rad_array){.type = RAD_F32, .shape = {1, {C}}, .data = k}));
  RAD_TRY(s->constant(s, &(rad_array){.type = RAD_F32, .data = &l->beta}));
  RAD_TRY(s->op(s, RAD_NEW(rad_op, .type = "Mul", .nin = 2, .in = {RAD_OP_X(0), RAD_OP_X(0)})));
  RAD_TRY(s->op(s, RAD_NEW(rad_op, .type = "Conv", .nin = 3,
                           .in = {RAD_OP_LAST, RAD_OP_CONST(0), RAD_OP_CONST(1)})));
  RAD_TRY(s->op(s, RAD_NEW(rad_op, .type = "Pow", .nin = 2, .in = {RAD_OP_LAST, RAD_OP_CONST(2)})));
  return s->op(s, RAD_NEW(rad_op, .type = "Div", .nin = 2, .in = {RAD_OP_X(0), RAD_OP_LAST}));
}

static rad_status onnx(rad_ctx *c, const void *self, rad_sketch *s)
{
  const lrn *l = self;
  if (s->node->out.rank != 3)
    return rad_fail(c, RAD_EINVAL, "has a form in ONNX for images only");
  if (l->size % 2 == 0)
    return onnx_even(c, l, s);
  return s->op(s, RAD_NEW(rad_op, .type = "LRN", .nin = 1, .in = {RAD_OP_X(0)}, .nattr = 4,
                          .attr = {RAD_ATTR_FLOAT("alpha", l->alpha * (float)l->size),
                                   RAD_ATTR_FLOAT("beta", l->beta), RAD_ATTR_FLOAT("bias", l->k),
                                   RAD_ATTR_INT("size", l->size)}));
}

static const rad_layer_ops ops = {
    .size = sizeof ops, .plan = plan, .forward = forward, .backward = backward, .onnx = onnx};
static const rad_plugin lrn_plugin = {RAD_PLUGIN(RAD_LAYER, "lrn", lrn, &ops), .needs = 1,
                                      RAD_KEYS(keys),
                                      .summary = "local response normalisation across channels",
                                      .reference = "Krizhevsky et al. 2012, NIPS 25"};
RAD_EXPORT(&lrn_plugin)
