/* SPDX-License-Identifier: BSD-3-Clause
 * tree.c - how blocks nest around layers, and what a copy's section contains. */
#include "blocks.h"
#include <stdlib.h>
#include <string.h>

static rad_status no_memory(diag *d)
{
  return diag_error(d, RAD_ENOMEM, (origin){0}, "out of memory");
}

static bool is_kind(const section *s, const char *kind)
{
  return strcmp(s->kind, kind) == 0;
}

bool section_is_overlay(const section *s)
{
  return (is_kind(s, "layer") || is_kind(s, "block")) && strchr(s->name, '.');
}

part *tree_find(const tree *t, const char *name)
{
  for (size_t i = 0; i < t->n; i++)
    if (strcmp(t->v[i].section->name, name) == 0)
      return &t->v[i];
  return NULL;
}

bool part_inside(const part *p, const part *block)
{
  for (; p; p = p->parent)
    if (p == block)
      return true;
  return false;
}

bool part_enabled(const part *p)
{
  for (; p; p = p->parent)
    if (!section_enabled(p->section))
      return false;
  return true;
}

/* --- members --- */
static rad_status collect(tree *t, const config *c, diag *d)
{
  rad_status worst = RAD_OK;
  size_t layers = 0;
  t->v = arena_alloc(&t->mem, (c->n + 1) * sizeof *t->v);
  if (!t->v)
    return no_memory(d);
  for (size_t i = 0; i < c->n; i++) {
    const section *s = c->v[i];
    const bool block = is_kind(s, "block");
    if ((!block && !is_kind(s, "layer")) || section_is_overlay(s))
      continue;
    const part *other = tree_find(t, s->name);
    if (other) {
      char a[160], b[160];
      worst = diag_error(d, RAD_EINVAL, s->at,
                         "%s has the name of %s: layers and blocks need "
                         "different names",
                         section_title(s, a), section_title(other->section, b));
      layers += !block;
      continue;
    }
    t->v[t->n++] = (part){.section = s, .block = block, .first = layers, .last = layers};
    layers += !block;
  }
  return worst;
}

const char *tree_hint(const tree *t, const char *word, char out[96])
{
  const char **name = calloc(t->n + 1, sizeof *name);
  out[0] = '\0';
  for (size_t i = 0; name && i < t->n; i++)
    name[i] = t->v[i].section->name;
  if (name)
    text_hint(out, word, name, t->n);
  free(name);
  return out;
}

static rad_status adopt(const tree *t, part *p, const char *word, origin at, diag *d)
{
  char title[160], hint[96];
  part *m = tree_find(t, word);
  section_title(p->section, title);
  if (!m)
    return diag_error(d, RAD_EINVAL, at, "%s layers: there is no layer or block '%.80s'%s", title,
                      word, tree_hint(t, word, hint));
  if (m->parent)
    return diag_error(d, RAD_EINVAL, at, "%s layers: '%s' is already in [block %s]", title, word,
                      m->parent->section->name);
  if (part_inside(p, m))
    return diag_error(d, RAD_EINVAL, at, "%s layers: '%s' would contain itself", title, word);
  m->parent = p;
  p->child[p->nchild++] = m;
  return RAD_OK;
}

static rad_status link_members(tree *t, part *p, diag *d)
{
  const setting *set = section_get(p->section, "layers");
  const char *const *word;
  size_t n;
  char title[160];
  section_title(p->section, title);
  if (!set) /* in the words of sections_check: one message */
    return diag_error(d, RAD_EINVAL, p->section->at,
                      "%s needs a key 'layers' (consecutive layers or blocks)", title);
  if (config_words(&t->mem, set->value, &word, &n) < 0)
    return no_memory(d);
  p->child = arena_alloc(&t->mem, (n + 1) * sizeof(part *));
  if (!p->child)
    return no_memory(d);
  rad_status worst = RAD_OK;
  for (size_t i = 0; i < n; i++) {
    const rad_status s = adopt(t, p, word[i], set->at, d);
    worst = s < 0 ? s : worst;
  }
  if (n == 0)
    return diag_error(d, RAD_EINVAL, set->at, "%s layers: there is no name in it", title);
  return worst;
}

