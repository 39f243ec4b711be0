/* SPDX-License-Identifier: BSD-3-Clause
 * stages.c - how a batch is shared: shards of samples, stages of layers, portions of gradients.
 * Everything but the size of a stage's steps depends on the batch alone, so that any number of
 * threads adds the same numbers in the same order. */
#include "model.h"

enum {
  NEAR = 512 << 10,   /* bytes of activations that stay in a core's cache */
  TYPICAL = 64,       /* rows that a worker has */
  PORTION = 64 << 10, /* elements of a tensor in a portion: values and gradients stay near */
};

/* --- shards --- */

/* Samples that belong together: those of one call, where a backend's bits depend on it. */
static size_t piece(const model *m)
{
  return m->math.caps & RAD_CAP_ROWS ? PIECE : CALL;
}

size_t shard_count(const model *m, size_t n)
{
  const size_t pieces = (n + piece(m) - 1) / piece(m);
  return pieces < SHARDS ? pieces : SHARDS;
}

size_t shard_first(const model *m, size_t n, size_t k)
{
  const size_t count = shard_count(m, n), pieces = (n + piece(m) - 1) / piece(m);
  return k >= count ? n : pieces * k / count * piece(m);
}

/* --- stages --- */

/* A sparse tensor counts whole: it is read once for each vector of samples, at most, too. */
static size_t weights(const node *nd)
{
  size_t n = 0;
  for (uint32_t k = 0; k < nd->pub.nparam; k++)
    n += nd->param[k]->pattern ? rad_count(&nd->param[k]->shape) : nd->param[k]->n;
  return n;
}

static size_t activations(const node *nd) /* of one sample */
{
  size_t n = nd->alias ? 0 : nd->width;
  for (uint32_t k = 0; k < nd->pub.nin; k++)
    n += rad_count(&nd->in[k]);
  return n;
}

/* A layer whose tensors outweigh its samples reads them as rarely as it can: all samples at once.
 * Others take few, so that these are still near when the next layer reads them. Layers without
 * tensors go with the ones before. */
static bool wants_all(const model *m, uint32_t i, bool before)
{
  const node *nd = &m->node[i];
  const size_t w = weights(nd);
  return w == 0 ? before : w > activations(nd) * TYPICAL;
}

static size_t step_rows(const model *m, const stage *s, bool all)
{
  size_t bytes = 0, rows;
  if (!(m->math.caps & RAD_CAP_ROWS))
    return CALL;
  if (all)
    return 0;
  for (uint32_t i = s->first; i < s->last; i++)
    bytes += m->node[i].alias ? 0 : m->node[i].width * sizeof(float);
  rows = bytes > 0 ? NEAR / bytes : 0;
  return bytes == 0 ? 0 : rows > 0 ? rows : 1;
}

static bool has_sums(const model *m, uint32_t i)
{
  return m->node[i].plan.nsum > 0 && m->node[i].ops->sum;
}

/* Forward, sums come before a layer's own stage; backward, they come after what reads it. */
static rad_status plan_stages(model *m, bool back, stage **out, size_t *n)
{
  const uint32_t nodes = m->pub.nnode;
  bool all = nodes > 0 && wants_all(m, 0, false);
  stage *v = arena_alloc(&m->mem, (nodes + 1u) * sizeof *v);
  if (!v)
    return RAD_ENOMEM;
  for (uint32_t i = 0; i + 1 < nodes && weights(&m->node[i]) == 0; i++)
    all = wants_all(m, i + 1, false); /* the first layer with tensors decides for those before */
  *n = 0;
  for (uint32_t i = 0; i < nodes; i++) {
    const bool next = wants_all(m, i, all);
    const bool cut = back ? i > 0 && has_sums(m, i - 1) : has_sums(m, i);
    if (i == 0 || cut || next != all)
      v[(*n)++] = (stage){.first = i, .sums = !back && has_sums(m, i)};
    all = next;
    v[*n - 1].last = i + 1;
    v[*n - 1].rows = step_rows(m, &v[*n - 1], all);
    if (back)
      v[*n - 1].sums = has_sums(m, i);
  }
  *out = v;
  return RAD_OK;
}

/* --- outputs and their gradients that nobody needs for longer than a step --- */

/* The layer whose buffers this one shares. */
static uint32_t owner(const model *m, uint32_t i)
{
  while (m->node[i].alias && m->node[i].from[0] != UINT32_MAX)
    i = m->node[i].from[0];
  return i;
}

static const stage *stage_of(const stage *s, uint32_t i)
{
  while (i >= s->last)
    s++;
  return s;
}

