/* SPDX-License-Identifier: BSD-3-Clause
 * shuffled_pixels.c - the pixels of each sample in another order, one uniformly random permutation
 * for all samples of all splits: y[i] = x[p[i]]. The channels of a pixel move together. It can be
 * undone, so a network without neighbourhoods learns as before. x (n,H,W,C). Zhang et al. 2016,
 * arXiv 1611.03530, section 2.1. For a permutation per sample see random_pixels. */
#include "pixels.h"

typedef struct shuffled_pixels {
  uint32_t *from; /* (npixel) */
  size_t npixel;
} shuffled_pixels;

static rad_status plan(rad_ctx *c, void *self, const rad_facts *f)
{
  shuffled_pixels *s = self;
  RAD_TRY(pixel_count(c, f, &s->npixel));
  uint32_t *draws = c->host->scratch(c, s->npixel * 2 * sizeof *draws); /* (npixel,2) */
  s->from = c->host->alloc(c, s->npixel, sizeof *s->from);
  if (!s->from || !draws)
    return rad_fail(c, RAD_ENOMEM, "out of memory");
  pixel_permutation(c, &(rad_at){0}, s->npixel, draws, s->from);
  return RAD_OK;
}

static rad_status split(rad_ctx *c, const void *self, rad_part *p)
{
  const shuffled_pixels *s = self;
  const size_t pixel = pixel_bytes(p->facts), sample = s->npixel * pixel;
  uint8_t *old = c->host->scratch(c, sample);
  if (!old)
    return rad_fail(c, RAD_ENOMEM, "out of memory");
  for (size_t i = 0; i < p->n; i++)
    pixel_permute(s->from, s->npixel, pixel, (uint8_t *)p->x + i * sample, old);
  return RAD_OK;
}

static const rad_noise_ops ops = {
    .size = sizeof ops, .flags = RAD_CHANGES_INPUTS, .plan = plan, .split = split};
static const rad_plugin shuffled_plugin = {
    RAD_PLUGIN(RAD_NOISE, "shuffled_pixels", shuffled_pixels, &ops),
    .summary = "pixels in another order, the same for all samples",
    .version = "1",
    .reference = "Zhang et al. 2016, arXiv 1611.03530",
};
RAD_EXPORT(&shuffled_plugin)
