/* SPDX-License-Identifier: BSD-3-Clause
 * median.c - gives a trial up whose best value so far is below the median, over the earlier trials
 * that came as far, of their mean value up to this epoch. Golovin et al. 2017, KDD, section 3.2
 * (median automated stopping). Earlier trials are those that the search saw as well ([search]
 * lag), so the first ones are never given up. */
#include <rademacher/pruner.h>
#include <stdlib.h>

typedef struct median {
  int32_t first, every, trials;
} median;
static const rad_key keys[] = {
    RAD_KEY(median, first, "1", 1, 1e6, RAD_FIXED, "epochs before the first rung"),
    RAD_KEY(median, every, "1", 1, 1e6, RAD_FIXED, "epochs from rung to rung"),
    RAD_KEY(median, trials, "5", 1, 1e6, RAD_FIXED,
            "nothing is given up before so many others have come as far"),
};

/* Mean of a trial's rungs up to an epoch; false: it has not come so far. */
static bool mean_until(const rad_trial *t, uint64_t epoch, double *mean)
{
  size_t n = 0;
  *mean = 0.0;
  for (; n < t->nrung && t->rung[n].epoch <= epoch; n++)
    *mean += t->rung[n].value;
  if (n == 0 || t->rung[t->nrung - 1].epoch < epoch)
    return false;
  *mean /= (double)n;
  return true;
}

static int ascending(const void *pa, const void *pb)
{
  const double a = *(const double *)pa, b = *(const double *)pb;
  return (a > b) - (a < b);
}

static rad_status judge(rad_ctx *c, const void *self, const rad_history *all, size_t which,
                        uint64_t epochs, rad_verdict *v)
{
  const median *m = self;
  const rad_trial *t = all->trial[which];
  size_t n = 0;
  (void)epochs;
  if (t->nrung == 0) {
    v->next = (uint64_t)m->first;
    return RAD_OK;
  }
  const uint64_t now = t->rung[t->nrung - 1].epoch;
  double best = t->rung[0].value, *mean = c->host->scratch(c, (all->n + 1) * sizeof *mean);
  if (!mean)
    return RAD_ENOMEM;
  for (size_t i = 1; i < t->nrung; i++)
    best = t->rung[i].value > best ? t->rung[i].value : best;
  for (size_t i = 0; i < which; i++)
    n += mean_until(all->trial[i], now, &mean[n]);
  v->next = now + (uint64_t)m->every;
  if (n < (size_t)m->trials)
    return RAD_OK;
  qsort(mean, n, sizeof *mean, ascending);
  v->action = best < 0.5 * (mean[(n - 1) / 2] + mean[n / 2]) ? RAD_GIVE_UP : RAD_GO_ON;
  return RAD_OK;
}

static const rad_pruner_ops ops = {.size = sizeof ops, .judge = judge};
static const rad_plugin median_plugin = {
    RAD_PLUGIN(RAD_PRUNER, "median", median, &ops), RAD_KEYS(keys),
    .summary = "gives up what is below the median of the earlier trials",
    .reference = "Golovin et al. 2017, KDD"};
RAD_EXPORT(&median_plugin)
