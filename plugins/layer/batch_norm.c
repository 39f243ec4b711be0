/* SPDX-License-Identifier: BSD-3-Clause
 * batch_norm.c - y = gamma (x - mean) / sqrt(var + eps) + beta for each channel, the last axis. X,
 * Y (n,..,C), gamma, beta, mean, var (C). Training takes mean and biased variance over the batch
 * and all places, and keeps running averages r = (1 - m) r + m s of the mean and the unbiased
 * variance; evaluation uses those. Ioffe and Szegedy 2015, arXiv 1502.03167.
 *
 * The variance is E x^2 - mean^2, from sums in double: squares of floats are exact there, so what
 * is lost is below mean^2 2^-50, less than the rounding of x itself costs any formula. */
#include <math.h>
#include <rademacher/layer.h>

typedef struct batch_norm {
  float momentum, eps;
  bool affine;
  size_t C, S; /* channels, places of one sample */
} batch_norm;

enum { MEAN, VAR, GAMMA, BETA }; /* the last two only where affine */

static const rad_key keys[] = {
    RAD_KEY(batch_norm, momentum, "0.1", 0, 1, 0, "weight of the batch in the running averages"),
    RAD_KEY(batch_norm, eps, "1e-5", 1e-12, 1, RAD_LOG, "added to the variance"),
    RAD_KEY(batch_norm, affine, "true", 0, 1, RAD_FIXED, "train gamma and beta; false: 1 and 0"),
};

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  static const struct {
    const char *name;
    uint32_t role;
    double fill;
  } tensor[] = {[MEAN] = {"mean", RAD_BUFFER, 0},
                [VAR] = {"var", RAD_BUFFER, 1},
                [GAMMA] = {"gamma", RAD_SCALE, 1},
                [BETA] = {"beta", RAD_BIAS, 0}};
  batch_norm *b = self;
  if (p->nin != 1)
    return rad_fail(c, RAD_EINVAL, "has one input, not %u: join them with another layer first",
                    (unsigned)p->nin);
  p->out = p->in[0];
  b->C = p->out.dim[p->out.rank - 1];
  b->S = rad_count(&p->out) / b->C;
  p->nsum = 2 * b->C;
  p->flags = RAD_KEEP_X;
  p->props = RAD_AFFINE; /* with the running averages */
  for (size_t i = 0; i < (b->affine ? 4u : 2u); i++)
    RAD_TRY(
        c->host->tensor(c, RAD_NEW(rad_tensor, .name = tensor[i].name, .role = tensor[i].role,
                                   .type = RAD_F32, .shape = {1, {b->C}}, .fill = tensor[i].fill)));
  return RAD_OK;
}

/* Of channel k, as forward uses them: of the batch in training, else the running averages. */
static double mean_of(const batch_norm *b, const rad_pass *p, size_t k)
{
  return p->fsum ? p->fsum[k] / (double)(p->total * b->S) : (double)p->w[MEAN]->value[k];
}

static double var_of(const batch_norm *b, const rad_pass *p, size_t k)
{
  const double mean = mean_of(b, p, k);
  return p->fsum ? fmax(p->fsum[b->C + k] / (double)(p->total * b->S) - mean * mean, 0)
                 : (double)p->w[VAR]->value[k];
}

static double inverse_of(const batch_norm *b, const rad_pass *p, size_t k)
{
  return 1 / sqrt(var_of(b, p, k) + (double)b->eps);
}

static double gamma_of(const batch_norm *b, const rad_pass *p, size_t k)
{
  return b->affine ? (double)p->w[GAMMA]->value[k] : 1;
}

/* sum (2C) += sum x, sum x^2 */
static void sum_forward(const batch_norm *b, const rad_pass *p)
{
  double *restrict s = p->sum, *restrict t = p->sum + b->C;
  for (size_t i = 0; i < p->n * b->S; i++) {
    const float *restrict x = p->x[0] + i * b->C;
    for (size_t k = 0; k < b->C; k++) {
      const double v = (double)x[k];
      s[k] += v;
      t[k] += v * v;
    }
  }
}

