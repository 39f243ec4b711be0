/* SPDX-License-Identifier: BSD-3-Clause
 * fresh_uniform.c - numbers uniform in [lo,hi) in place of the inputs, new at each step, on
 * training batches only. It acts after scaling. x (n,D). */
#include <rademacher/noise.h>

typedef struct fresh_uniform {
  float lo, hi;
} fresh_uniform;

static const rad_key keys[] = {
    RAD_KEY(fresh_uniform, lo, "0", -1e6, 1e6, 0, "least value, of scaled inputs"),
    RAD_KEY(fresh_uniform, hi, "1", -1e6, 1e6, 0, "greatest value"),
};

static rad_status init(rad_ctx *c, void *self)
{
  const fresh_uniform *u = self;
  return u->lo <= u->hi ? RAD_OK : rad_fail(c, RAD_EINVAL, "lo is above hi");
}

static rad_status batch(rad_ctx *c, const void *self, rad_batch *b)
{
  const fresh_uniform *u = self;
  const size_t D = rad_count(&b->facts->sample);
  for (size_t i = 0; i < b->n; i++) {
    float *x = b->x + i * D;
    c->host->uniform(c, &(rad_at){.when = b->when.step, .index = b->id[i]}, 0, D, x);
    for (size_t j = 0; j < D; j++)
      x[j] = u->lo + (u->hi - u->lo) * x[j];
  }
  return RAD_OK;
}

static const rad_noise_ops ops = {.size = sizeof ops, .batch = batch};
static const rad_plugin fresh_uniform_plugin = {
    RAD_PLUGIN(RAD_NOISE, "fresh_uniform", fresh_uniform, &ops),
    RAD_KEYS(keys),
    .init = init,
    .summary = "uniform noise in place of training inputs, new at each step",
    .version = "1",
};
RAD_EXPORT(&fresh_uniform_plugin)
