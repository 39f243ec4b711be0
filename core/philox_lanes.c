/* SPDX-License-Identifier: BSD-3-Clause
 * philox_lanes.c - Philox4x32-10 and Box-Muller for vector units. Compiled once for every machine
 * and once more for each instruction set that configure knows, PHILOX_LANES being the set's name.
 *
 * Numbers 2k, 2k+1 from words 2k, 2k+1 (w, v), in float, each operation rounded by itself:
 *
 *   u = (w + 1/2) 2^-32 = m 2^k,  sqrt(1/2) <= m < sqrt(2),  f = m - 1
 *   ln u = k ln 2 + (f - (f^2/2 - f^3 P(f)))                           P of degree 8
 *   v 2^-32 = (q + a / (pi/2)) / 4,  q = 0..3,  |a| <= pi/4            y = a^2
 *   sin a = a + a y S(y),  cos a = 1 - y/2 + y^2 C(y)                  S, C of degree 2
 *   sqrt(-2 ln u) (cos, sin)(a + q pi/2)
 *
 * w + 1/2 is rounded to 24 bits: all of its small values are kept, which make the tails (to 6.76).
 *
 * G. E. P. Box, M. E. Muller, Ann. Math. Stat. 29, 1958; P, S, C: S. L. Moshier, Cephes, 1992. */
#include "philox_lanes.h"
#include <float.h>
#include <math.h>
#include <string.h>

#if !defined __GNUC__ || defined __clang__ /* gcc does not know it, but obeys it in -std=c11 */
#pragma STDC FP_CONTRACT OFF
#endif
#if FLT_EVAL_METHOD != 0
#error "floats must be computed as floats: on 32-bit x86 compile with -msse2 -mfpmath=sse"
#endif
#ifndef PHILOX_LANES
#define PHILOX_LANES base
#endif

/* A vector of 64-bit numbers; `mul`: products of their lower halves, which compilers do not find by
 * themselves. Elsewhere a vector is one number. */
#if defined __GNUC__ && defined __AVX512F__
#include <immintrin.h>
enum { WIDTH = 8 };
typedef uint64_t wide __attribute__((vector_size(64)));
#define mul(a, b) ((wide)_mm512_mul_epu32((__m512i)(a), (__m512i)(b)))
#elif defined __GNUC__ && defined __AVX2__
#include <immintrin.h>
enum { WIDTH = 4 };
typedef uint64_t wide __attribute__((vector_size(32)));
#define mul(a, b) ((wide)_mm256_mul_epu32((__m256i)(a), (__m256i)(b)))
#elif defined __GNUC__ && defined __SSE2__
#include <emmintrin.h>
enum { WIDTH = 2 };
typedef uint64_t wide __attribute__((vector_size(16)));
#define mul(a, b) ((wide)_mm_mul_epu32((__m128i)(a), (__m128i)(b)))
#else
enum { WIDTH = 1 };
typedef uint64_t wide;
#define mul(a, b) ((uint64_t)(uint32_t)(a) * (uint32_t)(b))
#endif
enum { GROUPS = 4 /* independent chains hide the products' latency */, LANES = GROUPS * WIDTH };
_Static_assert(PHILOX_STEP % (4 * LANES) == 0, "a step is whole turns of the loops below");

static const uint32_t weyl[2] = {0x9E3779B9u, 0xBB67AE85u};
static const uint64_t factor[2] = {0xD2511F53u, 0xCD9E8D57u};

/* Two words as they lie in memory: the first one is the lower half where bytes are little-endian.
 */
static inline wide two_words(wide first, wide second)
{
  const union {
    uint32_t word[2];
    uint64_t both;
  } order = {{1, 0}};
  const wide low = (wide){0} + 0xffffffffu;
  return order.both == 1 ? (first & low) | second << 32 : first << 32 | (second & low);
}

/* LANES blocks, of each the first and the last two words. A counter is the lower half of a 64-bit
 * number; the upper half is whatever the products left there. */
