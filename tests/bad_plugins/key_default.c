/* SPDX-License-Identifier: BSD-3-Clause
 * key_default.c - a default that its own range refuses */
#include "zoo.h"

static const rad_key keys[] = {
    RAD_KEY(nothing, units, "0", 1, 1000, 0, "outputs"),
};
static const rad_plugin p = {RAD_PLUGIN(RAD_LAYER, "key_default", nothing, &nothing_ops),
                             RAD_KEYS(keys)};
RAD_EXPORT(&p)
