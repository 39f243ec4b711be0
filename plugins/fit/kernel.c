/* SPDX-License-Identifier: BSD-3-Clause
 * kernel.c - interpolation by a Gaussian kernel: f(x) = sum_i alpha_i exp(-gamma |x - x_i|^2) with
 * (K + ridge I) alpha = Y, which with ridge 0 is the function of least norm in the kernel's space
 * that passes through all targets. x (n,D), Y (n,T) one-hot or values, alpha (n,T); all in double.
 * Zhang et al. 2017, arXiv 1611.03530, section 5: gamma 0.02 on pixels in [0,1].
 *
 * The matrix takes 4 n^2 bytes (cholesky.h): 14.4 GB for 60,000 samples; all is one thread's work.
 */
#include "cholesky.h"
#include <rademacher/fit.h>
#include <string.h>

typedef struct kernel {
  double gamma, ridge;
  size_t n, D, T;
} kernel;
enum { X, SQUARE, ALPHA }; /* state: inputs (n,D), their squared lengths (n), (n,T) */

static const rad_key keys[] = {
    RAD_KEY(kernel, gamma, "0.02", 1e-12, 1e12, RAD_LOG, "exp(-gamma |x - x'|^2)"),
    RAD_KEY(kernel, ridge, "0", 0, 1e12, 0, "added to the kernel matrix's diagonal"),
};

/* --- plan --- */
static rad_status declare(rad_ctx *c, const kernel *k)
{
  const rad_tensor t[] = {
      {.name = "x", .role = RAD_BUFFER, .type = RAD_F32, .shape = {2, {k->n, k->D}}},
      {.name = "square", .role = RAD_BUFFER, .type = RAD_F64, .shape = {1, {k->n}}},
      {.name = "alpha", .role = RAD_WEIGHT, .type = RAD_F64, .shape = {2, {k->n, k->T}}}};
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    rad_tensor one = t[i];
    one.size = sizeof one;
    RAD_TRY(c->host->tensor(c, &one));
  }
  return RAD_OK;
}

static rad_status plan(rad_ctx *c, void *self, const rad_facts *f)
{
  kernel *k = self;
  if (!(c->math->caps & RAD_CAP_F64))
    return rad_fail(c, RAD_EINVAL,
                    "computes in double, which this backend cannot: [backend] plugin = native");
  if (8 * doubles_before((double)f->n[RAD_TRAIN]) >= (double)(SIZE_MAX / 2))
    return rad_fail(c, RAD_EINVAL, "%llu training samples are too many to address their kernel",
                    (unsigned long long)f->n[RAD_TRAIN]);
  k->n = (size_t)f->n[RAD_TRAIN];
  k->D = rad_count(&f->sample);
  k->T = f->ntarget;
  return declare(c, k);
}

/* Cholesky takes n^3 / 3 operations, the kernels n^2 D, the solution 2 n^2 T. */
static rad_status cost(rad_ctx *c, const void *self, rad_cost *out)
{
  const kernel *k = self;
  const double n = (double)k->n, D = (double)k->D, T = (double)k->T;
  (void)c;
  out->flop = n * n * (n / 3 + D + 2 * T);
  out->bytes = 8 * (doubles_before(n) + n * T + 2 * ROWS * D);
  out->predict = 2 * n * (D + T);
  return RAD_OK;
}

static void widen(const float *x, size_t n, double *out)
{
  for (size_t i = 0; i < n; i++)
    out[i] = (double)x[i];
}

static double square(const float *x, size_t n)
{
  double s = 0;
  for (size_t i = 0; i < n; i++)
    s += (double)x[i] * (double)x[i];
  return s;
}

/* out (m,n) = sign * kernel of p (m,D) and q (n,D), whose squared lengths are ps and qs */
static rad_status kernels(rad_ctx *c, const kernel *k, size_t m, const double *p, const double *ps,
                          size_t n, const double *q, const double *qs, double sign, double *out,
                          size_t ld)
{
  RAD_TRY(product(c, false, true, (size_t[]){m, n, k->D}, p, k->D, q, k->D, 0, out, ld));
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      const double d = ps[i] + qs[j] - 2 * out[i * ld + j];
      out[i * ld + j] = sign * c->host->exp(d > 0 ? -k->gamma * d : 0);
    }
  return RAD_OK;
}

