/* SPDX-License-Identifier: BSD-3-Clause
 * tfimage.h - pictures in event files: a tensor of strings, width, height, and each picture as PNG.
 * A strip is pictures (n,h,w,c) of bytes, c 1 or 3. Summary: plugins/image/metadata.py. */
#ifndef PLUGINS_LOGGER_TFIMAGE_H
#define PLUGINS_LOGGER_TFIMAGE_H
#include "tfrecord.h"
#include <png.h>
#include <rademacher/rademacher.h>
#include <stdio.h>

enum { TFIMAGE_BLOBS = 3, TFIMAGE_SIDE = 256, TFIMAGE_MOST = 64 };

static inline bool tfimage_is_shape(const rad_shape *s)
{
  const size_t *d = s->dim;
  return s->rank == 4 && d[0] > 0 && d[1] > 0 && d[1] <= TFIMAGE_SIDE && d[2] > 0 &&
         d[2] <= TFIMAGE_SIDE && (d[3] == 1 || d[3] == 3);
}

static inline bool tfimage_is_strip(const rad_array *a)
{
  return a->type == RAD_U8 && tfimage_is_shape(&a->shape);
}

/* Weights that look at images: filters (out,in,h,w) on 1 or 3 channels, or units (out,inputs) on
 * all of an image, whose inputs are in the order C, H, W. Sets the strip they make: the first
 * TFIMAGE_MOST of them. image (n,h,w,c). */
static inline bool tfimage_is_filters(const rad_array *a, const rad_shape *image, rad_shape *s)
{
  const size_t *d = a->shape.dim, *i = image->dim;
  if (a->type != RAD_F32)
    return false;
  if (a->shape.rank == 4)
    *s = (rad_shape){4, {d[0], d[2], d[3], d[1]}};
  else if (a->shape.rank == 2 && d[1] == i[1] * i[2] * i[3])
    *s = (rad_shape){4, {d[0], i[1], i[2], i[3]}};
  else
    return false;
  s->dim[0] = s->dim[0] < TFIMAGE_MOST ? s->dim[0] : TFIMAGE_MOST;
  return s->dim[1] > 1 && tfimage_is_shape(s);
}

/* x (n,c,h,w) as the strip s: grey is 0, the same scale for all channels of a filter. */
static inline void tfimage_paint(const float *x, const rad_shape *s, uint8_t *out)
{
  const size_t plane = s->dim[1] * s->dim[2], c = s->dim[3], size = plane * c;
  for (size_t i = 0; i < s->dim[0]; i++, x += size, out += size) {
    float most = 0.0f;
    for (size_t k = 0; k < size; k++)
      most = isfinite(x[k]) && fabsf(x[k]) > most ? fabsf(x[k]) : most;
    for (size_t k = 0; k < size; k++) {
      const float v = most > 0.0f ? x[k % c * plane + k / c] / most : 0.0f;
      out[k] = isfinite(v) ? (uint8_t)(127.5f + 127.5f * v) : 0;
    }
  }
}

static inline png_image tfimage_png(const rad_shape *s)
{
  return (png_image){.version = PNG_IMAGE_VERSION,
                     .height = (png_uint_32)s->dim[1],
                     .width = (png_uint_32)s->dim[2],
                     .format = s->dim[3] == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY};
}

/* Bytes that the pictures of a strip need at most. */
static inline size_t tfimage_room(const rad_shape *s)
{
  const png_image one = tfimage_png(s);
  return s->dim[0] * (PNG_IMAGE_PNG_SIZE_MAX(one) + PROTO_ROOM + 2);
}

static inline void tfimage_size(proto *b, size_t n)
{
  char digits[24];
  snprintf(digits, sizeof digits, "%zu", n);
  proto_text(b, 8, digits);
}

static inline void tfimage_picture(proto *b, const rad_shape *s, const uint8_t *x)
{
  png_image image = tfimage_png(s);
  const size_t picture = proto_open(b, 8);
  png_alloc_size_t n = b->cap - b->n;
  if (!b->full && png_image_write_to_memory(&image, b->p + b->n, &n, 0, x, 0, NULL))
    b->n += n;
  else
    b->full = true;
  png_image_free(&image);
  proto_close(b, picture);
}

static inline void tfimage_put(proto *b, uint64_t step, const char *tag, const rad_shape *s,
                               const uint8_t *x)
{
  const size_t n = s->dim[0] + 2;
  const tfrecord_value v = tfrecord_open(b, step, tag, "images", TFIMAGE_BLOBS, NULL);
  const size_t tensor = proto_open(b, 8);
  tfrecord_shape(b, TFRECORD_DT_STRING, &n, 1);
  tfimage_size(b, s->dim[2]);
  tfimage_size(b, s->dim[1]);
  for (size_t i = 0; i < s->dim[0]; i++)
    tfimage_picture(b, s, x + i * s->dim[1] * s->dim[2] * s->dim[3]);
  proto_close(b, tensor);
  tfrecord_close(b, v);
}
#endif
