/* SPDX-License-Identifier: BSD-3-Clause
 * mask.c - which weights of a layer with a `density` there are: exactly round(density n) of n,
 * drawn uniformly, but every output keeps an input and every input an output. Each weight has a
 * draw of its own by its place, and those with the smallest are taken, each output's and each
 * input's smallest first; so a lower density takes, but for these, a subset of a higher one's
 * weights.
 *
 * mask = erdos_renyi: the layers that say so share their weights out: density_l = e s_l / n_l, s
 * the sum and n the product of the tensor's axes, at most 1, with e such that the total stays.
 * Mocanu et al. 2018, Nature Communications 9:2383; Evci et al. 2020, arXiv 1911.11134 (ERK).
 *
 * mask = concentrated: the outputs are ranked 1, 2, ... by draws, and the draws of the weights of
 * the output of rank r, uniform in [0,1), count r^2 times. So with the t that makes the number
 * exact there is each of its weights with probability min(1, t / r^2): the first sqrt(t) outputs
 * have all their inputs, half the weights or more, and the others fewer and fewer. */
#include "model.h"
#include "philox.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const layer_keys *keys_of(const node *nd)
{
  return nd->layer->common;
}

static bool is_masked(const node *nd, const param *p)
{
  return !nd->inserted && p->pub.role == RAD_WEIGHT && keys_of(nd)->density < 1.0;
}

/* --- densities --- */
static double axes_sum(const param *p)
{
  double s = 0;
  for (size_t i = 0; i < p->pub.shape.rank; i++)
    s += (double)p->pub.shape.dim[i];
  return s;
}

static bool is_shared(const model *m, uint32_t i, uint32_t k)
{
  const node *nd = &m->node[i];
  return is_masked(nd, &m->param[nd->param[k]->index]) && keys_of(nd)->mask == MASK_ERDOS_RENYI;
}

/* The e above: full layers take all that they have, the others share the rest. */
static double erdos_renyi(const model *m)
{
  double e = 0, last = -1;
  while (e != last) {
    double total = 0, full = 0, sum = 0;
    for (uint32_t i = 0; i < m->pub.nnode; i++)
      for (uint32_t k = 0; k < m->node[i].pub.nparam; k++) {
        if (!is_shared(m, i, k))
          continue;
        const param *p = &m->param[m->node[i].param[k]->index];
        const double n = (double)p->decl->count, s = axes_sum(p);
        total += keys_of(&m->node[i])->density * n;
        if (e * s >= n)
          full += n;
        else
          sum += s;
      }
    last = e;
    e = sum > 0 ? fmax(e, (total - full) / sum) : e;
  }
  return e;
}

static size_t wanted(const node *nd, const param *p, double e)
{
  const double n = (double)p->decl->count;
  const double share =
      keys_of(nd)->mask == MASK_ERDOS_RENYI ? fmin(e * axes_sum(p), n) : keys_of(nd)->density * n;
  return (size_t)floor(share + 0.5);
}

/* --- draws --- */

/* Moves the `take` smallest of n different numbers to the front. Hoare 1961. */
static void select_smallest(uint64_t *v, size_t n, size_t take)
{
  size_t lo = 0, hi = n;
  while (hi - lo > 1 && take > lo && take < hi) {
    const uint64_t pivot = v[lo + (hi - lo) / 2];
    size_t i = lo, j = hi - 1;
    for (;;) {
      while (v[i] < pivot)
        i++;
      while (v[j] > pivot)
        j--;
      if (i >= j)
        break;
      const uint64_t swap = v[i];
      v[i++] = v[j];
      v[j--] = swap;
    }
    if (take <= i) /* none before i is above the pivot, none from there on below */
      hi = i;
    else
      lo = i > lo ? i : lo + 1;
  }
}

static int compare_keys(const void *pa, const void *pb)
{
  const uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;
  return a < b ? -1 : a > b;
}

/* Multiplies the draws of each row by its rank's square. Products are kept as floats, whose bits
 * are in the order of their values; `row` (rows) is room. */
