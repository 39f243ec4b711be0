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

/* mr outputs from x on, all PANEL columns */
INLINE void outputs(int mr, const corr *k, const part *p, const float *x, const float *from,
                    size_t from_pixel, float *y, size_t y_pixel)
{
  const size_t x_next = k->x_row * k->gap - (k->nb - 1) * k->x_tap,
               w_next = k->w_row - (k->nb - 1) * k->w_tap;
  const float *w = p->w;
  vec acc[MR_CONV][NV];
  UNROLL
  for (int i = 0; i < mr; i++)
    tile_load(from + (size_t)i * from_pixel, PANEL, acc[i]);
  for (size_t s = p->n, b = p->b; s > 0; s--) {
    tile_add(mr, p->len, x, k->x_pixel, 1, w, PANEL, acc);
    const bool turn = ++b == k->nb;
    x += turn ? x_next : k->x_tap;
    w += turn ? w_next : k->w_tap;
    b = turn ? 0 : b;
  }
  UNROLL
  for (int i = 0; i < mr; i++) {
    UNROLL
    for (int v = 0; v < NV; v++)
      if (p->act == RAD_ACT_RELU)
        acc[i][v] = vec_below(acc[i][v], (vec){0});
      else if (p->act == RAD_ACT_LEAKY)
        acc[i][v] = vec_below(acc[i][v], k->alpha * acc[i][v]);
    tile_store(y + (size_t)i * y_pixel, PANEL, acc[i]);
  }
}

static void tile(size_t mr, const corr *k, const part *p, const float *x, const float *from,
                 size_t from_pixel, float *y, size_t y_pixel)
{
  switch (mr) {
    TILE_ROWS_CONV(outputs, k, p, x, from, from_pixel, y, y_pixel)
  }
}

/* the same for n < PANEL columns of y, by way of a tile of its own */
static void narrow_tile(size_t mr, size_t n, const corr *k, const part *p, const float *x, float *y)
{
  float t[MR_CONV * PANEL] = {0};
  const bool again = p->from_pixel > 0;
  for (size_t i = 0; again && i < mr; i++)
    memcpy(t + i * PANEL, y + i * k->y_pixel, n * sizeof *t);
  tile(mr, k, p, x, again ? t : p->from, again ? PANEL : 0, t, PANEL);
  for (size_t i = 0; i < mr; i++)
    memcpy(y + i * k->y_pixel, t + i * PANEL, n * sizeof *t);
}

/* How many outputs of a row are taken at a time: about the same everywhere. */
static size_t tile_size(size_t cols)
{
  const size_t n = cols / MR_CONV + (cols % MR_CONV > 0);
  return MR_CONV > 8 && cols % 8 == 0 ? 8 : n > 0 ? cols / n + (cols % n > 0) : 1;
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

/* panel j of outputs in rows i0 .. i1-1 */
static void add_block(const corr *k, const block *d, size_t j, size_t i0, size_t i1)
{
  const size_t n = least(PANEL, k->n - j * PANEL), step = tile_size(k->cols);
  float bias[PANEL] = {0};
  if (d->first && k->bias)
    memcpy(bias, k->bias + j * PANEL, n * sizeof *bias);
  for (size_t i = i0; i < i1; i++) {
    float *y = k->y + i * k->y_row + j * PANEL;
    size_t lo, hi;
    meet(k, i, &lo, &hi);
    lo = lo * k->nb > d->s0 ? lo * k->nb : d->s0;
    hi = least(hi * k->nb, d->s1);
    if (hi <= lo && !d->first && !d->last)
      continue;
    const size_t a = k->nb > 0 ? lo / k->nb : 0, b = k->nb > 0 ? lo % k->nb : 0;
    const ptrdiff_t row = (ptrdiff_t)(i * k->step + a * k->gap) + k->first;
    part p = {.n = hi > lo ? hi - lo : 0,
              .b = b,
              .len = d->len,
              .x = k->x,
              .w = k->w + j * k->w_panel + a * k->w_row + b * k->w_tap + d->q * PANEL,
              .from_pixel = d->first ? 0 : k->y_pixel,
              .act = d->last ? k->act : RAD_ACT_NONE};
    if (p.n > 0)
      p.x += (size_t)row * k->x_row + b * k->x_tap + d->q;
    for (size_t t = 0; t < k->cols; t += step) {
      const size_t mr = least(step, k->cols - t);
      const float *x = p.x + (p.n > 0 ? t * k->x_pixel : 0);
      p.from = d->first ? bias : y + t * k->y_pixel;
      if (n == PANEL)
        tile(mr, k, &p, x, p.from, p.from_pixel, y + t * k->y_pixel, k->y_pixel);
      else
        narrow_tile(mr, n, k, &p, x, y + t * k->y_pixel);
    }
  }
}

/* panel j in blocks: several whole segments, or a piece of one */
static void add_panel(const corr *k, size_t j, size_t i0, size_t i1)
{
  const size_t segments = k->na * k->nb, pieces = k->run / KB + (k->run % KB > 0 || k->run == 0);
  const size_t len = k->run / pieces + (k->run % pieces > 0), most = k->run > 0 ? KB / k->run : 0;
  const size_t few = most > 1 ? most : 1, blocks = segments / few + (segments % few > 0);
  const size_t each = blocks > 0 ? segments / blocks + (segments % blocks > 0) : 1;
  block d = {.first = true};
  do
    for (d.s1 = least(d.s0 + each, segments), d.q = 0; d.q == 0 || d.q < k->run; d.q += len) {
      d.len = least(len, k->run - d.q);
      d.last = d.s1 == segments && d.q + d.len == k->run;
      add_block(k, &d, j, i0, i1);
      d.first = false;
      if (len == 0)
        break;
    }
  while ((d.s0 = d.s1) < segments);
}

void NAME(correlate)(const corr *k)
{
  const size_t row = k->x_row * k->step, rows = row < NEAR ? NEAR / (row > 0 ? row : 1) : 1;
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
