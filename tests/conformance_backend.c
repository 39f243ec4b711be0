/* SPDX-License-Identifier: BSD-3-Clause
 * conformance_backend.c - every product, activation and convolution of every backend against plain
 * formulas on irregular shapes. */
#include "conformance.h"
#include <float.h>
#include <math.h>
#include <string.h>

static double act_of(uint32_t act, double alpha, double x)
{
  switch (act) {
  case RAD_ACT_RELU:
    return x < 0 ? 0 : x;
  case RAD_ACT_LEAKY:
    return x < 0 ? alpha * x : x;
  case RAD_ACT_ELU:
    return x > 0 ? x : alpha * expm1(x);
  case RAD_ACT_TANH:
    return tanh(x);
  case RAD_ACT_SIGMOID:
    return 1 / (1 + exp(-x));
  }
  return x;
}

/* --- products --- */
static const size_t sides[][3] = {{1, 1, 1},  {7, 5, 3}, {3, 10, 129}, {33, 17, 64},
                                  {0, 4, 3},  {4, 0, 3}, {4, 3, 0},    {1, 37, 19},
                                  {64, 1, 5}, {5, 33, 1}}; /* m, n, k */

/* C, its bias and its padding: `gap` floats behind each row that nobody may touch. */
static void check_gemm(math_rig *r, const size_t side[3], unsigned flags, uint32_t act)
{
  const size_t m = side[0], n = side[1], k = side[2], gap = flags & 8 ? 3 : 0;
  const bool ta = flags & 1, tb = flags & 2;
  const size_t lda = (ta ? m : k) + gap, ldb = (tb ? k : n) + gap, ldc = n + gap;
  const float beta = flags & 4 ? 0.37f : 0.0f;
  const float *a = numbers(&r->b, 1, (ta ? k : m) * lda, 0.0f),
              *b = numbers(&r->b, 2, (tb ? n : k) * ldb, 0.0f),
              *bias = flags & 16 ? numbers(&r->b, 3, n, 0.0f) : NULL;
  float *c = numbers(&r->b, 4, m * ldc, 0.0f), *expect = numbers(&r->b, 4, m * ldc, 0.0f);
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      double s = (double)beta * (double)expect[i * ldc + j] + (bias ? (double)bias[j] : 0);
      for (size_t q = 0; q < k; q++)
        s += (double)a[ta ? q * lda + i : i * lda + q] * (double)b[tb ? j * ldb + q : q * ldb + j];
      expect[i * ldc + j] = (float)act_of(act, (double)0.31f, s);
      c[i * ldc + j] = beta == 0.0f ? NAN : c[i * ldc + j]; /* is not read */
    }
  const rad_status s =
      r->math.gemm(&r->i->ctx, RAD_NEW(rad_gemm, .ta = ta, .tb = tb, .m = m, .n = n, .k = k,
                                       .lda = lda, .ldb = ldb, .ldc = ldc, .a = a, .b = b, .c = c,
                                       .beta = beta, .bias = bias, .act = act, .act_alpha = 0.31f));
  ck_assert_msg(s == RAD_OK, "%s", text_str(&r->b.diag.messages));
  ck_assert_msg(distance(c, expect, m * ldc) < 1e-5, "%zu x %zu x %zu, flags %u, act %u: %g", m, n,
                k, flags, act, distance(c, expect, m * ldc));
}

START_TEST(test_gemm)
{
  for (size_t s = 0; s < sizeof sides / sizeof *sides; s++)
    for (unsigned flags = 0; flags < 32; flags++) {
      math_rig r;
      if (!math_open(&r, _i))
        return;
      for (uint32_t act = RAD_ACT_NONE; act <= RAD_ACT_SIGMOID; act++)
        check_gemm(&r, sides[s], flags, act);
      bench_close(&r.b);
    }
}
END_TEST

