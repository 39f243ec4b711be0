/* SPDX-License-Identifier: BSD-3-Clause
 * host.c - instances of plugins: made from a section, told where they are, freed. */
#include "host.h"
#include "json.h"
#include "philox.h"
#include <stdlib.h>
#include <string.h>

static origin where(const section *s)
{
  const setting *set = s ? section_get(s, "plugin") : NULL;
  return set ? set->at : s ? s->at : (origin){0};
}

/* Everything that does not depend on keys. */
static rad_status begin(instance **out, env *e, const plugin *p, const section *s)
{
  char room[160];
  instance *i = calloc(1, sizeof *i);
  *out = i;
  if (!i)
    return RAD_ENOMEM;
  i->env = e;
  i->plugin = p;
  i->section = s;
  i->planning = true;
  i->ctx = (rad_ctx){.host = &host_services, .core = i, .nworkers = 1};
  i->title = s ? arena_printf(&i->mem, "%s %s", section_title(s, room), p->d.name)
               : arena_printf(&i->mem, "%s %s", plugin_kind_name(p->d.kind), p->d.name);
  return i->title ? RAD_OK : RAD_ENOMEM;
}

/* site NULL: the section's own draws. */
static rad_status salt(instance *i, const char *site)
{
  const char *kind = plugin_kind_name(i->plugin->d.kind),
             *name = i->section ? i->section->name : "";
  const char *s = site ? arena_printf(&i->mem, "%s %s %s", kind, name, site)
                       : arena_printf(&i->mem, "%s %s", kind, name);
  if (!s)
    return RAD_ENOMEM;
  i->seedkey = philox_seedkey(i->env->seed, philox_salt(s));
  return RAD_OK;
}

/* The common keys; `plugin` is known already, and has no default. */
static rad_status fill_common(instance *i, diag *d)
{
  const kind_info *k = kind_by_id(i->plugin->d.kind);
  if (!(i->common = arena_alloc(&i->mem, k->size)))
    return RAD_ENOMEM;
  rad_status worst = RAD_OK;
  for (size_t n = 0; n < k->ncommon; n++) {
    const rad_key *key = &k->common[n];
    rad_status s = RAD_OK;
    if (strcmp(key->name, "plugin") == 0)
      memcpy((char *)i->common + key->offset, &i->plugin->d.name, sizeof(const char *));
    else
      s = keys_fill(key, 1, i->section, i->common, &i->mem, d);
    worst = s < 0 ? s : worst;
  }
  return worst;
}

static rad_status fill_self(instance *i, diag *d)
{
  const rad_plugin *p = &i->plugin->d;
  if (!(i->self = arena_alloc(&i->mem, p->self_size + 1)))
    return RAD_ENOMEM;
  return keys_fill(p->keys, p->nkeys, i->section, i->self, &i->mem, d);
}

rad_status instance_new(instance **out, env *e, uint32_t kind, const char *name, const section *s)
{
  char room[160];
  *out = NULL;
  const char *title = s ? section_title(s, room) : plugin_kind_name(kind);
  const plugin *p = plugins_find(e->plugins, kind, name, where(s), title, e->diag);
  if (!p)
    return RAD_EINVAL;
  instance *i;
  rad_status r = begin(&i, e, p, s);
  if (r == RAD_OK)
    r = salt(i, NULL);
  if (r == RAD_OK) {
    r = fill_common(i, e->diag);
    const rad_status own = fill_self(i, e->diag); /* the user sees all faults at once */
    r = r < 0 ? r : own;
  }
  if (r == RAD_ENOMEM)
    diag_error(e->diag, r, where(s), "%s: out of memory", title);
  if (r == RAD_OK && p->d.init) {
    const size_t mark = scratch_mark(e), errors = e->diag->errors;
    r = p->d.init(&i->ctx, i->self);
    scratch_release(e, mark);
    if (r < 0 && e->diag->errors == errors)
      diag_error(e->diag, r, where(s), "%s: init failed with status %d and gave no reason",
                 i->title, r);
  }
  if (r < 0 && i) {
    i->plugin = NULL; /* what was not initialised is not finished */
    instance_free(i);
    return r;
  }
  *out = i;
  return r < 0 ? r : RAD_OK;
}

rad_status instance_single(instance **out, env *e, const config *c, uint32_t kind)
{
  const char *kind_name = plugin_kind_name(kind);
  const section *s = config_find(c, kind_name, "");
  const char *name = s ? section_value(s, "plugin", NULL) : NULL;
  *out = NULL;
  if (!name)
    return diag_error(e->diag, RAD_EINVAL, s ? s->at : (origin){0},
                      "[%s] plugin is missing; `rademacher help %s` lists what there is", kind_name,
                      kind_name);
  return instance_new(out, e, kind, name, s);
}

