/* SPDX-License-Identifier: BSD-3-Clause
 * blobs.c - synthetic classes, no files: sample i is of class i mod K, x = centre_k + sigma N(0,1),
 * centres N(0,1). x (n,D) float, y (n) int32. */
#include <rademacher/dataset.h>

enum { CENTRES, SPREAD }; /* streams */
typedef struct blobs {
  int32_t classes, features;
  int64_t train, test;
  float sigma;
  float *centre; /* (K,D) */
} blobs;

static const rad_key keys[] = {
    RAD_KEY(blobs, classes, "10", 2, 1e5, RAD_FIXED, "number of classes"),
    RAD_KEY(blobs, features, "2", 1, 1e6, RAD_FIXED, "numbers per sample"),
    RAD_KEY(blobs, train, "1000", 1, 1e9, RAD_FIXED, "training samples"),
    RAD_KEY(blobs, test, "1000", 0, 1e9, RAD_FIXED, "test samples"),
    RAD_KEY(blobs, sigma, "0.3", 0, 1e6, 0, "spread of a class"),
};

static rad_status open_blobs(rad_ctx *c, void *self, rad_facts *f)
{
  blobs *b = self;
  const size_t K = (size_t)b->classes, D = (size_t)b->features;
  if (K > SIZE_MAX / sizeof(float) / D)
    return rad_fail(c, RAD_EINVAL, "%zu classes of %zu features are too many", K, D);
  b->centre = c->host->alloc(c, K * D, sizeof *b->centre);
  if (!b->centre)
    return RAD_ENOMEM;
  c->host->normal(c, &(rad_at){.stream = CENTRES}, 0, K * D, b->centre);
  *f = (rad_facts){.sample = {1, {D}},
                   .type = RAD_F32,
                   .target = RAD_CLASS,
                   .ntarget = K,
                   .n = {[RAD_TRAIN] = (uint64_t)b->train, [RAD_TEST] = (uint64_t)b->test},
                   .scale = 1.0f};
  return RAD_OK;
}

static rad_status read_blobs(rad_ctx *c, const void *self, rad_part *p)
{
  const blobs *b = self;
  const size_t D = (size_t)b->features;
  int32_t *y = p->y;
  for (size_t i = 0; i < p->n; i++) {
    float *x = (float *)p->x + i * D;
    const rad_at at = {.when = p->split, .index = p->id[i], .stream = SPREAD};
    y[i] = (int32_t)(p->id[i] % (uint64_t)b->classes);
    c->host->normal(c, &at, 0, D, x);
    for (size_t k = 0; k < D; k++)
      x[k] = b->centre[(size_t)y[i] * D + k] + b->sigma * x[k];
  }
  return RAD_OK;
}

static const rad_dataset_ops ops = {sizeof ops, open_blobs, read_blobs};
static const rad_plugin blobs_plugin = {
    RAD_PLUGIN(RAD_DATASET, "blobs", blobs, &ops),
    RAD_KEYS(keys),
    .summary = "synthetic classes, each a normal distribution; no files",
    .version = "1",
};
RAD_EXPORT(&blobs_plugin)
