/* SPDX-License-Identifier: BSD-3-Clause
 * arrays.c - picks what others want to see out of the files of a job. */
#include "arrays.h"
#include <stdlib.h>
#include <string.h>

/* What a tensor of a checkpoint is called outside; NULL: it is how the training goes on, not what
 * it came to. */
static const char *weight_name(arrays *a, const st_tensor *t)
{
  static const char fit[] = "state/[fit]";
  if (!strchr(t->name, '/'))
    return t->name;
  if (strncmp(t->name, fit, sizeof fit - 1) != 0)
    return NULL;
  return arena_printf(&a->mem, "fit.%s", strrchr(t->name, '/') + 1);
}

static const char *own_name(arrays *a, const st_tensor *t)
{
  (void)a;
  return t->name;
}

static int by_name(const void *a, const void *b)
{
  const rad_array *const *x = a, *const *y = b;
  return strcmp((*x)->name, (*y)->name);
}

static rad_status pick(arrays *a, const char *path, const char *name(arrays *, const st_tensor *),
                       diag *d)
{
  *a = (arrays){0};
  if (!fs_is_file(path))
    return RAD_OK;
  RAD_TRY(st_read(&a->file, path, d));
  rad_array *v = arena_alloc(&a->mem, (a->file.n + 1) * sizeof *v);
  a->v = arena_alloc(&a->mem, (a->file.n + 1) * sizeof *a->v);
  for (size_t i = 0; v && a->v && i < a->file.n; i++) {
    const st_tensor *t = &a->file.tensor[i];
    const char *as = name(a, t);
    if (!as)
      continue;
    v[a->n] = (rad_array){as, t->type, t->shape, t->data};
    a->v[a->n] = &v[a->n];
    a->n++;
  }
  if (v && a->v) {
    qsort(a->v, a->n, sizeof *a->v, by_name);
    return RAD_OK;
  }
  arrays_free(a);
  return diag_error(d, RAD_ENOMEM, (origin){.file = path}, "out of memory");
}

rad_status arrays_weights(arrays *a, const char *path, diag *d)
{
  return pick(a, path, weight_name, d);
}

rad_status arrays_all(arrays *a, const char *path, diag *d)
{
  return pick(a, path, own_name, d);
}

void arrays_free(arrays *a)
{
  st_free(&a->file);
  arena_free(&a->mem);
  *a = (arrays){0};
}
