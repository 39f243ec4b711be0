/* SPDX-License-Identifier: BSD-3-Clause
 * experiment.c - reads an experiment and checks all that can be known before data are opened.
 *
 * What is checked is what will run: every arm, with every row of every axis, the other axes at
 * their first row. A mistake that several of these share is reported once. */
#include "blocks.h"
#include "sections.h"
#include "team.h"
#include <stdlib.h>
#include <string.h>

/* --- messages --- */
static bool has_line(const text *t, const char *line, size_t n)
{
  for (const char *s = text_str(t); *s; s++) {
    const size_t length = strcspn(s, "\n");
    if (length == n && memcmp(s, line, n) == 0)
      return true;
    s += length;
    if (!*s)
      break;
  }
  return false;
}

/* Moves the messages of `from` to `to`, those that are there already left out. */
static void merge(diag *to, diag *from)
{
  const char *s = text_str(&from->messages);
  while (*s) {
    const size_t n = strcspn(s, "\n");
    if (!has_line(&to->messages, s, n)) {
      const char *warning = strstr(s, "warning: ");
      if (warning && warning < s + n)
        to->warnings++;
      else
        to->errors++;
      text_add(&to->messages, s, n);
      text_puts(&to->messages, "\n");
    }
    s += n + (s[n] == '\n');
  }
  if (from->errors > 0 && to->errors == 0)
    to->errors = from->errors; /* memory ran out before there was a message */
  diag_free(from);
}

/* --- what runs --- */
/* Row `row` of the axis `varied`, the first row of the others, under one arm. */
static rad_status check_variant(experiment *e, const char *arm, const section *varied,
                                const setting *row)
{
  config c = {0}, under = {0};
  diag *d = e->env->diag;
  rad_status s = config_copy(&c, &e->base);
  for (const section *a = NULL; s == RAD_OK && (a = config_next(&e->base, "axis", a));) {
    const setting *own = a == varied ? row : section_row(a, NULL);
    s = own ? config_row(&c, a->name, own->key, d) : RAD_OK;
  }
  if (s == RAD_OK)
    s = config_arm(&under, &c, arm, d);
  if (s == RAD_OK) {
    sections_check(e->env, &under, true);
    references_check(e->env, &under);
    metrics_check(e->env, &under, e->objective.allow_test);
  }
  config_free(&under);
  config_free(&c);
  return s;
}

static rad_status check_merged(experiment *e, const char *arm, const section *varied,
                               const setting *row)
{
  diag *all = e->env->diag, here = {0};
  e->env->diag = &here;
  const rad_status s = check_variant(e, arm, varied, row);
  e->env->diag = all;
  merge(all, &here);
  return s == RAD_ENOMEM ? diag_error(all, s, (origin){0}, "out of memory") : RAD_OK;
}

static rad_status check_variants(experiment *e)
{
  for (size_t i = 0; i < e->narm; i++) {
    RAD_TRY(check_merged(e, e->arm[i], NULL, NULL));
    for (const section *a = NULL; (a = config_next(&e->base, "axis", a));)
      for (const setting *row = section_row(a, NULL); row && (row = section_row(a, row));)
        RAD_TRY(check_merged(e, e->arm[i], a, row));
  }
  return RAD_OK;
}

/* --- the core's own sections --- */
static bool has_key(const section *s, const char *key)
{
  for (size_t i = 0; i < s->n; i++)
    if (strcmp(s->v[i].key, key) == 0)
      return true;
  return false;
}

/* Keys that are searched keep their defaults here: their values are the trials'. */
static rad_status fill(experiment *e, const char *kind, void *keys)
{
  const kind_info *info = kind_by_name(kind);
  const section *s = config_find(&e->base, kind, "");
  section plain = {0};
  if (s) {
    plain = *s;
    plain.n = 0;
    plain.v = arena_alloc(&e->mem, (s->n + 1) * sizeof *plain.v);
    if (!plain.v)
      return diag_error(e->env->diag, RAD_ENOMEM, s->at, "out of memory");
    for (size_t i = 0; i < s->n; i++)
      if (!is_searched(s->v[i].value))
        plain.v[plain.n++] = s->v[i];
  }
  for (size_t i = 0; i < info->ncommon; i++)
    if (!info->common[i].def && !has_key(&plain, info->common[i].name))
      return RAD_OK; /* no [search]: one trial; what else is wrong has been reported */
  return keys_fill(info->common, info->ncommon, s ? &plain : NULL, keys, &e->mem, e->env->diag);
}

rad_status seeds_read(experiment *e, const rad_list *list, const section *s, const char *title,
                      uint64_t **seed, size_t *n)
{
  const setting *set = s ? section_get(s, "seeds") : NULL;
  const origin at = set ? set->at : (origin){0};
  diag *d = e->env->diag;
  if (list->n == 0)
    return diag_error(d, RAD_EINVAL, at, "%s seeds: needs at least one number", title);
  *seed = arena_alloc(&e->mem, list->n * sizeof **seed);
  if (!*seed)
    return diag_error(d, RAD_ENOMEM, at, "out of memory");
  for (size_t i = 0; i < list->n; i++) {
    const uint64_t v = (uint64_t)list->v[i];
    if ((double)v != list->v[i])
      return diag_error(d, RAD_EINVAL, at, "%s seeds: must be whole numbers", title);
    for (size_t k = 0; k < i; k++)
      if ((*seed)[k] == v)
        return diag_error(d, RAD_EINVAL, at, "%s seeds: %llu is there twice", title,
                          (unsigned long long)v);
    (*seed)[(*n)++] = v;
  }
  return RAD_OK;
}

