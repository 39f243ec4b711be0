/* SPDX-License-Identifier: BSD-3-Clause
 * planes.c - images by channel: planes.h. */
#include "planes.h"
#include "side.h"

enum { NEAR = 131072 }; /* floats of planes that stay in the second cache */

/* Places along an axis. Those behind the last one are the zeros in front of the next row: as many
 * as every phase begins with. */
static size_t places(size_t out, size_t in, size_t kernel, size_t dil, size_t stride, size_t pad)
{
  const size_t reach = out + (kernel - 1) * dil / stride, shared = pad / stride;
  const size_t data = (pad + in - 1) / stride + 1;
  const size_t most = reach > shared + data ? reach - shared : data;
  return most > out ? most : out;
}

size_t NAME(planes_places)(const planes *d, size_t images)
{
  return (images * d->rows * d->width + VL - 1) / VL * VL;
}

rad_status NAME(planes_of)(rad_ctx *c, const rad_conv *g, size_t channels, planes *d)
{
  *d = (planes){.rows = places(g->oh, g->h, g->kh, g->dh, g->sh, g->ph),
                .width = places(g->ow, g->w, g->kw, g->dw, g->sw, g->pw),
                .phases = g->sh * g->sw};
  const size_t near = NEAR / channels / (d->rows * d->width);
  const size_t before = (g->kh - 1) * g->dh / g->sh * d->width + (g->kw - 1) * g->dw / g->sw;
  d->images = even(g->n, near > 0 ? near : 1);
  d->n = NAME(planes_places)(d, d->images);
  d->before = (before + 15) / 16 * 16;
  d->plane = odd_lines(d->before + d->n);
  d->zeros = floats(c, 1, g->c + g->o);
  d->rest = floats(c, 1, g->c + g->o);
  if (!d->zeros || !d->rest)
    return RAD_ENOMEM;
  memset(d->zeros, 0, (g->c + g->o) * sizeof *d->zeros);
  return RAD_OK;
}

float *NAME(planes_new)(rad_ctx *c, const planes *d, size_t count)
{
  if (count >= UINT32_MAX / d->plane) { /* places are numbered in 32 bits */
    rad_fail(c, RAD_ENOMEM, "images are too large for a sparse convolution: use density = 1");
    return NULL;
  }
  float *p = floats(c, count + 1, d->plane);
  if (!p)
    return NULL;
  memset(p, 0, d->before * sizeof *p);
  for (size_t k = 0; k < count; k++)
    memset(p + k * d->plane + d->before + d->n, 0, (d->plane - d->n) * sizeof *p);
  return p;
}

/* --- what is where --- */
static uint32_t *table(rad_ctx *c, const planes *d, size_t count)
{
  uint32_t *place = (uint32_t *)(void *)floats(c, count, d->n);
  if (place)
    memset(place, 0xff, count * d->n * sizeof *place);
  return place;
}

const uint32_t *NAME(planes_outputs)(rad_ctx *c, const rad_conv *g, const planes *d)
{
  uint32_t *place = table(c, d, 1), *p = place;
  for (size_t m = 0; p && m < d->images; m++)
    for (size_t i = 0; i < d->rows; i++)
      for (size_t j = 0; j < d->width; j++, p++)
        if (i < g->oh && j < g->ow)
          *p = (uint32_t)((m * g->oh + i) * g->ow + j);
  return place;
}

static void phase_places(const rad_conv *g, const planes *d, size_t v, size_t u, uint32_t *place)
{
  for (size_t m = 0; m < d->images; m++)
    for (size_t i = 0; i < d->rows; i++)
      for (size_t j = 0; j < d->width; j++, place++) {
        const size_t y = i * g->sh + v - g->ph, x = j * g->sw + u - g->pw; /* wrap before X */
        if (y < g->h && x < g->w)
          *place = (uint32_t)((m * g->h + y) * g->w + x);
      }
}

const uint32_t *NAME(planes_inputs)(rad_ctx *c, const rad_conv *g, const planes *d)
{
  uint32_t *place = table(c, d, d->phases);
  for (size_t f = 0; place && f < d->phases; f++)
    phase_places(g, d, f / g->sw, f % g->sw, place + f * d->n);
  return place;
}

/* --- from pixels to planes and back --- */

/* row[i] = the pixel at place i; `none` where there is none */
static void rows_of(const uint32_t *place, size_t pixels, size_t channels, float *at, float *none,
                    float *row[VL])
{
  for (size_t i = 0; i < VL; i++)
    row[i] = place[i] < pixels ? at + place[i] * channels : none;
}

/* m <= VL channels, from k on, of VL pixels */
NOINLINE void square_in(size_t k, size_t m, float *const row[VL], float *out, size_t plane)
{
  vec r[VL];
  if (m == VL) {
    UNROLL
    for (size_t i = 0; i < VL; i++)
      r[i] = vec_load(row[i] + k);
  } else
    for (size_t i = 0; i < VL; i++)
      r[i] = vec_load_n(row[i] + k, m);
  vec_transpose(r);
  for (size_t j = 0; j < m; j++)
    vec_store(out + j * plane, r[j]);
}

void NAME(planes_fill)(const planes *d, size_t n, const uint32_t *place, size_t pixels,
                       size_t channels, const float *in, float *out)
{
  float *row[VL];
  for (size_t t = 0; t < n; t += VL, place += VL, out += VL) {
    rows_of(place, pixels, channels, (float *)(uintptr_t)in, d->zeros, row);
    if (channels > VL / 4)
      for (size_t k = 0; k < channels; k += VL)
        square_in(k, least(channels - k, VL), row, out + k * d->plane, d->plane);
    else
      for (size_t k = 0; k < channels; k++)
        for (size_t i = 0; i < VL; i++)
          out[k * d->plane + i] = row[i][k];
  }
}

/* the first m <= VL rows of sums, n apart, to channels k .. k+m-1 of VL pixels */
NOINLINE void square_out(size_t k, size_t m, size_t n, const float *sums, float *const row[VL])
{
  vec r[VL];
  if (m == VL) {
    UNROLL
    for (size_t i = 0; i < VL; i++)
      r[i] = vec_load(sums + i * n);
  } else
    for (size_t i = 0; i < VL; i++)
      r[i] = i < m ? vec_load(sums + i * n) : (vec){0};
  vec_transpose(r);
  for (size_t i = 0; i < VL; i++)
    if (m == VL)
      vec_store(row[i] + k, r[i]);
    else
      vec_store_n(row[i] + k, r[i], m);
}

void NAME(planes_scatter)(size_t rows, size_t n, const float *sums, float *rest,
                          const uint32_t *place, size_t pixels, size_t channels, float *out)
{
  float *row[VL];
  for (size_t t = 0; t < n; t += VL) {
    rows_of(place + t, pixels, channels, out, rest, row);
    for (size_t k = 0; k < rows; k += VL)
      square_out(k, least(rows - k, VL), n, sums + k * n + t, row);
  }
}
