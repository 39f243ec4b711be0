/* SPDX-License-Identifier: BSD-3-Clause
 * cosine.c - after a linear rise of W steps, f = floor + (1 - floor) (1 + cos(pi t)) / 2, t from 0
 * to 1 over the steps that are left. Loshchilov and Hutter 2016, arXiv 1608.03983. */
#include <rademacher/schedule.h>

typedef struct cosine {
  double warmup, floor;
} cosine;

static const rad_key keys[] = {
    RAD_KEY(cosine, warmup, "0", 0, 1e6, 0, "epochs of linear rise at the start"),
    RAD_KEY(cosine, floor, "0", 0, 1, 0, "factor at the end"),
};

/* (1 + cos(pi t)) / 2 = cos(pi t / 2)^2 for t in [0,1]. The cosine by its series, to the last bits
 * of a double: libm's differs between machines. */
static double half_cosine(double t)
{
  const double x = 1.5707963267948966 * t;
  double term = 1, sum = 1;
  for (int k = 1; k <= 12; k++) {
    term *= -x * x / (2 * k * (2 * k - 1));
    sum += term;
  }
  return sum * sum;
}

static rad_status factor(rad_ctx *c, const void *self, const rad_when *w, double *f)
{
  const cosine *k = self;
  const double step = (double)w->step, rise = k->warmup * (double)w->nstep;
  const double total = (double)w->nepoch * (double)w->nstep;
  (void)c;
  if (step < rise) {
    *f = step + 1 < rise ? (step + 1) / rise : 1; /* not 0 in the first step: it would be lost */
    return RAD_OK;
  }
  const double t = step < total ? (step - rise) / (total - rise) : 1;
  *f = k->floor + (1 - k->floor) * half_cosine(t);
  return RAD_OK;
}

static const rad_schedule_ops ops = {.size = sizeof ops, .factor = factor};
static const rad_plugin cosine_plugin = {RAD_PLUGIN(RAD_SCHEDULE, "cosine", cosine, &ops),
                                         RAD_KEYS(keys), .summary = "half a cosine, with warm-up",
                                         .reference =
                                             "Loshchilov and Hutter 2016, arXiv 1608.03983"};
RAD_EXPORT(&cosine_plugin)
