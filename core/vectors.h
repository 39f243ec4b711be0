/* SPDX-License-Identifier: BSD-3-Clause
 * vectors.h - named lists of numbers, such as one per sample, that measures leave in a folder. */
#ifndef CORE_VECTORS_H
#define CORE_VECTORS_H
#include "diag.h"

typedef struct vector {
  const char *name; /* "train.margin" */
  float *v;         /* (n) */
  size_t n;
} vector;
typedef struct vectors { /* zero-initialised is ready */
  vector *v;             /* (n) */
  size_t n;
  arena mem;
} vectors;
/* A copy of v (n), in the place of what had this name. */
rad_status vectors_set(vectors *, const char *name, size_t n, const float *v);
rad_status vectors_write(const vectors *, const char *dir, diag *); /* dir/vectors.safetensors */
void vectors_free(vectors *);
#endif
