/* SPDX-License-Identifier: BSD-3-Clause
 * pass.c - one batch through the network and back, layer by layer, piece by piece. */
#include "model.h"
#include <string.h>

/* Outside training an inserted layer is not there: its output is its input's. */
static const float *output(const model *m, uint32_t i, bool training)
{
  while (i != UINT32_MAX) {
    const node *nd = &m->node[i];
    if (nd->inserted ? training : nd->y != NULL)
      return nd->y;
    i = nd->from[0];
  }
  return m->x;
}

static uint32_t last_node(const model *m)
{
  return m->pub.nnode - 1;
}

/* What every callback of a piece is told. */
static rad_pass piece_pass(const node *nd, const model_pass *p, size_t first, size_t n)
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

static void piece_inputs(const model *m, const node *nd, bool training, size_t first,
                         const float **x)
{
  for (uint32_t i = 0; i < nd->pub.nin; i++)
    x[i] = output(m, nd->from[i], training) + first * rad_count(&nd->in[i]);
}

typedef rad_status callback(rad_ctx *, const void *, const rad_pass *);
static rad_status call(const model *m, node *nd, callback *f, const rad_pass *p)
{
  const size_t mark = scratch_mark(m->env);
  const rad_status s = f(&nd->layer->ctx, nd->layer->self, p);
  scratch_release(m->env, mark);
  return s;
}

/* Adds up the layer's sums over the batch, in piece order; dy NULL: forward's. */
static rad_status sums(model *m, node *nd, const model_pass *p, const float *dy, double *total)
{
  const float *x[MAX_INPUTS];
  memset(total, 0, nd->plan.nsum * sizeof *total);
  for (size_t i = 0; i < p->n; i += PIECE) {
    rad_pass q = piece_pass(nd, p, i, p->n - i < PIECE ? p->n - i : PIECE);
    piece_inputs(m, nd, p->training, i, x);
    q.x = x;
    q.y = nd->y + i * nd->width;
    q.dy = dy ? dy + i * nd->width : NULL;
    q.sum = total;
    q.bsum = NULL;
    q.fsum = dy ? q.fsum : NULL;
    RAD_TRY(call(m, nd, nd->ops->sum, &q));
  }
  return RAD_OK;
}

static rad_status forward_node(model *m, uint32_t i, const model_pass *p)
{
  node *nd = &m->node[i];
  const float *x[MAX_INPUTS];
  if (nd->alias || (nd->inserted && !p->training))
    return RAD_OK;
  if (nd->plan.flags & RAD_VIEW) {
    memcpy(nd->y, output(m, nd->from[0], p->training), p->n * nd->width * sizeof *nd->y);
    return RAD_OK;
  }
  if (p->training && nd->plan.nsum > 0 && nd->ops->sum)
    RAD_TRY(sums(m, nd, p, NULL, nd->fsum));
  for (size_t k = 0; k < p->n; k += PIECE) {
    rad_pass q = piece_pass(nd, p, k, p->n - k < PIECE ? p->n - k : PIECE);
    piece_inputs(m, nd, p->training, k, x);
    q.x = x;
    q.y = nd->y + k * nd->width;
    q.act = nd->act ? nd->act->plan.act : RAD_ACT_NONE;
    q.act_alpha = nd->act ? nd->act->plan.act_alpha : 0.0f;
    RAD_TRY(call(m, nd, nd->ops->forward, &q));
  }
  if (p->settle && nd->ops->settle) {
    rad_pass q = piece_pass(nd, p, 0, p->n);
    return call(m, nd, nd->ops->settle, &q);
  }
  return RAD_OK;
}

rad_status model_forward(model *m, const model_pass *p)
{
  m->x = p->x;
  m->training = p->training;
  for (uint32_t i = 0; i < m->pub.nnode; i++)
    RAD_TRY(forward_node(m, i, p));
  return RAD_OK;
}

static float *spare(const model *m, uint32_t k)
{
  return m->spare ? m->spare + k * m->batch * m->widest : NULL;
}

/* Where the gradient of input k of a layer goes: the reading layer's own dy buffer, `spare` where
 * another reader has been there before, or NULL where nobody wants it. */
static float *dx_target(model *m, const node *nd, uint32_t k, const model_pass *p)
{
  const uint32_t from = nd->from[k];
  if (from == UINT32_MAX)
    return p->dx;
  node *src = &m->node[from];
  bool wanted = p->dx != NULL || src->wants_dx;
  for (uint32_t j = 0; j < src->pub.nparam; j++)
    wanted |= m->param[src->param[j]->index].trained;
  return !wanted ? NULL : src->dy_written ? spare(m, k) : src->dy;
}

