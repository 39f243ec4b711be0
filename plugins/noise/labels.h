/* SPDX-License-Identifier: BSD-3-Clause
 * labels.h - which labels a noise changes. The draws of sample i depend on i alone, so labels
 * changed at one rate are changed at every higher one, and two noises of one section name and rate
 * (in two arms) change the same samples. Training and test samples of the same number have
 * different draws. */
#ifndef PLUGINS_NOISE_LABELS_H
#define PLUGINS_NOISE_LABELS_H
#include <rademacher/noise.h>

enum { WHETHER, WHICH, STREAMS }; /* streams; those of the test split follow */

static inline rad_at label_draw(const rad_part *p, size_t i, uint32_t stream)
{
  return (rad_at){.index = p->id[i], .stream = (p->split == RAD_TEST ? STREAMS : 0) + stream};
}

/* With probability `rate` */
static inline bool label_changes(rad_ctx *c, const rad_part *p, size_t i, double rate)
{
  float u;
  const rad_at at = label_draw(p, i, WHETHER);
  c->host->uniform(c, &at, 0, 1, &u);
  return (double)u < rate;
}

static inline rad_status label_plan(rad_ctx *c, const rad_facts *f)
{
  if (f->target != RAD_CLASS || f->ntarget < 2)
    return rad_fail(c, RAD_EINVAL, "needs a data set with one of two or more classes per sample");
  return RAD_OK;
}
#endif
