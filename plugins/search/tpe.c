/* SPDX-License-Identifier: BSD-3-Clause
 * tpe.c - tree of Parzen estimators: one density l over the good trials and one g over the others,
 * and of some draws from l the one with the greatest l/g. Densities are over all dimensions
 * together (parzen.h), so that what is good together is proposed together; a conditional dimension
 * learns from the trials that had it. Trials that run count among the others, so that they are not
 * proposed again at once; so do violations of constraints, by how much, and failures, last.
 *
 * Bergstra, Bardenet, Bengio, Kegl 2011, NeurIPS 24; Falkner, Klein, Hutter 2018, ICML 80,
 * 1437-1446; Akiba et al. 2019, KDD, 2623-2631 (Optuna). */
#include "parzen.h"
#include "sobol.h"

enum { WHEN = 2, OLD = 25, MORE = 10 };

typedef struct tpe {
  int32_t startup, candidates;
  double gamma;
} tpe;

static const rad_key keys[] = {
    RAD_KEY(tpe, startup, "8", 1, 1e6, RAD_FIXED, "quasi-random trials before it starts"),
    RAD_KEY(tpe, candidates, "24", 1, 1e4, RAD_FIXED, "draws for each proposal"),
    RAD_KEY(tpe, gamma, "0.15", 1e-3, 0.9, RAD_FIXED, "share of the trials that is good"),
};

static rad_status plan(rad_ctx *c, void *self, const rad_space *s)
{
  (void)self;
  return search_one_score(c, s);
}

/* Of n points in order of age and the prior: the latest OLD count 1, the others less with age. */
static void weigh(double *w, size_t n)
{
  double sum = 1.0;
  for (size_t k = 0; k < n; k++) {
    const size_t m = n > OLD ? n - OLD : 0;
    w[k] = k >= m   ? 1.0
           : m == 1 ? 1.0 / (double)n
                    : 1.0 / (double)n + (1.0 - 1.0 / (double)n) * (double)k / (double)(m - 1);
    sum += w[k];
  }
  w[n] = 1.0;
  for (size_t k = 0; k <= n; k++)
    w[k] /= sum;
}

/* Densities of the good trials and the others. good[i]: trial i is. */
static rad_status fit(rad_ctx *c, const rad_space *s, const rad_history *h, const bool *good,
                      parzen out[2])
{
  for (int side = 0; side < 2; side++) {
    const double **value = c->host->scratch(c, (h->n + 1) * sizeof *value);
    double *weight = c->host->scratch(c, (h->n + 1) * sizeof *weight);
    size_t n = 0;
    if (!value || !weight)
      return RAD_ENOMEM;
    for (size_t i = 0; i < h->n; i++)
      if (good[i] == (side == 0) && h->trial[i]->state != RAD_LOST)
        value[n++] = h->trial[i]->value;
    weigh(weight, n);
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
  bool *good = c->host->scratch(c, h->n + 1);
  parzen p[2];
  if (!r || !good)
    return RAD_ENOMEM;
  const size_t n = search_known(s, h, r);
  if (n < (size_t)t->startup) {
    sobol_point(c, s, search_own(h), true, point);
    return search_new(c, s, h, point);
  }
  qsort(r, n, sizeof *r, search_compare);
  for (size_t i = 0; i < h->n; i++)
    good[i] = false;
  const double ngood = fmin(ceil(t->gamma * (double)n), (double)OLD);
  for (size_t i = 0; i < (size_t)ngood; i++)
    good[r[i].trial->index] = true;
  RAD_TRY(fit(c, s, h, good, p));
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
