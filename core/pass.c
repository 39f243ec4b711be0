/* SPDX-License-Identifier: BSD-3-Clause
 * pass.c - one batch through the network and back, stage by stage, by one member of a team. */
#include "model.h"
#include <string.h>

/* Rows that a member takes through a stage at once. */
typedef struct span {
  size_t first, n;
  uint32_t member;
} span;

/* A row's place in a buffer; near > 0: of which there is only what a step needs. s NULL: outside of
 * any stage. */
static size_t place(size_t near, size_t row, const span *s)
{
  return near > 0 ? s->member * near + row - s->first : row;
}

/* The output of a layer from a row on. Outside training an inserted layer is not there: its output
 * is its input's. */
static const float *output(const model *m, uint32_t i, bool training, size_t row, const span *s)
{
  const rad_shape *x = &m->node[0].in[0];
  while (i != UINT32_MAX) {
    const node *nd = &m->node[i];
    if (nd->inserted ? training : nd->y != NULL)
      return nd->y + place(nd->near_y, row, s) * nd->width;
    x = &nd->in[0];
    i = nd->from[0];
  }
  return m->x + row * rad_count(x);
}

static uint32_t last_node(const model *m)
{
  return m->pub.nnode - 1;
}

/* What every callback is told of rows first .. first+n-1. */
static rad_pass rows_pass(const node *nd, const model_pass *p, size_t first, size_t n)
{
  return (rad_pass){.when = p->when,
                    .training = p->training,
                    .n = n,
                    .first = first,
                    .total = p->n,
                    .id = p->id + first,
                    .in = nd->in,
                    .out = &nd->plan.out,
                    .w = nd->param,
                    .cache = nd->cache ? nd->cache + first * nd->plan.cache : NULL,
                    .fsum = p->training && nd->plan.nsum > 0 ? nd->fsum : NULL,
                    .bsum = nd->plan.nsum > 0 ? nd->bsum : NULL,
                    .type = RAD_F32};
}

static void inputs(const model *m, const node *nd, bool training, size_t first, const span *s,
                   const float **x)
{
  for (uint32_t i = 0; i < nd->pub.nin; i++)
    x[i] = output(m, nd->from[i], training, first, s);
}

static float *y_at(const node *nd, size_t row, const span *s)
{
  return nd->y + place(nd->near_y, row, s) * nd->width;
}

static float *dy_at(const node *nd, size_t row, const span *s)
{
  return nd->dy + place(nd->near_dy, row, s) * nd->width;
}

/* x, y and dy as backward and gradient may see them. */
static void kept(const model *m, const node *nd, const model_pass *p, size_t first, const span *s,
                 rad_pass *q, const float **x)
{
  const bool keep = nd->plan.flags & RAD_KEEP_X;
  for (uint32_t k = 0; k < nd->pub.nin; k++)
    x[k] = keep ? output(m, nd->from[k], p->training, first, NULL) : NULL;
  q->x = x;
  q->y = nd->plan.flags & RAD_KEEP_Y ? nd->y + first * nd->width : NULL;
  q->dy = dy_at(nd, first, s);
}

typedef rad_status callback(rad_ctx *, const void *, const rad_pass *);
static rad_status call(const model *m, const node *nd, callback *f, const rad_pass *p,
                       uint32_t member)
{
  const size_t mark = scratch_mark_of(m->env, member);
  const rad_status s = f(instance_ctx(nd->layer, member), nd->layer->self, p);
  scratch_release_of(m->env, member, mark);
  return s;
}

/* --- sums over the batch --- */

/* This member's pieces, each into its own row of m->part; back: with dy. */
static rad_status part_sums(model *m, node *nd, const model_pass *p, bool back, size_t from,
                            size_t to, uint32_t member)
{
  const float *x[MAX_INPUTS];
  for (size_t i = from; i < to; i += PIECE) {
    rad_pass q = rows_pass(nd, p, i, to - i < PIECE ? to - i : PIECE);
    inputs(m, nd, p->training, i, NULL, x);
    q.x = x;
    q.y = NULL;
    q.dy = back ? nd->dy + i * nd->width : NULL;
    q.sum = m->part + i / PIECE * m->most_sums;
    q.bsum = NULL;
    q.fsum = back ? q.fsum : NULL;
    memset(q.sum, 0, nd->plan.nsum * sizeof *q.sum);
    RAD_TRY(call(m, nd, nd->ops->sum, &q, member));
  }
  return RAD_OK;
}

