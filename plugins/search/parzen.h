/* SPDX-License-Identifier: BSD-3-Clause
 * parzen.h - a density over a space: a mixture of one product of kernels around each of n points
 * and of a prior over the whole space,
 *
 *   p(x) = sum_k w_k prod_d kernel_d(x_d | x_kd), over the dimensions that exist in x,
 *
 * on the scale of each dimension, whose range is [0,1]: a normal kernel cut off at the ends (its
 * mass in the cell of an integer), or a probability for the same choice that is greater than for
 * others. Of m points that have dimension d, the kernels are max(0.7 / (m + 2), 0.07 m^(-1/(D+4)))
 * wide (the exponent is Scott's; factor and floor were chosen on tables of results). Where point k
 * lacks the dimension, its kernel is the prior's: width 1 around the centre, all choices alike. */
#ifndef PLUGINS_SEARCH_PARZEN_H
#define PLUGINS_SEARCH_PARZEN_H
#include "point.h"

typedef struct parzen {
  const rad_space *space;
  size_t n;             /* points; kernel n is the prior */
  const double *weight; /* (n + 1) */
  double *mu;           /* (n + 1,ndim) of numbers; of choices which it is, NaN: the prior */
  double *sigma;        /* (n + 1,ndim) of numbers */
  double *log_mass;     /* (n + 1,ndim) of the kernel within [0,1], times sigma */
  size_t *have;         /* (ndim) points that have the dimension */
} parzen;

/* Of the standard normal distribution between a and b, without cancellation at its ends. */
static inline double parzen_mass(double a, double b)
{
  const double r = 0.70710678118654752440;
  return a > 0.0 ? 0.5 * (erfc(a * r) - erfc(b * r)) : 0.5 * (erfc(-b * r) - erfc(-a * r));
}

static inline void parzen_shape(parzen *p, size_t d)
{
  const size_t D = p->space->ndim;
  size_t n = 0;
  for (size_t k = 0; k < p->n; k++)
    n += isnan(p->mu[k * D + d]) ? 0 : 1;
  p->have[d] = n;
  if (p->space->dim[d]->type == RAD_ENUM)
    return;
  const double m = n > 0 ? (double)n : 1.0,
               width = fmax(0.7 / (m + 2.0), 0.07 * pow(m, -1.0 / ((double)D + 4.0)));
  for (size_t k = 0; k <= p->n; k++) {
    double *mu = &p->mu[k * D + d], *sigma = &p->sigma[k * D + d];
    *sigma = isnan(*mu) ? 1.0 : width;
    *mu = isnan(*mu) ? 0.5 : *mu;
    p->log_mass[k * D + d] = log(*sigma * parzen_mass(-*mu / *sigma, (1.0 - *mu) / *sigma));
  }
}

/* Room of a density of n points, and its kernels; value[k] (ndim) is a point. */
static inline rad_status parzen_fit(rad_ctx *c, parzen *p, const rad_space *s, size_t n,
                                    const double *const *value, const double *weight)
{
  const size_t D = s->ndim, all = (n + 1) * D;
  *p = (parzen){.space = s, .n = n, .weight = weight};
  p->mu = c->host->scratch(c, (all + 1) * sizeof(double));
  p->sigma = c->host->scratch(c, (all + 1) * sizeof(double));
  p->log_mass = c->host->scratch(c, (all + 1) * sizeof(double));
  p->have = c->host->scratch(c, (D + 1) * sizeof *p->have);
  if (!p->mu || !p->sigma || !p->log_mass || !p->have)
    return RAD_ENOMEM;
  for (size_t k = 0; k <= n; k++)
    for (size_t d = 0; d < D; d++)
      p->mu[k * D + d] = k == n                        ? (double)NAN
                         : s->dim[d]->type == RAD_ENUM ? value[k][d]
                                                       : rad_dim_unit(s->dim[d], value[k][d]);
  for (size_t d = 0; d < D; d++)
    parzen_shape(p, d);
  return RAD_OK;
}

