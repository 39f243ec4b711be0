/* SPDX-License-Identifier: BSD-3-Clause
 * belief.h - what bayes believes at a trial: a Gaussian process (gp.h) through the scores, and one
 * through the violations of each constraint. Of many trials the processes have the best, some of
 * the others and the latest, `points` at most; their lengths and noise are fitted when the number
 * of trials has grown by a quarter, or by points / 4.
 *
 * Coordinates are on the scale of each dimension, whose range is [0,1], at the values that a trial
 * can take; a dimension that is not there has its centre, or is a choice of its own. A trial that
 * failed has the worst score; scores below the median are drawn closer, so that what is hopeless
 * does not decide how smooth the best are. Trials that run are points whose result is the mean of
 * the process: nothing is learned there, and nothing sought. */
#ifndef PLUGINS_SEARCH_BELIEF_H
#define PLUGINS_SEARCH_BELIEF_H
#include "gp.h"
#include "point.h"

typedef struct belief {
  const rad_space *space;
  size_t nmodel;
  gp *model;     /* (nmodel) of the score, then of each violation */
  double *limit; /* (nmodel) the best mean of those that keep the constraints; where one is kept */
  bool any;      /* some trial keeps them */
} belief;

static inline double coordinate(const rad_dim *m, double v)
{
  if (m->type == RAD_ENUM)
    return isnan(v) ? -1.0 : v;
  return isnan(v) ? 0.5 : rad_dim_unit(m, v);
}

/* --- results --- */
/* Of a model: a score, -inf where the trial failed, or a violation; NaN: not known. */
static inline double result(const search_rank *r, size_t model)
{
  if (model > 0)
    return r->trial->violation[model - 1];
  const double v = r->trial->score[0];
  return r->class == SEARCH_FAILED || isinf(v) ? -HUGE_VAL : v;
}

static inline int ascending(const void *pa, const void *pb)
{
  const double a = *(const double *)pa, b = *(const double *)pb;
  return (a > b) - (a < b);
}

/* Scores: failures become the worst, what is below the median m is drawn closer, logarithmically in
 * units of best - m. Violations: likewise on both sides of 0, in units of their median. Then mean
 * 0 and variance 1; returned is where 0 is now. sorted (n) is room. */
static inline double standardise(double *y, size_t n, bool scores, double *sorted)
{
  double mean = 0.0, square = 0.0, worst = HUGE_VAL;
  for (size_t i = 0; i < n; i++)
    worst = isinf(y[i]) ? worst : fmin(worst, y[i]);
  for (size_t i = 0; i < n; i++) {
    y[i] = isinf(y[i]) ? (isinf(worst) ? 0.0 : worst) : y[i];
    sorted[i] = scores ? y[i] : fabs(y[i]);
  }
  qsort(sorted, n, sizeof *sorted, ascending);
  const double median = n > 0 ? sorted[n / 2] : 0.0, centre = scores ? median : 0.0,
               unit = scores && n > 0 ? sorted[n - 1] - median : median;
  for (size_t i = 0; i < n; i++) {
    const double off = fabs(y[i] - centre);
    if (unit > 0.0 && (!scores || y[i] < centre))
      y[i] = centre + (y[i] < centre ? -unit : unit) * log(1.0 + off / unit);
    mean += y[i] / (double)n;
  }
  for (size_t i = 0; i < n; i++)
    square += (y[i] - mean) * (y[i] - mean) / (double)n;
  const double scale = square > 0.0 ? 1.0 / sqrt(square) : 1.0;
  for (size_t i = 0; i < n; i++)
    y[i] = (y[i] - mean) * scale;
  return -mean * scale;
}

/* --- which trials --- */
/* How many of the first n trials the parameters are fitted to. */
static inline size_t fitted(size_t points, size_t n)
{
  size_t at = 1;
  for (;;) {
    const size_t quarter = at / 4 > 0 ? at / 4 : 1, most = points / 4,
                 next = at + (quarter < most ? quarter : most);
    if (next > n)
      return at;
    at = next;
  }
}

/* Of the first n in r, 3/4 of `points` stay: the best, and of the others some, evenly. Moves them
 * to the front, in order of index, and those from n to all behind them; returns how many of the
 * first stay. */
static inline rad_status thin(rad_ctx *c, size_t points, search_rank *r, size_t *n, size_t *all)
{
  const size_t most = points - points / 4, best = most / 2, was = *n;
  search_rank *sorted = c->host->scratch(c, (was + 1) * sizeof *sorted);
  if (!sorted)
    return RAD_ENOMEM;
  if (was <= most)
    return RAD_OK;
  for (size_t i = 0; i < was; i++)
    sorted[i] = r[i];
  qsort(sorted, was, sizeof *sorted, search_compare);
  const search_rank last = sorted[best - 1];
  const size_t others = was - best, wanted = most - best;
  size_t out = 0, seen = 0;
  for (size_t i = 0; i < *all; i++) {
    bool stays = i >= was || search_compare(&r[i], &last) < 0 || r[i].trial == last.trial;
    if (!stays) { /* every (others / wanted)-th */
      stays = (seen + 1) * wanted / others > seen * wanted / others;
      seen++;
    }
    if (stays)
      r[out++] = r[i];
  }
  *n = most;
  *all = out;
  return RAD_OK;
}

