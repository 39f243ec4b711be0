/* SPDX-License-Identifier: BSD-3-Clause
 * fixtures.c - tiny data sets in every format, whole and damaged, for the tests. */
#include "fixtures.h"
#include <png.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#ifdef HAVE_JPEG
#include <jpeglib.h>
#endif

enum { N = 7, NTEST = 3, H = 5, W = 4, RECORD = 3072 };
typedef struct maker {
  const char *folder;
  int failed; /* sticky */
} maker;

uint8_t fixture_byte(unsigned file, size_t i)
{
  return (uint8_t)((i * 73 + file * 29 + i / 11 * 7 + 5) & 0xff);
}

static FILE *create(maker *m, const char *name)
{
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", m->folder, name);
  FILE *f = fopen(path, "wb");
  if (!f)
    m->failed = -1;
  return f;
}

static void done(maker *m, FILE *f)
{
  if (f && fclose(f) != 0)
    m->failed = -1;
}

static void folder(maker *m, const char *name)
{
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", m->folder, name);
  if (mkdir(path, 0777) != 0 && m->failed == 0)
    m->failed = -1;
}

static void put(maker *m, const char *name, const void *p, size_t n)
{
  FILE *f = create(m, name);
  if (f && fwrite(p, 1, n, f) != n)
    m->failed = -1;
  done(m, f);
}

static void put_gz(maker *m, const char *name, const void *p, size_t n)
{
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", m->folder, name);
  gzFile f = gzopen(path, "wb9");
  if (!f || gzwrite(f, p, (unsigned)n) != (int)n || gzclose(f) != Z_OK)
    m->failed = -1;
}

/* --- IDX --- */

typedef struct blob {
  uint8_t v[4096];
  size_t n;
} blob;

static void big(blob *b, uint64_t v, size_t bytes)
{
  for (size_t i = bytes; i-- > 0;)
    b->v[b->n++] = (uint8_t)(v >> 8 * i);
}

static void idx_head(blob *b, uint8_t type, size_t rank, const uint32_t *dim)
{
  *b = (blob){{0, 0, type, (uint8_t)rank}, 4};
  for (size_t i = 0; i < rank; i++)
    big(b, dim[i], 4);
}

/* Number i of type T: of bytes fixture_byte, of wider ones what shows signs and byte order. */
static void idx_number(blob *b, uint8_t type, unsigned file, size_t i)
{
  const uint8_t v = fixture_byte(file, i);
  const float f = ((float)v - 100.0f) * 0.7318f;
  const double d = ((double)v - 100.0) * -0.3171;
  uint32_t f32;
  uint64_t f64;
  memcpy(&f32, &f, sizeof f32);
  memcpy(&f64, &d, sizeof f64);
  if (type == 0x08 || type == 0x09)
    big(b, v, 1);
  else if (type == 0x0B)
    big(b, (uint64_t)(int64_t)(v * 257 - 30000), 2);
  else if (type == 0x0C)
    big(b, (uint64_t)(int64_t)(v * 65537 - 9000000), 4);
  else if (type == 0x0D)
    big(b, f32, 4);
  else
    big(b, f64, 8);
}

static void idx_images(maker *m, const char *name, uint8_t type, size_t rank, unsigned file,
                       uint32_t n)
{
  const uint32_t dim[4] = {n, rank == 2 ? H * W : H, W, 3};
  size_t count = 1;
  blob b;
  idx_head(&b, type, rank, dim);
  for (size_t i = 0; i < rank; i++)
    count *= dim[i];
  for (size_t i = 0; i < count; i++)
    idx_number(&b, type, file, i);
  put(m, name, b.v, b.n);
}

static void idx_labels(maker *m, const char *name, uint8_t type, uint32_t n, uint32_t classes)
{
  static const size_t size[] = {[0x08] = 1, [0x09] = 1, [0x0B] = 2, [0x0C] = 4, [0x0D] = 4};
  blob b;
  idx_head(&b, type, 1, &n);
  for (uint32_t i = 0; i < n; i++)
    big(&b, (i * 2 + 1) % classes, size[type]);
  put(m, name, b.v, b.n);
}

