/* SPDX-License-Identifier: BSD-3-Clause
 * space.c - the dimensions of a configuration.
 *
 * A dimension is conditional on, in this order: the repetitions that make its copy of a layer, the
 * choice of the plugin that has its key (x@plugin), the rows of an axis that leave its setting
 * alone and its section switched on. A parent has conditions of its own, so one is enough. */
#include "axes.h"
#include "sections.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_DIMS = 4096 };

typedef struct draft { /* a dimension whose parent is still a name */
  dim dim;
  condition condition;
  bool placed;
} draft;
typedef struct builder {
  env *env;
  const config *config;
  arena *mem;
  tree tree;
  axes axes;
  draft *draft; /* [n] */
  size_t n;
} builder;

static rad_status no_memory(const builder *b)
{
  return diag_error(b->env->diag, RAD_ENOMEM, (origin){0}, "out of memory");
}

static rad_status too_many(const builder *b, origin at)
{
  return diag_error(b->env->diag, RAD_EINVAL, at, "the space has more than %d dimensions",
                    MAX_DIMS);
}

static rad_status add(builder *b, const draft *d)
{
  if (b->n >= MAX_DIMS)
    return too_many(b, d->dim.at);
  if (!d->dim.d.name)
    return no_memory(b);
  b->draft[b->n++] = *d;
  return RAD_OK;
}

/* --- one searched setting --- */
static rad_status describe(builder *b, const rad_key *key, const section *s, const setting *set,
                           draft *d)
{
  searched v;
  char title[160];
  RAD_TRY(searched_parse(key, set, section_title(s, title), b->mem, b->env->diag, &v));
  rad_dim *m = &d->dim.d;
  if (v.range) {
    m->type = key->type == RAD_INT || key->type == RAD_LONG ? RAD_INT : RAD_FLOAT;
    m->log = v.log;
    m->lo = v.lo;
    m->hi = v.hi;
  } else {
    m->type = RAD_ENUM;
    m->hi = (double)(v.n - 1);
    m->nchoice = v.n;
    m->choice = v.choice;
  }
  d->dim.at = set->at;
  d->dim.kind = arena_strdup(b->mem, s->kind);
  d->dim.name = arena_strdup(b->mem, s->name);
  d->dim.key = arena_strdup(b->mem, set->key);
  d->dim.only = set->only ? arena_strdup(b->mem, set->only) : NULL;
  return d->dim.kind && d->dim.name && d->dim.key && (!set->only || d->dim.only) ? RAD_OK
                                                                                 : no_memory(b);
}

/* "layer.body.2.hidden.units" or "optimizer.momentum@sgd" */
static const char *dim_name(builder *b, const section *s, const char *path, const char *key,
                            const char *only)
{
  return arena_printf(b->mem, "%s%s%s%s.%s%s%s", s->kind, *s->name ? "." : "", path, s->name, key,
                      only ? "@" : "", only ? only : "");
}

/* x@plugin exists where `plugin = choice(...)` takes that plugin. */
static rad_status condition_on_plugin(builder *b, const section *s, const setting *set,
                                      const char *path, draft *d, bool *exists)
{
  const char *const *name;
  size_t n;
  if (!set->only)
    return RAD_OK;
  if (section_plugins(s, b->mem, &name, &n) < 0)
    return no_memory(b);
  size_t i = 0;
  while (i < n && strcmp(name[i], set->only) != 0)
    i++;
  *exists = i < n;
  if (i == n || n == 1)
    return RAD_OK;
  double *when = arena_alloc(b->mem, sizeof *when);
  d->condition = (condition){dim_name(b, s, path, "plugin", NULL), when, 1};
  if (!when || !d->condition.parent)
    return no_memory(b);
  *when = (double)i;
  return RAD_OK;
}

/* --- copies --- */
/* The innermost repetition that is not always there decides; its own dimension knows the rest. */
static rad_status condition_on_copy(builder *b, const copies *k, draft *d)
{
  size_t i = k->n;
  while (i > 0 && k->r[i - 1] <= k->least[i - 1])
    i--;
  if (i == 0)
    return RAD_OK;
  const section *s = k->block[i - 1]->section;
  const char *value = section_value(s, "repeat", "1");
  const char *const *word = NULL;
  size_t n = (size_t)(k->most[i - 1] - k->least[i - 1]) + 1, m = 0;
  if (is_choice(value) && searched_words(b->mem, value, &word, &n) < 0)
    return no_memory(b);
  double *when = arena_alloc(b->mem, (n + 1) * sizeof *when);
  const char *path = copies_path(k, i - 1, b->mem);
  const char *parent = path ? dim_name(b, s, path, "repeat", NULL) : NULL;
  if (!when || !parent)
    return no_memory(b);
  for (size_t v = 0; v < n; v++) {
    int64_t repeat = k->least[i - 1] + (int64_t)v;
    if (word && !text_to_int64(word[v], &repeat))
      continue;
    if (repeat >= k->r[i - 1])
      when[m++] = word ? (double)v : (double)repeat;
  }
  d->condition = (condition){parent, when, m};
  return RAD_OK;
}

