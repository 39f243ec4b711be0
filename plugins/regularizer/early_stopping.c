/* SPDX-License-Identifier: BSD-3-Clause
 * early_stopping.c - ends a training when a metric has not improved by min_delta in `patience`
 * epochs, or as soon as it reaches `stop_at`; either may be left out. With `restore` the weights of
 * the best epoch are taken back at the end. Two declared numbers are its whole state. */
#include <math.h>
#include <rademacher/regularizer.h>

typedef struct early_stopping {
  const char *metric;
  int32_t goal, patience;
  rad_list stop_at; /* none or one number */
  double min_delta;
  bool restore;
} early_stopping;
enum { MIN, MAX };
enum { BEST, WAIT }; /* state */

static const char *const goals[] = {"min", "max", NULL};
static const rad_key keys[] = {
    RAD_KEY(early_stopping, metric, "val.loss", 0, 0, RAD_FIXED, "what to watch"),
    RAD_CHOICE(early_stopping, goal, "min", goals, "which way is better"),
    RAD_KEY(early_stopping, patience, "0", 0, 1e9, 0,
            "epochs without improvement after which to stop; 0: any number"),
    RAD_KEY(early_stopping, min_delta, "0", 0, 1e9, 0, "smaller changes are no improvement"),
    RAD_KEY(early_stopping, stop_at, "", -1e300, 1e300, RAD_FIXED,
            "stop once the metric is as good as this; empty: never"),
    RAD_KEY(early_stopping, restore, "false", 0, 1, 0, "take back the best weights at the end"),
};

static rad_status init(rad_ctx *c, void *self)
{
  const early_stopping *e = self;
  if (e->stop_at.n > 1)
    return rad_fail(c, RAD_EINVAL, "stop_at has %zu values, give one", e->stop_at.n);
  if (e->stop_at.n == 0 && e->patience == 0 && !e->restore)
    return rad_fail(c, RAD_EINVAL,
                    "would never stop: give patience (epochs), stop_at (a value of %s) or "
                    "restore = true",
                    e->metric);
  return RAD_OK;
}

static rad_status plan(rad_ctx *c, void *self, const rad_model *m, const rad_facts *f)
{
  (void)self;
  (void)m;
  (void)f;
  RAD_TRY(c->host->tensor(c, RAD_NEW(rad_tensor, .name = "best", .role = RAD_BUFFER,
                                     .type = RAD_F64, .fill = (double)NAN)));
  return c->host->tensor(c,
                         RAD_NEW(rad_tensor, .name = "wait", .role = RAD_BUFFER, .type = RAD_I64));
}

static rad_status epoch(rad_ctx *c, const void *self, rad_report *r)
{
  const early_stopping *e = self;
  double *best = c->state[BEST];
  int64_t *wait = c->state[WAIT];
  const double v = c->lab->value(c, e->metric), sign = e->goal == MIN ? -1 : 1;
  if (isnan(v) && isnan(*best))
    return rad_fail(c, RAD_EINVAL,
                    "no metric '%s' after an epoch: name one that is measured, as in val.loss",
                    e->metric);
  const bool reached = e->stop_at.n > 0 && sign * v >= sign * e->stop_at.v[0];
  const bool better = isnan(*best) || sign * (v - *best) > e->min_delta;
  if (better) {
    *best = v;
    *wait = 0;
  } else {
    ++*wait;
  }
  if (reached || (e->patience > 0 && *wait >= e->patience))
    r->action |= RAD_STOP;
  if (e->restore)
    r->action |= better || reached ? RAD_MARK_BEST | RAD_RESTORE : RAD_RESTORE;
  return RAD_OK;
}

static const rad_hooks ops = {.size = sizeof ops, .plan = plan, .epoch = epoch};
static const rad_plugin early_stopping_plugin = {
    RAD_PLUGIN(RAD_REGULARIZER, "early_stopping", early_stopping, &ops), RAD_KEYS(keys),
    .init = init, .summary = "ends a training that is good enough or no longer improves"};
RAD_EXPORT(&early_stopping_plugin)
