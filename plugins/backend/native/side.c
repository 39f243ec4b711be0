/* SPDX-License-Identifier: BSD-3-Clause
 * side.c - sums over the nonzeros of a matrix: side.h. */
#include "side.h"

/* Vectors that follow each other from some float on. Loads of 64 bytes that begin anywhere fall on
 * two lines of the cache each, which costs twice: there whole lines are loaded and turned. */
typedef struct run {
  const float *from;
#if RAD_VL == 16
  __m512 line;
  __m512i lanes;
#endif
} run;

#if RAD_VL == 16
INLINE run run_at(bool anywhere, const float *base, size_t at)
{
  if (!anywhere)
    return (run){.from = base + at};
  const __m512i first = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const float *from = base + (at & ~(size_t)15);
  return (run){.from = from,
               .line = _mm512_load_ps(from),
               .lanes = _mm512_add_epi32(first, _mm512_set1_epi32((int)(at & 15)))};
}
INLINE vec run_next(bool anywhere, run *r, int v)
{
  if (!anywhere)
    return vec_load(r->from + v * VL);
  const __m512 next = _mm512_load_ps(r->from + (v + 1) * VL);
  const vec x = (vec)_mm512_permutex2var_ps(r->line, r->lanes, next);
  r->line = next;
  return x;
}
#else
INLINE run run_at(bool anywhere, const float *base, size_t at)
{
  (void)anywhere;
  return (run){.from = base + at};
}
INLINE vec run_next(bool anywhere, const run *r, int v)
{
  (void)anywhere;
  return vec_load(r->from + v * VL);
}
#endif

INLINE void sums(int nv, bool anywhere, const side *s, size_t r, size_t rows, const float *in,
                 float *out)
{
  for (const size_t end = r + rows; r < end; r++, out += nv * VL) {
    vec acc[MOST];
    UNROLL
    for (int v = 0; v < nv; v++)
      acc[v] = (vec){0} + (s->bias ? s->bias[r] : 0.0f);
    for (uint64_t k = s->start[r]; k < s->start[r + 1]; k++) {
      const float w = s->value[s->order ? s->order[k] : k];
      run x = run_at(anywhere, in, s->index[k] * s->stride);
      UNROLL
      for (int v = 0; v < nv; v++)
        acc[v] += w * run_next(anywhere, &x, v);
    }
    UNROLL
    for (int v = 0; v < nv; v++)
      vec_store(out + v * VL, acc[v]);
  }
}

void NAME(side_sums)(size_t nv, const side *s, size_t r, size_t rows, const float *in, float *out)
{
  if (s->anywhere)
    switch (nv) {
      TILE_ROWS_8(sums, true, s, r, rows, in, out)
    }
  else
    switch (nv) {
      TILE_ROWS_8(sums, false, s, r, rows, in, out)
    }
}

/* grad (n), n <= VL, = keep grad + sums of the lanes of each t */
static void add(vec t[VL], size_t n, float keep, float *grad)
{
  vec sum = vec_sums(t);
  if (keep != 0.0f)
    sum += keep * (n == VL ? vec_load(grad) : vec_load_n(grad, n));
  if (n == VL)
    vec_store(grad, sum);
  else
    vec_store_n(grad, sum, n);
}

/* VL nonzeros at a time, wherever rows end */
INLINE void dots(int nv, bool anywhere, const side *s, size_t lo, size_t hi, float keep,
                 const float *x, const float *dy, size_t ld, float *grad)
{
  _Alignas(64) vec t[VL]; /* a vec alone is aligned as a float */
  vec d[MOST];
  size_t n = 0;
  for (size_t i = 0; i < VL; i++)
    t[i] = (vec){0};
  uint64_t k = s->start[lo];
  for (size_t u = lo; u < hi; u++, dy += ld) {
    UNROLL
    for (int v = 0; v < nv; v++)
      d[v] = vec_load(dy + v * VL);
    for (; k < s->start[u + 1]; k++) {
      run q = run_at(anywhere, x, s->index[k] * s->stride);
      vec part[2] = {d[0] * run_next(anywhere, &q, 0), (vec){0}};
      UNROLL
      for (int v = 1; v < nv; v++)
        part[v % 2] += d[v] * run_next(anywhere, &q, v);
      t[n++] = part[0] + part[1];
      if (n == VL) {
        add(t, VL, keep, grad + k + 1 - VL);
        n = 0;
      }
    }
  }
  if (n > 0)
    add(t, n, keep, grad + k - n);
}

void NAME(side_dots)(size_t nv, const side *s, size_t lo, size_t hi, float keep, const float *x,
                     const float *dy, size_t ld, float *grad)
{
  if (s->anywhere)
    switch (nv) {
      TILE_ROWS_8(dots, true, s, lo, hi, keep, x, dy, ld, grad)
    }
  else
    switch (nv) {
      TILE_ROWS_8(dots, false, s, lo, hi, keep, x, dy, ld, grad)
    }
}

/* the same for nonzeros that are stored at grad[at[i]] */
static void add_at(vec t[VL], size_t n, float keep, const uint64_t *at, float *grad)
{
  float g[VL] = {0};
  for (size_t i = 0; i < n && keep != 0.0f; i++)
    g[i] = grad[at[i]];
  add(t, VL, keep, g);
  for (size_t i = 0; i < n; i++)
    grad[at[i]] = g[i];
}

/* a vector of dY, once loaded, is added to dX and multiplied with X */
INLINE void both(int nv, const side *s, size_t lo, size_t hi, float keep, const float *dy,
                 const float *x, size_t ld, float *out, float *grad)
{
  _Alignas(64) vec t[VL];
  vec acc[MOST], in[MOST];
  size_t n = 0;
  for (size_t i = 0; i < VL; i++)
    t[i] = (vec){0};
  uint64_t k = s->start[lo];
  for (size_t d = lo; d < hi; d++, x += ld, out += nv * VL) {
    UNROLL
    for (int v = 0; v < nv; v++)
      acc[v] = (vec){0}, in[v] = vec_load(x + v * VL);
    for (; k < s->start[d + 1]; k++) {
      const float w = s->value[s->order[k]], *from = dy + s->index[k] * s->stride;
      vec part[2] = {(vec){0}, (vec){0}};
      UNROLL
      for (int v = 0; v < nv; v++) {
        const vec y = vec_load(from + v * VL);
        acc[v] += w * y;
        part[v % 2] = v == 0 ? in[v] * y : part[v % 2] + in[v] * y;
      }
      t[n++] = part[0] + part[1];
      if (n == VL) {
        add_at(t, VL, keep, s->order + k + 1 - VL, grad);
        n = 0;
      }
    }
    UNROLL
    for (int v = 0; v < nv; v++)
      vec_store(out + v * VL, acc[v]);
  }
  add_at(t, n, keep, s->order + k - n, grad);
}

void NAME(side_both)(size_t nv, const side *s, size_t lo, size_t hi, float keep, const float *dy,
                     const float *x, size_t ld, float *out, float *grad)
{
  switch (nv) {
    TILE_ROWS_8(both, s, lo, hi, keep, dy, x, ld, out, grad)
  }
}
