/* SPDX-License-Identifier: BSD-3-Clause
 * pool.c - the largest value of each window and its way back (../pool.h), VL channels at a time
 * with all taps in registers. Windows of 2x2 and 3x3 that are whole are unrolled. Windows that do
 * not overlap write every place of dX once; others add to zeros, output after output. */
#include "../pool.h"
#include "vec.h"

#ifdef __GNUC__
typedef uint8_t vecb __attribute__((vector_size(VL), aligned(1), may_alias));
#define NARROW(v) __builtin_convertvector(v, vecb)
typedef uint16_t vech __attribute__((vector_size(2 * VL)));
#define WIDEN(v) __builtin_convertvector(__builtin_convertvector(v, vech), veci)
#else
typedef int32_t veci;
typedef uint8_t vecb;
#define NARROW(v) ((vecb)(v))
#define WIDEN(v)  ((veci)(v))
#endif

/* --- n <= VL lanes --- */
INLINE vec load(const float *p, size_t n)
{
  return n == VL ? vec_load(p) : vec_load_n(p, n);
}
INLINE void store(float *p, vec v, size_t n)
{
  if (n == VL)
    vec_store(p, v);
  else
    vec_store_n(p, v, n);
}
INLINE veci load_places(const uint8_t *p, size_t n)
{
  vecb b = {0};
  if (n == VL)
    b = *(const vecb *)p;
  else
#if RAD_VL == 16
    b = (vecb)_mm_maskz_loadu_epi8((__mmask16)((1u << n) - 1), p);
#else
    memcpy(&b, p, n);
#endif
  return WIDEN(b);
}
INLINE void store_places(uint8_t *p, veci v, size_t n)
{
  const vecb b = NARROW(v);
  if (n == VL)
    *(vecb *)p = b;
  else
#if RAD_VL == 16
    _mm_mask_storeu_epi8(p, (__mmask16)((1u << n) - 1), (__m128i)b);
#else
    memcpy(p, &b, n);
#endif
}

/* the largest so far takes in x, which is place t: larger, or a NaN */
INLINE void take(vec x, int32_t t, vec *top, veci *at)
{
#if RAD_VL == 16
  const __mmask16 m = _mm512_cmp_ps_mask((__m512)x, (__m512)*top, _CMP_GT_OQ) |
                      _mm512_cmp_ps_mask((__m512)x, (__m512)x, _CMP_UNORD_Q);
  *top = (vec)_mm512_mask_mov_ps((__m512)*top, m, (__m512)x);
  *at = (veci)_mm512_mask_mov_epi32((__m512i)*at, m, _mm512_set1_epi32(t));
#elif defined __GNUC__
  const veci m = (x > *top) | (x != x);
  *top = (vec)((m & (veci)x) | (~m & (veci)*top));
  *at = (m & t) | (~m & *at);
#else
  const bool more = x > *top || x != x;
  *top = more ? x : *top;
  *at = more ? t : *at;
#endif
}

/* dy where its place is t, else 0 */
INLINE vec given(vec dy, veci at, int32_t t)
{
#if RAD_VL == 16
  return (vec)_mm512_maskz_mov_ps(_mm512_cmpeq_epi32_mask((__m512i)at, _mm512_set1_epi32(t)),
                                  (__m512)dy);
#elif defined __GNUC__
  return (vec)((at == t) & (veci)dy);
#else
  return at == t ? dy : 0.0f;
#endif
}

/* --- forward --- */

/* The taps of one window that are on the input; x, dx: the first of them. */
typedef struct window {
  pool_span v, h;
  size_t kw, row, pixel; /* floats from tap to tap, down and across */
} window;

INLINE void largest(const window *w, const float *x, size_t n, float *y, uint8_t *at)
{
  const size_t high = w->v.hi - w->v.lo, wide = w->h.hi - w->h.lo;
  const int32_t first = (int32_t)(w->v.lo * w->kw + w->h.lo);
  vec top = load(x, n);
  veci place = (veci){0} + first;
  for (size_t a = 0; a < high; a++)
    for (size_t b = 0; b < wide; b++)
      take(load(x + a * w->row + b * w->pixel, n), first + (int32_t)(a * w->kw + b), &top, &place);
  store(y, top, n);
  store_places(at, place, n);
}

/* one output */
INLINE void window_forward(const window *w, size_t c, const float *x, float *y, uint8_t *at)
{
  size_t k = 0;
  for (; k + VL <= c; k += VL)
    largest(w, x + k, VL, y + k, at + k);
  if (k < c)
    largest(w, x + k, c - k, y + k, at + k);
}

/* --- back --- */

INLINE void give(const window *w, bool add, const float *dy, const uint8_t *at, size_t n, float *dx)
{
  const size_t high = w->v.hi - w->v.lo, wide = w->h.hi - w->h.lo;
  const int32_t first = (int32_t)(w->v.lo * w->kw + w->h.lo);
  const vec d = load(dy, n);
  const veci place = load_places(at, n);
  for (size_t a = 0; a < high; a++)
    for (size_t b = 0; b < wide; b++) {
      float *to = dx + a * w->row + b * w->pixel;
      vec v = given(d, place, first + (int32_t)(a * w->kw + b));
      if (add)
        v += load(to, n);
      store(to, v, n);
    }
}

