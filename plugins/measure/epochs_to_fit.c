/* SPDX-License-Identifier: BSD-3-Clause
 * epochs_to_fit.c - the first epoch at whose end a metric has reached a value, NaN where it never
 * did (then all that is known is that the budget was too small). With one value in `at` the metric
 * is called like the section; with several it is that of the last one to be reached, and SECTION.AT
 * that of each. Only epochs that are evaluated count ([run] evaluate). */
#include <math.h>
#include <rademacher/measure.h>

typedef struct epochs_to_fit {
  const char *metric;
  int32_t goal;
  rad_list at;
} epochs_to_fit;
enum { MAX, MIN };
static const char *const goals[] = {"max", "min", NULL};
static const rad_key keys[] = {
    RAD_KEY(epochs_to_fit, metric, "train.accuracy", 0, 0, RAD_FIXED, "what to watch"),
    RAD_CHOICE(epochs_to_fit, goal, "max", goals, "which way is better"),
    RAD_KEY(epochs_to_fit, at, "0.99", -1e300, 1e300, RAD_FIXED, "values to be reached"),
};

static rad_status init(rad_ctx *c, void *self)
{
  const epochs_to_fit *e = self;
  return e->at.n > 0 ? RAD_OK : rad_fail(c, RAD_EINVAL, "at is empty: which value, e.g. at = 0.99");
}

/* State: the epoch of each value, NaN before it is reached. */
static rad_status plan(rad_ctx *c, void *self, const rad_model *m, const rad_facts *f)
{
  const epochs_to_fit *e = self;
  (void)m;
  (void)f;
  return c->host->tensor(c, RAD_NEW(rad_tensor, .name = "epoch", .role = RAD_BUFFER,
                                    .type = RAD_F64, .shape = {1, {e->at.n}}, .fill = (double)NAN));
}

static rad_status epoch(rad_ctx *c, const void *self, rad_report *r)
{
  const epochs_to_fit *e = self;
  double *at = c->state[0], last = 0;
  const double v = c->lab->value(c, e->metric), sign = e->goal == MIN ? -1 : 1;
  for (size_t i = 0; i < e->at.n; i++) {
    char number[32];
    if (isnan(at[i]) && sign * v >= sign * e->at.v[i])
      at[i] = (double)(r->when.epoch + 1);
    last = isnan(last) || at[i] <= last ? last : at[i]; /* NaN stays */
    if (e->at.n > 1)
      RAD_TRY(c->lab->metric(c, c->host->number(number, e->at.v[i]), at[i]));
  }
  return c->lab->metric(c, "", last);
}

static const rad_hooks ops = {.size = sizeof ops, .plan = plan, .epoch = epoch};
static const rad_plugin epochs_plugin = {
    RAD_PLUGIN(RAD_MEASURE, "epochs_to_fit", epochs_to_fit, &ops),
    RAD_KEYS(keys),
    .init = init,
    .needs = 1,
    RAD_METRICS("", "*"),
    .summary = "the first epoch at whose end a metric has reached a value"};
RAD_EXPORT(&epochs_plugin)