static rad_status read_core_sections(experiment *e)
{
  RAD_TRY(fill(e, "run", &e->run));
  RAD_TRY(fill(e, "search", &e->search));
  RAD_TRY(fill(e, "objective", &e->objective));
  return seeds_read(e, &e->run.seeds, config_find(&e->base, "run", ""), "[run]", &e->seed,
                    &e->nseed);
}

/* --- open --- */
static rad_status open_config(experiment *e, const char *file, const override *v, size_t n)
{
  const char *slash = strrchr(file, '/');
  const char *name = slash ? slash + 1 : file;
  const size_t length = strlen(name);
  const bool ini = length > 4 && strcmp(name + length - 4, ".ini") == 0;
  e->file = arena_strdup(&e->mem, file);
  e->name = arena_strndup(&e->mem, name, ini ? length - 4 : length);
  const char *defaults = experiment_defaults(&e->mem);
  if (!e->file || !e->name || !defaults)
    return diag_error(e->env->diag, RAD_ENOMEM, (origin){0}, "out of memory");
  return config_read(&e->base, defaults, file, v, n, e->env->diag);
}

/* Without arms there is one, but not where all that there are have been switched off. */
static rad_status check_arms(const experiment *e)
{
  if (config_count(&e->base, "arm") > 0)
    return RAD_OK;
  for (size_t i = 0; i < e->base.n; i++)
    if (strcmp(e->base.v[i]->kind, "arm") == 0)
      return diag_error(e->env->diag, RAD_EINVAL, e->base.v[i]->at,
                        "every [arm] is disabled: enable one, or leave them out for a single "
                        "training, called main");
  return RAD_OK;
}

static rad_status open_checked(experiment *e, const char *file, const override *v, size_t n)
{
  const rad_status read = open_config(e, file, v, n);
  if (read < 0 && read != RAD_EINVAL)
    return read;
  sections_check(e->env, &e->base, false);
  RAD_TRY(read); /* half a file: what follows would be wrong about the other half */
  RAD_TRY(config_arms(&e->base, &e->arm, &e->narm));
  RAD_TRY(check_arms(e));
  rad_status worst = read_core_sections(e); /* allow_test is among them */
  RAD_TRY(check_variants(e));
  const rad_status s = space_build(&e->space, e->env, &e->base, &e->mem);
  worst = s < 0 ? s : worst;
  const rad_status g = s < 0 ? RAD_OK : given_read(e);
  worst = g < 0 ? g : worst;
  const rad_status m = metrics_read(e);
  worst = m < 0 ? m : worst;
  const rad_status f = final_read(e);
  worst = f < 0 ? f : worst;
  e->space.view.nscore = e->objective.direction == DIRECTION_PARETO ? e->nterm : e->nterm > 0;
  e->space.view.nconstraint = e->nconstraint;
  return worst;
}

rad_status experiment_search(const experiment *x, instance **out, uint64_t *n)
{
  *n = 0;
  RAD_TRY(instance_single(out, x->env, &x->base, RAD_SEARCH));
  const rad_search_ops *ops = &(*out)->plugin->ops.search;
  rad_ctx *c = &(*out)->ctx;
  const size_t mark = scratch_mark(x->env);
  rad_status s = ops->plan ? ops->plan(c, (*out)->self, &x->space.view) : RAD_OK;
  if (s == RAD_OK)
    s = instance_state(*out);
  if (s == RAD_OK && ops->count)
    s = ops->count(c, (*out)->self, &x->space.view, n);
  scratch_release(x->env, mark);
  return s;
}

rad_status experiment_trials(const experiment *x, uint64_t *n)
{
  instance *i = NULL;
  *n = 1;
  if (x->space.n == 0)
    return RAD_OK;
  const rad_status s = experiment_search(x, &i, n);
  instance_free(i);
  if (s >= 0 && x->search.trials > 0 && (*n == 0 || *n > (uint64_t)x->search.trials))
    *n = (uint64_t)x->search.trials;
  return s;
}

rad_status experiment_open(experiment *e, env *v, const char *file, const override *o, size_t n)
{
  diag *user = v->diag, here = {0};
  *e = (experiment){.env = v};
  v->diag = &here;
  rad_status s = open_checked(e, file, o, n);
  v->diag = user;
  if (s == RAD_OK && here.errors > 0)
    s = RAD_EINVAL;
  merge(user, &here);
  return s < 0 ? s : paths_absolute(e, &e->base);
}

void experiment_free(experiment *e)
{
  config_free(&e->base);
  arena_free(&e->mem);
  *e = (experiment){0};
}

rad_status experiment_arm(env *e, const config *trial, const char *arm, config *out)
{
  RAD_TRY(config_arm(out, trial, arm, e->diag));
  const rad_status s = blocks_expand(out, e->diag);
  if (s < 0)
    config_free(out);
  return s;
}

uint32_t experiment_slots(const experiment *x)
{
  const uint32_t n = team_cores() / (uint32_t)x->run.threads;
  return n > 0 ? n : 1;
}
