/* SPDX-License-Identifier: BSD-3-Clause
 * bayes.c - Bayesian optimisation: proposed is the point with the greatest expected improvement of
 * the score, times the probability of keeping the constraints, by Gaussian processes (belief.h); it
 * is found by hill climbing from the best of many random points and of the best trials' neighbours.
 *
 * Jones, Schonlau, Welch 1998, J. Global Optim. 13, 455-492; constraints: Gardner et al. 2014, ICML
 * 31; the logarithm of the improvement: Ament et al. 2023, NeurIPS 36; trials that run: Desautels,
 * Krause, Burdick 2014, JMLR 15, 4053-4103; integers: Garrido-Merchan, Hernandez-Lobato 2020,
 * Neurocomputing 380, 20-35. */
#include "belief.h"
#include "sobol.h"

enum { STARTS = 5, ROUNDS = 12, BEST = 8 };
enum { NEAR = 2, WHICH, ADDED }; /* when */
enum { FIRST = 1000 };           /* number of the first uniform point */

typedef struct bayes {
  int32_t startup, points, candidates;
} bayes;

static const rad_key keys[] = {
    RAD_KEY(bayes, startup, "8", 1, 1e6, RAD_FIXED, "quasi-random trials before it starts"),
    RAD_KEY(bayes, points, "128", 16, 5000, RAD_FIXED, "trials that the process has at most"),
    RAD_KEY(bayes, candidates, "512", 16, 1e6, RAD_FIXED,
            "random points from which the greatest expected improvement is sought"),
};

static rad_status plan(rad_ctx *c, void *self, const rad_space *s)
{
  (void)self;
  RAD_TRY(search_one_score(c, s)); /* a cache: digest of a history in two parts, then theta */
  return c->host->tensor(c,
                         RAD_NEW(rad_tensor, .name = "theta", .role = RAD_BUFFER, .type = RAD_F64,
                                 .shape = {2, {1 + s->nconstraint, s->ndim + 3}}));
}

/* --- what is sought --- */
/* ln of the standard normal's distribution function, and of its integral z cdf(z) + pdf(z). */
static double log_cdf(double z)
{
  if (z > -30.0)
    return log(0.5 * erfc(-z * 0.70710678118654752440));
  return -0.5 * z * z - log(-z) - 0.91893853320467274178;
}

static double log_improvement(double z)
{
  if (z > -25.0)
    return log(exp(-0.5 * z * z) * 0.39894228040143267794 +
               z * 0.5 * erfc(-z * 0.70710678118654752440));
  return -0.5 * z * z - 2.0 * log(-z) - 0.91893853320467274178;
}

typedef struct hunt {
  const belief *belief;
  const rad_space *space;
  const rad_history *history;
  bool discrete;
  double *crowd;       /* (GP_LANES,ndim) points */
  double *coordinates; /* (ndim,GP_LANES) theirs */
  double gain[GP_LANES];
  double *start;        /* (STARTS,ndim) the best points so far */
  double reach[STARTS]; /* their gains, best first */
  float *step, *chance; /* (ndim), (2 ndim + 1) draws */
  uint32_t draws;
} hunt;

/* Gains of the crowd; -inf where somebody was in a discrete space. */
static void weigh(hunt *u)
{
  const rad_space *s = u->space;
  double mean[GP_LANES], variance[GP_LANES];
  for (size_t j = 0; j < GP_LANES; j++) {
    const double *x = &u->crowd[j * s->ndim];
    u->gain[j] = u->discrete && search_seen(s, u->history, x) ? -HUGE_VAL : 0.0;
    for (size_t d = 0; d < s->ndim; d++)
      u->coordinates[d * GP_LANES + j] = coordinate(s->dim[d], x[d]);
  }
  for (size_t k = 0; k < u->belief->nmodel; k++) {
    const double limit = u->belief->limit[k];
    if (k == 0 && !u->belief->any)
      continue;
    gp_predict(&u->belief->model[k], u->coordinates, mean, variance);
    for (size_t j = 0; j < GP_LANES; j++) {
      const double spread = sqrt(variance[j]);
      u->gain[j] += k == 0 ? log(spread) + log_improvement((mean[j] - limit) / spread)
                           : log_cdf((limit - mean[j]) / spread);
    }
  }
}

/* Puts what is good in the crowd among the starts. */
static void gather(hunt *u)
{
  const size_t D = u->space->ndim;
  weigh(u);
  for (size_t j = 0; j < GP_LANES; j++)
    for (size_t k = 0; k < STARTS; k++) {
      if (!(u->gain[j] > u->reach[k]))
        continue;
      for (size_t i = STARTS - 1; i > k; i--) {
        u->reach[i] = u->reach[i - 1];
        memcpy(&u->start[i * D], &u->start[(i - 1) * D], D * sizeof *u->start);
      }
      u->reach[k] = u->gain[j];
      memcpy(&u->start[k * D], &u->crowd[j * D], D * sizeof *u->start);
      break;
    }
}

/* The crowd becomes neighbours of a point: half of them differ in most numbers, the others in about
 * one dimension. */
