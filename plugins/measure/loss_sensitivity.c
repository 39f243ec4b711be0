/* SPDX-License-Identifier: BSD-3-Clause
 * loss_sensitivity.c - how strongly each sample's loss depends on its input, g_x = |dl/dx|_1 (or
 * _2), averaged over the epochs after which it was taken (`every`). Metrics: the `mean` over
 * samples and `gini`, how unequal they are: sum_i (2 i - n - 1) g_(i) / (n sum g), 0 where all are
 * alike, near 1 where a few have all; real data are far more unequal than random ones. The vector
 * `sensitivity` (samples). With `classes` also, at each time, the vector `classes` (K,K), row i,
 * column j: mean norm of the gradient of the loss against class i over samples labelled j, and
 * `off_diagonal`: mean of its entries off the diagonal over that on it. Arpit et al. 2017, arXiv
 * 1706.05394. */
#include "samples.h"
#include <stdlib.h>

typedef struct loss_sensitivity {
  const char *split;
  int32_t samples, norm;
  bool classes;
} loss_sensitivity;
enum { L1, L2 };
static const char *const norms[] = {"l1", "l2", NULL};
static const rad_key keys[] = {
    RAD_KEY(loss_sensitivity, split, "train", 0, 0, RAD_FIXED, "whose samples"),
    RAD_KEY(loss_sensitivity, samples, "1000", 1, 1e9, RAD_FIXED,
            "how many of it, evenly spread over it"),
    RAD_CHOICE(loss_sensitivity, norm, "l1", norms, "of the gradient"),
    RAD_KEY(loss_sensitivity, classes, "false", 0, 0, RAD_FIXED,
            "also of the loss against every class: one more pass for each"),
};
enum { SUM, TIMES }; /* state: f64 (samples), f64 (1) */

static rad_status plan(rad_ctx *c, void *self, const rad_model *m, const rad_facts *f)
{
  const loss_sensitivity *s = self;
  part p;
  (void)m;
  if (s->classes && f->target != RAD_CLASS)
    return rad_fail(c, RAD_EINVAL, "classes = true needs one class per sample");
  RAD_TRY(part_open(c, &p, s->split, s->samples));
  RAD_TRY(c->host->tensor(c, RAD_NEW(rad_tensor, .name = "sum", .role = RAD_BUFFER, .type = RAD_F64,
                                     .shape = {1, {(size_t)p.n}})));
  return c->host->tensor(c, RAD_NEW(rad_tensor, .name = "times", .role = RAD_BUFFER,
                                    .type = RAD_F64, .shape = {1, {1}}));
}

static double norm_of(const loss_sensitivity *s, const float *g, size_t D)
{
  double sum = 0;
  for (size_t k = 0; k < D; k++)
    sum += s->norm == L1 ? fabs((double)g[k]) : (double)g[k] * (double)g[k];
  return s->norm == L1 ? sum : sqrt(sum);
}

/* Row `class` of the matrix: what the loss against this class adds for each sample's label. */
static rad_status against(rad_ctx *c, const loss_sensitivity *s, rad_model *m, rad_batch *b,
                          size_t class, double *row)
{
  const size_t D = rad_count(&b->facts->sample), K = b->facts->ntarget;
  for (size_t i = 0; i < b->n * K; i++)
    b->target[i] = i % K == class ? 1.0f : 0.0f;
  RAD_TRY(c->lab->pass(c, m, b, RAD_PASS_DX, 1.0f));
  for (size_t i = 0; i < b->n; i++)
    if (b->label[i] >= 0)
      row[b->label[i]] += norm_of(s, b->dx + i * D, D);
  return RAD_OK;
}

