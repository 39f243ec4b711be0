/* SPDX-License-Identifier: BSD-3-Clause
 * cma_es.c - evolution strategy with covariance matrix adaptation, for numbers. Points are normal,
 * x = m + sigma A z with A A' = C, on the scale of each dimension, whose range is [0,1]; what falls
 * outside is drawn again. Every `population` trials that have ended, the better half moves the mean
 * m and shapes the covariance C; the length of the path of the mean sets sigma. Trials drawn from
 * an older distribution (those that ran meanwhile) count like points from elsewhere, cut to a
 * likely length. A distribution that is as narrow as `tolerance` starts anew somewhere else with
 * twice the population. Integers are rounded.
 *
 * Hansen 2016, The CMA evolution strategy: a tutorial, arXiv 1604.00772; A lower triangular:
 * Krause, Arbones, Igel 2016, NeurIPS 29; points from elsewhere: Hansen 2011, INRIA 7748; starts:
 * Auger, Hansen 2005, CEC, 1769-1776. */
#include "point.h"

enum { WHEN = 2, START = 3 };

typedef struct cma_es {
  int32_t population;
  double sigma, tolerance;
} cma_es;

static const rad_key keys[] = {
    RAD_KEY(cma_es, population, "0", 0, 1e6, RAD_FIXED,
            "trials of a generation; 0: 4 + 3 ln(number of dimensions)"),
    RAD_KEY(cma_es, sigma, "0.3", 1e-3, 1, RAD_FIXED,
            "standard deviation at the start; 1: the whole range of each dimension"),
    RAD_KEY(cma_es, tolerance, "0.0001", 0, 1, RAD_FIXED,
            "largest standard deviation of a distribution that is given up; 0: never"),
};

typedef struct course { /* of D dimensions */
  size_t D, population, generation;
  uint64_t starts;
  double sigma;
  double *mean, *path, *path_sigma, *step, *white; /* (D) */
  double *C, *A;                                   /* (D,D) */
} course;

static rad_status plan(rad_ctx *c, void *self, const rad_space *s)
{
  (void)self;
  for (size_t d = 0; d < s->ndim; d++)
    if (s->dim[d]->type == RAD_ENUM || s->dim[d]->parent >= 0)
      return rad_fail(
          c, RAD_EINVAL,
          "%s is %s, and cma_es only moves numbers that are always there: take [search] "
          "plugin = tpe, bayes or evolution",
          s->dim[d]->name, s->dim[d]->type == RAD_ENUM ? "a choice" : "not there in every trial");
  return search_one_score(c, s);
}

static double dot(const double *a, const double *b, size_t n)
{
  double sum = 0.0;
  for (size_t i = 0; i < n; i++)
    sum += a[i] * b[i];
  return sum;
}

/* A of A A' = C; where rounding leaves C without a root, a small part of it. */
static void take_root(course *k)
{
  const size_t D = k->D;
  for (size_t i = 0; i < D; i++)
    for (size_t j = 0; j <= i; j++) {
      const double v = k->C[i * D + j] - dot(&k->A[i * D], &k->A[j * D], j);
      if (i == j)
        k->A[i * D + i] = sqrt(fmax(v, 1e-12 * k->C[i * D + i]));
      else
        k->A[i * D + j] = v / k->A[j * D + j];
    }
}

/* white = A^-1 step */
static void whiten(const course *k, const double *step, double *white)
{
  for (size_t i = 0; i < k->D; i++)
    white[i] = (step[i] - dot(&k->A[i * k->D], white, i)) / k->A[i * k->D + i];
}

static void start(rad_ctx *c, const cma_es *e, course *k)
{
  const rad_at at = {.when = START, .index = k->starts};
  for (size_t i = 0; i < k->D; i++) {
    k->mean[i] = k->starts == 0 ? 0.5 : search_uniform(c, &at, i);
    k->path[i] = k->path_sigma[i] = 0.0;
    for (size_t j = 0; j < k->D; j++)
      k->C[i * k->D + j] = k->A[i * k->D + j] = i == j ? 1.0 : 0.0;
  }
  if (k->starts++ > 0)
    k->population *= 2;
  k->sigma = e->sigma;
  k->generation = 0;
}

