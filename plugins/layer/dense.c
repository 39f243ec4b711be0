/* SPDX-License-Identifier: BSD-3-Clause
 * dense.c - fully connected layer, Y = f(X W' + b) (dense.h). X (n,D), W (U,D), b (U), Y (n,U). */
#include "dense.h"

static const rad_key keys[] = {DENSE_KEYS};

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  return dense_plan(c, self, p, 0);
}

/* dW = keep dW + dY' X, db = keep db + column sums of dY; rows lo .. hi-1 */
static rad_status gradient(rad_ctx *c, const void *self, const rad_pass *p)
{
  const dense *d = self;
  const rad_param *W = p->w[0];
  if (W->grad)
    RAD_TRY(dense_product(c, d, p, W->keep, W->pattern ? W->grad : W->grad + p->lo * d->D));
  dense_bias_gradient(d, p);
  return RAD_OK;
}

/* both, of a sparse W */
static rad_status joint(rad_ctx *c, const void *self, const rad_pass *p)
{
  const rad_param *W = p->w[0];
  dense_bias_gradient(self, p);
  return dense_both(c, p, W->keep, W->grad);
}

static const rad_layer_ops ops = {.size = sizeof ops,
                                  .plan = plan,
                                  .forward = dense_forward,
                                  .backward = dense_backward,
                                  .gradient = gradient,
                                  .joint = joint,
                                  .onnx = dense_onnx};
static const rad_plugin dense_plugin = {RAD_PLUGIN(RAD_LAYER, "dense", dense, &ops), .needs = 1,
                                        RAD_KEYS(keys), .summary = "fully connected layer"};
RAD_EXPORT(&dense_plugin)
