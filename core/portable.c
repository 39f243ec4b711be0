/* SPDX-License-Identifier: BSD-3-Clause
 * portable.c - elementary functions that give the same bits on every machine: IEEE doubles, only
 * + - * / and sqrt in a fixed order. Compiled with -ffp-contract=off: a fused multiply-add rounds
 * once where this code means twice.
 *
 *   exp x  = 2^k exp r,  k = round(x / ln 2),  |r| <= ln 2 / 2, Taylor series to degree 13
 *   log x  = k ln 2 + log(1 + f),  s = f / (2 + f),
 *            log(1 + f) = f - s (f - R),  R = 2 s^2/3 + 2 s^4/5 + ... + 2 s^20/21
 *   tanh x = x / (1 + x^2 / (3 + x^2 / (5 + ...))) near 0 (Lambert 1768), else 1 - 2/(exp 2x + 1)
 *
 * ln 2 is split into a part whose product with any k is exact, and the rest (Cody & Waite 1980). */
#include "philox.h"
#include <float.h>
#include <math.h>
#include <string.h>

#if !defined __GNUC__ || defined __clang__ /* gcc does not know it, but obeys it in -std=c11 */
#pragma STDC FP_CONTRACT OFF
#endif
#if FLT_EVAL_METHOD != 0
#error "doubles must be computed as doubles: on 32-bit x86 compile with -msse2 -mfpmath=sse"
#endif

static const double ln2_hi = 0x1.62e42fee00000p-1, ln2_lo = 0x1.a39ef35793c76p-33;

static uint64_t bits_of(double v)
{
  uint64_t b;
  memcpy(&b, &v, sizeof b);
  return b;
}

static double of_bits(uint64_t b)
{
  double v;
  memcpy(&v, &b, sizeof v);
  return v;
}

static double power_of_two(int k) /* -1022 <= k <= 1023 */
{
  return of_bits((uint64_t)(k + 1023) << 52);
}

double portable_exp(double x)
{
  static const double term[] = {/* 1/13!, 1/12!, ..., 1/2! */
                                0x1.6124613a86d09p-33, 0x1.1eed8eff8d898p-29, 0x1.ae64567f544e4p-26,
                                0x1.27e4fb7789f5cp-22, 0x1.71de3a556c734p-19, 0x1.a01a01a01a01ap-16,
                                0x1.a01a01a01a01ap-13, 0x1.6c16c16c16c17p-10, 0x1.1111111111111p-7,
                                0x1.5555555555555p-5,  0x1.5555555555555p-3,  0x1.0000000000000p-1};
  if (x != x)
    return x;
  if (x > 0x1.62e42fefa39efp+9) /* ln DBL_MAX */
    return HUGE_VAL;
  if (x < -746.0) /* below half of the smallest number */
    return 0.0;
  const int k = (int)(x * 0x1.71547652b82fep+0 + (x < 0.0 ? -0.5 : 0.5));
  const double hi = x - k * ln2_hi, lo = k * ln2_lo, r = hi - lo;
  double p = 0.0;
  for (size_t i = 0; i < sizeof term / sizeof term[0]; i++)
    p = p * r + term[i];
  const double y = 1.0 + (hi - (lo - r * r * p));
  if (k > 1023)
    return y * 2.0 * power_of_two(k - 1);
  return k >= -1022 ? y * power_of_two(k) : y * power_of_two(k + 64) * power_of_two(-64);
}

/* log(m 2^k), sqrt(1/2) <= m < sqrt(2) up to rounding */
static inline double log_of_parts(double m, double k)
{
  const double f = m - 1.0, s = f / (2.0 + f), z = s * s;
  double p = 2.0 / 21.0;
  p = p * z + 2.0 / 19.0;
  p = p * z + 2.0 / 17.0;
  p = p * z + 2.0 / 15.0;
  p = p * z + 2.0 / 13.0;
  p = p * z + 2.0 / 11.0;
  p = p * z + 2.0 / 9.0;
  p = p * z + 2.0 / 7.0;
  p = p * z + 2.0 / 5.0;
  p = p * z + 2.0 / 3.0;
  /* s f = f^2/2 - s f^2/2: the square is subtracted with its full weight, not through s */
  const double half = 0.5 * f * f;
  return k * ln2_hi + (f - (half - (s * (half + p * z) + k * ln2_lo)));
}

/* of a positive normal number times 2^shift */
static inline double log_of_normal(double x, int shift)
{
  /* adding 1 - sqrt(1/2) to the mantissa carries into the exponent where m would be > sqrt(2) */
  const uint64_t b = bits_of(x) + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
  const double k = (double)((int)(b >> 52) - 1023 + shift);
  const double m = of_bits((b & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu);
  return log_of_parts(m, k);
}

double portable_log(double x)
{
  if (x != x || x == HUGE_VAL)
    return x;
  if (x < 0.0)
    return of_bits(0x7ff8000000000000u); /* NaN */
  if (x == 0.0)
    return -HUGE_VAL;
  return x < DBL_MIN ? log_of_normal(x * 0x1p+64, -64) : log_of_normal(x, 0);
}

double portable_tanh(double x)
{
  const double a = x < 0.0 ? -x : x;
  if (a <= 0.625) {
    const double z = x * x;
    double q = 17.0;
    for (double odd = 15.0; odd > 2.0; odd -= 2.0)
      q = odd + z / q;
    return x / (1.0 + z / q);
  }
  if (x != x)
    return x;
  const double t = a > 20.0 ? 1.0 : 1.0 - 2.0 / (portable_exp(2.0 * a) + 1.0);
  return x < 0.0 ? -t : t;
}
