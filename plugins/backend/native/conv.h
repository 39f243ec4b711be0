/* SPDX-License-Identifier: BSD-3-Clause
 * conv.h - what the three products of a convolution share: their walk over images, a copy of an
 * image with zeros beside it, and the dense correlation that both the result and the gradient of
 * the input are made of. X (n,h,w,c), W (o,kh,kw,c/groups), Y (n,oh,ow,o). */
#ifndef NATIVE_CONV_H
#define NATIVE_CONV_H
#include "isa.h"
#include <string.h>

/* One image: y (i,j,n) = act(bias + sum over taps (a,b) and q < run of
 *   x[row i step + a gap + first][j x_pixel + b x_tap + q] w(a,b)[q][n]).
 * Rows outside 0 .. height-1 are left out; columns must be there. All distances are in floats. */
typedef struct corr {
  size_t rows, cols, n; /* of outputs */
  size_t na, nb, run;   /* tap rows, tap columns, floats that lie together under a tap */
  const float *x;
  size_t x_row, x_pixel, x_tap, height, step, gap;
  ptrdiff_t first;
  const float *w; /* panels (.., run, PANEL), w_panel apart */
  size_t w_panel, w_row, w_tap;
  float *y;
  size_t y_row, y_pixel;
  const float *bias; /* (n) or NULL */
  uint32_t act;      /* none, relu or leaky */
  float alpha;
} corr;
void NAME(correlate)(const corr *);

/* An image whose rows begin with `left` zeros and are `width` pixels long; room NULL: none needed
 */
typedef struct halo {
  float *room;
  size_t left, width;
} halo;
rad_status NAME(halo)(rad_ctx *, halo *, size_t height, size_t width, size_t channels);
const float *NAME(with_halo)(const halo *, const float *x, size_t height, size_t width,
                             size_t channels);

/* RAD_OK, or why this is no convolution that can be done here. */
rad_status NAME(conv_check)(rad_ctx *, const rad_conv *);

/* Scratch memory for a * b * n floats, none of them 0. */
static inline float *floats3(rad_ctx *c, size_t a, size_t b, size_t n)
{
  return floats(c, a, b <= SIZE_MAX / n ? b * n : SIZE_MAX);
}

/* n in the fewest parts of at most `most`, about the same in size: the size of all but the last */
static inline size_t even(size_t n, size_t most)
{
  const size_t parts = n / most + (n % most > 0);
  return parts > 0 ? n / parts + (n % parts > 0) : 1;
}

/* Rows of at most `most` floats together, at least one. */
static inline size_t even_rows(size_t rows, size_t row, size_t most)
{
  return even(rows, row < most ? most / (row > 0 ? row : 1) : 1);
}

/* How many outputs of a row, or taps, are one tile: the fewest tiles, of 8 where that is even. */
static inline size_t even_tiles(size_t n)
{
  return MR_CONV > 8 && n % 8 == 0 && n > 0 ? 8 : even(n, MR_CONV);
}

/* --- images. Where only channels mix, the pixels of all images are one row, cut at CUT --- */
enum { CUT = 224 };
static inline bool conv_pointwise(const rad_conv *g)
{
  return g->kh == 1 && g->kw == 1 && g->sh == 1 && g->sw == 1 && g->ph == 0 && g->pw == 0 &&
         g->oh == g->h && g->ow == g->w;
}

static inline size_t conv_images(const rad_conv *g)
{
  if (!conv_pointwise(g))
    return g->n;
  const size_t pixels = g->n * g->h * g->w;
  return pixels / CUT + (pixels % CUT > 0);
}

/* image i of the call as a call of its own */
static inline rad_conv conv_image(const rad_conv *g, size_t i)
{
  const bool flat = conv_pointwise(g);
  const size_t x = (flat ? CUT : g->h * g->w) * g->c, y = (flat ? CUT : g->oh * g->ow) * g->o;
  rad_conv one = *g;
  one.n = 1;
  one.x = g->x ? (const float *)g->x + i * x : NULL;
  one.dx = g->dx ? (float *)g->dx + i * x : NULL;
  one.y = g->y ? (float *)g->y + i * y : NULL;
  one.dy = g->dy ? (const float *)g->dy + i * y : NULL;
  if (flat) {
    one.h = one.oh = 1;
    one.w = one.ow = least(CUT, g->n * g->h * g->w - i * CUT);
  }
  return one;
}

/* the zeros beside X */
static inline halo conv_halo(const rad_conv *g)
{
  const bool flat = conv_pointwise(g);
  return (halo){.left = g->pw,
                .width = flat || g->ow == 0 ? 0 : (g->ow - 1) * g->sw + (g->kw - 1) * g->dw + 1};
}
#endif
