/* SPDX-License-Identifier: BSD-3-Clause
 * act.h - the standard functions and their slopes, and sums of arrays. exp and its relatives are
 * polynomials in plain loops without branches, which a compiler turns into vector code; each
 * element has the same bits wherever it stands in the array. */
#ifndef PLUGINS_BACKEND_ACT_H
#define PLUGINS_BACKEND_ACT_H
#include <rademacher/backend.h>
#include <string.h>

/* 2^n for x = n ln 2 + r, |r| <= ln 2 / 2, x in [-87,0]. Adding 1.5 * 2^23 rounds to an integer and
 * leaves it in the low bits of the float. ln 2 in two parts, so that r is exact to a float. */
static inline float split_exp(float x, float *r)
{
  const float magic = 12582912.0f, t = x * 1.44269504f + magic, n = t - magic;
  uint32_t bits;
  float scale;
  *r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  memcpy(&bits, &t, sizeof bits);
  bits = (bits << 23) + 0x3f800000u;
  memcpy(&scale, &bits, sizeof scale);
  return scale;
}

/* exp(r) - 1 for |r| <= ln 2 / 2, by its series up to r^8 */
static inline float small_expm1(float r)
{
  float p = 1.0f / 40320;
  p = p * r + 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  return p * r * r + r;
}

/* exp(x) - 1 for x <= 0; a NaN stays one */
static inline float expm1_neg(float x)
{
  float r;
  x = x < -87.0f ? -87.0f : x;
  const float scale = split_exp(x, &r);
  return scale * small_expm1(r) + (scale - 1.0f);
}

/* exp(x) for x <= 0; a NaN stays one */
static inline float exp_neg(float x)
{
  float r;
  x = x < -87.0f ? -87.0f : x;
  const float scale = split_exp(x, &r);
  return scale * small_expm1(r) + scale;
}

static void relu(size_t n, const float *x, float *y)
{
  for (size_t i = 0; i < n; i++)
    y[i] = x[i] < 0.0f ? 0.0f : x[i]; /* a NaN stays one */
}

static void leaky(size_t n, float slope, const float *x, float *y)
{
  for (size_t i = 0; i < n; i++) {
    const float low = slope * x[i];
    y[i] = x[i] < 0.0f ? low : x[i];
  }
}

static void elu(size_t n, float alpha, const float *x, float *y)
{
  for (size_t i = 0; i < n; i++) {
    const float v = x[i], e = alpha * expm1_neg(v > 0.0f ? 0.0f : v);
    y[i] = v > 0.0f ? v : e;
  }
}

/* tanh |x| = -e / (2 + e), e = exp(-2 |x|) - 1 */
static void tanh_all(size_t n, const float *x, float *y)
{
  for (size_t i = 0; i < n; i++) {
    const float v = x[i], e = expm1_neg(v > 0.0f ? -2.0f * v : 2.0f * v);
    const float t = e / (2.0f + e);
    y[i] = v > 0.0f ? -t : t;
  }
}

/* 1 / (1 + e) for x > 0, else e / (1 + e), e = exp(-|x|) */
static void sigmoid(size_t n, const float *x, float *y)
{
  for (size_t i = 0; i < n; i++) {
    const float v = x[i], e = exp_neg(v > 0.0f ? -v : v);
    y[i] = (v > 0.0f ? 1.0f : e) / (1.0f + e);
  }
}

static rad_status act(rad_ctx *c, uint32_t a, float alpha, size_t n, const float *x, float *y)
{
  switch (a) {
  case RAD_ACT_RELU:
    relu(n, x, y);
    return RAD_OK;
  case RAD_ACT_LEAKY:
    leaky(n, alpha, x, y);
    return RAD_OK;
  case RAD_ACT_ELU:
    elu(n, alpha, x, y);
    return RAD_OK;
  case RAD_ACT_TANH:
    tanh_all(n, x, y);
    return RAD_OK;
  case RAD_ACT_SIGMOID:
    sigmoid(n, x, y);
    return RAD_OK;
  case RAD_ACT_NONE:
    if (x != y && n > 0)
      memcpy(y, x, n * sizeof *y);
    return RAD_OK;
  }
  return rad_fail(c, RAD_EINVAL, "unknown activation %u", (unsigned)a);
}

/* --- slopes, from the result --- */

static void relu_back(size_t n, float slope, const float *y, const float *dy, float *dx)
{
  for (size_t i = 0; i < n; i++) {
    const float low = slope * dy[i];
    dx[i] = y[i] > 0.0f ? dy[i] : low;
  }
}

/* 1 for y > 0, else y + alpha */
static void elu_back(size_t n, float alpha, const float *y, const float *dy, float *dx)
{
  for (size_t i = 0; i < n; i++) {
    const float low = dy[i] * (y[i] + alpha);
    dx[i] = y[i] > 0.0f ? dy[i] : low;
  }
}

/* 1 - y^2 as (1 - y) (1 + y), which loses nothing near 1 and -1 */
static void tanh_back(size_t n, const float *y, const float *dy, float *dx)
{
  for (size_t i = 0; i < n; i++)
    dx[i] = dy[i] * ((1.0f - y[i]) * (1.0f + y[i]));
}

static void sigmoid_back(size_t n, const float *y, const float *dy, float *dx)
{
  for (size_t i = 0; i < n; i++)
    dx[i] = dy[i] * (y[i] * (1.0f - y[i]));
}

static rad_status act_back(rad_ctx *c, uint32_t a, float alpha, size_t n, const float *y,
                           const float *dy, float *dx)
{
  switch (a) {
  case RAD_ACT_RELU:
    relu_back(n, 0.0f, y, dy, dx);
    return RAD_OK;
  case RAD_ACT_LEAKY:
    relu_back(n, alpha, y, dy, dx);
    return RAD_OK;
  case RAD_ACT_ELU:
    elu_back(n, alpha, y, dy, dx);
    return RAD_OK;
  case RAD_ACT_TANH:
    tanh_back(n, y, dy, dx);
    return RAD_OK;
  case RAD_ACT_SIGMOID:
    sigmoid_back(n, y, dy, dx);
    return RAD_OK;
  case RAD_ACT_NONE:
    if (dx != dy && n > 0)
      memcpy(dx, dy, n * sizeof *dx);
    return RAD_OK;
  }
  return rad_fail(c, RAD_EINVAL, "unknown activation %u", (unsigned)a);
}

static rad_status axpy(rad_ctx *c, size_t n, float a, const float *x, float *y)
{
  (void)c;
  for (size_t i = 0; i < n; i++)
    y[i] += a * x[i];
  return RAD_OK;
}
#endif
