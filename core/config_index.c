/* SPDX-License-Identifier: BSD-3-Clause
 * config_index.c - a hash table from (owner, word, word) to a number, so that a file of a million
 * lines is read in about a second. Open addressing; at most half full. */
#include "config_parts.h"
#include <stdlib.h>
#include <string.h>

struct index_entry {
  uint64_t hash;
  const void *owner;
  const char *a, *b; /* a NULL: free */
  size_t value;
};

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t hash_bytes(uint64_t h, const void *bytes, size_t n)
{
  const unsigned char *p = bytes;
  for (size_t i = 0; i < n; i++)
    h = (h ^ p[i]) * 0x100000001b3u;
  return h;
}

static uint64_t hash_of(const void *owner, const char *a, const char *b)
{
  uint64_t h = hash_bytes(0xcbf29ce484222325u, &owner, sizeof owner);
  h = hash_bytes(h, a, strlen(a) + 1);
  h = b ? hash_bytes(h, b, strlen(b) + 1) : h;
  return h ^ h >> 32;
}

static bool is_same(const struct index_entry *e, uint64_t hash, const void *owner, const char *a,
                    const char *b)
{
  return e->hash == hash && e->owner == owner && strcmp(e->a, a) == 0 &&
         (e->b && b ? strcmp(e->b, b) == 0 : e->b == b);
}

size_t index_find(const config_index *x, const void *owner, const char *a, const char *b)
{
  if (x->cap == 0)
    return SIZE_MAX;
  const uint64_t hash = hash_of(owner, a, b);
  for (size_t i = (size_t)hash % x->cap; x->v[i].a; i = (i + 1) % x->cap)
    if (is_same(&x->v[i], hash, owner, a, b))
      return x->v[i].value;
  return SIZE_MAX;
}

static void place(config_index *x, const struct index_entry *e)
{
  size_t i = (size_t)e->hash % x->cap;
  while (x->v[i].a)
    i = (i + 1) % x->cap;
  x->v[i] = *e;
}

static rad_status grow(config_index *x)
{
  config_index larger = {.n = x->n, .cap = 64};
  if (x->cap > 0 && !size_mul(x->cap, 2, &larger.cap))
    return RAD_ENOMEM;
  larger.v = calloc(larger.cap, sizeof *larger.v);
  if (!larger.v)
    return RAD_ENOMEM;
  for (size_t i = 0; i < x->cap; i++)
    if (x->v[i].a)
      place(&larger, &x->v[i]);
  free(x->v);
  *x = larger;
  return RAD_OK;
}

rad_status index_add(config_index *x, const void *owner, const char *a, const char *b, size_t value)
{
  if (2 * (x->n + 1) > x->cap)
    RAD_TRY(grow(x));
  const struct index_entry e = {hash_of(owner, a, b), owner, a, b, value};
  place(x, &e);
  x->n++;
  return RAD_OK;
}

void index_free(config_index *x)
{
  free(x->v);
  *x = (config_index){0};
}