/* Whatever walks the tree recurses, so its depth is limited. */
static rad_status check_depth(const part *p, diag *d)
{
  size_t n = 0;
  char title[160];
  for (const part *up = p->parent; up; up = up->parent)
    n++;
  return n <= BLOCK_DEPTH
             ? RAD_OK
             : diag_error(d, RAD_EINVAL, p->section->at, "%s is nested more than %d blocks deep",
                          section_title(p->section, title), BLOCK_DEPTH);
}

static rad_status find_extent(part *p, diag *d)
{
  char title[160];
  for (size_t i = 0; i < p->nchild; i++) {
    if (p->child[i]->block)
      RAD_TRY(find_extent(p->child[i], d));
    if (i > 0 && p->child[i]->first != p->child[i - 1]->last + 1)
      return diag_error(d, RAD_EINVAL, section_get(p->section, "layers")->at,
                        "%s layers: '%s' does not follow '%s' in the file; a block repeats "
                        "consecutive layers, in their order",
                        section_title(p->section, title), p->child[i]->section->name,
                        p->child[i - 1]->section->name);
  }
  p->first = p->child[0]->first;
  p->last = p->child[p->nchild - 1]->last;
  return RAD_OK;
}

/* --- repetitions --- */
/* "search(1, 4)" and "choice(1, 2, 4)": the space's own check has words for what is malformed. */
static bool ends_of(const char *value, int64_t *least, int64_t *most)
{
  if (!is_searched(value)) {
    const bool good = text_to_int64(value, least);
    *most = *least;
    return good;
  }
  arena mem = {0};
  const char *const *word;
  size_t n = 0;
  bool good = searched_words(&mem, value, &word, &n) == RAD_OK && n > 0;
  *least = INT64_MAX;
  *most = INT64_MIN;
  for (size_t i = 0; good && i < n && !(is_range(value) && i == 2); i++) {
    int64_t v;
    good = text_to_int64(word[i], &v);
    *least = good && v < *least ? v : *least;
    *most = good && v > *most ? v : *most;
  }
  arena_free(&mem);
  return good;
}

/* How often a block is repeated at most and at least: the ends of a search, or its number. */
static rad_status part_repeat(const part *p, int32_t *least, int32_t *most, diag *d)
{
  int64_t a = 1, b = 1;
  const setting *set = section_get(p->section, "repeat");
  const char *value = set ? set->value : "1";
  char title[160];
  if (!ends_of(value, &a, &b) || a < 1 || b > 1000 || a > b)
    return diag_error(d, RAD_EINVAL, set ? set->at : p->section->at,
                      "%s repeat = %.80s: must be an integer from 1 to 1000",
                      section_title(p->section, title), value);
  *least = (int32_t)a;
  *most = (int32_t)b;
  return RAD_OK;
}

/* --- overlays --- */
static size_t dots(const char *s)
{
  size_t n = 0;
  for (; (s = strchr(s, '.')); s++)
    n++;
  return n;
}

static rad_status add_overlay(tree *t, const section *s, diag *d)
{
  part *p = tree_named(t, s->name);
  char title[160];
  if (!p || p->block != is_kind(s, "block") ||
      strcmp(p->section->name, strrchr(s->name, '.') + 1) != 0)
    return diag_error(d, RAD_EINVAL, s->at,
                      "%s there is no such copy of a block's %s; copies are "
                      "called BLOCK.1.NAME",
                      section_title(s, title), s->kind);
  const section **over = arena_alloc(&t->mem, (p->nover + 1) * sizeof *over);
  if (!over)
    return no_memory(d);
  size_t at = p->nover;
  while (at > 0 && dots(p->over[at - 1]->name) > dots(s->name))
    at--;
  for (size_t i = 0; i < p->nover; i++)
    over[i + (i >= at)] = p->over[i];
  over[at] = s;
  p->over = over;
  p->nover++;
  return RAD_OK;
}

