/* SPDX-License-Identifier: BSD-3-Clause
 * key_twice.c - two keys of one name */
#include "zoo.h"

static const rad_key keys[] = {
    RAD_KEY(nothing, units, "2", 1, 1000, 0, "outputs"),
    RAD_KEY(nothing, units, "3", 1, 1000, 0, "outputs"),
};
static const rad_plugin p = {RAD_PLUGIN(RAD_LAYER, "key_twice", nothing, &nothing_ops),
                             RAD_KEYS(keys)};
RAD_EXPORT(&p)
