/* SPDX-License-Identifier: BSD-3-Clause
 * swap_dataset.c - other images under these labels: sample i gets image i of the data set of
 * section [dataset NAME], from its own training split for training samples, from its own test split
 * for test samples, whatever its limit and val; where that has fewer images they start again from
 * the first. No draws. Scaling stays that of [dataset]. x (n,D) in natural units. */
#include <rademacher/lab.h>
#include <rademacher/noise.h>
#include <stdio.h>

typedef struct swap_dataset {
  const char *from;
  rad_source *source[2]; /* train, test */
  uint64_t n[2];
} swap_dataset;

static const rad_key keys[] = {
    RAD_KEY(swap_dataset, from, NULL, 0, 0, 0, "NAME of the section [dataset NAME] of the images"),
};

static rad_status plan(rad_ctx *c, void *self, const rad_facts *f)
{
  static const char *const split[] = {"train", "test"};
  swap_dataset *s = self;
  for (size_t k = 0; k < 2; k++) {
    const uint32_t id = k ? RAD_TEST : RAD_TRAIN;
    rad_part part = {.n = 0};
    char name[128];
    uint64_t left;
    snprintf(name, sizeof name, "%s.%s", s->from, split[k]);
    RAD_TRY(c->lab->source(c, name, &s->source[k], &left));
    RAD_TRY(c->lab->stored(c, s->source[k], &part));
    s->n[k] = part.facts->own[id];
    if (s->n[k] > 0 && s->n[k] < f->own[id])
      c->host->log(c, 2, "%s has %llu images for %llu samples: they are repeated", name,
                   (unsigned long long)s->n[k], (unsigned long long)f->own[id]);
  }
  return RAD_OK;
}

static rad_status split(rad_ctx *c, const void *self, rad_part *p)
{
  const swap_dataset *s = self;
  const size_t k = p->split == RAD_TEST;
  uint64_t *id = c->host->scratch(c, p->n * sizeof *id); /* (n) */
  if (!id)
    return rad_fail(c, RAD_ENOMEM, "out of memory");
  if (s->n[k] == 0)
    return rad_fail(c, RAD_EINVAL, "[dataset %s] has no %s images: say in splits which to change",
                    s->from, k ? "test" : "training");
  for (size_t i = 0; i < p->n; i++)
    id[i] = p->id[i] % s->n[k];
  return c->lab->stored(c, s->source[k], &(rad_part){.n = p->n, .id = id, .x = p->x});
}

static const rad_noise_ops ops = {
    .size = sizeof ops, .flags = RAD_CHANGES_INPUTS | RAD_WANT_F32, .plan = plan, .split = split};
static const rad_plugin swap_plugin = {
    RAD_PLUGIN(RAD_NOISE, "swap_dataset", swap_dataset, &ops),  RAD_KEYS(keys), .needs = 1,
    .summary = "images of another data set under these labels", .version = "1",
};
RAD_EXPORT(&swap_plugin)
