/* SPDX-License-Identifier: BSD-3-Clause
 * layout.c - how tensors are stored: as declared, in an order of the backend's, or only what is not
 * masked; and the way from one to another. */
#include "model.h"
#include <stdlib.h>
#include <string.h>

size_t param_rows(const param *p)
{
  return p->pub.shape.rank > 0 ? p->pub.shape.dim[0] : 1;
}

size_t param_row(const param *p, size_t r)
{
  const size_t rows = param_rows(p);
  if (r >= rows)
    return p->pub.n;
  return p->pub.pattern ? (size_t)p->pub.pattern->row[r] : r * (p->decl->count / rows);
}

static rad_status pack(const model *m, const param *p, bool back, const float *plain,
                       const float *packed)
{
  const size_t mark = scratch_mark(m->env);
  const rad_status s = m->math.pack(&m->backend->ctx, &p->pub, back, (float *)(uintptr_t)plain,
                                    (float *)(uintptr_t)packed);
  scratch_release(m->env, mark);
  return s;
}

rad_status param_store(const model *m, const param *p, const float *plain, float *stored)
{
  const rad_pattern *q = p->pub.pattern;
  if (p->pub.layout)
    return pack(m, p, false, plain, stored);
  if (!q) {
    memcpy(stored, plain, p->decl->count * sizeof *stored);
    return RAD_OK;
  }
  for (size_t r = 0; r < q->rows; r++)
    for (uint64_t k = q->row[r]; k < q->row[r + 1]; k++)
      stored[k] = plain[r * q->cols + q->col[k]];
  return RAD_OK;
}

rad_status param_load(const model *m, const param *p, const float *stored, float *plain)
{
  const rad_pattern *q = p->pub.pattern;
  if (p->pub.layout)
    return pack(m, p, true, plain, stored);
  if (!q) {
    memcpy(plain, stored, p->decl->count * sizeof *plain);
    return RAD_OK;
  }
  memset(plain, 0, p->decl->count * sizeof *plain);
  for (size_t r = 0; r < q->rows; r++)
    for (uint64_t k = q->row[r]; k < q->row[r + 1]; k++)
      plain[r * q->cols + q->col[k]] = stored[k];
  return RAD_OK;
}

rad_status param_mask(const model *m, const param *p, float *active)
{
  float *one = malloc((p->pub.n + 1) * sizeof *one);
  if (!one)
    return RAD_ENOMEM;
  for (size_t i = 0; i < p->pub.n; i++)
    one[i] = p->pub.mask ? (float)p->pub.mask[i] : 1.0f;
  const rad_status s = param_load(m, p, one, active);
  free(one);
  return s;
}

/* --- files: axes in the order "oihw", where the layer has named its own --- */
static const char file_axes[] = "oihw";

/* axis[k]: which axis of the tensor is axis k of the file. */
static void file_axes_of(const param *p, size_t axis[RAD_MAX_RANK])
{
  const char *letters = p->decl->t.axes;
  size_t n = 0;
  for (const char *f = file_axes; letters && *f; f++) {
    const char *at = strchr(letters, *f);
    if (at)
      axis[n++] = (size_t)(at - letters);
  }
  for (size_t k = 0; n != p->pub.shape.rank && k < p->pub.shape.rank; k++)
    axis[k] = k;
}

bool file_is_other(const param *p)
{
  size_t axis[RAD_MAX_RANK] = {0};
  file_axes_of(p, axis);
  for (size_t k = 0; k < p->pub.shape.rank; k++)
    if (axis[k] != k)
      return true;
  return false;
}

rad_shape file_shape(const param *p)
{
  size_t axis[RAD_MAX_RANK] = {0};
  rad_shape s = p->pub.shape;
  file_axes_of(p, axis);
  for (size_t k = 0; k < s.rank; k++)
    s.dim[k] = p->pub.shape.dim[axis[k]];
  return s;
}

void file_order(const param *p, bool back, float *plain, float *file)
{
  size_t axis[RAD_MAX_RANK] = {0}, stride[RAD_MAX_RANK], at[RAD_MAX_RANK] = {0}, step = 1;
  const rad_shape *s = &p->pub.shape;
  file_axes_of(p, axis);
  for (size_t k = s->rank; k-- > 0; step *= s->dim[k])
    stride[k] = step;
  for (size_t i = 0, from = 0; i < p->decl->count; i++) {
    if (back)
      plain[from] = file[i];
    else
      file[i] = plain[from];
    for (size_t k = s->rank; k-- > 0;) { /* the next place in file order */
      from += stride[axis[k]];
      if (++at[k] < s->dim[axis[k]])
        break;
      from -= stride[axis[k]] * at[k];
      at[k] = 0;
    }
  }
}