/* bf16 operands and results, where the backend says that it takes them */
static uint16_t to_bf16(float f)
{
  uint32_t bits;
  memcpy(&bits, &f, sizeof bits);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
static float from_bf16(uint16_t h)
{
  const uint32_t bits = (uint32_t)h << 16;
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

START_TEST(test_bf16)
{
  enum { M = 5, K = 7, W = 3 };
  math_rig r;
  if (!math_open(&r, _i))
    return;
  if (r.math.caps & RAD_CAP_BF16) {
    uint16_t a[M * K], c[M * W];
    const float *x = numbers(&r.b, 1, M * K, 0.0f), *b = numbers(&r.b, 2, K * W, 0.0f);
    for (size_t i = 0; i < M * K; i++)
      a[i] = to_bf16(x[i]);
    ck_assert_int_eq(r.math.gemm(&r.i->ctx, RAD_NEW(rad_gemm, .m = M, .n = W, .k = K, .lda = K,
                                                    .ldb = W, .ldc = W, .a = a, .b = b, .c = c,
                                                    .a_type = RAD_BF16, .c_type = RAD_BF16)),
                     RAD_OK);
    for (size_t i = 0; i < M; i++)
      for (size_t j = 0; j < W; j++) {
        double s = 0;
        for (size_t k = 0; k < K; k++)
          s += (double)from_bf16(a[i * K + k]) * (double)b[k * W + j];
        ck_assert(fabs((double)from_bf16(c[i * W + j]) - s) <= fabs(s) / 256 + 1e-6);
      }
  }
  bench_close(&r.b);
}
END_TEST

/* doubles, where the backend says that it takes them; a row's bits depend on the row alone */
static void check_gemm64(math_rig *r, const size_t side[3], unsigned flags)
{
  const size_t m = side[0], n = side[1], k = side[2], gap = flags & 8 ? 3 : 0;
  const bool ta = flags & 1, tb = flags & 2;
  const size_t lda = (ta ? m : k) + gap, ldb = (tb ? k : n) + gap, ldc = n + gap;
  const size_t size[] = {(ta ? k : m) * lda, (tb ? n : k) * ldb, m * ldc};
  double *v[3], worst = 0, *one = room(&r->b, ldc + 1, sizeof *one);
  for (uint32_t q = 0; q < 3; q++) {
    const float *x = numbers(&r->b, q, size[q], 0.0f), *y = numbers(&r->b, q + 3, size[q], 0.0f);
    v[q] = room(&r->b, size[q], sizeof *v[q]);
    for (size_t i = 0; i < size[q]; i++) /* more digits than a float has */
      v[q][i] = (double)x[i] + 1e-9 * (double)y[i];
  }
  double *expect = room(&r->b, size[2], sizeof *expect);
  for (size_t i = 0; i < size[2]; i++)
    expect[i] = v[2][i];
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      expect[i * ldc + j] *= flags & 4 ? (double)0.37f : 0;
      for (size_t q = 0; q < k; q++)
        expect[i * ldc + j] +=
            v[0][ta ? q * lda + i : i * lda + q] * v[1][tb ? j * ldb + q : q * ldb + j];
      v[2][i * ldc + j] = flags & 4 ? v[2][i * ldc + j] : NAN; /* is not read */
    }
  for (size_t j = 0; m > 0 && j < ldc; j++)
    one[j] = v[2][(m - 1) * ldc + j];
  rad_gemm g = {.size = sizeof g,
                .ta = ta,
                .tb = tb,
                .m = m,
                .n = n,
                .k = k,
                .lda = lda,
                .ldb = ldb,
                .ldc = ldc,
                .a = v[0],
                .b = v[1],
                .c = v[2],
                .beta = flags & 4 ? 0.37f : 0.0f,
                .a_type = RAD_F64,
                .b_type = RAD_F64,
                .c_type = RAD_F64};
  ck_assert_msg(r->math.gemm(&r->i->ctx, &g) == RAD_OK, "%s", text_str(&r->b.diag.messages));
  for (size_t i = 0; i < size[2]; i++)
    worst = isnan(v[2][i]) ? INFINITY : fmax(worst, fabs(v[2][i] - expect[i]));
  ck_assert_msg(worst < 1e-12, "%zu x %zu x %zu, flags %u: %g", m, n, k, flags, worst);
  if (m == 0 || !(r->math.caps & RAD_CAP_ROWS))
    return;
  g.m = 1, g.c = one, g.a = v[0] + (ta ? m - 1 : (m - 1) * lda);
  r->math.gemm(&r->i->ctx, &g);
  ck_assert(same_bits(one, v[2] + (m - 1) * ldc, n * sizeof *one));
}

START_TEST(test_gemm64)
{
  static const size_t large[] = {45, 21, 530};
  for (size_t s = 0; s <= sizeof sides / sizeof *sides; s++)
    for (unsigned flags = 0; flags < 16; flags++) {
      math_rig r;
      if (!math_open(&r, _i))
        return;
      if (r.math.caps & RAD_CAP_F64)
        check_gemm64(&r, s < sizeof sides / sizeof *sides ? sides[s] : large, flags);
      bench_close(&r.b);
    }
}
END_TEST

/* --- activations --- */
START_TEST(test_act)
{
  enum { MANY = 1013 };
  math_rig r;
  if (!math_open(&r, _i))
    return;
  float *x = numbers(&r.b, 6, MANY, 0.0f), *y = room(&r.b, MANY, sizeof *y), one;
  for (size_t i = 0; i < MANY; i++)
    x[i] *= i % 3 == 0 ? 20.0f : i % 3 == 1 ? 1.0f : 1e-3f;
  x[5] = 0.0f, x[6] = -200.0f, x[7] = 200.0f, x[8] = -1e30f, x[9] = 1e30f;
  for (uint32_t act = RAD_ACT_NONE; act <= RAD_ACT_SIGMOID; act++) {
    ck_assert_int_eq(r.math.act(&r.i->ctx, act, 0.31f, MANY, x, y), RAD_OK);
    for (size_t i = 0; i < MANY; i++) {
      const double t = act_of(act, (double)0.31f, (double)x[i]);
      const double ulp = fmax(fabs(t) * (double)FLT_EPSILON, 1e-37);
      ck_assert_msg(fabs((double)y[i] - t) <= 3 * ulp, "act %u of %g is %.9g, not %.9g", act,
                    (double)x[i], (double)y[i], t);
      r.math.act(&r.i->ctx, act, 0.31f, 1, x + i, &one);
      ck_assert_msg(same_bits(&one, &y[i], sizeof one), "act %u: bits depend on the place", act);
    }
    float *in_place = room(&r.b, MANY, sizeof *in_place);
    memcpy(in_place, x, MANY * sizeof *x);
    r.math.act(&r.i->ctx, act, 0.31f, MANY, in_place, in_place);
    ck_assert_msg(same_bits(in_place, y, MANY * sizeof *y), "act %u in place", act);
    const float nan = NAN;
    r.math.act(&r.i->ctx, act, 0.31f, 1, &nan, &one);
    ck_assert_msg(isnan(one), "act %u hides a NaN", act);
  }
  bench_close(&r.b);
}
END_TEST

/* slopes from results, against the derivative of the formula */
START_TEST(test_act_back)
{
  enum { MANY = 1013 };
  math_rig r;
  if (!math_open(&r, _i))
    return;
  float *x = numbers(&r.b, 6, MANY, 0.01f), *y = room(&r.b, MANY, sizeof *y),
        *dy = numbers(&r.b, 7, MANY, 0.0f), *dx = room(&r.b, MANY, sizeof *dx), one;
  for (uint32_t act = RAD_ACT_NONE; act <= RAD_ACT_SIGMOID; act++) {
    ck_assert_int_eq(r.math.act(&r.i->ctx, act, 0.31f, MANY, x, y), RAD_OK);
    ck_assert_int_eq(r.math.act_back(&r.i->ctx, act, 0.31f, MANY, y, dy, dx), RAD_OK);
    for (size_t i = 0; i < MANY; i++) {
      const double h = 1e-4, v = (double)x[i], a = (double)0.31f;
      const double slope = (act_of(act, a, v + h) - act_of(act, a, v - h)) / (2 * h);
      ck_assert_msg(fabs((double)dx[i] - slope * (double)dy[i]) < 1e-5, "slope of act %u at %g",
                    act, v);
      r.math.act_back(&r.i->ctx, act, 0.31f, 1, y + i, dy + i, &one);
      ck_assert_msg(same_bits(&one, &dx[i], sizeof one), "act %u: bits depend on the place", act);
    }
    r.math.act_back(&r.i->ctx, act, 0.31f, MANY, y, dy, dy);
    ck_assert_msg(same_bits(dx, dy, MANY * sizeof *dx), "slope of act %u in place", act);
  }
  bench_close(&r.b);
}
END_TEST

START_TEST(test_identity)
{
  math_rig r;
  if (!math_open(&r, _i))
    return;
  ck_assert_msg(r.math.identity != NULL, "has no identity");
  const char *id = r.math.identity(&r.i->ctx);
  ck_assert_msg(id && strlen(id) > 3, "says nothing of itself");
  bench_close(&r.b);
}
END_TEST

/* --- convolutions: forward against the formula, the other two as its adjoints --- */
static const rad_conv convs[] = {{.n = 2,
                                  .h = 5,
                                  .w = 4,
                                  .c = 3,
                                  .o = 2,
                                  .oh = 3,
                                  .ow = 2,
                                  .kh = 3,
                                  .kw = 3,
                                  .sh = 1,
                                  .sw = 1,
                                  .dh = 1,
                                  .dw = 1,
                                  .groups = 1},
                                 {.n = 3,
                                  .h = 7,
                                  .w = 6,
                                  .c = 4,
                                  .o = 6,
                                  .oh = 4,
                                  .ow = 2,
                                  .kh = 3,
                                  .kw = 2,
                                  .sh = 2,
                                  .sw = 3,
                                  .ph = 1,
                                  .pw = 0,
                                  .dh = 1,
                                  .dw = 2,
                                  .groups = 2},
                                 {.n = 1,
                                  .h = 4,
                                  .w = 4,
                                  .c = 2,
                                  .o = 2,
                                  .oh = 6,
                                  .ow = 5,
                                  .kh = 1,
                                  .kw = 2,
                                  .sh = 1,
                                  .sw = 1,
                                  .ph = 1,
                                  .pw = 1,
                                  .dh = 1,
                                  .dw = 1,
                                  .groups = 2}};

static double conv_at(const rad_conv *g, const float *x, const float *w, size_t i, size_t oh,
                      size_t ow, size_t o)
{
  const size_t cg = g->c / g->groups, first = o / (g->o / g->groups) * cg;
  double s = (double)g->bias[o];
  for (size_t a = 0; a < g->kh; a++)
    for (size_t b = 0; b < g->kw; b++) {
      const long h = (long)(oh * g->sh + a * g->dh) - (long)g->ph;
      const long v = (long)(ow * g->sw + b * g->dw) - (long)g->pw;
      for (size_t k = 0; h >= 0 && v >= 0 && h < (long)g->h && v < (long)g->w && k < cg; k++)
        s += (double)x[((i * g->h + (size_t)h) * g->w + (size_t)v) * g->c + first + k] *
             (double)w[((o * g->kh + a) * g->kw + b) * cg + k];
    }
  return s;
}

static double dot(const float *a, const float *b, size_t n)
{
  double s = 0;
  for (size_t i = 0; i < n; i++)
    s += (double)a[i] * (double)b[i];
  return s;
}

/* Without bias and activation it is linear: <dy, conv x> = <dx, x> = <dw, w>. */
static void check_adjoints(math_rig *r, rad_conv g)
{
  const size_t nx = g.n * g.h * g.w * g.c, ny = g.n * g.oh * g.ow * g.o;
  const size_t row = g.kh * g.kw * (g.c / g.groups), nw = g.o * row;
  const float *w = g.weight, *x = g.x, *dy = g.dy, *y = g.y;
  float *dw = g.grad;
  ck_assert_int_eq(r->math.conv(&r->i->ctx, &g), RAD_OK);
  ck_assert_int_eq(r->math.conv_input(&r->i->ctx, &g), RAD_OK);
  for (size_t q = 0; q < nw; q++)
    dw[q] = NAN;
  g.keep = 0.0f, g.lo = 1, g.hi = g.o;
  ck_assert_int_eq(r->math.conv_weight(&r->i->ctx, &g), RAD_OK);
  g.lo = 0, g.hi = 1;
  ck_assert_int_eq(r->math.conv_weight(&r->i->ctx, &g), RAD_OK);
  const double s = dot(dy, y, ny);
  ck_assert(fabs(dot(g.dx, x, nx) - s) < 1e-4 && fabs(dot(dw, w, nw) - s) < 1e-4);
  const float before = dw[row - 1];
  g.keep = 0.5f;
  ck_assert_int_eq(r->math.conv_weight(&r->i->ctx, &g), RAD_OK);
  ck_assert(fabsf(dw[row - 1] - 1.5f * before) < 1e-4f);
}

static void check_conv(math_rig *r, rad_conv g)
{
  const size_t nx = g.n * g.h * g.w * g.c, ny = g.n * g.oh * g.ow * g.o;
  const size_t nw = g.o * g.kh * g.kw * (g.c / g.groups);
  const float *x = numbers(&r->b, 1, nx, 0.0f), *w = numbers(&r->b, 2, nw, 0.0f),
              *bias = numbers(&r->b, 3, g.o, 0.0f), *dy = numbers(&r->b, 4, ny, 0.0f);
  float *y = room(&r->b, ny, sizeof *y), *dx = numbers(&r->b, 5, nx, 0.0f),
        *dw = room(&r->b, nw, sizeof *dw), *zero = room(&r->b, g.o, sizeof *zero);
  g.size = sizeof g, g.x = x, g.weight = w, g.dy = dy, g.y = y, g.dx = dx, g.grad = dw;
  g.bias = bias, g.act = RAD_ACT_TANH;
  ck_assert_int_eq(r->math.conv(&r->i->ctx, &g), RAD_OK);
  for (size_t q = 0; q < ny; q++) {
    const size_t o = q % g.o, v = q / g.o % g.ow, h = q / g.o / g.ow % g.oh;
    const double t = tanh(conv_at(&g, x, w, q / g.o / g.ow / g.oh, h, v, o));
    ck_assert_msg(fabs((double)y[q] - t) < 1e-5, "y[%zu] is %g, not %g", q, (double)y[q], t);
  }
  g.bias = zero, g.act = RAD_ACT_NONE;
  check_adjoints(r, g);
}

START_TEST(test_conv)
{
  for (size_t k = 0; k < sizeof convs / sizeof *convs; k++) {
    math_rig r;
    if (!math_open(&r, _i))
      return;
    check_conv(&r, convs[k]);
    bench_close(&r.b);
  }
}
END_TEST

/* --- sparse products: those of the same matrix with its zeros --- */
START_TEST(test_sparse)
{
  enum { U = 4, D = 5, B = 3, NNZ = 7 };
  static const uint64_t row[] = {0, 2, 2, 6, 7}, order[] = {2, 0, 3, 6, 4, 1, 5},
                        start[] = {0, 1, 2, 4, 5, 7};
  static const uint32_t col[] = {1, 4, 0, 2, 3, 4, 2}, by[] = {2, 0, 2, 3, 2, 0, 2};
  const rad_pattern p = {U, D, NNZ, row, col, order, start, by};
  math_rig r;
  if (!math_open(&r, _i))
    return;
  rad_ctx *c = &r.i->ctx;
  const float *v = numbers(&r.b, 1, NNZ, 0.1f), *x = numbers(&r.b, 2, B * D, 0.0f),
              *bias = numbers(&r.b, 3, U, 0.0f), *dy = numbers(&r.b, 4, B * U, 0.0f);
  float w[U * D] = {0}, y[2][B * U], dx[2][B * D], dw[U * D] = {0};
  float *g = numbers(&r.b, 5, NNZ, 0.0f), *old = numbers(&r.b, 5, NNZ, 0.0f);
  for (size_t u = 0; u < U; u++)
    for (uint64_t k = row[u]; k < row[u + 1]; k++) {
      w[u * D + col[k]] = v[k];
      dw[u * D + col[k]] = g[k];
    }
  rad_sparse s = {.size = sizeof s,
                  .pattern = &p,
                  .value = v,
                  .n = B,
                  .x = x,
                  .bias = bias,
                  .dy = dy,
                  .y = y[0],
                  .dx = dx[0],
                  .grad = g,
                  .keep = 0.5f,
                  .act = RAD_ACT_ELU,
                  .act_alpha = 0.7f,
                  .hi = U};
  ck_assert_int_eq(r.math.sparse(c, &s), RAD_OK);
  ck_assert_int_eq(r.math.sparse_input(c, &s), RAD_OK);
  ck_assert_int_eq(r.math.sparse_weight(c, &s), RAD_OK);
  r.math.gemm(c, RAD_NEW(rad_gemm, .tb = true, .m = B, .n = U, .k = D, .lda = D, .ldb = D, .ldc = U,
                         .a = x, .b = w, .c = y[1], .bias = bias, .act = RAD_ACT_ELU,
                         .act_alpha = 0.7f));
  r.math.gemm(c, RAD_NEW(rad_gemm, .m = B, .n = D, .k = U, .lda = U, .ldb = D, .ldc = D, .a = dy,
                         .b = w, .c = dx[1]));
  r.math.gemm(c, RAD_NEW(rad_gemm, .ta = true, .m = U, .n = D, .k = B, .lda = U, .ldb = D, .ldc = D,
                         .a = dy, .b = x, .c = dw, .beta = 0.5f));
  ck_assert(distance(y[0], y[1], B * U) < 1e-5 && distance(dx[0], dx[1], B * D) < 1e-5);
  for (size_t u = 0; u < U; u++)
    for (uint64_t k = row[u]; k < row[u + 1]; k++)
      ck_assert(fabsf(g[k] - dw[u * D + col[k]]) < 1e-5f && g[k] != old[k]);
  bench_close(&r.b);
}
END_TEST

TCase *backend_cases(void)
{
  TCase *t = tcase_create("backends");
  const int n = (int)backend_ways();
  tcase_set_timeout(t, 60);
  tcase_add_loop_test(t, test_gemm, 0, n);
  tcase_add_loop_test(t, test_bf16, 0, n);
  tcase_add_loop_test(t, test_gemm64, 0, n);
  tcase_add_loop_test(t, test_act, 0, n);
  tcase_add_loop_test(t, test_act_back, 0, n);
  tcase_add_loop_test(t, test_identity, 0, n);
  tcase_add_loop_test(t, test_conv, 0, n);
  tcase_add_loop_test(t, test_sparse, 0, n);
  return t;
}
