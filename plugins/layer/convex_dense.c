/* SPDX-License-Identifier: BSD-3-Clause
 * convex_dense.c - fully connected layer without negative weights, for networks that are convex in
 * their input: Y = f(X V' + b) (dense.h), v = w where w >= 0, exp(w - shift) below (convex.h).
 * X (n,D), W, V (U,D), b (U), Y (n,U). The first layer of such a network is a plain `dense`.
 * By a parameter what Sivaprasad et al. 2021, arXiv 2006.05103, do after each step. */
#include "convex.h"
#include "dense.h"

static const rad_key keys[] = {
    DENSE_KEYS,
    RAD_KEY(dense, shift, "5", 0, 50, 0, CONVEX_SHIFT),
};

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  RAD_TRY(dense_plan(c, self, p, RAD_MAPPED));
  p->props = CONVEX_PROPS;
  return RAD_OK;
}

static rad_status map(rad_ctx *c, const void *self, const rad_param *W, size_t n, const float *w,
                      float *v)
{
  (void)W;
  return convex_map(c, ((const dense *)self)->shift, n, w, v);
}

/* dW = keep dW + dV/dW (dY' X), db = keep db + column sums of dY; rows lo .. hi-1 */
static rad_status gradient(rad_ctx *c, const void *self, const rad_pass *p)
{
  const dense *d = self;
  const rad_param *W = p->w[0];
  const rad_pattern *q = W->pattern;
  const size_t first = q ? (size_t)q->row[p->lo] : p->lo * d->D;
  const size_t end = q ? (size_t)q->row[p->hi] : p->hi == d->U ? W->n : p->hi * d->D;
  dense_bias_gradient(d, p);
  if (!W->grad)
    return RAD_OK;
  float *g = c->host->scratch(c, (q ? W->n : end - first) * sizeof *g + 1);
  if (!g)
    return RAD_ENOMEM;
  RAD_TRY(dense_product(c, d, p, 0.0f, g));
  convex_chain(W, first, end - first, q ? g + first : g);
  return RAD_OK;
}

/* both, of a sparse W */
static rad_status joint(rad_ctx *c, const void *self, const rad_pass *p)
{
  const rad_param *W = p->w[0];
  float *g = c->host->scratch(c, W->n * sizeof *g);
  if (!g)
    return RAD_ENOMEM;
  dense_bias_gradient(self, p);
  RAD_TRY(dense_both(c, p, 0.0f, g));
  convex_chain(W, 0, W->n, g);
  return RAD_OK;
}

static const rad_layer_ops ops = {.size = sizeof ops,
                                  .plan = plan,
                                  .forward = dense_forward,
                                  .backward = dense_backward,
                                  .gradient = gradient,
                                  .map = map,
                                  .joint = joint,
                                  .onnx = dense_onnx};
static const rad_plugin convex_dense_plugin = {
    RAD_PLUGIN(RAD_LAYER, "convex_dense", dense, &ops), RAD_KEYS(keys), .needs = 1,
    .summary = "fully connected layer without negative weights",
    .reference = "Sivaprasad et al. 2021, arXiv 2006.05103"};
RAD_EXPORT(&convex_dense_plugin)
