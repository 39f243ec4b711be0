/* SPDX-License-Identifier: BSD-3-Clause
 * folder.c - images in one folder per class: ROOT/CLASS/NAME.png or .jpg. Classes are numbered in
 * the order of their names, as in torchvision's ImageFolder; test has the same classes. All images
 * have one size, or are resized to it by averaging. x (n,H,W,C) uint8, y (n) int32. */
#include "image.h"
#include <rademacher/dataset.h>
#include <string.h>

enum { NAME = 4096 };
typedef struct file {
  const char *folder, *name; /* folder: "CLASS/" */
  int32_t label;
} file;
typedef struct folder {
  const char *train, *test;
  int32_t height, width, channels;
  int64_t max_pixels;
  bool resize;
  file *file[2]; /* train, test; (n) */
  size_t n[2];
} folder;

static const rad_key keys[] = {
    RAD_KEY(folder, train, NULL, 0, 0, RAD_FILE, "folder with a folder of images per class"),
    RAD_KEY(folder, test, "", 0, 0, RAD_FILE, "the same for the test split; none: no test split"),
    RAD_KEY(folder, height, "0", 0, 65536, RAD_FIXED, "of the images; 0: as the first one's"),
    RAD_KEY(folder, width, "0", 0, 65536, RAD_FIXED, "of the images; 0: as the first one's"),
    RAD_KEY(folder, channels, "3", 1, 3, RAD_FIXED, "1 (grey) or 3"),
    RAD_KEY(folder, resize, "false", 0, 0, RAD_FIXED,
            "to height x width, else another size is an error"),
    RAD_KEY(folder, max_pixels, "16777216", 1, 1e9, RAD_FIXED, "an image of more is an error"),
};

static bool ends(const char *name, const char *with) /* whatever the case */
{
  const size_t n = strlen(name), m = strlen(with);
  for (size_t i = 0; i < m; i++) {
    const char c = n < m ? '\0' : name[n - m + i];
    if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != with[i])
      return false;
  }
  return true;
}

static bool is_image(const char *name)
{
  return name[0] != '.' && (ends(name, ".png") || ends(name, ".jpg") || ends(name, ".jpeg"));
}

static bool is_class(const char *name)
{
  return name[0] != '.' && name[strlen(name) - 1] == '/';
}

static rad_status join(rad_ctx *c, char out[NAME], const char *a, const char *b, const char *d)
{
  const size_t n = strlen(a), m = strlen(b), k = strlen(d);
  if (n + 1 + m + k >= NAME)
    return rad_fail(c, RAD_EINVAL, "%.100s...: the path is too long", a);
  memcpy(out, a, n);
  out[n] = '/';
  memcpy(out + n + 1, b, m);
  memcpy(out + n + 1 + m, d, k + 1);
  return RAD_OK;
}

static rad_status list_class(rad_ctx *c, const char *root, const char *name, size_t *n,
                             const char *const **files)
{
  char path[NAME];
  RAD_TRY(join(c, path, root, name, ""));
  path[strlen(path) - 1] = '\0'; /* the '/' of the class */
  return c->host->list(c, path, files, n);
}

/* The classes of a folder; test folders must have those of train. */
static rad_status list_classes(rad_ctx *c, const char *root, const char *const **names, size_t *n)
{
  const char *const *all;
  size_t nall;
  RAD_TRY(c->host->list(c, root, &all, &nall));
  const char **v = c->host->alloc(c, nall + 1, sizeof *v);
  if (!v)
    return RAD_ENOMEM;
  *n = 0;
  for (size_t i = 0; i < nall; i++)
    if (is_class(all[i]))
      v[(*n)++] = all[i];
  *names = v;
  return *n > 0
             ? RAD_OK
             : rad_fail(c, RAD_EINVAL, "%s: has no folder in it; expected is one per class", root);
}