static void overlay_setting(section *to, const setting *set)
{
  setting *old = section_find(to, set->key, set->only);
  if (!old)
    old = &to->v[to->n++]; /* part_copy has made room */
  *old = *set;
}

section *part_copy(const part *p, const char *full, arena *mem)
{
  section *to = arena_alloc(mem, sizeof *to);
  if (!to)
    return NULL;
  *to = *p->section;
  to->name = full;
  to->cap = p->section->n + 1;
  for (size_t i = 0; i < p->nover; i++)
    to->cap += p->over[i]->n;
  to->v = arena_alloc(mem, to->cap * sizeof *to->v);
  if (!to->v)
    return NULL;
  if (to->n > 0)
    memcpy(to->v, p->section->v, to->n * sizeof *to->v);
  for (size_t i = 0; i < p->nover; i++)
    for (size_t k = 0; name_covers(p->over[i]->name, full) && k < p->over[i]->n; k++)
      overlay_setting(to, &p->over[i]->v[k]);
  return to;
}

/* --- copies --- */
rad_status copies_around(copies *k, const part *p, diag *d)
{
  const rad_key *same = keys_find(
      &(key_table){kind_by_name("block")->common, kind_by_name("block")->ncommon}, 1, "same");
  k->n = 0;
  for (const part *up = p->parent; up; up = up->parent) {
    bool shared = true;
    char title[160];
    RAD_TRY(keys_parse(same, section_value(up->section, "same", "true"), &shared, NULL,
                       up->section->at, section_title(up->section, title), d));
    if (shared)
      continue;
    memmove(k->block + 1, k->block, k->n * sizeof k->block[0]);
    k->block[0] = up;
    k->n++;
  }
  for (size_t i = 0; i < k->n; i++) {
    RAD_TRY(part_repeat(k->block[i], &k->least[i], &k->most[i], d));
    k->r[i] = 1;
  }
  return RAD_OK;
}

bool copies_next(copies *k)
{
  for (size_t i = k->n; i-- > 0;) {
    if (k->r[i] < k->most[i]) {
      k->r[i]++;
      return true;
    }
    k->r[i] = 1;
  }
  return false;
}

const char *copies_path(const copies *k, size_t n, arena *mem)
{
  const char *path = "";
  for (size_t i = 0; i < n && path; i++)
    path = arena_printf(mem, "%s%s.%d.", path, k->block[i]->section->name, (int)k->r[i]);
  return path;
}

/* --- all of it --- */
rad_status tree_build(tree *t, const config *c, diag *d)
{
  *t = (tree){0};
  rad_status worst = collect(t, c, d);
  for (size_t i = 0; i < t->n && t->v; i++)
    if (t->v[i].block) {
      const rad_status s = link_members(t, &t->v[i], d);
      worst = s < 0 ? s : worst;
    }
  for (size_t i = 0; i < t->n && worst == RAD_OK; i++)
    worst = check_depth(&t->v[i], d);
  if (worst < 0)
    return worst;
  for (size_t i = 0; i < t->n; i++)
    if (t->v[i].block && !t->v[i].parent) {
      const rad_status s = find_extent(&t->v[i], d);
      worst = s < 0 ? s : worst;
    }
  for (size_t i = 0; i < c->n; i++)
    if (section_is_overlay(c->v[i])) {
      const rad_status s = add_overlay(t, c->v[i], d);
      worst = s < 0 ? s : worst;
    }
  return worst;
}

void tree_free(tree *t)
{
  arena_free(&t->mem);
  *t = (tree){0};
}
