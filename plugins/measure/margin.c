/* SPDX-License-Identifier: BSD-3-Clause
 * margin.c - by how much the output of a sample's label exceeds the largest other one, y_label -
 * max y_other: above 0 where the answer is right. For each split the mean, `margin`; percentiles,
 * `margin_p10` (linear between neighbours); and the vector `margin` (N), NaN where a sample has no
 * label. With `normalize = spectral` all are divided by the product of the spectral norms of the
 * weight matrices (spectral.h), which scaling a layer does not change: Bartlett et al. 2017, arXiv
 * 1706.08498, without their correction for the distance from the start. */
#include "samples.h"
#include "spectral.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct margin {
  rad_list percentiles;
  int32_t normalize;
  const rad_model *model; /* set by plan; so is T */
  size_t T;
} margin;
enum { NONE, SPECTRAL };
static const char *const normalize_[] = {"none", "spectral", NULL};
static const rad_key keys[] = {
    RAD_KEY(margin, percentiles, "10, 50", 0, 100, RAD_FIXED, "which are reported"),
    RAD_CHOICE(margin, normalize, "none", normalize_, "what margins are divided by"),
};
enum { MARGIN, SEEN }; /* state: f32 (most samples of a split), f64 (1) */

static rad_status plan(rad_ctx *c, void *self, const rad_model *m, const rad_facts *f)
{
  margin *s = self;
  RAD_TRY(classes_check(c, m, f));
  if (f->ntarget < 2)
    return rad_fail(c, RAD_EINVAL, "needs at least two classes");
  s->model = m;
  s->T = f->ntarget;
  RAD_TRY(c->host->tensor(c, RAD_NEW(rad_tensor, .name = "margin", .role = RAD_BUFFER,
                                     .type = RAD_F32, .shape = {1, {most_samples(f)}})));
  return c->host->tensor(c, RAD_NEW(rad_tensor, .name = "seen", .role = RAD_BUFFER, .type = RAD_F64,
                                    .shape = {1, {1}}));
}

static float margin_of(const float *y, size_t T, int32_t label)
{
  float other = -INFINITY;
  if (label < 0)
    return NAN;
  for (size_t k = 0; k < T; k++)
    other = (int32_t)k != label && !(y[k] <= other) ? y[k] : other;
  return y[label] - other;
}

static rad_status norm_product(rad_ctx *c, const rad_model *m, double *product)
{
  float *W;
  double *room;
  RAD_TRY(spectral_room(c, m, &W, &room));
  for (uint32_t i = 0; i < m->nparam; i++) {
    const rad_param *p = m->param[i];
    if (!is_matrix(p))
      continue;
    RAD_TRY(c->lab->values(c, p, W));
    *product *= spectral_norm(c, W, p->shape.dim[0], rad_count(&p->shape) / p->shape.dim[0], room);
  }
  return RAD_OK;
}

static int ascending(const void *a, const void *b)
{
  const float x = *(const float *)a, y = *(const float *)b;
  return x < y ? -1 : x > y;
}

/* Of v (n), ascending, n > 0. */
static double percentile(const float *v, size_t n, double p)
{
  const double at = p / 100 * (double)(n - 1);
  const size_t low = (size_t)at, high = low + 1 < n ? low + 1 : low;
  return (double)v[low] + (at - (double)low) * ((double)v[high] - (double)v[low]);
}

static rad_status report(rad_ctx *c, const margin *s, const float *v, size_t n)
{
  float *sorted = c->host->scratch(c, (n + 1) * sizeof *sorted);
  size_t there = 0;
  double sum = 0;
  if (!sorted)
    return RAD_ENOMEM;
  for (size_t i = 0; i < n; i++)
    if (!isnan(v[i])) {
      sorted[there++] = v[i];
      sum += (double)v[i];
    }
  if (there == 0)
    return RAD_OK;
  qsort(sorted, there, sizeof *sorted, ascending);
  RAD_TRY(c->lab->metric(c, "margin", sum / (double)there));
  for (size_t i = 0; i < s->percentiles.n; i++) {
    char name[64], number[32];
    snprintf(name, sizeof name, "margin_p%s", c->host->number(number, s->percentiles.v[i]));
    RAD_TRY(c->lab->metric(c, name, percentile(sorted, there, s->percentiles.v[i])));
  }
  return c->lab->vector(c, "margin", n, v);
}

static rad_status eval(rad_ctx *c, const void *self, const rad_batch *b)
{
  const margin *s = self;
  float *v = c->state[MARGIN];
  double *seen = c->state[SEEN], product = 1;
  for (size_t i = 0; b && i < b->n; i++, *seen += 1)
    v[b->row[i]] = margin_of(b->y + i * s->T, s->T, b->label[i]);
  if (b)
    return RAD_OK;
  const size_t n = (size_t)*seen;
  *seen = 0;
  if (s->normalize == SPECTRAL)
    RAD_TRY(norm_product(c, s->model, &product));
  for (size_t i = 0; i < n; i++)
    v[i] = (float)((double)v[i] / product);
  return report(c, s, v, n);
}

static const rad_hooks ops = {.size = sizeof ops, .plan = plan, .eval = eval};
static const rad_plugin margin_plugin = {
    RAD_PLUGIN(RAD_MEASURE, "margin", margin, &ops),
    RAD_KEYS(keys),
    .needs = 1,
    RAD_METRICS("margin", "margin_p*"),
    .summary = "distance of each sample's label from the next class, in outputs",
    .reference = "Bartlett et al. 2017, arXiv 1706.08498"};
RAD_EXPORT(&margin_plugin)
