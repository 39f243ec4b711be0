/* SPDX-License-Identifier: BSD-3-Clause
 * hyperband.c - successive halving from several first rungs, so that late bloomers have a place. Of
 * R epochs, the brackets s = S, S - 1, ..., 0 with S = floor(log_factor(R / first)) have
 *
 *   n_s = ceil((S + 1) / (s + 1) * factor^s) trials, first rung at R / factor^s epochs (rounded),
 *
 * the next at factor times as many; the trials of bracket 0 are never given up. Li et al. 2018,
 * JMLR 18(185). A cohort is one round of all brackets, in this order. */
#include "halving.h"

typedef struct hyperband {
  int32_t first, factor;
  uint64_t S, cohort; /* set by cohort */
  double R;
} hyperband;
static const rad_key keys[] = {
    RAD_KEY(hyperband, first, "1", 1, 1e6, RAD_FIXED, "least epochs before a first rung"),
    RAD_KEY(hyperband, factor, "3", 2, 100, RAD_FIXED, "one in so many goes on"),
};

static uint64_t bracket_size(const hyperband *h, uint64_t s)
{
  uint64_t power = 1;
  for (uint64_t i = 0; i < s; i++)
    power *= (uint64_t)h->factor;
  return ((h->S + 1) * power + s) / (s + 1);
}

static rad_status cohort(rad_ctx *c, void *self, uint64_t epochs, uint64_t *n)
{
  hyperband *h = self;
  h->R = (double)epochs;
  h->S = h->cohort = 0;
  for (uint64_t e = (uint64_t)h->first; e * (uint64_t)h->factor <= epochs; h->S++)
    e *= (uint64_t)h->factor;
  for (uint64_t s = 0; s <= h->S; s++)
    h->cohort += bracket_size(h, s);
  *n = h->cohort;
  if (h->S > 0)
    return RAD_OK;
  return rad_fail(c, RAD_EINVAL,
                  "%llu epochs have no rung below them: first x factor is %lld, take less",
                  (unsigned long long)epochs, (long long)h->first * h->factor);
}

static rad_status judge(rad_ctx *c, const void *self, const rad_history *all, size_t which,
                        uint64_t epochs, rad_verdict *v)
{
  const hyperband *h = self;
  const rad_trial *t = all->trial[which];
  size_t begin = which / h->cohort * h->cohort;
  uint64_t s = h->S;
  (void)c;
  (void)epochs;
  for (; which >= begin + bracket_size(h, s); s--)
    begin += bracket_size(h, s);
  if (t->nrung > 0 &&
      !halving_stays(all, begin, begin + bracket_size(h, s), which, (uint64_t)h->factor))
    v->action = RAD_GIVE_UP;
  double next = h->R;
  for (size_t k = t->nrung; k < s; k++)
    next /= (double)h->factor;
  v->next = t->nrung < s ? (uint64_t)(next + 0.5) : 0;
  return RAD_OK;
}

static const rad_pruner_ops ops = {.size = sizeof ops, .judge = judge, .cohort = cohort};
static const rad_plugin hyperband_plugin = {
    RAD_PLUGIN(RAD_PRUNER, "hyperband", hyperband, &ops), RAD_KEYS(keys), .needs = 1,
    .summary = "successive halving from several first rungs",
    .reference = "Li et al. 2018, JMLR 18(185)"};
RAD_EXPORT(&hyperband_plugin)
