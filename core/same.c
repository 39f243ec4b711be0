/* SPDX-License-Identifier: BSD-3-Clause
 * same.c - config.ini of a run directory: the experiment as it was resolved. Who goes on with a
 * study must mean the same experiment; how many jobs run at once, who draws the results, and more
 * trials than before do not make another one of it. */
#include "running.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_logger(const section *s)
{
  return strcmp(s->kind, "logger") == 0;
}

/* --- writing --- */
/* What a trial's configuration has made of the paths: the base is not written into its own folder,
 * and relative ones would mean other files there. */
static void take_paths(config *to, const config *from)
{
  for (size_t i = 0; i < to->n; i++) {
    section *s = to->v[i];
    const section *f = config_find(from, s->kind, s->name);
    for (size_t k = 0; f && k < s->n; k++)
      for (size_t m = 0; m < f->n; m++) {
        const setting *a = &s->v[k], *b = &f->v[m];
        const bool same = strcmp(a->key, b->key) == 0 &&
                          (a->only && b->only ? strcmp(a->only, b->only) == 0 : a->only == b->only);
        const size_t na = strlen(a->value), nb = strlen(b->value);
        if (same && na > 0 && a->value[0] != '/' && b->value[0] == '/' && nb > na &&
            strcmp(b->value + nb - na, a->value) == 0)
          s->v[k].value = arena_strdup(&to->mem, b->value);
      }
  }
}

static rad_status resolved(const study *s, config *out)
{
  const experiment *x = s->x;
  config any = {0};
  double *point = calloc(x->space.n + 1, sizeof *point);
  rad_status status = point ? config_copy(out, &x->base) : RAD_ENOMEM;
  for (size_t i = 0; point && i < x->space.n; i++)
    point[i] = x->space.dim[i].axis ? (double)NAN : x->space.dim[i].d.lo;
  if (status >= 0)
    status = experiment_trial(x, point, &any);
  if (status >= 0)
    take_paths(out, &any);
  config_free(&any);
  free(point);
  return status;
}

rad_status experiment_write(const study *s, const char *path)
{
  config c = {0};
  text out = {0};
  rad_status status = resolved(s, &c);
  if (status >= 0) {
    config_write(&c, &out);
    status = out.failed ? RAD_ENOMEM : fs_write(path, out.s, out.n, s->diag);
  }
  text_free(&out);
  config_free(&c);
  return status;
}

/* --- comparing --- */
static const setting *find(const section *s, const setting *like)
{
  for (size_t i = 0; i < s->n; i++)
    if (strcmp(s->v[i].key, like->key) == 0 &&
        (s->v[i].only && like->only ? strcmp(s->v[i].only, like->only) == 0
                                    : s->v[i].only == like->only))
      return &s->v[i];
  return NULL;
}

/* 0 and a missing key: as many as there are. */
static bool raised(const char *before, const char *now)
{
  int64_t a = 0, b = 0;
  if ((before && !text_to_int64(before, &a)) || (now && !text_to_int64(now, &b)))
    return false;
  return a == b || (a > 0 && (b == 0 || b > a));
}

static bool may_differ(const section *s, const char *key, const char *before, const char *now)
{
  return strcmp(s->kind, "search") == 0 &&
         (strcmp(key, "jobs") == 0 || (strcmp(key, "trials") == 0 && raised(before, now)));
}

static rad_status other(const study *s, const section *sec, const char *key, const char *before,
                        const char *now)
{
  char title[160];
  return diag_error(s->diag, RAD_EINVAL, (origin){0},
                    "%s: holds another experiment, the first difference is %s%s%s%s: there %s, "
                    "here %s; say -o with a new name",
                    s->dir, section_title(sec, title), key ? " " : "", key ? key : "",
                    key && strcmp(sec->kind, "search") == 0 && strcmp(key, "trials") == 0
                        ? " (which may only grow)"
                        : "",
                    before ? before : "nothing", now ? now : "nothing");
}

static rad_status compare_sections(const study *s, const section *old, const section *new)
{
  for (size_t i = 0; i < old->n; i++) {
    const setting *a = &old->v[i], *b = find(new, a);
    const char *now = b ? b->value : NULL;
    if ((!now || strcmp(a->value, now) != 0) && !may_differ(old, a->key, a->value, now))
      return other(s, old, a->key, a->value, now);
  }
  for (size_t i = 0; i < new->n; i++)
    if (!find(old, &new->v[i]) && !may_differ(new, new->v[i].key, NULL, new->v[i].value))
      return other(s, new, new->v[i].key, NULL, new->v[i].value);
  return RAD_OK;
}

static const section *next(const config *c, size_t *i)
{
  while (*i < c->n && is_logger(c->v[*i]))
    (*i)++;
  return *i < c->n ? c->v[(*i)++] : NULL;
}

/* The order of sections is the order of layers. */
static rad_status compare(const study *s, const config *old, const config *new)
{
  size_t i = 0, k = 0;
  char here[160];
  for (;;) {
    const section *a = next(old, &i), *b = next(new, &k);
    if (!a && !b)
      return RAD_OK;
    if (!a)
      return other(s, b, NULL, NULL, "a section");
    if (!b)
      return other(s, a, NULL, "a section", NULL);
    if (strcmp(a->kind, b->kind) != 0 || strcmp(a->name, b->name) != 0)
      return other(s, a, NULL, "a section", section_title(b, here));
    RAD_TRY(compare_sections(s, a, b));
  }
}

rad_status experiment_same(study *s, const char *path, bool *changed)
{
  config old = {0}, new = {0};
  text was = {0}, is = {0};
  const char *defaults = experiment_defaults(&s->mem);
  rad_status status = defaults ? RAD_OK : RAD_ENOMEM;
  if (status >= 0)
    status = config_read(&old, defaults, path, NULL, 0, s->diag);
  if (status >= 0)
    status = resolved(s, &new);
  if (status >= 0)
    status = compare(s, &old, &new);
  if (status >= 0) {
    config_write(&old, &was);
    config_write(&new, &is);
    *changed = strcmp(text_str(&was), text_str(&is)) != 0;
    status = was.failed || is.failed ? RAD_ENOMEM : RAD_OK;
  }
  text_free(&was);
  text_free(&is);
  config_free(&new);
  config_free(&old);
  return status;
}
