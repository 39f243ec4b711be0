/* SPDX-License-Identifier: BSD-3-Clause
 * confusion.c - how many samples of each class were answered by each class: the vector `confusion`
 * (T,T) of each split, rows: label given, columns: largest output; that of the last evaluation is
 * kept. The metric balanced_accuracy is the mean over classes of the share answered right.
 * Brodersen et al. 2010, ICPR 20. */
#include "samples.h"

typedef struct confusion {
  size_t T; /* classes; set by plan */
} confusion;
enum { MAX_CLASSES = 1000 }; /* a matrix of a million counts */

static rad_status plan(rad_ctx *c, void *self, const rad_model *m, const rad_facts *f)
{
  confusion *k = self;
  k->T = f->ntarget;
  RAD_TRY(classes_check(c, m, f));
  if (k->T > MAX_CLASSES)
    return rad_fail(c, RAD_EINVAL, "takes at most %d classes, the data have %zu", MAX_CLASSES,
                    k->T);
  return c->host->tensor(c, RAD_NEW(rad_tensor, .name = "count", .role = RAD_BUFFER,
                                    .type = RAD_F64, .shape = {2, {k->T, k->T}}));
}

static rad_status report(rad_ctx *c, double *count, size_t T)
{
  float *out = c->host->scratch(c, T * T * sizeof *out);
  double present = 0, recall = 0;
  if (!out)
    return rad_fail(c, RAD_ENOMEM, "no memory for %zu x %zu counts", T, T);
  for (size_t r = 0; r < T; r++) {
    double row = 0;
    for (size_t k = 0; k < T; k++)
      row += count[r * T + k];
    present += row > 0;
    recall += row > 0 ? count[r * T + r] / row : 0;
  }
  for (size_t i = 0; i < T * T; i++) {
    out[i] = (float)count[i];
    count[i] = 0;
  }
  if (present > 0)
    RAD_TRY(c->lab->metric(c, "balanced_accuracy", recall / present));
  return c->lab->vector(c, "confusion", T * T, out);
}

static rad_status eval(rad_ctx *c, const void *self, const rad_batch *b)
{
  const size_t T = ((const confusion *)self)->T;
  double *count = c->state[0];
  if (!b)
    return report(c, count, T);
  for (size_t i = 0; b->label && i < b->n; i++) {
    const int32_t label = b->label[i], top = top_class(b->y + i * T, T);
    if (label >= 0 && top >= 0)
      count[(size_t)label * T + (size_t)top]++;
  }
  return RAD_OK;
}

static const rad_hooks ops = {.size = sizeof ops, .plan = plan, .eval = eval};
static const rad_plugin confusion_plugin = {
    RAD_PLUGIN(RAD_MEASURE, "confusion", confusion, &ops), RAD_METRICS("balanced_accuracy"),
    .summary = "which classes are taken for which", .reference = "Brodersen et al. 2010, ICPR 20"};
RAD_EXPORT(&confusion_plugin)