/* s (C) += sum dy, t (C) += sum dy (x - centre) over `places`: four at a time in float */
static void sum_products(size_t places, size_t C, const float *restrict x, const float *restrict dy,
                         const float *restrict centre, double *restrict s, double *restrict t)
{
  for (; places >= 4; places -= 4, x += 4 * C, dy += 4 * C)
    for (size_t k = 0; k < C; k++) {
      const float d0 = dy[k], d1 = dy[C + k], d2 = dy[2 * C + k], d3 = dy[3 * C + k];
      const float a = d0 * (x[k] - centre[k]) + d1 * (x[C + k] - centre[k]),
                  e = d2 * (x[2 * C + k] - centre[k]) + d3 * (x[3 * C + k] - centre[k]);
      s[k] += (double)((d0 + d1) + (d2 + d3));
      t[k] += (double)(a + e);
    }
  for (; places > 0; places--, x += C, dy += C)
    for (size_t k = 0; k < C; k++) {
      s[k] += (double)dy[k];
      t[k] += (double)dy[k] * (double)(x[k] - centre[k]);
    }
}

/* sum (2C) += sum dy, sum dy (x - mean); the centre is the mean as a float, and what that leaves of
 * it is taken off the sums */
static rad_status sum_backward(rad_ctx *c, const batch_norm *b, const rad_pass *p)
{
  const size_t C = b->C;
  double *s = c->host->scratch(c, 2 * C * sizeof *s), *t = s + C;
  float *centre = c->host->scratch(c, C * sizeof *centre);
  if (!s || !centre)
    return RAD_ENOMEM;
  for (size_t k = 0; k < C; k++) {
    s[k] = t[k] = 0;
    centre[k] = (float)mean_of(b, p, k);
  }
  sum_products(p->n * b->S, C, p->x[0], p->dy, centre, s, t);
  for (size_t k = 0; k < C; k++) {
    const double rest = mean_of(b, p, k) - (double)centre[k];
    p->sum[k] += s[k];
    p->sum[C + k] += t[k] - rest * s[k];
  }
  return RAD_OK;
}

static rad_status sum(rad_ctx *c, const void *self, const rad_pass *p)
{
  if (p->dy)
    return sum_backward(c, self, p);
  sum_forward(self, p);
  return RAD_OK;
}

/* y = (x - centre) scale + shift; the centre is the mean as a float, and what that leaves of the
 * mean is in the shift: nothing is lost where the mean is large. */
static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const batch_norm *b = self;
  float *restrict centre = c->host->scratch(c, 3 * b->C * sizeof *centre); /* (C) each */
  float *restrict scale = centre + b->C, *restrict shift = scale + b->C;
  if (!centre)
    return RAD_ENOMEM;
  for (size_t k = 0; k < b->C; k++) {
    const double mean = mean_of(b, p, k), by = gamma_of(b, p, k) * inverse_of(b, p, k);
    centre[k] = (float)mean;
    scale[k] = (float)by;
    shift[k] =
        (float)((b->affine ? (double)p->w[BETA]->value[k] : 0) - (mean - (double)centre[k]) * by);
  }
  for (size_t i = 0; i < p->n * b->S; i++) {
    const float *restrict x = p->x[0] + i * b->C;
    float *restrict y = p->y + i * b->C;
    for (size_t k = 0; k < b->C; k++)
      y[k] = (x[k] - centre[k]) * scale[k] + shift[k];
  }
  return RAD_OK;
}

/* dx = scale (dy - mean dy - xhat mean(dy xhat)), xhat = (x - mean) / sqrt(var + eps), which is
 * scale dy - (x - centre) slope - shift; with the running averages, which do not depend on x,
 * scale dy */
