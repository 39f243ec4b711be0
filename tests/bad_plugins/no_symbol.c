/* SPDX-License-Identifier: BSD-3-Clause
 * no_symbol.c - a shared object, but not a plugin */
#include "zoo.h"

__attribute__((visibility("default"))) const rad_layer_ops *something(void);
const rad_layer_ops *something(void)
{
  return &nothing_ops;
}
