/* SPDX-License-Identifier: BSD-3-Clause
 * network.c - plans a network: layers in the order of their sections, what each reads, shapes,
 * declared tensors, and layers that regularizers insert. */
#include "blocks.h"
#include "model.h"
#include <stdlib.h>
#include <string.h>

/* Index of the layer that `name` stands for among the first `n` nodes: of those that a regularizer
 * inserted behind it, the last. UINT32_MAX: there is none. */
static uint32_t find_layer(const model *m, uint32_t n, const char *name)
{
  for (uint32_t i = n; i-- > 0;)
    if (strcmp(m->node[i].pub.name, name) == 0)
      return i;
  return UINT32_MAX;
}

/* Fills node->from out of `input = a, b`, or the layer before. */
static rad_status find_inputs(model *m, node *nd, const section *s)
{
  const char *input = ((const layer_keys *)nd->layer->common)->input;
  const char *const *word;
  size_t n;
  const origin at = s->at;
  char title[160];
  if (config_words(&m->mem, input ? input : "", &word, &n) < 0)
    return RAD_ENOMEM;
  if (n > MAX_INPUTS)
    return diag_error(m->env->diag, RAD_EINVAL, at, "%s more than %d inputs",
                      section_title(s, title), MAX_INPUTS);
  nd->pub.nin = n > 0 ? (uint32_t)n : 1;
  if (n == 0)
    nd->from[0] = m->pub.nnode > 0 ? m->pub.nnode - 1 : UINT32_MAX;
  for (size_t i = 0; i < n; i++) {
    nd->from[i] = find_layer(m, m->pub.nnode, word[i]);
    if (nd->from[i] == UINT32_MAX && strcmp(word[i], "data") != 0)
      return diag_error(m->env->diag, RAD_EINVAL, at,
                        "%s input = %s: no layer of that name comes before this one",
                        section_title(s, title), word[i]);
  }
  return RAD_OK;
}

static bool shape_count(const rad_shape *s, size_t *n)
{
  *n = 1;
  for (size_t i = 0; i < s->rank; i++)
    if (!size_mul(*n, s->dim[i], n))
      return false;
  return true;
}

rad_status node_plan(model *m, node *nd)
{
  nd->plan = (rad_plan){.nin = nd->pub.nin, .in = nd->in};
  nd->layer->ctx.math = &m->math;
  nd->layer->ctx.backend = m->backend->self;
  const size_t mark = scratch_mark(m->env);
  RAD_TRY(nd->ops->plan(&nd->layer->ctx, nd->layer->self, &nd->plan));
  scratch_release(m->env, mark);
  nd->layer->planning = false;
  const rad_plan *p = &nd->plan;
  if (p->out.rank < 1 || p->out.rank >= RAD_MAX_RANK || !shape_count(&p->out, &nd->width) ||
      nd->width == 0)
    return rad_fail(&nd->layer->ctx, RAD_EINVAL, "the output has an impossible shape");
  if ((p->flags & RAD_VIEW) && shape_count(&p->in[0], &(size_t){0}) &&
      rad_count(&p->in[0]) != nd->width)
    return rad_fail(&nd->layer->ctx, RAD_EINVAL, "a view must keep the number of elements");
  if (!(p->flags & RAD_VIEW) && !nd->ops->forward)
    return rad_fail(&nd->layer->ctx, RAD_EINVAL, "the plugin has no forward callback");
  return RAD_OK;
}

static rad_status plan_node(model *m, node *nd, const rad_shape *sample)
{
  for (uint32_t i = 0; i < nd->pub.nin; i++) {
    nd->in[i] = nd->from[i] == UINT32_MAX ? *sample : m->node[nd->from[i]].plan.out;
    if (nd->from[i] != UINT32_MAX)
      m->node[nd->from[i]].readers++;
  }
  return node_plan(m, nd);
}

void node_publish(node *nd, const char *name)
{
  nd->pub.name = name;
  nd->pub.plugin = nd->layer->plugin->d.name;
  nd->pub.in = nd->in;
  nd->pub.from = nd->from;
  nd->pub.out = nd->plan.out;
  nd->pub.props = nd->plan.props;
}

