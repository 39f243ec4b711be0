/* SPDX-License-Identifier: BSD-3-Clause
 * dense.c - fully connected layer, Y = f(X W' + b); f is the activation behind it, where absorbed.
 * X (n,D) input, W (U,D), b (U), Y (n,U). W may be stored sparse. */
#include <rademacher/layer.h>

typedef struct dense {
  int32_t units;
  bool bias;
  size_t D, U; /* set by plan */
} dense;

static const rad_key keys[] = {
    RAD_KEY(dense, units, NULL, 1, 1e6, RAD_LOG, "number of outputs"),
    RAD_KEY(dense, bias, "true", 0, 1, 0, "add a bias to every output"),
};

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  dense *d = self;
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
                                     .flags = RAD_OPAQUE | RAD_SPARSE)));
  if (!d->bias)
    return RAD_OK;
  return c->host->tensor(
      c, RAD_NEW(rad_tensor, .name = "b", .role = RAD_BIAS, .type = RAD_F32, .shape = {1, {d->U}}));
}

/* Y = f(X W' + b) */
static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const dense *d = self;
  const rad_param *W = p->w[0];
  const float *b = d->bias ? p->w[1]->value : NULL;
  if (W->pattern)
    return c->math->sparse(c, RAD_NEW(rad_sparse, .pattern = W->pattern, .value = W->value,
                                      .n = p->n, .x = p->x[0], .y = p->y, .bias = b, .act = p->act,
                                      .act_alpha = p->act_alpha));
  return c->math->gemm(c,
                       RAD_NEW(rad_gemm, .tb = true, .m = p->n, .n = d->U, .k = d->D, .a = p->x[0],
                               .lda = d->D, .b = W->value, .ldb = d->D, .c = p->y, .ldc = d->U,
                               .bias = b, .act = p->act, .act_alpha = p->act_alpha, .packed = W));
}

/* dX = dY W */
static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const dense *d = self;
  const rad_param *W = p->w[0];
  if (!p->dx[0])
    return RAD_OK;
  if (W->pattern)
    return c->math->sparse_input(c, RAD_NEW(rad_sparse, .pattern = W->pattern, .value = W->value,
                                            .n = p->n, .dy = p->dy, .dx = p->dx[0]));
  return c->math->gemm(c, RAD_NEW(rad_gemm, .m = p->n, .n = d->D, .k = d->U, .a = p->dy,
                                  .lda = d->U, .b = W->value, .ldb = d->D, .c = p->dx[0],
                                  .ldc = d->D, .packed = W));
}

/* db = keep db + column sums of dY; row by row, so that the compiler can use vectors */
static void bias_gradient(const dense *d, const rad_pass *p, const rad_param *b)
{
  float *restrict db = b->grad;
  for (size_t u = p->lo; u < p->hi; u++)
    db[u] = b->keep == 0.0f ? 0.0f : b->keep * db[u];
  for (size_t i = 0; i < p->n; i++) {
    const float *restrict dy = p->dy + i * d->U;
    for (size_t u = p->lo; u < p->hi; u++)
      db[u] += dy[u];
  }
}

/* dW = keep dW + dY' X, rows lo .. hi-1 */
static rad_status gradient(rad_ctx *c, const void *self, const rad_pass *p)
{
  const dense *d = self;
  const rad_param *W = p->w[0];
  if (W->grad && W->pattern)
    RAD_TRY(c->math->sparse_weight(c, RAD_NEW(rad_sparse, .pattern = W->pattern, .n = p->n,
                                              .x = p->x[0], .dy = p->dy, .grad = W->grad,
                                              .keep = W->keep, .lo = p->lo, .hi = p->hi)));
  else if (W->grad)
    RAD_TRY(c->math->gemm(c, RAD_NEW(rad_gemm, .ta = true, .m = p->hi - p->lo, .n = d->D, .k = p->n,
                                     .a = p->dy + p->lo, .lda = d->U, .b = p->x[0], .ldb = d->D,
                                     .c = W->grad + p->lo * d->D, .ldc = d->D, .beta = W->keep,
                                     .packed = W)));
  if (d->bias && p->w[1]->grad)
    bias_gradient(d, p, p->w[1]);
  return RAD_OK;
}

static const rad_layer_ops ops = {.size = sizeof ops,
                                  .plan = plan,
                                  .forward = forward,
                                  .backward = backward,
                                  .gradient = gradient};
static const rad_plugin dense_plugin = {RAD_PLUGIN(RAD_LAYER, "dense", dense, &ops), RAD_KEYS(keys),
                                        .summary = "fully connected layer"};
RAD_EXPORT(&dense_plugin)
