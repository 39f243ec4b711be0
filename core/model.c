/* SPDX-License-Identifier: BSD-3-Clause
 * model.c - a network's memory: tensors in flat arrays, buffers of one batch, initial values. */
#include "model.h"
#include "philox.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, LINE = ALIGN / sizeof(float) };

static bool pad(size_t n, size_t *padded) /* floats, to whole cache lines */
{
  if (!size_add(n, LINE - 1, padded))
    return false;
  *padded -= *padded % LINE;
  return true;
}

/* Places of all tensors and their gradients, in floats. */
static bool place(const model *m, size_t *nvalue, size_t *ngrad)
{
  *nvalue = *ngrad = 0;
  for (uint32_t i = 0; i < m->pub.nparam; i++) {
    param *p = &m->param[i];
    size_t n;
    if (!pad(p->pub.n, &n))
      return false;
    p->offset = *nvalue;
    p->grad_offset = *ngrad;
    if (!size_add(*nvalue, n, nvalue) || (p->trained && !size_add(*ngrad, n, ngrad)))
      return false;
  }
  return true;
}

static bool buffer_bytes(size_t rows, size_t width, size_t unit, size_t *total)
{
  size_t n;
  return size_mul(rows, width, &n) && size_mul(n, unit, &n) && size_add(n, ALIGN, &n) &&
         size_add(*total, n, total);
}

/* Layers with several readers get second shares of their gradient: one buffer for each input of
 * the layers that read them. */
static void spares(const model *m, size_t *nspare, size_t *widest)
{
  *nspare = *widest = 0;
  for (uint32_t i = 0; i < m->pub.nnode; i++) {
    const node *nd = &m->node[i];
    if (nd->readers > 1 && nd->width > *widest)
      *widest = nd->width;
    for (uint32_t k = 0; k < nd->pub.nin; k++)
      if (nd->from[k] != UINT32_MAX && m->node[nd->from[k]].readers > 1 && k + 1 > *nspare)
        *nspare = k + 1;
  }
}

bool model_bytes(const model *m, size_t batch, size_t *bytes)
{
  size_t nvalue, ngrad, nspare, widest, all;
  if (!place(m, &nvalue, &ngrad) || !size_add(nvalue, ngrad, bytes) ||
      !size_mul(*bytes, sizeof(float), bytes))
    return false;
  for (uint32_t i = 0; i < m->pub.nnode; i++) {
    const node *nd = &m->node[i];
    if (!nd->alias && !(buffer_bytes(batch, nd->width, sizeof(float), bytes) &&
                        buffer_bytes(batch, nd->width, sizeof(float), bytes)))
      return false;
    if (!buffer_bytes(batch, nd->plan.cache, 1, bytes))
      return false;
  }
  spares(m, &nspare, &widest);
  return size_mul(nspare, widest, &all) && buffer_bytes(batch, all, sizeof(float), bytes);
}

static float *floats(size_t n, size_t *bytes)
{
  void *p = NULL;
  size_t size;
  if (!size_mul(n > 0 ? n : 1, sizeof(float), &size) || posix_memalign(&p, ALIGN, size) != 0)
    return NULL;
  memset(p, 0, size);
  *bytes += size;
  return p;
}

/* Buffers of a batch from the arena, aligned. */
static void *buffer(model *m, size_t width, size_t unit)
{
  size_t n = 0;
  if (!buffer_bytes(m->batch, width, unit, &n))
    return NULL;
  const uintptr_t p = (uintptr_t)arena_alloc(&m->mem, n);
  m->bytes += n;
  return p ? (void *)((p + ALIGN - 1) / ALIGN * ALIGN) : NULL;
}

static rad_status alloc_buffers(model *m)
{
  size_t all;
  for (uint32_t i = 0; i < m->pub.nnode; i++) {
    node *nd = &m->node[i];
    const node *p = nd->from[0] == UINT32_MAX ? NULL : &m->node[nd->from[0]];
    if (nd->alias && p) {
      nd->y = p->y;
      nd->dy = p->dy;
    } else {
      nd->y = nd->alias ? NULL : buffer(m, nd->width, sizeof(float)); /* NULL: the batch itself */
      nd->dy = buffer(m, nd->width, sizeof(float));
      if (!nd->dy || (!nd->alias && !nd->y))
        return RAD_ENOMEM;
    }
    nd->cache = nd->plan.cache > 0 ? buffer(m, nd->plan.cache, 1) : NULL;
    nd->fsum = arena_alloc(&m->mem, 2 * (nd->plan.nsum + 1) * sizeof(double));
    if ((nd->plan.cache > 0 && !nd->cache) || !nd->fsum)
      return RAD_ENOMEM;
    nd->bsum = nd->fsum + nd->plan.nsum;
  }
  spares(m, &m->nspare, &m->widest);
  if (!size_mul(m->nspare, m->widest, &all))
    return RAD_ENOMEM;
  m->spare = all > 0 ? buffer(m, all, sizeof(float)) : NULL;
  return all > 0 && !m->spare ? RAD_ENOMEM : RAD_OK;
}

