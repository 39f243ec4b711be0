/* SPDX-License-Identifier: BSD-3-Clause
 * data_rebuild.c - the official files of CIFAR-10 from images: row i of a PNG file, 1024 pixels of
 * red, green and blue, is image i; a JSON list has the labels. A record of the official file is a
 * label, then the image's three planes one after the other. */
#include "data_sets.h"
#include <jansson.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 10000, PIXELS = 1024, RECORD = 1 + 3 * PIXELS, TRAIN_FILES = 5 };

typedef struct rows { /* a PNG file, read row by row */
  const fs_bytes *file;
  size_t at;
  const char *path;
  diag *messages;
  uint8_t row[3 * PIXELS];
} rows;

static void take(png_structp png, png_bytep out, size_t n)
{
  rows *r = png_get_io_ptr(png);
  if (n > r->file->n - r->at)
    png_error(png, "the file ends too early");
  memcpy(out, r->file->p + r->at, n);
  r->at += n;
}

static void failed(png_structp png, png_const_charp why)
{
  rows *r = png_get_error_ptr(png);
  diag_error(r->messages, RAD_EINVAL, (origin){0}, "%s: %s", r->path, why);
  png_longjmp(png, 1);
}

static void warned(png_structp png, png_const_charp why)
{
  (void)png;
  (void)why;
}

static void read_rows(png_structp png, png_infop info, rows *r, uint8_t *record)
{
  png_set_user_limits(png, PIXELS, IMAGES);
  png_set_read_fn(png, r, take);
  png_read_info(png, info);
  if (png_get_image_width(png, info) != PIXELS || png_get_image_height(png, info) != IMAGES ||
      png_get_color_type(png, info) != PNG_COLOR_TYPE_RGB || png_get_bit_depth(png, info) != 8 ||
      png_get_interlace_type(png, info) != PNG_INTERLACE_NONE)
    png_error(png, "not 10000 rows of 1024 pixels of red, green and blue bytes");
  for (size_t i = 0; i < IMAGES; i++, record += RECORD) {
    png_read_row(png, r->row, NULL);
    for (size_t k = 0; k < PIXELS; k++)
      for (size_t c = 0; c < 3; c++)
        record[1 + c * PIXELS + k] = r->row[3 * k + c];
  }
}

static rad_status read_images(const char *path, uint8_t *record, diag *d)
{
  fs_bytes file;
  RAD_TRY(fs_map(path, 0, 0, &file, d));
  rows r = {.file = &file, .path = path, .messages = d};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, failed, warned);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  rad_status status = RAD_EINVAL;
  if (!info)
    status = RAD_ENOMEM;
  else if (!setjmp(png_jmpbuf(png))) {
    read_rows(png, info, &r, record);
    status = RAD_OK;
  }
  png_destroy_read_struct(&png, info ? &info : NULL, NULL);
  fs_unmap(&file);
  return status;
}

static rad_status read_labels(const char *path, size_t first, uint8_t *record, diag *d)
{
  fs_bytes file;
  json_error_t error;
  RAD_TRY(fs_map(path, 0, 0, &file, d));
  json_t *list = json_loadb((const char *)file.p, file.n, 0, &error);
  rad_status s = RAD_OK;
  for (size_t i = 0; s == RAD_OK && i < IMAGES; i++) {
    const json_t *v = json_array_get(list, first + i);
    const json_int_t y = json_integer_value(v);
    if (!json_is_integer(v) || y < 0 || y > 9)
      s = diag_error(d, RAD_EINVAL, (origin){0}, "%s: no label 0 .. 9 for image %zu", path,
                     first + i);
    else
      record[i * RECORD] = (uint8_t)y;
  }
  json_decref(list);
  fs_unmap(&file);
  return s;
}

rad_status cifar10_rebuild(const char *folder, size_t i, const char *out, diag *d)
{
  char image[32];
  arena mem = {0};
  uint8_t *record = arena_alloc(&mem, (size_t)IMAGES * RECORD);
  snprintf(image, sizeof image, "data_batch_%zu.png", i + 1);
  const bool test = i == TRAIN_FILES;
  const char *png = fs_join(&mem, folder, test ? "test_batch.png" : image);
  const char *json = fs_join(&mem, folder, test ? "test_lables.json" : "train_lables.json");
  rad_status s = record && png && json ? RAD_OK : RAD_ENOMEM;
  if (s == RAD_OK)
    s = read_images(png, record, d);
  if (s == RAD_OK)
    s = read_labels(json, test ? 0 : i * IMAGES, record, d);
  if (s == RAD_OK)
    s = fs_write(out, record, (size_t)IMAGES * RECORD, d);
  arena_free(&mem);
  return s;
}
