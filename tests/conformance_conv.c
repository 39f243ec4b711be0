/* SPDX-License-Identifier: BSD-3-Clause
 * conformance_conv.c - convolutions of irregular shapes: every backend against `reference`, with
 * the weight as declared and in the backend's own layout, and the same bits however the images of a
 * batch or the outputs of a gradient are cut. */
#include "conformance.h"
#include <math.h>
#include <string.h>

enum { GUARD = 40 }; /* floats behind a result that nobody may touch */

typedef struct conv_case {
  math_rig *r;
  rad_ctx *plain; /* of `reference` */
  rad_math reference;
  rad_conv g; /* all but the results */
  rad_param W;
  size_t nx, ny, nw, row; /* elements of X, Y, W and of one output's weights */
  const float *w;
} conv_case;

/* --- shapes: with blocks of sums, of rows, of pixels; strides above the kernel; no image --- */
static const rad_conv chosen[] = {
    {.n = 3, .h = 9, .w = 7, .c = 1, .o = 1, .kh = 3, .kw = 3, .sh = 2, .sw = 2, .groups = 1},
    {.n = 5,
     .h = 8,
     .w = 11,
     .c = 4,
     .o = 2,
     .kh = 5,
     .kw = 5,
     .sh = 2,
     .sw = 2,
     .ph = 2,
     .pw = 2,
     .groups = 2},
    {.n = 37, .h = 5, .w = 5, .c = 1, .o = 5, .kh = 5, .kw = 5, .groups = 1}, /* one place */
    {.n = 3, .h = 13, .w = 17, .c = 37, .o = 35, .kh = 1, .kw = 1, .groups = 1},
    {.n = 2, .h = 5, .w = 3, .c = 801, .o = 33, .kh = 1, .kw = 1, .groups = 1},
    {.n = 1, .h = 4, .w = 29, .c = 141, .o = 7, .kh = 3, .kw = 3, .ph = 1, .pw = 1, .groups = 1},
    {.n = 2, .h = 75, .w = 31, .c = 120, .o = 2, .kh = 2, .kw = 2, .sw = 2, .groups = 1},
    {.n = 2, .h = 9, .w = 8, .c = 5, .o = 33, .kh = 1, .kw = 2, .sh = 3, .sw = 3, .groups = 1},
    {.n = 2, .h = 9, .w = 9, .c = 6, .o = 6, .kh = 3, .kw = 3, .ph = 1, .pw = 1, .groups = 6},
    {.n = 2, .h = 6, .w = 1, .c = 2, .o = 68, .kh = 3, .kw = 5, .ph = 7, .pw = 4, .groups = 2},
    {.n = 0, .h = 6, .w = 5, .c = 2, .o = 33, .kh = 3, .kw = 3, .groups = 1},
    {.n = 0, .h = 6, .w = 5, .c = 2, .o = 3, .kh = 1, .kw = 1, .groups = 1},
    {.n = 1, .h = 2, .w = 5, .c = 2, .o = 33, .kh = 3, .kw = 3, .groups = 1}, /* no output */
};
enum { CHOSEN = sizeof chosen / sizeof *chosen, SHAPES = CHOSEN + 40 };

static size_t outputs_of(size_t len, size_t pad, size_t kernel, size_t dil, size_t stride)
{
  const size_t reach = (kernel - 1) * dil + 1;
  return len + 2 * pad < reach ? 0 : (len + 2 * pad - reach) / stride + 1;
}

static rad_conv shape(rad_ctx *c, size_t k)
{
  const rad_at at = {.index = k, .stream = 77};
  rad_conv g = k < CHOSEN ? chosen[k] : (rad_conv){.n = 0};
  if (k >= CHOSEN) {
    static const uint32_t most[] = {3, 9, 19, 4, 4, 3, 3, 3, 3, 4, 4};
    size_t v[sizeof most / sizeof *most];
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
      v[i] = rad_below(c, &at, i, most[i]);
    g = (rad_conv){.n = 1 + v[0],
                   .kh = 1 + v[3],
                   .kw = 1 + v[4],
                   .sh = 1 + v[5],
                   .sw = 1 + v[6],
                   .dh = 1 + v[7],
                   .dw = 1 + v[8],
                   .ph = v[9],
                   .pw = v[10],
                   .groups = 1};
    g.h = 1 + v[1] + (g.kh - 1) * g.dh, g.w = 1 + v[2] + (g.kw - 1) * g.dw;
    g.groups = k % 3 == 0 ? 1 + rad_below(c, &at, 20, 3) : 1;
    g.c = g.groups * (1 + rad_below(c, &at, 21, 19));
    g.o = g.groups * (1 + rad_below(c, &at, 22, k % 2 ? 70 : 9));
  }
  g.size = sizeof g;
  g.sh += g.sh == 0, g.sw += g.sw == 0, g.dh += g.dh == 0, g.dw += g.dw == 0;
  g.oh = outputs_of(g.h, g.ph, g.kh, g.dh, g.sh);
  g.ow = outputs_of(g.w, g.pw, g.kw, g.dw, g.sw);
  return g;
}