/* An overlay that the user wrote takes the place of the copy's own dimension. */
static bool overlaid(builder *b, const part *p, const char *path, const setting *set)
{
  const char *full = arena_printf(b->mem, "%s%s", path, p->section->name);
  const section *copy = full ? part_copy(p, full, b->mem) : NULL;
  const setting *v = section_find(copy, set->key, set->only);
  return v && v->value != set->value;
}

static rad_status add_copy(builder *b, const section *s, const setting *set, const copies *k,
                           const part *p, const draft *model)
{
  draft d = *model;
  bool exists = true;
  const char *path = k ? copies_path(k, k->n, b->mem) : "";
  if (!path)
    return no_memory(b);
  d.dim.first = true;
  if (k && k->n > 0) {
    if (overlaid(b, p, path, set))
      return RAD_OK;
    for (size_t i = 0; i < k->n; i++)
      d.dim.first = d.dim.first && k->r[i] == 1;
    d.dim.copy = arena_strndup(b->mem, path, strlen(path) - 1);
    if (!d.dim.copy)
      return no_memory(b);
    RAD_TRY(condition_on_copy(b, k, &d));
  }
  RAD_TRY(condition_on_plugin(b, s, set, path, &d, &exists));
  if (exists)
    RAD_TRY(axes_condition(&b->axes, s, set, &d.condition, &exists));
  d.dim.dotted = d.dim.d.name = dim_name(b, s, path, set->key, set->only);
  return exists ? add(b, &d) : RAD_OK;
}

/* An unknown key, or a section that is not complete: as a rule that has been said already. */
static rad_status no_key(const builder *b, const section *s, const setting *set)
{
  char title[160];
  if (b->env->diag->errors > 0)
    return RAD_EINVAL;
  return diag_error(b->env->diag, RAD_EINVAL, set->at,
                    "%s %.80s: there is no such key that can be searched; its section needs a "
                    "'plugin =' and must be switched on",
                    section_title(s, title), set->key);
}

static rad_status add_setting(builder *b, const section *s, const setting *set)
{
  const kind_info *info = kind_by_name(s->kind);
  const rad_key *key = section_key(b->env, s, set, b->mem);
  const bool network = strcmp(s->kind, "layer") == 0 || strcmp(s->kind, "block") == 0;
  const part *p = network && !section_is_overlay(s) ? tree_find(&b->tree, s->name) : NULL;
  draft model = {0};
  copies k = {0};
  if (info->flags & KIND_STUDY)
    return RAD_EINVAL; /* sections_check has said so */
  if (!key)
    return no_key(b, s, set);
  RAD_TRY(describe(b, key, s, set, &model));
  if (!p)
    return add_copy(b, s, set, NULL, NULL, &model);
  RAD_TRY(copies_around(&k, p, b->env->diag));
  double ncopies = 1;
  for (size_t i = 0; i < k.n; i++)
    ncopies *= (double)k.most[i];
  if (ncopies > MAX_DIMS)
    return too_many(b, set->at);
  do
    RAD_TRY(add_copy(b, s, set, &k, p, &model));
  while (copies_next(&k));
  return RAD_OK;
}

/* [arm NAME] kind.name.key = search(...): a value for this arm alone. */
static rad_status add_arm_setting(builder *b, const section *arm, const setting *set)
{
  config c = {0};
  const rad_key *key = NULL;
  rad_status s = config_arm(&c, b->config, arm->name, b->env->diag);
  for (size_t i = 0; i < c.n && s == RAD_OK && !key; i++)
    for (size_t j = 0; j < c.v[i]->n && !key; j++) {
      const setting *v = &c.v[i]->v[j];
      const char *dotted = section_dotted(c.v[i], v->key, b->mem);
      if (dotted && section_find(arm, dotted, v->only) == set && strcmp(v->value, set->value) == 0)
        key = section_key(b->env, c.v[i], v, b->mem);
    }
  draft d = {0};
  if (s == RAD_OK && !key)
    s = no_key(b, arm, set);
  if (s == RAD_OK)
    s = describe(b, key, arm, set, &d);
  config_free(&c);
  d.dim.first = true;
  d.dim.dotted = d.dim.d.name = dim_name(b, arm, "", set->key, set->only);
  return s == RAD_OK ? add(b, &d) : s;
}

