/* SPDX-License-Identifier: BSD-3-Clause
 * critical_sample_ratio.c - `ratio`: the share of samples x with another predicted class somewhere
 * in the box |x' - x| <= r (each number), as far as this search finds one (LASS): from x' = x, up
 * to `iterations` times x' += a sign(dl/dx') + b z,  z ~ N(0,1) each number,  then clipped to the
 * box with l the loss against the class predicted at x. A sample counts once its class has ever
 * changed. The defaults, a = 0.25/255, b = 0.2/255, r = 0.3/255, are for inputs in [0,1] ([dataset]
 * scale = unit) and those of the authors' program; under another scale give them in its units.
 * It takes `iterations` passes there and back: the defaults are 50,000 samples' worth each time, so
 * mind `every`. Arpit et al. 2017, arXiv 1706.05394. */
#include "samples.h"
#include <string.h>

typedef struct csr {
  const char *split;
  int32_t samples, iterations;
  double a, b, r;
} csr;
static const rad_key keys[] = {
    RAD_KEY(csr, split, "train", 0, 0, RAD_FIXED, "whose samples"),
    RAD_KEY(csr, samples, "500", 1, 1e9, RAD_FIXED, "how many of it, evenly spread over it"),
    RAD_KEY(csr, iterations, "100", 1, 1e5, RAD_FIXED, "moves of the search"),
    RAD_KEY(csr, a, "9.803921568627451e-4", 0, 1e6, RAD_FIXED,
            "length of a move along the gradient's sign"),
    RAD_KEY(csr, b, "7.843137254901961e-4", 0, 1e6, RAD_FIXED, "noise added to a move"),
    RAD_KEY(csr, r, "1.1764705882352942e-3", 0, 1e6, RAD_FIXED, "half the side of the box"),
};

static rad_status plan(rad_ctx *c, void *self, const rad_model *m, const rad_facts *f)
{
  const csr *s = self;
  part p;
  RAD_TRY(classes_check(c, m, f));
  return part_open(c, &p, s->split, s->samples);
}

/* All samples, from their gradients; z: room for a sample. */
static void move(rad_ctx *c, const csr *s, rad_batch *b, const float *start, uint64_t time,
                 float *z)
{
  const size_t D = rad_count(&b->facts->sample);
  for (size_t i = 0; i < b->n; i++) {
    c->host->normal(c, &(rad_at){.when = time, .index = b->id[i]}, 0, D, z);
    for (size_t k = i * D; k < (i + 1) * D; k++) {
      const double g = (double)b->dx[k], from = (double)start[k];
      double x = (double)b->x[k] + s->a * ((g > 0) - (g < 0)) + s->b * (double)z[k - i * D];
      x = x > from + s->r ? from + s->r : x < from - s->r ? from - s->r : x;
      b->x[k] = (float)x;
    }
  }
}

/* The class predicted for each sample becomes its target. */
static rad_status predict(rad_ctx *c, rad_model *m, rad_batch *b, int32_t *class)
{
  const size_t T = b->facts->ntarget;
  RAD_TRY(c->lab->pass(c, m, b, 0, 1.0f));
  for (size_t i = 0; i < b->n; i++) {
    class[i] = top_class(b->y + i * T, T);
    b->weight[i] = 1.0f;
    for (size_t k = 0; k < T; k++)
      b->target[i * T + k] = (int32_t)k == class[i] ? 1.0f : 0.0f;
  }
  return RAD_OK;
}

/* room: for the samples of a batch and one more. */
static rad_status search(rad_ctx *c, const csr *s, rad_model *m, rad_batch *b, float *room,
                         int32_t *class, double *found)
{
  const size_t D = rad_count(&b->facts->sample), T = b->facts->ntarget;
  size_t left = b->n;
  memcpy(room, b->x, b->n * D * sizeof *room);
  RAD_TRY(predict(c, m, b, class));
  for (int32_t t = 0; left > 0; t++) {
    RAD_TRY(c->lab->pass(c, m, b, RAD_PASS_DX, 1.0f));
    for (size_t i = 0; i < b->n; i++)
      if (class[i] >= 0 && top_class(b->y + i * T, T) != class[i]) {
        class[i] = -1; /* has been found */
        *found += 1;
        left--;
      }
    if (t == s->iterations)
      break;
    move(c, s, b, room, (uint64_t)t, room + b->n * D);
  }
  return RAD_OK;
}

static rad_status epoch(rad_ctx *c, const void *self, rad_report *r)
{
  const csr *s = self;
  part p;
  float *room = NULL;
  double found = 0;
  RAD_TRY(part_open(c, &p, s->split, s->samples));
  int32_t *class = c->host->scratch(c, c->lab->most * sizeof *class);
  for (uint64_t i = 0; class && i < p.n;) {
    rad_batch *b;
    RAD_TRY(part_next(c, &p, i, &b));
    const size_t D = rad_count(&b->facts->sample);
    if (!room && !(room = c->host->scratch(c, (b->n + 1) * D * sizeof *room)))
      break;
    RAD_TRY(search(c, s, r->model, b, room, class, &found));
    i += b->n;
  }
  return room ? c->lab->metric(c, "ratio", found / (double)p.n) : RAD_ENOMEM;
}

static const rad_hooks ops = {.size = sizeof ops, .plan = plan, .epoch = epoch};
static const rad_plugin csr_plugin = {RAD_PLUGIN(RAD_MEASURE, "critical_sample_ratio", csr, &ops),
                                      RAD_KEYS(keys),
                                      .needs = 1,
                                      RAD_METRICS("ratio"),
                                      .summary = "share of samples close to another class",
                                      .reference = "Arpit et al. 2017, arXiv 1706.05394"};
RAD_EXPORT(&csr_plugin)
