/* SPDX-License-Identifier: BSD-3-Clause
 * subset.c - a part of the data first: all of a cohort are trained on the share `first` of the
 * training samples, from new weights and for as many epochs as a whole training has; the best
 * 1/factor of them on the share first * factor, and so on; who is left then, on all samples. A
 * smaller share's samples are among a larger one's. Progressive sampling, Provost et al. 1999,
 * KDD, with the halving of Jamieson, Talwalkar 2016, AISTATS. */
#include "halving.h"

typedef struct subset {
  int32_t cohort, factor;
  double first;
} subset;
static const rad_key keys[] = {
    RAD_KEY(subset, cohort, "9", 2, 100000, RAD_FIXED, "trials that are compared with each other"),
    RAD_KEY(subset, first, "0.1", 1e-6, 1, RAD_FIXED,
            "share of the training samples that all are trained on"),
    RAD_KEY(subset, factor, "3", 2, 100, RAD_FIXED,
            "one in so many goes on, with so many times as many samples"),
};

static rad_status cohort(rad_ctx *c, void *self, uint64_t epochs, uint64_t *n)
{
  (void)c;
  (void)epochs;
  *n = (uint64_t)((const subset *)self)->cohort;
  return RAD_OK;
}

static rad_status judge(rad_ctx *c, const void *self, const rad_history *all, size_t which,
                        uint64_t epochs, rad_verdict *v)
{
  const subset *h = self;
  const rad_trial *t = all->trial[which];
  (void)c;
  (void)epochs;
  v->share = fmin(1.0, h->first * pow((double)h->factor, (double)t->nrung));
  if (!halving_stays_in_cohort(all, (size_t)h->cohort, which, (uint64_t)h->factor))
    v->action = RAD_GIVE_UP;
  return RAD_OK;
}

static const rad_pruner_ops ops = {.size = sizeof ops, .judge = judge, .cohort = cohort};
static const rad_plugin subset_plugin = {
    RAD_PLUGIN(RAD_PRUNER, "subset", subset, &ops), RAD_KEYS(keys),
    .summary = "a share of the samples first: the best of each cohort get more",
    .reference = "Provost et al. 1999, KDD; Jamieson, Talwalkar 2016, AISTATS"};
RAD_EXPORT(&subset_plugin)
