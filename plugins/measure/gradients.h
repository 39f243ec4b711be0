/* SPDX-License-Identifier: BSD-3-Clause
 * gradients.h - all trained tensors of a network as one list of P numbers, for measures. */
#ifndef MEASURE_GRADIENTS_H
#define MEASURE_GRADIENTS_H
#include <rademacher/measure.h>

typedef struct gradient {
  size_t P;
  float *v;   /* (P) */
  float **at; /* (model->nparam) of each tensor in it, NULL where it is not trained */
} gradient;

static inline rad_status gradient_open(rad_ctx *c, const rad_model *m, gradient *g)
{
  g->P = 0;
  for (uint32_t i = 0; i < m->nparam; i++)
    g->P += m->param[i]->grad ? rad_count(&m->param[i]->shape) : 0;
  if (g->P == 0)
    return rad_fail(c, RAD_EINVAL, "no layer of this network is trained");
  g->v = c->host->scratch(c, g->P * sizeof *g->v);
  g->at = c->host->scratch(c, m->nparam * sizeof *g->at);
  if (!g->v || !g->at)
    return rad_fail(c, RAD_ENOMEM, "no memory for %zu numbers", g->P);
  float *to = g->v;
  for (uint32_t i = 0; i < m->nparam; i++) {
    g->at[i] = m->param[i]->grad ? to : NULL;
    to += m->param[i]->grad ? rad_count(&m->param[i]->shape) : 0;
  }
  return RAD_OK;
}

/* Doubles for as many numbers, all 0. */
static inline rad_status gradient_sum(rad_ctx *c, const gradient *g, double **sum)
{
  if (!(*sum = c->host->scratch(c, g->P * sizeof **sum)))
    return rad_fail(c, RAD_ENOMEM, "no memory for %zu numbers", g->P);
  for (size_t k = 0; k < g->P; k++)
    (*sum)[k] = 0;
  return RAD_OK;
}
#endif
