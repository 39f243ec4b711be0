/* SPDX-License-Identifier: BSD-3-Clause
 * image.h - one PNG or JPEG file in memory, for the plugin `folder`. Hostile input is expected: the
 * size is known, and can be refused, before anything is decoded. */
#ifndef PLUGINS_IMAGE_H
#define PLUGINS_IMAGE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct image {
  const uint8_t *bytes; /* (n) the file */
  size_t n;
  size_t channels;      /* wanted: 1 (grey) or 3 (red, green, blue) */
  size_t width, height; /* by image_header */
  char error[160];      /* where a call returned false */
} image;

bool image_header(image *);
/* out (height,width,channels); alpha is dropped, 16 bits become 8. */
bool image_decode(image *, uint8_t *out);
#endif
