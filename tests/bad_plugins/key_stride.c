/* SPDX-License-Identifier: BSD-3-Clause
 * key_stride.c - a stride that no key table has */
#include "zoo.h"

static const rad_key keys[] = {
    RAD_KEY(nothing, units, "2", 1, 1000, 0, "outputs"),
};
static const rad_plugin p = {.abi = RAD_ABI,
                             .size = sizeof p,
                             .key_size = 3,
                             .kind = RAD_LAYER,
                             .name = "key_stride",
                             .keys = keys,
                             .nkeys = 1,
                             .self_size = sizeof(nothing),
                             .ops = &nothing_ops};
RAD_EXPORT(&p)
