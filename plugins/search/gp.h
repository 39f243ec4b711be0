/* SPDX-License-Identifier: BSD-3-Clause
 * gp.h - a Gaussian process with mean 0, kernel s^2 (1 + sqrt5 r + 5/3 r^2) exp(-sqrt5 r) (Matern
 * 5/2) and noise s^2 e, where r^2 = sum_d (x_d - y_d)^2 / l_d^2; of coordinates that are choices
 * the difference is 0 or 1. Posterior at x, from n points with K = R + e I = L L' (R the kernel
 * without s^2) and v = L^-1 k(x):
 *
 *   mean = v' L^-1 y, variance = s^2 (1 - v' v), s^2 = (y' K^-1 y + 1) / (n + 1)
 *
 * l and e maximise the marginal likelihood times a prior, by signs of gradients (Rprop: Blum,
 * Riedmiller 2013, ESANN, 339-344). The prior of l grows with the number of dimensions (Hvarfner,
 * Hellsten, Nardi 2024, ICML 41; its median, 0.3 sqrt(D), was chosen on test functions). Rasmussen,
 * Williams 2006, Gaussian Processes for Machine Learning, ch. 2, 5. */
#ifndef PLUGINS_SEARCH_GP_H
#define PLUGINS_SEARCH_GP_H
#include <rademacher/search.h>

enum { GP_LANES = 16, GP_STEPS = 40 };

typedef struct gp {
  size_t n, D;        /* points, coordinates */
  const double *x;    /* (n,D) */
  const bool *choice; /* (D) */
  double *theta;      /* (D + 1) ln l, ln e */
  double *scale;      /* (D) 1 / l^2 */
  double *U;          /* (n,n) L': row k from the diagonal on */
  double *y, *z;      /* (n) results, L^-1 y; where only x is known, y is the mean and z is 0 */
  double *alpha;      /* (n) K^-1 y */
  double *v;          /* (n,GP_LANES) room */
  size_t known;       /* points before this one have a result */
  double variance;    /* s^2 */
} gp;

/* Room for n points; x, choice, y, known are filled in afterwards. */
static inline rad_status gp_new(rad_ctx *c, gp *g, size_t n, size_t D)
{
  const struct {
    double **at;
    size_t n;
  } part[] = {{&g->theta, D + 1}, {&g->scale, D}, {&g->U, n * n},       {&g->y, n},
              {&g->z, n},         {&g->alpha, n}, {&g->v, n * GP_LANES}};
  *g = (gp){.n = n, .D = D};
  for (size_t i = 0; i < sizeof part / sizeof *part; i++)
    if (!(*part[i].at = c->host->scratch(c, (part[i].n + 1) * sizeof(double))))
      return RAD_ENOMEM;
  return RAD_OK;
}

/* Square of the distance along one coordinate, in units of the range. */
static inline double gp_square(const gp *g, size_t d, double a, double b)
{
  return g->choice[d] ? (a == b ? 0.0 : 1.0) : (a - b) * (a - b);
}

static inline double gp_kernel(double square)
{
  const double r = sqrt(5.0 * square);
  return (1.0 + r + r * r / 3.0) * exp(-r);
}

/* --- posterior --- */
/* v (n,GP_LANES) becomes L^-1 v. */
static inline void gp_forward(const gp *g, double *v)
{
  for (size_t k = 0; k < g->n; k++) {
    const double *u = &g->U[k * g->n], inverse = 1.0 / u[k];
    double *restrict own = &v[k * GP_LANES];
    for (size_t j = 0; j < GP_LANES; j++)
      own[j] *= inverse;
    for (size_t i = k + 1; i < g->n; i++) {
      double *restrict other = &v[i * GP_LANES];
      for (size_t j = 0; j < GP_LANES; j++)
        other[j] -= u[i] * own[j];
    }
  }
}

