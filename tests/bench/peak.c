/* SPDX-License-Identifier: BSD-3-Clause
 * peak.c - the most floating-point operations per second that one core does here, for comparison:
 * 12 independent chains of c = a c + b, with the widest vectors of the machine, fused where it
 * fuses. Prints GFLOP/s and the width's name. The vectors are the compiler's, not an instruction
 * set's. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CHAINS = 12, STEPS = 2000000 };

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One definition per width: the target must be known where the function is compiled. */
#define PEAK(name, bytes, target)                                                                  \
  typedef float name##_vector __attribute__((vector_size(bytes)));                                 \
  target static double name(float *sink)                                                           \
  {                                                                                                \
    name##_vector c[CHAINS], a, b;                                                                 \
    for (size_t i = 0; i < bytes / sizeof(float); i++) {                                           \
      a[i] = 0.9999f + *sink;                                                                      \
      b[i] = 0.0001f + *sink;                                                                      \
      for (int k = 0; k < CHAINS; k++)                                                             \
        c[k][i] = (float)(k + 1) + *sink;                                                          \
    }                                                                                              \
    const double from = now();                                                                     \
    for (int s = 0; s < STEPS; s++)                                                                \
      for (int k = 0; k < CHAINS; k++)                                                             \
        c[k] = a * c[k] + b;                                                                       \
    const double seconds = now() - from;                                                           \
    for (int k = 0; k < CHAINS; k++)                                                               \
      for (size_t i = 0; i < bytes / sizeof(float); i++)                                           \
        *sink += c[k][i] * 1e-30f;                                                                 \
    return 2.0 * CHAINS * STEPS * (bytes / sizeof(float)) / seconds * 1e-9;                        \
  }

#if defined __x86_64__ || defined __i386__
PEAK(avx512f, 64, __attribute__((target("avx512f"))))
PEAK(avx2_fma, 32, __attribute__((target("avx2,fma"))))
#endif
PEAK(baseline, 16, )

int main(void)
{
  double (*peak)(float *) = baseline;
  const char *name = "128 bits, the compiler's default target";
#if defined __x86_64__ || defined __i386__
  if (__builtin_cpu_supports("avx512f")) {
    peak = avx512f;
    name = "avx512f";
  } else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    peak = avx2_fma;
    name = "avx2 and fma";
  }
#endif
  float sink = 0;
  double best = 0;
  for (int i = 0; i < 7; i++) {
    const double p = peak(&sink);
    best = p > best ? p : best;
  }
  printf("%.1f %s\n", best, name);
  return sink < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
