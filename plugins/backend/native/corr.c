/* SPDX-License-Identifier: BSD-3-Clause
 * corr.c - the dense correlation of conv.h: tiles of up to MR_CONV outputs of a row x one panel
 * stay in registers while a sum runs over the taps. Sums are cut into blocks of about KB terms, so
 * that a panel's block stays in the first cache; between blocks a sum waits in y, unrounded. */
#include "conv.h"
#include "tile.h"

enum { KB = 384, NEAR = 98304 }; /* NEAR: floats of x that stay in the second cache */

/* What one row of outputs takes from a block: n segments of `len` floats, the first one at tap
 * column b. The sums of a tile start at `from`. */
typedef struct part {
  size_t n, b, len;
  const float *x, *w, *from;
  size_t from_pixel;
  uint32_t act;
} part;

/* mr outputs from x on, nv vectors of columns */
INLINE void outputs(int mr, int nv, const corr *k, const part *p, const float *x, const float *from,
                    size_t from_pixel, float *y, size_t y_pixel)
{
  const size_t x_next = k->x_row * k->gap - (k->nb - 1) * k->x_tap,
               w_next = k->w_row - (k->nb - 1) * k->w_tap;
  const float *w = p->w;
  vec acc[MR_CONV][NV];
  UNROLL
  for (int i = 0; i < mr; i++)
    tile_load(from + (size_t)i * from_pixel, (size_t)nv * VL, acc[i]);
  for (size_t s = p->n, b = p->b; s > 0; s--) {
    tile_add_part(mr, nv, p->len, x, k->x_pixel, 1, w, PANEL, acc);
    const bool turn = ++b == k->nb;
    x += turn ? x_next : k->x_tap;
    w += turn ? w_next : k->w_tap;
    b = turn ? 0 : b;
  }
  UNROLL
  for (int i = 0; i < mr; i++) {
    UNROLL
    for (int v = 0; v < nv; v++)
      if (p->act == RAD_ACT_RELU)
        acc[i][v] = vec_below(acc[i][v], (vec){0});
      else if (p->act == RAD_ACT_LEAKY)
        acc[i][v] = vec_below(acc[i][v], k->alpha * acc[i][v]);
    tile_store(y + (size_t)i * y_pixel, (size_t)nv * VL, acc[i]);
  }
}

static void tile(size_t mr, size_t n, const corr *k, const part *p, const float *x,
                 const float *from, size_t from_pixel, float *y, size_t y_pixel)
{
  if (n > VL)
    switch (mr) {
      TILE_ROWS_CONV(outputs, NV, k, p, x, from, from_pixel, y, y_pixel)
    }
  else
    switch (mr) {
      TILE_ROWS_CONV(outputs, 1, k, p, x, from, from_pixel, y, y_pixel)
    }
}

/* the same for n columns that are no whole vectors, by way of a tile of its own */
static void odd_tile(size_t mr, size_t n, const corr *k, const part *p, const float *x, float *y)
{
  float t[MR_CONV * PANEL] = {0};
  const bool again = p->from_pixel > 0;
  for (size_t i = 0; again && i < mr; i++)
    memcpy(t + i * PANEL, y + i * k->y_pixel, n * sizeof *t);
  tile(mr, n, k, p, x, again ? t : p->from, again ? PANEL : 0, t, PANEL);
  for (size_t i = 0; i < mr; i++)
    memcpy(y + i * k->y_pixel, t + i * PANEL, n * sizeof *t);
}

/* a block: segments s0 .. s1-1, of each the floats q .. q+len-1 */
typedef struct block {
  size_t s0, s1, q, len;
  bool first, last;
} block;

/* Tap rows *lo .. *hi-1 of outputs in row i meet a row of x. */
static void meet(const corr *k, size_t i, size_t *lo, size_t *hi)
{
  const ptrdiff_t at = (ptrdiff_t)(i * k->step) + k->first;
  const size_t before = at < 0 ? (size_t)-at : 0;
  *lo = least(before / k->gap + (before % k->gap > 0), k->na);
  *hi = *lo;
  if (at < (ptrdiff_t)k->height)
    *hi = least((size_t)((ptrdiff_t)k->height - 1 - at) / k->gap + 1, k->na);
  if (*hi < *lo)
    *hi = *lo;
}

