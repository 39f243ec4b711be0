/* SPDX-License-Identifier: BSD-3-Clause
 * point.c - from a point of the space to the configuration of one trial. */
#include "fs.h"
#include "sections.h"
#include <math.h>
#include <string.h>

static section *section_of(const config *c, const char *kind, const char *name)
{
  for (size_t i = 0; i < c->n; i++)
    if (strcmp(c->v[i]->kind, kind) == 0 && strcmp(c->v[i]->name, name) == 0)
      return c->v[i];
  return NULL;
}

static setting *setting_of(const section *s, const char *key, const char *only)
{
  for (size_t i = 0; s && i < s->n; i++) {
    setting *v = &s->v[i];
    if (strcmp(v->key, key) == 0 &&
        (v->only && only ? strcmp(v->only, only) == 0 : v->only == only))
      return v;
  }
  return NULL;
}

static void remove_setting(section *s, setting *v)
{
  const size_t i = (size_t)(v - s->v);
  memmove(v, v + 1, (s->n - i - 1) * sizeof *v);
  s->n--;
}

/* --- values --- */
static rad_status put_value(const experiment *e, const dim *d, double value, config *c)
{
  char room[32];
  section *s = section_of(c, d->kind, d->name);
  setting *v = setting_of(s, d->key, d->only);
  if (isnan(value))
    return RAD_OK; /* not in this trial: an axis puts another value there, or it is left out */
  const char *word = arena_strdup(&c->mem, space_text(d, value, room));
  if (!word)
    return diag_error(e->env->diag, RAD_ENOMEM, d->at, "out of memory");
  if (!d->first)
    return config_set(c, d->dotted, word, d->at, e->env->diag);
  if (v)
    v->value = word;
  setting *old = s && s->before ? setting_of(s->before, d->key, d->only) : NULL;
  if (old) /* what an override replaced is still asked for shapes and sizes */
    old->value = word;
  return RAD_OK;
}

static rad_status put_point(const experiment *e, const double *point, config *c)
{
  for (size_t i = 0; i < e->space.n; i++)
    if (!e->space.dim[i].axis)
      RAD_TRY(put_value(e, &e->space.dim[i], point[i], c));
  for (size_t i = 0; i < e->space.n; i++) {
    const dim *d = &e->space.dim[i];
    if (d->axis && point[i] >= 0 && point[i] < (double)d->d.nchoice)
      RAD_TRY(config_row(c, d->axis, d->d.choice[(size_t)point[i]], e->env->diag));
  }
  return RAD_OK;
}

/* --- files --- */
static bool is_relative(const char *path)
{
  return *path && *path != '/' && strncmp(path, "data:", 5) != 0;
}

/* Paths are relative to the file that has them, but the trial's file stands elsewhere. */
static const char *absolute(arena *mem, const setting *v)
{
  const bool in_file = v->at.file && v->at.line > 0; /* not of the command line */
  const char *dir = in_file ? fs_dirname(mem, v->at.file) : "";
  const char *path = dir ? fs_join(mem, dir, v->value) : NULL;
  return path ? fs_absolute(mem, path) : NULL;
}

static bool is_file_key(const experiment *e, const section *s, const setting *v, arena *mem)
{
  if (!is_relative(v->value))
    return false;
  const rad_key *key = section_key(e->env, s, v, mem);
  return key && (key->flags & RAD_FILE);
}

static rad_status no_memory(const experiment *e)
{
  return diag_error(e->env->diag, RAD_ENOMEM, (origin){0}, "out of memory");
}

static rad_status absolute_section(const experiment *e, config *c, section *s)
{
  for (size_t k = 0; k < s->n; k++)
    if (is_file_key(e, s, &s->v[k], &c->mem)) {
      s->v[k].value = absolute(&c->mem, &s->v[k]);
      if (!s->v[k].value)
        return no_memory(e);
    }
  return RAD_OK;
}

static rad_status absolute_base(const experiment *e, config *c)
{
  for (size_t i = 0; i < c->n; i++) {
    section *s = c->v[i];
    if (!section_enabled(s))
      continue;
    RAD_TRY(absolute_section(e, c, s));
    if (s->before)
      RAD_TRY(absolute_section(e, c, s->before));
  }
  return RAD_OK;
}

/* Overrides of an arm are found again by their dotted key, once the arm has been resolved. */
static rad_status absolute_arm(const experiment *e, config *c, section *arm)
{
  config under = {0};
  rad_status s = config_arm(&under, c, arm->name, e->env->diag);
  for (size_t i = 0; s == RAD_OK && i < under.n; i++)
    for (size_t k = 0; s == RAD_OK && k < under.v[i]->n; k++) {
      const setting *v = &under.v[i]->v[k];
      if (!section_enabled(under.v[i]) || !is_file_key(e, under.v[i], v, &under.mem))
        continue;
      const char *dotted = section_dotted(under.v[i], v->key, &under.mem);
      setting *own = dotted ? setting_of(arm, dotted, v->only) : NULL;
      if (own)
        own->value = absolute(&c->mem, own);
      if (!dotted || (own && !own->value))
        s = no_memory(e);
    }
  config_free(&under);
  return s;
}

static rad_status make_absolute(const experiment *e, config *c)
{
  RAD_TRY(absolute_base(e, c));
  for (size_t i = 0; i < c->n; i++)
    if (strcmp(c->v[i]->kind, "arm") == 0 && section_enabled(c->v[i]))
      RAD_TRY(absolute_arm(e, c, c->v[i]));
  return RAD_OK;
}

/* --- what belongs to the study --- */
/* What the point has no value for: dimensions that are not there, sections that are off. */
static void remove_searches(section *s)
{
  for (size_t i = s->n; i-- > 0;)
    if (is_searched(s->v[i].value))
      remove_setting(s, &s->v[i]);
}

/* Of [objective] a trial keeps allow_test: without it, it would not be allowed to run. */
static bool keep(section *s)
{
  static const char *const dropped[] = {"search", "axis", "constraint"};
  for (size_t i = 0; i < sizeof dropped / sizeof dropped[0]; i++)
    if (strcmp(s->kind, dropped[i]) == 0)
      return false;
  if (strcmp(s->kind, "objective") != 0)
    return true;
  for (size_t i = s->n; i-- > 0;)
    if (strcmp(s->v[i].key, "allow_test") != 0)
      remove_setting(s, &s->v[i]);
  return s->n > 0;
}

rad_status experiment_trial(const experiment *e, const double *point, config *out)
{
  size_t n = 0;
  RAD_TRY(config_copy(out, &e->base));
  rad_status s = put_point(e, point, out);
  if (s == RAD_OK)
    s = make_absolute(e, out);
  if (s < 0) {
    config_free(out);
    return s;
  }
  for (size_t i = 0; i < out->n; i++) {
    section *own = out->v[i];
    remove_searches(own);
    if (own->before)
      remove_searches(own->before);
    if (keep(own))
      out->v[n++] = own;
  }
  out->n = n;
  return RAD_OK;
}
