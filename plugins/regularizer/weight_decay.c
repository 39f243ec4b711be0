/* SPDX-License-Identifier: BSD-3-Clause
 * weight_decay.c - l2: adds lambda/2 |w|^2 to the loss (g += lambda w); decoupled: w -= lr lambda
 * w, before the optimizer's step as in the paper, which is why this too is done in `grad`. adam
 * with it is AdamW. Loshchilov and Hutter 2017, arXiv 1711.05101. */
#include <rademacher/regularizer.h>

typedef struct weight_decay {
  double lambda;
  int32_t mode;
  bool bias;
} weight_decay;
enum { L2, DECOUPLED };

static const char *const modes[] = {"l2", "decoupled", NULL};
static const rad_key keys[] = {
    RAD_KEY(weight_decay, lambda, "5e-4", 0, 10, RAD_LOG, "strength"),
    RAD_CHOICE(weight_decay, mode, "l2", modes, "in the gradient, or beside the optimizer"),
    RAD_KEY(weight_decay, bias, "false", 0, 1, 0, "also on biases and scales"),
};

static rad_status grad(rad_ctx *c, const void *self, const rad_slice *s)
{
  const weight_decay *d = self;
  const float lambda = (float)d->lambda, keep = (float)(1 - s->lr * d->lambda);
  float *restrict w = s->w, *restrict g = s->g;
  double sum = 0;
  (void)c;
  if (s->param->role != RAD_WEIGHT && !d->bias)
    return RAD_OK;
  if (d->mode == DECOUPLED) {
    for (size_t i = 0; i < s->n; i++)
      w[i] *= keep;
    return RAD_OK;
  }
  for (size_t i = 0; i < s->n; i++) {
    g[i] += lambda * w[i];
    sum += (double)w[i] * (double)w[i];
  }
  *s->penalty += 0.5 * d->lambda * sum;
  return RAD_OK;
}

static const rad_hooks ops = {.size = sizeof ops, .flags = RAD_ELEMENTWISE, .grad = grad};
static const rad_plugin weight_decay_plugin = {
    RAD_PLUGIN(RAD_REGULARIZER, "weight_decay", weight_decay, &ops), RAD_KEYS(keys),
    .summary = "pulls weights to zero",
    .reference = "Loshchilov and Hutter 2017, arXiv 1711.05101"};
RAD_EXPORT(&weight_decay_plugin)
