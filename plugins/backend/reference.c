/* SPDX-License-Identifier: BSD-3-Clause
 * reference.c - plain loops: the definition that every other backend is tested against, with the
 * same bits on every machine. Products of floats are exact in double, sums are taken in double in
 * index order and rounded once, exp and tanh are the host's. */
#include "pool.h"
#include "sparse.h"
#include <string.h>

typedef struct reference {
  char unused;
} reference;

static float act1(const rad_host *h, uint32_t act, float alpha, float x)
{
  const double v = (double)x;
  double t;
  switch (act) {
  case RAD_ACT_RELU:
    return x < 0.0f ? 0.0f : x; /* a NaN stays one */
  case RAD_ACT_LEAKY:
    return x < 0.0f ? alpha * x : x;
  case RAD_ACT_ELU:
    if (x > 0.0f)
      return x;
    t = h->tanh(0.5 * v);
    return (float)((double)alpha * (2 * t / (1 - t))); /* exp(x) - 1 without cancellation */
  case RAD_ACT_TANH:
    return (float)h->tanh(v);
  case RAD_ACT_SIGMOID:
    return (float)(1 / (1 + h->exp(-v)));
  default:
    return x;
  }
}

static double load(const void *p, uint32_t type, size_t i)
{
  if (type == RAD_F64)
    return ((const double *)p)[i];
  if (type != RAD_BF16)
    return (double)((const float *)p)[i];
  const uint32_t bits = (uint32_t)((const uint16_t *)p)[i] << 16;
  float f;
  memcpy(&f, &bits, sizeof f);
  return (double)f;
}

static void store(void *p, uint32_t type, size_t i, float f)
{
  uint32_t bits;
  if (type != RAD_BF16) {
    ((float *)p)[i] = f;
    return;
  }
  memcpy(&bits, &f, sizeof bits);
  /* to nearest even; a NaN stays one */
  bits = f == f ? bits + 0x7fff + (bits >> 16 & 1) : bits | 0x400000;
  ((uint16_t *)p)[i] = (uint16_t)(bits >> 16);
}

static rad_status gemm(rad_ctx *c, const rad_gemm *g)
{
  for (size_t i = 0; i < g->m; i++)
    for (size_t j = 0; j < g->n; j++) {
      double s = 0;
      for (size_t k = 0; k < g->k; k++)
        s += load(g->a, g->a_type, g->ta ? k * g->lda + i : i * g->lda + k) *
             load(g->b, g->b_type, g->tb ? j * g->ldb + k : k * g->ldb + j);
      if (g->beta != 0.0f)
        s += (double)g->beta * load(g->c, g->c_type, i * g->ldc + j);
      s += g->bias ? (double)g->bias[j] : 0;
      if (g->c_type == RAD_F64)
        ((double *)g->c)[i * g->ldc + j] = s;
      else
        store(g->c, g->c_type, i * g->ldc + j, act1(c->host, g->act, g->act_alpha, (float)s));
    }
  return RAD_OK;
}

/* Where tap t of an output falls on the input's axis; false: on the padding. */
static bool input_at(size_t out, size_t stride, size_t t, size_t dilation, size_t pad, size_t len,
                     size_t *in)
{
  *in = out * stride + t * dilation - pad; /* wraps to a huge number before the first */
  return *in < len;
}

/* Which output has the input under its tap t; false: none. */
static bool output_at(size_t in, size_t stride, size_t t, size_t dilation, size_t pad, size_t len,
                      size_t *out)
{
  const size_t at = in + pad;
  if (at < t * dilation || (at - t * dilation) % stride != 0)
    return false;
  *out = (at - t * dilation) / stride;
  return *out < len;
}

/* y (i,oh,ow,o) without bias */
static double conv1(const rad_conv *g, size_t i, size_t oh, size_t ow, size_t o)
{
  const size_t cg = g->c / g->groups, group = o / (g->o / g->groups);
  const float *w = (const float *)g->weight + o * g->kh * g->kw * cg;
  double s = 0;
  size_t h, v;
  for (size_t a = 0; a < g->kh; a++)
    for (size_t b = 0; b < g->kw; b++)
      if (input_at(oh, g->sh, a, g->dh, g->ph, g->h, &h) &&
          input_at(ow, g->sw, b, g->dw, g->pw, g->w, &v))
        for (size_t k = 0; k < cg; k++)
          s += load(g->x, g->type, ((i * g->h + h) * g->w + v) * g->c + group * cg + k) *
               (double)w[(a * g->kw + b) * cg + k];
  return s;
}

static rad_status conv(rad_ctx *c, const rad_conv *g)
{
  for (size_t i = 0; i < g->n; i++)
    for (size_t oh = 0; oh < g->oh; oh++)
      for (size_t ow = 0; ow < g->ow; ow++)
        for (size_t o = 0; o < g->o; o++) {
          const double s = conv1(g, i, oh, ow, o) + (g->bias ? (double)g->bias[o] : 0);
          store(g->y, g->type, ((i * g->oh + oh) * g->ow + ow) * g->o + o,
                act1(c->host, g->act, g->act_alpha, (float)s));
        }
  return RAD_OK;
}

