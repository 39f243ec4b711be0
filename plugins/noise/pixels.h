/* SPDX-License-Identifier: BSD-3-Clause
 * pixels.h - what noise that moves pixels shares. A pixel is all numbers along the last axis of a
 * sample (its channels), which stay together; of a sample with one axis each number is one. */
#ifndef PLUGINS_NOISE_PIXELS_H
#define PLUGINS_NOISE_PIXELS_H
#include <rademacher/noise.h>
#include <string.h>

static inline size_t pixel_channels(const rad_facts *f)
{
  return f->sample.rank > 1 ? f->sample.dim[f->sample.rank - 1] : 1;
}

static inline size_t pixel_bytes(const rad_facts *f)
{
  return pixel_channels(f) * (f->type == RAD_U8 ? 1 : sizeof(float));
}

/* Numbers of pixels must be below 2^32. */
static inline rad_status pixel_count(rad_ctx *c, const rad_facts *f, size_t *n)
{
  *n = rad_count(&f->sample) / pixel_channels(f);
  if (*n > UINT32_MAX)
    return rad_fail(c, RAD_EINVAL, "has %zu pixels per sample; permutes 4294967295 at most", *n);
  return RAD_OK;
}

/* p (n) = a uniformly random permutation, from numbers 0 .. 2n-1 of an address, for which r (n,2)
 * has room (Fisher-Yates) */
static inline void pixel_permutation(rad_ctx *c, const rad_at *at, size_t n, uint32_t *r,
                                     uint32_t *p)
{
  c->host->bits(c, at, 0, 2 * n, r);
  for (size_t i = 0; i < n; i++) { /* k as rad_below has it */
    const uint64_t hi = r[2 * i] * (uint64_t)(i + 1), lo = r[2 * i + 1] * (uint64_t)(i + 1);
    const size_t k = (size_t)((hi + (lo >> 32)) >> 32);
    p[i] = k < i ? p[k] : 0;
    p[k] = (uint32_t)i;
  }
}

/* Pixel i of y = pixel p[i] of x; `bytes` is a constant where it matters. */
static inline void pixel_move(const uint32_t *p, size_t n, size_t bytes, const uint8_t *x,
                              uint8_t *y)
{
  for (size_t i = 0; i < n; i++)
    memcpy(y + i * bytes, x + p[i] * bytes, bytes);
}

/* One sample x, n pixels, in place; old has room for it. */
static inline void pixel_permute(const uint32_t *p, size_t n, size_t bytes, uint8_t *x,
                                 uint8_t *old)
{
  memcpy(old, x, n * bytes);
  switch (bytes) {
  case 1:
    pixel_move(p, n, 1, old, x);
    break;
  case 3:
    pixel_move(p, n, 3, old, x);
    break;
  case 4:
    pixel_move(p, n, 4, old, x);
    break;
  default:
    pixel_move(p, n, bytes, old, x);
  }
}
#endif
