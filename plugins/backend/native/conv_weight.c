/* SPDX-License-Identifier: BSD-3-Clause
 * conv_weight.c - gradient of a convolution's weights, outputs lo .. hi-1:
 *   grad (o,a,b,q) = keep grad + sum over images and outputs (i,j) of
 *     dy[i][j][o] x[i sh + a dh - ph][j sw + b dw - pw][q],
 * in tiles of up to MR_CONV taps (q, or (b,q) where they lie together) x one panel of outputs. A
 * sum is one chain over the pixels in their order, image after image, and waits in grad. */
#include "conv.h"
#include "tile.h"

/* pixels of one panel of dy that stay in the first cache; floats of x that stay near it */
enum { PIXELS = 256, NEAR = 262144 };

/* One image, one panel: the sums of all taps, panels (kh,kw,c/groups,PANEL). */
typedef struct taps {
  const rad_conv *g;
  size_t n, nb, run; /* outputs of the panel, tap columns, sums that lie together under a tap */
  const float *x;
  size_t x_row, x_pixel, x_tap, dy_row, dy_pixel;
  float keep; /* of the first rows of outputs */
} taps;

/* rows of outputs: mr sums that begin at `grad`, nv vectors of columns, zeros behind them */
INLINE void sums(int mr, int nv, const taps *k, size_t rows, float keep, const float *x,
                 const float *dy, float *grad)
{
  vec acc[MR_CONV][NV];
  UNROLL
  for (int i = 0; i < mr; i++)
    if (keep == 0.0f)
      tile_load(grad, 0, acc[i]);
    else
      tile_load(grad + i * PANEL, (size_t)nv * VL, acc[i]);
  if (keep != 0.0f && keep != 1.0f) {
    UNROLL
    for (int i = 0; i < mr; i++)
      for (int v = 0; v < nv; v++)
        acc[i][v] *= keep;
  }
  for (; rows > 0; rows--, x += k->x_row * k->g->sh, dy += k->dy_row)
    tile_add_part(mr, nv, k->g->ow, x, 1, k->x_pixel, dy, k->dy_pixel, acc);
  UNROLL
  for (int i = 0; i < mr; i++)
    tile_store(grad + i * PANEL, PANEL, acc[i]);
}

static void tile(size_t mr, const taps *k, size_t rows, float keep, const float *x, const float *dy,
                 float *grad)
{
  if (k->n > VL)
    switch (mr) {
      TILE_ROWS_CONV(sums, NV, k, rows, keep, x, dy, grad)
    }
  else
    switch (mr) {
      TILE_ROWS_CONV(sums, 1, k, rows, keep, x, dy, grad)
    }
}

/* Outputs *lo .. *hi-1 of i0 .. i1-1 whose tap row a is on the image. */
static void meet(const rad_conv *g, size_t a, size_t i0, size_t i1, size_t *lo, size_t *hi)
{
  const size_t at = a * g->dh, before = g->ph > at ? g->ph - at : 0;
  const size_t first = before / g->sh + (before % g->sh > 0),
               end = g->h + g->ph > at ? (g->h + g->ph - at - 1) / g->sh + 1 : 0;
  *lo = first > i0 ? first : i0;
  *hi = least(end, i1);
  if (*hi <= *lo || g->h == 0)
    *lo = *hi = i0;
}

/* the share of outputs in rows i0 .. i1-1; dy: from row i0 on */
static void add_rows(const taps *k, size_t i0, size_t i1, const float *dy, float *grad)
{
  const rad_conv *g = k->g;
  const size_t step = even_tiles(k->run);
  const float keep = i0 == 0 ? k->keep : 1.0f;
  for (size_t a = 0; a < g->kh; a++) {
    size_t lo, hi;
    meet(g, a, i0, i1, &lo, &hi);
    if (lo == hi && keep == 1.0f) {
      grad += k->nb * k->run * PANEL;
      continue;
    }
    const size_t at = lo < hi ? lo * g->sh + a * g->dh - g->ph : 0;
    for (size_t b = 0; b < k->nb; b++)
      for (size_t t = 0; t < k->run; t += step) {
        const size_t mr = least(step, k->run - t);
        tile(mr, k, hi - lo, keep, k->x + at * k->x_row + b * k->x_tap + t,
             dy + (lo - i0) * k->dy_row, grad);
        grad += mr * PANEL;
      }
  }
}

/* n columns of dy (pixels,stride), zeros behind them */
static void pack_dy(size_t pixels, const float *dy, size_t stride, size_t n, float *out)
{
  for (size_t i = 0; i < pixels; i++, out += PANEL) {
    memcpy(out, dy + i * stride, n * sizeof *out);
    memset(out + n, 0, (PANEL - n) * sizeof *out);
  }
}

