/* SPDX-License-Identifier: BSD-3-Clause
 * softmax.h - what losses of a softmax p = exp(y) / sum exp(y) share: which targets they take, and
 * the exponentials of a batch. y, target (n,K). */
#ifndef PLUGINS_LOSS_SOFTMAX_H
#define PLUGINS_LOSS_SOFTMAX_H
#include <rademacher/backend.h>
#include <rademacher/loss.h>

typedef struct softmax { /* of one sample: p_k = e_k / sum, ln p_k = y_k - lse */
  size_t K;
  const float *y, *t, *e; /* (K) */
  double sum, lse;
} softmax;
/* The sample's loss, and dy (K) = scale times its gradient, unless NULL. */
typedef double softmax_loss(rad_ctx *, const void *self, const rad_batch *, const softmax *,
                            double scale, float *dy);

static inline rad_status softmax_plan(rad_ctx *c, const rad_facts *f, const rad_shape *out)
{
  const size_t K = rad_count(out);
  if (f->target != RAD_CLASS && f->target != RAD_SOFT)
    return rad_fail(c, RAD_EINVAL,
                    "wants one class or a distribution per sample; for other targets use mse");
  if (K != f->ntarget)
    return rad_fail(c, RAD_EINVAL,
                    "the network has %zu outputs, the data have %zu classes: give the last layer "
                    "units = %zu",
                    K, f->ntarget, f->ntarget);
  return RAD_OK;
}

/* Over rows i of y (n,K): top (n) = max, e (n,K) = exp(y - top), which is s / (1 - s) for s the
 * logistic function of y - top <= 0, and the backend has that for many numbers at a time. */
static inline rad_status softmax_exp(rad_ctx *c, const rad_batch *b, size_t K, float *top, float *e)
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

/* rad_loss_ops.eval by a loss of one sample */
static inline rad_status softmax_eval(rad_ctx *c, const void *self, softmax_loss *loss,
                                      const rad_batch *b, float scale)
{
  const size_t K = b->facts->ntarget;
  float *top = c->host->scratch(c, b->n * sizeof *top),
        *e = c->host->scratch(c, b->n * K * sizeof *e);
  if (!top || !e)
    return RAD_ENOMEM;
  RAD_TRY(softmax_exp(c, b, K, top, e));
  for (size_t i = 0; i < b->n; i++) {
    softmax s = {.K = K, .y = b->y + i * K, .t = b->target + i * K, .e = e + i * K};
    for (size_t k = 0; k < K; k++)
      s.sum += (double)s.e[k];
    s.lse = (double)top[i] + c->host->ln(s.sum);
    b->loss[i] =
        loss(c, self, b, &s, (double)scale * (double)b->weight[i], b->dy ? b->dy + i * K : NULL);
  }
  return RAD_OK;
}
#endif
