/* SPDX-License-Identifier: BSD-3-Clause
 * aimless.c - noise that does not say what it changes */
#include "zoo.h"

static rad_status split(rad_ctx *c, const void *self, rad_part *part)
{
  (void)c;
  (void)self;
  (void)part;
  return nothing_ops.size > 0 ? RAD_OK : RAD_EINVAL;
}
static const rad_noise_ops ops = {.size = sizeof ops, .split = split};
static const rad_plugin p = {RAD_PLUGIN(RAD_NOISE, "aimless", nothing, &ops)};
RAD_EXPORT(&p)