static const char *text_of(const conv_case *t, bool packed)
{
  const rad_conv *g = &t->g;
  return arena_printf(&t->r->b.mem,
                      "%zux%zux%zux%zu to %zux%zux%zu, kernel %zux%zu, stride %zu %zu, padding %zu "
                      "%zu, dilation %zu %zu, %zu groups, packed %d",
                      g->n, g->h, g->w, g->c, g->oh, g->ow, g->o, g->kh, g->kw, g->sh, g->sw, g->ph,
                      g->pw, g->dh, g->dw, g->groups, packed);
}

/* The weight in the backend's layout; false: it has none for it. */
static bool take_layout(conv_case *t)
{
  bench *b = &t->r->b;
  rad_ctx *c = &t->r->i->ctx;
  const rad_conv *g = &t->g;
  rad_layout l = {0};
  t->W = (rad_param){.name = "W",
                     .layer = "it",
                     .type = RAD_F32,
                     .shape = {4, {g->o, g->kh, g->kw, g->c / g->groups}}};
  if (!(t->r->math.caps & RAD_CAP_PACK) || g->groups > 1 || !t->r->math.layout(c, &t->W, &l))
    return false;
  t->W.n = l.n, t->W.layout = 1, t->W.rows = l.rows;
  t->W.value = room(b, l.n, sizeof(float));
  t->W.grad = room(b, l.n, sizeof(float));
  ck_assert_int_eq(t->r->math.pack(c, &t->W, false, (float *)t->w, t->W.value), RAD_OK);
  if (l.shadow == 0)
    return true;
  ck_assert_uint_eq(l.shadow % sizeof(float), 0);
  float *shadow = room(b, l.shadow / sizeof(float), sizeof(float));
  for (size_t i = 0; i < l.shadow / sizeof(float); i++)
    shadow[i] = NAN;
  t->W.shadow = shadow;
  for (size_t lo = 0; lo < g->o; lo += l.rows) /* slice by slice, as workers do */
    ck_assert_int_eq(t->r->math.shadow(c, &t->W, lo, lo + l.rows < g->o ? lo + l.rows : g->o),
                     RAD_OK);
  return true;
}

static void conv_open(conv_case *t, math_rig *r, size_t k)
{
  bench *b = &r->b;
  *t = (conv_case){.r = r, .g = shape(&r->i->ctx, k)};
  rad_conv *g = &t->g;
  t->plain = &bench_backend(b, named_plugin(RAD_BACKEND, "reference"), "", &t->reference)->ctx;
  t->row = g->kh * g->kw * (g->c / g->groups);
  t->nx = g->n * g->h * g->w * g->c, t->ny = g->n * g->oh * g->ow * g->o, t->nw = g->o * t->row;
  g->x = numbers(b, 1, t->nx, 0.0f);
  g->weight = t->w = numbers(b, 2, t->nw, 0.0f);
  g->dy = numbers(b, 3, t->ny, 0.0f);
  g->bias = k % 4 == 1 ? NULL : numbers(b, 4, g->o, 0.0f);
  g->act = (uint32_t)(k % (RAD_ACT_SIGMOID + 1)), g->act_alpha = 0.31f;
}

/* the call for images lo .. hi-1 */
static rad_conv images(const conv_case *t, bool packed, size_t lo, size_t hi, float *out)
{
  rad_conv g = t->g;
  const size_t x = g.h * g.w * g.c, y = g.oh * g.ow * g.o;
  g.n = hi - lo, g.hi = g.o;
  g.x = (const float *)g.x + lo * x, g.dy = (const float *)g.dy + lo * y;
  g.y = out + lo * y, g.dx = out + lo * x;
  if (packed)
    g.packed = &t->W, g.weight = t->W.value;
  return g;
}

