/* SPDX-License-Identifier: BSD-3-Clause
 * adam.c - m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
 * w -= lr m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps). Kingma and Ba 2014, arXiv 1412.6980.
 * AdamW is adam with the regularizer weight_decay, mode = decoupled. */
#include <math.h>
#include <rademacher/optimizer.h>

typedef struct adam {
  double beta1, beta2, eps;
} adam;

static const rad_key keys[] = {
    RAD_KEY(adam, beta1, "0.9", 0, 0.99999, 0, "memory of the mean"),
    RAD_KEY(adam, beta2, "0.999", 0, 0.9999999, 0, "memory of the square"),
    RAD_KEY(adam, eps, "1e-8", 1e-16, 1, RAD_LOG, "added to the root"),
};

static rad_status plan(rad_ctx *c, void *self, rad_opt_plan *p)
{
  (void)c;
  (void)self;
  p->nslot = 2;
  return RAD_OK;
}

/* base^n by squaring: libm's pow differs between machines */
static double power(double base, uint64_t n)
{
  double r = 1;
  for (; n > 0; n >>= 1, base *= base)
    r = n & 1 ? r * base : r;
  return r;
}

static rad_status step(rad_ctx *c, const void *self, const rad_update *u)
{
  const adam *a = self;
  const float b1 = (float)a->beta1, rest1 = (float)(1 - a->beta1), eps = (float)a->eps;
  const float b2 = (float)a->beta2, rest2 = (float)(1 - a->beta2);
  const float rate = (float)(u->lr / (1 - power(a->beta1, u->t)));
  const float root = (float)sqrt(1 - power(a->beta2, u->t));
  const float *restrict g = u->g;
  float *restrict w = u->w, *restrict m = u->slot[0], *restrict v = u->slot[1];
  (void)c;
  for (size_t i = 0; i < u->n; i++) {
    m[i] = b1 * m[i] + rest1 * g[i];
    v[i] = b2 * v[i] + rest2 * g[i] * g[i];
    w[i] -= rate * m[i] / (sqrtf(v[i]) / root + eps);
  }
  return RAD_OK;
}

static const rad_optimizer_ops ops = {.size = sizeof ops, .plan = plan, .step = step};
static const rad_plugin adam_plugin = {
    RAD_PLUGIN(RAD_OPTIMIZER, "adam", adam, &ops), RAD_KEYS(keys),
    .summary = "adaptive moments; with decoupled weight_decay: AdamW",
    .reference = "Kingma and Ba 2014, arXiv 1412.6980"};
RAD_EXPORT(&adam_plugin)