/* y (m,T) = f(x (m,D)) */
static rad_status outputs(rad_ctx *c, const kernel *k, size_t m, const float *x, double *y)
{
  const float *all = c->state[X];
  const double *squares = c->state[SQUARE], *alpha = c->state[ALPHA];
  double *p = c->host->scratch(c, (m + ROWS) * (k->D + 1) * sizeof *p),
         *g = c->host->scratch(c, m * ROWS * sizeof *g);
  if (!p || !g)
    return rad_fail(c, RAD_ENOMEM, "no memory for %zu samples", m + ROWS);
  double *q = p + m * k->D, *ps = q + ROWS * k->D;
  widen(x, m * k->D, p);
  for (size_t i = 0; i < m; i++)
    ps[i] = square(x + i * k->D, k->D);
  for (size_t j = 0; j < k->n; j += ROWS) {
    const size_t n = least(k->n - j, ROWS);
    widen(all + j * k->D, n * k->D, q);
    RAD_TRY(kernels(c, k, m, p, ps, n, q, squares + j, 1, g, n));
    RAD_TRY(product(c, false, false, (size_t[]){m, k->T, n}, g, n, alpha + j * k->T, k->T,
                    j > 0 ? 1.0f : 0.0f, y, k->T));
  }
  return RAD_OK;
}

/* -K of the block of row i, ridge and all; p, q: room for (ROWS,D) */
static rad_status fill_block(rad_ctx *c, const kernel *k, const factor *f, size_t i, double *p,
                             double *q)
{
  const float *x = c->state[X];
  const double *squares = c->state[SQUARE];
  const size_t m = least(k->n - i, ROWS);
  widen(x + i * k->D, m * k->D, p);
  for (size_t j = 0; j <= i; j += ROWS) {
    const size_t n = least(k->n - j, ROWS);
    widen(x + j * k->D, n * k->D, q);
    RAD_TRY(kernels(c, k, m, p, squares + i, n, q, squares + j, -1, row(f, i) + j, width(f, i)));
  }
  for (size_t r = i; r < i + m; r++)
    row(f, r)[r] -= k->ridge;
  return RAD_OK;
}

static double sum_of_squares(const double *v, size_t n)
{
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += v[i] * v[i];
  return sum;
}

static rad_status eliminate(rad_ctx *c, const kernel *k, const factor *f)
{
  double *p = c->host->scratch(c, 2 * ROWS * k->D * sizeof *p);
  size_t bad = 0;
  if (!p)
    return rad_fail(c, RAD_ENOMEM, "no memory for %d samples", 2 * ROWS);
  for (size_t i = 0; i < k->n; i += ROWS) {
    RAD_TRY(c->lab->pause(c));
    RAD_TRY(fill_block(c, k, f, i, p, p + ROWS * k->D));
    const rad_status s = factor_block(c, f, i, &bad);
    if (s == RAD_DONE)
      return rad_fail(c, RAD_EINVAL,
                      "the kernel matrix is singular in double: training sample %zu is equal, or "
                      "too close for gamma = %g, to others; try ridge = 1e-8",
                      bad, k->gamma);
    RAD_TRY(s);
    RAD_TRY(forward(c, f, i));
  }
  return RAD_OK;
}

