/* SPDX-License-Identifier: BSD-3-Clause
 * cifar.c - the binary files of CIFAR-10 and CIFAR-100, under their official names in one folder.
 * A record is 1 label (10) or 2, coarse and fine (100), then 3072 bytes: 32 x 32 pixels, red, green
 * and blue one after the other. x (n,32,32,3) uint8, y (n) int32.
 * https://www.cs.toronto.edu/~kriz/cifar.html */
#include <rademacher/dataset.h>
#include <string.h>

enum { SIDE = 32, PLANE = SIDE * SIDE, CHANNELS = 3, IMAGE = CHANNELS * PLANE };
enum { FILES = 6, NAME = 4096 };
enum { FINE, COARSE };
typedef struct cifar {
  const char *folder;
  int32_t classes, labels;
  bool official;
  const uint8_t *v[FILES]; /* the last is the test file */
  size_t n[FILES];         /* records */
  size_t nfiles, record;   /* files; bytes of a record */
} cifar;

static const char *const label_kinds[] = {"fine", "coarse", NULL};
static const rad_key keys[] = {
    RAD_KEY(cifar, folder, NULL, 0, 0, RAD_FILE, "holds the .bin files, as data:cifar10"),
    RAD_KEY(cifar, classes, "10", 10, 100, RAD_FIXED, "10 or 100: which of the two sets"),
    RAD_KEY(cifar, official, "true", 0, 0, RAD_FIXED, "files must be as long as the official ones"),
    RAD_CHOICE(cifar, labels, "fine", label_kinds, "of CIFAR-100: 100 classes, or 20"),
};
static const char *const files10[] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                      "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};
static const char *const files100[] = {"train.bin", "test.bin"};
static const char *const names10[] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                      "dog",      "frog",       "horse", "ship", "truck"};

static rad_status init(rad_ctx *c, void *self)
{
  const cifar *d = self;
  if (d->classes != 10 && d->classes != 100)
    return rad_fail(c, RAD_EINVAL, "classes = %d: there are CIFAR-10 and CIFAR-100",
                    (int)d->classes);
  if (d->classes == 10 && d->labels == COARSE)
    return rad_fail(c, RAD_EINVAL, "labels = coarse: only CIFAR-100 has coarse labels");
  return RAD_OK;
}

static size_t classes(const cifar *d)
{
  return d->classes == 10 ? 10 : d->labels == FINE ? 100 : 20;
}

static int32_t label(const cifar *d, const uint8_t *record)
{
  return d->classes == 10 ? record[0] : record[d->labels == FINE];
}

static rad_status open_file(rad_ctx *c, cifar *d, size_t i, const char *name)
{
  char path[NAME];
  size_t bytes;
  const size_t n = strlen(d->folder), m = strlen(name);
  if (n + 1 + m >= sizeof path)
    return rad_fail(c, RAD_EINVAL, "folder: a path of %zu bytes is too long", n);
  memcpy(path, d->folder, n);
  path[n] = '/';
  memcpy(path + n + 1, name, m + 1);
  RAD_TRY(c->host->read(c, path, &d->v[i], &bytes));
  d->n[i] = bytes / d->record;
  const size_t official = d->classes == 100 && i == 0 ? 50000 : 10000;
  if (d->official && bytes != official * d->record)
    return rad_fail(c, RAD_EINVAL,
                    "%s: has %zu bytes, the official file %zu; damaged, or say official = false",
                    path, bytes, official * d->record);
  if (bytes == 0 || bytes % d->record != 0)
    return rad_fail(c, RAD_EINVAL,
                    "%s: %zu bytes are no whole number of CIFAR-%d records of %zu bytes", path,
                    bytes, (int)d->classes, d->record);
  for (size_t k = 0; k < d->n[i]; k++) {
    const int32_t y = label(d, d->v[i] + k * d->record);
    if ((size_t)y >= classes(d))
      return rad_fail(c, RAD_EINVAL, "%s: label %d of record %zu is not one of 0 .. %zu", path,
                      (int)y, k, classes(d) - 1);
  }
  return RAD_OK;
}

static rad_status open_cifar(rad_ctx *c, void *self, rad_facts *f)
{
  cifar *d = self;
  const char *const *names = d->classes == 10 ? files10 : files100;
  d->nfiles = d->classes == 10 ? 6 : 2;
  d->record = (d->classes == 10 ? 1 : 2) + IMAGE;
  *f = (rad_facts){.sample = {3, {SIDE, SIDE, CHANNELS}},
                   .type = RAD_U8,
                   .scale = 1.0f / 255.0f,
                   .target = RAD_CLASS,
                   .ntarget = classes(d),
                   .labels = d->classes == 10 ? names10 : NULL};
  for (size_t i = 0; i < d->nfiles; i++) {
    RAD_TRY(open_file(c, d, i, names[i]));
    f->n[i + 1 < d->nfiles ? RAD_TRAIN : RAD_TEST] += d->n[i];
  }
  return RAD_OK;
}

/* The record of a sample: training files one after the other. */
static const uint8_t *record(const cifar *d, uint32_t split, uint64_t id)
{
  size_t i = split == RAD_TEST ? d->nfiles - 1 : 0;
  for (; id >= d->n[i]; i++)
    id -= d->n[i];
  return d->v[i] + id * d->record;
}

static rad_status read_cifar(rad_ctx *c, const void *self, rad_part *p)
{
  const cifar *d = self;
  uint8_t *x = p->x;
  int32_t *y = p->y;
  (void)c;
  for (size_t i = 0; i < p->n; i++, x += IMAGE) {
    const uint8_t *r = record(d, p->split, p->id[i]), *v = r + d->record - IMAGE;
    y[i] = label(d, r);
    for (size_t k = 0; k < PLANE; k++)
      for (size_t ch = 0; ch < CHANNELS; ch++)
        x[k * CHANNELS + ch] = v[ch * PLANE + k];
  }
  return RAD_OK;
}

static const rad_dataset_ops ops = {sizeof ops, open_cifar, read_cifar};
static const rad_plugin cifar_plugin = {
    RAD_PLUGIN(RAD_DATASET, "cifar", cifar, &ops),
    RAD_KEYS(keys),
    .init = init,
    .summary = "binary files of CIFAR-10 and CIFAR-100",
    .version = "1",
    .reference = "https://www.cs.toronto.edu/~kriz/cifar.html",
};
RAD_EXPORT(&cifar_plugin)
