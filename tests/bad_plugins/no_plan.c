/* SPDX-License-Identifier: BSD-3-Clause
 * no_plan.c - a callback that every layer needs is missing */
#include "zoo.h"

static const rad_layer_ops ops = {.size = sizeof nothing_ops};
static const rad_plugin p = {RAD_PLUGIN(RAD_LAYER, "no_plan", nothing, &ops)};
RAD_EXPORT(&p)
