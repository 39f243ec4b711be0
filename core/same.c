/* SPDX-License-Identifier: BSD-3-Clause
 * same.c - config.ini of a run directory: the experiment as it was resolved. Who goes on with a
 * study must mean the same experiment; how many jobs and threads run at once, who draws the
 * results, a [final], points that are given, and more trials than before do not make another one of
 * it. */
#include "running.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Who draws the results, what comes after the study, what is tried besides. */
static bool may_change(const section *s)
{
  return strcmp(s->kind, "logger") == 0 || strcmp(s->kind, "final") == 0 ||
         strcmp(s->kind, "point") == 0;
}

/* --- writing --- */
rad_status experiment_write(const study *s, const char *path)
{
  text out = {0};
  config_write(&s->x->base, &out);
  const rad_status status = out.failed ? RAD_ENOMEM : fs_write(path, out.s, out.n, s->diag);
  text_free(&out);
  return status;
}

/* --- comparing --- */
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
  if (strcmp(s->kind, "run") == 0 && strcmp(key, "threads") == 0)
    return true;
  return strcmp(s->kind, "search") == 0 && (strcmp(key, "jobs") == 0 || strcmp(key, "cache") == 0 ||
                                            (strcmp(key, "trials") == 0 && raised(before, now)));
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
    const setting *a = &old->v[i], *b = section_find(new, a->key, a->only);
    const char *now = b ? b->value : NULL;
    if ((!now || strcmp(a->value, now) != 0) && !may_differ(old, a->key, a->value, now))
      return other(s, old, a->key, a->value, now);
  }
  for (size_t i = 0; i < new->n; i++)
    if (!section_find(old, new->v[i].key, new->v[i].only) &&
        !may_differ(new, new->v[i].key, NULL, new->v[i].value))
      return other(s, new, new->v[i].key, NULL, new->v[i].value);
  return RAD_OK;
}

static const section *next(const config *c, size_t *i)
{
  while (*i < c->n && may_change(c->v[*i]))
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
  config old = {0};
  const config *new = &s->x->base;
  text was = {0}, is = {0};
  const char *defaults = experiment_defaults(&s->mem);
  rad_status status = defaults ? RAD_OK : RAD_ENOMEM;
  if (status >= 0)
    status = config_read(&old, defaults, path, NULL, 0, s->diag);
  if (status >= 0)
    status = compare(s, &old, new);
  if (status >= 0) {
    config_write(&old, &was);
    config_write(new, &is);
    *changed = strcmp(text_str(&was), text_str(&is)) != 0;
    status = was.failed || is.failed ? RAD_ENOMEM : RAD_OK;
  }
  text_free(&was);
  text_free(&is);
  config_free(&old);
  return status;
}
