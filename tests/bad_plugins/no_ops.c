/* SPDX-License-Identifier: BSD-3-Clause
 * no_ops.c - no ops at all */
#include "zoo.h"

static const rad_plugin p = {RAD_PLUGIN(RAD_LAYER, "no_ops", nothing, NULL)};
RAD_EXPORT(&p)