/* All have waited: adds up the parts in piece order; forward's totals settle running values. */
static rad_status total_sums(model *m, node *nd, const model_pass *p, bool back)
{
  double *total = back ? nd->bsum : nd->fsum;
  memset(total, 0, nd->plan.nsum * sizeof *total);
  for (size_t i = 0; i < p->n; i += PIECE)
    for (size_t k = 0; k < nd->plan.nsum; k++)
      total[k] += m->part[i / PIECE * m->most_sums + k];
  if (back || !p->settle || !nd->ops->settle)
    return RAD_OK;
  rad_pass q = rows_pass(nd, p, 0, p->n);
  return call(m, nd, nd->ops->settle, &q, 0);
}

static void sums(model *m, uint32_t i, const model_pass *p, bool back, team *t, uint32_t member)
{
  node *nd = &m->node[i];
  size_t from, to;
  if (nd->plan.nsum == 0 || !nd->ops->sum || (!back && !p->training) ||
      (nd->inserted && !p->training))
    return;
  pass_rows(m, p->n, t, member, &from, &to);
  if (!team_failed(t))
    team_fail(t, member, part_sums(m, nd, p, back, from, to, member));
  team_wait(t);
  if (member == 0 && !team_failed(t))
    team_fail(t, member, total_sums(m, nd, p, back));
  team_wait(t);
}

/* --- steps of a stage --- */

/* Where a step from row i on ends: `rows` samples of a shard at most, or some whole shards; so a
 * shard is always cut at the same places, wherever a worker's rows begin. */
static size_t step_end(const model *m, const stage *s, const model_pass *p, size_t i, size_t to)
{
  size_t end = i;
  if (s->rows == 0)
    return to;
  for (size_t k = 0; k < shard_count(m, p->n) && end < to; k++) {
    const size_t hi = shard_first(m, p->n, k + 1);
    if (hi <= i)
      continue;
    if (hi - i > s->rows)
      return end > i ? end : i + s->rows;
    end = hi;
  }
  return end;
}

/* --- forward --- */
static rad_status forward_rows(model *m, uint32_t i, const model_pass *p, const span *s)
{
  node *nd = &m->node[i];
  const float *x[MAX_INPUTS];
  if (nd->alias || (nd->inserted && !p->training))
    return RAD_OK;
  inputs(m, nd, p->training, s->first, s, x);
  if (nd->plan.flags & RAD_VIEW) {
    memcpy(y_at(nd, s->first, s), x[0], s->n * nd->width * sizeof *nd->y);
    return RAD_OK;
  }
  rad_pass q = rows_pass(nd, p, s->first, s->n);
  q.x = x;
  q.y = y_at(nd, s->first, s);
  q.act = nd->act ? nd->act->plan.act : RAD_ACT_NONE;
  q.act_alpha = nd->act ? nd->act->plan.act_alpha : 0.0f;
  return call(m, nd, nd->ops->forward, &q, s->member);
}

static rad_status forward_stage(model *m, const stage *s, const model_pass *p, size_t from,
                                size_t to, uint32_t member)
{
  for (size_t i = from, end; i < to; i = end) {
    end = step_end(m, s, p, i, to);
    const span rows = {i, end - i, member};
    for (uint32_t k = s->first; k < s->last; k++)
      RAD_TRY(forward_rows(m, k, p, &rows));
  }
  return RAD_OK;
}

void pass_begin(model *m, const model_pass *p)
{
  m->x = p->x;
  m->training = p->training;
  for (uint32_t i = 0; i < m->pub.nnode; i++)
    m->node[i].joined = false;
}

void pass_rows(const model *m, size_t n, const team *t, uint32_t member, size_t *from, size_t *to)
{
  const size_t all = shard_count(m, n), size = team_size(t);
  *from = shard_first(m, n, all * member / size);
  *to = shard_first(m, n, all * (member + 1) / size);
}

void pass_forward(model *m, const model_pass *p, team *t, uint32_t member)
{
  size_t from, to;
  pass_rows(m, p->n, t, member, &from, &to);
  for (size_t k = 0; k < m->nforward; k++) {
    const stage *s = &m->forward[k];
    if (s->sums)
      sums(m, s->first, p, false, t, member);
    if (!team_failed(t))
      team_fail(t, member, forward_stage(m, s, p, from, to, member));
  }
}

