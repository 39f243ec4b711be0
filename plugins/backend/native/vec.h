/* SPDX-License-Identifier: BSD-3-Clause
 * vec.h - a vector of VL floats: whole and partial loads and stores, selection, transposition of a
 * square of VL x VL. Where the compiler has no vectors, VL is 1 and a vector is a float. */
#ifndef NATIVE_VEC_H
#define NATIVE_VEC_H
#include "isa.h"
#include <string.h>
#if RAD_VL == 16
#include <immintrin.h>
#endif

#ifdef __GNUC__
#define INLINE static inline __attribute__((always_inline))
typedef float vec __attribute__((vector_size(VL * 4), aligned(4), may_alias));
typedef int32_t veci __attribute__((vector_size(VL * 4), aligned(4), may_alias));
/* for squares of vectors: in a loop, a compiler keeps the addresses of all their rows in memory */
#define NOINLINE          static __attribute__((noinline))
#define PREFETCH_WRITE(p) __builtin_prefetch(p, 1)
#else
#define INLINE            static inline
#define NOINLINE          static
typedef float vec;
#define PREFETCH_WRITE(p) (void)(p)
#endif
#if defined __clang__
#define UNROLL _Pragma("unroll")
#elif defined __GNUC__
#define UNROLL _Pragma("GCC unroll 16")
#else
#define UNROLL
#endif

INLINE vec vec_load(const float *p)
{
  return *(const vec *)p;
}
INLINE void vec_store(float *p, vec v)
{
  *(vec *)p = v;
}

/* the first n < VL lanes, the others are 0; nothing behind them is touched */
INLINE vec vec_load_n(const float *p, size_t n)
{
#if RAD_VL == 16
  return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#else
  float t[VL] = {0};
  for (size_t i = 0; i < n; i++)
    t[i] = p[i];
  return vec_load(t);
#endif
}
INLINE void vec_store_n(float *p, vec v, size_t n)
{
#if RAD_VL == 16
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#else
  float t[VL];
  vec_store(t, v);
  for (size_t i = 0; i < n; i++)
    p[i] = t[i];
#endif
}

/* x < 0 ? a : x by lane; a NaN stays one */
INLINE vec vec_below(vec x, vec a)
{
#ifdef __GNUC__
  const veci m = x < (vec){0};
  return (vec)((m & (veci)a) | (~m & (veci)x));
#else
  return x < 0.0f ? a : x;
#endif
}

/* --- transposition --- */
#if defined __has_builtin
#if __has_builtin(__builtin_shufflevector)
#define HAVE_SHUFFLE 1
#endif
#endif
#if defined HAVE_SHUFFLE && defined __GNUC__
#if RAD_VL == 16
#define LANES(a, b, c, d)                                                                          \
  a, b, c, d, a + 4, b + 4, c + 4, d + 4, a + 8, b + 8, c + 8, d + 8, a + 12, b + 12, c + 12, d + 12
#define EVERY_2ND_4(a)                                                                             \
  a, a + 1, a + 2, a + 3, a + 8, a + 9, a + 10, a + 11, a + 16, a + 17, a + 18, a + 19, a + 24,    \
      a + 25, a + 26, a + 27
#elif RAD_VL == 8
#define LANES(a, b, c, d) a, b, c, d, a + 4, b + 4, c + 4, d + 4
#define EVERY_2ND_4(a)    a, a + 1, a + 2, a + 3, a + 8, a + 9, a + 10, a + 11
#else
#define LANES(a, b, c, d) a, b, c, d
#endif
#define SHUFFLE(a, b, ...) ((vec)__builtin_shufflevector(a, b, __VA_ARGS__))

/* lane i = the sum of the lanes of r[i], by the same tree for every i */
INLINE vec vec_sums(vec r[VL])
{
  vec t[VL];
  UNROLL
  for (int i = 0; i < VL / 4; i++) {
    const vec *q = r + 4 * i;
    const vec a = SHUFFLE(q[0], q[1], LANES(0, VL, 1, VL + 1)) +
                  SHUFFLE(q[0], q[1], LANES(2, VL + 2, 3, VL + 3)),
              b = SHUFFLE(q[2], q[3], LANES(0, VL, 1, VL + 1)) +
                  SHUFFLE(q[2], q[3], LANES(2, VL + 2, 3, VL + 3));
    t[i] = SHUFFLE(a, b, LANES(0, 1, VL, VL + 1)) + SHUFFLE(a, b, LANES(2, 3, VL + 2, VL + 3));
  }
#ifdef EVERY_2ND_4
  UNROLL
  for (int n = VL / 8; n > 0; n /= 2) {
    UNROLL
    for (int i = 0; i < n; i++)
      t[i] = SHUFFLE(t[2 * i], t[2 * i + 1], EVERY_2ND_4(0)) +
             SHUFFLE(t[2 * i], t[2 * i + 1], EVERY_2ND_4(4));
  }
#endif
  return t[0];
}

/* rows r to columns: squares of 4 x 4, then the squares' places, one bit of them at a time */
INLINE void vec_transpose(vec r[VL])
{
  vec t[VL];
  UNROLL
  for (int i = 0; i < VL; i += 4) {
    const vec a = SHUFFLE(r[i], r[i + 1], LANES(0, VL, 1, VL + 1)),
              b = SHUFFLE(r[i], r[i + 1], LANES(2, VL + 2, 3, VL + 3)),
              c = SHUFFLE(r[i + 2], r[i + 3], LANES(0, VL, 1, VL + 1)),
              d = SHUFFLE(r[i + 2], r[i + 3], LANES(2, VL + 2, 3, VL + 3));
    t[i] = SHUFFLE(a, c, LANES(0, 1, VL, VL + 1));
    t[i + 1] = SHUFFLE(a, c, LANES(2, 3, VL + 2, VL + 3));
    t[i + 2] = SHUFFLE(b, d, LANES(0, 1, VL, VL + 1));
    t[i + 3] = SHUFFLE(b, d, LANES(2, 3, VL + 2, VL + 3));
  }
#ifdef EVERY_2ND_4
  UNROLL
  for (int g = 4; g < VL; g *= 2) {
    UNROLL
    for (int i = 0; i < VL; i++)
      r[i] = t[i];
    UNROLL
    for (int i = 0; i < VL / 2; i++) {
      const int from = i / 4 * 8 + i % 4;
      t[i] = SHUFFLE(r[from], r[from + 4], EVERY_2ND_4(0));
      t[i + VL / 2] = SHUFFLE(r[from], r[from + 4], EVERY_2ND_4(4));
    }
  }
#endif
  UNROLL
  for (int i = 0; i < VL; i++)
    r[i] = t[i];
}
#else
INLINE vec vec_sums(vec r[VL])
{
  float t[VL] = {0};
  for (int i = 0; i < VL; i++)
    for (int j = 0; j < VL; j++)
      t[i] += ((const float *)&r[i])[j];
  return vec_load(t);
}
INLINE void vec_transpose(vec r[VL])
{
  float t[VL][VL];
  for (int i = 0; i < VL; i++)
    for (int j = 0; j < VL; j++)
      t[j][i] = ((const float *)&r[i])[j];
  memcpy(r, t, sizeof t);
}
#endif
#endif
