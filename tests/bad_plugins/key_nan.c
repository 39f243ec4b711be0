/* SPDX-License-Identifier: BSD-3-Clause
 * key_nan.c - a range that is not a number */
#include "zoo.h"

static const rad_key keys[] = {
    RAD_KEY(nothing, units, "2", NAN, 1000, 0, "outputs"),
};
static const rad_plugin p = {RAD_PLUGIN(RAD_LAYER, "key_nan", nothing, &nothing_ops),
                             RAD_KEYS(keys)};
RAD_EXPORT(&p)
