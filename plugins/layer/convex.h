/* SPDX-License-Identifier: BSD-3-Clause
 * convex.h - the weights of convex_dense and convex_conv2d: products read v = w where w >= 0 and
 * v = exp(w - shift) below, so that none is negative; dv/dw = 1, or v. */
#ifndef PLUGINS_LAYER_CONVEX_H
#define PLUGINS_LAYER_CONVEX_H
#include <rademacher/layer.h>
#include <string.h>

/* What a layer is whose weights are none of them negative. */
enum { CONVEX_PROPS = RAD_AFFINE | RAD_CONVEX | RAD_INCREASING };
#define CONVEX_SHIFT "a negative weight w counts as exp(w - shift)"

/* v (n) of w (n). With s = 1 / (1 + exp(-w)), which a backend has, exp(w) = s / (1 - s). */
static inline rad_status convex_map(rad_ctx *c, double shift, size_t n, const float *w, float *v)
{
  const float factor = (float)c->host->exp(-shift);
  RAD_TRY(c->math->act(c, RAD_ACT_SIGMOID, 0.0f, n, w, v));
  for (size_t i = 0; i < n; i++) {
    const float low = factor * (v[i] / (1.0f - v[i]));
    v[i] = w[i] < 0.0f ? low : w[i];
  }
  return RAD_OK;
}

/* grad (n) = keep grad + dv/dw g, for elements of W from `first` on; g is used up */
static inline void convex_chain(const rad_param *W, size_t first, size_t n, float *restrict g)
{
  const float *restrict w = W->value + first, *restrict v = W->mapped + first;
  float *restrict grad = W->grad + first;
  const float keep = W->keep;
  for (size_t i = 0; i < n; i++) {
    const float high = g[i], low = v[i] * g[i];
    g[i] = w[i] < 0.0f ? low : high;
  }
  if (keep == 0.0f)
    memcpy(grad, g, n * sizeof *grad);
  for (size_t i = 0; keep != 0.0f && i < n; i++)
    grad[i] = keep * grad[i] + g[i];
}
#endif