/* A layer that a regularizer inserts behind node `at`, named like it so that readers find it. */
static rad_status insert_hook(model *m, const model_hook *h, const char *behind,
                              const rad_shape *sample)
{
  node *nd = &m->node[m->pub.nnode];
  RAD_TRY(instance_site(&nd->layer, h->instance, behind));
  nd->ops = h->ops;
  nd->inserted = true;
  nd->pub.nin = 1;
  nd->from[0] = m->pub.nnode - 1;
  RAD_TRY(plan_node(m, nd, sample));
  if (nd->width != m->node[nd->from[0]].width || nd->layer->ntensor > 0)
    return rad_fail(&nd->layer->ctx, RAD_EINVAL,
                    "an inserted layer must keep the shape and have no tensors");
  node_publish(nd, behind);
  nd->pub.index = m->pub.nnode++;
  return RAD_OK;
}

static rad_status add_layer(model *m, const section *s, const rad_shape *sample,
                            const model_hook *hook, size_t nhooks)
{
  node *nd = &m->node[m->pub.nnode];
  RAD_TRY(instance_new(&nd->layer, m->env, RAD_LAYER, section_value(s, "plugin", ""), s));
  nd->ops = &nd->layer->plugin->ops.layer;
  RAD_TRY(find_inputs(m, nd, s));
  RAD_TRY(plan_node(m, nd, sample));
  node_publish(nd, s->name);
  nd->pub.index = m->pub.nnode++;
  for (size_t i = 0; i < nhooks; i++)
    if (name_applies(hook[i].apply, s->name))
      RAD_TRY(insert_hook(m, &hook[i], s->name, sample));
  return RAD_OK;
}

/* What RAD_CUT_OUTPUT promises. */
static rad_status check_cut(const node *nd)
{
  const declared *t = nd->layer->tensor;
  for (size_t k = 1; (nd->plan.flags & RAD_CUT_OUTPUT) && k < nd->layer->ntensor; k++)
    if (t[k].t.shape.rank == 0 || t[0].t.shape.rank == 0 ||
        t[k].t.shape.dim[0] != t[0].t.shape.dim[0])
      return rad_fail(
          &nd->layer->ctx, RAD_EINVAL,
          "with RAD_CUT_OUTPUT all tensors have the same first axis, %s and %s have not",
          t[0].t.name, t[k].t.name);
  return RAD_OK;
}

/* Tensor j of a layer as the model's number k. */
static rad_status take_param(model *m, const node *nd, uint32_t j, uint32_t k, uint32_t depth)
{
  const declared *d = &nd->layer->tensor[j];
  const layer_keys *keys = nd->layer->common;
  if (d->t.type != RAD_F32)
    return rad_fail(&nd->layer->ctx, RAD_EINVAL, "tensor %s: a layer's tensors are float",
                    d->t.name);
  if ((d->t.flags & RAD_MAPPED) && !nd->ops->map)
    return rad_fail(&nd->layer->ctx, RAD_EINVAL,
                    "tensor %s has RAD_MAPPED, and the plugin has no map callback", d->t.name);
  m->param[k] = (param){.decl = d,
                        .node = nd,
                        .model = m,
                        .trained = d->t.role != RAD_BUFFER && !keys->freeze,
                        .count = d->count,
                        .pub = {.name = d->t.name,
                                .layer = nd->pub.name,
                                .index = k,
                                .role = d->t.role,
                                .type = d->t.type,
                                .depth = depth,
                                .shape = d->t.shape,
                                .n = d->count,
                                .rows = 1}};
  return RAD_OK;
}

static rad_status collect_params(model *m)
{
  uint32_t total = 0, depth = 0, k = 0;
  for (uint32_t i = 0; i < m->pub.nnode; i++)
    total += m->node[i].inserted ? 0 : (uint32_t)m->node[i].layer->ntensor;
  m->param = arena_alloc(&m->mem, (total + 1u) * sizeof *m->param);
  rad_param **list = arena_alloc(&m->mem, (total + 1u) * sizeof *list);
  if (!m->param || !list)
    return RAD_ENOMEM;
  for (uint32_t i = 0; i < m->pub.nnode; i++) {
    node *nd = &m->node[i];
    const uint32_t n = nd->inserted ? 0 : (uint32_t)nd->layer->ntensor;
    bool weights = false;
    RAD_TRY(check_cut(nd));
    nd->param = list + k;
    nd->pub.param = nd->param;
    nd->pub.nparam = n;
    for (uint32_t j = 0; j < n; j++, k++) {
      RAD_TRY(take_param(m, nd, j, k, depth));
      list[k] = &m->param[k].pub;
      weights |= m->param[k].pub.role == RAD_WEIGHT;
    }
    depth += weights;
  }
  m->pub.param = list;
  m->pub.nparam = total;
  return RAD_OK;
}

