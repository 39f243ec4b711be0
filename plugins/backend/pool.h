/* SPDX-License-Identifier: BSD-3-Clause
 * pool.h - the largest value of each window, in plain loops:
 *   y (i,j,k) = max over taps (a,b) of x (i sh + a - ph, j sw + b - pw, k),  at = a kw + b,
 * and back: dx = 0, then each dy is added at the place its output came from; and what vector code
 * shares with them. X (n,h,w,c), Y (n,oh,ow,c). */
#ifndef PLUGINS_BACKEND_POOL_H
#define PLUGINS_BACKEND_POOL_H
#include <rademacher/backend.h>
#include <string.h>

/* Of one output along one axis: its taps lo .. hi-1 are on the input, the first of them at `at`. */
typedef struct pool_span {
  size_t lo, hi, at;
} pool_span;

static inline pool_span pool_clip(size_t out, size_t stride, size_t pad, size_t kernel, size_t len)
{
  const size_t first = out * stride; /* on the padded axis */
  const size_t lo = first < pad ? pad - first : 0, end = len + pad - first;
  return (pool_span){lo, end < kernel ? end : kernel, first + lo - pad};
}
static inline pool_span pool_down(const rad_pool *g, size_t i)
{
  return pool_clip(i, g->sh, g->ph, g->kh, g->h);
}
static inline pool_span pool_across(const rad_pool *g, size_t j)
{
  return pool_clip(j, g->sw, g->pw, g->kw, g->w);
}

/* RAD_OK, or why these windows cannot be: a place must fit into a byte, none may be empty. */
static inline rad_status pool_check(rad_ctx *c, const rad_pool *g)
{
  if (g->kh == 0 || g->kw == 0 || g->sh == 0 || g->sw == 0)
    return rad_fail(c, RAD_EINVAL, "kernel and stride of a pool must be >= 1");
  if (g->kh > 256 || g->kw > 256 || g->kh * g->kw > 256)
    return rad_fail(c, RAD_EINVAL, "a window of %zux%zu has more than 256 places: smaller kernel",
                    g->kh, g->kw);
  if (g->ph >= g->kh || g->pw >= g->kw || (g->oh > 0 && (g->oh - 1) * g->sh >= g->h + g->ph) ||
      (g->ow > 0 && (g->ow - 1) * g->sw >= g->w + g->pw))
    return rad_fail(c, RAD_EINVAL,
                    "some of %zux%zu windows of %zux%zu, strides %zu and %zu, see nothing of "
                    "%zux%zu places: less padding, or fewer outputs",
                    g->oh, g->ow, g->kh, g->kw, g->sh, g->sw, g->h, g->w);
  return RAD_OK;
}

/* y (c), at (c): the largest so far takes in x (c), which is place t of the window */
static inline void pool_take(size_t c, const float *restrict x, float *restrict y,
                             uint8_t *restrict at, size_t t)
{
  for (size_t k = 0; k < c; k++) {
    const bool more = x[k] > y[k] || x[k] != x[k];
    y[k] = more ? x[k] : y[k];
    at[k] = more ? (uint8_t)t : at[k];
  }
}

/* y, at: one row of outputs of the image x */
static inline void pool_row(const rad_pool *g, size_t i, const float *x, float *y, uint8_t *at)
{
  const pool_span v = pool_down(g, i);
  for (size_t j = 0; j < g->ow; j++, y += g->c, at += g->c) {
    const pool_span h = pool_across(g, j);
    for (size_t a = v.lo; a < v.hi; a++)
      for (size_t b = h.lo; b < h.hi; b++) {
        const float *tap = x + ((v.at + a - v.lo) * g->w + h.at + b - h.lo) * g->c;
        if (a == v.lo && b == h.lo) {
          memcpy(y, tap, g->c * sizeof *y);
          memset(at, (int)(a * g->kw + b), g->c);
        } else
          pool_take(g->c, tap, y, at, a * g->kw + b);
      }
  }
}

static inline rad_status max_pool(rad_ctx *c, const rad_pool *g)
{
  RAD_TRY(pool_check(c, g));
  for (size_t r = 0; r < g->n * g->oh; r++)
    pool_row(g, r % g->oh, g->x + r / g->oh * g->h * g->w * g->c, g->y + r * g->ow * g->c,
             g->at + r * g->ow * g->c);
  return RAD_OK;
}

static inline rad_status max_pool_back(rad_ctx *c, const rad_pool *g)
{
  const float *dy = g->dy;
  const uint8_t *at = g->at;
  RAD_TRY(pool_check(c, g));
  if (g->n * g->h * g->w * g->c > 0)
    memset(g->dx, 0, g->n * g->h * g->w * g->c * sizeof *g->dx);
  for (size_t r = 0; r < g->n * g->oh; r++)
    for (size_t j = 0; j < g->ow; j++, dy += g->c, at += g->c) {
      const pool_span v = pool_down(g, r % g->oh), h = pool_across(g, j);
      float *dx = g->dx + ((r / g->oh * g->h + v.at) * g->w + h.at) * g->c;
      for (size_t k = 0; k < g->c; k++)
        dx[((at[k] / g->kw - v.lo) * g->w + at[k] % g->kw - h.lo) * g->c + k] += dy[k];
    }
  return RAD_OK;
}
#endif
