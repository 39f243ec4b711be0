/* SPDX-License-Identifier: BSD-3-Clause
 * samples.h - what measures share: the class that a network answers, and a part of a split for what
 * is too dear for all of it. */
#ifndef MEASURE_SAMPLES_H
#define MEASURE_SAMPLES_H
#include <math.h>
#include <rademacher/measure.h>

/* The class with the largest output of y (T), the first one among equals; -1 where one is NaN. */
static inline int32_t top_class(const float *y, size_t T)
{
  size_t top = 0;
  for (size_t k = 0; k < T; k++) {
    if (isnan(y[k]))
      return -1;
    top = y[k] > y[top] ? k : top;
  }
  return (int32_t)top;
}

/* A measure that counts answers needs one class per sample, and an output for each class. */
static inline rad_status classes_check(rad_ctx *c, const rad_model *m, const rad_facts *f)
{
  if (f->target != RAD_CLASS)
    return rad_fail(c, RAD_EINVAL, "needs one class per sample");
  if (m && m->nnode > 0 && rad_count(&m->node[m->nnode - 1]->out) != f->ntarget)
    return rad_fail(c, RAD_EINVAL, "wants an output for each of the %zu classes", f->ntarget);
  return RAD_OK;
}

/* Of the largest split, at least 1. */
static inline size_t most_samples(const rad_facts *f)
{
  uint64_t most = 1;
  for (size_t k = 0; k < RAD_NSPLIT; k++)
    most = f->n[k] > most ? f->n[k] : most;
  return (size_t)most;
}

typedef struct part { /* n of a split's N samples, evenly spread over it */
  rad_source *source;
  uint64_t N, n;
  uint64_t *row; /* (lab->most) of the batch */
} part;

static inline rad_status part_open(rad_ctx *c, part *p, const char *split, int32_t samples)
{
  RAD_TRY(c->lab->source(c, split, &p->source, &p->N));
  if (p->N == 0)
    return rad_fail(c, RAD_EINVAL, "split = %s has no samples", split);
  p->n = (uint64_t)samples < p->N ? (uint64_t)samples : p->N;
  p->row = c->host->scratch(c, c->lab->most * sizeof *p->row);
  return p->row || c->lab->most == 0 ? RAD_OK : RAD_ENOMEM; /* in plan nothing can be fetched yet */
}

/* The batch of its samples first, first + 1, ...; b->n is 0 behind the last one. The one before is
 * given back. */
static inline rad_status part_next(rad_ctx *c, const part *p, uint64_t first, rad_batch **b)
{
  const uint64_t left = p->n - first, most = c->lab->most;
  const size_t n = (size_t)(left < most ? left : most);
  for (size_t i = 0; i < n; i++)
    p->row[i] = (first + i) * p->N / p->n;
  if (first > 0)
    c->lab->drop(c);
  return c->lab->fetch(c, p->source, p->row, 0, n, b);
}
#endif
