/* SPDX-License-Identifier: BSD-3-Clause
 * image.c - PNG by libpng's low-level interface, JPEG by libjpeg. Both leave their decoders by
 * longjmp; every warning of libjpeg means a damaged image here. The kind is told by the content. */
#include "image.h"
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#ifdef HAVE_JPEG
#include <jpeglib.h>
#endif

enum { CHUNK_LIMIT = 8 << 20, SIDE_LIMIT = 1 << 20, SCAN_LIMIT = 100 };

/* --- PNG --- */

typedef struct png_input {
  image *im;
  size_t at;
} png_input;

static void png_bytes(png_structp png, png_bytep out, size_t n)
{
  png_input *in = png_get_io_ptr(png);
  if (n > in->im->n - in->at)
    png_error(png, "the file ends too early");
  memcpy(out, in->im->bytes + in->at, n);
  in->at += n;
}

static void png_failed(png_structp png, png_const_charp why)
{
  image *im = png_get_error_ptr(png);
  snprintf(im->error, sizeof im->error, "damaged PNG image: %s", why);
  png_longjmp(png, 1);
}

static void png_warned(png_structp png, png_const_charp why)
{
  (void)png;
  (void)why;
}

/* To 8 bits, no palette, no alpha, the wanted number of channels. */
static void png_convert(png_structp png, png_infop info, size_t channels)
{
  const int color = png_get_color_type(png, info);
  png_set_expand(png);
  png_set_scale_16(png);
  png_set_strip_alpha(png);
  if (channels == 3 && !(color & PNG_COLOR_MASK_COLOR))
    png_set_gray_to_rgb(png);
  if (channels == 1 && (color & PNG_COLOR_MASK_COLOR))
    png_set_rgb_to_gray_fixed(png, PNG_ERROR_ACTION_NONE, PNG_RGB_TO_GRAY_DEFAULT,
                              PNG_RGB_TO_GRAY_DEFAULT);
}

static void png_pixels(png_structp png, png_infop info, const image *im, uint8_t *out)
{
  png_convert(png, info, im->channels);
  const int passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  if (png_get_rowbytes(png, info) != im->width * im->channels)
    png_error(png, "pixels of an unknown kind");
  for (int pass = 0; pass < passes; pass++)
    for (size_t y = 0; y < im->height; y++)
      png_read_row(png, out + y * im->width * im->channels, NULL);
  png_read_end(png, NULL);
}

static bool png_run(image *im, uint8_t *out) /* out NULL: the header only */
{
  png_input in = {.im = im};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, im, png_failed, png_warned);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info || setjmp(png_jmpbuf(png))) {
    if (!info)
      snprintf(im->error, sizeof im->error, "libpng cannot start");
    png_destroy_read_struct(&png, info ? &info : NULL, NULL);
    return false;
  }
  png_set_user_limits(png, SIDE_LIMIT, SIDE_LIMIT);
  png_set_chunk_malloc_max(png, CHUNK_LIMIT);
  png_set_read_fn(png, &in, png_bytes);
  png_read_info(png, info);
  const size_t w = png_get_image_width(png, info), h = png_get_image_height(png, info);
  if (out && (w != im->width || h != im->height))
    png_error(png, "another size than its header said");
  im->width = w;
  im->height = h;
  if (out)
    png_pixels(png, info, im, out);
  png_destroy_read_struct(&png, &info, NULL);
  return true;
}

/* --- JPEG --- */

#ifdef HAVE_JPEG
typedef struct jpeg_job {
  struct jpeg_error_mgr errors; /* first: libjpeg hands it back */
  struct jpeg_progress_mgr progress;
  jmp_buf leave;
  image *im;
} jpeg_job;

static void jpeg_failed(j_common_ptr j)
{
  jpeg_job *job = (jpeg_job *)(void *)j->err;
  char why[JMSG_LENGTH_MAX];
  j->err->format_message(j, why);
  snprintf(job->im->error, sizeof job->im->error, "damaged JPEG image: %.120s", why);
  longjmp(job->leave, 1);
}

static void jpeg_message(j_common_ptr j, int level) /* < 0: a warning, that is, damaged data */
{
  if (level < 0)
    jpeg_failed(j);
}

/* A small progressive file can ask for very many passes over a large image. */
static void jpeg_progress(j_common_ptr j)
{
  jpeg_job *job = (jpeg_job *)(void *)j->err;
  if (j->is_decompressor && ((j_decompress_ptr)(void *)j)->input_scan_number > SCAN_LIMIT) {
    snprintf(job->im->error, sizeof job->im->error, "JPEG image of more than %d scans",
             (int)SCAN_LIMIT);
    longjmp(job->leave, 1);
  }
}

static void jpeg_run_in(struct jpeg_decompress_struct *j, image *im, uint8_t *out)
{
  jpeg_mem_src(j, im->bytes, (unsigned long)im->n);
  jpeg_read_header(j, TRUE);
  im->width = j->image_width;
  im->height = j->image_height;
  if (!out)
    return;
  j->out_color_space = im->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress(j);
  while (j->output_scanline < j->output_height) {
    JSAMPROW row = out + (size_t)j->output_scanline * im->width * im->channels;
    jpeg_read_scanlines(j, &row, 1);
  }
  jpeg_finish_decompress(j);
}

static bool jpeg_run(image *im, uint8_t *out) /* out NULL: the header only */
{
  jpeg_job job = {.im = im};
  struct jpeg_decompress_struct j;
  memset(&j, 0, sizeof j);
  j.err = jpeg_std_error(&job.errors);
  job.errors.error_exit = jpeg_failed;
  job.errors.emit_message = jpeg_message;
  job.progress.progress_monitor = jpeg_progress;
  if (setjmp(job.leave)) {
    jpeg_destroy_decompress(&j);
    return false;
  }
  jpeg_create_decompress(&j);
  j.progress = &job.progress;
  jpeg_run_in(&j, im, out);
  jpeg_destroy_decompress(&j);
  return true;
}
#else
static bool jpeg_run(image *im, uint8_t *out)
{
  (void)out;
  snprintf(im->error, sizeof im->error, "a JPEG image, and this build has no libjpeg");
  return false;
}
#endif

static bool run(image *im, uint8_t *out)
{
  static const uint8_t png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  static const uint8_t jpeg[] = {0xff, 0xd8, 0xff};
  im->error[0] = '\0';
  if (im->n >= sizeof png && memcmp(im->bytes, png, sizeof png) == 0)
    return png_run(im, out);
  if (im->n >= sizeof jpeg && memcmp(im->bytes, jpeg, sizeof jpeg) == 0)
    return jpeg_run(im, out);
  snprintf(im->error, sizeof im->error, "neither a PNG nor a JPEG image");
  return false;
}

bool image_header(image *im)
{
  return run(im, NULL);
}

bool image_decode(image *im, uint8_t *out)
{
  return run(im, out);
}
