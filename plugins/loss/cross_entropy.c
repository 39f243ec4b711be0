/* SPDX-License-Identifier: BSD-3-Clause
 * cross_entropy.c - l = -sum_k q_k log softmax(y)_k, q = (1 - s) target + s / K, so that
 * dl/dy_k = softmax(y)_k sum_j q_j - q_k. Targets may be one-hot or any distribution.
 * y (n,K), target (n,K). Smoothing: Szegedy et al. 2015, arXiv 1512.00567. */
#include <rademacher/backend.h>
#include <rademacher/loss.h>

typedef struct cross_entropy {
  double smoothing;
  size_t K;
} cross_entropy;

static const rad_key keys[] = {
    RAD_KEY(cross_entropy, smoothing, "0", 0, 1, 0, "share of the target spread over all classes"),
};

static rad_status plan(rad_ctx *c, void *self, const rad_facts *f, const rad_shape *out)
{
  cross_entropy *l = self;
  l->K = rad_count(out);
  if (f->target != RAD_CLASS && f->target != RAD_SOFT)
    return rad_fail(c, RAD_EINVAL,
                    "wants one class or a distribution per sample; for other targets use mse");
  if (l->K != f->ntarget)
    return rad_fail(c, RAD_EINVAL,
                    "the network has %zu outputs, the data have %zu classes: give the last layer "
                    "units = %zu",
                    l->K, f->ntarget, f->ntarget);
  return RAD_OK;
}

/* Over rows i of y (n,K): top (n) = max, e (n,K) = exp(y - top), which is s / (1 - s) for s the
 * logistic function of y - top <= 0, and the backend has that for many numbers at a time. */
static rad_status exponentials(rad_ctx *c, const rad_batch *b, size_t K, float *top, float *e)
{
  for (size_t i = 0; i < b->n; i++) {
    const float *y = b->y + i * K;
    top[i] = y[0];
    for (size_t k = 1; k < K; k++)
      top[i] = y[k] > top[i] || y[k] != y[k] ? y[k] : top[i];
    for (size_t k = 0; k < K; k++)
      e[i * K + k] = y[k] - top[i];
  }
  RAD_TRY(c->math->act(c, RAD_ACT_SIGMOID, 0.0f, b->n * K, e, e));
  for (size_t k = 0; k < b->n * K; k++)
    e[k] /= 1.0f - e[k];
  return RAD_OK;
}

/* One sample: y, t, e (K); its loss, and dy (K) unless NULL. */
static double sample(rad_ctx *c, const cross_entropy *l, float top, const float *y, const float *t,
                     const float *e, double scale, float *dy)
{
  const size_t K = l->K;
  const double s = l->smoothing, rest = s / (double)K;
  double sum = 0, loss = 0, mass = 0;
  for (size_t k = 0; k < K; k++)
    sum += (double)e[k];
  const double lse = (double)top + c->host->ln(sum);
  for (size_t k = 0; k < K; k++) {
    const double q = (1 - s) * (double)t[k] + rest;
    loss += q != 0 ? q * (lse - (double)y[k]) : 0; /* 0 log 0 = 0 */
    mass += q;
  }
  for (size_t k = 0; dy && k < K; k++) {
    const double q = (1 - s) * (double)t[k] + rest;
    dy[k] = (float)(scale * ((double)e[k] * (mass / sum) - q));
  }
  return loss;
}

static rad_status eval(rad_ctx *c, const void *self, const rad_batch *b, float scale)
{
  const cross_entropy *l = self;
  const size_t K = l->K;
  float *top = c->host->scratch(c, b->n * sizeof *top),
        *e = c->host->scratch(c, b->n * K * sizeof *e);
  if (!top || !e)
    return RAD_ENOMEM;
  RAD_TRY(exponentials(c, b, K, top, e));
  for (size_t i = 0; i < b->n; i++)
    b->loss[i] = sample(c, l, top[i], b->y + i * K, b->target + i * K, e + i * K,
                        (double)scale * (double)b->weight[i], b->dy ? b->dy + i * K : NULL);
  return RAD_OK;
}

static const rad_loss_ops ops = {.size = sizeof ops, .plan = plan, .eval = eval};
static const rad_plugin cross_entropy_plugin = {
    RAD_PLUGIN(RAD_LOSS, "cross_entropy", cross_entropy, &ops), RAD_KEYS(keys),
    .summary = "softmax and cross-entropy, label smoothing",
    .reference = "Szegedy et al. 2015, arXiv 1512.00567"};
RAD_EXPORT(&cross_entropy_plugin)
