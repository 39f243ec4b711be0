/* SPDX-License-Identifier: BSD-3-Clause
 * point.c - from a point of the space to the configuration of one trial. */
#include "fs.h"
#include "sections.h"
#include <math.h>
#include <string.h>

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
  section *s = config_find(c, d->kind, d->name);
  setting *v = section_find(s, d->key, d->only);
  if (isnan(value))
    return RAD_OK; /* not in this trial: an axis puts another value there, or it is left out */
  const char *word = arena_strdup(&c->mem, space_text(d, value, room));
  if (!word)
    return diag_error(e->env->diag, RAD_ENOMEM, d->at, "out of memory");
  if (!d->first)
    return config_set(c, d->dotted, word, d->at, e->env->diag);
  if (v)
    v->value = word;
  setting *old = s && s->before ? section_find(s->before, d->key, d->only) : NULL;
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
  static const char *const dropped[] = {"search", "axis", "constraint", "pruner", "final", "point"};
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
    s = paths_absolute(e, out);
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
