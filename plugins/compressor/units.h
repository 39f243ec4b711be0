/* SPDX-License-Identifier: BSD-3-Clause
 * units.h - which outputs of layers are one unit, so that a network can be made narrower. A layer
 * with weights has a group of units of its own, one for each row of its first weight (a filter, for
 * convolutions). Layers without weights pass the groups of their input on, by the last axis; where
 * inputs are added (one shape, several inputs) their groups are one; where they are joined, groups
 * stand side by side. An input of n channels is read by column d of a weight as channel d mod n:
 * dense layers behind flatten too, as channels are the last axis. What cannot be followed so is
 * `fixed`, as are the data, the outputs and layers that `apply` leaves out. */
#ifndef PLUGINS_COMPRESSOR_UNITS_H
#define PLUGINS_COMPRESSOR_UNITS_H
#include <math.h>
#include <rademacher/compressor.h>
#include <stdio.h>
#include <string.h>

typedef struct units {
  const rad_model *m;
  uint32_t n;     /* groups, the data's first; those that are one have the same root */
  uint32_t *root; /* (n) */
  size_t *size;   /* (n) units */
  bool *fixed;    /* (n) of roots */
  uint32_t **seg; /* (nnode) groups of a node's channels, in their order */
  uint32_t *nseg; /* (nnode) */
  uint32_t data;  /* the one group of the data */
} units;
enum { UNITS_TEXT = 160 };
typedef struct units_text {
  char key[UNITS_TEXT], value[24];
} units_text;

static inline uint32_t units_root(const units *u, uint32_t g)
{
  while (u->root[g] != g)
    g = u->root[g];
  return g;
}

static inline const rad_param *units_weight(const rad_node *n)
{
  return n->nparam > 0 && n->param[0]->role == RAD_WEIGHT ? n->param[0] : NULL;
}

static inline size_t units_channels(const units *u, const uint32_t *seg, uint32_t n)
{
  size_t sum = 0;
  for (uint32_t i = 0; i < n; i++)
    sum += u->size[seg[i]];
  return sum;
}

/* Groups of input k of a node. */
static inline const uint32_t *units_input(const units *u, const rad_node *n, uint32_t k,
                                          uint32_t *nseg)
{
  const bool data = n->from[k] == UINT32_MAX;
  *nseg = data ? 1 : u->nseg[n->from[k]];
  return data ? &u->data : u->seg[n->from[k]];
}

static inline void units_fix(units *u, const uint32_t *seg, uint32_t n)
{
  for (uint32_t i = 0; i < n; i++)
    u->fixed[units_root(u, seg[i])] = true;
}

static inline uint32_t units_new(units *u, size_t size, bool fixed)
{
  const uint32_t g = u->n++;
  u->root[g] = g;
  u->size[g] = size;
  u->fixed[g] = fixed;
  return g;
}

static inline size_t units_last(const rad_shape *s)
{
  return s->rank > 0 ? s->dim[s->rank - 1] : 1;
}

/* Does a weight read its input channel by channel? */
static inline bool units_reads(const rad_param *w, size_t channels)
{
  const size_t cols = rad_count(&w->shape) / w->shape.dim[0];
  return w->shape.rank > 2 ? units_last(&w->shape) == channels : cols % channels == 0;
}

/* Inputs of one shape and structure become one; false: they cannot. */
static inline bool units_join(units *u, const rad_node *n)
{
  uint32_t na, nb;
  const uint32_t *a = units_input(u, n, 0, &na);
  for (uint32_t k = 1; k < n->nin; k++) {
    const uint32_t *b = units_input(u, n, k, &nb);
    bool same = na == nb;
    for (uint32_t i = 0; same && i < na; i++)
      same = u->size[a[i]] == u->size[b[i]];
    if (!same)
      return false;
    for (uint32_t i = 0; i < na; i++) {
      const uint32_t p = units_root(u, a[i]), q = units_root(u, b[i]);
      const bool fixed = u->fixed[p] || u->fixed[q];
      u->root[p > q ? p : q] = p > q ? q : p;
      u->fixed[p > q ? q : p] = fixed;
    }
  }
  return true;
}

