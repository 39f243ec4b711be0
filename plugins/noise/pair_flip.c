/* SPDX-License-Identifier: BSD-3-Clause
 * pair_flip.c - with probability `rate` a label y becomes y + 1, the last class the first: each
 * class is mistaken for one other. Labels changed at one rate are changed at every higher one. Han
 * et al. 2018, arXiv 1804.06872. */
#include "labels.h"

typedef struct pair_flip {
  double rate;
} pair_flip;

static const rad_key keys[] = {
    RAD_KEY(pair_flip, rate, "0.45", 0, 1, 0, "probability that a label becomes the next class"),
};

static rad_status plan(rad_ctx *c, void *self, const rad_facts *f)
{
  (void)self;
  return label_plan(c, f);
}

static rad_status split(rad_ctx *c, const void *self, rad_part *p)
{
  const pair_flip *f = self;
  int32_t *y = p->y; /* (n) */
  for (size_t i = 0; i < p->n; i++)
    if (y[i] >= 0 && label_changes(c, p, i, f->rate))
      y[i] = (size_t)y[i] + 1 < p->facts->ntarget ? y[i] + 1 : 0;
  return RAD_OK;
}

static const rad_noise_ops ops = {
    .size = sizeof ops, .flags = RAD_CHANGES_TARGETS, .plan = plan, .split = split};
static const rad_plugin flip_plugin = {
    RAD_PLUGIN(RAD_NOISE, "pair_flip", pair_flip, &ops), RAD_KEYS(keys),
    .summary = "labels replaced by the next class",      .version = "1",
    .reference = "Han et al. 2018, arXiv 1804.06872",
};
RAD_EXPORT(&flip_plugin)
