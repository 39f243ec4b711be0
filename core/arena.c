/* SPDX-License-Identifier: BSD-3-Clause
 * arena.c - many small pieces of memory with one lifetime, cut from chunks that double in size. */
#include "text.h"
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CHUNK = 1024, LARGEST_CHUNK = 1 << 20, ALIGN = alignof(max_align_t) };
enum { LINE = 64, FIRST_CAP = 8 };

struct arena_chunk {
  struct arena_chunk *next;
  size_t used, size;
  max_align_t bytes[];
};

static struct arena_chunk *grow(arena *a, size_t bytes)
{
  size_t size = a->chunk ? a->chunk->size : FIRST_CHUNK / 2, total;
  size = size < LARGEST_CHUNK / 2 ? 2 * size : LARGEST_CHUNK;
  if (size < bytes)
    size = bytes;
  if (!size_add(size, sizeof(struct arena_chunk), &total))
    return NULL;
  struct arena_chunk *c = calloc(1, total);
  if (!c)
    return NULL;
  c->size = size;
  c->next = a->chunk;
  a->chunk = c;
  return c;
}

void *arena_alloc(arena *a, size_t bytes)
{
  size_t n;
  if (!size_add(bytes > 0 ? bytes : 1, ALIGN - 1, &n))
    return NULL;
  n -= n % ALIGN;
  struct arena_chunk *c = a->chunk;
  if (!c || c->size - c->used < n)
    c = grow(a, n);
  if (!c)
    return NULL;
  void *const p = (char *)c->bytes + c->used;
  c->used += n;
  return p;
}

char *arena_strndup(arena *a, const char *s, size_t n)
{
  size_t bytes;
  char *const out = size_add(n, 1, &bytes) ? arena_alloc(a, bytes) : NULL;
  if (out)
    memcpy(out, s, n);
  return out;
}

char *arena_strdup(arena *a, const char *s)
{
  return arena_strndup(a, s, strlen(s));
}

char *arena_printf(arena *a, const char *fmt, ...)
{
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  const int n = vsnprintf(NULL, 0, fmt, ap);
  char *const out = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
  if (out)
    vsnprintf(out, (size_t)n + 1, fmt, again);
  va_end(again);
  va_end(ap);
  return out;
}

void arena_free(arena *a)
{
  while (a->chunk) {
    struct arena_chunk *const next = a->chunk->next;
    free(a->chunk);
    a->chunk = next;
  }
}

void *arena_aligned(arena *a, size_t n, size_t size)
{
  size_t bytes;
  if (!size_mul(n, size, &bytes) || !size_add(bytes, LINE, &bytes))
    return NULL;
  char *const p = arena_alloc(a, bytes);
  return p ? p + (LINE - (uintptr_t)p % LINE) % LINE : NULL;
}

/* --- arrays --- */
static bool larger(size_t n, size_t size, size_t *more, size_t *bytes)
{
  *more = n > 0 ? n : FIRST_CAP / 2;
  return size_mul(*more, 2, more) && size_mul(*more, size, bytes);
}

void *array_grow(void *v, size_t n, size_t *cap, size_t size)
{
  size_t more, bytes;
  if (n < *cap)
    return v;
  void *const out = larger(n, size, &more, &bytes) ? realloc(v, bytes) : NULL;
  *cap = out ? more : *cap;
  return out;
}

void *arena_grow(arena *a, void *v, size_t n, size_t *cap, size_t size)
{
  size_t more, bytes;
  if (n < *cap)
    return v;
  void *const out = larger(n, size, &more, &bytes) ? arena_alloc(a, bytes) : NULL;
  if (out && n > 0)
    memcpy(out, v, n * size);
  *cap = out ? more : *cap;
  return out;
}