static void concentrate(uint64_t seedkey, uint32_t *bits, size_t n, size_t rows, uint64_t *row)
{
  const size_t width = n / rows;
  for (size_t i = 0; i < rows; i++) {
    uint32_t draw;
    philox_bits(seedkey, &(rad_at){.stream = 1}, i, 1, &draw);
    row[i] = (uint64_t)draw << 32 | (uint32_t)i;
  }
  qsort(row, rows, sizeof *row, compare_keys);
  for (size_t r = 0; r < rows; r++)
    for (size_t i = 0; i < width; i++) {
      uint32_t *b = &bits[(row[r] & UINT32_MAX) * width + i];
      const float product = (float)((double)*b * (double)(r + 1) * (double)(r + 1));
      memcpy(b, &product, sizeof product);
    }
}

/* The smallest draw of each output (row) and of each input (place on the last axis) goes first. */
static size_t protect(uint64_t *key, size_t n, size_t rows, size_t inputs, size_t *best)
{
  const size_t row = n / rows;
  size_t count = 0;
  for (size_t u = 0; u < rows + inputs; u++)
    best[u] = SIZE_MAX;
  for (size_t i = 0; i < n; i++) {
    const size_t unit[] = {i / row, rows + i % inputs};
    for (size_t k = 0; k < 2; k++)
      if (best[unit[k]] == SIZE_MAX || key[i] < key[best[unit[k]]])
        best[unit[k]] = i;
  }
  for (size_t u = 0; u < rows + inputs; u++) {
    count += key[best[u]] >> 32 != 0;
    key[best[u]] &= UINT32_MAX;
  }
  return count;
}

static rad_status draw(const model *m, const node *nd, const param *p, size_t take, uint8_t *active)
{
  const size_t n = p->decl->count, rows = param_rows(p);
  const size_t inputs = p->pub.shape.dim[p->pub.shape.rank - 1];
  char name[256];
  snprintf(name, sizeof name, "mask %s %s", p->pub.layer, p->pub.name);
  const uint64_t seedkey = philox_seedkey(m->env->seed, philox_salt(name));
  uint32_t *bits = malloc(n * sizeof *bits);
  uint64_t *key = malloc(n * sizeof *key);
  size_t *best = malloc((rows + inputs) * sizeof *best), least = 0;
  const bool ok = bits && key && best;
  if (ok) {
    philox_bits(seedkey, &(rad_at){0}, 0, n, bits);
    if (keys_of(nd)->mask == MASK_CONCENTRATED)
      concentrate(seedkey, bits, n, rows, key);
    for (size_t i = 0; i < n; i++)
      key[i] = (uint64_t)(bits[i] | 1) << 32 | (uint32_t)i;
    least = protect(key, n, rows, inputs, best);
    select_smallest(key, n, take);
    memset(active, 0, n);
    for (size_t i = 0; i < take; i++)
      active[key[i] & UINT32_MAX] = 1;
  }
  free(bits);
  free(key);
  free(best);
  if (!ok)
    return RAD_ENOMEM;
  return take >= least
             ? RAD_OK
             : rad_fail(&nd->layer->ctx, RAD_EINVAL,
                        "density leaves %zu of %zu weights in %s, too few for its %zu "
                        "outputs and %zu inputs to keep one each: at least %zu, density = %.3g",
                        take, n, p->pub.name, rows, inputs, least,
                        ceil(1e3 * (double)least / (double)n) * 1e-3);
}

/* --- storage --- */

/* A tensor is stored sparse where its layer can work with that and its backend is then faster. */
static bool stored_sparse(const model *m, const param *p)
{
  return !m->masked && (p->decl->t.flags & RAD_SPARSE) && m->math.sparse_below &&
         (double)p->count <
             m->math.sparse_below(&m->backend->ctx, &p->pub) * (double)p->decl->count;
}

