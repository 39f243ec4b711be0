/* SPDX-License-Identifier: BSD-3-Clause
 * exponential.c - f = gamma^e, e: the epoch from 0. */
#include <rademacher/schedule.h>

typedef struct exponential {
  double gamma;
} exponential;

static const rad_key keys[] = {
    RAD_KEY(exponential, gamma, "0.95", 0, 1, 0, "factor of each epoch"),
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
  (void)c;
  *f = power(((const exponential *)self)->gamma, w->epoch);
  return RAD_OK;
}

static const rad_schedule_ops ops = {.size = sizeof ops, .factor = factor};
static const rad_plugin exponential_plugin = {
    RAD_PLUGIN(RAD_SCHEDULE, "exponential", exponential, &ops), RAD_KEYS(keys),
    .summary = "falls by the same factor in each epoch"};
RAD_EXPORT(&exponential_plugin)