/* --- all of them --- */
static rad_status add_axis(builder *b, const axis *a)
{
  draft d = {.dim = {.axis = arena_strdup(b->mem, a->section->name), .at = a->section->at}};
  if (a->n == 0) /* which has been reported */
    return RAD_EINVAL;
  d.dim.d = (rad_dim){.name = a->name,
                      .type = RAD_ENUM,
                      .hi = (double)(a->n - 1),
                      .nchoice = a->n,
                      .choice = a->label};
  return d.dim.axis ? add(b, &d) : no_memory(b);
}

static rad_status collect(builder *b)
{
  rad_status worst = axes_open(&b->axes, b->env, b->config, &b->tree, b->mem);
  for (size_t i = 0; i < b->axes.n; i++) {
    const rad_status r = add_axis(b, &b->axes.v[i]);
    worst = r < 0 ? r : worst;
  }
  for (size_t i = 0; i < b->config->n; i++) {
    const section *s = b->config->v[i];
    const bool arm = strcmp(s->kind, "arm") == 0;
    const kind_info *info = kind_by_name(s->kind);
    if (!info || (arm ? !section_enabled(s) : (info->flags & KIND_FREE) != 0))
      continue;
    for (size_t k = 0; k < s->n; k++) {
      rad_status r = RAD_OK;
      if (is_searched(s->v[k].value))
        r = arm ? add_arm_setting(b, s, &s->v[k]) : add_setting(b, s, &s->v[k]);
      if (r == RAD_ENOMEM || b->n >= MAX_DIMS)
        return r;
      worst = r < 0 ? r : worst;
    }
  }
  return worst;
}

static draft *draft_named(const builder *b, const char *name)
{
  for (size_t i = 0; name && i < b->n; i++)
    if (strcmp(b->draft[i].dim.d.name, name) == 0)
      return &b->draft[i];
  return NULL;
}

/* A parent's parent is a block further out, the plugin of the same copy, or an axis: the chain is
 * short and has no cycle. */
static int32_t place(builder *b, space *out, draft *d)
{
  draft *parent = draft_named(b, d->condition.parent);
  int32_t up = -1;
  for (size_t i = 0; parent && parent->placed && i < out->n && up < 0; i++)
    if (strcmp(out->dim[i].d.name, d->condition.parent) == 0)
      up = (int32_t)i;
  if (parent && !parent->placed)
    up = place(b, out, parent);
  d->placed = true;
  d->dim.d.parent = up;
  if (up >= 0) {
    d->dim.d.when = d->condition.when;
    d->dim.d.nwhen = d->condition.n;
  }
  out->dim[out->n] = d->dim;
  return (int32_t)out->n++;
}

static rad_status finish(builder *b, space *out)
{
  const rad_dim **view = arena_alloc(b->mem, (b->n + 1) * sizeof *view);
  out->dim = arena_alloc(b->mem, (b->n + 1) * sizeof *out->dim);
  if (!out->dim || !view)
    return no_memory(b);
  for (size_t i = 0; i < b->n; i++)
    if (!b->draft[i].placed)
      place(b, out, &b->draft[i]);
  for (size_t i = 0; i < out->n; i++)
    view[i] = &out->dim[i].d;
  out->view = (rad_space){.ndim = out->n, .dim = view};
  return RAD_OK;
}

rad_status space_build(space *out, env *e, const config *c, arena *mem)
{
  diag dropped = {0};
  builder b = {.env = e, .config = c, .mem = mem};
  *out = (space){0};
  b.draft = calloc(MAX_DIMS, sizeof *b.draft);
  rad_status s = b.draft ? RAD_OK : no_memory(&b);
  if (s == RAD_OK && tree_build(&b.tree, c, &dropped) < 0)
    b.tree.n = 0; /* references_check says what is wrong with the blocks */
  if (s == RAD_OK)
    s = collect(&b);
  if (s == RAD_OK)
    s = finish(&b, out);
  axes_free(&b.axes);
  tree_free(&b.tree);
  diag_free(&dropped);
  free(b.draft);
  return s;
}

const char *space_text(const dim *d, double value, char out[32])
{
  if (d->d.type == RAD_ENUM)
    return value >= 0 && value < (double)d->d.nchoice ? d->d.choice[(size_t)value] : "";
  if (d->d.type == RAD_INT) {
    text t = {0};
    text_printf(&t, "%.0f", value);
    if (!t.failed && t.n < 32) /* within 2^53: at most 17 characters */
      memcpy(out, text_str(&t), t.n + 1);
    else
      out[0] = '\0';
    text_free(&t);
    return out;
  }
  return text_from_double(out, value);
}
