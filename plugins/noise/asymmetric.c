/* SPDX-License-Identifier: BSD-3-Clause
 * asymmetric.c - labels mistaken by a matrix: a label y becomes z with probability T[y][z]. `matrix`
 * is a file with T (K,K), a row per class, each row summing to 1 (text or .npy, see table.h). Two
 * draws of a sample decide: the label changes where the first is below the sum of the row without
 * T[y][y], and the second says which of the other classes it becomes, in proportion to their
 * probabilities, in their order. So mistakes at one rate are a subset of those of the same kind at
 * a higher one. Patrini et al. 2017, arXiv 1609.03683. */
#include "labels.h"
#include "table.h"
#include <math.h>

typedef struct asymmetric {
  const char *matrix;
  table t;     /* (K,K) */
  double *off; /* (K) sum of a row without its diagonal */
} asymmetric;

static const rad_key keys[] = {
    RAD_KEY(asymmetric, matrix, NULL, 0, 0, RAD_FILE | RAD_FIXED,
            "file with a row per class: probabilities of the labels that it gets"),
};

static rad_status check_row(rad_ctx *c, const table *t, size_t y, double *off)
{
  const double *row = t->v + y * t->cols;
  double sum = 0.0;
  for (size_t z = 0; z < t->cols; z++) {
    if (!(row[z] >= 0.0 && row[z] <= 1.0))
      return rad_fail(c, RAD_EINVAL, "%s: %g is not a probability", table_at(t, y).s, row[z]);
    sum += row[z];
    *off += z == y ? 0.0 : row[z];
  }
  if (fabs(sum - 1.0) > 1e-6)
    return rad_fail(c, RAD_EINVAL, "%s: the probabilities of class %zu sum to %.9g, not to 1",
                    table_at(t, y).s, y, sum);
  return RAD_OK;
}

static rad_status plan(rad_ctx *c, void *self, const rad_facts *f)
{
  asymmetric *a = self;
  const size_t K = f->ntarget;
  RAD_TRY(label_plan(c, f));
  RAD_TRY(table_read(c, a->matrix, &a->t));
  if (a->t.rows != K || a->t.cols != K)
    return rad_fail(c, RAD_EINVAL, "%s: is %zu x %zu; the data have %zu classes", a->matrix,
                    a->t.rows, a->t.cols, K);
  a->off = c->host->alloc(c, K, sizeof *a->off);
  if (!a->off)
    return rad_fail(c, RAD_ENOMEM, "out of memory");
  for (size_t y = 0; y < K; y++)
    RAD_TRY(check_row(c, &a->t, y, &a->off[y]));
  return RAD_OK;
}

/* The class where the sum of the row without y exceeds u times the whole. */
static int32_t other_class(const asymmetric *a, size_t y, double u)
{
  const double *row = a->t.v + y * a->t.cols;
  double sum = 0.0;
  size_t last = y;
  for (size_t z = 0; z < a->t.cols && sum <= u * a->off[y]; z++)
    if (z != y && row[z] > 0.0) {
      sum += row[z];
      last = z;
    }
  return (int32_t)last;
}

static rad_status split(rad_ctx *c, const void *self, rad_part *p)
{
  const asymmetric *a = self;
  int32_t *y = p->y; /* (n) */
  for (size_t i = 0; i < p->n; i++) {
    float u;
    const rad_at which = label_draw(p, i, WHICH);
    if (y[i] < 0 || !label_changes(c, p, i, a->off[y[i]]))
      continue;
    c->host->uniform(c, &which, 0, 1, &u);
    y[i] = other_class(a, (size_t)y[i], (double)u);
  }
  return RAD_OK;
}

static const rad_noise_ops ops = {
    .size = sizeof ops, .flags = RAD_CHANGES_TARGETS, .plan = plan, .split = split};
static const rad_plugin asymmetric_plugin = {
    RAD_PLUGIN(RAD_NOISE, "asymmetric", asymmetric, &ops),
    RAD_KEYS(keys),
    .summary = "labels mistaken by a matrix of probabilities",
    .version = "1",
    .reference = "Patrini et al. 2017, arXiv 1609.03683",
};
RAD_EXPORT(&asymmetric_plugin)
