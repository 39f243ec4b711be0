/* SPDX-License-Identifier: BSD-3-Clause
 * salt_pepper.c - with probability `rate` a number becomes 1 (salt) or 0 (pepper), the ends of what
 * pixels can be, with equal chances. Each number has a draw of its own, so the channels of a pixel
 * change independently (as imnoise of MATLAB and random_noise of scikit-image have it, and the
 * impulse noise of Hendrycks and Dietterich 2019, arXiv 1903.12261). A draw of 32 bits: the upper
 * 31 say whether, the last one to what; so what a rate changes every higher one changes alike.
 * Sample i is the same whenever it is gathered. x (n,D) in natural units. */
#include <rademacher/noise.h>

typedef struct salt_pepper {
  double rate;
} salt_pepper;

static const rad_key keys[] = {
    RAD_KEY(salt_pepper, rate, "0.1", 0, 1, 0, "probability that a number becomes 0 or 1"),
};

static rad_status split(rad_ctx *c, const void *self, rad_part *p)
{
  const size_t D = rad_count(&p->facts->sample);
  const double below = ((const salt_pepper *)self)->rate * 0x1p31;
  uint32_t *r = c->host->scratch(c, D * sizeof *r); /* (D) */
  if (!r)
    return rad_fail(c, RAD_ENOMEM, "out of memory");
  for (size_t i = 0; i < p->n; i++) {
    float *x = (float *)p->x + i * D;
    c->host->bits(c, &(rad_at){.index = p->id[i], .stream = p->split == RAD_TEST}, 0, D, r);
    for (size_t j = 0; j < D; j++)
      if ((double)(r[j] >> 1) < below)
        x[j] = (float)(r[j] & 1);
  }
  return RAD_OK;
}

static const rad_noise_ops ops = {
    .size = sizeof ops, .flags = RAD_CHANGES_INPUTS | RAD_WANT_F32, .split = split};
static const rad_plugin salt_plugin = {
    RAD_PLUGIN(RAD_NOISE, "salt_pepper", salt_pepper, &ops),
    RAD_KEYS(keys),
    .summary = "numbers of the inputs replaced by 0 or 1",
    .version = "1",
};
RAD_EXPORT(&salt_plugin)
