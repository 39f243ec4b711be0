/* SPDX-License-Identifier: BSD-3-Clause
 * key_clash.c - a key that every layer has already */
#include "zoo.h"

static const rad_key keys[] = {
    {.name = "init", .help = "mine", .def = "1", .lo = 0, .hi = 9, .type = RAD_INT},
};
static const rad_plugin p = {RAD_PLUGIN(RAD_LAYER, "key_clash", nothing, &nothing_ops),
                             RAD_KEYS(keys)};
RAD_EXPORT(&p)
