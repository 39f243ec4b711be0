/* SPDX-License-Identifier: BSD-3-Clause
 * conformance_sparse.c - sparse products on patterns of many sizes, with empty rows and columns:
 * against `reference`, and the same bits however the samples or the rows of the weight are cut. */
#include "conformance.h"
#include <math.h>
#include <string.h>

enum { GAP = 5 }; /* floats behind a result that nobody may touch */

typedef struct sparse { /* W (U,D) by pattern, a batch of n */
  math_rig *r;
  rad_ctx *plain; /* of `reference` */
  rad_math reference;
  rad_pattern p;
  size_t n;
  const float *value, *x, *dy, *bias;
} sparse;

/* Each place with the given chance, row 1 and column 2 left empty. */
static void take_pattern(sparse *t, size_t U, size_t D, double density)
{
  float *dice = numbers(&t->r->b, 11, U * D, 0.0f);
  for (size_t u = 0; u < U; u++)
    for (size_t d = 0; d < D; d++)
      if (u == 1 || d == 2 || erf(fabs((double)dice[u * D + d]) * sqrt(0.5)) >= density)
        dice[u * D + d] = 0.0f;
  t->p = *pattern_of(&t->r->b, dice, U, D);
}

static void sparse_open(sparse *t, math_rig *r, size_t n, size_t U, size_t D, double density)
{
  bench *b = &r->b;
  *t = (sparse){.r = r, .n = n};
  t->plain = &bench_backend(b, named_plugin(RAD_BACKEND, "reference"), "", &t->reference)->ctx;
  take_pattern(t, U, D, density);
  t->value = numbers(b, 1, t->p.nnz, 0.0f);
  t->x = numbers(b, 2, n * D, 0.0f);
  t->dy = numbers(b, 3, n * U, 0.0f);
  t->bias = numbers(b, 4, U, 0.0f);
}

/* Y = f(X W' + b) or dX = dY W of samples lo .. hi-1 */
static void rows(const sparse *t, bool own, bool back, uint32_t act, size_t lo, size_t hi,
                 float *out)
{
  rad_ctx *c = own ? &t->r->i->ctx : t->plain;
  const rad_math *m = own ? &t->r->math : &t->reference;
  rad_sparse g = {
      .size = sizeof g, .pattern = &t->p, .value = t->value, .n = hi - lo, .act_alpha = 0.31f};
  if (back) {
    g.dy = t->dy + lo * t->p.rows, g.dx = out + lo * t->p.cols;
    ck_assert_int_eq(m->sparse_input(c, &g), RAD_OK);
  } else {
    g.x = t->x + lo * t->p.cols, g.y = out + lo * t->p.rows, g.act = act;
    g.bias = act == RAD_ACT_TANH ? NULL : t->bias;
    ck_assert_int_eq(m->sparse(c, &g), RAD_OK);
  }
}

static void check_rows(const sparse *t, bool back, uint32_t act)
{
  const size_t n = t->n * (back ? t->p.cols : t->p.rows) + GAP;
  float *y = numbers(&t->r->b, 5, n, 0.0f), *expect = numbers(&t->r->b, 5, n, 0.0f),
        *cut = numbers(&t->r->b, 5, n, 0.0f);
  for (size_t i = 0; i < n - GAP; i++)
    y[i] = cut[i] = NAN; /* is not read */
  rows(t, true, back, act, 0, t->n, y);
  rows(t, false, back, act, 0, t->n, expect);
  ck_assert_msg(distance(y, expect, n) < 1e-4, "%zu samples, %zu x %zu, back %d, act %u: %g", t->n,
                t->p.rows, t->p.cols, back, act, distance(y, expect, n));
  if (!(t->r->math.caps & RAD_CAP_ROWS))
    return;
  for (size_t lo = 0, piece = 1, hi; lo < t->n; lo = hi, piece = piece * 5 % 73) {
    hi = lo + piece < t->n ? lo + piece : t->n;
    rows(t, true, back, act, lo, hi, cut);
  }
  ck_assert_msg(same_bits(y, cut, n * sizeof *y),
                "%zu samples, %zu x %zu, back %d: bits by the cut", t->n, t->p.rows, t->p.cols,
                back);
}

static void slice(const sparse *t, bool own, float keep, size_t lo, size_t hi, float *grad)
{
  const rad_sparse g = {.size = sizeof g,
                        .pattern = &t->p,
                        .n = t->n,
                        .x = t->x,
                        .dy = t->dy,
                        .grad = grad,
                        .keep = keep,
                        .lo = lo,
                        .hi = hi};
  ck_assert_int_eq(
      (own ? t->r->math : t->reference).sparse_weight(own ? &t->r->i->ctx : t->plain, &g), RAD_OK);
}

