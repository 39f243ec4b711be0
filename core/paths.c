/* SPDX-License-Identifier: BSD-3-Clause
 * paths.c - file names in an experiment are relative to the INI file that has them; what is written
 * into a run directory stands elsewhere, so they are made absolute first. */
#include "fs.h"
#include "sections.h"
#include <string.h>

static bool is_relative(const char *path)
{
  return *path && *path != '/' && strncmp(path, "data:", 5) != 0 && !is_searched(path);
}

/* Paths are relative to the file that has them, but the trial's file stands elsewhere. */
static const char *absolute(arena *mem, const setting *v)
{
  const char *dir = fs_origin_dir(mem, v->at);
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
      setting *own = dotted ? section_find(arm, dotted, v->only) : NULL;
      if (own)
        own->value = absolute(&c->mem, own);
      if (!dotted || (own && !own->value))
        s = no_memory(e);
    }
  config_free(&under);
  return s;
}

/* Words "dotted=path" of a row, by what the row sets. */
static rad_status absolute_word(const experiment *e, const config *under, const setting *row,
                                const char **word, arena *mem)
{
  for (size_t i = 0; i < under->n; i++)
    for (size_t k = 0; k < under->v[i]->n; k++) {
      const setting *v = &under->v[i]->v[k];
      if (!v->at.file || strcmp(v->at.file, row->at.file) != 0 || v->at.line != row->at.line ||
          !is_file_key(e, under->v[i], v, mem))
        continue;
      const char *dotted = section_dotted(under->v[i], v->key, mem);
      const size_t n = dotted ? strlen(dotted) : 0;
      if (!dotted)
        return no_memory(e);
      if (strncmp(*word, dotted, n) != 0 || (*word)[n + strspn(*word + n, " \t")] != '=')
        continue;
      const char *path = absolute(mem, v);
      *word = path ? arena_printf(mem, "%s = %s", dotted, path) : NULL;
      return *word ? RAD_OK : no_memory(e);
    }
  return RAD_OK;
}

static rad_status absolute_row(const experiment *e, config *c, const section *axis, setting *row)
{
  config under = {0};
  const char *const *word;
  size_t n;
  text all = {0};
  rad_status s = config_copy(&under, c);
  if (s == RAD_OK)
    s = config_row(&under, axis->name, row->key, e->env->diag);
  if (s == RAD_OK)
    s = config_words(&under.mem, row->value, &word, &n);
  for (size_t i = 0; s == RAD_OK && i < n; i++) {
    const char *w = word[i];
    s = absolute_word(e, &under, row, &w, &under.mem);
    if (s == RAD_OK)
      text_printf(&all, "%s%s", i > 0 ? ", " : "", w);
  }
  if (s == RAD_OK && !all.failed && all.n > 0)
    row->value = arena_strdup(&c->mem, text_str(&all));
  if (s == RAD_OK && (all.failed || !row->value))
    s = no_memory(e);
  text_free(&all);
  config_free(&under);
  return s;
}

static rad_status absolute_axis(const experiment *e, config *c, section *axis)
{
  for (setting *row = NULL; (row = section_row(axis, row));)
    RAD_TRY(absolute_row(e, c, axis, row));
  return RAD_OK;
}

rad_status paths_absolute(const experiment *e, config *c)
{
  RAD_TRY(absolute_base(e, c));
  for (size_t i = 0; i < c->n; i++)
    if (strcmp(c->v[i]->kind, "arm") == 0 && section_enabled(c->v[i]))
      RAD_TRY(absolute_arm(e, c, c->v[i]));
    else if (strcmp(c->v[i]->kind, "axis") == 0 && section_enabled(c->v[i]))
      RAD_TRY(absolute_axis(e, c, c->v[i]));
  return RAD_OK;
}
