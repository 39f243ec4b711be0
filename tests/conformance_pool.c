/* SPDX-License-Identifier: BSD-3-Clause
 * conformance_pool.c - maxima of windows and their way back, of every backend, against a search
 * place by place; known numbers and refusals. */
#include "conformance.h"
#include <math.h>
#include <string.h>

enum { GUARD = 40, RANDOM = 60 }; /* floats behind a result that nobody may touch; shapes */

/* --- shapes: strides above the kernel, overlapping, padded, one row, no image, no channel --- */
static const rad_pool chosen[] = {
    {.n = 3, .h = 12, .w = 14, .c = 32, .oh = 6, .ow = 7, .kh = 2, .kw = 2, .sh = 2, .sw = 2},
    {.n = 2, .h = 13, .w = 11, .c = 37, .oh = 6, .ow = 5, .kh = 2, .kw = 2, .sh = 2, .sw = 2},
    {.n = 2, .h = 9, .w = 9, .c = 1, .oh = 3, .ow = 3, .kh = 3, .kw = 3, .sh = 3, .sw = 3},
    {.n = 2, .h = 11, .w = 10, .c = 37, .oh = 3, .ow = 2, .kh = 2, .kw = 3, .sh = 4, .sw = 6},
    {.n = 1,
     .h = 7,
     .w = 9,
     .c = 1,
     .oh = 7,
     .ow = 9,
     .kh = 3,
     .kw = 3,
     .sh = 1,
     .sw = 1,
     .ph = 1,
     .pw = 1},
    {.n = 2, .h = 16, .w = 16, .c = 37, .oh = 1, .ow = 1, .kh = 16, .kw = 16, .sh = 5, .sw = 9},
    {.n = 2,
     .h = 1,
     .w = 9,
     .c = 16,
     .oh = 1,
     .ow = 3,
     .kh = 3,
     .kw = 4,
     .sh = 1,
     .sw = 3,
     .ph = 1,
     .pw = 1},
    {.n = 0, .h = 4, .w = 4, .c = 3, .oh = 2, .ow = 2, .kh = 2, .kw = 2, .sh = 2, .sw = 2},
    {.n = 2, .h = 4, .w = 4, .c = 0, .oh = 2, .ow = 2, .kh = 2, .kw = 2, .sh = 2, .sw = 2},
    {.n = 2, .h = 4, .w = 1, .c = 5, .oh = 2, .ow = 0, .kh = 2, .kw = 2, .sh = 2, .sw = 2},
};
enum { CHOSEN = sizeof chosen / sizeof *chosen };

static rad_pool shape(rad_ctx *c, size_t k)
{
  static const uint32_t most[] = {3, 12, 15, 70, 4, 4, 5, 5, 4, 4};
  const rad_at at = {.index = k, .stream = 79};
  size_t v[sizeof most / sizeof *most];
  rad_pool g = k < CHOSEN ? chosen[k] : (rad_pool){.n = 0};
  for (size_t i = 0; i < sizeof v / sizeof *v; i++)
    v[i] = rad_below(c, &at, i, most[i]);
  if (k >= CHOSEN) {
    g = (rad_pool){.n = 1 + v[0],
                   .h = 4 + v[1],
                   .w = 4 + v[2],
                   .c = 1 + v[3],
                   .kh = 1 + v[4],
                   .kw = 1 + v[5],
                   .sh = 1 + v[6],
                   .sw = 1 + v[7]};
    g.ph = v[8] % g.kh, g.pw = v[9] % g.kw;
    g.oh = (g.h + 2 * g.ph - g.kh) / g.sh + 1, g.ow = (g.w + 2 * g.pw - g.kw) / g.sw + 1;
    g.oh -= (g.oh - 1) * g.sh >= g.h + g.ph; /* a window on the padding behind */
    g.ow -= (g.ow - 1) * g.sw >= g.w + g.pw;
  }
  g.size = sizeof g;
  return g;
}

typedef struct pool_case {
  math_rig r;
  rad_pool g;
  size_t nx, ny; /* elements of X, Y */
} pool_case;

