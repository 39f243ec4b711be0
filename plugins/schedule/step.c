/* SPDX-License-Identifier: BSD-3-Clause
 * step.c - f = gamma^floor(e / step), e: the epoch from 0. */
#include <rademacher/schedule.h>

typedef struct steps {
  int32_t step;
  double gamma;
} steps;

static const rad_key keys[] = {
    RAD_KEY(steps, step, "30", 1, 1e9, RAD_LOG, "epochs between two drops"),
    RAD_KEY(steps, gamma, "0.1", 0, 1, 0, "factor of each drop"),
};

/* base^n by squaring: libm's pow differs between machines */
static double power(double base, uint64_t n)
{
  double r = 1;
  for (; n > 0; n >>= 1, base *= base)
    r = n & 1 ? r * base : r;
  return r;
}

static rad_status factor(rad_ctx *c, const void *self, const rad_when *w, double *f)
{
  const steps *s = self;
  (void)c;
  *f = power(s->gamma, w->epoch / (uint64_t)s->step);
  return RAD_OK;
}

static const rad_schedule_ops ops = {.size = sizeof ops, .factor = factor};
static const rad_plugin step_plugin = {RAD_PLUGIN(RAD_SCHEDULE, "step", steps, &ops),
                                       RAD_KEYS(keys), .summary = "drops every few epochs"};
RAD_EXPORT(&step_plugin)