/* alpha holds Y before. Its norm: |f|^2 = alpha' K alpha. */
static rad_status solve(rad_ctx *c, const kernel *k, double *alpha, double *norm)
{
  const size_t targets = k->n * k->T;
  const factor f = {
      .n = k->n,
      .T = k->T,
      .L = c->host->scratch(c, (size_t)doubles_before((double)k->n) * sizeof *f.L),
      .z = alpha,
      .minus = c->host->scratch(c, targets * sizeof *f.minus),
  };
  if (!f.L || !f.minus)
    return rad_fail(c, RAD_ENOMEM, "no memory for the kernel matrix of %zu samples", k->n);
  RAD_TRY(eliminate(c, k, &f));
  const double square = sum_of_squares(alpha, targets); /* of L'alpha */
  for (size_t i = (k->n + ROWS - 1) / ROWS * ROWS; i > 0; i -= ROWS)
    RAD_TRY(backward(c, &f, i - ROWS));
  *norm = sqrt(square - k->ridge * sum_of_squares(alpha, targets));
  return RAD_OK;
}

/* --- fit --- */
static rad_status gather(rad_ctx *c, const kernel *k, rad_source *train)
{
  float *x = c->state[X];
  double *squares = c->state[SQUARE], *y = c->state[ALPHA];
  const size_t most = c->lab->most;
  for (size_t i = 0; i < k->n; i += most) {
    rad_batch *b;
    RAD_TRY(c->lab->fetch(c, train, NULL, i, least(k->n - i, most), &b));
    memcpy(x + i * k->D, b->x, b->n * k->D * sizeof *x);
    widen(b->target, b->n * k->T, y + i * k->T);
    for (size_t r = 0; r < b->n; r++) {
      squares[i + r] = square(b->x + r * k->D, k->D);
      if (b->label && b->label[r] < 0)
        return rad_fail(c, RAD_EINVAL, "training sample %zu has no label", i + r);
    }
    c->lab->drop(c);
  }
  return RAD_OK;
}

/* How far from its targets the solution is, at most, at the first samples. */
static rad_status residual(rad_ctx *c, const kernel *k, rad_source *train, double *worst)
{
  const double *alpha = c->state[ALPHA];
  const size_t m = least(k->n, c->lab->most);
  rad_batch *b;
  double *y = c->host->scratch(c, m * k->T * sizeof *y);
  if (!y)
    return rad_fail(c, RAD_ENOMEM, "no memory for %zu samples", m);
  RAD_TRY(c->lab->fetch(c, train, NULL, 0, m, &b));
  RAD_TRY(outputs(c, k, m, b->x, y));
  *worst = 0;
  for (size_t q = 0; q < m * k->T; q++)
    *worst = fmax(*worst, fabs(y[q] + k->ridge * alpha[q] - (double)b->target[q]));
  return RAD_OK;
}

static rad_status fit(rad_ctx *c, const void *self, rad_model *m, rad_source *train)
{
  const kernel *k = self;
  double norm = 0, worst = 0;
  (void)m;
  RAD_TRY(gather(c, k, train));
  RAD_TRY(solve(c, k, c->state[ALPHA], &norm));
  RAD_TRY(residual(c, k, train, &worst));
  RAD_TRY(c->lab->metric(c, "norm", norm));
  return c->lab->metric(c, "residual", worst);
}

static rad_status predict(rad_ctx *c, const void *self, const rad_batch *b)
{
  const kernel *k = self;
  double *y = c->host->scratch(c, b->n * k->T * sizeof *y);
  if (!y)
    return rad_fail(c, RAD_ENOMEM, "no memory for %zu samples", b->n);
  RAD_TRY(outputs(c, k, b->n, b->x, y));
  for (size_t q = 0; q < b->n * k->T; q++)
    b->y[q] = (float)y[q];
  return RAD_OK;
}

static const rad_fit_ops ops = {
    .size = sizeof ops, .plan = plan, .fit = fit, .predict = predict, .cost = cost};
static const rad_plugin kernel_plugin = {RAD_PLUGIN(RAD_FIT, "kernel", kernel, &ops),
                                         RAD_KEYS(keys),
                                         .needs = 1,
                                         RAD_METRICS("norm", "residual"),
                                         .summary = "interpolation by a Gaussian kernel",
                                         .reference = "Zhang et al. 2017, arXiv 1611.03530"};
RAD_EXPORT(&kernel_plugin)