static const char *text_of(pool_case *t)
{
  const rad_pool *g = &t->g;
  return arena_printf(&t->r.b.mem,
                      "%zux%zux%zux%zu to %zux%zu, %zux%zu, stride %zu %zu, pad %zu %zu", g->n,
                      g->h, g->w, g->c, g->oh, g->ow, g->kh, g->kw, g->sh, g->sw, g->ph, g->pw);
}

/* Numbers with many equals, some NaN, infinities of both signs. */
static void roughen(float *x, size_t n)
{
  for (size_t i = 0; i < n; i++)
    x[i] = i % 29 == 3   ? NAN
           : i % 31 == 7 ? (i % 2 ? -INFINITY : INFINITY)
           : i % 3       ? rintf(x[i])
                         : x[i];
}

/* y, at and dx of images by hand; the last NaN of a window wins, else the first of the largest */
static void by_hand(const rad_pool *g, float *y, uint8_t *at, float *dx)
{
  memset(dx, 0, g->n * g->h * g->w * g->c * sizeof *dx);
  for (size_t e = 0; e < g->n * g->oh * g->ow * g->c; e++) {
    const size_t k = e % g->c, j = e / g->c % g->ow, i = e / g->c / g->ow % g->oh,
                 image = e / g->c / g->ow / g->oh;
    float top = 0.0f;
    size_t place = 256, from = 0;
    for (size_t t = 0; t < g->kh * g->kw; t++) {
      const size_t row = i * g->sh + t / g->kw - g->ph, col = j * g->sw + t % g->kw - g->pw;
      const size_t q = ((image * g->h + row) * g->w + col) * g->c + k;
      if (row >= g->h || col >= g->w) /* also below 0 */
        continue;
      if (place == 256 || isnan(g->x[q]) || (!isnan(top) && g->x[q] > top))
        top = g->x[q], place = t, from = q;
    }
    y[e] = top, at[e] = (uint8_t)place;
    dx[from] += g->dy[e];
  }
}

/* the call for images lo .. hi-1 */
static rad_pool images(const rad_pool *g, size_t lo, size_t hi, float *y, uint8_t *at, float *dx)
{
  const size_t nx = g->h * g->w * g->c, ny = g->oh * g->ow * g->c;
  rad_pool part = *g;
  part.n = hi - lo;
  part.x += lo * nx, part.dy += lo * ny;
  part.y = y + lo * ny, part.at = at + lo * ny, part.dx = dx + lo * nx;
  return part;
}

typedef struct result {
  float *y, *dx;
  uint8_t *at;
} result;

static result fresh(pool_case *t)
{
  bench *b = &t->r.b;
  const result s = {numbers(b, 5, t->ny + GUARD, 0.0f), numbers(b, 6, t->nx + GUARD, 0.0f),
                    room(b, t->ny + GUARD, 1)};
  memset(s.at, 0xa5, t->ny + GUARD);
  return s;
}

static void pool(pool_case *t, size_t lo, size_t hi, const result *s)
{
  const rad_pool g = images(&t->g, lo, hi, s->y, s->at, s->dx);
  ck_assert_int_eq(t->r.math.max_pool(&t->r.i->ctx, &g), RAD_OK);
  ck_assert_int_eq(t->r.math.max_pool_back(&t->r.i->ctx, &g), RAD_OK);
}

static void check_shape(pool_case *t, size_t k)
{
  bench *b = &t->r.b;
  rad_pool *g = &t->g;
  *g = shape(&t->r.i->ctx, k);
  t->nx = g->n * g->h * g->w * g->c, t->ny = g->n * g->oh * g->ow * g->c;
  float *x = numbers(b, 1, t->nx, 0.0f);
  if (k % 2)
    roughen(x, t->nx);
  g->x = x, g->dy = numbers(b, 3, t->ny, 0.0f);
  const result expect = fresh(t), all = fresh(t), cut = fresh(t);
  by_hand(g, expect.y, expect.at, expect.dx);
  pool(t, 0, g->n, &all);
  for (size_t i = 0; i < g->n; i++)
    pool(t, i, i + 1, &cut);
  ck_assert_msg(same_bits(all.at, expect.at, t->ny + GUARD), "%s: places", text_of(t));
  ck_assert_msg(distance(all.y, expect.y, t->ny + GUARD) == 0.0, "%s: y", text_of(t));
  ck_assert_msg(distance(all.dx, expect.dx, t->nx + GUARD) < 1e-6, "%s: dx", text_of(t));
  ck_assert_msg(same_bits(all.y, cut.y, t->ny * sizeof(float)) &&
                    same_bits(all.dx, cut.dx, t->nx * sizeof(float)),
                "%s: bits depend on the other images", text_of(t));
}

