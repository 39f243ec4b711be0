/* SPDX-License-Identifier: BSD-3-Clause
 * tpe.c - tree of Parzen estimators: one density l over the good trials and one g over the others,
 * and of some draws from l the one with the greatest l/g. Densities are over all dimensions
 * together (parzen.h), so that what is good together is proposed together; a conditional dimension
 * learns from the trials that had it. Trials that run count among the others, so that they are not
 * proposed again at once; so do violations of constraints, by how much, and failures, last.
 *
 * The good trials do not count alike: the one of rank r of m counts log((m + 1) / r), as in the
 * recombination of CMA-ES, so that l leans to the best without regard to the scale of the score.
 * Weights by the score itself are expected improvement (Song et al. 2022), by which its value could
 * decide alone. The others count alike for the last 25, and less before. What is chosen here
 * otherwise than in Optuna: 5 trials before it starts, which are quasi-random, not 10 random ones;
 * 15 % are good, not 10 %; of a discrete space no point is proposed twice; widths (parzen.h).
 *
 * Bergstra, Bardenet, Bengio, Kegl 2011, NeurIPS 24; Falkner, Klein, Hutter 2018, ICML 80,
 * 1437-1446; Akiba et al. 2019, KDD, 2623-2631 (Optuna); Hansen 2016, arXiv 1604.00772
 * (weights); Song, Yu, Neiswanger, Ermon 2022, ICML 162, 20384-20404; Watanabe 2023, arXiv
 * 2304.11127 (what each part does). */
#include "parzen.h"
#include "sobol.h"

enum { WHEN = 2, OLD = 25, MORE = 10 };

typedef struct tpe {
  int32_t startup, candidates;
  double gamma;
} tpe;

static const rad_key keys[] = {
    RAD_KEY(tpe, startup, "5", 1, 1e6, RAD_FIXED, "quasi-random trials before it starts"),
    RAD_KEY(tpe, candidates, "24", 1, 1e4, RAD_FIXED, "draws for each proposal"),
    RAD_KEY(tpe, gamma, "0.15", 1e-3, 0.9, RAD_FIXED, "share of the trials that is good"),
};

static rad_status plan(rad_ctx *c, void *self, const rad_space *s)
{
  (void)self;
  return search_one_score(c, s);
}

/* Makes the sum of n weights and that of the prior, which counts as their mean, 1. */
static void normalise(double *w, size_t n)
{
  double sum = 0.0;
  for (size_t k = 0; k < n; k++)
    sum += w[k];
  w[n] = n > 0 ? sum / (double)n : 1.0;
  sum += w[n];
  for (size_t k = 0; k <= n; k++)
    w[k] /= sum;
}

/* Of n points in order of age: the latest OLD count 1, the others less with age. */
static void weigh_by_age(double *w, size_t n)
{
  const size_t m = n > OLD ? n - OLD : 0;
  for (size_t k = 0; k < n; k++)
    w[k] = k >= m   ? 1.0
           : m == 1 ? 1.0 / (double)n
                    : 1.0 / (double)n + (1.0 - 1.0 / (double)n) * (double)k / (double)(m - 1);
}

/* Densities of the `ngood` good trials and the others. rank[i]: of trial i, from 1; 0: not good. */
static rad_status fit(rad_ctx *c, const rad_space *s, const rad_history *h, const size_t *rank,
                      size_t ngood, parzen out[2])
{
  for (int side = 0; side < 2; side++) {
    const double **value = c->host->scratch(c, (h->n + 1) * sizeof *value);
    double *weight = c->host->scratch(c, (h->n + 1) * sizeof *weight);
    size_t n = 0;
    if (!value || !weight)
      return RAD_ENOMEM;
    for (size_t i = 0; i < h->n; i++)
      if ((rank[i] > 0) == (side == 0) && h->trial[i]->state != RAD_LOST) {
        weight[n] = side == 0 ? log((double)(ngood + 1) / (double)rank[i]) : 0.0;
        value[n++] = h->trial[i]->value;
      }
    if (side == 1)
      weigh_by_age(weight, n);
    normalise(weight, n);
    RAD_TRY(parzen_fit(c, &out[side], s, n, value, weight));
  }
  return RAD_OK;
}

/* The best of some draws from l; of a discrete space those that were there do not count. */
static rad_status propose(rad_ctx *c, const tpe *t, const rad_space *s, const rad_history *h,
                          const parzen p[2], double *point)
{
  double *x = c->host->scratch(c, (s->ndim + 1) * sizeof *x);
  double *term = c->host->scratch(c, (h->n + 1) * sizeof *term);
  double top = -HUGE_VAL;
  const bool discrete = search_discrete(s);
  int32_t n = 0;
  if (!x || !term)
    return RAD_ENOMEM;
  for (uint32_t k = 0; n < t->candidates && k < MORE * (uint32_t)t->candidates; k++) {
    parzen_draw(c, &p[0], (rad_at){WHEN, h->n, k * (uint32_t)(s->ndim + 1)}, x);
    if (discrete && search_seen(s, h, x))
      continue;
    const double gain = parzen_log(&p[0], x, term) - parzen_log(&p[1], x, term);
    for (size_t d = 0; d < s->ndim && (n == 0 || gain > top); d++)
      point[d] = x[d];
    top = n == 0 ? gain : fmax(gain, top);
    n++;
  }
  for (size_t d = 0; d < s->ndim && n == 0; d++)
    point[d] = x[d]; /* which search_new replaces */
  return RAD_OK;
}

static rad_status ask(rad_ctx *c, const void *self, const rad_space *s, const rad_history *h,
                      double *point)
{
  const tpe *t = self;
  search_rank *r = c->host->scratch(c, (h->n + 1) * sizeof *r);
  size_t *rank = c->host->scratch(c, (h->n + 1) * sizeof *rank);
  parzen p[2];
  if (!r || !rank)
    return RAD_ENOMEM;
  const size_t n = search_known(s, h, r);
  if (n < (size_t)t->startup) {
    sobol_point(c, s, search_own(h), true, point);
    return search_new(c, s, h, point);
  }
  qsort(r, n, sizeof *r, search_compare);
  for (size_t i = 0; i < h->n; i++)
    rank[i] = 0;
  const size_t ngood = (size_t)fmin(ceil(t->gamma * (double)n), (double)OLD);
  for (size_t i = 0; i < ngood; i++)
    rank[r[i].trial->index] = i + 1;
  RAD_TRY(fit(c, s, h, rank, ngood, p));
  RAD_TRY(propose(c, t, s, h, p, point));
  return search_new(c, s, h, point);
}

static const rad_search_ops ops = {
    .size = sizeof ops, .plan = plan, .ask = ask, .count = search_count};
static const rad_plugin tpe_plugin = {
    RAD_PLUGIN(RAD_SEARCH, "tpe", tpe, &ops), RAD_KEYS(keys),
    .summary = "tree of Parzen estimators, multivariate",
    .reference = "Bergstra et al. 2011, NeurIPS 24; Falkner et al. 2018, ICML 80, 1437-1446"};
RAD_EXPORT(&tpe_plugin)
