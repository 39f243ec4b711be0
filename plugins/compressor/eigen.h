/* SPDX-License-Identifier: BSD-3-Clause
 * eigen.h - eigenvalues and vectors of a symmetric matrix: to three diagonals by reflections, then
 * to one by rotations with Wilkinson's shift. Golub and Van Loan 2013, Matrix Computations, 8.3. */
#ifndef PLUGINS_COMPRESSOR_EIGEN_H
#define PLUGINS_COMPRESSOR_EIGEN_H
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Q = Q (1 - 2 v v'), of which row i of q is column i: columns from `first` on; v (n). */
static inline void eigen_reflect(double *q, size_t n, size_t first, const double *v, double *sum)
{
  memset(sum, 0, n * sizeof *sum);
  for (size_t i = first; i < n; i++)
    for (size_t j = 0; j < n; j++)
      sum[j] += v[i] * q[i * n + j];
  for (size_t i = first; i < n; i++)
    for (size_t j = 0; j < n; j++)
      q[i * n + j] -= 2 * v[i] * sum[j];
}

/* a = (1 - 2 v v') a (1 - 2 v v') on rows and columns from `first` on. */
static inline void eigen_both(double *a, size_t n, size_t first, const double *v, double *w)
{
  double dot = 0;
  for (size_t i = first; i < n; i++) {
    w[i] = 0;
    for (size_t j = first; j < n; j++)
      w[i] += a[i * n + j] * v[j];
    dot += v[i] * w[i];
  }
  for (size_t i = first; i < n; i++)
    w[i] -= dot * v[i];
  for (size_t i = first; i < n; i++)
    for (size_t j = first; j < n; j++)
      a[i * n + j] -= 2 * (v[i] * w[j] + w[i] * v[j]);
}

/* a (n,n) to its diagonal d (n) and the one beside it e (n-1); q (n,n): row i the vector that it is
 * in; work (2n). a is used up. */
static inline void eigen_reduce(double *a, size_t n, double *d, double *e, double *q, double *work)
{
  double *v = work, *w = work + n;
  memset(q, 0, n * n * sizeof *q);
  for (size_t i = 0; i < n; i++)
    q[i * n + i] = 1;
  for (size_t k = 0; k + 1 < n; k++) {
    double norm = 0, length = 0;
    for (size_t i = k + 1; i < n; i++)
      norm += a[i * n + k] * a[i * n + k];
    norm = a[(k + 1) * n + k] > 0 ? -sqrt(norm) : sqrt(norm);
    memset(v, 0, n * sizeof *v);
    for (size_t i = k + 1; i < n; i++)
      v[i] = a[i * n + k] - (i == k + 1 ? norm : 0);
    for (size_t i = k + 1; i < n; i++)
      length += v[i] * v[i];
    d[k] = a[k * n + k];
    e[k] = norm;
    if (length == 0) /* there is nothing to reflect */
      continue;
    for (size_t i = k + 1; i < n; i++)
      v[i] /= sqrt(length);
    eigen_both(a, n, k + 1, v, w);
    eigen_reflect(q, n, k + 1, v, w);
  }
  d[n - 1] = a[n * n - 1];
}

/* One step over the block first .. last, none of whose e is 0. */
static inline void eigen_step(double *d, double *e, size_t first, size_t last, double *q, size_t n)
{
  const double t = (d[last - 1] - d[last]) / 2, b = e[last - 1];
  const double root = sqrt(t * t + b * b);
  double x = d[first] - (d[last] - b * b / (t + (t < 0 ? -root : root))), z = e[first];
  for (size_t k = first; k < last; k++) {
    const double r = sqrt(x * x + z * z), c = r > 0 ? x / r : 1, s = r > 0 ? z / r : 0;
    const double d1 = d[k], d2 = d[k + 1], m = e[k];
    if (k > first)
      e[k - 1] = r;
    d[k] = c * c * d1 + 2 * c * s * m + s * s * d2;
    d[k + 1] = s * s * d1 - 2 * c * s * m + c * c * d2;
    e[k] = c * s * (d2 - d1) + (c * c - s * s) * m;
    if (k + 1 < last) {
      x = e[k];
      z = s * e[k + 1];
      e[k + 1] *= c;
    }
    double *p = q + k * n, *o = p + n;
    for (size_t i = 0; i < n; i++) {
      const double u = p[i], v = o[i];
      p[i] = c * u + s * v;
      o[i] = c * v - s * u;
    }
  }
}

/* Eigenvalues of a symmetric a (n,n) into d (n), in no order, their vectors into the rows of q
 * (n,n); work (3n). a is used up. false: they have not been found. */
static inline bool eigen_find(double *a, size_t n, double *d, double *q, double *work)
{
  double *e = work;
  eigen_reduce(a, n, d, e, q, work + n);
  size_t last = n - 1;
  for (size_t steps = 0; last > 0; steps++) {
    for (size_t i = 0; i < last; i++)
      if (fabs(e[i]) <= DBL_EPSILON * (fabs(d[i]) + fabs(d[i + 1])) || fabs(e[i]) < DBL_MIN)
        e[i] = 0;
    while (last > 0 && e[last - 1] == 0)
      last--;
    size_t first = last;
    while (first > 0 && e[first - 1] != 0)
      first--;
    if (steps > 60 * n)
      return false;
    if (first < last)
      eigen_step(d, e, first, last, q, n);
  }
  return true;
}
#endif
