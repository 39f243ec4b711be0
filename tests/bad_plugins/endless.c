/* SPDX-License-Identifier: BSD-3-Clause
 * endless.c - its list has no end */
#include "zoo.h"

static const rad_plugin p = {RAD_PLUGIN(RAD_LAYER, "endless", nothing, &nothing_ops)};
__attribute__((visibility("default"))) const rad_plugin *const *rademacher_plugins(uint32_t);
#define FOUR(x) x, x, x, x
#define MANY(x) FOUR(FOUR(FOUR(FOUR(x))))
const rad_plugin *const *rademacher_plugins(uint32_t host_abi)
{
  static const rad_plugin *const list[] = {MANY(&p), &p, &p};
  (void)host_abi;
  return list;
}
