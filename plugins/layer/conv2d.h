/* SPDX-License-Identifier: BSD-3-Clause
 * conv2d.h - what conv2d and convex_conv2d share: Y = f(W * X + b); f is the activation behind it,
 * where absorbed. X (n,H,W,C), W (O,KH,KW,C/groups), b (O), Y (n,OH,OW,O),
 * OH = (H + 2 pad - KH) / stride + 1, rounded down. W may be stored sparse. Files hold it as
 * (O,C/groups,KH,KW). */
#ifndef PLUGINS_LAYER_CONV2D_H
#define PLUGINS_LAYER_CONV2D_H
#include <rademacher/layer.h>
#include <string.h>

typedef struct conv2d {
  int32_t filters, kernel, kernel_w, stride, stride_w, pad, pad_w, groups;
  bool same, bias;
  double shift; /* convex_conv2d */
  rad_conv g;   /* geometry, set by plan */
} conv2d;

/* clang-format off */
#define CONV2D_KEYS                                                                                \
  RAD_KEY(conv2d, filters, NULL, 1, 1e5, RAD_LOG, "number of output channels"),                    \
  RAD_KEY(conv2d, kernel, "3", 1, 99, 0, "height and width of a filter"),                          \
  RAD_KEY(conv2d, kernel_w, "0", 0, 99, 0, "its width where that differs; 0: the height"),         \
  RAD_KEY(conv2d, stride, "1", 1, 99, 0, "step between outputs, down and across"),                 \
  RAD_KEY(conv2d, stride_w, "0", 0, 99, 0, "step across where that differs; 0: the step down"),    \
  RAD_KEY(conv2d, pad, "0", 0, 99, 0, "zeros added on every side"),                                \
  RAD_KEY(conv2d, pad_w, "-1", -1, 99, 0,                                                          \
          "zeros on the left and the right where that differs; -1: as above and below"),           \
  RAD_KEY(conv2d, same, "false", 0, 1, 0,                                                          \
          "pad by (kernel - 1) / 2, so that the output is as large as the input, divided by the "  \
          "stride and rounded up; for odd kernels"),                                               \
  RAD_KEY(conv2d, groups, "1", 1, 1e5, RAD_FIXED, "groups of channels that do not mix"),           \
  RAD_KEY(conv2d, bias, "true", 0, 1, 0, "add a bias to every filter")
/* clang-format on */

/* Kernel, strides and padding out of the keys. */
static inline rad_status conv2d_set_window(rad_ctx *c, conv2d *v)
{
  rad_conv *g = &v->g;
  g->kh = (size_t)v->kernel;
  g->kw = (size_t)(v->kernel_w > 0 ? v->kernel_w : v->kernel);
  g->sh = (size_t)v->stride;
  g->sw = (size_t)(v->stride_w > 0 ? v->stride_w : v->stride);
  g->ph = (size_t)v->pad;
  g->pw = (size_t)(v->pad_w >= 0 ? v->pad_w : v->pad);
  g->dh = g->dw = 1;
  if (!v->same)
    return RAD_OK;
  if (g->ph > 0 || g->pw > 0)
    return rad_fail(c, RAD_EINVAL, "same = true chooses the padding: leave out pad and pad_w");
  if (g->kh % 2 == 0 || g->kw % 2 == 0)
    return rad_fail(c, RAD_EINVAL,
                    "same = true wants an odd kernel, not %zux%zu: one with a middle", g->kh,
                    g->kw);
  g->ph = (g->kh - 1) / 2;
  g->pw = (g->kw - 1) / 2;
  return RAD_OK;
}

/* Channels and places out of the input's shape. */
static inline rad_status conv2d_set_shape(rad_ctx *c, conv2d *v, const rad_shape *in)
{
  rad_conv *g = &v->g;
  g->h = in->dim[0], g->w = in->dim[1], g->c = in->dim[2];
  g->o = (size_t)v->filters;
  g->groups = (size_t)v->groups;
  if (g->kh > g->h + 2 * g->ph || g->kw > g->w + 2 * g->pw)
    return rad_fail(c, RAD_EINVAL,
                    "the kernel, %zux%zu, is larger than its input, %zux%zu with the padding: "
                    "smaller kernel, larger pad, or fewer strides before it",
                    g->kh, g->kw, g->h + 2 * g->ph, g->w + 2 * g->pw);
  if (g->c % g->groups != 0 || g->o % g->groups != 0)
    return rad_fail(c, RAD_EINVAL,
                    "groups = %zu must divide both its %zu input channels and its %zu filters",
                    g->groups, g->c, g->o);
  g->oh = (g->h + 2 * g->ph - g->kh) / g->sh + 1;
  g->ow = (g->w + 2 * g->pw - g->kw) / g->sw + 1;
  return RAD_OK;
}