static rad_status make_pattern(model *m, param *p, const uint8_t *active)
{
  const size_t R = param_rows(p), C = p->decl->count / R, n = p->count;
  rad_pattern *q = arena_alloc(&m->mem, sizeof *q);
  uint64_t *row = arena_alloc(&m->mem, (R + 1) * sizeof *row),
           *start = arena_alloc(&m->mem, (C + 2) * sizeof *start),
           *order = arena_alloc(&m->mem, (n + 1) * sizeof *order);
  uint32_t *col = arena_alloc(&m->mem, (n + 1) * sizeof *col),
           *by = arena_alloc(&m->mem, (n + 1) * sizeof *by);
  if (!q || !row || !start || !order || !col || !by)
    return RAD_ENOMEM;
  uint64_t k = 0;
  for (size_t r = 0; r < R; r++) {
    for (size_t c = 0; c < C; c++)
      if (active[r * C + c]) {
        col[k++] = (uint32_t)c;
        start[c + 2]++;
      }
    row[r + 1] = k;
  }
  for (size_t c = 1; c <= C; c++)
    start[c + 1] += start[c];
  for (size_t r = 0; r < R; r++)
    for (uint64_t i = row[r]; i < row[r + 1]; i++) {
      const uint64_t at = start[col[i] + 1]++; /* in the end the start of column c is at c */
      order[at] = i;
      by[at] = (uint32_t)r;
    }
  *q = (rad_pattern){R, C, n, row, col, order, start, by};
  p->pub.pattern = q;
  p->pub.n = n;
  return RAD_OK;
}

static rad_status mask_param(model *m, const node *nd, param *p, double e)
{
  const size_t n = p->decl->count;
  if (n > UINT32_MAX)
    return rad_fail(&nd->layer->ctx, RAD_EINVAL, "density: tensor %s is too large", p->pub.name);
  p->count = wanted(nd, p, e);
  if (p->count >= n) {
    p->count = n;
    return RAD_OK;
  }
  uint8_t *active = malloc(n), *mask = NULL;
  rad_status s = active ? draw(m, nd, p, p->count, active) : RAD_ENOMEM;
  const bool sparse = stored_sparse(m, p);
  if (s >= 0 && sparse)
    s = make_pattern(m, p, active);
  else if (s >= 0 && (mask = arena_alloc(&m->mem, n)))
    p->pub.mask = memcpy(mask, active, n);
  free(active);
  return s >= 0 && !sparse && !mask ? RAD_ENOMEM : s;
}

rad_status masks_draw(model *m)
{
  const double e = erdos_renyi(m);
  for (uint32_t i = 0; i < m->pub.nnode; i++) {
    const node *nd = &m->node[i];
    bool any = nd->inserted || (keys_of(nd)->density >= 1.0 && keys_of(nd)->mask == MASK_UNIFORM);
    for (uint32_t k = 0; k < nd->pub.nparam; k++) {
      param *p = &m->param[nd->param[k]->index];
      any |= p->pub.role == RAD_WEIGHT;
      if (!is_masked(nd, p))
        continue;
      RAD_TRY(mask_param(m, nd, p, e));
    }
    if (!any)
      return rad_fail(&nd->layer->ctx, RAD_EINVAL,
                      "has no weights: density and mask are for layers that have some");
  }
  return RAD_OK;
}

rad_status param_set_mask(model *m, param *p, const float *active)
{
  const size_t n = p->pub.n, shards = m->shard_param ? shard_count(m, m->batch) : 0;
  uint8_t *mask = p->pub.mask ? (uint8_t *)(uintptr_t)p->pub.mask : arena_alloc(&m->mem, n);
  float *stored = malloc(n * sizeof *stored);
  const rad_status s = mask && stored ? param_store(m, p, active, stored) : RAD_ENOMEM;
  p->count = 0;
  for (size_t i = 0; s >= 0 && i < p->decl->count; i++)
    p->count += active[i] != 0.0f;
  for (size_t i = 0; s >= 0 && i < n; i++) {
    mask[i] = stored[i] != 0.0f;
    p->pub.value[i] = mask[i] ? p->pub.value[i] : 0.0f;
  }
  free(stored);
  p->pub.mask = mask;
  for (size_t k = 0; k < shards; k++)
    m->shard_param[k * m->pub.nparam + p->pub.index].mask = mask;
  return s;
}