static rad_status list_split(rad_ctx *c, folder *d, size_t s, const char *root,
                             const char *const *class, size_t nclass)
{
  const char *const **v = c->host->alloc(c, nclass, sizeof *v);
  size_t *n = c->host->alloc(c, nclass, sizeof *n), total = 0;
  if (!v || !n)
    return RAD_ENOMEM;
  for (size_t k = 0; k < nclass; k++) {
    size_t images = 0;
    RAD_TRY(list_class(c, root, class[k], &n[k], &v[k]));
    for (size_t i = 0; i < n[k]; i++)
      images += is_image(v[k][i]);
    if (images == 0)
      return rad_fail(c, RAD_EINVAL, "%s/%s: has no .png, .jpg or .jpeg in it", root, class[k]);
    total += images;
  }
  d->file[s] = c->host->alloc(c, total, sizeof *d->file[s]);
  if (!d->file[s])
    return RAD_ENOMEM;
  for (size_t k = 0; k < nclass; k++)
    for (size_t i = 0; i < n[k]; i++)
      if (is_image(v[k][i]))
        d->file[s][d->n[s]++] = (file){class[k], v[k][i], (int32_t)k};
  return RAD_OK;
}

/* The file's bytes, and its size in pixels, checked. `room` grows as needed. */
static rad_status load(rad_ctx *c, const folder *d, const char *path, uint8_t **room, size_t *cap,
                       image *im)
{
  size_t n;
  RAD_TRY(c->host->load(c, path, NULL, &n));
  if (n > *cap || !*room) {
    *cap = n + n / 2 + 1;
    *room = c->host->scratch(c, *cap);
    if (!*room)
      return RAD_ENOMEM;
  }
  RAD_TRY(c->host->load(c, path, *room, &n));
  *im = (image){.bytes = *room, .n = n, .channels = (size_t)d->channels};
  if (!image_header(im))
    return rad_fail(c, RAD_EINVAL, "%s: %s", path, im->error);
  if (im->width == 0 || im->height == 0 || im->width > (size_t)d->max_pixels / im->height)
    return rad_fail(c, RAD_EINVAL, "%s: %zu x %zu pixels are more than max_pixels = %lld", path,
                    im->width, im->height, (long long)d->max_pixels);
  return RAD_OK;
}

static rad_status first_size(rad_ctx *c, folder *d)
{
  char path[NAME];
  uint8_t *room = NULL;
  size_t cap = 0;
  image im;
  if (d->height > 0 && d->width > 0)
    return RAD_OK;
  RAD_TRY(join(c, path, d->train, d->file[0][0].folder, d->file[0][0].name));
  RAD_TRY(load(c, d, path, &room, &cap, &im));
  if (im.width > 65536 || im.height > 65536)
    return rad_fail(c, RAD_EINVAL, "%s: %zu x %zu pixels; set height and width", path, im.width,
                    im.height);
  d->height = d->height > 0 ? d->height : (int32_t)im.height;
  d->width = d->width > 0 ? d->width : (int32_t)im.width;
  return RAD_OK;
}

static rad_status class_names(rad_ctx *c, const char *const *class, size_t n, rad_facts *f)
{
  const char **v = c->host->alloc(c, n, sizeof *v);
  if (!v)
    return RAD_ENOMEM;
  for (size_t i = 0; i < n; i++) { /* without the '/' */
    const size_t m = strlen(class[i]) - 1;
    char *s = c->host->alloc(c, m + 1, 1);
    if (!s)
      return RAD_ENOMEM;
    memcpy(s, class[i], m);
    v[i] = s;
  }
  f->labels = v;
  return RAD_OK;
}