/* From theta and x: the factor. */
static inline void gp_factor(gp *g)
{
  const size_t n = g->n, D = g->D;
  for (size_t d = 0; d < D; d++)
    g->scale[d] = exp(-2.0 * g->theta[d]);
  for (size_t i = 0; i < n; i++)
    for (size_t j = i; j < n; j++) {
      double square = 0.0;
      for (size_t d = 0; d < D; d++)
        square += g->scale[d] * gp_square(g, d, g->x[i * D + d], g->x[j * D + d]);
      g->U[i * n + j] = gp_kernel(square) + (i == j ? exp(g->theta[D]) : 0.0);
    }
  for (size_t k = 0; k < n; k++) {
    double *restrict own = &g->U[k * n];
    const double pivot = sqrt(fmax(own[k], 1e-12));
    for (size_t j = k; j < n; j++)
      own[j] = j == k ? pivot : own[j] / pivot;
    for (size_t i = k + 1; i < n; i++) {
      double *restrict other = &g->U[i * n];
      const double f = own[i];
      for (size_t j = i; j < n; j++)
        other[j] -= f * own[j];
    }
  }
}

/* From the factor and y: z, alpha, variance. Points without a result do not change the mean. */
static inline void gp_results(gp *g)
{
  const size_t n = g->n;
  double sum = 1.0;
  for (size_t k = 0; k < n; k++)
    g->z[k] = k < g->known ? g->y[k] : 0.0;
  for (size_t k = 0; k < g->known; k++) {
    g->z[k] /= g->U[k * n + k];
    for (size_t i = k + 1; i < g->known; i++)
      g->z[i] -= g->U[k * n + i] * g->z[k];
    sum += g->z[k] * g->z[k];
  }
  g->variance = sum / ((double)g->known + 1.0);
  for (size_t k = n; k-- > 0;) {
    double v = g->z[k];
    for (size_t i = k + 1; i < n; i++)
      v -= g->U[k * n + i] * g->alpha[i];
    g->alpha[k] = v / g->U[k * n + k];
  }
}

/* At GP_LANES points, x (D,GP_LANES). */
static inline void gp_predict(const gp *g, const double *x, double mean[GP_LANES],
                              double variance[GP_LANES])
{
  for (size_t k = 0; k < g->n; k++) {
    double square[GP_LANES] = {0.0};
    for (size_t d = 0; d < g->D; d++)
      for (size_t j = 0; j < GP_LANES; j++)
        square[j] += g->scale[d] * gp_square(g, d, g->x[k * g->D + d], x[d * GP_LANES + j]);
    for (size_t j = 0; j < GP_LANES; j++)
      g->v[k * GP_LANES + j] = gp_kernel(square[j]);
  }
  gp_forward(g, g->v);
  for (size_t j = 0; j < GP_LANES; j++) {
    double sum = 0.0, rest = 1.0;
    for (size_t k = 0; k < g->n; k++) {
      const double v = g->v[k * GP_LANES + j];
      sum += v * g->z[k];
      rest -= v * v;
    }
    mean[j] = sum;
    variance[j] = g->variance * fmax(rest, 1e-12);
  }
}

/* --- parameters --- */
/* Mean and variance of the prior of theta[d]. */
static inline void gp_prior(const gp *g, size_t d, double *mean, double *variance)
{
  *mean = d < g->D ? log(0.3) + 0.5 * log((double)g->D) : log(1e-3);
  *variance = d < g->D ? 1.0 : 4.0;
}

/* ln of likelihood times prior at theta, but for a constant. */
static inline double gp_likelihood(gp *g)
{
  double out = 0.0, mean, variance;
  gp_factor(g);
  gp_results(g);
  for (size_t d = 0; d <= g->D; d++) {
    gp_prior(g, d, &mean, &variance);
    out -= 0.5 * (g->theta[d] - mean) * (g->theta[d] - mean) / variance;
  }
  for (size_t k = 0; k < g->n; k++)
    out -= log(g->U[k * g->n + k]);
  return out - 0.5 * ((double)g->n + 1.0) * log(g->variance);
}

/* inverse (n,n) = K^-1 = W' W with W = L^-1, of which `room` (n,n) takes rows. */
static inline void gp_inverse(const gp *g, double *inverse, double *room)
{
  const size_t n = g->n;
  for (size_t first = 0; first < n; first += GP_LANES) {
    for (size_t i = 0; i < n * GP_LANES; i++)
      g->v[i] = i / GP_LANES == first + i % GP_LANES ? 1.0 : 0.0;
    gp_forward(g, g->v);
    for (size_t k = 0; k < n; k++)
      for (size_t j = 0; j < GP_LANES && first + j < n; j++)
        room[k * n + first + j] = g->v[k * GP_LANES + j];
  }
  for (size_t i = 0; i < n * n; i++)
    inverse[i] = 0.0;
  for (size_t k = 0; k < n; k++)
    for (size_t i = 0; i <= k; i++) {
      const double f = room[k * n + i], *restrict w = &room[k * n];
      double *restrict out = &inverse[i * n];
      for (size_t j = i; j <= k; j++)
        out[j] += f * w[j];
    }
}

