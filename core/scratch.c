/* SPDX-License-Identifier: BSD-3-Clause
 * scratch.c - short-lived areas of callbacks: a stack of chunks. A mark is the number of bytes
 * handed out before it. */
#include "host.h"
#include <stdlib.h>

enum { ALIGN = 64, FIRST = 1 << 16 };

typedef struct chunk {
  struct chunk *below;
  size_t start, used, cap; /* start: bytes in all chunks below */
  unsigned char *bytes;
} chunk;
struct scratch {
  chunk *top;
  size_t peak; /* most bytes ever handed out: an emptied stack starts with room for them */
};

static chunk *push(struct scratch *s, size_t bytes)
{
  const size_t start = s->top ? s->top->start + s->top->used : 0;
  size_t cap = bytes > FIRST ? bytes : FIRST;
  if (!s->top && cap < s->peak)
    cap = s->peak;
  chunk *c = calloc(1, sizeof *c);
  if (!c)
    return NULL;
  *c = (chunk){.below = s->top, .start = start, .cap = cap, .bytes = aligned_alloc(ALIGN, cap)};
  if (!c->bytes) {
    free(c);
    return NULL;
  }
  return s->top = c;
}

static void pop(struct scratch *s)
{
  chunk *c = s->top;
  s->top = c->below;
  free(c->bytes);
  free(c);
}

void *scratch_take(env *e, uint32_t worker, size_t bytes)
{
  struct scratch *s = e->scratch[worker];
  if (!s && !(s = e->scratch[worker] = calloc(1, sizeof *s)))
    return NULL;
  if (!size_add(bytes, ALIGN - 1, &bytes))
    return NULL;
  bytes -= bytes % ALIGN;
  bytes = bytes > 0 ? bytes : ALIGN; /* areas are distinct, empty ones too */
  size_t end = 0;
  if (s->top && !size_add(s->top->start + s->top->used, bytes, &end))
    return NULL;
  chunk *c = s->top && bytes <= s->top->cap - s->top->used ? s->top : push(s, bytes);
  if (!c)
    return NULL;
  void *area = c->bytes + c->used;
  c->used += bytes;
  s->peak = c->start + c->used > s->peak ? c->start + c->used : s->peak;
  return area;
}

size_t scratch_mark_of(env *e, uint32_t worker)
{
  const chunk *c = e->scratch[worker] ? e->scratch[worker]->top : NULL;
  return c ? c->start + c->used : 0;
}

void scratch_release_of(env *e, uint32_t worker, size_t mark)
{
  struct scratch *s = e->scratch[worker];
  if (!s)
    return;
  while (s->top && s->top->start > mark)
    pop(s);
  if (!s->top)
    return;
  s->top->used = mark - s->top->start;
  if (mark == 0 && s->top->cap < s->peak)
    pop(s);
}

size_t scratch_mark(env *e)
{
  return scratch_mark_of(e, 0);
}

void scratch_release(env *e, size_t mark)
{
  scratch_release_of(e, 0, mark);
}

void scratch_free(env *e)
{
  for (uint32_t w = 0; w < MAX_WORKERS; w++) {
    while (e->scratch[w] && e->scratch[w]->top)
      pop(e->scratch[w]);
    free(e->scratch[w]);
    e->scratch[w] = NULL;
  }
}