/* outputs o .. o+n-1, which are of one group, of rows i0 .. i1-1 of one image */
static void add_panel(const rad_conv *g, taps *k, const float *x, size_t i0, size_t i1, size_t o,
                      size_t n, float *room, float *grad)
{
  const size_t rows = even_rows(i1 - i0, g->ow, PIXELS);
  const float *dy = (const float *)g->dy + i0 * g->ow * g->o + o;
  k->g = g;
  k->n = n;
  k->x = x + o / (g->o / g->groups) * (g->c / g->groups);
  k->dy_pixel = g->o;
  if (n != PANEL && n != VL) {
    pack_dy((i1 - i0) * g->ow, dy, g->o, n, room);
    dy = room;
    k->dy_pixel = PANEL;
  }
  k->dy_row = g->ow * k->dy_pixel;
  size_t i = i0;
  do
    add_rows(k, i, least(i + rows, i1), dy + (i - i0) * k->dy_row, grad);
  while ((i += rows) < i1);
}

/* How many of the outputs from o on are one panel: of one group, before hi. */
static size_t width(const rad_conv *g, size_t o)
{
  const size_t og = g->o / g->groups;
  return least(least(PANEL, g->hi - o), og - o % og);
}

/* Plain gradients are turned into panels and, at the end, back. */
static void turn(const rad_conv *g, bool back, float *grad)
{
  const size_t K = g->kh * g->kw * (g->c / g->groups);
  for (size_t o = g->lo, n; o < g->hi; o += n, grad += K * PANEL) {
    n = width(g, o);
    if (back) {
      NAME(transpose)(K, n, grad, PANEL, g->grad + o * K, K);
      continue;
    }
    if (n < PANEL)
      memset(grad, 0, K * PANEL * sizeof *grad);
    NAME(transpose)(n, K, g->grad + o * K, K, grad, PANEL);
  }
}

static void add_images(const rad_conv *g, const halo *h, float *room, float *grad)
{
  const size_t cg = g->c / g->groups, K = g->kh * g->kw * cg;
  const bool joined = g->groups == 1 && g->dw == 1;
  taps k = {.nb = joined ? 1 : g->kw,
            .run = joined ? g->kw * cg : cg,
            .x_row = (h->room ? h->width : g->w) * g->c,
            .x_pixel = g->sw * g->c,
            .x_tap = g->dw * g->c};
  for (size_t i = 0; i < conv_images(g); i++) {
    const rad_conv one = conv_image(g, i);
    const float *x = NAME(with_halo)(h, one.x, one.h, one.w, one.c);
    const size_t rows = even_rows(one.oh, k.x_row * g->sh, NEAR);
    size_t j = 0;
    k.keep = i == 0 ? g->keep : 1.0f;
    do {
      float *at = grad;
      for (size_t o = g->lo, n; o < g->hi; o += n, at += K * PANEL) {
        n = width(g, o);
        add_panel(&one, &k, x, j, least(j + rows, one.oh), o, n, room, at);
      }
    } while ((j += rows) < one.oh);
  }
}

/* Scratch memory for plain gradients in panels, and for a narrow panel of dy. */
static rad_status make_room(rad_ctx *c, const rad_conv *g, bool packed, float **grad, float **dy)
{
  const size_t og = g->o / g->groups, pixels = conv_pointwise(g) ? CUT : g->oh * g->ow;
  size_t n = 0;
  for (size_t o = g->lo; o < g->hi; o += width(g, o))
    n++;
  *grad = packed ? g->grad + g->lo * g->kh * g->kw * g->c
                 : floats3(c, n, g->kh * g->kw * (g->c / g->groups), PANEL);
  *dy = NULL;
  if (!*grad)
    return RAD_ENOMEM;
  if (pixels > 0 && (g->lo % PANEL > 0 || g->hi % PANEL > 0 || og % PANEL > 0)) {
    *dy = floats(c, pixels, PANEL);
    return *dy ? RAD_OK : RAD_ENOMEM;
  }
  return RAD_OK;
}

/* no image: grad = keep grad */
static void scale(const rad_conv *g, bool packed)
{
  const size_t K = g->kh * g->kw * (g->c / g->groups);
  const size_t end = packed ? panels(g->hi) * PANEL : g->hi;
  for (size_t i = g->lo * K; i < end * K; i++)
    g->grad[i] = g->keep == 0.0f ? 0.0f : g->keep * g->grad[i];
}

rad_status NAME(conv_weight)(rad_ctx *c, const rad_conv *g)
{
  RAD_TRY(NAME(conv_check)(c, g));
  const bool packed = g->packed && g->packed->layout != 0;
  if (g->hi > g->o || (packed && g->lo % PANEL > 0))
    return rad_fail(c, RAD_EINVAL, "outputs %zu to %zu of %zu: must begin at a multiple of %d",
                    g->lo, g->hi, g->o, PANEL);
  if (g->lo >= g->hi || g->c == 0)
    return RAD_OK;
  if (conv_images(g) == 0) {
    scale(g, packed);
    return RAD_OK;
  }
  float *grad, *room;
  halo h = conv_halo(g);
  RAD_TRY(NAME(halo)(c, &h, g->h, g->w, g->c));
  RAD_TRY(make_room(c, g, packed, &grad, &room));
  if (!packed && g->keep != 0.0f)
    turn(g, false, grad);
  add_images(g, &h, room, grad);
  if (!packed)
    turn(g, true, grad);
  return RAD_OK;
}
