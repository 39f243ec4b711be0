/* SPDX-License-Identifier: BSD-3-Clause
 * null_list.c - it exports nothing */
#include "zoo.h"

__attribute__((visibility("default"))) const rad_plugin *const *rademacher_plugins(uint32_t);
const rad_plugin *const *rademacher_plugins(uint32_t host_abi)
{
  static const rad_plugin *const list[] = {NULL};
  return host_abi == 0 || !nothing_ops.plan ? list : NULL;
}
