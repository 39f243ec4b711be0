/* SPDX-License-Identifier: BSD-3-Clause
 * openblas.c - products by OpenBLAS, then bias and activation row by row while they are in the
 * cache. */
#include "act.h"
#include "pool.h"
#include <cblas.h>
#include <limits.h>
#include <stdio.h>

typedef struct openblas {
  char identity[256];
} openblas;

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
  const bool any = g->a_type == RAD_F64 || g->b_type == RAD_F64 || g->c_type == RAD_F64;
  const bool all = g->a_type == RAD_F64 && g->b_type == RAD_F64 && g->c_type == RAD_F64;
  if (any && (!all || g->bias || g->act != RAD_ACT_NONE))
    return rad_fail(c, RAD_EINVAL,
                    "a product in double has three matrices of doubles, no bias, no activation");
  return RAD_OK;
}

static rad_status gemm(rad_ctx *c, const rad_gemm *g)
{
  RAD_TRY(check(c, g));
  const int lda = g->lda > 0 ? (int)g->lda : 1, ldb = g->ldb > 0 ? (int)g->ldb : 1;
  const int m = (int)g->m, n = (int)g->n, k = (int)g->k, ldc = (int)g->ldc;
  const CBLAS_TRANSPOSE ta = g->ta ? CblasTrans : CblasNoTrans,
                        tb = g->tb ? CblasTrans : CblasNoTrans;
  if (m > 0 && n > 0 && g->c_type == RAD_F64)
    cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1.0, g->a, lda, g->b, ldb, (double)g->beta, g->c,
                ldc);
  else if (m > 0 && n > 0)
    cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1.0f, g->a, lda, g->b, ldb, g->beta, g->c, ldc);
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

static const rad_math ops = {.size = sizeof ops,
                             .caps = RAD_CAP_EPILOGUE | RAD_CAP_F64,
                             .gemm = gemm,
                             .act = act,
                             .identity = identity,
                             .act_back = act_back,
                             .axpy = axpy,
                             .max_pool = max_pool,
                             .max_pool_back = max_pool_back};
static const rad_plugin openblas_plugin = {RAD_PLUGIN(RAD_BACKEND, "openblas", openblas, &ops),
                                           .init = init, .summary = "products by OpenBLAS"};
RAD_EXPORT(&openblas_plugin)
