/* SPDX-License-Identifier: BSD-3-Clause
 * conv2d.c - two-dimensional convolution, Y = f(W * X + b); f is the activation behind it, where
 * absorbed. X (n,H,W,C), W (O,KH,KW,C/groups), b (O), Y (n,OH,OW,O),
 * OH = (H + 2 pad - KH) / stride + 1, rounded down. W may be stored sparse. Files hold it as
 * (O,C/groups,KH,KW). LeCun et al. 1998, Proc. IEEE 86(11). */
#include <rademacher/layer.h>
#include <string.h>

typedef struct conv2d {
  int32_t filters, kernel, kernel_w, stride, stride_w, pad, pad_w, groups;
  bool same, bias;
  rad_conv g; /* geometry, set by plan */
} conv2d;

static const rad_key keys[] = {
    RAD_KEY(conv2d, filters, NULL, 1, 1e5, RAD_LOG, "number of output channels"),
    RAD_KEY(conv2d, kernel, "3", 1, 99, 0, "height and width of a filter"),
    RAD_KEY(conv2d, kernel_w, "0", 0, 99, 0, "its width where that differs; 0: the height"),
    RAD_KEY(conv2d, stride, "1", 1, 99, 0, "step between outputs, down and across"),
    RAD_KEY(conv2d, stride_w, "0", 0, 99, 0, "step across where that differs; 0: the step down"),
    RAD_KEY(conv2d, pad, "0", 0, 99, 0, "zeros added on every side"),
    RAD_KEY(conv2d, pad_w, "-1", -1, 99, 0,
            "zeros on the left and the right where that differs; -1: as above and below"),
    RAD_KEY(conv2d, same, "false", 0, 1, 0,
            "pad by (kernel - 1) / 2, so that the output is as large as the input, divided by the "
            "stride and rounded up; for odd kernels"),
    RAD_KEY(conv2d, groups, "1", 1, 1e5, RAD_FIXED, "groups of channels that do not mix"),
    RAD_KEY(conv2d, bias, "true", 0, 1, 0, "add a bias to every filter"),
};

/* Kernel, strides and padding out of the keys. */
static rad_status set_window(rad_ctx *c, conv2d *v)
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
static rad_status set_shape(rad_ctx *c, conv2d *v, const rad_shape *in)
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

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  conv2d *v = self;
  if (p->nin != 1)
    return rad_fail(c, RAD_EINVAL, "has one input, not %u: join them with another layer first",
                    (unsigned)p->nin);
  if (p->in[0].rank != 3)
    return rad_fail(c, RAD_EINVAL, "wants images (height, width, channels), its input has %zu axes",
                    p->in[0].rank);
  v->g = (rad_conv){.size = sizeof v->g};
  RAD_TRY(set_window(c, v));
  RAD_TRY(set_shape(c, v, &p->in[0]));
  const rad_conv *g = &v->g;
  p->out = (rad_shape){3, {g->oh, g->ow, g->o}};
  p->props = RAD_AFFINE;
  p->flags = RAD_KEEP_X;
  p->absorbs = ~0u; /* rad_conv takes any rad_act */
  RAD_TRY(c->host->tensor(c, RAD_NEW(rad_tensor, .name = "W", .role = RAD_WEIGHT, .type = RAD_F32,
                                     .shape = {4, {g->o, g->kh, g->kw, g->c / g->groups}},
                                     .axes = "ohwi",
                                     .flags = RAD_SPARSE | (g->groups == 1 ? RAD_OPAQUE : 0u))));
  if (!v->bias)
    return RAD_OK;
  return c->host->tensor(
      c, RAD_NEW(rad_tensor, .name = "b", .role = RAD_BIAS, .type = RAD_F32, .shape = {1, {g->o}}));
}

/* What all three products are asked with. */
static rad_conv request(const conv2d *v, const rad_pass *p)
{
  rad_conv r = v->g;
  r.n = p->n;
  r.weight = p->w[0]->value;
  r.packed = p->w[0];
  r.pattern = p->w[0]->pattern;
  r.dy = p->dy;
  r.hi = r.o;
  return r;
}

/* Y = f(W * X + b) */
static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const conv2d *v = self;
  rad_conv r = request(v, p);
  r.x = p->x[0];
  r.y = p->y;
  r.bias = v->bias ? p->w[1]->value : NULL;
  r.act = p->act;
  r.act_alpha = p->act_alpha;
  return (r.pattern ? c->math->sparse_conv : c->math->conv)(c, &r);
}

/* dX: each input gets dY of the outputs that it was part of, times their weight for it */
static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  rad_conv r = request(self, p);
  r.dx = p->dx[0];
  if (!r.dx)
    return RAD_OK;
  return (r.pattern ? c->math->sparse_conv_input : c->math->conv_input)(c, &r);
}

/* sum (O) += the sums of rows of dy (rows,O): eight rows as a tree in float, then in double */
static void add_rows(size_t rows, size_t O, const float *restrict dy, double *restrict sum)
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
static rad_status bias_gradient(rad_ctx *c, const rad_conv *g, const rad_pass *p,
                                const rad_param *b)
{
  const size_t O = g->o, rows = g->oh * g->ow;
  double *restrict sum = c->host->scratch(c, O * sizeof *sum);
  float *restrict db = b->grad;
  if (!sum)
    return RAD_ENOMEM;
  for (size_t o = 0; o < O && b->keep != 1.0f; o++)
    db[o] = b->keep == 0.0f ? 0.0f : b->keep * db[o];
  for (size_t i = 0; i < p->n; i++) {
    memset(sum, 0, O * sizeof *sum);
    add_rows(rows, O, p->dy + i * rows * O, sum);
    for (size_t o = 0; o < O; o++)
      db[o] += (float)sum[o];
  }
  return RAD_OK;
}

/* dW = keep dW + , db = keep db + , of the samples in this call */
static rad_status gradient(rad_ctx *c, const void *self, const rad_pass *p)
{
  const conv2d *v = self;
  rad_conv r = request(v, p);
  r.x = p->x[0];
  r.grad = p->w[0]->grad;
  r.keep = p->w[0]->keep;
  if (r.grad)
    RAD_TRY((r.pattern ? c->math->sparse_conv_weight : c->math->conv_weight)(c, &r));
  if (v->bias && p->w[1]->grad)
    return bias_gradient(c, &r, p, p->w[1]);
  return RAD_OK;
}

static const rad_layer_ops ops = {.size = sizeof ops,
                                  .plan = plan,
                                  .forward = forward,
                                  .backward = backward,
                                  .gradient = gradient};
static const rad_plugin conv2d_plugin = {RAD_PLUGIN(RAD_LAYER, "conv2d", conv2d, &ops),
                                         RAD_KEYS(keys), .summary = "two-dimensional convolution",
                                         .reference = "LeCun et al. 1998, Proc. IEEE 86(11)"};
RAD_EXPORT(&conv2d_plugin)
