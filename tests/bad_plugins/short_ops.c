/* SPDX-License-Identifier: BSD-3-Clause
 * short_ops.c - ops that end before the first callback */
#include "zoo.h"

static const struct short_ops {
  uint32_t size, flags;
  const void *beyond[8]; /* must not be read */
} ops = {.size = 8, .beyond = {&nothing_ops}};
static const rad_plugin p = {RAD_PLUGIN(RAD_LAYER, "short_ops", nothing, &ops)};
RAD_EXPORT(&p)