rad_status model_alloc(model *m, size_t batch)
{
  size_t bytes;
  m->batch = batch;
  if (!model_bytes(m, batch, &bytes) || !place(m, &m->nvalue, &m->ngrad))
    return diag_error(m->env->diag, RAD_EINVAL, (origin){0}, "the network is too large to address");
  m->value = floats(m->nvalue, &m->bytes);
  m->grad = floats(m->ngrad, &m->bytes);
  if (!m->value || !m->grad || alloc_buffers(m) < 0)
    return diag_error(m->env->diag, RAD_ENOMEM, (origin){0},
                      "no memory for the network: %zu MiB; a smaller [run] batch takes less",
                      bytes >> 20);
  for (uint32_t i = 0; i < m->pub.nparam; i++) {
    param *p = &m->param[i];
    p->pub.value = m->value + p->offset;
    p->pub.grad = p->trained ? m->grad + p->grad_offset : NULL;
  }
  return RAD_OK;
}

/* Draws a weight; fan-in: product of the axes after the first, fan-out: n / fan-in.
 *   kaiming_uniform  U(-b, b), b = gain sqrt(6 / fan_in)      He et al. 2015, arXiv 1502.01852
 *   kaiming_normal   N(0, s^2), s = gain sqrt(2 / fan_in)
 *   xavier_uniform   U(-b, b), b = gain sqrt(6 / (fan_in + fan_out))   Glorot and Bengio 2010
 *   xavier_normal    N(0, s^2), s = gain sqrt(2 / (fan_in + fan_out))
 *   normal           N(0, gain^2) */
static void draw(const model *m, const param *p, const layer_keys *k)
{
  const double outputs = (double)p->pub.shape.dim[0], fan_in = (double)p->pub.n / outputs;
  const double both =
      fan_in +
      outputs *
          (p->pub.shape.rank > 2 ? fan_in / (double)p->pub.shape.dim[p->pub.shape.rank - 1] : 1.0);
  const bool uniform = k->init == INIT_KAIMING_UNIFORM || k->init == INIT_XAVIER_UNIFORM;
  const bool xavier = k->init == INIT_XAVIER_UNIFORM || k->init == INIT_XAVIER_NORMAL;
  const double variance = k->init == INIT_NORMAL ? 1.0 : 2.0 / (xavier ? both : fan_in);
  const double scale = k->gain * sqrt(uniform ? 3.0 * variance : variance);
  char salt[256];
  snprintf(salt, sizeof salt, "init %s %s", p->pub.layer, p->pub.name);
  const uint64_t key = philox_seedkey(m->env->seed, philox_salt(salt));
  if (uniform)
    philox_uniform(key, &(rad_at){0}, 0, p->pub.n, p->pub.value);
  else
    philox_normal(key, &(rad_at){0}, 0, p->pub.n, p->pub.value);
  for (size_t i = 0; i < p->pub.n; i++)
    p->pub.value[i] =
        (float)(scale * (uniform ? 2.0 * (double)p->pub.value[i] - 1.0 : (double)p->pub.value[i]));
}

rad_status model_init(model *m)
{
  for (uint32_t i = 0; i < m->pub.nnode; i++) {
    const node *nd = &m->node[i];
    for (uint32_t j = 0; j < nd->pub.nparam; j++) {
      param *p = &m->param[nd->param[j]->index];
      const layer_keys *k = nd->layer->common;
      if (p->pub.role == RAD_WEIGHT && k->init != INIT_ZERO)
        draw(m, p, k);
      else
        for (size_t e = 0; e < p->pub.n; e++)
          p->pub.value[e] = p->pub.role == RAD_WEIGHT ? 0.0f : (float)p->decl->t.fill;
    }
  }
  return RAD_OK;
}
