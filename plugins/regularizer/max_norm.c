/* SPDX-License-Identifier: BSD-3-Clause
 * max_norm.c - after each step the incoming weights of every unit, a row w of axis 0 of W (U,...),
 * are scaled back to the ball: w *= c / |w| where |w| > c. For convolutions that is each filter.
 * Biases and scales are left alone. Srivastava et al. 2014, JMLR 15, section 5.1. */
#include <math.h>
#include <rademacher/regularizer.h>

typedef struct max_norm {
  double c;
} max_norm;

static const rad_key keys[] = {
    RAD_KEY(max_norm, c, "3", 1e-6, 1e6, RAD_LOG, "longest that a unit's incoming weights may be"),
};

/* A row that has been scaled is as long as c but for the rounding of its floats: it stays. */
static void project(float *w, size_t n, double c)
{
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += (double)w[i] * (double)w[i];
  const double norm = sqrt(sum);
  for (size_t i = 0; norm > c * (1 + 1e-6) && i < n; i++)
    w[i] = (float)((double)w[i] * (c / norm));
}

/* The row that begins at an element of a tensor of which only the nonzeros are stored. */
static size_t find_row(const rad_pattern *p, size_t first)
{
  size_t lo = 0, hi = p->rows;
  while (lo < hi) {
    const size_t mid = lo + (hi - lo) / 2;
    if (p->row[mid] < first)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

static rad_status weights(rad_ctx *c, const void *self, const rad_slice *s)
{
  const double most = ((const max_norm *)self)->c;
  const rad_param *p = s->param;
  (void)c;
  if (p->role != RAD_WEIGHT)
    return RAD_OK;
  if (p->pattern) {
    const uint64_t *row = p->pattern->row, end = s->first + s->n;
    for (size_t r = find_row(p->pattern, s->first); r < p->pattern->rows && row[r + 1] <= end; r++)
      project(s->w + (row[r] - s->first), (size_t)(row[r + 1] - row[r]), most);
    return RAD_OK;
  }
  const size_t width = p->n / p->shape.dim[0];
  for (size_t i = 0; i < s->n; i += width)
    project(s->w + i, width, most);
  return RAD_OK;
}

static const rad_hooks ops = {.size = sizeof ops, .weights = weights};
static const rad_plugin max_norm_plugin = {RAD_PLUGIN(RAD_REGULARIZER, "max_norm", max_norm, &ops),
                                           RAD_KEYS(keys),
                                           .summary = "limits the length of a unit's weights",
                                           .reference = "Srivastava et al. 2014, JMLR 15"};
RAD_EXPORT(&max_norm_plugin)