/* flags: more of W's */
static inline rad_status conv2d_plan(rad_ctx *c, conv2d *v, rad_plan *p, uint32_t flags)
{
  if (p->nin != 1)
    return rad_fail(c, RAD_EINVAL, "has one input, not %u: join them with another layer first",
                    (unsigned)p->nin);
  if (p->in[0].rank != 3)
    return rad_fail(c, RAD_EINVAL, "wants images (height, width, channels), its input has %zu axes",
                    p->in[0].rank);
  v->g = (rad_conv){.size = sizeof v->g};
  RAD_TRY(conv2d_set_window(c, v));
  RAD_TRY(conv2d_set_shape(c, v, &p->in[0]));
  const rad_conv *g = &v->g;
  p->out = (rad_shape){3, {g->oh, g->ow, g->o}};
  p->props = RAD_AFFINE;
  p->flags = RAD_KEEP_X;
  p->absorbs = ~0u; /* rad_conv takes any rad_act */
  flags |= RAD_SPARSE | (g->groups == 1 ? RAD_OPAQUE : 0u);
  RAD_TRY(c->host->tensor(c, RAD_NEW(rad_tensor, .name = "W", .role = RAD_WEIGHT, .type = RAD_F32,
                                     .shape = {4, {g->o, g->kh, g->kw, g->c / g->groups}},
                                     .axes = "ohwi", .flags = flags)));
  if (!v->bias)
    return RAD_OK;
  return c->host->tensor(
      c, RAD_NEW(rad_tensor, .name = "b", .role = RAD_BIAS, .type = RAD_F32, .shape = {1, {g->o}}));
}

/* What all three products are asked with. */
static inline rad_conv conv2d_request(const conv2d *v, const rad_pass *p)
{
  rad_conv r = v->g;
  r.n = p->n;
  r.weight = rad_used(p->w[0]);
  r.packed = p->w[0];
  r.pattern = p->w[0]->pattern;
  r.dy = p->dy;
  r.hi = r.o;
  return r;
}

/* Y = f(W * X + b) */
static inline rad_status conv2d_forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const conv2d *v = self;
  rad_conv r = conv2d_request(v, p);
  r.x = p->x[0];
  r.y = p->y;
  r.bias = v->bias ? p->w[1]->value : NULL;
  r.act = p->act;
  r.act_alpha = p->act_alpha;
  return (r.pattern ? c->math->sparse_conv : c->math->conv)(c, &r);
}

static inline rad_status conv2d_onnx(rad_ctx *c, const void *self, rad_sketch *s)
{
  const conv2d *v = self;
  const int64_t kh = (int64_t)v->g.kh, kw = (int64_t)v->g.kw, sh = (int64_t)v->g.sh,
                sw = (int64_t)v->g.sw, ph = (int64_t)v->g.ph, pw = (int64_t)v->g.pw;
  (void)c;
  return s->op(s, RAD_NEW(rad_op, .type = "Conv", .nin = v->bias ? 3 : 2,
                          .in = {RAD_OP_X(0), RAD_OP_W(0), RAD_OP_W(1)}, .nattr = 4,
                          .attr = {RAD_ATTR_LIST("kernel_shape", 2, kh, kw),
                                   RAD_ATTR_LIST("strides", 2, sh, sw),
                                   RAD_ATTR_LIST("pads", 4, ph, pw, ph, pw),
                                   RAD_ATTR_INT("group", v->groups)}));
}

/* dX: each input gets dY of the outputs that it was part of, times their weight for it */
static inline rad_status conv2d_backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  rad_conv r = conv2d_request(self, p);
  r.dx = p->dx[0];
  if (!r.dx)
    return RAD_OK;
  return (r.pattern ? c->math->sparse_conv_input : c->math->conv_input)(c, &r);
}

/* grad = keep grad + dW of the samples in this call; grad: as W is stored */
static inline rad_status conv2d_product(rad_ctx *c, const conv2d *v, const rad_pass *p, float keep,
                                        float *grad)
{
  rad_conv r = conv2d_request(v, p);
  r.x = p->x[0];
  r.grad = grad;
  r.keep = keep;
  return (r.pattern ? c->math->sparse_conv_weight : c->math->conv_weight)(c, &r);
}

/* sum (O) += the sums of rows of dy (rows,O): eight rows as a tree in float, then in double */
static inline void conv2d_add_rows(size_t rows, size_t O, const float *restrict dy,
                                   double *restrict sum)
{
  for (; rows >= 8; rows -= 8, dy += 8 * O)
    for (size_t o = 0; o < O; o++) {
      const float *d = dy + o;
      const float a = (d[0] + d[O]) + (d[2 * O] + d[3 * O]),
                  b = (d[4 * O] + d[5 * O]) + (d[6 * O] + d[7 * O]);
      sum[o] += (double)(a + b);
    }
  for (; rows > 0; rows--, dy += O)
    for (size_t o = 0; o < O; o++)
      sum[o] += (double)dy[o];
}

/* db (O) = keep db + sum of dY (n,OH OW,O) over images and places: image by image, so that the bits
 * do not depend on how the images are cut into calls */
static inline rad_status conv2d_bias_gradient(rad_ctx *c, const conv2d *v, const rad_pass *p)
{
  const size_t O = v->g.o, rows = v->g.oh * v->g.ow;
  const rad_param *b = v->bias ? p->w[1] : NULL;
  double *restrict sum = c->host->scratch(c, O * sizeof *sum);
  float *restrict db = b ? b->grad : NULL;
  if (!db)
    return RAD_OK;
  if (!sum)
    return RAD_ENOMEM;
  for (size_t o = 0; o < O && b->keep != 1.0f; o++)
    db[o] = b->keep == 0.0f ? 0.0f : b->keep * db[o];
  for (size_t i = 0; i < p->n; i++) {
    memset(sum, 0, O * sizeof *sum);
    conv2d_add_rows(rows, O, p->dy + i * rows * O, sum);
    for (size_t o = 0; o < O; o++)
      db[o] += (float)sum[o];
  }
  return RAD_OK;
}
#endif