static rad_status open_folder(rad_ctx *c, void *self, rad_facts *f)
{
  folder *d = self;
  const char *const *class, *const *test;
  size_t n, ntest;
  if (d->channels == 2)
    return rad_fail(c, RAD_EINVAL, "channels = 2: 1 or 3 are possible");
  RAD_TRY(list_classes(c, d->train, &class, &n));
  RAD_TRY(list_split(c, d, 0, d->train, class, n));
  if (*d->test) {
    RAD_TRY(list_classes(c, d->test, &test, &ntest));
    for (size_t i = 0; i < n || i < ntest; i++)
      if (i >= n || i >= ntest || strcmp(class[i], test[i]) != 0)
        return rad_fail(c, RAD_EINVAL, "%s: has other classes than %s, first %s", d->test, d->train,
                        i < ntest ? test[i] : class[i]);
    RAD_TRY(list_split(c, d, 1, d->test, test, ntest));
  }
  RAD_TRY(first_size(c, d));
  *f = (rad_facts){.sample = {3, {(size_t)d->height, (size_t)d->width, (size_t)d->channels}},
                   .type = RAD_U8,
                   .scale = 1.0f / 255.0f,
                   .target = RAD_CLASS,
                   .ntarget = n,
                   .n = {[RAD_TRAIN] = d->n[0], [RAD_TEST] = d->n[1]}};
  return class_names(c, class, n, f);
}

/* out (H,W,C) from v (h,w,C): each pixel the mean over its share of the image. */
static void resize(const image *im, const uint8_t *v, uint8_t *out, size_t H, size_t W)
{
  const size_t C = im->channels;
  const double ky = (double)im->height / (double)H, kx = (double)im->width / (double)W;
  for (size_t i = 0; i < H * W; i++) {
    const double y0 = (double)(i / W) * ky, x0 = (double)(i % W) * kx, y1 = y0 + ky, x1 = x0 + kx;
    double sum[3] = {0.0, 0.0, 0.0}, area = 0.0;
    for (size_t y = (size_t)y0; y < im->height && (double)y < y1; y++)
      for (size_t x = (size_t)x0; x < im->width && (double)x < x1; x++) {
        const double top = (double)y > y0 ? (double)y : y0, left = (double)x > x0 ? (double)x : x0;
        const double bottom = (double)y + 1 < y1 ? (double)y + 1 : y1;
        const double right = (double)x + 1 < x1 ? (double)x + 1 : x1;
        const double part = (bottom - top) * (right - left);
        area += part;
        for (size_t c = 0; c < C; c++)
          sum[c] += part * v[(y * im->width + x) * C + c];
      }
    for (size_t c = 0; c < C; c++)
      out[i * C + c] = (uint8_t)(sum[c] / area + 0.5);
  }
}

static rad_status read_folder(rad_ctx *c, const void *self, rad_part *p)
{
  const folder *d = self;
  const size_t s = p->split == RAD_TEST, H = (size_t)d->height, W = (size_t)d->width;
  uint8_t *room = NULL, *pixels = NULL, *x = p->x;
  size_t cap = 0, npixels = 0;
  int32_t *y = p->y;
  for (size_t i = 0; i < p->n; i++, x += rad_count(&p->facts->sample)) {
    const file *f = &d->file[s][p->id[i]];
    char path[NAME];
    image im;
    RAD_TRY(join(c, path, s ? d->test : d->train, f->folder, f->name));
    RAD_TRY(load(c, d, path, &room, &cap, &im));
    y[i] = f->label;
    const bool same = im.height == H && im.width == W;
    if (!same && !d->resize)
      return rad_fail(c, RAD_EINVAL, "%s: %zu x %zu pixels, expected %zu x %zu; or resize = true",
                      path, im.height, im.width, H, W);
    const size_t bytes = im.height * im.width * im.channels;
    if (!same && bytes > npixels) {
      pixels = c->host->scratch(c, npixels = bytes + bytes / 2);
      if (!pixels)
        return RAD_ENOMEM;
    }
    if (!image_decode(&im, same ? x : pixels))
      return rad_fail(c, RAD_EINVAL, "%s: %s", path, im.error);
    if (!same)
      resize(&im, pixels, x, H, W);
  }
  return RAD_OK;
}

static const rad_dataset_ops ops = {sizeof ops, open_folder, read_folder};
static const rad_plugin folder_plugin = {
    RAD_PLUGIN(RAD_DATASET, "folder", folder, &ops),
    RAD_KEYS(keys),
    .summary = "a folder of PNG or JPEG images per class",
    .version = "1",
};
RAD_EXPORT(&folder_plugin)
