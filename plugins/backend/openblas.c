/* SPDX-License-Identifier: BSD-3-Clause
 * openblas.c - products by OpenBLAS, then bias and activation row by row while they are in the
 * cache. exp and its relatives are polynomials in plain loops without branches, which a compiler
 * turns into vector code; each element has the same bits wherever it stands in the array. */
#include <cblas.h>
#include <limits.h>
#include <rademacher/backend.h>
#include <stdio.h>
#include <string.h>

typedef struct openblas {
  char identity[256];
} openblas;

/* 2^n for x = n ln 2 + r, |r| <= ln 2 / 2, x in [-87,0]. Adding 1.5 * 2^23 rounds to an integer and
 * leaves it in the low bits of the float. ln 2 in two parts, so that r is exact to a float. */
static inline float split_exp(float x, float *r)
{
  const float magic = 12582912.0f, t = x * 1.44269504f + magic, n = t - magic;
  uint32_t bits;
  float scale;
  *r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  memcpy(&bits, &t, sizeof bits);
  bits = (bits << 23) + 0x3f800000u;
  memcpy(&scale, &bits, sizeof scale);
  return scale;
}

/* exp(r) - 1 for |r| <= ln 2 / 2, by its series up to r^8 */
static inline float small_expm1(float r)
{
  float p = 1.0f / 40320;
  p = p * r + 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  return p * r * r + r;
}

/* exp(x) - 1 for x <= 0; a NaN stays one */
static inline float expm1_neg(float x)
{
  float r;
  x = x < -87.0f ? -87.0f : x;
  const float scale = split_exp(x, &r);
  return scale * small_expm1(r) + (scale - 1.0f);
}

/* exp(x) for x <= 0; a NaN stays one */
static inline float exp_neg(float x)
{
  float r;
  x = x < -87.0f ? -87.0f : x;
  const float scale = split_exp(x, &r);
  return scale * small_expm1(r) + scale;
}

static void relu(size_t n, const float *x, float *y)
{
  for (size_t i = 0; i < n; i++)
    y[i] = x[i] < 0.0f ? 0.0f : x[i]; /* a NaN stays one */
}

static void leaky(size_t n, float slope, const float *x, float *y)
{
  for (size_t i = 0; i < n; i++) {
    const float low = slope * x[i];
    y[i] = x[i] < 0.0f ? low : x[i];
  }
}

static void elu(size_t n, float alpha, const float *x, float *y)
{
  for (size_t i = 0; i < n; i++) {
    const float v = x[i], e = alpha * expm1_neg(v > 0.0f ? 0.0f : v);
    y[i] = v > 0.0f ? v : e;
  }
}

/* tanh |x| = -e / (2 + e), e = exp(-2 |x|) - 1 */
static void tanh_all(size_t n, const float *x, float *y)
{
  for (size_t i = 0; i < n; i++) {
    const float v = x[i], e = expm1_neg(v > 0.0f ? -2.0f * v : 2.0f * v);
    const float t = e / (2.0f + e);
    y[i] = v > 0.0f ? -t : t;
  }
}

/* 1 / (1 + e) for x > 0, else e / (1 + e), e = exp(-|x|) */
static void sigmoid(size_t n, const float *x, float *y)
{
  for (size_t i = 0; i < n; i++) {
    const float v = x[i], e = exp_neg(v > 0.0f ? -v : v);
    y[i] = (v > 0.0f ? 1.0f : e) / (1.0f + e);
  }
}

static rad_status act(rad_ctx *c, uint32_t a, float alpha, size_t n, const float *x, float *y)
{
  switch (a) {
  case RAD_ACT_RELU:
    relu(n, x, y);
    return RAD_OK;
  case RAD_ACT_LEAKY:
    leaky(n, alpha, x, y);
    return RAD_OK;
  case RAD_ACT_ELU:
    elu(n, alpha, x, y);
    return RAD_OK;
  case RAD_ACT_TANH:
    tanh_all(n, x, y);
    return RAD_OK;
  case RAD_ACT_SIGMOID:
    sigmoid(n, x, y);
    return RAD_OK;
  case RAD_ACT_NONE:
    if (x != y && n > 0)
      memcpy(y, x, n * sizeof *y);
    return RAD_OK;
  }
  return rad_fail(c, RAD_EINVAL, "unknown activation %u", (unsigned)a);
}

/* cblas prints and goes on where its arguments are wrong, and it counts in int */
static rad_status check(rad_ctx *c, const rad_gemm *g)
{
  const size_t most[] = {g->m, g->n, g->k, g->lda, g->ldb, g->ldc};
  for (size_t i = 0; i < sizeof most / sizeof *most; i++)
    if (most[i] > INT_MAX)
      return rad_fail(c, RAD_EINVAL, "a product with a side of %zu is too large for OpenBLAS",
                      most[i]);
  if (g->lda < (g->ta ? g->m : g->k) || g->ldb < (g->tb ? g->k : g->n) || g->ldc < g->n)
    return rad_fail(c, RAD_EINVAL, "the rows of a matrix are longer than their distance");
  if (g->a_type == RAD_BF16 || g->b_type == RAD_BF16 || g->c_type == RAD_BF16)
    return rad_fail(c, RAD_EINVAL, "takes no bf16, use [backend] plugin = reference");
  return RAD_OK;
}

static rad_status gemm(rad_ctx *c, const rad_gemm *g)
{
  RAD_TRY(check(c, g));
  const int lda = g->lda > 0 ? (int)g->lda : 1, ldb = g->ldb > 0 ? (int)g->ldb : 1;
  if (g->m > 0 && g->n > 0)
    cblas_sgemm(CblasRowMajor, g->ta ? CblasTrans : CblasNoTrans, g->tb ? CblasTrans : CblasNoTrans,
                (int)g->m, (int)g->n, (int)g->k, 1.0f, g->a, lda, g->b, ldb, g->beta, g->c,
                (int)g->ldc);
  if (!g->bias && g->act == RAD_ACT_NONE)
    return RAD_OK;
  for (size_t i = 0; i < g->m; i++) {
    float *restrict row = (float *)g->c + i * g->ldc;
    const float *restrict bias = g->bias;
    for (size_t j = 0; bias && j < g->n; j++)
      row[j] += bias[j];
    RAD_TRY(act(c, g->act, g->act_alpha, g->n, row, row));
  }
  return RAD_OK;
}

static rad_status init(rad_ctx *c, void *self)
{
  openblas *o = self;
  const int n = openblas_get_num_threads();
  (void)c;
  snprintf(o->identity, sizeof o->identity, "%s, %s, %d thread%s", openblas_get_config(),
           openblas_get_corename(), n, n == 1 ? "" : "s");
  return RAD_OK;
}

static const char *identity(rad_ctx *c)
{
  return ((const openblas *)c->backend)->identity;
}

static const rad_math ops = {
    .size = sizeof ops, .caps = RAD_CAP_EPILOGUE, .gemm = gemm, .act = act, .identity = identity};
static const rad_plugin openblas_plugin = {RAD_PLUGIN(RAD_BACKEND, "openblas", openblas, &ops),
                                           .init = init, .summary = "products by OpenBLAS"};
RAD_EXPORT(&openblas_plugin)
