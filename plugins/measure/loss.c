/* SPDX-License-Identifier: BSD-3-Clause
 * loss.c - the mean loss of a split's samples; where some labels of the split were corrupted, also
 * of the uncorrupted and of the corrupted ones (against the label given). */
#include <rademacher/measure.h>

typedef struct loss_measure {
  char unused;
} loss_measure;
enum { ALL, CLEAN, NOISY, NGROUP };
typedef struct tally { /* of one group of samples */
  double n, sum;
} tally;

static rad_status plan(rad_ctx *c, void *self, const rad_model *m, const rad_facts *f)
{
  (void)self;
  (void)m;
  (void)f;
  return c->host->tensor(c, RAD_NEW(rad_tensor, .name = "tally", .role = RAD_BUFFER,
                                    .type = RAD_F64, .shape = {2, {NGROUP, 2}}));
}

static rad_status report(rad_ctx *c, tally *t)
{
  static const char *const name[] = {"loss", "loss_clean", "loss_noisy"};
  for (size_t g = 0; g < NGROUP; g++)
    if (t[g].n > 0 && (g == ALL || t[NOISY].n > 0))
      RAD_TRY(c->lab->metric(c, name[g], t[g].sum / t[g].n));
  for (size_t g = 0; g < NGROUP; g++)
    t[g] = (tally){0, 0};
  return RAD_OK;
}

static rad_status eval(rad_ctx *c, const void *self, const rad_batch *b)
{
  tally *t = c->state[0];
  (void)self;
  if (!b)
    return report(c, t);
  for (size_t i = 0; i < b->n; i++) {
    if (b->label && b->label[i] < 0) /* unlabelled */
      continue;
    const bool noisy = b->label && b->truth && b->label[i] != b->truth[i];
    tally *group = &t[noisy ? NOISY : CLEAN];
    t[ALL].n++, t[ALL].sum += b->loss[i];
    group->n++, group->sum += b->loss[i];
  }
  return RAD_OK;
}

static const rad_hooks ops = {.size = sizeof ops, .plan = plan, .eval = eval};
static const rad_plugin loss_plugin = {RAD_PLUGIN(RAD_MEASURE, "loss", loss_measure, &ops),
                                       RAD_METRICS("loss", "loss_clean", "loss_noisy"),
                                       .summary = "mean loss of each split"};
RAD_EXPORT(&loss_plugin)
