/* SPDX-License-Identifier: BSD-3-Clause
 * half_pointer.c - ops whose size cuts a pointer in two */
#include "zoo.h"

static const rad_layer_ops ops = {.size = sizeof nothing_ops - 4, .plan = plan};
static const rad_plugin p = {RAD_PLUGIN(RAD_LAYER, "half_pointer", nothing, &ops)};
RAD_EXPORT(&p)
