/* SPDX-License-Identifier: BSD-3-Clause
 * gaussian.c - images of noise, no files: pixels N(mean, std) in natural units, labels uniform over
 * the classes and independent of them. Shape, classes and split sizes are those of the data set
 * that it replaces, else its own keys. x (n,H,W,C) float, y (n) int32. */
#include <rademacher/dataset.h>

enum { PIXELS, LABELS }; /* streams */
typedef struct gaussian {
  int32_t height, width, channels, classes;
  int64_t train, test;
  float mean, std;
} gaussian;

static const rad_key keys[] = {
    RAD_KEY(gaussian, height, "28", 1, 65536, RAD_FIXED, "pixels, where nothing is replaced"),
    RAD_KEY(gaussian, width, "28", 1, 65536, RAD_FIXED, "pixels"),
    RAD_KEY(gaussian, channels, "1", 1, 65536, RAD_FIXED, "numbers per pixel"),
    RAD_KEY(gaussian, classes, "10", 1, 1e5, RAD_FIXED, "number of classes"),
    RAD_KEY(gaussian, train, "1000", 1, 1e9, RAD_FIXED, "training samples"),
    RAD_KEY(gaussian, test, "1000", 0, 1e9, RAD_FIXED, "test samples"),
    RAD_KEY(gaussian, mean, "0.5", -1e6, 1e6, 0, "of the pixels, which are not cut at 0 and 1"),
    RAD_KEY(gaussian, std, "0.25", 0, 1e6, 0, "of the pixels"),
};

static rad_status open_gaussian(rad_ctx *c, void *self, rad_facts *f)
{
  const gaussian *g = self;
  if (f->sample.rank == 0) {
    f->sample = (rad_shape){3, {(size_t)g->height, (size_t)g->width, (size_t)g->channels}};
    f->target = RAD_CLASS;
    f->ntarget = (size_t)g->classes;
    f->n[RAD_TRAIN] = (uint64_t)g->train;
    f->n[RAD_TEST] = (uint64_t)g->test;
  }
  f->type = RAD_F32;
  f->scale = 1.0f;
  return f->target == RAD_CLASS
             ? RAD_OK
             : rad_fail(c, RAD_EINVAL, "can only replace a data set with one class per sample");
}

static rad_status read_gaussian(rad_ctx *c, const void *self, rad_part *p)
{
  const gaussian *g = self;
  const size_t D = rad_count(&p->facts->sample);
  int32_t *y = p->y;
  for (size_t i = 0; i < p->n; i++) {
    float *x = (float *)p->x + i * D;
    const rad_at pixel = {.when = p->split, .index = p->id[i], .stream = PIXELS};
    const rad_at label = {.when = p->split, .index = p->id[i], .stream = LABELS};
    c->host->normal(c, &pixel, 0, D, x);
    for (size_t k = 0; k < D; k++)
      x[k] = g->mean + g->std * x[k];
    y[i] = (int32_t)rad_below(c, &label, 0, (uint32_t)p->facts->ntarget);
  }
  return RAD_OK;
}

static const rad_dataset_ops ops = {sizeof ops, open_gaussian, read_gaussian};
static const rad_plugin gaussian_plugin = {
    RAD_PLUGIN(RAD_DATASET, "gaussian", gaussian, &ops),
    RAD_KEYS(keys),
    .summary = "images of normal noise with random labels",
    .version = "1",
};
RAD_EXPORT(&gaussian_plugin)
