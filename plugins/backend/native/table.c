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
                             .conv = NAME(conv),
                             .conv_input = NAME(conv_input),
                             .conv_weight = NAME(conv_weight),
                             .sparse = NAME(sparse),
                             .sparse_input = NAME(sparse_input),
                             .sparse_weight = NAME(sparse_weight),
                             .sparse_both = NAME(sparse_both),
                             .act = act,
                             .layout = NAME(layout),
                             .pack = NAME(pack),
                             .identity = identity,
                             .shadow = NAME(shadow),
                             .act_back = act_back,
                             .axpy = axpy,
                             .max_pool = NAME(max_pool),
                             .max_pool_back = NAME(max_pool_back),
                             .sparse_conv = NAME(sparse_conv),
                             .sparse_conv_input = NAME(sparse_conv_input),
                             .sparse_conv_weight = NAME(sparse_conv_weight),
                             .sparse_below = NAME(sparse_below)};