/* --- backward --- */
static float *spare(const model *m, uint32_t k, size_t first)
{
  return m->spare + (k * m->batch + first) * m->widest;
}

/* Where the gradient of input k of a layer goes: the input's own dy, `spare` where another reader
 * has been there before, or NULL where nobody wants it. */
static float *dx_target(model *m, const node *nd, uint32_t k, const model_pass *p, const span *s)
{
  const uint32_t from = nd->from[k];
  if (from == UINT32_MAX)
    return p->dx ? p->dx + s->first * rad_count(&nd->in[k]) : NULL;
  const node *src = &m->node[from];
  bool wanted = p->dx != NULL || src->wants_dx;
  for (uint32_t j = 0; j < src->pub.nparam; j++)
    wanted |= m->param[src->param[j]->index].trained;
  return !wanted ? NULL : nd->again[k] ? spare(m, k, s->first) : dy_at(src, s->first, s);
}

static void take_dx(model *m, const node *nd, uint32_t k, const float *dx, const span *s)
{
  if (nd->from[k] == UINT32_MAX || !dx || !nd->again[k])
    return;
  const node *src = &m->node[nd->from[k]];
  float *restrict dy = dy_at(src, s->first, s);
  for (size_t i = 0; i < s->n * src->width; i++)
    dy[i] += dx[i];
}

/* Gradients of the rows' share of each shard that they touch; a shard's first rows start it. */
static rad_status shard_gradients(model *m, node *nd, const model_pass *p, const span *s)
{
  const float *x[MAX_INPUTS];
  const size_t end = s->first + s->n;
  for (size_t k = 0; k < shard_count(m, p->n); k++) {
    const size_t lo = shard_first(m, p->n, k), hi = shard_first(m, p->n, k + 1);
    const size_t a = s->first > lo ? s->first : lo, b = end < hi ? end : hi;
    if (a >= b)
      continue;
    rad_pass q = rows_pass(nd, p, a, b - a);
    kept(m, nd, p, a, s, &q, x);
    q.w = nd->of[k];
    q.hi = param_rows((const param *)(const void *)nd->param[0]);
    for (uint32_t j = 0; j < nd->pub.nparam; j++)
      q.w[j]->keep = a == lo ? 0.0f : 1.0f;
    RAD_TRY(call(m, nd, nd->ops->gradient, &q, s->member));
  }
  return RAD_OK;
}

/* Whether dx and the gradients may come by one call, of the whole batch. */
static bool joins(const node *nd, const model_pass *p, float *const *dx, const span *s)
{
  bool all = nd->ops->joint && p->grads && s->n == p->n && !nd->sharded && !nd->inserted && dx[0];
  for (uint32_t k = 0; all && k < nd->pub.nparam; k++)
    all = nd->param[k]->grad != NULL;
  return all && nd->param[0]->pattern;
}

static rad_status backward_input(model *m, const node *nd, const model_pass *p, float *const *dx,
                                 const span *s)
{
  const float *x[MAX_INPUTS];
  const float *dy = dy_at(nd, s->first, s);
  if ((nd->plan.flags & RAD_VIEW) || (nd->inserted && !p->training)) {
    if (dx[0] && dx[0] != dy)
      memcpy(dx[0], dy, s->n * nd->width * sizeof(float));
    return RAD_OK;
  }
  bool any = false;
  for (uint32_t k = 0; k < nd->pub.nin; k++)
    any |= dx[k] != NULL;
  if (!any || !nd->ops->backward)
    return RAD_OK;
  rad_pass q = rows_pass(nd, p, s->first, s->n);
  kept(m, nd, p, s->first, s, &q, x);
  q.dx = dx;
  q.hi = nd->joined ? param_rows((const param *)(const void *)nd->param[0]) : 0;
  return call(m, nd, nd->joined ? nd->ops->joint : nd->ops->backward, &q, s->member);
}

static rad_status backward_rows(model *m, uint32_t i, const model_pass *p, const span *s)
{
  node *nd = &m->node[i];
  float *dx[MAX_INPUTS];
  for (uint32_t k = 0; k < nd->pub.nin; k++)
    dx[k] = dx_target(m, nd, k, p, s);
  if (nd->sharded && p->grads) /* before dx, which may overwrite dy */
    RAD_TRY(shard_gradients(m, nd, p, s));
  if (s->n == p->n) /* nobody else has rows */
    nd->joined = joins(nd, p, dx, s);
  RAD_TRY(backward_input(m, nd, p, dx, s));
  for (uint32_t k = 0; k < nd->pub.nin; k++)
    take_dx(m, nd, k, dx[k], s);
  return RAD_OK;
}

