/* SPDX-License-Identifier: BSD-3-Clause
 * unknown_kind.c - of a kind that is not known */
#include "zoo.h"

static const rad_plugin p = {RAD_PLUGIN(77, "unknown_kind", nothing, &nothing_ops)};
RAD_EXPORT(&p)