static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const batch_norm *b = self;
  const double M = (double)(p->total * b->S);
  float *restrict centre = c->host->scratch(c, 4 * b->C * sizeof *centre); /* (C) each */
  float *restrict scale = centre + b->C, *restrict slope = scale + b->C,
                  *restrict shift = slope + b->C;
  if (!centre)
    return RAD_ENOMEM;
  for (size_t k = 0; k < b->C; k++) {
    const double mean = mean_of(b, p, k), inv = inverse_of(b, p, k), by = gamma_of(b, p, k) * inv;
    const double down = p->fsum ? by * inv * inv * p->bsum[b->C + k] / M : 0;
    centre[k] = (float)mean;
    scale[k] = (float)by;
    slope[k] = (float)down;
    shift[k] = (float)((p->fsum ? by * p->bsum[k] / M : 0) - (mean - (double)centre[k]) * down);
  }
  for (size_t i = 0; p->dx[0] && i < p->n * b->S; i++) {
    const float *restrict x = p->x[0] + i * b->C, *restrict dy = p->dy + i * b->C;
    float *restrict dx = p->dx[0] + i * b->C;
    for (size_t k = 0; k < b->C; k++)
      dx[k] = scale[k] * dy[k] - (x[k] - centre[k]) * slope[k] - shift[k];
  }
  return RAD_OK;
}

static void accumulate(const rad_param *w, size_t k, double add)
{
  if (w->grad)
    w->grad[k] = (float)((w->keep == 0.0f ? 0 : (double)w->keep * (double)w->grad[k]) + add);
}

/* dgamma = sum dy xhat, dbeta = sum dy: both were summed for backward */
static rad_status gradient(rad_ctx *c, const void *self, const rad_pass *p)
{
  const batch_norm *b = self;
  (void)c;
  for (size_t k = 0; b->affine && k < b->C; k++) {
    accumulate(p->w[GAMMA], k, p->bsum[b->C + k] * inverse_of(b, p, k));
    accumulate(p->w[BETA], k, p->bsum[k]);
  }
  return RAD_OK;
}

/* The running averages take in the batch. */
static rad_status settle(rad_ctx *c, const void *self, const rad_pass *p)
{
  const batch_norm *b = self;
  const double M = (double)(p->total * b->S), m = (double)b->momentum;
  const double unbiased = M > 1 ? M / (M - 1) : 1;
  float *mean = p->w[MEAN]->value, *var = p->w[VAR]->value;
  (void)c;
  for (size_t k = 0; k < b->C; k++) {
    mean[k] = (float)((1 - m) * (double)mean[k] + m * mean_of(b, p, k));
    var[k] = (float)((1 - m) * (double)var[k] + m * var_of(b, p, k) * unbiased);
  }
  return RAD_OK;
}

static rad_status onnx(rad_ctx *c, const void *self, rad_sketch *s)
{
  const batch_norm *b = self;
  float *plain = c->host->scratch(c, 2 * b->C * sizeof *plain); /* gamma 1, beta 0 */
  if (!plain)
    return RAD_ENOMEM;
  if (s->node->out.rank == 2)
    return rad_fail(c, RAD_EINVAL, "has no form in ONNX for samples with two axes");
  for (size_t k = 0; k < b->C; k++) {
    plain[k] = 1;
    plain[b->C + k] = 0;
  }
  for (size_t i = 0; !b->affine && i < 2; i++)
    RAD_TRY(s->constant(
        s, &(rad_array){.type = RAD_F32, .shape = {1, {b->C}}, .data = plain + i * b->C}));
  return s->op(s, RAD_NEW(rad_op, .type = "BatchNormalization", .nin = 5,
                          .in = {RAD_OP_X(0), b->affine ? RAD_OP_W(GAMMA) : RAD_OP_CONST(0),
                                 b->affine ? RAD_OP_W(BETA) : RAD_OP_CONST(1), RAD_OP_W(MEAN),
                                 RAD_OP_W(VAR)},
                          .nattr = 1, .attr = {RAD_ATTR_FLOAT("epsilon", b->eps)}));
}

static const rad_layer_ops ops = {.size = sizeof ops,
                                  .plan = plan,
                                  .forward = forward,
                                  .backward = backward,
                                  .gradient = gradient,
                                  .sum = sum,
                                  .settle = settle,
                                  .onnx = onnx};
static const rad_plugin batch_norm_plugin = {
    RAD_PLUGIN(RAD_LAYER, "batch_norm", batch_norm, &ops), .needs = 1, RAD_KEYS(keys),
    .summary = "normalisation of every channel over the batch",
    .reference = "Ioffe and Szegedy 2015, arXiv 1502.03167"};
RAD_EXPORT(&batch_norm_plugin)
