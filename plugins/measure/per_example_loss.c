/* SPDX-License-Identifier: BSD-3-Clause
 * per_example_loss.c - the loss of each sample of a split: the vector `loss` (N), that of the last
 * evaluation. Where some labels were corrupted, `loss_auc`: how well the loss finds them, the share
 * of pairs of a corrupted and an uncorrupted sample in which the corrupted one has the larger loss,
 * ties counted half (the area under the ROC curve). Means are told by the measure `loss`. Arazo et
 * al. 2019, arXiv 1904.11238. */
#include "samples.h"
#include <stdlib.h>

typedef struct per_example_loss {
  char unused;
} per_example_loss;
enum { LOSS, KIND, SEEN }; /* state: f32, u8 (most samples of a split), f64 (1) */
enum { CLEAN, NOISY, UNLABELLED };

static rad_status plan(rad_ctx *c, void *self, const rad_model *m, const rad_facts *f)
{
  const size_t n = most_samples(f);
  (void)self;
  (void)m;
  RAD_TRY(c->host->tensor(c, RAD_NEW(rad_tensor, .name = "loss", .role = RAD_BUFFER,
                                     .type = RAD_F32, .shape = {1, {n}})));
  RAD_TRY(c->host->tensor(c, RAD_NEW(rad_tensor, .name = "kind", .role = RAD_BUFFER, .type = RAD_U8,
                                     .shape = {1, {n}})));
  return c->host->tensor(c, RAD_NEW(rad_tensor, .name = "seen", .role = RAD_BUFFER, .type = RAD_F64,
                                    .shape = {1, {1}}));
}

typedef struct sample {
  float loss;
  bool noisy;
} sample;

static int by_loss(const void *a, const void *b)
{
  const float x = ((const sample *)a)->loss, y = ((const sample *)b)->loss;
  return x < y ? -1 : x > y;
}

/* Sum of the ranks of the noisy ones, those of equal losses averaged (Mann and Whitney 1947). */
static double auc(sample *v, size_t n, double nnoisy)
{
  double ranks = 0;
  qsort(v, n, sizeof *v, by_loss);
  for (size_t i = 0, end; i < n; i = end) {
    double noisy = 0;
    for (end = i; end < n && v[end].loss == v[i].loss; end++)
      noisy += v[end].noisy;
    ranks += noisy * ((double)(i + 1 + end) / 2);
  }
  return (ranks - nnoisy * (nnoisy + 1) / 2) / (nnoisy * ((double)n - nnoisy));
}

static rad_status report(rad_ctx *c, const float *loss, const uint8_t *kind, size_t n)
{
  sample *v = c->host->scratch(c, (n + 1) * sizeof *v);
  size_t labelled = 0, noisy = 0;
  if (!v)
    return RAD_ENOMEM;
  for (size_t i = 0; i < n; i++) {
    if (kind[i] == UNLABELLED)
      continue;
    if (isnan(loss[i])) /* there is no order */
      return c->lab->vector(c, "loss", n, loss);
    v[labelled++] = (sample){loss[i], kind[i] == NOISY};
    noisy += kind[i] == NOISY;
  }
  if (noisy > 0 && noisy < labelled)
    RAD_TRY(c->lab->metric(c, "loss_auc", auc(v, labelled, (double)noisy)));
  return c->lab->vector(c, "loss", n, loss);
}

static rad_status eval(rad_ctx *c, const void *self, const rad_batch *b)
{
  float *loss = c->state[LOSS];
  uint8_t *kind = c->state[KIND];
  double *seen = c->state[SEEN];
  (void)self;
  if (!b) {
    const size_t n = (size_t)*seen;
    *seen = 0;
    return n > 0 ? report(c, loss, kind, n) : RAD_OK;
  }
  for (size_t i = 0; i < b->n; i++, *seen += 1) {
    const bool noisy = b->label && b->truth && b->label[i] != b->truth[i];
    loss[b->row[i]] = (float)b->loss[i];
    kind[b->row[i]] = b->label && b->label[i] < 0 ? UNLABELLED : noisy ? NOISY : CLEAN;
  }
  return RAD_OK;
}

static const rad_hooks ops = {.size = sizeof ops, .plan = plan, .eval = eval};
static const rad_plugin loss_plugin = {
    RAD_PLUGIN(RAD_MEASURE, "per_example_loss", per_example_loss, &ops), RAD_METRICS("loss_auc"),
    .summary = "the loss of each sample, and how well it finds wrong labels",
    .reference = "Arazo et al. 2019, arXiv 1904.11238"};
RAD_EXPORT(&loss_plugin)
