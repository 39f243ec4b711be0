/* SPDX-License-Identifier: BSD-3-Clause
 * fresh_gaussian.c - x + sigma N(0,1) with new draws at each step, on training batches only: a
 * regularizer (Bishop 1995). It acts after scaling, so sigma counts in what the network sees:
 * natural units with scale = unit, deviations of the data with standardize and whiten. x (n,D). For
 * noise that belongs to the samples see add_gaussian. */
#include <rademacher/noise.h>

typedef struct fresh_gaussian {
  float sigma;
} fresh_gaussian;

static const rad_key keys[] = {
    RAD_KEY(fresh_gaussian, sigma, "0.1", 0, 1e6, RAD_LOG, "standard deviation, of scaled inputs"),
};

static rad_status batch(rad_ctx *c, const void *self, rad_batch *b)
{
  const fresh_gaussian *g = self;
  const size_t D = rad_count(&b->facts->sample);
  float *z = c->host->scratch(c, D * sizeof *z); /* (D) */
  if (!z)
    return rad_fail(c, RAD_ENOMEM, "out of memory");
  for (size_t i = 0; i < b->n; i++) {
    float *x = b->x + i * D;
    c->host->normal(c, &(rad_at){.when = b->when.step, .index = b->id[i]}, 0, D, z);
    for (size_t j = 0; j < D; j++)
      x[j] += g->sigma * z[j];
  }
  return RAD_OK;
}

static const rad_noise_ops ops = {.size = sizeof ops, .batch = batch};
static const rad_plugin fresh_plugin = {
    RAD_PLUGIN(RAD_NOISE, "fresh_gaussian", fresh_gaussian, &ops),
    RAD_KEYS(keys),
    .summary = "Gaussian noise on training batches, new at each step",
    .version = "1",
    .reference = "Bishop 1995, Neural Computation 7(1)",
};
RAD_EXPORT(&fresh_plugin)
