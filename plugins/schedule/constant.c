/* SPDX-License-Identifier: BSD-3-Clause
 * constant.c - f = 1. */
#include <rademacher/schedule.h>

typedef struct constant {
  char unused;
} constant;

static rad_status factor(rad_ctx *c, const void *self, const rad_when *w, double *f)
{
  (void)c;
  (void)self;
  (void)w;
  *f = 1;
  return RAD_OK;
}

static const rad_schedule_ops ops = {.size = sizeof ops, .factor = factor};
static const rad_plugin constant_plugin = {RAD_PLUGIN(RAD_SCHEDULE, "constant", constant, &ops),
                                           .summary = "the same rate throughout"};
RAD_EXPORT(&constant_plugin)