INLINE void window_back(const window *w, bool add, size_t c, const float *dy, const uint8_t *at,
                        float *dx)
{
  size_t k = 0;
  for (; k + VL <= c; k += VL)
    give(w, add, dy + k, at + k, VL, dx + k);
  if (k < c)
    give(w, add, dy + k, at + k, c - k, dx + k);
}

/* --- windows of every size: 2x2 and 3x3 as constants --- */
enum { FORWARD, WRITE, ADD };
typedef struct spot { /* of one output */
  const float *x, *dy;
  float *y, *dx;
  uint8_t *at;
} spot;

INLINE void window_do(int what, const window *w, size_t c, const spot *s)
{
  if (what == FORWARD)
    window_forward(w, c, s->x, s->y, s->at);
  else
    window_back(w, what == ADD, c, s->dy, s->at, s->dx);
}
INLINE void square(int what, size_t k, const window *w, size_t c, const spot *s)
{
  const window whole = {.v = {.hi = k}, .h = {.hi = k}, .kw = k, .row = w->row, .pixel = w->pixel};
  window_do(what, &whole, c, s);
}

INLINE void any_window(int what, const rad_pool *g, pool_span v, pool_span h, const spot *s)
{
  const window w = {.v = v, .h = h, .kw = g->kw, .row = g->w * g->c, .pixel = g->c};
  const size_t k = v.hi - v.lo == g->kh && h.hi - h.lo == g->kw && g->kh == g->kw ? g->kw : 0;
  if (k == 2)
    square(what, 2, &w, g->c, s);
  else if (k == 3)
    square(what, 3, &w, g->c, s);
  else
    window_do(what, &w, g->c, s);
}

/* --- images --- */

static void pool_image(const rad_pool *of, const float *x, float *y, uint8_t *at)
{
  const rad_pool own = *of, *g = &own; /* which no store can change */
  spot s = {.y = y, .at = at};
  for (size_t i = 0; i < g->oh; i++) {
    const pool_span v = pool_down(g, i);
    for (size_t j = 0; j < g->ow; j++, s.y += g->c, s.at += g->c) {
      const pool_span h = pool_across(g, j);
      s.x = x + (v.at * g->w + h.at) * g->c;
      any_window(FORWARD, g, v, h, &s);
    }
  }
}

rad_status NAME(max_pool)(rad_ctx *c, const rad_pool *g)
{
  const size_t nx = g->h * g->w * g->c, ny = g->oh * g->ow * g->c;
  RAD_TRY(pool_check(c, g));
  for (size_t i = 0; i < g->n; i++)
    pool_image(g, g->x + i * nx, g->y + i * ny, g->at + i * ny);
  return RAD_OK;
}

/* Pixels from .. to-1 of `rows` rows are 0. */
INLINE void clear(const rad_pool *g, float *dx, size_t rows, size_t from, size_t to)
{
  for (size_t a = 0; from < to && a < rows; a++)
    memset(dx + (a * g->w + from) * g->c, 0, (to - from) * g->c * sizeof *dx);
}

/* Windows that do not overlap: dx of one image, what is between them and behind them too. */
static void write_image(const rad_pool *of, const float *dy, uint8_t *at, float *dx)
{
  const rad_pool own = *of, *g = &own;
  spot s = {.dy = dy, .at = at};
  size_t row = 0;
  for (size_t i = 0; i < g->oh; i++) {
    const pool_span v = pool_down(g, i);
    const size_t high = v.hi - v.lo;
    float *band = dx + v.at * g->w * g->c;
    size_t pixel = 0;
    clear(g, dx + row * g->w * g->c, v.at - row, 0, g->w);
    for (size_t j = 0; j < g->ow; j++, s.dy += g->c, s.at += g->c) {
      const pool_span h = pool_across(g, j);
      s.dx = band + h.at * g->c;
      clear(g, band, high, pixel, h.at);
      any_window(WRITE, g, v, h, &s);
      pixel = h.at + h.hi - h.lo;
    }
    clear(g, band, high, pixel, g->w);
    row = v.at + high;
  }
  clear(g, dx + row * g->w * g->c, g->h - row, 0, g->w);
}

static void add_image(const rad_pool *of, const float *dy, uint8_t *at, float *dx)
{
  const rad_pool own = *of, *g = &own;
  spot s = {.dy = dy, .at = at};
  clear(g, dx, g->h, 0, g->w);
  for (size_t i = 0; i < g->oh; i++) {
    const pool_span v = pool_down(g, i);
    for (size_t j = 0; j < g->ow; j++, s.dy += g->c, s.at += g->c) {
      const pool_span h = pool_across(g, j);
      s.dx = dx + (v.at * g->w + h.at) * g->c;
      any_window(ADD, g, v, h, &s);
    }
  }
}

rad_status NAME(max_pool_back)(rad_ctx *c, const rad_pool *g)
{
  const size_t nx = g->h * g->w * g->c, ny = g->oh * g->ow * g->c;
  RAD_TRY(pool_check(c, g));
  for (size_t i = 0; i < g->n; i++)
    if (g->sh >= g->kh && g->sw >= g->kw)
      write_image(g, g->dy + i * ny, g->at + i * ny, g->dx + i * nx);
    else
      add_image(g, g->dy + i * ny, g->at + i * ny, g->dx + i * nx);
  return RAD_OK;
}
