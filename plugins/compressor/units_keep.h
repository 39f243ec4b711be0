/* SPDX-License-Identifier: BSD-3-Clause
 * units_keep.h - which units of a network stay, and the values of those that do in a narrower one.
 */
#ifndef PLUGINS_COMPRESSOR_UNITS_KEEP_H
#define PLUGINS_COMPRESSOR_UNITS_KEEP_H
#include "units.h"

/* Squares of the weights that products read, summed over the rows of each unit of a group, into
 * sum (size). */
static inline rad_status units_norms(rad_ctx *c, const units *u, uint32_t group, double *sum)
{
  memset(sum, 0, u->size[group] * sizeof *sum);
  for (uint32_t i = 0; i < u->m->nnode; i++) {
    const rad_param *w = units_weight(u->m->node[i]);
    if (!w || units_root(u, u->seg[i][0]) != group)
      continue;
    const size_t rows = w->shape.dim[0], cols = rad_count(&w->shape) / rows;
    float *v = c->host->scratch(c, rows * cols * sizeof *v);
    if (!v)
      return RAD_ENOMEM;
    RAD_TRY(c->lab->used(c, w, v));
    for (size_t k = 0; k < rows * cols; k++)
      sum[k / cols] += (double)v[k] * (double)v[k];
  }
  return RAD_OK;
}

/* The `left` of n units with the largest numbers, ascending, into kept; of equal ones the first. */
static inline void units_largest(const double *v, size_t n, size_t left, uint32_t *kept)
{
  size_t m = 0;
  for (size_t i = 0; i < n; i++) {
    size_t above = 0;
    for (size_t k = 0; k < n; k++)
      above += v[k] > v[i] || (v[k] == v[i] && k < i);
    if (above < left)
      kept[m++] = (uint32_t)i;
  }
}

/* Which units of each group stay: those with the largest weights, or any, drawn for `when`.
 * kept[g] (left[g]) is ascending; from scratch memory. */
static inline rad_status units_choose(rad_ctx *c, const units *u, const size_t *left, bool random,
                                      uint64_t when, uint32_t ***kept)
{
  *kept = c->host->scratch(c, u->n * sizeof **kept);
  if (!*kept)
    return RAD_ENOMEM;
  for (uint32_t g = 0; g < u->n; g++) {
    const size_t n = u->size[g];
    double *v = c->host->scratch(c, (n + 1) * sizeof *v);
    float *draw = c->host->scratch(c, (n + 1) * sizeof *draw);
    (*kept)[g] = c->host->scratch(c, (left[g] + 1) * sizeof ***kept);
    if (!v || !draw || !(*kept)[g])
      return RAD_ENOMEM;
    if (random)
      c->host->uniform(c, &(rad_at){.when = when, .index = g, .stream = 1}, 0, n, draw);
    else
      RAD_TRY(units_norms(c, u, g, v));
    for (size_t i = 0; random && i < n; i++)
      v[i] = (double)draw[i];
    units_largest(v, n, left[g], (*kept)[g]);
  }
  return RAD_OK;
}

/* Old channel of each new one, for channels of the given groups; how many old ones in *old. */
static inline uint32_t *units_map(rad_ctx *c, const units *u, const uint32_t *seg, uint32_t nseg,
                                  const size_t *left, uint32_t *const *kept, size_t *old,
                                  size_t *now)
{
  uint32_t *map = c->host->scratch(c, (units_channels(u, seg, nseg) + 1) * sizeof *map);
  *old = *now = 0;
  for (uint32_t i = 0; map && i < nseg; i++) {
    const uint32_t g = units_root(u, seg[i]);
    const size_t n = u->fixed[g] ? u->size[g] : left[g];
    for (size_t k = 0; k < n; k++)
      map[(*now)++] = (uint32_t)(*old + (u->fixed[g] ? k : kept[g][k]));
    *old += u->size[g];
  }
  return map;
}

/* Values of the units that stay, of one tensor: rows by `row`, columns in repeated runs of channels
 * by `col`. With a mask in the old one, what is 0 there is not there. */
static inline rad_status units_copy(rad_ctx *c, const rad_param *from, const rad_param *to,
                                    const uint32_t *row, const uint32_t *col, size_t old,
                                    size_t now)
{
  const size_t n = rad_count(&to->shape), N = rad_count(&from->shape);
  const size_t rows = row && to->shape.rank > 0 ? to->shape.dim[0] : 1, cols = n / rows;
  const size_t all = row ? N / from->shape.dim[0] : N;
  float *v = c->host->scratch(c, (N + 1) * sizeof *v), *w = c->host->scratch(c, n * sizeof *w);
  const bool masked = from->mask || from->pattern;
  uint8_t *active = masked ? c->host->scratch(c, n) : NULL;
  if (!v || !w || (masked && !active))
    return RAD_ENOMEM;
  RAD_TRY(c->lab->values(c, from, v));
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < cols; j++) {
      const size_t d = col ? j / now * old + col[j % now] : j;
      w[i * cols + j] = v[(row ? row[i] : i) * all + d];
    }
  for (size_t i = 0; masked && i < n; i++)
    active[i] = w[i] != 0.0f;
  return c->lab->assign(c, to, w, active);
}

static inline rad_status units_keep(rad_ctx *c, const units *u, const rad_model *to,
                                    const size_t *left, uint32_t *const *kept)
{
  size_t oldx, nowx, old, now;
  uint32_t m;
  for (uint32_t i = 0; i < u->m->nnode; i++) {
    const rad_node *n = u->m->node[i], *t = to->node[i];
    const bool weighs = units_weight(n) != NULL;
    const uint32_t *seg = units_input(u, n, 0, &m);
    const uint32_t *x = units_map(c, u, seg, m, left, kept, &oldx, &nowx);
    const uint32_t *y = units_map(c, u, u->seg[i], u->nseg[i], left, kept, &old, &now);
    if (!x || !y)
      return RAD_ENOMEM;
    for (uint32_t k = 0; k < n->nparam; k++) {
      const rad_param *p = n->param[k];
      const bool matrix = weighs && p->shape.rank > 1, units_ = p->shape.rank > 0;
      const bool by_row = weighs && units_ && p->shape.dim[0] == old;
      const bool by_channel = !weighs && units_ && units_last(&p->shape) == old;
      RAD_TRY(units_copy(c, p, t->param[k], by_row ? y : NULL,
                         matrix && units_reads(p, oldx) ? x
                         : by_channel                   ? y
                                                        : NULL,
                         by_channel ? old : oldx, by_channel ? now : nowx));
    }
  }
  return RAD_OK;
}
#endif
