/* SPDX-License-Identifier: BSD-3-Clause
 * dropout.c - behind each layer of `apply`, in training: y = x keep / (1 - rate), keep ~ Bernoulli.
 * The draws have addresses (step, sample, element), so backward draws them again, nothing is
 * cached, and the pieces of a batch may run anywhere. Srivastava et al. 2014, JMLR 15. */
#include <rademacher/regularizer.h>

typedef struct dropout {
  float rate;
} dropout;

static const rad_key keys[] = {
    RAD_KEY(dropout, rate, "0.5", 0, 0.99, 0, "probability that a unit is silenced"),
};

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  (void)c;
  (void)self;
  p->out = p->in[0];
  p->flags = RAD_IN_PLACE;
  p->props = RAD_AFFINE; /* for a given draw */
  return RAD_OK;
}

/* out = in * keep / (1 - rate), for outputs and for their gradients; out may be in */
static rad_status apply(rad_ctx *c, const dropout *d, const rad_pass *p, const float *in,
                        float *out)
{
  const size_t width = rad_count(p->out);
  const float scale = 1.0f / (1.0f - d->rate);
  float *u = c->host->scratch(c, width * sizeof *u);
  if (!u)
    return rad_fail(c, RAD_ENOMEM, "no memory for %zu random numbers", width);
  for (size_t i = 0; i < p->n; i++) {
    c->host->uniform(c, &(rad_at){.when = p->when.step, .index = p->id[i]}, 0, width, u);
    for (size_t k = 0; k < width; k++)
      out[i * width + k] = u[k] < d->rate ? 0.0f : in[i * width + k] * scale;
  }
  return RAD_OK;
}

static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  return apply(c, self, p, p->x[0], p->y);
}

static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  return p->dx[0] ? apply(c, self, p, p->dy, p->dx[0]) : RAD_OK;
}

static const rad_layer_ops layer = {
    .size = sizeof layer, .plan = plan, .forward = forward, .backward = backward};
static const rad_hooks ops = {.size = sizeof ops, .after = &layer};
static const rad_plugin dropout_plugin = {
    RAD_PLUGIN(RAD_REGULARIZER, "dropout", dropout, &ops), RAD_KEYS(keys),
    .summary = "silences random units in training", .reference = "Srivastava et al. 2014, JMLR 15"};
RAD_EXPORT(&dropout_plugin)