/* y, or dx where `back` */
static void check_images(const conv_case *t, bool packed, bool back)
{
  bench *b = &t->r->b;
  rad_ctx *c = &t->r->i->ctx;
  const size_t n = (back ? t->nx : t->ny) + GUARD;
  float *expect = numbers(b, 5, n, 0.0f), *all = numbers(b, 5, n, 0.0f),
        *cut = numbers(b, 5, n, 0.0f);
  const rad_math *m = &t->r->math, *ref = &t->reference;
  rad_conv g = images(t, false, 0, t->g.n, expect);
  ck_assert_int_eq((back ? ref->conv_input : ref->conv)(t->plain, &g), RAD_OK);
  g = images(t, packed, 0, t->g.n, all);
  ck_assert_int_eq((back ? m->conv_input : m->conv)(c, &g), RAD_OK);
  ck_assert_msg(distance(all, expect, n) < 3e-5, "%s: %s is off by %g", text_of(t, packed),
                back ? "dx" : "y", distance(all, expect, n));
  for (size_t i = 0; i < t->g.n; i++) {
    g = images(t, packed, i, i + 1, cut);
    ck_assert_int_eq((back ? m->conv_input : m->conv)(c, &g), RAD_OK);
  }
  ck_assert_msg(!(m->caps & RAD_CAP_ROWS) || same_bits(all, cut, n * sizeof *all),
                "%s: bits of %s depend on the other images", text_of(t, packed), back ? "dx" : "y");
}

/* without the shadow, the same gradient of the input */
static void check_no_shadow(conv_case *t)
{
  float *dx[2] = {room(&t->r->b, t->nx, sizeof(float)), room(&t->r->b, t->nx, sizeof(float))};
  void *shadow = t->W.shadow;
  for (int k = 0; k < 2; k++, t->W.shadow = NULL) {
    const rad_conv g = images(t, true, 0, t->g.n, dx[k]);
    ck_assert_int_eq(t->r->math.conv_input(&t->r->i->ctx, &g), RAD_OK);
  }
  t->W.shadow = shadow;
  ck_assert(same_bits(dx[0], dx[1], t->nx * sizeof(float)));
}

/* The gradient of outputs lo .. hi-1 from images first .. end-1, in a call; back in plain order. */
static void weight(const conv_case *t, bool packed, float keep, size_t first, size_t end, size_t lo,
                   size_t hi, float *grad)
{
  rad_conv g = images(t, packed, first, end, NULL);
  g.keep = keep, g.lo = lo, g.hi = hi, g.grad = grad;
  ck_assert_int_eq(t->r->math.conv_weight(&t->r->i->ctx, &g), RAD_OK);
}

static void check_cuts(const conv_case *t, bool packed, float keep, const float *old,
                       const float *whole, size_t n)
{
  const size_t slice = packed ? t->W.rows : 5, o = t->g.o;
  float *cut = room(&t->r->b, n, sizeof *cut);
  memcpy(cut, old, n * sizeof *cut);
  for (size_t lo = 0; lo < o; lo += slice)
    weight(t, packed, keep, 0, t->g.n, lo, lo + slice < o ? lo + slice : o, cut);
  ck_assert_msg(same_bits(cut, whole, n * sizeof *cut), "%s: bits by the slice",
                text_of(t, packed));
  if (strcmp(t->r->i->plugin->d.name, "native") != 0)
    return;
  memcpy(cut, old, n * sizeof *cut);
  for (size_t i = 0; i < t->g.n; i++)
    weight(t, packed, i == 0 ? keep : 1.0f, i, i + 1, 0, o, cut);
  ck_assert_msg(t->g.n == 0 || same_bits(cut, whole, n * sizeof *cut), "%s: bits by the images",
                text_of(t, packed));
}

