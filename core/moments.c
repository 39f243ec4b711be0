/* SPDX-License-Identifier: BSD-3-Clause
 * moments.c - mean and standard deviation per channel, of bytes exactly.
 *
 * Sums are kept for each place of a line (W*C numbers), so that the inner loops are plain vector
 * loops whatever the number of channels, and are folded over the channels at the end. */
#include "data.h"
#include <math.h>

enum { PENDING = 65536 }; /* lines: 65536 * 255^2 < 2^32 */

rad_status moments_new(moments *m, arena *mem, size_t line, size_t C)
{
  size_t small, large;
  *m = (moments){.line = line, .C = C};
  if (!size_mul(line, sizeof *m->part[0], &small) || !size_mul(line, sizeof *m->sum[0], &large))
    return RAD_ENOMEM;
  for (int k = 0; k < 2; k++) {
    m->part[k] = arena_alloc(mem, small);
    m->sum[k] = arena_alloc(mem, large);
    if (!m->part[k] || !m->sum[k])
      return RAD_ENOMEM;
  }
  return RAD_OK;
}

static void flush(moments *m)
{
  for (int k = 0; k < 2; k++)
    for (size_t j = 0; j < m->line; j++) {
      m->sum[k][j] += m->part[k][j];
      m->part[k][j] = 0;
    }
  m->pending = 0;
}

static void add_bytes(moments *m, const uint8_t *x)
{
  uint32_t *restrict s = m->part[0], *restrict q = m->part[1];
  if (m->pending == PENDING)
    flush(m);
  m->pending++;
  for (size_t j = 0; j < m->line; j++) {
    const uint32_t v = x[j];
    s[j] += v;
    q[j] += v * v;
  }
}

/* Shifted by the first number, so that a large mean does not swallow the deviation. */
static void add_floats(moments *m, const float *x)
{
  double *restrict s = m->sum[0], *restrict q = m->sum[1];
  if (m->lines == 0)
    m->shift = (double)x[0];
  for (size_t j = 0; j < m->line; j++) {
    const double v = (double)x[j] - m->shift;
    s[j] += v;
    q[j] += v * v;
  }
}

void moments_add(moments *m, uint32_t type, const void *x, size_t lines)
{
  for (size_t i = 0; i < lines; i++, m->lines++) {
    if (type == RAD_U8)
      add_bytes(m, (const uint8_t *)x + i * m->line);
    else
      add_floats(m, (const float *)x + i * m->line);
  }
}

void moments_end(moments *m, double scale, float *mean, float *std)
{
  const size_t pixels = m->line / m->C; /* of a line */
  const double n = (double)m->lines * (double)pixels;
  flush(m);
  for (size_t c = 0; c < m->C; c++) {
    double s = 0.0, q = 0.0;
    for (size_t j = c; j < m->line; j += m->C) {
      s += m->sum[0][j];
      q += m->sum[1][j];
    }
    const double a = n > 0.0 ? s / n : 0.0, var = n > 0.0 ? q / n - a * a : 1.0;
    mean[c] = (float)(scale * (a + m->shift));
    std[c] = (float)(scale * sqrt(var > 0.0 ? var : 0.0));
  }
}