/* dx (i,h,v,k) */
static double conv_input1(const rad_conv *g, size_t i, size_t h, size_t v, size_t k)
{
  const size_t cg = g->c / g->groups, og = g->o / g->groups, group = k / cg;
  const float *w = g->weight;
  double s = 0;
  size_t oh, ow;
  for (size_t a = 0; a < g->kh; a++)
    for (size_t b = 0; b < g->kw; b++)
      if (output_at(h, g->sh, a, g->dh, g->ph, g->oh, &oh) &&
          output_at(v, g->sw, b, g->dw, g->pw, g->ow, &ow))
        for (size_t o = group * og; o < (group + 1) * og; o++)
          s += load(g->dy, g->type, ((i * g->oh + oh) * g->ow + ow) * g->o + o) *
               (double)w[((o * g->kh + a) * g->kw + b) * cg + k % cg];
  return s;
}

static rad_status conv_input(rad_ctx *c, const rad_conv *g)
{
  (void)c;
  for (size_t i = 0; i < g->n; i++)
    for (size_t h = 0; h < g->h; h++)
      for (size_t v = 0; v < g->w; v++)
        for (size_t k = 0; k < g->c; k++)
          store(g->dx, g->type, ((i * g->h + h) * g->w + v) * g->c + k,
                (float)conv_input1(g, i, h, v, k));
  return RAD_OK;
}

/* gradient of weight (o,a,b,k) */
static double conv_weight1(const rad_conv *g, size_t o, size_t a, size_t b, size_t k)
{
  const size_t cg = g->c / g->groups, channel = o / (g->o / g->groups) * cg + k;
  double s = 0;
  size_t h, v;
  for (size_t i = 0; i < g->n; i++)
    for (size_t oh = 0; oh < g->oh; oh++)
      for (size_t ow = 0; ow < g->ow; ow++)
        if (input_at(oh, g->sh, a, g->dh, g->ph, g->h, &h) &&
            input_at(ow, g->sw, b, g->dw, g->pw, g->w, &v))
          s += load(g->dy, g->type, ((i * g->oh + oh) * g->ow + ow) * g->o + o) *
               load(g->x, g->type, ((i * g->h + h) * g->w + v) * g->c + channel);
  return s;
}

static rad_status conv_weight(rad_ctx *c, const rad_conv *g)
{
  const size_t cg = g->c / g->groups;
  (void)c;
  for (size_t o = g->lo; o < g->hi; o++)
    for (size_t a = 0; a < g->kh; a++)
      for (size_t b = 0; b < g->kw; b++)
        for (size_t k = 0; k < cg; k++) {
          float *grad = g->grad + ((o * g->kh + a) * g->kw + b) * cg + k;
          const double old = g->keep == 0.0f ? 0 : (double)g->keep * (double)*grad;
          *grad = (float)(old + conv_weight1(g, o, a, b, k));
        }
  return RAD_OK;
}

/* The loops above and in sparse.h gain by the nonzeros alone at any share of them; stored so below
 * the share where faster backends gain too. */
static double sparse_below(rad_ctx *c, const rad_param *p)
{
  (void)c, (void)p;
  return 0.25;
}

static rad_status act(rad_ctx *c, uint32_t a, float alpha, size_t n, const float *x, float *y)
{
  for (size_t i = 0; i < n; i++)
    y[i] = act1(c->host, a, alpha, x[i]);
  return RAD_OK;
}

static double slope(uint32_t a, double alpha, double y)
{
  switch (a) {
  case RAD_ACT_RELU:
    return y > 0 ? 1 : 0;
  case RAD_ACT_LEAKY:
    return y > 0 ? 1 : alpha;
  case RAD_ACT_ELU:
    return y > 0 ? 1 : y + alpha;
  case RAD_ACT_TANH:
    return (1 - y) * (1 + y);
  case RAD_ACT_SIGMOID:
    return y * (1 - y);
  default:
    return 1;
  }
}

static rad_status act_back(rad_ctx *c, uint32_t a, float alpha, size_t n, const float *y,
                           const float *dy, float *dx)
{
  (void)c;
  for (size_t i = 0; i < n; i++)
    dx[i] = (float)((double)dy[i] * slope(a, (double)alpha, (double)y[i]));
  return RAD_OK;
}

static rad_status axpy(rad_ctx *c, size_t n, float a, const float *x, float *y)
{
  (void)c;
  for (size_t i = 0; i < n; i++)
    y[i] = (float)((double)y[i] + (double)a * (double)x[i]);
  return RAD_OK;
}

static const char *identity(rad_ctx *c)
{
  (void)c;
  return "reference";
}

static const rad_math ops = {.size = sizeof ops,
                             .caps = RAD_CAP_BF16 | RAD_CAP_EPILOGUE | RAD_CAP_EXACT |
                                     RAD_CAP_ROWS | RAD_CAP_F64,
                             .gemm = gemm,
                             .conv = conv,
                             .conv_input = conv_input,
                             .conv_weight = conv_weight,
                             .sparse = sparse,
                             .sparse_input = sparse_input,
                             .sparse_weight = sparse_weight,
                             .sparse_both = sparse_both,
                             .act = act,
                             .identity = identity,
                             .act_back = act_back,
                             .axpy = axpy,
                             .max_pool = max_pool,
                             .max_pool_back = max_pool_back,
                             .sparse_conv = sparse_conv,
                             .sparse_conv_input = sparse_conv_input,
                             .sparse_conv_weight = sparse_conv_weight,
                             .sparse_below = sparse_below};
static const rad_plugin reference_plugin = {RAD_PLUGIN(RAD_BACKEND, "reference", reference, &ops),
                                            .summary = "plain loops, the same bits everywhere"};
RAD_EXPORT(&reference_plugin)
