/* SPDX-License-Identifier: BSD-3-Clause
 * fuse.c - layers that work in one pass or share buffers: views of their input, activations that
 * the layer before applies, and activations that can wait until a layer has left fewer values.
 * Layers say what they can do (rad_plan.flags, act, absorbs); no plugin is known here. */
#include "model.h"

/* f(max(x)) = max(f(x)) where f increases: is layer i such an f, and i + 1 the maximum that alone
 * reads it? */
static bool can_wait(const model *m, uint32_t i)
{
  const node *f = &m->node[i], *max = &m->node[i + 1];
  return f->plan.act != RAD_ACT_NONE && (f->plan.props & RAD_INCREASING) && f->pub.nin == 1 &&
         !f->inserted && f->readers == 1 && (max->plan.flags & RAD_SELECTS) && max->pub.nin == 1 &&
         !max->inserted && max->from[0] == i;
}

/* The maximum first; who has read it reads the activation. */
static rad_status swap(model *m, uint32_t i)
{
  node *first = &m->node[i], *second = &m->node[i + 1];
  const char *name[] = {second->pub.name, first->pub.name};
  const uint32_t from = first->from[0], readers = second->readers;
  const node f = *first;
  *first = *second;
  *second = f;
  first->from[0] = from;
  second->from[0] = i;
  first->readers = 1;
  second->readers = readers;
  first->plan.in = first->in;
  second->in[0] = first->plan.out;
  instance_replan(second->layer);
  RAD_TRY(node_plan(m, second));
  for (uint32_t k = 0; k < 2; k++) {
    node_publish(&m->node[i + k], name[k]);
    m->node[i + k].pub.index = i + k;
  }
  return RAD_OK;
}

/* An activation is applied by the layer before it where that one can, nobody else reads that one,
 * and its own backward does not need what the shared buffer no longer holds. */
static void absorb(model *m)
{
  for (uint32_t i = 1; i < m->pub.nnode; i++) {
    node *a = &m->node[i];
    if (a->pub.nin != 1 || a->from[0] == UINT32_MAX || a->inserted)
      continue;
    node *p = &m->node[a->from[0]];
    const bool can = a->plan.act != RAD_ACT_NONE && a->plan.act < 32 && !p->inserted && !p->alias &&
                     (p->plan.absorbs >> a->plan.act & 1u) && p->readers == 1;
    const bool safe = !(p->plan.flags & RAD_KEEP_Y) && !(a->plan.flags & RAD_KEEP_X) &&
                      (a->plan.flags & RAD_IN_PLACE);
    a->absorbed = a->alias = can && safe;
    p->act = a->absorbed ? a : NULL;
  }
}

/* Views share their input's buffers where they are its only reader, and it is always there. */
static void alias_views(model *m)
{
  for (uint32_t i = 0; i < m->pub.nnode; i++) {
    node *v = &m->node[i];
    if ((v->plan.flags & RAD_VIEW) && !v->inserted)
      v->alias = v->from[0] == UINT32_MAX ||
                 (m->node[v->from[0]].readers == 1 && !m->node[v->from[0]].inserted);
  }
}

rad_status fuse_layers(model *m)
{
  for (uint32_t i = 0; i + 1 < m->pub.nnode; i++)
    if (can_wait(m, i))
      RAD_TRY(swap(m, i));
  alias_views(m);
  absorb(m);
  return RAD_OK;
}
