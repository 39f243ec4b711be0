/* SPDX-License-Identifier: BSD-3-Clause
 * philox_lanes.h - many blocks of Philox at once, and numbers from their words: one set of
 * functions per instruction set, compiled from one source. All sets give the same bits. */
#ifndef CORE_PHILOX_LANES_H
#define CORE_PHILOX_LANES_H
#include <stddef.h>
#include <stdint.h>

enum { PHILOX_STEP = 128 /* words: 32 blocks */, PHILOX_NUMBERS = 32, PHILOX_SETS = 3 };
typedef struct philox_lanes {
  const char *name;
  /* Words 4 block .. 4 block + n-1 of the sequence of (index, key), n a multiple of PHILOX_STEP. */
  void (*words)(uint64_t key, uint64_t index, uint64_t block, size_t n, uint32_t *out);
  /* From n words as many numbers, n rounded down to a multiple of PHILOX_NUMBERS. */
  void (*uniform)(const uint32_t *word, size_t n, float *out);
  void (*normal)(const uint32_t *word, size_t n, float *out);
} philox_lanes;

/* The sets that this machine can run, the fastest first; returns how many. */
size_t philox_lanes_here(const philox_lanes *set[PHILOX_SETS]);

extern const philox_lanes philox_lanes_base;
extern const philox_lanes philox_lanes_avx2;   /* where HAVE_AVX2 */
extern const philox_lanes philox_lanes_avx512; /* where HAVE_AVX512 */
#endif
