/* SPDX-License-Identifier: BSD-3-Clause
 * conformance_packed.c - products with a weight in the backend's own layout: against `reference` on
 * the plain weight, and the same bits however the rows of a batch or of the weight are cut. Where a
 * backend says that it takes operands of bf16, `reference` has them rounded beforehand. */
#include "conformance.h"
#include <math.h>
#include <string.h>

enum { GAP = 3 }; /* floats behind each row of a result that nobody may touch */

typedef struct packed { /* W (U,D), a batch of m */
  math_rig *r;
  rad_ctx *plain; /* of `reference` */
  rad_math reference;
  size_t m, U, D;
  rad_param W;
  float *w;
  const float *x, *dy, *bias;
  const float *rw, *rx, *rdy; /* what the products take them for */
} packed;

/* to bf16 and back: nearest, ties to even */
static const float *rounded(packed *t, const float *v, size_t n)
{
  if (!strstr(t->r->math.identity(&t->r->i->ctx), "bf16"))
    return v;
  float *out = room(&t->r->b, n, sizeof *out);
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &v[i], sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    memcpy(&out[i], &bits, sizeof bits);
  }
  return out;
}

static void take_layout(packed *t)
{
  bench *b = &t->r->b;
  rad_ctx *c = &t->r->i->ctx;
  rad_layout l = {0};
  t->W = (rad_param){.name = "W", .layer = "it", .type = RAD_F32, .shape = {2, {t->U, t->D}}};
  ck_assert(t->r->math.layout(c, &t->W, &l));
  ck_assert(l.n >= t->U * t->D && l.rows > 0);
  t->W.n = l.n, t->W.layout = 1, t->W.rows = l.rows;
  t->W.value = room(b, l.n, sizeof(float));
  t->W.grad = room(b, l.n, sizeof(float));
  t->W.shadow = l.shadow > 0 ? room(b, l.shadow, 1) : NULL;
  for (size_t i = 0; i < l.n; i++)
    t->W.value[i] = t->W.grad[i] = NAN;
  ck_assert_int_eq(t->r->math.pack(c, &t->W, false, t->w, t->W.value), RAD_OK);
  if (t->W.shadow)
    ck_assert_int_eq(t->r->math.shadow(c, &t->W, 0, t->U), RAD_OK);
  float *back = room(b, t->U * t->D, sizeof *back);
  ck_assert_int_eq(t->r->math.pack(c, &t->W, true, back, t->W.value), RAD_OK);
  ck_assert_msg(same_bits(back, t->w, t->U * t->D * sizeof *back), "values change by packing");
}

static void packed_open(packed *t, math_rig *r, size_t m, size_t U, size_t D)
{
  bench *b = &r->b;
  *t = (packed){.r = r, .m = m, .U = U, .D = D};
  t->plain = &bench_backend(b, named_plugin(RAD_BACKEND, "reference"), "", &t->reference)->ctx;
  t->w = numbers(b, 1, U * D, 0.0f);
  float *x = numbers(b, 2, m * D, 0.0f), *dy = numbers(b, 3, m * U, 0.0f);
  x[0] = t->w[0] = dy[0] = 1.0f + 1.0f / 256; /* half way between two numbers of bf16 */
  x[m * D - 1] = t->w[U * D - 1] = dy[m * U - 1] = 1.0f + 3.0f / 256;
  t->x = x, t->dy = dy;
  t->bias = numbers(b, 4, U, 0.0f);
  t->rw = rounded(t, t->w, U * D), t->rx = rounded(t, t->x, m * D);
  t->rdy = rounded(t, t->dy, m * U);
  take_layout(t);
}

/* Y = f(X W' + b), or without b, dX = dY W: rows lo .. hi-1, packed or plain */
static void rows(const packed *t, bool own, bool back, uint32_t act, size_t lo, size_t hi,
                 float *out)
{
  const size_t k = back ? t->U : t->D, n = back ? t->D : t->U;
  const float *a = back ? (own ? t->dy : t->rdy) : own ? t->x : t->rx;
  rad_ctx *c = own ? &t->r->i->ctx : t->plain;
  const rad_gemm g = {.size = sizeof g,
                      .tb = !back,
                      .m = hi - lo,
                      .n = n,
                      .k = k,
                      .lda = k,
                      .ldb = t->D,
                      .ldc = n + GAP,
                      .a = a + lo * k,
                      .b = own ? t->W.value : t->rw,
                      .c = out + lo * (n + GAP),
                      .bias = back ? NULL : t->bias,
                      .act = act,
                      .act_alpha = 0.31f,
                      .packed = own ? &t->W : NULL};
  ck_assert_int_eq((own ? t->r->math : t->reference).gemm(c, &g), RAD_OK);
}

