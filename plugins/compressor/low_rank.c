/* SPDX-License-Identifier: BSD-3-Clause
 * low_rank.c - round k replaces each weight matrix of the first network, outputs times all else, by
 * the nearest of rank floor(keep^k min(rows, columns)), at least 1: its truncated singular value
 * decomposition. A matrix of rank r counts as r (rows + columns) numbers where these are fewer.
 * Matrices that are masked, or that products do not read as they are, stay. Nothing is trained.
 * Eckart and Young 1936; Denton et al. 2014, arXiv 1404.0736. */
#include "eigen.h"
#include <rademacher/compressor.h>

typedef struct low_rank {
  double keep;
} low_rank;
typedef struct matrix {
  float *v; /* (rows,cols) */
  size_t rows, cols;
} matrix;

static const rad_key keys[] = {
    RAD_KEY(low_rank, keep, "0.8", 0.01, 1, 0, "share of the rank that a round keeps"),
};

static size_t full_rank(const rad_param *p)
{
  const size_t rows = p->shape.dim[0], cols = rad_count(&p->shape) / rows;
  return rows < cols ? rows : cols;
}

/* Products of all pairs of rows, or of columns where these are fewer, into a (n,n). */
static void pairs(const matrix *m, bool by_row, size_t n, double *a)
{
  memset(a, 0, n * n * sizeof *a);
  for (size_t i = 0; by_row && i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      const float *x = m->v + i * m->cols, *y = m->v + j * m->cols;
      double sum = 0;
      for (size_t k = 0; k < m->cols; k++)
        sum += (double)x[k] * (double)y[k];
      a[i * n + j] = a[j * n + i] = sum;
    }
  for (size_t k = 0; !by_row && k < m->rows; k++)
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++)
        a[i * n + j] += (double)m->v[k * n + i] * (double)m->v[k * n + j];
}

/* p (n,n) = sum of u u' over the `rank` rows u of q with the largest d; of equal ones the first. */
static void projection(const double *d, const double *q, size_t n, size_t rank, double *p)
{
  memset(p, 0, n * n * sizeof *p);
  for (size_t k = 0; k < n; k++) {
    size_t above = 0;
    for (size_t i = 0; i < n; i++)
      above += d[i] > d[k] || (d[i] == d[k] && i < k);
    for (size_t i = 0; above < rank && i < n; i++)
      for (size_t j = 0; j < n; j++)
        p[i * n + j] += q[k * n + i] * q[k * n + j];
  }
}

/* m = p m, or m p; row (max(rows,cols)) */
static void project(matrix *m, bool by_row, size_t n, const double *p, double *row)
{
  const size_t lines = by_row ? m->cols : m->rows;
  const size_t step = by_row ? m->cols : 1, next = by_row ? 1 : m->cols;
  for (size_t l = 0; l < lines; l++) {
    float *v = m->v + l * next;
    for (size_t i = 0; i < n; i++) {
      row[i] = 0;
      for (size_t j = 0; j < n; j++)
        row[i] += p[i * n + j] * (double)v[j * step];
    }
    for (size_t i = 0; i < n; i++)
      v[i * step] = (float)row[i];
  }
}

static rad_status truncate_rank(rad_ctx *c, matrix *m, size_t rank)
{
  const bool by_row = m->rows <= m->cols;
  const size_t n = by_row ? m->rows : m->cols;
  double *a = c->host->scratch(c, n * n * sizeof *a), *q = c->host->scratch(c, n * n * sizeof *q);
  double *d = c->host->scratch(c, n * sizeof *d), *work = c->host->scratch(c, 3 * n * sizeof *work);
  if (!a || !q || !d || !work)
    return RAD_ENOMEM;
  pairs(m, by_row, n, a);
  if (!eigen_find(a, n, d, q, work))
    return rad_fail(c, RAD_EDIVERGED, "found no singular values: are there any not finite?");
  projection(d, q, n, rank, a);
  project(m, by_row, n, a, work);
  return RAD_OK;
}

/* How many numbers a tensor takes at a rank; all that there are where that is fewer. */
static double numbers(const rad_param *p, const float *v, size_t rank)
{
  const size_t n = rad_count(&p->shape);
  double m = (double)n;
  for (size_t i = 0; p->mask && i < n; i++)
    m -= v[i] == 0.0f;
  if (rank == 0)
    return m;
  return fmin(m, (double)rank * ((double)p->shape.dim[0] + (double)n / (double)p->shape.dim[0]));
}

static rad_status round_once(rad_ctx *c, const void *self, rad_round *r)
{
  const double keep = pow(((const low_rank *)self)->keep, (double)(r->index + 1));
  double all = 0, trained = 0;
  RAD_TRY(c->lab->derive(c, r->first, NULL, 0, &r->to));
  for (uint32_t k = 0; k < r->first->nparam; k++) {
    const rad_param *p = r->first->param[k];
    const size_t n = rad_count(&p->shape);
    matrix m = {.v = c->host->scratch(c, n * sizeof *m.v)};
    size_t rank = 0;
    if (!m.v)
      return RAD_ENOMEM;
    RAD_TRY(c->lab->values(c, p, m.v));
    if (p->role == RAD_WEIGHT && !p->mask && !p->mapped && c->lab->applies(c, p->layer)) {
      const double left = floor(keep * (double)full_rank(p) + 1e-9);
      m.rows = p->shape.dim[0];
      m.cols = n / m.rows;
      rank = left >= 1 ? (size_t)left : 1;
      if (rank < full_rank(p))
        RAD_TRY(truncate_rank(c, &m, rank));
    }
    all += numbers(p, m.v, rank);
    trained += p->role == RAD_BUFFER ? 0 : numbers(p, m.v, rank);
    RAD_TRY(c->lab->assign(c, r->to->param[k], m.v, NULL));
  }
  r->bits = 32 * all;
  r->parameters = trained;
  return RAD_OK;
}

static const rad_compressor_ops ops = {.size = sizeof ops, .round = round_once};
static const rad_plugin low_rank_plugin = {
    RAD_PLUGIN(RAD_COMPRESSOR, "low_rank", low_rank, &ops), RAD_KEYS(keys), .needs = 1,
    .summary = "weight matrices of lower rank",
    .reference = "Eckart and Young 1936; Denton et al. 2014, arXiv 1404.0736"};
RAD_EXPORT(&low_rank_plugin)
