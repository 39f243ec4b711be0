/* SPDX-License-Identifier: BSD-3-Clause
 * random_flip.c - with probability p a training image is mirrored, left for right, afresh in each
 * epoch. x (n,H,W,C). */
#include <rademacher/noise.h>

typedef struct random_flip {
  double p;
} random_flip;

static const rad_key keys[] = {
    RAD_KEY(random_flip, p, "0.5", 0, 1, 0, "probability that an image is mirrored"),
};

static rad_status plan(rad_ctx *c, void *self, const rad_facts *f)
{
  (void)self;
  if (f->sample.rank != 3)
    return rad_fail(c, RAD_EINVAL, "wants images (height, width, channels), not %zu axes",
                    f->sample.rank);
  return RAD_OK;
}

/* x (W,C) backwards, place by place */
static void mirror(size_t W, size_t C, float *x)
{
  for (size_t a = 0, b = W - 1; a < b; a++, b--)
    for (size_t k = 0; k < C; k++) {
      const float left = x[a * C + k];
      x[a * C + k] = x[b * C + k];
      x[b * C + k] = left;
    }
}

static rad_status batch(rad_ctx *c, const void *self, rad_batch *b)
{
  const random_flip *r = self;
  const size_t H = b->facts->sample.dim[0], W = b->facts->sample.dim[1];
  const size_t C = b->facts->sample.dim[2];
  for (size_t i = 0; i < b->n; i++) {
    float u;
    c->host->uniform(c, &(rad_at){.when = b->when.epoch, .index = b->id[i]}, 0, 1, &u);
    for (size_t h = 0; (double)u < r->p && h < H; h++)
      mirror(W, C, b->x + (i * H + h) * W * C);
  }
  return RAD_OK;
}

static const rad_noise_ops ops = {.size = sizeof ops, .plan = plan, .batch = batch};
static const rad_plugin flip_plugin = {RAD_PLUGIN(RAD_NOISE, "random_flip", random_flip, &ops),
                                       RAD_KEYS(keys),
                                       .summary = "training images mirrored, left for right"};
RAD_EXPORT(&flip_plugin)
