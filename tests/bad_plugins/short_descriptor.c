/* SPDX-License-Identifier: BSD-3-Clause
 * short_descriptor.c - a descriptor that ends before its ops */
#include "zoo.h"

static const rad_plugin p = {.abi = RAD_ABI, .size = 40, .ops = &nothing_ops};
RAD_EXPORT(&p)
