/* SPDX-License-Identifier: BSD-3-Clause
 * report_images.c - pictures of the page, as PNG inside it: training images as the network got them
 * (samples.safetensors of a job), and the filters of its first layer (last.safetensors). */
#include "report.h"
#include "safetensors.h"
#include <inttypes.h>
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TILE = 56, MOST_FILTERS = 16, MOST_SIDE = 256 };

/* --- PNG in a page --- */
static void put_base64(text *t, const uint8_t *p, size_t n)
{
  static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < n; i += 3) {
    const uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) |
                       (i + 2 < n ? p[i + 2] : 0);
    const char out[4] = {digit[v >> 18], digit[v >> 12 & 63],
                         (char)(i + 1 < n ? digit[v >> 6 & 63] : '='),
                         (char)(i + 2 < n ? digit[v & 63] : '=')};
    text_add(t, out, 4);
  }
}

/* x (h,w,c) bytes, c 1 or 3. */
static void put_image(text *t, const uint8_t *x, size_t h, size_t w, size_t c, const char *alt)
{
  png_image image = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)w,
                     .height = (png_uint_32)h,
                     .format = c == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY};
  png_alloc_size_t n = PNG_IMAGE_PNG_SIZE_MAX(image);
  uint8_t *png = malloc(n);
  if (png && png_image_write_to_memory(&image, png, &n, 0, x, 0, NULL)) {
    text_printf(t, "<img width=\"%d\" height=\"%zu\" alt=\"", TILE, TILE * h / w);
    html_text(t, alt);
    text_puts(t, "\" src=\"data:image/png;base64,");
    put_base64(t, png, n);
    text_puts(t, "\">");
  }
  png_image_free(&image);
  free(png);
}

/* --- samples --- */
static bool is_strip(const st_tensor *x)
{
  return x && x->type == RAD_U8 && x->shape.rank == 4 && x->bytes > 0 &&
         (x->shape.dim[3] == 1 || x->shape.dim[3] == 3) && x->shape.dim[1] <= MOST_SIDE &&
         x->shape.dim[2] <= MOST_SIDE;
}

static void put_tile(const st_file *f, const st_tensor *x, size_t i, text *t)
{
  char key[32];
  const size_t *d = x->shape.dim, size = d[1] * d[2] * d[3];
  snprintf(key, sizeof key, "label.%zu", i);
  const char *label = st_meta(f, key);
  snprintf(key, sizeof key, "truth.%zu", i);
  const char *truth = st_meta(f, key);
  text_puts(t, "<figure>");
  put_image(t, (const uint8_t *)x->data + i * size, d[1], d[2], d[3], label ? label : "");
  text_puts(t, "<figcaption>");
  html_text(t, label ? label : "");
  if (label && truth && strcmp(label, truth) != 0) {
    text_puts(t, "<br>was&nbsp;");
    html_text(t, truth);
  }
  text_puts(t, "</figcaption></figure>\n");
}

static void put_samples(run_dir *r, text *t)
{
  const trial *one = trial_with(r, "samples.safetensors");
  diag ignored = {0};
  if (!one)
    return;
  text_puts(t, "<h2>Training images as the network gets them</h2>\n");
  for (size_t a = 0; a < r->x.narm; a++) {
    st_file f = {0};
    const char *path = job_file(r, one, a, "samples.safetensors");
    if (path && fs_is_file(path) && st_read(&f, path, &ignored) >= 0 &&
        is_strip(st_find(&f, "x"))) {
      const st_tensor *x = st_find(&f, "x");
      text_puts(t, "<h3>");
      html_text(t, r->x.arm[a]);
      text_puts(t, "</h3>\n<div class=\"tiles\">\n");
      for (size_t i = 0; i < x->shape.dim[0]; i++)
        put_tile(&f, x, i, t);
      text_puts(t, "</div>\n");
    }
    st_free(&f);
  }
  text_printf(t,
              "<p class=\"dim\">Of trial %" PRIu64 ", seed %" PRIu64 ": with the label that the "
              "network is told. Whitened and standardized images are stretched to the whole range "
              "of colours.</p>\n",
              one->known.index, r->x.seed[0]);
  diag_free(&ignored);
}

