/* SPDX-License-Identifier: BSD-3-Clause
 * curve.c - extrapolates the learning curve y_1 ... y_n at its rungs x_1 ... x_n to the trial's
 * last epoch, and gives the trial up whose end is better than the best end of an earlier trial with
 * a probability below `chance`. Domhan, Springenberg, Hutter 2015, IJCAI, with fewer families,
 *
 *   y(x) = c - a g(x), a >= 0,   g(x) = x^-p (pow3), exp(-(q x)^d) (Weibull; d = 1: exp3) or
 *                                       1 / ln(x + 1) (ilog2),
 *
 * and without Monte Carlo: p, q, d are on a grid, c and a are least squares, each curve has the
 * weight of its likelihood, S^(-n/2) for a sum of squares S, and predicts a normal distribution
 * with the variance S / (n - 2) (1 + 1/n + (g(x) - mean g)^2 / sum (g(x_i) - mean g)^2). */
#include <math.h>
#include <rademacher/pruner.h>

typedef struct curve {
  int32_t first, every;
  double chance;
} curve;
enum { LEAST = 4, NPOW = 12, NRATE = 10, NBEND = 3, NCURVE = NPOW + NRATE * NBEND + 1 };
static const double bend[NBEND] = {0.5, 1.0, 2.0};
static const rad_key keys[] = {
    RAD_KEY(curve, first, "4", LEAST, 1e6, RAD_FIXED, "rungs before anything is given up"),
    RAD_KEY(curve, every, "1", 1, 1e6, RAD_FIXED, "epochs from rung to rung"),
    RAD_KEY(curve, chance, "0.05", 0, 0.5, RAD_FIXED,
            "given up where an end above the best is less likely than this"),
};

/* g of curve `k` at epoch x; rates are relative to the last epoch. */
static double shape(rad_ctx *c, size_t k, double x, double last)
{
  const rad_host *h = c->host;
  if (k < NPOW)
    return h->exp(-0.25 * (double)(k + 1) * h->ln(x)); /* p = 1/4, 1/2, ..., 3 */
  k -= NPOW;
  if (k == NRATE * NBEND)
    return 1.0 / h->ln(x + 1.0);
  const double q = 0.5 * (double)(UINT64_C(1) << k / NBEND) / last; /* 1/2, 1, ..., 256 */
  return h->exp(-h->exp(bend[k % NBEND] * h->ln(q * x)));
}

typedef struct fitted {
  double square;         /* sum of squares */
  double mean, variance; /* of y at the last epoch */
} fitted;

static fitted fit(const double *g, double at, const double *y, size_t n, double floor_)
{
  double mg = 0, my = 0, gg = 0, gy = 0, square = 0;
  for (size_t i = 0; i < n; i++) {
    mg += g[i] / (double)n;
    my += y[i] / (double)n;
  }
  for (size_t i = 0; i < n; i++) {
    gg += (g[i] - mg) * (g[i] - mg);
    gy += (g[i] - mg) * (y[i] - my);
  }
  const double a = gg > 0 && gy < 0 ? -gy / gg : 0.0; /* y = my - a (g - mg) */
  for (size_t i = 0; i < n; i++) {
    const double e = y[i] - my + a * (g[i] - mg);
    square += e * e;
  }
  square = fmax(square, floor_);
  const double far = gg > 0 ? (at - mg) * (at - mg) / gg : 0.0;
  return (fitted){square, my - a * (at - mg),
                  square / ((double)n - 2.0) * (1.0 + 1.0 / (double)n + far)};
}

/* Of an end above `best`, by all curves. */
static rad_status chance_of(rad_ctx *c, const rad_trial *t, uint64_t epochs, double best,
                            double *chance)
{
  const size_t n = t->nrung;
  double *g = c->host->scratch(c, 2 * n * sizeof *g), *y = g ? g + n : NULL;
  double least = HUGE_VAL, sum = 0.0, most = 0.0;
  fitted f[NCURVE];
  if (!g)
    return RAD_ENOMEM;
  for (size_t i = 0; i < n; i++) {
    y[i] = t->rung[i].value;
    most = fmax(most, fabs(y[i]));
  }
  for (size_t k = 0; k < NCURVE; k++) {
    for (size_t i = 0; i < n; i++)
      g[i] = shape(c, k, (double)t->rung[i].epoch, (double)epochs);
    const double resolution = 1e-4 * (most + 1e-12); /* no curve is known better */
    f[k] = fit(g, shape(c, k, (double)epochs, (double)epochs), y, n,
               (double)n * resolution * resolution);
    least = fmin(least, f[k].square);
  }
  *chance = 0.0;
  for (size_t k = 0; k < NCURVE; k++) {
    const double w = c->host->exp(-0.5 * (double)n * c->host->ln(f[k].square / least));
    sum += w;
    *chance += w * 0.5 * erfc((best - f[k].mean) / sqrt(2.0 * f[k].variance));
  }
  *chance /= sum;
  return RAD_OK;
}

static rad_status judge(rad_ctx *c, const void *self, const rad_history *all, size_t which,
                        uint64_t epochs, rad_verdict *v)
{
  const curve *p = self;
  const rad_trial *t = all->trial[which];
  double best = -HUGE_VAL, chance = 1.0;
  v->next = (t->nrung > 0 ? t->rung[t->nrung - 1].epoch : 0) + (uint64_t)p->every;
  for (size_t i = 0; i < which; i++) {
    const rad_trial *o = all->trial[i];
    if (o->state == RAD_FINISHED && o->nrung > 0)
      best = fmax(best, o->rung[o->nrung - 1].value);
  }
  if (t->nrung >= (size_t)p->first && best > -HUGE_VAL)
    RAD_TRY(chance_of(c, t, epochs, best, &chance));
  v->action = chance < p->chance ? RAD_GIVE_UP : RAD_GO_ON;
  return RAD_OK;
}

static const rad_pruner_ops ops = {.size = sizeof ops, .judge = judge};
static const rad_plugin curve_plugin = {
    RAD_PLUGIN(RAD_PRUNER, "curve", curve, &ops), RAD_KEYS(keys),
    .summary = "extrapolates the learning curve, gives up what will not be the best",
    .reference = "Domhan et al. 2015, IJCAI"};
RAD_EXPORT(&curve_plugin)