/* What layer i asks of buffers: its own must live on (`own`), its inputs' must (`in`). */
static void keep(model *m, uint32_t i, bool back, bool own, bool in)
{
  const stage *v = back ? m->backward : m->forward;
  const node *nd = &m->node[i];
  const uint32_t o = owner(m, i);
  if (own || stage_of(v, i) != stage_of(v, o))
    *(back ? &m->node[o].near_dy : &m->node[o].near_y) = 0;
  for (uint32_t k = 0; k < nd->pub.nin; k++)
    if (nd->from[k] != UINT32_MAX && (in || stage_of(v, nd->from[k]) != stage_of(v, i))) {
      node *src = &m->node[owner(m, nd->from[k])];
      *(back ? &src->near_dy : &src->near_y) = 0;
    }
}

/* Written and read within one stage, and not needed on the way back, for sums or for gradients over
 * the batch. Where inserted layers are not there, others read their inputs. */
static void mark_near(model *m)
{
  const uint32_t n = m->pub.nnode;
  for (uint32_t i = 0; i < n; i++) {
    m->node[i].near_y = stage_of(m->forward, i)->rows;
    m->node[i].near_dy = stage_of(m->backward, i)->rows;
  }
  for (uint32_t i = 0; i < n; i++) {
    const node *nd = &m->node[i];
    const bool last = i == n - 1; /* the loss reads y and writes dy */
    const bool later = nd->ops->gradient && nd->pub.nparam > 0 && !nd->sharded;
    keep(m, i, false, last || (nd->plan.flags & RAD_KEEP_Y),
         nd->inserted || (nd->plan.flags & RAD_KEEP_X));
    keep(m, i, true, last || later || has_sums(m, i), false);
  }
  for (uint32_t i = 0; i < n; i++) {
    m->node[i].near_y = m->node[owner(m, i)].near_y;
    m->node[i].near_dy = m->node[owner(m, i)].near_dy;
  }
}

/* --- portions --- */

static bool is_cut(const node *nd)
{
  return (nd->plan.flags & RAD_CUT_OUTPUT) && nd->plan.nsum == 0;
}

void portion_rows(const portion *w, const param *p, size_t *lo, size_t *hi)
{
  const bool whole = !w->node->sharded && !is_cut(w->node);
  *lo = whole ? 0 : w->lo;
  *hi = whole ? param_rows(p) : w->hi;
}

/* Rows of a tensor that make about PORTION elements, as many as are stored together. */
static size_t portion_step(const param *p, bool whole)
{
  const size_t rows = param_rows(p), unit = p->pub.rows;
  const size_t row = p->pub.n / rows > 0 ? p->pub.n / rows : 1;
  const size_t step = PORTION / row / unit * unit;
  return whole ? rows : step > 0 ? step : unit;
}

static void cut_portions(model *m, portion w, const param *p, bool whole, portion *out)
{
  const size_t rows = param_rows(p), step = portion_step(p, whole);
  for (w.lo = 0; w.lo < rows; w.lo += step, m->nportion++) {
    w.hi = rows - w.lo < step ? rows : w.lo + step;
    if (out)
      out[m->nportion] = w;
  }
}

/* Counts where `out` is NULL. */
static void list_portions(model *m, portion *out)
{
  m->nportion = 0;
  for (uint32_t i = 0; i < m->pub.nnode; i++) {
    node *nd = &m->node[i];
    const uint32_t n = nd->pub.nparam;
    bool whole = false;
    if (!nd->ops->gradient || n == 0 || nd->inserted)
      continue;
    for (uint32_t k = 0; k < n; k++)
      whole |= m->param[nd->param[k]->index].whole;
    if (nd->sharded)
      for (uint32_t k = 0; k < n; k++) {
        const param *p = &m->param[nd->param[k]->index];
        if (p->trained)
          cut_portions(m, (portion){nd, k, k + 1, 0, 0}, p, p->whole, out);
      }
    else
      cut_portions(m, (portion){nd, 0, n, 0, 0}, &m->param[nd->param[0]->index],
                   whole || !is_cut(nd), out);
  }
}

rad_status stages_plan(model *m)
{
  RAD_TRY(plan_stages(m, false, &m->forward, &m->nforward));
  RAD_TRY(plan_stages(m, true, &m->backward, &m->nbackward));
  mark_near(m);
  list_portions(m, NULL);
  m->portion = arena_alloc(&m->mem, (m->nportion + 1) * sizeof *m->portion);
  if (!m->portion)
    return RAD_ENOMEM;
  list_portions(m, m->portion);
  return RAD_OK;
}
