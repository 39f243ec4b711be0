/* SPDX-License-Identifier: BSD-3-Clause
 * vectors.c - keeps the vectors that measures report, and writes them. */
#include "vectors.h"
#include "safetensors.h"
#include <stdlib.h>
#include <string.h>

static vector *find(vectors *a, const char *name)
{
  for (size_t i = 0; i < a->n; i++)
    if (strcmp(a->v[i].name, name) == 0)
      return &a->v[i];
  return NULL;
}

static vector *add(vectors *a, const char *name)
{
  vector *grown = realloc(a->v, (a->n + 1) * sizeof *grown);
  if (!grown)
    return NULL;
  a->v = grown;
  a->v[a->n] = (vector){.name = arena_strdup(&a->mem, name)};
  return a->v[a->n].name ? &a->v[a->n++] : NULL;
}

rad_status vectors_set(vectors *a, const char *name, size_t n, const float *v)
{
  vector *old = find(a, name);
  size_t bytes;
  float *copy = size_mul(n, sizeof *v, &bytes) ? malloc(bytes > 0 ? bytes : 1) : NULL;
  vector *to = !copy ? NULL : old ? old : add(a, name);
  if (!to) {
    free(copy);
    return RAD_ENOMEM;
  }
  memcpy(copy, v, bytes);
  free(to->v);
  to->v = copy;
  to->n = n;
  return RAD_OK;
}

rad_status vectors_write(const vectors *a, const char *dir, diag *d)
{
  static const char *const key[] = {"rademacher"}, *const value[] = {"vectors 1"};
  arena mem = {0};
  if (a->n == 0)
    return RAD_OK;
  const char *path = fs_join(&mem, dir, "vectors.safetensors");
  st_tensor *t = arena_alloc(&mem, a->n * sizeof *t);
  for (size_t i = 0; t && i < a->n; i++)
    t[i] = (st_tensor){.name = a->v[i].name,
                       .type = RAD_F32,
                       .shape = {1, {a->v[i].n}},
                       .data = a->v[i].v,
                       .bytes = a->v[i].n * sizeof(float)};
  const rad_status s = path && t ? st_write(path, t, a->n, key, value, 1, d) : RAD_ENOMEM;
  arena_free(&mem);
  return s;
}

void vectors_free(vectors *a)
{
  for (size_t i = 0; i < a->n; i++)
    free(a->v[i].v);
  free(a->v);
  arena_free(&a->mem);
  *a = (vectors){0};
}
