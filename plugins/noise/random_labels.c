/* SPDX-License-Identifier: BSD-3-Clause
 * random_labels.c - with probability `rate` a label is replaced, by a uniformly random class, which
 * may be the same one (convention = any: Zhang et al. 2016, arXiv 1611.03530), or by a uniformly
 * random wrong class (convention = wrong: Nakkiran et al. 2019, arXiv 1912.02292). Sample i's draws
 * depend on i alone: labels changed at one rate are changed alike at every higher one. Training and
 * test samples of the same number have different draws. */
#include "labels.h"

enum { ANY, WRONG };
typedef struct random_labels {
  double rate;
  int32_t convention;
} random_labels;

static const char *const conventions[] = {"any", "wrong", NULL};
static const rad_key keys[] = {
    RAD_KEY(random_labels, rate, "1", 0, 1, 0, "probability that a label is replaced"),
    RAD_CHOICE(random_labels, convention, "any", conventions,
               "replaced by any class, or by a wrong one"),
};

static rad_status plan(rad_ctx *c, void *self, const rad_facts *f)
{
  (void)self;
  return label_plan(c, f);
}

static rad_status split(rad_ctx *c, const void *self, rad_part *p)
{
  const random_labels *r = self;
  const uint32_t K = (uint32_t)p->facts->ntarget;
  int32_t *y = p->y; /* (n) */
  for (size_t i = 0; i < p->n; i++) {
    const rad_at which = label_draw(p, i, WHICH);
    if (y[i] < 0 || !label_changes(c, p, i, r->rate))
      continue;
    y[i] = r->convention == ANY
               ? (int32_t)rad_below(c, &which, 0, K)
               : (int32_t)(((uint32_t)y[i] + 1 + rad_below(c, &which, 0, K - 1)) % K);
  }
  return RAD_OK;
}

static const rad_noise_ops ops = {
    .size = sizeof ops, .flags = RAD_CHANGES_TARGETS, .plan = plan, .split = split};
static const rad_plugin labels_plugin = {
    RAD_PLUGIN(RAD_NOISE, "random_labels", random_labels, &ops),
    RAD_KEYS(keys),
    .summary = "labels replaced by random classes",
    .version = "1",
    .reference = "Zhang et al. 2016, arXiv 1611.03530",
};
RAD_EXPORT(&labels_plugin)
