/* SPDX-License-Identifier: BSD-3-Clause
 * twice.c - two plugins of one kind and name */
#include "zoo.h"

static const rad_plugin a = {RAD_PLUGIN(RAD_LAYER, "twice", nothing, &nothing_ops)};
static const rad_plugin b = {RAD_PLUGIN(RAD_LAYER, "twice", nothing, &nothing_ops)};
RAD_EXPORT(&a, &b)
