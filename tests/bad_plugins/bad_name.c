/* SPDX-License-Identifier: BSD-3-Clause
 * bad_name.c - its name would lead out of the folder */
#include "zoo.h"

static const rad_plugin p = {RAD_PLUGIN(RAD_LAYER, "../bad_name", nothing, &nothing_ops)};
RAD_EXPORT(&p)
