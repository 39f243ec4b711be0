/* SPDX-License-Identifier: BSD-3-Clause
 * cholesky.h - A = L L' of a positive definite matrix that fills half of the memory, in double, by
 * the products of a backend with RAD_CAP_F64. Of each block of ROWS rows of L only the columns up
 * to its last row are stored, about 4 n^2 bytes in all. Its caller fills in a block of A, which
 *   L(i,j) = (A(i,j) - L(i,:j) L(j,:j)') / L(j,j)'
 * then replaces, COLS columns at a time: nearly all of it is products. As a product can only be
 * added, it is -A that is filled in. */
#ifndef PLUGINS_FIT_CHOLESKY_H
#define PLUGINS_FIT_CHOLESKY_H
#include <math.h>
#include <rademacher/backend.h>

enum { ROWS = 256, COLS = 64 };

typedef struct factor {
  size_t n, T;       /* rows of A; right-hand sides */
  double *L;         /* (doubles_before(n)) */
  double *z, *minus; /* (n,T) right-hand sides, which become the solution; -z */
} factor;

static size_t least(size_t a, size_t b)
{
  return a < b ? a : b;
}

/* --- the rows of L --- */

/* Doubles before row r, or all of them for r = n; as a double, for any n. */
static double doubles_before(double r)
{
  const double blocks = floor(r / ROWS), rest = r - blocks * ROWS;
  return ROWS * ROWS * blocks * (blocks + 1) / 2 + rest * r;
}

static size_t width(const factor *k, size_t r) /* of the block of row r */
{
  return least(r / ROWS * ROWS + ROWS, k->n);
}

static double *row(const factor *k, size_t r)
{
  const size_t b = r / ROWS;
  return k->L + b * (b + 1) / 2 * ROWS * ROWS + r % ROWS * width(k, r);
}

static rad_status product(rad_ctx *c, bool ta, bool tb, const size_t side[3], const double *a,
                          size_t lda, const double *b, size_t ldb, float beta, double *out,
                          size_t ldc)
{
  return c->math->gemm(c, RAD_NEW(rad_gemm, .ta = ta, .tb = tb, .m = side[0], .n = side[1],
                                  .k = side[2], .a = a, .lda = lda, .b = b, .ldb = ldb, .c = out,
                                  .ldc = ldc, .beta = beta, .a_type = RAD_F64, .b_type = RAD_F64,
                                  .c_type = RAD_F64));
}

/* --- factors --- */

/* The n x n on the diagonal from row j on, alone. The row at which A is not positive definite, or
 * SIZE_MAX. */
static size_t factor_diagonal(const factor *k, size_t j, size_t n)
{
  for (size_t r = 0; r < n; r++) {
    double *a = row(k, j + r) + j;
    for (size_t s = 0; s <= r; s++) {
      const double *b = row(k, j + s) + j;
      double v = -a[s];
      for (size_t q = 0; q < s; q++)
        v -= a[q] * b[q];
      if (r == s && !(v > 1e-13))
        return j + r;
      a[s] = r == s ? sqrt(v) : v / b[s];
    }
  }
  return SIZE_MAX;
}

/* Rows lo .. hi-1 at columns j .. j+n-1: v = -v / L(j,j)' */
static void solve_rows(const factor *k, size_t lo, size_t hi, size_t j, size_t n)
{
  double t[COLS * COLS]; /* L(j,j)', so that what is subtracted lies side by side */
  for (size_t r = 0; r < n; r++)
    for (size_t s = 0; s <= r; s++)
      t[s * COLS + r] = row(k, j + r)[j + s];
  for (size_t r = lo; r < hi; r++) {
    double *restrict v = row(k, r) + j;
    for (size_t s = 0; s < n; s++)
      v[s] = -v[s];
    for (size_t s = 0; s < n; s++) {
      const double x = v[s] /= t[s * COLS + s];
      for (size_t q = s + 1; q < n; q++)
        v[q] -= x * t[s * COLS + q];
    }
  }
}

/* RAD_DONE: A is not positive definite at row *bad. */
static rad_status factor_block(rad_ctx *c, const factor *k, size_t i, size_t *bad)
{
  const size_t end = least(i + ROWS, k->n);
  for (size_t j = 0; j < end; j += COLS) {
    const size_t n = least(end - j, COLS), lo = j < i ? i : j;
    RAD_TRY(product(c, false, true, (size_t[]){end - lo, n, j}, row(k, lo), width(k, lo), row(k, j),
                    width(k, j), 1, row(k, lo) + j, width(k, lo)));
    if (j >= i && (*bad = factor_diagonal(k, j, n)) != SIZE_MAX)
      return RAD_DONE;
    solve_rows(k, j < i ? i : j + n, end, j, n);
  }
  return RAD_OK;
}

/* --- solution: z becomes L^-1 z block by block from the first, then L'^-1 of that, from the last
 * --- */
static void negate(const factor *k, size_t lo, size_t hi)
{
  for (size_t q = lo * k->T; q < hi * k->T; q++)
    k->minus[q] = -k->z[q];
}

static rad_status forward(rad_ctx *c, const factor *k, size_t i)
{
  const size_t end = least(i + ROWS, k->n), T = k->T;
  double *z = k->z, *minus = k->minus;
  RAD_TRY(product(c, false, false, (size_t[]){end - i, T, i}, row(k, i), width(k, i), minus, T, 1,
                  z + i * T, T));
  for (size_t r = i; r < end; r++) {
    const double *l = row(k, r);
    for (size_t s = i; s < r; s++)
      for (size_t t = 0; t < T; t++)
        z[r * T + t] -= l[s] * z[s * T + t];
    for (size_t t = 0; t < T; t++)
      z[r * T + t] /= l[r];
  }
  negate(k, i, end);
  return RAD_OK;
}

static rad_status backward(rad_ctx *c, const factor *k, size_t i)
{
  const size_t end = least(i + ROWS, k->n), T = k->T;
  double *z = k->z, *minus = k->minus;
  for (size_t r = end; r-- > i;) {
    const double *l = row(k, r);
    for (size_t t = 0; t < T; t++)
      z[r * T + t] /= l[r];
    for (size_t s = i; s < r; s++)
      for (size_t t = 0; t < T; t++)
        z[s * T + t] -= l[s] * z[r * T + t];
  }
  negate(k, i, end);
  return product(c, true, false, (size_t[]){i, T, end - i}, row(k, i), width(k, i), minus + i * T,
                 T, 1, z, T);
}

#endif
