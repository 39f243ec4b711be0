/* SPDX-License-Identifier: BSD-3-Clause
 * philox.h - Philox4x32-10 (Salmon et al. 2011, SC11), and draws by address on top of it.
 *
 *   seedkey = first 64 bits of philox(counter = salt, key = seed)        salt: hash of the section
 *   key     = first 64 bits of philox(counter = (when, stream, 0), key = seedkey)
 *   word j of the sequence = word j % 4 of philox(counter = (j / 4, index), key)
 *
 * uniform: (word >> 8) 2^-24. normal: numbers 2k, 2k+1 by Box-Muller from words 2k, 2k+1:
 * sqrt(-2 ln u) (cos 2 pi v, sin 2 pi v), u = (word + 1/2) 2^-32, v = next word 2^-32, computed in
 * float by the operations that philox_lanes.c states. */
#ifndef CORE_PHILOX_H
#define CORE_PHILOX_H
#include <rademacher/abi.h>

void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
uint64_t philox_salt(const char *name); /* FNV-1a, 64 bits */
uint64_t philox_seedkey(uint64_t seed, uint64_t salt);
void philox_bits(uint64_t seedkey, const rad_at *, uint64_t first, size_t n, uint32_t *out);
void philox_uniform(uint64_t seedkey, const rad_at *, uint64_t first, size_t n, float *out);
void philox_normal(uint64_t seedkey, const rad_at *, uint64_t first, size_t n, float *out);

/* The same bits on every machine: only +, -, *, / and sqrt of IEEE doubles, and integers, compiled
 * without contraction. Within 2 ulp. */
double portable_exp(double);
double portable_log(double);
double portable_tanh(double);
#endif
