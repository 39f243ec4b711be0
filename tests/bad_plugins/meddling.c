/* SPDX-License-Identifier: BSD-3-Clause
 * meddling.c - a measure that changes the weights */
#include "zoo.h"

static rad_status weights(rad_ctx *c, const void *self, const rad_slice *s)
{
  (void)c;
  (void)self;
  s->w[0] = (float)nothing_ops.size;
  return RAD_OK;
}
static const rad_hooks ops = {.size = sizeof ops, .weights = weights};
static const rad_plugin p = {RAD_PLUGIN(RAD_MEASURE, "meddling", nothing, &ops)};
RAD_EXPORT(&p)
