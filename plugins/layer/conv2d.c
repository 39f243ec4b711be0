/* SPDX-License-Identifier: BSD-3-Clause
 * conv2d.c - two-dimensional convolution, Y = f(W * X + b) (conv2d.h). X (n,H,W,C),
 * W (O,KH,KW,C/groups), b (O), Y (n,OH,OW,O). LeCun et al. 1998, Proc. IEEE 86(11). */
#include "conv2d.h"

static const rad_key keys[] = {CONV2D_KEYS};

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  return conv2d_plan(c, self, p, 0);
}

/* dW = keep dW + , db = keep db + , of the samples in this call */
static rad_status gradient(rad_ctx *c, const void *self, const rad_pass *p)
{
  const rad_param *W = p->w[0];
  if (W->grad)
    RAD_TRY(conv2d_product(c, self, p, W->keep, W->grad));
  return conv2d_bias_gradient(c, self, p);
}

static const rad_layer_ops ops = {.size = sizeof ops,
                                  .plan = plan,
                                  .forward = conv2d_forward,
                                  .backward = conv2d_backward,
                                  .gradient = gradient,
                                  .onnx = conv2d_onnx};
static const rad_plugin conv2d_plugin = {RAD_PLUGIN(RAD_LAYER, "conv2d", conv2d, &ops), .needs = 1,
                                         RAD_KEYS(keys), .summary = "two-dimensional convolution",
                                         .reference = "LeCun et al. 1998, Proc. IEEE 86(11)"};
RAD_EXPORT(&conv2d_plugin)