static void check_weight(const conv_case *t, bool packed, float keep)
{
  bench *b = &t->r->b;
  rad_ctx *c = &t->r->i->ctx;
  const size_t n = packed ? t->W.n : t->nw + GUARD;
  float *expect = numbers(b, 6, t->nw + GUARD, 0.0f), *got = numbers(b, 6, t->nw + GUARD, 0.0f),
        *old = packed ? room(b, n, sizeof *old) : numbers(b, 6, n, 0.0f),
        *at = packed ? room(b, n, sizeof *at) : got;
  if (packed)
    ck_assert_int_eq(t->r->math.pack(c, &t->W, false, got, old), RAD_OK);
  for (size_t i = 0; keep == 0.0f && i < (packed ? n : t->nw); i++)
    old[i] = NAN; /* is not read */
  memcpy(at, old, n * sizeof *at);
  rad_conv g = images(t, false, 0, t->g.n, NULL);
  g.keep = keep, g.grad = expect;
  ck_assert_int_eq(t->reference.conv_weight(t->plain, &g), RAD_OK);
  weight(t, packed, keep, 0, t->g.n, 0, t->g.o, at);
  check_cuts(t, packed, keep, old, at, n);
  if (packed) {
    ck_assert_int_eq(t->r->math.pack(c, &t->W, true, got, at), RAD_OK);
    ck_assert_int_eq(t->r->math.pack(c, &t->W, false, got, old), RAD_OK);
    ck_assert_msg(same_bits(old, at, n * sizeof *at), "%s: padding is not 0", text_of(t, true));
  }
  ck_assert_msg(distance(got, expect, t->nw + GUARD) < 1e-4, "%s: gradient, keep %g: %g",
                text_of(t, packed), (double)keep, distance(got, expect, t->nw + GUARD));
}

START_TEST(test_shapes)
{
  for (size_t k = 0; k < SHAPES; k++) {
    math_rig r;
    conv_case t;
    if (!math_open(&r, _i))
      return;
    conv_open(&t, &r, k);
    const int ways = take_layout(&t) ? 2 : 1;
    for (int packed = 0; packed < ways; packed++) {
      check_images(&t, packed, false);
      check_images(&t, packed, true);
      check_weight(&t, packed, 0.0f);
      check_weight(&t, packed, 0.7f);
      if (packed)
        check_no_shadow(&t);
    }
    bench_close(&r.b);
  }
}
END_TEST

/* what no backend may take, and bf16, which only some do: each with a message */
START_TEST(test_refusals)
{
  math_rig r;
  conv_case t;
  if (!math_open(&r, _i))
    return;
  conv_open(&t, &r, 2);
  rad_conv g = images(&t, false, 0, 1, room(&r.b, t.nx + t.ny, sizeof(float)));
  g.grad = room(&r.b, t.nw, sizeof(float)), g.type = RAD_BF16;
  if (!(r.math.caps & RAD_CAP_BF16) && r.math.conv != t.reference.conv) {
    ck_assert_int_eq(r.math.conv(&r.i->ctx, &g), RAD_EINVAL);
    ck_assert_int_eq(r.math.conv_input(&r.i->ctx, &g), RAD_EINVAL);
    ck_assert_int_eq(r.math.conv_weight(&r.i->ctx, &g), RAD_EINVAL);
    ck_assert(r.b.diag.messages.n > 0);
  }
  bench_close(&r.b);
}
END_TEST

/* --- of the nonzeros alone: what a weight with zeros gives --- */

/* Keeps each place of W with the given chance, none of output 1; leaves out what g asks for W. */
static void thin_out(conv_case *t, double share)
{
  bench *b = &t->r->b;
  rad_ctx *c = &t->r->i->ctx;
  float *w = numbers(b, 2, t->nw, 0.1f), *value = room(b, t->nw + 1, sizeof *value);
  const double one = 1 << 20;
  for (size_t i = 0, n = 0; i < t->nw; i++) {
    const rad_at at = {.index = i, .stream = 78};
    if (i / t->row == 1 || (double)rad_below(c, &at, 0, 1 << 20) >= share * one)
      w[i] = 0.0f;
    else
      value[n++] = w[i];
  }
  t->w = w;
  t->g.weight = value;
  t->g.pattern = pattern_of(b, w, t->g.o, t->row);
}

/* as `images`, of the whole weight */
static rad_conv whole(const conv_case *t, float *out)
{
  rad_conv g = images(t, false, 0, t->g.n, out);
  g.weight = t->w;
  g.pattern = NULL;
  return g;
}

