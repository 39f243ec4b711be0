/* SPDX-License-Identifier: BSD-3-Clause
 * philox.c - Philox4x32-10, and draws by address.
 * J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11, 2011. */
#include "philox.h"
#include <string.h>

enum {
  LANES = 16,       /* blocks at once: independent, so that the compiler uses vectors */
  WORDS = 4 * LANES /* of one call of `lanes` */
};

static const uint32_t weyl[2] = {0x9E3779B9u, 0xBB67AE85u};
static const uint64_t factor[2] = {0xD2511F53u, 0xCD9E8D57u};

/* Words 4 block .. 4 block + WORDS-1 of the sequence of (index, key). */
static void lanes(uint64_t key, uint64_t index, uint64_t block, uint32_t out[WORDS])
{
  uint32_t c0[LANES], c1[LANES], c2[LANES], c3[LANES];
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (uint32_t l = 0; l < LANES; l++) {
    c0[l] = (uint32_t)(block + l);
    c1[l] = (uint32_t)((block + l) >> 32);
    c2[l] = (uint32_t)index;
    c3[l] = (uint32_t)(index >> 32);
  }
  for (int round = 0; round < 10; round++, k0 += weyl[0], k1 += weyl[1])
    for (uint32_t l = 0; l < LANES; l++) {
      const uint64_t a = factor[0] * c0[l], b = factor[1] * c2[l];
      c0[l] = (uint32_t)(b >> 32) ^ c1[l] ^ k0;
      c1[l] = (uint32_t)b;
      c2[l] = (uint32_t)(a >> 32) ^ c3[l] ^ k1;
      c3[l] = (uint32_t)a;
    }
  for (uint32_t l = 0; l < LANES; l++) {
    out[4 * l] = c0[l];
    out[4 * l + 1] = c1[l];
    out[4 * l + 2] = c2[l];
    out[4 * l + 3] = c3[l];
  }
}

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

static void words(uint64_t key, uint64_t index, uint64_t first, size_t n, uint32_t *out)
{
  while (n > 0) {
    const size_t skip = first % 4;
    uint32_t w[WORDS];
    if (skip == 0 && n >= WORDS) {
      lanes(key, index, first / 4, out);
      first += WORDS, out += WORDS, n -= WORDS;
      continue;
    }
    const size_t take = n < WORDS - skip ? n : WORDS - skip;
    if (skip + take <= 4) { /* one block: what rad_below asks for */
      const uint32_t counter[4] = {(uint32_t)(first / 4), (uint32_t)(first / 4 >> 32),
                                   (uint32_t)index, (uint32_t)(index >> 32)};
      philox4x32(counter, (uint32_t[]){(uint32_t)key, (uint32_t)(key >> 32)}, w);
    } else {
      lanes(key, index, first / 4, w);
    }
    memcpy(out, w + skip, take * sizeof *out);
    first += take, out += take, n -= take;
  }
}

void philox_bits(uint64_t seedkey, const rad_at *at, uint64_t first, size_t n, uint32_t *out)
{
  words(key_at(seedkey, at), at->index, first, n, out);
}

void philox_uniform(uint64_t seedkey, const rad_at *at, uint64_t first, size_t n, float *out)
{
  const uint64_t key = key_at(seedkey, at);
  while (n > 0) {
    uint32_t w[WORDS];
    size_t take = WORDS - first % 4;
    take = n < take ? n : take;
    words(key, at->index, first, take, w);
    for (size_t i = 0; i < take; i++)
      out[i] = (float)(int32_t)(w[i] >> 8) * 0x1p-24f; /* signed: one instruction for a vector */
    first += take, out += take, n -= take;
  }
}

void philox_normal(uint64_t seedkey, const rad_at *at, uint64_t first, size_t n, float *out)
{
  const uint64_t key = key_at(seedkey, at);
  while (n > 0) {
    uint32_t w[WORDS];
    float pair[WORDS];
    const size_t skip = first % 2;
    size_t take = WORDS - (first - skip) % 4 - skip;
    take = n < take ? n : take;
    const size_t pairs = (skip + take + 1) / 2;
    words(key, at->index, first - skip, 2 * pairs, w);
    portable_box_muller(w, pairs, pair);
    memcpy(out, pair + skip, take * sizeof *out);
    first += take, out += take, n -= take;
  }
}