typedef struct rates { /* table 1 of the tutorial */
  double mueff, path, sigma, one, mu, damp, length;
} rates;

static double weight_of(size_t i, size_t population) /* of rank i, before they sum to 1 */
{
  return log(0.5 * ((double)population + 1.0)) - log((double)i + 1.0);
}

static rates rates_of(const course *k)
{
  const double n = (double)k->D;
  double sum = 0.0, square = 0.0;
  for (size_t i = 0; i < k->population / 2; i++) {
    const double w = weight_of(i, k->population);
    sum += w;
    square += w * w;
  }
  const double m = sum * sum / square;
  const double sigma = (m + 2.0) / (n + m + 5.0), one = 2.0 / ((n + 1.3) * (n + 1.3) + m);
  return (rates){.mueff = m,
                 .path = (4.0 + m / n) / (n + 4.0 + 2.0 * m / n),
                 .sigma = sigma,
                 .one = one,
                 .mu = fmin(1.0 - one, 2.0 * (m - 2.0 + 1.0 / m) / ((n + 2.0) * (n + 2.0) + m)),
                 .damp = 1.0 + 2.0 * fmax(0.0, sqrt((m - 1.0) / (n + 1.0)) - 1.0) + sigma,
                 .length = sqrt(n) * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n))};
}

/* C gains factor * v v' */
static void add_square(course *k, double factor, const double *v)
{
  for (size_t i = 0; i < k->D; i++)
    for (size_t j = 0; j < k->D; j++)
      k->C[i * k->D + j] += factor * v[i] * v[j];
}

/* Steps of the better half, in units of sigma, no longer than is likely: y (population / 2,D). Of
 * their weighted mean: step. */
static void find_steps(course *k, const rad_space *s, const search_rank *r, double *y)
{
  const size_t D = k->D, half = k->population / 2;
  const double n = (double)D, longest = sqrt(n) + 2.0 * n / (n + 2.0);
  double sum = 0.0;
  for (size_t i = 0; i < half; i++)
    sum += weight_of(i, k->population);
  for (size_t d = 0; d < D; d++)
    k->step[d] = 0.0;
  for (size_t i = 0; i < half; i++) {
    double *own = &y[i * D];
    for (size_t d = 0; d < D; d++)
      own[d] = (rad_dim_unit(s->dim[d], r[i].trial->value[d]) - k->mean[d]) / k->sigma;
    whiten(k, own, k->white);
    const double cut = fmin(1.0, longest / sqrt(fmax(dot(k->white, k->white, D), 1e-300)));
    for (size_t d = 0; d < D; d++) {
      own[d] *= cut;
      k->step[d] += weight_of(i, k->population) / sum * own[d];
    }
  }
}

/* A generation r (population), best first; y (population / 2,D) is room. */
static void adapt(course *k, const rad_space *s, const search_rank *r, double *y)
{
  const size_t D = k->D, half = k->population / 2;
  const rates q = rates_of(k);
  double sum = 0.0;
  find_steps(k, s, r, y);
  whiten(k, k->step, k->white);
  for (size_t d = 0; d < D; d++) {
    k->mean[d] += k->sigma * k->step[d];
    k->path_sigma[d] = (1.0 - q.sigma) * k->path_sigma[d] +
                       sqrt(q.sigma * (2.0 - q.sigma) * q.mueff) * k->white[d];
  }
  k->generation++;
  const double length = sqrt(dot(k->path_sigma, k->path_sigma, D));
  const double settled = sqrt(1.0 - pow(1.0 - q.sigma, 2.0 * (double)k->generation));
  const bool small = length / settled < (1.4 + 2.0 / ((double)D + 1.0)) * q.length;
  for (size_t d = 0; d < D; d++)
    k->path[d] = (1.0 - q.path) * k->path[d] +
                 (small ? sqrt(q.path * (2.0 - q.path) * q.mueff) * k->step[d] : 0.0);
  const double stay = 1.0 - q.one - q.mu + (small ? 0.0 : q.one * q.path * (2.0 - q.path));
  for (size_t i = 0; i < D * D; i++)
    k->C[i] *= stay;
  add_square(k, q.one, k->path);
  for (size_t i = 0; i < half; i++)
    sum += weight_of(i, k->population);
  for (size_t i = 0; i < half; i++)
    add_square(k, q.mu * weight_of(i, k->population) / sum, &y[i * D]);
  k->sigma *= exp(fmin(1.0, q.sigma / q.damp * (length / q.length - 1.0)));
  take_root(k);
}