static void idx_good(maker *m)
{
  static const uint8_t type[] = {0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E};
  char name[64];
  folder(m, "idx");
  for (size_t i = 0; i < sizeof type; i++) {
    snprintf(name, sizeof name, "idx/x-%02X", type[i]);
    idx_images(m, name, type[i], 3, 1, N);
  }
  idx_images(m, "idx/x-r2", 0x08, 2, 1, N);
  idx_images(m, "idx/x-r4", 0x08, 4, 1, N);
  idx_images(m, "idx/xt", 0x08, 3, 2, NTEST);
  for (size_t i = 0; i < 4; i++) {
    snprintf(name, sizeof name, "idx/y-%02X", type[i]);
    idx_labels(m, name, type[i], N, 3);
  }
  idx_labels(m, "idx/yt", 0x08, NTEST, 3);
}

static void idx_bad(maker *m)
{
  const uint32_t huge[4] = {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, zero[3] = {N, 0, W};
  const uint32_t one[3] = {N, H, W}, more[3] = {N + 1, H, W};
  blob b;
  idx_head(&b, 0x08, 3, one);
  for (size_t i = 0; i < N * H * W; i++)
    idx_number(&b, 0x08, 1, i);
  put(m, "idx/bad-short", b.v, b.n - 1);
  put(m, "idx/bad-long", (memset(b.v + b.n, 7, 3), b.v), b.n + 3);
  put(m, "idx/bad-header", b.v, 9);
  put(m, "idx/bad-tiny", b.v, 3);
  put(m, "idx/bad-empty", b.v, 0);
  put_gz(m, "idx/x.gz", b.v, b.n);
  idx_head(&b, 0x08, 3, more); /* one image more than there is */
  b.n += (size_t)N * H * W;
  put(m, "idx/bad-lying", b.v, b.n);
  idx_head(&b, 0x08, 4, huge);
  put(m, "idx/bad-huge", b.v, b.n);
  idx_head(&b, 0x08, 3, zero);
  put(m, "idx/bad-zero", b.v, b.n);
  idx_head(&b, 0x0A, 3, one);
  put(m, "idx/bad-type", b.v, b.n);
  idx_head(&b, 0x08, 1, one);
  put(m, "idx/bad-rank", b.v, b.n + N);
  put(m, "idx/bad-magic", "P5 28 28 255 and so on", 22);
  idx_labels(m, "idx/bad-label", 0x08, N, 5);
  idx_labels(m, "idx/bad-count", 0x08, N - 1, 3);
  idx_labels(m, "idx/bad-float", 0x0D, N, 3);
  idx_head(&b, 0x09, 1, one);
  memset(b.v + b.n, 0xff, N); /* -1 */
  put(m, "idx/bad-negative", b.v, b.n + N);
  idx_head(&b, 0x0D, 3, one);
  for (size_t i = 0; i < N * H * W; i++)
    big(&b, i == 77 ? 0x7fc00000 : 0x3f800000, 4); /* a NaN among ones */
  put(m, "idx/bad-nan", b.v, b.n);
}

/* Truncated and flipped copies of a gzip file; and one that unpacks to far more than itself. */
static void gz_bad(maker *m)
{
  static uint8_t v[1 << 16];
  char path[4096];
  snprintf(path, sizeof path, "%s/idx/x.gz", m->folder);
  FILE *f = fopen(path, "rb");
  const size_t n = f ? fread(v, 1, sizeof v, f) : 0;
  if (f)
    fclose(f);
  if (n < 40) {
    m->failed = -1;
    return;
  }
  put(m, "idx/bad-short.gz", v, n - 9);
  put(m, "idx/bad-head.gz", v, 5);
  v[n - 6] ^= 0x55; /* the checksum */
  put(m, "idx/bad-sum.gz", v, n);
  v[n - 6] ^= 0x55;
  v[n / 2] ^= 0xff;
  put(m, "idx/bad-bits.gz", v, n);
}

/* --- CIFAR --- */

static void cifar_file(maker *m, const char *name, size_t labels, unsigned file, size_t records,
                       size_t cut, int label)
{
  static uint8_t v[4 * (RECORD + 2)];
  size_t n = 0;
  for (size_t r = 0; r < records; r++) {
    for (size_t k = 0; k < labels; k++) /* coarse below 20, fine below 100 */
      v[n++] = (uint8_t)(label >= 0    ? (size_t)label
                         : labels == 1 ? (file + r) % 10
                         : k == 0      ? (file + 3 * r) % 20
                                       : (file * 31 + 17 * r) % 100);
    for (size_t i = 0; i < RECORD; i++)
      v[n++] = fixture_byte(file + (unsigned)r, i);
  }
  put(m, name, v, n - cut);
}

static void cifar_set(maker *m, const char *set, unsigned bad, size_t records, size_t cut,
                      int label)
{
  char name[128];
  folder(m, set);
  for (unsigned i = 1; i <= 6; i++) {
    snprintf(name, sizeof name, i == 6 ? "%s/test_batch.bin" : "%s/data_batch_%u.bin", set, i);
    if (i == bad)
      cifar_file(m, name, 1, i, records, cut, label);
    else
      cifar_file(m, name, 1, i, 3, 0, -1);
  }
}

static void cifar(maker *m)
{
  cifar_set(m, "cifar10", 0, 0, 0, -1);
  cifar_set(m, "cifar10-short", 3, 3, 1, -1);
  cifar_set(m, "cifar10-empty", 2, 0, 0, -1);
  cifar_set(m, "cifar10-label", 6, 3, 0, 10);
  folder(m, "cifar100");
  cifar_file(m, "cifar100/train.bin", 2, 1, 3, 0, -1);
  cifar_file(m, "cifar100/test.bin", 2, 2, 3, 0, -1);
}

/* --- images --- */

/* A PNG of w x h with fixture_byte pixels; channels 1, 2, 3, 4; depth 8 or 16; interlaced. */
static void png(maker *m, const char *name, uint32_t w, uint32_t h, int channels, int depth,
                int interlace)
{
  static const int color[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                              PNG_COLOR_TYPE_RGB_ALPHA};
  FILE *f = create(m, name);
  png_structp p = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  png_infop info = p ? png_create_info_struct(p) : NULL;
  uint8_t row[1024];
  if (!f || !info || setjmp(png_jmpbuf(p))) {
    m->failed = -1;
    return;
  }
  png_init_io(p, f);
  png_set_IHDR(p, info, w, h, depth, color[channels], interlace, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_write_info(p, info);
  const size_t bytes = w * (size_t)channels * (size_t)depth / 8;
  const int passes = png_set_interlace_handling(p);
  for (int pass = 0; pass < passes; pass++)
    for (size_t y = 0; y < h; y++) {
      for (size_t i = 0; i < bytes; i++)
        row[i] =
            depth == 16 ? fixture_byte(1, y * bytes / 2 + i / 2) : fixture_byte(1, y * bytes + i);
      png_write_row(p, row);
    }
  png_write_end(p, info);
  png_destroy_write_struct(&p, &info);
  done(m, f);
}

static void jpeg(maker *m, const char *name, unsigned w, unsigned h, uint8_t grey)
{
#ifdef HAVE_JPEG
  struct jpeg_compress_struct j;
  struct jpeg_error_mgr errors;
  FILE *f = create(m, name);
  uint8_t row[1024];
  if (!f)
    return;
  memset(row, grey, sizeof row);
  memset(&j, 0, sizeof j);
  j.err = jpeg_std_error(&errors);
  jpeg_create_compress(&j);
  jpeg_stdio_dest(&j, f);
  j.image_width = w;
  j.image_height = h;
  j.input_components = 3;
  j.in_color_space = JCS_RGB;
  jpeg_set_defaults(&j);
  jpeg_set_quality(&j, 95, TRUE);
  jpeg_start_compress(&j, TRUE);
  for (unsigned y = 0; y < h; y++) {
    JSAMPROW rows = row;
    jpeg_write_scanlines(&j, &rows, 1);
  }
  jpeg_finish_compress(&j);
  jpeg_destroy_compress(&j);
  done(m, f);
#else
  (void)w, (void)h, (void)grey;
  put(m, name, "\xff\xd8\xff\xe0 no libjpeg", 15);
#endif
}

static void classes(maker *m, const char *set)
{
  char name[128];
  folder(m, set);
  snprintf(name, sizeof name, "%s/a", set);
  folder(m, name);
  snprintf(name, sizeof name, "%s/b", set);
  folder(m, name);
}

/* A set of one good image in each class, and `name` with `n` bytes in the second. */
static void bad_image(maker *m, const char *set, const char *name, const void *p, size_t n)
{
  char path[256];
  classes(m, set);
  snprintf(path, sizeof path, "%s/a/1.png", set);
  png(m, path, 6, 4, 3, 8, PNG_INTERLACE_NONE);
  snprintf(path, sizeof path, "%s/b/%s", set, name);
  put(m, path, p, n);
}

static void cut_copy(maker *m, const char *set, const char *from, const char *name, size_t less)
{
  static uint8_t v[1 << 16];
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", m->folder, from);
  FILE *f = fopen(path, "rb");
  const size_t n = f ? fread(v, 1, sizeof v, f) : 0;
  if (f)
    fclose(f);
  if (n <= less)
    m->failed = -1;
  else
    bad_image(m, set, name, v, n - less);
}

/* A header that promises 60000 x 60000 pixels, with its checksum right. */
static void bomb(maker *m)
{
  blob b = {{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13}, 12};
  memcpy(b.v + b.n, "IHDR", 4);
  b.n += 4;
  big(&b, 60000, 4);
  big(&b, 60000, 4);
  const uint8_t rest[] = {8, 2, 0, 0, 0};
  memcpy(b.v + b.n, rest, sizeof rest);
  b.n += sizeof rest;
  big(&b, crc32(0, b.v + 12, 17), 4);
  const uint8_t data[] = {0x78, 0x9c, 0x03, 0, 0, 0, 0, 1};
  const size_t at = b.n;
  big(&b, sizeof data, 4);
  memcpy(b.v + b.n, "IDAT", 4);
  memcpy(b.v + b.n + 4, data, sizeof data);
  b.n += 4 + sizeof data;
  big(&b, crc32(0, b.v + at + 4, 4 + sizeof data), 4);
  bad_image(m, "images-bomb", "2.png", b.v, b.n);
}

static void images(maker *m)
{
  folder(m, "images");
  classes(m, "images/train");
  classes(m, "images/test");
  png(m, "images/train/a/1.png", 6, 4, 3, 8, PNG_INTERLACE_NONE);
  png(m, "images/train/a/2.PNG", 6, 4, 4, 8, PNG_INTERLACE_NONE);
  png(m, "images/train/a/3.png", 6, 4, 3, 8, PNG_INTERLACE_ADAM7);
  png(m, "images/train/b/1.png", 6, 4, 1, 8, PNG_INTERLACE_NONE);
  png(m, "images/train/b/2.png", 6, 4, 3, 16, PNG_INTERLACE_NONE);
  jpeg(m, "images/train/b/3.jpg", 6, 4, 0x5b);
  put(m, "images/train/b/readme.txt", "no image\n", 9);
  put(m, "images/train/.hidden", "no class\n", 9);
  png(m, "images/test/a/1.png", 6, 4, 3, 8, PNG_INTERLACE_NONE);
  png(m, "images/test/b/1.png", 12, 8, 1, 8, PNG_INTERLACE_NONE);
  bad_image(m, "images-text", "2.png", "this is text\n", 13);
  bad_image(m, "images-empty", "2.png", "", 0);
  cut_copy(m, "images-short", "images/train/a/1.png", "2.png", 30);
  cut_copy(m, "images-jpeg", "images/train/b/3.jpg", "2.jpg", 3); /* only a warning */
  cut_copy(m, "images-end", "images/train/a/1.png", "2.png", 12); /* without its last chunk */
  bomb(m);
  classes(m, "images-none");
}

int fixtures_write(const char *path)
{
  maker m = {.folder = path};
  idx_good(&m);
  idx_bad(&m);
  gz_bad(&m);
  cifar(&m);
  images(&m);
  return m.failed;
}
