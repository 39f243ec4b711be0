/* SPDX-License-Identifier: BSD-3-Clause
 * newer.c - needs members that this ABI does not have yet */
#include "zoo.h"

static const rad_plugin p = {RAD_PLUGIN(RAD_LAYER, "newer", nothing, &nothing_ops),
                             .needs = RAD_MINOR + 3};
RAD_EXPORT(&p)