/* What a node without weights makes of the groups of its inputs. */
static inline void units_pass_on(units *u, const rad_node *n)
{
  const size_t last = units_last(&n->out);
  uint32_t all = 0, k, m;
  size_t channels = 0, first = 0;
  bool follows = true;
  for (k = 0; k < n->nin; k++) {
    const uint32_t *seg = units_input(u, n, k, &m);
    channels = units_channels(u, seg, m);
    first += channels;
    follows &= n->nin == 1 || units_last(&n->in[k]) == channels; /* none that is flat */
  }
  if (n->nin > 1 && last == channels && follows && units_join(u, n)) {
    const uint32_t *seg = units_input(u, n, 0, &m);
    memcpy(u->seg[n->index], seg, m * sizeof *seg);
    u->nseg[n->index] = m;
    return;
  }
  follows &= n->nin > 1 ? last == first : last % channels == 0;
  for (k = 0; k < n->nin; k++) {
    const uint32_t *seg = units_input(u, n, k, &m);
    if (follows)
      memcpy(u->seg[n->index] + all, seg, m * sizeof *seg);
    else
      units_fix(u, seg, m);
    all += m;
  }
  u->nseg[n->index] = follows ? all : 1;
  if (!follows)
    u->seg[n->index][0] = units_new(u, last, true);
}

static inline void units_weigh(rad_ctx *c, units *u, const rad_node *n)
{
  const rad_param *w = units_weight(n);
  const size_t rows = w->shape.dim[0];
  uint32_t m;
  const uint32_t *seg = units_input(u, n, 0, &m);
  const bool reads = n->nin == 1 && units_reads(w, units_channels(u, seg, m));
  if (!reads)
    for (uint32_t k = 0; k < n->nin; k++) {
      seg = units_input(u, n, k, &m);
      units_fix(u, seg, m);
    }
  u->seg[n->index][0] =
      units_new(u, rows, !reads || units_last(&n->out) != rows || !c->lab->applies(c, n->name));
  u->nseg[n->index] = 1;
}

/* From scratch memory. */
static inline rad_status units_find(rad_ctx *c, const rad_model *m, units *u)
{
  const size_t most = m->nnode + 1;
  *u = (units){.m = m,
               .root = c->host->scratch(c, most * sizeof *u->root),
               .size = c->host->scratch(c, most * sizeof *u->size),
               .fixed = c->host->scratch(c, most * sizeof *u->fixed),
               .seg = c->host->scratch(c, most * sizeof *u->seg),
               .nseg = c->host->scratch(c, most * sizeof *u->nseg)};
  if (!u->root || !u->size || !u->fixed || !u->seg || !u->nseg)
    return RAD_ENOMEM;
  const rad_node *first = m->node[0];
  u->data = units_new(u, units_last(&first->in[0]), true);
  for (uint32_t i = 0; i < m->nnode; i++) {
    const rad_node *n = m->node[i];
    uint32_t room = 1, k;
    for (k = 0; k < n->nin; k++)
      room += n->from[k] == UINT32_MAX ? 1 : u->nseg[n->from[k]];
    u->seg[i] = c->host->scratch(c, room * sizeof **u->seg);
    if (!u->seg[i])
      return RAD_ENOMEM;
    if (units_weight(n))
      units_weigh(c, u, n);
    else
      units_pass_on(u, n);
  }
  units_fix(u, u->seg[m->nnode - 1], u->nseg[m->nnode - 1]);
  return RAD_OK;
}

/* Settings for as many units as `left` (n) says of each root; set (nnode) and texts from scratch
 * memory. How many, in *nset. */
static inline rad_status units_sets(rad_ctx *c, const units *u, const size_t *left, rad_set **set,
                                    size_t *nset)
{
  units_text *t = c->host->scratch(c, (u->m->nnode + 1) * sizeof *t);
  *set = c->host->scratch(c, (u->m->nnode + 1) * sizeof **set);
  *nset = 0;
  if (!t || !*set)
    return RAD_ENOMEM;
  for (uint32_t i = 0; i < u->m->nnode; i++) {
    const rad_node *n = u->m->node[i];
    const rad_param *w = units_weight(n);
    const uint32_t g = w ? units_root(u, u->seg[i][0]) : 0;
    if (!w || left[g] == u->size[g])
      continue;
    snprintf(t->key, sizeof t->key, "layer.%s.%s", n->name,
             w->shape.rank > 2 ? "filters" : "units");
    snprintf(t->value, sizeof t->value, "%zu", left[g]);
    (*set)[(*nset)++] = (rad_set){t->key, t->value};
    t++;
  }
  return RAD_OK;
}
#endif
