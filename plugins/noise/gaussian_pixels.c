/* SPDX-License-Identifier: BSD-3-Clause
 * gaussian_pixels.c - each number of a sample becomes mean + std N(0,1), with mean and std of its
 * channel over the training data: nothing of the sample is left. Values are not cut to 0 .. 1.
 * Sample i is the same whenever it is gathered; training and test samples of the same number have
 * different draws. x (n,H,W,C). Zhang et al. 2016, arXiv 1611.03530, section 2.1. */
#include <rademacher/noise.h>

typedef struct gaussian_pixels {
  char unused;
} gaussian_pixels;

static rad_status split(rad_ctx *c, const void *self, rad_part *p)
{
  const rad_facts *f = p->facts;
  const size_t D = rad_count(&f->sample), C = f->sample.dim[f->sample.rank - 1];
  (void)self;
  for (size_t i = 0; i < p->n; i++) {
    float *x = (float *)p->x + i * D;
    c->host->normal(c, &(rad_at){.index = p->id[i], .stream = p->split == RAD_TEST}, 0, D, x);
    for (size_t j = 0; j < D; j += C)
      for (size_t k = 0; k < C; k++)
        x[j + k] = f->mean[k] + f->std[k] * x[j + k];
  }
  return RAD_OK;
}

static const rad_noise_ops ops = {
    .size = sizeof ops, .flags = RAD_CHANGES_INPUTS | RAD_WANT_F32, .split = split};
static const rad_plugin gaussian_plugin = {
    RAD_PLUGIN(RAD_NOISE, "gaussian_pixels", gaussian_pixels, &ops),
    .summary = "Gaussian noise with mean and variance of the data in place of each sample",
    .version = "1",
    .reference = "Zhang et al. 2016, arXiv 1611.03530",
};
RAD_EXPORT(&gaussian_plugin)
