/* SPDX-License-Identifier: BSD-3-Clause
 * random_pixels.c - the pixels of each sample in another order, for each sample a uniformly random
 * permutation of its own: the values stay, their places tell nothing. The channels of a pixel move
 * together. Sample i's permutation depends on i alone, so it is the same whenever it is gathered;
 * training and test samples of the same number have different ones. x (n,H,W,C). Zhang et al. 2016,
 * arXiv 1611.03530, section 2.1. For one permutation of all samples see shuffled_pixels. */
#include "pixels.h"

typedef struct random_pixels {
  size_t npixel;
} random_pixels;

static rad_status plan(rad_ctx *c, void *self, const rad_facts *f)
{
  random_pixels *r = self;
  return pixel_count(c, f, &r->npixel);
}

static rad_status split(rad_ctx *c, const void *self, rad_part *p)
{
  const size_t n = ((const random_pixels *)self)->npixel;
  const size_t pixel = pixel_bytes(p->facts), sample = n * pixel;
  uint8_t *old = c->host->scratch(c, sample);
  uint32_t *from = c->host->scratch(c, n * sizeof *from);
  uint32_t *draws = c->host->scratch(c, n * 2 * sizeof *draws); /* (n,2) */
  if (!old || !from || !draws)
    return rad_fail(c, RAD_ENOMEM, "out of memory");
  for (size_t i = 0; i < p->n; i++) {
    const rad_at at = {.index = p->id[i], .stream = p->split == RAD_TEST};
    pixel_permutation(c, &at, n, draws, from);
    pixel_permute(from, n, pixel, (uint8_t *)p->x + i * sample, old);
  }
  return RAD_OK;
}

static const rad_noise_ops ops = {
    .size = sizeof ops, .flags = RAD_CHANGES_INPUTS, .plan = plan, .split = split};
static const rad_plugin random_plugin = {
    RAD_PLUGIN(RAD_NOISE, "random_pixels", random_pixels, &ops),
    .summary = "pixels in another order, a different one for each sample",
    .version = "1",
    .reference = "Zhang et al. 2016, arXiv 1611.03530",
};
RAD_EXPORT(&random_plugin)