rad_status instance_site(instance **out, const instance *of, const char *site)
{
  instance *i;
  rad_status r = begin(&i, of->env, of->plugin, of->section);
  if (r == RAD_OK)
    r = salt(i, site);
  if (r < 0) {
    *out = NULL;
    instance_free(i);
    return diag_error(of->env->diag, r, where(of->section), "%s: out of memory", of->title);
  }
  i->of = of;
  i->self = of->self;
  i->common = of->common;
  i->owner = of->owner;
  i->ctx.math = of->ctx.math;
  i->ctx.lab = of->ctx.lab;
  i->ctx.backend = of->ctx.backend;
  *out = i;
  return RAD_OK;
}

rad_status instance_workers(instance *i, uint32_t n)
{
  i->ctx.nworkers = n;
  i->more = arena_alloc(&i->mem, n * sizeof *i->more);
  if (!i->more)
    return diag_error(i->env->diag, RAD_ENOMEM, where(i->section), "%s: out of memory", i->title);
  for (uint32_t w = 1; w < n; w++) {
    i->more[w - 1] = i->ctx;
    i->more[w - 1].worker = w;
  }
  return RAD_OK;
}

rad_ctx *instance_ctx(const instance *i, uint32_t worker)
{
  return worker == 0 ? (rad_ctx *)(uintptr_t)&i->ctx : &i->more[worker - 1];
}

static void state_free(instance *i)
{
  for (size_t n = 0; i->state && n < i->ntensor; n++)
    free(i->state[n]);
  free(i->state);
  i->state = NULL;
  i->ctx.state = NULL;
}

void instance_free(instance *i)
{
  if (!i)
    return;
  if (i->plugin && !i->of && i->plugin->d.fini) {
    const size_t mark = scratch_mark(i->env);
    i->plugin->d.fini(&i->ctx, i->self);
    scratch_release(i->env, mark);
  }
  state_free(i);
  free(i->tensor);
  held_free(i);
  arena_free(&i->mem);
  free(i);
}

void instance_replan(instance *i)
{
  state_free(i);
  i->ntensor = 0;
  i->planning = true;
}

/* --- declared tensors of instances that are no layers --- */
static void fill_tensor(const rad_tensor *t, size_t n, void *out)
{
  for (size_t i = 0; i < n; i++)
    switch (t->type) {
    case RAD_F32:
      ((float *)out)[i] = (float)t->fill;
      break;
    case RAD_F64:
      ((double *)out)[i] = t->fill;
      break;
    case RAD_U8:
      ((uint8_t *)out)[i] = (uint8_t)t->fill;
      break;
    case RAD_I32:
      ((int32_t *)out)[i] = (int32_t)t->fill;
      break;
    case RAD_I64:
      ((int64_t *)out)[i] = (int64_t)t->fill;
      break;
    default: /* RAD_BF16 is filled with 0 only */
      return;
    }
}

rad_status instance_state(instance *i)
{
  state_free(i);
  i->planning = false;
  if (!(i->state = calloc(i->ntensor + 1, sizeof *i->state)))
    return diag_error(i->env->diag, RAD_ENOMEM, where(i->section), "%s: out of memory", i->title);
  for (size_t n = 0; n < i->ntensor; n++) {
    const declared *d = &i->tensor[n];
    if (!(i->state[n] = aligned_alloc(64, d->bytes)))
      return diag_error(i->env->diag, RAD_ENOMEM, where(i->section),
                        "%s: no memory for %s (%zu bytes)", i->title, d->t.name, d->bytes);
    memset(i->state[n], 0, d->bytes);
    fill_tensor(&d->t, d->count, i->state[n]);
  }
  i->ctx.state = i->state;
  return RAD_OK;
}

void env_files(const env *e, const char *key, text *out)
{
  json_open(out, key, '[');
  for (size_t i = 0; i < e->nfiles; i++) {
    json_open(out, NULL, '{');
    json_text(out, "path", e->files[i].path);
    json_text(out, "sha256", e->files[i].sha256);
    json_uint(out, "bytes", e->files[i].bytes);
    json_close(out, '}');
  }
  json_close(out, ']');
}

void env_free(env *e)
{
  scratch_free(e);
  free(e->files);
  e->files = NULL;
  e->nfiles = e->cfiles = 0;
  arena_free(&e->mem);
}
