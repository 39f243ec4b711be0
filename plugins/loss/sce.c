/* SPDX-License-Identifier: BSD-3-Clause
 * sce.c - symmetric cross-entropy for noisy labels: l = -alpha sum_k t_k log p_k
 * - beta sum_k p_k a_k, p = softmax(y), a_k = max(log t_k, log_zero). With m = sum_k p_k a_k,
 * dl/dy_k = alpha (p_k sum_j t_j - t_k) + beta p_k (m - a_k). y, target t (n,K); soft targets by
 * the same formula. Wang et al. 2019, arXiv 1908.06112: alpha = 0.1, beta = 1 for CIFAR-10, 6 and
 * 0.1 for CIFAR-100, log 0 = -4. */
#include "softmax.h"

typedef struct sce {
  double alpha, beta, log_zero;
} sce;

static const rad_key keys[] = {
    RAD_KEY(sce, alpha, "0.1", 0, 1e3, 0, "factor of the cross-entropy"),
    RAD_KEY(sce, beta, "1", 0, 1e3, 0, "factor of the reverse cross-entropy"),
    RAD_KEY(sce, log_zero, "-4", -100, -0.01, 0, "what the logarithm of 0 counts as"),
};

static rad_status plan(rad_ctx *c, void *self, const rad_facts *f, const rad_shape *out)
{
  (void)self;
  return softmax_plan(c, f, out);
}

/* max(log t, log_zero) */
static double log_target(rad_ctx *c, const sce *l, float t)
{
  const double a = t == 1.0f ? 0 : t > 0.0f ? c->host->ln((double)t) : l->log_zero;
  return a > l->log_zero ? a : l->log_zero;
}

static double sample(rad_ctx *c, const void *self, const rad_batch *b, const softmax *p,
                     double scale, float *dy)
{
  const sce *l = self;
  double ce = 0, mass = 0, m = 0;
  (void)b;
  for (size_t k = 0; k < p->K; k++) {
    const double t = (double)p->t[k];
    ce += t != 0 ? t * (p->lse - (double)p->y[k]) : 0;
    mass += t;
    m += (double)p->e[k] / p->sum * log_target(c, l, p->t[k]);
  }
  for (size_t k = 0; dy && k < p->K; k++) {
    const double q = (double)p->e[k] / p->sum, a = log_target(c, l, p->t[k]);
    dy[k] = (float)(scale * (l->alpha * (q * mass - (double)p->t[k]) + l->beta * q * (m - a)));
  }
  return l->alpha * ce - l->beta * m;
}

static rad_status eval(rad_ctx *c, const void *self, const rad_batch *b, float scale)
{
  return softmax_eval(c, self, sample, b, scale);
}

static const rad_loss_ops ops = {.size = sizeof ops, .plan = plan, .eval = eval};
static const rad_plugin sce_plugin = {RAD_PLUGIN(RAD_LOSS, "sce", sce, &ops), RAD_KEYS(keys),
                                      .summary = "symmetric cross-entropy, for noisy labels",
                                      .reference = "Wang et al. 2019, arXiv 1908.06112"};
RAD_EXPORT(&sce_plugin)
