/* SPDX-License-Identifier: BSD-3-Clause
 * gce.c - generalized cross-entropy for noisy labels: l = sum_k t_k (1 - p_k^q) / q with
 * p = softmax(y); towards q = 0 it is the cross-entropy, with q = 1 the mean absolute error. With
 * s = sum_k t_k p_k^q, dl/dy_k = p_k s - t_k p_k^q. Truncated at `k`: from epoch `start` on p_k^q
 * counts as k^q, with no slope, where p_k <= k, so that a sample whose label the network does not
 * believe says nothing. y, target t (n,K); soft targets by the same formula.
 * Zhang and Sabuncu 2018, arXiv 1805.07836, who let the best network so far decide, not the present
 * one, and start at epoch 40. */
#include "softmax.h"
#include <math.h>

typedef struct gce {
  double q, k;
  int64_t start;
} gce;

static const rad_key keys[] = {
    RAD_KEY(gce, q, "0.7", 1e-3, 1, 0, "0: cross-entropy, 1: mean absolute error"),
    RAD_KEY(gce, k, "0", 0, 0.999, 0, "probabilities up to this have no slope; 0: all have"),
    RAD_KEY(gce, start, "40", 0, 1e9, 0, "epochs before k counts"),
};

static rad_status plan(rad_ctx *c, void *self, const rad_facts *f, const rad_shape *out)
{
  (void)self;
  return softmax_plan(c, f, out);
}

static double sample(rad_ctx *c, const void *self, const rad_batch *b, const softmax *p,
                     double scale, float *dy)
{
  const gce *g = self;
  const double q = g->q, k = (int64_t)b->when.epoch >= g->start ? g->k : 0;
  const double least = k > 0 ? c->host->ln(k) : -INFINITY;
  double loss = 0, sum = 0;
  for (size_t i = 0; dy && i < p->K; i++)
    dy[i] = 0.0f;
  for (size_t i = 0; i < p->K; i++) {
    const double t = (double)p->t[i], ln = (double)p->y[i] - p->lse;
    if (t == 0)
      continue;
    const double power = c->host->exp(q * (ln <= least ? least : ln));
    loss += t * (1 - power) / q;
    if (ln <= least)
      continue;
    sum += t * power;
    if (dy)
      dy[i] = (float)(-scale * t * power);
  }
  for (size_t i = 0; dy && i < p->K; i++)
    dy[i] += (float)(scale * sum * ((double)p->e[i] / p->sum));
  return loss;
}

static rad_status eval(rad_ctx *c, const void *self, const rad_batch *b, float scale)
{
  return softmax_eval(c, self, sample, b, scale);
}

static const rad_loss_ops ops = {.size = sizeof ops, .plan = plan, .eval = eval};
static const rad_plugin gce_plugin = {RAD_PLUGIN(RAD_LOSS, "gce", gce, &ops), RAD_KEYS(keys),
                                      .summary = "generalized cross-entropy, for noisy labels",
                                      .reference = "Zhang and Sabuncu 2018, arXiv 1805.07836"};
RAD_EXPORT(&gce_plugin)
