/* SPDX-License-Identifier: BSD-3-Clause
 * l1.c - adds lambda |w|_1 to the loss. subgradient: g += lambda sign(w), sign(0) = 0; proximal:
 * after the step w = sign(w) max(|w| - lr lambda, 0), which leaves weights that are exactly 0.
 * Tibshirani 1996; the proximal step: Duchi and Singer 2009, JMLR 10. */
#include <math.h>
#include <rademacher/regularizer.h>

typedef struct l1 {
  double lambda;
  int32_t mode;
  bool bias;
} l1;
enum { SUBGRADIENT, PROXIMAL };

static const char *const modes[] = {"subgradient", "proximal", NULL};
static const rad_key keys[] = {
    RAD_KEY(l1, lambda, "1e-5", 0, 10, RAD_LOG, "strength"),
    RAD_CHOICE(l1, mode, "subgradient", modes,
               "in the gradient, with the penalty reported; or after the step, to exact zeros"),
    RAD_KEY(l1, bias, "false", 0, 1, 0, "also on biases and scales"),
};

static bool is_meant(const l1 *d, const rad_slice *s, int32_t mode)
{
  return d->mode == mode && (s->param->role == RAD_WEIGHT || d->bias);
}

static rad_status grad(rad_ctx *c, const void *self, const rad_slice *s)
{
  const l1 *d = self;
  const float lambda = (float)d->lambda;
  const float *restrict w = s->w;
  float *restrict g = s->g;
  double sum = 0;
  (void)c;
  if (!is_meant(d, s, SUBGRADIENT))
    return RAD_OK;
  for (size_t i = 0; i < s->n; i++) {
    g[i] += w[i] > 0.0f ? lambda : w[i] < 0.0f ? -lambda : 0.0f;
    sum += fabs((double)w[i]);
  }
  *s->penalty += d->lambda * sum;
  return RAD_OK;
}

static rad_status weights(rad_ctx *c, const void *self, const rad_slice *s)
{
  const l1 *d = self;
  const float by = (float)(s->lr * d->lambda);
  float *restrict w = s->w;
  (void)c;
  if (!is_meant(d, s, PROXIMAL))
    return RAD_OK;
  for (size_t i = 0; i < s->n; i++)
    w[i] = w[i] > by ? w[i] - by : w[i] < -by ? w[i] + by : w[i] == w[i] ? 0.0f : w[i];
  return RAD_OK;
}

static const rad_hooks ops = {
    .size = sizeof ops, .flags = RAD_ELEMENTWISE, .grad = grad, .weights = weights};
static const rad_plugin l1_plugin = {RAD_PLUGIN(RAD_REGULARIZER, "l1", l1, &ops), RAD_KEYS(keys),
                                     .summary = "pulls weights to zero, many of them all the way",
                                     .reference = "Tibshirani 1996, JRSS B 58"};
RAD_EXPORT(&l1_plugin)