/* --- the processes --- */
/* A process through those of r[0..n) whose result is known, then the points of running trials. */
static inline rad_status model_of(rad_ctx *c, const rad_space *s, size_t model,
                                  const search_rank *r, size_t n, const rad_trial *const *running,
                                  size_t nrunning, gp *g, double *zero)
{
  const size_t D = s->ndim;
  bool *choice = c->host->scratch(c, D + 1);
  double *x = c->host->scratch(c, ((n + nrunning) * D + 1) * sizeof *x);
  double *sorted = c->host->scratch(c, (n + 1) * sizeof *sorted);
  size_t known = 0;
  for (size_t i = 0; i < n; i++)
    known += isnan(result(&r[i], model)) ? 0 : 1;
  if (!choice || !x || !sorted)
    return RAD_ENOMEM;
  RAD_TRY(gp_new(c, g, known + nrunning, D));
  for (size_t d = 0; d < D; d++)
    choice[d] = s->dim[d]->type == RAD_ENUM;
  for (size_t i = 0; i < n + nrunning; i++) {
    const double *value = i < n ? r[i].trial->value : running[i - n]->value;
    if (i < n && isnan(result(&r[i], model)))
      continue;
    for (size_t d = 0; d < D; d++)
      x[g->known * D + d] = coordinate(s->dim[d], value[d]);
    if (i < n)
      g->y[g->known] = result(&r[i], model);
    g->known++;
  }
  g->known = known;
  g->x = x;
  g->choice = choice;
  *zero = standardise(g->y, known, model == 0, sorted);
  return RAD_OK;
}

/* theta of a model, as fitted to the first trials, kept or anew. */
static inline rad_status parameters(rad_ctx *c, const rad_space *s, size_t model,
                                    const search_rank *r, size_t n, uint64_t digest, double *theta)
{
  const size_t m = s->ndim + 1;
  double *kept = (double *)c->state[0] + model * (m + 2), zero;
  const double part[2] = {(double)(digest >> 32), (double)(digest & UINT32_MAX)};
  if (kept[0] != part[0] || kept[1] != part[1]) {
    gp g;
    RAD_TRY(model_of(c, s, model, r, n, NULL, 0, &g, &zero));
    RAD_TRY(gp_fit(c, &g));
    memcpy(kept, part, sizeof part);
    memcpy(kept + 2, g.theta, m * sizeof *theta);
  }
  memcpy(theta, kept + 2, m * sizeof *theta);
  return RAD_OK;
}

/* limit[0]: the greatest mean at a trial that keeps the constraints: y - e alpha = R alpha. */
static inline void best_mean(belief *b, const search_rank *r, size_t n)
{
  const gp *g = &b->model[0];
  size_t k = 0;
  b->limit[0] = -HUGE_VAL;
  for (size_t i = 0; i < n; i++) {
    if (isnan(result(&r[i], 0)))
      continue;
    if (r[i].class == SEARCH_GOOD)
      b->limit[0] = fmax(b->limit[0], g->y[k] - exp(g->theta[g->D]) * g->alpha[k]);
    k++;
  }
  b->any = b->limit[0] > -HUGE_VAL;
}

/* Processes of all that is known at trial h->n, r (n): in order of index. */
static inline rad_status believe(rad_ctx *c, size_t points, const rad_space *s,
                                 const rad_history *h, search_rank *r, size_t n, belief *b)
{
  const rad_trial **running = c->host->scratch(c, (points / 4 + 1) * sizeof *running);
  size_t nrunning = 0, first = fitted(points, n);
  *b = (belief){.space = s, .nmodel = 1 + s->nconstraint};
  b->model = c->host->scratch(c, b->nmodel * sizeof *b->model);
  b->limit = c->host->scratch(c, b->nmodel * sizeof *b->limit);
  if (!running || !b->model || !b->limit)
    return RAD_ENOMEM;
  for (size_t i = h->n; i-- > 0 && nrunning < points / 4;)
    if (h->trial[i]->state == RAD_RUNNING)
      running[nrunning++] = h->trial[i];
  const uint64_t digest = search_digest(s, h, (size_t)r[first - 1].trial->index + 1);
  RAD_TRY(thin(c, points, r, &first, &n));
  for (size_t k = 0; k < b->nmodel; k++) {
    gp *g = &b->model[k];
    RAD_TRY(model_of(c, s, k, r, n, running, nrunning, g, &b->limit[k]));
    RAD_TRY(parameters(c, s, k, r, first, digest, g->theta));
    gp_factor(g);
    gp_results(g);
  }
  best_mean(b, r, n);
  return RAD_OK;
}
#endif
