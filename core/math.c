/* SPDX-License-Identifier: BSD-3-Clause
 * math.c - the tables of arithmetic that layers call as c->math: the backend's, with a refusal
 * where it has a gap; and one that computes nothing and counts, with the same gaps, so that
 * `check` finds them. */
#include "model.h"

static rad_status lacks(rad_ctx *c, const char *what)
{
  return rad_fail(c, RAD_EINVAL, "the backend has no %s; choose another with [backend] plugin",
                  what);
}
static rad_status no_conv(rad_ctx *c, const rad_conv *g)
{
  (void)g;
  return lacks(c, "convolution");
}
static rad_status no_sparse(rad_ctx *c, const rad_sparse *s)
{
  (void)s;
  return lacks(c, "sparse product");
}
static rad_status no_sparse_conv(rad_ctx *c, const rad_conv *g)
{
  (void)g;
  return lacks(c, "sparse convolution");
}
static rad_status no_pool(rad_ctx *c, const rad_pool *g)
{
  (void)g;
  return lacks(c, "pooling");
}

#define FILL(table, gap, f) (table)->f = (table)->f ? (table)->f : (gap)
void math_fill(rad_math *math, const plugin *backend)
{
  *math = backend->ops.math;
  FILL(math, no_conv, conv);
  FILL(math, no_conv, conv_input);
  FILL(math, no_conv, conv_weight);
  FILL(math, no_sparse, sparse);
  FILL(math, no_sparse, sparse_input);
  FILL(math, no_sparse, sparse_weight);
  FILL(math, no_sparse, sparse_both);
  FILL(math, no_sparse_conv, sparse_conv);
  FILL(math, no_sparse_conv, sparse_conv_input);
  FILL(math, no_sparse_conv, sparse_conv_weight);
  FILL(math, no_pool, max_pool);
  FILL(math, no_pool, max_pool_back);
}

static rad_status count(rad_ctx *c, double multiply_adds)
{
  double *flop = ((instance *)(void *)c)->owner;
  *flop += 2.0 * multiply_adds;
  return RAD_OK;
}
static rad_status count_gemm(rad_ctx *c, const rad_gemm *g)
{
  return count(c, (double)g->m * (double)g->n * (double)g->k);
}
static double places(const rad_conv *g)
{
  return (double)g->n * (double)g->oh * (double)g->ow;
}
static double conv_size(const rad_conv *g, size_t outputs)
{
  return places(g) * (double)outputs * (double)g->kh * (double)g->kw * (double)(g->c / g->groups);
}
static rad_status count_conv(rad_ctx *c, const rad_conv *g)
{
  return count(c, conv_size(g, g->o));
}
static rad_status count_conv_weight(rad_ctx *c, const rad_conv *g)
{
  return count(c, conv_size(g, g->hi - g->lo));
}
static rad_status count_sparse(rad_ctx *c, const rad_sparse *s)
{
  return count(c, (double)s->n * (double)s->pattern->nnz);
}
static double nonzeros(const rad_pattern *p, size_t lo, size_t hi)
{
  return (double)(p->row[hi] - p->row[lo]);
}
static rad_status count_sparse_weight(rad_ctx *c, const rad_sparse *s)
{
  return count(c, (double)s->n * nonzeros(s->pattern, s->lo, s->hi));
}
static rad_status count_sparse_both(rad_ctx *c, const rad_sparse *s)
{
  return count(c, 2 * (double)s->n * (double)s->pattern->nnz);
}
static rad_status count_sparse_conv(rad_ctx *c, const rad_conv *g)
{
  return count(c, places(g) * (double)g->pattern->nnz);
}
static rad_status count_sparse_conv_weight(rad_ctx *c, const rad_conv *g)
{
  return count(c, places(g) * nonzeros(g->pattern, g->lo, g->hi));
}
static rad_status count_act(rad_ctx *c, uint32_t act, float alpha, size_t n, const float *x,
                            float *y)
{
  (void)c, (void)act, (void)alpha, (void)n, (void)x, (void)y;
  return RAD_OK;
}
static rad_status count_act_back(rad_ctx *c, uint32_t act, float alpha, size_t n, const float *y,
                                 const float *dy, float *dx)
{
  (void)c, (void)act, (void)alpha, (void)n, (void)y, (void)dy, (void)dx;
  return RAD_OK;
}
static rad_status count_pool(rad_ctx *c, const rad_pool *g)
{
  (void)c, (void)g;
  return RAD_OK;
}
static rad_status count_axpy(rad_ctx *c, size_t n, float a, const float *x, float *y)
{
  (void)c, (void)n, (void)a, (void)x, (void)y;
  return RAD_OK;
}
static const char *counting_identity(rad_ctx *c)
{
  (void)c;
  return "counting";
}

rad_math math_counting(const plugin *backend)
{
  const rad_math *has = &backend->ops.math;
  return (rad_math){
      .size = sizeof(rad_math),
      .gemm = count_gemm,
      .conv = has->conv ? count_conv : no_conv,
      .conv_input = has->conv_input ? count_conv : no_conv,
      .conv_weight = has->conv_weight ? count_conv_weight : no_conv,
      .sparse = has->sparse ? count_sparse : no_sparse,
      .sparse_input = has->sparse_input ? count_sparse : no_sparse,
      .sparse_weight = has->sparse_weight ? count_sparse_weight : no_sparse,
      .sparse_both = has->sparse_both ? count_sparse_both : no_sparse,
      .act = count_act,
      .identity = counting_identity,
      .act_back = count_act_back,
      .axpy = count_axpy,
      .max_pool = has->max_pool ? count_pool : no_pool,
      .max_pool_back = has->max_pool_back ? count_pool : no_pool,
      .sparse_conv = has->sparse_conv ? count_sparse_conv : no_sparse_conv,
      .sparse_conv_input = has->sparse_conv_input ? count_sparse_conv : no_sparse_conv,
      .sparse_conv_weight = has->sparse_conv_weight ? count_sparse_conv_weight : no_sparse_conv};
}
