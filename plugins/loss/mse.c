/* SPDX-License-Identifier: BSD-3-Clause
 * mse.c - l = mean_k (y_k - target_k)^2, for any kind of target. y, target (n,K). */
#include <rademacher/loss.h>

typedef struct mse {
  size_t K; /* set by plan */
} mse;

static rad_status plan(rad_ctx *c, void *self, const rad_facts *f, const rad_shape *out)
{
  mse *m = self;
  m->K = rad_count(out);
  if (m->K != f->ntarget)
    return rad_fail(c, RAD_EINVAL,
                    "the network has %zu outputs, the data have %zu targets per sample: give the "
                    "last layer units = %zu",
                    m->K, f->ntarget, f->ntarget);
  return RAD_OK;
}

static rad_status eval(rad_ctx *c, const void *self, const rad_batch *b, float scale)
{
  const size_t K = ((const mse *)self)->K;
  (void)c;
  for (size_t i = 0; i < b->n; i++) {
    const double factor = 2.0 * (double)scale * (double)b->weight[i] / (double)K;
    double sum = 0;
    for (size_t k = i * K; k < (i + 1) * K; k++) {
      const double d = (double)b->y[k] - (double)b->target[k];
      sum += d * d;
      if (b->dy)
        b->dy[k] = (float)(factor * d);
    }
    b->loss[i] = sum / (double)K;
  }
  return RAD_OK;
}

static const rad_loss_ops ops = {.size = sizeof ops, .plan = plan, .eval = eval};
static const rad_plugin mse_plugin = {RAD_PLUGIN(RAD_LOSS, "mse", mse, &ops),
                                      .summary = "mean squared error"};
RAD_EXPORT(&mse_plugin)