static void surround(rad_ctx *c, hunt *u, const double *from, double sigma)
{
  const rad_space *s = u->space;
  const size_t D = s->ndim;
  for (size_t j = 0; j < GP_LANES; j++) {
    double *x = &u->crowd[j * D];
    rad_at at = {.when = NEAR, .index = u->history->n, .stream = u->draws++};
    c->host->normal(c, &at, 0, D, u->step);
    at.when = WHICH;
    c->host->uniform(c, &at, 0, 2 * D + 1, u->chance);
    const size_t surely = (size_t)(u->chance[2 * D] * (float)D);
    memcpy(x, from, D * sizeof *x);
    for (size_t d = 0; d < D; d++) {
      const rad_dim *m = s->dim[d];
      const double share = j % 2 == 0 && m->type != RAD_ENUM ? 0.8 : 1.0 / (double)D;
      if ((d == surely || (double)u->chance[d] < share) && !isnan(x[d]) && m->lo < m->hi)
        x[d] = search_move(m, x[d], sigma * (double)u->step[d], (double)u->chance[D + d]);
    }
    at.when = ADDED;
    search_mend(c, s, &at, x);
  }
}

/* Climbs from a start; returns the gain reached. */
static double climb(rad_ctx *c, hunt *u, size_t which)
{
  const size_t D = u->space->ndim;
  double *x = &u->start[which * D], top = u->reach[which], sigma = 0.1;
  for (int round = 0; round < ROUNDS; round++) {
    size_t best = GP_LANES;
    surround(c, u, x, sigma);
    weigh(u);
    for (size_t j = 0; j < GP_LANES; j++)
      if (u->gain[j] > top) {
        top = u->gain[j];
        best = j;
      }
    if (best < GP_LANES)
      memcpy(x, &u->crowd[best * D], D * sizeof *x);
    else
      sigma *= 0.5;
  }
  return top;
}

static rad_status seek(rad_ctx *c, const bayes *b, hunt *u, search_rank *r, size_t n, double *point)
{
  const size_t D = u->space->ndim;
  double top = -HUGE_VAL;
  u->crowd = c->host->scratch(c, (D + 1) * GP_LANES * sizeof(double));
  u->coordinates = c->host->scratch(c, (D + 1) * GP_LANES * sizeof(double));
  u->start = c->host->scratch(c, (D + 1) * STARTS * sizeof(double));
  u->step = c->host->scratch(c, (D + 1) * sizeof *u->step);
  u->chance = c->host->scratch(c, (2 * D + 1) * sizeof *u->chance);
  if (!u->crowd || !u->coordinates || !u->start || !u->step || !u->chance)
    return RAD_ENOMEM;
  for (size_t k = 0; k < STARTS; k++)
    u->reach[k] = -HUGE_VAL;
  for (uint64_t k = 0; k < (uint64_t)b->candidates; k += GP_LANES) {
    for (size_t j = 0; j < GP_LANES; j++)
      search_draw(c, u->space, u->history->n, FIRST + k + j, &u->crowd[j * D]);
    gather(u);
  }
  qsort(r, n, sizeof *r, search_compare);
  for (size_t k = 0; k < BEST && k < n; k++) {
    surround(c, u, r[k].trial->value, 0.1);
    gather(u);
  }
  memcpy(point, u->crowd, D * sizeof *point); /* where all were there: search_new draws another */
  for (size_t k = 0; k < STARTS && u->reach[k] > -HUGE_VAL; k++) {
    const double gain = climb(c, u, k);
    if (gain > top)
      memcpy(point, &u->start[k * D], D * sizeof *point);
    top = fmax(top, gain);
  }
  return RAD_OK;
}

static rad_status ask(rad_ctx *c, const void *self, const rad_space *s, const rad_history *h,
                      double *point)
{
  const bayes *b = self;
  belief now;
  search_rank *r = c->host->scratch(c, (h->n + 1) * sizeof *r);
  if (!r)
    return RAD_ENOMEM;
  const size_t n = search_known(s, h, r);
  if (n < (size_t)b->startup) {
    sobol_point(c, s, search_own(h), true, point);
    return search_new(c, s, h, point);
  }
  search_rank *kept = c->host->scratch(c, (n + 1) * sizeof *kept);
  if (!kept)
    return RAD_ENOMEM;
  memcpy(kept, r, n * sizeof *kept);
  RAD_TRY(believe(c, (size_t)b->points, s, h, kept, n, &now));
  hunt u = {.belief = &now, .space = s, .history = h, .discrete = search_discrete(s)};
  RAD_TRY(seek(c, b, &u, r, n, point));
  return search_new(c, s, h, point);
}

static const rad_search_ops ops = {
    .size = sizeof ops, .plan = plan, .ask = ask, .count = search_count};
static const rad_plugin bayes_plugin = {
    RAD_PLUGIN(RAD_SEARCH, "bayes", bayes, &ops), RAD_KEYS(keys),
    .summary = "Gaussian process, expected improvement",
    .reference = "Jones, Schonlau, Welch 1998, J. Global Optim. 13, 455-492"};
RAD_EXPORT(&bayes_plugin)