/* --- filters --- */
typedef struct filters { /* (n) of (h,w,c); weight k of channel j at x[i*size + j*plane + k] */
  const float *x;
  size_t n, h, w, c;
} filters;

/* A convolution (out,in,h,w), or a dense layer (units,inputs) on the images that samples have; its
 * inputs are in the order C, H, W. */
static bool as_filters(const st_tensor *t, const st_tensor *image, filters *f)
{
  const size_t *d = t->shape.dim;
  if (t->shape.rank == 4)
    *f = (filters){t->data, d[0], d[2], d[3], d[1]};
  else if (t->shape.rank == 2 && is_strip(image))
    *f = (filters){t->data, d[0], image->shape.dim[1], image->shape.dim[2], image->shape.dim[3]};
  else
    return false;
  return f->h <= MOST_SIDE && f->w <= MOST_SIDE && f->h > 1 && (f->c == 1 || f->c == 3) &&
         t->bytes == f->n * f->h * f->w * f->c * sizeof(float) && t->type == RAD_F32;
}

/* Grey is 0; the same scale for all channels of a filter. */
static void put_filter(const filters *f, size_t i, uint8_t *room, text *t)
{
  const size_t plane = f->h * f->w, size = plane * f->c;
  const float *x = f->x + i * size;
  float most = 0.0f;
  for (size_t k = 0; k < size; k++)
    most = isfinite(x[k]) && fabsf(x[k]) > most ? fabsf(x[k]) : most;
  for (size_t k = 0; k < plane; k++)
    for (size_t j = 0; j < f->c; j++) {
      const float v = most > 0.0f ? x[j * plane + k] / most : 0.0f;
      room[k * f->c + j] = isfinite(v) ? (uint8_t)(127.5f + 127.5f * v) : 0;
    }
  put_image(t, room, f->h, f->w, f->c, "");
}

static const st_tensor *first_weights(const st_file *f)
{
  for (size_t i = 0; i < f->n; i++) {
    const size_t n = strlen(f->tensor[i].name);
    if (n > 2 && strcmp(f->tensor[i].name + n - 2, ".W") == 0 && !strchr(f->tensor[i].name, '/'))
      return &f->tensor[i];
  }
  return NULL;
}

static void put_arm_filters(run_dir *r, const trial *one, size_t arm, text *t)
{
  st_file f = {0}, samples = {0};
  filters v;
  diag ignored = {0};
  const char *path = job_file(r, one, arm, "last.safetensors");
  const char *images = job_file(r, one, arm, "samples.safetensors");
  uint8_t *room = malloc((size_t)MOST_SIDE * MOST_SIDE * 3);
  if (images && fs_is_file(images))
    st_read(&samples, images, &ignored);
  const st_tensor *w = room && path && fs_is_file(path) && st_read(&f, path, &ignored) >= 0
                           ? first_weights(&f)
                           : NULL;
  if (w && as_filters(w, st_find(&samples, "x"), &v)) {
    text_puts(t, "<h3>");
    html_text(t, r->x.arm[arm]);
    text_puts(t, ", ");
    html_text(t, w->name);
    text_puts(t, "</h3>\n<div class=\"tiles\">\n");
    for (size_t i = 0; i < v.n && i < MOST_FILTERS; i++)
      put_filter(&v, i, room, t);
    text_puts(t, "</div>\n");
  }
  st_free(&f);
  st_free(&samples);
  diag_free(&ignored);
  free(room);
}

static void put_filters(run_dir *r, text *t)
{
  const trial *one = trial_with(r, "last.safetensors");
  text all = {0};
  for (size_t a = 0; one && a < r->x.narm; a++)
    put_arm_filters(r, one, a, &all);
  if (all.n > 0) {
    text_printf(t,
                "<details><summary>Filters of the first layer (trial %" PRIu64 ", the first %d; "
                "grey is 0)</summary>\n",
                one->known.index, MOST_FILTERS);
    text_puts(t, text_str(&all));
    text_puts(t, "</details>\n");
  }
  text_free(&all);
}

void images_put(run_dir *r, text *t)
{
  put_samples(r, t);
  put_filters(r, t);
}