/* The probability of a choice: 1 for the kernel's own and 1 / (n + 1) for each, normalised. */
static inline double parzen_choice(const parzen *p, size_t k, size_t d, double v)
{
  const double choices = (double)p->space->dim[d]->nchoice, own = p->mu[k * p->space->ndim + d];
  if (isnan(own))
    return 1.0 / choices;
  const double each = 1.0 / ((double)p->have[d] + 1.0);
  return (each + (own == v ? 1.0 : 0.0)) / (1.0 + each * choices);
}

/* log kernel_d of value v, whose number or cell is from lo to hi on [0,1] */
static inline double parzen_kernel(const parzen *p, size_t k, size_t d, double v, double lo,
                                   double hi)
{
  const size_t at = k * p->space->ndim + d;
  if (p->space->dim[d]->type == RAD_ENUM)
    return log(parzen_choice(p, k, d, v));
  const double mu = p->mu[at], sigma = p->sigma[at], z = (lo - mu) / sigma;
  if (p->space->dim[d]->type == RAD_INT)
    return log(sigma * parzen_mass(z, (hi - mu) / sigma)) - p->log_mass[at];
  return -0.5 * z * z - 0.91893853320467274178 - p->log_mass[at];
}

/* log p(x); `term` (n + 1) is room. */
static inline double parzen_log(const parzen *p, const double *x, double *term)
{
  const rad_space *s = p->space;
  double most = -HUGE_VAL, sum = 0.0;
  for (size_t k = 0; k <= p->n; k++)
    term[k] = log(p->weight[k]);
  for (size_t d = 0; d < s->ndim; d++) {
    const rad_dim *m = s->dim[d];
    const double half = m->type == RAD_INT ? 0.5 : 0.0;
    if (isnan(x[d]))
      continue;
    const double lo = m->type == RAD_ENUM ? 0.0 : rad_dim_unit(m, x[d] - half),
                 hi = m->type == RAD_INT ? rad_dim_unit(m, x[d] + half) : lo;
    for (size_t k = 0; k <= p->n; k++)
      term[k] += parzen_kernel(p, k, d, x[d], lo, hi);
  }
  for (size_t k = 0; k <= p->n; k++)
    most = fmax(most, term[k]);
  for (size_t k = 0; k <= p->n; k++)
    sum += exp(term[k] - most);
  return most + log(sum);
}

/* --- a point from the density --- */
static inline double parzen_draw_number(rad_ctx *c, const rad_dim *m, double mu, double sigma,
                                        const rad_at *at)
{
  double u = 2.0;
  for (uint64_t k = 0; k < SEARCH_TRIES && !(u >= 0.0 && u <= 1.0); k++)
    u = mu + sigma * search_normal(c, at, k);
  return rad_dim_value(m, u < 0.0 ? 0.0 : u > 1.0 ? 1.0 : u);
}

static inline double parzen_draw_choice(const parzen *p, size_t k, size_t d, double u)
{
  const size_t n = p->space->dim[d]->nchoice;
  for (size_t v = 0; v + 1 < n; v++)
    if ((u -= parzen_choice(p, k, d, (double)v)) < 0.0)
      return (double)v;
  return (double)(n - 1);
}

/* Draws at (when, index, stream + dimension). */
static inline void parzen_draw(rad_ctx *c, const parzen *p, rad_at at, double *x)
{
  const rad_space *s = p->space;
  double u = search_uniform(c, &at, 0);
  size_t k = 0;
  while (k < p->n && (u -= p->weight[k]) >= 0.0)
    k++;
  for (size_t d = 0; d < s->ndim; d++) {
    at.stream++;
    if (!rad_dim_exists(s, d, x))
      x[d] = (double)NAN;
    else if (s->dim[d]->type == RAD_ENUM)
      x[d] = parzen_draw_choice(p, k, d, search_uniform(c, &at, 0));
    else
      x[d] =
          parzen_draw_number(c, s->dim[d], p->mu[k * s->ndim + d], p->sigma[k * s->ndim + d], &at);
  }
}
#endif