static rad_status measure_batch(rad_ctx *c, const loss_sensitivity *s, rad_model *m, rad_batch *b,
                                double *sum, double *matrix, double *count)
{
  const size_t D = rad_count(&b->facts->sample), K = b->facts->ntarget;
  RAD_TRY(c->lab->pass(c, m, b, RAD_PASS_DX, 1.0f));
  for (size_t i = 0; i < b->n; i++)
    sum[i] += norm_of(s, b->dx + i * D, D);
  for (size_t i = 0; matrix && i < b->n; i++)
    if (b->label[i] >= 0)
      count[b->label[i]]++;
  for (size_t k = 0; matrix && k < K; k++)
    RAD_TRY(against(c, s, m, b, k, matrix + k * K));
  return RAD_OK;
}

static int ascending(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static rad_status report(rad_ctx *c, const double *sum, size_t n, double times)
{
  double *sorted = c->host->scratch(c, n * sizeof *sorted), total = 0, weighted = 0;
  float *out = c->host->scratch(c, n * sizeof *out);
  if (!sorted || !out)
    return RAD_ENOMEM;
  for (size_t i = 0; i < n; i++) {
    sorted[i] = sum[i] / times;
    out[i] = (float)sorted[i];
    total += sorted[i];
  }
  RAD_TRY(c->lab->metric(c, "mean", total / (double)n));
  qsort(sorted, n, sizeof *sorted, ascending);
  for (size_t i = 0; i < n; i++)
    weighted += (2 * (double)i + 1 - (double)n) * sorted[i];
  if (total > 0)
    RAD_TRY(c->lab->metric(c, "gini", weighted / ((double)n * total)));
  return c->lab->vector(c, "sensitivity", n, out);
}

static rad_status report_classes(rad_ctx *c, const double *matrix, const double *count, size_t K)
{
  float *out = c->host->scratch(c, K * K * sizeof *out);
  double on = 0, off = 0, there = 0;
  if (!out)
    return RAD_ENOMEM;
  for (size_t j = 0; j < K; j++) {
    there += count[j] > 0;
    for (size_t i = 0; i < K; i++) {
      const double g = count[j] > 0 ? matrix[i * K + j] / count[j] : 0;
      out[i * K + j] = (float)g;
      on += i == j ? g : 0;
      off += i == j ? 0 : g;
    }
  }
  if (on > 0 && K > 1 && there > 0)
    RAD_TRY(c->lab->metric(c, "off_diagonal", off / (double)(K - 1) / on));
  return c->lab->vector(c, "classes", K * K, out);
}

static rad_status epoch(rad_ctx *c, const void *self, rad_report *r)
{
  const loss_sensitivity *s = self;
  double *sum = c->state[SUM], *times = c->state[TIMES], *matrix = NULL;
  size_t K = 0;
  part p;
  RAD_TRY(part_open(c, &p, s->split, s->samples));
  for (uint64_t i = 0; i < p.n;) {
    rad_batch *b;
    RAD_TRY(part_next(c, &p, i, &b));
    if (s->classes && !matrix) {
      K = b->facts->ntarget;
      if (!(matrix = c->host->scratch(c, (K + 1) * K * sizeof *matrix)))
        return RAD_ENOMEM;
      for (size_t k = 0; k < (K + 1) * K; k++)
        matrix[k] = 0;
    }
    RAD_TRY(measure_batch(c, s, r->model, b, sum + i, matrix, matrix ? matrix + K * K : NULL));
    i += b->n;
  }
  *times += 1;
  RAD_TRY(report(c, sum, (size_t)p.n, *times));
  return matrix ? report_classes(c, matrix, matrix + K * K, K) : RAD_OK;
}

static const rad_hooks ops = {.size = sizeof ops, .plan = plan, .epoch = epoch};
static const rad_plugin sensitivity_plugin = {
    RAD_PLUGIN(RAD_MEASURE, "loss_sensitivity", loss_sensitivity, &ops),
    RAD_KEYS(keys),
    .needs = 1,
    RAD_METRICS("mean", "gini", "off_diagonal"),
    .summary = "how much each sample's loss depends on its input, and how unequally",
    .reference = "Arpit et al. 2017, arXiv 1706.05394"};
RAD_EXPORT(&sensitivity_plugin)