static rad_status backward_stage(model *m, const stage *s, const model_pass *p, size_t from,
                                 size_t to, uint32_t member)
{
  for (size_t i = from, end; i < to; i = end) {
    end = step_end(m, s, p, i, to);
    const span rows = {i, end - i, member};
    for (uint32_t k = s->last; k-- > s->first;)
      RAD_TRY(backward_rows(m, k, p, &rows));
  }
  return RAD_OK;
}

void pass_backward(model *m, const model_pass *p, team *t, uint32_t member)
{
  size_t from, to;
  pass_rows(m, p->n, t, member, &from, &to);
  for (size_t k = m->nbackward; k-- > 0;) {
    const stage *s = &m->backward[k];
    if (s->sums)
      sums(m, s->last - 1, p, true, t, member);
    if (!team_failed(t))
      team_fail(t, member, backward_stage(m, s, p, from, to, member));
  }
}

/* --- gradients of tensors --- */

/* grad = keep * grad + the shards' in order, rows lo .. hi-1 of one tensor */
static void add_shards(const model *m, const param *p, size_t n, size_t lo, size_t hi)
{
  const size_t first = param_row(p, lo), count = param_row(p, hi) - first;
  float *restrict g = p->pub.grad ? p->pub.grad + first : NULL;
  const size_t shards = shard_count(m, n);
  const float keep = p->pub.keep;
  for (size_t k = 0; g && k < shards; k++) {
    const float *restrict s = m->shard + k * m->nshard + p->shard_offset + first;
    if (k > 0 || keep == 1.0f)
      for (size_t i = 0; i < count; i++)
        g[i] += s[i];
    else if (keep == 0.0f)
      memcpy(g, s, count * sizeof *g);
    else
      for (size_t i = 0; i < count; i++)
        g[i] = keep * g[i] + s[i];
  }
}

static rad_status gradients(model *m, const portion *w, const model_pass *p, uint32_t member)
{
  const float *x[MAX_INPUTS];
  node *nd = w->node;
  bool wanted = false;
  for (uint32_t k = w->from; k < w->to; k++)
    wanted |= nd->param[k]->grad != NULL;
  if (!wanted)
    return RAD_OK;
  for (uint32_t k = w->from; nd->sharded && k < w->to; k++)
    add_shards(m, &m->param[nd->param[k]->index], p->n, w->lo, w->hi);
  if (nd->sharded || nd->joined)
    return RAD_OK;
  rad_pass q = rows_pass(nd, p, 0, p->n);
  kept(m, nd, p, 0, NULL, &q, x);
  q.lo = w->lo;
  q.hi = w->hi;
  return call(m, nd, nd->ops->gradient, &q, member);
}

void pass_portions(model *m, const model_pass *p, bool compute, team *t, uint32_t member,
                   portion_task *task, void *with)
{
  for (size_t k; !team_failed(t) && (k = team_next(t)) < m->nportion;) {
    if (compute)
      team_fail(t, member, gradients(m, &m->portion[k], p, member));
    if (task && !team_failed(t))
      team_fail(t, member, task(with, k, member));
  }
}

/* --- by one thread --- */
typedef struct alone {
  model *m;
  const model_pass *p;
} alone;

static void forward_alone(void *with, uint32_t member)
{
  const alone *a = with;
  pass_forward(a->m, a->p, a->m->alone, member);
}

static void backward_alone(void *with, uint32_t member)
{
  const alone *a = with;
  pass_backward(a->m, a->p, a->m->alone, member);
  if (a->p->grads)
    pass_portions(a->m, a->p, true, a->m->alone, member, NULL, NULL);
}

rad_status model_forward(model *m, const model_pass *p)
{
  pass_begin(m, p);
  return team_run(m->alone, forward_alone, &(alone){m, p});
}

rad_status model_backward(model *m, const model_pass *p)
{
  return team_run(m->alone, backward_alone, &(alone){m, p});
}

const float *model_y(const model *m)
{
  return output(m, last_node(m), m->training, 0, NULL);
}

float *model_dy(const model *m)
{
  return m->node[last_node(m)].dy;
}