static inline void blocks(uint64_t key, uint64_t index, uint64_t block, uint64_t first[LANES],
                          uint64_t last[LANES])
{
  const wide zero = {0}, f0 = zero + factor[0], f1 = zero + factor[1];
  wide c0[GROUPS], c1[GROUPS], c2[GROUPS], c3[GROUPS];
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (size_t g = 0; g < GROUPS; g++) {
    uint64_t number[WIDTH];
    for (size_t l = 0; l < WIDTH; l++)
      number[l] = block + g * WIDTH + l;
    memcpy(&c0[g], number, sizeof number);
    c1[g] = c0[g] >> 32;
    c2[g] = zero + index;
    c3[g] = zero + (index >> 32);
  }
  for (int round = 0; round < 10; round++, k0 += weyl[0], k1 += weyl[1])
    for (size_t g = 0; g < GROUPS; g++) {
      const wide a = mul(c0[g], f0), b = mul(c2[g], f1);
      c0[g] = (b >> 32) ^ c1[g] ^ (uint64_t)k0;
      c1[g] = b;
      c2[g] = (a >> 32) ^ c3[g] ^ (uint64_t)k1;
      c3[g] = a;
    }
  for (size_t g = 0; g < GROUPS; g++) {
    const wide x = two_words(c0[g], c1[g]), y = two_words(c2[g], c3[g]);
    memcpy(first + g * WIDTH, &x, sizeof x);
    memcpy(last + g * WIDTH, &y, sizeof y);
  }
}

static void words(uint64_t key, uint64_t index, uint64_t block, size_t n, uint32_t *out)
{
  for (size_t i = 0; i < n; i += 4 * (size_t)LANES, block += LANES) {
    uint64_t first[LANES], last[LANES], all[2 * LANES];
    blocks(key, index, block, first, last);
    for (size_t l = 0; l < LANES; l++) {
      all[2 * l] = first[l];
      all[2 * l + 1] = last[l];
    }
    memcpy(out + i, all, sizeof all);
  }
}

static void uniform(const uint32_t *restrict word, size_t n, float *restrict out)
{
  n -= n % PHILOX_NUMBERS; /* whole vectors only: no code for a rest */
  for (size_t i = 0; i < n; i++)
    out[i] = (float)(int32_t)(word[i] >> 8) * 0x1p-24f; /* signed: one instruction for a vector */
}

static inline uint32_t bits_of(float v)
{
  uint32_t b;
  memcpy(&b, &v, sizeof b);
  return b;
}

static inline float of_bits(uint32_t b)
{
  float v;
  memcpy(&v, &b, sizeof v);
  return v;
}

/* sqrt(-2 ln((w + 1/2) 2^-32)): 0 to 6.76 */
static inline float radius(uint32_t w)
{
  /* adding 1 - sqrt(1/2) to the mantissa carries into the exponent where m would be > sqrt(2) */
  const uint32_t b = bits_of((float)w + 0.5f) + (0x3f800000u - 0x3f3504f3u);
  const float k = (float)((int32_t)(b >> 23) - 127 - 32);
  const float f = of_bits((b & 0x007fffffu) + 0x3f3504f3u) - 1.0f, z = f * f;
  float p = 0x1.204376p-4f;
  p = p * f - 0x1.d7a37p-4f;
  p = p * f + 0x1.de4a34p-4f;
  p = p * f - 0x1.fcba9ep-4f;
  p = p * f + 0x1.23d37ep-3f;
  p = p * f - 0x1.555cap-3f;
  p = p * f + 0x1.999d58p-3f;
  p = p * f - 0x1.fffff8p-3f;
  p = p * f + 0x1.555554p-2f;
  return sqrtf(-2.0f * (k * 0x1.62e43p-1f + (f - (0.5f * z - f * z * p))));
}

static void normal(const uint32_t *restrict word, size_t n, float *restrict out)
{
  n -= n % PHILOX_NUMBERS;
  for (size_t i = 0; i < n / 2; i++) {
    const uint32_t v = word[2 * i + 1], q = (v + 0x20000000u) >> 30;
    const float r = radius(word[2 * i]), a = (float)(int32_t)(v << 2) * 0x1.921fb6p-32f, y = a * a;
    const float s = a + a * y * ((y * -0x1.9943f2p-13f + 0x1.11073cp-7f) * y - 0x1.555546p-3f);
    const float c =
        1.0f - 0.5f * y + y * y * ((y * 0x1.99eb9cp-16f - 0x1.6c0c34p-10f) * y + 0x1.55554ap-5f);
    const uint32_t swap = (bits_of(s) ^ bits_of(c)) & (0u - (q & 1u));
    out[2 * i] = r * of_bits(bits_of(c) ^ swap ^ ((q + 1) & 2u) << 30);
    out[2 * i + 1] = r * of_bits(bits_of(s) ^ swap ^ (q & 2u) << 30);
  }
}

#define JOIN2(a, b) a##b
#define JOIN(a, b)  JOIN2(a, b)
#define NAME2(a)    #a
#define NAME(a)     NAME2(a)
const philox_lanes JOIN(philox_lanes_, PHILOX_LANES) = {
    .name = NAME(PHILOX_LANES), .words = words, .uniform = uniform, .normal = normal};
