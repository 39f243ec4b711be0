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

/* Places of all tensors, their gradients and their shards' gradients, in floats. */
static bool place(const model *m, size_t *nvalue, size_t *ngrad, size_t *nshard)
{
  *nvalue = *ngrad = *nshard = 0;
  for (uint32_t i = 0; i < m->pub.nnode; i++)
    for (uint32_t k = 0; k < m->node[i].pub.nparam; k++) {
      param *p = &m->param[m->node[i].param[k]->index];
      const bool sharded = p->trained && m->node[i].sharded;
      size_t n;
      if (!pad(p->pub.n, &n))
        return false;
      p->offset = *nvalue;
      p->grad_offset = *ngrad;
      p->shard_offset = *nshard;
      if (!size_add(*nvalue, n, nvalue) || (p->trained && !size_add(*ngrad, n, ngrad)) ||
          (sharded && !size_add(*nshard, n, nshard)))
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

/* Rows of a buffer: all of a batch, or those of each worker's step. */
static size_t rows_of(const model *m, size_t near, size_t batch)
{
  return near > 0 ? near * m->nworkers : batch;
}

static size_t most_sums(const model *m)
{
  size_t most = 0;
  for (uint32_t i = 0; i < m->pub.nnode; i++)
    most = m->node[i].plan.nsum > most ? m->node[i].plan.nsum : most;
  return most;
}

static bool is_mapped(const param *p)
{
  return p->decl->t.flags & RAD_MAPPED;
}

bool model_bytes(const model *m, size_t batch, size_t *bytes)
{
  size_t nvalue, ngrad, nshard, nspare, widest, all;
  if (!place(m, &nvalue, &ngrad, &nshard) || !size_add(nvalue, ngrad, bytes) ||
      !size_mul(nshard, shard_count(m, batch), &all) || !size_add(*bytes, all, bytes) ||
      !size_mul(*bytes, sizeof(float), bytes))
    return false;
  for (uint32_t i = 0; i < m->pub.nparam; i++)
    if (!size_add(*bytes, m->param[i].shadow, bytes) ||
        (is_mapped(&m->param[i]) && !buffer_bytes(m->param[i].pub.n, 1, sizeof(float), bytes)) ||
        (m->param[i].pub.mask && !size_add(*bytes, m->param[i].pub.n, bytes)) ||
        (m->param[i].pub.pattern && !size_add(*bytes, 20 * m->param[i].pub.n, bytes)))
      return false;
  for (uint32_t i = 0; i < m->pub.nnode; i++) {
    const node *nd = &m->node[i];
    if (!nd->alias &&
        !(buffer_bytes(rows_of(m, nd->near_y, batch), nd->width, sizeof(float), bytes) &&
          buffer_bytes(rows_of(m, nd->near_dy, batch), nd->width, sizeof(float), bytes)))
      return false;
    if (!buffer_bytes(batch, nd->plan.cache, 1, bytes))
      return false;
  }
  spares(m, &nspare, &widest);
  return size_mul(nspare, widest, &all) && buffer_bytes(batch, all, sizeof(float), bytes) &&
         buffer_bytes(batch / PIECE + 1, most_sums(m), sizeof(double), bytes);
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
static void *buffer(model *m, size_t rows, size_t width, size_t unit)
{
  size_t n = 0;
  if (!buffer_bytes(rows, width, unit, &n))
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
      if (!nd->alias) /* else it is the batch itself */
        nd->y = buffer(m, rows_of(m, nd->near_y, m->batch), nd->width, sizeof(float));
      nd->dy = buffer(m, rows_of(m, nd->near_dy, m->batch), nd->width, sizeof(float));
      if (!nd->dy || (!nd->alias && !nd->y))
        return RAD_ENOMEM;
    }
    nd->cache = nd->plan.cache > 0 ? buffer(m, m->batch, nd->plan.cache, 1) : NULL;
    nd->fsum = arena_alloc(&m->mem, 2 * (nd->plan.nsum + 1) * sizeof(double));
    if ((nd->plan.cache > 0 && !nd->cache) || !nd->fsum)
      return RAD_ENOMEM;
    nd->bsum = nd->fsum + nd->plan.nsum;
  }
  spares(m, &m->nspare, &m->widest);
  if (!size_mul(m->nspare, m->widest, &all))
    return RAD_ENOMEM;
  m->part = arena_alloc(&m->mem, (m->batch / PIECE + 1) * m->most_sums * sizeof *m->part + 1);
  if (!m->part)
    return RAD_ENOMEM;
  m->spare = all > 0 ? buffer(m, m->batch, all, sizeof(float)) : NULL;
  return all > 0 && !m->spare ? RAD_ENOMEM : RAD_OK;
}

/* Each shard's view of the tensors: the same but for the gradients. */
static rad_status alloc_shards(model *m)
{
  const size_t shards = shard_count(m, m->batch), n = m->pub.nparam;
  rad_param **list = arena_alloc(&m->mem, (shards * n + 1) * sizeof *list);
  m->shard_param = arena_alloc(&m->mem, (shards * n + 1) * sizeof *m->shard_param);
  m->shard = buffer(m, shards, m->nshard, sizeof(float));
  if (!list || !m->shard_param || !m->shard)
    return RAD_ENOMEM;
  for (size_t s = 0; s < shards; s++)
    for (uint32_t i = 0; i < m->pub.nnode; i++) {
      node *nd = &m->node[i];
      nd->of[s] = list;
      for (uint32_t k = 0; k < nd->pub.nparam; k++) {
        const param *p = &m->param[nd->param[k]->index];
        rad_param *copy = &m->shard_param[s * n + p->pub.index];
        *copy = p->pub;
        copy->grad = p->trained && nd->sharded ? m->shard + s * m->nshard + p->shard_offset : NULL;
        *list++ = copy;
      }
    }
  return RAD_OK;
}

static rad_status alloc_tensors(model *m)
{
  m->value = floats(m->nvalue, &m->bytes);
  m->grad = floats(m->ngrad, &m->bytes);
  if (!m->value || !m->grad)
    return RAD_ENOMEM;
  for (uint32_t i = 0; i < m->pub.nparam; i++) {
    param *p = &m->param[i];
    p->pub.value = m->value + p->offset;
    p->pub.grad = p->trained ? m->grad + p->grad_offset : NULL;
    p->pub.shadow = p->shadow > 0 ? arena_aligned(&m->mem, p->shadow, 1) : NULL;
    p->pub.mapped = is_mapped(p) ? arena_aligned(&m->mem, p->pub.n, sizeof(float)) : NULL;
    if ((p->shadow > 0 && !p->pub.shadow) || (is_mapped(p) && !p->pub.mapped))
      return RAD_ENOMEM;
  }
  return RAD_OK;
}

rad_status model_alloc(model *m, size_t batch)
{
  size_t bytes;
  m->batch = batch;
  m->most_sums = most_sums(m);
  if (!model_bytes(m, batch, &bytes) || !place(m, &m->nvalue, &m->ngrad, &m->nshard))
    return diag_error(m->env->diag, RAD_EINVAL, (origin){0}, "the network is too large to address");
  if (alloc_tensors(m) < 0 || alloc_buffers(m) < 0 || alloc_shards(m) < 0)
    return diag_error(m->env->diag, RAD_ENOMEM, (origin){0},
                      "no memory for the network: %zu MiB; a smaller [run] batch takes less",
                      bytes >> 20);
  for (uint32_t i = 0; i < m->pub.nnode; i++)
    RAD_TRY(instance_workers(m->node[i].layer, m->nworkers));
  return RAD_OK;
}

/* Draws a weight; fan-in: inputs of an output, products of the axes after the first; fan-out:
 * outputs of an input; of masked tensors those that are left, on the average.
 *   kaiming_uniform  U(-b, b), b = gain sqrt(6 / fan_in)      He et al. 2015, arXiv 1502.01852
 *   kaiming_normal   N(0, s^2), s = gain sqrt(2 / fan_in)
 *   xavier_uniform   U(-b, b), b = gain sqrt(6 / (fan_in + fan_out))   Glorot and Bengio 2010
 *   xavier_normal    N(0, s^2), s = gain sqrt(2 / (fan_in + fan_out))
 *   normal           N(0, gain^2) */
static void draw(const model *m, const param *p, const layer_keys *k, float *plain)
{
  const size_t n = p->decl->count, rank = p->pub.shape.rank;
  const double outputs = (double)p->pub.shape.dim[0];
  const double share = (double)p->count / (double)n, fan_in = (double)p->count / outputs;
  const double places = rank > 2 ? (double)n / outputs / (double)p->pub.shape.dim[rank - 1] : 1.0;
  const double both = fan_in + share * outputs * places;
  const bool uniform = k->init == INIT_KAIMING_UNIFORM || k->init == INIT_XAVIER_UNIFORM;
  const bool xavier = k->init == INIT_XAVIER_UNIFORM || k->init == INIT_XAVIER_NORMAL;
  const double variance = k->init == INIT_NORMAL ? 1.0 : 2.0 / (xavier ? both : fan_in);
  const double scale = k->gain * sqrt(uniform ? 3.0 * variance : variance);
  char salt[256];
  snprintf(salt, sizeof salt, "init %s %s", p->pub.layer, p->pub.name);
  const uint64_t key = philox_seedkey(m->env->seed, philox_salt(salt));
  if (uniform)
    philox_uniform(key, &(rad_at){0}, 0, n, plain);
  else
    philox_normal(key, &(rad_at){0}, 0, n, plain);
  for (size_t i = 0; i < n; i++)
    plain[i] = (float)(scale * (uniform ? 2.0 * (double)plain[i] - 1.0 : (double)plain[i]));
}

static rad_status init_param(const model *m, param *p, const layer_keys *k)
{
  const bool drawn = p->pub.role == RAD_WEIGHT && k->init != INIT_ZERO;
  float *plain = malloc(p->decl->count * sizeof *plain);
  if (!plain)
    return RAD_ENOMEM;
  if (drawn)
    draw(m, p, k, plain);
  for (size_t i = 0; !drawn && i < p->decl->count; i++)
    plain[i] = p->pub.role == RAD_WEIGHT ? 0.0f : (float)p->decl->t.fill;
  const rad_status s = param_store(m, p, plain, p->pub.value);
  for (size_t i = 0; p->pub.mask && i < p->pub.n; i++)
    p->pub.value[i] = p->pub.mask[i] ? p->pub.value[i] : 0.0f;
  free(plain);
  return s;
}

rad_status model_init(model *m)
{
  for (uint32_t i = 0; i < m->pub.nnode; i++) {
    const node *nd = &m->node[i];
    for (uint32_t k = 0; k < nd->pub.nparam; k++)
      RAD_TRY(init_param(m, &m->param[nd->param[k]->index], nd->layer->common));
  }
  return model_shadows(m);
}