/* dW = keep dW + dY' X at the nonzeros, at once and by slices from the last to the first */
static void check_gradient(const sparse *t, float keep)
{
  const size_t n = t->p.nnz + GAP;
  float *got = numbers(&t->r->b, 6, n, 0.0f), *expect = numbers(&t->r->b, 6, n, 0.0f),
        *cut = numbers(&t->r->b, 6, n, 0.0f);
  for (size_t k = 0; keep == 0.0f && k < t->p.nnz; k++)
    got[k] = cut[k] = expect[k] = NAN; /* is not read */
  slice(t, true, keep, 0, t->p.rows, got);
  slice(t, false, keep, 0, t->p.rows, expect);
  ck_assert_msg(distance(got, expect, n) < 1e-4, "gradient, %zu samples, %zu x %zu, keep %g: %g",
                t->n, t->p.rows, t->p.cols, (double)keep, distance(got, expect, n));
  for (size_t hi = t->p.rows, piece = 1, lo; hi > 0; hi = lo, piece = piece * 2 % 19) {
    lo = hi > piece ? hi - piece : 0;
    slice(t, true, keep, lo, hi, cut);
  }
  ck_assert_msg(same_bits(got, cut, n * sizeof *got), "%zu samples, %zu x %zu: bits by the slice",
                t->n, t->p.rows, t->p.cols);
}

/* dX and dW by one call: the bits that two give */
static void check_both(const sparse *t, float keep)
{
  const size_t n = t->n * t->p.cols + GAP, k = t->p.nnz + GAP;
  float *dx = numbers(&t->r->b, 5, n, 0.0f), *dx_too = numbers(&t->r->b, 5, n, 0.0f),
        *grad = numbers(&t->r->b, 6, k, 0.0f), *grad_too = numbers(&t->r->b, 6, k, 0.0f);
  for (size_t i = 0; i < n - GAP; i++)
    dx_too[i] = NAN; /* is not read */
  for (size_t i = 0; keep == 0.0f && i < t->p.nnz; i++)
    grad_too[i] = NAN;
  rows(t, true, true, RAD_ACT_NONE, 0, t->n, dx);
  slice(t, true, keep, 0, t->p.rows, grad);
  const rad_sparse g = {.size = sizeof g,
                        .pattern = &t->p,
                        .value = t->value,
                        .n = t->n,
                        .x = t->x,
                        .dy = t->dy,
                        .dx = dx_too,
                        .grad = grad_too,
                        .keep = keep,
                        .hi = t->p.rows};
  ck_assert_int_eq(t->r->math.sparse_both(&t->r->i->ctx, &g), RAD_OK);
  ck_assert_msg(same_bits(dx, dx_too, n * sizeof *dx) &&
                    same_bits(grad, grad_too, k * sizeof *grad),
                "%zu samples, %zu x %zu, keep %g: bits of both at once", t->n, t->p.rows, t->p.cols,
                (double)keep);
}

static void check(int way, size_t n, size_t U, size_t D, double density)
{
  math_rig r;
  sparse t;
  if (!math_open(&r, way))
    return;
  sparse_open(&t, &r, n, U, D, density);
  for (uint32_t act = RAD_ACT_NONE; act <= RAD_ACT_SIGMOID; act++)
    check_rows(&t, false, act);
  check_rows(&t, true, RAD_ACT_NONE);
  check_gradient(&t, 0.0f);
  check_gradient(&t, 1.0f);
  check_gradient(&t, 0.9f);
  check_both(&t, 0.0f);
  check_both(&t, 0.9f);
  bench_close(&r.b);
}

START_TEST(test_patterns)
{
  static const size_t shapes[][2] = {{1, 1}, {3, 5}, {17, 33}, {64, 16}, {150, 41}, {37, 300}};
  static const size_t batches[] = {0, 1, 31, 64, 129, 421};
  static const double densities[] = {0.03, 0.21, 1.1};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    for (size_t k = 0; k < sizeof batches / sizeof *batches; k++)
      for (size_t d = 0; d < sizeof densities / sizeof *densities; d++)
        check(_i, batches[k], shapes[s][0], shapes[s][1], densities[d]);
}
END_TEST

START_TEST(test_batches)
{
  for (size_t n = 1; n <= 200; n += n < 36 ? 1 : 9)
    check(_i, n, 11, 19, 0.37);
}
END_TEST

TCase *sparse_cases(void)
{
  TCase *t = tcase_create("sparse");
  const int n = (int)backend_ways();
  tcase_set_timeout(t, 120);
  tcase_add_loop_test(t, test_patterns, 0, n);
  tcase_add_loop_test(t, test_batches, 0, n);
  return t;
}