START_TEST(test_shapes)
{
  for (size_t k = 0; k < CHOSEN + RANDOM; k++) {
    pool_case t;
    if (!math_open(&t.r, _i))
      return;
    check_shape(&t, k);
    bench_close(&t.r.b);
  }
}
END_TEST

/* Two windows of 1 x 3, stride 2, on 5 places; among equals the first, a NaN before all. */
START_TEST(test_known)
{
  static const float x[] = {-1.5f, 2.25f, 2.25f, -7.0f, 3.5f}, dy[] = {0.625f, -4.5f};
  static const float y[] = {2.25f, 3.5f}, dx[] = {0.0f, 0.625f, 0.0f, 0.0f, -4.5f};
  static const float other[] = {1.0f, NAN, 2.0f, -0.5f, 1.75f}, shared[] = {0, 0.625f, -4.5f, 0, 0};
  float got[2], back[5];
  uint8_t at[2];
  math_rig r;
  if (!math_open(&r, _i))
    return;
  rad_pool g = {.size = sizeof g,
                .n = 1,
                .h = 1,
                .w = 5,
                .c = 1,
                .oh = 1,
                .ow = 2,
                .kh = 1,
                .kw = 3,
                .sh = 1,
                .sw = 2,
                .x = x,
                .dy = dy,
                .y = got,
                .dx = back,
                .at = at};
  ck_assert_int_eq(r.math.max_pool(&r.i->ctx, &g), RAD_OK);
  ck_assert_int_eq(r.math.max_pool_back(&r.i->ctx, &g), RAD_OK);
  ck_assert(same_bits(got, y, sizeof y) && at[0] == 1 && at[1] == 2);
  ck_assert(distance(back, dx, 5) == 0.0);
  g.x = other;
  ck_assert_int_eq(r.math.max_pool(&r.i->ctx, &g), RAD_OK);
  ck_assert_int_eq(r.math.max_pool_back(&r.i->ctx, &g), RAD_OK);
  ck_assert(isnan(got[0]) && got[1] == 2.0f && at[0] == 1 && at[1] == 0);
  ck_assert(distance(back, shared, 5) == 0.0);
  bench_close(&r.b);
}
END_TEST

/* no stride; a place that is no byte; windows on nothing but padding, before and behind */
START_TEST(test_refusals)
{
  static const rad_pool bad[] = {
      {.n = 1, .h = 4, .w = 4, .c = 1, .oh = 1, .ow = 1, .kh = 2, .kw = 2, .sw = 1},
      {.n = 1, .h = 40, .w = 40, .c = 1, .oh = 1, .ow = 1, .kh = 17, .kw = 16, .sh = 1, .sw = 1},
      {.n = 1,
       .h = 4,
       .w = 4,
       .c = 1,
       .oh = 1,
       .ow = 1,
       .kh = 2,
       .kw = 2,
       .sh = 2,
       .sw = 2,
       .ph = 2},
      {.n = 1, .h = 4, .w = 4, .c = 1, .oh = 1, .ow = 3, .kh = 2, .kw = 2, .sh = 2, .sw = 2},
  };
  math_rig r;
  if (!math_open(&r, _i))
    return;
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
    const size_t n = r.b.diag.messages.n;
    ck_assert_int_eq(r.math.max_pool(&r.i->ctx, &bad[k]), RAD_EINVAL);
    ck_assert_int_eq(r.math.max_pool_back(&r.i->ctx, &bad[k]), RAD_EINVAL);
    ck_assert(r.b.diag.messages.n > n);
  }
  bench_close(&r.b);
}
END_TEST

TCase *pool_cases(void)
{
  TCase *t = tcase_create("pools");
  tcase_set_timeout(t, 120);
  tcase_add_loop_test(t, test_shapes, 0, (int)backend_ways());
  tcase_add_loop_test(t, test_known, 0, (int)backend_ways());
  tcase_add_loop_test(t, test_refusals, 0, (int)backend_ways());
  return t;
}