/* Of gp_likelihood, which has just been called: gradient (D + 1); room (2,n,n). All results known.
 */
static inline void gp_gradient(const gp *g, double *gradient, double *room)
{
  const size_t n = g->n, D = g->D;
  double *inverse = room, mean, variance;
  gp_inverse(g, inverse, room + n * n);
  for (size_t d = 0; d <= D; d++) {
    gp_prior(g, d, &mean, &variance);
    gradient[d] = -(g->theta[d] - mean) / variance;
  }
  for (size_t i = 0; i < n; i++) {
    gradient[D] +=
        0.5 * exp(g->theta[D]) * (g->alpha[i] * g->alpha[i] / g->variance - inverse[i * n + i]);
    for (size_t j = i + 1; j < n; j++) {
      const double *a = &g->x[i * D], *b = &g->x[j * D];
      double square = 0.0;
      for (size_t d = 0; d < D; d++)
        square += g->scale[d] * gp_square(g, d, a[d], b[d]);
      const double r = sqrt(5.0 * square);
      const double slope = 5.0 / 3.0 * (1.0 + r) * exp(-r) *
                           (g->alpha[i] * g->alpha[j] / g->variance - inverse[i * n + j]);
      for (size_t d = 0; d < D; d++)
        gradient[d] += slope * g->scale[d] * gp_square(g, d, a[d], b[d]);
    }
  }
}

/* Climbs from theta; leaves the best in `best` (D + 1), if it is above *top. room (2,n,n) and
 * (3,D + 1). */
static inline void gp_climb(gp *g, double *best, double *top, double *room)
{
  const size_t m = g->D + 1;
  double *gradient = room + 2 * g->n * g->n, *last = gradient + m, *step = last + m;
  for (size_t d = 0; d < m; d++) {
    last[d] = 0.0;
    step[d] = 0.3;
  }
  for (int k = 0; k < GP_STEPS; k++) {
    const double value = gp_likelihood(g);
    for (size_t d = 0; d < m && value > *top; d++)
      best[d] = g->theta[d];
    *top = fmax(*top, value);
    gp_gradient(g, gradient, room);
    for (size_t d = 0; d < m; d++) {
      const double same = gradient[d] * last[d];
      step[d] = same > 0.0 ? fmin(1.2 * step[d], 1.0) : same < 0.0 ? 0.5 * step[d] : step[d];
      last[d] = same < 0.0 ? 0.0 : gradient[d];
      g->theta[d] += last[d] > 0.0 ? step[d] : last[d] < 0.0 ? -step[d] : 0.0;
      g->theta[d] = fmin(fmax(g->theta[d], d < g->D ? -3.0 : -13.8), d < g->D ? 5.0 : 0.0);
    }
  }
}

/* theta from the points, all with results, by two climbs: from far and from short lengths. */
static inline rad_status gp_fit(rad_ctx *c, gp *g)
{
  const size_t D = g->D;
  double top = -HUGE_VAL, variance;
  double *room = c->host->scratch(c, (2 * g->n * g->n + 3 * (D + 1)) * sizeof *room);
  double *best = c->host->scratch(c, (D + 1) * sizeof *best);
  if (!room || !best)
    return RAD_ENOMEM;
  for (int start = 0; start < 2; start++) {
    for (size_t d = 0; d < D; d++)
      gp_prior(g, d, &g->theta[d], &variance);
    for (size_t d = 0; d < D && start > 0; d++)
      g->theta[d] = log(0.5);
    g->theta[D] = log(start > 0 ? 1e-4 : 1e-2);
    gp_climb(g, best, &top, room);
  }
  for (size_t d = 0; d <= D; d++)
    g->theta[d] = best[d];
  return RAD_OK;
}
#endif