static void check_rows(const packed *t, bool back, uint32_t act)
{
  const size_t n = t->m * ((back ? t->D : t->U) + GAP);
  float *y = numbers(&t->r->b, 5, n, 0.0f), *expect = numbers(&t->r->b, 5, n, 0.0f),
        *cut = numbers(&t->r->b, 5, n, 0.0f);
  rows(t, true, back, act, 0, t->m, y);
  rows(t, false, back, act, 0, t->m, expect);
  ck_assert_msg(distance(y, expect, n) < 1e-4, "%zu rows, %zu x %zu, back %d, act %u: %g", t->m,
                t->U, t->D, back, act, distance(y, expect, n));
  if (!(t->r->math.caps & RAD_CAP_ROWS))
    return;
  for (size_t lo = 0, piece = 1, hi; lo < t->m; lo = hi, piece = piece * 2 % 19) {
    hi = lo + piece < t->m ? lo + piece : t->m;
    rows(t, true, back, act, lo, hi, cut);
  }
  ck_assert_msg(same_bits(y, cut, n * sizeof *y), "%zu rows, %zu x %zu, back %d: bits by the cut",
                t->m, t->U, t->D, back);
}

/* dW = keep dW + dY' X, outputs lo .. hi-1 */
static void slice(const packed *t, bool own, float keep, size_t lo, size_t hi, float *grad)
{
  const rad_gemm g = {.size = sizeof g,
                      .ta = true,
                      .m = hi - lo,
                      .n = t->D,
                      .k = t->m,
                      .lda = t->U,
                      .ldb = t->D,
                      .ldc = t->D,
                      .a = (own ? t->dy : t->rdy) + lo,
                      .b = own ? t->x : t->rx,
                      .c = grad + lo * t->D,
                      .beta = keep,
                      .packed = own ? &t->W : NULL};
  rad_ctx *c = own ? &t->r->i->ctx : t->plain;
  ck_assert_int_eq((own ? t->r->math : t->reference).gemm(c, &g), RAD_OK);
}

static void check_gradient(const packed *t)
{
  bench *b = &t->r->b;
  rad_ctx *c = &t->r->i->ctx;
  const size_t all = t->U * t->D;
  float *expect = room(b, all, sizeof *expect), *got = room(b, all, sizeof *got),
        *cut = room(b, t->W.n, sizeof *cut);
  for (size_t i = 0; i < t->W.n; i++)
    cut[i] = NAN; /* is not read */
  for (int again = 0; again < 2; again++) {
    const float keep = again ? 0.7f : 0.0f;
    slice(t, false, keep, 0, t->U, expect);
    slice(t, true, keep, 0, t->U, t->W.grad);
    for (size_t lo = 0; lo < t->U; lo += t->W.rows)
      slice(t, true, keep, lo, lo + t->W.rows < t->U ? lo + t->W.rows : t->U, cut);
    ck_assert_msg(same_bits(cut, t->W.grad, t->W.n * sizeof *cut), "bits by the slice");
    ck_assert_int_eq(t->r->math.pack(c, &t->W, true, got, t->W.grad), RAD_OK);
    ck_assert_msg(distance(got, expect, all) < 1e-4, "gradient, %zu rows, %zu x %zu: %g", t->m,
                  t->U, t->D, distance(got, expect, all));
    ck_assert_int_eq(t->r->math.pack(c, &t->W, false, got, cut), RAD_OK);
    ck_assert_msg(same_bits(cut, t->W.grad, t->W.n * sizeof *cut), "padding is not 0");
  }
}

/* dX = 0.6 dX + dY W + a bias, which no layer here asks for; in float */
static void check_general(const packed *t)
{
  const size_t n = t->m * t->D;
  const float *bias = numbers(&t->r->b, 6, t->D, 0.0f);
  float *c[2] = {numbers(&t->r->b, 7, n, 0.0f), numbers(&t->r->b, 7, n, 0.0f)};
  rad_gemm g = {.size = sizeof g,
                .m = t->m,
                .n = t->D,
                .k = t->U,
                .lda = t->U,
                .ldb = t->D,
                .ldc = t->D,
                .a = t->dy,
                .b = t->w,
                .c = c[0],
                .beta = 0.6f,
                .bias = bias,
                .act = RAD_ACT_LEAKY,
                .act_alpha = 0.2f};
  ck_assert_int_eq(t->reference.gemm(t->plain, &g), RAD_OK);
  g.b = t->W.value, g.c = c[1], g.packed = &t->W;
  ck_assert_int_eq(t->r->math.gemm(&t->r->i->ctx, &g), RAD_OK);
  ck_assert(distance(c[1], c[0], n) < 1e-4);
}

START_TEST(test_packed)
{
  static const size_t shapes[][2] = {{1, 3}, {10, 1}, {10, 784}, {37, 5}, {64, 129}, {300, 37}};
  static const size_t batches[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,   10,
                                   11, 12, 13, 14, 15, 16, 17, 31, 128, 421};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    for (size_t k = 0; k < sizeof batches / sizeof *batches; k++) {
      math_rig r;
      packed t;
      if (!math_open(&r, _i))
        return;
      if (r.math.caps & RAD_CAP_PACK) {
        packed_open(&t, &r, batches[k], shapes[s][0], shapes[s][1]);
        for (uint32_t act = RAD_ACT_NONE; act <= RAD_ACT_SIGMOID; act++)
          check_rows(&t, false, act);
        check_rows(&t, true, RAD_ACT_NONE);
        check_gradient(&t);
        check_general(&t);
      }
      bench_close(&r.b);
    }
}
END_TEST

TCase *packed_cases(void)
{
  TCase *t = tcase_create("packed");
  tcase_set_timeout(t, 120);
  tcase_add_loop_test(t, test_packed, 0, (int)backend_ways());
  return t;
}
