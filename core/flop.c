/* SPDX-License-Identifier: BSD-3-Clause
 * flop.c - what one sample costs: the network runs on arithmetic that only counts. */
#include "model.h"

static void swap_arithmetic(model *m, const rad_math *math, double *sum)
{
  for (uint32_t i = 0; i < m->pub.nnode; i++) {
    m->node[i].layer->ctx.math = math;
    m->node[i].layer->owner = sum ? &sum[i] : NULL;
  }
}

static double total(const model *m, const double *sum)
{
  double all = 0;
  for (uint32_t i = 0; i < m->pub.nnode; i++)
    all += sum[i];
  return all;
}

rad_status model_flop(model *m, double *forward, double *backward, double *layer)
{
  const rad_math counting = math_counting(m->backend->plugin);
  const uint64_t id = 0;
  *forward = *backward = 0;
  if (m->pub.nnode == 0)
    return RAD_OK;
  float *x = arena_alloc(&m->mem, (rad_count(&m->node[0].in[0]) + 16) * sizeof *x);
  const model_pass p = {.when = {.nepoch = 1, .nstep = 1},
                        .training = true,
                        .grads = true,
                        .x = x,
                        .n = 1,
                        .id = &id};
  double *sum = arena_alloc(&m->mem, (m->pub.nnode + 1) * sizeof *sum);
  if (!x || !sum)
    return RAD_ENOMEM;
  swap_arithmetic(m, &counting, sum);
  rad_status s = model_forward(m, &p);
  *forward = total(m, sum);
  for (uint32_t i = 0; layer && i < m->pub.nnode; i++)
    layer[i] = sum[i];
  if (s >= 0)
    s = model_backward(m, &p);
  *backward = total(m, sum) - *forward;
  swap_arithmetic(m, &m->math, NULL);
  return s;
}
