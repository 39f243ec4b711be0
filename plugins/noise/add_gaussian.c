/* SPDX-License-Identifier: BSD-3-Clause
 * add_gaussian.c - x + sigma N(0,1) in natural units (pixels: 0 to 1), before scaling. Drawn once:
 * sample i is the same whenever it is gathered, in training and evaluation. Training and test
 * samples of the same number have different draws. x (n,D). For noise that is new at each step see
 * fresh_gaussian. */
#include <rademacher/noise.h>

typedef struct add_gaussian {
  float sigma;
  bool clip;
} add_gaussian;

static const rad_key keys[] = {
    RAD_KEY(add_gaussian, sigma, "0.1", 0, 1e6, RAD_LOG, "standard deviation, in natural units"),
    RAD_KEY(add_gaussian, clip, "false", 0, 1, 0, "cut the sums back to 0 .. 1"),
};

static rad_status split(rad_ctx *c, const void *self, rad_part *p)
{
  const add_gaussian *g = self;
  const size_t D = rad_count(&p->facts->sample);
  float *z = c->host->scratch(c, D * sizeof *z); /* (D) */
  if (!z)
    return rad_fail(c, RAD_ENOMEM, "out of memory");
  for (size_t i = 0; i < p->n; i++) {
    float *x = (float *)p->x + i * D;
    c->host->normal(c, &(rad_at){.index = p->id[i], .stream = p->split == RAD_TEST}, 0, D, z);
    for (size_t j = 0; j < D; j++)
      x[j] += g->sigma * z[j];
    for (size_t j = 0; g->clip && j < D; j++)
      x[j] = x[j] < 0.0f ? 0.0f : x[j] > 1.0f ? 1.0f : x[j];
  }
  return RAD_OK;
}

static const rad_noise_ops ops = {
    .size = sizeof ops, .flags = RAD_CHANGES_INPUTS | RAD_WANT_F32, .split = split};
static const rad_plugin add_plugin = {
    RAD_PLUGIN(RAD_NOISE, "add_gaussian", add_gaussian, &ops),
    RAD_KEYS(keys),
    .summary = "Gaussian noise on the inputs, drawn once",
    .version = "1",
};
RAD_EXPORT(&add_plugin)
