/* SPDX-License-Identifier: BSD-3-Clause
 * gradient.c - descent by the experiment's loss, optimizers and regularizers: the default. */
#include <rademacher/fit.h>

typedef struct gradient {
  char unused;
} gradient;

static rad_status fit(rad_ctx *c, const void *self, rad_model *m, rad_source *train)
{
  (void)self;
  return c->lab->train(c, RAD_NEW(rad_training, .model = m, .source = train));
}

static const rad_fit_ops ops = {.size = sizeof ops, .fit = fit};
static const rad_plugin gradient_plugin = {RAD_PLUGIN(RAD_FIT, "gradient", gradient, &ops),
                                           .summary = "training by gradients"};
RAD_EXPORT(&gradient_plugin)
