/* SPDX-License-Identifier: BSD-3-Clause
 * axes.c - what an axis does to the dimensions of other settings: those are there only in the rows
 * that leave the setting alone and its section switched on. */
#include "axes.h"
#include <stdlib.h>
#include <string.h>

static rad_status no_memory(const axes *x)
{
  return diag_error(x->env->diag, RAD_ENOMEM, (origin){0}, "out of memory");
}

/* --- rows --- */
static rad_status add_row(const axes *x, axis *a, const setting *row)
{
  config *c = &a->row[a->n];
  diag dropped = {0}; /* structure is checked where the row is run */
  if (!(a->label[a->n] = arena_strdup(x->mem, row->key)))
    return no_memory(x);
  RAD_TRY(config_copy(c, x->config));
  const rad_status r = config_row(c, a->section->name, row->key, x->env->diag);
  if (r == RAD_OK && tree_build(&a->tree[a->n], c, &dropped) < 0)
    a->tree[a->n].n = 0;
  diag_free(&dropped);
  if (r < 0) {
    config_free(c);
    return r;
  }
  a->n++;
  return RAD_OK;
}

static rad_status add_axis(axes *x, const section *s)
{
  axis *a = &x->v[x->n++];
  a->section = s;
  a->label = arena_alloc(x->mem, (s->n + 1) * sizeof *a->label);
  a->row = arena_alloc(x->mem, (s->n + 1) * sizeof *a->row);
  a->tree = arena_alloc(x->mem, (s->n + 1) * sizeof *a->tree);
  a->name = arena_printf(x->mem, "axis.%s", s->name);
  if (!a->label || !a->row || !a->tree || !a->name)
    return no_memory(x);
  for (const setting *row = NULL; (row = section_row(s, row));)
    RAD_TRY(add_row(x, a, row));
  return a->n > 0 ? RAD_OK : RAD_EINVAL; /* sections_check has said so */
}

rad_status axes_open(axes *x, env *e, const config *c, const tree *t, arena *mem)
{
  rad_status worst = RAD_OK;
  *x = (axes){.env = e, .config = c, .tree = t, .mem = mem};
  if (!(x->v = arena_alloc(mem, (config_count(c, "axis") + 1) * sizeof *x->v)))
    return no_memory(x);
  for (const section *s = NULL; (s = config_next(c, "axis", s));) {
    const rad_status r = add_axis(x, s);
    worst = r < 0 ? r : worst;
  }
  return worst;
}

void axes_free(axes *x)
{
  for (size_t i = 0; i < x->n; i++)
    for (size_t r = 0; r < x->v[i].n; r++) {
      tree_free(&x->v[i].tree[r]);
      config_free(&x->v[i].row[r]);
    }
  x->n = 0;
}

/* --- conditions --- */
static bool section_runs(const config *c, const tree *t, const section *s)
{
  const section *now = config_find(c, s->kind, s->name);
  if (!now || !section_enabled(now))
    return false;
  const char *dot = strrchr(s->name, '.');
  const bool network = strcmp(s->kind, "layer") == 0 || strcmp(s->kind, "block") == 0;
  const part *p = network ? tree_find(t, dot ? dot + 1 : s->name) : NULL;
  return !network || (p && part_enabled(p));
}

/* A section that is switched off may be switched on by an arm: then its values are needed. */
static bool arm_runs(const axes *x, const section *s)
{
  bool runs = false;
  for (const section *arm = NULL; !runs && (arm = config_next(x->config, "arm", arm));) {
    config c = {0};
    tree t = {0};
    diag dropped = {0};
    if (config_arm(&c, x->config, arm->name, &dropped) == RAD_OK) {
      tree_build(&t, &c, &dropped);
      runs = section_runs(&c, &t, s);
    }
    tree_free(&t);
    config_free(&c);
    diag_free(&dropped);
  }
  return runs;
}

rad_status axes_condition(const axes *x, const section *s, const setting *set, condition *c,
                          bool *exists)
{
  const bool plain = section_runs(x->config, x->tree, s);
  const bool armed = !plain && arm_runs(x, s), base = plain || armed;
  *exists = base;
  for (size_t i = 0; i < x->n; i++) {
    const axis *a = &x->v[i];
    double *when = arena_alloc(x->mem, a->n * sizeof *when);
    size_t n = 0;
    if (!when)
      return no_memory(x);
    for (size_t r = 0; r < a->n; r++) {
      const section *now = config_find(&a->row[r], s->kind, s->name);
      const setting *v = section_find(now, set->key, set->only);
      if (v && strcmp(v->value, set->value) == 0 &&
          (armed || section_runs(&a->row[r], &a->tree[r], s)))
        when[n++] = (double)r;
    }
    if (n == (base ? a->n : 0))
      continue; /* this axis changes nothing */
    *exists = n > 0;
    if (!*exists)
      break;
    if (n < a->n && !c->parent)
      *c = (condition){a->name, when, n};
  }
  return RAD_OK;
}
