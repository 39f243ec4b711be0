/* SPDX-License-Identifier: BSD-3-Clause
 * table.c - the table of one instruction set. */
#include "../act.h"
#include "isa.h"

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)
static const char *identity(rad_ctx *c)
{
  (void)c;
  return "native " TEXT(RAD_ISA) ", " VECTORS;
}

const rad_math NAME(math) = {.size = sizeof(rad_math),
                             .gemm = NAME(gemm),
                             .sparse = NAME(sparse),
                             .sparse_input = NAME(sparse_input),
                             .sparse_weight = NAME(sparse_weight),
                             .act = act,
                             .identity = identity,
                             .layout = NAME(layout),
                             .pack = NAME(pack),
                             .act_back = act_back};
