/* SPDX-License-Identifier: BSD-3-Clause
 * key_outside.c - a key beyond the end of its struct */
#include "zoo.h"

static const rad_key keys[] = {
    {.name = "far",
     .help = "too far",
     .def = "1",
     .lo = 0,
     .hi = 9,
     .offset = sizeof(nothing),
     .type = RAD_INT},
};
static const rad_plugin p = {RAD_PLUGIN(RAD_LAYER, "key_outside", nothing, &nothing_ops),
                             RAD_KEYS(keys)};
RAD_EXPORT(&p)