/* On the way back the last reader of a layer writes its gradient, the others add to it. */
static rad_status mark_shares(model *m)
{
  bool *seen = arena_alloc(&m->mem, (m->pub.nnode + 1u) * sizeof *seen);
  if (!seen)
    return RAD_ENOMEM;
  for (uint32_t i = m->pub.nnode; i-- > 0;) {
    node *nd = &m->node[i];
    for (uint32_t k = 0; k < nd->pub.nin; k++)
      if (nd->from[k] != UINT32_MAX) {
        nd->again[k] = seen[nd->from[k]];
        seen[nd->from[k]] = true;
      }
    nd->sharded = nd->ops->gradient && nd->pub.nparam > 0 && nd->plan.nsum == 0 &&
                  !(nd->plan.flags & RAD_CUT_OUTPUT);
  }
  return RAD_OK;
}

/* Whether the gradient of each layer's input is wanted: something before it is trained. */
static void mark_gradients(model *m)
{
  for (uint32_t i = 0; i < m->pub.nnode; i++) {
    node *nd = &m->node[i];
    for (uint32_t j = 0; j < nd->pub.nin; j++)
      if (nd->from[j] != UINT32_MAX) {
        const node *p = &m->node[nd->from[j]];
        bool trained = p->wants_dx;
        for (uint32_t k = 0; k < p->pub.nparam; k++)
          trained |= m->param[p->param[k]->index].trained;
        nd->wants_dx |= trained;
      }
  }
}

static rad_status open_backend(model *m)
{
  RAD_TRY(instance_single(&m->backend, m->env, m->config, RAD_BACKEND));
  m->backend->ctx.backend = m->backend->self;
  math_fill(&m->math, m->backend->plugin);
  return RAD_OK;
}

static rad_status plan_layers(model *m, const rad_shape *sample, const model_hook *hook,
                              size_t nhooks)
{
  const size_t most = config_count(m->config, "layer") * (1 + nhooks);
  const node *last;
  if (!sample)
    return RAD_OK;
  if (most == 0)
    return diag_error(m->env->diag, RAD_EINVAL, (origin){0},
                      "the experiment has no [layer NAME] section");
  m->node = arena_alloc(&m->mem, most * sizeof *m->node);
  m->capacity = m->node ? most : 0;
  const rad_node **list = arena_alloc(&m->mem, most * sizeof *list);
  if (!m->node || !list)
    return RAD_ENOMEM;
  for (const section *s = NULL; (s = config_next(m->config, "layer", s));)
    RAD_TRY(add_layer(m, s, sample, hook, nhooks));
  for (uint32_t i = 0; i < m->pub.nnode; i++)
    list[i] = &m->node[i].pub;
  m->pub.node = list;
  last = &m->node[m->pub.nnode - 1];
  for (uint32_t i = 0; i + 1 < m->pub.nnode; i++)
    if (m->node[i].readers == 0)
      return rad_fail(&m->node[i].layer->ctx, RAD_EINVAL,
                      "no layer reads this one, and [layer %s] is the network's output",
                      last->pub.name);
  return RAD_OK;
}

rad_status model_plan(model **out, env *e, const config *arm, const rad_shape *sample,
                      const model_hook *hook, size_t nhooks)
{
  model *m = calloc(1, sizeof *m);
  if (!(*out = m))
    return RAD_ENOMEM;
  m->env = e;
  m->config = arm;
  m->pub.core = m;
  RAD_TRY(team_new(&m->alone, 1, e->diag));
  RAD_TRY(open_backend(m));
  RAD_TRY(plan_layers(m, sample, hook, nhooks));
  RAD_TRY(fuse_layers(m));
  RAD_TRY(collect_params(m));
  mark_gradients(m);
  return mark_shares(m);
}

void model_free(model *m)
{
  if (!m)
    return;
  for (size_t i = 0; m->node && i < m->capacity; i++)
    instance_free(m->node[i].layer);
  instance_free(m->backend);
  team_free(m->alone);
  free(m->value);
  free(m->grad);
  arena_free(&m->mem);
  free(m);
}

size_t model_parameters(const model *m)
{
  size_t n = 0;
  for (uint32_t i = 0; i < m->pub.nparam; i++)
    n += m->param[i].trained ? m->param[i].count : 0;
  return n;
}

size_t model_active_weights(const model *m)
{
  size_t n = 0;
  for (uint32_t i = 0; i < m->pub.nparam; i++)
    n += m->param[i].pub.role == RAD_WEIGHT ? m->param[i].count : 0;
  return n;
}
