/* SPDX-License-Identifier: BSD-3-Clause
 * blocks.c - replaces [block] sections by copies of their layers. */
#include "blocks.h"
#include "experiment.h"
#include <string.h>

typedef struct expansion {
  config *config;
  const tree *tree;
  section **out; /* (n) */
  size_t n, cap;
  size_t visited; /* blocks of nothing make no layer, but take time */
  diag *diag;
} expansion;

static rad_status no_memory(const expansion *x)
{
  return diag_error(x->diag, RAD_ENOMEM, (origin){0}, "out of memory");
}

static rad_status visit(expansion *x, const part *p)
{
  if (++x->visited > MAX_COPIES)
    return diag_error(x->diag, RAD_EINVAL, p->section->at, "the blocks make more than %d layers",
                      MAX_COPIES);
  return RAD_OK;
}

static rad_status push(expansion *x, section *s)
{
  section **out = arena_grow(&x->config->mem, x->out, x->n, &x->cap, sizeof *out);
  if (!out)
    return no_memory(x);
  x->out = out;
  x->out[x->n++] = s;
  return RAD_OK;
}

static size_t depth(const part *p)
{
  size_t n = 0;
  for (; p->parent; p = p->parent)
    n++;
  return n;
}

/* The first n repetitions of a path: "a.1.b.2." and 1 gives "a.1." */
static const char *path_head(expansion *x, const char *path, size_t n)
{
  const char *end = path;
  for (size_t dots = 2 * n; dots > 0; dots--)
    end = strchr(end, '.') + 1;
  return arena_strndup(&x->config->mem, path, (size_t)(end - path));
}

static rad_status repeat_of(const expansion *x, const part *p, const section *s, int32_t *n)
{
  const rad_key *key = keys_find(
      &(key_table){kind_by_name("block")->common, kind_by_name("block")->ncommon}, 1, "repeat");
  const setting *set = section_get(s, "repeat");
  char title[160];
  return keys_parse(key, set ? set->value : key->def, n, &x->config->mem,
                    set ? set->at : p->section->at, section_title(s, title), x->diag);
}

/* Full name of the layer that computes the output of p under a path; NULL: all is switched off. */
static rad_status output_of(expansion *x, const part *p, const char *path, const char **name)
{
  arena *mem = &x->config->mem;
  RAD_TRY(visit(x, p));
  const char *full = arena_printf(mem, "%s%s", path, p->section->name);
  const section *s = full ? part_copy(p, full, mem) : NULL;
  if (!s)
    return no_memory(x);
  *name = NULL;
  if (!section_enabled(s))
    return RAD_OK;
  if (!p->block) {
    *name = full;
    return RAD_OK;
  }
  int32_t n;
  RAD_TRY(repeat_of(x, p, s, &n));
  for (; n > 0 && !*name; n--) {
    const char *inner = arena_printf(mem, "%s.%d.", full, (int)n);
    if (!inner)
      return no_memory(x);
    for (size_t i = p->nchild; i > 0 && !*name; i--)
      RAD_TRY(output_of(x, p->child[i - 1], inner, name));
  }
  return RAD_OK;
}

/* A word of `input`, seen from part p: in the same repetition of every block around both. */
static rad_status resolve(expansion *x, const part *p, const char *path, const char *word,
                          const setting *set, text *out)
{
  const part *w = tree_find(x->tree, word);
  char title[160];
  section_title(p->section, title);
  if (!w || (w->parent && !part_inside(p, w->parent)))
    return diag_error(x->diag, RAD_EINVAL, set->at,
                      "%s input = %.80s: no layer or block of that name can be seen from here",
                      title, word);
  const char *head = path_head(x, path, depth(w)), *name;
  if (!head)
    return no_memory(x);
  RAD_TRY(output_of(x, w, head, &name));
  if (!name)
    return diag_error(x->diag, RAD_EINVAL, set->at, "%s input = %.80s: it is switched off", title,
                      word);
  text_printf(out, "%s%s", out->n > 0 ? ", " : "", name);
  return RAD_OK;
}

static rad_status resolve_inputs(expansion *x, const part *p, const char *path, section *copy)
{
  for (size_t i = 0; i < copy->n; i++) {
    setting *set = &copy->v[i];
    if (strcmp(set->key, "input") != 0 || !*set->value)
      continue;
    const char *const *word;
    size_t n;
    text out = {0};
    rad_status s = config_words(&x->config->mem, set->value, &word, &n);
    for (size_t w = 0; w < n && s == RAD_OK; w++)
      s = resolve(x, p, path, word[w], set, &out);
    const char *value = s == RAD_OK ? arena_strdup(&x->config->mem, text_str(&out)) : "";
    const bool failed = out.failed || !value;
    text_free(&out);
    RAD_TRY(s);
    if (failed)
      return no_memory(x);
    set->value = value;
  }
  return RAD_OK;
}

static rad_status emit(expansion *x, const part *p, const char *path)
{
  arena *mem = &x->config->mem;
  RAD_TRY(visit(x, p));
  const char *full = arena_printf(mem, "%s%s", path, p->section->name);
  section *copy = full ? part_copy(p, full, mem) : NULL;
  if (!copy)
    return no_memory(x);
  if (!section_enabled(copy))
    return RAD_OK;
  if (!p->block) {
    RAD_TRY(resolve_inputs(x, p, path, copy));
    return push(x, copy);
  }
  int32_t n;
  RAD_TRY(repeat_of(x, p, copy, &n));
  for (int32_t r = 1; r <= n; r++) {
    const char *inner = arena_printf(mem, "%s.%d.", full, (int)r);
    if (!inner)
      return no_memory(x);
    for (size_t i = 0; i < p->nchild; i++)
      RAD_TRY(emit(x, p->child[i], inner));
  }
  return RAD_OK;
}

static rad_status expand(expansion *x)
{
  for (size_t i = 0; i < x->config->n; i++) {
    section *s = x->config->v[i];
    const bool layer = strcmp(s->kind, "layer") == 0;
    if (section_is_overlay(s) || strcmp(s->kind, "block") == 0)
      continue;
    if (!layer) {
      RAD_TRY(push(x, s));
      continue;
    }
    const part *p = tree_find(x->tree, s->name);
    const size_t place = p->first;
    while (p->parent)
      p = p->parent;
    if (p->first == place) /* the outermost block stands where its first layer does */
      RAD_TRY(emit(x, p, ""));
  }
  return RAD_OK;
}

rad_status blocks_expand(config *c, diag *d)
{
  tree t;
  rad_status s = tree_build(&t, c, d);
  expansion x = {.config = c, .tree = &t, .diag = d};
  if (s == RAD_OK)
    s = expand(&x);
  if (s == RAD_OK) {
    c->v = x.out;
    c->n = x.n;
    c->cap = x.cap;
  }
  tree_free(&t);
  return s;
}
