/* SPDX-License-Identifier: BSD-3-Clause
 * uniform.c - images of noise, no files: bytes uniform in 0 .. 255, labels uniform over the classes
 * and independent of them. Shape, classes and split sizes are those of the data set that it
 * replaces, else its own keys. x (n,H,W,C) uint8, y (n) int32. */
#include <rademacher/dataset.h>

enum { PIXELS, LABELS }; /* streams */
enum { CHUNK = 256 };    /* words drawn at once, four bytes each */
typedef struct uniform {
  int32_t height, width, channels, classes;
  int64_t train, test;
} uniform;

static const rad_key keys[] = {
    RAD_KEY(uniform, height, "28", 1, 65536, RAD_FIXED, "pixels, where nothing is replaced"),
    RAD_KEY(uniform, width, "28", 1, 65536, RAD_FIXED, "pixels"),
    RAD_KEY(uniform, channels, "1", 1, 65536, RAD_FIXED, "numbers per pixel"),
    RAD_KEY(uniform, classes, "10", 1, 1e5, RAD_FIXED, "number of classes"),
    RAD_KEY(uniform, train, "1000", 1, 1e9, RAD_FIXED, "training samples"),
    RAD_KEY(uniform, test, "1000", 0, 1e9, RAD_FIXED, "test samples"),
};

static rad_status open_uniform(rad_ctx *c, void *self, rad_facts *f)
{
  const uniform *u = self;
  if (f->sample.rank == 0) {
    f->sample = (rad_shape){3, {(size_t)u->height, (size_t)u->width, (size_t)u->channels}};
    f->target = RAD_CLASS;
    f->ntarget = (size_t)u->classes;
    f->n[RAD_TRAIN] = (uint64_t)u->train;
    f->n[RAD_TEST] = (uint64_t)u->test;
  }
  f->type = RAD_U8;
  f->scale = 1.0f / 255.0f;
  return f->target == RAD_CLASS
             ? RAD_OK
             : rad_fail(c, RAD_EINVAL, "can only replace a data set with one class per sample");
}

static void pixels(rad_ctx *c, const rad_at *at, uint8_t *x, size_t n)
{
  uint32_t r[CHUNK];
  for (size_t j = 0; j < n; j += sizeof r) {
    const size_t bytes = n - j < sizeof r ? n - j : sizeof r;
    c->host->bits(c, at, j / 4, (bytes + 3) / 4, r);
    for (size_t k = 0; k < bytes; k++)
      x[j + k] = (uint8_t)(r[k / 4] >> 8 * (k % 4));
  }
}

static rad_status read_uniform(rad_ctx *c, const void *self, rad_part *p)
{
  const size_t D = rad_count(&p->facts->sample);
  int32_t *y = p->y;
  (void)self;
  for (size_t i = 0; i < p->n; i++) {
    const rad_at pixel = {.when = p->split, .index = p->id[i], .stream = PIXELS};
    const rad_at label = {.when = p->split, .index = p->id[i], .stream = LABELS};
    pixels(c, &pixel, (uint8_t *)p->x + i * D, D);
    y[i] = (int32_t)rad_below(c, &label, 0, (uint32_t)p->facts->ntarget);
  }
  return RAD_OK;
}

static const rad_dataset_ops ops = {sizeof ops, open_uniform, read_uniform};
static const rad_plugin uniform_plugin = {
    RAD_PLUGIN(RAD_DATASET, "uniform", uniform, &ops),
    RAD_KEYS(keys),
    .summary = "images of uniform noise with random labels",
    .version = "1",
};
RAD_EXPORT(&uniform_plugin)
