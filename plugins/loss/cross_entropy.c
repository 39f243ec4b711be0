/* SPDX-License-Identifier: BSD-3-Clause
 * cross_entropy.c - l = -sum_k q_k log softmax(y)_k, q = (1 - s) target + s / K, so that
 * dl/dy_k = softmax(y)_k sum_j q_j - q_k. Targets may be one-hot or any distribution.
 * y (n,K), target (n,K). Smoothing: Szegedy et al. 2015, arXiv 1512.00567. */
#include "softmax.h"

typedef struct cross_entropy {
  double smoothing;
} cross_entropy;

static const rad_key keys[] = {
    RAD_KEY(cross_entropy, smoothing, "0", 0, 1, 0, "share of the target spread over all classes"),
};

static rad_status plan(rad_ctx *c, void *self, const rad_facts *f, const rad_shape *out)
{
  (void)self;
  return softmax_plan(c, f, out);
}

static double sample(rad_ctx *c, const void *self, const rad_batch *b, const softmax *p,
                     double scale, float *dy)
{
  const double s = ((const cross_entropy *)self)->smoothing, rest = s / (double)p->K;
  double loss = 0, mass = 0;
  (void)c;
  (void)b;
  for (size_t k = 0; k < p->K; k++) {
    const double q = (1 - s) * (double)p->t[k] + rest;
    loss += q != 0 ? q * (p->lse - (double)p->y[k]) : 0; /* 0 log 0 = 0 */
    mass += q;
  }
  for (size_t k = 0; dy && k < p->K; k++) {
    const double q = (1 - s) * (double)p->t[k] + rest;
    dy[k] = (float)(scale * ((double)p->e[k] * (mass / p->sum) - q));
  }
  return loss;
}

static rad_status eval(rad_ctx *c, const void *self, const rad_batch *b, float scale)
{
  return softmax_eval(c, self, sample, b, scale);
}

static const rad_loss_ops ops = {.size = sizeof ops, .plan = plan, .eval = eval};
static const rad_plugin cross_entropy_plugin = {
    RAD_PLUGIN(RAD_LOSS, "cross_entropy", cross_entropy, &ops), RAD_KEYS(keys),
    .summary = "softmax and cross-entropy, label smoothing",
    .reference = "Szegedy et al. 2015, arXiv 1512.00567"};
RAD_EXPORT(&cross_entropy_plugin)