/* what row i of outputs takes for panel j */
static part part_of(const corr *k, const block *d, size_t j, size_t i)
{
  part p = {.len = d->len,
            .x = k->x,
            .w = k->w + j * k->w_panel,
            .from_pixel = d->first ? 0 : k->y_pixel,
            .act = d->last ? k->act : RAD_ACT_NONE};
  size_t lo, hi;
  meet(k, i, &lo, &hi);
  lo = lo * k->nb > d->s0 ? lo * k->nb : d->s0;
  hi = least(hi * k->nb, d->s1);
  if (hi <= lo)
    return p;
  const size_t a = lo / k->nb;
  const ptrdiff_t row = (ptrdiff_t)(i * k->step + a * k->gap) + k->first;
  p.n = hi - lo;
  p.b = lo % k->nb;
  p.x += (size_t)row * k->x_row + p.b * k->x_tap + d->q;
  p.w += a * k->w_row + p.b * k->w_tap + d->q * PANEL;
  return p;
}

/* panel j of outputs in rows i0 .. i1-1 */
static void add_block(const corr *k, const block *d, size_t j, size_t i0, size_t i1)
{
  const size_t n = least(PANEL, k->n - j * PANEL), step = even_tiles(k->cols);
  float bias[PANEL] = {0};
  if (d->first && k->bias)
    memcpy(bias, k->bias + j * PANEL, n * sizeof *bias);
  for (size_t i = i0; i < i1; i++) {
    part p = part_of(k, d, j, i);
    if (p.n == 0 && !d->first && !d->last)
      continue;
    for (size_t t = 0; t < k->cols; t += step) {
      const size_t mr = least(step, k->cols - t);
      const float *x = p.x + (p.n > 0 ? t * k->x_pixel : 0);
      float *y = k->y + i * k->y_row + t * k->y_pixel + j * PANEL;
      p.from = d->first ? bias : y;
      if (n == PANEL || n == VL)
        tile(mr, n, k, &p, x, p.from, p.from_pixel, y, k->y_pixel);
      else
        odd_tile(mr, n, k, &p, x, y);
    }
  }
}

/* panel j in blocks: several whole segments, or a piece of one */
static void add_panel(const corr *k, size_t j, size_t i0, size_t i1)
{
  const size_t segments = k->na * k->nb, len = even(k->run, KB);
  const size_t each = even_rows(segments, k->run, KB);
  block d = {.first = true};
  do {
    d.s1 = least(d.s0 + each, segments);
    d.q = 0;
    do {
      d.len = least(len, k->run - d.q);
      d.last = d.s1 == segments && d.q + d.len == k->run;
      add_block(k, &d, j, i0, i1);
      d.first = false;
    } while ((d.q += len) < k->run);
  } while ((d.s0 = d.s1) < segments);
}

void NAME(correlate)(const corr *k)
{
  const size_t rows = even_rows(k->rows, k->x_row * k->step, NEAR);
  for (size_t i = 0; i < k->rows; i += rows)
    for (size_t j = 0; j < panels(k->n); j++)
      add_panel(k, j, i, i + least(rows, k->rows - i));
}

/* --- zeros beside an image --- */

/* of h->width pixels in a row, those of the image: n behind `left` */
static size_t inside(const halo *h, size_t width, size_t *left)
{
  *left = least(h->left, h->width);
  return least(width, h->width - *left);
}

rad_status NAME(halo)(rad_ctx *c, halo *h, size_t height, size_t width, size_t channels)
{
  h->room = NULL;
  if ((h->left == 0 && h->width <= width) || h->width == 0 || height == 0 || channels == 0)
    return RAD_OK;
  h->room = floats3(c, height, h->width, channels);
  if (!h->room)
    return RAD_ENOMEM;
  size_t left, n = inside(h, width, &left);
  for (size_t i = 0; i < height; i++) {
    float *to = h->room + i * h->width * channels, *behind = to + (left + n) * channels;
    memset(to, 0, left * channels * sizeof *to);
    memset(behind, 0, (h->width - left - n) * channels * sizeof *to);
  }
  return RAD_OK;
}

/* only its pixels: the zeros stay from image to image */
const float *NAME(with_halo)(const halo *h, const float *x, size_t height, size_t width,
                             size_t channels)
{
  if (!h->room)
    return x;
  size_t left, n = inside(h, width, &left);
  for (size_t i = 0; i < height; i++)
    memcpy(h->room + (i * h->width + left) * channels, x + i * width * channels,
           n * channels * sizeof *x);
  return h->room;
}
