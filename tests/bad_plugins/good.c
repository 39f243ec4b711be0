/* SPDX-License-Identifier: BSD-3-Clause
 * good.c - nothing is wrong with it */
#include "zoo.h"

static const rad_key keys[] = {
    RAD_KEY(nothing, units, "17", 1, 1000, RAD_LOG, "outputs"),
    RAD_KEY(nothing, file, "", 0, 0, RAD_FILE, "a file or a folder"),
};
static const rad_plugin good = {RAD_PLUGIN(RAD_LAYER, "good", nothing, &nothing_ops),
                                .summary = "does nothing", .version = "1.2", RAD_KEYS(keys)};
/* Another one in the same file: found by a scan only. */
static const rad_plugin second = {RAD_PLUGIN(RAD_LAYER, "second", nothing, &nothing_ops)};
RAD_EXPORT(&good, &second)