static bool given_up(const cma_es *e, const course *k)
{
  double widest = 0.0;
  for (size_t d = 0; d < k->D; d++)
    widest = fmax(widest, k->sigma * sqrt(k->C[d * k->D + d]));
  return widest < e->tolerance;
}

/* From the first generation to the present: r (n), in order of index. */
static rad_status replay(rad_ctx *c, const cma_es *e, const rad_space *s, course *k, search_rank *r,
                         size_t n)
{
  const size_t D = s->ndim, bytes = (D + 1) * sizeof(double);
  double **const part[] = {&k->mean, &k->path, &k->path_sigma, &k->step, &k->white};
  double *y = c->host->scratch(c, (n + 1) * bytes);
  *k = (course){.D = D,
                .population =
                    e->population > 0 ? (size_t)e->population : 4 + (size_t)(3.0 * log((double)D))};
  k->population = k->population < 4 ? 4 : k->population;
  k->C = c->host->scratch(c, D * bytes);
  k->A = c->host->scratch(c, D * bytes);
  if (!y || !k->C || !k->A)
    return RAD_ENOMEM;
  for (size_t i = 0; i < sizeof part / sizeof *part; i++)
    if (!(*part[i] = c->host->scratch(c, bytes)))
      return RAD_ENOMEM;
  start(c, e, k);
  for (size_t from = 0; n - from >= k->population;) {
    const size_t population = k->population;
    qsort(r + from, population, sizeof *r, search_compare);
    if (r[from].class != SEARCH_FAILED)
      adapt(k, s, r + from, y);
    if (given_up(e, k))
      start(c, e, k);
    from += population;
  }
  return RAD_OK;
}

static rad_status ask(rad_ctx *c, const void *self, const rad_space *s, const rad_history *h,
                      double *point)
{
  course k;
  bool inside = false;
  search_rank *r = c->host->scratch(c, (h->n + 1) * sizeof *r);
  if (!r)
    return RAD_ENOMEM;
  RAD_TRY(replay(c, self, s, &k, r, search_known(s, h, r)));
  for (uint64_t i = 0; i < SEARCH_TRIES && !inside; i++) {
    const rad_at at = {.when = WHEN, .index = h->n};
    for (size_t d = 0; d < k.D; d++)
      k.white[d] = search_normal(c, &at, i * k.D + d);
    inside = true;
    for (size_t d = 0; d < k.D; d++) {
      const double u = k.mean[d] + k.sigma * dot(&k.A[d * k.D], k.white, d + 1);
      inside = inside && u >= 0.0 && u <= 1.0;
      point[d] = rad_dim_value(s->dim[d], u < 0.0 ? 0.0 : u > 1.0 ? 1.0 : u);
    }
  }
  return search_new(c, s, h, point);
}

static const rad_search_ops ops = {
    .size = sizeof ops, .plan = plan, .ask = ask, .count = search_count};
static const rad_plugin cma_es_plugin = {
    RAD_PLUGIN(RAD_SEARCH, "cma_es", cma_es, &ops), RAD_KEYS(keys),
    .summary = "covariance matrix adaptation, for numbers without conditions",
    .reference = "Hansen 2016, arXiv 1604.00772"};
RAD_EXPORT(&cma_es_plugin)
