/* SPDX-License-Identifier: BSD-3-Clause
 * given.c - [point NAME]: points that the user gives, tried before the search proposes its own.
 * What a point leaves out is in the middle of its range, or its first choice, so that the whole
 * point is known, and can be checked, before anything runs. */
#include "sections.h"
#include <math.h>
#include <string.h>

void space_at(const space *s, size_t d, double u, double *point)
{
  const rad_dim *m = &s->dim[d].d;
  point[d] = (double)NAN;
  if (!rad_dim_exists(&s->view, d, point))
    return;
  const double last = (double)m->nchoice - 1;
  point[d] = m->type == RAD_ENUM ? fmin(floor(u * (last + 1)), last) : rad_dim_value(m, u);
}

void space_middle(const space *s, size_t d, double *point)
{
  space_at(s, d, s->dim[d].d.type == RAD_ENUM ? 0.0 : 0.5, point);
}

bool space_same(const space *s, const double *a, const double *b)
{
  for (size_t d = 0; d < s->n; d++)
    if (!(a[d] == b[d] || (isnan(a[d]) && isnan(b[d]))))
      return false;
  return true;
}

typedef struct source { /* of a dimension's value */
  const setting *set;   /* NULL: the point leaves it out */
  bool shared;          /* under the name that the copies of a layer have in common */
} source;
typedef struct reader {
  experiment *x;
  const section *section; /* [point NAME] */
  source *from;           /* (ndim) */
  double *value;          /* (ndim) */
  arena *mem;             /* for as long as it is read */
} reader;

static rad_status no_memory(const reader *r)
{
  return diag_error(r->x->env->diag, RAD_ENOMEM, r->section->at, "out of memory");
}

/* --- which dimension --- */
/* "layer.hidden.units" of [layer hidden], for all its copies in blocks. */
static const char *shared_name(const dim *d, arena *mem)
{
  return arena_printf(mem, "%s%s%s.%s%s%s", d->kind, *d->name ? "." : "", d->name, d->key,
                      d->only ? "@" : "", d->only ? d->only : "");
}

/* A copy's own name counts more than the one that it shares. */
static rad_status find_dims(reader *r, const setting *set, const char *name, bool *known)
{
  const space *s = &r->x->space;
  for (size_t d = 0; d < s->n; d++) {
    const bool own = strcmp(s->dim[d].d.name, name) == 0;
    const char *shared = s->dim[d].copy ? shared_name(&s->dim[d], r->mem) : "";
    if (!shared)
      return no_memory(r);
    if (!own && strcmp(shared, name) != 0)
      continue;
    *known = true;
    if (own || !r->from[d].set)
      r->from[d] = (source){set, !own};
  }
  return RAD_OK;
}

static rad_status unknown(const reader *r, const setting *set, const char *name)
{
  const space *s = &r->x->space;
  const char **all = arena_alloc(r->mem, (2 * s->n + 1) * sizeof *all);
  char title[160], hint[96];
  size_t n = 0;
  if (!all)
    return no_memory(r);
  for (size_t d = 0; d < s->n; d++) {
    const char *shared = s->dim[d].copy ? shared_name(&s->dim[d], r->mem) : NULL;
    if (shared)
      all[n++] = shared;
    all[n++] = s->dim[d].d.name;
  }
  return diag_error(r->x->env->diag, RAD_EINVAL, set->at, "%s %.180s: this key is not searched%s",
                    section_title(r->section, title), name, text_hint(hint, name, all, n));
}

/* --- its value --- */
static bool read_value(const dim *d, const char *word, double *v)
{
  double number = 0, label;
  const bool is_number = text_to_double(word, &number);
  if (d->d.type != RAD_ENUM) {
    *v = number;
    return is_number && number >= d->d.lo && number <= d->d.hi &&
           (d->d.type == RAD_FLOAT || number == floor(number));
  }
  for (size_t i = 0; i < d->d.nchoice; i++) {
    *v = (double)i;
    if (strcmp(word, d->d.choice[i]) == 0 ||
        (is_number && text_to_double(d->d.choice[i], &label) && label == number))
      return true;
  }
  return false;
}

static rad_status refuse(const reader *r, const dim *d, const setting *set)
{
  char title[160], lo[32], hi[32];
  text allowed = {0};
  if (d->d.type != RAD_ENUM)
    text_printf(&allowed, "%s from %s to %s", d->d.type == RAD_INT ? "an integer" : "a number",
                space_text(d, d->d.lo, lo), space_text(d, d->d.hi, hi));
  else
    for (size_t i = 0; i < d->d.nchoice && allowed.n < 300; i++)
      text_printf(&allowed, "%s%.80s", i == 0 ? "one of " : ", ", d->d.choice[i]);
  diag_error(r->x->env->diag, RAD_EINVAL, set->at, "%s %.180s = %.80s: must be %s",
             section_title(r->section, title), d->d.name, set->value, text_str(&allowed));
  text_free(&allowed);
  return RAD_EINVAL;
}

