/* SPDX-License-Identifier: BSD-3-Clause
 * table.c - the table of one instruction set. */
#include "../act.h"
#include "isa.h"

const rad_math NAME(math) = {.size = sizeof(rad_math),
                             .gemm = NAME(gemm),
                             .sparse = NAME(sparse),
                             .sparse_input = NAME(sparse_input),
                             .sparse_weight = NAME(sparse_weight),
                             .act = act,
                             .act_back = act_back};
