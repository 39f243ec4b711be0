/* SPDX-License-Identifier: BSD-3-Clause
 * escape.c - its summary would be obeyed by a terminal */
#include "zoo.h"

static const rad_plugin p = {RAD_PLUGIN(RAD_LAYER, "escape", nothing, &nothing_ops),
                             .summary = "\033[2J"};
RAD_EXPORT(&p)
