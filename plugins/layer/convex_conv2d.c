/* SPDX-License-Identifier: BSD-3-Clause
 * convex_conv2d.c - two-dimensional convolution without negative weights, for networks that are
 * convex in their input: Y = f(V * X + b) (conv2d.h), v = w where w >= 0, exp(w - shift) below
 * (convex.h). X (n,H,W,C), W, V (O,KH,KW,C/groups), b (O), Y (n,OH,OW,O). The first layer of such a
 * network is a plain `conv2d`. By a parameter what Sivaprasad et al. 2021, arXiv 2006.05103, do
 * after each step. */
#include "conv2d.h"
#include "convex.h"

static const rad_key keys[] = {
    CONV2D_KEYS,
    RAD_KEY(conv2d, shift, "5", 0, 50, 0, CONVEX_SHIFT),
};

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  RAD_TRY(conv2d_plan(c, self, p, RAD_MAPPED));
  p->props = CONVEX_PROPS;
  return RAD_OK;
}

static rad_status map(rad_ctx *c, const void *self, const rad_param *W, size_t n, const float *w,
                      float *v)
{
  (void)W;
  return convex_map(c, ((const conv2d *)self)->shift, n, w, v);
}

/* dW = keep dW + dV/dW of V's gradient, db = keep db + , of the samples in this call */
static rad_status gradient(rad_ctx *c, const void *self, const rad_pass *p)
{
  const rad_param *W = p->w[0];
  RAD_TRY(conv2d_bias_gradient(c, self, p));
  if (!W->grad)
    return RAD_OK;
  float *g = c->host->scratch(c, W->n * sizeof *g);
  if (!g)
    return RAD_ENOMEM;
  RAD_TRY(conv2d_product(c, self, p, 0.0f, g));
  convex_chain(W, 0, W->n, g);
  return RAD_OK;
}

static const rad_layer_ops ops = {.size = sizeof ops,
                                  .plan = plan,
                                  .forward = conv2d_forward,
                                  .backward = conv2d_backward,
                                  .gradient = gradient,
                                  .map = map,
                                  .onnx = conv2d_onnx};
static const rad_plugin convex_conv2d_plugin = {
    RAD_PLUGIN(RAD_LAYER, "convex_conv2d", conv2d, &ops), RAD_KEYS(keys), .needs = 1,
    .summary = "two-dimensional convolution without negative weights",
    .reference = "Sivaprasad et al. 2021, arXiv 2006.05103"};
RAD_EXPORT(&convex_conv2d_plugin)
