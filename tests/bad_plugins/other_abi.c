/* SPDX-License-Identifier: BSD-3-Clause
 * other_abi.c - built for another ABI: its descriptor begins alike, and then is something else */
#include "zoo.h"

static const struct other {
  uint32_t abi, size;
  double something_else;
} other = {RAD_ABI + 6, 3, 0.7318};
__attribute__((visibility("default"))) const void *const *rademacher_plugins(uint32_t);
const void *const *rademacher_plugins(uint32_t host_abi)
{
  static const void *const list[] = {&other, NULL};
  (void)host_abi;
  (void)nothing_ops;
  return list;
}
