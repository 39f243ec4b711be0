/* SPDX-License-Identifier: BSD-3-Clause
 * random_crop.c - moves each training image by up to `pad` places down or up and right or left,
 * afresh in each epoch, with zeros where it came from: a random crop of the image padded by `pad`.
 * Zero is the mean where the inputs are standardized, black where they are not. x (n,H,W,C). He et
 * al. 2015, arXiv 1512.03385, section 4.2. */
#include <rademacher/noise.h>
#include <string.h>

enum { DOWN, RIGHT }; /* draws of one sample and epoch */
typedef struct random_crop {
  int32_t pad;
} random_crop;

static const rad_key keys[] = {
    RAD_KEY(random_crop, pad, "4", 1, 1024, 0, "most places that an image is moved by"),
};

static rad_status plan(rad_ctx *c, void *self, const rad_facts *f)
{
  (void)self;
  if (f->sample.rank != 3)
    return rad_fail(c, RAD_EINVAL, "wants images (height, width, channels), not %zu axes",
                    f->sample.rank);
  return RAD_OK;
}

/* y (H,W,C) = x moved by (down,right), zeros outside */
static void move(const size_t *d, int32_t down, int32_t right, const float *x, float *y)
{
  const size_t H = d[0], W = d[1], C = d[2];
  const size_t far = (size_t)(right < 0 ? -right : right), n = far < W ? W - far : 0;
  const size_t from = right < 0 ? far : 0, to = right < 0 ? 0 : far;
  memset(y, 0, H * W * C * sizeof *y);
  for (size_t h = 0; n > 0 && h < H; h++) {
    const size_t source = h - (size_t)down; /* wraps to a huge number where there is none */
    if (source < H)
      memcpy(y + (h * W + to) * C, x + (source * W + from) * C, n * C * sizeof *y);
  }
}

static rad_status batch(rad_ctx *c, const void *self, rad_batch *b)
{
  const random_crop *r = self;
  const size_t *d = b->facts->sample.dim, n = rad_count(&b->facts->sample);
  const uint32_t range = 2 * (uint32_t)r->pad + 1;
  float *old = c->host->scratch(c, n * sizeof *old); /* one image */
  if (!old)
    return RAD_ENOMEM;
  for (size_t i = 0; i < b->n; i++) {
    const rad_at at = {.when = b->when.epoch, .index = b->id[i]};
    memcpy(old, b->x + i * n, n * sizeof *old);
    move(d, (int32_t)rad_below(c, &at, DOWN, range) - r->pad,
         (int32_t)rad_below(c, &at, RIGHT, range) - r->pad, old, b->x + i * n);
  }
  return RAD_OK;
}

static const rad_noise_ops ops = {.size = sizeof ops, .plan = plan, .batch = batch};
static const rad_plugin crop_plugin = {RAD_PLUGIN(RAD_NOISE, "random_crop", random_crop, &ops),
                                       RAD_KEYS(keys),
                                       .summary = "training images moved by a few places",
                                       .reference = "He et al. 2015, arXiv 1512.03385"};
RAD_EXPORT(&crop_plugin)