rad_status param_to_file(const model *m, const param *p, const float *stored, float *file)
{
  if (!file_is_other(p))
    return param_load(m, p, stored, file);
  float *plain = malloc(p->decl->count * sizeof *plain);
  const rad_status s = plain ? param_load(m, p, stored, plain) : RAD_ENOMEM;
  if (s >= 0)
    file_order(p, false, plain, file);
  free(plain);
  return s;
}

rad_status param_from_file(const model *m, const param *p, const float *file, float *stored)
{
  if (!file_is_other(p))
    return param_store(m, p, file, stored);
  float *plain = malloc(p->decl->count * sizeof *plain);
  if (plain)
    file_order(p, true, plain, (float *)(uintptr_t)file);
  const rad_status s = plain ? param_store(m, p, plain, stored) : RAD_ENOMEM;
  free(plain);
  return s;
}

static rad_status derive(const model *m, const param *p, size_t lo, size_t hi, uint32_t member)
{
  const instance *i = p->node->layer;
  const size_t first = param_row(p, lo), n = param_row(p, hi) - first;
  rad_param used = p->pub; /* what the backend takes for the values */
  used.value = p->pub.mapped ? p->pub.mapped : p->pub.value;
  if (p->pub.mapped)
    RAD_TRY(p->node->ops->map(instance_ctx(p->node->layer, member), i->self, &p->pub, n,
                              p->pub.value + first, p->pub.mapped + first));
  return p->pub.shadow ? m->math.shadow(instance_ctx(m->backend, member), &used, lo, hi) : RAD_OK;
}

rad_status param_renew(const model *m, const param *p, size_t lo, size_t hi, uint32_t member)
{
  const size_t mark = scratch_mark_of(m->env, member);
  const rad_status s = derive(m, p, lo, hi, member);
  scratch_release_of(m->env, member, mark);
  return s;
}

rad_status model_shadows(const model *m)
{
  for (uint32_t i = 0; i < m->pub.nparam; i++)
    RAD_TRY(param_renew(m, &m->param[i], 0, param_rows(&m->param[i]), 0));
  return RAD_OK;
}

/* A mask is stored like its tensor: it takes the same way, as numbers. */
static rad_status pack_mask(model *m, param *p)
{
  const size_t n = p->decl->count;
  float *plain = malloc(n * sizeof *plain), *stored = malloc(p->pub.n * sizeof *stored);
  uint8_t *mask = arena_alloc(&m->mem, p->pub.n);
  rad_status s = plain && stored && mask ? RAD_OK : RAD_ENOMEM;
  for (size_t i = 0; s >= 0 && i < n; i++)
    plain[i] = p->pub.mask[i];
  if (s >= 0)
    s = pack(m, p, false, plain, stored);
  for (size_t i = 0; s >= 0 && i < p->pub.n; i++)
    mask[i] = stored[i] != 0.0f;
  free(plain);
  free(stored);
  p->pub.mask = mask;
  return s;
}

rad_status model_layout(model *m, uint32_t nworkers)
{
  m->nworkers = nworkers;
  RAD_TRY(masks_draw(m));
  const bool packs = (m->math.caps & RAD_CAP_PACK) && m->math.layout && m->math.pack;
  for (uint32_t i = 0; i < m->pub.nparam; i++) {
    param *p = &m->param[i];
    rad_layout l = {0};
    if (!packs || !(p->decl->t.flags & RAD_OPAQUE) || p->plain || p->pub.pattern ||
        !m->math.layout(&m->backend->ctx, &p->pub, &l))
      continue;
    p->pub.layout = 1;
    p->pub.n = l.n;
    p->pub.rows = l.rows;
    p->shadow = l.shadow;
    if (p->pub.mask)
      RAD_TRY(pack_mask(m, p));
  }
  return stages_plan(m) < 0 ? diag_error(m->env->diag, RAD_ENOMEM, (origin){0}, "out of memory")
                            : RAD_OK;
}
