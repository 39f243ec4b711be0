/* SPDX-License-Identifier: BSD-3-Clause
 * graph.c - asks the layers of a network what they are in operators of ONNX, and puts the answers
 * together: names instead of numbers, weights as files hold them, images as (C,H,W). Layers that
 * regularizers insert are not there in inference. */
#include "weights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char input_name[] = "input";

typedef struct builder { /* of one layer */
  rad_sketch pub;        /* first */
  graph *g;
  const node *n;
  const char *last; /* what the last operator gave, or NULL */
  size_t nop, first, last_constant;
} builder;

/* Samples with three axes or more have the last one first. */
static rad_shape graph_shape(const rad_shape *s)
{
  rad_shape out = *s;
  if (s->rank < 3)
    return out;
  out.dim[0] = s->dim[s->rank - 1];
  memcpy(out.dim + 1, s->dim, (s->rank - 1) * sizeof *s->dim);
  return out;
}

static const char *output_of(graph *g, uint32_t from)
{
  const model *m = g->m;
  while (from != UINT32_MAX && m->node[from].inserted)
    from = m->node[from].from[0];
  return from == UINT32_MAX ? input_name : arena_printf(&g->mem, "%s.y", m->node[from].pub.name);
}

static rad_status no_memory(const graph *g)
{
  return diag_error(g->m->env->diag, RAD_ENOMEM, (origin){0}, "out of memory");
}

/* --- constants --- */
static rad_status add_constant(graph *g, const rad_array *a)
{
  rad_array *copy = arena_alloc(&g->mem, sizeof *copy);
  const rad_array **grown =
      arena_grow(&g->mem, g->constant, g->pub.nconstant, &g->cconstant, sizeof *grown);
  if (!copy || !grown || !a->name || !a->data)
    return no_memory(g);
  *copy = *a;
  g->constant = grown;
  g->constant[g->pub.nconstant++] = copy;
  return RAD_OK;
}

static bool is_constant(const graph *g, const char *name)
{
  for (size_t i = 0; i < g->pub.nconstant; i++)
    if (strcmp(g->constant[i]->name, name) == 0)
      return true;
  return false;
}

/* A tensor as products read it, in the order of files. */
static rad_status add_weight(graph *g, const param *p, const char *name)
{
  if (is_constant(g, name))
    return RAD_OK;
  float *v = arena_alloc(&g->mem, p->decl->count * sizeof *v);
  if (!v)
    return no_memory(g);
  RAD_TRY(param_to_file(g->m, p, rad_used(&p->pub), v));
  return add_constant(g, &(rad_array){name, RAD_F32, file_shape(p), v});
}

static rad_status sketch_constant(rad_sketch *s, const rad_array *a)
{
  builder *b = (builder *)(void *)s;
  graph *g = b->g;
  const size_t bytes = rad_count(&a->shape) * type_bytes(a->type);
  void *copy = arena_alloc(&g->mem, bytes + 1);
  if (!copy)
    return no_memory(g);
  memcpy(copy, a->data, bytes);
  const char *name = arena_printf(&g->mem, "%s.c%zu", b->n->pub.name, b->last_constant++);
  return add_constant(g, &(rad_array){name, a->type, a->shape, copy});
}

/* --- operators --- */
static rad_status fault(const builder *b, const char *what)
{
  return rad_fail(&b->n->layer->ctx, RAD_EINVAL, "its ONNX form %s", what);
}

static rad_status operand(builder *b, uint32_t of, const char **name)
{
  graph *g = b->g;
  const node *n = b->n;
  const uint32_t i = of & 0xff;
  if (of == RAD_OP_LAST && b->last)
    *name = b->last;
  else if (of < RAD_OP_W(0) && i < n->pub.nin)
    *name = output_of(g, n->from[i]);
  else if (of >= RAD_OP_CONST(0) && of < RAD_OP_LAST && i < b->last_constant)
    *name = arena_printf(&g->mem, "%s.c%u", n->pub.name, (unsigned)i);
  else if (of >= RAD_OP_W(0) && of < RAD_OP_CONST(0) && i < n->pub.nparam) {
    const param *p = (const param *)(const void *)n->param[i];
    *name = arena_printf(&g->mem, "%s.%s", n->pub.name, p->pub.name);
    return *name ? add_weight(g, p, *name) : no_memory(g);
  } else
    return fault(b, "names an operand that there is not");
  return *name ? RAD_OK : no_memory(g);
}

static rad_status sketch_op(rad_sketch *s, const rad_op *op)
{
  builder *b = (builder *)(void *)s;
  graph *g = b->g;
  if (!op->type || op->nin == 0 || op->nin > RAD_OP_INPUTS || op->nattr > RAD_OP_ATTRS)
    return fault(b, "has an operator without a type, or with too many operands or attributes");
  rad_operation *o = arena_alloc(&g->mem, sizeof *o);
  const char **in = arena_alloc(&g->mem, op->nin * sizeof *in);
  rad_attr *attr = arena_alloc(&g->mem, (op->nattr + 1) * sizeof *attr);
  const rad_operation **grown =
      arena_grow(&g->mem, g->operation, g->pub.noperation, &g->coperation, sizeof *grown);
  if (!o || !in || !attr || !grown)
    return no_memory(g);
  for (uint32_t i = 0; i < op->nin; i++)
    RAD_TRY(operand(b, op->in[i], &in[i]));
  memcpy(attr, op->attr, op->nattr * sizeof *attr);
  b->last = arena_printf(&g->mem, "%s.t%zu", b->n->pub.name, b->nop++);
  *o = (rad_operation){op->type, op->nin, op->nattr, in, b->last, attr};
  g->operation = grown;
  g->operation[g->pub.noperation++] = o;
  return b->last ? RAD_OK : no_memory(g);
}

/* --- layers --- */
static rad_status add_layer(graph *g, const node *n)
{
  const size_t mark = scratch_mark(g->m->env);
  builder b = {
      .pub = {.node = &n->pub, .op = sketch_op, .constant = sketch_constant}, .g = g, .n = n};
  if (!n->ops->onnx)
    return rad_fail(&n->layer->ctx, RAD_EINVAL,
                    "cannot be exported: the plugin does not say what it is in ONNX");
  const rad_status s = n->ops->onnx(&n->layer->ctx, n->layer->self, &b.pub);
  scratch_release(g->m->env, mark);
  RAD_TRY(s);
  if (b.nop == 0)
    return fault(&b, "has no operator");
  rad_operation *end =
      (rad_operation *)(uintptr_t)g->operation[g->pub.noperation - 1]; /* of the arena */
  end->out = output_of(g, n->pub.index);
  return end->out ? RAD_OK : no_memory(g);
}

rad_status graph_make(graph *g, const model *m)
{
  const node *last = &m->node[m->pub.nnode - 1];
  const rad_shape *in = NULL;
  *g = (graph){.m = m};
  for (uint32_t i = 0; i < m->pub.nnode; i++) {
    const node *n = &m->node[i];
    for (uint32_t k = 0; k < n->pub.nin; k++)
      in = n->from[k] == UINT32_MAX ? &n->in[k] : in;
    if (!n->inserted)
      RAD_TRY(add_layer(g, n));
  }
  g->pub.input = input_name;
  g->pub.output = output_of(g, last->pub.index);
  g->pub.in = graph_shape(in);
  g->pub.out = graph_shape(&last->plan.out);
  g->pub.operation = g->operation;
  g->pub.constant = g->constant;
  return g->pub.output ? RAD_OK : no_memory(g);
}

void graph_free(graph *g)
{
  arena_free(&g->mem);
  *g = (graph){0};
}
