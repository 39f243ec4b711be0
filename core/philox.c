/* SPDX-License-Identifier: BSD-3-Clause
 * philox.c - Philox4x32-10, and draws by address. Whole steps are made by the set of lanes that
 * suits the machine, chosen at each call: nothing is remembered. J. K. Salmon et al., "Parallel
 * random numbers: as easy as 1, 2, 3", SC11, 2011. */
#include "philox.h"
#include "philox_lanes.h"
#include <string.h>

static const uint32_t weyl[2] = {0x9E3779B9u, 0xBB67AE85u};
static const uint64_t factor[2] = {0xD2511F53u, 0xCD9E8D57u};

void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
  uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]}, k[2] = {key[0], key[1]};
  for (int round = 0; round < 10; round++, k[0] += weyl[0], k[1] += weyl[1]) {
    const uint64_t a = factor[0] * c[0], b = factor[1] * c[2];
    c[0] = (uint32_t)(b >> 32) ^ c[1] ^ k[0];
    c[1] = (uint32_t)b;
    c[2] = (uint32_t)(a >> 32) ^ c[3] ^ k[1];
    c[3] = (uint32_t)a;
  }
  memcpy(out, c, sizeof c);
}

/* First 64 bits of the block at a counter. */
static uint64_t first64(const uint32_t counter[4], uint64_t key)
{
  uint32_t out[4];
  philox4x32(counter, (uint32_t[]){(uint32_t)key, (uint32_t)(key >> 32)}, out);
  return (uint64_t)out[1] << 32 | out[0];
}

uint64_t philox_salt(const char *name)
{
  uint64_t h = 0xcbf29ce484222325u;
  for (const char *s = name; *s; s++)
    h = (h ^ (unsigned char)*s) * 0x100000001b3u;
  return h;
}

uint64_t philox_seedkey(uint64_t seed, uint64_t salt)
{
  return first64((uint32_t[]){(uint32_t)salt, (uint32_t)(salt >> 32), 0, 0}, seed);
}

static uint64_t key_at(uint64_t seedkey, const rad_at *at)
{
  return first64((uint32_t[]){(uint32_t)at->when, (uint32_t)(at->when >> 32), at->stream, 0},
                 seedkey);
}

size_t philox_lanes_here(const philox_lanes *set[PHILOX_SETS])
{
  size_t n = 0;
#if defined HAVE_AVX512
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    set[n++] = &philox_lanes_avx512;
#endif
#if defined HAVE_AVX2
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    set[n++] = &philox_lanes_avx2;
#endif
  set[n++] = &philox_lanes_base;
  return n;
}

static const philox_lanes *fastest(void)
{
  const philox_lanes *set[PHILOX_SETS];
  philox_lanes_here(set);
  return set[0];
}

enum { STEP = PHILOX_STEP, CHUNK = 8 * STEP };

/* n words from 4 block on, in a room for a step: one block, as rad_below wants it, or all. */
static void few(const philox_lanes *set, uint64_t key, uint64_t index, uint64_t block, size_t n,
                uint32_t out[STEP])
{
  const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)index,
                               (uint32_t)(index >> 32)};
  if (n <= 4)
    philox4x32(counter, (uint32_t[]){(uint32_t)key, (uint32_t)(key >> 32)}, out);
  else
    set->words(key, index, block, STEP, out);
}

void philox_bits(uint64_t seedkey, const rad_at *at, uint64_t first, size_t n, uint32_t *out)
{
  const philox_lanes *set = fastest();
  const uint64_t key = key_at(seedkey, at);
  while (n > 0) {
    const size_t skip = first % 4;
    size_t take = n - n % STEP;
    if (skip == 0 && take > 0) {
      set->words(key, at->index, first / 4, take, out);
    } else {
      uint32_t w[STEP];
      take = n < STEP - skip ? n : STEP - skip;
      few(set, key, at->index, first / 4, skip + take, w);
      memcpy(out, w + skip, take * sizeof *out);
    }
    first += take, out += take, n -= take;
  }
}

/* Numbers, each of them from its word or pair of words. */
static void floats(uint64_t seedkey, const rad_at *at, uint64_t first, size_t n, float *out,
                   bool normal)
{
  const philox_lanes *set = fastest();
  void (*const number)(const uint32_t *, size_t, float *) = normal ? set->normal : set->uniform;
  const uint64_t key = key_at(seedkey, at);
  uint32_t w[CHUNK];
  float v[STEP];
  while (n > 0) {
    const size_t skip = first % 4;
    size_t take = n < CHUNK ? n - n % STEP : CHUNK;
    if (skip == 0 && take > 0) {
      set->words(key, at->index, first / 4, take, w);
      number(w, take, out);
    } else {
      take = n < STEP - skip ? n : STEP - skip;
      memset(w, 0, PHILOX_NUMBERS * sizeof *w); /* one block leaves the rest of them */
      few(set, key, at->index, first / 4, skip + take, w);
      number(w, skip + take + (PHILOX_NUMBERS - 1), v);
      memcpy(out, v + skip, take * sizeof *out);
    }
    first += take, out += take, n -= take;
  }
}

void philox_uniform(uint64_t seedkey, const rad_at *at, uint64_t first, size_t n, float *out)
{
  floats(seedkey, at, first, n, out, false);
}

void philox_normal(uint64_t seedkey, const rad_at *at, uint64_t first, size_t n, float *out)
{
  floats(seedkey, at, first, n, out, true);
}
