/* SPDX-License-Identifier: BSD-3-Clause
 * cross_entropy.c - l = -sum_k q_k log softmax(y)_k, q = (1 - s) target + s / K, so that
 * dl/dy_k = softmax(y)_k sum_j q_j - q_k. Targets may be one-hot or any distribution.
 * y (n,K), target (n,K). Smoothing: Szegedy et al. 2015, arXiv 1512.00567. */
#include <math.h>
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

/* log sum_k exp(y_k), p (K) = softmax(y); the host's functions, so that the bits are the same on
 * every machine */
static double softmax(const rad_host *h, const float *y, size_t K, double *p)
{
  double top = (double)y[0], sum = 0;
  for (size_t k = 1; k < K; k++)
    top = fmax(top, (double)y[k]);
  for (size_t k = 0; k < K; k++)
    sum += p[k] = h->exp((double)y[k] - top);
  for (size_t k = 0; k < K; k++)
    p[k] /= sum;
  return top + h->ln(sum);
}

static rad_status eval(rad_ctx *c, const void *self, const rad_batch *b, float scale)
{
  const cross_entropy *l = self;
  const size_t K = l->K;
  const double s = l->smoothing;
  double *p = c->host->scratch(c, K * sizeof *p);
  if (!p)
    return RAD_ENOMEM;
  for (size_t i = 0; i < b->n; i++) {
    const float *y = b->y + i * K, *t = b->target + i * K;
    const double lse = softmax(c->host, y, K, p);
    double loss = 0, mass = 0;
    for (size_t k = 0; k < K; k++) {
      const double q = (1 - s) * (double)t[k] + s / (double)K;
      loss += q != 0 ? q * (lse - (double)y[k]) : 0; /* 0 log 0 = 0 */
      mass += q;
    }
    b->loss[i] = loss;
    for (size_t k = 0; b->dy && k < K; k++) {
      const double q = (1 - s) * (double)t[k] + s / (double)K;
      b->dy[i * K + k] = (float)((double)scale * (double)b->weight[i] * (p[k] * mass - q));
    }
  }
  return RAD_OK;
}

static const rad_loss_ops ops = {.size = sizeof ops, .plan = plan, .eval = eval};
static const rad_plugin cross_entropy_plugin = {
    RAD_PLUGIN(RAD_LOSS, "cross_entropy", cross_entropy, &ops), RAD_KEYS(keys),
    .summary = "softmax and cross-entropy, label smoothing",
    .reference = "Szegedy et al. 2015, arXiv 1512.00567"};
RAD_EXPORT(&cross_entropy_plugin)