static void take_dx(model *m, const node *nd, uint32_t k, float *dx, size_t n)
{
  node *src = nd->from[k] == UINT32_MAX ? NULL : &m->node[nd->from[k]];
  if (!src || !dx)
    return;
  for (size_t i = 0; dx == spare(m, k) && i < n * src->width; i++)
    src->dy[i] += dx[i];
}

/* The layer's callback over all pieces; the gradients of its inputs. */
static rad_status backward_input(model *m, node *nd, const model_pass *p, float *const *dx)
{
  const float *x[MAX_INPUTS];
  float *piece[MAX_INPUTS];
  const float *y = nd->plan.flags & RAD_KEEP_Y ? nd->y : NULL;
  for (size_t i = 0; i < p->n; i += PIECE) {
    rad_pass q = piece_pass(nd, p, i, p->n - i < PIECE ? p->n - i : PIECE);
    piece_inputs(m, nd, p->training, i, x);
    for (uint32_t k = 0; k < nd->pub.nin; k++) {
      x[k] = nd->plan.flags & RAD_KEEP_X ? x[k] : NULL;
      piece[k] = dx[k] ? dx[k] + i * rad_count(&nd->in[k]) : NULL;
    }
    q.x = x;
    q.y = (float *)(uintptr_t)(y ? y + i * nd->width : NULL);
    q.dy = nd->dy + i * nd->width;
    q.dx = piece;
    RAD_TRY(call(m, nd, nd->ops->backward, &q));
  }
  return RAD_OK;
}

/* One call over the whole batch; a slice is the whole of axis 0. */
static rad_status gradient(model *m, node *nd, const model_pass *p)
{
  const float *x[MAX_INPUTS];
  rad_pass q = piece_pass(nd, p, 0, p->n);
  bool wanted = false;
  for (uint32_t k = 0; k < nd->pub.nparam; k++)
    wanted |= nd->param[k]->grad != NULL;
  if (!wanted || !p->grads || !nd->ops->gradient)
    return RAD_OK;
  piece_inputs(m, nd, p->training, 0, x);
  for (uint32_t k = 0; k < nd->pub.nin; k++)
    x[k] = nd->plan.flags & RAD_KEEP_X ? x[k] : NULL;
  q.x = x;
  q.y = nd->plan.flags & RAD_KEEP_Y ? nd->y : NULL;
  q.dy = nd->dy;
  q.hi = nd->param[0]->shape.rank > 0 ? nd->param[0]->shape.dim[0] : 1;
  return call(m, nd, nd->ops->gradient, &q);
}

static rad_status backward_node(model *m, node *nd, const model_pass *p)
{
  float *dx[MAX_INPUTS];
  bool any = false;
  if (nd->inserted && !p->training) { /* not there: its reader has left the gradient in nd->dy */
    dx[0] = dx_target(m, nd, 0, p);
    if (dx[0])
      memcpy(dx[0], nd->dy, p->n * nd->width * sizeof(float));
    take_dx(m, nd, 0, dx[0], p->n);
    if (nd->from[0] != UINT32_MAX)
      m->node[nd->from[0]].dy_written = true;
    return RAD_OK;
  }
  for (uint32_t k = 0; k < nd->pub.nin; k++) {
    dx[k] = dx_target(m, nd, k, p);
    any |= dx[k] != NULL;
    if (dx[k] && nd->from[k] != UINT32_MAX) /* two inputs of one layer may be the same layer */
      m->node[nd->from[k]].dy_written = true;
  }
  if (nd->plan.flags & RAD_VIEW) {
    if (dx[0] && dx[0] != nd->dy)
      memcpy(dx[0], nd->dy, p->n * nd->width * sizeof(float));
  } else {
    if (nd->plan.nsum > 0 && nd->ops->sum)
      RAD_TRY(sums(m, nd, p, nd->dy, nd->bsum));
    RAD_TRY(gradient(m, nd, p)); /* before dx, which may overwrite dy */
    if (any && nd->ops->backward)
      RAD_TRY(backward_input(m, nd, p, dx));
  }
  for (uint32_t k = 0; k < nd->pub.nin; k++)
    take_dx(m, nd, k, dx[k], p->n);
  return RAD_OK;
}

rad_status model_backward(model *m, const model_pass *p)
{
  for (uint32_t i = 0; i < m->pub.nnode; i++)
    m->node[i].dy_written = false;
  for (uint32_t i = m->pub.nnode; i-- > 0;)
    RAD_TRY(backward_node(m, &m->node[i], p));
  return RAD_OK;
}

const float *model_y(const model *m)
{
  return output(m, last_node(m), m->training);
}

float *model_dy(const model *m)
{
  return m->node[last_node(m)].dy;
}
