/* SPDX-License-Identifier: BSD-3-Clause
 * dense.h - what dense and convex_dense share: Y = f(X W' + b); f is the activation behind it,
 * where absorbed. X (n,D) input, W (U,D), b (U), Y (n,U). W may be stored sparse. */
#ifndef PLUGINS_LAYER_DENSE_H
#define PLUGINS_LAYER_DENSE_H
#include <rademacher/layer.h>

typedef struct dense {
  int32_t units;
  bool bias;
  double shift; /* convex_dense */
  size_t D, U;  /* set by plan */
} dense;

#define DENSE_KEYS                                                                                 \
  RAD_KEY(dense, units, NULL, 1, 1e6, RAD_LOG, "number of outputs"),                               \
      RAD_KEY(dense, bias, "true", 0, 1, 0, "add a bias to every output")

/* flags: more of W's */
static inline rad_status dense_plan(rad_ctx *c, dense *d, rad_plan *p, uint32_t flags)
{
  if (p->nin != 1)
    return rad_fail(c, RAD_EINVAL, "has one input, not %u: join them with another layer first",
                    (unsigned)p->nin);
  if (p->in[0].rank != 1)
    return rad_fail(c, RAD_EINVAL,
                    "wants a vector, its input has %zu axes: put a layer with plugin = flatten "
                    "before it",
                    p->in[0].rank);
  d->D = p->in[0].dim[0];
  d->U = (size_t)d->units;
  p->out = (rad_shape){1, {d->U}};
  p->props = RAD_AFFINE;
  p->flags = RAD_KEEP_X | RAD_CUT_OUTPUT;
  p->absorbs = ~0u; /* rad_gemm takes any rad_act */
  RAD_TRY(c->host->tensor(c, RAD_NEW(rad_tensor, .name = "W", .role = RAD_WEIGHT, .type = RAD_F32,
                                     .shape = {2, {d->U, d->D}}, .axes = "oi",
                                     .flags = RAD_OPAQUE | RAD_SPARSE | flags)));
  if (!d->bias)
    return RAD_OK;
  return c->host->tensor(
      c, RAD_NEW(rad_tensor, .name = "b", .role = RAD_BIAS, .type = RAD_F32, .shape = {1, {d->U}}));
}

/* Y = f(X W' + b) */
static inline rad_status dense_forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const dense *d = self;
  const rad_param *W = p->w[0];
  const float *b = d->bias ? p->w[1]->value : NULL;
  if (W->pattern)
    return c->math->sparse(c, RAD_NEW(rad_sparse, .pattern = W->pattern, .value = rad_used(W),
                                      .n = p->n, .x = p->x[0], .y = p->y, .bias = b, .act = p->act,
                                      .act_alpha = p->act_alpha));
  return c->math->gemm(c,
                       RAD_NEW(rad_gemm, .tb = true, .m = p->n, .n = d->U, .k = d->D, .a = p->x[0],
                               .lda = d->D, .b = rad_used(W), .ldb = d->D, .c = p->y, .ldc = d->U,
                               .bias = b, .act = p->act, .act_alpha = p->act_alpha, .packed = W));
}

static inline rad_status dense_onnx(rad_ctx *c, const void *self, rad_sketch *s)
{
  const uint32_t nin = ((const dense *)self)->bias ? 3 : 2;
  (void)c;
  return s->op(s, RAD_NEW(rad_op, .type = "Gemm", .nin = nin,
                          .in = {RAD_OP_X(0), RAD_OP_W(0), RAD_OP_W(1)}, .nattr = 1,
                          .attr = {RAD_ATTR_INT("transB", 1)}));
}

/* dX = dY W */
static inline rad_status dense_backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const dense *d = self;
  const rad_param *W = p->w[0];
  if (!p->dx[0])
    return RAD_OK;
  if (W->pattern)
    return c->math->sparse_input(c, RAD_NEW(rad_sparse, .pattern = W->pattern, .value = rad_used(W),
                                            .n = p->n, .dy = p->dy, .dx = p->dx[0]));
  return c->math->gemm(c, RAD_NEW(rad_gemm, .m = p->n, .n = d->D, .k = d->U, .a = p->dy,
                                  .lda = d->U, .b = rad_used(W), .ldb = d->D, .c = p->dx[0],
                                  .ldc = d->D, .packed = W));
}

/* db = keep db + column sums of dY; by rows, four as a tree, so that the compiler can use vectors
 */
static inline void dense_bias_gradient(const dense *d, const rad_pass *p)
{
  const rad_param *b = d->bias ? p->w[1] : NULL;
  float *restrict db = b ? b->grad : NULL;
  if (!db)
    return;
  for (size_t u = p->lo; u < p->hi; u++)
    db[u] = b->keep == 0.0f ? 0.0f : b->keep * db[u];
  size_t i = 0;
  for (const size_t U = d->U; i + 4 <= p->n; i += 4) {
    const float *restrict dy = p->dy + i * U;
    for (size_t u = p->lo; u < p->hi; u++)
      db[u] += (dy[u] + dy[U + u]) + (dy[2 * U + u] + dy[3 * U + u]);
  }
  for (; i < p->n; i++)
    for (size_t u = p->lo; u < p->hi; u++)
      db[u] += p->dy[i * d->U + u];
}

/* grad = keep grad + dY' X, rows lo .. hi-1; grad: as W is stored, from its row lo on, or all of a
 * sparse one */
static inline rad_status dense_product(rad_ctx *c, const dense *d, const rad_pass *p, float keep,
                                       float *grad)
{
  const rad_param *W = p->w[0];
  if (W->pattern)
    return c->math->sparse_weight(c, RAD_NEW(rad_sparse, .pattern = W->pattern, .n = p->n,
                                             .x = p->x[0], .dy = p->dy, .grad = grad, .keep = keep,
                                             .lo = p->lo, .hi = p->hi));
  return c->math->gemm(c, RAD_NEW(rad_gemm, .ta = true, .m = p->hi - p->lo, .n = d->D, .k = p->n,
                                  .a = p->dy + p->lo, .lda = d->U, .b = p->x[0], .ldb = d->D,
                                  .c = grad, .ldc = d->D, .beta = keep, .packed = W));
}

/* dX = dY W and grad = keep grad + dY' X, of a sparse W */
static inline rad_status dense_both(rad_ctx *c, const rad_pass *p, float keep, float *grad)
{
  const rad_param *W = p->w[0];
  return c->math->sparse_both(c, RAD_NEW(rad_sparse, .pattern = W->pattern, .value = rad_used(W),
                                         .n = p->n, .x = p->x[0], .dy = p->dy, .dx = p->dx[0],
                                         .grad = grad, .keep = keep, .lo = p->lo, .hi = p->hi));
}
#endif
