/* SPDX-License-Identifier: BSD-3-Clause
 * sgd.c - v = mu v + g; w -= lr v, or with Nesterov w -= lr (g + mu v).
 * Where nobody else reads the gradient, v is the gradient buffer: the layers' products start from
 * mu v, and no pass over the weights is spent on it. Same numbers as with a slot, to rounding.
 * Sutskever et al. 2013, ICML 30. */
#include <rademacher/backend.h>
#include <rademacher/optimizer.h>

typedef struct sgd {
  float momentum;
  bool nesterov, folded;
} sgd;

static const rad_key keys[] = {
    RAD_KEY(sgd, momentum, "0.9", 0, 0.9999, 0, "share of the last step that is kept"),
    RAD_KEY(sgd, nesterov, "false", 0, 1, 0, "take the gradient's step from where momentum leads"),
};

static rad_status plan(rad_ctx *c, void *self, rad_opt_plan *p)
{
  sgd *s = self;
  (void)c;
  s->folded = !p->pure && !s->nesterov; /* Nesterov needs g beside v */
  p->keep = s->folded ? s->momentum : 0.0f;
  p->nslot = !s->folded && s->momentum > 0.0f;
  return RAD_OK;
}

static rad_status step(rad_ctx *c, const void *self, const rad_update *u)
{
  const sgd *s = self;
  const float lr = (float)u->lr, mu = s->momentum;
  const float *restrict g = u->g;
  float *restrict w = u->w;
  if (s->folded || mu == 0.0f)
    return c->math->axpy(c, u->n, -lr, g, w);
  float *restrict v = u->slot[0];
  for (size_t i = 0; i < u->n; i++) {
    v[i] = mu * v[i] + g[i];
    w[i] -= lr * (s->nesterov ? g[i] + mu * v[i] : v[i]);
  }
  return RAD_OK;
}

static const rad_optimizer_ops ops = {.size = sizeof ops, .plan = plan, .step = step};
static const rad_plugin sgd_plugin = {RAD_PLUGIN(RAD_OPTIMIZER, "sgd", sgd, &ops), RAD_KEYS(keys),
                                      .summary = "stochastic gradient descent with momentum",
                                      .reference = "Sutskever et al. 2013, ICML 30"};
RAD_EXPORT(&sgd_plugin)