/* It has a value, but others of the point leave no place for it. */
static rad_status absent(const reader *r, size_t d)
{
  const space *s = &r->x->space;
  const dim *own = &s->dim[d], *up = &s->dim[own->d.parent];
  const double v = r->value[own->d.parent];
  char title[160], room[32];
  text when = {0};
  for (size_t i = 0; i < own->d.nwhen && when.n < 300; i++)
    text_printf(&when, "%s%.80s", i == 0 ? "" : " or ", space_text(up, own->d.when[i], room));
  diag_error(r->x->env->diag, RAD_EINVAL, r->from[d].set->at,
             "%s %.180s: is there only with %.180s = %s; this point %s %.80s",
             section_title(r->section, title), own->d.name, up->d.name, text_str(&when),
             isnan(v)                     ? "has not even"
             : r->from[own->d.parent].set ? "has"
                                          : "does not say, which means",
             isnan(v) ? "that" : space_text(up, v, room));
  text_free(&when);
  return RAD_EINVAL;
}

/* The shared name of copies may be that of none that is there. */
static bool is_taken(const reader *r, const setting *set)
{
  for (size_t d = 0; d < r->x->space.n; d++)
    if (r->from[d].set == set && !isnan(r->value[d]))
      return true;
  return false;
}

static rad_status fill(reader *r)
{
  const space *s = &r->x->space;
  for (size_t d = 0; d < s->n; d++) {
    const source *from = &r->from[d];
    space_middle(s, d, r->value);
    if (!from->set)
      continue;
    if (isnan(r->value[d]) && !from->shared)
      return absent(r, d);
    if (!isnan(r->value[d]) && !read_value(&s->dim[d], from->set->value, &r->value[d]))
      return refuse(r, &s->dim[d], from->set);
  }
  for (size_t d = 0; d < s->n; d++)
    if (r->from[d].set && !is_taken(r, r->from[d].set))
      return absent(r, d);
  return RAD_OK;
}

/* --- a point --- */
static rad_status read_rows(reader *r)
{
  rad_status worst = RAD_OK;
  for (const setting *set = NULL; (set = section_row(r->section, set));) {
    const char *name = set->only ? arena_printf(r->mem, "%s@%s", set->key, set->only) : set->key;
    bool known = false;
    if (!name)
      return no_memory(r);
    RAD_TRY(find_dims(r, set, name, &known));
    if (!known)
      worst = unknown(r, set, name);
  }
  return worst < 0 ? worst : fill(r);
}

static rad_status check_new(const reader *r)
{
  const experiment *x = r->x;
  char title[160];
  for (size_t i = 0; i < x->ngiven; i++)
    if (space_same(&x->space, x->given[i].value, r->value))
      return diag_error(x->env->diag, RAD_EINVAL, r->section->at, "%s is the same as [point %s]",
                        section_title(r->section, title), x->given[i].name);
  return RAD_OK;
}

static rad_status read_point(experiment *x, const section *s, arena *mem)
{
  size_t bytes;
  if (!size_mul(x->space.n + 1, sizeof(double), &bytes))
    return RAD_ENOMEM;
  reader r = {.x = x, .section = s, .mem = mem};
  r.from = arena_alloc(mem, (x->space.n + 1) * sizeof *r.from);
  r.value = arena_alloc(&x->mem, bytes);
  if (!r.from || !r.value)
    return no_memory(&r);
  RAD_TRY(read_rows(&r));
  RAD_TRY(check_new(&r));
  x->given[x->ngiven++] = (given_point){.name = s->name, .value = r.value, .at = s->at};
  return RAD_OK;
}

rad_status given_read(experiment *x)
{
  rad_status worst = RAD_OK;
  x->given = arena_alloc(&x->mem, (config_count(&x->base, "point") + 1) * sizeof *x->given);
  if (!x->given)
    return diag_error(x->env->diag, RAD_ENOMEM, (origin){0}, "out of memory");
  for (const section *s = NULL; (s = config_next(&x->base, "point", s));) {
    arena mem = {0};
    const rad_status r = read_point(x, s, &mem);
    arena_free(&mem);
    worst = r < 0 ? r : worst;
  }
  return worst;
}