static void check_thin_images(const conv_case *t, bool back)
{
  bench *b = &t->r->b;
  rad_ctx *c = &t->r->i->ctx;
  const size_t n = (back ? t->nx : t->ny) + GUARD;
  float *expect = numbers(b, 5, n, 0.0f), *all = numbers(b, 5, n, 0.0f),
        *cut = numbers(b, 5, n, 0.0f);
  const rad_math *m = &t->r->math, *ref = &t->reference;
  for (size_t i = 0; i < n - GUARD; i++)
    all[i] = cut[i] = NAN; /* is not read */
  rad_conv g = whole(t, expect);
  ck_assert_int_eq((back ? ref->conv_input : ref->conv)(t->plain, &g), RAD_OK);
  g = images(t, false, 0, t->g.n, all);
  ck_assert_int_eq((back ? m->sparse_conv_input : m->sparse_conv)(c, &g), RAD_OK);
  ck_assert_msg(distance(all, expect, n) < 1e-4, "%s: sparse %s is off by %g", text_of(t, false),
                back ? "dx" : "y", distance(all, expect, n));
  for (size_t i = 0; i < t->g.n; i++) {
    g = images(t, false, i, i + 1, cut);
    ck_assert_int_eq((back ? m->sparse_conv_input : m->sparse_conv)(c, &g), RAD_OK);
  }
  ck_assert_msg(!(m->caps & RAD_CAP_ROWS) || same_bits(all, cut, n * sizeof *all),
                "%s: bits of sparse %s depend on the other images", text_of(t, false),
                back ? "dx" : "y");
}

static void check_thin_weight(const conv_case *t, float keep)
{
  bench *b = &t->r->b;
  const rad_pattern *p = t->g.pattern;
  const size_t n = p->nnz + GUARD;
  float *expect = numbers(b, 6, t->nw, 0.0f), *got = numbers(b, 7, n, 0.0f),
        *cut = numbers(b, 7, n, 0.0f);
  for (size_t i = 0, k = 0; i < t->nw; i++)
    if (t->w[i] != 0.0f)
      expect[i] = got[k++];
  for (size_t k = 0; keep == 0.0f && k < p->nnz; k++)
    got[k] = cut[k] = NAN; /* is not read */
  rad_conv g = whole(t, NULL);
  g.grad = expect, g.keep = keep;
  ck_assert_int_eq(t->reference.conv_weight(t->plain, &g), RAD_OK);
  for (size_t lo = 0, step = t->g.o; step > 0; lo = 0, step = step > 3 ? 3 : 0)
    for (; lo < t->g.o; lo += step) {
      g = images(t, false, 0, t->g.n, NULL);
      g.grad = step == t->g.o ? got : cut, g.keep = keep;
      g.lo = lo, g.hi = lo + step < t->g.o ? lo + step : t->g.o;
      ck_assert_int_eq(t->r->math.sparse_conv_weight(&t->r->i->ctx, &g), RAD_OK);
    }
  ck_assert_msg(t->g.o <= 3 || same_bits(got, cut, n * sizeof *got), "%s: sparse bits by the slice",
                text_of(t, false));
  for (size_t i = 0, k = 0; i < t->nw; i++)
    if (t->w[i] != 0.0f)
      ck_assert_msg(distance(&got[k++], &expect[i], 1) < 1e-4, "%s: sparse gradient, keep %g",
                    text_of(t, false), (double)keep);
  ck_assert(same_bits(got + p->nnz, numbers(b, 7, n, 0.0f) + p->nnz, GUARD * sizeof *got));
}

START_TEST(test_thin)
{
  static const double shares[] = {0.04, 0.19, 1.0};
  for (size_t k = 0; k < SHAPES; k++) {
    math_rig r;
    conv_case t;
    if (!math_open(&r, _i))
      return;
    conv_open(&t, &r, k);
    thin_out(&t, shares[k % 3]);
    check_thin_images(&t, false);
    check_thin_images(&t, true);
    check_thin_weight(&t, 0.0f);
    check_thin_weight(&t, 0.7f);
    bench_close(&r.b);
  }
}
END_TEST

TCase *conv_cases(void)
{
  TCase *t = tcase_create("convolutions");
  tcase_set_timeout(t, 120);
  tcase_add_loop_test(t, test_shapes, 0, (int)backend_ways());
  tcase_add_loop_test(t, test_thin, 0, (int)backend_ways());
  tcase_add_loop_test(t, test_refusals, 0, (int)backend_ways());
  return t;
}
