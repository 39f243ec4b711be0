/* SPDX-License-Identifier: BSD-3-Clause
 * plateau.c - f is multiplied by `factor` whenever a metric has not improved, by `threshold` of the
 * best value, in more than `patience` epochs. Four declared numbers are its whole state. */
#include <math.h>
#include <rademacher/schedule.h>

typedef struct plateau {
  const char *metric;
  int32_t goal, patience;
  double factor, threshold, floor;
} plateau;
enum { MIN, MAX };
enum { EPOCH, WAIT, BEST, FACTOR }; /* state */

static const char *const goals[] = {"min", "max", NULL};
static const rad_key keys[] = {
    RAD_KEY(plateau, metric, "val.loss", 0, 0, RAD_FIXED, "what to watch"),
    RAD_CHOICE(plateau, goal, "min", goals, "which way is better"),
    RAD_KEY(plateau, patience, "10", 0, 1e9, 0, "epochs without improvement that are forgiven"),
    RAD_KEY(plateau, factor, "0.1", 1e-6, 0.999999, RAD_LOG, "what the rate is multiplied by"),
    RAD_KEY(plateau, threshold, "1e-4", 0, 1, 0, "share of the best value that counts as better"),
    RAD_KEY(plateau, floor, "0", 0, 1, 0, "the factor falls no lower than this"),
};

static rad_status plan(rad_ctx *c, void *self)
{
  (void)self;
  RAD_TRY(c->host->tensor(
      c, RAD_NEW(rad_tensor, .name = "epoch", .role = RAD_BUFFER, .type = RAD_I64)));
  RAD_TRY(
      c->host->tensor(c, RAD_NEW(rad_tensor, .name = "wait", .role = RAD_BUFFER, .type = RAD_I64)));
  RAD_TRY(c->host->tensor(c, RAD_NEW(rad_tensor, .name = "best", .role = RAD_BUFFER,
                                     .type = RAD_F64, .fill = (double)NAN)));
  return c->host->tensor(
      c, RAD_NEW(rad_tensor, .name = "factor", .role = RAD_BUFFER, .type = RAD_F64, .fill = 1));
}

static bool better(const plateau *p, double value, double best)
{
  if (isnan(best))
    return true;
  return p->goal == MIN ? value < best * (1 - p->threshold) : value > best * (1 + p->threshold);
}

static rad_status factor(rad_ctx *c, const void *self, const rad_when *w, double *f)
{
  const plateau *p = self;
  int64_t *epoch = c->state[EPOCH], *wait = c->state[WAIT];
  double *best = c->state[BEST], *now = c->state[FACTOR];
  *f = *now;
  if ((int64_t)w->epoch <= *epoch) /* looks once, before the first step of each later epoch */
    return RAD_OK;
  *epoch = (int64_t)w->epoch;
  const double value = c->lab->value(c, p->metric);
  if (isnan(value) && isnan(*best))
    return rad_fail(c, RAD_EINVAL,
                    "no metric '%s' after an epoch: name one that is measured, as in val.loss",
                    p->metric);
  if (better(p, value, *best)) {
    *best = value;
    *wait = 0;
  } else if (++*wait > p->patience) {
    *now = fmax(*now * p->factor, p->floor);
    *wait = 0;
  }
  *f = *now;
  return RAD_OK;
}

static const rad_schedule_ops ops = {.size = sizeof ops, .plan = plan, .factor = factor};
static const rad_plugin plateau_plugin = {RAD_PLUGIN(RAD_SCHEDULE, "plateau", plateau, &ops),
                                          RAD_KEYS(keys),
                                          .summary = "drops when a metric no longer improves"};
RAD_EXPORT(&plateau_plugin)
