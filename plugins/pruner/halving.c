/* SPDX-License-Identifier: BSD-3-Clause
 * halving.c - successive halving: of each cohort of so many trials, the best 1/factor go on at each
 * of the rungs first, first * factor, first * factor^2, ... epochs. Jamieson, Talwalkar 2016,
 * AISTATS. The deterministic kin of ASHA: a rung waits for the whole cohort, not for time. */
#include "halving.h"

typedef struct halving {
  int32_t cohort, first, factor;
} halving;
static const rad_key keys[] = {
    RAD_KEY(halving, cohort, "9", 2, 100000, RAD_FIXED, "trials that are compared with each other"),
    RAD_KEY(halving, first, "1", 1, 1e6, RAD_FIXED, "epochs before the first rung"),
    RAD_KEY(halving, factor, "3", 2, 100, RAD_FIXED, "one in so many goes on"),
};

static rad_status cohort(rad_ctx *c, void *self, uint64_t epochs, uint64_t *n)
{
  (void)c;
  (void)epochs;
  *n = (uint64_t)((const halving *)self)->cohort;
  return RAD_OK;
}

static rad_status judge(rad_ctx *c, const void *self, const rad_history *all, size_t which,
                        uint64_t epochs, rad_verdict *v)
{
  const halving *h = self;
  const rad_trial *t = all->trial[which];
  (void)c;
  (void)epochs;
  v->next = t->nrung > 0 ? t->rung[t->nrung - 1].epoch * (uint64_t)h->factor : (uint64_t)h->first;
  if (!halving_stays_in_cohort(all, (size_t)h->cohort, which, (uint64_t)h->factor))
    v->action = RAD_GIVE_UP;
  return RAD_OK;
}

static const rad_pruner_ops ops = {.size = sizeof ops, .judge = judge, .cohort = cohort};
static const rad_plugin halving_plugin = {
    RAD_PLUGIN(RAD_PRUNER, "halving", halving, &ops), RAD_KEYS(keys),
    .summary = "successive halving: the best of each cohort go on",
    .reference = "Jamieson, Talwalkar 2016, AISTATS"};
RAD_EXPORT(&halving_plugin)
